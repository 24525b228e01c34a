"""Bounds of a model, so that a walk through all calls of all its layers comes to an end."""
from typing import Any, Dict, Tuple

from ..base.fault import Fault
from ..layers import variables
from ..layers.model import Model
from ..layers.topology import inner_records, is_model

MAX_LAYERS = 10000  # layers and calls of them; NASNetLarge has 1039, and each takes up to half a millisecond
MAX_WALKED = 1000000  # objects, counted for each model around them: a walk through any of these models meets them
MAX_CALLS = 250000  # calls of layers, inner ones too: each model that is called twice doubles the calls in it


def check(model: Model) -> None:
    """Raise a Fault, and close the model, where it has too many layers or calls, or layers without their weights."""
    layers, walked = extent(model.topology)
    problem = None
    if layers > MAX_LAYERS:
        problem = f"it has {layers} layers and calls of them: more than {MAX_LAYERS} are refused"
    elif walked > MAX_WALKED:
        problem = "there are models in models in it, too many and too deep: refused"
    elif calls(model.topology) > MAX_CALLS:
        problem = f"its layers are called more than {MAX_CALLS} times: models in it that call each other over and over"
    elif is_model(model.topology) and model.topology["class_name"] == "Sequential" and not any(
            model.weights.values()) and any(map(variables.variables, inner_records(model.topology))):
        problem = "its layers have weights, and the file holds none: call the model once (or model.build with its " \
            "input's shape), and save it again"
    if problem:
        model.close()
        raise Fault(problem)


def extent(record: Dict[str, Any]) -> Tuple[int, int]:
    """Return (number of layers in `record`, number of objects in it).

    A shared layer counts for each call, an object for itself and for every model around it.
    """
    layers = walked = 0
    pending = [(record, 1)]
    while pending:
        value, around = pending.pop()
        if isinstance(value, dict):
            walked += around
            held = value.get("layers", value.get("config"))  # the latter before Keras 2.2.3
            if isinstance(held, list):
                around += 1
                every = [item.get("inbound_nodes") for item in held if isinstance(item, dict)]
                layers += sum(max(1, len(nodes)) if isinstance(nodes, list) else 1 for nodes in every)
            value = value.values()
        pending += [(item, around) for item in value if isinstance(item, (dict, list))]
    return layers, walked


def calls(value: Any) -> int:
    """Return the number of calls of the layers in `value`; layers in a nested model count for each call of it."""
    if isinstance(value, list):
        return sum(calls(item) for item in value)
    if not isinstance(value, dict):
        return 0
    count = sum(calls(item) for key, item in value.items() if key != "inbound_nodes") + ("class_name" in value)
    nodes = value.get("inbound_nodes")
    return count * max(1, len(nodes) if isinstance(nodes, list) else 0)
