"""Layers with names that TensorFlow.js does not take get names that it takes.

tfjs-layers 1.0.0 and 4.22.0, src/common.ts: isValidTensorName (1.0.0 takes no digit in front).  They keep layers by
name in objects of JavaScript, which have some properties from the start ("constructor").
"""
import re
from collections import OrderedDict
from typing import Any, Collection, Dict

from ...layers.references import Ref, redirect
from ...layers.topology import Graph, Layer
from ...wire.target import PROPERTIES
from .draft import Draft, Record

TAKEN_BY_ALL = re.compile(r"[A-Za-z][-A-Za-z0-9_./]*")
NAMELESS = "layer"  # the name where no letter of a name is left
WITHIN = ("layer", "backward_layer", "cell")  # settings that are a layer within a layer


def takeable(draft: Draft) -> Draft:
    """Rename the layers of a model, and its inputs, whose names TensorFlow.js cannot take; draft.renamed tells which.

    "first layer" becomes "first_layer", with as many "_" after it as other layers have taken.
    """
    new: Dict[str, str] = OrderedDict()
    taken = set(draft.source.layers) | set(draft.layers)
    for name in draft.layers:
        if not is_takeable(name):
            new[name] = free(name, taken)
            taken.add(new[name])

    def change(ref: Ref) -> Ref:
        return ref._replace(layer=new.get(ref.layer, ref.layer))

    names, layers = set(draft.layers), OrderedDict()
    for name, layer in draft.layers.items():
        record = called(layer.record, new.get(name, name))
        calls = [redirect(call, names, change) for call in layer.calls] if new else layer.calls
        layers[new.get(name, name)] = Layer(record, calls)
    draft.layers = layers
    if new:
        source = draft.source
        draft.renamed = OrderedDict((after, before) for before, after in new.items() if before in source.layers)
        draft.replace(Graph(layers, [change(ref) for ref in source.inputs], [change(ref) for ref in source.outputs],
                            source.rest))
        if draft.weights is not None:
            draft.weights = OrderedDict((new.get(name, name), own) for name, own in draft.weights.items())
    return draft


def is_takeable(name: str) -> bool:
    """Whether every TensorFlow.js takes a layer of that name."""
    return TAKEN_BY_ALL.fullmatch(name) is not None and name not in PROPERTIES


def free(name: str, taken: Collection[str] = ()) -> str:
    """A name like `name` that TensorFlow.js takes and that none of the layers `taken` has; `name` itself if it can."""
    if is_takeable(name):
        return name
    plain = re.sub(r"[^-A-Za-z0-9_./]", "_", name).lstrip("-_./") or NAMELESS
    plain = plain if plain[0].isalpha() else f"{NAMELESS}_{plain}"
    while plain in taken or not is_takeable(plain):
        plain += "_"
    return plain


def called(record: Record, name: str) -> Record:
    """The record of a layer under `name`, with names that can be taken for what it holds; the same where nothing
    changes."""
    config = record["config"]
    if isinstance(config, dict):
        changed: Dict[str, Any] = {key: called(config[key], free(config[key]["config"]["name"])) for key in WITHIN
                                   if has_name(config.get(key))}
        if isinstance(config.get("cells"), list):
            changed["cells"] = [called(cell, free(cell["config"]["name"])) if has_name(cell) else cell
                                for cell in config["cells"]]
        changed.update({"name": name} if "name" in config else {})
        if any(config[key] != value for key, value in changed.items()):
            record = OrderedDict(record, config=OrderedDict(config, **changed))
    return OrderedDict(record, name=name) if record.get("name", name) != name else record


def has_name(value: Any) -> bool:
    """Whether a setting is the record of a layer whose config names it."""
    return isinstance(value, dict) and isinstance(value.get("config"), dict) \
        and isinstance(value["config"].get("name"), str)
