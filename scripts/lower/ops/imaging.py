"""Images: convolutions, pooling, patches, filters (keras.ops.nn, keras.ops.image, tf.nn, tf.image)."""
from typing import Any, List, Tuple

import numpy

from ...base.fault import Fault
from ...emit import Value
from ...emit.core import DType
from ...emit.images import Cut
from .. import convolution, pooling
from ..rules import Call, function, node, operation
from ..windows import LARGEST, Window, margins
from .given import argument, first, floats, holds_tensors, integer, integers, known, limited, needed, tensor, value
from .padding import padded

PLACES = 4096  # of a window whose places become channels


def channels_last(call: Call, x: Value, rank: int = 0) -> Value:
    """An image with the channels last.  Raises Fault unless it has that rank, or, by default, 3 to 5."""
    if x.rank != rank if rank else not 3 <= x.rank <= 5:
        raise Fault(f"operation {call.path!r} ({call.kind}) is given a tensor of {x.rank} dimensions")
    return call.b.move(x, 1, -1) if first(call) else x


def restored(call: Call, y: Value) -> Value:
    """An image with the channels where the operation has them."""
    return call.b.move(y, -1, 1) if first(call) else y


def spatial(call: Call, names: str, count: int, default: int = 1, at: Any = None) -> Tuple[int, ...]:
    """A setting as a number for each spatial dimension: 2, [2], [2, 3], or TensorFlow's [1, 2, 3, 1]."""
    given = argument(call, names, at)
    found = [default] if given is None else integers(call, given, names.split()[0])
    if len(found) == count + 2 and len(found) > 1:
        found = found[2:] if first(call) else found[1:-1]
    found = found * count if len(found) == 1 else found
    if len(found) != count or not all(0 < one <= LARGEST for one in found):
        raise Fault(f"operation {call.path!r} ({call.kind}) has {names.split()[0]}={str(given)[:60]}: the file is "
                    "damaged")
    return tuple(found)


def constant(call: Call, names: str, at: int) -> Value:
    """A kernel."""
    kernel = call.b.cast(value(call, argument(call, names, at, needed)), "float32")
    if not kernel.is_constant:
        call.refuse("its kernel is computed", "use a layer, whose kernel is a weight")
    return kernel


def paddings(call: Call, x: Value, default: str = "valid") -> Tuple[Value, str]:
    """The image and its padding; margins that TensorFlow is given as numbers are laid around it."""
    given = argument(call, "padding", None, default)
    if isinstance(given, str) and given.lower() in ("valid", "same"):
        return x, given.lower()
    explicit = argument(call, "explicit_paddings") if isinstance(given, str) else given
    pairs = numpy.array(known(explicit), "int64").reshape(-1, 2).tolist()
    pairs = [pairs[0]] + pairs[2:] + [pairs[1]] if first(call) else pairs
    if len(pairs) != x.rank or min(map(min, pairs)) < 0 or max(map(max, pairs)) > LARGEST:
        raise Fault(f"operation {call.path!r} ({call.kind}) has the padding {str(given)[:60]}")
    return call.b.pad(x, pairs), "valid"


def window_of(call: Call, kernel: Value, padding: str) -> Window:
    """The settings of a convolution."""
    count = kernel.rank - 2
    return Window(tuple(kernel.shape[:count]), spatial(call, "strides stride", count),
                  spatial(call, "dilation_rate dilations", count), padding)


