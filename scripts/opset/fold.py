"""Operations that are calculated at conversion: on constants, and on sizes, of which some may be open.

    Shape -> Gather -> Concat -> Reshape      a batch of open size stays known through all of them

Each function takes numpy arrays in ONNX's order and types; sizes are object arrays (sizes.py).
"""
from typing import Any, Callable, Dict, List, Optional

import numpy

from ..base.fault import Fault
from ..formats.onnx_tensors import NUMPY, numpy_dtype
from .layout import SMALL, Held
from .sizes import Dim, OpenSize

Array = numpy.ndarray
Fold = Callable[[Any, List[Optional[Array]]], Any]  # (call, arrays of its inputs) -> an array or a list of them
TABLE: Dict[str, Fold] = {}
LONGEST = 1 << 22  # values of what is made


def fold(names: str) -> Callable[[Fold], Fold]:
    """Register the function of operations of ONNX's own domain."""
    def register(function: Fold) -> Fold:
        TABLE.update((name, function) for name in names.split())
        return function
    return register


def folded(call: Any) -> Optional[List[Optional[Held]]]:
    """Return the outputs of a call whose inputs are known, None where they are not, or are large.

    Raises Fault where the inputs do not fit.
    """
    if call.node.domain:
        return None
    if call.op == "Shape" and call.has(0):
        return [shape(call)]
    function = TABLE.get(call.op)
    if function is None or not all(one is None or is_small(one) for one in call.inputs):
        return None
    open_sizes = any(one is not None and one.sizes is not None for one in call.inputs)
    try:
        with numpy.errstate(all="ignore"):
            made = function(call, [None if one is None else one.array for one in call.inputs])
    except OpenSize:
        if open_sizes:
            return None  # it is computed when the model runs
        raise
    except (ValueError, TypeError, IndexError, ArithmeticError, MemoryError) as error:
        call.damaged(f"cannot be calculated: {str(error).splitlines()[0]:.80}")
    if made is None:
        return None
    several = made if isinstance(made, list) else [made]
    return [Held.known(call.b, numpy.asarray(one), type_of(call, numpy.asarray(one)), call.node.outputs[place] or "")
            for place, one in enumerate(several[:call.count])]


def is_small(one: Held) -> bool:
    """Whether a tensor is known, and small."""
    return one.sizes is not None or one.weight is not None and one.weight.size <= SMALL


def type_of(call: Any, array: Array) -> str:
    """The ONNX type of a result: the first input's where numpy knows no difference."""
    first = next((one for one in call.inputs if one is not None), None)
    if array.dtype == object or first is None or call.op in ("Cast", "ConstantOfShape"):
        return ""
    return first.dtype if numpy_dtype(first.dtype) == array.dtype.name else ""


def shape(call: Any) -> Held:
    """The sizes of a tensor, from `start` up to below `end` (opset 15)."""
    sizes = call.x.dims()
    start, end = call.int("start", 0), call.int("end", len(sizes))
    array = numpy.empty(len(sizes), object)
    array[:] = sizes
    return Held.known(call.b, array[slice(start, end)], "INT64")


def check_size(sizes: Any) -> List[int]:
    """Return sizes of what is made.  Raises Fault for too many values."""
    count, found = 1, []
    for size in sizes:
        found.append(int(size))
        count *= int(size)
        if count > LONGEST or size < 0:
            raise Fault(f"a constant of more than {LONGEST} values is made at conversion: refused")
    return found


# Arithmetic ------------------------------------------------------------------------------------------------------

def elementwise(function: Callable) -> Fold:
    """The Fold of a function of numpy on broadcast arrays."""
    def made(call: Any, arrays: List[Optional[Array]]) -> Any:
        shape = numpy.broadcast(*arrays).shape
        check_size(shape)
        found = arrays[0] if len(arrays) == 1 else function(arrays[0], arrays[1])
        for other in arrays[2:]:
            found = function(found, other)
        if all(one.dtype != object for one in arrays) and found.dtype.kind in "iuf":
            found = found.astype(numpy.result_type(*arrays), copy=False)
        return found
    return made


def divided(one: Array, other: Array) -> Array:
    """A quotient; of whole numbers it is cut off towards zero."""
    if one.dtype == object or other.dtype == object:
        return one // other
    if one.dtype.kind not in "iu":
        return one / other
    quotient = numpy.abs(one) // numpy.where(other == 0, 1, numpy.abs(other))
    return (quotient * numpy.sign(one) * numpy.sign(other)).astype(one.dtype)


TABLE.update({name: elementwise(function) for name, function in (
    ("Add", lambda a, b: a + b), ("Sub", lambda a, b: a - b), ("Mul", lambda a, b: a * b), ("Div", divided),
    ("Max", numpy.maximum), ("Min", numpy.minimum), ("And", numpy.logical_and), ("Or", numpy.logical_or),
    ("Xor", numpy.logical_xor))})


