"""Normalizations: batch, layer, group, unit, RMS, spectral, and of data (layers/normalization/ of both Kerases).

Statistics that training kept become constants; statistics of the input are computed.
"""
from typing import List, Optional

import numpy

from ..base.fault import Fault
from ..emit import Value
from ..emit.core import DType, axis_of
from ..layers.kinds.sizes import product
from . import narrow, types
from .activation import number, whole_numbers
from .rules import Call, layer

LEAST = 1e-7  # keras.config.epsilon(), the least deviation that Normalization divides by
UNIT = 1e-12  # the least norm, and the least square of one before Keras 3.6 (unit_normalization.py)
FUSED = 4  # dimensions that FusedBatchNorm takes


@layer("BatchNormalization SyncBatchNormalization")
def batch_normalization(call: Call) -> Value:
    """(x - mean) * gamma / sqrt(variance + epsilon) + beta, of the statistics that training kept."""
    b, x = call.b, call.b.cast(call.x, "float32")
    axes = along(call)
    epsilon = number(call, "epsilon", 1e-3)
    if call.training and not is_frozen(call):
        return of_batch(call, x, axes, epsilon)
    mean, variance = call.weight("moving_mean"), call.weight("moving_variance")
    gamma = call.optional("gamma") or b.constant(numpy.ones(mean.shape, "float32"))
    beta = call.optional("beta") or b.constant(numpy.zeros(mean.shape, "float32"))
    if axes == [x.rank - 1] and x.rank <= FUSED:
        return b.one("FusedBatchNorm", [x, gamma, beta, mean, variance], "float32", x.shape, T=DType("float32"),
                     epsilon=epsilon, data_format="NHWC", is_training=False)
    scale = b.mul(gamma, b.unary("Rsqrt", b.add(variance, epsilon)))
    return shifted(call, x, scale, b.sub(beta, b.mul(mean, scale)), axes)


def is_frozen(call: Call) -> bool:
    """Whether the layer keeps to its statistics even in training: where it is not trained, of TensorFlow 2's Keras."""
    return call.config.get("trainable") is False and ("tf" in call.walk.version or call.since(2, 4))


def of_batch(call: Call, x: Value, axes: List[int], epsilon: float) -> Value:
    """The same, of the statistics of the batch: what Keras 2 computes in a call with training=True."""
    if call.config.get("renorm") or call.config.get("virtual_batch_size"):
        call.refuse("it is called with training=True, and corrects the statistics of a batch by kept ones, or parts it",
                    "build the model without training=True, and give it the weights")
    if call.mask is not None and call.since(2, 12):
        call.refuse("it is called with training=True under a mask", "leave the mask out before it")
    b, others = call.b, [place for place in range(x.rank) if place not in axes]
    centred = b.sub(x, b.mean(x, others, True))
    made = b.mul(centred, b.unary("Rsqrt", b.add(b.mean(b.square(centred), others, True), epsilon)))
    return shifted(call, made, call.optional("gamma"), call.optional("beta"), axes)


def shifted(call: Call, x: Value, scale: Optional[Value], offset: Optional[Value], axes: List[int]) -> Value:
    """x * scale + offset, whose values lie along these axes of x, in the order in which they are stored."""
    shape = [x.shape[place] if place in axes else 1 for place in range(x.rank)]
    if None in shape:
        raise Fault(f"layer {call.path!r} ({call.kind}) has weights along a dimension of open size: the file is "
                    "damaged")
    trailing = shape[min(axes):] if axes else []
    for value, function in ((scale, call.b.mul), (offset, call.b.add)):
        if value is not None:
            x = function(x, call.b.reshape(value, trailing))
    return x


def along(call: Call, default: int = -1) -> List[int]:
    """The axes of a layer, counted from the front."""
    return [axis_of(axis, call.x.rank) for axis in whole_numbers(call, "axis", default)]


