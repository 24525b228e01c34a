"""keras.ops.rearrange: "b (h1 h) w c -> b h (h1 w) c" splits, turns and joins dimensions (keras 3 ops/einops.py)."""
import re
from typing import Any, Dict, List, Tuple

from ...base.fault import Fault
from ...emit import Value
from ...emit.images import Size
from ..rules import Call, operation
from .given import argument, integer, needed, tensor

TOKEN = re.compile(r"\w+|\([^()]*\)")


def groups_of(text: str) -> List[List[str]]:
    """The names of each dimension on one side of a pattern: [["b"], ["h1", "h"], ["w"], ["c"]]."""
    return [re.findall(r"\w+", token) for token in TOKEN.findall(text)]


def sides(call: Call, rank: int) -> Tuple[List[List[str]], List[List[str]]]:
    """Both sides of the pattern.  Raises Fault for one that does not name the dimensions, each once."""
    pattern = argument(call, "pattern", 1, needed)
    both = [groups_of(side) for side in re.split(r"\s*->\s*", pattern)] if isinstance(pattern, str) else []
    names = [[name for group in side for name in group] for side in both]
    if len(both) != 2 or len(both[0]) != rank or sorted(names[0]) != sorted(names[1]) or \
            len(set(names[0])) != len(names[0]):
        raise Fault(f"operation {call.path!r} (Rearrange) has the pattern {str(pattern)[:60]!r} for {rank} dimensions: "
                    "the file is damaged")
    return both[0], both[1]


def split(call: Call, x: Value, groups: List[List[str]]) -> Dict[str, Size]:
    """The size of each name: as it is given, one in a group from the others, or the dimension's."""
    b, known = call.b, {}
    settings: Dict[str, Any] = {name: value for name, value in call.kwargs.items() if name not in ("tensor", "pattern")}
    for axis, group in enumerate(groups):
        given = {name: integer(call, settings[name], name) for name in group if name in settings and len(group) > 1}
        rest = [name for name in group if name not in given]
        product = 1
        for size in given.values():
            product *= size
        if len(rest) > 1 or product < 1 or x.shape[axis] is not None and (
                x.shape[axis] % product or not rest and x.shape[axis] != product):
            raise Fault(f"operation {call.path!r} (Rearrange) splits {x.shape[axis]} places into "
                        f"{' '.join(group)}: the file is damaged")
        known.update(given)
        known.update((name, b.size("FloorDiv", b.dim(x, axis), product)) for name in rest)
    return known


@operation("Rearrange")
def rearrange(call: Call) -> Value:
    """The dimensions split, in their new order, and joined."""
    b, x = call.b, tensor(call, "tensor x")
    before, after = sides(call, x.rank)
    sizes = split(call, x, before)
    names = [name for group in before for name in group]
    turned = b.transpose(b.reshape(x, [sizes[name] for name in names]), [
        names.index(name) for group in after for name in group])
    joined: List[Size] = []
    for group in after:
        size: Size = 1
        for name in group:
            size = b.size("Mul", size, sizes[name])
        joined.append(size)
    return b.reshape(turned, joined)
