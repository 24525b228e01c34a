"""What TensorFlow.js has of Keras, and which settings of it do not compute what Keras does.

Taken from the registrations in @tensorflow/tfjs-layers 4.22.0 (dist/layers/*.js: serialization.registerClass;
activations.js, initializers.js, regularizers.js), less what is there but does not work (UNUSABLE).
"""
import re
from collections import OrderedDict

NAME = re.compile(r"[A-Za-z0-9][-A-Za-z0-9_./]*")  # tfjs-layers src/common.ts: isValidTensorName
# What every object of JavaScript has by that name already
TAKEN = frozenset("""__proto__ constructor hasOwnProperty isPrototypeOf propertyIsEnumerable toLocaleString toString
    valueOf __defineGetter__ __defineSetter__ __lookupGetter__ __lookupSetter__""".split())
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
    TimeDistributed Bidirectional Rescaling
    Sequential Model Functional""".split())
SPOILS = "TensorFlow.js's own spoils the shape of its input (computeOutputShape changes it in place)"
UNUSABLE = {"CenterCrop": SPOILS, "Resizing": SPOILS, "RandomWidth": SPOILS, "RandomHeight": SPOILS,
            "MultiHeadAttention": "TensorFlow.js's own takes tensors by keyword, which no model.json can say"}
FUNCTIONS = ("TFOpLambda", "TensorFlowOpLayer")  # what stands for an operation: Keras 2.4 - 2.15, and before
OPERATIONS = {"Add": "Add", "Multiply": "Multiply", "Maximum": "Maximum", "Minimum": "Minimum",  # keras.ops -> layer
              "add": "Add", "multiply": "Multiply", "mul": "Multiply", "maximum": "Maximum", "minimum": "Minimum",
              "AddV2": "Add", "Mul": "Multiply"}  # TFOpLambda's functions, TensorFlowOpLayer's operations
ACTIVATIONS = frozenset("""elu selu relu relu6 linear sigmoid hard_sigmoid softplus softsign tanh softmax
    log_softmax gelu mish swish""".split())
INITIALIZERS = frozenset("""Zeros Ones Constant RandomUniform RandomNormal TruncatedNormal Identity VarianceScaling
    GlorotUniform GlorotNormal HeNormal HeUniform LeCunNormal LeCunUniform Orthogonal""".split())
# TensorFlow 1.13's names (tfjs issue 1255) and Keras 3's, of what TensorFlow.js has under another name
# What does nothing outside of training
IDLE = frozenset("""
    Identity ActivityRegularization SpatialDropout2D SpatialDropout3D RandomFlip RandomRotation RandomZoom
    RandomTranslation RandomContrast RandomBrightness""".split())
CLASSES = {"BatchNormalizationV1": "BatchNormalization", "UnifiedGRU": "GRU", "UnifiedLSTM": "LSTM",
           "LecunNormal": "LeCunNormal", "LecunUniform": "LeCunUniform", "OrthogonalInitializer": "Orthogonal"}
CLASSES.update({name: "Activation" for name in IDLE})


class OfOperation(OrderedDict):
    """The config of a layer that stands for an operation: what comes of `a + b` has no mask in any Keras."""


def function_of(record):
    """The name of the function that a node stands for: one of FUNCTIONS says it in its config."""
    if record["class_name"] == "TFOpLambda":
        return str(record["config"].get("function", "")).split(".")[-1]
    if record["class_name"] == "TensorFlowOpLayer":
        return str(record["config"]["node_def"]["op"])
    return record["class_name"]


def is_operation(record):
    """Whether the node is a function (`a + b`; one of FUNCTIONS in Keras 2), not a layer: by its module, or, in an h5,
    where Keras 3 writes none, by a config that has nothing of a layer's."""
    if record.get("module") is not None:
        return str(record["module"]).startswith(("keras.src.ops", "keras.ops"))
    name, config = record["class_name"], record["config"]
    return name in FUNCTIONS or isinstance(config, dict) and not {"trainable", "dtype", "layers"} & set(config) \
        and (name not in LAYERS or name in OPERATIONS)


def is_hidden(record):
    """Whether the node is a function that no layer does: what Keras 3 computes masks with, and the like."""
    return is_operation(record) and record["class_name"] not in FUNCTIONS + tuple(OPERATIONS)


# The settings of a recurrent layer that change what it computes
COMPUTED = ("units", "activation", "recurrent_activation", "use_bias", "reset_after", "filters", "kernel_size",
            "strides", "padding", "dilation_rate", "data_format")


