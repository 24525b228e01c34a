"""Functions of TensorFlow that take or give lists of tensors."""
from typing import List

import numpy

from ...base.fault import Fault
from ...emit import Value
from ...emit.core import axis_of
from ..rules import Call, called, function, node, tensors
from . import making
from .arithmetic import divided_no_nan
from .casting import cast_to
from .given import argument, floats, integer, integers, known, limited, needed, tensor, value


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


@function("linalg.global_norm")
def global_norm(call: Call) -> Value:
    """The length of several tensors together."""
    return length(call, floats_of(call))


def floats_of(call: Call) -> List[Value]:
    """The tensors of the list."""
    return [call.b.cast(one, "float32") for one in tensors(argument(call, "t_list", 0, needed))]


def length(call: Call, parts: List[Value]) -> Value:
    """The root of the sum of all squares."""
    b, total = call.b, call.b.constant(0.0)
    for one in parts:
        total = b.add(total, b.sum(b.square(one)))
    return b.sqrt(total)


@function("clip_by_global_norm")
def clip_by_global_norm(call: Call) -> List[Value]:
    """Tensors that are no longer together than a number, and how long they were (tensorflow ops/clip_ops.py)."""
    b, parts = call.b, floats_of(call)
    most = b.cast(value(call, argument(call, "clip_norm", 1, needed)), "float32")
    given = argument(call, "use_norm", 2)
    long = length(call, parts) if given is None else b.cast(value(call, given), "float32")
    scale = b.mul(most, b.minimum(b.div(1.0, long), b.div(1.0, most)))
    return [b.mul(one, scale) for one in parts] + [long]


@function("eye")
def eye(call: Call) -> Value:
    """The unit matrix, as often as the operation says."""
    rows = integer(call, argument(call, "num_rows", 0, needed), "num_rows")
    columns = integer(call, argument(call, "num_columns", 1, rows), "num_columns")
    batch = integers(call, argument(call, "batch_shape", 2, []), "batch_shape")
    limited(call, batch + [rows, columns])
    made = numpy.broadcast_to(numpy.eye(rows, columns, dtype="float32"), batch + [rows, columns])
    return cast_to(call, call.b.constant(made), argument(call, "dtype", 3, "float32"))


@function("unravel_index")
@node("UnravelIndex")
def unravel_index(call: Call) -> Value:
    """The places in each dimension of places in a row: a row of each dimension's."""
    call.record = dict(call.record, config=dict(call.config, shape=integers(call, argument(
        call, "dims", 1, needed), "dims")))
    return call.b.stack(making.unravel_index(call), 0)


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


@function("quantization.quantize_and_dequantize_v2 quantize_and_dequantize_v4")
@node("QuantizeAndDequantizeV2 QuantizeAndDequantizeV4")
def quantized(call: Call) -> Value:
    """The nearest of so many steps (tensorflow core/kernels/quantize_and_dequantize_op.h)."""
    b, x = call.b, floats(call, "input")
    bits, signed = integer(call, argument(call, "num_bits", 4, 8), "num_bits"), argument(call, "signed_input", 3, True)
    if not 1 < bits < 24:
        raise Fault(f"operation {call.path!r} quantizes to {bits} bits: the file is damaged")
    axis, others = argument(call, "axis"), list(range(x.rank))
    axis = None if axis == -1 and not called(call.record, call.major).endswith("_v2") else axis  # what V4 has for none
    if axis is not None:
        others.remove(axis_of(integer(call, axis, "axis"), x.rank))
    shape = [1 if place in others else -1 for place in range(x.rank)]
    told = argument(call, "range_given", 5, False)
    low, high = [b.cast(value(call, argument(call, name, at, needed)), "float32") if told else reduce(x, others, True)
                 for name, at, reduce in (("input_min", 1, b.min), ("input_max", 2, b.max))]
    low, high = [b.reshape(one, shape) if axis is not None else one for one in (low, high)]
    first = (-(1 << bits - 1) + bool(argument(call, "narrow_range", None, False))) if signed else 0
    last = (1 << bits - bool(signed)) - 1
    steps = [divided_no_nan(b, b.constant(float(end)), bound) for end, bound in ((first, low), (last, high))]
    steps = [b.where(b.compare("Greater", one, 0.0), one, numpy.float32(3e38)) for one in steps]
    scale = b.minimum(*steps)
    if told:
        x = b.minimum(b.maximum(x, b.div(float(first), scale)), b.div(float(last), scale))
    moved = b.mul(x, scale)
    if str(argument(call, "round_mode", None, "HALF_TO_EVEN")) == "HALF_UP":
        return b.div(b.unary("Floor", b.add(moved, 0.5)), scale)
    return b.div(b.unary("Round", moved), scale)


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
    places = [numpy.asarray(known(one)) for one in lists[0]]
    if any(one.dtype == object for one in places):
        call.refuse("its places are computed", "write whole numbers there")
    data = [value(call, one) for one in lists[1]]
    rows = [b.reshape(one, [-1] + list(one.shape[index.ndim:])) for one, index in zip(data, places)]
    flat = numpy.concatenate([index.reshape(-1) for index in places])
    last = {int(place): row for row, place in enumerate(flat)}
    if sorted(last) != list(range(len(last))):
        raise Fault(f"operation {call.path!r} leaves rows out: the file is damaged")
    return b.gather(b.concat(rows, 0), numpy.array([last[place] for place in range(len(last))], "int32"), 0)
