"""Transposed convolutions, pooling of any kind, dilations and local responses (tf.nn)."""
from typing import List, Sequence, Tuple

import numpy

from ...base.fault import Fault
from ...emit import Value
from ...emit.images import Cut
from ...emit.shaping import Size
from .. import convolution
from ..rules import Call, function, node
from ..windows import LARGEST, NAME_SIZES, OPEN, Window, margins
from .given import argument, floats, integer, needed, value
from .imaging import PLACES, channels_last, constant, paddings, pooled, restored, spatial, window_of
from .shaping import sizes

LEAST = -3.4028234663852886e38  # what no window takes for its largest number


@function("nn.conv1d_transpose nn.conv2d_transpose nn.conv2d_transpose_v2 nn.conv3d_transpose nn.conv3d_transpose_v2")
def conv_transpose(call: Call) -> Value:
    """A convolution backwards, to the size that the operation names."""
    return backwards(call, floats(call, "input value"), constant(call, "filters filter", 1),
                     argument(call, "output_shape", 2, needed), "same")


@node("Conv2DBackpropInput Conv3DBackpropInputV2")
def conv_backprop(call: Call) -> Value:
    """The same, whose size comes first."""
    return backwards(call, call.b.cast(value(call, call.args[2]), "float32"), constant(call, "filter", 1),
                     call.args[0], "valid")


