"""The one line about what TensorFlow.js cannot compute: the reason of the first layer, and the outputs without any."""
from collections import OrderedDict
from types import MappingProxyType
from typing import Collection, Dict, Mapping, Set, Tuple

from ...base.fault import Fault
from ...layers.kinds.operations import is_hidden
from ...layers.outputs import listing
from ...layers.topology import Graph
from .draft import Draft


def check(draft: Draft) -> Draft:
    """Raise the Fault about the layers that passes have refused; its reason is that of the model's first one.

    A node that Keras made by itself, for a mask, is named where no layer is.
    """
    if draft.refused:
        layers = draft.source.layers
        names = sorted([name for name in layers if name in draft.refused],
                       key=lambda name: is_hidden(layers[name].record, draft.major))
        raise refusal(draft, draft.source, OrderedDict((name, draft.refused[name]) for name in names))
    return draft


def refusal(draft: Draft, source: Graph, refused: Dict[str, Fault],
            shown: Mapping[str, Fault] = MappingProxyType({})) -> Fault:
    """Return the Fault to raise where layers of `source` are refused, {name: Fault}, the one to name first.

    shown: the like of layers of which only what they give themselves is refused, not what is made of it.
    The outermost model adds which of its outputs do without them.
    """
    first = next(iter((refused or shown).values()))
    if draft.is_nested:
        return first
    spoilt = dependents(source, refused)
    free = [ref.layer for ref in source.outputs if ref[:2] not in spoilt and ref.layer not in shown]
    advice = f"outputs that do without it: {listing(free)}" if free else "every output needs it"
    return Fault(f"{first}; {advice}")


def dependents(source: Graph, names: Collection[str]) -> Set[Tuple[str, int]]:
    """Return the (layer name, call) of the layers `names` and of all that needs an output of theirs."""
    users = {}  # type: Dict[Tuple[str, int], list]
    for name, layer in source.layers.items():
        for node, refs in enumerate(source.references(layer)):
            for ref in refs:
                users.setdefault(ref[:2], []).append((name, node))
    pending = [(name, node) for name in names for node in range(source.node_count(name))]
    found = set()  # type: Set[Tuple[str, int]]
    while pending:
        call = pending.pop()
        if call not in found:
            found.add(call)
            pending += users.get(call, ())
    return found
