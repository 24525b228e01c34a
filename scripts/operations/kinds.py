"""The layer class that an operation stands for: Keras's name for it, told by its inputs and shapes too."""
from typing import Callable, Dict, Optional, Sequence, Set

from .graph import Graph, Node, Spec
from .values import boxed, whole

Kind = Callable[[Graph, Node, Set[str]], Optional[str]]
LOOPS = ("Exit", "While", "StatelessWhile", "LoopCond", "TensorArrayReadV3", "TensorListGetItem")
ACTIVATIONS = {"Relu": "ReLU", "Relu6": "ReLU", "LeakyRelu": "LeakyReLU", "Prelu": "PReLU", "Elu": "ELU",
               "Softmax": "Softmax", "Sigmoid": "Activation", "Tanh": "Activation", "Selu": "Activation",
               "Softplus": "Activation", "Softsign": "Activation", "LogSoftmax": "Activation"}
# The order in which the operations of a scope tell its kind: Conv2D before BatchNormalization before ReLU
ORDER = """LSTM GRU RNN SeparableConv2D Conv2DTranspose Conv1D Conv2D Conv3D DepthwiseConv2D Dense Embedding
    BatchNormalization LayerNormalization MaxPooling1D MaxPooling2D MaxPooling3D AveragePooling1D AveragePooling2D
    AveragePooling3D GlobalMaxPooling1D GlobalMaxPooling2D GlobalAveragePooling1D GlobalAveragePooling2D UpSampling2D
    Concatenate Add Subtract Multiply Maximum Minimum Average ZeroPadding2D Cropping2D Dot Softmax ReLU LeakyReLU PReLU
    ELU Activation Flatten Reshape Permute LRN Lambda""".split()


def of(graph: Graph, node: Node, data: Set[str]) -> Optional[str]:
    """Return the class of an operation, None for one that is no layer by itself.

    data: names of the operations that compute the graph's outputs of its inputs' values.
    """
    found = TABLE.get(node.op)
    return found(graph, node, data) if callable(found) else found


def of_scope(graph: Graph, nodes: Sequence[Node], data: Set[str], name: str = "") -> Optional[str]:
    """Return the class of operations that stand together, that of the first in ORDER; name: the end of their path."""
    there = {kind for kind in (of(graph, node, data) for node in nodes) if kind}
    ops = {node.op for node in nodes}
    if "RNN" in there or "Dense" in there and {"Unpack", "Tanh"} <= ops:
        word = name.lower()
        return "LSTM" if "lstm" in word else "GRU" if "gru" in word else "RNN"
    if {"DepthwiseConv2D", "Conv2D"} <= there:
        return "SeparableConv2D"
    if "Conv2D" in there and "Squeeze" in ops and "ExpandDims" in ops:
        return "Conv1D"
    if {"Conv1D", "Conv2D"} & there and "SquaredDifference" in ops:
        return "Conv2D"
    if "SquaredDifference" in ops and "Rsqrt" in ops:
        return "LayerNormalization"
    if "Mul" in ops and ops <= {"Mul", "AddV2", "Add", "Sub", "Identity"} and has_constants(graph, nodes, data):
        return "BatchNormalization" if "Mul" in ops and len(ops & {"AddV2", "Add"}) else None
    if "ZeroPadding2D" in there and len(there) > 1:
        there.discard("ZeroPadding2D")
    return next((kind for kind in ORDER if kind in there), None)


def has_constants(graph: Graph, nodes: Sequence[Node], data: Set[str]) -> bool:
    """Return whether each operation reads something that is no data: what a batch normalization is folded to."""
    return all(any(one.node not in data and one.node not in graph.inputs for one in node.inputs)
               for node in nodes if node.op != "Identity")


def follows(graph: Graph, node: Node, data: Set[str]) -> bool:
    """Return whether an operation belongs to the one before it: a bias, a normalization, an activation."""
    read = [one for one in node.inputs if one.node in data]
    if len(read) != 1:
        return False
    return node.op in ACTIVATIONS or node.op.startswith(("FusedBatchNorm", "BiasAdd")) or (
        node.op in ("Add", "AddV2", "Mul", "Sub", "ClipByValue", "Identity", "Squeeze"))


