"""What is done to a model on its way to TensorFlow.js."""
