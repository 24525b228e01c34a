"""Images looked up at computed places, and values put back where a pooling found them."""
from itertools import product as every
from typing import List, Optional, Tuple

import numpy

from ..emit import Value
from ..emit.shaping import Size
from .given import floats, known_shape, known_size
from .indexing import scattered, written
from .layout import Held
from .rules import Call, operation

MODES = {"bilinear": "linear", "linear": "linear", "nearest": "nearest", "bicubic": "cubic", "cubic": "cubic"}
EDGES = ("zeros", "border", "reflection")
CUBIC = -0.75
MOST = 1 << 22  # places of a tensor that values are put back into


class Sampler:
    """An image as a row of places, to be looked up.

    flat   (batch * places, channels)     sizes  of the spatial dimensions
    first  the row's place of each example's first: (batch, 1, …), for coordinates of `rank` dimensions
    """

    def __init__(self, call: Call, rank: int) -> None:
        self.call, self.b, image = call, call.b, call.image()
        self.sizes = [known_size(call, call.x, axis) for axis in range(2, call.x.rank)]
        self.flat = self.b.grouped(self.b.cast(image, "float32"), [list(range(image.rank - 1)), [image.rank - 1]])
        count: Size = self.b.dim(image, 0)
        row = self.b.mul(self.b.count(count), int(numpy.prod(self.sizes)))
        self.first = self.b.reshape(row, [-1] + [1] * (rank - 1))

    def at(self, places: List[Value], first: Optional[Value] = None) -> Value:
        """The values (…, channels) at whole places of each dimension, which lie inside."""
        total = self.first if first is None else first
        for axis, place in enumerate(places):
            total = self.b.add(total, self.b.mul(place, int(numpy.prod(self.sizes[axis + 1:]))))
        return self.b.gather(self.flat, total, 0)


@operation("GridSample", since=16)
def grid_sample(call: Call) -> Held:
    """The image at places from -1 to 1, the last coordinate that of the rows (onnx/reference/ops/op_grid_sample.py)."""
    b, grid = call.b, floats(call, 1)
    mode, edge = MODES.get(call.text("mode", "bilinear" if call.version < 20 else "linear")), call.text(
        "padding_mode", "zeros")
    aligned, count = bool(call.int("align_corners")), call.x.rank - 2
    if mode is None or edge not in EDGES or count not in (1, 2, 3) or grid.rank != count + 2 or grid.shape[-1] != count:
        call.damaged(f"samples {call.x.shape} at {grid.shape} with mode={call.text('mode')!r:.20} and "
                     f"padding_mode={edge!r:.20}")
    sampler = Sampler(call, count + 1)
    taps = []
    for axis, size in enumerate(sampler.sizes):
        at = b.at(grid, -1, count - 1 - axis)
        at = b.mul(b.add(at, 1.0), (size - 1) / 2) if aligned else b.mul(b.sub(b.mul(b.add(at, 1.0), float(size)), 1.0),
                                                                         0.5)
        taps.append(along(call, at, size, mode, edge, aligned))
    total: Optional[Value] = None
    for chosen in every(*taps):
        weight = chosen[0][1]
        for _, other in chosen[1:]:
            weight = other if weight is None else weight if other is None else b.mul(weight, other)
        part = sampler.at([place for place, _ in chosen])
        part = part if weight is None else b.mul(part, b.expand(weight, weight.rank))
        total = part if total is None else b.add(total, part)
    return call.as_image(total)


def along(call: Call, at: Value, size: int, mode: str, edge: str, aligned: bool
          ) -> List[Tuple[Value, Optional[Value]]]:
    """The whole places of a dimension that count, and their weights; None: 1."""
    b = call.b
    low, high = (0.0, size - 1.0) if aligned else (-0.5, size - 0.5)
    at = b.unary("Round", at) if mode == "nearest" else at
    if edge == "border":
        at = b.clip(at, 0.0, size - 1.0)
    elif edge == "reflection":
        at = mirrored(call, at, low, high)
    if mode == "nearest":
        return [inside(call, at, None, size, edge, low, high)]
    floor = b.unary("Floor", at)
    share = b.sub(at, floor)
    offsets = (0, 1) if mode == "linear" else (-1, 0, 1, 2)
    return [inside(call, b.add(floor, float(offset)), weight_of(call, share, offset, mode), size, edge, low, high)
            for offset in offsets]


def mirrored(call: Call, at: Value, low: float, high: float) -> Value:
    """Places beyond an edge as their reflections."""
    b, wide = call.b, high - low
    if not wide:
        return b.mul(at, 0.0)
    away = b.unary("Abs", b.sub(at, low))
    times = b.unary("Floor", b.div(away, wide))
    rest = b.sub(away, b.mul(times, wide))
    odd = b.compare("Equal", b.binary("FloorMod", times, 2.0), 1.0)
    return b.where(odd, b.sub(high, rest), b.add(rest, low))


def weight_of(call: Call, share: Value, offset: int, mode: str) -> Value:
    """The weight of the place `offset` away from the one before, of which `share` lies after it."""
    b = call.b
    if mode == "linear":
        return share if offset else b.sub(1.0, share)
    apart = {-1: b.add(share, 1.0), 0: share, 1: b.sub(1.0, share), 2: b.sub(2.0, share)}[offset]
    if offset in (0, 1):
        inner = b.mul(b.sub(b.mul(apart, CUBIC + 2), CUBIC + 3), b.square(apart))
        return b.add(inner, 1.0)
    outer = b.mul(b.add(b.mul(b.sub(b.mul(apart, CUBIC), 5 * CUBIC), apart), 8 * CUBIC), apart)
    return b.sub(outer, 4 * CUBIC)


