"""The variables of each layer: names, shapes, order; and the layers to which a file's weights belong.

Names are those that TensorFlow.js gives (originalName, scopes included); order is that of Keras's h5 files:
the trainable ones first, each in the order in which the layer makes them.
"""
from collections import OrderedDict
from typing import Any, Dict, List, Optional, Sequence, Set, Tuple

from ..base.fault import Fault
from . import kinds
from .kinds import Variable
from .model import Weight
from .topology import Layer, inner_records, is_model

Record = Dict[str, Any]
QUANTIZED = ("QuantizedDTypePolicy", "QuantizedFloat8DTypePolicy", "Int4DTypePolicy", "GPTQDTypePolicy",
             "AWQDTypePolicy")  # keras 3 dtype_policies/dtype_policy.py
ADAPTED = ((), ("mean", "variance"), ("mean", "variance", "count"))  # what a Normalization may keep of its data


def named(record: Record, weights: Sequence[Weight]) -> List[Weight]:
    """Return `weights`, in Keras's h5 order, under the names that TensorFlow.js gives the layer's variables.

    TensorFlow.js from 2.0 on finds lstm/lstm_cell/kernel too (container.ts loadWeights), 1.0 does not.
    Raises Fault where number or shapes contradict the topology.
    """
    expected = variables(record)
    name = Layer(record).name
    dtype = record["config"].get("dtype") if isinstance(record["config"], dict) else None
    if isinstance(dtype, dict) and str(dtype.get("class_name")) in QUANTIZED:
        raise Fault(f"layer {name!r} is quantized by Keras, which TensorFlow.js cannot read: save the model before its "
                    "quantize() (--quantize, or quantize in models.toml, does it here)")
    inner = [f"{part.scope}={part.record['class_name']}(…)" for part in kinds.activations(record["config"])]
    if inner and len(weights) == len(layer_variables(record["class_name"], record["config"])) < len(expected):
        raise Fault(f"layer {name!r} was never called with numbers before it was saved: the file does not hold the "
                    f"weights of its {', '.join(inner)}; call the model once (model.predict), and save it again")
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


def own_variables(record: Record, scope: str, adapted: Sequence[str] = ()) -> List[Variable]:
    """Return [Variable] in the order in which Keras makes them, with those of the layers within.

    adapted: those of a Normalization that was given no numbers, see `shared_out`.
    """
    if is_model(record):
        parts = [kinds.Part(layer, Layer(layer).name) for layer in inner_records(record)]
    else:
        kind = kinds.find(record["class_name"])
        parts = kind.parts(record["config"], scope) if kind else []
    found = [item for part in parts for item in own_variables(*part, adapted=adapted)]
    if is_adapted(record):
        found += [Variable(f"{scope}/{item}", None, False) for item in adapted]
    elif not is_model(record):
        place = len(found) if kind is None or kind.own_at is None else kind.own_at
        found[place:place] = [item._replace(name=f"{scope}/{item.name}")
                              for item in layer_variables(record["class_name"], record["config"])]
        for part in kinds.activations(record["config"]):
            found += own_variables(part.record, f"{scope}/{part.scope}", adapted)
    return found if config_trainable(record) else [item._replace(trainable=False) for item in found]


def layer_variables(name: str, config: Any) -> List[Variable]:
    """Return [Variable] of a plain layer of the class `name`, as `own_variables` does; [] where they are not known."""
    kind = kinds.find(name)
    return kind.variables(config) if kind and kind.variables else []


def is_known(record: Record, adapted: Sequence[str] = ()) -> bool:
    """Whether the variables of a layer, and of all layers in it, are known from its record.

    adapted: as in `own_variables`.
    """
    if is_model(record):
        return all(is_known(layer, adapted) for layer in inner_records(record))
    kind = kinds.of(record)
    return kind is not None and (kind.variables is not None or bool(adapted) and kind.name == "Normalization") \
        and all(is_known(part.record, adapted)
                for part in kind.parts(record["config"], "") + kinds.activations(record["config"]))


def is_adapted(record: Record) -> bool:
    """Whether a layer is a Normalization whose mean and variance are weights: no config holds them."""
    kind = None if is_model(record) else kinds.of(record)
    return kind is not None and kind.name == "Normalization" and None in (
        record["config"].get("mean"), record["config"].get("variance"))


def shared_out(record: Record, weights: Sequence[Weight]) -> Dict[str, List[Weight]]:
    """Return OrderedDict: name of a layer inside the nested model `record` -> its own weights, in Keras's h5 order.

    The order of `weights` decides where all classes are known, else the layers' names in the weights' names.
    The number of weights tells what a Normalization keeps of its data: a count, or none.
    Raises Fault for a weight whose name holds no layer's.
    """
    layers = [(Layer(layer).name, layer) for layer in inner_records(record)]
    result = OrderedDict((name, []) for name, _ in layers)
    if not weights:
        return result
    for adapted in ADAPTED:
        owners = in_order(record, layers, adapted)
        if len(owners) == len(weights):
            for name, weight in zip(owners, weights):
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


def in_order(record: Record, layers: Sequence[Tuple[str, Record]], adapted: Sequence[str]) -> List[str]:
    """Return the name of the layer that has it for each weight of the model `record`, in Keras's h5 order.

    layers: (name, record) of those in it.  adapted: as in `own_variables`.  [] where a class is not known.
    """
    if not is_known(record, adapted):
        return []
    owners = [(name, item) for name, layer in layers for item in own_variables(layer, name, adapted)]
    trained = config_trainable(record)
    return [name for name, item in owners if trained and item.trainable] + \
        [name for name, item in owners if not (trained and item.trainable)]


def config_trainable(record: Record) -> bool:
    """Whether a layer is trained as a whole: its config does not say trainable=False."""
    return not isinstance(record["config"], dict) or record["config"].get("trainable", True) is not False


def names_in(record: Record) -> Set[str]:
    """Return the names of a layer and of all layers in it."""
    found = {Layer(record).name}
    for layer in inner_records(record) if is_model(record) else []:
        found |= names_in(layer)
    return found
