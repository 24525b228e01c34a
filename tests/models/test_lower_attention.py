"""Attention, normalizations, merging layers and activations, as graph models."""
