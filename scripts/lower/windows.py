"""Windows over images: settings for each dimension, the place of the channels, padding.

Keras pads "same" as TensorFlow does (tensorflow core/framework/common_shape_fns.cc): with stride s and a window that
spans k places, a size n becomes ceil(n / s).  The padding is divided between both sides, the larger half at the end.
"""
from typing import Any, List, NamedTuple, Sequence, Tuple

from ..base.fault import Fault
from ..emit import Builder, Value
from ..emit.shaping import Size
from .rules import Call

OPEN = "its result depends on the size of the image, which is open"
NAME_SIZES = "name the size with --input-shape"
LARGEST = 1 << 16  # of a setting: a window, a stride, a margin


class Window(NamedTuple):
    """A window over the spatial dimensions of an image, one number for each.

    sizes, strides, dilations  tuples of int; padding: "valid", "same" or "causal"
    """

    sizes: Tuple[int, ...]
    strides: Tuple[int, ...]
    dilations: Tuple[int, ...]
    padding: str


def numbers(call: Call, key: str, count: int, least: int = 1, default: Any = 1) -> Tuple[int, ...]:
    """A setting as `count` whole numbers: 2 -> (2, 2).  Raises Fault for anything else."""
    given = call.config.get(key)
    given = default if given is None else given
    found = list(given) if isinstance(given, (list, tuple)) else [given] * count
    if len(found) != count or not all(is_whole(item) and least <= item <= LARGEST for item in found):
        raise Fault(f"layer {call.path!r} has {key}={given!r:.60}: the file is damaged")
    return tuple(int(item) for item in found)


def is_whole(item: Any) -> bool:
    """Whether an item of a config is a whole number."""
    return type(item) is int or isinstance(item, float) and item.is_integer()


def padding_of(call: Call, allowed: Sequence[str] = ("valid", "same")) -> str:
    """The setting `padding`, in small letters.  Raises Fault for one that Keras does not know."""
    given = call.get("padding", "valid")
    if not isinstance(given, str) or given.lower() not in allowed:
        raise Fault(f"layer {call.path!r} has padding={given!r:.60}: the file is damaged")
    return given.lower()


def image(call: Call, count: int) -> Value:
    """The layer's input with the channels last.  Raises Fault unless it has `count` spatial dimensions."""
    call.rank(count + 2, count + 2)
    return call.b.move(call.x, 1, -1) if channels_first(call) else call.x


def channels_first(call: Call) -> bool:
    """Whether the channels stand before the spatial dimensions."""
    return call.config.get("data_format") == "channels_first"


def restored(call: Call, y: Value) -> Value:
    """An image as the layer returns it: the channels where its setting has them."""
    return call.b.move(y, -1, 1) if channels_first(call) else y


def channels_of(call: Call, x: Value) -> int:
    """The number of channels of an image whose channels are last.  Raises Fault where it is open."""
    if x.shape[-1] is None:
        raise Fault(f"layer {call.path!r} ({call.kind}) is given an open number of channels: the file is damaged")
    return x.shape[-1]


def margins(call: Call, x: Value, window: Window) -> List[Tuple[Size, Size]]:
    """(before, behind) of each dimension of an image, the batch and the channels included; less than 0: cut off.

    With an open size, padding "same" and a stride, the margins are computed from the tensor.
    """
    found: List[Tuple[Size, Size]] = [(0, 0)]
    for axis, (size, stride, dilation) in enumerate(zip(window.sizes, window.strides, window.dilations), 1):
        reach = (size - 1) * dilation + 1
        if window.padding == "same":
            if x.rank == 5 and reach < stride:
                found.append(cut(call, x.shape[axis], reach, stride))
            else:
                found.append(halves(call.b, call.b.dim(x, axis), reach, stride))
        else:
            found.append((reach - 1, 0) if window.padding == "causal" else (0, 0))
    return found + [(0, 0)]


def halves(b: Builder, size: Size, reach: int, stride: int) -> Tuple[Size, Size]:
    """The margins of padding "same" around `size` places, for windows that span `reach` places."""
    if stride == 1:
        missing: Size = reach - 1
    else:
        over = b.size("FloorMod", b.size("Sub", b.size("Mul", size, stride), size), stride)  # -size modulo stride
        missing = b.size("Maximum", b.size("Add", over, reach - stride), 0)
    before = b.size("FloorDiv", missing, 2)
    return before, b.size("Sub", missing, before)


def cut(call: Call, size: Any, reach: int, stride: int) -> Tuple[int, int]:
    """The margins of padding "same" in three dimensions, for windows that are smaller than their stride.

    On processors TensorFlow lays the first window where half of what is left over has been cut off (2.6 - 2.21:
    Eigen's CuboidConvolution, MaxPool3D and AvgPool3D alike); in two dimensions it lays it on the first place.
    """
    if size is None:
        call.refuse(OPEN, NAME_SIZES)
    missing = (-(-size // stride) - 1) * stride + reach - size
    before = -(-missing // 2) if missing < 0 else missing // 2
    return before, missing - before
