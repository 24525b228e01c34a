"""The rules for the types and shapes of outputs, one for each operation: see shapes.py."""
from collections import OrderedDict
from typing import Any, Dict, List, Optional, Sequence

from ..layers.kinds.sizes import product
from .dtypes import types
from .graph import Node, Shape, Spec
from .image_shapes import (
    batch_to_space,
    convolution,
    crop,
    depth_to_space,
    depthwise,
    dilation,
    pooling,
    resize,
    space_to_batch,
    transposed,
)
from .seen import Rule, Seen
from .values import Values, single, slices


def specs(node: Node, inputs: Sequence[Optional[Spec]], values: List[Values]) -> List[Spec]:
    """Return the types and shapes of a node's outputs; inputs, values: what is known of its inputs."""
    seen = Seen(node, [None if one is None else one.shape for one in inputs], values)
    rule = RULES.get(node.op)
    try:
        found = rule(seen) if rule is not None else None
    except (TypeError, ValueError, IndexError, KeyError, ArithmeticError, AttributeError):  # it cannot be computed
        found = None
    shapes = found if isinstance(found, list) else [found]
    dtypes = types(node, inputs)
    count = max(len(shapes), len(dtypes))
    shapes = shapes + [None] * (count - len(shapes))
    return [Spec(dtypes[min(place, len(dtypes) - 1)], sane(shape)) for place, shape in enumerate(shapes)]


def sane(shape: Shape) -> Shape:
    """Return a shape, None for one that no tensor has."""
    if shape is None or any(size is not None and not 0 <= size < 1 << 40 for size in shape):
        return None
    return tuple(shape)


# Rules ---------------------------------------------------------------------------------------------------------

def same(seen: Seen) -> Shape:
    """The shape of the first input."""
    return seen.shape(0)


def broadcast(seen: Seen) -> Shape:
    """The shape of what two or three tensors are broadcast to."""
    if any(shape is None for shape in seen.shapes):
        return None
    most = max(len(shape) for shape in seen.shapes)
    padded = [(1,) * (most - len(shape)) + tuple(shape) for shape in seen.shapes]
    return tuple(wider(sizes) for sizes in zip(*padded))


def wider(sizes: Sequence[Optional[int]]) -> Optional[int]:
    """Return the size to which sizes are broadcast; an open one may be anything beside a 1."""
    large = [size for size in sizes if size not in (1, None)]
    return large[0] if large else None if None in sizes else 1


def placeholder(seen: Seen) -> Shape:
    """The shape that a placeholder tells: none at all is "scalar" in old graphs, which means any."""
    told = seen.node.value("shape")
    return None if told == () and not seen.shapes else seen.shape(0) if told is None else told


def constant(seen: Seen) -> Shape:
    """The shape of a constant's value."""
    held = seen.node.value("value")
    return None if held is None else held.shape


def product_of_matrices(seen: Seen) -> Shape:
    """MatMul and its batches, which are broadcast."""
    node, left, right = seen.node, seen.shape(0), seen.shape(1)
    if left is None or right is None:
        return None
    turned = [bool(node.value(name, False) or node.value(other, False))
              for name, other in (("transpose_a", "adj_x"), ("transpose_b", "adj_y"))]
    batch = broadcast(Seen(node, [left[:-2], right[:-2]], []))
    return tuple(batch) + (left[-1] if turned[0] else left[-2], right[-2] if turned[1] else right[-1])


def einsum(seen: Seen) -> Shape:
    """The letters of an equation without an ellipsis."""
    terms, result = seen.node.text("equation").replace(" ", "").split("->")
    sizes: Dict[str, Optional[int]] = {}
    for term, shape in zip(terms.split(","), seen.shapes):
        for letter, size in zip(term, shape or [None] * len(term)):
            sizes[letter] = sizes.get(letter) or size
    return tuple(sizes[letter] for letter in result)


def concat(seen: Seen) -> Shape:
    """Tensors one after the other along an axis."""
    new = seen.node.op == "ConcatV2"
    parts, axis = (seen.shapes[:-1], seen.values[-1]) if new else (seen.shapes[1:], seen.values[0])
    ranks = {len(shape) for shape in parts if shape is not None}
    if len(ranks) != 1 or single(axis) is None:
        return None
    rank, = ranks
    axis, known = int(single(axis)) % rank, [shape or (None,) * rank for shape in parts]
    return tuple(sum(sizes) if place == axis and None not in sizes else None if place == axis else
                 next((size for size in sizes if size is not None), None) for place, sizes in enumerate(zip(*known)))


