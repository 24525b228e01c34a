"""Convolutions with padding="same" that TensorFlow.js 1.0.0 computes differently: a layer in front of them pads.

Its cpu backend exchanges the padding above and the padding on the left (tfjs-core 1.0.0, backend_cpu.ts: conv2d and
depthwiseConv2D take padLeft for rows and padTop for columns).  A Conv1D is such a convolution of one row.  A
convolution with equal padding above and on the left is right, and so are pooling and transposed convolutions.
"""
from collections import OrderedDict
from typing import List, Optional, Tuple

from ...layers.kinds.sizes import several
from ...layers.topology import Layer
from .draft import Draft, Record, added_record, each_split

CONVOLUTIONS = ("Conv1D", "Conv2D", "DepthwiseConv2D", "SeparableConv2D")
Sides = Tuple[int, int]  # numbers of zeros in front of a dimension, and after it


@each_split
def split(draft: Draft, layer: Layer) -> List[Record]:
    """The convolution itself, then with padding="valid", has the layer's name."""
    if layer.class_name not in CONVOLUTIONS or layer.config.get("padding") != "same":
        return [layer.record]
    shapes = draft.input_shapes(draft.source.layers[layer.name])
    found = {None if shape is None else sides(layer, shape) for shape in shapes}
    if len(found) != 1 or None in found:
        return [layer.record]
    both = found.pop()
    above, left = (both[0][0], both[1][0]) if len(both) == 2 else (0, both[0][0])
    if above == left:
        return [layer.record]
    front = in_one_dimension(draft, layer, shapes, both[0]) if len(both) == 1 else [added_record(
        "ZeroPadding2D", draft.free(layer.name + "_padded"), padding=[list(side) for side in both],
        data_format=layer.config.get("data_format", "channels_last"))]
    if not front:
        return [layer.record]
    config = OrderedDict(layer.config, padding="valid")
    if "batch_input_shape" in config:
        front[0]["config"]["batch_input_shape"] = config.pop("batch_input_shape")
    return front + [OrderedDict(layer.record, config=config)]


def in_one_dimension(draft: Draft, layer: Layer, shapes: list, side: Sides) -> List[Record]:
    """(steps, channels) as an image of one column; TensorFlow.js has no ZeroPadding1D.  [] for an open number of
    steps, which its Reshape loses."""
    sizes = {tuple(shape[1:]) for shape in shapes}
    steps, channels = sizes.pop()
    if sizes or steps is None or channels is None:
        return []
    name = layer.name
    return [added_record("Reshape", draft.free(name + "_column"), target_shape=[steps, 1, channels]),
            added_record("ZeroPadding2D", draft.free(name + "_padded"), padding=[list(side), [0, 0]],
                         data_format="channels_last"),
            added_record("Reshape", draft.free(name + "_row"), target_shape=[steps + sum(side), channels])]


def sides(layer: Layer, shape: List[Optional[int]]) -> Optional[Tuple[Sides, ...]]:
    """The zeros that padding="same" puts around each spatial dimension of an input of `shape`, batch size first.

    None where that depends on an open size.  The rule is tfjs-core's, conv_util.ts: getPadAndOutInfo.
    """
    config = layer.config
    first = config.get("data_format") == "channels_first"
    sizes = shape[2:] if first else shape[1:-1]
    result = []
    for size, kernel, stride, dilation in zip(sizes, *(several(config.get(key, 1), len(sizes)) for key in (
            "kernel_size", "strides", "dilation_rate"))):
        reach = (kernel - 1) * dilation + 1
        if stride != 1 and size is None:
            return None
        total = reach - 1 if stride == 1 else max((-(-size // stride) - 1) * stride + reach - size, 0)
        result.append((total // 2, total - total // 2))
    return tuple(result)
