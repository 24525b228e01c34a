"""Layers of several inputs: Add, Concatenate, Dot and the others (keras 3 layers/merging/, tf_keras layers/merging/).

Their masks differ by version.  Keras 2, and Keras 3 before 3.4, keep a step if every input with a mask keeps it.  Since
3.4, Keras keeps a step if any input keeps it, and has a mask only if all inputs have one.
"""
from typing import Callable, List, Optional

from ..base.fault import Fault
from ..emit import Value
from ..emit.core import axis_of
from . import narrow
from .activation import whole_numbers
from .rules import Call, layer

NORM = 1e-7  # keras.config.epsilon(), the least norm that Dot divides by
SQUARED = 1e-12  # and the least square of one (tf.linalg.l2_normalize)


def alike(call: Call, least: int = 1) -> List[Value]:
    """The inputs, with dimensions of size 1 behind the batch so that all have one rank.

    Keras's masks do not go with those that get dimensions (base_merge.py: call).
    """
    values = call.inputs
    if len(values) < least:
        raise Fault(f"layer {call.path!r} ({call.kind}) is called with {len(values)} tensors: the file is damaged")
    rank = max(value.rank for value in values)
    found = []
    for value in values:
        mask = value.mask if value.rank == rank else None
        while value.rank < rank:
            value = call.b.expand(value, 1)
        found.append(value.masked(mask))
    return found


def mask_of_all(call: Call) -> Optional[Value]:
    """The mask of what is computed of all inputs, number by number (base_merge.py: compute_mask)."""
    masks = [value.mask for value in call.inputs]
    known = [mask for mask in masks if mask is not None]
    if not known or call.since(3, 4) and len(known) < len(masks):
        return None
    join = call.b.either if call.since(3, 4) else call.b.both
    made = known[0]
    for mask in known[1:]:
        made = join(made, mask)
    return made


def in_turn(call: Call, function: Callable[[Value, Value], Value]) -> Value:
    """function(function(first, second), third), and so on."""
    values = alike(call)
    made = values[0]
    for value in values[1:]:
        made = function(made, value)
    return made.masked(mask_of_all(call))


@layer("Add", masks=True)
def add(call: Call) -> Value:
    """The sum."""
    return in_turn(call, call.b.add)


@layer("Subtract", masks=True)
def subtract(call: Call) -> Value:
    """The first less the second."""
    if len(call.inputs) != 2:
        raise Fault(f"layer {call.path!r} (Subtract) is called with {len(call.inputs)} tensors: the file is damaged")
    return in_turn(call, call.b.sub)


@layer("Average", masks=True)
def average(call: Call) -> Value:
    """The mean; a sum of few bits overflows before it is divided."""
    joined = narrow.common(call, call.inputs) if any(one.narrow for one in call.inputs) else None
    total = in_turn(call, call.b.add)
    total = narrow.wrapped(call.b, total, joined) if joined else total
    return call.b.div(total, len(call.inputs)).masked(mask_of_all(call))


def spread_mask(call: Call, value: Value) -> Optional[Value]:
    """The mask of an input with a dimension more, so that it goes with all of its numbers."""
    return None if value.mask is None else call.b.expand(value.mask, -1)


@layer("Multiply", masks=True)
def multiply(call: Call) -> Value:
    """The product.  Since Keras 3.4 what is masked counts as 1, and what is masked everywhere becomes 0."""
    if not call.since(3, 4):
        return in_turn(call, call.b.mul)
    values, b = alike(call), call.b
    masks = [spread_mask(call, value) for value in values]
    made: Optional[Value] = None
    counts: Optional[Value] = None
    for value, mask in zip(values, masks):
        value = value if mask is None else b.where(mask, value, 1)
        made = value if made is None else b.mul(made, value)
        counts = mask if counts is None or mask is None else b.either(counts, mask)
    if all(mask is not None for mask in masks):
        made = b.where(counts, made, 0)
    return made.masked(mask_of_all(call))


def extreme(call: Call, function: Callable[[Value, Value], Value]) -> Value:
    """The largest or smallest.  Since Keras 3.4 what is masked in one input is taken from the other ones."""
    if not call.since(3, 4):
        return in_turn(call, function)
    values, b = alike(call), call.b
    made, counts = values[0], spread_mask(call, values[0])
    for value in values[1:]:
        mask = spread_mask(call, value)
        value = value if mask is None else b.where(mask, value, made)
        made = made if counts is None else b.where(counts, made, value)
        counts = None if mask is None or counts is None else b.either(counts, mask)
        made = function(made, value)
    return made.masked(mask_of_all(call))


@layer("Maximum", masks=True)
def maximum(call: Call) -> Value:
    """The largest."""
    return extreme(call, call.b.maximum)


@layer("Minimum", masks=True)
def minimum(call: Call) -> Value:
    """The smallest."""
    return extreme(call, call.b.minimum)


@layer("TFDConcat")
def features(call: Call) -> Value:
    """The features of a FeatureSpace, one after another; numbers are floats where one of them is."""
    dtype = "float32" if any(value.dtype == "float32" for value in call.inputs) else call.inputs[0].dtype
    return call.b.concat([call.b.cast(value, dtype) for value in call.inputs], call.config.get("axis", -1))


