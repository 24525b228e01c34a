"""The rules of shape_rules.py for windows over images, and for operations that resize images."""
from typing import Any, Optional, Sequence

from ..layers.kinds.sizes import product
from .graph import Shape
from .seen import Seen


def window(size: Optional[int], kernel: Optional[int], stride: int, dilation: int, padding: Any) -> Optional[int]:
    """Return how often a window fits along one axis; padding: "SAME", "VALID", or how much on both sides together."""
    if size is None or kernel is None:
        return None
    if padding == "SAME":
        return -(-size // stride)
    wide = size + (0 if padding == "VALID" else padding) - (kernel - 1) * dilation
    return max(0, -(-wide // stride))


def windows(seen: Seen, kernel: Sequence[Optional[int]], channels: Optional[int]) -> Shape:
    """The shape of a convolution or pooling in 2 or 3 dimensions."""
    node, source = seen.node, seen.shape(0)
    if source is None:
        return None
    first = node.text("data_format").startswith("NC")
    rank = len(source)
    axes = list(range(2, rank)) if first else list(range(1, rank - 1))
    strides, dilations = node.value("strides") or [1] * rank, node.value("dilations") or [1] * rank
    padding, explicit = node.text("padding"), node.value("explicit_paddings") or []
    sizes = [window(source[axis], size, strides[axis], dilations[axis],
                    padding if padding != "EXPLICIT" else explicit[2 * axis] + explicit[2 * axis + 1])
             for axis, size in zip(axes, kernel)]
    return (source[0], channels) + tuple(sizes) if first else (source[0],) + tuple(sizes) + (channels,)


def convolution(seen: Seen) -> Shape:
    """The kernel is (sizes, channels, filters)."""
    return windows(seen, seen.shape(1)[:-2], seen.shape(1)[-1])


def depthwise(seen: Seen) -> Shape:
    """The kernel is (height, width, channels, multiplier)."""
    return windows(seen, seen.shape(1)[:2], product(seen.shape(1)[2:]))


def transposed(seen: Seen) -> Shape:
    """Conv2DBackpropInput: its first input is the shape of the result, whose batch may be open."""
    sizes = seen.values[0]
    return tuple(None if size is None else int(size) for size in sizes) if sizes is not None else None


def pooling(seen: Seen) -> Shape:
    """A pooling keeps the channels."""
    source, first = seen.shape(0), seen.node.text("data_format").startswith("NC")
    kernel = seen.node.value("ksize")
    found = windows(seen, kernel[2:] if first else kernel[1:-1], source[1 if first else -1])
    return [found, found] if seen.node.op == "MaxPoolWithArgmax" else found


def dilation(seen: Seen) -> Shape:
    """Dilation2D: the filter is (height, width, channels), and the dilations are called rates."""
    source, kernel, node = seen.shape(0), seen.shape(1), seen.node
    sizes = [window(source[axis], kernel[axis - 1], node.value("strides")[axis], node.value("rates")[axis],
                    node.text("padding")) for axis in (1, 2)]
    return (source[0],) + tuple(sizes) + (source[-1],)


def resize(seen: Seen) -> Shape:
    """An image of another size."""
    sizes = seen.whole(1) or [None, None]
    return (seen.shape(0)[0],) + tuple(sizes) + (seen.shape(0)[3],)


def crop(seen: Seen) -> Shape:
    """CropAndResize: one image for each box."""
    sizes = seen.whole(3) or [None, None]
    return ((seen.shape(1) or (None,))[0],) + tuple(sizes) + (seen.shape(0)[3],)


def depth_to_space(seen: Seen) -> Shape:
    """Channels become a square of pixels; SpaceToDepth is its inverse."""
    batch, height, width, channels = seen.shape(0)
    size = seen.node.value("block_size")
    if seen.node.op == "SpaceToDepth":
        return batch, over(height, size), over(width, size), times(channels, size * size)
    return batch, times(height, size), times(width, size), over(channels, size * size)


def times(size: Optional[int], factor: int) -> Optional[int]:
    """Return a size times a number, None where it is open."""
    return None if size is None else size * factor


def over(size: Optional[int], factor: int) -> Optional[int]:
    """Return a size over a number, None where it is open."""
    return None if size is None else size // factor


def space_to_batch(seen: Seen) -> Shape:
    """SpaceToBatchND: parts of each axis become more of the batch."""
    shape, block, given = seen.shape(0), seen.whole(1), seen.whole(2)
    sizes = [over(None if size is None else size + given[2 * place] + given[2 * place + 1], block[place])
             for place, size in enumerate(shape[1:1 + len(block)])]
    return (times(shape[0], product(block)),) + tuple(sizes) + shape[1 + len(block):]


def batch_to_space(seen: Seen) -> Shape:
    """BatchToSpaceND, the inverse."""
    shape, block, given = seen.shape(0), seen.whole(1), seen.whole(2)
    sizes = [None if size is None else size * block[place] - given[2 * place] - given[2 * place + 1]
             for place, size in enumerate(shape[1:1 + len(block)])]
    return (over(shape[0], product(block)),) + tuple(sizes) + shape[1 + len(block):]
