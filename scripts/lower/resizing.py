"""Layers that pad, crop, repeat and resize images."""
import re
from typing import List, Tuple

import numpy

from ..base.fault import Fault
from ..emit import Value
from . import interpolation, narrow, types
from .convolution import count_of
from .interpolation import Method
from .rules import Call, layer
from .windows import LARGEST, NAME_SIZES, OPEN, channels_first, image, is_whole, numbers, restored


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
    """Every place so often, or interpolated (keras 2.6 backend.resize_images, Keras 3 reshaping/up_sampling2d.py)."""
    times, name = numbers(call, "size", 2, default=2), call.get("interpolation", "nearest")
    if name == "nearest":
        return repeat(call, times)
    b, x = call.b, image(call, 2)
    sizes = [b.size("Mul", b.dim(x, axis), count) for axis, count in zip((1, 2), times)]
    return restored(call, interpolation.resize(call, x, sizes[0], sizes[1], Method(name, corners=is_old(call))))


def is_old(call: Call) -> bool:
    """Whether a Keras before 2.4, which is not TensorFlow's own, wrote the model.

    It resizes by gen_image_ops.resize_bilinear (keras 2.3.1 tensorflow_backend.py); tf.keras of 1.15 by
    image.resize_images_v2, as all after it.
    """
    return call.major < 3 and "tf" not in call.walk.version and release(call) < (2, 4)


def release(call: Call) -> Tuple[int, int]:
    """The Keras that wrote the model, as two numbers: "2.3.1" -> (2, 3).

    2.0 stands for a file that does not say it: Keras 2.0 has no layer that asks.
    """
    found = [int(part) for part in re.findall(r"\d{1,4}", call.walk.version)[:2]]
    return (found[0], found[1]) if len(found) == 2 and found != [2, 0] else (call.major, 15)


# To a size -------------------------------------------------------------------------------------------------------

def target(call: Call, x: Value) -> Tuple[int, int]:
    """The settings height and width, for an image whose sizes are known: else the layer is refused."""
    if None in x.shape[1:3]:
        call.refuse(OPEN, NAME_SIZES)
    return wanted(call)


def wanted(call: Call) -> Tuple[int, int]:
    """The settings height and width."""
    return numbers(call, "height", 1)[0], numbers(call, "width", 1)[0]


@layer("Resizing")
def resizing(call: Call) -> Value:
    """tf.image.resize, of a part of the image or with margins where the aspect ratio is kept."""
    x = image(call, 2)
    height, width = wanted(call)
    method = Method(call.get("interpolation", "bilinear"), bool(call.config.get("antialias")))
    if call.config.get("crop_to_aspect_ratio"):
        x = of_ratio(call, x, *target(call, x), exact=False)
    elif call.config.get("pad_to_aspect_ratio"):
        x = with_margins(call, x, *target(call, x))
    y = interpolation.resize(call, x, height, width, method)
    return restored(call, typed(call, given_back(call, y) if call.major > 2 else y))


def given_back(call: Call, y: Value) -> Value:
    """An image in the type of the one that Keras 3 was given, rounded, and within what that type holds."""
    b, x = call.b, call.x
    if x.dtype == y.dtype:
        return y
    y = b.unary("Round", y)
    return b.cast(narrow.clipped(b, y, x.narrow) if x.narrow else y, x.dtype)


def of_ratio(call: Call, x: Value, height: int, width: int, exact: bool = True) -> Value:
    """The largest part of the image, in its middle, whose aspect ratio is that of height and width.

    exact: counted in float64 (smart_resize of Keras 3), else in float32.
    """
    number = float if exact else numpy.float32
    rows, columns = x.shape[1:3]
    tall = max(min(rows, int(number(columns * height) / number(width))), 1)
    wide = max(min(columns, int(number(rows * width) / number(height))), 1)
    return call.b.slice(x, [(0, None), ((rows - tall) // 2, tall), ((columns - wide) // 2, wide), (0, None)])


def with_margins(call: Call, x: Value, height: int, width: int) -> Value:
    """The image between margins of one colour, so that its aspect ratio is that of height and width."""
    rows, columns = x.shape[1:3]
    tall = max(rows, int(numpy.float32(columns * height) / numpy.float32(width)))
    wide = max(columns, int(numpy.float32(rows * width) / numpy.float32(height)))
    number = call.get("fill_value", 0.0)
    if type(number) not in (int, float) or max(tall, wide) > LARGEST:
        raise Fault(f"layer {call.path!r} has height={height}, width={width}, fill_value={number!r:.40}: the file is "
                    "damaged")
    above, left = (tall - rows) // 2, (wide - columns) // 2
    return call.b.pad(x, [(0, 0), (above, above), (left, left), (0, 0)], number)


@layer("CenterCrop")
def center_crop(call: Call) -> Value:
    """The middle of the image; a smaller one is resized."""
    x = image(call, 2)
    x = types.settled(call, x) if call.since(2, 7) else x
    height, width = target(call, x)
    rows, columns = x.shape[1:3]
    if rows < height or columns < width:
        return restored(call, typed(call, smart(call, x, height, width)))
    return restored(call, call.b.slice(
        x, [(0, None), ((rows - height) // 2, height), ((columns - width) // 2, width), (0, None)]))


def typed(call: Call, x: Value) -> Value:
    """An image in the type that the layer computes with, which Keras 2 gives it since 2.7 (image_preprocessing.py)."""
    return types.settled(call, x) if call.major < 3 and call.since(2, 7) else x


def smart(call: Call, x: Value, height: int, width: int) -> Value:
    """Keras's smart_resize (keras 2.6 preprocessing/image.py; Keras 3 utils/image_utils.py)."""
    return interpolation.resize(call, of_ratio(call, x, height, width, call.major > 2), height, width,
                                Method("bilinear"))


@layer("RandomCrop")
def random_crop(call: Call) -> Value:
    """A RandomCrop outside of training, which differs by version.

    Keras 2.0 - 2.7 resizes the image and cuts its middle out, 2.8 - 3.6 is smart_resize, Keras from 3.7 on does nothing
    (image_preprocessing/random_crop.py: transform_images; keras issue 21868).
    """
    if release(call) >= (3, 7):
        return call.x
    x = image(call, 2)
    height, width = target(call, x)
    if release(call) >= (2, 8):
        return restored(call, typed(call, smart(call, typed(call, x), height, width)))
    rows, columns = x.shape[1:3]
    tall, wide = (int(width * rows / columns), width) if rows / columns > height / width else \
        (height, int(height * columns / rows))
    y = interpolation.resize(call, x, tall, wide, Method("bilinear"))
    return call.b.slice(y, [(0, None), ((tall - height) // 2, height), ((wide - width) // 2, width), (0, None)])


@layer("AutoContrast")
def auto_contrast(call: Call) -> Value:
    """Each channel from its smallest value to its largest (Keras 3 image_preprocessing/auto_contrast.py)."""
    b, x = call.b, call.b.cast(call.x, "float32")
    low, high = sorted(float(item) for item in call.get("value_range", [0, 255]))
    if not 0 < high - low < 1e30:
        raise Fault(f"layer {call.path!r} has value_range={[low, high]}: the file is damaged")
    y = b.mul(b.sub(x, low), 255.0 / (high - low))
    least, most = b.min(y, (1, 2), True), b.max(y, (1, 2), True)
    scale = b.div(255.0, b.sub(most, least))
    y = b.clip(b.add(b.mul(y, scale), b.mul(b.neg(least), scale)), 0.0, 255.0)
    y = b.add(b.mul(y, (high - low) / 255.0), low)
    return b.where(b.compare("NotEqual", y, y), x, y)
