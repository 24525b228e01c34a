"""A Normalization layer, which TensorFlow.js does not have, becomes the Rescaling that computes the same.

Keras 2.6 - 3 (layers/preprocessing/normalization.py): (x - mean) / max(sqrt(variance), epsilon), along the axis that
the mean has, from its weights or its config.
"""
from collections import OrderedDict
from typing import Dict, List, Optional, Tuple

import numpy

from ...base.fault import Fault
from ...layers.masks import any_inside
from ...layers.model import Weight
from ...layers.references import Ref
from ...layers.shapes import of_graph
from ...layers.topology import Graph, Layer, graph, inner_records, starts_with_a_node
from ...layers.variables import shared_out
from .draft import Draft, Record, each_layer
from .inputs import with_input
from .unique_names import holds_model

Shape = Optional[List[Optional[int]]]
Made = Tuple[Record, List[Weight]]
EPSILON = 1e-7  # keras.backend.epsilon()
MOST = 65536  # numbers that a config may hold in their place


def as_rescaling(draft: Draft) -> Draft:
    """Make a Rescaling of each Normalization along the last axis, in nested models too; the others stay, and are
    refused as what they are, or for a mean or variance that are no numbers.

    The outermost model does it for all: it has the weights.
    """
    return draft if draft.is_nested else rescaled(draft)


@each_layer
def rescaled(draft: Draft, layer: Layer) -> Layer:
    """Return the Rescaling for a Normalization, a nested model with Rescalings, and every other layer as it is."""
    weights = draft.weights.get(layer.name, [])
    if holds_model(layer.record):
        if not any_inside(layer.record, is_normalization):
            return layer
        record, weights = Nested(draft.major).wrapped(layer.record, weights, draft.input_shapes(layer)[:1], "")
    elif is_normalization(layer.record):
        made = of_layer(layer.record, layer.name, weights, draft.input_shapes(layer))
        record, weights = (layer.record, weights) if made is None else (made, [])
    else:
        return layer
    draft.weights = OrderedDict(draft.weights, **{layer.name: weights})
    return Layer(record, layer.calls)


class Nested:
    """Nested models whose Normalizations are made Rescalings.  major: the Keras that wrote them."""

    def __init__(self, major: int) -> None:
        self.major = major

    def wrapped(self, record: Record, weights: List[Weight], inputs: List[Shape], prefix: str) -> Made:
        """A model or a TimeDistributed of one.

        inputs: the shape of its first input, if one is known      prefix: the path of the model that it is in, and "/"
        """
        if record["class_name"] != "TimeDistributed":
            return self.model(record, weights, inputs, prefix)
        inputs = [shape and shape[:1] + shape[2:] for shape in inputs]
        inner, weights = self.wrapped(record["config"]["layer"], weights, inputs, f"{prefix}{Layer(record).name}/")
        return OrderedDict(record, config=OrderedDict(record["config"], layer=inner)), weights

    def model(self, record: Record, weights: List[Weight], inputs: List[Shape], prefix: str) -> Made:
        """Return (the record, those of `weights` that it still has)."""
        name, shared, layers = Layer(record).name, shared_out(record, weights), []
        source, known = self.shapes(record, inputs)
        left = {id(weight) for weight in weights}
        for layer in inner_records(record):
            own, inner = shared[Layer(layer).name], Layer(layer)
            calls = source.references(source.layers[inner.name]) if source else []
            given = [known.get(refs[0]) if refs else None for refs in calls]
            kept = own
            if holds_model(layer):
                layer, kept = self.wrapped(layer, own, given[:1], f"{prefix}{name}/")
            elif is_normalization(layer):
                made = of_layer(layer, f"{prefix}{name}/{inner.name}", own, given)
                layer, kept = (layer, own) if made is None else (made, [])
            left -= {id(weight) for weight in own} - {id(weight) for weight in kept}
            layers.append(layer)
        config = layers if isinstance(record["config"], list) else OrderedDict(record["config"], layers=layers)
        return OrderedDict(record, config=config), [weight for weight in weights if id(weight) in left]

    def shapes(self, record: Record, inputs: List[Shape]) -> Tuple[Optional[Graph], Dict[Ref, Shape]]:
        """The Graph of a model and {Ref: shape}; nothing of a Sequential without an input, where none is known."""
        if record["class_name"] == "Sequential" and not starts_with_a_node(record):
            if not inputs or inputs[0] is None:
                return None, {}
            record = with_input(record, inputs[0], Layer(record).name, self.major)
        source = graph(record, self.major)
        return source, of_graph(source, self.major)


def is_normalization(record: Record) -> bool:
    """Whether a layer is Keras's own Normalization."""
    return record["class_name"] == "Normalization" and str(record.get("module") or "keras").startswith("keras")


def of_layer(record: Record, path: str, weights: List[Weight], inputs: List[Shape]) -> Optional[Record]:
    """The record of the Rescaling that does what the Normalization `record` does; None where none does.

    path: its name, "outer/inner" in a nested model      inputs: the shape of its input in each call
    """
    config = record["config"]
    axis = config.get("axis", -1)
    axis = axis[0] if isinstance(axis, list) and len(axis) == 1 else axis
    along_last = axis in (None, []) or axis == -1 or bool(inputs) and all(
        shape and axis == len(shape) - 1 for shape in inputs)
    given = statistics(config, weights)
    if not along_last or not given or config.get("invert"):
        return None
    return rescaling(record, path, *given)


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


def rescaling(record: Record, path: str, mean: numpy.ndarray, variance: numpy.ndarray) -> Record:
    """The record of the Rescaling that computes what the Normalization `record` does.

    path: as `of_layer`'s.  Raises Fault where mean or variance are no numbers.
    """
    with numpy.errstate(invalid="ignore"):
        scale = 1 / numpy.maximum(numpy.sqrt(variance.astype("float64")), EPSILON)
    offset = -mean * scale
    if not numpy.isfinite([scale, offset]).all():
        raise Fault(f"layer {path!r} is a Normalization whose mean or variance are no numbers: adapt it first")
    scale, offset = [value.tolist() if value.size > 1 else float(value[0]) for value in (scale, offset)]
    config = OrderedDict([("name", Layer(record).name), ("trainable", True), ("dtype", "float32"), ("scale", scale),
                          ("offset", offset)])
    return OrderedDict(record, class_name="Rescaling", config=config)
