"""Sparse tensors, as operations have them: the places of their numbers, these, the shape (core/ops/sparse_ops.cc).

Feature columns look up embeddings by them: a column of categories is sparse, and each row's numbers are a segment.
"""
from typing import Callable, List

import numpy

from ...base.fault import Fault
from ...emit import Builder, Value
from ...emit.core import DType
from ..rules import Call, node
from .dynamic_sizes import places_of
from .given import argument, attributes, integer, limited, needed, tensor, value
from .linear import typed
from .segments import averaged, reduced


def part(call: Call, at: int) -> Value:
    """The input at a place."""
    return value(call, argument(call, f"input {at}", at, needed))


def row_of(call: Call, at: int) -> Value:
    """The input at a place, a vector of whole numbers."""
    found = part(call, at)
    if found.rank != 1:
        raise Fault(f"operation {call.path!r} has a tensor of shape {found.shape} in place of a vector: the file is "
                    "damaged")
    return call.b.cast(found, "int32")


def columns(call: Call, places: Value) -> List[Value]:
    """The places along each dimension, of a tensor (numbers, dimensions)."""
    if places.rank != 2 or places.shape[1] is None:
        raise Fault(f"operation {call.path!r} has places of shape {places.shape}: give the sizes (--input-shape)")
    return call.b.unstack(call.b.cast(places, "int32"), 1)


def steps(b: Builder, sizes: List[Value]) -> List[Value]:
    """How far apart the places along each dimension are in a row of all."""
    found = [b.constant(1, "int32")]
    for size in reversed(sizes[1:]):
        found.insert(0, b.mul(size, found[0]))
    return found


@node("SparseReshape")
def reshape(call: Call) -> List[Value]:
    """The places in a tensor of another shape, of which one size may be -1, and this shape."""
    b, places = call.b, columns(call, part(call, 0))
    before, after = [row_of(call, at) for at in (1, 2)]
    if before.shape[0] is None or after.shape[0] is None or before.shape[0] != len(places):
        raise Fault(f"operation {call.path!r} has shapes of shape {before.shape} and {after.shape}: give the sizes "
                    "(--input-shape)")
    before, after = b.unstack(before, 0), b.unstack(after, 0)
    flat = b.constant(0, "int32")
    for place, step in zip(places, steps(b, before)):
        flat = b.add(flat, b.mul(place, step))
    total = b.mul(before[0], steps(b, before)[0])
    told = b.constant(1, "int32")
    for size in after:
        told = b.mul(told, b.where(b.compare("Less", size, 0), 1, size))
    rest = b.binary("FloorDiv", total, b.maximum(told, 1))
    after = [b.where(b.compare("Less", size, 0), rest, size) for size in after]
    found = []
    for place, (size, step) in enumerate(zip(after, steps(b, after))):
        one = b.binary("FloorDiv", flat, b.maximum(step, 1))
        found.append(b.binary("FloorMod", one, b.maximum(size, 1)) if place else one)
    return [b.stack(found, 1), b.stack(after, 0)]


@node("SparseFillEmptyRows")
def fill_empty_rows(call: Call) -> List[Value]:
    """The places and the numbers with one more number in each row that has none; which rows; where each number went.

    The rows stand in their order then, and the numbers of each as they stood.
    """
    b = call.b
    places, numbers, sizes, default = [part(call, at) for at in range(4)]
    first, *others = columns(call, places)
    count, own = b.squeeze(b.cut(b.cast(sizes, "int32"), 0, 0, 1), [0]), b.dim(first, 0)
    every = b.count(count)
    empty = b.invert(b.reduce("Any", b.compare("Equal", b.expand(every, 1), b.expand(first, 0)), 1))
    row = b.concat([first, b.where(empty, every, count)], 0)  # the rows that have numbers go behind all others
    order = b.top(b.neg(row), b.dim(row, 0))[1]
    kept = b.stepped(order, 0, None, b.add(own, b.sum(b.cast(empty, "int32"))), 1)
    none = b.mul(every, 0)
    moved = b.stack([b.gather(b.concat([one, more], 0), kept) for one, more in zip(
        [first] + others, [every] + [none] * len(others))], 1)
    filled = b.gather(b.concat([numbers, b.add(b.cast(none, numbers.dtype), b.cast(default, numbers.dtype))
                                if numbers.dtype != "bool" else b.spread(default, [default, none])], 0), kept)
    went = b.stepped(b.top(b.neg(order), b.dim(order, 0))[1], 0, None, own, 1)
    return [moved, filled, empty, went]


def of_segments(how: str) -> Callable[[Call], Value]:
    """The function of one reduction of rows that are looked up, "Sum", "Mean" or "SqrtN", in segments that are sorted.
    """
    def lower(call: Call) -> Value:
        b, (data, places, own) = call.b, [part(call, at) for at in range(3)]
        count = integer(call, call.args[3], "num_segments") if len(call.args) > 3 else None
        data = b.gather(data, places)
        return reduced(call, "Sum", data, own, count, True) if how == "Sum" else averaged(
            call, data, own, count, True, how == "SqrtN")
    return lower


for _how in ("Sum", "Mean", "SqrtN"):
    node(f"SparseSegment{_how} SparseSegment{_how}WithNumSegments")(of_segments(_how))


def dense(call: Call) -> Value:
    """The whole tensor of the first three inputs, zeros where no number stands."""
    b, places, numbers = call.b, part(call, 0), part(call, 1)
    columns(call, places)
    sizes = row_of(call, 2)
    known = sizes.array.tolist() if sizes.is_constant else [None] * places.shape[1]
    limited(call, known)
    return b.one("ScatterNd", [b.cast(places, "int32"), numbers, sizes], numbers.dtype, known,
                 T=DType(numbers.dtype), Tindices=DType("int32"))


@node("SparseTensorDenseMatMul")
def product(call: Call) -> Value:
    """The product of a sparse matrix and a dense one, either of them turned."""
    told, x, y = attributes(call), dense(call), part(call, 3)
    found = call.b.matmul(x, y, bool(told.get("adjoint_a")), bool(told.get("adjoint_b")))
    return typed(call, found, x, y)


@node("SparseReduceSum")
def reduce_sum(call: Call) -> Value:
    """The sums along these axes."""
    x = dense(call)
    axes = [integer(call, one, "axis") for one in numpy.reshape(call.args[3], -1).tolist()]
    return call.b.sum(x, axes or None, bool(attributes(call).get("keep_dims")))


@node("ListDiff")
def list_diff(call: Call) -> List[Value]:
    """The numbers of a row that another lacks, and their places."""
    b, (x, y) = call.b, [part(call, at) for at in (0, 1)]
    x, y = b.together(x, y)
    there = b.reduce("Any", b.compare("Equal", b.expand(x, 1), b.expand(y, 0)), 1)
    places = places_of(b, b.invert(there))
    return [b.gather(x, places), places]


@node("DynamicPartition")
def dynamic_partition(call: Call) -> List[Value]:
    """The rows of each part, whose number stands beside each row."""
    b, x = call.b, tensor(call, "data")
    own, count = b.cast(part(call, 1), "int32"), integer(call, argument(call, "num_partitions", None, needed), "parts")
    if not 0 < count <= 4096 or own.rank > x.rank:
        raise Fault(f"operation {call.path!r} makes {count} parts of {x.shape}: the file is damaged")
    x = b.reshape(x, [-1] + [b.dim(x, axis) for axis in range(own.rank, x.rank)]) if own.rank != 1 else x
    own = b.reshape(own, [-1])
    return [b.gather(x, places_of(b, b.compare("Equal", own, place))) for place in range(count)]
