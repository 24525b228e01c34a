"""TensorFlow.js layers models: model.json and the shards that its weights manifest names.

Graph models have the same manifest: tfjs_graph.py reads them.
"""
import os
from collections import OrderedDict
from typing import Any, Dict, Iterable

from ..base.fault import Fault
from ..layers import variables, words
from ..layers.model import Model, Weight
from ..layers.spelling import usual
from ..layers.topology import Layer, inner_records, is_model
from . import tfjs_graph
from .json_text import json_object
from .keras_h5 import Weights
from .weights_manifest import manifest_weights


def match(path: str) -> bool:
    """Return whether `path` is a JSON object with a modelTopology that is no graph, or a directory with such a
    model.json."""
    path = tfjs_graph.file_of(path)
    document = json_object(path) if os.path.isfile(path) else None
    return document is not None and ("modelTopology" in document or "weightsManifest" in document) \
        and not tfjs_graph.holds_graph(document)


def read(path: str, **options: Any) -> Model:
    """Return the Model in `path` (model.json, or its directory); quantized weights are given back as floats.

    Raises Fault for damage, and for shards that are missing, cut short or of another model.
    """
    path = tfjs_graph.file_of(path)
    document = json_object(path)
    topology = document.get("modelTopology")
    if not isinstance(topology, dict):
        raise Fault(f"{path}: weights without a topology")
    record = topology.get("model_config", topology)
    if not isinstance(record, dict) or not is_model(record):
        raise Fault(f"{path}: its topology is no Sequential or Functional model")
    record = usual(record)
    entries = manifest_weights(document.get("weightsManifest"), os.path.dirname(path), path)
    model = Model(record, belonging(record, entries, path), str(topology.get("keras_version", "2.0.0")),
                  str(topology.get("backend", "tensorflow")), topology.get("training_config"))
    model.texts = words.told(document)
    return model


def belonging(record: Dict[str, Any], entries: Iterable[Weight], path: str) -> Weights:
    """Return the Weights of each layer in the order of Keras's h5 files, picked by name as TensorFlow.js does.

    entries: all weights of the manifest, in its order.
    Raises Fault for a weight that is missing, and for one that belongs to no layer.
    """
    by_name = OrderedDict()
    for weight in entries:
        parts = weight.name.split("/")
        for name in (weight.name, "/".join(parts[:-2] + parts[-1:])):
            by_name.setdefault(name, weight)
    weights, taken = OrderedDict(), set()
    by_layer = {}
    for weight in entries:
        by_layer.setdefault(weight.name.split("/")[0], []).append(weight)
    for layer in inner_records(record):
        name, expected = Layer(layer).name, variables.variables(layer)
        missing = [key for key, _, _ in expected if key not in by_name]
        if missing:
            raise Fault(f"{path}: weight {missing[0]!r} of layer {name!r} is not in the manifest")
        own = [by_name[key] for key, _, _ in expected]
        if not expected:  # a class that `variables` does not know may have weights too
            own = by_layer.get(name, [])
        weights[name] = own
        taken.update(weight.name for weight in own)
    for weight in entries:
        if weight.name not in taken:
            raise Fault(f"{path}: weight {weight.name!r} belongs to no layer of the topology")
    return weights