def backwards(call: Call, x: Value, kernel: Value, target: object, default: str) -> Value:
    """All that the windows touch, without the margins that the convolution itself would have padded."""
    x = channels_last(call, x, kernel.rank)
    padding = str(argument(call, "padding", None, default)).lower()
    window, count = window_of(call, kernel, padding), kernel.rank - 2
    wanted = sizes(call, target)
    wanted = wanted[-count:] if str(argument(call, "data_format", None, "")).startswith("NC") else wanted[-count - 1:-1]
    if None in x.shape[1:-1] or any(type(size) is not int for size in wanted):
        call.refuse(OPEN, NAME_SIZES)
    if x.shape[-1] != kernel.shape[-1] or padding not in ("same", "valid") or len(wanted) != count:
        raise Fault(f"operation {call.path!r} has a kernel of shape {kernel.shape} and is given {x.shape}")
    pairs: List[Tuple[Size, Size]] = []
    for own, size, wide, stride, dilation in zip(x.shape[1:], wanted, window.sizes, window.strides, window.dilations):
        reach = (wide - 1) * dilation + 1
        missing = max((own - 1) * stride + reach - size, 0) if padding == "same" else 0
        if not 0 < size <= LARGEST:
            raise Fault(f"operation {call.path!r} ({call.kind}) has the size {size}: the file is damaged")
        pairs.append((-(missing // 2), size - (own - 1) * stride - reach + missing // 2))
    y = convolution.touched(call.b, x, kernel, window)
    return restored(call, call.b.margins(y, [(0, 0)] + pairs + [(0, 0)]))


@function("nn.atrous_conv2d")
def atrous_conv2d(call: Call) -> Value:
    """A convolution whose window has holes."""
    kernel, rate = constant(call, "filters", 1), integer(call, argument(call, "rate", 2, needed), "rate")
    x, padding = paddings(call, channels_last(call, floats(call, "value"), 4))
    if not 0 < rate <= LARGEST:
        raise Fault(f"operation {call.path!r} has the rate {rate}: the file is damaged")
    window = Window(kernel.shape[:2], (1, 1), (rate, rate), padding)
    return convolution.plain(call.b, call.b.margins(x, margins(call, x, window)), kernel, window._replace(
        padding="valid"))


@function("nn.atrous_conv2d_transpose")
def atrous_conv2d_transpose(call: Call) -> Value:
    """A convolution backwards whose window has holes."""
    call.kwargs.update(strides=1, dilations=argument(call, "rate", 3, needed))
    call.kwargs.setdefault("padding", argument(call, "padding", 4, needed))
    return backwards(call, floats(call, "value"), constant(call, "filters", 1),
                     argument(call, "output_shape", 2, needed), "same")


@function("nn.pool")
def pool(call: Call) -> Value:
    """The largest number or the mean of each window."""
    x = channels_last(call, floats(call))
    dilations = spatial(call, "dilations dilation_rate", x.rank - 2)
    kind = str(argument(call, "pooling_type", 2, needed)).upper()
    call.kwargs.update(pool_size=argument(call, "window_shape", 1, needed), strides=argument(call, "strides", None, 1))
    if max(dilations) > 1:
        return restored(call, with_holes(call, x, spatial(call, "pool_size", x.rank - 2), dilations, kind))
    return pooled("MaxPool" if kind == "MAX" else "AvgPool")(call)


def with_holes(call: Call, x: Value, window: Sequence[int], dilations: Sequence[int], kind: str) -> Value:
    """Windows with holes, one beside the other: TensorFlow takes no other strides there, and no margins."""
    b, made = call.b, None
    if int(numpy.prod(window)) > PLACES:
        raise Fault(f"operation {call.path!r} has windows of {window} places: too many")
    for place in numpy.ndindex(*window):
        cuts = [Cut(at * dilation, (size - 1 - at) * dilation) for at, size, dilation in zip(place, window, dilations)]
        part = b.strided(x, [Cut()] + cuts + [Cut()])
        made = part if made is None else b.maximum(made, part) if kind == "MAX" else b.add(made, part)
    return made if kind == "MAX" else b.mul(made, 1 / int(numpy.prod(window)))


@function("nn.local_response_normalization nn.lrn")
@node("LRN")
def local_response_normalization(call: Call) -> Value:
    """x over a power of the sum of squares of the channels around (tensorflow core/kernels/lrn_op.cc)."""
    b, x = call.b, floats(call)
    radius = integer(call, argument(call, "depth_radius", 1, 5), "depth_radius")
    bias, alpha, beta = [float(argument(call, name, at, default)) for at, (name, default) in enumerate(
        (("bias", 1.0), ("alpha", 1.0), ("beta", 0.5)), 2)]
    if x.shape[-1] is None or x.shape[-1] > PLACES:
        raise Fault(f"operation {call.path!r} is given a tensor of shape {x.shape}: the file is damaged")
    places = numpy.arange(x.shape[-1])
    near = abs(places[:, None] - places) <= radius
    total = b.dense(b.square(x), b.constant(near.astype("float32")))
    return b.div(x, b.binary("Pow", b.add(b.mul(total, alpha), bias), beta))


@function("nn.dilation2d")
@node("Dilation2D")
def dilation2d(call: Call) -> Value:
    """The largest sum of a number and of its place's in a window, of each channel by itself."""
    b, x = call.b, floats(call)
    kernel = b.cast(value(call, argument(call, "filters filter", 1, needed)), "float32")
    return dilated(call, x, kernel)


@function("nn.erosion2d")
def erosion2d(call: Call) -> Value:
    """The smallest difference: a dilation of what is below, by the window turned round."""
    b, x = call.b, floats(call, "value")
    kernel = b.cast(value(call, argument(call, "filters kernel", 1, needed)), "float32")
    return b.neg(dilated(call, b.neg(x), b.reverse(b.reverse(kernel, [0]), [1])))


def dilated(call: Call, x: Value, kernel: Value) -> Value:
    """The largest sum of each window."""
    b = call.b
    if x.rank != 4 or kernel.rank != 3:
        raise Fault(f"operation {call.path!r} has a kernel of shape {kernel.shape} and is given {x.shape}")
    window = Window(kernel.shape[:2], spatial(call, "strides", 2), spatial(call, "dilations rates", 2),
                    str(argument(call, "padding", None, "valid")).lower())
    pairs = margins(call, x, window)
    if any(isinstance(side, Value) for pair in pairs for side in pair):
        call.refuse(OPEN, NAME_SIZES)
    if int(numpy.prod(window.sizes)) > PLACES:
        raise Fault(f"operation {call.path!r} has windows of {window.sizes} places: too many")
    x, made = b.pad(x, [(max(before, 0), max(behind, 0)) for before, behind in pairs], LEAST), None
    for row, column in numpy.ndindex(*window.sizes):
        cuts = [Cut(at * dilation, (size - 1 - at) * dilation, stride) for at, size, stride, dilation in zip(
            (row, column), window.sizes, window.strides, window.dilations)]
        part = b.add(b.strided(x, [Cut()] + cuts + [Cut()]), b.at(b.at(kernel, 0, row), 0, column))
        made = part if made is None else b.maximum(made, part)
    return made


@function("nn.max_pool_with_argmax")
@node("MaxPoolWithArgmax")
def pool_with_places(call: Call) -> List[Value]:
    """The largest number of each window, and where it stands in the row of all of an image's, or of all images'."""
    b, x = call.b, floats(call)
    if x.rank != 4 or None in x.shape[1:]:
        call.refuse(OPEN, NAME_SIZES)
    rows, columns, channels = x.shape[1:]
    given = b.constant(numpy.arange(rows * columns * channels, dtype="int32").reshape(1, rows, columns, channels))
    window = Window(spatial(call, "ksize", 2), spatial(call, "strides", 2), (1, 1), str(argument(
        call, "padding", None, needed)).lower())
    pairs = margins(call, x, window)
    if int(numpy.prod(window.sizes)) > PLACES:
        raise Fault(f"operation {call.path!r} has windows of {window.sizes} places: too many")
    x = b.pad(b.margins(x, [(min(0, one), min(0, other)) for one, other in pairs]),
              [(max(before, 0), max(behind, 0)) for before, behind in pairs], LEAST)
    places = b.constant(numpy.pad(given.array, [(max(before, 0), max(behind, 0)) for before, behind in pairs], "edge"))
    made, found = None, None
    for row, column in numpy.ndindex(*window.sizes):
        cuts = [Cut()] + [Cut(at, size - 1 - at, stride) for at, size, stride in zip(
            (row, column), window.sizes, window.strides)] + [Cut()]
        part, place = b.strided(x, cuts), b.strided(places, cuts)
        if made is None:
            made, found = part, b.add(place, b.mul(b.cast(part, "int32"), 0))
            continue
        more = b.compare("Greater", part, made)
        made, found = b.where(more, part, made), b.where(more, place, found)
    if argument(call, "include_batch_in_index", None, False):
        of_batch = b.reshape(b.counted(b.dim(x, 0)), [-1, 1, 1, 1])
        found = b.add(found, b.mul(of_batch, rows * columns * channels))
    return [made, found]
