"""Weights under the names that TensorFlow.js gives its variables."""
from collections import OrderedDict

from ...base.fault import Fault
from ...layers.variables import named
from .draft import Draft


def named_as_variables(draft: Draft) -> Draft:
    """Name the weights of all layers; the outermost model has those of nested ones.

    Raises Fault where weights and topology do not belong together.
    """
    if draft.is_nested:
        return draft
    records = OrderedDict((name, draft.layers[name].record) for name in draft.order())
    for name, own in draft.weights.items():
        if own and name not in records:
            raise Fault(f"there are weights for a layer {name!r} that the topology does not have")
    draft.weights = OrderedDict((name, named(record, draft.weights.get(name, []))) for name, record in records.items())
    return draft
