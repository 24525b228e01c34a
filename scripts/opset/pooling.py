"""Poolings: the largest value, the mean or the norm of each window, or of a whole image."""
from itertools import product as every
from typing import Iterator, List, Optional

import numpy

from ..emit import Value
from ..emit.images import Cut
from ..lower.pooling import pooled
from ..lower.windows import Window
from .layout import Held
from .rules import Call, Result, operation
from .windows import NAME_SIZES, OPEN, Windows, around, is_itself, spatial_of, windows

LOWEST = float(numpy.finfo("float32").min)
PLACES = 256  # of a dilated window, each of which is an operation


def laid(call: Call, x: Value) -> Windows:
    """The windows of a node; with ceil_mode the last one may begin in the margin behind."""
    count = x.rank - 2
    if count not in (1, 2, 3):
        call.damaged(f"is given a tensor of {x.rank} dimensions")
    if call.ints("kernel_shape") is None:
        call.damaged("lacks kernel_shape")
    return windows(call, call.window("kernel_shape", count), spatial_of(x))


def longer(call: Call, found: Windows, spatial: List[Optional[int]]) -> Windows:
    """With ceil_mode, windows that go beyond the margin behind: it grows, but no window begins in it."""
    if not call.int("ceil_mode"):
        return found
    margins = []
    for place, (size, (before, behind)) in enumerate(zip(spatial, found.margins)):
        if size is None and found.strides[place] == 1:
            margins.append((before, behind))
            continue
        if size is None:
            call.refuse(OPEN, NAME_SIZES)
        reach, stride = found.reach(place), found.strides[place]
        count = -(-(size + before + behind - reach) // stride) + 1
        if (count - 1) * stride >= size + before:
            count -= 1
        margins.append((before, max(behind, (count - 1) * stride + reach - size - before)))
    return found._replace(margins=margins)


def window_of(found: Windows, padding: str = "valid") -> Window:
    """The windows as the emitters take them."""
    return Window(tuple(found.sizes), tuple(found.strides), (1,) * len(found.sizes), padding)


@operation("MaxPool")
def maximum(call: Call) -> Result:
    """The largest value of each window; what lies in the margins is none."""
    x = call.image()
    found = longer(call, laid(call, x), spatial_of(x))
    if call.wants(1):
        return with_places(call, x, found)
    if max(found.dilations) > 1:
        return call.as_image(dilated(call, x, found))
    if is_itself(found, spatial_of(x)):
        return call.as_image(restored(call, pooled(call.b, "MaxPool", x, window_of(found, "same"))))
    x = call.b.pad(call.b.cast(x, "float32"), around(found), LOWEST)
    return call.as_image(restored(call, pooled(call.b, "MaxPool", x, window_of(found))))


def restored(call: Call, y: Value) -> Value:
    """A result in the type of the input: pooling is of floats."""
    return call.b.cast(y, call.image().dtype)


def cuts(call: Call, found: Windows) -> Iterator[List[Cut]]:
    """The values at each place of the windows, in all windows of an image with its margins."""
    if numpy.prod(found.sizes) > PLACES:
        call.refuse(f"it looks at windows place by place, and they have more than {PLACES}")
    for places in every(*[range(size) for size in found.sizes]):
        yield [Cut()] + [
            Cut(place * dilation, (size - 1 - place) * dilation, stride) for place, size, dilation, stride in zip(
                places, found.sizes, found.dilations, found.strides)] + [Cut()]


def dilated(call: Call, x: Value, found: Windows) -> Value:
    """The largest of the values at each place of the windows."""
    x = call.b.pad(call.b.cast(x, "float32"), around(found), LOWEST)
    made: Optional[Value] = None
    for part in cuts(call, found):
        made = call.b.strided(x, part) if made is None else call.b.maximum(made, call.b.strided(x, part))
    return restored(call, made)


def summed(call: Call, x: Value, found: Windows) -> Value:
    """The sum of the values at each place of dilated windows, of an image with its margins."""
    made: Optional[Value] = None
    for part in cuts(call, found):
        made = call.b.strided(x, part) if made is None else call.b.add(made, call.b.strided(x, part))
    return made


def with_places(call: Call, x: Value, found: Windows) -> List[Held]:
    """The largest value of each window, and its place among all values in ONNX's order: of equals the first one."""
    b, sizes = call.b, spatial_of(x)
    channels = x.shape[-1]
    if None in sizes or channels is None:
        call.refuse(OPEN, NAME_SIZES)
    whole = int(numpy.prod(sizes))
    columns = bool(call.int("storage_order"))
    own = numpy.arange(whole, dtype="int32").reshape(sizes[::-1] if columns else sizes)
    own = own.transpose() if columns else own
    own = own[None, ..., None] + numpy.arange(channels, dtype="int32") * whole
    numbers = b.pad(b.constant(own), around(found))
    x = b.pad(b.cast(x, "float32"), around(found), LOWEST)
    made, places = None, None
    for part in cuts(call, found):
        value, place = b.strided(x, part), b.strided(numbers, part)
        if made is None:
            made, places = value, b.add(place, b.cast(b.mul(b.like(value, 0), 0), "int32"))
            continue
        better = b.compare("Greater", value, made)
        made, places = b.where(better, value, made), b.where(better, place, places)
    first = b.mul(b.counted(b.dim(x, 0)), whole * channels)
    places = b.add(places, b.reshape(first, [-1] + [1] * (x.rank - 1)))
    return [call.as_image(restored(call, made)), call.as_image(places, dtype="INT64")]


@operation("AveragePool")
def mean(call: Call) -> Held:
    """The mean of each window, of the values alone or (count_include_pad) of the zeros in the margins, too."""
    x = call.image()
    found = laid(call, x)
    counted = bool(call.int("count_include_pad"))
    whole = longer(call, found, spatial_of(x))
    if max(found.dilations) > 1:
        return dilated_mean(call, x, found, whole, counted)
    if not any(any(pair) for pair in whole.margins):
        return call.as_image(pooled(call.b, "AvgPool", x, window_of(found)))
    if not counted and is_itself(whole, spatial_of(x)):
        return call.as_image(pooled(call.b, "AvgPool", x, window_of(whole, "same")))
    made = pooled(call.b, "AvgPool", call.b.pad(x, around(whole)), window_of(whole))
    if counted and whole == found:
        return call.as_image(made)
    if None in spatial_of(x):
        call.refuse(OPEN, NAME_SIZES)
    return call.as_image(call.b.mul(made, shares(found, whole, spatial_of(x), counted)[..., None]))


def dilated_mean(call: Call, x: Value, found: Windows, whole: Windows, counted: bool) -> Held:
    """The mean of dilated windows: a sum over the number of places that count."""
    sizes = spatial_of(x)
    if None in sizes:
        call.refuse(OPEN, NAME_SIZES)
    ones = numpy.ones([1] + sizes + [1], "float32")
    if counted:
        ones = numpy.pad(ones, around(found), mode="constant", constant_values=1)
    more = [(pair[0] - own[0], pair[1] - own[1]) if counted else pair
            for pair, own in zip(whole.margins, found.margins)]
    ones = numpy.pad(ones, [(0, 0)] + more + [(0, 0)], mode="constant")
    count = summed(call, call.b.constant(ones), whole)
    return call.as_image(call.b.div(summed(call, call.b.pad(x, around(whole)), whole), call.b.maximum(count, 1.0)))


def shares(found: Windows, whole: Windows, spatial: List[Optional[int]], counted: bool) -> numpy.ndarray:
    """The factors that correct the means of windows which count all places: float32, (windows of each dimension).

    found: the windows with the margins of the file, whose places count if `counted`; whole: with those that are laid.
    """
    result = numpy.ones((), "float32")
    for place, size in enumerate(spatial):
        before, behind = found.margins[place] if counted else (0, 0)
        first = whole.margins[place][0] - before
        count = (size + sum(whole.margins[place]) - whole.sizes[place]) // whole.strides[place] + 1
        starts = numpy.arange(count) * whole.strides[place]
        ends = numpy.minimum(starts + whole.sizes[place], first + size + before + behind)
        inside = ends - numpy.maximum(starts, first)
        result = result[..., None] * (whole.sizes[place] / numpy.maximum(inside, 1)).astype("float32")
    return result


@operation("GlobalAveragePool")
def global_mean(call: Call) -> Held:
    """The mean of each channel."""
    x = call.image()
    return call.as_image(call.b.mean(x, list(range(1, x.rank - 1)), True))


@operation("GlobalMaxPool")
def global_maximum(call: Call) -> Held:
    """The largest value of each channel."""
    x = call.image()
    return call.as_image(call.b.max(x, list(range(1, x.rank - 1)), True))


@operation("LpPool")
def norm(call: Call) -> Held:
    """The p-norm of each window: the root of a sum of powers."""
    x = call.image()
    found = longer(call, laid(call, x), spatial_of(x))
    powers = call.b.pad(raised(call, x), around(found))
    if max(found.dilations) > 1:
        return call.as_image(rooted(call, summed(call, powers, found)))
    made = pooled(call.b, "AvgPool", powers, window_of(found))
    return call.as_image(rooted(call, call.b.mul(made, float(numpy.prod(found.sizes)))))


@operation("GlobalLpPool")
def global_norm(call: Call) -> Held:
    """The p-norm of each channel."""
    x = call.image()
    return call.as_image(rooted(call, call.b.sum(raised(call, x), list(range(1, x.rank - 1)), True)))


def raised(call: Call, x: Value) -> Value:
    """|x| to the power of p."""
    p = call.int("p", 2)
    size = call.b.unary("Abs", x)
    return call.b.square(size) if p == 2 else size if p == 1 else call.b.binary("Pow", size, float(p))


def rooted(call: Call, x: Value) -> Value:
    """The p-th root."""
    p = call.int("p", 2)
    if p < 1:
        call.damaged(f"has p={p}")
    return call.b.sqrt(x) if p == 2 else x if p == 1 else call.b.binary("Pow", x, 1.0 / p)
