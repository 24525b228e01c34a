"""Arithmetic of shapes: lengths under a window, the place of the channels, settings for each dimension.

Configs come from files of unknown origin: a size or a factor may be a text.
"""
from typing import Any, Callable, Dict, List, Optional, Sequence, Tuple

from ...base.fault import Fault

Size = Optional[int]


def several(value: Any, count: int) -> List[Any]:
    """A setting for each dimension: 2 -> [2, 2]; JSON keeps a tuple as a list."""
    return list(value) if isinstance(value, (list, tuple)) else [value] * count


def times(size: Any, factor: Any) -> Any:
    """size * factor, for a factor that is a number: a text would be repeated."""
    if not isinstance(factor, (int, float)):
        raise Fault(f"{factor!r:.40} is no number")
    return size * factor


def product(sizes: Sequence[Size]) -> Size:
    """The number of values in a shape, None where a size is open."""
    result = 1
    for size in sizes:
        if size is None:
            return None
        result *= size
    return result


def spatial(config: Dict[str, Any], shape: List[Size]) -> Tuple[List[Size], Callable]:
    """Return (list of spatial sizes, function that puts new ones and a channel count in their places)."""
    if config.get("data_format") == "channels_first":
        return list(shape[2:]), lambda sizes, channels: [shape[0], channels] + sizes
    return list(shape[1:-1]), lambda sizes, channels: [shape[0]] + sizes + [channels]


def channels(config: Dict[str, Any], shape: List[Size]) -> Size:
    """The number of channels of an image of that shape."""
    return shape[1] if config.get("data_format") == "channels_first" else shape[-1]


def slide(size: Size, window: int, stride: int, padding: str, dilation: int = 1) -> Size:
    """The length that a window leaves of `size` (keras 2.6 conv_utils.conv_output_length)."""
    if size is None:
        return None
    if padding != "valid":
        return -(-size // stride)
    return (size - (window - 1) * dilation - 1) // stride + 1


def overhangs(length: Size, window: int, stride: int) -> bool:
    """Whether the last window, of those that are laid with padding "same", may end before the input does."""
    return window < stride and (length is None or (-(-length // stride) - 1) * stride + window < length)


def whole(config: Dict[str, Any], key: str) -> Size:
    """config[key] as an int, None if it is not there; a Fault for anything else."""
    value = config.get(key)
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if value is not None and (type(value) is not int or value < 0):
        raise Fault(f"layer {config.get('name')!r} has {key}={value!r}: the file is damaged")
    return value
