"""Parts of images, and images in larger ones (tf.image)."""
import numpy

from ...base.fault import Fault
from ...emit import Value
from ...emit.core import DType
from .. import interpolation
from ..interpolation import Method
from ..rules import Call, function, node
from ..windows import LARGEST, NAME_SIZES, OPEN
from .given import argument, floats, integer, integers, needed, value
from .imaging import placed
from .resizing import alone

METHODS = ("bilinear", "nearest")


@function("image.crop_and_resize")
@node("CropAndResize")
def crop_and_resize(call: Call) -> Value:
    """Boxes of the images, each brought to one size: every TensorFlow.js has the operation."""
    b, x = call.b, floats(call, "image")
    boxes = b.cast(value(call, argument(call, "boxes", 1, needed)), "float32")
    own = b.cast(value(call, argument(call, "box_indices box_ind", 2, needed)), "int32")
    size = integers(call, argument(call, "crop_size", 3, needed), "crop_size")
    method = str(argument(call, "method", None, "bilinear"))
    if x.rank != 4 or len(size) != 2 or not all(0 < one <= LARGEST for one in size) or method not in METHODS:
        raise Fault(f"operation {call.path!r} crops an image of shape {x.shape} to {size}: the file is damaged")
    return b.one("CropAndResize", [x, boxes, own, b.constant(size, "int32")], "float32",
                 [boxes.shape[0]] + size + [x.shape[3]], T=DType("float32"), method=method,
                 extrapolation_value=float(argument(call, "extrapolation_value", None, 0.0)))


@function("image.resize_with_pad")
def resize_with_pad(call: Call) -> Value:
    """The image as large as fits, with zeros around it (image_ops_impl.py: _resize_image_with_pad_common)."""
    x, single = alone(call, "image")
    height, width = [integer(call, argument(call, f"target_{side}", at, needed), side)
                     for at, side in enumerate(("height", "width"), 1)]
    if None in x.shape[1:3]:
        call.refuse(OPEN, NAME_SIZES)
    if not 0 < height <= LARGEST or not 0 < width <= LARGEST:
        raise Fault(f"operation {call.path!r} has the size {height} x {width}: the file is damaged")
    ratio = max(numpy.float32(old) / numpy.float32(new) for old, new in zip(x.shape[1:3], (height, width)))
    floating = [numpy.float32(old) / ratio for old in x.shape[1:3]]
    small = [int(numpy.floor(one)) for one in floating]
    before = [max(int(numpy.floor((numpy.float32(new) - one) / 2)), 0) for new, one in zip((height, width), floating)]
    method = Method(str(argument(call, "method", None, "bilinear")), bool(argument(call, "antialias")))
    made = interpolation.resize(call, x, small[0], small[1], method)
    pairs = [(first, whole - first - one) for first, whole, one in zip(before, (height, width), small)]
    return placed(call, call.b.margins(made, [(0, 0)] + pairs + [(0, 0)]), single)
