"""The beginning of a graph that TensorFlow.js cannot compute from its own inputs: after the preprocessing.

The graphs of TensorFlow's object detection zoo resize each image in a loop over the batch, old classifiers decode a
JPEG, models of words look them up in a table.  All layers depend on that, and TensorSpace could show none of them.  So
the last tensor on which all layers depend becomes an input, in place of the graph's own inputs.
"""
import contextlib
from collections import OrderedDict
from typing import Any, Callable, Dict, List, NamedTuple, Optional, Sequence, Set, Tuple

from ..base.fault import Fault
from . import loops, scopes, shapes
from .graph import Attribute, Graph, Node, Spec
from .outputs import Choice
from .shapes import in_order

NUMBERS = scopes.REALS + ("DT_INT32", "DT_INT64", "DT_UINT8", "DT_BOOL")  # what can be fed
KERNEL = 2  # dimensions of a layer's constant, at least: those of a preprocessing are numbers and vectors


class Beginning(NamedTuple):
    """An operation that is an input in place of what it is computed of.

    name    of the operation
    spec    of its first output
    behind  the operation that cannot be computed, with its reason, as a part of a line
    """
    name: str
    spec: Spec
    behind: str

    def __str__(self) -> str:
        sizes = "" if self.spec.shape is None else " of " + ", ".join(
            "?" if size is None else str(size) for size in self.spec.shape)
        itself = f"({self.name}), "
        return f"it begins at {self.name}{sizes}, " + (
            self.behind.partition(itself)[2] if itself in self.behind else f"after {self.behind}")


def opened(make: Callable[[Optional[Beginning], Any], Choice], outputs: Optional[Sequence[str]] = None,
           input_shape: Any = None) -> Choice:
    """Return the Choice of a graph, which begins after its preprocessing where it has to.

    make: reads the graph anew, and returns its Choice; the graph begins at the first argument, None: at its own
    inputs; the second is an input_shape.
    outputs: as they are asked for; where one of them cannot be computed from another beginning either, there is none.
    input_shape: as in shapes.fixed, of the graph's own inputs, or of what it begins with.
    """
    refused = None
    try:
        choice = make(None, input_shape)
    except Fault as fault:  # unless the sizes are those of what it begins with
        refused = fault
        choice = make(None, None)
    begin = beginning(choice)
    if refused is not None and (begin is None or not of_beginning(choice.graph, begin, input_shape)):
        raise refused
    again = None if begin is None else moved(make, begin, outputs, named(
        choice.graph.inputs if refused is None else [begin.name], input_shape))
    if again is None:
        if refused is not None:
            raise refused
        return choice
    again.graph.inputs += choice.graph.inputs  # what no output needs is left out with the other operations
    again.graph.begins = str(begin._replace(spec=again.graph.nodes[begin.name].outputs[0]))
    return again


def moved(make: Callable[[Optional[Beginning], Any], Choice], begin: Beginning, outputs: Optional[Sequence[str]],
          input_shape: Any) -> Optional[Choice]:
    """Return the Choice of a graph that begins at `begin`; None where outputs that are asked for cannot be computed
    from there."""
    try:
        choice = make(begin, input_shape)
    except KeyError:  # a step of an unrolled loop is no operation of the graph
        return None
    waiting = blocked(choice.graph)
    for name in outputs or ():
        with contextlib.suppress(Fault):  # whoever chooses the outputs says which names are wrong
            if choice.tensor(name).node in waiting:
                return None
    return choice


def of_beginning(graph: Graph, begin: Beginning, input_shape: Any) -> bool:
    """Return whether an input_shape that the graph's own inputs do not take is that of its beginning."""
    if isinstance(input_shape, dict):
        return begin.name in input_shape
    return not shapes.are_open(graph) and len(shapes.per_input(input_shape)) == 1


def named(inputs: List[str], input_shape: Any) -> Any:
    """Return an input_shape by the names of the inputs that it is for."""
    if input_shape is None or isinstance(input_shape, dict):
        return input_shape
    return dict(zip(inputs, shapes.per_input(input_shape)))


