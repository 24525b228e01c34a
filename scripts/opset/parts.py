"""Parts of tensors, and larger tensors made of them: slices, splits, margins, repetition."""
from typing import Any, List, Optional, Sequence, Tuple

import numpy

from ..emit import Value
from ..emit.shaping import Size
from .given import OPEN, known_size, scalar, stored
from .layout import BEYOND, Held, Name
from .rules import Call, Dim, operation

MODES = ("constant", "reflect", "edge", "wrap")
WIDEST = 1 << 24  # places of a dimension with its margins


@operation("Slice")
def slices(call: Call) -> Held:
    """A part from `starts` up to below `ends`; attributes before opset 10."""
    starts, ends = call.ints("starts", []) or [], call.ints("ends", []) or []
    return cut(call, starts, ends, call.ints("axes"), None)


@operation("Slice", since=10)
def slices_by_inputs(call: Call) -> Held:
    """A part from `starts` up to below `ends`, every `steps`-th place."""
    return cut(call, bounds(call, 1), bounds(call, 2), call.numbers(3), call.numbers(4))


def bounds(call: Call, place: int) -> List[Any]:
    """Bounds: numbers, or scalars of int32 that are computed."""
    held = call.held(place)
    if held.weight is not None or held.sizes is not None:
        return [size.value(call.b) if isinstance(size, Dim) else size for size in call.sizes(place)]
    if held.rank != 1 or held.shape[0] is None:
        call.refuse("its bounds are computed, and how many they are is not known", OPEN)
    return [call.b.at(held.plain, 0, number) for number in range(held.shape[0])]


def cut(call: Call, starts: Sequence[Any], ends: Sequence[Any], axes: Optional[Sequence[int]],
        steps: Optional[Sequence[int]]) -> Held:
    """A part along these dimensions, by default the first ones."""
    x = call.x
    axes = list(range(len(starts))) if axes is None else [call.axis(axis) for axis in axes]
    steps = [1] * len(starts) if steps is None else steps
    if not len(starts) == len(ends) == len(axes) == len(steps) or len(set(axes)) != len(axes) or 0 in steps:
        call.damaged(f"has {len(starts)} starts, {len(ends)} ends, axes {axes} and steps {steps}")
    value = x.value
    for start, end, axis, step, place in zip(starts, ends, axes, steps, stored(x, axes)):
        if x.shape[axis] is not None and not isinstance(start, Value) and not isinstance(end, Value):
            size = x.shape[axis]
            end = None if step < 0 and end < -size else end
        elif not isinstance(end, Value) and (end >= BEYOND or step < 0 and end <= -BEYOND):
            end = None
        start = None if not isinstance(start, Value) and (start == 0 and step > 0 or abs(start) >= BEYOND and step < 0
                                                          ) else start
        value = call.b.stepped(value, place, start, end, step)
    made = call.like(x, value)
    for axis, size in enumerate(made.shape):
        if size is None and axis in axes and (starts, ends) != ([0], [BEYOND]):
            made.names[axis] = None
    return made


