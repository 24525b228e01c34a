"""The training of the guide's LeNet: recipes, checkpoints, several machines."""
