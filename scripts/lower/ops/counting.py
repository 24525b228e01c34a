"""Counts of pairs of classes, and segments by their size (tf.math)."""

import numpy

from ...base.fault import Fault
from ...emit import Builder, Value
from ..rules import Call, function
from . import scattering
from .casting import cast_to
from .given import argument, integer, known, limited, needed, tensor, value


@function("math.unsorted_segment_sqrt_n")
def segment_root(call: Call) -> Value:
    """The sum of each segment over the root of how many it has."""
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
    return b.div(total, b.sqrt(counts))


# Counts ------------------------------------------------------------------------------------------------------------


def chosen(b: Builder, places: Value, count: int) -> Value:
    """1 at each number's own place, 0 elsewhere, along a new last dimension."""
    return b.cast(b.compare("Equal", b.expand(b.cast(places, "int32"), -1), numpy.arange(count, dtype="int32")),
                  "float32")


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
