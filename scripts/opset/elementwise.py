"""Arithmetic and activations, number by number: the order of dimensions does not matter."""
from typing import Any, Callable

from ..emit import Value
from .layout import Held
from .rules import Call, operation

# ONNX's name: the builder's of an operation of one input
UNARY = {"Abs": "Abs", "Neg": "Neg", "Sign": "Sign", "Floor": "Floor", "Ceil": "Ceil", "Exp": "Exp", "Log": "Log",
         "Sqrt": "Sqrt", "Reciprocal": "Reciprocal", "Sigmoid": "Sigmoid", "Tanh": "Tanh", "Relu": "Relu",
         "Softplus": "Softplus", "Sin": "Sin", "Cos": "Cos", "Tan": "Tan", "Asin": "Asin", "Acos": "Acos",
         "Atan": "Atan", "Sinh": "Sinh", "Cosh": "Cosh", "Asinh": "Asinh", "Acosh": "Acosh", "Atanh": "Atanh"}


@operation(" ".join(UNARY))
def unary(call: Call) -> Held:
    """An operation that TensorFlow.js has."""
    return call.each(lambda x: call.b.unary(UNARY[call.op], x))


def pairwise(call: Call, function: Callable[[Value, Value], Value], dtype: str = "") -> Held:
    """An operation on two or more tensors that are broadcast: the first with the second, the result with the third, …
    """
    both = call.together()
    found = both.values[0]
    for other in both.values[1:]:
        found = function(found, other)
    return both.result(call, found, dtype)


@operation("Add Sub Mul Max Min Sum")
def arithmetic(call: Call) -> Held:
    """x + y, x - y, x * y, the larger or smaller of several, the sum of several."""
    op = {"Max": "Maximum", "Min": "Minimum", "Sum": "Add"}.get(call.op, call.op)
    return pairwise(call, lambda x, y: call.b.binary(op, x, y))


@operation("Div")
def quotient(call: Call) -> Held:
    """x / y; of whole numbers it is cut off towards zero."""
    return pairwise(call, lambda x, y: divided(call, x, y))


def divided(call: Call, x: Value, y: Value) -> Value:
    """A quotient in the type of the dividend."""
    b = call.b
    if x.dtype != "int32":
        return b.div(x, y)
    size = b.binary("FloorDiv", b.unary("Abs", x), b.unary("Abs", y))
    return b.mul(size, b.mul(b.unary("Sign", x), b.unary("Sign", y)))


@operation("Mean")
def mean(call: Call) -> Held:
    """The mean of several tensors."""
    both = call.together()
    found = both.values[0]
    for other in both.values[1:]:
        found = call.b.add(found, other)
    return both.result(call, call.b.div(found, float(len(both.values))))


@operation("Pow")
def power(call: Call) -> Held:
    """x to the power of y: products where y is 2 or 3, a root where it is a half."""
    b, exponent = call.b, call.held(1)
    if exponent.weight is not None and exponent.weight.size == 1:
        number = float(exponent.weight.read().reshape(-1)[0])
        known = {2.0: b.square, 3.0: lambda x: b.mul(b.square(x), x), 0.5: b.sqrt, 1.0: lambda x: x}.get(number)
        if known is not None and exponent.rank <= call.x.rank and (number != 0.5 or call.x.value.dtype == "float32"):
            return call.each(known)
    both = call.together()
    made = b.binary("Pow", *both.values)
    return both.result(call, b.cast(made, both.values[0].dtype), call.x.dtype)


@operation("Clip")
def clip(call: Call) -> Held:
    """Numbers between two bounds: attributes before opset 11."""
    if call.version < 11:
        low = call.float("min") if call.has_attribute("min") else None
        high = call.float("max") if call.has_attribute("max") else None
        return call.each(lambda x: bounded(call, x, low, high))
    low, high = [call.held(place).value if call.has(place) else None for place in (1, 2)]
    return call.each(lambda x: bounded(call, x, low, high))


def bounded(call: Call, x: Value, low: Any, high: Any) -> Value:
    """x between bounds, None for none; Relu and Relu6 where they are these."""
    if is_number(low, 0) and x.dtype == "float32" and (high is None or is_number(high, 6)):
        return call.b.unary("Relu" if high is None else "Relu6", x)
    x = x if low is None else call.b.maximum(x, low)
    return x if high is None else call.b.minimum(x, high)


def is_number(bound: Any, number: float) -> bool:
    """Whether a bound is a known number."""
    if isinstance(bound, Value):
        return bound.is_constant and bound.weight.size == 1 and float(bound.array.reshape(-1)[0]) == number
    return bound == number


