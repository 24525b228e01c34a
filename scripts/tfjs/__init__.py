"""The target: what TensorFlow.js has, what it computes otherwise, and the files that it loads."""