def refusal(record, major):
    """Why TensorFlow.js cannot compute this layer as Keras does, or None.  One line, without the layer's name."""
    name, config = CLASSES.get(record["class_name"], record["class_name"]), record["config"]
    module = record.get("module")
    own = config.get("name")
    if isinstance(own, str) and (not NAME.fullmatch(own) or own in TAKEN):
        return "TensorFlow.js takes no such name: letters a-z, digits, and behind the first also - _ . / (rename it)"
    if name not in LAYERS or module is not None and not str(module).startswith("keras"):
        return UNUSABLE.get(name, "TensorFlow.js does not have it")
    if "module" in record and module is None and record.get("registered_name"):
        return "a class of its own ({}), not Keras's".format(record["registered_name"])
    if name == "Functional" or name == "Model" or name == "Sequential":
        return "a model of its own class, whose layers the file does not hold"
    shape = config.get("batch_input_shape", config.get("batch_shape"))
    if name == "InputLayer" and isinstance(shape, list) and len(shape) == 1:
        return "of one number per example, to which TensorFlow.js adds a dimension: give it shape (1,)"
    for key in ("activation", "recurrent_activation"):
        problem = activation_refusal(config.get(key), major)
        if problem:
            return problem
    if name in ("GRU", "GRUCell") and config.get("reset_after"):
        return "TensorFlow.js has no reset_after=True; train it with reset_after=False"
    if name.startswith("Global") and config.get("keepdims") and config.get("data_format") == "channels_first":
        return "TensorFlow.js cannot keep its dimensions with the channels first"
    if name.endswith("Pooling1D") and config.get("data_format") == "channels_first":
        return "TensorFlow.js has no data_format in one dimension (channels_first)"
    if name == "SeparableConv2D" and config.get("data_format") == "channels_first" and config.get("use_bias", True):
        return "TensorFlow.js cannot add its bias with the channels first"
    if name == "DepthwiseConv2D" and not ones(config.get("dilation_rate", 1)):
        return "TensorFlow.js does not dilate it (dilation_rate={})".format(config["dilation_rate"])
    if name in ("Conv2DTranspose", "Conv3DTranspose"):
        if not ones(config.get("dilation_rate", 1)):
            return "TensorFlow.js does not dilate it (dilation_rate={})".format(config["dilation_rate"])
        if config.get("output_padding") is not None:
            return "TensorFlow.js has no output_padding ({})".format(config["output_padding"])
    if name == "Conv3DTranspose" and config.get("padding") == "same" and any(
            stride > size for stride, size in zip(several(config.get("strides", 1), 3),
                                                  several(config.get("kernel_size", 1), 3))):
        return "TensorFlow.js pads it otherwise (strides larger than its kernel)"
    if name == "Concatenate" and isinstance(config.get("axis"), int) and config["axis"] < -1:
        return "TensorFlow.js takes the last axis for axis=%d; count it from the front" % config["axis"]
    if name == "Softmax" and not (type(config.get("axis", -1)) is int and config.get("axis", -1) >= -1):
        return "TensorFlow.js computes it along the last axis alone (axis={})".format(config["axis"])
    if name == "Dot" and isinstance(config.get("axes"), list) and len({axis < 0 for axis in config["axes"]}) > 1:
        return "TensorFlow.js takes no axes of which one is counted from the back (axes={})".format(config["axes"])
    if config.get("time_major"):
        return "TensorFlow.js has no time_major=True"
    if name == "RNN" and config.get("return_state") and class_of(config.get("cell")) == "StackedRNNCells":
        return "TensorFlow.js returns the states of several cells in another order"
    if name == "TimeDistributed" and isinstance(config.get("layer"), dict) \
            and (config["layer"].get("config") or {}).get("keepdims"):
        return "TensorFlow.js has no keepdims, and what stands for it does not fit in here"
    if name == "Bidirectional":
        problem = bidirectional_refusal(config)
        if problem:
            return problem
    if config.get("groups", 1) != 1:
        return "TensorFlow.js has no grouped convolution (groups={})".format(config["groups"])
    if config.get("padding") == "causal":
        return "TensorFlow.js has no causal padding"
    if name == "ReLU" and (config.get("negative_slope") or config.get("threshold")):
        return "TensorFlow.js knows only max_value of a ReLU, not negative_slope and threshold"
    if name == "ELU" and config.get("alpha", 1) != 1:
        return "TensorFlow.js knows only alpha=1"
    if name == "UpSampling2D" and config.get("interpolation", "nearest") != "nearest":
        return "TensorFlow.js interpolates otherwise ({})".format(config["interpolation"])
    if name == "LayerNormalization" and config.get("rms_scaling"):
        return "TensorFlow.js has no rms_scaling"
    return None


def bidirectional_refusal(config):
    """TensorFlow.js makes the backward layer from the forward one's config, which has no cell in it."""
    layer, backward = config.get("layer"), config.get("backward_layer")
    if class_of(layer) == "RNN":
        return "TensorFlow.js loads none around an RNN of cells"
    if not isinstance(backward, dict):  # Keras 2, where none was given: made from the forward one's there too
        return None
    if class_of(backward) != class_of(layer):
        return f"its backward_layer is a {class_of(backward)}, which TensorFlow.js makes like the forward one"
    differ = [key for key in COMPUTED if layer["config"].get(key) != backward["config"].get(key)]
    if differ:
        return "its backward_layer has another {}; TensorFlow.js makes both alike".format(", ".join(differ))
    return None


def class_of(record):
    return CLASSES.get(record.get("class_name"), record.get("class_name")) if isinstance(record, dict) else None


def several(value, count):
    """A setting for each dimension: 2 -> [2, 2]; JSON keeps a tuple as a list."""
    return list(value) if isinstance(value, (list, tuple)) else [value] * count


def ones(value):
    return all(number == 1 for number in (value if isinstance(value, (list, tuple)) else [value]))


def activation_refusal(value, major):
    if isinstance(value, dict):
        if value.get("class_name") != "function" or value.get("module") not in (None, "builtins"):
            return "its activation is a {}, which TensorFlow.js does not have".format(value.get("class_name"))
        value = value.get("config")
    if value is None or value == "silu":
        return None
    if value == "hard_sigmoid" and major >= 3:
        return "Keras 3's hard_sigmoid is not TensorFlow.js's (x / 6 + 0.5, not 0.2 x + 0.5)"
    if value not in ACTIVATIONS:
        return f"TensorFlow.js does not have its activation {value!r}"
    return None
