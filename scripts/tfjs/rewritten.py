"""Operations that TensorFlow.js computes differently from TensorFlow, composed of those that it computes alike.

Each rule composes the operation's result by the builder (scripts/emit/), whose operations TensorFlow.js computes as
TensorFlow does.  An operation that no rule can compose is refused (operations/unlike.py), for want of a known rank or
constant, too.
"""
import itertools
from collections import OrderedDict
from typing import Any, Callable, Dict, List, Optional, Tuple, Union

import numpy

from ..base.fault import Fault
from ..emit import Value
from ..emit.core import DType
from ..operations import loops, shapes, unlike
from ..operations.graph import NUMPY, Attribute, Graph, Node, Row, Tensor, constant
from ..operations.outputs import prune
from . import boxes, by_layers, operations
from .remaking import Remaking, Unknown, put_out

SIGN = -2 ** 31  # the bit of a float's sign, as a whole number
Rule = Callable[[Remaking, Node], Union[Value, List[Value], None]]  # a list: of all outputs


def rewrite(graph: Graph) -> None:
    """Make anew, in place, what TensorFlow.js computes differently, and what it lacks of RULES."""
    fold(graph)
    at_once(graph)
    waiting = [node for node, _ in unlike.reasons(graph) if node.op in RULES and graph.nodes.get(node.name) is node]
    waiting += [node for node in graph.nodes.values() if node.op in RULES and node.op not in operations.SINCE
                or by_layers.differs(node)]
    remake(graph, waiting)


def at_once(graph: Graph) -> None:
    """Make anew, in place, what TensorFlow.js computes by executeAsync alone, of what it computes at once.

    An operation behind another that needs executeAsync stays: it may be one of a loop's steps.
    """
    if any(node.op in loops.COMPOSED for node in graph.nodes.values()):
        later = loops.behind(graph, lambda node: node.op if node.op in loops.DYNAMIC and not loops.at_once(
            graph, node) else "")
        remake(graph, [node for node in shapes.in_order(graph) if node.name not in later
                       and loops.at_once(graph, node)])


def fold(graph: Graph) -> None:
    """Put constants in the place of numbers that are known before the graph runs, in place: sizes, of which TensorFlow
    folds those of a tensor alone whose sizes are all known; of floats those that tell a rule of by_layers its settings.

    TensorFlow.js 1.0.0 slices nothing at the end of a vector, and gives its last number.
    """
    known, later, instead = shapes.infer(graph), loops.dynamic(graph), {}  # type: Any, Any, Dict[Tensor, Tensor]
    reading = {one: "DT_INT32 DT_INT64" for node in graph.nodes.values() for one in node.inputs}
    reading.update((one, reading[one] + " DT_FLOAT") for node in graph.nodes.values() if node.op in by_layers.NAMES
                   for one in node.inputs)
    for one, kinds in reading.items():
        node, spec, values = graph.nodes.get(one.node), known.spec(one), known.values(one)
        if node is None or node.op in ("Const", "Placeholder") or not node.inputs or one.node in later or spec is None:
            continue
        if spec.dtype not in kinds.split() or values is None or None in values.reshape(-1).tolist():
            continue
        held = constant(f"{one.node}/known{one.index or ''}", values.astype(NUMPY[spec.dtype]), spec.dtype)
        instead[one] = Tensor(graph.add(held).name)
    for node in graph.nodes.values() if instead else ():
        node.inputs = [instead.get(one, one) for one in node.inputs]
    if instead:
        prune(graph, map(Tensor, graph.outputs + graph.inputs))


