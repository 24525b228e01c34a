"""The names of layers whose record holds none: those that Keras gives them when it loads the file.

A Sequential that is a list of layers has no place for a name (TensorFlow.js 1, Keras before 2.2.3), and the get_config
of a user's own layer may leave the name out.
"""
import re
from collections import OrderedDict
from typing import Dict, Sequence

WRAPPED = ("layer", "backward_layer", "cell")  # settings of wrappers that hold a layer; "cells" holds a list of them


def snake_case(class_name: str) -> str:
    """Conv2DTranspose -> conv2d_transpose, SimpleRNNCell -> simple_rnn_cell: keras naming.to_snake_case."""
    words = re.sub(r"(.)([A-Z][a-z]+)", r"\1_\2", re.sub(r"\W+", "", class_name.split(">")[-1]))
    return re.sub(r"([a-z])([A-Z])", r"\1_\2", words).lower()


def given(record: Dict, listed: Sequence[str] = ()) -> Dict:
    """`record` itself, or a copy of it in which every layer has a name, and each Sequential inside it has a config of
    its own in place of a list of layers.

    listed: the names of a Sequential's layers in their order, where the file tells them beside the topology.
    The rule for all others is that of keras 2.6 base_layer._init_set_name: the class in snake case, and a number from
    the second layer of the class without a name on, in the order in which Keras makes the layers.
    """
    counts, known, config = {}, {}, record.get("config")
    if record.get("class_name") == "Sequential" and isinstance(config, (list, dict)):
        if isinstance(config, list) or not config.get("name"):
            default(record, counts)  # the model's own
        layers = config if isinstance(config, list) else config.get("layers")
        own = [layer for layer in layers if isinstance(layer, dict) and layer.get("class_name") != "InputLayer"] \
            if isinstance(layers, list) else []
        if len(own) == len(listed):
            known = {id(layer): name for layer, name in zip(own, listed)}
    return inside(record, counts, known)


def as_lists(record):
    """`record` as Keras before 2.2.3 reads it: each Sequential in it a list of layers.  The inverse of `given`."""
    if isinstance(record, list):
        return [as_lists(item) for item in record]
    if not isinstance(record, dict):
        return record
    result = OrderedDict((key, as_lists(item)) for key, item in record.items())
    config = result.get("config")
    if result.get("class_name") == "Sequential" and isinstance(config, dict) and "layers" in config:
        result["config"] = config["layers"]
    return result


def inside(record: Dict, counts: Dict[str, int], known: Dict[int, str]) -> Dict:
    """`record` with names for the layers in it.  known: {id of a record: its name}."""
    config = record.get("config")
    layers = config if isinstance(config, list) else config.get("layers") if isinstance(config, dict) else None
    changes = {}
    if isinstance(layers, list):
        taken = {name_of(layer) for layer in layers if isinstance(layer, dict)}
        found = [with_name(layer, counts, taken, known) for layer in layers]
        if any(one is not other for one, other in zip(found, layers)):
            if isinstance(config, list):
                return OrderedDict(record, config=found)
            changes["layers"] = found
    if isinstance(config, dict):
        wrapped = {key: with_name(config[key], counts, set(), known) for key in WRAPPED if key in config}
        if isinstance(config.get("cells"), list):
            wrapped["cells"] = [with_name(cell, counts, set(), known) for cell in config["cells"]]
            if all(one is other for one, other in zip(wrapped["cells"], config["cells"])):
                del wrapped["cells"]
        changes.update((key, value) for key, value in wrapped.items() if value is not config[key])
    return OrderedDict(record, config=OrderedDict(config, **changes)) if changes else record


def with_name(record, counts: Dict[str, int], taken: set, known: Dict[int, str]):
    """One layer with its name, and with names for the layers in it.  taken: the names of the layers beside it."""
    if not isinstance(record, dict) or not isinstance(record.get("class_name"), str) \
            or not isinstance(record.get("config"), (dict, list)):
        return record
    name, result = name_of(record), record
    if name is None:
        name = known.get(id(record)) or default(record, counts)
        while name in taken:
            name = default(record, counts)
        taken.add(name)
    config = record["config"]
    if isinstance(config, list):
        if record["class_name"] != "Sequential":
            return record
        result = OrderedDict(record, config=OrderedDict([("name", name), ("layers", config)]))
    elif config.get("name") is None:
        result = OrderedDict(record, config=OrderedDict(config, name=name))
    return inside(result, counts, known)


def name_of(record: Dict):
    """The name in a layer's record, None where there is none."""
    config = record.get("config")
    name = record.get("name")
    return name if name is not None else config.get("name") if isinstance(config, dict) else None


def default(record: Dict, counts: Dict[str, int]) -> str:
    """The next name for a layer of its class."""
    name = "input" if record["class_name"] == "InputLayer" else snake_case(record["class_name"]) or "layer"
    number = counts.setdefault(name, int(name == "input"))
    counts[name] += 1
    return f"{name}_{number}" if number else name
