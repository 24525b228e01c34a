"""Layers that TensorFlow.js computes as Keras does for some shapes of their inputs alone."""
from ...layers import shapes
from ...layers.topology import Layer
from .draft import Draft, each_layer


@each_layer
def check(draft: Draft, layer: Layer) -> Layer:
    """Refuse what layers.shapes.check names: an axis, a rank, a window that TensorFlow.js computes otherwise."""
    if shapes.asked_of(layer.record):
        shapes.check(layer, draft.source, draft.major, draft.shapes)
    return layer
