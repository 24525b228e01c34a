"""Lists of tensors, and rows that constants part and put together (tf.dynamic_partition, tf.dynamic_stitch)."""
from typing import List

import numpy

from ...base.fault import Fault
from ...emit import Value
from ..rules import Call, function, node, tensors
from .given import argument, integer, known, limited, needed, tensor, value


@function("identity_n")
def identity_n(call: Call) -> List[Value]:
    """The same tensors."""
    return tensors(argument(call, "input", 0, needed))


@function("shape_n")
@node("ShapeN")
def shape_n(call: Call) -> List[Value]:
    """The shapes of several tensors."""
    b = call.b
    return [b.sizes([b.dim(one, axis) for axis in range(one.rank)]) for one in tensors([call.args, call.kwargs])]


@function("dynamic_partition")
def dynamic_partition(call: Call) -> List[Value]:
    """The rows of each part, as constants say."""
    x, own = tensor(call, "data"), known(argument(call, "partitions", 1, needed))
    count = integer(call, argument(call, "num_partitions", 2, needed), "num_partitions")
    if isinstance(own, Value):
        call.refuse("the part of each row is computed", "choose by where(condition, x, y)")
    places = numpy.asarray(own)
    if places.ndim != 1 or not 0 < count <= 4096:
        raise Fault(f"operation {call.path!r} makes {count} parts of {str(own)[:60]}: the file is damaged")
    return [call.b.gather(x, numpy.flatnonzero(places == part).astype("int32"), 0) for part in range(count)]


@function("math.invert_permutation")
@node("InvertPermutation")
def invert_permutation(call: Call) -> Value:
    """The place that each place of a row came from."""
    b, x = call.b, tensor(call)
    if x.rank != 1 or x.shape[0] is None:
        raise Fault(f"operation {call.path!r} turns a tensor of shape {x.shape} round: the file is damaged")
    limited(call, [x.shape[0], x.shape[0]])
    places = numpy.arange(x.shape[0], dtype="int32")
    there = b.cast(b.compare("Equal", b.expand(x, 0), places[:, None]), "int32")
    return b.sum(b.mul(there, places), -1)


@function("dynamic_stitch")
@node("DynamicStitch ParallelDynamicStitch")
def dynamic_stitch(call: Call) -> Value:
    """Rows of several tensors in the order that constants say, the last of those that meet."""
    b, lists = call.b, [argument(call, name, at, needed) for at, name in enumerate(("indices", "data"))]
    if call.kind == "TensorFlowOpLayer":
        lists = [call.args[:len(call.args) // 2], call.args[len(call.args) // 2:]]
    data = [value(call, one) for one in lists[1]]
    if any(isinstance(one, Value) and not one.is_constant for one in lists[0]):
        return stitched(call, [b.cast(value(call, one), "int32") for one in lists[0]], data)
    places = [numpy.asarray(known(one)) for one in lists[0]]
    rows = [b.reshape(one, [-1] + list(one.shape[index.ndim:])) for one, index in zip(data, places)]
    flat = numpy.concatenate([index.reshape(-1) for index in places])
    last = {int(place): row for row, place in enumerate(flat)}
    if sorted(last) != list(range(len(last))):
        raise Fault(f"operation {call.path!r} leaves rows out: the file is damaged")
    return b.gather(b.concat(rows, 0), numpy.array([last[place] for place in range(len(last))], "int32"), 0)


def stitched(call: Call, places: List[Value], data: List[Value]) -> Value:
    """Rows of several tensors at places that are computed, the last of those that meet."""
    b = call.b
    rest = data[0].shape[places[0].rank:]
    if None in rest:
        raise Fault(f"operation {call.path!r} has rows of shape {rest}: give the sizes (--input-shape)")
    rows = b.concat([b.reshape(one, [-1] + list(rest)) for one in data], 0)
    flat = b.concat([b.reshape(one, [-1]) for one in places], 0)
    wanted = b.count(b.add(b.max(flat), 1))
    there = b.cast(b.compare("Equal", b.expand(wanted, 1), b.expand(flat, 0)), "int32")
    return b.gather(rows, b.max(b.mul(there, b.count(b.dim(flat, 0))), 1), 0)
