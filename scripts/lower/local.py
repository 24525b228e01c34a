"""Convolutions with another kernel at each place (tf_keras layers/locally_connected/).

The setting `implementation` says how Keras lays out the kernel:
    1  (places of the output, places of the window * channels, filters): a kernel for each place
    2  a matrix from the whole input to the whole output; a mask keeps the numbers of each window
    3  the numbers of that matrix that the mask keeps, by the row of the output and the column of the input
"""
from typing import Sequence, Tuple

import numpy

from ..base.fault import Fault
from ..emit import Value
from ..layers.kinds.sizes import product
from .activation import activate
from .ops.given import limited
from .ops.imaging import patches
from .rules import Call, layer
from .windows import Window, channels_first, channels_of, image, numbers, padding_of


@layer("LocallyConnected1D LocallyConnected2D")
def locally_connected(call: Call) -> Value:
    """One product for all places, or one matrix for all of the image."""
    b, count = call.b, int(call.kind[-2])
    x, first, filters = image(call, count), channels_first(call), numbers(call, "filters", 1)[0]
    if None in x.shape[1:]:
        raise Fault(f"layer {call.path!r} ({call.kind}) is given a tensor of open size, which Keras does not build: "
                    "the file is damaged")
    sizes, strides = numbers(call, "kernel_size", count), numbers(call, "strides", count)
    padding, kernel = padding_of(call), call.weight("kernel")
    out = tuple(-(-size // stride) if padding == "same" else (size - window) // stride + 1
                for size, window, stride in zip(x.shape[1:-1], sizes, strides))
    if min(out) < 1:
        raise Fault(f"layer {call.path!r} leaves nothing of {x.shape[1:-1]}: the file is damaged")
    by_places = int(call.get("implementation", 1)) == 1
    if by_places:
        made = of_places(call, x, kernel, Window(sizes, strides, (1,) * count, padding), out)
    else:
        made = of_matrix(call, x, kernel, near(x.shape[1:-1], out, sizes, strides, padding), filters)
    made = b.reshape(made, [-1] + ([filters] + list(out) if first and not by_places else list(out) + [filters]))
    if first and by_places:
        made = b.move(made, -1, 1)
    bias = call.optional("bias")
    if bias is not None:  # with the channels first Keras reads the numbers in another shape, and moves none
        made = b.add(made, b.reshape(bias, [1, filters] + list(out)) if first else bias)
    return activate(call, made)


def of_places(call: Call, x: Value, kernel: Value, window: Window, out: Sequence[int]) -> Value:
    """(batch, places, filters): each place of the output by its own kernel.  Keras flattens channels first there."""
    b, channels, places = call.b, channels_of(call, x), product(window.sizes)
    count = product(list(out))
    if kernel.rank != 3 or kernel.shape[:2] != (count, places * channels):
        raise Fault(f"layer {call.path!r} has a kernel of shape {kernel.shape}: weights and topology do not belong "
                    "together")
    if channels_first(call):
        kernel = b.changed(kernel, kernel.shape, lambda given: given.reshape(
            count, channels, places, -1).transpose(0, 2, 1, 3).reshape(given.shape), "channels last")
    found = b.reshape(patches(call, x, window), [-1, count, places * channels])
    return b.transpose(b.matmul(b.transpose(found, [1, 0, 2]), kernel), [1, 0, 2])


def near(size: Sequence[int], out: Sequence[int], window: Sequence[int], strides: Sequence[int], padding: str
         ) -> Tuple[numpy.ndarray, ...]:
    """For each dimension, which places of the input a place of the output sees (conv_utils.conv_connected_inputs)."""
    found = []
    for whole, count, span, stride in zip(size, out, window, strides):
        centre = numpy.arange(count) * stride + (span // 2 if padding == "valid" else 0)
        places = numpy.arange(whole)[:, None]
        found.append((places >= centre - span // 2) & (places < centre + span - span // 2))
    return tuple(found)


def of_matrix(call: Call, x: Value, kernel: Value, seen: Tuple[numpy.ndarray, ...], filters: int) -> Value:
    """(batch, output): all of the input, in the order that it comes in, by one matrix."""
    b, channels, first = call.b, channels_of(call, x), channels_first(call)
    whole, out = product([one.shape[0] for one in seen]), product([one.shape[1] for one in seen])
    limited(call, [whole * channels, out * filters])

    def mask() -> numpy.ndarray:
        found = seen[0]
        for one in seen[1:]:
            found = (found[:, None, :, None] & one[None, :, None, :]).reshape(
                found.shape[0] * one.shape[0], found.shape[1] * one.shape[1])
        wide = found[None, :, None, :] if first else found[:, None, :, None]
        shape = (channels, whole, filters, out) if first else (whole, channels, out, filters)
        return numpy.broadcast_to(wide, shape).reshape(whole * channels, out * filters)

    def spread(given: numpy.ndarray) -> numpy.ndarray:
        if given.ndim > 1:
            return given.reshape(whole * channels, out * filters) * mask()
        made = numpy.zeros((out * filters, whole * channels), given.dtype)
        made[mask().T] = given  # row by row, as Keras sorts them
        return made.T

    if kernel.rank > 1 and product(list(kernel.shape)) != whole * channels * out * filters or \
            kernel.rank == 1 and kernel.shape[0] != int(mask().sum()):
        raise Fault(f"layer {call.path!r} has a kernel of shape {kernel.shape}: weights and topology do not belong "
                    "together")
    matrix = b.changed(kernel, [whole * channels, out * filters], spread)
    return b.dense(b.reshape(b.move(x, -1, 1) if first else x, [-1, whole * channels]), matrix)