def compared(function: Callable) -> Fold:
    """The Fold of a comparison."""
    def made(call: Any, arrays: List[Optional[Array]]) -> Any:
        return numpy.asarray(function(arrays[0], arrays[1])).astype(bool)
    return made


TABLE.update({name: compared(function) for name, function in (
    ("Equal", lambda a, b: a == b), ("Less", lambda a, b: a < b), ("Greater", lambda a, b: a > b),
    ("LessOrEqual", lambda a, b: a <= b), ("GreaterOrEqual", lambda a, b: a >= b))})


def single(function: Callable[[Array], Array]) -> Fold:
    """The Fold of a function of one array, not of open sizes."""
    def made(call: Any, arrays: List[Optional[Array]]) -> Any:
        return None if arrays[0].dtype == object else function(arrays[0])
    return made


TABLE.update({name: single(function) for name, function in (
    ("Neg", numpy.negative), ("Abs", numpy.abs), ("Floor", numpy.floor), ("Ceil", numpy.ceil), ("Sqrt", numpy.sqrt),
    ("Not", numpy.logical_not), ("Exp", numpy.exp), ("Log", numpy.log), ("Round", numpy.rint), ("Sign", numpy.sign),
    ("Sin", numpy.sin), ("Cos", numpy.cos), ("Relu", lambda x: numpy.maximum(x, x.dtype.type(0))),
    ("Reciprocal", lambda x: (1 / x).astype(x.dtype)),
    ("NonZero", lambda x: numpy.array(numpy.nonzero(x), numpy.int64)))})


@fold("Pow")
def power(call: Any, arrays: List[Optional[Array]]) -> Any:
    """A power, in the type of its base."""
    base, exponent = arrays
    if base.dtype == object or exponent.dtype == object:
        return None
    return numpy.power(base.astype("float64"), exponent.astype("float64")).astype(base.dtype)


@fold("Mod")
def modulo(call: Any, arrays: List[Optional[Array]]) -> Any:
    """The remainder of a division; fmod=1: with the sign of the dividend."""
    if any(one.dtype == object for one in arrays):
        return None
    return numpy.fmod(*arrays) if call.int("fmod") else numpy.mod(*arrays)


@fold("Cast")
def cast(call: Any, arrays: List[Optional[Array]]) -> Any:
    """Another type; open sizes stay as they are among whole numbers."""
    to = call.type("to")
    wanted = "float32" if to == "BFLOAT16" else NUMPY.get(to)
    if wanted is None or arrays[0].dtype == object and wanted not in ("int32", "int64"):
        return None
    return arrays[0] if arrays[0].dtype == object else arrays[0].astype(wanted)


@fold("Where")
def where(call: Any, arrays: List[Optional[Array]]) -> Any:
    """One of two."""
    check_size(numpy.broadcast(*arrays).shape)
    return numpy.where(arrays[0].astype(bool), arrays[1], arrays[2])


@fold("Identity Dropout")
def identity(call: Any, arrays: List[Optional[Array]]) -> Any:
    """The same values; a Dropout with a mask, or one that may be in training, is left to its rule."""
    return None if call.wants(1) or len(arrays) > 2 else arrays[0]


# Shapes ----------------------------------------------------------------------------------------------------------

@fold("Size")
def size(call: Any, arrays: List[Optional[Array]]) -> Any:
    """The number of values."""
    return numpy.array(arrays[0].size, "int64")


@fold("Concat")
def concat(call: Any, arrays: List[Optional[Array]]) -> Any:
    """One behind another."""
    return numpy.concatenate(arrays, call.int("axis"))


@fold("Gather")
def gather(call: Any, arrays: List[Optional[Array]]) -> Any:
    """Slices at places; a place below 0 counts from the back."""
    check_size(list(arrays[1].shape) + [arrays[0].size])
    return numpy.take(arrays[0], arrays[1].astype("int64"), call.int("axis"))


@fold("Slice")
def slices(call: Any, arrays: List[Optional[Array]]) -> Any:
    """A part; before opset 10 its bounds are attributes."""
    x = arrays[0]
    if call.version < 10:
        starts, ends = call.ints("starts", []), call.ints("ends", [])
        axes, steps = call.ints("axes") or list(range(len(starts))), [1] * len(starts)
    else:
        starts, ends = [[int(item) for item in one] for one in arrays[1:3]]
        axes = list(range(len(starts))) if len(arrays) < 4 or arrays[3] is None else [int(item) for item in arrays[3]]
        steps = [1] * len(starts) if len(arrays) < 5 or arrays[4] is None else [int(item) for item in arrays[4]]
    places = [slice(None)] * x.ndim
    for start, end, axis, step in zip(starts, ends, axes, steps):
        places[axis] = slice(start, end if step > 0 or end >= -x.shape[axis] else None, step)
    return x[tuple(places)]


