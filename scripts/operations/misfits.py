"""Operations whose inputs have shapes that do not go together: a graph with one of them runs nowhere.

Each rule looks at known sizes, and says nothing if a size is not known.  Shapes that depend on a loop or a condition
are left out: what a loop carries may grow.
"""
from typing import Callable, Dict, List, Optional, Sequence, Tuple

import numpy

from ..base.fault import Fault
from ..layers.kinds.sizes import product
from . import loops
from .graph import Graph, Node, Shape
from .shape_rules import RULES as SHAPES
from .shape_rules import broadcast
from .shapes import spelled

Known = List[Shape]  # of the inputs
Rule = Callable[[Graph, Node, Known], bool]  # whether they do not go together


def matrices(graph: Graph, node: Node, shapes: Known) -> bool:
    """A product of matrices of unlike inner sizes."""
    left, right = shapes[:2]
    if left is None or right is None or min(len(left), len(right)) < 2:
        return False
    turned = [bool(node.value(name, False) or node.value(other, False))
              for name, other in (("transpose_a", "adj_x"), ("transpose_b", "adj_y"))]
    return unlike(left[-2 if turned[0] else -1], right[-1 if turned[1] else -2])


def convolution(graph: Graph, node: Node, shapes: Known) -> bool:
    """A kernel for another number of channels."""
    image, kernel = shapes[:2]
    if image is None or kernel is None or node.text("data_format").startswith("NC") or len(image) != len(kernel):
        return False
    return unlike(image[-1], kernel[-2])


def elementwise(graph: Graph, node: Node, shapes: Known) -> bool:
    """Sizes that are not alike, and none of them 1."""
    if None in shapes:
        return False
    sizes = zip(*[(1,) * (max(map(len, shapes)) - len(shape)) + tuple(shape) for shape in shapes])  # type: ignore
    return any(len(set(each) - {1, None}) > 1 for each in sizes)


def joined(graph: Graph, node: Node, shapes: Known) -> bool:
    """Tensors one after another that differ in more than the axis; TensorFlow.js passes over those without values."""
    new = node.op == "ConcatV2"
    parts, axis = (shapes[:-1], node.inputs[-1]) if new else (shapes[1:], node.inputs[0])
    place = graph.constant(axis)
    if place is None or None in parts or any(0 in shape for shape in parts):  # type: ignore
        return False
    if len(set(map(len, parts))) > 1:  # type: ignore
        return True
    along = int(place) % len(parts[0]) if parts[0] else 0
    return any(len(set(each) - {None}) > 1 for number, each in enumerate(zip(*parts)) if number != along)


def stacked(graph: Graph, node: Node, shapes: Known) -> bool:
    """Tensors of unlike shapes along a new axis."""
    return None not in shapes and (len(set(map(len, shapes))) > 1 or any(  # type: ignore
        len(set(each) - {None}) > 1 for each in zip(*shapes)))


def reshaped(graph: Graph, node: Node, shapes: Known) -> bool:
    """A shape of another number of values."""
    wanted = graph.constant(node.inputs[1])
    if wanted is None or shapes[0] is None:
        return False
    least = product([size for size in shapes[0] if size is not None])  # the values are a multiple of these
    rest, left = product([int(size) for size in wanted.reshape(-1) if size >= 0]), (wanted < 0).any()
    if None in shapes[0]:
        return not left and bool(least) and rest % least != 0
    return bool(rest) and least % rest != 0 if left else rest != least


def turned(graph: Graph, node: Node, shapes: Known) -> bool:
    """An order of another number of dimensions."""
    order = graph.constant(node.inputs[1])
    return order is not None and shapes[0] is not None and sorted(order.reshape(-1)) != list(range(len(shapes[0])))


def reduced(graph: Graph, node: Node, shapes: Known) -> bool:
    """Along a dimension that is not there."""
    axes = graph.constant(node.inputs[1])
    return axes is not None and shapes[0] is not None and bool(numpy.any(
        (axes >= len(shapes[0])) | (axes < -len(shapes[0]))))


def padded(graph: Graph, node: Node, shapes: Known) -> bool:
    """Margins of another number of dimensions."""
    return None not in shapes[:2] and len(shapes[1]) == 2 and unlike(shapes[1][0], len(shapes[0]))  # type: ignore


def unlike(one: Optional[int], other: Optional[int]) -> bool:
    """Whether two sizes are known, and not alike."""
    return None not in (one, other) and one != other


TABLE: Sequence[Tuple[Rule, str, str]] = [
    (matrices, "multiplies matrices of shapes {0} and {1}", "MatMul _FusedMatMul BatchMatMul BatchMatMulV2"),
    (convolution, "slides a kernel of shape {1} over images of shape {0}",
     "Conv2D _FusedConv2D Conv3D DepthwiseConv2dNative FusedDepthwiseConv2dNative"),
    (elementwise, "takes tensors of shapes {all} together", "BiasAdd " + " ".join(
        op for op, rule in SHAPES.items() if rule is broadcast)),
    (joined, "joins tensors of shapes {all}", "Concat ConcatV2"), (stacked, "stacks tensors of shapes {all}", "Pack"),
    (reshaped, "gives a tensor of shape {0} another number of values", "Reshape"),
    (turned, "turns a tensor of shape {0} in another number of dimensions", "Transpose"),
    (reduced, "goes along a dimension that a tensor of shape {0} does not have", "Sum Mean Max Min Prod All Any"),
    (padded, "has margins of another number of dimensions than shape {0}", "Pad PadV2 MirrorPad")]
RULES: Dict[str, Tuple[Rule, str]] = {op: (rule, words) for rule, words, ops in TABLE for op in ops.split()}


def check(graph: Graph) -> None:
    """Raise a Fault for an operation whose inputs do not go together."""
    for node, words in found(graph):
        raise Fault(f"operation {node.name} is a {node.op} that {words}, which nothing computes: the graph is damaged; "
                    "make it again, or ask for outputs before it")


def found(graph: Graph) -> List[Tuple[Node, str]]:
    """Return [(operation whose inputs do not go together, what is wrong with it)]."""
    waiting, wrong = loops.dynamic(graph), []
    for node in graph.nodes.values():
        rule, words = RULES.get(node.op, (None, ""))
        if rule is None or node.name in waiting:
            continue
        shapes = [None if spec is None else spec.shape for spec in map(graph.spec, node.inputs)]
        try:
            unfit = rule(graph, node, shapes)
        except (TypeError, ValueError, IndexError, AttributeError):  # too few inputs, or such of another kind
            continue
        if unfit:
            told = [spelled(shape) for shape in shapes]
            wrong.append((node, words.format(*told, all=" and ".join(told[:4]))))
    return wrong
