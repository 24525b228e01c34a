"""Tensors that are made: filled, counted, of one hot place, triangles, running sums."""
import numpy

from ..emit import Value
from ..emit.core import DType
from ..formats.onnx_tensors import OF_NUMPY, numpy_dtype
from .given import known_size, scalar, stored
from .layout import BEYOND, Held
from .rules import Call, Dim, computed_as, operation

LARGEST = 1 << 22  # values that are counted out at conversion
STEPS = 4096  # places of a dimension along which a product runs


@operation("ConstantOfShape")
def filled(call: Call) -> Held:
    """One number, in a shape whose sizes may be open."""
    b, number, dtype = call.b, numpy.zeros(1, "float32"), "FLOAT"
    if call.has_attribute("value"):
        tensor = call.tensor("value")
        if tensor.weight is None:
            call.refuse("it makes texts, which TensorSpace cannot show")
        number, dtype = tensor.weight.read(), tensor.dtype
    if number.size != 1:
        call.damaged(f"has {number.size} values")
    wanted = call.sizes(0)
    if any(not isinstance(size, Dim) and not 0 <= size <= BEYOND for size in wanted):
        call.damaged(f"has shape={wanted!r:.60}")
    sizes = [size.value(b) if isinstance(size, Dim) else size for size in wanted]
    kind = computed_as(dtype)
    made = b.fill(sizes, number.reshape(-1)[0].item(), "int32" if kind == "bool" else kind)
    names = [size if isinstance(size, Dim) else None for size in wanted]
    return call.as_it_is(b.cast(made, kind), names, dtype)


@operation("Size")
def size(call: Call) -> Held:
    """The number of values."""
    b, total = call.b, call.b.sizes_of(call.x.value, range(call.x.rank))
    if not isinstance(total, Value):
        return Held.known(b, numpy.array(total, "int64"))
    return call.as_it_is(total, dtype="INT64")


@operation("Range")
def counted(call: Call) -> Held:
    """Numbers from a start up to below an end."""
    b = call.b
    scalars = [b.reshape(call.value(place), []) for place in range(3)]
    kind = scalars[0].dtype
    return call.as_it_is(b.one("Range", scalars, kind, (None,), Tidx=DType(kind)))


@operation("EyeLike")
def eye(call: Call) -> Held:
    """Ones on a diagonal."""
    rows, columns = [known_size(call, call.x, axis) for axis in (0, 1)]
    dtype = call.type("dtype") if call.has_attribute("dtype") else call.x.dtype
    if rows * columns > LARGEST or abs(call.int("k")) > LARGEST:
        call.refuse(f"it makes {rows} x {columns} values at conversion: too many")
    array = numpy.eye(rows, columns, call.int("k")).astype(numpy_dtype(dtype))
    return Held.known(call.b, array, dtype if array.dtype.name in OF_NUMPY else "FLOAT")


@operation("Trilu")
def triangle(call: Call) -> Held:
    """The last two dimensions with zeros below a diagonal, or above it."""
    offset = scalar(call, 1, 0)
    if call.x.rank < 2 or abs(offset) > BEYOND:
        call.damaged(f"cuts {call.x.shape} at {offset}")
    value = call.value(0)
    made = call.b.triangle(value, int(offset), bool(call.int("upper", 1)))
    return call.as_it_is(made, list(call.x.names))


@operation("OneHot")
def one_hot(call: Call) -> Held:
    """A new dimension with one number at the place, and another elsewhere; a place below 0 counts from the back."""
    b, depth = call.b, scalar(call, 1)
    axis = call.axis(call.int("axis", -1), call.x.rank + 1)
    if not 0 < depth <= LARGEST:
        call.damaged(f"has depth {depth}")
    depth, places = int(depth), b.cast(call.value(0), "int32")
    places = b.where(b.compare("Less", places, 0), b.add(places, depth), places)
    values = call.value(2)
    off, on = [b.at(values, 0, place) for place in (0, 1)]
    if values.dtype == "bool":
        off, on = b.cast(off, "int32"), b.cast(on, "int32")
    made = b.cast(b.one_hot(places, depth, axis, on, off, on.dtype), values.dtype)
    return call.as_it_is(made, dtype=call.held(2).dtype)


@operation("CumSum CumProd")
def running(call: Call) -> Held:
    """The sum or the product of all values up to each place; exclusive: without its own; reverse: from the back."""
    b, x, axis = call.b, call.x, call.axis(int(scalar(call, 1, 0)))
    place, = stored(x, [axis])
    count, value = known_size(call, x, axis), x.value
    if not 0 < count <= STEPS:
        call.refuse(f"it runs along {count} places, and {STEPS} are the most")
    value = b.reverse(value, [place]) if call.int("reverse") else value
    if call.int("exclusive"):
        value = b.cut(value, place, 0, count - 1) if count > 1 else None
        start = call.op == "CumProd"
        pairs = [(1, 0) if one == place else (0, 0) for one in range(x.rank)]
        value = b.like(x.value, int(start)) if value is None else b.pad(value, pairs, int(start))
    made = b.cumulative(value, place) if call.op == "CumSum" else product(call, value, place, count)
    return call.like(x, b.reverse(made, [place]) if call.int("reverse") else made)


def product(call: Call, value: Value, place: int, count: int) -> Value:
    """The product of all values up to each place: in steps of 1, 2, 4, … places."""
    b, step = call.b, 1
    while step < count:
        pairs = [(step, 0) if one == place else (0, 0) for one in range(value.rank)]
        value = b.mul(value, b.pad(b.cut(value, place, 0, count - step), pairs, 1))
        step *= 2
    return value


@operation("ReverseSequence")
def reversed_sequence(call: Call) -> Held:
    """The first places of each example in reverse, the others as they are."""
    b, x = call.b, call.value(0)
    time, batch = call.int("time_axis"), call.int("batch_axis", 1)
    if {time, batch} != {0, 1} or x.rank < 2:
        call.damaged(f"has time_axis={time} and batch_axis={batch}")
    count = known_size(call, call.x, time)
    lengths, steps = b.cast(call.value(1), "int32"), b.constant(numpy.arange(count, dtype="int32"))
    lengths, steps = b.expand(lengths, time), b.expand(steps, batch)
    there = b.compare("Less", steps, lengths)
    places = b.where(there, b.sub(b.sub(lengths, 1), steps), b.add(steps, b.mul(lengths, 0)))
    for axis in range(2, x.rank):
        places = b.expand(places, axis)
    return call.as_it_is(b.gather_along(x, places, time), list(call.x.names))