def remake(graph: Graph, waiting: List[Node]) -> None:
    """Make anew these operations of a graph, in place; one that no rule can compose stays as it is."""
    make, beyond = Remaking(graph, shapes.infer(graph) if waiting else None), Beyond(graph)
    for node in waiting:
        make.source = node
        try:
            with make.scope(node.name):
                value = RULES[node.op](make, node)
        except (Unknown, Fault):  # it is refused as it is
            continue
        readers = beyond.readers(node)
        if value is not None and (isinstance(value, list) or not readers):
            value, *others = value if isinstance(value, list) else [value]
            for other in readers:
                other.inputs = [make.read(others[one.index - 1]) if one.node == node.name and one.index else one
                                for one in other.inputs]
                beyond.add(other)
            kind = node.outputs[0].dtype if node.outputs else node.value("T", "DT_FLOAT")
            node.op, node.inputs, node.attributes = "Identity", [make.read(value)], OrderedDict(
                T=Attribute("type", kind))
            node.outputs = node.outputs and node.outputs[:1]
    if waiting:
        prune(graph, map(Tensor, graph.outputs + graph.inputs))


class Beyond:
    """The operations of a growing graph that read another output of one than its first."""

    def __init__(self, graph: Graph) -> None:
        self.nodes, self.added = graph.nodes, 0
        self.found: Dict[str, Dict[str, Node]] = {}  # by the operation that is read, then by the one that reads

    def add(self, node: Node) -> None:
        """Note what an operation reads."""
        for one in node.inputs:
            if one.index:
                self.found.setdefault(one.node, {})[node.name] = node

    def readers(self, node: Node) -> List[Node]:
        """Return those that read another output of this operation than its first."""
        new = list(itertools.islice(reversed(self.nodes.values()), len(self.nodes) - self.added))
        for other in reversed(new):
            self.add(other)
        self.added = len(self.nodes)
        return [other for other in self.found.get(node.name, {}).values()
                if any(one.node == node.name and one.index for one in other.inputs)]


# Whole numbers -----------------------------------------------------------------------------------------------------

def mean(make: Remaking, node: Node) -> Value:
    """A Mean of whole numbers."""
    axes = [int(one) for one in make.known(1).reshape(-1)]
    return make.whole_mean(make.given(0), axes, bool(node.value("keep_dims", False)))


def division(make: Remaking, node: Node) -> Value:
    """Div of whole numbers and TruncateDiv."""
    if node.value("T") not in unlike.WHOLE:
        raise Unknown
    return make.quotient(make.given(0), make.given(1))


def modulo(make: Remaking, node: Node) -> Value:
    """Mod and TruncateMod: the remainder has the sign of the first number."""
    if make.given(0).dtype == "bool":
        raise Unknown
    return make.remainder(make.given(0), make.given(1))


def cast(make: Remaking, node: Node) -> Value:
    """A Cast of whole numbers to a narrow type: what does not fit loses its higher bits."""
    target = node.value("DstT")
    return make.wrapped(make.given(0), 8 * unlike.NARROW[target], not target.startswith("DT_U"))


def bits(make: Remaking, node: Node) -> Value:
    """BitwiseAnd, BitwiseOr, BitwiseXor, LeftShift, RightShift and Invert (core/kernels/cwise_ops.h)."""
    kind = node.value("T")
    x, width = make.given(0), 8 * unlike.NARROW.get(kind, 4)
    if kind in ("DT_UINT32", "DT_UINT64"):
        raise Unknown
    if node.op == "BitwiseAnd" and is_sign(make, node):
        number = make.graph.nodes[node.inputs[0].node].inputs[0]
        spec = make.graph.spec(number)
        if spec is None or spec.shape is None:
            raise Unknown
        return make.where(make.signbit(make.of(number, spec.dtype, spec.shape)), make.constant(SIGN, "int32"),
                          make.constant(0, "int32"))
    if node.op.startswith("Bitwise"):
        return make.of_bits(node.op[len("Bitwise"):], x, make.given(1))
    if node.op == "Invert":
        return make.sub(2 ** width - 1 if kind in unlike.NARROW and kind.startswith("DT_U") else -1, x)
    moved = make.shifted(x, make.clip(make.given(1), 0, width - 1), node.op == "LeftShift")
    return moved if kind not in unlike.NARROW else make.wrapped(moved, width, not kind.startswith("DT_U"))


