"""Layers that pad, crop, repeat and resize images."""
from typing import List, Tuple

from ..base.fault import Fault
from .convolution import count_of
from .emit import Value
from .rules import Call, layer
from .windows import LARGEST, channels_first, is_whole, numbers


def sides(call: Call, key: str) -> List[Tuple[int, int]]:
    """(before, behind) of each spatial dimension: of 1, [1, 2] (one dimension), [1, 2] or [[1, 2], [3, 4]]."""
    count, given = count_of(call), call.config.get(key)
    given = 1 if given is None else given
    if count == 1 and isinstance(given, (list, tuple)) and len(given) == 2:
        given = [given]
    found = list(given) if isinstance(given, (list, tuple)) else [given] * count
    pairs = [tuple(item) if isinstance(item, (list, tuple)) else (item, item) for item in found]
    if len(pairs) != count or any(len(pair) != 2 or not all(is_whole(side) and 0 <= side <= LARGEST for side in pair)
                                  for pair in pairs):
        raise Fault(f"layer {call.path!r} has {key}={call.config.get(key)!r:.60}: the file is damaged")
    return [(int(before), int(behind)) for before, behind in pairs]


def placed(call: Call, pairs: List[Tuple[int, int]]) -> List[Tuple[int, int]]:
    """The pairs of the spatial dimensions among those of all dimensions."""
    call.rank(len(pairs) + 2, len(pairs) + 2)
    return [(0, 0)] * (2 if channels_first(call) else 1) + pairs + [(0, 0)] * (not channels_first(call))


@layer("ZeroPadding1D ZeroPadding2D ZeroPadding3D")
def zero_padding(call: Call) -> Value:
    """Zeros around the image."""
    return call.b.margins(call.x, placed(call, sides(call, "padding")))


@layer("Cropping1D Cropping2D Cropping3D")
def cropping(call: Call) -> Value:
    """The image without its margins."""
    return call.b.margins(call.x, [(-before, -behind) for before, behind in placed(call, sides(call, "cropping"))])


@layer("UpSampling1D UpSampling3D")
def repeated(call: Call) -> Value:
    """Every place so often."""
    return repeat(call, numbers(call, "size", count_of(call), default=2))


def repeat(call: Call, times: Tuple[int, ...]) -> Value:
    """Every place of the image so often, along each spatial dimension."""
    x = call.x
    call.rank(len(times) + 2, len(times) + 2)
    for axis, count in enumerate(times, 2 if channels_first(call) else 1):
        x = call.b.repeated(x, axis, count)
    return x


@layer("UpSampling2D")
def upsampling(call: Call) -> Value:
    """Every place so often, or interpolated."""
    if call.get("interpolation", "nearest") != "nearest":
        call.refuse(f"its interpolation {call.config['interpolation']!r:.40} is not known")
    return repeat(call, numbers(call, "size", 2, default=2))
