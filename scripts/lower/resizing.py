"""Layers that pad, crop, repeat and resize images."""
