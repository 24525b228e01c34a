"""Layers of several inputs: Add, Concatenate, Dot and the others."""
