"""Calls in Keras 2's spelling, [[layer, node, tensor, {}], …]; TensorFlow.js hands a layer no tensor by keyword."""
from typing import Any, Collection, Dict, List

from ...base.fault import Fault
from ...layers import operators
from ...layers.references import arguments, references
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
    if not isinstance(call, dict):
        for keywords in [item[3] for item in call if isinstance(item, list) and len(item) == 4 and item[3]]:
            check_keywords(layer, keywords, names)
        return call
    values, keywords = arguments(call)
    check_keywords(layer, keywords, names)
    return tensors(references(values, names))


def tensors(refs: Collection[Any]) -> List[List[Any]]:
    """Return a call of these Refs in Keras 2's spelling."""
    return [[ref.layer, ref.node, ref.tensor, {}] for ref in refs]


def check_keywords(layer: Layer, keywords: Dict[str, Any], names: Collection[str]) -> None:
    """Raise a Fault where one of the keyword arguments is a tensor."""
    for key, value in keywords.items():
        if references(value, names):
            raise Fault(f"layer {layer.name!r} is called with a tensor as {key}=, which TensorFlow.js cannot")
