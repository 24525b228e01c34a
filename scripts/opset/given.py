"""Functions that the families share: stored axes, results with fewer axes, inputs that are one number."""
from typing import Any, List, Optional, Sequence

import numpy

from ..emit import Value
from .layout import Held, Order
from .rules import Call, opened

OPEN = "give the input's shape: --input-shape"
MICROSOFT = "com.microsoft"  # ONNX Runtime's own operations


def floats(call: Call, place: int) -> Value:
    """An input as floats, in ONNX's order."""
    return call.b.cast(call.value(place), "float32")


def axes_of(call: Call, axes: Sequence[int], rank: int) -> List[int]:
    """Axes counted from the front, in their order."""
    return [call.axis(axis, rank) for axis in axes]


def stored(x: Held, axes: Sequence[int]) -> List[int]:
    """The stored places of dimensions of ONNX's."""
    return [x.order.index(axis) for axis in axes]


def given_axes(call: Call, place: int, name: str = "axes") -> Optional[List[int]]:
    """Axes that are an attribute, or of later versions a constant input; None where there are none."""
    found = call.ints(name) if call.has_attribute(name) else call.numbers(place)
    return None if found is None else list(found)


def without(call: Call, x: Held, value: Value, axes: Sequence[int], dtype: str = "") -> Held:
    """The result of an operation that takes dimensions away: the others stay in the order in which they are stored."""
    left = [axis for axis in range(x.rank) if axis not in axes]
    order: Order = tuple(left.index(axis) for axis in x.order if axis in left)
    names = opened(x)
    return call.in_order(value, order, [names[axis] for axis in left], dtype)


def scalar(call: Call, place: int, default: Any = None) -> Any:
    """The one number of a constant input, `default` where it is left out."""
    found = call.array(place)
    if found is None:
        return default
    if found.size != 1:
        call.damaged(f"is given {found.size} numbers for one")
    return found.reshape(-1)[0].item()


def known_size(call: Call, x: Held, axis: int) -> int:
    """The size of a dimension in ONNX's order.  Refuses an open one."""
    size = x.shape[axis]
    if size is None:
        call.refuse(f"it depends on the size of dimension {axis}, which is open", OPEN)
    return size


def known_shape(call: Call, x: Held) -> List[int]:
    """All sizes in ONNX's order.  Refuses open ones."""
    return [known_size(call, x, axis) for axis in range(x.rank)]


def as_x(call: Call, value: Value, dtype: str = "") -> Held:
    """A result in ONNX's order whose open sizes are those of the first input."""
    return call.as_it_is(value, [name if size is None else None for name, size in zip(
        opened(call.x) + [None] * value.rank, value.shape)], dtype)


def whole(array: Any) -> numpy.ndarray:
    """Whole numbers as int32."""
    return numpy.asarray(array).astype("int32")
