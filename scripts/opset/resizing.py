"""Resize and Upsample: one dimension after the other, by weights that are computed at conversion.

onnx/defs/tensor/defs.cc: Resize; onnx/reference/ops/op_resize.py says what its modes are at the edges.
"""
import math
from typing import Any, List, NamedTuple, Optional, Sequence, Tuple, Union

import numpy

from ..emit import Value
from ..emit.interpolation import by_weights
from . import resizing_open
from .given import known_size, stored
from .layout import Held
from .rules import Call, Dim, operation
from .sizes import Size, same

LARGEST = 1 << 24  # of the numbers in the weights of a dimension
MODES = ("nearest", "linear", "cubic")
PLACES = ("half_pixel", "half_pixel_symmetric", "pytorch_half_pixel", "align_corners", "asymmetric",
          "tf_crop_and_resize")
NEAREST = ("round_prefer_floor", "round_prefer_ceil", "floor", "ceil")
POLICIES = ("stretch", "not_larger", "not_smaller")


class Method(NamedTuple):
    """A method of interpolation: the attributes of a Resize."""

    mode: str = "nearest"
    places: str = "asymmetric"
    nearest: str = "floor"
    cubic: float = -0.75
    antialias: bool = False
    inside: bool = False  # places outside of the image count nothing
    beyond: float = 0.0  # tf_crop_and_resize: what is outside


class Along(NamedTuple):
    """A dimension of ONNX's order: its size, the new one, the scale, and the part of it that is looked at.

    An open size is a Dim.  A new size or a scale that is computed is a scalar of int32 or float32.
    """

    axis: int
    whole: Size
    size: Union[Size, Value]
    scale: Union[float, Value]
    part: Tuple[float, float] = (0.0, 1.0)

    @property
    def is_known(self) -> bool:
        """Whether all of it is numbers."""
        return not any(isinstance(one, (Dim, Value)) for one in (self.whole, self.size, self.scale))


@operation("Upsample")
def upsample_by_setting(call: Call) -> Held:
    """By scales that are an attribute."""
    return upsampled(call, call.floats("scales") or [])


@operation("Upsample", since=9)
@operation("Resize", since=10)
def upsample(call: Call) -> Held:
    """By scales that are an input; opset 10's Resize makes images smaller, too."""
    return upsampled(call, numbers(call, 1) or [])


def upsampled(call: Call, scales: Sequence[float]) -> Held:
    """The nearest places in front, or between two."""
    mode = call.text("mode", "nearest")
    mode = "linear" if mode == "bilinear" else mode
    if mode not in ("nearest", "linear"):
        call.damaged(f"has mode={mode!r:.20}")
    return resized(call, by_scales(call, list(range(call.x.rank)), scales), Method(mode))


@operation("Resize", since=11)
def resize(call: Call) -> Held:
    """By scales or to sizes, of all dimensions or of some."""
    x = call.x
    method = Method(
        call.text("mode", "nearest"), call.text("coordinate_transformation_mode", "half_pixel"),
        call.text("nearest_mode", "round_prefer_floor"), call.float("cubic_coeff_a", -0.75),
        bool(call.int("antialias")), bool(call.int("exclude_outside")), call.float("extrapolation_value"))
    if method.places == "tf_half_pixel_for_nn":
        call.refuse("its coordinates are those of opset 11's tf_half_pixel_for_nn", "export it with a newer opset")
    if method.mode not in MODES or method.places not in PLACES or method.nearest not in NEAREST:
        call.damaged(f"has the settings {method!r:.200}")
    axes = [call.axis(axis) for axis in call.ints("axes") or range(x.rank)]
    scales, sizes = numbers(call, 2), call.sizes(3) if call.has(3) else None
    along = by_scales(call, axes, scales) if scales else by_sizes(call, axes, sizes or [])
    if method.places == "tf_crop_and_resize":
        part = numbers(call, 1) or []
        if len(part) != 2 * len(axes):
            call.damaged(f"has {len(part)} numbers for the part of {len(axes)} dimensions")
        along = [one._replace(part=(part[place], part[place + len(axes)])) for place, one in enumerate(along)]
    return resized(call, along, method)


