"""Resized images, as tf.image.resize interpolates them, one dimension after the other.

Each place of the result is a weighted sum of places of the image.  If both sizes are known, the weights are computed
here, as a matrix (new places, places).  tensorflow core/kernels/image: resize_bilinear_op, resize_nearest_neighbor_op,
resize_bicubic_op, resize_area_op, scale_and_translate_op; they compute in float32, and so does this module.
"""
from typing import Callable, Dict, NamedTuple, Tuple

import numpy

from ..base.fault import Fault
from ..emit import Value
from ..emit.interpolation import by_weights, mixed
from ..emit.shaping import Size
from .rules import Call
from .windows import NAME_SIZES, OPEN

METHODS = ("nearest", "bilinear", "bicubic", "area", "lanczos3", "lanczos5", "gaussian", "mitchellcubic")
LARGEST = 1 << 24  # of the numbers in a matrix
ONE = numpy.float32(1)


class Method(NamedTuple):
    """A method of interpolation.

    name       one of METHODS
    antialias  whether a smaller image takes all places of the larger one into account
    corners    whether places are compared by their corners, as TensorFlow 1 did, and not by their centres
    aligned    whether the centres of the corners lie one on the other (align_corners of TensorFlow 1)
    """

    name: str
    antialias: bool = False
    corners: bool = False
    aligned: bool = False


def resize(call: Call, x: Value, height: Size, width: Size, method: Method) -> Value:
    """(batch, rows, columns, channels) with so many rows and columns.  Raises NotLowered for open sizes if need be."""
    if method.name not in METHODS:
        raise Fault(f"{call.path!r} ({call.kind}) interpolates by {method.name!r:.40}, and Keras has "
                    f"{', '.join(METHODS)} alone: the file is damaged")
    if (height, width) == x.shape[1:3]:  # tf.image.resize returns such an image as it is
        return x
    for axis, size in ((1, height), (2, width)):
        x = along(call, x, axis, size, method)
    return x


def along(call: Call, x: Value, axis: int, size: Size, method: Method) -> Value:
    """Another size of one dimension."""
    b, whole = call.b, call.b.dim(x, axis)
    if isinstance(size, Value) or isinstance(whole, Value):
        return between(call, x, axis, size, method)
    if size * whole > LARGEST:
        call.refuse(f"{whole} places become {size}: too many", "resize to fewer")
    weights = matrix(whole, size, method)
    return by_weights(b, x, axis, weights)


def between(call: Call, x: Value, axis: int, size: Size, method: Method) -> Value:
    """`along` where a size is open: the places are computed from the tensor's shape."""
    b, whole = call.b, call.b.dim(x, axis)
    if method.name not in ("nearest", "bilinear") or method.antialias and method.name == "bilinear":
        call.refuse(OPEN, NAME_SIZES)
    ratio = b.div(whole, size)
    places = b.cast(b.counted(size), "float32")
    last = b.size("Sub", whole, 1)
    if method.corners:
        at = b.mul(places, ratio)
    else:
        at = b.mul(b.add(places, 0.5), ratio)
    if method.name == "nearest":
        low = b.minimum(b.cast(b.unary("Floor", at), "int32"), last)
        return b.gather(x, low, axis)
    at = at if method.corners else b.sub(at, 0.5)
    floor = b.unary("Floor", at)
    low = b.maximum(b.cast(floor, "int32"), 0)
    high = b.minimum(b.cast(b.unary("Ceil", at), "int32"), last)
    return mixed(b, x, axis, low, high, b.sub(at, floor))


# Weights ---------------------------------------------------------------------------------------------------------

def matrix(whole: int, size: int, method: Method) -> numpy.ndarray:
    """The weights of `whole` places for each of `size` new ones: float32 (size, whole)."""
    ratio = numpy.float32(whole) / numpy.float32(size)
    if method.aligned and size > 1:
        ratio = numpy.float32(whole - 1) / numpy.float32(size - 1)
    if method.name in ("nearest", "bilinear", "bicubic") and not (method.antialias and method.name != "nearest"):
        centre = numpy.float32(0 if method.corners else 0.5)
        at = (numpy.arange(size, dtype="float32") + centre) * ratio
        if method.name == "nearest":
            at = numpy.floor(at + numpy.float32(0.5)) if method.aligned else numpy.floor(at)
            return spread(whole, [(at.clip(0, whole - 1), numpy.ones(size))])
        at = at - centre
        return linear(whole, at) if method.name == "bilinear" else cubic(whole, at, method.corners)
    return areas(whole, size, ratio) if method.name == "area" else spans(whole, size, ratio, method)


def spread(whole: int, taps: list) -> numpy.ndarray:
    """The matrix of [(places, weights)], each of them for all new places."""
    size = len(taps[0][0])
    result = numpy.zeros((size, whole), "float32")
    for places, weights in taps:
        numpy.add.at(result, (numpy.arange(size), numpy.asarray(places, "int64")), numpy.asarray(weights, "float32"))
    return result


