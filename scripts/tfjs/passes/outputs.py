"""Outputs of a model: the tensors by which TensorFlow.js finds them."""
from ...base.fault import Fault
from .draft import Draft


def check(draft: Draft) -> Draft:
    """Raise a Fault where one tensor is two outputs."""
    ends = [ref for ref in draft.source.outputs if not (draft.is_nested and ref in draft.source.inputs)]
    if len(set(ends)) < len(ends):
        where = f"the nested model {draft.source.rest.get('name')!r}" if draft.is_nested else "the model"
        raise Fault(f"one tensor is two outputs of {where}, which TensorFlow.js cannot compute: name each once")
    return draft
