"""Comparison, logic, choice."""
from typing import Callable

import numpy

from ...emit import Builder, Value
from ..rules import Call, function, node, operation
from .dynamic_sizes import coordinates
from .given import argument, floats, needed, pair, tensor, truth, value

COMPARED = {"Equal": ("Equal", "math.equal __operators__.eq"),
            "NotEqual": ("NotEqual", "math.not_equal __operators__.ne"),
            "Less": ("Less", "math.less"), "LessEqual": ("LessEqual", "math.less_equal"),
            "Greater": ("Greater", "math.greater"), "GreaterEqual": ("GreaterEqual", "math.greater_equal")}


def compared(op: str) -> Callable[[Call], Value]:
    """The function that emits a comparison."""
    return lambda call: call.b.compare(op, *pair(call))


for _kind, (_op, _functions) in COMPARED.items():
    operation(_kind)(compared(_op))
    function(_functions)(compared(_op))
    node(_op)(compared(_op))


@operation("LogicalAnd")
@function("math.logical_and __operators__.and")
@node("LogicalAnd")
def logical_and(call: Call) -> Value:
    """Whether both are true."""
    x, y = [truth(call.b, one) for one in pair(call)]
    return call.b.both(x, y)


@operation("LogicalOr")
@function("math.logical_or __operators__.or")
@node("LogicalOr")
def logical_or(call: Call) -> Value:
    """Whether one of both is true."""
    x, y = [truth(call.b, one) for one in pair(call)]
    return call.b.either(x, y)


@operation("LogicalXor")
@function("math.logical_xor __operators__.xor")
def logical_xor(call: Call) -> Value:
    """Whether just one of both is true."""
    x, y = [truth(call.b, one) for one in pair(call)]
    return call.b.compare("NotEqual", x, y)


@operation("LogicalNot")
@function("math.logical_not __operators__.invert")
@node("LogicalNot")
def logical_not(call: Call) -> Value:
    """Whether it is not true."""
    return call.b.invert(truth(call.b, tensor(call)))


@operation("Where")
@function("where where_v2")
@node("Select SelectV2")
def where(call: Call) -> Value:
    """x where the condition holds, else y.

    A Select of TensorFlow 1 takes whole rows for a condition of one dimension.
    """
    b = call.b
    condition = truth(b, tensor(call, "condition"))
    x, y = argument(call, "x1 x", 1), argument(call, "x2 y", 2)
    if x is None or y is None:
        places = coordinates(b, condition)  # of which a model of Keras 3 takes the first for the output
        return b.stack(places, 1) if call.major < 3 else places[0]
    x, y = two(call, x, y)
    rows = call.kind == "TensorFlowOpLayer" and call.config["node_def"]["op"] == "Select"
    while rows and condition.rank == 1 and condition.rank < x.rank:
        condition = b.reshape(condition, [b.dim(condition, 0)] + [1] * (x.rank - 1))
    return b.where(condition, x, y)


def two(call: Call, x: object, y: object) -> list:
    """Two operands of one type."""
    kind = next((one.dtype for one in (x, y) if isinstance(one, Value)), None) if call.major < 3 else None
    return list(call.b.together(value(call, x, kind), value(call, y, kind)))


@operation("Select")
def select(call: Call) -> Value:
    """The first of the choices whose condition holds."""
    conditions, choices = argument(call, "condlist", 0, needed), argument(call, "choicelist", 1, needed)
    found = value(call, argument(call, "default", 2, 0))
    for condition, choice in reversed(list(zip(conditions, choices))):
        found = call.b.where(truth(call.b, value(call, condition)), value(call, choice), found)
    return found


# Numbers that are none, or infinite -------------------------------------------------------------------------------
INFINITE = numpy.float32("inf")


def is_nan(b: Builder, x: Value) -> Value:
    """Whether a float is no number: it is unlike itself."""
    return b.compare("NotEqual", x, x)


@operation("Isnan")
@function("math.is_nan")
@node("IsNan")
def isnan(call: Call) -> Value:
    """Whether it is no number."""
    return is_nan(call.b, floats(call))


