"""Counts and sums of numbers by their class: segments in a row, histograms, confusion (tf.math)."""
from typing import Callable, Tuple

import numpy

from ...base.fault import Fault
from ...emit import Builder, Value
from ..rules import Call, function, node
from . import scattering
from .casting import cast_to
from .given import argument, floats, integer, known, limited, needed, tensor, value

EMPTY = {"Sum": 0, "Max": 0, "Min": 0, "Prod": 1}  # what a segment that nothing is in holds


def in_turn(op: str) -> Callable[[Call], Value]:
    """The function of one reduction of segments that lie one behind another, whose numbers are constants."""
    def lower(call: Call) -> Value:
        b, own = call.b, value(call, argument(call, "segment_ids", 1, needed))
        if not own.is_constant:
            call.refuse("the number of its segments is computed", "take tf.math.unsorted_segment_sum, which names it")
        if own.array.ndim != 1 or not own.array.size or own.array.min() < 0:
            raise Fault(f"operation {call.path!r} has segments {str(own.array)[:60]}: the file is damaged")
        count = int(own.array.max()) + 1
        limited(call, [count])
        counts = numpy.bincount(own.array, minlength=count)
        call.record = dict(call.record, config=dict(call.config, num_segments=count))
        made = scattering.segments("Sum" if op == "Mean" else op)(call)
        counts = counts.reshape([-1] + [1] * (made.rank - 1))
        if op == "Mean":
            return b.div(made, numpy.maximum(counts, 1).astype("float32"))
        return made if (counts > 0).all() else b.where(b.constant(counts > 0), made, EMPTY[op]).narrowed(made.narrow)
    return lower


for _op in ("Sum", "Max", "Min", "Prod", "Mean"):
    function(f"math.segment_{_op.lower()}")(in_turn(_op))
    node("Segment" + _op)(in_turn(_op))


@function("math.unsorted_segment_mean math.unsorted_segment_sqrt_n")
def segment_mean(call: Call) -> Value:
    """The sum of each segment over how many it has, or over the root of that."""
    b, data = call.b, tensor(call, "data")
    count = integer(call, argument(call, "num_segments", 2, needed), "num_segments")
    call.record = dict(call.record, config=dict(call.config, num_segments=count))
    total = scattering.segments("Sum")(call)
    own = value(call, argument(call, "segment_ids", 1, needed))
    call.kwargs.pop("data", None)
    call.args = [b.like(data, 1)] + list(call.args[1:])
    counts = b.maximum(scattering.segments("Sum")(call), 1.0)
    if not own.rank:
        raise Fault(f"operation {call.path!r} has one segment alone: the file is damaged")
    return b.div(total, b.sqrt(counts) if str(call.config["function"]).endswith("sqrt_n") else counts)


# Counts ------------------------------------------------------------------------------------------------------------


def chosen(b: Builder, places: Value, count: int) -> Value:
    """1 at each number's own place, 0 elsewhere, along a new last dimension."""
    return b.cast(b.compare("Equal", b.expand(b.cast(places, "int32"), -1), numpy.arange(count, dtype="int32")),
                  "float32")


@function("math.bincount")
def bincount(call: Call) -> Value:
    """How often each number below a bound stands in a tensor, or in each of its rows."""
    b, places = call.b, tensor(call, "arr")
    least, most = [known(argument(call, name)) for name in ("minlength", "maxlength")]
    if most is None or least != most:
        call.refuse("how much it gives depends on the numbers that it is given", "give minlength and maxlength, alike")
    count, axis = integer(call, most, "maxlength"), argument(call, "axis")
    limited(call, [count] + [size or 1 for size in places.shape])
    weights = argument(call, "weights", 1)
    there = chosen(b, places, count)
    if weights is not None:
        there = b.mul(there, b.expand(b.cast(value(call, weights), "float32"), -1))
    along = list(range(places.rank)) if axis in (None, 0) else [places.rank - 1]
    if argument(call, "binary_output", None, False):
        return cast_to(call, b.max(there, along), argument(call, "dtype", None, "int32"))
    made = b.sum(there, along)
    return made if weights is not None else cast_to(call, made, argument(call, "dtype", None, "int32"))


@function("math.confusion_matrix")
def confusion_matrix(call: Call) -> Value:
    """How often each pair of classes stands in two vectors: rows are labels, columns predictions."""
    b, count = call.b, known(argument(call, "num_classes", 2))
    if count is None:
        call.refuse("how much it gives depends on the numbers that it is given", "give num_classes")
    count = integer(call, count, "num_classes")
    limited(call, [count, count])
    first, second = [chosen(b, b.reshape(value(call, argument(call, name, at, needed)), [-1]), count)
                     for at, name in enumerate(("labels", "predictions"))]
    weights = argument(call, "weights", 3)
    if weights is not None:
        first = b.mul(first, b.reshape(b.cast(value(call, weights), "float32"), [-1, 1]))
    return cast_to(call, b.matmul(first, second, True), argument(call, "dtype", 4, "int32"))


def bins(call: Call) -> Tuple[Value, int]:
    """(the step of each number between two bounds, those outside at the ends, the number of steps)."""
    b, x = call.b, floats(call, "values")
    low, high = b.unstack(b.cast(value(call, argument(call, "value_range", 1, needed)), "float32"), 0)
    count = integer(call, argument(call, "nbins", 2, 100), "nbins")
    if not 0 < count <= 1 << 16:
        raise Fault(f"operation {call.path!r} has {count} bins: too many, or none")
    share = b.div(b.sub(x, low), b.sub(high, low))
    return b.cast(b.clip(b.unary("Floor", b.mul(share, float(count))), 0.0, float(count - 1)), "int32"), count


@function("histogram_fixed_width_bins")
def histogram_bins(call: Call) -> Value:
    """The step of each number between two bounds."""
    return bins(call)[0]


@function("histogram_fixed_width")
@node("HistogramFixedWidth")
def histogram(call: Call) -> Value:
    """How many numbers fall on each step between two bounds."""
    places, count = bins(call)
    return call.b.cast(call.b.sum(chosen(call.b, call.b.reshape(places, [-1]), count), 0), "int32")