@layer("Concatenate", masks=True)
def concatenate(call: Call) -> Value:
    """One behind another, and the masks likewise (concatenate.py: compute_mask)."""
    values, b = call.inputs, call.b
    axis = axis_of(call.config.get("axis", -1), values[0].rank)
    if any(value.rank != values[0].rank for value in values):
        raise Fault(f"layer {call.path!r} (Concatenate) is given tensors of unlike ranks: the file is damaged")
    made = b.concat([value.masked(None) for value in values], axis)
    known = [value.mask for value in values if value.mask is not None]
    if not known:
        return made.masked(None)
    along = axis_of(call.config.get("axis", -1), known[0].rank + 1)  # Keras joins the masks with one dimension more
    if along == known[0].rank:
        return made.masked(mask_of_features(call, values))
    if any(value.mask is None for value in values):
        parts = [every(call, value) if value.mask is None else
                 b.either(b.expand(value.mask, -1), b.invert(every(call, value))) for value in values]
        joined = b.concat([b.cast(part, "int32") for part in parts], along)
        return made.masked(b.compare("Greater", b.max(joined, -1) if call.since(3, 4) else b.min(joined, -1), 0))
    parts = [b.cast(mask, "int32") for mask in known]
    return made.masked(b.cast(b.concat(parts, along), "bool"))


def mask_of_features(call: Call, values: List[Value]) -> Optional[Value]:
    """The mask of tensors that are joined along their last dimension: of an input without one every step counts."""
    known = [value.mask for value in values if value.mask is not None]
    made = known[0]
    for mask in known[1:]:
        made = call.b.either(made, mask) if call.since(3, 4) else call.b.both(made, mask)
    if len(known) < len(values) and call.since(3, 4):
        whole = every(call, next(value for value in values if value.mask is None))
        return call.b.compare("Greater", call.b.max(call.b.cast(whole, "int32"), -1), 0)
    return made


def every(call: Call, value: Value) -> Value:
    """True for each number of a tensor."""
    return call.b.cast(call.b.like(call.b.cast(value, "int32"), 1), "bool")


@layer("Dot")
def dot(call: Call) -> Value:
    """The sum of products along one dimension of each, of whole numbers a whole one."""
    made = products(call)
    return call.b.cast(made, "int32") if all(value.dtype == "int32" for value in call.inputs) else made


def products(call: Call) -> Value:
    """The same in floats; what is left of the first stands in front (Keras: batch_dot)."""
    values, b = call.inputs, call.b
    axes = whole_numbers(call, "axes")
    axes = axes * 2 if len(axes) == 1 else axes
    if len(values) != 2 or len(axes) != 2 or any(value.rank < 2 for value in values):
        raise Fault(f"layer {call.path!r} (Dot) has axes {axes} for {len(values)} tensors: the file is damaged")
    places = [axis_of(axis, value.rank) for axis, value in zip(axes, values)]
    x, y = [b.cast(value, "float32").masked(None) for value in values]
    if 0 in places:
        raise Fault(f"layer {call.path!r} (Dot) sums over the batch: the file is damaged")
    if call.config.get("normalize"):
        x, y = [unit(call, value, place) for value, place in zip((x, y), places)]
    if x.rank == 2 and y.rank == 2:
        return b.sum(b.mul(x, y), -1, True)
    x, y = b.move(x, places[0], -1), b.move(y, places[1], 1)
    left, right = x.shape[1:-1], y.shape[2:]
    sizes = [b.dim(x, place) for place in range(x.rank - 1)] + [b.dim(y, place) for place in range(2, y.rank)]
    inner = x.shape[-1] if x.shape[-1] is not None else y.shape[1]
    if len(left) != 1:
        x = b.reshape(x, [b.dim(x, 0), -1 if left else 1, inner if inner is not None else b.dim(x, -1)])
    if len(right) != 1:
        y = b.reshape(y, [b.dim(y, 0), inner if inner is not None else b.dim(y, 1), -1 if right else 1])
    made = b.matmul(x, y)
    if len(left) == 1 and len(right) == 1:
        return made
    sizes[0] = -1 if not any(isinstance(size, Value) for size in sizes[1:]) else sizes[0]
    return b.reshape(made, sizes)


def unit(call: Call, x: Value, axis: int) -> Value:
    """x over its length along an axis, but for what is all but 0."""
    b = call.b
    squares = b.sum(b.square(x), axis, True)
    least = NORM * NORM if call.major >= 3 else SQUARED
    return b.mul(x, b.unary("Rsqrt", b.maximum(squares, least)))


@layer("CustomScaleLayer Custom>CustomScaleLayer")  # Keras 2 registers its own one under this name
def scaled_sum(call: Call) -> Value:
    """The first, and the second times a number (keras.applications' InceptionResNetV2)."""
    first, second = call.inputs
    return call.b.add(first, call.b.mul(second, float(call.config["scale"])))
