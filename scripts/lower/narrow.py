"""Whole numbers of 8 or 16 bits: TensorFlow.js holds them as int32, so an overflow is wrapped here as in Keras.

The field `narrow` of a Value says which of these types Keras holds it in.  The result of an operation on such numbers
has the same type, and is wrapped if it may be too large.  An operation of neither table is refused if it makes whole
numbers.
"""
from typing import Any, Callable, Dict, List, NoReturn, Optional, Sequence

import numpy

from ..emit import Builder, Value
from ..emit.core import Operand
from ..layers.few_bits import LARGEST, TYPES
from ..layers.kinds.operations import is_operation
from .rules import Call, called, tensors

FILLED: Dict[str, Dict[str, int]] = {  # what a segment that nothing is in holds, by its reduction
    name: {"Max": -(1 << bits - 1) if signed else 0, "Min": LARGEST[name], "Prod": 1}
    for name, (bits, signed) in TYPES.items()}
# By what is called: a layer's class, an operation of Keras 3, a function of a TFOpLambda, an operation of TensorFlow's.
# What may overflow, and loses nothing else when its result is wrapped
WRAPPED = frozenset("""Fold Add Subtract Multiply Negative Absolute Abs Square Cumsum Diff BitwiseInvert BitwiseNot
    BitwiseLeftShift LeftShift Outer Kron Inner Vdot Dot Tensordot Matmul Einsum Vander Ptp Lcm Nancumsum linalg.cross
    linalg.trace tensordot linalg.tensordot math.add __operators__.add math.subtract __operators__.sub math.multiply
    __operators__.mul math.scalar_mul math.negative math.abs abs math.square math.squared_difference math.add_n
    math.accumulate_n math.reduce_sum reduce_sum math.cumsum bitwise.invert bitwise.left_shift AddV2 AddN Sub Mul Neg
    SquaredDifference nn.bias_add BiasAdd Invert Cross""".split())
# What gives numbers of all that it is given, so that it has their common type
JOINED = frozenset("""dynamic_stitch DynamicStitch ParallelDynamicStitch truncatediv TruncateDiv Maximum Minimum Fmax
    Fmin Mod FloorDivide Meshgrid Concatenate TFDConcat Stack Hstack Vstack Dstack Append Where Select Gcd Fmod Power
    Cumprod Nancumprod math.pow Pow truncatemod TruncateMod BitwiseAnd BitwiseOr BitwiseXor BitwiseRightShift RightShift
    math.maximum math.minimum math.floormod math.mod math.floordiv floor_div math.floor_div concat stack where where_v2
    bitwise.bitwise_and bitwise.bitwise_or bitwise.bitwise_xor bitwise.right_shift FloorMod FloorDiv ConcatV2 Pack
    SelectV2""".split())
# What gives numbers of its first tensor, or of the type that its setting dtype names
FIRST = frozenset("""Unfold Threshold extract_volume_patches ExtractVolumePatches dynamic_partition math.imag MaxPool
    MaxPool3D nn.max_pool nn.max_pool1d nn.max_pool2d nn.max_pool3d nn.max_pool_v2 signal.fftshift signal.ifftshift
    Reshape Flatten Permute RepeatVector Cropping1D Cropping2D Cropping3D ZeroPadding1D ZeroPadding2D ZeroPadding3D
    UpSampling1D UpSampling2D UpSampling3D GlobalMaxPooling1D GlobalMaxPooling2D GlobalMaxPooling3D
    GlobalAveragePooling1D GlobalAveragePooling2D GlobalAveragePooling3D MaxPooling1D MaxPooling2D MaxPooling3D
    CenterCrop RandomCrop Resizing Activation ReLU Masking Transpose GetItem Squeeze ExpandDims Flip Fliplr Flipud Roll
    Rot90 Take TakeAlongAxis Tile Repeat BroadcastTo Swapaxes Moveaxis Ravel Split ArraySplit Hsplit Vsplit Dsplit
    Unstack Slice SliceUpdate Sort Max Min Amax Amin Tril Triu Diag Diagonal Diagflat Pad Relu Relu6 Sign Copy Conjugate
    Conj Real StopGradient ConvertToTensor Array Clip Round ZerosLike OnesLike FullLike EmptyLike Rearrange DepthToSpace
    SpaceToDepth CropImages PadImages ExtractPatches TopK Nanmax Nanmin Imag Resize RGBToGrayscale AffineTransform
    PerspectiveTransform MapCoordinates reshape transpose __operators__.getitem squeeze expand_dims reverse roll gather
    gather_nd tile repeat broadcast_to split unstack slice strided_slice sort math.reduce_max math.reduce_min
    math.reduce_mean reduce_mean Mean pad identity stop_gradient convert_to_tensor ensure_shape grad_pass_through
    math.top_k nn.top_k nn.relu nn.relu6 clip_by_value zeros_like ones_like math.sign image.flip_left_right
    image.flip_up_down image.transpose image.rot90 image.central_crop image.crop_to_bounding_box
    image.pad_to_bounding_box image.resize_with_crop_or_pad image.resize_image_with_crop_or_pad image.grayscale_to_rgb
    nn.depth_to_space nn.space_to_depth embedding_lookup nn.embedding_lookup StridedSlice ReverseV2 GatherV2 Gather
    GatherNd SplitV Unpack PadV2 MirrorPad Identity Snapshot EnsureShape linalg.band_part linalg.diag linalg.diag_part
    linalg.set_diag linalg.tensor_diag_part linalg.matrix_transpose linalg.adjoint boolean_mask batch_to_space
    batch_to_space_nd space_to_batch space_to_batch_nd reverse_sequence image.extract_patches image.resize
    image.resize_v2 image.resize_nearest_neighbor image.resize_images image.rgb_to_grayscale math.real math.conj
    math.round math.rint MatrixBandPart MatrixDiag MatrixDiagV2 MatrixDiagV3 MatrixDiagPart MatrixDiagPartV2
    MatrixDiagPartV3 MatrixSetDiag MatrixSetDiagV2 MatrixSetDiagV3 ReverseSequence ExtractImagePatches
    ResizeNearestNeighbor PreventGradient PlaceholderWithDefault TopKV2 ClipByValue SpaceToBatchND
    BatchToSpaceND""".split())
