"""Arithmetic, number by number."""
import math
from typing import Callable, Dict, List, Optional, Tuple

import numpy

from ...emit import Builder, Value
from .. import complexes, narrow
from ..rules import Call, function, node, operation
from . import casting
from .given import argument, floats, integer, needed, pair, tensor, value

# Operations that TensorFlow.js has by the same name, of floats: class of Keras 3, functions and operation of TensorFlow
SAME = {"Arccos": "Acos", "Arccosh": "Acosh", "Arcsin": "Asin", "Arcsinh": "Asinh", "Arctan": "Atan",
        "Arctanh": "Atanh", "Ceil": "Ceil", "Cos": "Cos", "Cosh": "Cosh", "Exp": "Exp", "Expm1": "Expm1",
        "Floor": "Floor", "Log": "Log", "Log1p": "Log1p", "Rsqrt": "Rsqrt", "Sin": "Sin", "Sinh": "Sinh",
        "Sqrt": "Sqrt", "Tan": "Tan", "Tanh": "Tanh", "Erf": "Erf", "Reciprocal": "Reciprocal", "Sigmoid": "Sigmoid"}
KEPT = {"Negative": "Neg", "Sign": "Sign", "Square": "Square", "Absolute": "Abs"}  # whole numbers stay such


def same(op: str) -> Callable[[Call], Value]:
    """The function that emits one operation of floats."""
    if op == "Erf":
        return lambda call: call.b.erf(floats(call))
    return lambda call: call.b.unary(op, floats(call, "x features"))


def kept(op: str) -> Callable[[Call], Value]:
    """The function that emits one operation of floats or whole numbers; booleans count as these."""
    def lower(call: Call) -> Value:
        x = tensor(call, "x array")
        if x.dtype == "bool":
            x = call.b.cast(x, "int32")
        return narrow.times(call.b, x, x, x.narrow) if op == "Square" and x.narrow else call.b.unary(op, x)
    return lower


for _kind, _op in SAME.items():
    operation(_kind)(same(_op))
    node(_op)(same(_op))
    function(f"math.{_op.lower()}")(same(_op))
function("math.reciprocal_no_nan nn.tanh")(lambda call: call.b.tanh(floats(call)) if "tanh" in call.config["function"]
                                           else divided_no_nan(call.b, call.b.constant(1.0), floats(call)))
for _kind, _op in KEPT.items():
    operation(_kind)(kept(_op))
    node(_op)(kept(_op))
function("math.negative")(kept("Neg"))
function("math.sign")(kept("Sign"))
function("math.square")(kept("Square"))
operation("Abs")(kept("Abs"))
node("Inv")(same("Reciprocal"))


@operation("Fabs")
def fabs(call: Call) -> Value:
    """The absolute value, of floats."""
    return call.b.unary("Abs", floats(call))


BINARY = {"Add": ("Add", "math.add __operators__.add", "Add AddV2"),
          "Subtract": ("Sub", "math.subtract __operators__.sub", "Sub"),
          "Multiply": ("Mul", "math.multiply __operators__.mul", "Mul"),
          "Maximum": ("Maximum", "math.maximum", "Maximum"),
          "Minimum": ("Minimum", "math.minimum", "Minimum"),
          "Mod": ("FloorMod", "math.floormod math.mod", "FloorMod")}


def binary(op: str) -> Callable[[Call], Value]:
    """The function that emits one operation of two numbers; booleans count as whole ones, or as or and and."""
    def lower(call: Call) -> Value:
        b, (x, y) = call.b, pair(call)
        if complexes.among([x, y]):
            return complexes.arithmetic(b, op, x, y)
        if op == "Mul" and x.dtype == "int32":
            return multiplied(call, x, y)
        if x.dtype != "bool":
            return b.binary(op, x, y)
        if op in ("Add", "Maximum"):
            return b.either(x, y)
        if op in ("Mul", "Minimum"):
            return b.both(x, y)
        return b.binary(op, b.cast(x, "int32"), b.cast(y, "int32"))
    return lower