@operation("Split")
def split(call: Call) -> List[Held]:
    """Parts along an axis: of these sizes, or so many alike, of which the last one may be smaller."""
    x, axis = call.x, call.axis(call.int("axis"))
    given = call.ints("split") if call.version < 13 else call.numbers(1)
    if given is None:
        size, count = known_size(call, x, axis), call.int("num_outputs", call.count)
        if not 0 < count <= 4096:
            call.damaged(f"has num_outputs={count}")
        each = -(-size // count)
        given = [min(each, size - each * number) for number in range(count)]
    if any(part < 0 for part in given) or x.shape[axis] not in (None, sum(given)):
        call.damaged(f"splits {x.shape[axis]} places into {given}")
    place, = stored(x, [axis])
    return [call.like(x, part) for part in pieces(call, x.value, given, place)]


def pieces(call: Call, value: Value, sizes: Sequence[int], place: int) -> List[Value]:
    """Parts of these sizes.  A part without values is a constant where the other sizes are known."""
    if 0 not in sizes:
        return call.b.split(value, list(sizes), place)
    found, begin = [], 0
    for size in sizes:
        found.append(call.b.cut(value, place, begin, size))
        begin += size
    return found


@operation("Pad")
def pad_by_settings(call: Call) -> Held:
    """Margins that are attributes, of opset 1 by another name."""
    pads = call.ints("pads") if call.has_attribute("pads") else call.ints("paddings")
    return padded(call, pads or [], None, call.float("value"))


@operation("Pad", since=11)
def pad(call: Call) -> Held:
    """Margins that are an input: of these axes, by default all."""
    return padded(call, call.numbers(1) or [], call.numbers(3), scalar(call, 2, 0))


def padded(call: Call, pads: Sequence[int], axes: Optional[Sequence[int]], number: float) -> Held:
    """x between margins, negative ones being cut off."""
    b, x = call.b, call.x
    axes = list(range(x.rank)) if axes is None else [call.axis(axis) for axis in axes]
    mode = call.text("mode", "constant")
    if len(pads) != 2 * len(axes) or mode not in MODES or any(abs(side) > WIDEST for side in pads):
        call.damaged(f"has pads={list(pads)!r:.60} and mode={mode!r:.20} for {x.rank} dimensions")
    pairs: List[Tuple[int, int]] = [(0, 0)] * x.rank
    for place, before, behind in zip(stored(x, axes), pads, pads[len(axes):]):
        pairs[place] = before, behind
    value = x.value
    for place, (before, behind) in enumerate(pairs):
        if before < 0 or behind < 0:
            size = known_size(call, x, x.order[place]) if behind < 0 else None
            if size is not None and size + min(before, 0) + behind < 1:
                call.damaged(f"leaves nothing of {x.shape}")
            begin = max(-before, 0)
            value = b.cut(value, place, begin, None if size is None else size - begin + min(behind, 0))
    pairs = [(max(before, 0), max(behind, 0)) for before, behind in pairs]
    if mode != "constant":
        return call.like(x, mirrored(call, value, pairs, mode))
    if number != number or abs(number) > 3.4e38:
        number = float(numpy.clip(number, -3.4028234e38, 3.4028234e38)) if number == number else number
    return call.like(x, b.cast(b.pad(value, pairs, number), value.dtype))


def mirrored(call: Call, value: Value, pairs: Sequence[Tuple[int, int]], mode: str) -> Value:
    """Margins of what is in the tensor: every place of the result is looked up."""
    for place, pair in enumerate(pairs):
        if not any(pair):
            continue
        size = value.shape[place]
        if size is None:
            call.refuse(f"its margins repeat what is in dimension {call.x.order[place]}, whose size is open", OPEN)
        value = call.b.gather(value, numpy.pad(numpy.arange(size), pair, mode).astype("int32"), place)
    return value


@operation("CenterCropPad")
def center(call: Call) -> Held:
    """The middle of the tensor, or the tensor in the middle of zeros."""
    x, wanted = call.x, call.numbers(1) or []
    axes = call.ints("axes")
    axes = list(range(x.rank)) if axes is None else [call.axis(axis) for axis in axes]
    value = x.value
    for place, axis, size in zip(stored(x, axes), axes, wanted):
        own = known_size(call, x, axis)
        if size < own:
            value = call.b.cut(value, place, (own - size) // 2, size)
        elif size > own:
            before = (size - own) // 2
            value = call.b.pad(value, [(before, size - own - before) if one == place else (0, 0)
                                       for one in range(x.rank)])
    return call.like(x, value)


@operation("Tile")
def tile(call: Call) -> Held:
    """Repeated along each dimension."""
    x, times = call.x, call.numbers(1) or []
    if len(times) != x.rank or any(not 0 < count <= 1 << 16 for count in times):
        call.damaged(f"repeats {x.shape} {times!r:.60} times")
    return call.like(x, call.b.tile(x.value, [times[axis] for axis in x.order]))


@operation("Expand")
def expand(call: Call) -> Held:
    """Broadcast to a shape, whose sizes of 1 leave the tensor's own."""
    b, x, wanted = call.b, call.x, call.sizes(1)
    own = x.dims()
    rank = max(len(wanted), x.rank)
    own, wanted = [1] * (rank - x.rank) + own, [1] * (rank - len(wanted)) + wanted
    sizes: List[Optional[Size]] = []
    names: List[Name] = []
    for have, size in zip(own, wanted):
        taken = size if not isinstance(have, Dim) and have == 1 else have
        names.append(taken if isinstance(taken, Dim) else None)
        sizes.append(None if isinstance(have, Dim) else taken.value(b) if isinstance(taken, Dim) else taken)
    value = x.spread(rank, tuple(range(rank)))
    while value.rank < rank:
        value = b.expand(value, 0)
    return call.as_it_is(b.spread_to(value, sizes), names)


@operation("DepthToSpace")
def depth_to_space(call: Call) -> Held:
    """Channels as places: blocks of rows and columns, in the order DCR or CRD."""
    b, size = call.b, call.int("blocksize")
    x = call.image()
    channels = x.shape[-1]
    if x.rank != 4 or size < 1 or channels is None or channels % (size * size):
        call.damaged(f"makes blocks of {size} of {call.x.shape}")
    depth = channels // (size * size)
    if call.text("mode", "DCR") == "CRD":
        places = numpy.arange(channels).reshape(depth, size * size).T.reshape(-1)
        x = b.gather(x, places.astype("int32"), 3) if size > 1 and depth > 1 else x
    if size == 1:
        return call.as_image(x)
    shape = [x.shape[0]] + [None if one is None else one * size for one in x.shape[1:3]] + [depth]
    return call.as_image(b.one("DepthToSpace", [x], x.dtype, shape, block_size=size, data_format="NHWC"))


@operation("SpaceToDepth")
def space_to_depth(call: Call) -> Held:
    """Blocks of rows and columns as channels."""
    b, size, x = call.b, call.int("blocksize"), call.image()
    if x.rank != 4 or size < 1:
        call.damaged(f"makes blocks of {size} of {call.x.shape}")
    rows, columns, channels = [known_size(call, call.x, axis) for axis in (2, 3, 1)]
    if rows % size or columns % size:
        call.damaged(f"makes blocks of {size} of {call.x.shape}")
    made = b.reshape(x, [-1, rows // size, size, columns // size, size * channels])
    if call.text("mode", "DCR") == "CRD":
        made = b.transpose(b.reshape(made, [-1, rows // size, size, columns // size, size, channels]),
                           [0, 1, 3, 5, 2, 4])
    else:
        made = b.transpose(made, [0, 1, 3, 2, 4])
    return call.as_image(b.reshape(made, [-1, rows // size, columns // size, size * size * channels]))