def is_sign(make: Remaking, node: Node) -> bool:
    """Whether a BitwiseAnd takes the sign from the bits of a float, as Keras 3's argmax does of each zero
    (keras 3 backend/tensorflow/numpy.py: signbit)."""
    mask, of = make.graph.constant(node.inputs[1]), make.graph.nodes.get(node.inputs[0].node)
    return of is not None and of.op == "Bitcast" and of.value("T") == "DT_FLOAT" and node.value("T") == "DT_INT32" \
        and mask is not None and bool((mask == SIGN).all())


def quantized(make: Remaking, node: Node) -> Value:
    """Numbers as a model that was trained for quantization has them; the limits are constants or attributes."""
    args = node.op == "FakeQuantWithMinMaxArgs"
    low, high = [numpy.asarray(make.number(name, default) if args else make.known(place), "float32")
                 for place, (name, default) in enumerate((("min", -6.0), ("max", 6.0)), 1)]
    return make.quantized(make.given(0), low, high, make.whole("num_bits", 8),
                          bool(node.value("narrow_range", False)))


# Images ------------------------------------------------------------------------------------------------------------

def projective(make: Remaking, node: Node) -> Value:
    """ImageProjectiveTransformV2 and V3: each pixel from where eight numbers send its place."""
    from ..lower.ops import warping  # and every family of layers: only where it is needed
    x, transforms = make.given(0), make.given(1)
    sizes = node.outputs[0].shape[1:3] if node.outputs and node.outputs[0].shape else (None, None)
    size = [make.at(make.given(2), 0, axis) if one is None else one for axis, one in enumerate(sizes)]
    if transforms.rank != 2 or len(node.inputs) > 3 and make.known(3).size != 1:
        raise Unknown
    made = warping.transformed(
        make, make.cast(x, "float32"), [make.at(transforms, 1, place) for place in range(8)], (size[0], size[1]),
        node.text("fill_mode").lower() or "constant", float(make.known(3)) if len(node.inputs) > 3 else 0.0,
        node.text("interpolation") == "NEAREST")
    return make.cast(Value(made.dtype, (x.shape[0],) + tuple(sizes) + x.shape[3:], made.tensor, made.weight), x.dtype)


def channels_last(make: Remaking, node: Node) -> Optional[Value]:
    """An operation with the channels first, between two transposes."""
    if node.text("data_format") not in ("NCHW", "NCDHW"):
        return None
    place = 2 if node.op == "Conv2DBackpropInput" else 0
    x = make.given(place)
    last = [0] + list(range(2, x.rank)) + [1]
    inputs, attributes = list(node.inputs), OrderedDict(node.attributes)
    inputs[place] = make.read(make.transpose(x, last))
    if place:
        inputs[0] = make.read(make.gather(make.given(0), last))
    for key in ("strides", "dilations", "ksize"):
        if node.value(key):
            attributes[key] = ints([make.row(key, x.rank)[axis] for axis in last])
    if node.value("explicit_paddings"):
        pairs = make.row("explicit_paddings", 2 * x.rank, 0)
        attributes["explicit_paddings"] = ints([pairs[2 * axis + side] for axis in last for side in (0, 1)])
    attributes["data_format"] = Attribute("s", node.text("data_format").replace("C", "").encode() + b"C")
    spec = put_out(node)
    if len(spec.shape) != x.rank:
        raise Unknown
    moved = spec._replace(shape=tuple(spec.shape[axis] for axis in last))
    made = make.graph.add(Node(node.name + "/channels_last", node.op, inputs, attributes=attributes, outputs=[moved]))
    make.source = made
    unlikely = made.op in unlike.RULES and unlike.RULES[made.op](unlike.View(made, make.graph))
    again = RULES[made.op](make, made) if unlikely else None
    found = again or make.of(Tensor(made.name), moved.dtype, moved.shape)
    return make.transpose(found, make.reversal(last))