def multiplied(call: Call, x: Value, y: Value) -> Value:
    """The product of whole numbers; of those of few bits one that needs no more than 24 bits on the way."""
    kind = narrow.kind_of(call)
    return call.b.mul(x, y) if kind is None else narrow.times(call.b, x, y, kind)


for _kind, (_op, _functions, _nodes) in BINARY.items():
    operation(_kind)(binary(_op))
    function(_functions)(binary(_op))
    node(_nodes)(binary(_op))


@operation("Power")
@function("math.pow")
@node("Pow")
def power(call: Call) -> Value:
    """x to the power of y; of whole numbers of few bits by products that wrap."""
    kind = narrow.kind_of(call)
    x, y = pair(call)
    if kind is not None and x.dtype == "int32":
        return narrow.power(call.b, x, y, kind)
    return binary("Pow")(call)


@operation("Divide TrueDivide")
@function("math.truediv math.divide __operators__.truediv realdiv")
@node("RealDiv")
def divide(call: Call) -> Value:
    """x / y of floats."""
    return call.b.div(*pair(call))


@function("math.divide_no_nan")
@operation("DivideNoNan")
@node("DivNoNan")
def divide_no_nan(call: Call) -> Value:
    """x / y, 0 where y is 0."""
    x, y = pair(call)
    return divided_no_nan(call.b, call.b.cast(x, "float32"), call.b.cast(y, "float32"))


def divided_no_nan(b: Builder, x: Value, y: Value) -> Value:
    """x / y, 0 where y is 0."""
    none = b.compare("Equal", y, 0)
    return b.where(none, 0.0, b.div(x, b.where(none, 1.0, y)))


@node("MulNoNan")
@function("math.multiply_no_nan")
def multiply_no_nan(call: Call) -> Value:
    """x * y, 0 where y is 0."""
    x, y = pair(call)
    return call.b.where(call.b.compare("Equal", y, 0), 0.0, call.b.mul(x, y))


def numbers(call: Call) -> Tuple[Value, Value]:
    """Both operands as `pair` gives them, booleans as whole numbers."""
    x, y = pair(call)
    return (call.b.cast(x, "int32"), call.b.cast(y, "int32")) if x.dtype == "bool" else (x, y)


@operation("FloorDivide")
@function("math.floordiv floor_div math.floor_div")
@node("FloorDiv")
def floor_divide(call: Call) -> Value:
    """x / y, rounded down; TensorFlow.js's FloorDiv gives whole numbers, so that floats go another way."""
    b, (x, y) = call.b, numbers(call)
    return b.binary("FloorDiv", x, y) if x.dtype == "int32" else b.unary("Floor", b.div(x, y))


@operation("Fmod")
@node("Mod TruncateMod")
@function("truncatemod")
def fmod(call: Call) -> Value:
    """The remainder of x / y, with the sign of x."""
    return call.b.remainder(*numbers(call))


@operation("Arctan2")
@function("math.atan2")
@node("Atan2")
def arctan2(call: Call) -> Value:
    """The angle of the point (x, y)."""
    y, x = pair(call, ("x1 y", "x2 x"))
    return call.b.binary("Atan2", call.b.cast(y, "float32"), call.b.cast(x, "float32"))


@function("math.squared_difference")
@node("SquaredDifference")
def squared_difference(call: Call) -> Value:
    """(x - y) ** 2."""
    return call.b.square(call.b.sub(*pair(call)))


@function("math.add_n math.accumulate_n")
@node("AddN")
def add_n(call: Call) -> Value:
    """The sum of several tensors."""
    found = argument(call, "inputs", 0, needed)
    parts = call.args if call.kind == "TensorFlowOpLayer" else found if isinstance(found, list) else [found]
    total = value(call, parts[0])
    for part in parts[1:]:
        total = call.b.add(total, value(call, part, total.dtype))
    return total


@operation("Clip")
@function("clip_by_value")
def clip(call: Call) -> Value:
    """Values below the first bound become it, those above the second become that one."""
    b, x = call.b, tensor(call, "x t")
    low, high = argument(call, "x_min clip_value_min"), argument(call, "x_max clip_value_max")
    if x.dtype == "bool":
        x = b.cast(x, "int32")
    for op, bound in (("Minimum", high), ("Maximum", low)):
        if bound is not None:
            bound = value(call, bound, None if call.major > 2 else x.dtype)
            x = b.binary(op, x, bound)
    return x


