"""One layer of each class in layers/kinds, as a Keras makes it: for tests of what is known of the classes."""
import functools
import importlib
import json
from collections import OrderedDict

from scripts.layers import kinds
from scripts.layers.topology import graph
from tests import needs

IMAGE, VOLUME, ROWS, LINE, FRAMES = (7, 6, 4), (5, 6, 7, 2), (6, 4), (8,), (3, 7, 6, 2)
# class: how it is made of keras.layers, and the shapes of its inputs
EXAMPLES = OrderedDict([
    ("Conv1D", (lambda layers: layers.Conv1D(5, 3, strides=2), [ROWS])),
    ("Conv2D", (lambda layers: layers.Conv2D(5, (3, 2), padding="same", dilation_rate=2), [IMAGE])),
    ("Conv3D", (lambda layers: layers.Conv3D(5, 2, use_bias=False), [VOLUME])),
    ("Conv1DTranspose", (lambda layers: layers.Conv1DTranspose(5, 3, strides=2), [ROWS])),
    ("Conv2DTranspose", (lambda layers: layers.Conv2DTranspose(5, 3, strides=2, padding="same"), [IMAGE])),
    ("Conv3DTranspose", (lambda layers: layers.Conv3DTranspose(5, 2, strides=3), [VOLUME])),
    ("DepthwiseConv1D", (lambda layers: layers.DepthwiseConv1D(3, depth_multiplier=2), [ROWS])),
    ("DepthwiseConv2D", (lambda layers: layers.DepthwiseConv2D((3, 2), depth_multiplier=2), [IMAGE])),
    ("SeparableConv1D", (lambda layers: layers.SeparableConv1D(5, 3), [ROWS])),
    ("SeparableConv2D", (lambda layers: layers.SeparableConv2D(5, 3, depth_multiplier=2), [IMAGE])),
    ("LocallyConnected1D", (lambda layers: layers.LocallyConnected1D(5, 3, strides=2), [ROWS])),
    ("LocallyConnected2D", (lambda layers: layers.LocallyConnected2D(5, (3, 2), strides=(1, 2)), [IMAGE])),
    ("BatchNormalization", (lambda layers: layers.BatchNormalization(), [IMAGE])),
    ("LayerNormalization", (lambda layers: layers.LayerNormalization(axis=[1, 2]), [ROWS])),
    ("GroupNormalization", (lambda layers: layers.GroupNormalization(2), [IMAGE])),
    ("RMSNormalization", (lambda layers: layers.RMSNormalization(), [ROWS])),
    ("LayerScale", (lambda layers: applied().LayerScale(0.5, 4), [ROWS])),
    ("SpectralNormalization", (lambda layers: layers.SpectralNormalization(layers.Dense(5)), [LINE])),
    ("UnitNormalization", (lambda layers: layers.UnitNormalization(), [ROWS])),
    ("Dense", (lambda layers: layers.Dense(5), [ROWS])),
    ("RandomFourierFeatures", (lambda layers: fourier(layers)(5), [LINE])),
    ("Embedding", (lambda layers: layers.Embedding(9, 5), [LINE])),
    ("ReversibleEmbedding", (lambda layers: layers.ReversibleEmbedding(9, 5, tie_weights=False), [LINE])),
    ("Masking", (lambda layers: layers.Masking(), [ROWS])),
    ("Identity", (lambda layers: layers.Identity(), [ROWS])),
    ("Activation", (lambda layers: layers.Activation("tanh"), [ROWS])),
    ("PReLU", (lambda layers: layers.PReLU(shared_axes=[1]), [IMAGE])),
    ("SimpleRNN", (lambda layers: layers.SimpleRNN(5), [ROWS])),
    ("GRU", (lambda layers: layers.GRU(5, reset_after=True, return_state=True), [ROWS])),
    ("LSTM", (lambda layers: layers.LSTM(5, return_sequences=True, return_state=True), [ROWS])),
    ("RNN", (lambda layers: layers.RNN([layers.LSTMCell(5), layers.GRUCell(3)], return_state=True), [ROWS])),
    ("ConvLSTM1D", (lambda layers: layers.ConvLSTM1D(5, 2), [(3, 7, 2)])),
    ("ConvLSTM2D", (lambda layers: layers.ConvLSTM2D(5, 2, return_sequences=True), [FRAMES])),
    ("ConvLSTM3D", (lambda layers: layers.ConvLSTM3D(5, 2), [(3,) + VOLUME])),
    ("Bidirectional", (lambda layers: layers.Bidirectional(layers.LSTM(5, name="way", return_sequences=True)), [ROWS])),
    ("TimeDistributed", (lambda layers: layers.TimeDistributed(layers.Conv2D(5, 3)), [FRAMES])),
    ("Add", (lambda layers: layers.Add(), [ROWS, ROWS])),
    ("Concatenate", (lambda layers: layers.Concatenate(axis=1), [(3, 4), ROWS])),
    ("Dot", (lambda layers: layers.Dot((2, 1)), [ROWS, (4, 3)])),
    ("Attention", (lambda layers: layers.Attention(use_scale=True), [ROWS, (3, 4)])),
    ("AdditiveAttention", (lambda layers: layers.AdditiveAttention(), [ROWS, (3, 4)])),
    ("MultiHeadAttention", (lambda layers: layers.MultiHeadAttention(2, 3, value_dim=5, output_shape=6), [ROWS])),
    ("GroupQueryAttention", (lambda layers: layers.GroupQueryAttention(3, 4, 2), [ROWS])),
    ("EinsumDense", (lambda layers: layers.EinsumDense("abc,cde->abde", (6, 2, 3), bias_axes="de"), [ROWS])),
    ("MaxPooling2D", (lambda layers: layers.MaxPooling2D(2, strides=3), [IMAGE])),
    ("AveragePooling3D", (lambda layers: layers.AveragePooling3D(2, padding="same"), [VOLUME])),
    ("GlobalMaxPooling1D", (lambda layers: layers.GlobalMaxPooling1D(), [ROWS])),
    ("AdaptiveMaxPooling1D", (lambda layers: layers.AdaptiveMaxPooling1D(3), [ROWS])),
    ("AdaptiveAveragePooling2D", (lambda layers: layers.AdaptiveAveragePooling2D((3, 2)), [IMAGE])),
    ("AdaptiveMaxPooling3D", (lambda layers: layers.AdaptiveMaxPooling3D(2), [VOLUME])),
    ("Resizing", (lambda layers: layers.Resizing(5, 9), [IMAGE])),
    ("CenterCrop", (lambda layers: layers.CenterCrop(4, 3), [IMAGE])),
    ("RandomCrop", (lambda layers: layers.RandomCrop(4, 3), [IMAGE])),
    ("ZeroPadding2D", (lambda layers: layers.ZeroPadding2D(((1, 2), (3, 4))), [IMAGE])),
    ("Cropping3D", (lambda layers: layers.Cropping3D(((1, 2), (0, 1), (2, 2))), [VOLUME])),
    ("UpSampling2D", (lambda layers: layers.UpSampling2D((2, 3)), [IMAGE])),
    ("Flatten", (lambda layers: layers.Flatten(), [IMAGE])),
    ("Reshape", (lambda layers: layers.Reshape((-1, 3)), [ROWS])),
    ("Permute", (lambda layers: layers.Permute((3, 1, 2)), [IMAGE])),
    ("RepeatVector", (lambda layers: layers.RepeatVector(3), [LINE])),
    ("SpatialDropout2D", (lambda layers: layers.SpatialDropout2D(0.2), [IMAGE])),
    ("RandomFlip", (lambda layers: layers.RandomFlip(), [IMAGE])),
    ("Rescaling", (lambda layers: layers.Rescaling(0.5), [IMAGE])),
    ("Pipeline", (lambda layers: layers.Pipeline([layers.CenterCrop(5, 4), layers.Rescaling(0.5)]), [IMAGE])),
    ("STFTSpectrogram", (lambda layers: layers.STFTSpectrogram(frame_length=12, padding="same"), [(40, 2)])),
    ("MelSpectrogram", (lambda layers: layers.MelSpectrogram(fft_length=16, sequence_stride=5), [(40,)])),
    ("StringLookup", (lambda layers: layers.StringLookup(
        vocabulary=["a", "b"], output_mode="multi_hot", max_tokens=9, pad_to_max_tokens=True), [LINE])),
    ("TextVectorization", (lambda layers: layers.TextVectorization(
        vocabulary=["a", "b"], output_sequence_length=5), [(1,)])),
    ("DenseFeatures", (lambda layers: of_features(), [(2,)]))])

