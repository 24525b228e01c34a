"""Activations by name, and as layers (keras 3 activations/, backend/tensorflow/nn.py; tf_keras backend.py).

    activate(call, x)                        what the layer's config names under "activation"
    by_name(call, "gelu", x, "activation")   a name, or the record of a layer, as configs spell activations
"""
import hashlib
import math
from typing import Any, Callable, Dict, List, Optional

from ..base.fault import Fault
from ..emit import Builder, Value
from ..emit.activations import (
    celu,
    elu,
    gelu,
    glu,
    hard_shrink,
    hard_sigmoid,
    hard_sigmoid_of_keras2,
    leaky_relu,
    log_softmax,
    relu,
    soft_shrink,
    softmax,
    softplus,
    softsign,
    sparse_plus,
    sparsemax,
    squareplus,
    steady_softmax,
)
from .rules import Call, layer

LARGE_NEGATIVE = -1e9  # what Keras puts in place of a score that a mask hides; of float16 another: both end in 0


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
    return by_name(call, call.config.get(key), x, key)


def by_name(call: Call, given: Any, x: Value, key: str) -> Value:
    """Apply an activation as a config spells it under `key`: a name, or the record of a layer.

    Raises NotLowered for one that is not known.
    """
    if given is None:
        return x
    name = given if isinstance(given, str) else None
    if isinstance(given, dict):
        if given.get("class_name", "__lambda__") == "__lambda__":  # Keras 3.13 writes {"value": [its code]} alone
            call.refuse("its activation is a lambda, which a file holds as code of Python",
                        "build the model with an activation of Keras's own")
        if given.get("class_name") == "function" or isinstance(given.get("config"), str):
            name = str(given.get("config"))
        else:
            return call.within(given, key, x.masked(None))[0]
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
    """x above theta, else 0; of whole numbers both are such."""
    theta = number(call, "theta", 1)
    if call.x.dtype == "int32":
        theta = float(math.trunc(theta))
    return call.b.mul(call.x, call.b.cast(call.b.compare("Greater", call.x, theta), call.x.dtype))


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
    made = steady_softmax(b, x, axes)
    return b.mul(made, b.cast(mask, "float32")) if cleared else made


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
