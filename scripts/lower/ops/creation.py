"""Tensors made of sizes and bounds: ranges of numbers, one number everywhere, masks of lengths."""
import math
from typing import Any, List, Sequence

import numpy

from ...base.fault import Fault
from ...emit import Builder, Value
from ...emit.core import DType, axis_of
from .. import narrow
from ..rules import Call, function, node, operation
from .casting import cast_to
from .given import argument, integer, integers, known, limited, needed, tensor, value
from .shaping import sizes


@function("range")
@node("Range")
@operation("Arange")
def arange(call: Call) -> Value:
    """start, start + step, ... below stop; a bound may be computed of sizes."""
    first = argument(call, "start", 0, needed)
    stop = argument(call, "stop limit", 1 if len(call.args) > 1 else None)
    step = argument(call, "step delta", 2 if len(call.args) > 2 else None, 1)
    first, stop = (0, first) if stop is None else (first, stop)
    told = [known(one) for one in (first, stop, step)]
    if not any(isinstance(one, Value) for one in told):
        if told[2] == 0 or abs((told[1] - told[0]) / told[2]) > 1 << 20:
            raise Fault(f"operation {call.path!r} counts without an end: the file is damaged")
        made = call.b.constant(numpy.arange(*told))
    else:
        given = [value(call, one) for one in told]
        kind = "float32" if any(one.dtype == "float32" for one in given) else "int32"
        if any(one.rank for one in given):
            raise Fault(f"operation {call.path!r} ({call.kind}) has bounds that are no numbers: the file is damaged")
        made = call.b.one("Range", [call.b.cast(one, kind) for one in given], kind, (None,), Tidx=DType(kind))
    dtype = argument(call, "dtype") if call.kind != "TensorFlowOpLayer" else None
    return cast_to(call, made, dtype) if dtype else made


@function("fill")
@node("Fill")
def fill(call: Call) -> Value:
    """One number in a shape, of which a size may be computed."""
    number = value(call, argument(call, "value", 1, needed))
    return filled(call, argument(call, "dims", 0, needed), number)


def filled(call: Call, shape: Any, number: Value) -> Value:
    """The number in that shape."""
    found = [known(one) for one in sizes(call, shape)]
    limited(call, [None if isinstance(one, Value) else one for one in found])
    return call.b.mul(call.b.fill(found, 1, number.dtype), number) if number.dtype != "bool" else call.b.cast(
        call.b.mul(call.b.fill(found, 1, "int32"), call.b.cast(number, "int32")), "bool")


@function("zeros ones")
def zeros_or_ones(call: Call) -> Value:
    """Zeros or ones in a shape, of which a size is computed."""
    number = int(call.config["function"].endswith("ones"))
    kind = cast_to(call, call.b.constant(number, "int32"), argument(call, "dtype", None, "float32"))
    return filled(call, argument(call, "shape", 0, needed), kind)


@operation("Linspace")
@function("linspace")
def linspace(call: Call) -> Value:
    """So many numbers at equal distances."""
    return spaced(call, *bounds(call))


def bounds(call: Call) -> List[Value]:
    """The first and the last of a row of numbers."""
    return [call.b.cast(value(call, argument(call, name, place, needed)), "float32")
            for place, name in enumerate(("start", "stop"))]


def spaced(call: Call, first: Value, last: Value) -> Value:
    """The numbers, with the last one where endpoint says so."""
    b, closed = call.b, call.config.get("endpoint", True)
    count = integer(call, argument(call, "num", None, 50), "num")
    if not 0 < count <= 1 << 16 or call.config.get("retstep"):
        call.refuse("it makes very many numbers, or returns their distance", "take a smaller num, and retstep=False")
    axis = integer(call, argument(call, "axis", None, 0), "axis")
    rank = max(first.rank, last.rank)
    axis = axis_of(axis, rank + 1)
    shape: List[int] = [1] * (rank + 1)
    shape[axis] = count
    steps = max(count - 1 if closed else count, 1)
    places = b.constant((numpy.arange(count) / steps).reshape(shape).astype("float32"))
    first, last = [b.expand(one, axis) if one.rank == rank else one for one in (first, last)]
    made = b.add(first, b.mul(b.sub(last, first), places))
    dtype = argument(call, "dtype") if call.major > 2 else None
    return cast_to(call, made, dtype) if dtype else made


@operation("Logspace")
def logspace(call: Call) -> Value:
    """Powers of a base at equal distances of their exponents."""
    return call.b.binary("Pow", float(call.config.get("base", 10)), spaced(call, *bounds(call)))


@operation("Geomspace")
def geomspace(call: Call) -> Value:
    """Numbers at equal ratios: powers of 10, with the sign of the first (keras 3 backend/tensorflow/numpy.py)."""
    b, (first, last) = call.b, bounds(call)
    exponents = [b.mul(b.log(b.unary("Abs", one)), 1 / math.log(10)) for one in (first, last)]
    made = b.binary("Pow", 10.0, spaced(call, *exponents))
    axis = axis_of(integer(call, argument(call, "axis", None, 0), "axis"), made.rank)
    sign = b.unary("Sign", first)
    return b.mul(made, b.expand(sign, axis) if sign.rank == made.rank - 1 else sign)


@function("sequence_mask")
def sequence_mask(call: Call) -> Value:
    """A mask of the steps within a length."""
    b, lengths = call.b, tensor(call, "lengths")
    most = known(argument(call, "maxlen"))
    if most is None or isinstance(most, Value):
        call.refuse("its number of steps is computed", "give maxlen")
    limited(call, [integer(call, most, "maxlen")])
    there = b.compare("Less", numpy.arange(most).astype(lengths.dtype), b.expand(lengths, -1))
    return cast_to(call, there, argument(call, "dtype", None, "bool"))


@operation("Scatter")
@function("scatter_nd")
@node("ScatterNd")
def scatter(call: Call) -> Value:
    """Zeros with values at places; those of one place are summed up."""
    b = call.b
    places = b.cast(value(call, argument(call, "indices", 0, needed)), "int32")
    updates = value(call, argument(call, "values updates", 1, needed))
    shape = [known(one) for one in sizes(call, argument(call, "shape", 2, needed))]
    if any(isinstance(one, Value) or one is None for one in shape) or places.shape[-1] is None:
        call.refuse("its shape is computed", "write it as whole numbers")
    limited(call, shape)
    made = b.one("ScatterNd", [places, updates, b.constant(shape, "int32", "shape")], updates.dtype, shape,
                 T=DType(updates.dtype), Tindices=DType("int32"))
    return narrow.alike(b, made, updates)


@operation("UnravelIndex")
def unravel_index(call: Call) -> List[Value]:
    """The places in each dimension of places in a row."""
    return unraveled(call.b, tensor(call, "indices"), [integer(call, one, "shape") for one in call.config["shape"]])


def unraveled(b: Builder, places: Value, shape: Sequence[int]) -> List[Value]:
    """The places in each dimension of places in all of a tensor of that shape."""
    made: List[Value] = []
    for size in reversed(shape):
        made.insert(0, b.binary("FloorMod", places, max(size, 1)))
        places = b.binary("FloorDiv", places, max(size, 1))
    return made


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
def unraveled_rows(call: Call) -> Value:
    """The places in each dimension of places in a row: a row of each dimension's."""
    dims = integers(call, argument(call, "dims", 1, needed), "dims")
    return call.b.stack(unraveled(call.b, tensor(call, "indices"), dims), 0)
