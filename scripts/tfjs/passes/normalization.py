"""A Normalization layer, which TensorFlow.js does not have, as the Rescaling that computes the same.

Keras 2.6 - 3 (layers/preprocessing/normalization.py): (x - mean) / max(sqrt(variance), epsilon), along the axis that
the mean has, from its weights or its config.
"""
from collections import OrderedDict

import numpy

from ...base.fault import Fault
from ...layers import shapes
from ...layers.topology import Layer, graph, inner_records, is_model

EPSILON = 1e-7  # keras.backend.epsilon()
MOST = 65536  # numbers that a config may hold in their place


def as_rescaling(topology, weights, major):
    """Return (topology, weights) in which each Normalization along the last axis, of the outermost model, is a
    Rescaling; the others stay, and are refused as what they are.

    weights: {layer: [Weight]}.  Raises Fault where mean or variance are no numbers.
    """
    if not is_model(topology) or not any(layer["class_name"] == "Normalization" for layer in inner_records(topology)):
        return topology, weights
    source, records, weights = graph(topology, major), [], OrderedDict(weights)
    known = shapes.of_graph(source, major)
    for record in inner_records(topology):
        name = Layer(record).name
        if record["class_name"] == "Normalization" and str(record.get("module") or "keras").startswith("keras"):
            axis = record["config"].get("axis", -1)
            axis = axis[0] if isinstance(axis, list) and len(axis) == 1 else axis
            found = [known.get(refs[0]) if refs else None for refs in source.references(source.layers[name])]
            along_last = axis in (None, []) or axis == -1 or all(shape and axis == len(shape) - 1 for shape in found)
            given = statistics(record["config"], weights.get(name, []))
            if along_last and given and not record["config"].get("invert"):
                record = rescaling(record, name, *given)
                weights[name] = []
        records.append(record)
    config = topology["config"]
    config = records if isinstance(config, list) else OrderedDict(config, layers=records)
    return OrderedDict(topology, config=config), weights


def statistics(config, weights):
    """(mean, variance) as float32 arrays of at most one dimension, or None."""
    values = [config.get("mean"), config.get("variance")]
    values = [value["config"]["value"] if isinstance(value, dict) else value for value in values]
    if None in values:
        if len(weights) < 2 or any(weight.size > MOST for weight in weights[:2]):
            return None
        values = [weight.read() for weight in weights[:2]]
    mean, variance = [numpy.asarray(value, "float32") for value in values]
    if mean.size != variance.size or max(mean.shape + (1,)) != mean.size or mean.size > MOST:
        return None
    return mean.ravel(), variance.ravel()


def rescaling(record, name, mean, variance):
    with numpy.errstate(invalid="ignore"):
        scale = 1 / numpy.maximum(numpy.sqrt(variance.astype("float64")), EPSILON)
    offset = -mean * scale
    if not numpy.isfinite([scale, offset]).all():
        raise Fault(f"layer {name!r} is a Normalization whose mean or variance are no numbers: adapt it first")
    scale, offset = [value.tolist() if value.size > 1 else float(value[0]) for value in (scale, offset)]
    config = OrderedDict([("name", name), ("trainable", True), ("dtype", "float32"), ("scale", scale),
                          ("offset", offset)])
    return OrderedDict(record, class_name="Rescaling", config=config)