ONLY_2 = ("LocallyConnected1D", "LocallyConnected2D", "DenseFeatures", "RandomFourierFeatures")  # Keras 3 has none
OF_QUERY_AND_VALUE = ("MultiHeadAttention", "GroupQueryAttention")
OF_WORDS = ("StringLookup", "TextVectorization")
OF_SCORES = ("Attention", "AdditiveAttention")  # put out their scores where a call asks for them


@functools.lru_cache(maxsize=None)
def made(keras, name):
    """The one Made of a class, for all tests of a process: Keras takes half a second to make some."""
    return Made(keras, name)


class Made:
    """A layer of the class `name` in a model of its own.

    layer    Keras's      outputs  list of its tensors
    major    2 or 3       record   the layer's, as the model's json has it      graph  the model's Graph
    """

    def __init__(self, keras, name):
        build, shapes = EXAMPLES[name]
        keras.backend.clear_session()
        inputs = [keras.Input(shape, dtype="string" if name in OF_WORDS else None) for shape in shapes]
        self.layer = build(keras.layers)
        if name in OF_QUERY_AND_VALUE:
            made = self.layer(inputs[0], inputs[0], return_attention_scores=True)
        elif name in OF_SCORES:
            made = self.layer(inputs, return_attention_scores=True)
        elif name == "DenseFeatures":
            made = self.layer({"x": inputs[0]})
        else:
            made = self.layer(inputs if len(inputs) > 1 else inputs[0])
        self.outputs = list(made) if isinstance(made, (list, tuple)) else [made]
        self.outputs = [tensor for state in self.outputs for tensor in
                        (state if isinstance(state, (list, tuple)) else [state])]
        self.major = int(keras.__version__.split(".")[0])
        self.graph = graph(json.loads(keras.Model(inputs, self.outputs).to_json()), self.major)
        self.record = self.graph.layers[self.layer.name].record


