"""Order: sorting, the largest values, quantiles, bins."""
from typing import Any, List, Optional, Tuple

import numpy

from ...base.fault import Fault
from ...emit import Builder, Value
from ...emit.core import axis_of
from ..rules import V1, Call, function, node, operation
from .given import argument, axes, floats, integer, needed, tensor, value
from .reducing import is_nan

LARGEST = numpy.finfo("float32").max  # behind all numbers in an order
NEARLY = numpy.nextafter(LARGEST, numpy.float32(0))


def ordered(call: Call, x: Value, axis: int, falling: bool = False) -> Any:
    """(values, places) in order."""
    size = x.shape[axis_of(axis, x.rank)]
    if size is None:
        call.refuse("it sorts along an axis of open size", "give its size: --input-shape")
    return call.b.order(x, axis, falling)


@operation("Sort")
@function("sort")
def sort(call: Call) -> Value:
    """The values in rising order along an axis, the last by default."""
    return in_order(call)[0]


@operation("Argsort")
@function("argsort")
def argsort(call: Call) -> Value:
    """The places in rising order."""
    return in_order(call)[1]


def in_order(call: Call) -> Any:
    """(values, places) as the settings say."""
    x = tensor(call, "x values")
    axis = argument(call, "axis", None, -1 if call.major < 3 or "axis" not in call.config else None)
    if axis is None:
        x, axis = call.b.reshape(x, [-1]), -1
    falling = str(argument(call, "direction", None, "ASCENDING")).upper() == "DESCENDING"
    return ordered(call, x, integer(call, axis, "axis"), falling)


@operation("TopK")
@function("math.top_k nn.top_k")
@node("TopKV2")
def top_k(call: Call) -> List[Value]:
    """The k largest along the last axis and their places."""
    x, count = tensor(call, "x input"), integer(call, argument(call, "k", 1, 1), "k")
    if count < 1 or x.shape[-1] is not None and count > x.shape[-1]:
        raise Fault(f"operation {call.path!r} takes the {count} largest of {x.shape[-1]}: the file is damaged")
    return list(call.b.top(x, count))


@function("approx_top_k")
@node("ApproxTopK")
def approx_top_k(call: Call) -> List[Value]:
    """The k largest or smallest along an axis and their places, all of them as processors do."""
    b, x = call.b, floats(call, "input")
    axis = integer(call, argument(call, "reduction_dimension", None, -1), "reduction_dimension")
    x, count = b.move(x, axis, -1), integer(call, argument(call, "k", 1, needed), "k")
    if x.shape[-1] is None or not 0 < count <= x.shape[-1]:
        raise Fault(f"operation {call.path!r} takes the {count} largest of {x.shape[-1]}: the file is damaged")
    most = argument(call, "is_max_k", None, True)
    found, places = b.top(x if most else b.neg(x), count)
    return [b.move(found if most else b.neg(found), -1, axis), b.move(places, -1, axis)]


@operation("InTopK")
@function("math.in_top_k")
@node("InTopK InTopKV2")
def in_top_k(call: Call) -> Value:
    """Whether fewer than k classes are foretold more surely than the target, which TensorFlow 1 names after them."""
    b = call.b
    older = call.kind == "TensorFlowOpLayer" or str(call.config.get("function", "")).startswith(V1)
    targets = value(call, argument(call, "targets", int(older), needed))
    predictions = b.cast(value(call, argument(call, "predictions", int(not older), needed)), "float32")
    own = b.gather_along(predictions, b.expand(targets, -1), -1)
    more = b.sum(b.cast(b.compare("Greater", predictions, own), "int32"), -1)
    return b.compare("Less", more, integer(call, argument(call, "k", 2, needed), "k"))


@operation("Argpartition")
def argpartition(call: Call) -> Value:
    """The places in an order in which the k-th is at its place: the whole order is one."""
    return ordered(call, tensor(call), integer(call, argument(call, "axis", None, -1), "axis"))[1]


@operation("Median")
def median(call: Call) -> Value:
    """The value in the middle."""
    return quantiles(call, floats(call), call.b.constant(0.5), "linear")


