"""A model in two files: the topology as JSON (model.to_json()) and the weights as HDF5 (save_weights()).

The weights file is an h5 of Keras 2 or 3 (layer_names), a `.weights.h5` of Keras 3 (layers/…/vars/0), or a whole
model's h5.  Keras gives these weights to layers by their order, not by name, and so does `weights_of`.
"""
from collections import OrderedDict
from typing import TYPE_CHECKING, Any, Dict, Optional

from ..base.fault import Fault
from ..layers import variables
from ..layers.model import Model
from ..layers.order import layer_order
from ..layers.spelling import usual
from ..layers.topology import Layer, NoLayers, graph, inner_records, is_model
from . import keras_archive, keras_h5
from .json_text import json_object
from .strangers import mistaken

if TYPE_CHECKING:  # imported where a file is opened
    import h5py


def match(path: str) -> bool:
    """Return whether `path` is a JSON object with a class name and a config."""
    record = json_object(path)
    return record is not None and "class_name" in record and "config" in record


def read(path: str, weights: Optional[str] = None, **options: Any) -> Model:
    """Return the Model of the topology `path` with the weights file `weights`.

    Raises Fault where one of the two is missing, damaged or of another kind, or they do not belong together.
    """
    record = json_object(path)
    if record is None or "class_name" not in record or "config" not in record:
        raise Fault(f"{path}: no topology (no JSON with class_name and config)")
    if weights is None:
        raise Fault(f"{path}: a topology without weights: give the weights file too (--weights, or weights in "
                    "models.toml)")
    if not keras_h5.match(weights):
        raise Fault(f"{weights}: no weights of Keras: {mistaken(weights) or 'no HDF5 file'}")
    record = usual(record)
    if not is_model(record):
        raise NoLayers(record["class_name"], path)
    major = guess_major(record)
    version = str(record.get("keras_version", f"{major}.0.0"))
    record = OrderedDict((key, record[key]) for key in ("module", "class_name", "config", "registered_name")
                         if key in record)
    file = keras_h5.open_h5(weights)
    try:
        found = weights_of(file, record, major, weights)
        record = record if major >= 3 else keras_archive.without_modules(record)
        return Model(record, found, version, "tensorflow", None, file.close)
    except Exception as error:
        file.close()
        raise keras_h5.as_fault(error, weights)


def guess_major(record: Dict[str, Any]) -> int:
    """Return 3 where the topology is in Keras 3's dialect, else 2: model.to_json() of Keras 3 writes no version."""
    for layer in inner_records(record):
        nodes = layer.get("inbound_nodes")
        if isinstance(layer["config"], dict) and ("batch_shape" in layer["config"]
                                                  or isinstance(layer["config"].get("dtype"), dict)):
            return 3
        if nodes and isinstance(nodes[0], dict):
            return 3
        if is_model(layer) and guess_major(layer) == 3:
            return 3
    return 2


def weights_of(file: "h5py.File", record: Dict[str, Any], major: int, path: str) -> keras_h5.Weights:
    """Return the Weights of the topology's layers in the weights file `path`.

    Raises Fault for a file without weights, or with those of another number of layers.
    """
    if "model_weights" in file:
        found = keras_h5.read_weights(keras_h5.subgroup(file, "model_weights", path), path)
    elif keras_h5.names_attribute(file, "layer_names"):
        found = keras_h5.read_weights(file, path)
    elif "layers" in file or "_layer_checkpoint_dependencies" in file:
        return keras_archive.read_weights(file, record, path)
    else:
        raise Fault(f"{path}: an HDF5 file, but no weights of a Keras model in it")
    found = OrderedDict((name, own) for name, own in found.items() if own)
    layers = OrderedDict((Layer(layer).name, layer) for layer in inner_records(record))
    # Keras writes both files in the order of `model.layers`.  The same names in another order are those of other
    # layers: a session gave them again.
    if list(found) == [name for name in layers if name in found]:
        return found
    order = [name for name in layer_order(graph(record, major)) if name in layers and variables.variables(layers[name])]
    if len(order) != len(found):
        raise Fault(f"{path}: weights of {len(found)} layers, but the topology has {len(order)} layers with weights: "
                    "the two files do not belong together")
    return OrderedDict(zip(order, found.values()))
