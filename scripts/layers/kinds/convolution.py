"""Convolutions (keras 2.6 layers/convolutional.py; Keras 3 layers/convolutional/)."""
from typing import Any, Callable, Dict, List, Sequence

from .kind import Config, Shape, Variable, row
from .sizes import Size, channels, several, slide, spatial, times, whole


def convolution(filters: Callable[[Config, Size], Size]) -> Callable[[Config, List[Shape], Any], List[Shape]]:
    """Return the shape rule of a convolution.  filters(config, channels): the number of channels of its output."""
    def rule(config: Config, inputs: List[Shape], nested: Any) -> List[Shape]:
        sizes, put = spatial(config, inputs[0])
        settings = [several(config.get(key, 1), len(sizes)) for key in ("kernel_size", "strides", "dilation_rate")]
        settings = zip(sizes, *settings)
        return [put([slide(size, window, stride, config["padding"], dilation)
                     for size, window, stride, dilation in settings], filters(config, channels(config, inputs[0])))]
    return rule


def transposed(config: Config, inputs: List[Shape], nested: Any) -> List[Shape]:
    """The input's shape of the convolution whose output this is (keras 2.6 conv_utils.deconv_output_length)."""
    sizes, put = spatial(config, inputs[0])
    extra = config.get("output_padding")
    result = []
    for index, size in enumerate(sizes):
        dilation = several(config.get("dilation_rate") or 1, len(sizes))[index]
        window = times(several(config["kernel_size"], len(sizes))[index] - 1, dilation) + 1
        stride = several(config["strides"], len(sizes))[index]
        if size is None:
            result.append(None)
        elif extra is None:
            result.append(times(size, stride) + (max(window - stride, 0) if config["padding"] == "valid" else 0))
        else:
            cut = window // 2 if config["padding"] == "same" else 0
            result.append(times(size - 1, stride) + window - 2 * cut + several(extra, len(sizes))[index])
    return [put(result, config["filters"])]


def window(config: Config) -> List[Any]:
    """The kernel's sizes."""
    size = config.get("kernel_size") or []
    return several(size, 1)


def bias(config: Config, size: Size) -> List[Variable]:
    """One value per channel of the output."""
    return [Variable("bias", [size])] * bool(config.get("use_bias", True))


def kernel(config: Config) -> List[Variable]:
    """A window from all channels to each filter."""
    filters = whole(config, "filters")
    return [Variable("kernel", window(config) + [None, filters])] + bias(config, filters)


def transposed_kernel(config: Config) -> List[Variable]:
    """The filters stand before the channels."""
    filters = whole(config, "filters")
    return [Variable("kernel", window(config) + [filters, None])] + bias(config, filters)


def depthwise_kernel(config: Config) -> List[Variable]:
    """A window for each channel by itself."""
    return [Variable("depthwise_kernel", window(config) + [None, whole(config, "depth_multiplier")])] \
        + bias(config, None)


def separable_kernels(config: Config) -> List[Variable]:
    """A depthwise kernel, and one of a single place after it."""
    filters, size = whole(config, "filters"), window(config)
    return [Variable("depthwise_kernel", size + [None, whole(config, "depth_multiplier")]),
            Variable("pointwise_kernel", [1] * len(size) + [None, filters])] + bias(config, filters)


def local_kernel(config: Config) -> List[Variable]:
    """A kernel for each place: its sizes depend on the image and on the setting `implementation`."""
    return [Variable("kernel", None)] + [Variable("bias", None)] * bool(config.get("use_bias", True))


def channels_axis(config: Config, rank: int) -> List[int]:
    """The kernel has a size for each channel."""
    return [1 if config.get("data_format") == "channels_first" else -1]


def of_kernel(config: Config, shape: Sequence[int], axes: List[int]) -> Dict[int, int]:
    """The channels of all groups."""
    return {axes[0]: shape[-2] * (config.get("groups") or 1)} if len(shape) > 2 else {}


def of_transposed(config: Config, shape: Sequence[int], axes: List[int]) -> Dict[int, int]:
    """The channels stand behind the filters."""
    return {axes[0]: shape[-1]} if len(shape) > 2 else {}


to_filters = convolution(lambda config, count: config["filters"])
to_each = convolution(lambda config, count: times(count, config.get("depth_multiplier", 1)))

row("convolution", "Conv1D Conv2D Conv3D", shape=to_filters, variables=kernel, axes=channels_axis,
    sizes=of_kernel)
row("convolution", "Conv1DTranspose Conv2DTranspose Conv3DTranspose", shape=transposed, variables=transposed_kernel,
    axes=channels_axis, sizes=of_transposed)
row("convolution", "DepthwiseConv1D DepthwiseConv2D", shape=to_each, variables=depthwise_kernel, axes=channels_axis,
    sizes=of_kernel)
row("convolution", "LocallyConnected1D LocallyConnected2D", shape=to_filters, variables=local_kernel)
row("convolution", "SeparableConv1D SeparableConv2D", shape=to_filters, variables=separable_kernels,
    axes=channels_axis, sizes=of_kernel)
