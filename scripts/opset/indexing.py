"""Values that are looked up, and values that are written to places."""
from typing import Any, List, Optional, Sequence, Tuple

import numpy

from ..emit import Value
from ..layers.kinds.sizes import product
from .given import known_shape, known_size, stored
from .layout import Held
from .rules import Call, opened, operation

WIDEST = 1 << 24  # pairs of a value that is written and a place that it is written to


def from_front(call: Call, places: Value, size: Any) -> Value:
    """Places as int32, those below 0 counted from the back of a dimension."""
    b = call.b
    places = b.cast(places, "int32")
    if places.is_constant and places.weight.size and not (places.array < 0).any():
        return places
    return b.where(b.compare("Less", places, 0), b.add(places, size), places)


@operation("Gather")
def gather(call: Call) -> Held:
    """Slices along an axis, at places that stand for that dimension."""
    b, x, axis, places = call.b, call.x, call.axis(call.int("axis")), call.held(1)
    if places.rank == 1 or places.rank == 0 and x.order.index(axis) == axis:
        along, = stored(x, [axis])
        found = b.gather(x.value, from_front(call, places.plain, b.dim(x.value, along)), along)
        if places.rank == 1:
            made = call.like(x, found)
            made.names[axis] = opened(places)[0] if made.shape[axis] is None else None
            return made
        left = [one for one in range(x.rank) if one != axis]
        return call.in_order(found, tuple(left.index(one) for one in x.order if one != axis),
                             [opened(x)[one] for one in left])
    value = call.value(0)
    found = b.gather(value, from_front(call, places.plain, b.dim(value, axis)), axis)
    return call.as_it_is(found, opened(x)[:axis] + opened(places) + opened(x)[axis + 1:])


@operation("GatherElements")
def gather_elements(call: Call) -> Held:
    """The values of each row of x along an axis, at places of its own."""
    b, x, places, axis = call.b, call.value(0), call.value(1), call.axis(call.int("axis"))
    cuts: List[Tuple[int, Optional[int]]] = [
        (0, None if one == axis or there is None else there) for one, there in enumerate(places.shape)]
    found = b.gather_along(b.slice(x, cuts), places, axis)
    return call.as_it_is(Value(found.dtype, places.shape, found.tensor, found.weight), list(call.held(1).names))


@operation("GatherND")
def gather_nd(call: Call) -> Held:
    """Slices at places of several dimensions; the first batch_dims are those of both."""
    b, x, places, batch = call.b, call.value(0), b_int(call, 1), call.int("batch_dims")
    depth = places.shape[-1] if places.rank else None
    if depth is None or not 0 <= batch < places.rank or not 0 < depth <= x.rank - batch:
        call.damaged(f"looks up places of shape {places.shape} in {x.shape}")
    sizes = [b.dim(x, batch + axis) for axis in range(depth)]
    places = from_front(call, places, b.sizes(sizes))
    for axis in range(batch)[::-1]:  # the example is the first coordinate of each place
        size = known_size(call, call.x, axis)
        shape = [size if one == axis else 1 for one in range(places.rank - 1)] + [1]
        own = b.reshape(b.constant(numpy.arange(size, dtype="int32")), shape)
        ones = b.constant(numpy.zeros([1 if one is None else one for one in places.shape[:-1]] + [1], "int32"))
        places = b.concat([b.add(own, ones), places], -1)
    depth += batch
    shape = places.shape[:-1] + x.shape[depth:]
    return call.as_it_is(b.fold(lambda array, index: array[tuple(numpy.moveaxis(index, -1, 0))], [x, places], x.dtype)
                         or b.one("GatherNd", [x, places], x.dtype, shape))


def b_int(call: Call, place: int) -> Value:
    """An input as whole numbers, in ONNX's order."""
    return call.b.cast(call.value(place), "int32")


# Writing ---------------------------------------------------------------------------------------------------------

def written(call: Call, x: Value, places: Value, updates: Value, how: str) -> Value:
    """A row x (count, …) with the updates (many, …) written to places (many,), which may be there twice.

    how: "none" (the last one stays), "add", "mul", "max" or "min".
    """
    b, count, many = call.b, x.shape[0], places.shape[0]
    if how == "add" and x.dtype != "bool":
        return b.add(x, scattered(call, places, updates, x.shape))
    if how == "none" and not (places.is_constant and len(set(places.array.tolist())) < many):
        if x.dtype == "bool":
            return b.cast(written(call, b.cast(x, "int32"), places, b.cast(updates, "int32"), how), "bool")
        ones = b.constant(numpy.ones([many] + [1] * (x.rank - 1), "int32"))
        there = b.compare("Greater", scattered(call, places, ones, (count,) + (1,) * (x.rank - 1)), 0)
        if places.is_constant:
            return b.where(there, scattered(call, places, updates, x.shape), x)
        return b.where(there, last_written(call, x, places, updates), x)
    if how == "none":
        return b.where(b.reduce("Any", own_place(call, places, count), 1), last_written(call, x, places, updates), x) \
            if x.rank == 1 else by_rows(call, x, places, updates)
    return combined(call, x, places, updates, how)