@operation("LeakyRelu")
def leaky_relu(call: Call) -> Held:
    """x, below zero times alpha."""
    b, alpha = call.b, call.float("alpha", 0.01)
    if 0 <= alpha <= 1:
        return call.each(lambda x: b.maximum(x, b.mul(x, alpha)))
    return call.each(lambda x: b.add(b.relu(x), b.mul(b.minimum(x, 0.0), alpha)))


@operation("PRelu")
def parametric_relu(call: Call) -> Held:
    """x, below zero times slopes that are broadcast."""
    b, slopes = call.b, call.held(1)
    if call.version < 7 and slopes.rank == 1 and call.x.rank > 2:  # one for each channel
        x = call.image()
        return call.as_image(b.add(b.relu(x), b.mul(slopes.plain, b.minimum(x, 0.0))))
    both = call.together()
    x, slope = both.values
    return both.result(call, b.add(b.relu(x), b.mul(slope, b.minimum(x, 0.0))))


@operation("Elu")
def elu(call: Call) -> Held:
    """x, below zero alpha * (exp(x) - 1)."""
    b, alpha = call.b, call.float("alpha", 1.0)
    if alpha == 1:
        return call.each(lambda x: b.unary("Elu", x))
    return call.each(lambda x: b.add(b.relu(x), b.mul(b.sub(b.exp(b.minimum(x, 0.0)), 1.0), alpha)))


@operation("Selu")
def selu(call: Call) -> Held:
    """gamma times x, below zero alpha * (exp(x) - 1)."""
    b = call.b
    alpha, gamma = call.float("alpha", 1.67326319217681884765625), call.float("gamma", 1.05070102214813232421875)
    return call.each(lambda x: b.mul(b.add(b.relu(x), b.mul(b.sub(b.exp(b.minimum(x, 0.0)), 1.0), alpha)), gamma))


@operation("Celu")
def celu(call: Call) -> Held:
    """x, below zero alpha * (exp(x / alpha) - 1)."""
    b, alpha = call.b, call.float("alpha", 1.0)
    return call.each(lambda x: b.add(b.relu(x), b.mul(b.sub(b.exp(b.div(b.minimum(x, 0.0), alpha)), 1.0), alpha)))


@operation("HardSigmoid")
def hard_sigmoid(call: Call) -> Held:
    """alpha * x + beta between 0 and 1."""
    b, alpha, beta = call.b, call.float("alpha", 0.2), call.float("beta", 0.5)
    return call.each(lambda x: b.clip(b.add(b.mul(x, alpha), beta), 0.0, 1.0))


@operation("HardSwish")
def hard_swish(call: Call) -> Held:
    """x times x / 6 + 1 / 2 between 0 and 1."""
    b = call.b
    return call.each(lambda x: b.mul(x, b.clip(b.add(b.mul(x, 1 / 6), 0.5), 0.0, 1.0)))


@operation("Softmax LogSoftmax Hardmax", since=13)
@operation("Softmax LogSoftmax Hardmax")
def softmax(call: Call) -> Held:
    """exp(x) over its sum along an axis; before opset 13 along all dimensions from the axis on."""
    x, axis = call.x, call.axis(call.int("axis", -1 if call.version >= 13 else 1))
    if call.version < 13 and axis != x.rank - 1 and any(size != 1 for size in x.shape[axis + 1:]):
        return softmax_of_all(call, axis)
    place = x.order.index(axis)
    return call.like(x, normalized(call, x.value, place))


def softmax_of_all(call: Call, axis: int) -> Held:
    """The softmax of all dimensions from an axis on, as of one."""
    b, x = call.b, call.x.plain
    flat = b.grouped(x, [[place] for place in range(axis)] + [list(range(axis, x.rank))])
    made = b.ungrouped(normalized(call, flat, axis), x, x.shape)
    return call.as_it_is(made, list(call.x.names))


def normalized(call: Call, x: Value, axis: int) -> Value:
    """Softmax, LogSoftmax or Hardmax along a stored dimension."""
    b = call.b
    if call.op == "Softmax":
        return b.softmax(x, axis)
    if call.op == "LogSoftmax":
        centred = b.sub(x, b.max(x, axis, True))
        return b.sub(centred, b.log(b.sum(b.exp(centred), axis, True)))
    if x.shape[axis] is None:
        call.refuse("its result depends on a size that is open", "name it with --input-shape")
    return b.one_hot(b.place_of("ArgMax", x, axis), x.shape[axis], axis)