def pack(seen: Seen) -> Shape:
    """Tensors along a new axis."""
    shape = next((one for one in seen.shapes if one is not None), None)
    if shape is None:
        return None
    axis = seen.node.value("axis", 0) % (len(shape) + 1)
    return shape[:axis] + (len(seen.shapes),) + shape[axis:]


def unpack(seen: Seen) -> Any:
    """The parts of a tensor along an axis, which is none of theirs."""
    shape, count = seen.shape(0), seen.node.value("num", 1)
    if shape is None:
        return [None] * count
    axis = seen.node.value("axis", 0) % len(shape)
    return [shape[:axis] + shape[axis + 1:]] * count


def split(seen: Seen) -> Any:
    """Equal parts (the axis comes first), or parts of given sizes (SplitV: sizes and axis behind)."""
    equal, count = seen.node.op == "Split", seen.node.value("num_split", 1)
    shape, axis = seen.shape(1 if equal else 0), seen.whole(0 if equal else 2)
    if shape is None or axis is None:
        return [shape and (None,) * len(shape)] * count
    place = axis[0] % len(shape)
    whole_size = shape[place]
    sizes: List[Optional[int]] = [None if whole_size is None else whole_size // count] * count
    if not equal:
        given = seen.whole(1)
        sizes = [None] * count if given is None else list(given)
        if -1 in sizes:
            rest = sum(size for size in sizes if size is not None and size >= 0)
            sizes = [size if size != -1 else None if whole_size is None else whole_size - rest for size in sizes]
    return [shape[:place] + (size,) + shape[place + 1:] for size in sizes]


def part(seen: Seen) -> Shape:
    """A Slice; a size of -1 goes up to the end."""
    shape, begin, sizes = seen.shape(0), seen.whole(1), seen.whole(2)
    if sizes is None:
        return shape and (None,) * len(shape)
    return tuple(size if size >= 0 else None if begin is None or shape is None or shape[place] is None
                 else shape[place] - begin[place] for place, size in enumerate(sizes))


def strided_slice(seen: Seen) -> Shape:
    """Python's slices, with an axis more for each that is new and one less for each that is shrunk."""
    shape, bounds = seen.shape(0), [seen.whole(place) for place in (1, 2, 3)]
    if shape is None or None in bounds:
        return None
    parts = list(slices(seen.node, *bounds))
    used = sum(one is not None and one is not Ellipsis for one in parts)
    if Ellipsis not in parts:
        parts.append(Ellipsis)
    found, axis = [], 0
    for one in parts:
        if one is None:
            found.append(1)
        elif one is Ellipsis:
            found += shape[axis:axis + len(shape) - used]
            axis += len(shape) - used
        else:
            size = shape[axis]
            axis += 1
            if isinstance(one, slice):
                found.append(size if one == slice(None, None, 1) else None if size is None
                             else len(range(*one.indices(size))))
    return tuple(found)


def gather(seen: Seen) -> Shape:
    """Rows at indices: the indices' shape stands in place of the axis."""
    source, indices = seen.shape(0), seen.shape(1)
    axis = (seen.whole(2) or [None])[0] if len(seen.shapes) > 2 else 0
    if source is None or indices is None or axis is None:
        return None
    axis, batch = axis % len(source), seen.node.value("batch_dims", 0)
    return source[:axis] + indices[batch:] + source[axis + 1:]


def gather_nd(seen: Seen) -> Shape:
    """Values at indices in several axes."""
    source, indices = seen.shape(0), seen.shape(1)
    return indices[:-1] + source[indices[-1]:]


def transpose(seen: Seen) -> Shape:
    """The axes in another order."""
    shape, order = seen.shape(0), seen.whole(1)
    if shape is None:
        return None
    return (None,) * len(shape) if order is None else tuple(shape[axis] for axis in order)


def reshape(seen: Seen) -> Shape:
    """The sizes that are asked for; one of them, -1, is told by the others."""
    source, asked = seen.shape(0), seen.values[1]
    if asked is None:
        count = seen.shape(1)
        return (None,) * count[0] if count and count[0] is not None else None
    sizes = [None if size is None or size < 0 else int(size) for size in asked.reshape(-1)]
    if sizes.count(None) == 1 and source is not None and None not in source:
        rest = product([size for size in sizes if size is not None])
        sizes = [product(source) // rest if size is None else size for size in sizes] if rest else sizes
    return tuple(sizes)


def expand(seen: Seen) -> Shape:
    """An axis of one value more."""
    shape, axis = seen.shape(0), seen.whole(1)[0]
    axis %= len(shape) + 1
    return shape[:axis] + (1,) + shape[axis:]


def squeeze(seen: Seen) -> Shape:
    """Without the axes of one value, or without those that are named."""
    shape = seen.shape(0)
    axes = seen.node.value("squeeze_dims") or seen.node.value("axis") or []
    named = {axis % len(shape) for axis in axes}
    if not named and None in shape:
        return None
    return tuple(size for place, size in enumerate(shape) if (place not in named if named else size != 1))


def pad(seen: Seen) -> Shape:
    """More on both sides of each axis."""
    shape, given = seen.shape(0), seen.whole(1)
    if shape is None or given is None:
        return shape and (None,) * len(shape)
    return tuple(None if size is None else size + given[2 * place] + given[2 * place + 1]
                 for place, size in enumerate(shape))


def tile(seen: Seen) -> Shape:
    """Each axis several times."""
    times = seen.whole(1)
    return tuple(None if size is None or times is None else size * times[place]
                 for place, size in enumerate(seen.shape(0)))


def reduction(seen: Seen) -> Shape:
    """Without the axes that are summed up."""
    shape, axes = seen.shape(0), seen.whole(1)
    if shape is None or axes is None:
        return None
    gone = {axis % len(shape) for axis in axes}
    kept = seen.node.value("keep_dims", False)
    return tuple(1 if place in gone else size for place, size in enumerate(shape) if kept or place not in gone)


def argument(seen: Seen) -> Shape:
    """ArgMax and ArgMin: without their axis."""
    shape, axis = seen.shape(0), (seen.whole(1) or [0])[0] % len(seen.shape(0))
    return shape[:axis] + shape[axis + 1:]


def one_hot(seen: Seen) -> Shape:
    """A new axis, the last where none is named."""
    shape, depth, axis = seen.shape(0), seen.whole(1), seen.node.value("axis", -1)
    axis = len(shape) if axis == -1 else axis
    return shape[:axis] + (depth[0] if depth else None,) + shape[axis:]


def normalized(seen: Seen) -> Any:
    """FusedBatchNorm: the result, and five tensors of one value per channel."""
    return [seen.shape(0)] + [seen.shape(1)] * (5 if seen.node.op.endswith("V3") else 4)


def top(seen: Seen) -> Any:
    """TopKV2: the last axis has k values."""
    k = seen.whole(1)
    found = seen.shape(0)[:-1] + (k[0] if k else None,)
    return [found, found]


def given_sizes(place: int) -> Rule:
    """Return the rule of an operation whose input number `place` is the shape of its result."""
    def rule(seen: Seen) -> Shape:
        sizes = seen.values[place]
        if sizes is None:
            count = seen.shape(place)
            return (None,) * count[0] if count and count[0] is not None else None
        return tuple(None if size is None or size < 0 else int(size) for size in sizes.reshape(-1))
    return rule


def ends(seen: Seen) -> Any:
    """Switch and IdentityN: each output has a shape of the inputs'."""
    return [seen.shape(0)] * 2 if seen.node.op == "Switch" else list(seen.shapes)


def vector(seen: Seen) -> Shape:
    """One dimension, whose size is as many as the first input has dimensions."""
    return (None if seen.shape(0) is None else len(seen.shape(0)),)


def scalar(seen: Seen) -> Shape:
    """One value."""
    return ()


def open_vector(seen: Seen) -> Any:
    """A vector of open size, and what goes with it: NonMaxSuppression."""
    return {"NonMaxSuppressionV4": [(None,), ()], "NonMaxSuppressionV5": [(None,), (None,), ()],
            "Unique": [(None,), seen.shape(0)]}.get(seen.node.op, [(None,)])


def where(seen: Seen) -> Shape:
    """Where: a row of coordinates for each place."""
    return (None, None if seen.shape(0) is None else len(seen.shape(0)))


def merge(seen: Seen) -> Any:
    """Merge: the shape of the input that is known, one of a condition's branches or what goes into a loop."""
    known = [shape for shape in seen.shapes if shape is not None]
    return [known[0] if known and all(shape == known[0] for shape in known) else None, ()]


def elements(seen: Seen) -> Shape:
    """The facts that an attribute gives of the elements of a list of tensors."""
    return seen.node.value("element_shape")


def stacked(seen: Seen) -> Shape:
    """The number of a list's tensors, then their shape: TensorArrayGatherV3, TensorListStack."""
    if seen.node.op == "TensorListStack":
        told = seen.values[1]
        elements = None if told is None or told.ndim != 1 else tuple(
            None if size is None or size < 0 else size for size in told.tolist())
    else:
        elements = seen.node.value("element_shape")
    return None if elements is None else (None,) + tuple(elements)


def found(seen: Seen) -> Shape:
    """The values of a table, one for each key."""
    return seen.shape(1)


def decoded(seen: Seen) -> Shape:
    """An image: rows, columns, channels, whose number is 0 where the image tells it."""
    return None, None, seen.node.value("channels", 0) or None


def selected(seen: Seen) -> Shape:
    """Select: the condition may be a vector of rows; SelectV2 broadcasts."""
    return broadcast(seen) if seen.node.op == "SelectV2" else seen.shape(1) or seen.shape(2)


TABLE = OrderedDict([
    (same, """Abs Acos Acosh Asin Asinh Atan Atanh Ceil ClipByValue Cos Cosh Elu Erf Erfc Exp Expm1 Floor IsFinite IsInf
        IsNan LeakyRelu Log Log1p LogicalNot Neg Prelu Reciprocal Inv Relu Relu6 Rint Round Rsqrt Selu Sigmoid Sign Sin
        Sinh Softplus Softsign Sqrt Square Tan Tanh BiasAdd BiasAddV1 Softmax LogSoftmax LRN Identity StopGradient
        Snapshot Cast ZerosLike OnesLike Reverse ReverseV2 Cumsum Cumprod MatrixBandPart FakeQuantWithMinMaxVars
        CheckNumerics PreventGradient Print Enter Exit NextIteration LoopCond TensorScatterUpdate FFT IFFT
        EnsureShape AddN Bucketize ComplexAbs Real Imag Invert"""),
    (broadcast, """Add AddV2 Atan2 BitwiseAnd Div DivNoNan Equal FloorDiv FloorMod Greater GreaterEqual Less LessEqual
        LogicalAnd LogicalOr Maximum Minimum Mod Mul NotEqual Pow RealDiv SquaredDifference Sub TruncateDiv
        TruncateMod BitwiseOr BitwiseXor LeftShift RightShift"""),
    (placeholder, "Placeholder PlaceholderWithDefault"), (constant, "Const"),
    (convolution, "Conv2D _FusedConv2D Conv3D Conv1D"),
    (depthwise, "DepthwiseConv2dNative FusedDepthwiseConv2dNative DepthwiseConv2d"),
    (transposed, "Conv2DBackpropInput"), (pooling, "MaxPool AvgPool MaxPool3D AvgPool3D MaxPoolWithArgmax"),
    (dilation, "Dilation2D"),
    (product_of_matrices, "MatMul _FusedMatMul BatchMatMul BatchMatMulV2 BatchMatMulV3"), (einsum, "Einsum"),
    (concat, "Concat ConcatV2"), (pack, "Pack"), (unpack, "Unpack"), (split, "Split SplitV"), (part, "Slice"),
    (strided_slice, "StridedSlice"), (gather, "Gather GatherV2"), (gather_nd, "GatherNd"), (transpose, "Transpose"),
    (reshape, "Reshape"), (expand, "ExpandDims"), (squeeze, "Squeeze"), (pad, "Pad PadV2 MirrorPad"), (tile, "Tile"),
    (reduction, "All Any Max Mean Min Prod Sum EuclideanNorm"), (argument, "ArgMax ArgMin"), (one_hot, "OneHot"),
    (resize, "ResizeBilinear ResizeNearestNeighbor"), (crop, "CropAndResize"),
    (normalized, "FusedBatchNorm FusedBatchNormV2 FusedBatchNormV3"), (depth_to_space, "DepthToSpace SpaceToDepth"),
    (space_to_batch, "SpaceToBatchND"), (batch_to_space, "BatchToSpaceND"), (top, "TopKV2"),
    (given_sizes(0), """Fill RandomUniform RandomStandardNormal RandomUniformInt TruncatedNormal Ones Zeros"""),
    (given_sizes(1), "BroadcastTo"), (given_sizes(2), "ScatterNd"), (ends, "Switch IdentityN"), (vector, "Shape"),
    (scalar, "Rank Size TensorArraySizeV3 TensorListLength"),
    (open_vector, "NonMaxSuppressionV2 NonMaxSuppressionV3 NonMaxSuppressionV4 NonMaxSuppressionV5 Unique Range"),
    (where, "Where"), (merge, "Merge"), (elements, "TensorListGetItem TensorArrayReadV3"),
    (stacked, "TensorArrayGatherV3 TensorListStack"), (found, "LookupTableFind LookupTableFindV2"),
    (decoded, "DecodeJpeg DecodePng DecodeBmp"),
    (selected, "Select SelectV2")])
RULES: Dict[str, Rule] = {op: rule for rule, ops in TABLE.items() for op in ops.split()}
