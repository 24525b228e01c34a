"""Layers around layers (keras 2.6 layers/wrappers.py; Keras 3 layers/rnn/bidirectional.py, time_distributed.py)."""
from typing import Any, Callable, Dict, List, Optional, Tuple

from .kind import Config, Mask, Part, Shape, row


def bidirectional(config: Config, inputs: List[Shape], nested: Any) -> List[Optional[Shape]]:
    """Both ways' outputs, merged or not, and then both ways' states."""
    found = nested.layer(config["layer"], inputs[:1])
    first, states = found[0], found[1:]
    if config["merge_mode"] is None:
        return [first, first] + states * 2
    doubled = first[:-1] + [2 * first[-1]] if config["merge_mode"] == "concat" else first
    return [doubled] + states * 2


def time_distributed(config: Config, inputs: List[Shape], nested: Any) -> List[Optional[Shape]]:
    """The layer within is called on each step."""
    batch, steps = inputs[0][:2]
    found = nested.layer(config["layer"], [[batch] + list(inputs[0][2:])])[0]
    return [None if found is None else [batch, steps] + found[1:]]


def ways(config: Config) -> List[Tuple[str, Dict[str, Any]]]:
    """Return [("forward", record), ("backward", record)] of a Bidirectional, of which one may be frozen.

    Keras 2 writes the second only where it was given; else it is as the first.
    """
    return [("forward", config["layer"]), ("backward", config.get("backward_layer") or config["layer"])]


def both(config: Config, scope: str) -> List[Part]:
    """Both ways, called by the forward layer's name."""
    first = config["layer"]
    name = first.get("name") or first["config"]["name"]
    return [Part(record, f"{scope}/{way}_{name}") for way, record in ways(config)]


def outputs_of_both(config: Config, count: Callable) -> Optional[int]:
    """One, where both ways' are merged and the states are not asked for."""
    return None if config["layer"]["config"].get("return_state") or config.get("merge_mode", "") is None else 1


row("wrappers", "TimeDistributed", shape=time_distributed, mask=Mask.PASSES,
    parts=lambda config, scope: [Part(config["layer"], scope)],
    outputs=lambda config, count: count(config["layer"]))
row("wrappers", "Bidirectional", shape=bidirectional, mask=Mask.SEQUENCES, parts=both, outputs=outputs_of_both)
