"""Activations by name, and as layers (keras 3 activations/, backend/tensorflow/nn.py; tf_keras backend.py).

    activate(call, x)                        what the layer's config names under "activation"
    by_name(call, "gelu", x)                 a name, or the record of a layer, as configs spell activations
"""
import hashlib
import math
from typing import Any, Callable, Dict, List, Optional

from ..base.fault import Fault
from ..emit import Builder, Value
from ..emit.core import DType
from .rules import Call, layer

GELU = 0.7978845608028654, 0.044715  # sqrt(2 / pi), and the cubic's part (Hendrycks 2016)
WIDEST = 4096  # values that sparsemax sorts
LARGE_NEGATIVE = -1e9  # what Keras puts in the place of a score that a mask hides; of float16 another: both end in 0


def relu(b: Builder, x: Value, slope: float = 0.0, top: Optional[float] = None, threshold: float = 0.0) -> Value:
    """Keras's relu: x above the threshold, at most `top`; slope * (x - threshold) below (tf_keras backend.py: relu)."""
    if slope and top is None and not threshold:
        return leaky_relu(b, x, slope)
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
    """That of Keras 3: relu6(x + 3) / 6."""
    return b.div(b.unary("Relu6", b.add(x, 3)), 6)


def hard_sigmoid_of_keras2(b: Builder, x: Value) -> Value:
    """That of Keras 2: 0.2 * x + 0.5 between 0 and 1."""
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


WHOLE = ("linear", "relu", "relu6")  # computed of whole numbers too, without a change of type
ACTIVATIONS: Dict[str, Callable[[Builder, Value], Value]] = {
    "linear": lambda b, x: x,
    "relu": relu,
    "relu6": lambda b, x: relu(b, x, top=6),
    "leaky_relu": leaky_relu,
    "elu": elu,
    "selu": lambda b, x: b.unary("Selu", x),
    "celu": celu,
    "gelu": gelu,
    "sigmoid": lambda b, x: b.sigmoid(x),
    "tanh": lambda b, x: b.tanh(x),
    "exponential": lambda b, x: b.exp(x),
    "silu": lambda b, x: b.mul(x, b.sigmoid(x)),
    "mish": lambda b, x: b.mul(x, b.tanh(softplus(b, x))),
    "glu": glu,
    "hard_sigmoid": hard_sigmoid,
    "hard_silu": lambda b, x: b.mul(x, hard_sigmoid(b, x)),
    "hard_tanh": lambda b, x: b.clip(x, -1, 1),
    "hard_shrink": hard_shrink,
    "soft_shrink": soft_shrink,
    "tanh_shrink": lambda b, x: b.sub(x, b.tanh(x)),
    "softplus": softplus,
    "softsign": softsign,
    "squareplus": squareplus,
    "sparse_plus": sparse_plus,
    "sparse_sigmoid": lambda b, x: b.clip(b.mul(b.add(x, 1), 0.5), 0, 1),
    "log_sigmoid": lambda b, x: b.neg(softplus(b, b.neg(x))),
    "softmax": lambda b, x: b.softmax(x),
    "log_softmax": log_softmax,
    "sparsemax": sparsemax,
}
OF_KERAS2: Dict[str, Callable[[Builder, Value], Value]] = {"hard_sigmoid": hard_sigmoid_of_keras2}
# Other names of the same: Keras's own, and those of TensorFlow's functions that Keras 2 writes down
SAME = {"swish": "silu", "hard_swish": "hard_silu", "softmax_v2": "softmax", "log_softmax_v2": "log_softmax",
        "exp": "exponential"}


def activate(call: Call, x: Value, key: str = "activation") -> Value:
    """Apply the activation that the layer's config names under `key`."""
    return by_name(call, call.config.get(key), x)


def by_name(call: Call, given: Any, x: Value) -> Value:
    """Apply an activation as a config spells it: a name, or the record of a layer.

    Raises NotLowered for one that is not known.
    """
    if given is None:
        return x
    name = given if isinstance(given, str) else None
    if isinstance(given, dict):
        if given.get("class_name") == "__lambda__":
            call.refuse("its activation is a lambda, which a file holds as code of Python",
                        "build the model with an activation of Keras's own")
        if given.get("class_name") == "function" or isinstance(given.get("config"), str):
            name = str(given.get("config"))
        else:
            return call.within(given, "", x.masked(None))[0]
    name = SAME.get(name, name)
    if name not in ACTIVATIONS:
        call.refuse(f"its activation {name or given!r} is not Keras's own, and a file holds no code that computes it",
                    "build the model with an activation of Keras's own")
    function = OF_KERAS2.get(name, ACTIVATIONS[name]) if call.major < 3 else ACTIVATIONS[name]
    try:
        return function(call.b, x if name in WHOLE else call.b.cast(x, "float32"))
    except Fault as error:
        if name != "sparsemax":
            raise
        call.refuse(f"it is {error}", "give the model's input a size (--input-shape)")


