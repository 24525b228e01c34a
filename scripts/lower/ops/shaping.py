"""Shapes: reshape, transpose, join, split, repeat, pad."""
from typing import Any, List, Optional

from ...base.fault import Fault
from ...emit import Value
from ...emit.core import DType, axis_of
from ..rules import Call, function, node, operation
from .casting import cast_to
from .given import argument, axes, integer, integers, known, limited, needed, tensor, value


def sizes(call: Call, given: Any) -> List[Any]:
    """A shape: whole numbers, None, and scalars that are computed."""
    given = known(given)
    if isinstance(given, Value):
        if given.rank != 1 or given.shape[0] is None:
            call.refuse("its shape is computed, and so is how many sizes it has",
                        "give a list, of a number or tensor each")
        return [call.b.at(given, 0, place) for place in range(given.shape[0])]
    return [one if isinstance(one, Value) and not one.is_constant or one is None else integer(call, one, "shape")
            for one in (given if isinstance(given, (list, tuple)) else [given])]


def target_of(call: Call, names: str) -> List[Any]:
    """The shape that an argument tells.  Raises a refusal where a tensor of that shape is larger than any model's."""
    target = sizes(call, argument(call, names, 1, needed))
    limited(call, [one if type(one) is int and one > 0 else 1 for one in target])
    return target


@operation("Reshape")
@function("reshape")
@node("Reshape")
def reshape(call: Call) -> Value:
    """Another shape; one size may be -1."""
    x, target = tensor(call, "x tensor"), target_of(call, "newshape shape")
    return reshaped(call, x, target)


def reshaped(call: Call, x: Value, target: List[Any]) -> Value:
    """x in the shape `target`, of which what the tensor's own open size fills is known to be the rest."""
    b = call.b
    done = b.reshape(x, target)
    computed = [place for place, size in enumerate(target) if isinstance(size, Value)]
    rest = [place for place, size in enumerate(target) if not isinstance(size, Value) and size in (-1, None)]
    if len(computed) == 1 and len(rest) == 1 and [size for size in x.shape if size is None] == [None] \
            and b.opened.get(target[computed[0]].tensor) == x.tensor:
        total = 1
        for size in x.shape:
            total *= size or 1
        for place, size in enumerate(target):
            total //= 1 if place in computed + rest else max(size, 1)
        shape = list(done.shape)
        shape[rest[0]] = total
        return Value(done.dtype, shape, done.tensor)
    return done


@operation("Ravel")
def ravel(call: Call) -> Value:
    """All values in a row."""
    return call.b.reshape(tensor(call), [-1])


@operation("Transpose")
@function("transpose")
@node("Transpose")
def transpose(call: Call) -> Value:
    """The dimensions in another order, by default the other way round."""
    x, order = tensor(call, "x a"), axes(call, "axes perm", at=1)
    return call.b.transpose(x, list(range(x.rank))[::-1] if order is None else permuted(call, order, x.rank))


def permuted(call: Call, order: List[int], rank: int) -> List[int]:
    """An order of all dimensions.  Raises Fault where it is none."""
    found = [axis_of(axis, rank) for axis in order]
    if sorted(found) != list(range(rank)):
        raise Fault(f"operation {call.path!r} orders {rank} dimensions as {order}: the file is damaged")
    return found


@operation("ExpandDims")
@function("expand_dims")
@node("ExpandDims")
def expand_dims(call: Call) -> Value:
    """A dimension of size 1 more, or several."""
    x, places = tensor(call, "x input"), integers(call, argument(call, "axis dim", 1, needed), "axis")
    for place in sorted(axis_of(place, x.rank + len(places)) for place in places):
        x = call.b.expand(x, place)
    return x


@operation("Squeeze")
@function("squeeze")
@node("Squeeze")
def squeeze(call: Call) -> Value:
    """Without these dimensions of size 1, by default without all such."""
    x = tensor(call, "x input")
    along = axes(call, "axis squeeze_dims")
    for axis in along or []:
        if x.shape[axis_of(axis, x.rank)] not in (1, None):
            raise Fault(f"operation {call.path!r} squeezes dimension {axis} of {x.shape}: the file is damaged")
    return call.b.squeeze(x, along or None)


