"""Masks in Keras: the layers that make one, the layers that hand it on, and the nodes that Keras 3 writes for them.

An Embedding(mask_zero=True) or a Masking layer makes a mask, which goes on from layer to layer.  A Keras 2 file does
not mention it.  Keras 3 writes `NotEqual` and `Any` nodes, and hands their outputs to later layers as mask=.
"""
from typing import Any, Callable, Dict, Iterator, Optional, Set

from ..base.fault import Fault
from . import kinds, shapes
from .kinds.operations import is_operation
from .references import Ref, references
from .topology import Graph, inner_records, is_model

PASS, RECURRENT = kinds.passing(3), kinds.recurrents()  # Keras 3's


def makes(record: Dict[str, Any]) -> bool:
    """Whether a call of the layer `record` makes a mask."""
    return record["class_name"] == "Masking" or \
        record["class_name"] == "Embedding" and bool(record["config"].get("mask_zero"))


def all_inside(record: Dict[str, Any]) -> Iterator[Dict[str, Any]]:
    """Yield the records of a model's or TimeDistributed's layers, its own if it is none of these, those within too."""
    pending = [record]
    while pending:
        record = pending.pop()
        if is_model(record):
            pending += inner_records(record)
        else:
            yield record
            if record["class_name"] == "TimeDistributed":
                pending.append(record["config"]["layer"])


def any_inside(record: Dict[str, Any], wanted: Callable[[Dict[str, Any]], bool]) -> bool:
    """Whether wanted(record) is true of a layer's record, or of one within it."""
    return any(wanted(layer) for layer in all_inside(record))


def carried(source: Graph) -> Dict[Ref, Ref]:
    """Return {output: input of the layer that made its mask}, as Keras 3 has it when the graph is built.

    Only outputs that the mask of one maker reaches are in it.
    """
    result: Dict[Ref, Ref] = {}
    for name, node, refs in shapes.steps(source):
        record, ref = source.layers[name].record, Ref(name, node, 0)
        kind, config = record["class_name"], record["config"]
        if not refs or is_model(record):
            continue
        inner = config["layer"]["config"] if kind == "Bidirectional" else config
        if makes(record):
            result[ref] = refs[0]
        elif refs[0] in result and (kind in PASS or kind in RECURRENT and inner.get("return_sequences")):
            result[ref] = result[refs[0]]
            if config.get("merge_mode", "") is None:
                result[ref._replace(tensor=1)] = result[refs[0]]
    return result


def without(source: Graph) -> Graph:
    """Take the masks out of a Keras 3 graph that come of themselves, in place; return the graph.

    A layer computes the mask again that its own input carries.  A mask of merged ones, of another layer, or one that
    the caller gives stays where it is.  Raises Fault where mask nodes form a cycle.
    """
    carries = carried(source)
    compares = Comparisons(source)
    for layer in source.layers.values():
        for index, call in enumerate(layer.calls):
            keywords = call.get("kwargs") if isinstance(call, dict) else None
            given = references(keywords.get("mask"), source.layers) if keywords else []
            if given:
                inputs = references(call.get("args"), source.layers)
                own = carries.get(inputs[0]) if inputs else None
                if own is not None and all(compares.input_of(ref) == own for ref in given):
                    layer.calls[index] = dict(call, kwargs=dict(keywords, mask=None))
    return source


def computing(source: Graph) -> Set[str]:
    """The names of the operations in a Keras 3 graph that compute masks alone: no output needs them for its values."""
    needed, pending = set(), [ref[:2] for ref in source.outputs]
    while pending:
        name, node = pending.pop()
        if (name, node) not in needed:
            needed.add((name, node))
            layer = source.layers[name]
            call = {} if layer.is_input else layer.calls[node]
            if isinstance(call, dict):
                call = dict(call, kwargs=dict(call.get("kwargs") or {}, mask=None))
            pending += [ref[:2] for ref in references(call, source.layers)]
    kept = {name for name, _ in needed}
    return {name for name, layer in source.layers.items() if name not in kept and is_operation(layer.record, 3)}


class Comparisons:
    """The outputs of a Keras 3 graph that are masks: a NotEqual, and rows of Any after it."""

    def __init__(self, source: Graph) -> None:
        self.source = source
        self.known: Dict[Ref, Optional[Ref]] = {}

    def input_of(self, ref: Ref) -> Optional[Ref]:
        """The tensor that the NotEqual at the head of the row compares; None where `ref` is no mask."""
        behind = set()
        answer = None
        while ref not in self.known:
            layer = self.source.layers[ref.layer]
            if ref in behind:
                raise Fault(f"layer {ref.layer!r} depends on its own output: the topology has a cycle")
            behind.add(ref)
            refs = [] if layer.is_input else references(layer.calls[ref.node], self.source.layers)
            if not refs or not is_operation(layer.record, 3) or layer.class_name not in ("NotEqual", "Any"):
                break
            if layer.class_name == "NotEqual":
                answer = refs[0]
                break
            ref = refs[0]
        else:
            answer = self.known[ref]
        self.known.update((passed, answer) for passed in behind)
        return answer