@layer("LayerNormalization")
def layer_normalization(call: Call) -> Value:
    """Mean 0 and deviation 1 along the axes, of each example (keras 3 ops/nn.py: _layer_normalization)."""
    b, x, axes = call.b, call.b.cast(call.x, "float32"), along(call)
    centred = b.sub(x, b.mean(x, axes, True))
    inverse = b.unary("Rsqrt", b.add(b.mean(b.square(centred), axes, True), number(call, "epsilon", 1e-3)))
    made = b.mul(x if call.config.get("rms_scaling") else centred, inverse)
    return as_given(call, shifted(call, made, call.optional("gamma"), call.optional("beta"), axes))


def as_given(call: Call, x: Value, minor: int = 11) -> Value:
    """A result without its fraction where the input is whole numbers: Keras makes it one of the input's type.

    Of booleans it is whether it is not 0.  minor: the first of the versions 3.x that do so; 3.11 brought the operations
    that the layers call since then.
    """
    if call.since(3, minor):
        x = call.b.cast(in_type_of(call, x, call.x), "float32")
    return call.b.cast(call.b.cast(x, "int32"), "float32") if call.major >= 3 and types.is_whole(call) else x


def in_type_of(call: Call, made: Value, x: Value) -> Value:
    """Floats in the type of x, of whole numbers without their fraction."""
    b = call.b
    if x.dtype == "bool":
        return b.compare("NotEqual", made, 0)
    if x.narrow in ("uint8", "uint16"):
        call.refuse(f"it makes numbers below 0 ones of {x.narrow}", "cast to int32 or float32 before it")
    return narrow.alike(b, b.cast(made, x.dtype), x)


@layer("RMSNormalization")
def rms_normalization(call: Call) -> Value:
    """x over the root of its mean square, along the axes (keras 3 ops/nn.py: _rms_normalization)."""
    b, x, axes = call.b, call.b.cast(call.x, "float32"), along(call)
    inverse = b.unary("Rsqrt", b.add(b.mean(b.square(x), axes, True), number(call, "epsilon", 1e-6)))
    scale = call.weight("scale")
    made = b.mul(x, inverse)
    # Keras multiplies with the weight as it is, whose dimensions are the last ones
    return as_given(call, b.mul(made, scale))


@layer("UnitNormalization")
def unit_normalization(call: Call) -> Value:
    """x over its length, along the axes."""
    b, x = call.b, call.b.cast(call.x, "float32")
    squares = b.sum(b.square(x), along(call), True)
    least = UNIT * UNIT if call.since(3, 6) else UNIT
    return b.mul(x, b.unary("Rsqrt", b.maximum(squares, least)))


@layer("GroupNormalization")
def group_normalization(call: Call) -> Value:
    """Mean 0 and deviation 1 of each group of channels, of each example (group_normalization.py)."""
    b, x = call.b, call.b.cast(call.x, "float32")
    axis = axis_of(whole_numbers(call, "axis", -1)[0], x.rank)
    channels, groups = x.shape[axis], whole_numbers(call, "groups", 32)[0]
    groups = channels if groups == -1 else groups
    if channels is None or groups < 1 or channels % groups:
        raise Fault(f"layer {call.path!r} (GroupNormalization) makes {groups} groups of {channels} channels: the file "
                    "is damaged")
    weights = mask_as_weights(call, x)
    if axis != x.rank - 1:
        moved = b.move(x, axis, -1)
        made = b.move(grouped(call, moved, groups, None if weights is None else b.move(weights, axis, -1)), -1, axis)
    else:
        made = grouped(call, x, groups, weights)
    return as_given(call, shifted(call, made, call.optional("gamma"), call.optional("beta"), [axis]), minor=0)


