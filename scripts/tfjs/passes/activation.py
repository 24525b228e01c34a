"""An activation that is a layer (`Dense(4, activation=LeakyReLU(0.1))`) becomes a layer after the one that has it."""
from collections import OrderedDict
from typing import Any, List, Optional

from ...layers.topology import Layer
from .draft import Draft, Record, each_split

# Layers whose activation is the last that they compute
LAST = frozenset("""Activation Dense Conv1D Conv2D Conv3D Conv2DTranspose Conv3DTranspose DepthwiseConv2D
    SeparableConv2D""".split())
ALONE = ("LeakyReLU", "ReLU", "ELU", "ThresholdedReLU")  # layers that compute number by number, and have no weights


def of_layer(record: Record) -> Optional[Record]:
    """The layer that is the activation of the layer `record`, under the latter's name; None where none can be split."""
    config = record["config"]
    found: Any = config.get("activation") if record["class_name"] in LAST and isinstance(config, dict) else None
    if not isinstance(found, dict) or found.get("class_name") not in ALONE or not isinstance(found.get("config"), dict):
        return None
    name = Layer(record).name
    return OrderedDict(found, name=name, config=OrderedDict(found["config"], name=name))


@each_split
def split(draft: Draft, layer: Layer) -> List[Record]:
    """The layer without its activation, and this, which has its name; an Activation is its activation."""
    behind = of_layer(layer.record)
    if behind is None:
        return [layer.record]
    if "batch_input_shape" in layer.config and layer.class_name == "Activation":
        behind["config"]["batch_input_shape"] = layer.config["batch_input_shape"]
    if layer.class_name == "Activation":
        return [behind]
    name = draft.free(layer.name + "_linear")
    if draft.weights is not None:
        draft.weights = OrderedDict((name if key == layer.name else key, own) for key, own in draft.weights.items())
    config = OrderedDict(layer.config, name=name, activation="linear")
    return [OrderedDict(layer.record, config=config, name=name), behind]
