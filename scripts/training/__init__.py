"""How the guide's LeNet is trained: recipes, checkpoints, several machines."""
