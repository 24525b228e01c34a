"""Numbers that are put, or counted, at places: scatter_update, sums of segments, fold (keras.ops)."""
from typing import Callable, List, Tuple

import numpy

from ...base.fault import Fault
from ...emit import Builder, Value
from ...emit.core import DType
from ...emit.shaping import Size
from .. import narrow
from ..rules import Call, operation
from .given import argument, floats, integer, integers, limited, needed, tensor, value
from .picking import firsts

LARGEST = 1 << 22  # numbers of a constant matrix that picks
FILLED = {"Max": -3.4028234663852886e38, "Min": 3.4028234663852886e38, "Prod": 1.0}  # segments that nothing is in
FILLED_WHOLE = {"Max": -2 ** 31, "Min": 2 ** 31 - 1, "Prod": 1}


@operation("ScatterUpdate")
def scatter_update(call: Call) -> Value:
    """The tensor with other numbers at some places (keras 3 backend/tensorflow/core.py: scatter_update).

    Every TensorFlow.js has ScatterNd, which adds up what meets at one place; only 4.22.0 puts a computed place.
    """
    b = call.b
    x = value(call, argument(call, "inputs", 0, needed))
    places = b.cast(value(call, argument(call, "indices", 1, needed)), "int32")
    updates = b.cast(value(call, argument(call, "updates", 2, needed)), x.dtype)
    return narrow.alike(b, put(call, x, places, updates), x)


def put(call: Call, x: Value, places: Value, updates: Value) -> Value:
    """x with the updates at these places."""
    b, how = call.b, call.config.get("reduction")
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
    op = {"max": "Maximum", "min": "Minimum", "mul": "Mul"}.get(how)
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


def computed(b: Builder, own: Value, distinct: bool) -> Size:
    """The number of segments, where none is told: one more than the largest, or how many differ (tf.unique)."""
    if own.is_constant and own.array.size:
        return len(numpy.unique(own.array)) if distinct else int(own.array.max()) + 1
    row = b.reshape(own, [-1])
    if not distinct:
        return b.add(b.max(row), 1)
    return b.sum(firsts(b, b.neg(b.top(b.neg(row), b.dim(row, 0))[0])))


def segments(op: str) -> Callable[[Call], Value]:
    """The function of one reduction of segments."""
    def lower(call: Call) -> Value:
        b = call.b
        data = value(call, argument(call, "data", 0, needed))
        own = b.cast(value(call, argument(call, "segment_ids", 1, needed)), "int32")
        count, ordered = call.config.get("num_segments"), bool(call.config.get("sorted"))
        count = computed(b, own, op == "Sum" and not ordered) if count is None else integer(call, count, "num_segments")
        rest = data.shape[own.rank:]
        if None in rest or isinstance(count, int) and not 0 < count <= LARGEST:
            call.refuse("a size after the segments is open, or their number is very large",
                        "give the sizes: --input-shape")
        width = int(numpy.prod(rest, dtype="int64"))
        limited(call, [count if isinstance(count, int) else 1, width])
        flat, own = b.reshape(data, [-1, width]), b.reshape(own, [1, -1])
        member = b.compare("Equal", b.expand(b.count(count), 1), own)
        if op == "Sum":
            found = narrow.in_halves(b, flat, data.narrow, lambda part: b.cast(b.matmul(
                b.cast(member, "float32"), b.cast(part, "float32")), data.dtype))
        else:
            filled = narrow.FILLED[data.narrow][op] if data.narrow else (
                FILLED if data.dtype == "float32" else FILLED_WHOLE)[op]
            if flat.shape[0] is not None and isinstance(count, int):
                limited(call, [count, flat.shape[0], width])
            found = b.where(b.expand(member, 2), b.expand(flat, 0), b.constant(filled, data.dtype))
            if op == "Prod" and data.narrow and flat.shape[0]:
                found = narrow.product(b, found, [1], data.narrow)
            found = b.reduce(op, found, 1)
        if ordered and op in ("Max", "Min"):  # TensorFlow's function of sorted segments gives 0 for one without numbers
            found = b.where(b.reduce("Any", member, 1, True), found, 0)
        found = b.reshape(found, [count] + list(rest))
        return found if op == "Prod" and not flat.shape[0] else narrow.alike(b, found, data)
    return lower


for _op in ("Sum", "Max", "Min", "Prod"):
    operation("Segment" + _op)(segments(_op))


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