def rank(graph: Graph, node: Node, place: int = 0) -> Optional[int]:
    """Return the number of dimensions of an input, None where it is not known."""
    spec: Optional[Spec] = graph.spec(node.inputs[place]) if place < len(node.inputs) else None
    return len(spec.shape) if spec is not None and spec.shape is not None else None


def dense(graph: Graph, node: Node, data: Set[str]) -> Optional[str]:
    """A product with a constant matrix is a Dense."""
    return "Dense" if len(node.inputs) > 1 and node.inputs[1].node not in data else "Dot"


def embedding(graph: Graph, node: Node, data: Set[str]) -> Optional[str]:
    """Rows of a constant table are an Embedding's."""
    held = node.inputs[0].node if node.inputs else ""
    return "Embedding" if held not in data and rank(graph, node) == 2 else None


def merging(kind: str) -> Kind:
    """Return the class of an operation on two tensors, none where one is a constant."""
    return lambda graph, node, data: kind if sum(one.node in data for one in node.inputs) > 1 else None


def joined(graph: Graph, node: Node, data: Set[str]) -> Optional[str]:
    """Concatenate, of several tensors that the graph computes."""
    return "Concatenate" if sum(one.node in data for one in node.inputs) > 1 else None


def reduced(kind: str) -> Kind:
    """Return the class of a mean or maximum over all pixels, or all steps."""
    def found(graph: Graph, node: Node, data: Set[str]) -> Optional[str]:
        sizes = rank(graph, node)
        axes = graph.constant(node.inputs[1]) if len(node.inputs) > 1 else None
        axes = None if axes is None or sizes is None else sorted(axis % sizes for axis in whole(boxed(axes)))
        return {(4, (1, 2)): f"Global{kind}Pooling2D", (3, (1,)): f"Global{kind}Pooling1D"}.get(
            (sizes, tuple(axes or ())))
    return found


def pooling(kind: str) -> Kind:
    """Return the class of a pooling."""
    return lambda graph, node, data: f"{kind}Pooling{3 if node.op.endswith('3D') else 2}D"


def reshaped(graph: Graph, node: Node, data: Set[str]) -> Optional[str]:
    """A Flatten where all becomes one axis behind the batch, else a Reshape."""
    spec = node.outputs[0] if node.outputs else None
    return "Flatten" if spec is not None and spec.shape is not None and len(spec.shape) == 2 else "Reshape"


TABLE: Dict[str, object] = {
    "Conv2D": "Conv2D", "_FusedConv2D": "Conv2D", "Conv1D": "Conv1D", "Conv3D": "Conv3D",
    "Conv2DBackpropInput": "Conv2DTranspose", "DepthwiseConv2dNative": "DepthwiseConv2D",
    "FusedDepthwiseConv2dNative": "DepthwiseConv2D", "MatMul": dense, "_FusedMatMul": dense, "BatchMatMul": dense,
    "BatchMatMulV2": dense, "Einsum": dense, "GatherV2": embedding, "Gather": embedding,
    "ResourceGather": embedding, "MaxPool": pooling("Max"), "MaxPool3D": pooling("Max"),
    "AvgPool": pooling("Average"), "AvgPool3D": pooling("Average"), "MaxPoolWithArgmax": pooling("Max"),
    "Mean": reduced("Average"), "Max": reduced("Max"), "FusedBatchNorm": "BatchNormalization",
    "FusedBatchNormV2": "BatchNormalization", "FusedBatchNormV3": "BatchNormalization",
    "ResizeBilinear": "UpSampling2D", "ResizeNearestNeighbor": "UpSampling2D", "ConcatV2": joined, "Concat": joined,
    "Add": merging("Add"), "AddV2": merging("Add"), "AddN": merging("Add"), "Sub": merging("Subtract"),
    "Mul": merging("Multiply"), "Maximum": merging("Maximum"), "Minimum": merging("Minimum"),
    "Pad": "ZeroPadding2D", "PadV2": "ZeroPadding2D", "MirrorPad": "ZeroPadding2D", "Reshape": reshaped,
    "Transpose": "Permute", "DepthToSpace": "Lambda", "SpaceToDepth": "Lambda", "LRN": "LRN"}
TABLE.update(ACTIVATIONS)
TABLE.update((op, "RNN") for op in LOOPS)
