"""Functions of tf.image that adjust, turn and cut images (tensorflow python/ops/image_ops_impl.py)."""
from typing import Any, Callable, List

import numpy

from ...base.fault import Fault
from ...emit import Value
from ...layers.few_bits import LARGEST as LARGEST_OF
from .. import narrow
from ..rules import Call, called, function, node
from ..windows import LARGEST, Window
from .colouring import brightness, hsv_of, rgb_of
from .given import argument, floats, integer, integers, needed, tensor, value
from .imaging import patches
from .padding import padded

# What the three colours are multiplied by (rows), for each of the three results (columns)
MIXED = {
    "rgb_to_yiq": ((0.299, 0.59590059, 0.2115), (0.587, -0.27455667, -0.52273617), (0.114, -0.32134392, 0.31119955)),
    "rgb_to_yuv": ((0.299, -0.14714119, 0.61497538), (0.587, -0.28886916, -0.51496512),
                   (0.114, 0.43601035, -0.10001026)),
    "yiq_to_rgb": ((1, 1, 1), (0.95598634, -0.27201283, -1.10674021), (0.6208248, -0.64720424, 1.70423049)),
    "yuv_to_rgb": ((1, 1, 1), (0, -0.394642334, 2.03206185), (1.13988303, -0.58062185, 0))}


MOST = dict(LARGEST_OF, int32=2 ** 31 - 1)  # what a type holds


def as_floats(call: Call, adjust: Callable[[Value], Value], x: Value) -> Value:
    """An image that is adjusted; whole numbers become shares of what their type holds, and such numbers again."""
    if x.dtype == "float32":
        return adjust(x)
    kind = x.narrow or "int32"
    return in_type(call, adjust(in_type(call, x, "float32")), kind, True)


