"""How a model is drawn: one folder per library that draws."""
