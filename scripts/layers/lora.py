"""Low-rank adaptations of Keras 3 (enable_lora), added to the weights of their layer.

keras 3 layers/core/dense.py: kernel + lora_alpha / lora_rank * (lora_kernel_a @ lora_kernel_b).  A .keras archive holds
the sum.  An h5 holds the three by their names, the kernel last because it is not trained.
"""
import re
from collections import OrderedDict
from typing import Any, Dict, Iterator, List

from .model import Model, Weight

FIRST = re.compile(r"(.*/|)lora_(kernel|embeddings)_a(:0)?\Z")
SETTINGS = ("lora_rank", "lora_alpha")


def merged(model: Model) -> Model:
    """The model itself without adaptations: their settings are gone, and the weights are the sums."""
    found = {config["name"]: config for config in configs(model.topology) if config.get("lora_rank")}
    if found:
        model.topology = without_settings(model.topology)
        for layer, weights in model.weights.items():
            model.weights[layer] = sums(weights, found)
    return model


def configs(record: Any) -> Iterator[Dict[str, Any]]:
    """The configs with a name of all layers in a record."""
    pending = [record]
    while pending:
        value = pending.pop()
        if isinstance(value, dict):
            if isinstance(value.get("config"), dict) and isinstance(value["config"].get("name"), str):
                yield value["config"]
            value = value.values()
        pending += [item for item in value if isinstance(item, (dict, list))]


def without_settings(value: Any) -> Any:
    """A record without the settings of adaptations."""
    if isinstance(value, list):
        return [without_settings(item) for item in value]
    if not isinstance(value, dict):
        return value
    result = type(value)(value)
    result.update((key, without_settings(item)) for key, item in value.items())
    for key in SETTINGS:
        result.pop(key, None)
    return result


def sums(weights: List[Weight], found: Dict[str, Dict[str, Any]]) -> List[Weight]:
    """The weights of a layer, those of the layers within among them, in the order that they have without adaptations.

    found: {name of an adapted layer: its config}.
    """
    named = OrderedDict((weight.name, weight) for weight in weights)
    for first in [weight for weight in weights if FIRST.match(weight.name)]:
        scope, kind, end = FIRST.match(first.name).groups()
        second = named.get(f"{scope}lora_{kind}_b{end or ''}")
        whole = f"{scope}{kind}{end or ''}"
        config = found.get(scope.rstrip("/").rpartition("/")[2])
        if second is None or whole not in named or config is None:
            continue  # not what Keras writes: the number of weights tells that they do not belong together
        scale = float(config.get("lora_alpha") or config["lora_rank"]) / config["lora_rank"]
        total = added(named.pop(whole), first, second, scale)
        del named[second.name]
        own = next(name for name in named if name.rpartition("/")[0] == scope.rstrip("/"))
        named = OrderedDict(item for name, weight in named.items()
                            for item in ([(whole, total)] if name == own else []) + [(name, weight)])
        del named[first.name]
    return list(named.values())


def added(whole: Weight, first: Weight, second: Weight, scale: float) -> Weight:
    """A Weight of whole + scale * (first @ second)."""
    return Weight(whole.name, whole.shape, whole.dtype,
                  lambda: whole.read() + (scale * (first.read() @ second.read())).astype(whole.dtype))
