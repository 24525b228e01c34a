"""Convolutions of one, two and three dimensions, in groups too, and transposed ones (onnx/defs/nn/defs.cc)."""
from typing import List, Optional, Tuple

from ..emit import Value
from ..lower.convolution import ITSELF, in_groups, touched
from ..lower.windows import Window
from .layout import Held
from .rules import Call, operation
from .windows import around, is_itself, spatial_of, windows

DIMENSIONS = (1, 2, 3)


def kernel_of(call: Call, x: Value, place: int = 1) -> Tuple[Value, int]:
    """The kernel, (filters, channels of a group, …) in ONNX's order, and the number of spatial dimensions."""
    kernel = call.held(place)
    count = x.rank - 2
    if kernel.rank != x.rank or count not in DIMENSIONS:
        call.damaged(f"lays a kernel of {kernel.rank} dimensions on a tensor of {x.rank}")
    if None in kernel.shape or not all(kernel.shape):
        call.refuse("the size of its kernel is open")
    given = call.ints("kernel_shape")
    if given and given != list(kernel.shape[2:]):
        call.damaged(f"has kernel_shape={given} and a kernel of {kernel.shape[2:]}")
    return kernel.plain, count


@operation("Conv")
def convolution(call: Call) -> Held:
    """Windows over all channels, or over those of a group."""
    x = call.image()
    kernel, count = kernel_of(call, x)
    groups, channels = call.int("group", 1), x.shape[-1]
    if channels is None:
        call.refuse("the number of its channels is open", "name it with --input-shape")
    filters, depth = kernel.shape[:2]
    if groups < 1 or channels != depth * groups or filters % groups:
        call.damaged(f"has a kernel of {kernel.shape} in {groups} groups for {channels} channels")
    turned = call.b.transpose(kernel, list(range(2, 2 + count)) + [1, 0])
    laid = windows(call, kernel.shape[2:], spatial_of(x))
    window = Window(tuple(laid.sizes), tuple(laid.strides), tuple(laid.dilations), "valid")
    if is_itself(laid, spatial_of(x)):
        window = window._replace(padding=ITSELF)
    else:
        x = call.b.pad(x, around(laid))
    return finished(call, grouped(call, x, turned, window, groups))


def grouped(call: Call, x: Value, kernel: Value, window: Window, groups: int) -> Value:
    """A convolution in groups; a kernel that is computed is taken in one group alone."""
    if (groups > 1 or kernel.rank > 4) and not kernel.is_constant:
        call.refuse("its kernel is computed, in groups or of three dimensions")
    return in_groups(call.b, x, kernel, window, groups)


def finished(call: Call, y: Value) -> Held:
    """The bias, where there is one."""
    return call.as_image(call.b.add(y, call.value(2)) if call.has(2) else y)


@operation("ConvTranspose")
def transposed_convolution(call: Call) -> Held:
    """Every place spreads a window over the output, whose margins are cut off; kernel (channels, filters, …)."""
    b, x = call.b, call.image()
    kernel, count = kernel_of(call, x)
    groups, channels = call.int("group", 1), x.shape[-1]
    if channels is None or groups < 1 or kernel.shape[0] != channels or channels % groups:
        call.damaged(f"has a kernel of {kernel.shape} in {groups} groups for {channels} channels")
    if not kernel.is_constant:
        call.refuse("its kernel is computed")
    turned = b.transpose(kernel, list(range(2, 2 + count)) + [1, 0])  # (…, filters, channels)
    laid = windows(call, kernel.shape[2:], [1] * count)
    window = Window(tuple(laid.sizes), tuple(laid.strides), tuple(laid.dilations), "valid")
    each = channels // groups
    parts = b.split(x, groups, -1)
    made = b.concat([touched(b, part, b.remade(turned, f"channels {group}", turned.shape[:-1] + (each,), lambda array,
                                               start=group * each: array[..., start:start + each])
                             if groups > 1 else turned, window) for group, part in enumerate(parts)], -1)
    cut = edges(call, spatial_of(x), [laid.reach(place) for place in range(count)], laid.strides, laid.margins)
    return finished(call, b.margins(made, [(0, 0)] + cut + [(0, 0)]))


def edges(call: Call, spatial: List[Optional[int]], reaches: List[int], strides: List[int],
          margins: List[Tuple[int, int]]) -> List[Tuple[int, int]]:
    """The places added before and behind what the windows touch; less than 0: cut off."""
    count = len(spatial)
    extra = call.window("output_padding", count, 0, 0)
    wanted, padding = call.ints("output_shape"), call.text("auto_pad", "NOTSET")
    if wanted is None and not padding.startswith("SAME"):
        return [(-before, more - behind) for (before, behind), more in zip(margins, extra)]
    if wanted is not None and len(wanted) != count:
        call.damaged(f"has output_shape={wanted}")
    found = []
    for place, (size, reach, stride) in enumerate(zip(spatial, reaches, strides)):
        if wanted is None:
            total = reach - stride + extra[place]  # a size n becomes n * stride
        else:
            if size is None:
                call.refuse("its result depends on a size that is open", "name it with --input-shape")
            total = stride * (size - 1) + extra[place] + reach - wanted[place]
        before = total // 2 if padding != "SAME_LOWER" else total - total // 2
        if wanted is not None and padding == "NOTSET":
            before = total - total // 2
        found.append((-before, extra[place] - (total - before)))
    return found
