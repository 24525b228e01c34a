"""A Keras model as data: its layers, how they refer to each other, its outputs, variables and shapes."""