@node("ClipByValue")
def clip_by_value(call: Call) -> Value:
    """Both bounds are inputs."""
    x = tensor(call)
    return call.b.maximum(call.b.minimum(x, value(call, call.args[2], x.dtype)), value(call, call.args[1], x.dtype))


@operation("Round")
@function("math.round math.rint")
@node("Round Rint")
def round_(call: Call) -> Value:
    """To the next whole number, halves to the even one, or to so many decimals."""
    b, x = call.b, tensor(call)
    decimals = integer(call, argument(call, "decimals", None, 0), "decimals")
    if x.dtype != "float32":
        if decimals < 0:
            call.refuse("it rounds whole numbers to tens", "cast them to float32 before it")
        return x if x.dtype == "int32" else b.cast(x, "int32")
    if decimals == 0 or abs(decimals) > 30:
        return b.unary("Round", x)
    return b.div(b.unary("Round", b.mul(x, 10.0 ** decimals)), 10.0 ** decimals)


@operation("Trunc")
@function("math.trunc")
def trunc(call: Call) -> Value:
    """Towards zero."""
    x = tensor(call)
    return x if x.dtype != "float32" else truncated(call.b, x)


def truncated(b: Builder, x: Value) -> Value:
    """Without the fraction."""
    return b.mul(b.unary("Sign", x), b.unary("Floor", b.unary("Abs", x)))


def composed(name: str, of: Callable[[Builder, Value], Value]) -> None:
    """Register what is composed of other operations, of floats."""
    operation(name)(lambda call: of(call.b, floats(call, "x array")))


FLOATS: Dict[str, Callable[[Builder, Value], Value]] = {
    "Cbrt": lambda b, x: b.mul(b.unary("Sign", x), b.binary("Pow", b.unary("Abs", x), 1.0 / 3)),
    "Deg2rad": lambda b, x: b.mul(x, math.pi / 180),
    "Rad2deg": lambda b, x: b.mul(x, 180 / math.pi),
    "Exp2": lambda b, x: b.binary("Pow", 2.0, x),
    "Log2": lambda b, x: b.mul(b.log(x), 1 / math.log(2)),
    "Log10": lambda b, x: b.mul(b.log(x), 1 / math.log(10)),
    "Erfc": lambda b, x: b.sub(1.0, b.erf(x)),
    "Sinc": lambda b, x: sinc(b, x),
    "Angle": lambda b, x: b.where(b.compare("Less", x, 0), b.add(b.mul(x, 0.0), math.pi), b.mul(x, 0.0)),
    "Erfinv": lambda b, x: inverse_of_erf(b, x),
}
for _kind, _of in FLOATS.items():
    composed(_kind, _of)
function("math.erfc")(lambda call: FLOATS["Erfc"](call.b, floats(call)))
node("Erfc")(lambda call: FLOATS["Erfc"](call.b, floats(call)))
function("math.erfinv")(lambda call: FLOATS["Erfinv"](call.b, floats(call)))
node("Erfinv")(lambda call: FLOATS["Erfinv"](call.b, floats(call)))
function("math.xlogy")(lambda call: x_log_y(call))
node("Xlogy")(lambda call: x_log_y(call))


def x_log_y(call: Call) -> Value:
    """x * log(y), 0 where x is 0."""
    b, (x, y) = call.b, pair(call)
    none = b.compare("Equal", x, 0)
    return b.where(none, 0.0, b.mul(x, b.log(b.where(none, 1.0, y))))


def sinc(b: Builder, x: Value) -> Value:
    """sin(pi x) / (pi x), 1 at 0."""
    zero = b.compare("Equal", x, 0)
    angle = b.mul(b.where(zero, 1.0, x), math.pi)
    return b.where(zero, 1.0, b.div(b.unary("Sin", angle), angle))


