"""Layers inside nested models get names of their own: TensorFlow.js finds weights by the name of their layer alone."""
from collections import OrderedDict
from typing import Any, Dict, Set

from ...layers.references import Ref, redirect
from ...layers.topology import Layer, inner_records, is_model
from ...layers.variables import variables
from .draft import Draft

Record = Dict[str, Any]


def inside_models(draft: Draft) -> Draft:
    """Rename the layers with weights whose name is another layer's too; the outermost model's keep theirs.

    "dense" in the model "head" becomes "head_dense".  An output keeps its name: it is the outermost model's.
    """
    if draft.is_nested:
        return draft
    taken = {name for name, layer in draft.layers.items() if not holds_model(layer.record)}
    for name, layer in draft.layers.items():
        if holds_model(layer.record):
            draft.layers[name] = Layer(renamed(layer.record, taken), layer.calls)
    return draft


def holds_model(record: Record) -> bool:
    """Whether a layer is a nested model, or a TimeDistributed of one."""
    while record["class_name"] == "TimeDistributed":
        record = record["config"]["layer"]
    return is_model(record)


def renamed(record: Record, taken: Set[str]) -> Record:
    """A nested model, wrapped or not, whose layers with weights have none of the names `taken`; theirs are added."""
    config = record["config"]
    if record["class_name"] == "TimeDistributed":
        return OrderedDict(record, config=OrderedDict(config, layer=renamed(config["layer"], taken)))
    layers, model = inner_records(record), Layer(record).name
    names, new, changed = {Layer(layer).name for layer in layers}, {}, []
    for layer in layers:
        old = name = Layer(layer).name
        if holds_model(layer):
            layer = renamed(layer, taken)
        elif variables(layer):
            while name in taken or name != old and name in names:
                name = f"{model}_{name}" if name == old else name + "_"
            taken.add(name)
        if name != old:
            new[old] = name
            layer = OrderedDict(layer, config=OrderedDict(layer["config"], name=name))
        changed.append(layer)
    if not new:
        return OrderedDict(record, config=changed if isinstance(config, list) else OrderedDict(config, layers=changed))

    def change(ref: Ref) -> Ref:
        return ref._replace(layer=new.get(ref.layer, ref.layer))

    for index, (old, layer) in enumerate(zip(map(name_of, layers), changed)):
        if "name" in layer:
            layer = OrderedDict(layer, name=new.get(old, old))
        if "inbound_nodes" in layer:
            layer = OrderedDict(layer, inbound_nodes=redirect(layer["inbound_nodes"], names, change))
        changed[index] = layer
    config = OrderedDict(config, layers=changed)
    for key in ("input_layers", "output_layers"):
        if key in config:
            config[key] = redirect(config[key], names, change)
    return OrderedDict(record, config=config)


def name_of(record: Record) -> str:
    """The name of a layer."""
    return Layer(record).name