def ints(values: List[int]) -> Attribute:
    """Return a list of ints as an attribute."""
    return Attribute("list", Row("i", values))


def bias(make: Remaking, node: Node) -> Value:
    """A BiasAdd with the channels first."""
    x = make.given(0)
    return make.add(x, make.reshape(make.given(1), [-1] + [1] * (x.rank - 2)))


def pooling(make: Remaking, node: Node) -> Optional[Value]:
    """A pooling with the channels first, with paddings of its own, or whose strides leave out the end."""
    if node.text("data_format").startswith("NC"):
        return channels_last(make, node)
    x = make.given(0)
    if node.text("padding") == "EXPLICIT" and node.op == "MaxPool":
        pairs = make.row("explicit_paddings", 2 * x.rank, 0)
        lowest = float(numpy.finfo(numpy.float32).min)
        x = make.pad(x, list(zip(pairs[::2], pairs[1::2])), lowest)
        return same_on(make, node, x, padding=Attribute("s", b"VALID"), explicit_paddings=ints([]))
    return same_on(make, node, covered(make, x, make.row("ksize", x.rank), make.row("strides", x.rank)))


def convolution(make: Remaking, node: Node) -> Optional[Value]:
    """A Conv3D with the channels first, or whose strides leave out the end; a Conv2D with the channels first."""
    if node.text("data_format").startswith("NC"):
        return channels_last(make, node)
    if node.op != "Conv3D":
        return None
    x, windows = make.given(0), (1,) + tuple(make.given(1).shape[:3]) + (1,)
    if x.rank != len(windows):
        raise Unknown
    return same_on(make, node, covered(make, x, windows, make.row("strides", x.rank)))


