"""The libraries that draw a model: one folder for each."""
