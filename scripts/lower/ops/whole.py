"""Whole numbers: their bits, what divides them."""
from typing import Callable, Tuple

import numpy

from ...emit import Builder, Value
from .. import narrow
from ..rules import Call, function, node, operation, tensors
from .given import pair

ROUNDS = 46  # of Euclid's algorithm, for any two numbers of 32 bits: neighbours of Fibonacci's need the most


def both_bits(b: Builder, x: Value, y: Value) -> Value:
    """The bits that are set in both, each by itself: TensorFlow.js 4.22.0 has a BitwiseAnd that does not run."""
    powers = b.constant(numpy.array([1 << place for place in range(31)], "int32"))
    found = [b.binary("FloorMod", b.binary("FloorDiv", b.expand(one, -1), powers), 2) for one in (x, y)]
    total = b.sum(b.mul(b.mul(*found), powers), -1)
    below = b.cast(b.both(b.compare("Less", x, 0), b.compare("Less", y, 0)), "int32")
    return b.sub(b.sub(total, b.mul(below, 2 ** 31 - 1)), below)


def bits(kind: str) -> Callable[[Call], Value]:
    """The function of an operation on the bits of two numbers."""
    def lower(call: Call) -> Value:
        b, (x, y) = call.b, pair(call)
        if x.dtype == "bool":
            return {"And": b.both, "Or": b.either}[kind](x, y) if kind != "Xor" else b.compare("NotEqual", x, y)
        x, y = b.cast(x, "int32"), b.cast(y, "int32")
        shared = both_bits(b, x, y)
        if kind == "And":
            return shared
        return b.sub(b.add(x, y), shared if kind == "Or" else b.mul(shared, 2))
    return lower


for _kind in ("And", "Or", "Xor"):
    operation("Bitwise" + _kind)(bits(_kind))
    function("bitwise.bitwise_" + _kind.lower())(bits(_kind))
    node("Bitwise" + _kind)(bits(_kind))


def divisor(call: Call) -> Tuple[Value, Value, Value]:
    """(the greatest common divisor, |x|, |y|); |-128| of 8 bits is -128."""
    b, given = call.b, [call.args, call.kwargs]
    x, y = [b.unary("Abs", b.cast(one, "int32")) for one in pair(call)]
    kind = narrow.common(call, given) if any(one.narrow for one in tensors(given)) else None
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
