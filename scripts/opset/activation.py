"""Activations that TensorFlow.js has no operation for, of ONNX and of ONNX Runtime's own domain."""
from ..emit import Builder, Value, activations
from .given import MICROSOFT
from .layout import Held
from .rules import Call, operation


def swish(b: Builder, x: Value, alpha: float = 1.0) -> Value:
    """x * sigmoid(alpha * x)."""
    return b.mul(x, b.sigmoid(b.mul(x, alpha) if alpha != 1 else x))


@operation("Swish")
@operation("QuickGelu", domain=MICROSOFT)
def swish_of(call: Call) -> Held:
    """x * sigmoid(alpha * x)."""
    alpha = call.float("alpha", 1.0 if call.op == "Swish" else 1.702)
    return call.each(lambda x: swish(call.b, x, alpha))


@operation("SwiGLU")
def swiglu(call: Call) -> Held:
    """swish(x) * y."""
    b, both = call.b, call.together()
    x, y = both.values
    return both.result(call, b.mul(swish(b, x, call.float("alpha", 1.0)), y))


@operation("Mish")
def mish(call: Call) -> Held:
    """x * tanh(log(exp(x) + 1))."""
    b = call.b
    return call.each(lambda x: b.mul(x, b.tanh(activations.softplus(b, x))))


@operation("Softsign")
def softsign(call: Call) -> Held:
    """x / (|x| + 1)."""
    return call.each(lambda x: activations.softsign(call.b, x))


@operation("ThresholdedRelu")
def thresholded(call: Call) -> Held:
    """x above alpha, else 0."""
    b, alpha = call.b, call.float("alpha", 1.0)
    return call.each(lambda x: b.mul(x, b.cast(b.compare("Greater", x, alpha), "float32")))


@operation("Gelu")
@operation("Gelu", domain=MICROSOFT)
def gelu(call: Call) -> Held:
    """x times the share of a normal distribution below x: by the error function, or about so by tanh."""
    return call.each(lambda x: activations.gelu(call.b, x, call.text("approximate", "none") == "tanh"))


@operation("FastGelu BiasGelu", domain=MICROSOFT)
def biased_gelu(call: Call) -> Held:
    """The GELU of the sum with a bias along the last dimension; FastGelu computes it by tanh."""
    both, fast = call.together(), call.op == "FastGelu"
    x = both.values[0] if len(both.values) == 1 else call.b.add(*both.values)
    return both.result(call, activations.gelu(call.b, x, fast))


@operation("Shrink")
def shrink(call: Call) -> Held:
    """x - bias above lambd, x + bias below -lambd, else 0."""
    b, edge, bias = call.b, call.float("lambd", 0.5), call.float("bias")

    def made(given: Value) -> Value:
        x = b.cast(given, "float32")
        above, below = b.cast(b.compare("Greater", x, edge), "float32"), b.cast(b.compare("Less", x, -edge), "float32")
        return b.cast(b.add(b.mul(b.sub(x, bias), above), b.mul(b.add(x, bias), below)), given.dtype)
    return call.each(made)