def grouped(call: Call, x: Value, groups: int, weights: Optional[Value]) -> Value:
    """Normalize each group of the last dimension.  weights: how much each number counts, None for all the same."""
    b = call.b
    split = [b.dim(x, 0), -1, groups, x.shape[-1] // groups]
    count = product(x.shape[1:-1])
    if count is not None:
        split[:2] = [-1, count]
    parts = b.reshape(x, split)
    if weights is None:
        centred = b.sub(parts, b.mean(parts, [1, 3], True))
        variance = b.mean(b.square(centred), [1, 3], True)
    else:
        counts = b.reshape(weights, split)
        total = b.sum(counts, [1, 3], True)
        centred = b.sub(parts, b.div(b.sum(b.mul(parts, counts), [1, 3], True), total))
        variance = b.div(b.sum(b.mul(b.square(centred), counts), [1, 3], True), total)
    made = b.mul(centred, b.unary("Rsqrt", b.add(variance, number(call, "epsilon", 1e-3))))
    if None not in x.shape[1:]:
        return b.reshape(made, [-1] + list(x.shape[1:]))
    return b.reshape(made, [b.dim(x, place) for place in range(x.rank)])


def mask_as_weights(call: Call, x: Value) -> Optional[Value]:
    """The mask of Keras 2's GroupNormalization, as numbers of the shape of x.  Keras 3 takes none."""
    mask = call.mask if call.major < 3 else None
    if mask is None:
        return None
    if mask.rank != x.rank:
        call.refuse("Keras 2 itself cannot compute it under a mask of steps", "leave the mask out before it")
    b = call.b
    return b.add(b.cast(mask, "float32"), b.like(x, 0))


@layer("Normalization", masks=True)
def normalization(call: Call) -> Value:
    """(x - mean) over the deviation, of data that the layer was adapted to or given; Keras 3 hands the mask on."""
    b, x = call.b, call.b.cast(call.x, "float32")
    axis = call.config.get("axis", -1)
    kept = [] if axis is None else sorted(axis_of(item, x.rank) for item in whole_numbers(call, "axis", -1))
    sizes = [x.shape[place] for place in kept]
    if None in sizes:
        raise Fault(f"layer {call.path!r} (Normalization) keeps a dimension of open size: the file is damaged")
    shape = [x.shape[place] if place in kept else 1 for place in range(x.rank)]
    mean, variance = [numpy.trunc(item) if types.is_whole(call) else item for item in statistics(call, sizes)]
    mean = mean.reshape(shape[min(kept):] if kept else [])
    deviation = numpy.maximum(numpy.sqrt(variance), numpy.float32(LEAST)).reshape(mean.shape)
    if call.config.get("invert"):
        made = b.add(b.mul(x, b.constant(deviation, "float32")), b.constant(mean, "float32"))
    else:
        made = b.div(b.sub(x, b.constant(mean, "float32")), b.constant(deviation, "float32"))
    return made.masked(call.x.mask if call.major >= 3 else None)


def statistics(call: Call, sizes: List[int]) -> List[numpy.ndarray]:
    """Mean and variance, of the config or among the weights, as float32 of the shape `sizes`."""
    given = [call.config.get("mean"), call.config.get("variance")]
    if None in given:
        weights = call.weights
        if len(weights) < 2:
            raise Fault(f"layer {call.path!r} (Normalization) holds no mean and variance: adapt it first")
        found = [weight.array for weight in weights[:2]]
    else:
        found = [numpy.asarray(item, "float32") for item in given]
    count = product(sizes)
    ones = [numpy.broadcast_to(item.reshape(sizes) if item.size == count else item, sizes) for item in found]
    if not all(numpy.isfinite(item).all() for item in ones):
        raise Fault(f"layer {call.path!r} (Normalization) has a mean or variance that is no number: adapt it first")
    return [item.astype("float32") for item in ones]


@layer("LayerScale")
def layer_scale(call: Call) -> Value:
    """x times a weight for each channel (keras.applications' ConvNeXt)."""
    return call.b.mul(call.x, call.weights[0])


@layer("SpectralNormalization")
def spectral_normalization(call: Call) -> Value:
    """The layer within: its kernel was normalized in training (spectral_normalization.py: call)."""
    return call.within(call.config["layer"], "", call.x.masked(None))[0]