@operation("Conv")
@function("nn.convolution nn.conv1d nn.conv2d nn.conv3d nn.convolution_v2")
@node("Conv2D Conv3D")
def conv(call: Call) -> Value:
    """A window over all channels, or over those of its group."""
    kernel = constant(call, "kernel filters filter", 1)
    x, padding = paddings(call, channels_last(call, floats(call, "inputs input value"), kernel.rank))
    window, channels = window_of(call, kernel, padding), x.shape[-1]
    if channels is None or not kernel.shape[-2] or channels % kernel.shape[-2]:
        raise Fault(f"operation {call.path!r} has a kernel for {kernel.shape[-2]} channels and is given {channels}")
    made = convolution.in_groups(call.b, call.b.margins(x, margins(call, x, window)), kernel, window,
                                 channels // kernel.shape[-2])
    return restored(call, made)


@operation("DepthwiseConv")
@function("nn.depthwise_conv2d")
@node("DepthwiseConv2dNative")
def depthwise_conv(call: Call) -> Value:
    """A window for each channel by itself."""
    kernel = constant(call, "kernel filter", 1)
    x, padding = paddings(call, channels_last(call, floats(call, "inputs input"), kernel.rank))
    window = window_of(call, kernel, padding)
    return restored(call, convolution.depthwise(call.b, call.b.margins(x, margins(call, x, window)), kernel, window))


@operation("SeparableConv")
@function("nn.separable_conv2d")
def separable_conv(call: Call) -> Value:
    """A depthwise convolution, and one of a single place after it."""
    kernel = constant(call, "depthwise_kernel depthwise_filter", 1)
    point = constant(call, "pointwise_kernel pointwise_filter", 2)
    x, padding = paddings(call, channels_last(call, floats(call, "inputs input"), kernel.rank))
    window, ones = window_of(call, kernel, padding), (1,) * (kernel.rank - 2)
    made = convolution.depthwise(call.b, call.b.margins(x, margins(call, x, window)), kernel, window)
    return restored(call, convolution.plain(call.b, made, point, Window(ones, ones, ones, "valid")))


def pooled(op: str) -> Any:
    """The function of a pooling."""
    def lower(call: Call) -> Value:
        x = channels_last(call, floats(call, "inputs input value"))
        count = x.rank - 2
        sizes = spatial(call, "pool_size ksize", count)
        x, padding = paddings(call, x)
        given = argument(call, "strides")
        strides = sizes if given is None else spatial(call, "strides", count)
        made = restored(call, pooling.pooled(call.b, op, x, Window(sizes, strides, (1,) * count, padding)))
        return call.b.cast(made, tensor(call, "inputs input value").dtype) if op == "MaxPool" else made
    return lower


operation("MaxPool")(pooled("MaxPool"))
operation("AveragePool")(pooled("AvgPool"))
function("nn.max_pool nn.max_pool1d nn.max_pool2d nn.max_pool3d nn.max_pool_v2")(pooled("MaxPool"))
function("nn.avg_pool nn.avg_pool1d nn.avg_pool2d nn.avg_pool3d nn.avg_pool_v2")(pooled("AvgPool"))
node("MaxPool MaxPool3D")(pooled("MaxPool"))
node("AvgPool AvgPool3D")(pooled("AvgPool"))


@operation("AdaptiveMaxPool AdaptiveAveragePool")
def adaptive_pool(call: Call) -> Value:
    """So many windows that cover each dimension."""
    x = channels_last(call, floats(call, "inputs"))
    if None in x.shape[1:-1]:
        call.refuse("its windows depend on a size that is open", "give it: --input-shape")
    for axis, target in enumerate(spatial(call, "output_size", x.rank - 2), 1):
        x = pooling.along(call.b, "MaxPool" if "Max" in call.kind else "AvgPool", x, axis, target)
    return restored(call, x)


# Blocks and patches ------------------------------------------------------------------------------------------------


@operation("DepthToSpace")
@function("nn.depth_to_space")
@node("DepthToSpace")
def depth_to_space(call: Call) -> Value:
    """Channels become blocks of places."""
    b, x = call.b, channels_last(call, tensor(call, "x input"), 4)
    block, channels = integer(call, argument(call, "block_size", 1, needed), "block_size"), x.shape[3]
    if channels is None or block < 1 or channels % block ** 2:
        raise Fault(f"operation {call.path!r} makes blocks of {block} of {channels} channels: the file is damaged")
    flat = b.reshape(x, [-1, b.dim(x, 2), block, channels // block])
    made = b.reshape(b.transpose(flat, [0, 2, 1, 3]), [
        b.dim(x, 0) if x.shape[1] is None else -1, -1 if x.shape[1] is None else x.shape[1] * block,
        b.size("Mul", b.dim(x, 2), block), channels // block ** 2])
    shape = [x.shape[0]] + [None if size is None else size * block for size in x.shape[1:3]] + [channels // block ** 2]
    return restored(call, Value(made.dtype, shape, made.tensor, made.weight))


@operation("SpaceToDepth")
@function("nn.space_to_depth")
@node("SpaceToDepth")
def space_to_depth(call: Call) -> Value:
    """Blocks of places become channels."""
    b, x = call.b, channels_last(call, tensor(call, "x input"), 4)
    block, channels = integer(call, argument(call, "block_size", 1, needed), "block_size"), x.shape[3]
    if channels is None or block < 1 or any(size is not None and size % block for size in x.shape[1:3]):
        raise Fault(f"operation {call.path!r} makes blocks of {block} of {x.shape}: the file is damaged")
    shape = [x.shape[0]] + [None if size is None else size // block for size in x.shape[1:3]] + [channels * block ** 2]
    width = b.size("FloorDiv", b.dim(x, 2), block)
    flat = b.reshape(x, [-1, block, width, block * channels])
    made = b.reshape(b.transpose(flat, [0, 2, 1, 3]), [
        b.dim(x, 0) if shape[1] is None else -1, -1 if shape[1] is None else shape[1], width, channels * block ** 2])
    return restored(call, Value(made.dtype, shape, made.tensor, made.weight))


@function("space_to_batch_nd space_to_batch")
@node("SpaceToBatchND")
def space_to_batch(call: Call) -> Value:
    """Blocks of places become batches: what TensorFlow makes of a convolution with dilations."""
    x, block, pairs = batched(call, "paddings")
    shape: List[Any] = [None] + list(x.shape[1:])
    for axis, size in enumerate(block, 1):
        whole = None if shape[axis] is None or pairs is None else shape[axis] + sum(pairs[axis - 1])
        shape[axis] = None if whole is None else whole // size
    return of_batches(call, "SpaceToBatchND", x, block, "paddings", shape)


@function("batch_to_space batch_to_space_nd")
@node("BatchToSpaceND")
def batch_to_space(call: Call) -> Value:
    """Batches become blocks of places."""
    x, block, pairs = batched(call, "crops")
    shape: List[Any] = [None] + list(x.shape[1:])
    for axis, size in enumerate(block, 1):
        shape[axis] = None if shape[axis] is None or pairs is None else shape[axis] * size - sum(pairs[axis - 1])
    return of_batches(call, "BatchToSpaceND", x, block, "crops", shape)


def batched(call: Call, margin: str) -> Tuple[Value, List[int], Any]:
    """The tensor, the blocks and the margins, None where these are computed."""
    x, block = tensor(call, "input"), integers(call, argument(call, "block_shape", 1, needed), "block_shape")
    pairs = known(argument(call, margin, 2, needed))
    if len(block) >= x.rank or min(block) < 1:
        raise Fault(f"operation {call.path!r} makes blocks of {block} of a tensor of shape {x.shape}")
    return x, block, None if isinstance(pairs, Value) or holds_tensors(pairs) else pairs


def of_batches(call: Call, op: str, x: Value, block: List[int], margin: str, shape: List[Any]) -> Value:
    """The operation itself, which every TensorFlow.js has."""
    b, pairs = call.b, b_int(call, argument(call, margin, 2, needed))
    return b.one(op, [x, b.constant(block, "int32", "block"), pairs], x.dtype, shape, T=DType(x.dtype),
                 Tblock_shape=DType("int32"), **{"T" + margin: DType("int32")})


def b_int(call: Call, given: Any) -> Value:
    """Whole numbers, or a tensor of them."""
    return call.b.cast(value(call, given), "int32")


@operation("ExtractPatches")
def extract_patches(call: Call) -> Value:
    """Each window as a row of channels (keras 3 ops/image.py: _extract_patches)."""
    b, x = call.b, floats(call, "images volumes")
    count = 3 if isinstance(call.config.get("size"), list) and len(call.config["size"]) == 3 else 2
    alone = x.rank == count + 1
    x = channels_last(call, b.expand(x, 0) if alone else x, count + 2)
    sizes = spatial(call, "size", count)
    given = argument(call, "strides")
    window = Window(sizes, sizes if given is None else spatial(call, "strides", count),
                    spatial(call, "dilation_rate", count), str(call.config.get("padding", "valid")).lower())
    return placed(call, patches(call, x, window), alone)


def placed(call: Call, made: Value, alone: bool) -> Value:
    """The result in the operation's layout, without a batch where it was given one image."""
    made = restored(call, made)
    return call.b.squeeze(made, [0]) if alone else made


def patches(call: Call, x: Value, window: Window) -> Value:
    """The places of each window, one after another, as channels."""
    limited(call, [one or 1 for one in x.shape] + list(window.sizes))
    x = call.b.margins(x, margins(call, x, window))
    parts = []
    for place in numpy.ndindex(*window.sizes):
        cuts = [Cut()]
        for at, size, stride, dilation in zip(place, window.sizes, window.strides, window.dilations):
            cuts.append(Cut(at * dilation, (size - 1 - at) * dilation, stride))
        parts.append(call.b.strided(x, cuts + [Cut()]))
    if len(parts) > PLACES:
        call.refuse(f"its windows hold {len(parts)} places", f"take windows of at most {PLACES}")
    return call.b.concat(parts, -1)


@operation("Unfold")
def unfold(call: Call) -> Value:
    """Each window as a column, of an image with the channels first (keras 3 backend/tensorflow/nn.py: unfold)."""
    b, x = call.b, tensor(call)
    channels = x.shape[1]
    if x.rank != 4 or None in x.shape[1:]:  # Keras builds it of no open size
        raise Fault(f"operation {call.path!r} is given a tensor of shape {x.shape}: the file is damaged")
    around = integers(call, call.config.get("padding", 0), "padding")
    around = around * 2 if len(around) == 1 else around
    if min(around) < 0 or max(around) > LARGEST:
        raise Fault(f"operation {call.path!r} has the padding {around}: the file is damaged")
    x = b.pad(b.move(x, 1, -1), [(0, 0), (around[0],) * 2, (around[1],) * 2, (0, 0)])
    window = Window(spatial(call, "kernel_size", 2), spatial(call, "stride", 2), spatial(call, "dilation", 2), "valid")
    made = patches(call, x, window)  # (batch, rows, columns, places * channels)
    rows, columns = made.shape[1:3]
    places = window.sizes[0] * window.sizes[1]
    flat = b.reshape(made, [-1, rows * columns, places, channels])
    return b.reshape(b.transpose(flat, [0, 3, 2, 1]), [-1, channels * places, rows * columns])


# Flips ---------------------------------------------------------------------------------------------------------------


@function("image.flip_left_right")
def flip_left_right(call: Call) -> Value:
    """Columns the other way round."""
    x = tensor(call, "image")
    return call.b.reverse(x, [x.rank - 2])


@function("image.flip_up_down")
def flip_up_down(call: Call) -> Value:
    """Rows the other way round."""
    x = tensor(call, "image")
    return call.b.reverse(x, [x.rank - 3])


# Filters -------------------------------------------------------------------------------------------------------------


@operation("GaussianBlur")
def gaussian_blur(call: Call) -> Value:
    """Each channel under a bell of two dimensions (keras 3 backend/tensorflow/image.py: gaussian_blur)."""
    b, x = call.b, floats(call, "images")
    alone = x.rank == 3
    x = channels_last(call, b.expand(x, 0) if alone else x, 4)
    sizes = spatial(call, "kernel_size", 2, 3)
    limited(call, sizes)
    bells = []
    for size, sigma in zip(sizes, numpy.array(call.config.get("sigma", [1.0, 1.0]), "float32").reshape(2)):
        places = numpy.arange(size, dtype="float32") - numpy.float32((size - 1) / 2)
        bell = numpy.exp(numpy.float32(-0.5) * (places / sigma) ** 2)
        bells.append(bell / bell.sum())
    flat = numpy.outer(bells[1], bells[0]).reshape(sizes[0], sizes[1], 1, 1)
    kernel = b.constant(numpy.tile(flat, (1, 1, x.shape[-1], 1)).astype("float32"))
    window = Window(sizes, (1, 1), (1, 1), "same")
    return placed(call, convolution.depthwise(b, b.margins(x, margins(call, x, window)), kernel, window), alone)


SOBEL = ([[-1, -2, -1], [0, 0, 0], [1, 2, 1]], [[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]])  # down, to the right


@operation("SobelEdges")
@function("image.sobel_edges")
def sobel_edges(call: Call) -> Value:
    """The slope of each place, down and to the right (tensorflow image_ops_impl.py: sobel_edges)."""
    b, x = call.b, floats(call, "images image")
    x = channels_last(call, x, 4)
    channels = x.shape[-1]
    window = Window((3, 3), (1, 1), (1, 1), "valid")
    whole = padded(call, x, [[0, 0], [1, 1], [1, 1], [0, 0]], "reflect", 0)
    made = [convolution.depthwise(b, whole, b.constant(numpy.tile(
        numpy.array(one, "float32").reshape(3, 3, 1, 1), (1, 1, channels, 1))), window) for one in SOBEL]
    return b.stack([restored(call, one) for one in made], -1)


@function("image.central_crop")
def central_crop(call: Call) -> Value:
    """The middle of an image (tensorflow image_ops_impl.py: central_crop)."""
    b, x = call.b, tensor(call, "image")
    share = float(argument(call, "central_fraction", None, needed))
    rows = x.rank - 3
    for axis in (rows, rows + 1):
        if x.shape[axis] is None:
            call.refuse("a size of its image is open", "give it: --input-shape")
        before = int((x.shape[axis] - x.shape[axis] * share) / 2)
        x = b.cut(x, axis, before, x.shape[axis] - 2 * before)
    return x


@function("image.crop_to_bounding_box")
def crop_to_bounding_box(call: Call) -> Value:
    """A part of an image."""
    b, x = call.b, tensor(call, "image")
    for axis, side in ((x.rank - 3, "height"), (x.rank - 2, "width")):
        begin = integer(call, argument(call, f"offset_{side}", None, needed), "offset")
        size = integer(call, argument(call, f"target_{side}", None, needed), "size")
        if begin < 0 or size < 1 or x.shape[axis] is not None and begin + size > x.shape[axis]:
            raise Fault(f"operation {call.path!r} crops what an image of shape {x.shape} does not hold")
        x = b.cut(x, axis, begin, size)
    return x


@function("image.per_image_standardization")
def per_image_standardization(call: Call) -> Value:
    """Mean 0 and deviation 1 of each image; the deviation is at least 1 / sqrt(values)."""
    b, x = call.b, floats(call, "image")
    along = [x.rank - 3, x.rank - 2, x.rank - 1]
    if None in x.shape[-3:]:
        call.refuse("a size of its image is open", "give it: --input-shape")
    least = float(numpy.prod(x.shape[-3:])) ** -0.5
    deviation = b.maximum(b.sqrt(b.variance(x, along)), least)
    return b.div(b.sub(x, b.mean(x, along, True)), deviation)
