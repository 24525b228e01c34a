"""Resized dimensions: each place of the result is a weighted sum of places of the tensor."""
import numpy

from . import Builder, Value


def by_weights(b: Builder, x: Value, axis: int, weights: numpy.ndarray) -> Value:
    """Another size of one dimension.  weights: (new places, places), float32; up to two of a row are looked up."""
    whole = weights.shape[1]
    used = weights != 0
    if used.sum(1).max() > 2 or not used.any(1).all():
        return b.move(b.matmul(b.move(b.cast(x, "float32"), axis, -1), b.constant(weights.T)), -1, axis)
    low = used.argmax(1)
    high = whole - 1 - used[:, ::-1].argmax(1)
    part = numpy.where(high > low, weights[numpy.arange(len(weights)), high], 0).astype("float32")
    return mixed(b, x, axis, b.constant(low, "int32"), b.constant(high, "int32"), b.constant(part))


def mixed(b: Builder, x: Value, axis: int, low: Value, high: Value, part: Value) -> Value:
    """The values between the places `low` and `high` of a dimension, by `part`, from 0 to 1."""
    below = b.gather(x, low, axis)
    if part.is_constant and not part.array.any():
        return below
    below, above = b.cast(below, "float32"), b.cast(b.gather(x, high, axis), "float32")
    share = b.reshape(part, [-1] + [1] * (x.rank - axis - 1))
    return b.add(below, b.mul(b.sub(above, below), share))
