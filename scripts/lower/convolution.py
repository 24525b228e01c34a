"""Convolutions of one, two and three dimensions: plain, depthwise, separable, transposed, in groups.

All of them become convolutions of two dimensions, which every TensorFlow.js has.  One dimension is an image of one row.
The first of three dimensions goes into the channels, window by window.  keras 2.6 layers/convolutional.py; Keras 3
layers/convolutional/, backend/tensorflow/nn.py.
"""
from typing import List, Sequence, Tuple

import numpy

from ..base.fault import Fault
from ..emit import Builder, Value
from ..emit.images import Cut
from .activation import activate
from .rules import Call, layer
from .windows import Window, channels_of, image, margins, numbers, padding_of, restored

ITSELF = "SAME"  # the padding of a window that TensorFlow.js pads for
COUNT = {"1D": 1, "2D": 2, "3D": 3}  # in the name of a class: its spatial dimensions


def count_of(call: Call) -> int:
    """The number of spatial dimensions, which the class's name tells."""
    return next(count for name, count in COUNT.items() if name in call.kind)


def window_of(call: Call, kernel: Value, paddings: Sequence[str] = ("valid", "same", "causal")) -> Window:
    """The settings of a convolution; the window is that of the kernel, whose last two dimensions are channels."""
    count = count_of(call)
    if kernel.rank != count + 2:
        raise Fault(f"layer {call.path!r} ({call.kind}) has a kernel of {kernel.rank} dimensions: weights and topology "
                    "do not belong together")
    return Window(tuple(kernel.shape[:count]), numbers(call, "strides", count), numbers(call, "dilation_rate", count),
                  padding_of(call, paddings))


def padded(call: Call, x: Value, window: Window) -> Tuple[Value, Window]:
    """The image between zeros, and the window that needs no padding any more.

    TensorFlow.js itself pads "same" where rows and columns have the same margins: 1.0.0 mistakes one for the other.
    """
    pairs = margins(call, x, window)
    if x.rank == 4 and window.padding == "same" and max(window.dilations) == 1 and pairs[1] == pairs[2] and \
            type(pairs[1][0]) is int:
        return x, window._replace(padding=ITSELF)
    return call.b.margins(x, pairs), window._replace(padding="valid")


def finished(call: Call, y: Value) -> Value:
    """The bias, the channels in their place, the activation."""
    bias = call.optional("bias")
    return activate(call, restored(call, call.b.add(y, bias) if bias is not None else y))


@layer("Conv1D Conv2D Conv3D")
def convolution(call: Call) -> Value:
    """A window over all channels, or over those of its group: a kernel for fewer channels has groups."""
    kernel = call.weight("kernel")
    window, x = window_of(call, kernel), image(call, count_of(call))
    channels = channels_of(call, x)
    if kernel.shape[-2] == 0 or channels % kernel.shape[-2]:
        raise Fault(f"layer {call.path!r} ({call.kind}) has a kernel for {kernel.shape[-2]} channels and is given "
                    f"{channels}: weights and topology do not belong together")
    groups = channels // kernel.shape[-2]
    if kernel.shape[-1] % groups:
        raise Fault(f"layer {call.path!r} ({call.kind}) has {kernel.shape[-1]} filters for {groups} groups: the file "
                    "is damaged")
    x, window = padded(call, x, window)
    return finished(call, in_groups(call.b, x, kernel, window, groups))


