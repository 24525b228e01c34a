"""Calls in Keras 2's spelling, [[layer, node, tensor, {}], …]; TensorFlow.js hands a layer no tensor by keyword."""
from typing import Any, Collection, Dict, List

from ...base.fault import Fault
from ...layers import operators
from ...layers.constants import CONSTANT
from ...layers.references import arguments, references
from ...layers.spelling import ARRAYS
from ...layers.topology import Layer
from .draft import Draft, each_layer


@each_layer
def as_keras_2(draft: Draft, layer: Layer) -> Layer:
    """Spell all calls of the layer."""
    return Layer(layer.record, [call_of(draft, layer, call) for call in layer.calls])


def call_of(draft: Draft, layer: Layer, call: Any) -> List[List[Any]]:
    """One call of `layer`, as either Keras spells it, in Keras 2's."""
    names = draft.source.layers
    if draft.is_operation(layer):
        return tensors(operators.tensors(layer, call, names))
    if has_array(call):
        raise Fault(f"layer {layer.name!r} is called with a constant, which TensorFlow.js cannot")
    if not isinstance(call, dict):
        for keywords in [item[3] for item in call if isinstance(item, list) and len(item) == 4 and item[3]]:
            check_keywords(layer, keywords, names)
        return call
    values, keywords = arguments(call)
    check_keywords(layer, keywords, names)
    return tensors(references(values, names))


def has_array(call: Any) -> bool:
    """Whether a call has an array in place of a tensor: {"class_name": "__numpy__", …}, or ["_CONSTANT_VALUE", …]."""
    if isinstance(call, dict):
        return call.get("class_name") in ARRAYS or any(map(has_array, call.values()))
    return isinstance(call, list) and (call[:2] == [CONSTANT, -1] or any(map(has_array, call)))


def tensors(refs: Collection[Any]) -> List[List[Any]]:
    """Return a call of these Refs in Keras 2's spelling."""
    return [[ref.layer, ref.node, ref.tensor, {}] for ref in refs]


def check_keywords(layer: Layer, keywords: Dict[str, Any], names: Collection[str]) -> None:
    """Raise a Fault where one of the keyword arguments is a tensor, or an array, which Keras 2 writes as a list."""
    for key, value in keywords.items():
        if isinstance(value, list) and value and not references(value, names):
            raise Fault(f"layer {layer.name!r} is called with a constant as {key}=, which TensorFlow.js cannot")
        if references(value, names):
            raise Fault(f"layer {layer.name!r} is called with a tensor as {key}=, which TensorFlow.js cannot")
