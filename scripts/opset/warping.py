"""Grids of places, convolutions at computed places, and windows that are put together to images again."""
from typing import List

import numpy

from ..emit import Value
from .given import OPEN, floats, known_size
from .layout import Held
from .rules import Call, Dim, operation
from .sampling import Sampler, along

MOST = 1 << 21  # numbers of a matrix that puts windows together, places of a grid
TAPS = 1024  # places of a window


@operation("AffineGrid", since=20)
def affine_grid(call: Call) -> Held:
    """The places from -1 to 1 of each pixel under a matrix: (batch, …, coordinates), the last one that of the rows."""
    b, theta, wanted = call.b, floats(call, 0), call.sizes(1)
    if any(isinstance(size, Dim) for size in wanted[2:]):
        call.refuse("it depends on the size of the image, which is open", OPEN)
    sizes = [int(size) for size in wanted[2:]]  # type: ignore[call-overload]
    count = len(sizes)
    if theta.rank != 3 or theta.shape[1:] != (count, count + 1) or count not in (2, 3) or min(sizes) < 1 \
            or numpy.prod([float(size) for size in sizes]) > MOST:
        call.damaged(f"lays {theta.shape} on an image of {sizes}")
    ranges = [numpy.linspace(-1, 1, size) if call.int("align_corners") and size > 1
              else (2 * numpy.arange(size) + 1) / size - 1 for size in sizes]
    axes = [axis.reshape(-1) for axis in numpy.meshgrid(*ranges, indexing="ij")[::-1]]
    places = numpy.stack(axes + [numpy.ones(len(axes[0]))]).astype("float32")  # (coordinates + 1, places)
    made = b.transpose(b.dense(theta, b.constant(places)), [0, 2, 1])
    return call.as_it_is(b.reshape(made, [-1 if theta.shape[0] is None else theta.shape[0]] + sizes + [count]))


