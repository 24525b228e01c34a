"""Numbers that are put, or added up, at places: scatter_update, fold (keras.ops, tf.tensor_scatter_nd_add)."""
from typing import Callable, List, Tuple

import numpy

from ...base.fault import Fault
from ...emit import Value
from ...emit.core import DType
from .. import narrow
from ..rules import Call, function, node, operation
from .given import argument, floats, integers, needed, tensor, value

LARGEST = 1 << 22  # numbers of a constant matrix that picks


@operation("ScatterUpdate")
def scatter_update(call: Call) -> Value:
    """The tensor with other numbers at some places (keras 3 backend/tensorflow/core.py: scatter_update).

    Every TensorFlow.js has ScatterNd, which adds up what meets at one place; only 4.22.0 puts a computed place.
    """
    x, places, updates = [value(call, argument(call, name, at, needed))
                          for at, name in enumerate(("inputs", "indices", "updates"))]
    return updated(call, x, places, updates, call.config.get("reduction"))


def updated(call: Call, x: Value, places: Value, updates: Value, how: object) -> Value:
    """x with the updates at these places; how: Keras's reduction of what meets, None for the last."""
    places, updates = call.b.cast(places, "int32"), call.b.cast(updates, x.dtype)
    return narrow.alike(call.b, put(call, x, places, updates, how), x)


def put(call: Call, x: Value, places: Value, updates: Value, how: object) -> Value:
    """The same in 32 bits."""
    b = call.b
    if how == "add":
        return b.add(x, scattered(call, places, updates, x))
    if places.is_constant and places.rank == 2:
        places, updates = last_of_each(call, places, updates, how)
    elif how is None:
        return b.one("TensorScatterUpdate", [x, places, updates], x.dtype, x.shape, T=DType(x.dtype),
                     Tindices=DType("int32"))
    else:
        call.refuse(f"its places are computed, and reduction={how!r} meets several at one", "give constant places")
    ones = b.fill([b.dim(updates, axis) for axis in range(updates.rank)], 1, "float32")
    there = b.compare("Greater", scattered(call, places, ones, x), 0)
    new = scattered(call, places, b.cast(updates, "float32") if x.dtype == "bool" else updates, x)
    new = b.cast(new, x.dtype)
    if how is None:
        return b.where(there, new, x)
    op = {"max": "Maximum", "min": "Minimum", "mul": "Mul"}.get(str(how))
    if op is None:
        raise Fault(f"operation {call.path!r} has reduction={str(how)[:60]!r}: the file is damaged")
    return b.where(there, b.binary(op, x, new), x)


def last_of_each(call: Call, places: Value, updates: Value, how: object) -> Tuple[Value, Value]:
    """Constant places, each once, and their updates: of those that meet the last; Keras's other reductions take all."""
    rows: List[Tuple[int, ...]] = [tuple(row) for row in places.array.tolist()]
    last = {row: number for number, row in enumerate(rows)}
    if len(last) == len(rows):
        return places, updates
    if how is not None:
        call.refuse(f"several of its updates meet at one place, with reduction={how!r}", "give each place once")
    kept = sorted(last.values())
    return call.b.constant(places.array[kept]), call.b.gather(updates, numpy.array(kept, "int32"), 0)


def scattered(call: Call, places: Value, updates: Value, like: Value) -> Value:
    """Zeros of the shape of `like` with the updates added at these places."""
    b = call.b
    sizes = [b.dim(like, axis) for axis in range(like.rank)]
    return b.one("ScatterNd", [places, updates, b.sizes(sizes)], updates.dtype, like.shape, T=DType(updates.dtype),
                 Tindices=DType("int32"))


@operation("Fold")
def fold(call: Call) -> Value:
    """Windows, added up where they meet (keras 3 backend/tensorflow/nn.py: fold): a product with a matrix of ones."""
    b, x = call.b, floats(call)

    def two(name: str, default: int) -> List[int]:
        found = integers(call, call.config.get(name, default), name)
        return found * 2 if len(found) == 1 else found[:2]

    size, kernel = two("output_size", 0), two("kernel_size", 0)
    dilation, around, stride = two("dilation", 1), two("padding", 0), two("stride", 1)
    if min(size + kernel + dilation + stride) < 1 or min(around) < 0 or max(size + kernel + around) > 4096:
        raise Fault(f"operation {call.path!r} has sizes below 1 or very large ones: the file is damaged")
    counts = [(size[i] + 2 * around[i] - dilation[i] * (kernel[i] - 1) - 1) // stride[i] + 1 for i in (0, 1)]
    rows = kernel[0] * kernel[1] * counts[0] * counts[1]
    if min(counts) < 1 or x.shape[1] is None or x.shape[1] % (kernel[0] * kernel[1]):
        raise Fault(f"operation {call.path!r} does not fit a tensor of shape {x.shape}: the file is damaged")
    if rows * size[0] * size[1] > LARGEST:
        call.refuse("its windows are very many", "take fewer and larger steps, or a smaller output_size")
    along = [numpy.arange(kernel[i])[:, None] * dilation[i] + numpy.arange(counts[i]) * stride[i] - around[i]
             for i in (0, 1)]
    down, across = numpy.broadcast_arrays(along[0][:, None, :, None], along[1][None, :, None, :])
    there = (down >= 0) & (down < size[0]) & (across >= 0) & (across < size[1])
    picks = numpy.zeros((rows, size[0] * size[1]), "float32")
    picks[numpy.flatnonzero(there), (down * size[1] + across)[there]] = 1
    channels = x.shape[1] // (kernel[0] * kernel[1])
    flat = b.reshape(x, [-1, channels, rows])
    made = b.reshape(b.matmul(flat, b.constant(picks)), [-1, channels] + size)
    return b.cast(made, tensor(call).dtype)


def of_function(how: str) -> Callable[[Call], Value]:
    """The function of one way to put numbers at places."""
    def lower(call: Call) -> Value:
        x, places, updates = [value(call, argument(call, name, at, needed))
                              for at, name in enumerate(("tensor", "indices", "updates"))]
        if how == "sub":
            return updated(call, x, places, call.b.neg(updates), "add")
        return updated(call, x, places, updates, None if how == "update" else how)
    return lower


for _how in ("update", "add", "sub", "max", "min"):
    function(f"tensor_scatter_nd_{_how}")(of_function(_how))
    node("TensorScatter" + _how.capitalize())(of_function(_how))
