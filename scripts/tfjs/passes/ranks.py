"""Layers that TensorFlow.js computes as Keras does only for some shapes of their inputs."""
from ...layers.topology import Layer
from .. import refusals
from .draft import Draft, each_layer


@each_layer
def check(draft: Draft, layer: Layer) -> Layer:
    """Refuse an axis, a rank or a window that TensorFlow.js computes differently: rows of tfjs/refusals.py."""
    if refusals.asked_of(layer.record, draft.major):
        refusals.check(layer, draft.source, draft.major, draft.shapes)
    return layer
