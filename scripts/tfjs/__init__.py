"""The target: what TensorFlow.js has, what it computes otherwise, and the files that it loads."""
VERSION_NAME = "TensorSpace preprocessing"  # what a model.json says of its converter: by this the project knows its own
