"""A graph of TensorFlow's operations -> one that TensorFlow.js computes alike.

Each function changes an operations.Graph in place; `compose` comes before the checks, PASSES come after them.
"""
from collections import OrderedDict
from typing import Any, Callable, Dict, List, Optional, Tuple

import numpy

from ..base.fault import Fault
from ..operations import fused, loops
from ..operations.graph import NUMPY, Attribute, Function, Graph, Node, Spec, Tensor, constant
from . import composing


def compose(graph: Graph) -> None:
    """Compose what TensorFlow.js lacks, or computes differently, of what it has: rewritten.RULES, COMPOSED."""
    from . import rewritten  # the builder, which a TensorFlow.js model does without
    rewritten.rewrite(graph)
    for node in list(graph.nodes.values()):
        if node.op in COMPOSED and node.value("T") in NUMPY:
            COMPOSED[node.op](graph, node)


def compose_at_once(graph: Graph) -> None:
    """Compose what TensorFlow.js computes by executeAsync alone of what it computes at once, where it can be."""
    if any(node.op in loops.COMPOSED for node in graph.nodes.values()):
        from . import rewritten
        rewritten.fold(graph)
        rewritten.at_once(graph)


def renamed(op: str) -> Callable[[Graph, Node], None]:
    """Return the composition of an operation that TensorFlow.js has under another name."""
    def change(graph: Graph, node: Node) -> None:
        node.op = op
    return change


def erfc(graph: Graph, node: Node) -> None:
    """1 - erf(x): TensorFlow makes its exact gelu of erfc."""
    kind = node.attributes["T"]
    one = constant(node.name + "/one", numpy.ones((), NUMPY[kind.value]))
    erf = Node(node.name + "/erf", "Erf", node.inputs, attributes={"T": kind}, outputs=node.outputs)
    become(node, "Sub", [graph.add(one), graph.add(erf)], node.attributes)


def softsign(graph: Graph, node: Node) -> None:
    """x / (1 + |x|)."""
    kind, x = node.attributes["T"], node.inputs[0]
    one = graph.add(constant(node.name + "/one", numpy.ones((), NUMPY[kind.value])))
    size = graph.add(Node(node.name + "/abs", "Abs", [x], attributes={"T": kind}, outputs=node.outputs))
    below = graph.add(Node(node.name + "/add", "Add", [Tensor(one.name), Tensor(size.name)], attributes={"T": kind},
                           outputs=node.outputs))
    become(node, "RealDiv", [x, below], {"T": kind})


def bucketize(graph: Graph, node: Node) -> None:
    """The number of boundaries that a value is not below: a sum of comparisons (core/kernels/bucketize_op.cc)."""
    boundaries = numpy.array(node.value("boundaries", ()), numpy.float32)
    known = graph.spec(node.inputs[0])
    shape = None if known is None or known.shape is None else known.shape
    wide = None if shape is None else shape + (len(boundaries),)

    def step(name: str, op: str, inputs: List[Any], dtype: str, sizes: Any, **attributes: Attribute) -> Node:
        return graph.add(Node(f"{node.name}/{name}", op, tensors(inputs), attributes=attributes,
                              outputs=[Spec(dtype, sizes)]))

    real, whole = Attribute("type", "DT_FLOAT"), Attribute("type", "DT_INT32")
    limits = graph.add(constant(node.name + "/boundaries", boundaries))
    last = graph.add(constant(node.name + "/axis", -1, "DT_INT32"))
    value = step("value", "Cast", node.inputs, "DT_FLOAT", shape, SrcT=node.attributes["T"], DstT=real)
    each = step("each", "ExpandDims", [value, last], "DT_FLOAT", None if shape is None else shape + (1,), T=real,
                Tdim=whole)
    below = step("below", "Less", [each, limits], "DT_BOOL", wide, T=real)
    behind = step("behind", "LogicalNot", [below], "DT_BOOL", wide)
    count = step("count", "Cast", [behind], "DT_INT32", wide, SrcT=Attribute("type", "DT_BOOL"), DstT=whole)
    become(node, "Sum", [count, last], {"T": whole, "Tidx": whole, "keep_dims": Attribute("b", False)})