def inside(call: Call, at: Value, weight: Optional[Value], size: int, edge: str, low: float, high: float
           ) -> Tuple[Value, Optional[Value]]:
    """A place that lies in the image, and its weight: outside of it zeros count nothing."""
    b = call.b
    if edge == "reflection":
        at = mirrored(call, at, low, high)
    place = b.cast(b.clip(at, 0.0, size - 1.0), "int32")
    if edge != "zeros":
        return place, weight
    there = b.cast(b.both(b.compare("GreaterEqual", at, 0.0), b.compare("LessEqual", at, size - 1.0)), "float32")
    return place, there if weight is None else b.mul(weight, there)


@operation("RoiAlign")
def roi_align(call: Call) -> Held:
    """Each region as an image of one size: the mean, or the largest, of samples in each cell."""
    b, rois = call.b, floats(call, 1)
    rows, columns, ratio = call.int("output_height", 1), call.int("output_width", 1), call.int("sampling_ratio")
    if ratio < 1:
        call.refuse("how many samples a cell has depends on the region (sampling_ratio=0)",
                    "export the model with a sampling_ratio")
    mode, half = call.text("mode", "avg"), call.text(
        "coordinate_transformation_mode", "half_pixel" if call.version >= 16 else "output_half_pixel") == "half_pixel"
    if rois.rank != 2 or rois.shape[1] != 4 or mode not in ("avg", "max") or max(rows, columns) * ratio > 4096:
        call.damaged(f"takes regions of shape {rois.shape} to {rows} x {columns} with mode={mode!r:.20}")
    sampler = Sampler(call, 1)
    rois = b.mul(rois, call.float("spatial_scale", 1.0))
    rois = b.sub(rois, 0.5) if half else rois
    left, top, right, bottom = b.unstack(rois, 1)
    taps = []
    for axis, (begin, end, count) in enumerate(((top, bottom, rows), (left, right, columns))):
        wide = b.sub(end, begin)
        wide = wide if half else b.maximum(wide, 1.0)
        steps = b.constant(((numpy.arange(count * ratio) + 0.5) / (count * ratio)).astype("float32"))
        at = b.add(b.expand(begin, 1), b.mul(b.expand(wide, 1), steps))
        taps.append([(b.expand(place, 2 - axis), b.expand(weight, 2 - axis))
                     for place, weight in of_region(call, at, sampler.sizes[axis])])
    first = b.mul(b.cast(call.value(2), "int32"), int(numpy.prod(sampler.sizes)))
    parts = [b.mul(sampler.at([one[0], other[0]], b.reshape(first, [-1, 1, 1])),
                   b.expand(b.mul(one[1], other[1]), 3)) for one, other in every(*taps)]
    made = parts[0]
    for part in parts[1:]:
        made = b.add(made, part) if mode == "avg" else b.maximum(made, part)
    made = b.reshape(made, [-1, rows, ratio, columns, ratio, made.shape[-1]])
    return call.as_image(b.mean(made, [2, 4]) if mode == "avg" else b.max(made, [2, 4]))


def of_region(call: Call, at: Value, size: int) -> List[Tuple[Value, Value]]:
    """The two places that a sample lies between, and their weights; more than 1 outside of the image it is 0."""
    b = call.b
    there = b.cast(b.both(b.compare("GreaterEqual", at, -1.0), b.compare("LessEqual", at, float(size))), "float32")
    at = b.clip(at, 0.0, size - 1.0)
    low = b.unary("Floor", at)
    share = b.sub(at, low)
    high = b.minimum(b.add(low, 1.0), size - 1.0)
    return [(b.cast(low, "int32"), b.mul(b.sub(1.0, share), there)), (b.cast(high, "int32"), b.mul(share, there))]


@operation("MaxUnpool")
def unpool(call: Call) -> Held:
    """Zeros, with each value at the place that a MaxPool found it at."""
    b, count = call.b, call.x.rank - 2
    sizes, strides = call.window("kernel_shape", count), call.window("strides", count)
    pads, shape = call.window("pads", 2 * count, 0, 0), known_shape(call, call.x)
    made = shape[:2] + [(size - 1) * strides[place] - pads[place] - pads[count + place] + sizes[place]
                        for place, size in enumerate(shape[2:])]
    wanted = call.numbers(2) if call.has(2) else made
    if wanted is None or len(wanted) != len(made) or min(made) < 1 or any(
            size < own for size, own in zip(wanted, made)):
        call.damaged(f"unpools {shape} to {wanted}")
    total = int(numpy.prod(made))
    if total > MOST:
        call.refuse(f"it makes {total} places: too many")
    places, values = b.reshape(b.cast(call.value(1), "int32"), [-1]), b.reshape(floats(call, 0), [-1])
    apart = all(size <= stride for size, stride in zip(sizes, strides))
    flat = scattered(call, places, values, [total]) if apart else written(
        call, b.constant(numpy.zeros(total, "float32")), places, values, "none")
    return call.as_it_is(b.pad(b.reshape(flat, made), [(0, size - own) for size, own in zip(wanted, made)]))
