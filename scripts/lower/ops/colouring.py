"""Colours of images."""
from typing import List, Tuple

from ...base.fault import Fault
from ...emit import Value
from ..rules import Call, function, node, operation
from .given import first, tensor


def colours(call: Call, names: str = "images") -> Tuple[Value, int, List[Value]]:
    """The image, the axis of its channels, and its three channels, each with that axis of size 1."""
    x = tensor(call, names)
    axis = x.rank - 3 if first(call) else x.rank - 1
    if x.rank < 1 or x.shape[axis] != 3:
        raise Fault(f"operation {call.path!r} is given an image of shape {x.shape}, which has no three colours")
    return x, axis, call.b.split(x, 3, axis)


@operation("RGBToGrayscale")
@function("image.rgb_to_grayscale")
def rgb_to_grayscale(call: Call) -> Value:
    """The brightness of each place; whole numbers stay whole."""
    b, x = call.b, tensor(call, "images")
    if call.major > 2 and x.shape[x.rank - 3 if first(call) else -1] == 1:
        return x
    x, axis, parts = colours(call)
    made = None
    for part, weight in zip(parts, (0.2989, 0.5870, 0.1140)):
        one = b.mul(b.cast(part, "float32"), weight)
        made = one if made is None else b.add(made, one)
    return b.cast(made, x.dtype)


@function("image.grayscale_to_rgb")
def grayscale_to_rgb(call: Call) -> Value:
    """The same number for all colours."""
    x = tensor(call, "images")
    return call.b.tile(x, [1] * (x.rank - 1) + [3])


@operation("RGBToHSV")
@function("image.rgb_to_hsv")
@node("RGBToHSV")
def rgb_to_hsv(call: Call) -> Value:
    """Hue, saturation, value (tensorflow core/kernels/image/colorspace_op.h)."""
    b = call.b
    x, axis, (red, green, blue) = colours(call)
    most, least = b.max(x, axis, True), b.min(x, axis, True)
    spread = b.sub(most, least)
    flat, dark = b.compare("LessEqual", spread, 0), b.compare("LessEqual", most, 0)
    saturation = b.where(dark, 0.0, b.div(spread, b.where(dark, 1.0, most)))
    norm = b.div(1 / 6, b.where(flat, 1.0, spread))
    hue = b.where(b.compare("Equal", red, most), b.mul(norm, b.sub(green, blue)),
                  b.where(b.compare("Equal", green, most), b.add(b.mul(norm, b.sub(blue, red)), 2 / 6),
                          b.add(b.mul(norm, b.sub(red, green)), 4 / 6)))
    hue = b.where(flat, 0.0, hue)
    return b.concat([b.where(b.compare("Less", hue, 0), b.add(hue, 1.0), hue), saturation, most], axis)


@operation("HSVToRGB")
@function("image.hsv_to_rgb")
@node("HSVToRGB")
def hsv_to_rgb(call: Call) -> Value:
    """Colours of hue, saturation, value (tensorflow core/kernels/image/colorspace_op.h)."""
    b = call.b
    _, axis, (hue, saturation, bright) = colours(call)
    turned = b.mul(hue, 6.0)
    parts = [b.sub(b.unary("Abs", b.sub(turned, 3.0)), 1.0), b.sub(2.0, b.unary("Abs", b.sub(turned, 2.0))),
             b.sub(2.0, b.unary("Abs", b.sub(turned, 4.0)))]
    pale = b.sub(1.0, saturation)
    return b.concat([b.mul(b.add(pale, b.mul(saturation, b.clip(part, 0.0, 1.0))), bright) for part in parts], axis)
