"""Indexing: slices, places, scatters, order."""
from typing import Any, List, Union

import numpy

from ...base.fault import Fault
from ...emit import Builder, Value
from ...emit.core import DType, axis_of
from ..rules import Call, function, node, operation
from .casting import cast_to
from .given import (
    argument,
    attributes,
    axes,
    integer,
    integers,
    join,
    known,
    limited,
    needed,
    tensor,
    value,
)
from .picking import masked


@operation("GetItem")
@function("__operators__.getitem")
def get_item(call: Call) -> Value:
    """x[key]: whole numbers, slices, None, an ellipsis; scalars that are computed; a mask."""
    x, key = tensor(call), argument(call, "key slice_spec", 1)
    if isinstance(key, Value) and key.dtype == "bool":
        return masked(call.b, x, key)
    keys = list(key) if isinstance(key, (list, tuple)) else [key]
    return call.b.index(x, [place_of(call, one) for one in keys])


def place_of(call: Call, key: Any) -> Any:
    """One key of an index."""
    if isinstance(key, slice):
        bounds = [None if one is None else scalar(call, one) for one in (key.start, key.stop)]
        return slice(bounds[0], bounds[1], None if key.step is None else integer(call, key.step, "step"))
    if key is None or key is Ellipsis:
        return key
    if isinstance(key, (list, numpy.ndarray)) or isinstance(key, Value) and key.rank:
        raise Fault(f"operation {call.path!r} picks several places at once, which Keras does not build: the file is "
                    "damaged")
    return scalar(call, key)


def scalar(call: Call, given: Any) -> Union[int, Value]:
    """A whole number, or a scalar that is computed."""
    given = known(given)
    return given if isinstance(given, Value) else integer(call, given, "index")


@node("StridedSlice")
def strided_slice(call: Call) -> Value:
    """x[...], with a bit for each key in five masks."""
    masks = attributes(call)
    return sliced(call, tensor(call), call.args[1:4], {name: masks.get(name, 0) for name in masks})


@function("strided_slice")
def strided_slice_function(call: Call) -> Value:
    """The same, as a function."""
    bounds = [argument(call, name) for name in ("begin", "end", "strides")]
    return sliced(call, tensor(call, "input_"), bounds, {key: one for key, one in call.kwargs.items() if "mask" in key})


def sliced(call: Call, x: Value, bounds: List[Any], masks: Any) -> Value:
    """x[begin:end:stride] along each dimension."""
    begins, ends = [scalars(call, one) for one in bounds[:2]]
    steps = integers(call, bounds[2], "stride") if bounds[2] is not None else [1] * len(begins)
    keys: List[Any] = []
    for place, (begin, end, step) in enumerate(zip(begins, ends, steps)):
        has = {name: bool(int(masks.get(name, 0) or 0) >> place & 1) for name in (
            "begin_mask", "end_mask", "ellipsis_mask", "new_axis_mask", "shrink_axis_mask")}
        if has["ellipsis_mask"]:
            keys.append(Ellipsis)
        elif has["new_axis_mask"]:
            keys.append(None)
        elif has["shrink_axis_mask"]:
            keys.append(0 if has["begin_mask"] else begin)
        else:
            keys.append(slice(None if has["begin_mask"] else begin, None if has["end_mask"] else end, step))
    return call.b.index(x, keys)


def scalars(call: Call, given: Any) -> List[Union[int, Value]]:
    """A row of whole numbers or scalars that are computed."""
    given = known(given)
    if isinstance(given, Value):
        if given.rank != 1 or given.shape[0] is None:
            call.refuse("its bounds are computed, and so is their number", "give a list, of a number or tensor each")
        return [scalar(call, call.b.at(given, 0, place)) for place in range(given.shape[0])]
    return [scalar(call, one) for one in (given if isinstance(given, (list, tuple)) else [given])]


@operation("Slice")
def slice_of_keras(call: Call) -> Value:
    """A part of that shape from the places on; a start that is computed is held inside."""
    b, x = call.b, tensor(call, "inputs")
    starts, lengths = scalars(call, argument(call, "start_indices", 1, needed)), integers(call, call.config["shape"])
    return part(b, x, starts, lengths)


