"""The variables that a layer has: names, shapes, order; and which of a file's weights are whose.

Names are those that TensorFlow.js gives (originalName, scopes included); order is that of Keras's h5 files:
the trainable ones first, each in the order in which the layer makes them.
"""
from collections import OrderedDict

from ..base.fault import Fault
from ..tfjs.supported import CLASSES, LAYERS
from .topology import MODELS, Layer, inner_records, is_model


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
    for (path, shape, _), weight in zip(expected, weights):
        shape = weight.shape if shape is None else shape
        if len(shape) != len(weight.shape) or any(a not in (None, b) for a, b in zip(shape, weight.shape)):
            needed = tuple("?" if size is None else size for size in shape)
            raise Fault(f"weight {weight.name!r} has shape {weight.shape} but layer {name!r} needs {needed}: weights "
                        "and topology do not belong together")
        result.append(weight.renamed(path))
    return result


def variables(record, scope=None):
    """Return [(name, shape, trainable)] of a layer's variables in Keras's h5 order (trainable ones first); a size
    that the record does not tell is None.  Names are TensorFlow.js's originalName, scopes included."""
    found = own_variables(record, scope or Layer(record).name)
    return [item for item in found if item[2]] + [item for item in found if not item[2]]


def own_variables(record, scope):
    name, config = CLASSES.get(record["class_name"], record["class_name"]), record["config"]
    if is_model(record):
        found = [item for layer in inner_records(record) for item in own_variables(layer, Layer(layer).name)]
    elif name == "TimeDistributed":
        found = own_variables(config["layer"], scope)
    elif name == "Bidirectional":
        found = [item for way, layer in ways(config)
                 for item in own_variables(layer, "{}/{}_{}".format(scope, way, Layer(config["layer"]).name))]
    elif name == "RNN":
        found = own_variables(config["cell"], scope)
    elif name == "StackedRNNCells":
        found = [item for index, cell in enumerate(config["cells"])
                 for item in own_variables(cell, "%s/RNNCell_%d" % (scope, index))]
    else:
        found = [(f"{scope}/{key}", shape, not key.startswith("moving_"))
                 for key, shape in layer_variables(name, config)]
    return found if config_trainable(record) else [(key, shape, False) for key, shape, _ in found]


def ways(config):
    """[("forward", record), ("backward", record)] of a Bidirectional, of which one may be frozen.  Keras 2 tells of the
    second only where it was given; else it is as the first."""
    return [("forward", config["layer"]), ("backward", config.get("backward_layer") or config["layer"])]


def layer_variables(name, config):
    """[(name, shape)] of a plain layer's variables, in the order in which Keras makes them."""
    bias = bool(config.get("use_bias", True))
    units, filters, depth = [whole(config, key) for key in ("units", "filters", "depth_multiplier")]
    size = config.get("kernel_size") or []
    size = list(size) if isinstance(size, (list, tuple)) else [size]
    gates = {"LSTM": 4, "GRU": 3, "SimpleRNN": 1, "ConvLSTM2D": 4}.get(name.replace("Cell", ""))
    if gates:
        out = filters if name.startswith("ConvLSTM") else units
        return [("kernel", size + [None, gates * out]), ("recurrent_kernel", size + [out, gates * out])] \
            + [("bias", [2, gates * out] if config.get("reset_after") else [gates * out])] * bias
    if name == "Dense":
        return [("kernel", [None, units])] + [("bias", [units])] * bias
    if name in ("Conv2DTranspose", "Conv3DTranspose"):
        return [("kernel", size + [filters, None])] + [("bias", [filters])] * bias
    if name in ("Conv1D", "Conv2D", "Conv3D"):
        return [("kernel", size + [None, filters])] + [("bias", [filters])] * bias
    if name == "DepthwiseConv2D":
        return [("depthwise_kernel", size + [None, depth])] + [("bias", [None])] * bias
    if name == "SeparableConv2D":
        return [("depthwise_kernel", size + [None, depth]),
                ("pointwise_kernel", [1] * len(size) + [None, filters])] + [("bias", [filters])] * bias
    if name == "BatchNormalization":
        return [("gamma", [None])] * bool(config.get("scale", True)) \
            + [("beta", [None])] * bool(config.get("center", True)) \
            + [("moving_mean", [None]), ("moving_variance", [None])]
    if name == "LayerNormalization":
        rank = [None] * (len(config["axis"]) if isinstance(config.get("axis"), list) else 1)
        return [("gamma", rank)] * bool(config.get("scale", True)) + [("beta", rank)] * bool(config.get("center", True))
    if name == "Embedding":
        return [("embeddings", [whole(config, "input_dim"), whole(config, "output_dim")])]
    if name == "PReLU":
        return [("alpha", None)]
    return []


def whole(config, key):
    """config[key] as an int, None if it is not there; a Fault for anything else."""
    value = config.get(key)
    if isinstance(value, float) and value == int(value):
        return int(value)
    if value is not None and (type(value) is not int or value < 0):
        raise Fault("layer {!r} has {}={!r}: the file is damaged".format(config.get("name"), key, value))
    return value


def is_known(record):
    """Whether the variables of a layer, and of all that is in it, are known from its record."""
    config = record["config"]
    if is_model(record):
        return all(is_known(layer) for layer in inner_records(record))
    inner = [config[key] for key in ("layer", "cell") if isinstance(config.get(key), dict)]
    return record["class_name"] in LAYERS and record["class_name"] not in MODELS \
        and all(is_known(layer) for layer in inner + list(config.get("cells") or []))


def shared_out(record, weights):
    """Return OrderedDict: name of a layer inside the nested model `record` -> those of `weights` that are its own,
    each in Keras's h5 order.  By order where all classes are known, else by the layers' names in the weights'."""
    layers = [(Layer(layer).name, layer) for layer in inner_records(record)]
    result = OrderedDict((name, []) for name, _ in layers)
    owners = [(name, item) for name, layer in layers for item in own_variables(layer, name)] if is_known(record) else []
    if not config_trainable(record):
        owners = [(name, (key, shape, False)) for name, (key, shape, _) in owners]
    owners = [owner for owner in owners if owner[1][2]] + [owner for owner in owners if not owner[1][2]]
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


def config_trainable(record):
    return not isinstance(record["config"], dict) or record["config"].get("trainable", True) is not False


def names_in(record):
    """The names of a layer and of all layers in it."""
    found = {Layer(record).name}
    for layer in inner_records(record) if is_model(record) else []:
        found |= names_in(layer)
    return found
