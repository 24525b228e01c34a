"""The variables that a layer has: names, shapes, order; and which of a file's weights are whose.

Names are those that TensorFlow.js gives (originalName, scopes included); order is that of Keras's h5 files:
the trainable ones first, each in the order in which the layer makes them.
"""
from collections import OrderedDict

from ..base.fault import Fault
from . import kinds
from .kinds.kind import Variable
from .topology import Layer, inner_records, is_model

ADAPTED = ((), ("mean", "variance"), ("mean", "variance", "count"))  # what a Normalization may keep of its data


def named(record, weights):
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
        raise Fault("layer %r (%s) needs %d weights but the file holds %d: weights and topology do not belong "
                    "together" % (name, record["class_name"], len(expected), len(weights)))
    result = []
    for item, weight in zip(expected, weights):
        shape = weight.shape if item.shape is None else item.shape
        if len(shape) != len(weight.shape) or any(a not in (None, b) for a, b in zip(shape, weight.shape)):
            needed = tuple("?" if size is None else size for size in shape)
            raise Fault(f"weight {weight.name!r} has shape {weight.shape} but layer {name!r} needs {needed}: weights "
                        "and topology do not belong together")
        result.append(weight.renamed(item.name))
    return result


def variables(record, scope=None):
    """Return [Variable] of a layer in Keras's h5 order (trainable ones first).

    Their names are TensorFlow.js's originalName, scopes included; scope is the layer's name by default.
    """
    found = own_variables(record, scope or Layer(record).name)
    return [item for item in found if item.trainable] + [item for item in found if not item.trainable]


def own_variables(record, scope, adapted=()):
    """[Variable] in the order in which Keras makes them, those of the layers within among them.

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
        found += [item._replace(name=f"{scope}/{item.name}")
                  for item in layer_variables(record["class_name"], record["config"])]
    return found if config_trainable(record) else [item._replace(trainable=False) for item in found]


def layer_variables(name, config):
    """[Variable] of a plain layer, in the order in which Keras makes them; [] where they are not known."""
    kind = kinds.find(name)
    return kind.variables(config) if kind and kind.variables else []


def is_known(record, adapted=()):
    """Whether the variables of a layer, and of all that is in it, are known from its record.

    adapted: as in `own_variables`.
    """
    if is_model(record):
        return all(is_known(layer, adapted) for layer in inner_records(record))
    kind = kinds.of(record)
    return kind is not None and (kind.variables is not None or bool(adapted) and kind.name == "Normalization") \
        and all(is_known(part.record, adapted) for part in kind.parts(record["config"], ""))


def is_adapted(record):
    """Whether a layer is a Normalization whose mean and variance are weights: no config holds them."""
    kind = None if is_model(record) else kinds.of(record)
    return kind is not None and kind.name == "Normalization" and None in (
        record["config"].get("mean"), record["config"].get("variance"))


def shared_out(record, weights):
    """Return OrderedDict: name of a layer inside the nested model `record` -> those of `weights` that are its own,
    each in Keras's h5 order.  By order where all classes are known, else by the layers' names in the weights'.

    What a Normalization keeps of its data, a count or none, is told by how many weights there are.
    """
    layers = [(Layer(layer).name, layer) for layer in inner_records(record)]
    result = OrderedDict((name, []) for name, _ in layers)
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


def in_order(record, layers, adapted):
    """[name of the layer that has it] of all weights of the model `record`, in Keras's h5 order; [] where a class is
    not known.  layers: [(name, record)] of those in it.  adapted: as in `own_variables`."""
    if not is_known(record, adapted):
        return []
    owners = [(name, item) for name, layer in layers for item in own_variables(layer, name, adapted)]
    trained = config_trainable(record)
    return [name for name, item in owners if trained and item.trainable] + \
        [name for name, item in owners if not (trained and item.trainable)]


def config_trainable(record):
    return not isinstance(record["config"], dict) or record["config"].get("trainable", True) is not False


def names_in(record):
    """The names of a layer and of all layers in it."""
    found = {Layer(record).name}
    for layer in inner_records(record) if is_model(record) else []:
        found |= names_in(layer)
    return found
