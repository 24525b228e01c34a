"""Unusual spellings of a model's record, changed into the one that Keras itself has after it loaded the file.

- A Sequential may be a list of layers, which has no place for a name (TensorFlow.js 1, Keras before 2.2.3).
- The get_config of a user's own layer may leave the name out.
- CuDNNLSTM and CuDNNGRU layers are an LSTM and a GRU(reset_after=True) that only a GPU runs.
- An activation may be a layer: activation=ReLU().
- Keras 2.13 and later write an array as a record, also into h5 files, from which they do not read it.
- A model of a user's own subclass, built as My(inputs, outputs), holds the whole graph of layers under its own class.
"""
import copy
import re
from collections import OrderedDict
from typing import Any, Dict, Optional, Sequence, Set

from .records import MODELS

WRAPPED = ("layer", "backward_layer", "cell")  # settings of wrappers that hold a layer; "cells" holds a list of them

ARRAYS = ("__numpy__", "__tensor__")  # the classes of {"class_name": …, "config": {"value": [numbers], "dtype": …}}
CUDNN = {"CuDNNLSTM": "LSTM", "CuDNNGRU": "GRU"}
# Layers given as an activation, the settings with which they are one of Keras's by name, and that name.
ACTIVATIONS = {"ReLU": ({"max_value": None, "negative_slope": 0, "threshold": 0}, "relu"),
               "Softmax": ({"axis": -1}, "softmax"), "ELU": ({"alpha": 1}, "elu")}
CUDNN_SETTINGS = [("activation", "tanh"), ("recurrent_activation", "sigmoid"), ("use_bias", True)]


class OfSubclass(OrderedDict):
    """The record of a model of a user's own class, under the class of Keras that does the same.  own: its class."""

    own = None


def snake_case(class_name: str) -> str:
    """Conv2DTranspose -> conv2d_transpose, SimpleRNNCell -> simple_rnn_cell: keras naming.to_snake_case."""
    words = re.sub(r"(.)([A-Z][a-z]+)", r"\1_\2", re.sub(r"\W+", "", class_name.split(">")[-1]))
    return re.sub(r"([a-z])([A-Z])", r"\1_\2", words).lower()


def usual(record: Dict, listed: Sequence[str] = ()) -> Dict:
    """`record` itself, or a copy of it in the usual spelling: every layer has a name, each Sequential inside it has a
    config of its own, each model that holds its graph is one of Keras's classes.

    listed: the names of a Sequential's layers in their order, where the file tells them beside the topology.
    The rule for all other names is that of keras 2.6 base_layer._init_set_name: the class in snake case, and a number
    from the second layer of the class without a name on, in the order in which Keras makes the layers.
    """
    record = as_keras_class(record)
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


def as_lists(record: Any) -> Any:
    """`record` as Keras before 2.2.3 reads it: each Sequential in it a list of layers.  The inverse of `usual`."""
    if isinstance(record, list):
        return [as_lists(item) for item in record]
    if not isinstance(record, dict):
        return record
    result = OrderedDict((key, as_lists(item)) for key, item in record.items())
    config = result.get("config")
    if result.get("class_name") == "Sequential" and isinstance(config, dict) and "layers" in config:
        result["config"] = config["layers"]
    return result


def with_lists(value: Any) -> Any:
    """A config of Keras 2 with the list of its numbers in place of each array, as Keras up to 2.12 wrote it."""
    if isinstance(value, list):
        return [with_lists(item) if isinstance(item, (list, dict)) else item for item in value]
    if not isinstance(value, dict):
        return value
    if value.get("class_name") in ARRAYS and isinstance(value.get("config"), dict):
        return value["config"].get("value")
    result = copy.copy(value)  # an OfSubclass stays one
    result.update((key, with_lists(item)) for key, item in value.items())
    return result


def as_keras_class(record: Dict) -> Dict:
    """The record of a model of a user's own class under the class of Keras whose get_config wrote it; else itself."""
    name, config = record.get("class_name"), record.get("config")
    if isinstance(name, str) and isinstance(config, dict) and (
            name in CUDNN or name in CUDNN.values() and "recurrent_activation" not in config):
        return of_cudnn(record, CUDNN.get(name, name))
    known = class_that_wrote(record)
    if known is None:
        return record
    result = OfSubclass((key, value) for key, value in record.items() if key not in ("module", "registered_name"))
    result["class_name"], result.own = known, record["class_name"]
    if known == "Model" and any("batch_shape" in (layer["config"] or {}) for layer in record["config"]["layers"]):
        result["class_name"] = "Functional"  # in Keras 3, which knows no other, and finds its own by their modules
        if "module" in record:
            result.update(module="keras.src.models.functional", registered_name="Functional")
    elif "module" in record:
        result.update(module="keras", registered_name=None)
    return result


