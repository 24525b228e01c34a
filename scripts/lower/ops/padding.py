"""Margins around tensors and images, and images without theirs."""
from typing import Any, List, Tuple

import numpy

from ...base.fault import Fault
from ...emit import Value
from ..rules import Call, function, node, operation
from ..windows import LARGEST
from .given import argument, attributes, first, integer, integers, known, limited, needed, tensor


@operation("Pad")
@function("pad")
def pad(call: Call) -> Value:
    """Places before and behind: of one number, mirrored at the edge (reflect without it, symmetric with it)."""
    x = tensor(call, "x tensor")
    margins = known(argument(call, "pad_width paddings", 1, needed))
    mode = str(argument(call, "mode", None, "constant")).lower()
    number = argument(call, "constant_values", 1 if call.major > 2 else None, 0)
    return padded(call, x, margins_of(call, margins, x.rank), mode, number)


def margins_of(call: Call, given: Any, rank: int) -> List[List[int]]:
    """[before, behind] of each dimension: one pair, or one number, stands for all."""
    if not isinstance(given, (list, tuple)):
        given = [given]
    if not isinstance(given[0], (list, tuple)):
        given = [list(given) * 2 if len(given) == 1 else list(given)]
    pairs = [integers(call, pair, "padding") for pair in given]
    pairs = [pair * 2 if len(pair) == 1 else pair for pair in pairs]
    pairs = pairs * rank if len(pairs) == 1 else pairs
    if len(pairs) != rank or any(len(pair) != 2 or min(pair) < 0 for pair in pairs):
        raise Fault(f"operation {call.path!r} pads {rank} dimensions by {str(given)[:60]}: the file is damaged")
    limited(call, [sum(pair) + 1 for pair in pairs])
    return pairs


def padded(call: Call, x: Value, margins: List[List[int]], mode: str, number: Any) -> Value:
    """x with margins in one of the modes."""
    b = call.b
    if mode == "constant":
        number = known(number)
        if isinstance(number, Value):
            call.refuse("the number that it pads with is computed", "write a number there")
        if x.dtype == "bool":
            return b.cast(b.pad(b.cast(x, "int32"), margins, int(bool(number))), "bool")
        return b.pad(x, margins, number)
    if mode not in ("reflect", "symmetric", "edge", "wrap"):
        call.refuse(f"its mode is {mode!r}", "take constant, reflect, symmetric, edge or wrap")
    for axis, (before, behind) in enumerate(margins):
        if not before and not behind:
            continue
        size = x.shape[axis]
        if size is None:
            call.refuse("it mirrors along an axis of open size", "give its size: --input-shape")
        if max(before, behind) > size - (mode == "reflect") and mode != "edge":
            raise Fault(f"operation {call.path!r} mirrors {max(before, behind)} of {size} places: the file is damaged")
        places = numpy.pad(numpy.arange(size), (before, behind), mode).astype("int32")
        x = b.gather(x, places, axis)
    return x


@node("Pad")
def pad_node(call: Call) -> Value:
    """Zeros around."""
    x = tensor(call)
    return padded(call, x, margins_of(call, known(call.args[1]), x.rank), "constant", 0)


@node("PadV2")
def pad_v2(call: Call) -> Value:
    """A number around."""
    x = tensor(call)
    return padded(call, x, margins_of(call, known(call.args[1]), x.rank), "constant", call.args[2])


@node("MirrorPad")
def mirror_pad(call: Call) -> Value:
    """Mirrored at the edge; the mode is REFLECT or SYMMETRIC."""
    x = tensor(call)
    mode = attributes(call)["mode"].lower()
    return padded(call, x, margins_of(call, known(call.args[1]), x.rank), mode, 0)


# Images --------------------------------------------------------------------------------------------------------------


def edges(call: Call, word: str, x: Value) -> Tuple[int, List[List[int]]]:
    """(axis of the rows, [[before, behind] of rows, of columns]): what is not given comes of the size aimed at."""
    rows = x.rank - 2 if first(call) else x.rank - 3
    found = []
    for axis, (before, behind, target) in enumerate((("top", "bottom", "height"), ("left", "right", "width")), rows):
        pair = [call.config.get(f"{before}_{word}"), call.config.get(f"{behind}_{word}")]
        aim, size = call.config.get(f"target_{target}"), x.shape[axis]
        if None in pair:
            if size is None:
                call.refuse("a size of its image is open", "give it: --input-shape")
            whole = integer(call, aim, f"target_{target}") - size
            whole = whole if word == "padding" else -whole
            other = pair[1] if pair[0] is None else pair[0]
            missing = whole - (0 if other is None else integer(call, other, word))
            pair = [missing if one is None else one for one in pair]
        found.append(integers(call, pair, word))
        if min(found[-1]) < 0 or max(found[-1]) > LARGEST:
            raise Fault(f"operation {call.path!r} has a {word} of {found[-1]}: the file is damaged")
    return rows, found


@operation("PadImages")
def pad_images(call: Call) -> Value:
    """Zeros around images."""
    x = tensor(call, "images")
    rows, pairs = edges(call, "padding", x)
    return padded(call, x, [[0, 0]] * rows + pairs + [[0, 0]] * (x.rank - rows - 2), "constant", 0)


@operation("CropImages")
def crop_images(call: Call) -> Value:
    """Images without their margins."""
    b, x = call.b, tensor(call, "images")
    rows, pairs = edges(call, "cropping", x)
    for axis, (before, behind) in enumerate(pairs, rows):
        x = b.stepped(x, axis, before, -behind or None, 1)
    return x
