"""Convolutions, pooling, padding and resizing, as graph models."""