def with_named_activations(record: Dict) -> Dict:
    """A layer's record, its activation by name where it is a layer that computes the same (activation=ReLU())."""
    config, names = record["config"], {}
    for key in ("activation", "recurrent_activation") if isinstance(config, dict) else ():
        value = config.get(key)
        if isinstance(value, dict) and isinstance(value.get("config"), dict) and value.get("class_name") in ACTIVATIONS:
            settings, name = ACTIVATIONS[value["class_name"]]
            if all(value["config"].get(setting, usual) == usual for setting, usual in settings.items()):
                names[key] = name
    return changed(record, OrderedDict(config, **names)) if names else record


def of_cudnn(record: Dict, class_name: str) -> Dict:
    """The layer of Keras that computes what a CuDNNLSTM or CuDNNGRU does (keras 2.6 layers/cudnn_recurrent.py).

    A file in which people changed the class alone has none of the settings that cuDNN does not know either.
    """
    result = OfSubclass(record, class_name=class_name)
    result.own = record["class_name"]
    config = OrderedDict(record["config"])
    for key, value in CUDNN_SETTINGS + [("reset_after", True)] * (class_name == "GRU"):
        config.setdefault(key, value)
    result["config"] = config
    return result


def class_that_wrote(record: Dict) -> Optional[str]:
    """"Model" or "Sequential" for a record of another class with what the get_config of that class alone writes
    (keras functional.get_config; sequential.get_config with an InputLayer or the shape that it was built with)."""
    config = record.get("config")
    if record.get("class_name") in MODELS or not isinstance(record.get("class_name"), str) \
            or not isinstance(config, dict) or not isinstance(config.get("layers"), list):
        return None
    layers = config["layers"]
    if not all(isinstance(layer, dict) and "class_name" in layer and "config" in layer for layer in layers):
        return None
    if "input_layers" in config and "output_layers" in config:
        return "Model" if all("inbound_nodes" in layer for layer in layers) else None
    begins = bool(layers) and layers[0]["class_name"] == "InputLayer"
    return "Sequential" if begins or "build_input_shape" in config else None


def inside(record: Dict, counts: Dict[str, int], known: Dict[int, str]) -> Dict:
    """`record` with the layers in it in the usual spelling.  known: {id of a layer's record: its name}."""
    config = record.get("config")
    layers = config if isinstance(config, list) else config.get("layers") if isinstance(config, dict) else None
    changes = {}
    if isinstance(layers, list):
        taken = {name_of(layer) for layer in layers if isinstance(layer, dict)}
        changes["layers"] = [with_name(layer, counts, taken, known) for layer in layers]
    if isinstance(config, dict):
        changes.update((key, with_name(config[key], counts, set(), known)) for key in WRAPPED if key in config)
        if isinstance(config.get("cells"), list):
            changes["cells"] = [with_name(cell, counts, set(), known) for cell in config["cells"]]
    old = {"layers": config} if isinstance(config, list) else config
    changes = {key: value for key, value in changes.items() if not same(value, old[key])}
    if not changes:
        return record
    return changed(record, changes["layers"] if isinstance(config, list) else OrderedDict(config, **changes))


def same(one: Any, other: Any) -> bool:
    """Whether two layers, or two lists of layers, are the same objects."""
    return one is other or isinstance(one, list) and isinstance(other, list) and all(
        a is b for a, b in zip(one, other))


def changed(record: Dict, config: Any) -> Dict:
    """A copy of a record with another config."""
    result = copy.copy(record) if isinstance(record, OfSubclass) else OrderedDict(record)
    result["config"] = config
    return result


def with_name(record: Any, counts: Dict[str, int], taken: Set[str], known: Dict[int, str]) -> Any:
    """One layer in the usual spelling, and the layers in it.  taken: the names of the layers beside it."""
    if not isinstance(record, dict) or not isinstance(record.get("class_name"), str) \
            or not isinstance(record.get("config"), (dict, list)):
        return record
    name, result = name_of(record), as_keras_class(record)
    if name is None:
        name = known.get(id(record)) or default(record, counts)
        while name in taken:
            name = default(record, counts)
        taken.add(name)
    config = record["config"]
    if isinstance(config, list):
        if record["class_name"] != "Sequential":
            return record
        result = changed(result, OrderedDict([("name", name), ("layers", config)]))
    elif config.get("name") is None:
        result = changed(result, OrderedDict(config, name=name))
    return inside(with_named_activations(result), counts, known)


def name_of(record: Dict) -> Optional[str]:
    """The name in a layer's record, None where there is none."""
    config, name = record.get("config"), record.get("name")
    return name if name is not None else config.get("name") if isinstance(config, dict) else None


def default(record: Dict, counts: Dict[str, int]) -> str:
    """The next name for a layer of its class."""
    name = "input" if record["class_name"] == "InputLayer" else snake_case(record["class_name"]) or "layer"
    number = counts.setdefault(name, int(name == "input"))
    counts[name] += 1
    return f"{name}_{number}" if number else name