def scattered(call: Call, places: Value, updates: Value, shape: Sequence[int]) -> Value:
    """Zeros of a shape with the sums of the updates at their places."""
    b = call.b
    return b.one("ScatterNd", [b.expand(places, 1), updates, b.constant(list(shape), "int32", "shape")], updates.dtype,
                 shape)


def own_place(call: Call, places: Value, count: int) -> Value:
    """Whether each place (count) is that of each update (many): (count, many)."""
    b = call.b
    if count * places.shape[0] > WIDEST:
        call.refuse(f"it writes {places.shape[0]} values to {count} places, and each pair is compared: too many")
    return b.compare("Equal", b.constant(numpy.arange(count, dtype="int32")[:, None]), b.expand(places, 0))


def last_written(call: Call, x: Value, places: Value, updates: Value) -> Value:
    """For each place the last of the updates that are written to it."""
    b, many = call.b, places.shape[0]
    order = b.constant(numpy.arange(1, many + 1, dtype="int32"))
    last = b.max(b.mul(b.cast(own_place(call, places, x.shape[0]), "int32"), order), 1)
    return b.gather(updates, b.maximum(b.sub(last, 1), 0), 0)


def by_rows(call: Call, x: Value, places: Value, updates: Value) -> Value:
    """`written` of rows, of which the last one stays; the places are constant."""
    order = {int(place): number for number, place in enumerate(places.array)}
    kept = numpy.array(sorted(order.values()), "int32")
    return written(call, x, call.b.constant(places.array[kept]), call.b.gather(updates, kept, 0), "none")


def combined(call: Call, x: Value, places: Value, updates: Value, how: str) -> Value:
    """The product, the largest or the smallest of each value and the updates that are written to it."""
    b = call.b
    own = own_place(call, places, x.shape[0])
    for _ in range(x.rank - 1):
        own = b.expand(own, own.rank)
    kind = x.dtype
    x, updates = [b.cast(one, "int32") if kind == "bool" else one for one in (x, updates)]
    limit = 3.4028234e38 if x.dtype == "float32" else 2 ** 31 - 1
    rest = {"mul": 1, "max": -limit, "min": limit, "add": 0}[how]
    spread = b.where(own, b.expand(updates, 0), b.constant(rest, x.dtype))
    op, both = {"mul": ("Prod", b.mul), "max": ("Max", b.maximum), "min": ("Min", b.minimum),
                "add": ("Sum", b.add)}[how]
    return b.cast(both(x, b.reduce(op, spread, 1)), kind)


def how_of(call: Call) -> str:
    """The reduction that a setting names."""
    found = call.text("reduction", "none")
    if found not in ("none", "add", "mul", "max", "min"):
        call.damaged(f"has reduction={found!r:.20}")
    return found


@operation("ScatterND")
def scatter_nd(call: Call) -> Held:
    """Slices written to places of several dimensions: these become one."""
    b, places, updates = call.b, b_int(call, 1), call.value(2)
    shape, depth = known_shape(call, call.x), places.shape[-1] if places.rank else None
    if depth is None or not 0 < depth <= len(shape) or None in places.shape:
        call.refuse(f"it writes to places of shape {places.shape}")
    places = from_front(call, places, numpy.array(shape[:depth], "int32"))
    steps = [int(product(shape[axis + 1:depth])) for axis in range(depth)]
    flat = b.reshape(b.sum(b.mul(places, numpy.array(steps, "int32")), -1), [-1])
    rest = [int(product(shape[depth:]))] if depth < len(shape) else []
    count, many = int(product(shape[:depth])), int(product(places.shape[:-1]))
    made = written(call, b.reshape(call.value(0), [count] + rest), flat, b.reshape(updates, [many] + rest),
                   how_of(call))
    return call.as_it_is(b.reshape(made, shape))


@operation("ScatterElements Scatter")
def scatter_elements(call: Call) -> Held:
    """Values written along an axis, each to its own place; the other coordinates are its own."""
    b, axis, held = call.b, call.axis(call.int("axis")), call.held(1)
    shape, many = known_shape(call, call.x), known_shape(call, held)
    if len(many) != len(shape):
        call.damaged(f"writes {held.shape} into {call.x.shape}")
    places = from_front(call, b_int(call, 1), shape[axis])
    steps = [int(product(shape[one + 1:])) for one in range(len(shape))]
    others = numpy.zeros(many, "int32")
    for one, step in enumerate(steps):
        if one != axis:
            others += (numpy.arange(many[one]) * step).reshape([-1 if at == one else 1 for at in range(len(many))]
                                                               ).astype("int32")
    flat = b.reshape(b.add(b.mul(places, steps[axis]), others), [-1])
    made = written(call, b.reshape(call.value(0), [int(product(shape))]), flat, b.reshape(call.value(2), [-1]),
                   how_of(call))
    return call.as_it_is(b.reshape(made, shape))


@operation("Compress")
def compress(call: Call) -> Held:
    """The slices at places that a constant condition names; without an axis of the values in a row."""
    condition = call.array(1)
    places = numpy.flatnonzero(condition).astype("int32")
    if not len(places):
        call.refuse("nothing is left of its tensor")
    if not call.has_attribute("axis"):
        return call.as_it_is(call.b.gather(call.b.reshape(call.value(0), [-1]), places, 0))
    along, = stored(call.x, [call.axis(call.int("axis"))])
    return call.like(call.x, call.b.gather(call.x.value, places, along))
