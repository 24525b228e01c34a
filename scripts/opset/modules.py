"""The layers of an ONNX model: nodes under the names of the modules that they were exported from.

PyTorch's exporters keep the path of the module around each node: "/layer1/layer1.0/conv1/Conv", or a property of the
node.  A module with no module in it is a layer.  A node directly in a larger module is a layer by itself.
"""
import re
from collections import Counter, OrderedDict
from typing import Dict, List, NamedTuple, Optional, Sequence, Set, Tuple

from ..formats.onnx_graph import SCOPES, Node
from .layout import Held
from .rules import computed_as

# The operations that tell the kind of a layer: of several the one that stands first
KINDS = OrderedDict([
    ("LSTM", "LSTM"), ("GRU", "GRU"), ("RNN", "SimpleRNN"), ("ConvTranspose", "Conv{}DTranspose"),
    ("Conv", "Conv{}D"), ("QLinearConv", "Conv{}D"), ("ConvInteger", "Conv{}D"), ("Attention", "MultiHeadAttention"),
    ("Gemm", "Dense"), ("MatMul", "Dense"), ("QLinearMatMul", "Dense"), ("MatMulInteger", "Dense"),
    ("LinearClassifier", "Dense"), ("LinearRegressor", "Dense"), ("Scaler", "Rescaling"),
    ("Gather", "Embedding"), ("BatchNormalization", "BatchNormalization"),
    ("LayerNormalization", "LayerNormalization"), ("InstanceNormalization", "GroupNormalization"),
    ("GroupNormalization", "GroupNormalization"), ("RMSNormalization", "RMSNormalization"), ("LRN", "LRN"),
    ("MaxPool", "MaxPooling{}D"), ("AveragePool", "AveragePooling{}D"), ("LpPool", "AveragePooling{}D"),
    ("GlobalMaxPool", "GlobalMaxPooling{}D"), ("GlobalAveragePool", "GlobalAveragePooling{}D"),
    ("Resize", "UpSampling{}D"), ("Upsample", "UpSampling{}D"), ("Sigmoid", "Activation"), ("Tanh", "Activation"),
    ("HardSigmoid", "Activation"), ("Erf", "Activation"), ("Softplus", "Activation"), ("Concat", "Concatenate"),
    ("Add", "Add"), ("Sum", "Add"), ("Sub", "Subtract"), ("Mul", "Multiply"), ("Max", "Maximum"), ("Min", "Minimum"),
    ("Mean", "Average"), ("Pad", "ZeroPadding{}D"), ("Softmax", "Softmax"), ("PRelu", "PReLU"),
    ("LeakyRelu", "LeakyReLU"), ("Relu", "ReLU"), ("Clip", "ReLU"), ("Elu", "ELU"), ("LogSoftmax", "Activation"),
    ("HardSwish", "Activation"), ("Gelu", "Activation"), ("Selu", "Activation"), ("Celu", "Activation"),
    ("Mish", "Activation"), ("Swish", "Activation"), ("Flatten", "Flatten"), ("Reshape", "Reshape"),
    ("Transpose", "Permute"), ("DepthToSpace", "Lambda"), ("SpaceToDepth", "Lambda")])
PAIRS = ("Add", "Sum", "Sub", "Mul", "Max", "Min", "Mean", "Concat")  # layers where several tensors are computed
PRODUCTS = ("MatMul", "Conv", "ConvTranspose", "Gemm")
WEIGHTED = ("Gemm", "MatMul")  # a Dense where the second tensor is a constant
QUOTED = re.compile(r"'([^']*)'")  # a name in a property of PyTorch's: a list as Python writes it
DEEPEST = 20  # modules in modules
DIMENSIONS = (2, 3, 4)  # with the batch, of what TensorSpace draws


class Layer(NamedTuple):
    """A layer of an ONNX model.

    name        as --layers takes it: "layer1.0.conv1"
    kind        a class of Keras's
    tensor      name of its result in the model
    nodes       [Node], in their order
    parameters  how many numbers its constants hold
    inputs      names of the layers and inputs that it reads
    """

    name: str
    kind: str
    tensor: str
    nodes: List[Node]
    parameters: int
    inputs: List[str]


def module(node: Node) -> Tuple[str, ...]:
    """The names of the modules around a node, the outermost first, each with its whole path: ("layer1", "layer1.0")."""
    told = node.properties.get(SCOPES)
    if told:
        return tuple(name for name in QUOTED.findall(told)[:-1] if name)
    parts = [part for part in node.name.split("/")[:-1] if part][:DEEPEST]
    if not node.name.startswith("/"):  # a scope of TensorFlow's
        return tuple("/".join(parts[:count]) for count in range(1, len(parts) + 1))
    whole: List[str] = []
    for part in parts:
        whole.append(joined(whole[-1] if whole else "", part))
    return tuple(whole)


def joined(before: str, part: str) -> str:
    """The path of a module in another: the part may begin with that one's own name."""
    names = before.split(".") if before else []
    for count in range(len(names), 0, -1):
        tail = ".".join(names[-count:])
        if part.startswith(tail + "."):
            return before + part[len(tail):]
    return ".".join([before, part] if before else [part])


def own_name(node: Node) -> str:
    """The end of a node's name, of one without a name that of its first output."""
    named = node.name.rpartition("/")[2]
    return named or next((name for name in node.outputs if name), node.op)


