"""Attention: dot-product, additive, of several heads; EinsumDense."""