@function("slice")
@node("Slice")
def slice_of_tensorflow(call: Call) -> Value:
    """A part of that size from the places on; -1: all that is left."""
    x = tensor(call, "input_")
    return part(call.b, x, scalars(call, argument(call, "begin", 1, needed)), scalars(call, argument(call, "size", 2)))


def part(b: Builder, x: Value, starts: List[Any], lengths: List[Any]) -> Value:
    """From each start on so many places."""
    if len(starts) != x.rank or len(lengths) != x.rank:
        raise Fault(f"a slice of {len(starts)} dimensions of a tensor of shape {x.shape}: the file is damaged")
    for axis, (start, length) in enumerate(zip(starts, lengths)):
        size = x.shape[axis]
        if isinstance(start, Value) or isinstance(length, Value):
            end = None if not isinstance(length, Value) and length == -1 else b.add(
                start if isinstance(start, Value) else b.constant(start), length)
            x = b.stepped(x, axis, start, end, 1)
            if not isinstance(length, Value) and length != -1:
                x = Value(x.dtype, x.shape[:axis] + (length,) + x.shape[axis + 1:], x.tensor)
            continue
        if start < 0 or size is not None and start + max(length, 1) > size:
            raise Fault(f"a slice from {start} on, {length} long, of a tensor of shape {x.shape}: the file is damaged")
        x = b.cut(x, axis, start, None if length == -1 else length)
    return x


@operation("SliceUpdate")
def slice_update(call: Call) -> Value:
    """x with other values from these places on."""
    b, x = call.b, tensor(call, "inputs")
    starts = scalars(call, argument(call, "start_indices", 1, needed))
    update = b.cast(value(call, argument(call, "updates", 2, needed)), x.dtype)
    if any(isinstance(one, Value) for one in starts):
        call.refuse("its places are computed", "write whole numbers there")
    margins = []
    for axis, start in enumerate(starts):
        size, length = x.shape[axis], update.shape[axis]
        if size is None and (start or length is not None):
            call.refuse("it changes a part of an axis of open size", "give its size: --input-shape")
        margins.append((0, 0) if size is None else (start, size - start - length))
    if any(min(pair) < 0 for pair in margins):
        raise Fault(f"operation {call.path!r} changes what {x.shape} does not hold: the file is damaged")
    there = b.pad(b.cast(b.like(update, 1), "int32"), margins)
    return b.where(b.compare("Greater", there, 0), b.pad(update, margins), x)


# Places ----------------------------------------------------------------------------------------------------------


@operation("Take")
def take(call: Call) -> Value:
    """The slices at these places along an axis; without an axis of all values in a row.  Below 0: from the back."""
    b, x, axis = call.b, tensor(call), axes(call)
    places = value(call, argument(call, "indices", 1, needed))
    if axis is None:
        x, axis = b.reshape(x, [-1]), [0]
    return gathered(call, x, places, axis[0])


def gathered(call: Call, x: Value, places: Value, axis: int) -> Value:
    """The slices at these places; a place below 0 counts from the back."""
    b, places = call.b, call.b.cast(places, "int32")
    size = x.shape[axis_of(axis, x.rank)]
    if places.is_constant:
        found = places.array
        if size is not None and found.size and not -size <= found.min() <= found.max() < size:
            raise Fault(f"operation {call.path!r} looks up place {found.min()} or {found.max()} of {size}")
        if size is None and found.size and found.min() < 0:
            return b.gather(x, b.where(found < 0, b.add(b.dim(x, axis), found), found), axis)
        return b.gather(x, b.constant(numpy.where(found < 0, found + (size or 0), found)), axis)
    return b.gather(x, b.where(b.compare("Less", places, 0), b.add(places, b.dim(x, axis)), places), axis)


