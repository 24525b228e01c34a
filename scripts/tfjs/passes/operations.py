"""Operations between layers (`a + b`, `a * b`, `a / 255`) become the layers that compute the same."""
from collections import OrderedDict

from ...layers import constants, operators
from ...layers.topology import Graph, Layer
from .. import refusals
from .draft import Draft, each_layer


def with_constants(draft: Draft) -> Draft:
    """Make a Rescaling of each operation of one tensor with a constant that one does; the others are refused later.

    It is a layer of the source from here on, whose shape is known.
    """
    made = {} if draft.is_sequential else constants.rescalings(draft.source, draft.major)
    if made:
        source = draft.source
        draft.layers.update(made)
        draft.replace(Graph(OrderedDict(source.layers, **made), source.inputs, source.outputs, source.rest,
                            source.shift))
    return draft


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
