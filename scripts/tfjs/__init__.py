"""The target: what TensorFlow.js has, where it differs from Keras and TensorFlow, and the files that it loads."""
VERSION_NAME = "TensorSpace preprocessing"  # of the converter, in model.json: by this the project knows its own
