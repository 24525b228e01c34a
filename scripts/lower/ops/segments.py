"""Sums, means, products and extremes of the rows of each segment (keras.ops.segment_sum, tf.math)."""
from typing import Callable, Optional, Tuple

import numpy

from ...base.fault import Fault
from ...emit import Builder, Value
from ...emit.shaping import Size
from .. import narrow
from ..rules import Call, called, function, node, operation
from .dynamic_sizes import firsts
from .given import argument, integer, limited, needed, value

FILLED = {"Max": -3.4028234663852886e38, "Min": 3.4028234663852886e38, "Prod": 1.0}  # segments that nothing is in
FILLED_WHOLE = {"Max": -2 ** 31, "Min": 2 ** 31 - 1, "Prod": 1}
LARGEST = 1 << 22  # segments


def computed(b: Builder, own: Value, distinct: bool) -> Size:
    """The number of segments, where none is told: one more than the largest, or how many differ (tf.unique)."""
    if own.is_constant and own.array.size:
        return len(numpy.unique(own.array)) if distinct else int(own.array.max()) + 1
    row = b.reshape(own, [-1])
    if not distinct:
        return b.add(b.max(row), 1)
    return b.sum(firsts(b, b.neg(b.top(b.neg(row), b.dim(row, 0))[0])))


def reduced(call: Call, op: str, data: Value, own: Value, count: Optional[Size], ordered: bool) -> Value:
    """The reduction `op` of the numbers of each segment, "Sum", "Max", "Min" or "Prod".

    own: the segment of each row.  count: how many segments there are, None where that is computed.
    """
    b, own = call.b, call.b.cast(own, "int32")
    count = computed(b, own, op == "Sum" and not ordered) if count is None else count
    rest = data.shape[own.rank:]
    if None in rest or isinstance(count, int) and not 0 < count <= LARGEST:
        call.refuse("a size after the segments is open, or their number is very large",
                    "give the sizes: --input-shape")
    width = int(numpy.prod(rest, dtype="int64"))
    limited(call, [count if isinstance(count, int) else 1, width])
    flat, own = b.reshape(data, [-1, width]), b.reshape(own, [1, -1])
    member = b.compare("Equal", b.expand(b.count(count), 1), own)
    if op == "Sum":
        found = narrow.in_halves(b, flat, data.narrow, lambda part: b.cast(b.matmul(
            b.cast(member, "float32"), b.cast(part, "float32")), data.dtype))
    else:
        if flat.shape[0] is not None and isinstance(count, int):
            limited(call, [count, flat.shape[0], width])
        filled = b.constant(filler(op, data), data.dtype)
        found = b.where(b.expand(member, 2), b.expand(flat, 0), filled)
        if op == "Prod" and data.narrow and flat.shape[0]:
            found = narrow.product(b, found, [1], data.narrow)
        found = b.reduce(op, found, 1)
    if ordered and op in ("Max", "Min"):  # TensorFlow's function of sorted segments gives 0 for one without numbers
        found = b.where(b.reduce("Any", member, 1, True), found, 0)
    found = b.reshape(found, [count] + list(rest))
    return found if op == "Prod" and not flat.shape[0] else narrow.alike(b, found, data)


def filler(op: str, data: Value) -> float:
    """The number in a segment that nothing is in: the one that changes no number of the type."""
    if data.narrow:
        return narrow.FILLED[data.narrow][op]
    return (FILLED if data.dtype == "float32" else FILLED_WHOLE)[op]


def segments(op: str) -> Callable[[Call], Value]:
    """The function of one reduction of segments."""
    def lower(call: Call) -> Value:
        data, own = [value(call, argument(call, name, at, needed)) for at, name in enumerate(("data", "segment_ids"))]
        count = call.config.get("num_segments")
        count = None if count is None else integer(call, count, "num_segments")
        return reduced(call, op, data, own, count, bool(call.config.get("sorted")))
    return lower


for _op in ("Sum", "Max", "Min", "Prod"):
    operation("Segment" + _op)(segments(_op))


def of_function(op: str) -> Callable[[Call], Value]:
    """The function of one reduction of segments, whose number is told, or which are in order."""
    def lower(call: Call) -> Value:
        data, own, count = rows_of_segments(call)
        return reduced(call, op, data, own, count, count is None)
    return lower


def rows_of_segments(call: Call) -> Tuple[Value, Value, Optional[Size]]:
    """(the rows, the segment of each, how many segments there are); None where the rows stand in order."""
    data, own = [value(call, argument(call, name, at, needed)) for at, name in enumerate(("data", "segment_ids"))]
    if "unsorted" not in called(call.record, call.major).lower():
        return data, own, None
    count = argument(call, "num_segments", 2, needed)
    if isinstance(count, Value) and not count.is_constant:
        return data, own, call.b.reshape(call.b.cast(count, "int32"), [])
    return data, own, integer(call, count, "num_segments")


for _op in ("Sum", "Max", "Min", "Prod"):
    function(f"math.unsorted_segment_{_op.lower()} math.segment_{_op.lower()}")(of_function(_op))
    node(f"UnsortedSegment{_op} Segment{_op}")(of_function(_op))


@function("math.segment_mean math.unsorted_segment_mean math.unsorted_segment_sqrt_n")
@node("SegmentMean")
def segment_mean(call: Call) -> Value:
    """The mean of the numbers of each segment, 0 of none, or (sqrt_n) their sum over the root of how many they are."""
    data, own, count = rows_of_segments(call)
    return averaged(call, data, own, count, count is None, called(call.record, call.major).endswith("sqrt_n"))


def averaged(call: Call, data: Value, own: Value, count: Optional[Size], ordered: bool, root: bool) -> Value:
    """The same; own, count, ordered: as `reduced` has them."""
    b, data = call.b, call.b.cast(data, "float32")
    if root and not own.rank:
        raise Fault(f"operation {call.path!r} has one segment alone: the file is damaged")
    total, counts = [reduced(call, "Sum", one, own, count, ordered) for one in (data, b.like(data, 1))]
    counts = b.maximum(counts, 1.0)
    return b.div(total, b.sqrt(counts) if root else counts)
