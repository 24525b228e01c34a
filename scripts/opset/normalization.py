"""Normalizations: of a batch, by the statistics that training kept; of each image, of each group, of each row."""
from typing import List, Optional, Sequence

import numpy

from ..emit import Value
from ..emit.core import DType
from .layout import Held, reshaped
from .rules import Call, Result, operation

FUSED = 4  # dimensions that FusedBatchNorm takes


@operation("BatchNormalization")
def batch_normalization(call: Call) -> Result:
    """(x - mean) / sqrt(variance + epsilon) * scale + shift of each channel."""
    b, x = call.b, call.x
    if call.int("training_mode"):
        return of_this_batch(call)
    if call.version < 7 and not call.int("is_test"):
        call.refuse("it computes the statistics of the batch", "export the model for inference: model.eval()")
    if not call.int("spatial", 1):
        call.refuse("it has statistics of each place of the image (spatial=0)")
    if x.rank < 2:
        call.damaged(f"is given a tensor of {x.rank} dimensions")
    epsilon = call.float("epsilon", 1e-5)
    scale, shift, mean, variance = [call.value(place) for place in (1, 2, 3, 4)]
    if x.rank == FUSED:
        image = b.cast(call.image(), "float32")
        return call.as_image(b.one("FusedBatchNorm", [image, scale, shift, mean, variance], "float32", image.shape,
                                   T=DType("float32"), epsilon=epsilon, data_format="NHWC", is_training=False))
    factor = b.mul(scale, b.unary("Rsqrt", b.add(variance, epsilon)))
    made = scaled(call, x, x.value, factor, b.sub(shift, b.mul(mean, factor)))
    found = call.like(x, made)
    found.image = True
    return found


def of_this_batch(call: Call) -> List[Optional[Held]]:
    """Training mode: the mean and the variance of this batch, which are mixed into those that the training keeps.
    """
    b, x = call.b, call.x
    image = b.cast(x.last, "float32")
    axes, momentum = list(range(image.rank - 1)), call.float("momentum", 0.9)
    now = [b.mean(image, axes), b.variance(image, axes, False)]
    factor = b.mul(call.value(1), b.unary("Rsqrt", b.add(now[1], call.float("epsilon", 1e-5))))
    made = b.add(b.mul(image, factor), b.sub(call.value(2), b.mul(now[0], factor)))
    kept = [b.add(b.mul(call.value(place), momentum), b.mul(one, 1 - momentum)) for place, one in zip((3, 4), now)]
    return [call.as_image(made, x)] + [call.as_it_is(one) for one in kept]


def scaled(call: Call, x: Held, y: Value, factor: Value, shift: Value) -> Value:
    """y, stored as x is, times a factor for each channel plus a shift."""
    place = x.order.index(1)
    shape = [-1] + [1] * (x.rank - 1 - place)
    return call.b.add(call.b.mul(y, call.b.reshape(factor, shape)), call.b.reshape(shift, shape))


def standard(call: Call, x: Value, axes: Sequence[int], epsilon: float) -> Value:
    """x with mean 0 and deviation 1 along stored dimensions."""
    b = call.b
    centred = b.sub(x, b.mean(x, list(axes), True))
    return b.mul(centred, b.unary("Rsqrt", b.add(b.mean(b.square(centred), list(axes), True), epsilon)))


@operation("InstanceNormalization")
def instance_normalization(call: Call) -> Held:
    """Mean 0 and deviation 1 of each channel of each image, times a scale plus a shift."""
    x = call.x
    if x.rank < 3:
        call.damaged(f"is given a tensor of {x.rank} dimensions")
    image, groups = x.origin, x.shape[1]
    if image is not None and x.rank == 3 and groups and x.shape[0] == image.shape[0] and (
            image.shape[1] or 1) % groups == 0:
        return grouped_by_reshape(call, image, groups)
    axes = [place for place, axis in enumerate(x.order) if axis > 1]
    made = standard(call, call.b.cast(x.value, "float32"), axes, call.float("epsilon", 1e-5))
    return call.like(x, scaled(call, x, made, call.value(1), call.value(2)))


def grouped_by_reshape(call: Call, image: Held, groups: int) -> Held:
    """PyTorch's GroupNorm: an image whose groups became channels of (batch, groups, values), and become one again.

    It is computed on the image as it is stored, so that none of the reshapes moves a value.
    """
    b, x = call.b, call.b.cast(image.last, "float32")
    parts = parted(call, x, groups)
    made = standard(call, parts, list(range(1, x.rank - 1)) + [x.rank], call.float("epsilon", 1e-5))
    scale, shift = [b.reshape(call.value(place), [-1, 1]) for place in (1, 2)]
    found = call.as_image(b.ungrouped(b.add(b.mul(made, scale), shift), x, x.shape), image)
    return reshaped(found, call.x.dims())


def parted(call: Call, x: Value, groups: int) -> Value:
    """An image whose channels are two dimensions: groups, and channels of a group."""
    b, each = call.b, x.shape[-1] // groups
    return b.shaped(x, [(size, lambda axis=axis: b.dim(x, axis)) for axis, size in enumerate(x.shape[:-1])] + [
        (groups, lambda: groups), (each, lambda: each)])