def in_groups(b: Builder, x: Value, kernel: Value, window: Window, groups: int) -> Value:
    """Each group of channels has its own filters; TensorFlow.js has no groups.

    Where a group is one channel, the convolution is depthwise: filter f of group g is number g * filters + f in both.
    """
    if groups == 1:
        return plain(b, x, kernel, window)
    depth, filters = kernel.shape[-2:]
    if depth == 1 and len(window.sizes) < 3:
        shape = list(window.sizes) + [groups, filters // groups]
        return depthwise(b, x, b.remade(kernel, "depthwise", shape, lambda array: array.reshape(shape)), window)
    parts, each = [], filters // groups
    for group, part in enumerate(b.split(x, groups, -1)):
        own = b.remade(kernel, f"group {group}", kernel.shape[:-1] + (each,),
                       lambda array, start=group * each: array[..., start:start + each])
        parts.append(plain(b, part, own, window))
    return b.concat(parts, -1)


def plain(b: Builder, x: Value, kernel: Value, window: Window, depthwise: bool = False) -> Value:
    """Convolve in one, two or three dimensions, without padding but where the window's is ITSELF."""
    count = len(window.sizes)
    if count == 1:
        row = b.remade(kernel, "row", (1,) + kernel.shape, lambda array: array[None]) if kernel.is_constant else \
            b.expand(kernel, 0)
        y = b.conv2d(b.expand(x, 1), row, (1,) + window.strides, (1,) + window.dilations, depthwise)
        return b.squeeze(y, [1])
    if count == 2:
        return b.conv2d(x, kernel, window.strides, window.dilations, depthwise,
                        ITSELF if window.padding == ITSELF else "VALID")
    sizes = kernel.shape
    flat = b.remade(kernel, "flat", sizes[1:3] + (sizes[0] * sizes[3], sizes[4]),
                    lambda array: array.transpose(1, 2, 0, 3, 4).reshape(sizes[1], sizes[2], -1, sizes[4]))
    slabs = windows_of_slices(b, x, window)
    y = b.conv2d(b.grouped(slabs, [[0, 1], [2], [3], [4]]), flat, window.strides[1:], window.dilations[1:])
    return apart(b, y, slabs)


def windows_of_slices(b: Builder, x: Value, window: Window) -> Value:
    """(batch, slices, rows, columns, channels) -> (batch, windows, rows, columns, slices of a window * channels)."""
    size, stride, dilation = window.sizes[0], window.strides[0], window.dilations[0]
    b.left(x.shape[1], size, stride, dilation)
    return b.concat([b.strided(x, [Cut(), Cut(place * dilation, (size - 1 - place) * dilation, stride)] + [Cut()] * 3)
                     for place in range(size)], -1)


def apart(b: Builder, y: Value, slabs: Value) -> Value:
    """(batch * slices, rows, columns, channels) with the batch and the slices of `slabs` as two dimensions again."""
    return b.shaped(y, [(slabs.shape[0], lambda: b.dim(slabs, 0)), (slabs.shape[1], lambda: b.dim(slabs, 1))] + [
        (size, lambda axis=axis: b.dim(y, axis)) for axis, size in enumerate(y.shape) if axis])


def depthwise(b: Builder, x: Value, kernel: Value, window: Window) -> Value:
    """Convolve each channel by itself; the kernel is (…, channels, multiplier)."""
    return plain(b, x, kernel, window, True)


@layer("DepthwiseConv1D DepthwiseConv2D")
def depthwise_convolution(call: Call) -> Value:
    """A window for each channel by itself."""
    kernel = call.weight("depthwise_kernel")
    x, window = padded(call, image(call, count_of(call)), window_of(call, kernel))
    return finished(call, depthwise(call.b, x, kernel, window))


@layer("SeparableConv1D SeparableConv2D")
def separable_convolution(call: Call) -> Value:
    """A depthwise convolution, and one of a single place after it."""
    kernel, point = call.weight("depthwise_kernel"), call.weight("pointwise_kernel")
    x, window = padded(call, image(call, count_of(call)), window_of(call, kernel))
    y = depthwise(call.b, x, kernel, window)
    ones = (1,) * len(window.sizes)
    return finished(call, plain(call.b, y, point, Window(ones, ones, ones, "valid")))


# Transposed ------------------------------------------------------------------------------------------------------

@layer("Conv1DTranspose Conv2DTranspose Conv3DTranspose")
def transposed_convolution(call: Call) -> Value:
    """The convolution that is computed backwards: every place of the input spreads a window over the output.

    All that the windows touch is computed, then it is cut, or filled with zeros, to the size that Keras gives it.
    The kernel is (…, filters, channels).
    """
    kernel = call.weight("kernel")
    window, x = window_of(call, kernel, ("valid", "same")), image(call, count_of(call))
    if channels_of(call, x) != kernel.shape[-1]:
        raise Fault(f"layer {call.path!r} ({call.kind}) has a kernel for {kernel.shape[-1]} channels and is given "
                    f"{x.shape[-1]}: weights and topology do not belong together")
    y = touched(call.b, x, kernel, window)
    return finished(call, call.b.margins(y, [(0, 0)] + edges(call, window) + [(0, 0)]))


def touched(b: Builder, x: Value, kernel: Value, window: Window) -> Value:
    """All that the windows touch: a size n becomes (n - 1) * stride + (window - 1) * dilation + 1."""
    count = len(window.sizes)
    if count == 1:
        wide = Window((1,) + window.sizes, (1,) + window.strides, (1,) + window.dilations, "valid")
        flat = b.remade(kernel, "row", (1,) + kernel.shape, lambda array: array[None])
        return b.squeeze(touched(b, b.expand(x, 1), flat, wide), [1])
    if count == 3:
        return slice_by_slice(b, x, kernel, window)
    return b.transposed2d(x, kernel, window.strides) if max(window.dilations) == 1 else \
        zeros_between(b, x, kernel, window)


def slice_by_slice(b: Builder, x: Value, kernel: Value, window: Window) -> Value:
    """A volume: across the slices by a plain convolution, with zeros between them, within each a transposed one."""
    size, dilation = window.sizes[0], window.dilations[0]
    margin, across = (size - 1) * dilation, Window(window.sizes[:1], (1,), window.dilations[:1], "valid")
    x = b.pad(b.spaced(x, 1, window.strides[0]), [(0, 0), (margin, margin)] + [(0, 0)] * 3)
    slabs = windows_of_slices(b, x, across)
    rows, columns, filters, channels = kernel.shape[1:]
    flat = b.remade(kernel, "slabs", (rows, columns, filters, size * channels), lambda array: numpy.flip(
        array, 0).transpose(1, 2, 3, 0, 4).reshape(rows, columns, filters, size * channels))
    within = Window(window.sizes[1:], window.strides[1:], window.dilations[1:], "valid")
    return apart(b, touched(b, b.grouped(slabs, [[0, 1], [2], [3], [4]]), flat, within), slabs)


def zeros_between(b: Builder, x: Value, kernel: Value, window: Window) -> Value:
    """A dilated one by a plain convolution: zeros between the places and around them, the kernel turned round."""
    for axis, stride in enumerate(window.strides, 1):
        x = b.spaced(x, axis, stride)
    around = [(size - 1) * dilation for size, dilation in zip(window.sizes, window.dilations)]
    x = b.pad(x, [(0, 0)] + [(margin, margin) for margin in around] + [(0, 0)])
    turned = b.remade(kernel, "turned", kernel.shape[:2] + kernel.shape[:1:-1],
                      lambda array: numpy.flip(array, (0, 1)).swapaxes(-1, -2))
    return plain(b, x, turned, Window(window.sizes, (1, 1), window.dilations, "valid"))


def edges(call: Call, window: Window) -> List[tuple]:
    """The places added before and behind what the windows touch, for each dimension; less than 0: cut off.

    keras 2.6 conv_utils.deconv_output_length; Keras 3 backend_utils._get_output_shape_given_tf_padding.  TensorFlow
    takes padding "same" for the output as a convolution takes it for its input.
    """
    extra = None if call.config.get("output_padding") is None else \
        numbers(call, "output_padding", len(window.sizes), least=0)
    found = []
    for place, (size, stride, dilation) in enumerate(zip(window.sizes, window.strides, window.dilations)):
        reach = (size - 1) * dilation + 1
        same = window.padding == "same"
        if extra is None:
            more = stride - reach if same else max(stride - reach, 0)
        elif same:
            more = extra[place] - reach // 2 * 2
        else:
            more = extra[place]
        before = -(max(-more, 0) // 2) if same else 0
        found.append((before, more - before))
    return found
