"""Windows, strides and margins, which convolutions and poolings of ONNX share."""
from typing import Any, List, NamedTuple, Optional, Sequence, Tuple

from .rules import Call

OPEN, NAME_SIZES = "its result depends on a size that is open", "name it with --input-shape"
Pair = Tuple[int, int]
PADS = ("NOTSET", "VALID", "SAME_UPPER", "SAME_LOWER")


class Windows(NamedTuple):
    """Windows over the spatial dimensions of an image, a number or a pair for each.

    margins  (before, behind)
    """

    sizes: List[int]
    strides: List[int]
    dilations: List[int]
    margins: List[Pair]

    def reach(self, place: int) -> int:
        """The number of places that a window spans."""
        return (self.sizes[place] - 1) * self.dilations[place] + 1


def windows(call: Call, sizes: Sequence[int], spatial: Sequence[Optional[int]]) -> Windows:
    """The attributes of a node.  sizes: of its window.  spatial: sizes of the image, None for open ones."""
    count = len(sizes)
    strides, dilations = call.window("strides", count), call.window("dilations", count)
    padding = call.text("auto_pad", "NOTSET") or "NOTSET"
    if padding not in PADS:
        call.damaged(f"has auto_pad={padding!r:.40}")
    found = Windows(list(sizes), strides, dilations, [(0, 0)] * count)
    if padding == "VALID":
        return found
    if padding == "NOTSET":
        pads = call.window("pads", 2 * count, 0, 0)
        return found._replace(margins=list(zip(pads[:count], pads[count:])))
    return found._replace(margins=[same(call, size, found.reach(place), strides[place], padding)
                                   for place, size in enumerate(spatial)])


def same(call: Call, size: Optional[int], reach: int, stride: int, padding: str) -> Pair:
    """The margins with which `size` places become ceil(size / stride)."""
    if size is None and stride != 1:
        call.refuse(OPEN, NAME_SIZES)
    missing = reach - 1 if size is None else max((-(-size // stride) - 1) * stride + reach - size, 0)
    less, more = missing // 2, missing - missing // 2
    return (less, more) if padding == "SAME_UPPER" else (more, less)


def is_itself(found: Windows, spatial: Sequence[Optional[int]]) -> bool:
    """Whether TensorFlow.js pads so by itself, as "SAME": 1.0.0 takes the margins of rows for columns, too."""
    if len(found.sizes) != 2 or max(found.dilations) > 1 or found.margins[0] != found.margins[1]:
        return False
    for place, size in enumerate(spatial):
        reach, stride = found.reach(place), found.strides[place]
        if size is None and stride != 1:
            return False
        missing = reach - 1 if size is None else max((-(-size // stride) - 1) * stride + reach - size, 0)
        if found.margins[place] != (missing // 2, missing - missing // 2):
            return False
    return True


def around(found: Windows) -> List[Pair]:
    """The margins of a whole image, whose batch and channels have none."""
    return [(0, 0)] + [tuple(pair) for pair in found.margins] + [(0, 0)]  # type: ignore[misc]


def spatial_of(value: Any) -> List[Optional[int]]:
    """The spatial sizes of an image whose channels are last."""
    return list(value.shape[1:-1])
