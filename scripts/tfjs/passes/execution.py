"""The order in which TensorFlow.js computes the layers of a model, and the tensors that it disposes of too early.

The rules of tfjs-layers 1.0.0 - 4.22.0, engine/executor.js: execute and getTopologicalSortAndRecipientCounts.
"""
from collections import OrderedDict
from typing import Dict, List

from ...base.fault import Fault
from ...layers.references import Ref, references
from ...layers.topology import Graph
from .draft import Draft
from .refusal import refusal


def check(draft: Draft) -> Draft:
    """Raise a Fault where a layer's input would be gone."""
    source = draft.graph()
    found = {} if draft.is_sequential else lost(source)
    if found:
        raise refusal(draft, source, found)
    return draft


def order(source: Graph) -> List[Ref]:
    """Return the outputs of calls (Refs) that a Graph's outputs need, as TensorFlow.js computes them: a walk from each
    output, to the input that is named last first.  A call of several outputs is made again for each that is needed."""
    result, visited = [], set()
    for output in source.outputs:
        stack, marks = [output], []
        while stack:
            top = stack[-1]
            if top in visited:
                stack.pop()
                continue
            refs = inputs(source, top)
            marked = bool(marks) and marks[-1] == len(stack) - 1
            if not refs or marked:
                stack.pop()
                result.append(top)
                visited.add(top)
                if marked:
                    marks.pop()
            else:
                marks.append(len(stack) - 1)
                stack += [ref for ref in refs if ref not in visited]
    return result


def inputs(source: Graph, ref: Ref) -> List[Ref]:
    """The tensors that one call of a layer is given."""
    layer = source.layers[ref.layer]
    return [] if layer.is_input else references(layer.calls[ref.node], source.layers)


def lost(source: Graph) -> Dict[str, Fault]:
    """Return {name: Fault} of the layers whose input is gone.

    TensorFlow.js counts the calls that use a tensor, and then the uses: a tensor that one call gets twice (`x + x`) is
    thrown away before its last use.
    """
    if not any(len(set(refs)) < len(refs) for layer in source.layers.values() for refs in source.references(layer)):
        return {}
    calls, kept, gone, found = order(source), set(source.outputs), {}, OrderedDict()
    counts = {}
    for call in calls:
        for ref in set(inputs(source, call)):
            counts[ref] = counts.get(ref, 0) + 1
    for call in calls:
        refs = inputs(source, call)
        for ref in refs:
            if ref in gone and gone[ref] != call:
                found.setdefault(call.layer, Fault(
                    f"layer {call.layer!r} gets the output of {ref.layer!r} when TensorFlow.js has thrown it away, "
                    f"because another layer gets it twice; with {ref.layer!r} among the outputs it is kept"))
            counts[ref] -= 1
            if not counts[ref] and ref not in kept and not source.layers[ref.layer].is_input:
                gone[ref] = call
    return found
