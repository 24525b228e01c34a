"""Records of small models, as Keras 2 and Keras 3 write them, for tests of what is done to a topology."""
from collections import OrderedDict

import numpy

from scripts.layers.model import Model, Weight
from scripts.layers.topology import inner_records
from scripts.layers.variables import variables

KERAS2, KERAS3 = "2.6.0", "3.15.1"


def layer(class_name, name, *sources, **config):
    """A layer that is called once on the first outputs of `sources`, or on each of several lists of sources."""
    calls = sources if sources and isinstance(sources[0], list) else [list(sources)]
    return {"class_name": class_name, "name": name,
            "config": dict({"name": name, "trainable": True, "dtype": "float32"}, **config),
            "inbound_nodes": [[[source.split("@")[0], int((source + "@0").split("@")[1]), 0, {}] for source in call]
                              for call in calls if call]}


def start(name="start", shape=(4,)):
    return layer("InputLayer", name, batch_input_shape=[None] + list(shape), sparse=False)


def tensor(name, node=0):
    """A tensor in a call of Keras 3."""
    return {"class_name": "__keras_tensor__", "config": {"shape": [None, 4], "dtype": "float32",
                                                         "keras_history": [name, node, 0]}}


def keras3(record, *arguments, **keywords):
    """The layer `record` with one call in Keras 3's spelling."""
    return dict(record, inbound_nodes=[{"args": list(arguments), "kwargs": keywords}])


def operation(class_name, name, *arguments, **keywords):
    """A node of Keras 3 that is no layer."""
    return {"class_name": class_name, "name": name, "module": "keras.src.ops.numpy", "registered_name": class_name,
            "config": {"name": name}, "inbound_nodes": [{"args": list(arguments), "kwargs": keywords}]}


def functional(layers, *outputs, **settings):
    """The record of a model whose inputs are its InputLayers; outputs: names, NAME@CALL for a later call."""
    config = {"name": settings.get("name", "model"), "layers": layers,
              "input_layers": [[item["name"], 0, 0] for item in layers if item["class_name"] == "InputLayer"],
              "output_layers": [[name.split("@")[0], int((name + "@0").split("@")[1]), 0] for name in outputs]}
    return {"class_name": "Functional", "config": config}


def nested(record, name, *sources):
    """The model `record` as a layer of another one.  Keras counts the making of a model as its call 0."""
    return dict(record, name=name, config=dict(record["config"], name=name),
                inbound_nodes=[[[source, 0, 0, {}] for source in sources]])


def model(record, version=KERAS2, weights=None):
    """A Model with weights {layer: [array]}, by default of ones that fit."""
    if weights is not None:
        return Model(record, OrderedDict((name, [Weight.of(f"{name}/{place}", array) for place, array
                                                 in enumerate(arrays)]) for name, arrays in weights.items()), version)
    weights = OrderedDict()
    for inner in inner_records(record):
        weights[inner.get("name") or inner["config"]["name"]] = [
            Weight.of(name, numpy.ones([size or 4 for size in shape or [4]], "float32"))
            for name, shape, _ in variables(inner)]
    return Model(record, weights, version)
