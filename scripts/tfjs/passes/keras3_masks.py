"""Masks that Keras 3 writes as tensors: those that TensorFlow.js makes itself are left out, the others are refused."""
from ...base.fault import Fault
from ...layers import masks
from ...layers.order import ancestors
from ...layers.references import references
from ...layers.topology import Layer
from .draft import Draft, each_layer


def left_out(draft: Draft) -> Draft:
    """Leave out the nodes that compute masks which TensorFlow.js computes by itself, and all that no output needs."""
    if draft.major < 3 or draft.is_sequential:
        return draft
    source = masks.without(draft.source)
    needed = {name for name, _ in ancestors(source, source.outputs)}
    for name in [name for name, layer in source.layers.items() if name not in needed and not layer.is_input]:
        del source.layers[name], draft.layers[name]
    return draft


@each_layer
def refused(draft: Draft, layer: Layer) -> Layer:
    """A mask of merged ones, of another layer, or given by the caller stays a tensor."""
    for call in layer.calls:
        if isinstance(call, dict) and references((call.get("kwargs") or {}).get("mask"), draft.source.layers):
            raise Fault(f"layer {layer.name!r} is called with a tensor as mask=, which TensorFlow.js cannot: a mask of "
                        "merged ones, of another layer, or given by the caller")
    return layer