def linear(whole: int, at: numpy.ndarray) -> numpy.ndarray:
    """Between the two nearest places."""
    part = at - numpy.floor(at)
    return spread(whole, [(numpy.floor(at).clip(0), 1 - part), (numpy.ceil(at).clip(None, whole - 1), part)])


def cubic(whole: int, at: numpy.ndarray, older: bool = False) -> numpy.ndarray:
    """Between the four nearest places, by a table of 1024 steps; weights outside of the image count nothing.

    older: those of TensorFlow 1, whose kernel has a = -0.75, and where the outermost places count for those outside.
    """
    first = numpy.floor(at)
    step = numpy.rint((at - first) * numpy.float32(1024)) / 1024.0
    weights = [keys(one, -0.75 if older else -0.5) for one in (1 + step, step, 1 - step, 2 - step)]
    taps = []
    for place, weight in zip((first - 1, first, first + 1, first + 2), weights):
        inside = (place >= 0) & (place < whole) | older
        taps.append((place.clip(0, whole - 1), numpy.where(inside, weight, 0)))
    return spread(whole, taps) if older else normal(spread(whole, taps))


def normal(weights: numpy.ndarray) -> numpy.ndarray:
    """Weights of which each row's sum is 1."""
    total = weights.sum(1, keepdims=True)
    return (weights / numpy.where(numpy.abs(total) > 1e-35, total, ONE)).astype("float32")


def areas(whole: int, size: int, ratio: numpy.float32) -> numpy.ndarray:
    """The mean of the places that a new one covers, those at its ends in part."""
    result = numpy.zeros((size, whole), "float32")
    for place in range(size):
        begin, end = numpy.float32(place) * ratio, numpy.float32(place + 1) * ratio
        for source in range(int(numpy.floor(begin)), int(numpy.ceil(end))):
            covered = ratio if begin > source and end < source + 1 else \
                min(numpy.float32(source + 1), end) - max(numpy.float32(source), begin)
            result[place, min(source, whole - 1)] += covered / ratio
    return result


def keys(x: numpy.ndarray, a: float = -0.5) -> numpy.ndarray:
    """The cubic kernel of Keys, for x >= 0."""
    inner = (((a + 2) * x - (a + 3)) * x) * x + 1
    outer = ((a * x - 5 * a) * x + 8 * a) * x - 4 * a
    return numpy.where(x >= 2, 0, numpy.where(x >= 1, outer, inner))


def mitchell(x: numpy.ndarray) -> numpy.ndarray:
    """The cubic kernel of Mitchell and Netravali."""
    inner = (((7 * x - 12) * x) * x + 16.0 / 3) / 6
    outer = (((-7.0 / 3 * x + 12) * x - 20) * x + 32.0 / 3) / 6
    return numpy.where(x >= 2, 0, numpy.where(x >= 1, outer, inner))


def gaussian(x: numpy.ndarray) -> numpy.ndarray:
    """A bell of the standard deviation 1/2, cut off at 3/2."""
    return numpy.where(x >= 1.5, 0, numpy.exp(-x * x / (2 * 0.5 * 0.5)))


def lanczos(radius: float) -> Callable[[numpy.ndarray], numpy.ndarray]:
    """The kernel of Lanczos: sinc under the middle of a wider one."""
    def kernel(x: numpy.ndarray) -> numpy.ndarray:
        angle = numpy.pi * numpy.maximum(x, 1e-3)
        value = radius * numpy.sin(angle) * numpy.sin(angle / radius) / (angle * angle)
        return numpy.where(x > radius, 0, numpy.where(x <= 1e-3, 1, value))
    return kernel


def triangle(x: numpy.ndarray) -> numpy.ndarray:
    """1 in the middle, 0 from 1 on."""
    return numpy.maximum(1 - x, 0)


KERNELS: Dict[str, Tuple[float, Callable[[numpy.ndarray], numpy.ndarray]]] = {
    "bilinear": (1.0, triangle), "bicubic": (2.0, keys), "lanczos3": (3.0, lanczos(3.0)),
    "lanczos5": (5.0, lanczos(5.0)), "gaussian": (1.5, gaussian), "mitchellcubic": (2.0, mitchell)}


def spans(whole: int, size: int, ratio: numpy.float32, method: Method) -> numpy.ndarray:
    """A kernel over all places within its radius; its weights' sum is 1."""
    radius, kernel = KERNELS[method.name]
    wide = max(ratio, ONE) if method.antialias else ONE
    at = ((numpy.arange(size, dtype="float32") + numpy.float32(0.5)) * ratio)[:, None]
    places = numpy.arange(whole, dtype="float32")[None]
    first = numpy.ceil(at - numpy.float32(radius) * wide - numpy.float32(0.5)).clip(0, whole - 1)
    last = numpy.floor(at + numpy.float32(radius) * wide - numpy.float32(0.5)).clip(0, whole - 1)
    weights = kernel(numpy.abs((places + numpy.float32(0.5) - at) / wide))
    return normal(numpy.where((places >= first) & (places <= last), weights, 0).astype("float32"))
