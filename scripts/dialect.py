"""The Keras 2 dialect that TensorFlow.js reads: topologies and weight names put into it, and what it cannot say.

What changes from Keras 3 was measured (README of the facts: batch_shape, DTypePolicy, __keras_tensor__, …);
what TensorFlow.js has was taken from the registrations in @tensorflow/tfjs-layers 4.22.0
(dist/layers/*.js: serialization.registerClass; activations.js, initializers.js, regularizers.js, constraints.js).
"""
from collections import OrderedDict

from scripts import Fault
from scripts.references import references
from scripts.topology import MODELS, Layer, ancestors, graph, inner_records, is_model, record_of

LAYERS = frozenset("""
    InputLayer Activation Dense Dropout Flatten Reshape Permute RepeatVector Masking SpatialDropout1D
    ELU LeakyReLU PReLU ReLU Softmax ThresholdedReLU Embedding
    Conv1D Conv2D Conv2DTranspose Conv3D Conv3DTranspose DepthwiseConv2D SeparableConv2D
    Cropping2D UpSampling2D ZeroPadding2D
    AveragePooling1D AveragePooling2D AveragePooling3D MaxPooling1D MaxPooling2D MaxPooling3D
    GlobalAveragePooling1D GlobalAveragePooling2D GlobalMaxPooling1D GlobalMaxPooling2D
    BatchNormalization LayerNormalization AlphaDropout GaussianDropout GaussianNoise
    Add Average Concatenate Dot Maximum Minimum Multiply
    SimpleRNN SimpleRNNCell GRU GRUCell LSTM LSTMCell RNN StackedRNNCells ConvLSTM2D ConvLSTM2DCell
    TimeDistributed Bidirectional Rescaling CenterCrop Resizing CategoryEncoding RandomWidth
    Sequential Model Functional""".split())
ACTIVATIONS = frozenset("""elu selu relu relu6 linear sigmoid hard_sigmoid softplus softsign tanh softmax
    log_softmax gelu mish swish""".split())
INITIALIZERS = frozenset("""Zeros Ones Constant RandomUniform RandomNormal TruncatedNormal Identity VarianceScaling
    GlorotUniform GlorotNormal HeNormal HeUniform LeCunNormal LeCunUniform Orthogonal""".split())
CONSTRAINTS = frozenset("MaxNorm UnitNorm NonNeg MinMaxNorm".split())
# TensorFlow 1.13's names (tfjs issue 1255) and Keras 3's, of what TensorFlow.js has under another name
CLASSES = {"BatchNormalizationV1": "BatchNormalization", "UnifiedGRU": "GRU", "UnifiedLSTM": "LSTM",
           "LecunNormal": "LeCunNormal", "LecunUniform": "LeCunUniform", "OrthogonalInitializer": "Orthogonal"}
KERAS3_ONLY = frozenset("""module registered_name build_config compile_config quantization_config lora_rank
    lora_alpha optional""".split())
KERAS2 = "2.15.0"  # the last Keras whose dialect this is: what model.json says of a model of Keras 3
OPERATIONS = {"Add": "Add", "Multiply": "Multiply", "Maximum": "Maximum", "Minimum": "Minimum"}  # keras.ops -> layer
DTYPES = {"float16": "float32", "bfloat16": "float32", "float64": "float32", "mixed_float16": "float32",
          "mixed_bfloat16": "float32", "int64": "int32", "uint8": "int32", "int8": "int32", "int16": "int32"}


def keras2(model):
    """Return `model` in the dialect that every TensorFlow.js reads: topology in Keras 2's spelling, class
    "Model" for graphs of layers, weights under the names that TensorFlow.js gives its variables.

    Raises Fault naming layer, class and reason for what TensorFlow.js does not have.
    """
    record = model_record(model.topology, model.keras_major)
    weights = OrderedDict()
    inner = {Layer(layer).name: layer for layer in inner_records(record)}
    for name, own in model.weights.items():
        if own and name not in inner:
            raise Fault("there are weights for a layer %r that the topology does not have" % name)
    for name, layer in inner.items():
        weights[name] = named(layer, model.weights.get(name, []))
    result = model.replaced(record, weights)
    if model.keras_major >= 3:
        result.keras_version, result.training_config = KERAS2, None
    return result