@fold("Squeeze")
def squeeze(call: Any, arrays: List[Optional[Array]]) -> Any:
    """Without dimensions of size 1."""
    axes = call.ints("axes") if len(arrays) < 2 else [int(item) for item in arrays[1].reshape(-1)]
    return numpy.squeeze(arrays[0], None if axes is None else tuple(axes))


@fold("Unsqueeze")
def unsqueeze(call: Any, arrays: List[Optional[Array]]) -> Any:
    """With dimensions of size 1 more: the axes are those of the result."""
    axes = call.ints("axes", []) if len(arrays) < 2 else [int(item) for item in arrays[1].reshape(-1)]
    rank = arrays[0].ndim + len(axes)
    wanted = {axis % rank for axis in axes}
    if len(wanted) < len(axes):
        raise ValueError(f"axes {axes} are not apart")
    sizes = iter(arrays[0].shape)
    return arrays[0].reshape([1 if axis in wanted else next(sizes) for axis in range(rank)])


@fold("Transpose")
def transpose(call: Any, arrays: List[Optional[Array]]) -> Any:
    """Another order of dimensions."""
    return arrays[0].transpose(call.ints("perm"))


@fold("Reshape")
def reshape(call: Any, arrays: List[Optional[Array]]) -> Any:
    """Another shape."""
    wanted = [int(item) for item in arrays[1]]
    if not call.int("allowzero"):
        wanted = [arrays[0].shape[place] if item == 0 else item for place, item in enumerate(wanted)]
    return arrays[0].reshape(wanted)


@fold("Split")
def split(call: Any, arrays: List[Optional[Array]]) -> Any:
    """Parts along an axis."""
    axis, whole = call.int("axis"), arrays[0].shape[call.int("axis")]
    given = call.ints("split") if len(arrays) < 2 else [int(item) for item in arrays[1]]
    each = -(-whole // call.count)
    ends = numpy.cumsum(given) if given else numpy.minimum(numpy.arange(1, call.count + 1) * each, whole)
    return list(numpy.split(arrays[0], ends[:-1], axis))


@fold("Range")
def ranged(call: Any, arrays: List[Optional[Array]]) -> Any:
    """Numbers from a start up to below an end."""
    if any(one.dtype == object for one in arrays):
        return None
    start, end, step = [one.reshape(-1)[0] for one in arrays]
    check_size([max(0, int(numpy.ceil((float(end) - float(start)) / float(step))))])
    return numpy.arange(start, end, step, dtype=arrays[0].dtype)


@fold("ConstantOfShape")
def constant_of_shape(call: Any, arrays: List[Optional[Array]]) -> Any:
    """One number in every place."""
    if any(isinstance(item, Dim) for item in arrays[0].reshape(-1)):
        return None
    number = call.tensor("value").weight.read() if call.has_attribute("value") else numpy.zeros(1, "float32")
    sizes = check_size(arrays[0].reshape(-1))
    return None if numpy.prod(sizes) > SMALL else numpy.full(sizes, number.reshape(-1)[0])


@fold("Expand")
def expand(call: Any, arrays: List[Optional[Array]]) -> Any:
    """Broadcast to a shape."""
    if arrays[1].dtype == object:
        return None
    shape = numpy.broadcast(numpy.empty(arrays[0].shape, bool), numpy.empty(check_size(arrays[1]), bool)).shape
    return None if numpy.prod(shape) > SMALL else numpy.broadcast_to(arrays[0], shape)


@fold("Tile")
def tile(call: Any, arrays: List[Optional[Array]]) -> Any:
    """Repeated along each dimension."""
    check_size(list(arrays[1]) + [arrays[0].size])
    return numpy.tile(arrays[0], arrays[1])


@fold("ReduceProd")
def product(call: Any, arrays: List[Optional[Array]]) -> Any:
    """The product of sizes."""
    if len(arrays) > 1 or call.ints("axes") not in (None, [0], [-1]) or arrays[0].ndim != 1:
        return None
    found: Any = arrays[0].dtype.type(1) if arrays[0].dtype != object else 1
    for item in arrays[0]:
        found = found * item
    made = numpy.empty((1,) if call.int("keepdims", 1) else (), arrays[0].dtype)
    made[...] = found
    return made


@fold("Unique")
def unique(call: Any, arrays: List[Optional[Array]]) -> Any:
    """Values, or slices along an axis, each once: in rising order, or (sorted=0) in that of the first of each.

    Then come the place of the first of each, the place of each in the result, and how often each is there.
    """
    x, axis = arrays[0], call.int("axis") if call.has_attribute("axis") else None
    if x.dtype == object:
        return None
    found, first, places, counts = numpy.unique(x if axis is not None else x.reshape(-1), True, True, True, axis or 0)
    places = places.reshape(-1)
    if not call.int("sorted", 1):
        order = numpy.argsort(first)
        found, first, counts = numpy.take(found, order, axis or 0), first[order], counts[order]
        places = numpy.argsort(order)[places]
    return [found] + [one.astype("int64") for one in (first, places, counts)]
