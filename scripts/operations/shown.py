"""A graph's outputs as layers, for the page: their names, kinds and shapes, and the outputs that each of them reads."""
from collections import OrderedDict
from typing import Any, Dict, List, Optional, Set, Tuple

from . import kinds, scopes, told
from .graph import Graph, Tensor
from .outputs import passed
from .shapes import in_order
from .told import Shown


def shown(graph: Graph) -> List[Shown]:
    """Return the inputs of a graph and the layers of its outputs, in their order."""
    tensors = [passed(graph, Tensor(name)) for name in graph.outputs]
    ends = OrderedDict((tensor, name) for name, tensor in reversed(list(zip(graph.outputs, tensors))))
    layers = {layer.result: layer for layer in scopes.layers(graph, tensors)}
    data = scopes.between(graph, in_order(graph), tensors)
    found = [Shown(name, "InputLayer", sizes(graph, Tensor(name)), 0, [], {}) for name in graph.inputs]
    for name, tensor in zip(graph.outputs, tensors):
        own, sources = behind(graph, tensor, ends, data)
        kind = layers[tensor].kind if tensor in layers else kinds.of_scope(
            graph, [graph.nodes[one] for one in own], data)
        found.append(Shown(name, kind or "", sizes(graph, tensor),
                           scopes.parameters(graph, own, data | set(graph.inputs)), sources, {}))
    return as_made(graph, found) if graph.layers else found


def as_made(graph: Graph, found: List[Shown]) -> List[Shown]:
    """Return what is told of layers with what their Keras model tells: names, classes, parameters and settings."""
    asked = dict(zip(graph.outputs, graph.asked or graph.outputs))
    made = []
    for one in found:
        own = graph.layers.get(one.name)
        inputs = [asked.get(name, name) for name in one.inputs]
        made.append(one._replace(name=asked.get(one.name, one.name), inputs=inputs) if own is None else own._replace(
            shape=one.shape, inputs=inputs))
    return made


def sizes(graph: Graph, tensor: Tensor) -> Optional[List[Optional[int]]]:
    """Return the shape of a tensor as a list, None where it is not known."""
    spec = graph.spec(tensor)
    return None if spec is None or spec.shape is None else list(spec.shape)


def behind(graph: Graph, tensor: Tensor, ends: Dict[Tensor, str], data: Set[str]) -> Tuple[List[str], List[str]]:
    """Return ([names of the operations that compute `tensor` of what is shown before it], [names of the outputs and
    inputs that these read]).

    ends: {tensor of an output: its name}.  data: names of the operations between inputs and outputs.
    """
    own: List[str] = []
    sources: Dict[str, bool] = OrderedDict()
    seen: Set[str] = set()
    waiting = [tensor]
    while waiting:
        one = waiting.pop(0)
        if one.node in graph.inputs:
            sources[one.node] = True
        elif one in ends and one != tensor:
            sources[ends[one]] = True
        elif one.node in data and one.node not in seen:
            seen.add(one.node)
            own.append(one.node)
            waiting += graph.nodes[one.node].inputs
    return own, list(sources)


def metadata(graph: Graph) -> Dict[str, Any]:
    """Return what a graph tells of its outputs: see told.metadata."""
    return told.metadata(OrderedDict(zip(graph.asked or graph.outputs, graph.outputs)), shown(graph))
