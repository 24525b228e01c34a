"""Comparison, logic, bits, choice, and the arithmetic that is seldom: number by number, with numpy's broadcasting."""
import numpy

from ..emit import Builder, Value
from .layout import Held
from .rules import Call, operation

COMPARED = {"Equal": "Equal", "Greater": "Greater", "GreaterOrEqual": "GreaterEqual", "Less": "Less",
            "LessOrEqual": "LessEqual"}
BITS = {"UINT8": 8, "UINT16": 16, "UINT32": 32, "UINT64": 64}


@operation(" ".join(COMPARED))
def compared(call: Call) -> Held:
    """A comparison."""
    both = call.together()
    return both.result(call, call.b.compare(COMPARED[call.op], *both.values), "BOOL")


@operation("Erf Round")
def single(call: Call) -> Held:
    """The error function; the nearest whole number, of two the even one."""
    return call.each(call.b.erf if call.op == "Erf" else lambda x: call.b.unary("Round", x))


@operation("Mod")
def mod(call: Call) -> Held:
    """The remainder of a division: with the sign of y, or with fmod with the sign of x."""
    b, both = call.b, call.together()
    x, y = both.values
    if call.int("fmod"):
        made = b.remainder(x, y)
    else:
        made = b.binary("FloorMod", x, y)
    if made.dtype == "float32" and not y.is_constant:  # what an infinite number leaves is x, or has its sign
        same = b.compare("Equal", b.unary("Sign", x), b.unary("Sign", y))
        left = x if call.int("fmod") else b.where(b.either(same, b.compare("Equal", x, 0)), x, y)
        endless = b.both(b.compare("Equal", b.unary("Abs", y), numpy.float32("inf")), finite(b, x))
        made = b.where(endless, left, made)
    return both.result(call, made)


def finite(b: Builder, x: Value) -> Value:
    """Whether a number is one, and not infinite."""
    return b.compare("Equal", b.sub(x, x), 0.0)


@operation("IsNaN")
def is_nan(call: Call) -> Held:
    """Whether a number is none."""
    return call.each(lambda x: call.b.compare("NotEqual", x, x), "BOOL")


@operation("IsInf")
def is_infinite(call: Call) -> Held:
    """Whether a number is infinite: in either direction, or one of them."""
    b = call.b

    def made(x: Value) -> Value:
        above = b.compare("Equal", x, numpy.float32("inf"))
        below = b.compare("Equal", x, numpy.float32("-inf"))
        if not call.int("detect_negative", 1):
            return above if call.int("detect_positive", 1) else b.both(above, below)
        return b.either(above, below) if call.int("detect_positive", 1) else below
    return call.each(made, "BOOL")


# Logic and bits --------------------------------------------------------------------------------------------------

@operation("And Or Xor")
def logic(call: Call) -> Held:
    """Logic of two booleans; Xor holds where they differ."""
    both = call.together()
    made = {"And": call.b.both, "Or": call.b.either, "Xor": lambda x, y: call.b.compare("NotEqual", x, y)}[call.op]
    return both.result(call, made(*both.values), "BOOL")


@operation("Not")
def invert(call: Call) -> Held:
    """Logical not."""
    return call.each(call.b.invert)


@operation("Where")
def where(call: Call) -> Held:
    """x where the condition holds, else y."""
    found = call.together()
    condition, x, y = found.values
    return found.result(call, call.b.where(condition, x, y), call.held(1).dtype)


@operation("BitwiseAnd BitwiseOr BitwiseXor")
def bitwise(call: Call) -> Held:
    """Logic of two whole numbers, bit by bit."""
    found = call.together()
    return found.result(call, call.b.of_bits(call.op[len("Bitwise"):], *found.values))


@operation("BitwiseNot")
def bitwise_not(call: Call) -> Held:
    """-1 - x, of unsigned types the largest number less x."""
    bits = BITS.get(call.x.dtype)
    if bits is not None and bits > 16:
        call.refuse(f"of unsigned numbers of {bits} bits, and TensorFlow.js counts with 32 signed ones")
    return call.each(lambda x: call.b.sub(-1 if bits is None else (1 << bits) - 1, x))


@operation("BitShift")
def bit_shift(call: Call) -> Held:
    """x times or over 2 to the power of y, within the bits of its type; the powers are two, which int32 can hold."""
    b, both, direction = call.b, call.together(), call.text("direction")
    if direction not in ("LEFT", "RIGHT"):
        call.damaged(f"shifts bits to {direction!r:.20}")
    x, shift = both.values
    bits = int("".join(filter(str.isdigit, call.x.dtype)) or 32)
    far = b.either(b.compare("Less", shift, 0), b.compare("GreaterEqual", shift, min(bits, 32)))
    made = b.shifted(x, b.where(far, 31, shift), direction == "LEFT")
    if direction == "RIGHT":
        return both.result(call, made)
    made = b.where(far, 0, made)
    if bits < 32:
        made = b.wrapped(made, bits, not call.x.dtype.startswith("U"))
    return both.result(call, made)