# What gives other whole numbers: places, counts, sums of 32 bits; and what settles it by itself
OTHERS = frozenset("""math.invert_permutation InvertPermutation image.convert_image_dtype shape_n ShapeN math.bincount
    math.confusion_matrix histogram_fixed_width HistogramFixedWidth histogram_fixed_width_bins unravel_index Argmax
    Argmin Argsort Argpartition Nanargmax Nanargmin Size Shape Ndim Digitize SearchSorted CountNonzero Prod Nanprod
    Nansum Trace UnravelIndex OneHot MultiHot Arange Full Cast SaturateCast argmax argmin math.argmax math.argmin
    argsort shape size rank searchsorted math.count_nonzero one_hot sequence_mask fill range cast saturate_cast
    dtypes.cast dtypes.saturate_cast ArgMax ArgMin Rank Fill Range IntegerLookup StringLookup CategoryEncoding
    Discretization Hashing HashedCrossing TimeDistributed Pipeline SpectralNormalization""".split())
# Operations of Keras 3 that make a tensor of a plain whole number before they ask for the common type: one of int32
STRONG = frozenset("""Mod Fmod BitwiseAnd BitwiseOr BitwiseXor Gcd Lcm Outer Inner Dot Tensordot Kron Cross Matmul
    Einsum""".split())
INDICES = ("TopK", "math.top_k", "nn.top_k", "TopKV2")  # whose second output is no number of their input


def settled(call: Call, given: Any, found: List[Value]) -> List[Value]:
    """The outputs of a call on the arguments `given`, those of few bits wrapped and told."""
    if not any(one.narrow for one in tensors(given)):
        return found
    name, joined = called(call.record, call.major), common(call, given)
    if name in OTHERS or name == "Sum" and call.major > 2 or name in ("Matmul", "Einsum") and of_bytes(given):
        return found
    told = None
    if is_operation(call.record, call.major):
        told = call.config.get("dtype") if call.major > 2 else call.kwargs.get("dtype")
    kept = tensors(given)[0].narrow if name in FIRST else joined
    kept = (told if told in TYPES else None) if isinstance(told, str) else kept
    result = list(found)
    for place, value in enumerate(found):
        if value.dtype != "int32" or value.narrow or name in INDICES and place:
            continue
        if name in WRAPPED or name == "Sum":
            value = value if kept is None else wrapped(call.b, value, kept).masked(value.mask)
        elif name not in JOINED and name not in FIRST:
            refuse(call, kept or tensors(given)[0].narrow)
        result[place] = value.narrowed(kept)
    return result


def of_bytes(given: Any) -> bool:
    """Whether all tensors are int8, of whose products Keras 3 makes 32 bits: of matrices, not of vectors."""
    return all(one.narrow == "int8" and one.rank > 1 for one in tensors(given)) and not constants(given)


def refuse(call: Call, name: Optional[str]) -> NoReturn:
    """Refuse what computes with whole numbers of few bits."""
    call.refuse(f"it computes with {name or 'int8'}, whose overflow TensorFlow.js does not have",
                "cast to int32 or float32 before it")


