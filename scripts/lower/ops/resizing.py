"""Images of another size (keras.ops.image.resize, tf.image.resize)."""
from typing import Any, Callable, Tuple

from ...base.fault import Fault
from ...emit import Value
from ...emit.core import DType
from ...emit.shaping import Size
from .. import interpolation, resizing
from ..interpolation import Method
from ..rules import Call, function, node, operation
from ..windows import LARGEST, NAME_SIZES, OPEN
from .given import argument, attributes, floats, integer, known, needed, tensor
from .imaging import channels_last, placed
from .padding import padded
from .shaping import sizes


def alone(call: Call, names: str) -> Tuple[Value, bool]:
    """The image in a batch, with the channels last, and whether it came without one."""
    x = tensor(call, names)
    if x.rank == 3:
        return channels_last(call, call.b.expand(x, 0)), True
    return channels_last(call, x, 4), False


def size(call: Call, given: Any) -> Tuple[Any, Any]:
    """(height, width), whole numbers or scalars that are computed."""
    found = [known(one) for one in sizes(call, given)]
    if len(found) != 2 or not all(isinstance(one, Value) or type(one) is int and 0 < one <= LARGEST for one in found):
        raise Fault(f"operation {call.path!r} ({call.kind}) has the size {str(given)[:60]}: the file is damaged")
    return found[0], found[1]


@operation("Resize")
def resize(call: Call) -> Value:
    """tf.image.resize, of a part of the image or with margins where the aspect ratio is kept."""
    x, single = alone(call, "images")
    height, width = size(call, call.config["size"])
    if call.config.get("crop_to_aspect_ratio") or call.config.get("pad_to_aspect_ratio"):
        if None in x.shape[1:3]:
            call.refuse(OPEN, NAME_SIZES)
        crops = bool(call.config.get("crop_to_aspect_ratio"))
        x = resizing.of_ratio(call, x, height, width, exact=False) if crops else \
            resizing.with_margins(call, x, height, width)
    method = Method(str(call.config.get("interpolation", "bilinear")), bool(call.config.get("antialias")))
    return placed(call, resizing.given_back(call, interpolation.resize(call, x, height, width, method)), single)


@function("image.resize image.resize_v2")
def resize_of_tensorflow(call: Call) -> Value:
    """Another size by a method; a new size of the same aspect ratio where the setting says so."""
    x, single = alone(call, "images")
    height, width = size(call, argument(call, "size", None, needed))
    height, width = of_ratio(call, x, height, width)
    method = Method(str(argument(call, "method", None, "bilinear")), bool(argument(call, "antialias")))
    return placed(call, interpolation.resize(call, x, height, width, method), single)


def of_ratio(call: Call, x: Value, height: Size, width: Size) -> Tuple[Size, Size]:
    """The largest size within this one that has the aspect ratio of the image, if the operation keeps that."""
    if not argument(call, "preserve_aspect_ratio"):
        return height, width
    if None in x.shape[1:3] or isinstance(height, Value) or isinstance(width, Value):
        call.refuse(OPEN, NAME_SIZES)
    scale = min(height / x.shape[1], width / x.shape[2])
    return round(scale * x.shape[1]), round(scale * x.shape[2])


@function("image.resize_with_crop_or_pad image.resize_image_with_crop_or_pad")
def resize_with_crop_or_pad(call: Call) -> Value:
    """The middle of an image, or the image in the middle of zeros (tensorflow image_ops_impl.py)."""
    b, x = call.b, tensor(call, "image")
    for axis, side in ((x.rank - 3, "height"), (x.rank - 2, "width")):
        aim = integer(call, argument(call, f"target_{side}", None, needed), side)
        if x.shape[axis] is None:
            call.refuse(OPEN, NAME_SIZES)
        if not 0 < aim <= LARGEST:
            raise Fault(f"operation {call.path!r} has the {side} {aim}: the file is damaged")
        more = aim - x.shape[axis]
        if more < 0:
            x = b.cut(x, axis, -more // 2, aim)
        elif more:
            margins = [[0, 0]] * x.rank
            margins[axis] = [more // 2, more - more // 2]
            x = padded(call, x, margins, "constant", 0)
    return x


def resized(name: str) -> Callable[[Call], Value]:
    """The function of one of TensorFlow 1's, which compare places by their corners unless told otherwise."""
    def lower(call: Call) -> Value:
        x, single = alone(call, "images")
        height, width = of_ratio(call, x, *size(call, argument(call, "size", 1, needed)))
        aligned = bool(argument(call, "align_corners", None, False))
        method = Method(name, corners=not argument(call, "half_pixel_centers", None, False), aligned=aligned)
        if aligned and (None in x.shape[1:3] or isinstance(height, Value) or isinstance(width, Value)):
            made = by_its_own(call, x, height, width, name)
        else:
            made = interpolation.resize(call, x, height, width, method)
        return placed(call, call.b.cast(made, x.dtype) if name == "nearest" else made, single)
    return lower


@function("image.resize_images")
def resize_images(call: Call) -> Value:
    """tf.compat.v1.image.resize, whose methods have numbers."""
    named = argument(call, "method", 2, 0)
    name = ("bilinear", "nearest", "bicubic", "area")[named] if type(named) is int and 0 <= named < 4 else str(named)
    return resized(name)(call)


def by_its_own(call: Call, x: Value, height: Size, width: Size, name: str) -> Value:
    """By an operation of TensorFlow.js's, of an image whose size is open."""
    b, op = call.b, {"bilinear": "ResizeBilinear", "nearest": "ResizeNearestNeighbor"}.get(name)
    if op is None:
        call.refuse(OPEN, NAME_SIZES)
    shape = [x.shape[0]] + [None if isinstance(one, Value) else one for one in (height, width)] + [x.shape[3]]
    return b.one(op, [b.cast(x, "float32"), b.sizes([height, width])], "float32", shape, T=DType("float32"),
                 align_corners=True, half_pixel_centers=False)


KERNELS = {"triangle": "bilinear", "keyscubic": "bicubic", "lanczos3": "lanczos3", "lanczos5": "lanczos5",
           "gaussian": "gaussian", "mitchellcubic": "mitchellcubic"}


@node("ScaleAndTranslate")
def scale_and_translate(call: Call) -> Value:
    """tf.image.resize's methods with a kernel: the whole image is shown, and not moved."""
    set_, x = attributes(call), floats(call)
    height, width = size(call, call.args[1])
    scale, moved = known(call.args[2]), known(call.args[3])
    if None in x.shape[1:3] or isinstance(height, Value) or isinstance(width, Value):
        call.refuse(OPEN, NAME_SIZES)
    if isinstance(scale, Value) or moved != [0.0, 0.0] or any(
            abs(one - new / old) > 1e-5 for one, new, old in zip(scale, (height, width), x.shape[1:3])):
        call.refuse("it moves the image, or shows a part of it", "crop the image and resize that")
    name = KERNELS.get(set_.get("kernel_type", "lanczos3"), "")
    return interpolation.resize(call, x, height, width, Method(name, bool(set_.get("antialias", True))))


for _name, _op, _function in (("bilinear", "Bilinear", "bilinear"), ("nearest", "NearestNeighbor", "nearest_neighbor"),
                              ("bicubic", "Bicubic", "bicubic"), ("area", "Area", "area")):
    node("Resize" + _op)(resized(_name))
    function("image.resize_" + _function)(resized(_name))
