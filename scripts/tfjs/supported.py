"""Keras's names that TensorFlow.js knows, and the names that it spells differently.

The names are those registered in @tensorflow/tfjs-layers 4.22.0 (dist/layers/*.js: serialization.registerClass;
activations.js, initializers.js), without the registered names that do not work.
"""
from ..layers import kinds

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
ACTIVATIONS = frozenset("""elu selu relu relu6 linear sigmoid hard_sigmoid softplus softsign tanh softmax
    log_softmax gelu mish swish""".split())
INITIALIZERS = frozenset("""Zeros Ones Constant RandomUniform RandomNormal TruncatedNormal Identity VarianceScaling
    GlorotUniform GlorotNormal HeNormal HeUniform LeCunNormal LeCunUniform Orthogonal""".split())
IDLE = kinds.idle() - LAYERS  # written as a linear Activation
# What TensorFlow.js has under another name, initializers too
CLASSES = dict(kinds.ALIASES, LecunNormal="LeCunNormal", LecunUniform="LeCunUniform",
               OrthogonalInitializer="Orthogonal", **{name: "Activation" for name in IDLE})
