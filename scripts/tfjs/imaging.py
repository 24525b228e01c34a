"""Operations on images and their channels, composed of those that TensorFlow.js computes as TensorFlow does."""
from collections import OrderedDict
from typing import Any, Dict, List, Optional, Tuple

import numpy

from ..emit import Value
from ..emit.core import DType
from ..operations import unlike
from ..operations.graph import Attribute, Node, Row, Tensor
from .remaking import Remaking, Rule, Unknown, put_out


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


RULES: Dict[str, Rule] = {
    "BiasAdd": bias, "Conv2D": convolution, "Conv3D": convolution, "DepthwiseConv2dNative": channels_last,
    "Conv2DBackpropInput": channels_last, "DepthToSpace": channels_last, "SpaceToDepth": space_to_depth,
    "MaxPool": pooling, "MaxPool3D": pooling, "AvgPool": pooling, "AvgPool3D": pooling, "FusedBatchNorm": batch_norm,
    "FusedBatchNormV2": batch_norm, "FusedBatchNormV3": batch_norm, "ImageProjectiveTransformV2": projective,
    "ImageProjectiveTransformV3": projective, "BatchNormWithGlobalNormalization": global_norm,
    "FusedPadConv2D": padded_convolution, "FusedResizeAndPadConv2D": padded_convolution, "SpaceToBatch": batches,
    "BatchToSpace": batches, "MaxPoolV2": pooling_of_inputs}