def inverse_of_erf(b: Builder, x: Value, w: Optional[Value] = None) -> Value:
    """The inverse of erf: Giles's two polynomials (Approximating the erfinv function, 2010), single precision.

    w: -log(1 - x * x), where it is known better than x tells it.
    """
    w = b.neg(b.log(b.mul(b.sub(1.0, x), b.add(1.0, x)))) if w is None else w
    near = polynomial(b, b.sub(w, 2.5), (2.81022636e-08, 3.43273939e-07, -3.5233877e-06, -4.39150654e-06, 0.00021858087,
                                         -0.00125372503, -0.00417768164, 0.246640727, 1.50140941))
    far = polynomial(b, b.sub(b.sqrt(b.maximum(w, 0.0)), 3.0), (
        -0.000200214257, 0.000100950558, 0.00134934322, -0.00367342844, 0.00573950773, -0.0076224613, 0.00943887047,
        1.00167406, 2.83297682))
    found = b.mul(b.where(b.compare("Less", w, 5.0), near, far), x)
    edge = b.compare("Equal", b.unary("Abs", x), 1.0)
    return b.where(edge, b.mul(x, b.constant(numpy.float32("inf"))), found)


def polynomial(b: Builder, x: Value, factors: Tuple[float, ...]) -> Value:
    """The polynomial with these factors, that of the highest power first."""
    total = b.mul(x, factors[0])
    for one in factors[1:-1]:
        total = b.mul(b.add(total, one), x)
    return b.add(total, factors[-1])


@operation("Heaviside")
def heaviside(call: Call) -> Value:
    """0 below 0, 1 above, x2 at 0."""
    b = call.b
    x, y = [b.cast(one, "float32") for one in pair(call)]
    return b.where(b.compare("Less", x, 0), 0.0, b.where(b.compare("Greater", x, 0), 1.0, y))


@operation("Hypot")
def hypot(call: Call) -> Value:
    """sqrt(x1 ** 2 + x2 ** 2), without an overflow."""
    b = call.b
    x, y = [b.unary("Abs", b.cast(one, "float32")) for one in pair(call)]
    most, least = b.maximum(x, y), b.minimum(x, y)
    return b.mul(most, b.sqrt(b.add(1.0, b.square(divided_no_nan(b, least, most)))))


@operation("Logaddexp")
def logaddexp(call: Call) -> Value:
    """log(exp(x1) + exp(x2))."""
    return log_of_sum(call, 1.0)


@operation("Logaddexp2")
def logaddexp2(call: Call) -> Value:
    """log2(2 ** x1 + 2 ** x2)."""
    return log_of_sum(call, math.log(2))


def log_of_sum(call: Call, scale: float) -> Value:
    """The logarithm of the sum of two powers, whose base is e ** scale; infinities that are alike stay such."""
    b = call.b
    x, y = [b.cast(one, "float32") for one in pair(call)]
    apart = b.where(b.compare("Equal", x, y), 0.0, b.unary("Abs", b.sub(x, y)))
    return b.add(b.maximum(x, y), b.mul(b.unary("Log1p", b.exp(b.mul(apart, -scale))), 1 / scale))


@operation("Ldexp")
def ldexp(call: Call) -> Value:
    """x1 * 2 ** x2."""
    x, y = pair(call)
    return call.b.mul(call.b.cast(x, "float32"), call.b.binary("Pow", 2.0, call.b.cast(y, "float32")))


@operation("Copy Conjugate Conj Real StopGradient ConvertToTensor Array")
@function("""identity stop_gradient convert_to_tensor grad_pass_through ensure_shape debugging.check_numerics""")
@node("Identity StopGradient Snapshot Real PlaceholderWithDefault CheckNumerics EnsureShape PreventGradient")
def copy(call: Call) -> Value:
    """The same numbers, in another type where the operation names one."""
    x = tensor(call, "x variable input tensor")
    return casting.cast_to(call, x, argument(call, "dtype")) if call.major > 2 and call.config.get("dtype") else x


@node("IdentityN")
def copies(call: Call) -> List[Value]:
    """The same tensors."""
    return [value(call, one) for one in call.args]
