"""Rows of tensors, which ONNX calls sequences: PyTorch's split, unbind and stack, and lists that a loop fills.

The number of tensors in a row is known at conversion, so the graph holds no rows.
"""
from collections import OrderedDict
from typing import Any, List, Sequence

import numpy

from .given import known_size
from .layout import Held, Row
from .rules import Call, operation

MOST = 4096  # tensors in a row
PLACE = "export the model with a constant place"


def made(call: Call, op: str, inputs: Sequence[Held], count: int = 1, **attributes: Any) -> List[Held]:
    """The results of another operation of opset 13 in place of a call's own."""
    node = call.node._replace(op=op, attributes=OrderedDict(attributes), domain="",
                              outputs=[f"{place}" for place in range(count)])
    return call.walk.results(Call(call.walk, node, list(inputs), 13), {})


def whole(call: Call, *numbers: int) -> Held:
    """A constant row of whole numbers."""
    return Held.known(call.b, numpy.array(numbers, "int64"))


def row(call: Call, place: int = 0) -> Row:
    """An input that is a row."""
    found = call.inputs[place] if place < len(call.inputs) else None
    if not isinstance(found, Row):
        call.damaged("is given a tensor for a row of tensors" if found is not None else f"lacks input {place}")
    return found


def index(call: Call, place: int, count: int, default: int) -> int:
    """The place in a row of `count` that an input tells, counted from the front."""
    if not call.has(place):
        return default
    found = call.held(place)
    if found.weight is None:
        call.refuse("which tensor of a row it takes is computed", call.walk.remedy or PLACE + call.walk.fixing())
    number = int(found.weight.read().reshape(-1)[0])
    if not -count <= number < count:
        call.damaged(f"takes place {number} of {count}")
    return number % count


@operation("SequenceConstruct")
def construct(call: Call) -> Row:
    """A row of these tensors."""
    return Row([call.held(place) for place in range(len(call.inputs))])


@operation("SequenceEmpty")
def empty(call: Call) -> Row:
    """A row without tensors."""
    return Row([])


@operation("SplitToSequence")
def split(call: Call) -> Row:
    """A tensor's parts along an axis: of one size each, of several sizes, or of size 1, which keepdims=0 takes away."""
    x, axis = call.x, call.axis(call.int("axis"))
    given, size = call.array(1), known_size(call, x, axis)
    numbers = [1] * size if given is None else [int(item) for item in given.reshape(-1)]
    if given is not None and given.ndim == 0:
        each = numbers[0]
        if each < 1:
            call.damaged(f"splits {size} places into parts of {each}")
        numbers = [min(each, size - begin) for begin in range(0, size, each)]
    if len(numbers) > MOST:
        call.refuse(f"it makes a row of {len(numbers)} tensors, and {MOST} are the most")
    parts = made(call, "Split", [x, whole(call, *numbers)], len(numbers), axis=axis)
    if given is None and not call.int("keepdims", 1):
        parts = [made(call, "Squeeze", [part, whole(call, axis)])[0] for part in parts]
    return Row(parts)


@operation("SequenceAt")
def at(call: Call) -> Held:
    """One tensor of a row."""
    items = row(call).items
    return items[index(call, 1, len(items), 0)]


@operation("SequenceLength")
def length(call: Call) -> Held:
    """The number of tensors in a row."""
    return Held.known(call.b, numpy.array(len(row(call).items), "int64"))


@operation("SequenceInsert")
def insert(call: Call) -> Row:
    """A row with one tensor more, by default at its end."""
    items = list(row(call).items)
    if len(items) >= MOST:
        call.refuse(f"it makes a row of more than {MOST} tensors")
    items.insert(index(call, 2, len(items) + 1, len(items)), call.held(1))
    return Row(items)


@operation("SequenceErase")
def erase(call: Call) -> Row:
    """A row without one of its tensors, by default the last."""
    items = list(row(call).items)
    del items[index(call, 1, len(items), len(items) - 1)]
    return Row(items)


@operation("ConcatFromSequence")
def concat(call: Call) -> Held:
    """A row's tensors one after another along an axis, or along a new one."""
    items, axis, new = list(row(call).items), call.int("axis"), call.int("new_axis")
    if not items:
        call.damaged("joins a row without tensors")
    axis = call.axis(axis, items[0].rank + (1 if new else 0))
    items = [made(call, "Unsqueeze", [one, whole(call, axis)])[0] for one in items] if new else items
    return made(call, "Concat", items, axis=axis)[0]
