"""Calls of Keras 2 with training=True, which TensorFlow.js does not repeat."""
import re
from typing import Any

from ...base.fault import Fault
from ...layers.topology import Layer
from .draft import Draft, each_layer

RANDOM = re.compile("BatchNormalization|Dropout|GaussianNoise|^Random")


@each_layer
def check(draft: Draft, layer: Layer) -> Layer:
    """Keras 3 predicts without training, whatever calls say."""
    asked = any(isinstance(item, list) and len(item) == 4 and item[3] and item[3].get("training")
                for call in layer.calls if not isinstance(call, dict) for item in call)
    if asked and not draft.is_operation(layer) and trains(layer.record):
        raise Fault(f"layer {layer.name!r} is called with training=True, and TensorFlow.js predicts without")
    return layer


def trains(value: Any) -> bool:
    """Whether anything in a record computes differently in training."""
    if isinstance(value, list):
        return any(trains(item) for item in value)
    return isinstance(value, dict) and bool(
        RANDOM.search(str(value.get("class_name"))) or value.get("dropout") or value.get("recurrent_dropout")
        or any(trains(item) for item in value.values()))