def numbers(call: Call, place: int) -> Optional[List[Any]]:
    """The numbers of an input, None where there are none: of one that is computed, scalars."""
    if call.has(place) and call.held(place).is_row:
        return [call.b.cast(one, "float32") for one in call.held(place).row()]
    found = call.array(place)
    return None if found is None or not found.size else [float(one) for one in found.reshape(-1)[:16]]


def by_scales(call: Call, axes: Sequence[int], scales: Sequence[Any]) -> List[Along]:
    """The dimensions that scales are for."""
    if len(scales) != len(axes) or not all(isinstance(scale, Value) or 0 < scale < 1e6 for scale in scales):
        call.damaged(f"has scales {list(scales)!r:.60} for {len(axes)} dimensions")
    return [Along(axis, whole, scaled(call, whole, scale), scale)
            for axis, whole, scale in zip(axes, [call.x.dim(axis) for axis in axes], scales)]


def scaled(call: Call, whole: Size, scale: Any) -> Any:
    """A size times a scale, without its fraction."""
    if isinstance(whole, Dim) and not isinstance(scale, Value) and scale == int(scale):
        return whole * int(scale)
    if isinstance(whole, Dim) or isinstance(scale, Value):
        return call.b.cast(call.b.unary("Floor", call.b.mul(as_float(call, whole), scale)), "int32")
    return int(math.floor(whole * scale))


def as_float(call: Call, size: Any) -> Value:
    """A size as a scalar of float32."""
    value = size.value(call.b) if isinstance(size, Dim) else size if isinstance(size, Value) else call.b.constant(
        int(size), "int32")
    return call.b.cast(value, "float32")


def by_sizes(call: Call, axes: Sequence[int], sizes: Sequence[Size]) -> List[Along]:
    """The dimensions that sizes are for; a policy keeps the aspect ratio."""
    if len(sizes) != len(axes) or not all(isinstance(size, Dim) or 0 < size < 1 << 24 for size in sizes):
        call.damaged(f"has sizes {list(sizes)!r:.60} for {len(axes)} dimensions")
    policy = call.text("keep_aspect_ratio_policy", "stretch")
    if policy not in POLICIES:
        call.damaged(f"has keep_aspect_ratio_policy={policy!r:.20}")
    own = [call.x.dim(axis) for axis in axes]
    if policy == "stretch" and any(isinstance(size, Dim) for size in own + list(sizes)):
        return [Along(axis, whole, size, 1.0 if same(whole, size) else call.b.div(as_float(call, size), as_float(
            call, whole))) for axis, whole, size in zip(axes, own, sizes)]
    whole, sizes = [known_size(call, call.x, axis) for axis in axes], [int(size) for size in sizes]
    scales = [size / own for size, own in zip(sizes, whole)]
    if policy != "stretch":
        scale = min(scales) if policy == "not_larger" else max(scales)
        scales, sizes = [scale] * len(axes), [int(math.floor(scale * own + 0.5)) for own in whole]
    return [Along(*one) for one in zip(axes, whole, sizes, scales)]


def resized(call: Call, along: Sequence[Along], method: Method) -> Held:
    """The tensor with these dimensions of another size."""
    b, x, value, kept = call.b, call.x, call.x.value, call.x.value.dtype
    outside: Any = None
    for one in along:
        place, = stored(x, [one.axis])
        if not isinstance(one.scale, Value) and one.scale == 1 and method.places != "tf_crop_and_resize" and (
                isinstance(one.whole, Dim) or one.size == one.whole):
            continue
        if not one.is_known:
            value = resizing_open.resized(call, value, place, as_scalars(call, one), method)
            continue
        if one.whole * one.size > LARGEST or one.size < 1 or one.whole < 1:
            call.refuse(f"{one.whole} places become {one.size}")
        at = places(one, method)
        value = by_weights(b, value, place, weights(one, at, method))
        if method.places == "tf_crop_and_resize":
            beyond = (at < 0) | (at > one.whole - 1)
            if beyond.any():
                own = beyond.reshape([-1 if axis == place else 1 for axis in range(x.rank)])
                outside = own if outside is None else outside | own
    if outside is not None:
        value = b.where(b.constant(outside), b.constant(method.beyond, "float32"), b.cast(value, "float32"))
    made = call.like(x, b.cast(value, kept))
    for one in along:
        made.names[one.axis] = one.size if isinstance(one.size, Dim) else None
    return made