def kind_of(call: Call) -> Optional[str]:
    """The type of few bits that all that a call is given has in common; None where there is none."""
    given = [call.args, call.kwargs]
    return common(call, given) if any(one.narrow for one in tensors(given)) else None


def common(call: Call, given: Any) -> Optional[str]:
    """The type of few bits that holds all of these arguments, None where none does.

    Keras 3 (backend.common.dtypes): the wider one, and a signed one above that for one without a sign.  TensorFlow
    takes operands of one type.
    """
    names = [one.narrow or one.dtype for one in tensors(given)]
    if call.major < 3:
        return next(name for name in names if name in TYPES)
    names = [name for name in names + constants(given) if name != "bool"]
    if called(call.record, 3) in STRONG and any(type(one) is int for one in call.args):
        return None
    if not all(name in TYPES for name in names):
        return None
    bits, signed = max(TYPES[name][0] for name in names), any(TYPES[name][1] for name in names)
    if signed and any(TYPES[name] == (bits, False) for name in names):
        bits *= 2
    return next((name for name, kind in TYPES.items() if kind == (bits, signed)), None)


def constants(given: Any) -> List[str]:
    """The types of the arrays among the arguments; a plain number takes the type of the others."""
    if isinstance(given, numpy.ndarray):
        return [given.dtype.name]
    if isinstance(given, dict):
        given = list(given.values())
    return [name for item in given for name in constants(item)] if isinstance(given, (list, tuple)) else []


def wrapped(b: Builder, x: Value, name: str) -> Value:
    """Whole numbers in a type of few bits: the higher bits are lost."""
    return b.wrapped(x, *TYPES[name]).narrowed(name)


def clipped(b: Builder, x: Value, name: str) -> Value:
    """Numbers within what a type of few bits holds."""
    bits, signed = TYPES[name]
    low = -(1 << bits - 1) if signed else 0
    return b.clip(x, low, low + (1 << bits) - 1)


def alike(b: Builder, made: Value, x: Value) -> Value:
    """The result of an operation on x, in the type of x if that has few bits."""
    return made if x.narrow is None else wrapped(b, made, x.narrow)


# Products, exact wherever whole numbers are floats of 24 bits too -----------------------------------------------------


def times(b: Builder, x: Operand, y: Operand, name: str) -> Value:
    """x * y; of 16 bits first the upper half of x, of whose product only the lower half counts."""
    if TYPES[name][0] > 8:
        upper = b.binary("FloorMod", b.mul(b.binary("FloorDiv", x, 256), y), 256)
        return wrapped(b, b.add(b.mul(upper, 256), b.mul(b.binary("FloorMod", x, 256), y)), name)
    return wrapped(b, b.mul(x, y), name)


def in_halves(b: Builder, x: Value, name: Optional[str], of: Callable[[Value], Value]) -> Value:
    """of(x), sums of many numbers that are computed in floats: of 16 bits each half by itself."""
    if name is None or TYPES[name][0] == 8:
        return of(x)
    upper = b.binary("FloorMod", of(b.binary("FloorDiv", x, 256)), 256)
    return b.add(b.mul(upper, 256), of(b.binary("FloorMod", x, 256)))


def power(b: Builder, x: Value, y: Value, name: str) -> Value:
    """x to the power of whole numbers from 0 on: by their bits, each of which stands for a square of the one before."""
    most = int(y.array.max()) if y.is_constant and y.array.size else (1 << TYPES[y.narrow or name][0]) - 1
    made: Value = b.add(b.mul(x, 0), 1)
    for place in range(max(most, 0).bit_length()):
        x = times(b, x, x, name) if place else x
        bit = b.binary("FloorMod", b.binary("FloorDiv", y, 1 << place), 2)
        if bit.is_constant and not bit.array.any():
            continue
        factor = x if bit.is_constant and bit.array.all() else b.where(b.compare("Equal", bit, 1), x, 1)
        made = times(b, made, factor, name)
    return b.add(made, b.mul(y, 0))


def product(b: Builder, x: Value, axes: Sequence[int], name: str) -> Value:
    """The product along axes of known sizes, which stay with the size 1: of halves, and of their halves."""
    for axis in axes:
        while x.shape[axis] != 1:
            size = x.shape[axis] or 0
            parts = [b.cut(x, axis, begin, size // 2) for begin in (0, size // 2)]
            rest = [b.cut(x, axis, size - 1, 1)] if size % 2 else []
            x = b.concat([times(b, *parts, name)] + rest, axis)
    return x
