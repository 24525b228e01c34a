"""Types and shapes of a graph's tensors, inferred from its inputs, constants and attributes, without TensorFlow.

A GraphDef holds only the shapes of its placeholders.  Each rule is TensorFlow's shape function of an operation
(core/ops/*.cc, core/framework/common_shape_fns.cc), found by its name in shape_rules.RULES.  A size that no rule
gives is open.
"""
from typing import Any, Dict, List, Optional, Set

from ..base.fault import Fault
from . import shape_rules, values
from .graph import Graph, Node, Shape, Spec, Tensor
from .values import Values

MOST_VALUES = 1 << 21  # of all tensors together that are followed: an object of Python's each
BACKWARDS = "NextIteration"  # the one operation that a Merge in front of it reads


class Known:
    """Known facts of a graph's tensors: types and shapes (`spec`), and small values (`values`)."""

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.specs: Dict[str, List[Spec]] = {}
        self.found: Dict[str, List[Values]] = {}
        self.room = MOST_VALUES

    def spec(self, tensor: Tensor) -> Optional[Spec]:
        """Return the type and shape of a tensor, None where nothing is known."""
        found = self.specs.get(tensor.node, [])
        return found[tensor.index] if tensor.index < len(found) else None

    def values(self, tensor: Tensor) -> Values:
        """Return the values of a tensor as far as they are known (operations.values)."""
        found = self.found.get(tensor.node, [])
        return found[tensor.index] if tensor.index < len(found) else None

    def take(self, node: Node) -> None:
        """Take what a node tells, whose inputs were taken before."""
        specs, known = [self.spec(one) for one in node.inputs], [self.values(one) for one in node.inputs]
        self.found[node.name] = values.compute(node, known, specs) if self.room > 0 else []
        self.room -= sum(one.size for one in self.found[node.name] if one is not None)
        told = shape_rules.specs(node, specs, known)
        for place, one in enumerate(self.found[node.name]):
            if one is not None and place < len(told):
                told[place] = Spec(told[place].dtype, one.shape)
        self.specs[node.name] = merged(told, node.outputs)


def merged(told: List[Spec], before: Optional[List[Spec]]) -> List[Spec]:
    """Return what a rule tells, completed by what was known of the same outputs before."""
    if before is None:
        return told
    found = []
    for place, one in enumerate(before):
        other = told[place] if place < len(told) else one
        if one.shape is None or other.shape is None or len(one.shape) != len(other.shape):
            found.append(Spec(one.dtype, other.shape if one.shape is None else one.shape))
        else:
            found.append(Spec(one.dtype, tuple(a if b is None else b for a, b in zip(one.shape, other.shape))))
    return found


def infer(graph: Graph, inputs: Optional[Dict[str, Shape]] = None) -> Known:
    """Give every node of a graph the types and shapes of its outputs, in place; return what is known.

    inputs: {name of a placeholder: its shape}, in place of its own.
    """
    for name, shape in (inputs or {}).items():
        node = graph.nodes[name]
        node.outputs = [Spec(dtype_of(node), shape)]
    known = Known(graph)
    for node in in_order(graph):
        known.take(node)
        node.outputs = known.specs[node.name]
    return known


def dtype_of(placeholder: Node) -> str:
    """Return the type of a placeholder, a float's where it does not tell."""
    return placeholder.value("dtype", "DT_FLOAT")


def in_order(graph: Graph) -> List[Node]:
    """Return the nodes, each after those that it reads; the way back of a loop does not count."""
    found: List[Node] = []
    begun: Set[str] = set()
    for first, reading in graph.nodes.items():
        if first in begun:
            continue
        if all(one.node in begun for one in reading.inputs):  # so they are found: nothing waits here
            begun.add(first)
            found.append(reading)
            continue
        waiting = [(first, False)]
        while waiting:
            name, behind = waiting.pop()
            if behind:
                found.append(graph.nodes[name])
            elif name not in begun and name in graph.nodes:
                begun.add(name)
                node = graph.nodes[name]
                waiting.append((name, True))
                waiting += [(one.node, False) for one in reversed(node.inputs) if not (
                    node.op == "Merge" and one.node in graph.nodes and graph.nodes[one.node].op == BACKWARDS)]
    return found


def circle(graph: Graph) -> Optional[str]:
    """Return the name of an operation that reads what is computed of it, but for the way back of a loop; else None."""
    places = {node.name: place for place, node in enumerate(in_order(graph))}
    for name, node in graph.nodes.items():
        for one in node.inputs:
            if one.node in places and places[one.node] >= places[name] and not (
                    node.op == "Merge" and graph.nodes[one.node].op == BACKWARDS):
                return name
    return None


def fixed(graph: Graph, input_shape: Any, source: str) -> Dict[str, Shape]:
    """Return {name of an input: its shape} with the open sizes behind the batch set to those of `input_shape`.

    input_shape: a list of sizes for a graph with one input, a list of such lists in the inputs' order, or {name:
    sizes}; None leaves the inputs as they are.
    Raises Fault where nothing is open, where sizes contradict an input's, and for an input that is not there.
    """
    if input_shape is None:
        return {}
    before = {name: shape_of(graph.nodes[name]) for name in graph.inputs}
    if not are_open(graph):
        raise Fault(f"{source}: every input has its sizes, and a graph has no layers: leave out input_shape")
    given = input_shape if isinstance(input_shape, dict) else dict(zip(graph.inputs, per_input(input_shape)))
    if not isinstance(input_shape, dict) and len(given) != len(graph.inputs):
        raise Fault(f"{source}: input_shape: the graph has {len(graph.inputs)} inputs: give a shape for each by name: "
                    f"{', '.join(graph.inputs)}")
    found = {}
    for name, sizes in given.items():
        if name not in before:
            raise Fault(f"{source}: input_shape: no input is called {name!r}; there are: {', '.join(graph.inputs)}")
        shape = before[name] or (None,) * (len(sizes) + 1)
        if len(shape) != len(sizes) + 1 or any(one is not None and other is not None and one != other
                                               for one, other in zip(shape[1:], sizes)):
            raise Fault(f"{source}: input_shape: {list(sizes)} contradicts what input {name!r} declares: "
                        f"{spelled(shape)}")
        if any(size is not None and (type(size) is not int or size < 1) for size in sizes):
            raise Fault(f"{source}: input_shape: {list(sizes)} is not sizes above 0")
        found[name] = shape[:1] + tuple(one if other is None else other for one, other in zip(shape[1:], sizes))
    return found


def are_open(graph: Graph) -> bool:
    """Return whether sizes of a graph's inputs are open, behind the batch."""
    return any(shape is None or None in shape[1:] for shape in (shape_of(graph.nodes[name]) for name in graph.inputs))


def per_input(given: Any) -> List[Any]:
    """Return one list of sizes for each input."""
    return [given] if not given or not isinstance(given[0], (list, tuple)) else list(given)


def shape_of(placeholder: Node) -> Shape:
    """Return what is known of the shape of a graph's input; none at all is "scalar" in old graphs, but of one text."""
    known = placeholder.outputs[0].shape if placeholder.outputs else placeholder.value("shape") or None
    return placeholder.value("shape") if known is None and dtype_of(placeholder) == "DT_STRING" else known


def spelled(shape: Shape) -> str:
    """Return a shape as TensorFlow's users write it: (None, 28, 28, 1)."""
    return "of any shape" if shape is None else "(" + ", ".join(str(size) for size in shape) + ")"