def of_features():
    """Columns of two numbers, of their places between limits, and of rows for these places."""
    tensorflow = importlib.import_module("tensorflow")
    made = tensorflow.feature_column
    numbers = made.numeric_column("x", shape=[2])
    places = made.bucketized_column(numbers, [0.0, 1.0])
    return tensorflow.keras.layers.DenseFeatures([numbers, places, made.embedding_column(places, 3)])


def fourier(layers):
    """RandomFourierFeatures, None in Keras 3."""
    return getattr(getattr(layers, "experimental", layers), "RandomFourierFeatures", None)


def applied():
    """The module of keras.applications that has LayerScale; keras.layers where there is none."""
    try:
        return importlib.import_module("keras.src.applications.convnext")
    except ImportError:
        return importlib.import_module("keras").layers


def names(keras):
    """The classes of the examples that this Keras has."""
    return [name for name in EXAMPLES if hasattr(keras.layers, name) or hasattr(applied(), name)
            or name == "RandomFourierFeatures" and fourier(keras.layers)
            or name == "DenseFeatures" and needs.STACK == "py36"]  # tf.keras has it, not keras


def may_lack(name):
    """Whether the Keras of this stack may lack a class: 2.6 some of Keras 3's, and Keras 3 some of Keras 2's."""
    return needs.STACK == "py36" or name in ONLY_2


def with_a_shape():
    """The classes in layers/kinds that have a shape rule, less those that another one's stands for."""
    return [name for name, kind in kinds.KINDS.items() if kind.shape and kind.family != "operations"]
