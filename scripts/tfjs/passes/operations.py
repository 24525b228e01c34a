"""Operations between layers (`a + b`, `a * b`) are the layers that compute the same."""
from ...layers import operators
from ...layers.topology import Layer
from .. import refusals
from .draft import Draft, each_layer


@each_layer
def as_layers(draft: Draft, layer: Layer) -> Layer:
    """Replace the layer. This pass comes after the spelling of calls: each call lists its tensors."""
    if not draft.is_operation(layer):
        return layer
    record = operators.record_of_layer(layer, layer.calls)
    reason = refusals.refusal(record, draft.major)
    if reason:
        raise refusals.Refused(layer.name, layer.class_name, reason, operation=True)
    return Layer(record, layer.calls)
