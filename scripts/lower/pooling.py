"""Pooling: windows, whole images, adaptive."""
