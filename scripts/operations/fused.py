"""Fused operations, such as a Conv2D with its bias and its activation: their parts, and how to open them.

Grappler's remapper fuses, and TensorFlow.js's converter too (fuse_depthwise_conv2d.py, fuse_prelu.py).  The fused
operation has the name of its last part; the names of the other parts follow from the names of their constants.
"""
from collections import OrderedDict
from typing import Dict, List

from . import shapes
from .graph import Attribute, Graph, Node, Tensor
from .outputs import Choice

OPENED = {"_FusedConv2D": "Conv2D", "_FusedMatMul": "MatMul",
          "FusedDepthwiseConv2dNative": "DepthwiseConv2dNative"}
KEPT = ("T", "strides", "padding", "data_format", "dilations", "explicit_paddings", "use_cudnn_on_gpu", "transpose_a",
        "transpose_b")
OF_CONSTANTS = ("/ReadVariableOp", "/read", "_weights", "_bn_offset", "/bias_add")
ARGUMENTS = {"BiasAdd": 1, "Prelu": 1, "FusedBatchNorm": 4}  # what the operation inside reads beside the value


class Opened:
    """A graph whose fused operations are open, beside the graph itself: what is inside has names there."""

    def __init__(self, choice: Choice) -> None:
        self.choice, graph = choice, copied(choice.graph)
        self.inside = {inner: node.name for node in list(graph.nodes.values()) if node.op in OPENED
                       for inner in unfused(graph, node)}
        if self.inside:
            shapes.infer(graph)
            self.whole = Choice(graph, choice.known, choice.source)

    def tensor(self, name: str) -> Tensor:
        """Return the tensor of a name as Choice.tensor does; a fused operation that has it inside is opened.

        Raises Fault as Choice.tensor does.
        """
        found = self.choice.exact(name)
        if found is None and self.inside:
            found = self.whole.exact(name) or self.whole.near(name)
            if found is not None and found.node in self.inside:
                self.open(self.inside[found.node])
            elif found is not None and found.node not in self.choice.graph.nodes:
                found = None
        return found or self.choice.tensor(name)

    def open(self, name: str) -> None:
        """Open an operation of the graph, once."""
        node = self.choice.graph.nodes[name]
        if node.op in OPENED:
            unfused(self.choice.graph, node)
            shapes.infer(self.choice.graph)


def copied(graph: Graph) -> Graph:
    """Return a graph whose nodes can be changed without changing those of `graph`."""
    nodes = [Node(node.name, node.op, node.inputs, node.controls, node.attributes, node.outputs, node.device,
                  node.rest) for node in graph.nodes.values()]
    return Graph(nodes, graph.inputs, graph.outputs, graph.functions, graph.producer, graph.consumer, graph.made_by)


def unfused(graph: Graph, node: Node) -> List[str]:
    """Put the operations that a fused one stands for in its place, in `graph`; return the names of the new ones.

    The last has the name of the fused one.
    """
    steps = [one.decode("utf-8", "replace") for one in node.value("fused_ops") or []]
    first, waiting = OPENED[node.op], node.inputs[2:]
    kept = OrderedDict((key, node.attributes[key]) for key in KEPT if key in node.attributes)
    made = [Node(node.name, first, node.inputs[:2], node.controls, kept, node.outputs, node.device)]
    for step in steps:
        count = ARGUMENTS.get(step, 0)
        arguments, waiting = waiting[:count], waiting[count:]
        made.append(Node(node.name, *of_step(node, step, arguments), outputs=node.outputs))
    taken = set(graph.nodes)
    for place, one in enumerate(made[:-1]):
        one.name = name_inside(node.name, one, taken)
        taken.add(one.name)
        made[place + 1].inputs[0] = Tensor(one.name)
    nodes = OrderedDict()
    for name, before in graph.nodes.items():
        for one in made if name == node.name else [before]:
            nodes[one.name] = one
    graph.nodes = nodes
    return [one.name for one in made[:-1]]


def of_step(node: Node, step: str, arguments: List[Tensor]) -> tuple:
    """Return (operation, inputs, controls, attributes) of one step of a fused operation; its value comes first."""
    attributes: Dict[str, Attribute] = OrderedDict()
    if "T" in node.attributes:
        attributes["T"] = node.attributes["T"]
    if step == "BiasAdd" and "data_format" in node.attributes:
        attributes["data_format"] = node.attributes["data_format"]
    if step == "LeakyRelu" and "leakyrelu_alpha" in node.attributes:
        attributes["alpha"] = node.attributes["leakyrelu_alpha"]
    if step == "FusedBatchNorm":
        attributes["epsilon"] = node.attributes.get("epsilon", Attribute("f", 1e-4))
        attributes["is_training"] = Attribute("b", False)
    return step, [Tensor(node.name)] + list(arguments), [], attributes


def name_inside(name: str, one: Node, taken: set) -> str:
    """Return a free name for an operation in the fused one `name`, in the scope that its constant tells."""
    held = one.inputs[1].node if len(one.inputs) > 1 else ""
    end = next((end for end in OF_CONSTANTS if held.endswith(end)), None)
    scope = held[:-len(end)].rpartition("/")[0] if end else name
    found = (scope + "/" if scope else "") + (held[:-len(end)].rpartition("/")[2] if end == "/ReadVariableOp"
                                              else one.op)
    while found in taken:
        found += "_"
    return found
