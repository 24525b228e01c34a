"""Calls with training=True in a model of Keras 2.  Keras 3 predicts without it, whatever the calls say.

Keras 2 hands it on to the layers within (keras 2.6 base_layer.py: _set_training_mode).  BatchNormalization then uses
the statistics of the batch (normalization.py).
"""
from typing import Any, Iterator, Tuple

from ..layers import kinds
from .rules import Call

# Settings that say how much is left to chance, where a layer has one; the other idle layers always draw
CHANCE = ("rate", "stddev")
WITHIN = ("dropout", "recurrent_dropout")  # of recurrent layers, their cells, and attention
STEADY = ("Identity", "TFDIdentity", "ActivityRegularization")


def check(call: Call) -> None:
    """Refuse a layer that draws numbers when it is called with training=True, or changes its weights."""
    name, config = kinds.canonical(call.kind), call.config
    if not isinstance(config, dict):
        return
    kind = kinds.of(call.record)
    drawing = kind is not None and kind.idle and name not in STEADY or name == "RandomCrop"
    chances = [config[key] for key in CHANCE if key in config]
    if drawing and (not chances or any(chances)) or any(value for _, value in within(config)):
        call.refuse("it is called with training=True and draws other numbers at every call",
                    "build the model without training=True, and give it the weights")
    if name == "SpectralNormalization":
        call.refuse("it is called with training=True and changes its kernel at every call",
                    "build the model without training=True, and give it the weights")


def within(config: Any, depth: int = 0) -> Iterator[Tuple[str, Any]]:
    """The settings WITHIN of a layer and of its cells."""
    if isinstance(config, dict) and depth < 20:
        for key in WITHIN:
            yield key, config.get(key)
        cells = config.get("cells") if isinstance(config.get("cells"), list) else []
        for record in cells + [config.get("cell")]:
            yield from within(record.get("config") if isinstance(record, dict) else None, depth + 1)