@operation("GroupNormalization")
def group_normalization(call: Call) -> Held:
    """Mean 0 and deviation 1 of each group of channels; a scale and a shift for each group, since opset 21 for each
    channel."""
    b, x = call.b, b_image(call)
    channels, groups = x.shape[-1], call.int("num_groups", 1)
    if channels is None or groups < 1 or channels % groups:
        call.damaged(f"makes {groups} groups of {channels} channels")
    split = parted(call, x, groups)
    axes = list(range(1, x.rank - 1)) + [x.rank]
    made = standard(call, split, axes, call.float("epsilon", 1e-5))
    scale, shift = call.value(1), call.value(2)
    if scale.shape != (channels,):
        scale, shift = b.reshape(scale, [-1, 1]), b.reshape(shift, [-1, 1])
        return call.as_image(b.ungrouped(b.add(b.mul(made, scale), shift), x, x.shape))
    return call.as_image(b.add(b.mul(b.ungrouped(made, x, x.shape), scale), shift))


def b_image(call: Call) -> Value:
    """The first input as an image of floats."""
    return call.b.cast(call.image(), "float32")


@operation("LayerNormalization")
def layer_normalization(call: Call) -> List[Optional[Held]]:
    """Mean 0 and deviation 1 along all dimensions from an axis on, times a scale plus a shift of these.

    The mean and what the deviation is divided by are outputs, too.
    """
    b, x, axis = call.b, call.x, call.axis(call.int("axis", -1))
    axes = [place for place, one in enumerate(x.order) if one >= axis]
    value = b.cast(x.value, "float32")
    mean = b.mean(value, axes, True)
    centred = b.sub(value, mean)
    inverse = b.unary("Rsqrt", b.add(b.mean(b.square(centred), axes, True), call.float("epsilon", 1e-5)))
    made = b.mul(b.mul(centred, inverse), call.held(1).spread(x.rank, x.order))
    if call.has(2):
        made = b.add(made, call.held(2).spread(x.rank, x.order))
    return [call.like(x, made)] + [call.like(x, one) if call.wants(place) else None
                                   for place, one in ((1, mean), (2, inverse))]


@operation("RMSNormalization")
def root_mean_square(call: Call) -> Held:
    """x over the root of its mean square along all dimensions from an axis on, times a scale."""
    b, x, axis = call.b, call.x, call.axis(call.int("axis", -1))
    axes = [place for place, one in enumerate(x.order) if one >= axis]
    value = b.cast(x.value, "float32")
    made = b.mul(value, b.unary("Rsqrt", b.add(b.mean(b.square(value), axes, True), call.float("epsilon", 1e-5))))
    return call.like(x, b.mul(made, call.held(1).spread(x.rank, x.order)))


@operation("LRN")
def local_response(call: Call) -> Held:
    """x over a power of the sum of squares of neighbouring channels."""
    b, x = call.b, call.image()
    size = call.int("size", 1)
    alpha, beta, bias = call.float("alpha", 1e-4), call.float("beta", 0.75), call.float("bias", 1.0)
    if size < 1 or size > 4096:
        call.damaged(f"has size={size}")
    if x.rank == 4 and size % 2:
        return call.as_image(b.one("LRN", [x], "float32", x.shape, T=DType("float32"), depth_radius=(size - 1) // 2,
                                   bias=bias, alpha=alpha / size, beta=beta))
    channels = x.shape[-1]
    if channels is None or channels > 4096:
        call.refuse("the number of its channels is open or too large")
    places = numpy.arange(channels)
    near = places[:, None] - places[None, :]
    band = (near >= -((size - 1) // 2)) & (near <= size // 2)
    sums = b.matmul(b.square(x), b.constant(band.astype("float32")))
    return call.as_image(b.div(x, b.binary("Pow", b.add(b.mul(sums, alpha / size), bias), beta)))


@operation("LpNormalization")
def unit(call: Call) -> Held:
    """x over its norm along an axis."""
    b, x = call.b, call.x
    place = x.order.index(call.axis(call.int("axis", -1)))
    size = b.sum(b.unary("Abs", x.value), place, True) if call.int("p", 2) == 1 else \
        b.sqrt(b.sum(b.square(x.value), place, True))
    return call.like(x, b.div(x.value, b.where(b.compare("Equal", size, 0.0), 1.0, size)))


@operation("MeanVarianceNormalization")
def mean_variance(call: Call) -> Held:
    """Mean 0 and deviation 1 along axes."""
    x = call.x
    axes = {call.axis(axis) for axis in (call.ints("axes") or [0, 2, 3])}
    b, places = call.b, [place for place, axis in enumerate(x.order) if axis in axes]
    centred = b.sub(x.value, b.mean(x.value, places, True))
    made = b.div(centred, b.add(b.sqrt(b.mean(b.square(centred), places, True)), 1e-9))
    return call.like(x, made)
