"""Norms of vectors and of matrices."""
from typing import Any, List

from ...base.fault import Fault
from ...emit import Builder, Value
from ...emit.core import axis_of
from ..rules import Call, function, operation
from .given import argument, axes, floats
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