@operation("Quantile")
def quantile(call: Call) -> Value:
    """The values below which these parts lie; Keras's class leaves its method out (keras 3 ops/numpy.py: Quantile)."""
    given = call.b.cast(value(call, argument(call, "q", 1, needed)), "float32")
    return quantiles(call, floats(call), given, "linear")


@operation("Percentile")
def percentile(call: Call) -> Value:
    """The values below which these percents lie."""
    given = call.b.div(value(call, argument(call, "q", 1, needed)), 100.0)
    return quantiles(call, floats(call), given, str(call.config.get("method", "linear")))


def quantiles(call: Call, x: Value, parts: Value, method: str) -> Value:
    """Quantiles along axes, one of each part (keras 3 backend/tensorflow/numpy.py: _quantile)."""
    rising = ordered(call, together(call, x, parts), -1)[0]
    places = [float(one) * (rising.shape[-1] - 1) for one in parts.array.reshape(-1)]
    return of_parts(call, x, [between(call.b, rising, place, method) for place in places], parts)


def together(call: Call, x: Value, parts: Value) -> Value:
    """x with the axes of its quantiles in one, behind the others.  Raises a refusal where their sizes are open."""
    b = call.b
    if not parts.is_constant or parts.rank > 1:
        call.refuse("the parts are computed, and must be constants", "write q as numbers")
    along = b.axes(axes(call), x.rank)
    rest = [axis for axis in range(x.rank) if axis not in along]
    x = b.transpose(x, rest + along)
    count: Optional[int] = 1
    for size in x.shape[len(rest):]:
        count = None if size is None or count is None else count * size
    if count is None:
        call.refuse("it sorts along an axis of open size", "give its size: --input-shape")
    flat = b.reshape(x, [b.dim(x, axis) for axis in range(len(rest))] + [count])
    return Value(flat.dtype, x.shape[:len(rest)] + (count,), flat.tensor, flat.weight)


def of_parts(call: Call, x: Value, made: List[Value], parts: Value) -> Value:
    """The quantiles of all parts in front of the others' axes, or that of the only part."""
    b = call.b
    if call.config.get("keepdims", False):
        for axis in b.axes(axes(call), x.rank):
            made = [b.expand(one, axis) for one in made]
    return made[0] if parts.rank == 0 else b.stack(made, 0)


def between(b: Builder, rising: Value, place: float, method: str) -> Value:
    """The value at a place that may lie between two."""
    count = rising.shape[-1]
    low, high = min(int(numpy.floor(place)), count - 1), min(int(numpy.ceil(place)), count - 1)
    places = {"lower": low, "higher": high, "nearest": int(numpy.rint(place))}
    if method in places:
        return b.at(rising, rising.rank - 1, places[method])
    share = 0.5 if method == "midpoint" and low != high else place - low
    first, second = [b.at(rising, rising.rank - 1, one) for one in (low, high)]
    return first if low == high else b.add(b.mul(first, 1 - share), b.mul(second, share))


# Among numbers of which some are none ---------------------------------------------------------------------------------


@operation("Nanmedian")
def nanmedian(call: Call) -> Value:
    """The value in the middle of the numbers; along no axis at all each by itself."""
    if axes(call) == []:
        return floats(call)
    return of_numbers(call, call.b.constant(0.5), "linear")


@operation("Nanquantile")
def nanquantile(call: Call) -> Value:
    """The values below which these parts of the numbers lie."""
    given = call.b.cast(value(call, argument(call, "q", 1, needed)), "float32")
    return of_numbers(call, given, str(call.config.get("method", "linear")))


@operation("Nanpercentile")
def nanpercentile(call: Call) -> Value:
    """The values below which these percents of the numbers lie."""
    given = call.b.div(value(call, argument(call, "q", 1, needed)), 100.0)
    return of_numbers(call, given, str(call.config.get("method", "linear")))


