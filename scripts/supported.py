"""What TensorFlow.js has of Keras, and which settings of it do not compute what Keras does.

Taken from the registrations in @tensorflow/tfjs-layers 4.22.0 (dist/layers/*.js: serialization.registerClass;
activations.js, initializers.js, regularizers.js), less what is there but does not work (UNUSABLE).
"""
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
ACTIVATIONS = frozenset("""elu selu relu relu6 linear sigmoid hard_sigmoid softplus softsign tanh softmax
    log_softmax gelu mish swish""".split())
INITIALIZERS = frozenset("""Zeros Ones Constant RandomUniform RandomNormal TruncatedNormal Identity VarianceScaling
    GlorotUniform GlorotNormal HeNormal HeUniform LeCunNormal LeCunUniform Orthogonal""".split())
# TensorFlow 1.13's names (tfjs issue 1255) and Keras 3's, of what TensorFlow.js has under another name
CLASSES = {"BatchNormalizationV1": "BatchNormalization", "UnifiedGRU": "GRU", "UnifiedLSTM": "LSTM",
           "LecunNormal": "LeCunNormal", "LecunUniform": "LeCunUniform", "OrthogonalInitializer": "Orthogonal"}


def refusal(record, major):
    """Why TensorFlow.js cannot compute this layer as Keras does, or None.  One line, without the layer's name."""
    name, config = CLASSES.get(record["class_name"], record["class_name"]), record["config"]
    module = record.get("module")
    if name not in LAYERS or module is not None and not str(module).startswith("keras"):
        return UNUSABLE.get(name, "TensorFlow.js does not have it")
    if name == "Functional" or name == "Model" or name == "Sequential":
        return "a model of its own class, whose layers the file does not hold"
    for key in ("activation", "recurrent_activation"):
        problem = activation_refusal(config.get(key), major)
        if problem:
            return problem
    if name in ("GRU", "GRUCell") and config.get("reset_after"):
        return "TensorFlow.js has no reset_after=True; train it with reset_after=False"
    if name.startswith("Global") and config.get("keepdims") and config.get("data_format") == "channels_first":
        return "TensorFlow.js cannot keep its dimensions with the channels first"
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
