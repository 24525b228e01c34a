"""TensorFlow's operations in a graph: which TensorFlow.js has, which it computes otherwise, and what is changed for it.

tfjs-converter's executor (4.22.0: src/operations/executors) takes an operation by its name and ignores some of its
attributes; these rules say where that changes what is computed.
"""
import glob
import importlib.util
import json
import os
import re
from collections import OrderedDict

from ..base.fault import Fault
from ..layers.kinds.sizes import overhangs

TYPES = {"int8": 6, "uint8": 4, "int16": 5, "uint16": 17, "int32": 3, "int64": 9, "uint32": 22, "uint64": 23,
         "bool": 10}  # core/framework/types.proto
WHOLE = frozenset(TYPES[name] for name in TYPES if name != "bool")
NARROW = {TYPES["int8"]: 1, TYPES["uint8"]: 1, TYPES["int16"]: 2, TYPES["uint16"]: 2}  # bytes


class View:
    """A node as the rules see it: `attr` by name, `shape(i)` and `value(i)` of an input, None where not known."""

    def __init__(self, node, shapes, constants):
        copy = type(node)()  # a look at an attribute that is not there makes it
        copy.CopyFrom(node)
        self.op, self.name, self.attr, self.input = copy.op, copy.name, copy.attr, copy.input
        self.shapes, self.constants = shapes, constants

    def shape(self, index):
        return self.shapes[index] if self.shapes and index < len(self.shapes) else None

    def rank(self, index):
        return None if self.shape(index) is None else len(self.shape(index))

    def value(self, index):
        """The constant that an input is: an ndarray."""
        return self.constants.get(self.input[index]) if index < len(self.input) else None

    def text(self, key):
        return self.attr[key].s.decode("utf-8", "replace")


# Rules: a View -> why TensorFlow.js does not compute it as TensorFlow does, or None ----------------------------

def channels_first(node):
    if node.text("data_format") in ("NCHW", "NCDHW") and not (node.op == "BiasAdd" and node.rank(0) == 2):
        return "with the channels first (data_format={})".format(node.text("data_format"))


def padded(node):
    """In three dimensions the padding is negative where windows are smaller than strides: see shapes.overhangs."""
    if node.text("padding") == "SAME" and node.shape(0) is not None:
        windows = node.shape(1)[:3] if node.op == "Conv3D" else node.attr["ksize"].list.i[1:4]
        if any(map(overhangs, node.shape(0)[1:4], windows, node.attr["strides"].list.i[1:4])):
            return "whose strides leave out the end of its input"
    return None


def convolution(node):
    channels, depth = (node.shape(0) or [None])[-1], (node.shape(1) or [None, None])[-2]
    if channels is not None and depth is not None and channels != depth:
        return "in groups (%d channels, a kernel for %d)" % (channels, depth)
    return channels_first(node) or (padded(node) if node.op == "Conv3D" else None)


def batch_norm(node):
    return "in training (is_training)" if node.attr["is_training"].b else channels_first(node)


def pooling(node):
    if node.text("padding") == "EXPLICIT":
        return "with padding of its own (EXPLICIT)"
    return channels_first(node) or (padded(node) if node.op.endswith("3D") else None)


def one_hot(node):
    if node.attr["axis"].i not in (-1, node.rank(0)):
        return "along axis %d" % node.attr["axis"].i


def of_whole_numbers(node):
    return "of whole numbers" if node.attr["T"].type in WHOLE else None


def modulo(node):
    return "with the sign of the first number (FloorMod, tf.math.floormod, is there)"


def cast(node):
    source, target = node.attr["SrcT"].type, node.attr["DstT"].type
    if target in NARROW and source != TYPES["bool"] and NARROW.get(source, 9) >= NARROW[target] and source != target:
        return "to a narrow type, whose overflow it does not have"


def einsum(node):
    equation = node.text("equation")
    if "." in equation or any(len(set(part)) < len(part) for part in re.split(",|->", equation)):
        return f"with {equation}"


def batch_product(node):
    if node.shape(0) is None or node.shape(1) is None:
        return None
    pairs = list(zip(reversed(own(node.shape(0)[:-2])), reversed(own(node.shape(1)[:-2]))))
    if any(one != other and (None not in (one, other) or 1 in (one, other)) for one, other in pairs):
        return f"of batches that are broadcast within ({node.shape(0)[:-2]} and {node.shape(1)[:-2]})"


