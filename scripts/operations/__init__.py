"""A graph of operations as data, and what TensorFlow.js computes differently."""
