"""Activations, composed of what the Builder emits; they are called as Keras 3 and PyTorch call them."""
import math
from typing import Any, Optional

from ..base.fault import Fault
from . import Builder, Value
from .core import DType

GELU = 0.7978845608028654, 0.044715  # sqrt(2 / pi), and the cubic's part (Hendrycks 2016)
WIDEST = 4096  # values that sparsemax sorts


def relu(b: Builder, x: Value, slope: float = 0.0, top: Optional[float] = None, threshold: float = 0.0) -> Value:
    """Keras's relu: x above the threshold, at most `top`; slope * (x - threshold) below (tf_keras backend.py: relu).

    Beside whole numbers the settings are such too, but for a slope alone.
    """
    if slope and top is None and not threshold:
        return leaky_relu(b, b.cast(x, "float32"), slope)
    if x.dtype == "int32":
        slope, threshold = math.trunc(slope), math.trunc(threshold)
        top = math.trunc(top) if top is not None and math.isfinite(top) else None
    if threshold:
        made = b.mul(x, b.cast(b.compare("Greater", x, threshold), x.dtype))
    else:
        made = b.unary("Relu6", x) if top == 6 else b.relu(x)
    if top is not None and (threshold or top != 6):
        made = b.clip(made, 0, top)
    if slope:
        below = b.relu(b.sub(threshold, x) if threshold else b.neg(x))
        made = b.sub(made, b.mul(below, slope))
    return made


def leaky_relu(b: Builder, x: Value, slope: float = 0.2) -> Value:
    """x above zero, slope * x below.  TensorFlow.js takes the larger of both, which is that for slopes from 0 to 1."""
    if 0 <= slope <= 1:
        return b.one("LeakyRelu", [x], x.dtype, x.shape, T=DType(x.dtype), alpha=float(slope))
    return b.sub(b.relu(x), b.mul(b.relu(b.neg(x)), slope))


def elu(b: Builder, x: Value, alpha: float = 1.0) -> Value:
    """x above zero, alpha * (exp(x) - 1) below."""
    if alpha == 1:
        return b.unary("Elu", x)
    return b.add(b.relu(x), b.mul(b.unary("Elu", b.minimum(x, 0)), alpha))


def celu(b: Builder, x: Value, alpha: float = 1.0) -> Value:
    """x above zero, alpha * (exp(x / alpha) - 1) below."""
    low = b.minimum(x, 0)
    return b.add(b.relu(x), b.mul(b.unary("Expm1", b.div(low, alpha) if alpha != 1 else low), alpha))


def gelu(b: Builder, x: Value, approximate: bool = False) -> Value:
    """x times the share of a normal distribution below x (tf.nn.gelu)."""
    if approximate:
        root, cubic = GELU
        inner = b.mul(b.add(x, b.mul(b.mul(b.square(x), x), cubic)), root)
        return b.mul(b.mul(x, 0.5), b.add(b.tanh(inner), 1))
    return b.mul(b.mul(x, 0.5), b.add(b.erf(b.mul(x, 1 / math.sqrt(2))), 1))


def hard_sigmoid(b: Builder, x: Value) -> Value:
    """Keras 3's hard sigmoid: relu6(x + 3) / 6."""
    return b.div(b.unary("Relu6", b.add(x, 3)), 6)


def hard_sigmoid_of_keras2(b: Builder, x: Value) -> Value:
    """Keras 2's hard sigmoid: 0.2 * x + 0.5 between 0 and 1."""
    return b.clip(b.add(b.mul(x, 0.2), 0.5), 0, 1)


def softplus(b: Builder, x: Value) -> Value:
    """log(exp(x) + 1), which does not overflow."""
    return b.unary("Softplus", x)


def log_softmax(b: Builder, x: Value, axis: int = -1) -> Value:
    """The logarithm of softmax; TensorFlow.js has it for the last axis."""
    if axis not in (-1, x.rank - 1):
        return b.move(log_softmax(b, b.move(x, axis, -1)), -1, axis)
    return b.one("LogSoftmax", [x], x.dtype, x.shape, T=DType(x.dtype))


def softmax(b: Builder, x: Value, axes: Any = -1) -> Value:
    """exp(x) over its sum along one axis, or along several together (keras 3 layers/activations/softmax.py)."""
    if not isinstance(axes, (list, tuple)):
        return b.softmax(x, axes)
    return b.softmax(x, axes[0]) if len(axes) == 1 else steady_softmax(b, x, axes)


def steady_softmax(b: Builder, x: Value, axes: Any) -> Value:
    """softmax of scores of any size.

    TensorFlow.js 1.0.0 subtracts the logarithm of the sum, which is lost beside -1e9.
    """
    axes = list(axes) if isinstance(axes, (list, tuple)) else [axes]
    raised = b.exp(b.sub(x, b.max(x, axes, True)))
    return b.div(raised, b.sum(raised, axes, True))


def sparsemax(b: Builder, x: Value, axis: int = -1) -> Value:
    """Keras 3's sparsemax (backend/tensorflow/nn.py).

    Raises Fault for an open size: TopKV2 sorts so many values.
    """
    if axis not in (-1, x.rank - 1):
        return b.move(sparsemax(b, b.move(x, axis, -1)), -1, axis)
    count = x.shape[-1]
    if count is None or not 0 < count <= WIDEST:
        raise Fault(f"a sparsemax of {count or 'an open number of'} values")
    ordered = b.node("TopKV2", [x, b.constant(count, "int32", "k")], [("float32", x.shape), ("int32", x.shape)],
                     T=DType("float32"), sorted=True)[0]
    total = b.cumulative(ordered, -1)
    places = b.constant([place + 1.0 for place in range(count)], "float32")
    counts = b.cast(b.compare("Greater", b.sub(ordered, b.div(b.sub(total, 1), places)), 0), "float32")
    # Keras sums the sums of all places that count, where the paper takes the last of them
    threshold = b.div(b.sub(b.sum(b.mul(total, counts), -1, True), 1), b.sum(counts, -1, True))
    return b.relu(b.sub(x, threshold))


def glu(b: Builder, x: Value, axis: int = -1) -> Value:
    """The first half times the sigmoid of the second."""
    first, second = b.split(x, 2, axis)
    return b.mul(first, b.sigmoid(second))


def soft_shrink(b: Builder, x: Value, threshold: float = 0.5) -> Value:
    """x nearer to zero by the threshold, as far as zero."""
    return b.sub(b.relu(b.sub(x, threshold)), b.relu(b.sub(b.neg(x), threshold)))


def hard_shrink(b: Builder, x: Value, threshold: float = 0.5) -> Value:
    """x where it is further from zero than the threshold."""
    return b.mul(x, b.cast(b.compare("Greater", b.unary("Abs", x), threshold), "float32"))


def squareplus(b: Builder, x: Value, smooth: float = 4) -> Value:
    """(x + sqrt(x * x + smooth)) / 2."""
    return b.mul(b.add(x, b.sqrt(b.add(b.square(x), smooth))), 0.5)


def sparse_plus(b: Builder, x: Value) -> Value:
    """0 up to -1, a parabola up to 1, then x."""
    return b.add(b.mul(b.square(b.add(b.clip(x, -1, 1), 1)), 0.25), b.relu(b.sub(x, 1)))


def softsign(b: Builder, x: Value) -> Value:
    """x / (|x| + 1)."""
    return b.div(x, b.add(b.unary("Abs", x), 1))
