"""Parts of tensors along an axis."""
from typing import Any, List

from ...base.fault import Fault
from ...emit import Value
from ...emit.core import axis_of
from ..rules import Call, function, node, operation
from .given import argument, attributes, integer, integers, known, needed, tensor, value


@operation("Split ArraySplit")
@function("split")
def split(call: Call) -> List[Value]:
    """Parts along an axis: so many of one size, or cut at these places; TensorFlow has the parts' sizes there."""
    x = tensor(call, "x value")
    axis = integer(call, argument(call, "axis", None, 0), "axis")
    return parted(call, x, known(argument(call, "indices_or_sections num_or_size_splits", None, needed)), axis)


def parted(call: Call, x: Value, sections: Any, axis: int) -> List[Value]:
    """The parts."""
    size = x.shape[axis_of(axis, x.rank)]
    if size is None:
        call.refuse("it splits an axis of open size", "give its size: --input-shape")
    if not isinstance(sections, (list, tuple)):
        count = integer(call, sections, "sections")
        if not 0 < count <= size or size % count and call.kind != "ArraySplit":
            raise Fault(f"operation {call.path!r} splits {size} in {count}: the file is damaged")
        return call.b.split(x, [size // count + (place < size % count) for place in range(count)], axis)
    given = integers(call, sections, "sections")
    if call.major < 3:
        rest = size - sum(one for one in given if one != -1)
        lengths = [rest if one == -1 else one for one in given]
    else:
        bounds = [0] + [min(max(one + size if one < 0 else one, 0), size) for one in given] + [size]
        lengths = [after - before for before, after in zip(bounds, bounds[1:])]
    if min(lengths) < 1 or sum(lengths) != size:
        raise Fault(f"operation {call.path!r} splits {size} at {given}, which leaves parts without values")
    return call.b.split(x, lengths, axis)


@operation("Hsplit")
def hsplit(call: Call) -> List[Value]:
    """Parts along dimension 1, of a vector along its only one."""
    x = tensor(call)
    return parted(call, x, known(call.config["indices_or_sections"]), 1 if x.rank > 1 else 0)


@operation("Vsplit")
def vsplit(call: Call) -> List[Value]:
    """Parts along dimension 0."""
    return parted(call, tensor(call), known(call.config["indices_or_sections"]), 0)


@operation("Dsplit")
def dsplit(call: Call) -> List[Value]:
    """Parts along dimension 2."""
    return parted(call, tensor(call), known(call.config["indices_or_sections"]), 2)


@node("Split")
def split_node(call: Call) -> List[Value]:
    """The axis comes first."""
    x = value(call, call.args[1])
    return parted(call, x, attributes(call)["num_split"], integer(call, call.args[0], "axis"))


@node("SplitV")
def split_v(call: Call) -> List[Value]:
    """Parts of these sizes."""
    return parted(call, tensor(call), known(call.args[1]), integer(call, call.args[2], "axis"))


@operation("Unstack")
@function("unstack")
@node("Unpack")
def unstack(call: Call) -> List[Value]:
    """The slices along an axis."""
    x, axis = tensor(call, "x value"), integer(call, argument(call, "axis", None, 0), "axis")
    if x.shape[axis_of(axis, x.rank)] is None:
        call.refuse("it takes apart an axis of open size", "give its size: --input-shape")
    return call.b.unstack(x, axis)