@function("gather nn.embedding_lookup embedding_lookup")
@node("GatherV2 Gather")
def gather(call: Call) -> Value:
    """The slices at these places along an axis; with batch_dims of each row its own."""
    b, x = call.b, tensor(call, "params")
    places = value(call, argument(call, "indices ids", 1, needed))
    batches = integer(call, argument(call, "batch_dims", None, 0), "batch_dims")
    axis = axis_of(integer(call, argument(call, "axis", 2 if call.kind == "TensorFlowOpLayer" else None, batches),
                           "axis"), x.rank)
    if not batches:
        return b.gather(x, places, axis)
    batches = axis_of(batches, places.rank + 1)
    if axis < batches:
        raise Fault(f"operation {call.path!r} looks up axis {axis} behind {batches} of batches: the file is damaged")
    count, kept = 1, list(places.shape[batches:])
    for size in kept:
        count = None if size is None or count is None else count * size
    sizes = [b.dim(places, place) for place in range(places.rank)]
    if len(kept) != 1:
        places = b.reshape(places, sizes[:batches] + [-1 if count is None else count])
    for _ in range(axis - batches):
        places = b.expand(places, batches)
    while places.rank < x.rank:
        places = b.expand(places, -1)
    found = b.gather_along(x, places, axis)
    if len(kept) == 1:
        return found
    made = b.reshape(found, [b.dim(x, place) for place in range(axis)] + sizes[batches:]
                     + [b.dim(x, place) for place in range(axis + 1, x.rank)])
    return Value(made.dtype, x.shape[:axis] + tuple(kept) + x.shape[axis + 1:], made.tensor, made.weight)


@function("gather_nd")
@node("GatherNd")
def gather_nd(call: Call) -> Value:
    """The slices at these places of several dimensions."""
    x, places = tensor(call, "params"), call.b.cast(value(call, argument(call, "indices", 1, needed)), "int32")
    if argument(call, "batch_dims", None, 0):
        call.refuse("it looks up in batches (batch_dims)", "take tf.gather, which looks up one axis in batches")
    depth = places.shape[-1]
    if depth is None or depth > x.rank:
        raise Fault(f"operation {call.path!r} looks up {depth} dimensions of {x.shape}: the file is damaged")
    return call.b.one("GatherNd", [x, places], x.dtype, places.shape[:-1] + x.shape[depth:], Tparams=DType(x.dtype),
                      Tindices=DType("int32"))


@operation("TakeAlongAxis")
def take_along_axis(call: Call) -> Value:
    """The values of each row at places of its own."""
    b, x, axis = call.b, tensor(call), axes(call)
    places = value(call, argument(call, "indices", 1, needed))
    if axis is None:
        x, places, axis = b.reshape(x, [-1]), b.reshape(places, [-1]), [0]
    return b.gather_along(x, places, axis[0])


@operation("Diagonal")
def diagonal(call: Call) -> Value:
    """The diagonal of two dimensions, which becomes the last one."""
    return diagonal_of(call, tensor(call), call.config)


def diagonal_of(call: Call, x: Value, config: Any) -> Value:
    """The diagonal `offset` of the dimensions axis1 and axis2."""
    b = call.b
    first, second = [axis_of(config.get(key, default), x.rank) for key, default in (("axis1", 0), ("axis2", 1))]
    offset = integer(call, config.get("offset", 0), "offset")
    x = b.transpose(x, [axis for axis in range(x.rank) if axis not in (first, second)] + [first, second])
    rows, columns = x.shape[-2:]
    if rows is None or columns is None:
        call.refuse("it takes the diagonal of an axis of open size", "give its size: --input-shape")
    places = [row * columns + row + offset for row in range(rows) if 0 <= row + offset < columns]
    if not places:
        raise Fault(f"operation {call.path!r} takes diagonal {offset} of {rows} x {columns}, which has no values")
    flat = b.reshape(x, [b.dim(x, axis) for axis in range(x.rank - 2)] + [rows * columns])
    flat = Value(flat.dtype, x.shape[:-2] + (rows * columns,), flat.tensor, flat.weight)
    return b.gather(flat, numpy.array(places, "int32"), -1)


@operation("Trace")
def trace(call: Call) -> Value:
    """The sum of the diagonal."""
    found = diagonal_of(call, tensor(call), call.config)
    return call.b.sum(found, -1)


@function("linalg.trace")
def trace_of_tensorflow(call: Call) -> Value:
    """The sum of the diagonal of the last two dimensions."""
    return call.b.sum(diagonal_of(call, tensor(call), {"axis1": -2, "axis2": -1}), -1)