def grouped_convolution(graph: Graph, node: Node) -> None:
    """A Conv2D in groups, whose kernel is (h, w, channels / groups, filters): each group has filters of its own.

    With one channel in a group it is a depthwise convolution, else a convolution of each group.  A Conv2D in one group
    stays as it is, and so does one with the channels first.
    """
    known, kernel = [graph.spec(tensor) and graph.spec(tensor).shape for tensor in node.inputs]
    if not known or not kernel or None in (known[-1], kernel[2], kernel[3]) or node.text("data_format") == "NCHW":
        return
    groups = known[-1] // kernel[2]
    if groups > 1 and kernel[2] == 1:
        sizes = kernel[:2] + (groups, kernel[3] // groups)
        shape = graph.add(constant(node.name + "/shape", sizes, "DT_INT32"))
        filters = graph.add(Node(node.name + "/filters", "Reshape", [node.inputs[1], Tensor(shape.name)], attributes={
            "T": node.attributes["T"], "Tshape": Attribute("type", "DT_INT32")},
            outputs=[Spec(node.value("T"), sizes)]))
        kept = {key: node.attributes[key] for key in ("T", "strides", "padding", "explicit_paddings", "data_format",
                                                      "dilations") if key in node.attributes}
        become(node, "DepthwiseConv2dNative", [node.inputs[0], filters], kept)
    elif groups > 1:
        axis = graph.add(constant(node.name + "/axis", 3, "DT_INT32"))
        parts = [split(graph, node, name, axis, tensor, groups) for name, tensor in zip(("parts", "kernels"),
                                                                                        node.inputs)]
        specs = node.outputs and [spec._replace(shape=spec.shape and spec.shape[:3] + (kernel[3] // groups,))
                                  for spec in node.outputs]
        each = [graph.add(Node(f"{node.name}/{place}", "Conv2D", [Tensor(part.name, place) for part in parts],
                               attributes=node.attributes, outputs=specs)) for place in range(groups)]
        become(node, "ConcatV2", each + [axis], {"T": node.attributes["T"], "N": Attribute("i", groups),
                                                 "Tidx": Attribute("type", "DT_INT32")})


def split(graph: Graph, node: Node, name: str, axis: Node, tensor: Tensor, count: int) -> Node:
    """Add the Split of a tensor of 4 dimensions into `count` parts along the last."""
    known = graph.spec(tensor)
    part = known._replace(shape=known.shape[:3] + (known.shape[3] // count,))
    return graph.add(Node(f"{node.name}/{name}", "Split", [Tensor(axis.name), tensor], attributes={
        "T": node.attributes["T"], "num_split": Attribute("i", count)}, outputs=[part] * count))


COMPOSED = {"Conv2D": grouped_convolution, "Erfc": erfc, "Softsign": softsign, "Bucketize": bucketize,
            "Rint": renamed("Round"), "Inv": renamed("Reciprocal"), "CheckNumerics": renamed("Identity"),
            "PreventGradient": renamed("Identity"), "EnsureShape": renamed("Identity"), "BiasAddV1": renamed("BiasAdd"),
            "BatchMatMulV3": renamed("BatchMatMulV2")}
COMPOSED.update(composing.MADE)


def become(node: Node, op: str, inputs: List[Any], attributes: Dict[str, Attribute]) -> None:
    """Make a node another operation under its name."""
    node.op, node.inputs, node.attributes = op, tensors(inputs), OrderedDict(attributes)


def tensors(inputs: List[Any]) -> List[Tensor]:
    """Return Tensors as they are, and the first output of each Node."""
    return [Tensor(one.name) if isinstance(one, Node) else one for one in inputs]


# What TensorFlow.js 4.22.0 computes within another operation (tfjs-converter executors, backend_cpu applyActivation)
FUSED = ("BiasAdd", "Relu", "Relu6", "Elu", "Prelu", "LeakyRelu", "Sigmoid", "FusedBatchNorm")


def open_fused(graph: Graph) -> None:
    """Open operations that have one inside that TensorFlow.js computes by itself alone, a Tanh: it would refuse them.
    """
    for node in list(graph.nodes.values()):
        inside = [one.decode("utf-8", "replace") for one in node.value("fused_ops") or []]
        if node.op in fused.OPENED and not set(inside) <= set(FUSED):
            fused.unfused(graph, node)


def part_groups(graph: Graph) -> None:
    """Part convolutions in groups, which the official converter writes and TensorFlow.js does not compute."""
    for node in [node for node in graph.nodes.values() if in_groups(graph, node)]:
        if node.op == "_FusedConv2D":
            first = fused.unfused(graph, node)[0]
            node = graph.nodes[first]
        grouped_convolution(graph, node)


def in_groups(graph: Graph, node: Node) -> bool:
    """Return whether an operation is a convolution whose channels and filters fall into groups."""
    if node.op not in ("Conv2D", "_FusedConv2D") or node.value("T") not in NUMPY or len(node.inputs) < 2:
        return False
    image, kernel = [graph.spec(tensor) and graph.spec(tensor).shape for tensor in node.inputs[:2]]
    if not image or not kernel or len(image) != 4 or len(kernel) != 4 or not all((image[-1],) + kernel[2:]):
        return False
    return image[-1] > kernel[2] and image[-1] % kernel[2] == 0 and kernel[3] % (image[-1] // kernel[2]) == 0


def gate_constants(graph: Graph) -> None:
    """Give constants that wait for one branch of a condition a Switch of their own.

    They depend on the branch by control inputs, which TensorFlow.js does not heed.
    """
    switched = {}
    for node in list(graph.nodes.values()):
        if node.op == "Const":
            pivots = [pivot for pivot in (branch(graph, name) for name in node.controls) if pivot]
            if pivots:
                switched[node.name] = gate(graph, node, *pivots[0])
    gates = {tensor.node for tensor in switched.values()}
    for node in graph.nodes.values():
        if node.name not in gates:
            node.inputs = [switched.get(tensor.node, tensor) if not tensor.index else tensor for tensor in node.inputs]


def branch(graph: Graph, name: str) -> Optional[Tuple[Tensor, int]]:
    """Return (condition, number of the branch) if the operation `name` runs in one branch of a condition alone."""
    while name in graph.nodes and graph.nodes[name].op == "Identity":
        name, index = graph.nodes[name].inputs[0][:2]
        switch = graph.nodes.get(name)
        if switch is not None and switch.op == "Switch":
            condition = switch.inputs[1]
            inside = graph.nodes.get(condition.node)
            return None if inside is None or inside.op == "LoopCond" else (condition, index)
    return None


def gate(graph: Graph, node: Node, condition: Tensor, number: int) -> Tensor:
    """Add a Switch for a constant; return its output that stands for the constant."""
    added = graph.add(Node(node.name + "/switch", "Switch", [Tensor(node.name), condition],
                           attributes={"T": node.attributes["dtype"]},
                           outputs=None if node.outputs is None else node.outputs * 2))
    return Tensor(added.name, number)


def count_from_the_front(graph: Graph) -> None:
    """Count the axis of cumulative sums and products from the front."""
    for node in list(graph.nodes.values()):
        if node.op in ("Cumsum", "Cumprod"):
            axis, known = graph.constant(node.inputs[1]), graph.spec(node.inputs[0])
            if axis is not None and int(axis) >= 0:
                continue
            if known is None or known.shape is None:
                raise Fault(f"operation {node.name} is a {node.op} of a tensor of unknown rank, along an axis that is "
                            "computed or counted from the back: TensorFlow.js computes it differently; ask for "
                            "outputs before it")
            kind = (graph.spec(node.inputs[1]) or Spec("DT_INT32")).dtype
            if axis is None:
                rank = graph.add(constant(node.name + "/rank", len(known.shape), kind))
                added = graph.add(Node(node.name + "/axis", "FloorMod", [node.inputs[1], Tensor(rank.name)],
                                       attributes={"T": Attribute("type", kind)}, outputs=[Spec(kind, ())]))
            else:
                added = graph.add(constant(node.name + "/axis", int(axis) + len(known.shape), kind))
            node.inputs[1] = Tensor(added.name)


BOUNDS = {1: "begin", 2: "end"}  # inputs of a StridedSlice


def narrow_bounds(graph: Graph) -> None:
    """Give slices bounds that fit 32 bits: TensorFlow spells "up to the end" as the largest int64."""
    limits, changed = numpy.iinfo(numpy.int32), False
    for node in list(graph.nodes.values()):
        for place in (1, 2) if node.op == "StridedSlice" else ():
            bound = graph.constant(node.inputs[place])
            if bound is not None and bound.size and (bound.min() < limits.min or bound.max() > limits.max):
                added = graph.add(constant(f"{node.name}/{BOUNDS[place]}", bound.clip(limits.min, limits.max)))
                node.inputs[place], changed = Tensor(added.name), True
    if changed:
        leave_out_unread(graph)


def leave_out_unread(graph: Graph) -> None:
    """Leave out constants that nothing reads any more: TensorFlow.js would count them among the outputs."""
    read = {tensor.node for node in graph.nodes.values() for tensor in node.inputs} | set(graph.outputs)
    read.update(name for node in graph.nodes.values() for name in node.controls)
    for name in [name for name, node in graph.nodes.items() if node.op == "Const" and name not in read]:
        del graph.nodes[name]


def leave_out_bundles(graph: Graph) -> None:
    """Leave out NoOps, which bundle control inputs: TensorFlow.js computes them outside of the loop that they are in,
    and then waits in it for ever."""
    bundles = {name for name, node in graph.nodes.items() if node.op == "NoOp"}
    for node in graph.nodes.values():
        node.controls = [name for name in node.controls if name not in bundles]
    for name in bundles:
        del graph.nodes[name]


def name_apart(graph: Graph) -> None:
    """Give constants in functions names that no other constant has: TensorFlow.js finds weights by name alone."""
    taken = {node.name for node in graph.nodes.values() if node.op == "Const"}
    for function in graph.functions:
        own = {node.name for node in function.nodes}
        for node in [node for node in function.nodes if node.op == "Const"]:
            before = node.name
            if before in taken:
                node.name = f"{function.name}/{before}"
                while node.name in taken or node.name in own:
                    node.name += "_"
                rename(function, before, node.name)
            taken.add(node.name)


def rename(function: Function, before: str, after: str) -> None:
    """Let what reads a node of a function by its old name read it by its new one."""
    for node in function.nodes:
        node.inputs = [one._replace(node=after) if one.node == before and one.port else one for one in node.inputs]
        node.controls = [after if name == before else name for name in node.controls]
    for key, tensor in function.results.items():
        name, colon, place = tensor.partition(":")
        if name == before and colon:
            function.results[key] = after + colon + place


def leave_out_empty_axes(graph: Graph) -> None:
    """Leave out an empty list of axes, which stands for all of size 1: TensorFlow.js 4.22.0 fails on it."""
    for node in graph.every_node():
        if node.op == "Squeeze" and not node.value("squeeze_dims"):
            node.attributes = OrderedDict((key, one) for key, one in node.attributes.items() if key != "squeeze_dims")


def order_inputs(graph: Graph) -> None:
    """Put the inputs in the order of the signature: TensorFlow.js 1.0.0 takes that of the nodes."""
    there = [name for name in graph.nodes if name in graph.inputs]
    if there != graph.inputs and set(there) == set(graph.inputs):
        wanted = dict(zip(there, graph.inputs))
        graph.nodes = OrderedDict((wanted.get(name, name), graph.nodes[wanted.get(name, name)])
                                  for name in list(graph.nodes))


PASSES = (order_inputs, gate_constants, count_from_the_front, narrow_bounds, leave_out_empty_axes, leave_out_bundles,
          name_apart)