# Topology --------------------------------------------------------------------------------------------------

def model_record(record, major):
    """The record of a model, nested ones included, in Keras 2's dialect.

    Raises Fault naming a layer that TensorFlow.js does not have, its class, and the outputs that do without it.
    """
    if record["class_name"] == "Sequential":
        config = record["config"]
        layers = [entry for layer in inner_records(record) for entry in split(layer_record(layer, major))]
        if isinstance(config, list):
            return OrderedDict(record, config=layers)
        kept = OrderedDict((key, value) for key, value in config.items()
                           if major < 3 or key in ("name", "build_input_shape"))
        kept["layers"] = layers
        return OrderedDict([("class_name", "Sequential"), ("config", kept)])
    source = graph(record, major)
    layers, refused = OrderedDict(), OrderedDict()
    for name, layer in source.layers.items():
        try:
            calls = [keras2_call(layer, call, source.layers) for call in layer.calls]
            entries = split(operation(layer, calls) if is_operation(layer.record)
                            else layer_record(layer.record, major))
        except Fault as fault:
            refused[name] = fault
            continue
        for entry in entries:
            layers[entry["config"]["name"] if entry is not entries[-1] else name] = Layer(entry, calls)
            calls = [[[entry["config"].get("name"), node, 0, {}]] for node in range(len(calls))]
    if refused:
        free = [ref.layer for ref in source.outputs
                if not any(name in refused for name, _ in ancestors(source, [ref]))]
        raise Fault("%s; %s" % (next(iter(refused.values())), "outputs that do without it: " + ", ".join(free)
                                if free else "every output needs it"))
    source.layers = layers
    if major >= 3:
        source.rest = OrderedDict([("name", source.rest.get("name"))])
    return record_of(source, "Model", 2)


def layer_record(record, major):
    """The record of one layer in Keras 2's dialect.  Raises Fault if TensorFlow.js cannot show it."""
    if is_model(record):
        result = OrderedDict(model_record(record, major))
    else:
        reason = refusal(record, major)
        if reason:
            raise Fault("layer %r is a %s: %s" % (Layer(record).name, record["class_name"], reason))
        result = OrderedDict([("class_name", CLASSES.get(record["class_name"], record["class_name"])),
                              ("config", config2(record["config"], major))])
    for key, value in record.items():
        if key not in ("class_name", "config") and (major < 3 or key == "name"):
            result[key] = value
    return result


def config2(config, major):
    """A layer's config, what is nested in it included, in Keras 2's dialect."""
    result = OrderedDict()
    for key, value in config.items():
        if major >= 3 and key in KERAS3_ONLY:
            continue
        if major >= 3 and key == "batch_shape":
            key = "batch_input_shape"
        elif major >= 3 and key == "negative_slope" and "max_value" not in config:  # LeakyReLU
            key = "alpha"
        result[key] = value2(key, value, major)
    return result


def value2(key, value, major):
    if key == "dtype":
        if isinstance(value, dict):  # a DTypePolicy or Policy
            value = value.get("config", {}).get("name", "float32")
        return DTYPES.get(value, value)
    if isinstance(value, list):
        return [value2("", item, major) for item in value]
    if not isinstance(value, dict):
        return "swish" if value == "silu" and "activation" in key else value
    if value.get("class_name") == "__tuple__":
        return [value2("", item, major) for item in value.get("items", [])]
    if "class_name" not in value or "config" not in value:
        return config2(value, major)
    name = CLASSES.get(value["class_name"], value["class_name"])
    if name == "function":  # Keras 3's spelling of an activation
        return value2(key, value["config"], major)
    if key.endswith("regularizer"):
        if name not in ("L1", "L2", "L1L2"):
            return None
        return {"class_name": "L1L2", "config": dict({"l1": 0.0, "l2": 0.0}, **value["config"])}
    if key.endswith("constraint") and name not in CONSTRAINTS:
        return None
    if key.endswith("initializer") and name not in INITIALIZERS:  # the weights are there: what made them is not needed
        return {"class_name": "Zeros", "config": {}}
    if isinstance(value["config"], dict) and (name in LAYERS or major >= 3):
        if is_model(value) or name in LAYERS:
            return layer_record(value, major)
        return OrderedDict([("class_name", name), ("config", config2(value["config"], major))])
    return dict(value, class_name=name)


