"""Operations between layers (`a + b`, `a * b`) are the layers that compute the same."""
from ...base.fault import Fault
from ...layers import operators
from ...layers.kinds.operations import is_operation
from ...layers.topology import Layer
from .. import refusals
from .draft import Draft, each_layer


@each_layer
def as_layers(draft: Draft, layer: Layer) -> Layer:
    """Behind the pass that spells calls: each lists its tensors."""
    if not is_operation(layer.record, draft.major):
        return layer
    record = operators.record_of_layer(layer, layer.calls)
    reason = refusals.refusal(record, draft.major)
    if reason:
        raise Fault(refusals.line(layer.name, layer.class_name, reason, operation=True))
    return Layer(record, layer.calls)
