"""Operations whose output's size depends on the numbers themselves: places, values that differ, counts.

All of them run synchronously: TopK brings the places that count to the front of a row, and a slice of computed size
cuts them off.
"""
from typing import List, Optional

import numpy

from ...emit import Builder, Value
from ...emit.core import axis_of
from ...emit.shaping import Size
from ..rules import Call, Result, called, function, node, operation
from .given import argument, integer, known, limited, needed, tensor, truth, value

MOST = 4096  # numbers of a row each of which is compared with all


def places_of(b: Builder, there: Value) -> Value:
    """The places at which a row of booleans is true, in their order."""
    size = b.dim(there, 0)
    places, whole = b.count(size), b.cast(there, "int32")
    behind = b.mul(b.sub(1, whole), size)
    ordered = b.neg(b.top(b.neg(b.add(places, behind)), size)[0])
    return b.stepped(ordered, 0, None, b.sum(whole), 1)


def flat(b: Builder, x: Value) -> Value:
    """All values in a row."""
    return b.reshape(x, [-1])


def coordinates(b: Builder, x: Value) -> List[Value]:
    """The places along each dimension of the values that are true."""
    places, found = places_of(b, flat(b, truth(b, x))), []
    for axis in reversed(range(x.rank)):
        size = b.dim(x, axis)
        found.insert(0, b.binary("FloorMod", places, size) if axis else places)
        places = b.binary("FloorDiv", places, size) if axis else places
    return found


@operation("Nonzero")
def nonzero(call: Call) -> List[Value]:
    """The places of the numbers that are not 0, along each dimension."""
    return coordinates(call.b, tensor(call))


@node("Where")
def where(call: Call) -> Value:
    """The places where a condition holds, one in a row."""
    return call.b.stack(coordinates(call.b, tensor(call, "condition input")), 1)


@function("boolean_mask")
def boolean_mask(call: Call) -> Value:
    """The slices along one axis or several at which a mask is true."""
    mask, axis = value(call, argument(call, "mask", 1, needed)), argument(call, "axis", None, 0)
    return masked(call.b, tensor(call, "tensor"), mask, integer(call, axis, "axis"))


def masked(b: Builder, x: Value, mask: Value, axis: int = 0) -> Value:
    """The slices of x at which a mask of its dimensions from `axis` on is true."""
    known_places = mask.is_constant and mask.array.any()
    axis = axis_of(axis, x.rank)
    sizes: List[Size] = [b.dim(x, place) for place in range(x.rank)]
    sizes[axis:axis + mask.rank] = [b.together_in_one(sizes[axis:axis + mask.rank])]
    places = b.constant(numpy.flatnonzero(mask.array), "int32") if known_places else \
        places_of(b, flat(b, b.cast(mask, "bool")))
    return b.gather(b.spread_out(x, sizes), places, axis)


def firsts(b: Builder, ordered: Value) -> Value:
    """1 for each number of a sorted row that is unlike the one before it, else 0."""
    new = b.compare("NotEqual", b.stepped(ordered, 0, 1, None, 1), b.stepped(ordered, 0, None, -1, 1))
    return b.concat([b.constant(numpy.ones(1, "int32")), b.cast(new, "int32")], 0)


@operation("Unique")
@function("unique unique_with_counts")
@node("Unique UniqueV2 UniqueWithCounts UniqueWithCountsV2")
def unique(call: Call) -> Result:
    """The values that differ, where each stood first, which of them each value is, and how often they are there.

    Equal values stand side by side in a sorted row (keras 3 backend/tensorflow/numpy.py: unique).  TensorFlow gives
    them in the order in which they came.
    """
    b, x, config = call.b, tensor(call), call.config if call.major > 2 else {}
    if x.rank > 1 and (config.get("axis") is not None or call.major < 3):
        call.refuse("it compares slices along an axis", "leave axis out: it compares numbers then")
    row = flat(b, x)
    size = b.dim(row, 0)
    ordered, places = b.top(b.neg(row), size)
    ordered = b.neg(ordered)
    starts = places_of(b, b.cast(firsts(b, ordered), "bool"))
    counts = b.sub(b.concat([b.stepped(starts, 0, 1, None, 1), b.reshape(b.value(size, "int32"), [1])], 0), starts)
    found, first = b.gather(ordered, starts), b.gather(places, starts)
    kind = called(call.record, call.major) if call.major < 3 else ""
    which = None
    if call.major < 3 or config.get("return_inverse"):
        which = b.reshape(of_which(call, row, found), [b.dim(x, axis) for axis in range(x.rank)])
    if call.major < 3 or not config.get("sorted", True):
        many = b.dim(first, 0)
        order = b.top(b.neg(first), many)[1]
        found, first, counts = [b.gather(one, order) for one in (found, first, counts)]
        which = None if which is None else b.gather(b.top(b.neg(order), many)[1], which)
    if call.major < 3:
        return [one for one in (found, which) if one is not None] + ([counts] if "ounts" in kind else [])
    return several(call, found, first, which, counts)


def of_which(call: Call, row: Value, found: Value) -> Value:
    """The place of each number among those that differ, which are in order."""
    if row.shape[0] is not None and row.shape[0] > MOST:
        call.refuse(f"it looks for {row.shape[0]} numbers among all", f"give it {MOST} at most")
    b = call.b
    return b.sum(b.cast(b.compare("Less", b.expand(found, 0), b.expand(row, 1)), "int32"), 1)


def several(call: Call, found: Value, first: Value, which: Optional[Value], counts: Value) -> Result:
    """The outputs that the settings of Keras 3 ask for, of so many values as they say."""
    config, size = call.config, call.config.get("size")

    def sized(one: Value, filling: float) -> Value:
        if size is None:
            return one
        count = integer(call, size, "size")
        limited(call, [count])
        filled = call.b.constant(numpy.full(count, filling, one.dtype), one.dtype)
        return call.b.cut(call.b.concat([one, filled], 0), 0, 0, count)

    filling = known(config.get("fill_value"))
    results = [sized(found, 0 if filling is None else filling)]
    results += [sized(first, 1)] if config.get("return_index") else []
    results += [which] if which is not None else []
    results += [sized(counts, 0)] if config.get("return_counts") else []
    return results


@operation("Bincount")
@function("math.bincount")
def bincount(call: Call) -> Value:
    """The count of each whole number from 0 on, or the sum of its weights, along the last axis.

    TensorFlow's own counts all of a tensor where it is told no axis (python/ops/bincount_ops.py: bincount).
    """
    b, x = call.b, whole(call)
    weights = argument(call, "weights", None if call.major > 2 else 1)
    weights = None if weights is None else value(call, weights)
    if argument(call, "sparse binary_output", None, False):
        call.refuse("it gives a sparse tensor, or no counts", "leave sparse and binary_output out")
    if call.major < 3 and argument(call, "axis", None) is None:
        x, weights = flat(b, x), None if weights is None else flat(b, weights)
    least = integer(call, argument(call, "minlength", None if call.major > 2 else 2, 0), "minlength")
    most = argument(call, "maxlength", None if call.major > 2 else 3)
    count = b.maximum(b.add(b.max(flat(b, x)), 1), least)
    count = count if most is None else b.minimum(count, integer(call, most, "maxlength"))
    there = b.cast(b.compare("Equal", b.expand(x, -1), b.count(count)), "int32")
    if weights is not None:
        there = b.mul(there, b.expand(weights, -1))
    return b.sum(there, -2)


def whole(call: Call) -> Value:
    """The tensor in whole numbers."""
    return call.b.cast(tensor(call, "x arr"), "int32")
