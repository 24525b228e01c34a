"""Operations between layers (`a + b`, `a * b`) are the layers that compute the same."""
from ...layers import operators
from ...layers.topology import Layer
from ..supported import is_operation
from .draft import Draft, each_layer


@each_layer
def as_layers(draft: Draft, layer: Layer) -> Layer:
    """Behind the pass that spells calls: each lists its tensors."""
    if not is_operation(layer.record):
        return layer
    return Layer(operators.record_of_layer(layer, layer.calls), layer.calls)