def own(batch):
    """A batch without the 1s in front: TensorFlow.js repeats the smaller one as a whole."""
    return batch if not batch or batch[0] != 1 else own(batch[1:])


def select(node):
    if node.rank(0) == 1 and (node.rank(1) or 0) > 1:
        return "of whole rows (tf.where is there)"


def band(node):
    lower, upper = node.value(1), node.value(2)
    if lower is None or upper is None or lower != upper:
        return "with unlike sides (it takes one for both)"


def padded_boxes(node):
    return "with padding (pad_to_max_output_size)" if node.attr["pad_to_max_output_size"].b else None


def soft_boxes(node):
    sigma = node.value(5)
    return None if sigma is not None and float(sigma) == 0 else "with a sigma (soft suppression)"


def always(reason):
    return lambda node: reason


TABLE = always("whose table a graph model does not hold")
RULES = {
    "BiasAdd": channels_first, "Conv2D": convolution, "Conv3D": convolution, "DepthwiseConv2dNative": channels_first,
    "Conv2DBackpropInput": channels_first, "MaxPool": pooling, "MaxPool3D": pooling, "MaxPoolWithArgmax": pooling,
    "AvgPool": pooling, "AvgPool3D": pooling, "DepthToSpace": channels_first, "FusedBatchNorm": batch_norm,
    "FusedBatchNormV2": batch_norm, "FusedBatchNormV3": batch_norm, "OneHot": one_hot, "Mean": of_whole_numbers,
    "Div": of_whole_numbers, "Mod": modulo, "Cast": cast, "Einsum": einsum, "BatchMatMul": batch_product,
    "BatchMatMulV2": batch_product, "BatchMatMulV3": batch_product, "Select": select, "MatrixBandPart": band,
    "TensorScatterUpdate": always("that changes its input for all that read it"),
    "FakeQuantWithMinMaxVars": always("that TensorFlow.js leaves out"),
    "ImageProjectiveTransformV3": always("of which TensorFlow.js has another"),
    "NonMaxSuppressionV4": padded_boxes, "NonMaxSuppressionV5": soft_boxes,
    "RaggedTensorToTensor": always("that TensorFlow.js lists and does not have"),
    "BitwiseAnd": always("of which TensorFlow.js loses an input"), "HashTable": TABLE, "HashTableV2": TABLE,
    "LookupTableFind": TABLE, "LookupTableFindV2": TABLE, "LookupTableSize": TABLE, "LookupTableSizeV2": TABLE}


def check(tensorflow, graph, whole, source):
    """Raise a Fault for operations that TensorFlow.js does not have, where tensorflowjs with its list is installed, and
    for those that it computes otherwise.

    graph: GraphDef      whole: the same as a Graph of TensorFlow's, which knows the shapes
    """
    inside = [node for function in graph.library.function for node in function.node_def]
    missing, known = OrderedDict(), listed()
    for node in list(graph.node) + inside:
        if known and node.op not in known:
            missing[node.op] = node.name
    if missing:
        raise Fault("{}: TensorFlow.js has no {}; ask for outputs before it".format(
            source, ", ".join("{} ({})".format(*pair) for pair in missing.items())))
    constants = {node.name: tensorflow.make_ndarray(node.attr["value"].tensor) for node in graph.node
                 if node.op == "Const" and len(node.attr["value"].tensor.tensor_content) < 1024}
    shapes = {operation.name: [None if one.shape.rank is None else one.shape.as_list() for one in operation.inputs]
              for operation in whole.get_operations() if operation.type in RULES}
    for place, node in enumerate(list(graph.node) + inside):
        if node.op in RULES:
            named = place < len(graph.node)  # names within functions are those of other nodes
            reason = RULES[node.op](View(node, shapes[node.name] if named else None, constants if named else {}))
            if reason:
                raise Fault(f"{source}: operation {node.name} is a {node.op} {reason}: TensorFlow.js computes it "
                            "otherwise; ask for outputs before "
                            "it")


def listed():
    """The names of the operations that TensorFlow.js has, of the list that tensorflowjs brings; empty without it."""
    spec = importlib.util.find_spec("tensorflowjs")
    known = set()
    if spec is not None and spec.submodule_search_locations:
        for path in glob.glob(os.path.join(list(spec.submodule_search_locations)[0], "op_list", "*.json")):
            with open(path, encoding="utf-8") as file:
                known.update(entry["tfOpName"] for entry in json.load(file))
    return known


# What is changed ---------------------------------------------------------------------------------------------

