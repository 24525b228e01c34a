"""Emission: one method per operation of TensorFlow.js, from Values to a Value, with its shape and type.

    b = Builder()
    y = b.add(b.matmul(x, kernel), bias)

numpy computes at once what depends only on constants.  Where operations of TensorFlow.js 1.0.0 suffice, no others are
emitted.
"""
from .bits import Bits
from .core import Dims, Limits, Value
from .indexing import Indexing
from .numbers import Numbers

__all__ = ["Builder", "Dims", "Limits", "Value"]


class Builder(Numbers, Indexing, Bits):
    """All emitters in one: each stands on the one before it (core, elementwise and shaping, reductions, linear)."""
