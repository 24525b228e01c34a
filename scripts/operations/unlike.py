"""Operations that TensorFlow.js computes differently from TensorFlow: a rule for each.

tfjs-converter's executor (4.22.0: src/operations/executors) finds an operation by its name and ignores some of its
attributes.  The rules find the nodes whose result differs because of that; tfjs/rewritten.py replaces most of them.
"""
import re
from typing import Any, Callable, Iterator, List, Optional, Sequence, Tuple

import numpy

from ..base.fault import Fault
from ..layers.kinds.sizes import overhangs
from .graph import Graph, Node

WHOLE = ("DT_INT8", "DT_UINT8", "DT_INT16", "DT_UINT16", "DT_INT32", "DT_INT64", "DT_UINT32", "DT_UINT64")
NARROW = {"DT_INT8": 1, "DT_UINT8": 1, "DT_INT16": 2, "DT_UINT16": 2}  # bytes
SMALL = 256  # values of a constant that a rule looks at


class View:
    """A node as the rules see it, with what is known of its inputs."""

    def __init__(self, node: Node, graph: Optional[Graph]) -> None:
        """graph: None where the names of the node's inputs are those of a function."""
        self.node, self.graph = node, graph
        self.op, self.get, self.text = node.op, node.value, node.text

    def shape(self, index: int) -> Optional[List[Optional[int]]]:
        """Return the sizes of an input, None for those that are open; None where not even their number is known."""
        if self.graph is None or index >= len(self.node.inputs):
            return None
        spec = self.graph.spec(self.node.inputs[index])
        return None if spec is None or spec.shape is None else list(spec.shape)

    def rank(self, index: int) -> Optional[int]:
        """Return the number of dimensions of an input, None where it is not known."""
        return None if self.shape(index) is None else len(self.shape(index))

    def value(self, index: int) -> Optional[numpy.ndarray]:
        """Return the small constant that an input is, None where it is none."""
        if self.graph is None or index >= len(self.node.inputs):
            return None
        node = self.graph.nodes.get(self.node.inputs[index].node)
        held = node.value("value") if node is not None and node.op == "Const" else None
        return held.values.read() if held is not None and held.values is not None and held.values.size < SMALL else None


# Rules: a View -> the words after the operation's name in the line that refuses it, or None ---------------------
Rule = Callable[[View], Optional[str]]


def channels_first(node: View) -> Optional[str]:
    """Refuse the channels in front of the sizes; a BiasAdd of two dimensions has no sizes."""
    if node.text("data_format") in ("NCHW", "NCDHW") and not (node.op == "BiasAdd" and node.rank(0) == 2):
        return f"with the channels first (data_format={node.text('data_format')})"


def padded(node: View) -> Optional[str]:
    """Refuse strides that leave out the end of the input.

    In three dimensions TensorFlow.js's padding is negative where a window is smaller than its stride (sizes.overhangs).
    """
    if node.text("padding") == "SAME" and node.shape(0) is not None:
        windows = node.shape(1)[:3] if node.op == "Conv3D" else node.get("ksize")[1:4]
        if any(map(overhangs, node.shape(0)[1:4], windows, node.get("strides")[1:4])):
            return "whose strides leave out the end of its input"
    return None


def convolution(node: View) -> Optional[str]:
    """Refuse a convolution in groups: its kernel has fewer input channels, (h, w, channels / groups, filters)."""
    channels, depth = (node.shape(0) or [None])[-1], (node.shape(1) or [None, None])[-2]
    if channels is not None and depth is not None and channels != depth:
        return f"in groups ({channels} channels, a kernel for {depth})"
    return channels_first(node) or (padded(node) if node.op == "Conv3D" else None)


def batch_norm(node: View) -> Optional[str]:
    """Refuse a batch normalization that computes the statistics of its input."""
    return "in training (is_training)" if node.get("is_training", False) else channels_first(node)


def pooling(node: View) -> Optional[str]:
    """Refuse a pooling with explicit paddings."""
    if node.text("padding") == "EXPLICIT":
        return "with padding of its own (EXPLICIT)"
    return channels_first(node) or (padded(node) if node.op.endswith("3D") else None)


def one_hot(node: View) -> Optional[str]:
    """Refuse a new axis that is not the last: the executor takes no axis."""
    axis = node.get("axis", 0)
    return f"along axis {axis}" if axis not in (-1, node.rank(0)) else None


def of_whole_numbers(node: View) -> Optional[str]:
    """Refuse integers, whose result TensorFlow rounds."""
    return "of whole numbers" if node.get("T") in WHOLE else None


def modulo(node: View) -> Optional[str]:
    """Refuse every Mod: TensorFlow's result has the sign of the first number, TensorFlow.js's that of the second."""
    return "with the sign of the first number (FloorMod, tf.math.floormod, is there)"


def cast(node: View) -> Optional[str]:
    """Refuse a cast of whole numbers to int8, uint8, int16 or uint16 that may overflow: TensorFlow.js holds them as
    int32.  What floats out of range become is not defined: TensorFlow 2.6 and 2.21 differ."""
    source, target = node.get("SrcT"), node.get("DstT")
    if target in NARROW and source in WHOLE and NARROW.get(source, 9) >= NARROW[target] and source != target:
        return "to a narrow type, whose overflow it does not have"


def einsum(node: View) -> Optional[str]:
    """Refuse an equation with an ellipsis, or with a letter that stands twice in one term."""
    equation = node.text("equation")
    if "." in equation or any(len(set(part)) < len(part) for part in re.split(",|->", equation)):
        return f"with {equation}"


