"""Resize of dimensions whose sizes are open: the places and their weights are computed when the model runs.

The formulas are those of resizing.py, which knows all sizes, in operations of TensorFlow.js.
"""
from typing import Any, NamedTuple, Tuple

from ..emit import Builder, Value
from ..emit.interpolation import mixed
from .given import OPEN
from .rules import Call


class Scaled(NamedTuple):
    """A dimension as scalars: its size and the new one (int32), and the scale (float32)."""

    whole: Value
    size: Value
    scale: Value


def resized(call: Call, value: Value, place: int, along: Scaled, method: Any) -> Value:
    """A Value with the stored dimension `place` of another size.  method: resizing.Method."""
    b = call.b
    if method.places == "tf_crop_and_resize" or method.antialias or method.inside:
        call.refuse("it crops, smooths or leaves out places of a dimension whose size is open", OPEN)
    last = b.sub(along.whole, 1)
    if method.mode == "nearest" and method.places == "asymmetric" and method.nearest == "floor":
        at = b.binary("FloorDiv", b.mul(b.count(along.size), along.whole), along.size)  # in whole numbers: exactly
        return b.gather(value, b.minimum(at, last), place)
    at = places(b, along, method.places)
    if method.mode == "nearest":
        return b.gather(value, within(b, nearest(b, at, method.nearest), last), place)
    low = b.unary("Floor", at)
    share = b.sub(at, low)
    if method.mode == "linear":
        return mixed(b, value, place, within(b, low, last), within(b, b.add(low, 1.0), last), share)
    made = None
    for offset, weight in cubic(b, share, method.cubic):
        part = b.cast(b.gather(value, within(b, b.add(low, float(offset)), last), place), "float32")
        part = b.mul(part, b.reshape(weight, [-1] + [1] * (value.rank - place - 1)))
        made = part if made is None else b.add(made, part)
    return made


def places(b: Builder, along: Scaled, kind: str) -> Value:
    """The position of each new place among the old ones: float32 (size,)."""
    at, whole, size = [b.cast(one, "float32") for one in (b.count(along.size), along.whole, along.size)]
    wide = b.mul(whole, along.scale)
    if kind == "asymmetric":
        return b.div(at, along.scale)
    if kind == "align_corners":
        return b.div(b.mul(at, b.sub(whole, 1.0)), b.maximum(b.sub(wide, 1.0), 1.0))
    centred = b.sub(b.div(b.add(at, 0.5), along.scale), 0.5)
    if kind == "pytorch_half_pixel":
        return b.where(b.compare("Greater", b.add(b.mul(at, 0.0), wide), 1.0), centred, -0.5)
    if kind == "half_pixel_symmetric":
        return b.add(centred, b.mul(b.div(whole, 2.0), b.sub(1.0, b.div(size, wide))))
    return centred


def within(b: Builder, at: Value, last: Value) -> Value:
    """Whole places that are in the tensor: what lies beyond an edge is the edge's."""
    return b.minimum(b.maximum(b.cast(at, "int32"), 0), last)


def nearest(b: Builder, at: Value, mode: str) -> Value:
    """The place that is taken: float32, whole."""
    if mode == "round_prefer_floor":
        return b.unary("Ceil", b.sub(at, 0.5))
    return b.unary("Ceil", at) if mode == "ceil" else b.unary("Floor", at if mode == "floor" else b.add(at, 0.5))


def cubic(b: Builder, share: Value, a: float) -> Tuple[Tuple[int, Value], ...]:
    """The weights of the four places around: the cubic kernel of Keys."""
    def near(apart: Value) -> Value:
        return b.add(b.mul(b.mul(b.sub(b.mul(apart, a + 2), a + 3), apart), apart), 1.0)

    def far(apart: Value) -> Value:
        return b.sub(b.mul(b.add(b.mul(b.sub(b.mul(apart, a), 5 * a), apart), 8 * a), apart), 4 * a)

    rest = b.sub(1.0, share)
    return (-1, far(b.add(share, 1.0))), (0, near(share)), (1, near(rest)), (2, far(b.add(rest, 1.0)))
