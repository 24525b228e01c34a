"""TensorFlow.js layers models: model.json and the shards that its weights manifest names.  Reads and writes."""
import json
import os
from collections import OrderedDict

from scripts import shards

VERSION_NAME = "TensorSpace preprocessing"


def match(path):
    return False


def write(model, directory, json_name="model.json", shard_size=shards.SHARD_SIZE, quantize=None):
    """Write `model`, in the Keras 2 dialect, to the empty `directory`; return the names written, json first.

    model.weights: in any order; the manifest has the layers sorted by name, as HDF5 sorts groups, because
    that is the order of the official converter.
    """
    ordered = [weight.renamed(plain(weight.name)) for name in sorted(model.weights, key=lambda n: n.encode("utf-8"))
               for weight in model.weights[name]]
    stem = os.path.splitext(json_name)[0]
    prefix = "group1" if stem == "model" else stem + "-group1"
    manifest = shards.write(ordered, directory, prefix, shard_size, quantize)
    config = OrderedDict([("keras_version", model.keras_version), ("backend", model.backend),
                          ("model_config", model.topology)])
    if model.training_config is not None:
        config["training_config"] = model.training_config
    document = OrderedDict([("format", "layers-model"), ("generatedBy", "keras v%s" % model.keras_version),
                            ("convertedBy", VERSION_NAME), ("modelTopology", config),
                            ("weightsManifest", manifest)])
    with open(os.path.join(directory, json_name), "w") as file:
        json.dump(document, file, allow_nan=False)
    return [json_name] + manifest[0]["paths"]


def plain(name):
    """A weight's name without TensorFlow's output number."""
    return name[:-2] if name.endswith(":0") else name
