"""Emission: one method per operation of TensorFlow.js, from Values to a Value, with its shape and type.

    b = Builder()
    y = b.add(b.matmul(x, kernel), bias)

What depends on constants alone is computed at once, by numpy.  Only operations of TensorFlow.js 1.0.0 are emitted where
they suffice.
"""
from .core import Dims, Limits, Value
from .indexing import Indexing
from .numbers import Numbers

__all__ = ["Builder", "Dims", "Limits", "Value"]


class Builder(Numbers, Indexing):
    """All emitters in one: each stands on the one before it (core, elementwise and shaping, reductions, linear)."""