def prepare(graph: Graph, begin: Optional[Beginning], input_shape: Any, source: str) -> None:
    """Let a graph begin at `begin`, tell the shapes of its tensors and unroll its loops, in place.

    input_shape: as in shapes.fixed.  Raises KeyError where there is no such operation, and Faults of shapes.fixed.
    """
    if begin is not None:
        put(graph, begin)
    sizes = shapes.fixed(graph, input_shape, source)
    if begin is not None:
        graph.inputs = [begin.name]
    loops.unroll(graph, shapes.infer(graph, sizes))


def beginning(choice: Choice) -> Optional[Beginning]:
    """Return where a graph has to begin so that its layers can be computed; None where it can begin as it does."""
    graph = choice.graph
    waiting = blocked(graph)
    data = scopes.between(graph, in_order(graph), list(choice.known.values()))
    kernels = [layer for layer in choice.layers if has_kernel(graph, layer, data)] if waiting else []
    if not kernels or kernels[0].kind in ("LSTM", "GRU", "RNN") or any(
            layer.result.node not in waiting for layer in kernels):
        return None
    place = before(graph, kernels[0], data | set(graph.inputs))
    if place is None or place not in waiting:
        return None
    begin = Beginning(place, graph.nodes[place].outputs[0], waiting[place])
    changed = Graph([Node(node.name, node.op, node.inputs, node.controls, node.attributes, node.outputs)
                     for node in graph.nodes.values()])
    put(changed, begin)
    return None if kernels[0].result.node in blocked(changed) else begin


def put(graph: Graph, begin: Beginning) -> None:
    """Make the operation a placeholder, and the graph's first input."""
    node = graph.nodes[begin.name]
    node.op, node.inputs, node.controls, node.outputs = "Placeholder", [], [], [begin.spec]
    node.attributes = OrderedDict(dtype=Attribute("type", begin.spec.dtype), shape=Attribute("shape", begin.spec.shape))
    graph.inputs = [begin.name] + [name for name in graph.inputs if name != begin.name]


def blocked(graph: Graph) -> Dict[str, str]:
    """Return {name of a node: the operation that it depends on and that TensorSpace cannot compute, with the reason}.
    """
    def reason(node: Node) -> str:
        if node.op.startswith("Decode") or reads_text(graph, node):
            return f"{node.op} ({node.name}), which takes text or bytes"
        return f"{node.op} ({node.name}), which TensorFlow.js computes by executeAsync alone" \
            if node.op in loops.DYNAMIC and not loops.at_once(graph, node) else ""

    return loops.behind(graph, reason)


def reads_text(graph: Graph, node: Node) -> bool:
    """Return whether an operation reads texts."""
    return any(spec is not None and spec.dtype == "DT_STRING" for spec in map(graph.spec, node.inputs))


def has_kernel(graph: Graph, layer: scopes.Layer, data: Set[str]) -> bool:
    """Return whether a layer has weights that are no preprocessing's."""
    return any(map(is_kernel, scopes.constants(graph, layer.nodes, data)))


def is_kernel(node: Node) -> bool:
    """Return whether an operation is a constant that is a layer's, and no preprocessing's."""
    held = node.value("value") if node.op == "Const" else None
    return held is not None and held.dtype in scopes.REALS and len(held.shape or ()) >= KERNEL


def makes_batch(graph: Graph, node: Node) -> bool:
    """Return whether nothing that an operation reads has the batch first: a loop over the images, or one image alone.
    """
    axis = graph.constant(node.inputs[1]) if node.op == "ExpandDims" and len(node.inputs) == 2 else None
    return node.op in loops.DYNAMIC or axis is not None and not axis.any()


def before(graph: Graph, layer: scopes.Layer, data: Set[str]) -> Optional[str]:
    """Return the first operation before a layer that all that the layer reads is computed of, and that can be fed: of
    numbers, the batch first; one whose other sizes are all known comes before others.
    """
    names = set(layer.nodes)
    reading = {one for name in layer.nodes for one in graph.nodes[name].inputs if one.node in data - names}
    found: List[Tuple[bool, str]] = []
    while len(reading) == 1:
        one, = reading
        if one.node in graph.inputs:
            break
        spec = graph.spec(one)
        if one.index == 0 and spec is not None and spec.dtype in NUMBERS and spec.shape and spec.shape[0] in (None, 1):
            found.append((None not in spec.shape[1:], one.node))
        node = graph.nodes[one.node]
        reading = {one for one in node.inputs if one.node in data} if not makes_batch(graph, node) else set()
    return next((name for known, name in reversed(found) if known), found[-1][1] if found else None)
