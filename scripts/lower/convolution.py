"""Convolutions of one, two and three dimensions: plain, depthwise, separable, transposed, in groups."""
