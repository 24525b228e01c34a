"""Bytes: TensorFlow's own files and TensorFlow.js's shards, read and written without TensorFlow."""
