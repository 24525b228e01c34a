"""The arguments of a rule of rewritten.py: a builder on the graph that is there, and the operation made anew."""
from typing import Any, Callable, List, Optional, Union

import numpy

from ..emit import Builder, Value
from ..operations import unlike
from ..operations.graph import Graph, Node, Spec, Tensor
from ..operations.shapes import Known


class Unknown(Exception):
    """A fact of an operation that a rule needs is not known."""


class Remaking(Builder):
    """A builder on a graph that is there, for what stands in place of one of its operations.

    source   that operation
    told     what is known of the graph's tensors, None for nothing
    """

    def __init__(self, graph: Graph, told: Optional[Known] = None) -> None:
        super().__init__()
        self.graph, self.told = graph, told
        self.source = Node("", "")

    def given(self, place: int) -> Value:
        """Return an input of the operation.  Raises Unknown where its rank is not known, or where it has none."""
        tensor = self.input(place)
        spec = self.graph.spec(tensor)
        if spec is None or spec.shape is None:
            raise Unknown
        return self.of(tensor, spec.dtype, spec.shape)

    def input(self, place: int) -> Tensor:
        """Return the name of an input of the operation.  Raises Unknown where there is none."""
        if place >= len(self.source.inputs) or self.source.inputs[place].node not in self.graph.nodes:
            raise Unknown
        return self.source.inputs[place]

    def of(self, tensor: Tensor, dtype: str, shape: Any) -> Value:
        """Return a tensor of the graph as a Value."""
        held = self.graph.nodes[tensor.node]
        kept = held.value("value").values if held.op == "Const" else None
        kind = "bool" if dtype == "DT_BOOL" else "int32" if dtype in unlike.WHOLE else "float32"
        if kept is None:
            return Value(kind, shape, tensor)
        return Value(kind, shape, tensor, self.of_weight(kept).weight)

    def known(self, place: int) -> numpy.ndarray:
        """Return the values of an input that is a constant.  Raises Unknown where it is none."""
        found = self.graph.constant(self.input(place))
        if found is None:
            raise Unknown
        return found

    def whole(self, name: str, default: Optional[int] = None) -> int:
        """Return an attribute of the operation, a whole number.  Raises Unknown where it is none."""
        found = self.source.value(name, default)
        if type(found) is not int:
            raise Unknown
        return found

    def number(self, name: str, default: float) -> float:
        """Return an attribute of the operation, a number.  Raises Unknown where it is none."""
        found = self.source.value(name, default)
        if type(found) not in (int, float):
            raise Unknown
        return float(found)

    def row(self, name: str, count: int, least: int = 1) -> List[int]:
        """Return an attribute of the operation, so many whole numbers from `least` on.  Raises Unknown for others."""
        found = self.source.value(name)
        if not isinstance(found, list) or len(found) != count or not all(type(one) is int and one >= least
                                                                         for one in found):
            raise Unknown
        return found


def put_out(node: Node) -> Spec:
    """Return what is known of an operation's first output.  Raises Unknown where its shape is not."""
    if not node.outputs or node.outputs[0].shape is None:
        raise Unknown
    return node.outputs[0]


Rule = Callable[[Remaking, Node], Union[Value, List[Value], None]]  # a list: of all outputs