def split(record):
    """[record], or for global pooling that keeps its dimensions, which TensorFlow.js cannot, pooling + Reshape."""
    config = record["config"]
    if not record["class_name"].startswith("Global") or not config.get("keepdims"):
        return [record]
    ones = [1] * (2 if record["class_name"].endswith("2D") else 1)
    shape = ones + [-1] if config.get("data_format") != "channels_first" else [-1] + ones
    pooling = OrderedDict((key, value) for key, value in config.items() if key != "keepdims")
    pooling["name"] = config["name"] + "_pooled"
    reshape = OrderedDict([("name", config["name"]), ("trainable", True), ("dtype", "float32"),
                           ("target_shape", shape)])
    return [OrderedDict(record, config=pooling, name=pooling["name"]),
            OrderedDict(record, class_name="Reshape", config=reshape)]


def refusal(record, major):
    """Why TensorFlow.js cannot compute this layer as Keras does, or None.  One line, without the layer's name."""
    name, config = CLASSES.get(record["class_name"], record["class_name"]), record["config"]
    module = record.get("module")
    if name not in LAYERS or module is not None and not str(module).startswith("keras"):
        return "TensorFlow.js does not have it"
    if name == "Functional" or name == "Model" or name == "Sequential":
        return "a model of its own class, whose layers the file does not hold"
    for key in ("activation", "recurrent_activation"):
        problem = activation_refusal(config.get(key), major)
        if problem:
            return problem
    if name in ("GRU", "GRUCell") and config.get("reset_after"):
        return "TensorFlow.js has no reset_after=True; train it with reset_after=False"
    if config.get("groups", 1) != 1:
        return "TensorFlow.js has no grouped convolution (groups=%s)" % config["groups"]
    if config.get("padding") == "causal":
        return "TensorFlow.js has no causal padding"
    if name == "ReLU" and (config.get("negative_slope") or config.get("threshold")):
        return "TensorFlow.js knows only max_value of a ReLU, not negative_slope and threshold"
    if name == "ELU" and config.get("alpha", 1) != 1:
        return "TensorFlow.js knows only alpha=1"
    if name == "UpSampling2D" and config.get("interpolation", "nearest") != "nearest":
        return "TensorFlow.js interpolates otherwise (%s)" % config["interpolation"]
    if name == "LayerNormalization" and config.get("rms_scaling"):
        return "TensorFlow.js has no rms_scaling"
    return None


def activation_refusal(value, major):
    if isinstance(value, dict):
        if value.get("class_name") != "function" or value.get("module") not in (None, "builtins"):
            return "its activation is a %s, which TensorFlow.js does not have" % value.get("class_name")
        value = value.get("config")
    if value is None or value == "silu":
        return None
    if value == "hard_sigmoid" and major >= 3:
        return "Keras 3's hard_sigmoid is not TensorFlow.js's (x / 6 + 0.5, not 0.2 x + 0.5)"
    if value not in ACTIVATIONS:
        return "TensorFlow.js does not have its activation %r" % (value,)
    return None


# Calls -----------------------------------------------------------------------------------------------------

def is_operation(record):
    """Whether the node is a keras.ops function (`a + b`), not a layer: by its module, or, in an h5, where Keras 3
    writes none, by a config that says nothing but its name."""
    if record.get("module") is not None:
        return str(record["module"]).startswith(("keras.src.ops", "keras.ops"))
    return record["class_name"] == "TFOpLambda" or record["class_name"] in OPERATIONS \
        and set(record["config"]) <= {"name"}


