"""Operations of today's TensorFlow in the spelling that TensorFlow.js 1.0.0 has too, where they compute the same."""
from typing import Callable, Dict, List, Optional, Sequence

from ..layers.kinds.sizes import product
from ..operations.graph import Attribute, Graph, Node, Spec, Tensor, constant


def spell(graph: Graph) -> None:
    """Change the operations of `graph` in place: SPELLED."""
    for node in list(graph.nodes.values()):
        if node.op in SPELLED:
            SPELLED[node.op](graph, node)


def renamed(op: str) -> Callable[[Graph, Node], None]:
    """Return the change of an operation that an older one computes, with the attributes that it has."""
    def change(graph: Graph, node: Node) -> None:
        node.op = op
        node.attributes.pop("U", None)
    return change


def select(graph: Graph, node: Node) -> None:
    """Select, whose condition has the shape of both values (core/ops/math_ops.cc)."""
    known = [graph.spec(tensor) for tensor in node.inputs]
    shapes = {None if one is None else one.shape for one in known}
    if len(shapes) == 1 and None not in shapes:
        node.op = "Select"


class Emitter:
    """What adds operations in the place of one node, of its type, before it."""

    def __init__(self, graph: Graph, node: Node) -> None:
        self.graph, self.node, self.kind = graph, node, node.attributes["T"]

    def add(self, word: str, op: str, inputs: List[Tensor], shape: Sequence[Optional[int]],
            **more: Attribute) -> Tensor:
        """Add an operation; return its output."""
        made = self.graph.add(Node(f"{self.node.name}/{word}", op, inputs, attributes=dict({"T": self.kind}, **more),
                                   outputs=[Spec(self.kind.value, tuple(shape))]))
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


def einsum(graph: Graph, node: Node) -> None:
    """An Einsum of two tensors as transposes, reshapes and one matrix product, with at most one open size.

    Its letters are those of both tensors and the result (batch), of both alone (inner), of one and the result (rows,
    columns); any other equation stays as it is (core/ops/linalg_ops.cc).
    """
    terms, _, result = node.text("equation").replace(" ", "").partition("->")
    specs, terms = [graph.spec(tensor) for tensor in node.inputs], terms.split(",")
    if len(terms) != 2 or not all(spec and spec.shape and is_plain(term, len(spec.shape))
                                  for term, spec in zip(terms, specs)) or not is_plain(result, len(result)):
        return
    left, right = terms
    size = {letter: length for term, spec in zip(terms, specs) for letter, length in zip(term, spec.shape)}
    batch = [letter for letter in left if letter in right and letter in result]
    inner = [letter for letter in left if letter in right and letter not in result]
    rows = [letter for letter in left if letter not in right]
    columns = [letter for letter in right if letter not in left]
    sides = [batch, rows, inner], [batch, inner, columns], [batch, rows, columns]
    if sorted(batch + rows + columns) != sorted(result) or any(
            [size[letter] for group in side for letter in group].count(None) > 1 for side in sides):
        return
    make, factors = Emitter(graph, node), []
    lengths = [[product([size[letter] for letter in group]) for group in side[not batch:]] for side in sides]
    for tensor, term, side, shape in zip(node.inputs, terms, sides, lengths):
        factors.append(make.reshaped(make.transposed(tensor, term, sum(side, [])), shape))
    flags = ("adj_x", "adj_y") if batch else ("transpose_a", "transpose_b")
    found = make.add("product", "BatchMatMul" if batch else "MatMul", factors, lengths[2],
                     **{flag: Attribute("b", False) for flag in flags})
    found = make.reshaped(found, [size[letter] for letter in sum(sides[2], [])])
    node.op, node.inputs, node.attributes = "Identity", [make.transposed(found, sum(sides[2], []), result)], \
        {"T": make.kind}


def batch_product(graph: Graph, node: Node) -> None:
    """A matrix product of batches of the same rank as it is; of a batch with one matrix as a product of two matrices.
    """
    specs = [graph.spec(tensor) for tensor in node.inputs]
    shapes = [None if spec is None else spec.shape for spec in specs]
    if None in shapes:
        return
    left, right = shapes
    if len(left) == len(right):
        node.op = "BatchMatMul"
        return
    if len(right) != 2 or len(left) < 2 or node.value("adj_x") or list(left[:-1]).count(None) > 1:
        return
    make, wide = Emitter(graph, node), right[0 if node.value("adj_y") else 1]
    rows = make.reshaped(node.inputs[0], [product(left[:-1]), left[-1]])
    found = make.add("product", "MatMul", [rows, node.inputs[1]], [product(left[:-1]), wide],
                     transpose_a=Attribute("b", False), transpose_b=Attribute("b", bool(node.value("adj_y"))))
    node.op, node.inputs, node.attributes = "Identity", [make.reshaped(found, left[:-1] + (wide,))], {"T": make.kind}


def is_plain(term: str, rank: int) -> bool:
    """Return whether the axes of a term of an equation are letters, each of them once."""
    return term.isalpha() and len(set(term)) == len(term) == rank


SPELLED: Dict[str, Callable[[Graph, Node], None]] = {
    "AddV2": renamed("Add"), "BatchMatMulV2": batch_product, "BatchMatMulV3": batch_product,
    "FusedBatchNormV3": renamed("FusedBatchNormV2"), "SelectV2": select, "Einsum": einsum}
