"""A nested Sequential that got the shape of its input from its first call gets an InputLayer in TensorFlow.js."""
from collections import OrderedDict
from typing import List, Optional

from ...layers.topology import Layer, inner_records, input_layer, is_model, starts_with_a_node
from .draft import Draft, Record, each_layer


@each_layer
def given(draft: Draft, layer: Layer) -> Layer:
    """TimeDistributed calls its layer without the second axis."""
    wrapped = layer.class_name == "TimeDistributed" and isinstance(layer.config.get("layer"), dict)
    inner = layer.config["layer"] if wrapped else layer.record
    if inner.get("class_name") != "Sequential" or not is_model(inner) or starts_with_a_node(inner):
        return layer
    shapes = draft.input_shapes(layer)
    if not shapes or shapes[0] is None:
        return layer
    shape = shapes[0]
    if not wrapped:
        return Layer(with_input(inner, shape, layer.name, draft.major), layer.calls)
    inner = with_input(inner, shape[:1] + shape[2:], layer.name, draft.major)
    return Layer(OrderedDict(layer.record, config=OrderedDict(layer.config, layer=inner)), layer.calls)


def with_input(record: Record, shape: List[Optional[int]], name: str, major: int) -> Record:
    """The record of a Sequential behind an InputLayer of `shape`, batch size first.  name: for one that has none."""
    layers = inner_records(record)
    start = input_layer(Layer(layers[0]).name + "_input", shape, major).record
    config = record["config"] if isinstance(record["config"], dict) else {"name": name}
    return OrderedDict(record, config=OrderedDict(config, layers=[start] + layers))
