"""Norms of vectors and of matrices."""
from typing import Any, List

from ...base.fault import Fault
from ...emit import Builder, Value
from ...emit.core import axis_of
from ..rules import Call, function, operation, tensors
from .given import argument, axes, floats, needed, value
from .reducing import keeps
from .singular import singular_values

SINGULAR = ("nuc", 2, -2)  # the sum of a matrix's singular values, the largest, the smallest


@operation("Norm")
@function("norm linalg.norm")
def norm(call: Call) -> Value:
    """The length of vectors, or a norm of matrices."""
    b, x = call.b, floats(call, "x tensor")
    along, kept = axes(call), bool(argument(call, "keepdims keep_dims", None, False))
    order = argument(call, "ord", None, None)
    order = {"euclidean": None, "inf": float("inf"), "-inf": -float("inf")}.get(order, order) \
        if isinstance(order, str) or order is None else order
    if call.major < 3:
        return of_vectors(b, x, 2 if order is None or order == "fro" else order, along, kept) \
            if along is None or len(along) == 1 or order is None else of_matrices(call, x, order, along, kept)
    if along is None:
        if order is None:
            found = of_vectors(b, x, 2, None, False)
            return b.reshape(found, [1] * x.rank) if kept else found
        along = list(range(x.rank))
    if len(along) == 1:
        return of_vectors(b, x, 2 if order is None else order, along, kept)
    return of_matrices(call, x, "fro" if order is None else order, along, kept)


def of_vectors(b: Builder, x: Value, order: Any, along: Any, kept: bool) -> Value:
    """The norm of all values along axes."""
    size = b.unary("Abs", x)
    if order == float("inf"):
        return b.max(size, along, kept)
    if order == -float("inf"):
        return b.min(size, along, kept)
    if order == 0:
        return b.sum(b.cast(b.compare("NotEqual", x, 0), "float32"), along, kept)
    if order == 1:
        return b.sum(size, along, kept)
    if order == 2:
        return b.sqrt(b.sum(b.square(x), along, kept))
    return b.binary("Pow", b.sum(b.binary("Pow", size, float(order)), along, kept), 1.0 / order)


def of_matrices(call: Call, x: Value, order: Any, along: List[int], kept: bool) -> Value:
    """The norm of matrices whose rows and columns are two axes."""
    b = call.b
    if order == "fro":
        return of_vectors(b, x, 2, along, kept)
    if order in SINGULAR:
        return of_singular_values(call, x, order, along, kept)
    if order not in (1, -1, float("inf"), -float("inf")):
        raise Fault(f"operation {call.path!r} ({call.kind}) has ord={str(order)[:60]!r}: the file is damaged")
    rows, columns = [axis_of(axis, x.rank) for axis in along]
    first, second = (rows, columns) if abs(order) == 1 else (columns, rows)
    sums = b.sum(b.unary("Abs", x), first, True)
    found = b.max(sums, second, True) if order > 0 else b.min(sums, second, True)
    return found if kept else b.squeeze(found, [rows, columns])


def of_singular_values(call: Call, x: Value, order: Any, along: List[int], kept: bool) -> Value:
    """The sum of the singular values of matrices, the largest or the smallest.

    Keras 3 puts the axes back one after the other, as they were given (backend/tensorflow/linalg.py: norm).
    """
    b, places = call.b, [axis_of(axis, x.rank) for axis in along]
    others = [place for place in range(x.rank) if place not in places]
    values = singular_values(call, b.transpose(x, others + places))
    found = b.sum(values, -1) if order == "nuc" else b.max(values, -1) if order == 2 else b.min(values, -1)
    for axis in (along if call.major > 2 else sorted(places)) if kept else []:
        found = b.expand(found, axis)
    return found


@function("math.reduce_euclidean_norm")
def euclidean_norm(call: Call) -> Value:
    """The length along the axes."""
    x = floats(call, "input_tensor")
    return call.b.sqrt(call.b.sum(call.b.square(x), axes(call, at=1), keeps(call)))


@function("linalg.normalize")
def normalize(call: Call) -> list:
    """A tensor over its length, and the length."""
    b, x = call.b, floats(call, "tensor")
    order, along = argument(call, "ord", 1, "euclidean"), axes(call)
    if order == "euclidean" or along is None and order == 2:
        long = b.sqrt(b.sum(b.square(x), along, True))
    elif along is not None and len(along) > 1:
        long = of_matrices(call, x, order, along, True)
    else:
        long = of_vectors(b, x, order, along, True)
    return [b.div(x, long), long]


@function("clip_by_norm")
def clip_by_norm(call: Call) -> Value:
    """A tensor that is no longer than a number along the axes."""
    b, x = call.b, floats(call, "t")
    most, squares = floats(call, "clip_norm", 1), b.sum(b.square(x), axes(call, "axes"), True)
    return b.div(b.mul(x, most), b.maximum(b.sqrt(squares), most))


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
