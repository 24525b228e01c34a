"""Whole numbers: their bits, what divides them."""
from typing import Callable, Tuple

from ...emit import Value
from .. import narrow
from ..rules import Call, function, node, operation
from .given import pair, tensor

ROUNDS = 46  # of Euclid's algorithm, for any two numbers of 32 bits: neighbours of Fibonacci's need the most


def bits(kind: str) -> Callable[[Call], Value]:
    """The function of an operation on the bits of two numbers."""
    def lower(call: Call) -> Value:
        b, (x, y) = call.b, pair(call)
        if x.dtype == "bool":
            return {"And": b.both, "Or": b.either}[kind](x, y) if kind != "Xor" else b.compare("NotEqual", x, y)
        return b.of_bits(kind, b.cast(x, "int32"), b.cast(y, "int32"))
    return lower


for _kind in ("And", "Or", "Xor"):
    operation("Bitwise" + _kind)(bits(_kind))
    function("bitwise.bitwise_" + _kind.lower())(bits(_kind))
    node("Bitwise" + _kind)(bits(_kind))


def divisor(call: Call) -> Tuple[Value, Value, Value]:
    """(the greatest common divisor, |x|, |y|); |-128| of 8 bits is -128."""
    b, kind = call.b, narrow.kind_of(call)
    x, y = [b.unary("Abs", b.cast(one, "int32")) for one in pair(call)]
    if kind is not None:
        x, y = narrow.wrapped(b, x, kind), narrow.wrapped(b, y, kind)
    first, second = x, y
    for _ in range(ROUNDS):
        more = b.compare("NotEqual", second, 0)
        rest = b.binary("FloorMod", first, b.where(more, second, 1))
        first, second = b.where(more, second, first), b.where(more, rest, 0)
    return first, x, y


@operation("Gcd")
def gcd(call: Call) -> Value:
    """The greatest number that divides both."""
    return divisor(call)[0]


@operation("Lcm")
def lcm(call: Call) -> Value:
    """The least number that both divide; 0 of 0."""
    b = call.b
    found, x, y = divisor(call)
    return b.mul(x, b.binary("FloorDiv", y, b.where(b.compare("Equal", found, 0), 1, found)))


@operation("BitwiseInvert BitwiseNot")
@function("bitwise.invert")
@node("Invert")
def bitwise_invert(call: Call) -> Value:
    """All bits the other way: -x - 1."""
    x = tensor(call)
    return call.b.invert(x) if x.dtype == "bool" else call.b.sub(call.b.neg(x), 1)


@operation("BitwiseLeftShift LeftShift")
@function("bitwise.left_shift")
@node("LeftShift")
def left_shift(call: Call) -> Value:
    """x * 2 ** y of whole numbers."""
    return shifted(call, True)


@operation("BitwiseRightShift RightShift")
@function("bitwise.right_shift")
@node("RightShift")
def right_shift(call: Call) -> Value:
    """x / 2 ** y of whole numbers, rounded down."""
    return shifted(call, False)


def shifted(call: Call, left: bool) -> Value:
    """The first argument with its bits moved by the second, at most by all but one (core/kernels/cwise_ops.h)."""
    kind, (x, y) = narrow.kind_of(call), [call.b.cast(one, "int32") for one in pair(call)]
    return call.b.shifted(x, call.b.clip(y, 0, narrow.TYPES[kind][0] - 1 if kind else 31), left)
