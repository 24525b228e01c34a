"""The line about layers that TensorFlow.js cannot compute: the first one's reason, and the outputs without any."""
from collections import OrderedDict
from types import MappingProxyType
from typing import Collection, Dict, List, Mapping, Set, Tuple

from ...base.fault import Fault
from ...layers.kinds.operations import is_hidden
from ...layers.outputs import listing
from ...layers.topology import Graph
from .draft import Draft

TRIALS = 8  # parts of a model that are converted to find outputs which do without what is refused


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


class Outputs(Fault):
    """A model has layers that TensorFlow.js cannot compute.

    layers  {name of a layer: Fault}: the reasons
    free    the places of the outputs that need none of these layers
    """

    def __init__(self, advice: str, layers: Mapping[str, Fault], free: List[int]) -> None:
        super().__init__(f"{next(iter(layers.values()))}{advice}")
        self.layers, self.free = OrderedDict(layers), free


def refusal(draft: Draft, source: Graph, refused: Dict[str, Fault],
            shown: Mapping[str, Fault] = MappingProxyType({})) -> Fault:
    """Return the Fault to raise where layers of `source` are refused, {name: Fault}, the one to name first.

    shown: {name: Fault} of layers whose own outputs alone are refused; layers after them are converted.
    The outermost model adds which of its outputs can be converted together.
    """
    first = next(iter((refused or shown).values()))
    if draft.is_nested:
        return first
    layers = OrderedDict(refused, **{name: shown[name] for name in shown if name not in refused})
    spoilt = dependents(source, refused)
    free = [place for place, ref in enumerate(source.outputs) if ref[:2] not in spoilt and ref.layer not in shown]
    if draft.is_trial:
        return Outputs("", layers, free)
    found = that_work(draft, free)
    if found:
        names = listing([draft.names[place] for place in found])
        return Outputs(f"; outputs that do without it: {names}", layers, found)
    return Outputs("; no other outputs can be converted" if free else "; every output needs it", layers, [])


def that_work(draft: Draft, free: List[int]) -> List[int]:
    """Return those of the outputs at the places `free` that are converted if the others are not asked for."""
    wanted = free
    for _ in range(TRIALS):
        left = trial(draft, wanted)
        if left == wanted:
            return wanted
        wanted = left
    return next(([place] for place in free[:TRIALS] if trial(draft, [place])), [])


def trial(draft: Draft, places: List[int]) -> List[int]:
    """The places themselves where their outputs are converted, else those of them that may be."""
    try:
        if places:
            draft.part(places).done()
        return places
    except Outputs as fault:
        return [places[place] for place in fault.free]
    except Fault:
        return []


def dependents(source: Graph, names: Collection[str]) -> Set[Tuple[str, int]]:
    """Return the (layer name, call) of the layers `names` and of all that needs an output of theirs."""
    users: Dict[Tuple[str, int], list] = {}
    for name, layer in source.layers.items():
        for node, refs in enumerate(source.references(layer)):
            for ref in refs:
                users.setdefault(ref[:2], []).append((name, node))
    pending = [(name, node) for name in names for node in range(source.node_count(name))]
    found: Set[Tuple[str, int]] = set()
    while pending:
        call = pending.pop()
        if call not in found:
            found.add(call)
            pending += users.get(call, ())
    return found