@operation("Isinf")
@function("math.is_inf")
@node("IsInf")
def isinf(call: Call) -> Value:
    """Whether it is infinite."""
    return call.b.compare("Equal", call.b.unary("Abs", floats(call)), call.b.constant(INFINITE))


@operation("Isfinite")
@function("math.is_finite")
@node("IsFinite")
def isfinite(call: Call) -> Value:
    """Whether it is a number and finite."""
    return call.b.compare("Less", call.b.unary("Abs", floats(call)), call.b.constant(INFINITE))


@operation("Isposinf")
def isposinf(call: Call) -> Value:
    """Whether it is above all numbers."""
    return call.b.compare("Equal", floats(call), call.b.constant(INFINITE))


@operation("Isneginf")
def isneginf(call: Call) -> Value:
    """Whether it is below all numbers."""
    return call.b.compare("Equal", floats(call), call.b.constant(-INFINITE))


@operation("Isreal")
def isreal(call: Call) -> Value:
    """True: no number is complex."""
    x = tensor(call)
    return call.b.cast(call.b.like(x, 1), "bool")


@operation("Signbit")
def signbit(call: Call) -> Value:
    """Whether the sign is a minus, that of zero too."""
    return call.b.signbit(tensor(call))


@operation("Isclose")
def isclose(call: Call) -> Value:
    """Whether two numbers differ by no more than atol + rtol * |x2| (keras 3 backend/tensorflow/numpy.py: isclose).

    Whole numbers are close where they are equal.
    """
    x, y = pair(call)
    return or_none(call, near(call, x, y), x, y) if x.dtype == "float32" else call.b.compare("Equal", x, y)


@operation("AllClose")
def allclose(call: Call) -> Value:
    """Whether all are close; an infinity is close to itself alone (keras 3 backend/tensorflow/numpy.py: allclose)."""
    b, (x, y) = call.b, pair(call)
    found = b.compare("Equal", x, y)
    if x.dtype == "float32":
        finite = b.compare("Less", b.unary("Abs", y), b.constant(INFINITE))
        found = or_none(call, b.either(found, b.both(finite, near(call, x, y))), x, y)
    return b.reduce("All", found)


def near(call: Call, x: Value, y: Value) -> Value:
    """Whether two floats differ by so little; any number is near to an infinity, which is near to none."""
    b = call.b
    relative, absolute = [value(call, argument(call, name, at, default), "float32")
                          for at, (name, default) in enumerate((("rtol", 1e-5), ("atol", 1e-8)), 2)]
    return b.compare("LessEqual", b.unary("Abs", b.sub(x, y)), b.add(b.mul(b.unary("Abs", y), relative), absolute))


def or_none(call: Call, found: Value, x: Value, y: Value) -> Value:
    """The same, where equal_nan says so also of two that are no numbers."""
    b = call.b
    return b.either(found, b.both(is_nan(b, x), is_nan(b, y))) if argument(call, "equal_nan") else found


@operation("Fmax")
def fmax(call: Call) -> Value:
    """The larger of both; of a number and what is none, the number."""
    return of_numbers(call, "Maximum")


@operation("Fmin")
def fmin(call: Call) -> Value:
    """The smaller of both; of a number and what is none, the number."""
    return of_numbers(call, "Minimum")


def of_numbers(call: Call, op: str) -> Value:
    """The common part of Fmax and Fmin."""
    b, (x, y) = call.b, pair(call)
    if x.dtype != "float32":
        return b.binary(op, x, y)
    return b.where(is_nan(b, x), y, b.where(is_nan(b, y), x, b.binary(op, x, y)))


@operation("NanToNum")
def nan_to_num(call: Call) -> Value:
    """Other numbers in place of those that are none, or infinite."""
    b, x = call.b, tensor(call)
    if x.dtype != "float32":
        return x
    most = float(numpy.finfo("float32").max)
    for found, number in ((is_nan(b, x), argument(call, "nan", None, 0.0)),
                          (b.compare("Equal", x, b.constant(INFINITE)), argument(call, "posinf", None, most)),
                          (b.compare("Equal", x, b.constant(-INFINITE)), argument(call, "neginf", None, -most))):
        x = b.where(found, value(call, number, "float32"), x)
    return x
