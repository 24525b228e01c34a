"""Activations by name, and as layers."""
from typing import Any, Callable, Dict, Optional

from .emit import Builder, Value
from .rules import Call, layer

ACTIVATIONS: Dict[str, Callable[[Builder, Value], Value]] = {
    "linear": lambda b, x: x,
    "relu": lambda b, x: b.relu(x),
    "sigmoid": lambda b, x: b.sigmoid(x),
    "tanh": lambda b, x: b.tanh(x),
    "softmax": lambda b, x: b.softmax(x),
    "elu": lambda b, x: b.unary("Elu", x),
    "exponential": lambda b, x: b.exp(x),
}


def activate(call: Call, x: Value, key: str = "activation") -> Value:
    """Apply the activation that the layer's config names under `key`."""
    return by_name(call, call.config.get(key), x)


def by_name(call: Call, given: Any, x: Value) -> Value:
    """Apply an activation as a config spells it: a name, or the record of a layer.

    Raises NotLowered for one that is not known.
    """
    if given is None:
        return x
    name: Optional[str] = given if isinstance(given, str) else None
    if isinstance(given, dict):
        if given.get("class_name") == "function" or isinstance(given.get("config"), str):
            name = str(given.get("config"))
        else:
            return call.within(given, "", x)[0]
    if name not in ACTIVATIONS:
        call.refuse(f"its activation {name or given!r} is not known")
    return ACTIVATIONS[name](call.b, x)


@layer("Activation")
def activation(call: Call) -> Value:
    """An activation as a layer."""
    return activate(call, call.x)