def grouped(nodes: Sequence[Node], fixed: Set[str]) -> "Dict[str, List[Node]]":
    """Return {name of a layer: its nodes}, in the order of their first nodes.  fixed: names of the file's tensors.

    Nodes of a module in which there are others are layers by themselves, and are called after the module, too.  What
    adds a constant to a product that nothing else reads is its bias.
    """
    readers = Counter(name for node in nodes for name in node.inputs)
    products: Dict[str, List[Node]] = {}  # {output of a product that stands alone: its layer}
    paths = [module(node) for node in nodes]
    around: Set[str] = {outer for path in paths for outer in path[:-1]}
    found: Dict[str, List[Node]] = OrderedDict()
    for node, path in zip(nodes, paths):
        if path and path[-1] not in around:
            found.setdefault(path[-1], []).append(node)
            continue
        product = next((name for name in node.inputs if name in products and readers[name] == 1), None)
        if node.op == "Add" and product and not fixed.isdisjoint(node.inputs):
            products[product].append(node)
            continue
        part = "." if node.name.startswith("/") or SCOPES in node.properties else "/"
        name = path[-1] + part + own_name(node) if path else own_name(node)
        free, count = name, 1
        while free in found:
            free, count = f"{name}_{count}", count + 1
        found[free] = [node]
        if node.op in PRODUCTS:
            products[node.outputs[0]] = found[free]
    return found


def layers(nodes: Sequence[Node], values: Dict[str, Held], inputs: Sequence[str], ends: Set[str],
           fixed: Set[str]) -> List[Layer]:
    """Return the layers of a model in the order of their results.

    nodes: in the order in which they are computed.  values: of all tensors.  inputs: names of the model's own.
    ends: names of tensors that others read than these nodes.  fixed: names of the file's tensors.
    """
    places = {name: place for place, node in enumerate(nodes) for name in node.outputs
              if name in values}
    computed = {name for name in places if values[name].weight is None and values[name].sizes is None}
    groups = grouped([node for node in nodes if any(name in computed for name in node.outputs)], fixed)
    owner = {name: key for key, own in groups.items() for node in own for name in node.outputs if name}
    readers: Dict[str, Set[str]] = {}
    for key, own in groups.items():
        for node in own:
            for name in node.inputs:
                readers.setdefault(name, set()).add(key)
    shown: Dict[str, Tuple[str, str]] = OrderedDict()
    for key, own in groups.items():
        kind = kind_of(own, values, computed)
        leaving = [name for node in own for name in node.outputs if name in computed and (
            name in ends or readers.get(name, set()) - {key})]
        if kind and leaving:
            shown[key] = kind, leaving[-1]
    ordered = sorted(shown, key=lambda key: places[shown[key][1]])
    return [Layer(key, shown[key][0], shown[key][1], groups[key], parameters(groups[key], values),
                  sources(groups[key], owner, groups, shown, inputs)) for key in ordered]


def kind_of(nodes: Sequence[Node], values: Dict[str, Held], computed: Set[str]) -> Optional[str]:
    """The class of a layer of these nodes, None where it is none."""
    there: Dict[str, Node] = {}
    for node in nodes:
        several = sum(name in computed or name in values and values[name].weight is None for name in node.inputs) > 1
        if node.op in PAIRS and not several or node.op == "Gather" and (
                node.inputs[0] in computed or values[node.inputs[0]].rank != 2):
            continue
        there.setdefault(node.op, node)
    op = next((op for op in KINDS if op in there), None)
    if op is None:
        return None
    products = [node for node in nodes if node.op == "MatMul" and all(name in computed for name in node.inputs)]
    if "Softmax" in there and len(products) > 1:
        return "MultiHeadAttention"
    node = there[op]
    if op in WEIGHTED and values[node.inputs[1]].weight is None:
        return "Dot"
    if op == "Conv" and node.attributes.get("group", 1) > 1 and values[node.inputs[1]].shape[1] == 1:
        return f"DepthwiseConv{max(1, values[node.inputs[0]].rank - 2)}D"
    rank = values[node.inputs[0]].rank if node.inputs and node.inputs[0] in values else 4
    return KINDS[op].format(max(1, rank - 2))


def parameters(nodes: Sequence[Node], values: Dict[str, Held]) -> int:
    """The count of numbers in the constants of nodes; one of whole numbers tells how to compute."""
    names = OrderedDict.fromkeys(name for node in nodes for name in node.inputs if name in values)
    return sum(values[name].weight.size for name in names if values[name].weight is not None
               and computed_as(values[name].dtype) == "float32")


def sources(nodes: Sequence[Node], owner: Dict[str, str], groups: Dict[str, List[Node]],
            shown: "Dict[str, Tuple[str, str]]", inputs: Sequence[str]) -> List[str]:
    """The names of the layers and inputs that nodes read, past those that are not shown."""
    own = {name for node in nodes for name in node.outputs}
    found: Dict[str, bool] = OrderedDict()
    seen: Set[str] = set()
    waiting = [name for node in nodes for name in node.inputs]
    while waiting:
        name = waiting.pop(0)
        if name in seen or name in own:
            continue
        seen.add(name)
        if name in inputs:
            found[name] = True
        elif owner.get(name) in shown:
            found[owner[name]] = True
        elif name in owner:
            waiting += [one for node in groups[owner[name]] for one in node.inputs]
    return list(found)


def is_drawn(held: Held) -> bool:
    """Whether TensorSpace can draw a tensor: real numbers, of one to three dimensions behind the batch."""
    return computed_as(held.dtype) == "float32" and held.rank in DIMENSIONS and held.shape[0] in (None, 1)