def of_numbers(call: Call, parts: Value, method: str) -> Value:
    """Quantiles of what is a number, none where nothing is (keras 3 backend/tensorflow/numpy.py: nanquantile).

    The numbers stand in front of the others in the order.  Which of them are taken depends on how many there are: a
    table says it.
    """
    b, x = call.b, floats(call)
    flat = together(call, x, parts)
    missing = is_nan(b, flat)
    numbers = b.where(missing, 0.0, flat)
    places = ordered(call, b.where(missing, LARGEST, b.clip(numbers, -NEARLY, NEARLY)), -1)[1]
    rising = b.gather_along(numbers, places, -1)
    count = b.sum(b.cast(b.invert(missing), "int32"), -1, True)
    made = []
    for part in parts.array.reshape(-1):
        low, high, share = [b.gather(b.constant(row), b.reshape(count, [-1]), 0)
                            for row in taken(flat.shape[-1], part, method)]
        values = [b.gather_along(rising, b.restored_as(place, count), -1) for place in (low, high)]
        share = b.restored_as(share, count)
        found = b.add(b.mul(values[1], b.sub(1.0, share)), b.mul(values[0], share))
        found = b.where(b.compare("Equal", count, 0), numpy.float32("nan"), found)
        made.append(b.squeeze(found, [-1]))
    return of_parts(call, x, made, parts)


def taken(most: int, part: float, method: str) -> Tuple[numpy.ndarray, numpy.ndarray, numpy.ndarray]:
    """(lower place, higher place, share of the lower one), each by the number of values, from 0 to `most`."""
    last = numpy.maximum(numpy.arange(-1, most), 0)
    exact = last * numpy.float64(part)
    ways = {"lower": numpy.floor, "higher": numpy.ceil, "nearest": numpy.rint}
    low, high = [numpy.clip(ways.get(method, way)(exact), 0, last) for way in (numpy.floor, numpy.ceil)]
    share = numpy.full(most + 1, 0.5)
    if method == "linear":
        low = numpy.maximum(high - 1, 0)
        high = numpy.minimum(low + 1, last)
        share = high - exact
    return low.astype("int32"), high.astype("int32"), share.astype("float32")


@operation("SearchSorted")
@function("searchsorted")
def search_sorted(call: Call) -> Value:
    """The places at which values would keep a row in order: how many of it are below, or not above."""
    b = call.b
    row = value(call, argument(call, "sorted_sequence", 0, needed))
    wanted = value(call, argument(call, "values", 1, needed))
    return counted_below(b, row, wanted, str(argument(call, "side", None, "left")) == "right")


@operation("Digitize")
def digitize(call: Call) -> Value:
    """The bin of each value: the count of bounds that are not above it."""
    return counted_below(call.b, value(call, argument(call, "bins", 1, needed)), tensor(call), True)


def counted_below(b: Builder, row: Value, wanted: Value, equal: bool) -> Value:
    """The count of a row's numbers that are below each value, or equal to it."""
    row = b.expand(row, -2) if row.rank > 1 else row
    below = b.compare("LessEqual" if equal else "Less", row, b.expand(wanted, -1))
    return b.sum(b.cast(below, "int32"), -1)


@operation("IsIn")
def is_in(call: Call) -> Value:
    """Whether each value stands in x2."""
    b, x = call.b, tensor(call, "x1")
    among = b.reshape(value(call, argument(call, "x2", 1, needed)), [-1])
    found = b.reduce("Any", b.compare("Equal", b.expand(x, -1), among), -1)
    return b.invert(found) if call.config.get("invert") else found


@operation("Diff")
def diff(call: Call) -> Value:
    """Each value less the one before it, so often."""
    b, x = call.b, tensor(call, "a")
    axis, times = integer(call, argument(call, "axis", None, -1), "axis"), integer(call, call.config.get("n", 1), "n")
    size = x.shape[axis_of(axis, x.rank)]
    if size is None:
        call.refuse("it runs along an axis of open size", "give its size: --input-shape")
    if not 0 <= times < size:
        raise Fault(f"operation {call.path!r} takes {times} differences of {size} values: none is left")
    for _ in range(times):
        size -= 1
        after, before = b.cut(x, axis, 1, size), b.cut(x, axis, 0, size)
        x = b.compare("NotEqual", after, before) if x.dtype == "bool" else b.sub(after, before)
    return x
