"""Operations that TensorFlow.js lacks, each composed of several that it has."""
from typing import Callable, Dict, List, Optional, Sequence

import numpy

from ..operations.graph import NUMPY, Attribute, Graph, Node, Spec, Tensor, constant

LARGEST = 1 << 22  # numbers in the kernel that takes patches out of an image


class Emitter:
    """Adds operations before one node, of its type, in its place."""

    def __init__(self, graph: Graph, node: Node) -> None:
        self.graph, self.node, self.kind = graph, node, node.attributes["T"]

    def add(self, word: str, op: str, inputs: List[Tensor], shape: Optional[Sequence[Optional[int]]],
            **more: Attribute) -> Tensor:
        """Add an operation; return its output."""
        made = self.graph.add(Node(f"{self.node.name}/{word}", op, inputs, attributes=dict({"T": self.kind}, **more),
                                   outputs=[Spec(self.kind.value, None if shape is None else tuple(shape))]))
        return Tensor(made.name)

    def numbers(self, word: str, values: Sequence[int]) -> Tensor:
        """Add a constant of whole numbers."""
        return Tensor(self.graph.add(constant(f"{self.node.name}/{word}", list(values), "DT_INT32")).name)

    def transposed(self, tensor: Tensor, order: Sequence[str], wanted: Sequence[str]) -> Tensor:
        """Return a tensor whose axes are the letters `order` with its axes in the order `wanted`."""
        if list(order) == list(wanted):
            return tensor
        shape = self.graph.spec(tensor).shape
        places = [list(order).index(letter) for letter in wanted]
        return self.add("transpose", "Transpose", [tensor, self.numbers("axes", places)],
                        [shape[place] for place in places], Tperm=Attribute("type", "DT_INT32"))

    def reshaped(self, tensor: Tensor, shape: Sequence[Optional[int]]) -> Tensor:
        """Return a tensor in a shape with at most one open size."""
        if tuple(shape) == self.graph.spec(tensor).shape:
            return tensor
        sizes = self.numbers("sizes", [-1 if size is None else size for size in shape])
        return self.add("reshape", "Reshape", [tensor, sizes], shape, Tshape=Attribute("type", "DT_INT32"))


def patches(graph: Graph, node: Node) -> None:
    """ExtractImagePatches: each window of an image as a row of channels (core/ops/array_ops.cc).

    Windows side by side are a change of shape; all others a convolution whose kernel passes each number on.
    """
    known = graph.spec(node.inputs[0])
    (_, high, wide, _), strides, rates = [node.value(key) for key in ("ksizes", "strides", "rates")]
    if known is None or known.shape is None or None in known.shape[1:]:
        return
    _, rows, columns, channels = known.shape
    make, count = Emitter(graph, node), high * wide * channels
    beside = list(strides[1:3]) == [high, wide] and list(rates[1:3]) == [1, 1]
    if beside and not (rows % high or columns % wide):
        down, across = rows // high, columns // wide
        found = make.reshaped(node.inputs[0], [None, high, across, wide * channels])
        found = make.transposed(found, "rkcn", "rckn")
        node.op, node.inputs, node.attributes = "Identity", [make.reshaped(found, [None, down, across, count])], \
            {"T": make.kind}
    elif count * count <= LARGEST:
        kernel = numpy.eye(count, dtype=NUMPY[make.kind.value]).reshape(high, wide, channels, count)
        taken = graph.add(constant(node.name + "/kernel", kernel))
        ints = {key: Attribute("list", node.attributes[name].value) for key, name in (
            ("strides", "strides"), ("dilations", "rates"))}
        node.op, node.inputs = "Conv2D", [node.inputs[0], Tensor(taken.name)]
        node.attributes = dict(ints, T=make.kind, padding=node.attributes["padding"],
                               data_format=Attribute("s", b"NHWC"))


MADE: Dict[str, Callable[[Graph, Node], None]] = {"ExtractImagePatches": patches}