def batch_product(node: View) -> Optional[str]:
    """Refuse batches that are repeated along an axis in the middle, [2, 1] and [2, 3]."""
    if node.shape(0) is None or node.shape(1) is None:
        return None
    pairs = list(zip(reversed(own(node.shape(0)[:-2])), reversed(own(node.shape(1)[:-2]))))
    if any(one != other and (None not in (one, other) or 1 in (one, other)) for one, other in pairs):
        return f"of batches that are broadcast within ({node.shape(0)[:-2]} and {node.shape(1)[:-2]})"


def own(batch: Sequence[Any]) -> Sequence[Any]:
    """Return a batch without the 1s in front: TensorFlow.js repeats the smaller one as a whole."""
    return batch if not batch or batch[0] != 1 else own(batch[1:])


def select(node: View) -> Optional[str]:
    """Refuse a condition of one dimension that selects whole rows."""
    if node.rank(0) == 1 and (node.rank(1) or 0) > 1:
        return "of whole rows (tf.where is there)"


def band(node: View) -> Optional[str]:
    """Refuse a band whose two sides differ, or are not constants."""
    lower, upper = node.value(1), node.value(2)
    if lower is None or upper is None or lower != upper:
        return "with unlike sides (it takes one for both)"


def scattered(node: View) -> Optional[str]:
    """Refuse numbers that are written into a tensor, unless it is a copy (a Tile): others may read it."""
    held = node.graph.nodes.get(node.node.inputs[0].node) if node.graph is not None and node.node.inputs else None
    return None if held is not None and held.op == "Tile" else "that changes its input for all that read it"


def padded_boxes(node: View) -> Optional[str]:
    """Refuse the selected boxes padded to a fixed number."""
    return "with padding (pad_to_max_output_size)" if node.get("pad_to_max_output_size", False) else None


def soft_boxes(node: View) -> Optional[str]:
    """Refuse soft suppression, a sigma that is not 0, or no constant; and the third output, which is not there."""
    sigma, name = node.value(5), node.node.name
    if sigma is None or float(sigma) != 0:
        return "with a sigma (soft suppression)"
    if node.graph is not None and any(one.node == name and one.index == 2 for other in node.graph.nodes.values()
                                      for one in other.inputs):
        return "whose number of boxes is asked for"
    return padded_boxes(node)


def sliced(node: View) -> Optional[str]:
    """Refuse complex numbers: 4.22.0 slices none on a processor."""
    return "of complex numbers" if str(node.get("T")).startswith("DT_COMPLEX") else None


def spread(node: View) -> Optional[str]:
    """Refuse complex numbers of unlike shapes: 4.22.0 takes wrong ones of them (binaryKernelFunc)."""
    if str(node.get("T")).startswith("DT_COMPLEX") and (node.shape(0) != node.shape(1) or node.shape(0) is None):
        return "of complex numbers of unlike shapes"
    return None


def always(reason: str) -> Rule:
    """Return the rule for an operation that is never computed alike."""
    return lambda node: reason


TABLE = always("whose table a graph model does not hold")
RULES = {
    "BiasAdd": channels_first, "Conv2D": convolution, "Conv3D": convolution, "DepthwiseConv2dNative": channels_first,
    "Conv2DBackpropInput": channels_first, "MaxPool": pooling, "MaxPool3D": pooling, "MaxPoolWithArgmax": pooling,
    "AvgPool": pooling, "AvgPool3D": pooling, "DepthToSpace": channels_first, "FusedBatchNorm": batch_norm,
    "FusedBatchNormV2": batch_norm, "FusedBatchNormV3": batch_norm, "OneHot": one_hot, "Mean": of_whole_numbers,
    "Div": of_whole_numbers, "Mod": modulo, "Cast": cast, "Einsum": einsum, "BatchMatMul": batch_product,
    "BatchMatMulV2": batch_product, "Select": select, "MatrixBandPart": band,
    "TensorScatterUpdate": scattered, "StridedSlice": sliced, "Add": spread, "AddV2": spread,
    "Sub": spread, "Mul": spread,
    "FakeQuantWithMinMaxVars": always("that TensorFlow.js leaves out"),
    "ImageProjectiveTransformV3": always("of which TensorFlow.js has another"),
    "NonMaxSuppressionV4": padded_boxes, "NonMaxSuppressionV5": soft_boxes,
    "BitwiseAnd": always("of which TensorFlow.js loses an input"), "HashTable": TABLE, "HashTableV2": TABLE,
    "LookupTableFind": TABLE, "LookupTableFindV2": TABLE, "LookupTableSize": TABLE, "LookupTableSizeV2": TABLE}


def reasons(graph: Graph) -> Iterator[Tuple[Node, str]]:
    """Yield (an operation of a graph, or of its functions, that TensorFlow.js computes differently, the reason)."""
    inside = [(node, None) for function in graph.functions for node in function.nodes]
    for node, known in [(node, graph) for node in graph.nodes.values()] + inside:
        reason = RULES[node.op](View(node, known)) if node.op in RULES else None
        if reason:
            yield node, reason


def check(graph: Graph) -> None:
    """Raise a Fault for an operation of a graph, or of its functions, that TensorFlow.js computes differently."""
    for node, reason in reasons(graph):
        raise Fault(f"operation {node.name} is a {node.op} {reason}: TensorFlow.js computes it differently; ask for "
                    "outputs before it")
