"""Checks of a layer's record, whatever its class: names that a file can store, sizes that a tensor can have."""
from typing import Any, Dict, Sequence

from ..base.fault import Fault

Record = Dict[str, Any]

MODELS = ("Sequential", "Functional", "Model")  # classes whose config holds layers
MAX_NAME = 8192  # letters of a layer's or a class's name, which every reference to the layer repeats
MAX_DIMENSIONS = 64  # numpy's own limit, twice HDF5's
MAX_SIZE = 1 << 63  # no size of a tensor reaches it: TensorFlow counts in int64


def check_record(layer: Any) -> None:
    """Raise a Fault unless `layer` is a dict with a class name and a config that names the layer."""
    if not isinstance(layer, dict) or not isinstance(layer.get("class_name"), str):
        raise Fault("the topology holds a layer without a class name: the file is damaged or no Keras model")
    check_length(layer["class_name"])
    config = layer.get("config")
    if isinstance(config, list) and layer["class_name"] == "Sequential":
        return
    name = layer.get("name") or config.get("name") if isinstance(config, dict) else None
    if not isinstance(name, str) or not name:
        raise Fault(f"the topology holds a {layer['class_name']} layer without a name: the file is damaged")
    check_length(name)
    if not is_text(name):
        raise Fault(f"the topology holds a layer called {name!r}, which no file can store: the file is damaged")
    check_wrapped(layer)
    for key in ("batch_input_shape", "batch_shape"):
        if isinstance(config.get(key), list):
            check_sizes(name, config[key])


def check_sizes(name: str, shape: Sequence[Any]) -> None:
    """Raise a Fault for a shape of the layer `name` that no tensor has: too many dimensions, or too large ones."""
    sizes = [abs(size) for size in shape if type(size) is int]
    if len(shape) > MAX_DIMENSIONS or max(sizes + [0]) >= MAX_SIZE:
        raise Fault(f"layer {name!r} declares a shape of {len(shape)} dimensions, the largest of "
                    f"{max(sizes or ['?'])}: no tensor has such a shape")


def check_length(name: str) -> None:
    """Raise a Fault for a name of more than MAX_NAME letters."""
    if len(name) > MAX_NAME:
        raise Fault(f"the topology holds a name of {len(name)} letters, {name[:40]!r}…: more than {MAX_NAME} are "
                    "refused")


def is_text(name: str) -> bool:
    """Whether `name` can stand in a file: no lone surrogate and no NUL is in it."""
    try:
        return b"\0" not in name.encode("utf-8")  # many times faster than a look at every letter
    except UnicodeEncodeError:
        return False


def check_wrapped(record: Record) -> None:
    """Raise a Fault for a Bidirectional around a model or another wrapper, or around cells that are one of these.

    No Keras makes one, because a Bidirectional turns go_backwards around in the config of its layer.  Each holds its
    layer twice: the variables of 60 of them in one another would have no end.
    """
    pending = [(record, False)]
    while pending:
        outer, twice = pending.pop()
        kind, config = outer.get("class_name"), outer.get("config")
        if twice and kind in MODELS + ("Bidirectional", "TimeDistributed"):
            name = record.get("name") or record["config"]["name"]
            raise Fault(f"layer {name!r} has a Bidirectional around a {kind}, which no Keras makes: the file is "
                        "damaged")
        if isinstance(config, dict):
            cells = config.get("cells")
            wrapped = [config.get("layer"), config.get("cell")] + (cells if isinstance(cells, list) else [])
            pending += [(inner, twice or kind == "Bidirectional") for inner in wrapped if isinstance(inner, dict)]