def in_type(call: Call, x: Value, kind: str, saturate: bool = False) -> Value:
    """An image in another type, its numbers scaled by what the types hold (image_ops_impl.py: convert_image_dtype)."""
    b, own = call.b, "float32" if x.dtype == "float32" else x.narrow or "int32"
    kind = {"int64": "int32", "float16": "float32", "float64": "float32"}.get(kind, kind)
    if own == kind:
        return x
    if kind == "float32":
        return b.mul(b.cast(x, "float32"), 1.0 / MOST[own])
    if own == "float32":
        x, low = b.mul(x, MOST[kind] + 0.5), 0 if kind.startswith("u") else -MOST[kind] - 1
        x = b.clip(x, float(low), float(MOST[kind])) if saturate and kind != "int32" else x
        x = b.cast(x, "int32")
    elif MOST[own] > MOST[kind]:
        x = b.binary("FloorDiv", x, (MOST[own] + 1) // (MOST[kind] + 1))
    else:
        x = b.mul(x, (MOST[kind] + 1) // (MOST[own] + 1))
    return narrow.wrapped(b, x, kind) if kind in narrow.TYPES else x.narrowed(None)


@function("image.convert_image_dtype")
def convert_image_dtype(call: Call) -> Value:
    """Another type, whole numbers as shares of what their type holds."""
    kind = str(argument(call, "dtype", 1, needed))
    if "float" not in kind and kind not in MOST and kind != "int64":
        call.refuse(f"it casts to {kind}, with which TensorFlow.js does not compute", "cast to float32 or int32")
    return in_type(call, tensor(call, "image"), kind, bool(argument(call, "saturate", 2, False)))


def number(call: Call, names: str, at: int) -> Value:
    """A number, or a tensor of one."""
    return call.b.cast(value(call, argument(call, names, at, needed)), "float32")


@function("image.rgb_to_grayscale")
def rgb_to_grayscale(call: Call) -> Value:
    """The brightness of each place."""
    return as_floats(call, lambda x: brightness(call, x), tensor(call, "images"))


@function("image.adjust_brightness")
def adjust_brightness(call: Call) -> Value:
    """The image and a number."""
    return as_floats(call, lambda x: call.b.add(x, number(call, "delta", 1)), tensor(call, "image"))


@function("image.adjust_contrast")
@node("AdjustContrastv2")
def adjust_contrast(call: Call) -> Value:
    """Each channel nearer to its mean, or further away."""
    def adjust(x: Value) -> Value:
        mean = call.b.mean(x, [x.rank - 3, x.rank - 2], True)
        return call.b.add(call.b.mul(call.b.sub(x, mean), number(call, "contrast_factor", 1)), mean)
    return as_floats(call, adjust, tensor(call, "images"))


@function("image.adjust_gamma")
def adjust_gamma(call: Call) -> Value:
    """gain * image ** gamma."""
    gamma, gain = [call.b.cast(value(call, argument(call, name, at, 1)), "float32")
                   for at, name in ((1, "gamma"), (2, "gain"))]
    return as_floats(call, lambda x: call.b.mul(call.b.binary("Pow", x, gamma), gain), tensor(call, "image"))


@function("image.adjust_saturation image.adjust_hue")
@node("AdjustSaturation AdjustHue")
def adjust_colours(call: Call) -> Value:
    """The image with another saturation, up to 1, or a hue that is turned on."""
    b, name = call.b, called(call.record, call.major).lower()
    x = tensor(call, "image")

    def adjust(image: Value) -> Value:
        hue, saturation, bright = b.split(hsv_of(call, image), 3, -1)
        if name.endswith("saturation"):
            saturation = b.clip(b.mul(saturation, by), 0.0, 1.0)
        else:
            hue = b.add(hue, by)
            hue = b.sub(hue, b.unary("Floor", hue))
        return rgb_of(call, b.concat([hue, saturation, bright], -1))

    by = number(call, "saturation_factor delta", 1)
    return as_floats(call, adjust, x)


def mixed(rows: Any) -> Callable[[Call], Value]:
    """The function that multiplies the channels with a matrix."""
    return lambda call: call.b.dense(floats(call, "images"), call.b.constant(numpy.array(rows, "float32")))


for _name, _rows in MIXED.items():
    function("image." + _name)(mixed(_rows))


@function("image.transpose")
def transpose(call: Call) -> Value:
    """Rows and columns in each other's place."""
    x = tensor(call, "image")
    return call.b.move(x, x.rank - 3, x.rank - 2)


@function("image.rot90")
def rot90(call: Call) -> Value:
    """Turned to the left, so often."""
    b, x = call.b, tensor(call, "image")
    for _ in range(integer(call, argument(call, "k", 1, 1), "k") % 4):
        x = b.reverse(b.move(x, x.rank - 3, x.rank - 2), [x.rank - 3])
    return x


@function("image.pad_to_bounding_box")
def pad_to_bounding_box(call: Call) -> Value:
    """The image between zeros."""
    x = tensor(call, "image")
    margins: List[Any] = [[0, 0]] * x.rank
    for axis, side in ((x.rank - 3, "height"), (x.rank - 2, "width")):
        before = integer(call, argument(call, f"offset_{side}", None, needed), "offset")
        whole = integer(call, argument(call, f"target_{side}", None, needed), "size")
        if x.shape[axis] is None:
            call.refuse("a size of its image is open", "give it: --input-shape")
        if not 0 <= before <= whole - x.shape[axis] <= LARGEST:
            raise Fault(f"operation {call.path!r} pads an image of shape {x.shape} to {whole}: the file is damaged")
        margins[axis] = [before, whole - x.shape[axis] - before]
    return padded(call, x, margins, "constant", 0)


@function("extract_volume_patches")
@node("ExtractVolumePatches")
def extract_volume_patches(call: Call) -> Value:
    """Each window of volumes as a row of channels."""
    x = tensor(call, "input")
    sizes, strides = [integers(call, argument(call, name, None, needed), name) for name in ("ksizes", "strides")]
    if x.rank != 5 or any(len(one) != 5 or not all(0 < size <= LARGEST for size in one) for one in (sizes, strides)):
        raise Fault(f"operation {call.path!r} takes windows of {sizes} by {strides} of a tensor of shape {x.shape}")
    padding = str(argument(call, "padding", None, needed)).lower()
    return patches(call, x, Window(tuple(sizes[1:4]), tuple(strides[1:4]), (1, 1, 1), padding))


@function("image.extract_patches")
@node("ExtractImagePatches")
def extract_patches(call: Call) -> Value:
    """Each window as a row of channels."""
    x = tensor(call, "images")
    sizes, strides, rates = [integers(call, argument(call, names, None, needed), names.split()[0])
                             for names in ("sizes ksizes", "strides", "rates")]
    if x.rank != 4 or any(len(one) != 4 or not all(0 < size <= LARGEST for size in one)
                          for one in (sizes, strides, rates)):
        raise Fault(f"operation {call.path!r} takes windows of {sizes} by {strides} of a tensor of shape {x.shape}")
    padding = str(argument(call, "padding", None, needed)).lower()
    return patches(call, x, Window(tuple(sizes[1:3]), tuple(strides[1:3]), tuple(rates[1:3]), padding))
