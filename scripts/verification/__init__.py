"""Keras and TensorFlow as oracles, each in a process of its own."""