@operation("Col2Im", since=18)
def put_together(call: Call) -> Held:
    """(batch, channels * places of a window, windows) -> (batch, channels, …): the sum of what each window has there.

    One dimension after the other: a matrix of zeros and ones says which places of which windows fall on a pixel.
    """
    b, x, sizes, window = call.b, floats(call, 0), call.numbers(1) or [], call.numbers(2) or []
    count = len(sizes)
    if not 1 <= count <= 3 or len(window) != count or x.rank != 3 or min(sizes + window) < 1:
        call.damaged(f"puts windows of {window} together to {sizes}")
    strides, dilations = call.window("strides", count), call.window("dilations", count)
    pads = call.window("pads", 2 * count, 0, 0)
    matrices = [matrix(call, *one) for one in zip(sizes, window, strides, dilations, pads[:count], pads[count:])]
    taps, windows = int(numpy.prod(window)), int(numpy.prod([one.shape[1] for one in matrices]))
    channels = x.shape[1]
    if channels is None or channels % taps or x.shape[2] not in (None, windows):
        call.damaged(f"puts {x.shape} together from {windows} windows of {taps} places")
    left, behind, done = taps, windows, 1
    for one in matrices:
        own, there, size = one.shape
        left, behind = left // own, behind // there
        x = b.reshape(x, [-1, own, left, there, behind * done])
        x = b.reshape(b.transpose(x, [0, 2, 4, 1, 3]), [-1, own * there])
        x = b.dense(x, b.constant(one.reshape(own * there, size)))
        done *= size
    batch = call.x.shape[0]
    return call.as_it_is(b.reshape(x, [-1 if batch is None else batch, channels // taps] + sizes))


def matrix(call: Call, size: int, window: int, stride: int, dilation: int, before: int, behind: int) -> numpy.ndarray:
    """The places of windows along a dimension: (places of a window, windows, size) of zeros and ones."""
    windows = (size + before + behind - dilation * (window - 1) - 1) // stride + 1
    if windows < 1 or window * windows * size > MOST:
        call.damaged(f"puts {windows} windows of {window} places together to {size}")
    places = numpy.arange(windows) * stride + numpy.arange(window)[:, None] * dilation - before
    return (places[:, :, None] == numpy.arange(size)).astype("float32")


@operation("DeformConv", since=19)
def deformed(call: Call) -> Held:
    """A convolution of two dimensions whose places are moved by offsets, and weighed by a mask where there is one."""
    b, kernel, offsets = call.b, call.value(1), call.held(2).last
    if kernel.rank != 4 or call.x.rank != 4 or offsets.rank != 4 or None in kernel.shape:
        call.refuse(f"it is of {call.x.rank - 2} dimensions, or its kernel is of open size")
    filters, depth, window = kernel.shape[0], kernel.shape[1], kernel.shape[2:]
    taps, groups, parts = window[0] * window[1], call.int("group", 1), call.int("offset_group", 1)
    channels = known_size(call, call.x, 1)
    if min(groups, parts) < 1 or channels != depth * groups or filters % groups or channels % parts or taps > TAPS \
            or offsets.shape[-1] != 2 * parts * taps:
        call.damaged(f"has a kernel of {kernel.shape} and offsets of {offsets.shape} for {channels} channels")
    sampler, sizes = Sampler(call, 4), [known_size(call, call.held(2), axis) for axis in (2, 3)]
    if max(sizes) * taps > MOST:
        call.refuse(f"it makes an image of {sizes}: too large")
    starts = [places(call, axis, size, window) for axis, size in enumerate(sizes)]
    found: List[Value] = []
    for part in range(parts):
        own = b.cut(offsets, 3, part * 2 * taps, 2 * taps)  # (batch, rows, columns, places and coordinates)
        moved = [b.add(b.stepped(own, 3, axis, None, 2), b.constant(starts[axis])) for axis in (0, 1)]
        mask = b.cut(call.held(4).last, 3, part * taps, taps) if call.has(4) else None
        found.append(sampled(call, sampler, moved, mask, part, channels // parts))
    image = found[0] if parts == 1 else b.concat(found, -1)  # (batch, rows, columns, taps, channels)
    made = []
    for group, own in enumerate([image] if groups == 1 else b.split(image, groups, -1)):
        each = b.cut(kernel, 0, group * (filters // groups), filters // groups)
        flat = b.reshape(b.transpose(each, [2, 3, 1, 0]), [taps * depth, filters // groups])
        made.append(b.dense(b.grouped(own, [[0], [1], [2], [3, 4]]), flat))
    y = made[0] if groups == 1 else b.concat(made, -1)
    return call.as_image(b.add(y, call.value(3)) if call.has(3) else y)


def places(call: Call, axis: int, count: int, window: List[int]) -> numpy.ndarray:
    """The places of a window along a dimension before they are moved: (rows, 1, taps), or (columns, taps)."""
    steps = numpy.arange(count) * call.window("strides", 2)[axis] - call.window("pads", 4, 0, 0)[axis]
    own = numpy.indices(window)[axis].reshape(-1) * call.window("dilations", 2)[axis]
    made = (steps[:, None] + own).astype("float32")
    return made if axis else made[:, None]


def sampled(call: Call, sampler: Sampler, at: List[Value], mask: Value, part: int, channels: int) -> Value:
    """The channels of a part at places between pixels: (batch, rows, columns, taps, channels)."""
    b, total = call.b, None
    rows, columns = [along(call, one, size, "linear", "zeros", True) for one, size in zip(at, sampler.sizes)]
    for row, above in rows:
        for column, beside in columns:
            weight = b.mul(above, beside) if mask is None else b.mul(b.mul(above, beside), mask)
            found = b.cut(sampler.at([row, column]), 4, part * channels, channels)
            found = b.mul(found, b.expand(weight, 4))
            total = found if total is None else b.add(total, found)
    return total