@operation("Stack")
@function("stack")
@node("Pack")
def stack(call: Call) -> Value:
    """Several tensors along a new dimension."""
    found = call.args if call.kind == "TensorFlowOpLayer" else argument(call, "x values", 0, needed)
    axis = integer(call, argument(call, "axis", None, 0), "axis")
    if isinstance(found, Value):
        return call.b.move(found, 0, axis)
    parts = alike(call, found)
    scalars = all(part.rank == 0 and part.dtype == "int32" for part in parts)
    return call.b.vector(parts) if scalars else call.b.stack(parts, axis)


def alike(call: Call, found: Any) -> List[Value]:
    """Tensors and constants of one type."""
    tensors = [one for one in found if isinstance(one, Value)]
    made = [value(call, one, tensors[0].dtype if tensors and call.major < 3 else None) for one in found]
    dtype = max((one.dtype for one in made), key=("bool", "int32", "float32").index)
    return [call.b.cast(one, dtype) for one in made]


@operation("Concatenate")
@function("concat")
@node("ConcatV2")
def concatenate(call: Call) -> Value:
    """Several tensors one after another."""
    if call.kind == "TensorFlowOpLayer":
        found, axis = call.args[:-1], integer(call, call.args[-1], "axis")
    else:
        found, axis = argument(call, "xs values", 0, needed), integer(call, argument(call, "axis", 1, 0), "axis")
        found = [found] if isinstance(found, Value) else found
    made = alike(call, found)
    rows = [call.b.parts(one) for one in made] if all(one.rank == 1 for one in made) else [None]
    if None not in rows and not all(one.is_constant for one in made):
        return call.b.vector([part for row in rows for part in row])
    return call.b.concat(made, axis)


@operation("Hstack")
def hstack(call: Call) -> Value:
    """Side by side: along dimension 1, vectors along their only one."""
    found = alike(call, argument(call, "xs", 0, needed))
    found = [call.b.reshape(one, [1]) if one.rank == 0 else one for one in found]
    return call.b.concat(found, 1 if found[0].rank > 1 else 0)


@operation("Vstack")
def vstack(call: Call) -> Value:
    """One below another: along dimension 0, vectors as rows."""
    found = alike(call, argument(call, "xs", 0, needed))
    return call.b.concat([call.b.reshape(one, [1, -1]) if one.rank < 2 else one for one in found], 0)


@operation("Dstack")
def dstack(call: Call) -> Value:
    """One behind another: along dimension 2."""
    b, made = call.b, []
    for one in alike(call, argument(call, "xs", 0, needed)):
        one = b.reshape(one, [1, -1]) if one.rank < 2 else one
        made.append(b.expand(one, 2) if one.rank < 3 else one)
    return b.concat(made, 2)


@operation("Append")
def append(call: Call) -> Value:
    """x2 behind x1; without an axis both are rows."""
    found, axis = alike(call, [argument(call, "x1", 0, needed), argument(call, "x2", 1, needed)]), axes(call)
    found = [call.b.reshape(one, [-1]) for one in found] if axis is None else found
    return call.b.concat(found, axis[0] if axis else 0)


# Order and repetition ----------------------------------------------------------------------------------------------


@operation("Tile")
@function("tile")
@node("Tile")
def tile(call: Call) -> Value:
    """Repeated so often along each dimension; sizes of 1 come in front where there are more numbers."""
    x, given = tensor(call, "x input"), argument(call, "repeats multiples", 1, needed)
    if isinstance(given, Value) and not given.is_constant or isinstance(given, list) and any(
            isinstance(one, Value) and not one.is_constant for one in given):
        return tiled(call, x, sizes(call, given))
    times = integers(call, given, "repeats")
    times = [1] * (x.rank - len(times)) + times
    while x.rank < len(times):
        x = call.b.expand(x, 0)
    limited(call, [size * count for size, count in zip([one or 1 for one in x.shape], times)])
    if min(times + [1]) < 1:
        raise Fault(f"operation {call.path!r} repeats {times}: a tensor without values")
    return call.b.tile(x, times)