def adapt(tensorflow, graph, whole):
    """Change a GraphDef to what TensorFlow.js computes alike.

    Constants that wait for one branch of a condition depend on it by control inputs, which TensorFlow.js does not heed:
    they get a Switch of their own.  The NoOps that bundle control inputs go: TensorFlow.js computes them outside of the
    loop that they are in, and then waits in it for ever.  An axis of a cumulative sum or product is counted from the
    front.
    """
    nodes = {node.name: node for node in graph.node}
    switched = {}
    for node in list(graph.node):
        if node.op == "Const":
            pivots = [branch(nodes, name[1:]) for name in node.input if name.startswith("^")]
            pivots = [pivot for pivot in pivots if pivot]
            if pivots:
                switched[node.name] = gate(tensorflow, graph, nodes, node, *pivots[0])
        elif node.op in ("Cumsum", "Cumprod"):
            count_from_the_front(tensorflow, graph, nodes, node, whole)
    ours = {name.split(":")[0] for name in switched.values()}
    for node in graph.node:
        for index, name in enumerate(node.input):
            if name in switched and node.name not in ours:
                node.input[index] = switched[name]
        kept = [name for name in node.input if not (name.startswith("^") and is_bundle(nodes, name[1:]))]
        del node.input[:]
        node.input.extend(kept)
    result = type(graph)(versions=graph.versions, library=graph.library)
    result.node.extend(node for node in graph.node if node.op != "NoOp")
    return result


def is_bundle(nodes, name):
    return name in nodes and nodes[name].op == "NoOp"


def without_erfc(tensorflow, graph):
    """TensorFlow.js has erf, not erfc, which TensorFlow's exact gelu is made of: 1 - erf(x)."""
    names = {node.name for node in graph.node}
    for node in [node for node in graph.node if node.op == "Erfc"]:
        one, erf = node.name + "/one", node.name + "/erf"
        while one in names or erf in names:
            one, erf = one + "_", erf + "_"
        constant = graph.node.add(name=one, op="Const")
        dtype = tensorflow.as_dtype(node.attr["T"].type)
        constant.attr["dtype"].CopyFrom(node.attr["T"])
        constant.attr["value"].tensor.CopyFrom(tensorflow.make_tensor_proto(1, dtype))
        graph.node.add(name=erf, op="Erf", input=list(node.input)).attr["T"].CopyFrom(node.attr["T"])
        node.op = "Sub"
        del node.input[:]
        node.input.extend([one, erf])


def branch(nodes, name):
    """(condition, number of the branch) if the operation `name` is what runs in one branch of a condition alone."""
    while name in nodes and nodes[name].op == "Identity":
        name, _, output = nodes[name].input[0].partition(":")
        switch = nodes.get(name)
        if switch is not None and switch.op == "Switch":
            condition = switch.input[1]
            inside = nodes.get(condition.split(":")[0])
            return None if inside is None or inside.op == "LoopCond" else (condition, int(output or 0))
    return None


def gate(tensorflow, graph, nodes, constant, condition, number):
    """Add a Switch for the constant; return the name of its output that stands for it."""
    name = constant.name + "/switch"
    while name in nodes:
        name += "_"
    nodes[name] = graph.node.add(name=name, op="Switch", input=[constant.name, condition])
    nodes[name].attr["T"].CopyFrom(constant.attr["dtype"])
    return "%s:%d" % (name, number) if number else name


def count_from_the_front(tensorflow, graph, nodes, node, whole):
    axis = nodes.get(node.input[1])
    rank = whole.get_operation_by_name(node.name).inputs[0].shape.rank
    value = int(tensorflow.make_ndarray(axis.attr["value"].tensor)) if axis is not None and axis.op == "Const" else -1
    if value >= 0:
        return
    if rank is None or axis is None or axis.op != "Const":
        raise Fault(f"operation {node.name} is a {node.op} along an axis that is not known, or counted from the back: "
                    "TensorFlow.js "
                    "computes it otherwise; ask for outputs before it")
    name = node.name + "/axis"
    while name in nodes:
        name += "_"
    nodes[name] = graph.node.add(name=name, op="Const")
    nodes[name].attr["dtype"].CopyFrom(axis.attr["dtype"])
    dtype = tensorflow.as_dtype(axis.attr["dtype"].type)
    nodes[name].attr["value"].tensor.CopyFrom(tensorflow.make_tensor_proto(value + rank, dtype))
    node.input[1] = name
