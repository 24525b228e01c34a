"""Normalizations: batch, layer, group, unit, RMS, spectral, and of data."""