def tiled(call: Call, x: Value, times: List[Any]) -> Value:
    """Repeated by numbers that are computed."""
    if len(times) != x.rank:
        raise Fault(f"operation {call.path!r} repeats {len(times)} dimensions of {x.rank}: the file is damaged")
    shape = [size if count == 1 and not isinstance(count, Value) else None if isinstance(count, Value) or size is None
             else size * count for size, count in zip(x.shape, times)]
    return call.b.one("Tile", [x, call.b.sizes(times)], x.dtype, shape, T=DType(x.dtype), Tmultiples=DType("int32"))


@operation("Repeat")
@function("repeat")
def repeat(call: Call) -> Value:
    """Each value so often in a row."""
    x, axis = tensor(call, "x input"), axes(call)
    if axis is None:
        x, axis = call.b.reshape(x, [-1]), [0]
    times = integers(call, argument(call, "repeats", None, needed), "repeats")
    size = x.shape[axis_of(axis[0], x.rank)]
    if min(times) < 0 or sum(times) == 0:
        raise Fault(f"operation {call.path!r} repeats {times}: a tensor without values")
    limited(call, [one or 1 for one in x.shape] + [max(times)])
    if len(times) == 1:
        return call.b.repeat(x, times[0], axis[0])
    if size is None:
        call.refuse("it repeats along an axis of open size", "give its size: --input-shape")
    return call.b.repeat(x, times, axis[0])


@operation("Flip")
@function("reverse")
@node("ReverseV2")
def flip(call: Call) -> Value:
    """The other way round along these axes, by default all."""
    x, along = tensor(call, "x tensor"), axes(call, at=1)
    return call.b.reverse(x, list(range(x.rank)) if along is None else along)


@operation("Fliplr")
def fliplr(call: Call) -> Value:
    """The other way round along dimension 1."""
    return call.b.reverse(tensor(call), [1])


@operation("Flipud")
def flipud(call: Call) -> Value:
    """The other way round along dimension 0."""
    return call.b.reverse(tensor(call), [0])


@operation("Roll")
@function("roll")
@node("Roll")
def roll(call: Call) -> Value:
    """Shifted along axes; without an axis the values go on in a row."""
    b, x = call.b, tensor(call, "x input")
    shifts, along = integers(call, argument(call, "shift", 1, needed), "shift"), axes(call, at=2)
    if along is None:
        flat = b.roll(b.reshape(x, [-1]), sum(shifts), 0)
        return b.restored_as(flat, x)
    shifts = shifts * len(along) if len(shifts) == 1 else shifts
    for shift, axis in zip(shifts, along):
        x = b.roll(x, shift, axis)
    return x


@operation("Rot90")
def rot90(call: Call) -> Value:
    """Turned by 90 degrees, so often, in the plane of two axes."""
    b, x = call.b, tensor(call, "array")
    first, second = [axis_of(axis, x.rank) for axis in axes(call, "axes") or [0, 1]]
    for _ in range(integer(call, argument(call, "k", None, 1), "k") % 4):
        order = list(range(x.rank))
        order[first], order[second] = second, first
        x = b.reverse(b.transpose(x, order), [first])
    return x


@operation("Moveaxis")
def moveaxis(call: Call) -> Value:
    """These dimensions at these places; the others keep their order."""
    x = tensor(call)
    source = [axis_of(axis, x.rank) for axis in integers(call, call.config["source"])]
    target = [axis_of(axis, x.rank) for axis in integers(call, call.config["destination"])]
    order: List[Optional[int]] = [None] * x.rank
    for one, other in zip(source, target):
        order[other] = one
    rest = iter(axis for axis in range(x.rank) if axis not in source)
    return call.b.transpose(x, permuted(call, [next(rest) if axis is None else axis for axis in order], x.rank))