@operation("Diag")
def diag(call: Call) -> Value:
    """The diagonal of a matrix, or a matrix with that diagonal."""
    x, offset = tensor(call), integer(call, argument(call, "k", None, 0), "k")
    return diagonal_of(call, x, {"offset": offset}) if x.rank == 2 else matrix_of(call, x, offset)


@operation("Diagflat")
def diagflat(call: Call) -> Value:
    """A matrix with all values on a diagonal."""
    return matrix_of(call, call.b.reshape(tensor(call), [-1]), integer(call, argument(call, "k", None, 0), "k"))


def matrix_of(call: Call, x: Value, offset: int) -> Value:
    """A matrix with the last dimension of x on its diagonal `offset`."""
    size = x.shape[-1]
    if size is None:
        call.refuse("it makes a matrix of an axis of open size", "give its size: --input-shape")
    side = size + abs(offset)
    limited(call, [side, side])
    b = call.b
    wide = b.pad(x, [(0, 0)] * (x.rank - 1) + [(max(-offset, 0), max(offset, 0))])
    wide = wide if offset >= 0 else wide
    there = b.constant(numpy.eye(side, k=offset, dtype="float32"))
    if offset > 0:  # row r holds value r
        return b.mul(b.expand(b.pad(x, [(0, 0)] * (x.rank - 1) + [(0, offset)]), -1), b.cast(there, x.dtype))
    return b.mul(b.expand(wide, -1), b.cast(there, x.dtype))


@operation("Tril")
def tril(call: Call) -> Value:
    """Zeros above the diagonal k."""
    return call.b.triangle(tensor(call), integer(call, argument(call, "k", None, 0), "k"), False)


@operation("Triu")
def triu(call: Call) -> Value:
    """Zeros below the diagonal k."""
    return call.b.triangle(tensor(call), integer(call, argument(call, "k", None, 0), "k"), True)


@function("linalg.band_part")
@node("MatrixBandPart")
def band_part(call: Call) -> Value:
    """Zeros further from the diagonal than these numbers; below 0: no zeros on that side."""
    x = tensor(call, "input")
    lower = integer(call, argument(call, "num_lower", 1, needed), "num_lower")
    upper = integer(call, argument(call, "num_upper", 2, needed), "num_upper")
    x = x if lower < 0 else call.b.triangle(x, -lower, True)
    return x if upper < 0 else call.b.triangle(x, upper, False)


@operation("OneHot")
@function("one_hot")
@node("OneHot")
def one_hot(call: Call) -> Value:
    """A one at each place along a new axis, zeros elsewhere."""
    b, x = call.b, tensor(call, "x indices")
    count = integer(call, argument(call, "num_classes depth", 1, needed), "depth")
    limited(call, [one or 1 for one in x.shape] + [count])
    on, off = argument(call, "on_value", 2, 1), argument(call, "off_value", 3, 0)
    axis = integer(call, argument(call, "axis", None, -1), "axis")
    if call.kind == "TensorFlowOpLayer":
        kind = "float32" if attributes(call).get("T") in ("DT_FLOAT", None) else "int32"
        return b.one_hot(x, count, axis, *[value(call, one, kind) for one in (on, off)], dtype=kind)
    dtype = argument(call, "dtype") or (join([value(call, on)]) if on != 1 else "float32")
    made = b.one_hot(x, count, axis, on, off) if call.major < 3 else b.one_hot(x, count, axis)
    return cast_to(call, made, dtype)


@operation("MultiHot")
def multi_hot(call: Call) -> Value:
    """Ones at the places that stand along the last axis."""
    b, x = call.b, tensor(call, "inputs")
    count = integer(call, argument(call, "num_classes num_tokens", None, needed), "num_classes")
    limited(call, [one or 1 for one in x.shape] + [count])
    axis = integer(call, argument(call, "axis", None, -1), "axis")
    reduced = 1 if x.rank > 1 else 0
    made = b.max(b.one_hot(x, count, axis), reduced)
    return cast_to(call, made, argument(call, "dtype", None, "float32"))
