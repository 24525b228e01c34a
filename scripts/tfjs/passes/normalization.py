"""A Normalization layer, which TensorFlow.js does not have, as the Rescaling that computes the same.

Keras 2.6 - 3 (layers/preprocessing/normalization.py): (x - mean) / max(sqrt(variance), epsilon), along the axis that
the mean has, from its weights or its config.
"""
from collections import OrderedDict
from typing import List, Optional, Tuple

import numpy

from ...base.fault import Fault
from ...layers.model import Weight
from ...layers.topology import Layer
from .draft import Draft, Record, each_layer

EPSILON = 1e-7  # keras.backend.epsilon()
MOST = 65536  # numbers that a config may hold in their place


def as_rescaling(draft: Draft) -> Draft:
    """Make a Rescaling of each Normalization along the last axis, of the outermost model; the others stay, and are
    refused as what they are, or for a mean or variance that are no numbers."""
    return draft if draft.is_nested else rescaled(draft)


@each_layer
def rescaled(draft: Draft, layer: Layer) -> Layer:
    """Return the Rescaling for a Normalization along the last axis, and every other layer as it is."""
    record, config = layer.record, layer.config
    if layer.class_name != "Normalization" or not str(record.get("module") or "keras").startswith("keras"):
        return layer
    axis = config.get("axis", -1)
    axis = axis[0] if isinstance(axis, list) and len(axis) == 1 else axis
    along_last = axis in (None, []) or axis == -1 or all(
        shape and axis == len(shape) - 1 for shape in draft.input_shapes(layer))
    given = statistics(config, draft.weights.get(layer.name, []))
    if not along_last or not given or config.get("invert"):
        return layer
    made = rescaling(record, layer.name, *given)
    draft.weights = OrderedDict(draft.weights, **{layer.name: []})
    return Layer(made, layer.calls)


def statistics(config: Record, weights: List[Weight]) -> Optional[Tuple[numpy.ndarray, numpy.ndarray]]:
    """(mean, variance) as float32 arrays of one dimension, from the config or the weights; None without any."""
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


def rescaling(record: Record, name: str, mean: numpy.ndarray, variance: numpy.ndarray) -> Record:
    """The record of the Rescaling that computes what the Normalization `record` does.

    Raises Fault where mean or variance are no numbers.
    """
    with numpy.errstate(invalid="ignore"):
        scale = 1 / numpy.maximum(numpy.sqrt(variance.astype("float64")), EPSILON)
    offset = -mean * scale
    if not numpy.isfinite([scale, offset]).all():
        raise Fault(f"layer {name!r} is a Normalization whose mean or variance are no numbers: adapt it first")
    scale, offset = [value.tolist() if value.size > 1 else float(value[0]) for value in (scale, offset)]
    config = OrderedDict([("name", name), ("trainable", True), ("dtype", "float32"), ("scale", scale),
                          ("offset", offset)])
    return OrderedDict(record, class_name="Rescaling", config=config)