def as_scalars(call: Call, along: Along) -> resizing_open.Scaled:
    """A dimension whose sizes are computed."""
    whole, size = [one.value(call.b) if isinstance(one, Dim) else call.b.value(one, "int32")
                   for one in (along.whole, along.size)]
    return resizing_open.Scaled(whole, size, call.b.value(along.scale, "float32"))


def places(along: Along, method: Method) -> numpy.ndarray:
    """The position of each new place among the old ones: float64 (size,)."""
    at, whole, scale = numpy.arange(along.size, dtype="float64"), along.whole, along.scale
    wide = scale * whole
    if method.places == "asymmetric":
        return at / scale
    if method.places == "align_corners":
        return at * 0 if wide == 1 else at * (whole - 1) / (wide - 1)
    if method.places == "tf_crop_and_resize":
        begin, end = along.part
        if wide == 1:
            return at * 0 + (end - begin) * (whole - 1) / 2 + begin * (whole - 1)
        return at * (end - begin) * (whole - 1) / (wide - 1) + begin * (whole - 1)
    if method.places == "pytorch_half_pixel" and wide == 1:
        return at * 0 - 0.5
    shift = whole / 2 * (1 - along.size / wide) if method.places == "half_pixel_symmetric" else 0.0
    return shift + (at + 0.5) / scale - 0.5


def weights(along: Along, at: numpy.ndarray, method: Method) -> numpy.ndarray:
    """The weights of the old places for each new one: float32 (size, whole).  Beyond the edges it goes on alike."""
    base = numpy.ceil(at) - 1
    share = at - base  # above 0, up to 1
    if method.mode == "nearest":
        offsets, values = numpy.array([0, 1]), nearest(share, method.nearest)
    else:
        scale = min(along.scale, 1.0) if method.antialias else 1.0
        reach = 1 if method.mode == "linear" else 2
        first = int(math.floor(-reach / scale)) + 1
        offsets = numpy.arange(first, 2 - first)
        apart = numpy.abs(offsets[None] - share[:, None]) * scale
        values = numpy.maximum(1 - apart, 0) if method.mode == "linear" else cubic(apart, method.cubic)
        values = values / values.sum(1, keepdims=True) if method.antialias else values
    index = (base[:, None] + offsets[None]).astype("int64")
    if method.inside:
        values = numpy.where((index >= 0) & (index < along.whole), values, 0)
        values = values / values.sum(1, keepdims=True)
    result = numpy.zeros((along.size, along.whole))
    rows = numpy.repeat(numpy.arange(along.size), index.shape[1])
    numpy.add.at(result, (rows, index.clip(0, along.whole - 1).reshape(-1)), values.reshape(-1))
    return result.astype("float32")


def nearest(share: numpy.ndarray, mode: str) -> numpy.ndarray:
    """1 for the one of two places that is taken: (size, 2)."""
    behind = {"round_prefer_floor": share > 0.5, "round_prefer_ceil": share >= 0.5, "ceil": share > 0,
              "floor": share >= 1}[mode]
    return numpy.stack([~behind, behind], 1).astype("float64")


def cubic(apart: numpy.ndarray, a: float) -> numpy.ndarray:
    """The cubic kernel of Keys."""
    near = ((a + 2) * apart - (a + 3)) * apart * apart + 1
    far = ((a * apart - 5 * a) * apart + 8 * a) * apart - 4 * a
    return numpy.where(apart <= 1, near, numpy.where(apart < 2, far, 0))
