"""Preprocessing of numbers and categories: Rescaling, Discretization, CategoryEncoding, lookups, hashing."""
import numpy

from .emit import Value
from .rules import Call, layer


@layer("Rescaling")
def rescaling(call: Call) -> Value:
    """x * scale + offset, each a number or a row along the last axis (keras 3 layers/preprocessing/rescaling.py)."""
    b = call.b
    scale, offset = [numpy.asarray(call.get(key, default), "float32") for key, default in (("scale", 1), ("offset", 0))]
    return b.add(b.mul(b.cast(call.x, "float32"), scale), offset)