@operation("Swapaxes")
def swapaxes(call: Call) -> Value:
    """Two dimensions in each other's place."""
    x = tensor(call)
    order = list(range(x.rank))
    one, other = [axis_of(integer(call, call.config[key]), x.rank) for key in ("axis1", "axis2")]
    order[one], order[other] = other, one
    return call.b.transpose(x, order)


@operation("BroadcastTo")
@function("broadcast_to")
@node("BroadcastTo")
def broadcast_to(call: Call) -> Value:
    """Repeated to that shape."""
    x, target = tensor(call, "x input"), target_of(call, "shape")
    if x.rank and x.shape[0] is None and len(target) == x.rank and type(target[0]) is int and target[0] > 1:
        return call.b.spread_to(x, [call.b.constant(one) if isinstance(one, int) else one for one in target])
    return call.b.spread_to(x, target)


@operation("Meshgrid")
def meshgrid(call: Call) -> List[Value]:
    """A grid of each vector's values: along its own dimension, repeated along the others'."""
    b, given = call.b, [value(call, one) for one in call.args]
    rows = [b.reshape(one, [-1]).narrowed(one.narrow) for one in given]
    count = len(rows)
    limited(call, [row.shape[0] for row in rows])
    order = list(range(count))
    if call.config.get("indexing", "xy") == "xy" and count > 1:
        order[:2] = [1, 0]
    made = []
    for place, row in enumerate(rows):
        shape: List[Any] = [1] * count
        shape[order[place]] = -1
        grid = b.reshape(row, shape)
        full: List[Any] = [None] * count
        for other, one in enumerate(rows):
            full[order[other]] = b.dim(one, 0)
        full[order[place]] = None
        made.append(b.spread_to(grid, full).narrowed(row.narrow))
    return made


# What only the shape gives -----------------------------------------------------------------------------------------


@operation("ZerosLike EmptyLike")
@function("zeros_like")
@node("ZerosLike")
def zeros_like(call: Call) -> Value:
    """Zeros of the tensor's shape."""
    return like(call, 0)


@operation("OnesLike")
@function("ones_like")
@node("OnesLike")
def ones_like(call: Call) -> Value:
    """Ones of the tensor's shape."""
    return like(call, 1)


def like(call: Call, number: int) -> Value:
    """One number in the tensor's shape, in the type that the operation names."""
    made = call.b.like(tensor(call, "x input tensor"), number)
    dtype = argument(call, "dtype")
    return cast_to(call, made, dtype) if dtype and call.kind != "TensorFlowOpLayer" else made


@operation("FullLike")
def full_like(call: Call) -> Value:
    """One number, or a tensor that is repeated, in the tensor's shape."""
    x, number = tensor(call), value(call, argument(call, "fill_value", 1, needed))
    number = cast_to(call, number, call.config.get("dtype") or x.dtype)
    if number.dtype == "bool":
        return call.b.cast(call.b.mul(call.b.cast(number, "int32"), call.b.cast(call.b.like(x, 1), "int32")), "bool")
    return call.b.mul(number, call.b.cast(call.b.like(x, 1), number.dtype))


@operation("Full")
def full(call: Call) -> Value:
    """A tensor that is repeated to a shape."""
    number, target = tensor(call, "fill_value"), sizes(call, call.config["shape"])
    limited(call, target)
    number = cast_to(call, number, call.config["dtype"]) if call.config.get("dtype") else number
    return call.b.spread_to(number, target)


@operation("Size")
@function("size")
@node("Size")
def size_(call: Call) -> Value:
    """The number of values."""
    return call.b.reduce("Prod", call.b.shape_of(tensor(call, "x input")))


@operation("Ndim")
@function("rank")
@node("Rank")
def rank(call: Call) -> Value:
    """The number of dimensions."""
    return call.b.constant(tensor(call, "x input").rank, "int32")


@function("shape")
@node("Shape")
def shape(call: Call) -> Value:
    """The sizes: those that are known are constants for whatever reads them."""
    x = tensor(call, "input")
    found = call.b.shape_of(x)
    if found.tensor is not None:
        call.b.vectors[found.tensor] = x.rank, lambda place: call.b.size_of(x, place)
    return found
