"""A Flatten of (batch, size), which TensorFlow.js refuses, becomes a Reshape to the shape of its input."""
from collections import OrderedDict

from ...layers.topology import Layer
from .draft import Draft, each_layer


@each_layer
def as_reshape(draft: Draft, layer: Layer) -> Layer:
    """An open size becomes -1."""
    shapes = draft.input_shapes(layer) if layer.class_name == "Flatten" else []
    if not shapes or any(shape is None or len(shape) != 2 for shape in shapes):
        return layer
    config = OrderedDict([("name", layer.name), ("trainable", True), ("dtype", "float32"),
                          ("target_shape", [shapes[0][1] if shapes[0][1] is not None else -1])])
    record = OrderedDict([("class_name", "Reshape"), ("config", config), ("name", layer.name)])
    return Layer(record, layer.calls)
