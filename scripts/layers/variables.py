"""The variables that a layer has: names, shapes, order; and the layers to which a file's weights belong.

Names are those that TensorFlow.js gives (originalName, scopes included); order is that of Keras's h5 files:
the trainable ones first, each in the order in which the layer makes them.
"""
from collections import OrderedDict
from typing import Any, Dict, List, Optional, Sequence, Set

from ..base.fault import Fault
from . import kinds
from .kinds import Variable
from .model import Weight
from .topology import Layer, inner_records, is_model

Record = Dict[str, Any]


def named(record: Record, weights: Sequence[Weight]) -> List[Weight]:
    """Return `weights`, in Keras's h5 order, under the names that TensorFlow.js gives the layer's variables.

    TensorFlow.js from 2.0 on finds lstm/lstm_cell/kernel too (container.ts loadWeights), 1.0 does not.
    Raises Fault where number or shapes contradict the topology.
    """
    expected = variables(record)
    name = Layer(record).name
    dtype = record["config"].get("dtype") if isinstance(record["config"], dict) else None
    if isinstance(dtype, dict) and dtype.get("class_name") == "QuantizedDTypePolicy":
        raise Fault(f"layer {name!r} is quantized by Keras, which TensorFlow.js cannot read: save the model before its "
                    "quantize() (--quantize, or quantize in models.toml, does it here)")
    if len(expected) != len(weights):
        raise Fault(f"layer {name!r} ({record['class_name']}) needs {len(expected)} weights but the file holds "
                    f"{len(weights)}: weights and topology do not belong together")
    result = []
    for item, weight in zip(expected, weights):
        shape = weight.shape if item.shape is None else item.shape
        if len(shape) != len(weight.shape) or any(a not in (None, b) for a, b in zip(shape, weight.shape)):
            needed = tuple("?" if size is None else size for size in shape)
            raise Fault(f"weight {weight.name!r} has shape {weight.shape} but layer {name!r} needs {needed}: weights "
                        "and topology do not belong together")
        result.append(weight.renamed(item.name))
    return result


def variables(record: Record, scope: Optional[str] = None) -> List[Variable]:
    """Return [Variable] of a layer in Keras's h5 order (trainable ones first).

    Their names are TensorFlow.js's originalName, scopes included; scope is the layer's name by default.
    """
    found = own_variables(record, scope or Layer(record).name)
    return [item for item in found if item.trainable] + [item for item in found if not item.trainable]


def own_variables(record: Record, scope: str) -> List[Variable]:
    """Return [Variable] in the order in which Keras makes them, with those of the layers within."""
    if is_model(record):
        parts = [kinds.Part(layer, Layer(layer).name) for layer in inner_records(record)]
    else:
        kind = kinds.find(record["class_name"])
        parts = kind.parts(record["config"], scope) if kind else []
    found = [item for part in parts for item in own_variables(*part)]
    if not is_model(record):
        found += [item._replace(name=f"{scope}/{item.name}")
                  for item in layer_variables(record["class_name"], record["config"])]
    return found if config_trainable(record) else [item._replace(trainable=False) for item in found]


def layer_variables(name: str, config: Any) -> List[Variable]:
    """Return [Variable] of a plain layer of the class `name`, as `own_variables` does; [] where they are not known."""
    kind = kinds.find(name)
    return kind.variables(config) if kind and kind.variables else []


def is_known(record: Record) -> bool:
    """Whether the variables of a layer, and of all layers in it, are known from its record."""
    if is_model(record):
        return all(is_known(layer) for layer in inner_records(record))
    kind = kinds.of(record)
    return kind is not None and kind.variables is not None \
        and all(is_known(part.record) for part in kind.parts(record["config"], ""))


def shared_out(record: Record, weights: Sequence[Weight]) -> Dict[str, List[Weight]]:
    """Return OrderedDict: name of a layer inside the nested model `record` -> its own weights, in Keras's h5 order.

    The order of `weights` decides where all classes are known, else the layers' names in the weights' names.
    Raises Fault for a weight whose name holds no layer's.
    """
    layers = [(Layer(layer).name, layer) for layer in inner_records(record)]
    result = OrderedDict((name, []) for name, _ in layers)
    owners = [(name, item) for name, layer in layers for item in own_variables(layer, name)] if is_known(record) else []
    if not config_trainable(record):
        owners = [(name, item._replace(trainable=False)) for name, item in owners]
    owners = [owner for owner in owners if owner[1].trainable] + [owner for owner in owners if not owner[1].trainable]
    if len(owners) == len(weights):
        for (name, _), weight in zip(owners, weights):
            result[name].append(weight)
        return result
    first = {}  # name in a layer -> place of the first layer that has it
    for place, (_, layer) in enumerate(layers):
        for name in names_in(layer):
            first.setdefault(name, place)
    for weight in weights:
        owners = [first[part] for part in weight.name.split("/") if part in first]
        if not owners:
            raise Fault(f"weight {weight.name!r} belongs to no layer of {Layer(record).name!r}")
        result[layers[min(owners)][0]].append(weight)
    return result


def config_trainable(record: Record) -> bool:
    """Whether a layer is trained as a whole: its config does not say trainable=False."""
    return not isinstance(record["config"], dict) or record["config"].get("trainable", True) is not False


def names_in(record: Record) -> Set[str]:
    """Return the names of a layer and of all layers in it."""
    found = {Layer(record).name}
    for layer in inner_records(record) if is_model(record) else []:
        found |= names_in(layer)
    return found
