"""Pooling: windows, whole images, adaptive (keras 2.6 layers/pooling.py; Keras 3 layers/pooling/).

Every pooling is one of two dimensions, which every TensorFlow.js has: one dimension is an image of one row, a volume
is pooled slice by slice, and then across the slices.
"""
from typing import Tuple

import numpy

from ..emit import Builder, Value
from .convolution import count_of
from .rules import Call, layer
from .windows import NAME_SIZES, OPEN, Window, channels_first, cut, image, numbers, padding_of, restored

OPERATION = {"Max": "MaxPool", "Ave": "AvgPool"}  # by the first letters of the class


@layer("MaxPooling1D MaxPooling2D MaxPooling3D AveragePooling1D AveragePooling2D AveragePooling3D")
def pooling(call: Call) -> Value:
    """The largest value or the mean of each window."""
    count = count_of(call)
    x, sizes = image(call, count), numbers(call, "pool_size", count, default=2)
    window = Window(sizes, numbers(call, "strides", count, default=list(sizes)), (1,) * count, padding_of(call))
    if count == 3 and window.padding == "same":  # where windows are smaller than their strides, a part is cut off
        found = [cut(call, x.shape[axis], size, stride) if size < stride else (0, 0)
                 for axis, size, stride in zip((1, 2, 3), sizes, window.strides)]
        x = call.b.margins(x, [(0, 0)] + [(min(pair[0], 0), min(pair[1], 0)) for pair in found] + [(0, 0)])
    y = pooled(call.b, OPERATION[call.kind[:3]], x, window)
    return restored(call, call.b.cast(y, call.x.dtype))


def pooled(b: Builder, op: str, x: Value, window: Window) -> Value:
    """Pool in one, two or three dimensions."""
    padding = window.padding.upper()
    if len(window.sizes) == 1:
        return b.squeeze(b.pool2d(op, b.expand(x, 1), (1,) + window.sizes, (1,) + window.strides, padding), [1])
    if len(window.sizes) == 2:
        return b.pool2d(op, x, window.sizes, window.strides, padding)
    flat = b.pool2d(op, b.grouped(x, [[0, 1], [2], [3], [4]]), window.sizes[1:], window.strides[1:], padding)
    slices = b.shaped(flat, [(x.shape[0], lambda: b.dim(x, 0)), (x.shape[1], lambda: b.dim(x, 1))] + [
        (size, lambda axis=axis: b.dim(flat, axis)) for axis, size in enumerate(flat.shape) if axis])
    across = b.grouped(slices, [[0], [1], [2, 3], [4]])
    done = b.pool2d(op, across, window.sizes[:1] + (1,), window.strides[:1] + (1,), padding)
    return b.shaped(done, [(done.shape[0], lambda: b.dim(done, 0)), (done.shape[1], lambda: b.dim(done, 1))] + [
        (slices.shape[axis], lambda axis=axis: b.dim(slices, axis)) for axis in (2, 3, 4)])


# Whole images ----------------------------------------------------------------------------------------------------

def spatial(call: Call) -> Tuple[int, ...]:
    """The spatial dimensions of the layer's input."""
    count = count_of(call)
    call.rank(count + 2, count + 2)
    first = 2 if channels_first(call) else 1
    return tuple(range(first, first + count))


@layer("GlobalMaxPooling1D GlobalMaxPooling2D GlobalMaxPooling3D")
def global_maximum(call: Call) -> Value:
    """The largest value of each channel."""
    return call.b.max(call.x, spatial(call), bool(call.config.get("keepdims")))


@layer("GlobalAveragePooling1D GlobalAveragePooling2D GlobalAveragePooling3D")
def global_mean(call: Call) -> Value:
    """The mean of each channel; in one dimension that of the steps that the mask keeps."""
    b, x, axes, keep = call.b, call.x, spatial(call), bool(call.config.get("keepdims"))
    if len(axes) == 1 and call.mask is not None:
        kept = b.expand(call.mask, 1 if channels_first(call) else 2)
        weights, x = b.cast(kept, "float32"), b.cast(x, "float32")
        values = b.where(kept, x, 0.0) if call.major > 2 else b.mul(x, weights)
        return b.div(b.sum(values, axes, keep), b.sum(weights, axes, keep))
    if x.dtype == "int32" and call.major < 3:  # Keras 2 leaves it a whole number
        return b.whole_mean(x, axes, keep)
    return b.mean(x, axes, keep)


# Adaptive --------------------------------------------------------------------------------------------------------

@layer("AdaptiveMaxPooling1D AdaptiveMaxPooling2D AdaptiveMaxPooling3D AdaptiveAveragePooling1D "
       "AdaptiveAveragePooling2D AdaptiveAveragePooling3D")
def adaptive(call: Call) -> Value:
    """So many windows that cover each dimension.  Keras 3 backend/tensorflow/nn.py: adaptive_average_pool.

    Along each dimension the windows have one of two sizes: both are computed at all places, and those that Keras takes
    are picked.
    """
    count = count_of(call)
    x, targets = image(call, count), numbers(call, "output_size", count)
    op = "MaxPool" if "Max" in call.kind else "AvgPool"
    for axis, target in enumerate(targets, 1):
        if x.shape[axis] is None:
            call.refuse(OPEN, NAME_SIZES)
        x = along(call.b, op, x, axis, target)
    return restored(call, x)


def along(b: Builder, op: str, x: Value, axis: int, target: int) -> Value:
    """Pool one dimension adaptively."""
    size = x.shape[axis]
    small = -(-size // target)
    flat = b.grouped(x, [range(axis), [axis], [], range(axis + 1, x.rank)])
    both = [b.pool2d(op, flat, (window, 1), (1, 1), "VALID") for window in (small, small + 1) if window <= size]
    picked = b.gather(b.concat(both, 1), places(size, target), 1)
    return b.ungrouped(picked, x, [target if place == axis else None for place in range(x.rank)])


def places(size: int, target: int) -> numpy.ndarray:
    """The windows that Keras takes of all of ceil(size / target) places, and of one more after them: int32 (target,).

    In float32, as Keras counts (backend/tensorflow/nn.py: _compute_static_gather_indices).
    """
    small, whole, parts = -(-size // target), numpy.float32(size), numpy.float32(target)
    starts = numpy.floor(numpy.arange(target).astype("float32") * whole / parts).astype("int32")
    ends = numpy.ceil(numpy.arange(1, target + 1).astype("float32") * whole / parts).astype("int32")
    starts, ends = numpy.minimum(starts, size - 1), numpy.minimum(ends, size)
    return numpy.where(ends - starts == small + 1, starts + max(1, size - small + 1), starts).astype("int32")