def keras2_call(layer, call, names):
    """One call in Keras 2's spelling: [[layer, node, tensor, {}], …]."""
    if not isinstance(call, dict):
        if is_operation(layer.record):  # ["a", 0, 0, {"y": ["b", 0, 0], "name": null}]
            return [[ref.layer, ref.node, ref.tensor, {}] for ref in references(call, names)]
        return call
    keywords = dict(call.get("kwargs") or {})
    for key in ("training", "mask", "initial_state"):
        if keywords.get(key) is None or key == "training":
            keywords.pop(key, None)
    state = keywords.pop("initial_state", [])
    values = list(call.get("args") or []) + [keywords.pop(key) for key in ("inputs", "sequences") if key in keywords]
    for key, value in keywords.items():
        if references(value, names):
            raise Fault("layer %r is called with a tensor as %s=, which TensorFlow.js cannot" % (layer.name, key))
    tensors = [[ref.layer, ref.node, ref.tensor, {}] for ref in references([values, state], names)]
    if not is_operation(layer.record):
        return tensors
    if len(tensors) != len(flat(values)) or keywords:
        raise Fault("%r is the operation %s with a constant, which is no layer: TensorFlow.js needs a layer there"
                    % (layer.name, layer.class_name))
    return tensors


def flat(value):
    if isinstance(value, list):
        return [item for inner in value for item in flat(inner)]
    return [value]


def operation(layer, calls):
    """The record of the layer that does what the operation `layer` (`a + b`, `a * b`) does."""
    name = OPERATIONS.get(layer.class_name)
    if layer.class_name == "TFOpLambda":
        function = str(layer.config.get("function", "")).split(".")[-1]
        name = {"add": "Add", "multiply": "Multiply", "mul": "Multiply", "maximum": "Maximum",
                "minimum": "Minimum"}.get(function)
    if name is None:
        raise Fault("%r is the operation %s, which is no layer: TensorFlow.js needs a layer there"
                    % (layer.name, layer.config.get("function", layer.class_name)))
    for index, call in enumerate(calls):
        if len(call) < 2:
            raise Fault("%r is the operation %s with a constant: TensorFlow.js needs a layer there"
                        % (layer.name, name))
    config = OrderedDict([("name", layer.name), ("trainable", True), ("dtype", "float32")])
    return OrderedDict([("class_name", name), ("config", config), ("name", layer.name)])


# Weights ---------------------------------------------------------------------------------------------------

def named(record, weights):
    """Return `weights`, in Keras's h5 order, under the names that TensorFlow.js gives the layer's variables.

    TensorFlow.js from 2.0 on finds lstm/lstm_cell/kernel too (container.ts loadWeights), 1.0 does not.
    Raises Fault where number or shapes contradict the topology.
    """
    expected = variables(record)
    name = Layer(record).name
    if len(expected) != len(weights):
        raise Fault("layer %r (%s) needs %d weights but the file holds %d: weights and topology do not belong "
                    "together" % (name, record["class_name"], len(expected), len(weights)))
    result = []
    for (path, shape, _), weight in zip(expected, weights):
        shape = weight.shape if shape is None else shape
        if len(shape) != len(weight.shape) or any(a not in (None, b) for a, b in zip(shape, weight.shape)):
            raise Fault("weight %r has shape %s but layer %r needs %s: weights and topology do not belong together"
                        % (weight.name, weight.shape, name, tuple("?" if a is None else a for a in shape)))
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
        found = [item for way in ("forward_", "backward_")
                 for item in own_variables(config["layer"], "%s/%s%s" % (scope, way, Layer(config["layer"]).name))]
    elif name == "RNN":
        found = own_variables(config["cell"], scope)
    elif name == "StackedRNNCells":
        found = [item for index, cell in enumerate(config["cells"])
                 for item in own_variables(cell, "%s/RNNCell_%d" % (scope, index))]
    else:
        found = [("%s/%s" % (scope, key), shape, not key.startswith("moving_"))
                 for key, shape in layer_variables(name, config)]
    return found if config_trainable(record) else [(key, shape, False) for key, shape, _ in found]


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
        raise Fault("layer %r has %s=%r: the file is damaged" % (config.get("name"), key, value))
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
    for weight in weights:
        parts = weight.name.split("/")
        owner = [name for name, layer in layers if set(parts) & names_in(layer)]
        if not owner:
            raise Fault("weight %r belongs to no layer of %r" % (weight.name, Layer(record).name))
        result[owner[0]].append(weight)
    return result


def config_trainable(record):
    return not isinstance(record["config"], dict) or record["config"].get("trainable", True) is not False


def names_in(record):
    """The names of a layer and of all layers in it."""
    found = {Layer(record).name}
    for layer in inner_records(record) if is_model(record) else []:
        found |= names_in(layer)
    return found
