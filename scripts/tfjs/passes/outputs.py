"""Outputs of the whole model: TensorFlow.js finds them by their tensors."""
from ...base.fault import Fault
from .draft import Draft


def check(draft: Draft) -> Draft:
    """Raise a Fault where one tensor is two outputs."""
    ends = draft.source.outputs
    if not draft.is_nested and len(set(ends)) < len(ends):
        raise Fault("one tensor is two outputs of the model, which TensorFlow.js cannot compute: name each once")
    return draft
