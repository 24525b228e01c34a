"""Quantized numbers as the floats that they stand for: scale * (number - zero point)."""
from typing import Any, List, Optional, Sequence

import numpy

from ..emit import Value
from ..layers.model import Weight
from .given import MICROSOFT
from .layout import Held
from .rules import Call, operation, rule_of

BOUNDS = {"UINT8": (0, 255), "INT8": (-128, 127), "UINT16": (0, 65535), "INT16": (-32768, 32767), "UINT4": (0, 15),
          "INT4": (-8, 7), "UINT2": (0, 3), "INT2": (-2, 1), "INT32": (-2 ** 31, 2 ** 31 - 1)}


def beside(call: Call, x: Held, place: int, axis: int, block: int = 0) -> Optional[Value]:
    """A scale or a zero point as floats that go with x as it is stored: one, one per slice, or one per block."""
    if not call.has(place):
        return None
    b, held = call.b, call.held(place)
    given = b.cast(held.plain, "float32")
    if held.rank == 0 or held.shape == (1,):
        return b.reshape(given, [])
    axis = call.axis(axis, x.rank)
    if held.rank == 1:
        return b.reshape(given, [-1 if one == axis else 1 for one in x.order])
    size = x.shape[axis]
    if held.rank != x.rank or size is None or block < 1:
        call.damaged(f"has a scale of shape {held.shape} for a tensor of shape {x.shape}")
    spread = b.gather(given, (numpy.arange(size) // block).astype("int32"), axis)
    return b.transpose(spread, list(x.order))


def meant(call: Call, place: int, scale: int, zero: int, axis: int = 1, block: int = 0) -> Held:
    """The floats that an input's quantized numbers stand for.  Those of a constant are computed at conversion."""
    b, x = call.b, call.held(place)
    if x.weight is not None and all(not call.has(one) or call.held(one).weight is not None for one in (scale, zero)):
        return of_constant(call, x, scale, zero, axis, block)
    factor, offset = beside(call, x, scale, axis, block), beside(call, x, zero, axis, block)
    value = b.cast(x.value, "float32")
    value = value if offset is None or offset.is_constant and not offset.array.any() else b.sub(value, offset)
    return call.like(x, value if factor is None else b.mul(value, factor), "FLOAT")


def of_constant(call: Call, x: Held, scale: int, zero: int, axis: int, block: int) -> Held:
    """`meant` of a constant."""
    source: Any = x.weight
    parts = [call.held(one).weight if call.has(one) else None for one in (scale, zero)]
    count = source.shape[call.axis(axis, x.rank)] if x.rank else 1

    def spread(weight: Optional[Weight], default: float) -> numpy.ndarray:
        if weight is None:
            return numpy.float32(default)
        array = weight.read().astype("float32")
        if array.size == 1:
            return array.reshape(())
        if array.ndim == 1:
            return array.reshape([-1 if one == call.axis(axis, x.rank) else 1 for one in range(x.rank)])
        return array.take(numpy.arange(count) // max(block, 1), call.axis(axis, x.rank))

    along = axis % max(x.rank, 1)
    for weight in parts:
        if weight is not None and weight.size != 1 and not fits(weight.shape, source.shape, along, block):
            call.damaged(f"has a scale of shape {weight.shape} for a tensor of shape {x.shape}")

    def read() -> numpy.ndarray:
        return (source.read().astype("float32") - spread(parts[1], 0)) * spread(parts[0], 1)
    return Held.constant(call.b, Weight(source.name, source.shape, "float32", read), "FLOAT")


def fits(scale: Sequence[int], shape: Sequence[int], axis: int, block: int) -> bool:
    """Whether a scale has a number for each slice along an axis, or for each block of it."""
    if len(scale) == 1:
        return scale[0] == shape[axis]
    return len(scale) == len(shape) and block > 0 and all(
        own == -(-size // block) if place == axis else own == size
        for place, (own, size) in enumerate(zip(scale, shape)))


def quantized(call: Call, x: Held, scale: Optional[Value], zero: Optional[Value], dtype: str) -> Held:
    """The nearest number of a type: of two the even one."""
    b, (least, most) = call.b, BOUNDS[dtype]
    value = b.cast(x.value, "float32")
    value = b.unary("Round", value if scale is None else b.div(value, scale))
    value = value if zero is None else b.add(value, zero)
    return call.like(x, b.cast(b.clip(value, float(least), float(most)), "int32"), dtype)


def type_of(call: Call, place: int, default: str = "UINT8") -> str:
    """The type of a zero point.  Refuses what is no whole number."""
    dtype = call.held(place).dtype if call.has(place) else default
    if dtype not in BOUNDS:
        call.refuse(f"it quantizes to {dtype.lower()}, which TensorFlow.js has nothing like")
    return dtype


@operation("QuantizeLinear")
@operation("QuantizeLinear", domain=MICROSOFT)
def quantize(call: Call) -> Held:
    """x / scale + zero point, rounded."""
    axis, block = call.int("axis", 1), call.int("block_size")
    dtype = type_of(call, 2, call.type("output_dtype") if call.int("output_dtype") else "UINT8")
    return quantized(call, call.x, beside(call, call.x, 1, axis, block), beside(call, call.x, 2, axis, block), dtype)


@operation("DequantizeLinear")
@operation("DequantizeLinear", domain=MICROSOFT)
def dequantize(call: Call) -> Held:
    """(x - zero point) * scale."""
    type_of(call, 0)
    return meant(call, 0, 1, 2, call.int("axis", 1), call.int("block_size"))


@operation("DynamicQuantizeLinear")
def quantize_by_range(call: Call) -> List[Held]:
    """To 0 … 255, by the range of the values, which 0 belongs to."""
    b, x = call.b, b_floats(call)
    least, most = b.minimum(b.min(x), 0.0), b.maximum(b.max(x), 0.0)
    scale = b.div(b.sub(most, least), 255.0)
    zero = b.clip(b.unary("Round", b.div(b.neg(least), scale)), 0.0, 255.0)
    return [quantized(call, call.x, scale, zero, "UINT8"), call.as_it_is(scale, dtype="FLOAT"),
            call.as_it_is(b.cast(zero, "int32"), dtype="UINT8")]


def b_floats(call: Call) -> Value:
    """The first input as floats, in any order."""
    return call.b.cast(call.x.value, "float32")


# Products --------------------------------------------------------------------------------------------------------

def inner(call: Call, op: str, inputs: Sequence[Optional[Held]]) -> Held:
    """The result of another operation with this one's attributes."""
    rule = rule_of("", op, call.version)
    assert rule is not None
    found = rule(Call(call.walk, call.node._replace(op=op), list(inputs), call.version))
    return found if isinstance(found, Held) else call.as_it_is(found)  # type: ignore[arg-type]


@operation("QLinearConv")
def convolution(call: Call) -> Held:
    """A convolution of what the numbers mean; the bias has the scale of both together."""
    b = call.b
    x, kernel = meant(call, 0, 1, 2), meant(call, 3, 4, 5, 0)
    bias = None
    if call.has(8):
        factor = b.mul(*[b.reshape(b.cast(call.value(place), "float32"), [-1]) for place in (1, 4)])
        bias = call.as_it_is(b.mul(b.cast(call.value(8), "float32"), factor), dtype="FLOAT")
    made = inner(call, "Conv", [x, kernel, bias])
    return quantized(call, made, beside(call, made, 6, 1), beside(call, made, 7, 1), type_of(call, 7))


@operation("ConvInteger")
def integer_convolution(call: Call) -> Held:
    """A convolution of numbers less their zero points."""
    made = inner(call, "Conv", [less(call, 0, 2, 1), less(call, 1, 3, 0)])
    return call.like(made, call.b.cast(made.value, "int32"), "INT32")


@operation("MatMulInteger")
def integer_product(call: Call) -> Held:
    """A product of numbers less their zero points: one, of rows, or of columns."""
    made = inner(call, "MatMul", [less(call, 0, 2, -2), less(call, 1, 3, -1)])
    return call.like(made, call.b.cast(made.value, "int32"), "INT32")


def less(call: Call, place: int, zero: int, axis: int) -> Held:
    """An input less its zero point, as floats."""
    return meant(call, place, len(call.inputs), zero, axis)


@operation("QLinearMatMul")
def product(call: Call) -> Held:
    """A product of what the numbers mean."""
    made = inner(call, "MatMul", [meant(call, 0, 1, 2, -2), meant(call, 3, 4, 5, -1)])
    return quantized(call, made, beside(call, made, 6, -2), beside(call, made, 7, -2), type_of(call, 7))


@operation("QLinearAdd QLinearMul", domain=MICROSOFT)
def arithmetic(call: Call) -> Held:
    """A sum or a product of what the numbers mean, number by number."""
    made = inner(call, call.op[7:], [meant(call, 0, 1, 2), meant(call, 3, 4, 5)])
    return quantized(call, made, beside(call, made, 6, 1), beside(call, made, 7, 1), type_of(call, 7))