# Layers ----------------------------------------------------------------------------------------------------------

@layer("Activation")
def activation(call: Call) -> Value:
    """An activation as a layer."""
    return activate(call, call.x)


@layer("ReLU")
def relu_layer(call: Call) -> Value:
    """With a slope, a limit and a threshold."""
    return relu(call.b, call.x, number(call, "negative_slope", 0), number(call, "max_value"),
                number(call, "threshold", 0))


@layer("LeakyReLU")
def leaky_relu_layer(call: Call) -> Value:
    """Keras 2 calls the slope alpha."""
    slope = number(call, "negative_slope", number(call, "alpha", 0.3))
    return leaky_relu(call.b, call.b.cast(call.x, "float32"), slope)


@layer("ELU")
def elu_layer(call: Call) -> Value:
    """With an alpha."""
    return elu(call.b, call.b.cast(call.x, "float32"), number(call, "alpha", 1))


@layer("ThresholdedReLU")
def thresholded_relu(call: Call) -> Value:
    """x above theta, else 0."""
    x = call.b.cast(call.x, "float32")
    return call.b.mul(x, call.b.cast(call.b.compare("Greater", x, number(call, "theta", 1)), "float32"))


@layer("PReLU")
def prelu(call: Call) -> Value:
    """A slope for each place below zero; it is one for all places of a shared axis."""
    x = call.b.cast(call.x, "float32")
    return call.b.sub(call.b.relu(x), call.b.mul(call.b.relu(call.b.neg(x)), call.weight("alpha")))


@layer("Softmax")
def softmax_layer(call: Call) -> Value:
    """Along one axis or several; masked places get nothing."""
    axes = call.config.get("axis", -1)
    robust = call.since(3, 13) or bool(call.config.get("robust_masking"))
    return masked_softmax(call.b, call.b.cast(call.x, "float32"), call.mask, -1 if axes is None else axes, robust,
                          call.since(3, 13))


def masked_softmax(b: Builder, x: Value, mask: Optional[Value], axes: Any, robust: bool, cleared: bool) -> Value:
    """Keras's softmax of scores x, under a mask that goes with their last dimensions.

    robust   a large negative number takes the place of what is masked; else it is added
    cleared  what is masked is 0 behind the softmax too: nothing is left of a row that is masked as a whole.  Keras does
             both from 3.13 on
    """
    if mask is None:
        return softmax(b, x, axes)
    if robust and mask.dtype != "bool":
        mask = b.compare("Greater", mask, 0.5)
    if mask.is_constant and mask.array.any(-1).all():  # every row has some that count
        return softmax(b, b.add(x, hidden(b, mask)), axes)
    x = b.add(b.mul(x, b.cast(mask, "float32")) if robust else x, hidden(b, mask))
    return b.mul(softmax(b, x, axes), b.cast(mask, "float32")) if cleared else steady_softmax(b, x, axes)


def hidden(b: Builder, mask: Value) -> Value:
    """0 where a mask is true, a large negative number where it is not.  Of a constant it is written once."""
    def make() -> Value:
        return b.mul(b.sub(1, b.cast(mask, "float32")), LARGE_NEGATIVE)
    if not mask.is_constant:
        return make()
    return b.once(("hidden", mask.shape, mask.dtype, hashlib.sha256(mask.array.tobytes()).digest()), make)


def number(call: Call, key: str, default: Any = None) -> Any:
    """A setting that is a number; Keras 3 writes some as {"class_name": "__numpy__", "config": {"value": 0.1}}.

    Raises Fault for what is none.
    """
    value = call.config.get(key)
    if isinstance(value, dict):
        value = (value.get("config") or value).get("value")
    if value is None:
        return default
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise Fault(f"layer {call.path!r} has the setting {key}={value!r}, which is no number: the file is damaged")
    return float(value)


def whole_numbers(call: Call, key: str, default: Any = None) -> List[int]:
    """A setting that is a whole number or a list of these, as a list.  Raises Fault for what is none."""
    value = call.config.get(key, default)
    found = list(value) if isinstance(value, (list, tuple)) else [value]
    if any(isinstance(item, bool) or not isinstance(item, int) for item in found):
        raise Fault(f"layer {call.path!r} has the setting {key}={value!r}, which is no whole number: the file is "
                    "damaged")
    return found