def covered(make: Remaking, x: Value, windows: Any, strides: Any) -> Value:
    """Return x without the end that no window of a SAME padding covers.  Raises Unknown where there is none."""
    cuts: List[Tuple[int, Optional[int]]] = [(0, None)] * x.rank
    for axis in range(1, x.rank - 1):
        size = x.shape[axis]
        needed = None if size is None else (-(-size // strides[axis]) - 1) * strides[axis] + windows[axis]
        if needed is not None and needed < size:
            cuts[axis] = 0, needed
    if not any(size for _, size in cuts):
        raise Unknown
    return make.slice(x, cuts)


def same_on(make: Remaking, node: Node, x: Value, **changed: Attribute) -> Value:
    """Return the operation's result on another first input."""
    kept = OrderedDict((key, one) for key, one in node.attributes.items() if key not in changed)
    kept.update((key, one) for key, one in changed.items() if key in node.attributes)
    spec = put_out(node)
    made = make.graph.add(Node(node.name + "/" + node.op, node.op, [make.read(x)] + node.inputs[1:], attributes=kept,
                               outputs=node.outputs))
    return make.of(Tensor(made.name), spec.dtype, spec.shape)


def batch_norm(make: Remaking, node: Node) -> Value:
    """A FusedBatchNorm with the channels first, or with the statistics of its input (is_training)."""
    x, (scale, offset) = make.given(0), [make.given(place) for place in (1, 2)]
    first = node.text("data_format").startswith("NC")

    def along(one: Value) -> Value:
        return make.reshape(one, [-1] + [1] * (x.rank - 2)) if first else one

    axes = [axis for axis in range(x.rank) if axis != (1 if first else x.rank - 1)]
    if node.value("is_training", False):
        middle, spread = make.mean(x, axes, True), make.variance(x, axes)
    else:
        middle, spread = along(make.given(3)), along(make.given(4))
    factor = make.mul(along(scale), make.unary("Rsqrt", make.add(spread, make.number("epsilon", 1e-4))))
    return make.add(make.mul(make.sub(x, middle), factor), along(offset))


def global_norm(make: Remaking, node: Node) -> Value:
    """A BatchNormWithGlobalNormalization, which TensorFlow before 1.0 wrote (Inception of 2015)."""
    x, middle, spread, offset, scale = [make.given(place) for place in range(5)]
    factor = make.unary("Rsqrt", make.add(spread, make.number("variance_epsilon", 0.0)))
    factor = make.mul(factor, scale) if node.value("scale_after_normalization", False) else factor
    return make.add(make.mul(make.sub(x, middle), factor), offset)


def padded_convolution(make: Remaking, node: Node) -> Value:
    """A FusedPadConv2D or FusedResizeAndPadConv2D: a resize, a mirrored margin and a Conv2D (core/ops/nn_ops.cc)."""
    resized = node.op == "FusedResizeAndPadConv2D"
    x, pads = make.given(0), make.known(2 if resized else 1)
    if node.value("resize_align_corners") or pads.shape != (x.rank, 2) or node.value("T") != "DT_FLOAT":
        raise Unknown
    if resized:
        size = make.known(1).reshape(-1).tolist()
        x = make.one("ResizeBilinear", [x, make.constant(size, "int32")], "float32", (x.shape[0], *size, x.shape[3]),
                     T=DType("float32"), align_corners=False, half_pixel_centers=False)
    for axis, (before, behind) in enumerate(pads.tolist()):
        if before or behind:
            whole, edge = x.shape[axis], int(node.text("mode") == "REFLECT")
            if whole is None:
                raise Unknown
            places = numpy.pad(numpy.arange(whole), (before, behind), "reflect" if edge else "symmetric")
            x = make.gather(x, places.astype("int32"), axis)
    spec = put_out(node)
    kept = OrderedDict((key, node.attributes[key]) for key in ("T", "strides", "padding") if key in node.attributes)
    made = make.graph.add(Node(node.name + "/Conv2D", "Conv2D", [make.read(x), node.inputs[-1]], attributes=dict(
        kept, data_format=Attribute("s", b"NHWC"), dilations=ints([1, 1, 1, 1])), outputs=[spec]))
    return make.of(Tensor(made.name), spec.dtype, spec.shape)


def batches(make: Remaking, node: Node) -> Value:
    """A SpaceToBatch or BatchToSpace of square blocks, which TensorFlow before 1.0 wrote."""
    spec, block = put_out(node), make.constant([make.whole("block_size")] * 2, "int32")
    around, whole = "Tpaddings" if node.op == "SpaceToBatch" else "Tcrops", Attribute("type", "DT_INT32")
    kind = node.attributes.get("Tpaddings") or node.attributes.get("Tidx") or whole
    made = make.graph.add(Node(f"{node.name}/{node.op}ND", node.op + "ND", [make.input(0), make.read(block),
                                                                            make.input(1)], attributes={
        "T": Attribute("type", spec.dtype), "Tblock_shape": whole, around: kind}, outputs=[spec]))
    return make.of(Tensor(made.name), spec.dtype, spec.shape)


def pooling_of_inputs(make: Remaking, node: Node) -> Value:
    """A MaxPoolV2, whose windows and strides are inputs."""
    spec, windows = put_out(node), [ints(make.known(place).reshape(-1).tolist()) for place in (1, 2)]
    kept = OrderedDict(node.attributes, ksize=windows[0], strides=windows[1])
    made = make.graph.add(Node(node.name + "/MaxPool", "MaxPool", node.inputs[:1], attributes=kept, outputs=[spec]))
    make.source = made
    found = pooling(make, made) if unlike.RULES["MaxPool"](unlike.View(made, make.graph)) else None
    return found or make.of(Tensor(made.name), spec.dtype, spec.shape)


def sides(make: Remaking, node: Node, place: int) -> List[Value]:
    """The real and the imaginary part of an input of complex numbers."""
    spec = make.graph.spec(node.inputs[place])
    if spec is None or spec.shape is None or spec.dtype != "DT_COMPLEX64":
        raise Unknown
    kinds = {"T": Attribute("type", spec.dtype), "Tout": DType("float32")}
    return [make.one(op, [Value("float32", spec.shape, node.inputs[place])], "float32", spec.shape, **kinds)
            for op in ("Real", "Imag")]


def complex_of(make: Remaking, parts: List[Value]) -> Value:
    """The complex numbers of a real and an imaginary part."""
    return make.one("Complex", parts, "float32", parts[0].shape, T=DType("float32"), Tout=Attribute(
        "type", "DT_COMPLEX64"))


def complex_slice(make: Remaking, node: Node) -> Value:
    """A StridedSlice of complex numbers: of their real and of their imaginary parts."""
    spec, parts = put_out(node), []
    for side in sides(make, node, 0):
        sliced = make.graph.add(Node(f"{side.tensor.node}/part", "StridedSlice", [side.tensor] + node.inputs[1:],
                                     attributes=dict(node.attributes, T=Attribute("type", "DT_FLOAT")),
                                     outputs=[spec._replace(dtype="DT_FLOAT")]))
        parts.append(make.of(Tensor(sliced.name), "DT_FLOAT", spec.shape))
    return complex_of(make, parts)


def complex_arithmetic(make: Remaking, node: Node) -> Value:
    """A sum, a difference or a product of complex numbers of unlike shapes, which TensorFlow.js spreads wrongly."""
    (a, b), (c, d) = [sides(make, node, place) for place in (0, 1)]
    if node.op == "Mul":
        return complex_of(make, [make.sub(make.mul(a, c), make.mul(b, d)), make.add(make.mul(a, d), make.mul(b, c))])
    change = make.sub if node.op == "Sub" else make.add
    return complex_of(make, [change(a, c), change(b, d)])


def space_to_depth(make: Remaking, node: Node) -> Value:
    """Blocks of an image as channels."""
    x, block = make.given(0), make.whole("block_size")
    if x.rank != 4 or block < 1:
        raise Unknown
    first = node.text("data_format").startswith("NC")
    x = make.transpose(x, [0, 2, 3, 1]) if first else x
    _, rows, columns, channels = x.shape
    if None in (rows, columns, channels):
        raise Unknown
    x = make.reshape(x, [-1, rows // block, block, columns // block, block * channels])
    x = make.reshape(make.transpose(x, [0, 1, 3, 2, 4]), [-1, rows // block, columns // block,
                                                          block * block * channels])
    return make.transpose(x, [0, 3, 1, 2]) if first else x


# Matrices and places -----------------------------------------------------------------------------------------------

def batch_product(make: Remaking, node: Node) -> Value:
    """A product of matrices whose batches are broadcast."""
    return make.matmul(make.given(0), make.given(1), bool(node.value("adj_x", False)), bool(node.value("adj_y", False)))


def einsum(make: Remaking, node: Node) -> Value:
    """An equation of one or two tensors with an ellipsis, or with a letter that stands twice in a term."""
    left, result = node.text("equation").replace(" ", "").split("->")
    values = [make.given(place) for place in range(len(left.split(",")))]
    if len(values) == 1:
        left, values = left + ",", values + [make.constant(numpy.float32(1))]
    return make.einsum(f"{left}->{result}", *values)


def select(make: Remaking, node: Node) -> Value:
    """A Select of whole rows."""
    x = make.given(1)
    return make.where(make.reshape(make.given(0), [-1] + [1] * (x.rank - 1)), x, make.given(2))


def chosen(make: Remaking, node: Node) -> Value:
    """A SelectV2 that broadcasts: TensorFlow.js 1.0.0 has Select alone, whose three tensors are of one shape."""
    values = [make.given(place) for place in range(3)]
    if len({value.shape for value in values}) == 1 or any(
            make.graph.spec(one).dtype not in by_layers.NUMBERS for one in node.inputs):
        raise Unknown
    return make.where(*values)


def band(make: Remaking, node: Node) -> Value:
    """A band of a matrix with two sides; a side below 0 is the whole triangle."""
    x = make.given(0)
    rows, columns = [make.range(make.dim(x, axis)) for axis in (-2, -1)]
    below = make.sub(make.expand(rows, 1), make.expand(columns, 0))
    sides = [(below, make.given(1)), (make.neg(below), make.given(2))]
    kept = [make.either(make.compare("Less", most, 0), make.compare("LessEqual", away, most)) for away, most in sides]
    return make.where(make.both(*kept), x, make.constant(0, x.dtype))


def one_hot(make: Remaking, node: Node) -> Value:
    """A OneHot along another axis than the last."""
    places, depth, spec = make.given(0), make.known(1), put_out(node)
    if depth.size != 1:
        raise Unknown
    kept = OrderedDict(node.attributes, axis=Attribute("i", -1))
    last = spec._replace(shape=places.shape + (int(depth.reshape(-1)[0]),))
    made = make.graph.add(Node(node.name + "/OneHot", "OneHot", node.inputs, attributes=kept, outputs=[last]))
    return make.move(make.of(Tensor(made.name), spec.dtype, last.shape), -1, make.whole("axis"))


def scatter(make: Remaking, node: Node) -> Value:
    """A TensorScatterUpdate, which writes into its input, on a copy of that."""
    x = make.given(0)
    return same_on(make, node, make.one("Tile", [x, make.constant([1] * x.rank, "int32")], x.dtype, x.shape))


RULES: Dict[str, Rule] = {
    "Mean": mean, "Div": division, "TruncateDiv": division, "Mod": modulo, "TruncateMod": modulo, "Cast": cast,
    "BiasAdd": bias, "Conv2D": convolution, "Conv3D": convolution, "DepthwiseConv2dNative": channels_last,
    "Conv2DBackpropInput": channels_last, "DepthToSpace": channels_last, "SpaceToDepth": space_to_depth,
    "MaxPool": pooling, "MaxPool3D": pooling, "AvgPool": pooling, "AvgPool3D": pooling, "FusedBatchNorm": batch_norm,
    "FusedBatchNormV2": batch_norm, "FusedBatchNormV3": batch_norm, "OneHot": one_hot, "Einsum": einsum,
    "BatchMatMul": batch_product, "BatchMatMulV2": batch_product, "Select": select, "SelectV2": chosen,
    "MatrixBandPart": band, "TensorScatterUpdate": scatter, "BitwiseAnd": bits, "BitwiseOr": bits, "BitwiseXor": bits,
    "Invert": bits, "LeftShift": bits, "RightShift": bits, "ImageProjectiveTransformV2": projective,
    "ImageProjectiveTransformV3": projective, "NonMaxSuppressionV4": boxes.best,
    "NonMaxSuppressionV5": boxes.best, "FakeQuantWithMinMaxVars": quantized,
    "BatchNormWithGlobalNormalization": global_norm, "FusedPadConv2D": padded_convolution,
    "FusedResizeAndPadConv2D": padded_convolution, "SpaceToBatch": batches, "BatchToSpace": batches,
    "MaxPoolV2": pooling_of_inputs, "StridedSlice": complex_slice,
    "Add": complex_arithmetic, "AddV2": complex_arithmetic, "Sub": complex_arithmetic, "Mul": complex_arithmetic,
    "FakeQuantWithMinMaxVarsPerChannel": quantized, "FakeQuantWithMinMaxArgs": quantized}
RULES.update((name, by_layers.lowered) for name in by_layers.NAMES | by_layers.LATER | set(by_layers.OLDEST)
             | set(loops.COMPOSED))
