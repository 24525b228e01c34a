"""Reductions, and places of extremes.  The other dimensions stay in the order in which they are stored."""
from typing import Callable, Dict, List

import numpy

from ..emit import Builder, Value
from .given import given_axes, stored, without
from .layout import BEYOND, Held
from .rules import Call, operation

Reduction = Callable[[Builder, Value, List[int], bool], Value]


def steady_sum(b: Builder, x: Value, axes: List[int], keep: bool) -> Value:
    """log(sum(exp(x))) of numbers of any size; where the largest is infinite, it is not taken off."""
    largest = extreme(b, x, axes, True)
    largest = b.where(b.compare("Equal", b.unary("Abs", largest), numpy.float32("inf")), 0.0, largest)
    made = b.add(b.log(b.sum(b.exp(b.sub(x, largest)), axes, True)), largest)
    return made if keep else b.squeeze(made, axes)


def extreme(b: Builder, x: Value, axes: List[int], keep: bool, sign: int = 1) -> Value:
    """The largest number (sign=-1: the smallest); of none, which an open size may mean, the least that there is."""
    made = b.max(x, axes, keep) if sign > 0 else b.min(x, axes, keep)
    count = b.sizes_of(x, axes)
    if not isinstance(count, Value):
        return made
    least = {"float32": -sign * numpy.float32("inf"), "int32": -sign * BEYOND, "bool": sign < 0}[x.dtype]
    return b.where(b.compare("Equal", count, 0), b.constant(least, x.dtype), made)


REDUCTIONS: Dict[str, Reduction] = {
    "ReduceSum": lambda b, x, axes, keep: b.sum(x, axes, keep),
    "ReduceMean": lambda b, x, axes, keep: b.mean(x, axes, keep),
    "ReduceMax": lambda b, x, axes, keep: extreme(b, x, axes, keep),
    "ReduceMin": lambda b, x, axes, keep: extreme(b, x, axes, keep, -1),
    "ReduceProd": lambda b, x, axes, keep: b.reduce("Prod", x, axes, keep),
    "ReduceL1": lambda b, x, axes, keep: b.sum(b.unary("Abs", x), axes, keep),
    "ReduceL2": lambda b, x, axes, keep: b.sqrt(b.sum(b.square(b.cast(x, "float32")), axes, keep)),
    "ReduceSumSquare": lambda b, x, axes, keep: b.sum(b.square(x), axes, keep),
    "ReduceLogSum": lambda b, x, axes, keep: b.log(b.sum(b.cast(x, "float32"), axes, keep)),
    "ReduceLogSumExp": lambda b, x, axes, keep: steady_sum(b, b.cast(x, "float32"), axes, keep)}


@operation(" ".join(REDUCTIONS))
def reduce(call: Call) -> Held:
    """Along axes: an attribute, of later versions an input; none of them are all, or with noop_with_empty_axes none."""
    x, b, keep = call.x, call.b, bool(call.int("keepdims", 1))
    axes = given_axes(call, 1)
    if not axes:
        if call.int("noop_with_empty_axes"):
            return x
        axes = list(range(x.rank))
    axes = [call.axis(axis) for axis in axes]
    if any(x.shape[axis] == 0 for axis in axes):
        call.refuse(f"it reduces nothing: the tensor's shape is {x.shape}")
    whole = x.value.dtype != "float32"
    made = REDUCTIONS[call.op](b, x.value, stored(x, axes), keep)
    made = b.cast(made, x.value.dtype) if whole else made
    return call.like(x, made) if keep else without(call, x, made, axes)


@operation("ArgMax ArgMin")
def place(call: Call) -> Held:
    """The place of the largest or the smallest; of equals the first, or with select_last_index the last."""
    b, x, axis = call.b, call.x, call.axis(call.int("axis"))
    along, = stored(x, [axis])
    value = b.cast(x.value, "int32") if x.value.dtype == "bool" else x.value
    last = bool(call.int("select_last_index"))
    made = b.place_of(call.op, b.reverse(value, [along]) if last else value, along)
    if last:
        made = b.sub(b.size("Sub", b.dim(value, along), 1), made)
    if call.int("keepdims", 1):
        return call.like(x, b.expand(made, along), "INT64")
    return without(call, x, made, [axis], "INT64")
