"""Models that lower/ refuses, and what the line of the refusal says to do, followed to the letter.

Case(flavour, shape, refused, words, followed): of an input `shape` without its batch, refused(keras, x) is the output
of the model that is refused with a line that holds `words`; `followed` is what makes it convert: another such function,
or settings of preprocess.
"""
import ast
import importlib
import os
import tempfile
from collections import OrderedDict, namedtuple

import numpy
import tensorflow as tf

from scripts.lower.recurrent import STEPS
from tests import needs
from tests.models import operation_nodes

LOWER = os.path.join(needs.ROOT, "scripts", "lower")
Site = namedtuple("Site", "module function first last reason remedy")  # of a call of refuse(): where, and its words

SIZE = "--input-shape"


class Case:
    """One refusal.  options: of both inputs (dtype), ending: of the file, given: settings of the refused one."""

    def __init__(self, flavour, shape, refused, words, followed, ending=None, given=(), **options):
        self.given = dict(given)
        self.flavour, self.shape, self.refused, self.words, self.followed = flavour, shape, refused, words, followed
        self.ending, self.options = ending or (".keras" if flavour == "keras3" else ".h5"), options


def three(shape, refused, words, followed, **options):
    """Of Keras 3; followed: a function, or the shape that --input-shape names."""
    return Case("keras3", shape, refused, words, {"input_shape": followed} if isinstance(followed, list) else followed,
                **options)


def two(shape, refused, words, followed, **options):
    """Of Keras 2, with TensorFlow's functions."""
    return Case("keras2", shape, refused, words, {"input_shape": followed} if isinstance(followed, list) else followed,
                **options)


def own(x):
    """A function of the user's own."""
    return x * x


def learned(keras, x):
    """A lookup layer that has learned its numbers."""
    layer = keras.layers.IntegerLookup()
    layer.adapt([[1, 2, 3], [1, 1, 5]])
    return layer(x)


def featured(k, x, *columns):
    """Feature columns that read one feature, "x"."""
    return k.layers.DenseFeatures(list(columns))({"x": x})


def of_numbers():
    """A column whose vocabulary is a file."""
    path = os.path.join(tempfile.mkdtemp(), "numbers.txt")
    with open(path, "w", encoding="ascii") as stream:
        stream.write("3\n5\n")
    return column.categorical_column_with_vocabulary_file("x", path, 2, dtype=tf.int64)


def node(function):
    """An operation as a TensorFlowOpLayer."""
    return lambda k, x: operation_nodes.layers_of(tf, k, lambda tensor: [function(tensor)], [x])[0]


def scaled(x, scale, moved):
    """Six rows and five columns of an image."""
    return tf.raw_ops.ScaleAndTranslate(images=x, size=[6, 5], scale=[scale, 1.0], translation=[moved, 0.0])


def unnumbered(k, x):
    """A CategoryEncoding as Keras before 2.6 saves one that adapt() tells how many categories there are."""
    layer = k.layers.CategoryEncoding(10)
    found = layer(x)
    layer.num_tokens = None
    return found


def loss(k, x):
    """How unlikely one label is."""
    one = k.ops.cast(x[:, 0, :1] * 0 + 1, "int32")
    return k.ops.ctc_loss(one, x, one[:, 0], one[:, 0] * 9)


column = tf.feature_column
ROW = (None,)
IMAGE = (None, None, 3)
NUMBER = "write a whole number there"
NUMBERS = "write whole numbers there"
SEGMENTS = numpy.array([0, 1], "int32")
WHERE = "choose by where(condition, x, y)"
LIST = "give a list, of a number or tensor each"
CASES = [
    # Sizes that are open
    three(ROW, lambda k, x: k.layers.Activation("sparsemax")(x), SIZE, [5]),
    three(ROW, lambda k, x: k.ops.sparsemax(x), SIZE, [5]),
    two((3, None, None, 2), lambda k, x: k.layers.ConvLSTM2D(2, 2)(x), SIZE, [3, 6, 5, 2]),
    three(IMAGE, lambda k, x: k.layers.Resizing(4, 5, "bicubic")(x), SIZE, [6, 7, 3]),
    three(IMAGE, lambda k, x: k.layers.Resizing(4, 5, crop_to_aspect_ratio=True)(x), SIZE, [6, 7, 3]),
    three(IMAGE, lambda k, x: k.layers.AdaptiveAveragePooling2D((2, 3))(x), SIZE, [6, 7, 3]),
    three(IMAGE, lambda k, x: k.ops.adaptive_max_pool(x, (2, 3)), SIZE, [6, 7, 3]),
    three(IMAGE, lambda k, x: k.ops.image.resize(x, (4, 5), crop_to_aspect_ratio=True), SIZE, [6, 7, 3]),
    three(IMAGE, lambda k, x: k.ops.image.crop_images(x, top_cropping=0, left_cropping=0, target_height=4,
                                                      target_width=5), SIZE, [6, 7, 3]),
    three((None, None, None, 1), lambda k, x: k.layers.Conv3D(1, 1, strides=2, padding="same")(x), SIZE, [4, 5, 6, 1]),
    three((None, None), lambda k, x: k.ops.diagonal(x, axis1=1, axis2=2), SIZE, [4, 4]),
    three(ROW, lambda k, x: k.ops.slice_update(x, [0, 1], x[:, :1]), SIZE, [4]),
    three(ROW, lambda k, x: k.ops.kron(x, k.ops.ones((1, 2))), SIZE, [4]),
    three((None, None), lambda k, x: k.ops.cholesky(x), SIZE, [3, 3]),
    three(ROW, lambda k, x: k.ops.sort(x), SIZE, [4]),
    three(ROW, lambda k, x: k.ops.quantile(x, 0.5, axis=1), SIZE, [4]),
    three(ROW, lambda k, x: k.ops.diff(x), SIZE, [4]),
    three(ROW, lambda k, x: k.ops.pad(x, [[0, 0], [1, 1]], mode="reflect"), SIZE, [4]),
    three(ROW, lambda k, x: k.ops.cumsum(x, axis=1), SIZE, [4]),
    three(ROW, lambda k, x: k.ops.trapezoid(x), SIZE, [4]),
    three(ROW, lambda k, x: k.ops.segment_sum(x, k.ops.cast(x[:, 0], "int32"), num_segments=2), SIZE, [4]),
    three(ROW, lambda k, x: k.ops.repeat(x, [1, 2, 1], axis=1), SIZE, [3]),
    three((None, 2), lambda k, x: k.layers.LSTM(2)(x), SIZE, [4, 2]),
    three((STEPS + 1, 2), lambda k, x: k.layers.SimpleRNN(2)(x), "build it over fewer steps",
          lambda k, x: k.layers.SimpleRNN(2)(x[:, :4])),
    three((None, 1), lambda k, x: k.layers.STFTSpectrogram()(x), "--input-shape 16000,1", [16000, 1]),
    three((None, 1), lambda k, x: k.layers.STFTSpectrogram()(x), "give it a longer signal", [16000, 1],
          given={"input_shape": [100, 1]}),
    three(ROW, lambda k, x: k.layers.MelSpectrogram()(x), "--input-shape 16000", [16000]),
    three(ROW, lambda k, x: k.ops.rfft(x)[0], SIZE, [8]),
    three(ROW, lambda k, x: k.ops.extract_sequences(x, 3, 2), SIZE, [8]),
    three(ROW, lambda k, x: k.ops.stft(x, 4, 2, 4), SIZE, [9]),
    three((None, 5), lambda k, x: k.ops.istft((x, x), 8, 2, 8), SIZE, [4, 5]),
    two(ROW, lambda k, x: tf.split(x, 2, axis=1), SIZE, [4]),
    two((None, 3), lambda k, x: tf.unstack(x, 2, axis=1), SIZE, [2, 3]),
    two(ROW, lambda k, x: tf.linalg.diag(x), SIZE, [4]),
    three(ROW, lambda k, x: k.ops.diag(x[0]), SIZE, [4]),
    two(IMAGE, lambda k, x: tf.image.central_crop(x, 0.5), SIZE, [6, 7, 3]),
    two(IMAGE, lambda k, x: tf.image.per_image_standardization(x), SIZE, [6, 7, 3]),
    two(IMAGE, lambda k, x: tf.image.resize(x, (4, 5), preserve_aspect_ratio=True), SIZE, [6, 7, 3]),
    two(IMAGE, lambda k, x: tf.image.resize_with_crop_or_pad(x, 4, 5), SIZE, [6, 7, 3]),
    two(IMAGE, lambda k, x: tf.image.pad_to_bounding_box(x, 1, 1, 9, 9), SIZE, [6, 7, 3]),
    two(ROW, lambda k, x: tf.math.cumulative_logsumexp(x, 1), SIZE, [4]),
    two((None, 4), lambda k, x: tf.signal.inverse_mdct(x), SIZE, [3, 4]),
    two((None, 5), lambda k, x: tf.signal.inverse_stft(tf.cast(x, "complex64"), 8, 4), SIZE, [3, 5]),
    two(IMAGE, lambda k, x: tf.nn.max_pool_with_argmax(x, 2, 2, "VALID")[1], SIZE, [4, 6, 3]),
    two(IMAGE, lambda k, x: tf.nn.conv2d_transpose(x, numpy.ones((2, 2, 4, 3), "float32"), [1, 12, 14, 4], 2), SIZE,
        [6, 7, 3]),
    two(IMAGE, lambda k, x: tf.nn.dilation2d(x, numpy.ones((2, 2, 3), "float32"), [1, 2, 2, 1], "SAME", "NHWC", [
        1, 1, 1, 1]), SIZE, [6, 7, 3]),
    two(IMAGE, lambda k, x: tf.image.resize_with_pad(x, 4, 5), SIZE, [6, 7, 3]),
    two((None, 4), lambda k, x: tf.signal.overlap_and_add(x, 2), SIZE, [3, 4]),
    two((None, None), lambda k, x: tf.linalg.set_diag(x, x[:, 0, :3]), SIZE, [3, 4]),
    two((4, 2), lambda k, x: k.layers.LSTM(2, time_major=True)(x), "time_major=False",
        lambda k, x: k.layers.LSTM(2, time_major=False)(x)),
    # Settings
    three((4,), lambda k, x: k.layers.Dense(2, activation=own)(x), "an activation of Keras's own",
          lambda k, x: k.layers.Dense(2, activation="relu")(x)),
    three((4,), lambda k, x: k.layers.Dense(2, activation=lambda y: y * y)(x), "an activation of Keras's own",
          lambda k, x: k.layers.Dense(2, activation="tanh")(x)),
    three((600, 5, 3), lambda k, x: k.layers.Resizing(60000, 5)(x), "resize to fewer",
          lambda k, x: k.layers.Resizing(60, 5)(x)),
    three((4,), lambda k, x: k.layers.Flatten(dtype="uint8")(x), "build it with dtype='float32'",
          lambda k, x: k.layers.Flatten(dtype="float32")(x)),
    three((4,), lambda k, x: k.ops.segment_prod(x, SEGMENTS, 2), "cast to int32 or float32 before it",
          lambda k, x: k.ops.segment_prod(k.ops.cast(x, "int32"), SEGMENTS, 2), dtype="uint8"),
    two(ROW, lambda k, x: tf.reduce_prod(x, 1), SIZE, [4], dtype="uint8"),
    three((4,), lambda k, x: k.layers.LayerNormalization()(x), "cast to int32 or float32 before it",
          lambda k, x: k.layers.LayerNormalization()(k.ops.cast(x, "float32")), dtype="uint8"),
    two((4,), node(lambda x: tf.math.real(tf.cast(x, "complex64"))), "cast to float32 or int32",
        node(lambda x: tf.cast(x, "int32"))),
    two((4,), lambda k, x: tf.image.convert_image_dtype(x, "uint32"), "cast to float32 or int32",
        lambda k, x: tf.image.convert_image_dtype(x, "int32")),
    two((4,), lambda k, x: tf.math.real(tf.exp(tf.cast(x, "complex64"))), "take tf.abs, tf.math.real",
        lambda k, x: tf.exp(tf.math.real(tf.cast(x, "complex64")))),
    three((4,), lambda k, x: k.ops.slice_update(x, k.ops.cast(x[0, :2], "int32"), x[:, :2]), NUMBERS,
          lambda k, x: k.ops.slice_update(x, [0, 1], x[:, :2])),
    two((4,), lambda k, x: tf.math.confusion_matrix(x[0], x[0]), "give num_classes",
        lambda k, x: tf.math.confusion_matrix(x[0], x[0], 3), dtype="int32"),
    two((4,), lambda k, x: tf.dynamic_partition(x[0], x[0], 2)[0], WHERE,
        lambda k, x: tf.where(x > 0, x, 0), dtype="int32"),
    two((4, 2), lambda k, x: tf.linalg.lstsq(x, x, l2_regularizer=0.1), "leave l2_regularizer out",
        lambda k, x: tf.linalg.lstsq(x, x)),
    three((4,), lambda k, x: k.ops.round(x, decimals=-1), "cast them to float32 before it",
          lambda k, x: k.ops.round(k.ops.cast(x, "float32"), decimals=-1), dtype="int32"),
    three((2000,), lambda k, x: k.ops.fft((x, x))[0], "transform shorter parts",
          lambda k, x: k.ops.fft((x[:, :100], x[:, :100]))[0]),
    three((4,), lambda k, x: k.ops.extract_sequences(x, 5, 1), "give it a longer one",
          lambda k, x: k.ops.extract_sequences(k.ops.tile(x, (1, 3)), 5, 1)),
    three((4,), lambda k, x: k.ops.stft(x, 8, 2, 8), "give it a longer one",
          lambda k, x: k.ops.stft(k.ops.tile(x, (1, 3)), 8, 2, 8)),
    three((1, 5), lambda k, x: k.ops.istft((x, x), 8, 2, 8), "give it more frames",
          lambda k, x: k.ops.istft((k.ops.tile(x, (1, 3, 1)),) * 2, 8, 2, 8)),
    three((3, 101), lambda k, x: k.ops.istft((x, x), 200, 1, 200), "take a longer sequence_stride",
          lambda k, x: k.ops.istft((x, x), 200, 50, 200)),
    three((2,), lambda k, x: k.ops.isin(x, [2 ** 40, 1]), "use floats", lambda k, x: k.ops.isin(x, [2.0 ** 40, 1.0]),
          dtype="int64"),
    two((4,), lambda k, x: tf.roll(x, shift=tf.shape(x)[0], axis=1), NUMBER, lambda k, x: tf.roll(x, shift=2, axis=1)),
    three((4,), lambda k, x: k.ops.repeat(x, 10 ** 9, axis=1), "make one of at most",
          lambda k, x: k.ops.repeat(x, 10, axis=1)),
    three((6, 5, 3), lambda k, x: k.ops.conv(x, x[0, :2, :2, :, None]), "use a layer, whose kernel is a weight",
          lambda k, x: k.layers.Conv2D(1, 2)(x)),
    three((None, None, 1), lambda k, x: k.ops.image.extract_patches(x, (65, 65)), "take windows of at most 4096",
          lambda k, x: k.ops.image.extract_patches(x, (7, 7))),
    three((4, 3), lambda k, x: k.ops.unique(x, axis=1), "leave axis out", lambda k, x: k.ops.unique(x)),
    three((4097,), lambda k, x: k.ops.unique(x[0], return_inverse=True), "give it 4096 at most",
          lambda k, x: k.ops.unique(x[0, :4096], return_inverse=True)),
    two((4,), lambda k, x: tf.math.bincount(x, binary_output=True), "leave sparse and binary_output out",
        lambda k, x: tf.math.bincount(x), dtype="int32"),
    three(ROW, lambda k, x: k.ops.slice(k.ops.ones((3, 3)), x[0], (1, 2)), LIST,
          lambda k, x: k.ops.slice(k.ops.ones((3, 3)), [x[0, 0], x[0, 1]], (1, 2)), dtype="int32"),
    three((4,), lambda k, x: k.ops.slice_update(x, [0, x[0, 0]], x[:, :1]), "write whole numbers there",
          lambda k, x: k.ops.slice_update(x, [0, 2], x[:, :1]), dtype="int32"),
    two((4,), lambda k, x: tf.gather_nd(x, x[..., None], batch_dims=1), "take tf.gather",
        lambda k, x: tf.gather(x, x, batch_dims=1), dtype="int32"),
    two((4,), lambda k, x: tf.einsum("ab,cb->ac", x, x), "save the model as a SavedModel", {"ending": ".tf"}),
    three((None, 4), lambda k, x: k.ops.pinv(x), SIZE, [4, 4]),
    three((17, 18), lambda k, x: k.ops.norm(x, ord=2, axis=(1, 2)), "ask for outputs that do not need it", {
        "layers": ["side"]}),
    three((4, 4), lambda k, x: k.ops.eigh(x), "take only its values", lambda k, x: k.ops.eigh(x)[0]),
    two((4, 4), lambda k, x: tf.linalg.pinv(x, rcond=x[0, 0, 0]), "write one number there",
        lambda k, x: tf.linalg.pinv(x, rcond=0.1)),
    three((65, 65), lambda k, x: k.ops.det(x), "ask for outputs that do not need it", {"layers": ["side"]}),
    three((13, 13), lambda k, x: k.ops.cholesky(x), "ask for outputs that do not need it", {"layers": ["side"]}),
    three((None, 4), lambda k, x: k.ops.ctc_decode(x, k.ops.cast(x[:, 0, 0], "int32"))[0], SIZE, [5, 4]),
    three((5, 4), lambda k, x: k.ops.ctc_decode(x, k.ops.cast(x[:, 0, 0], "int32"), strategy="beam_search")[1],
          "take strategy='greedy'", lambda k, x: k.ops.ctc_decode(x, k.ops.cast(x[:, 0, 0], "int32"))[1]),
    three((None, 4), lambda k, x: loss(k, x), SIZE, [5, 4]),
    three((1025, 4), lambda k, x: loss(k, x), "give it shorter sequences", lambda k, x: loss(k, x[:, :9])),
    two((9, 4), lambda k, x: tf.nn.ctc_loss([[1]], x, [1], [9], False, tf.nn.ctc_unique_labels([[1]])),
        "leave unique out", lambda k, x: tf.nn.ctc_loss([[1]], x, [1], [9], False)),
    three((None, None, 3), lambda k, x: k.layers.ContrastLimitedAdaptiveHistogramEqualization()(x), SIZE, [5, 6, 3]),
    three((65, 66), lambda k, x: k.ops.qr(x)[1], "ask for outputs that do not need it", {"layers": ["side"]}),
    three((4,), lambda k, x: k.ops.vander(x[:, 0]), "give N", lambda k, x: k.ops.vander(x[:, 0], N=3)),
    three((2000,), lambda k, x: k.ops.correlate(x[0], x[0]), "take shorter ones",
          lambda k, x: k.ops.correlate(x[0, :90], x[0, :90])),
    three((4,), lambda k, x: k.ops.psnr(x, x * 2, 0.0), "take one above 0", lambda k, x: k.ops.psnr(x, x * 2, 1.0)),
    three((4,), lambda k, x: k.ops.linspace(x, x + 1, num=100000), "take a smaller num",
          lambda k, x: k.ops.linspace(x, x + 1, num=10)),
    two((4,), lambda k, x: tf.sequence_mask(x), "give maxlen", lambda k, x: tf.sequence_mask(x, maxlen=5),
        dtype="int32"),
    three((1,), lambda k, x: k.ops.scatter(x, x[:, 0], k.ops.shape(x)[:1]), "write it as whole numbers",
          lambda k, x: k.ops.scatter(x, x[:, 0], (5,)), dtype="int32"),
    two((4,), lambda k, x: tf.nn.dropout(x, 0.5), "use keras.layers.Dropout", lambda k, x: k.layers.Dropout(0.5)(x)),
    two((4, 3), lambda k, x: k.layers.RNN([k.layers.GRUCell(2, dropout=0.5)])(x, training=True),
        "without training=True", lambda k, x: k.layers.RNN([k.layers.GRUCell(2, dropout=0.5)])(x)),
    two((4,), lambda k, x: k.layers.SpectralNormalization(k.layers.Dense(2))(x, training=True),
        "without training=True", lambda k, x: k.layers.SpectralNormalization(k.layers.Dense(2))(x)),
    two((4,), lambda k, x: k.layers.BatchNormalization(renorm=True)(x, training=True), "without training=True",
        lambda k, x: k.layers.BatchNormalization(renorm=True)(x)),
    two((4, 3), lambda k, x: k.layers.BatchNormalization()(k.layers.Masking()(x), training=True),
        "leave the mask out", lambda k, x: k.layers.BatchNormalization()(x, training=True)),
    three((4,), lambda k, x: k.ops.quantile(x, x[0, 0], axis=1), "write q as numbers",
          lambda k, x: k.ops.quantile(x, 0.5, axis=1)),
    two((4,), lambda k, x: tf.pad(x, [[0, 0], [1, 1]], constant_values=x[0, 0]), "write a number there",
        lambda k, x: tf.pad(x, [[0, 0], [1, 1]], constant_values=1.0)),
    three((4,), lambda k, x: k.ops.pad(x, [[0, 0], [1, 1]], mode="maximum"), "take constant, reflect",
          lambda k, x: k.ops.pad(x, [[0, 0], [1, 1]], mode="symmetric")),
    three((4,), lambda k, x: k.ops.trapezoid(x, x=[0.0, 1.0, 3.0, 4.0]), "take points that are dx apart",
          lambda k, x: k.ops.trapezoid(x, dx=2.0)),
    three((1,), lambda k, x: k.ops.scatter_update(k.ops.ones((5,)), x, k.ops.cast(x[:, 0], "float32"),
                                                  reduction="max"), "give constant places",
          lambda k, x: k.ops.scatter_update(k.ops.cast(x[:, 0], "float32"), [[0]], [1.0], reduction="max"),
          dtype="int32"),
    three((1,), lambda k, x: k.ops.scatter_update(x, [[0, 0], [0, 0]], [1.0, 2.0], reduction="max"),
          "give each place once",
          lambda k, x: k.ops.scatter_update(x, [[0, 0]], [1.0], reduction="max")),
    three((4, 4000000), lambda k, x: k.ops.fold(x, (2001, 2001), 2), "take fewer and larger steps",
          lambda k, x: k.ops.fold(x[:, :, :4], (3, 3), 2)),
    two(ROW, lambda k, x: tf.reshape(x, x[0]), LIST, lambda k, x: tf.reshape(x, [-1, 1]), dtype="int32"),
    # What Keras before 2.4 calls operations, and sizes that hide what Keras cannot compute
    two(IMAGE, node(lambda x: tf.compat.v1.image.resize_bicubic(x, (4, 5), align_corners=True)), SIZE, [6, 5, 3]),
    two((6, 5, 3), node(lambda x: scaled(x, 1.5, 0.0)), "crop the image and resize that",
        node(lambda x: scaled(x[:, :4], 1.5, 0.0))),
    two(IMAGE, node(lambda x: scaled(x, 1.5, 0.0)), SIZE, [4, 5, 3]),
    two((1, 4), lambda k, x: k.layers.GroupNormalization(2)(k.layers.Masking()(x)), "leave the mask out before it",
        lambda k, x: k.layers.GroupNormalization(2)(x)),
    two((3, 4), lambda k, x: k.layers.RNN([])(x), "build it with one",
        lambda k, x: k.layers.RNN([k.layers.LSTMCell(2)])(x)),
    # Layers of preprocessing
    three((1,), lambda k, x: k.layers.CategoryEncoding(10 ** 7)(x), "take fewer than",
          lambda k, x: k.layers.CategoryEncoding(10)(x), dtype="int32"),
    two((3,), unnumbered, "build it with num_tokens", lambda k, x: k.layers.CategoryEncoding(10)(x), dtype="int32"),
    three((), lambda k, x: k.layers.CategoryEncoding(4, output_mode="count")(x), "take output_mode=one_hot",
          lambda k, x: k.layers.CategoryEncoding(4, output_mode="one_hot")(x), dtype="int32"),
    three((3,), lambda k, x: k.layers.Discretization(num_bins=3)(x), "give it bin_boundaries",
          lambda k, x: k.layers.Discretization(bin_boundaries=[0.0, 1.0])(x)),
    three((300,), lambda k, x: k.layers.MelSpectrogram()(x), "take a smaller fft_length",
          lambda k, x: k.layers.MelSpectrogram(fft_length=128, sequence_stride=64)(x)),
    three((9000,), lambda k, x: k.layers.MelSpectrogram(fft_length=8192, num_mel_bins=8)(x),
          "take a smaller fft_length", lambda k, x: k.layers.MelSpectrogram(fft_length=512)(x)),
    three((600,), lambda k, x: k.layers.MelSpectrogram(fft_length=128, sequence_stride=2 ** 21)(x),
          "take a whole number from 1", lambda k, x: k.layers.MelSpectrogram(fft_length=128, sequence_stride=64)(x)),
    three((600,), lambda k, x: k.layers.MelSpectrogram(num_mel_bins=2 ** 20, fft_length=128)(x), "take fewer",
          lambda k, x: k.layers.MelSpectrogram(num_mel_bins=8, fft_length=128)(x)),
    three((600,), lambda k, x: k.layers.MelSpectrogram(fft_length=128, window="blackman")(x), "take hann or hamming",
          lambda k, x: k.layers.MelSpectrogram(fft_length=128, window="hamming")(x)),
    three((3,), learned, "save the model as .keras", {"ending": ".keras"}, ending=".h5", dtype="int64"),
    three((3,), lambda k, x: k.layers.IntegerLookup(vocabulary=list(range(65537)))(x), "take fewer than 65536",
          lambda k, x: k.layers.IntegerLookup(vocabulary=list(range(60)))(x), dtype="int64"),
    two((1,), lambda k, x: featured(k, x, column.numeric_column("x", normalizer_fn=own)), "put a Rescaling",
        lambda k, x: featured(k, k.layers.Rescaling(0.5)(x), column.numeric_column("x"))),
    two((1,), lambda k, x: featured(k, x, column.indicator_column(column.categorical_column_with_identity("x", 70000))),
        "take an embedding_column", lambda k, x: featured(k, x, column.embedding_column(
            column.categorical_column_with_identity("x", 70000), 2)), dtype="int64"),
    two((1,), lambda k, x: featured(k, x, column.indicator_column(of_numbers())),
        "take categorical_column_with_vocabulary_list", lambda k, x: featured(k, x, column.indicator_column(
            column.categorical_column_with_vocabulary_list("x", [3, 5]))), dtype="int64"),
    two((1,), lambda k, x: featured(k, x, column.indicator_column(column.categorical_column_with_vocabulary_list(
        "x", [3, 5], num_oov_buckets=2))), "take num_oov_buckets=1",
        lambda k, x: featured(k, x, column.indicator_column(column.categorical_column_with_vocabulary_list(
            "x", [3, 5], num_oov_buckets=1))), dtype="int64"),
    two((1,), lambda k, x: featured(k, x, column.embedding_column(column.categorical_column_with_vocabulary_list(
        "x", list(range(65537))), 2)), "take fewer than 65536", lambda k, x: featured(k, x, column.embedding_column(
            column.categorical_column_with_vocabulary_list("x", [3, 5]), 2)), dtype="int64"),
    # Words
    two((1,), lambda k, x: k.layers.Hashing(4)(k.layers.Reshape((1,))(x)), "let it read inputs themselves",
        lambda k, x: k.layers.Embedding(4, 2)(k.layers.Hashing(4)(x)), dtype="int64"),
    two((1,), lambda k, x: k.layers.HashedCrossing(4)([k.layers.Discretization([0.0])(x), x]),
        "or what a StringLookup, IntegerLookup, Discretization or Hashing gives",
        lambda k, x: k.layers.HashedCrossing(4)([k.layers.Discretization([0.0])(x), k.layers.IntegerLookup(
            vocabulary=[1, 2])(x)]), dtype="int64"),
    two((1,), lambda k, x: k.layers.HashedCrossing(4)([k.layers.IntegerLookup(vocabulary=list(range(2100)))(x)] * 2),
        "take smaller vocabularies", lambda k, x: k.layers.HashedCrossing(4)([k.layers.IntegerLookup(
            vocabulary=list(range(9)))(x)] * 2), dtype="int64"),
    two((1,), lambda k, x: k.layers.StringLookup(vocabulary=["a", "b"], invert=True)(x), "leave it out",
        lambda k, x: k.layers.Embedding(3, 2)(x), dtype="int64"),
    two((1,), lambda k, x: k.layers.Flatten()(x), "let a TextVectorization, StringLookup or Hashing read it",
        lambda k, x: k.layers.Embedding(3, 2)(k.layers.StringLookup(vocabulary=["a", "b"])(x)), dtype="string"),
    two((3,), lambda k, x: k.layers.Dense(2)(x), "build the model with a dense input",
        lambda k, x: k.layers.Dense(2)(x), sparse=True),
]


def sites():
    """[Site] of every call of refuse() in lower/."""
    found = []
    for folder, _, names in sorted(os.walk(LOWER)):
        for name in sorted(name for name in names if name.endswith(".py")):
            path = os.path.join(folder, name)
            with open(path, encoding="utf-8") as stream:
                tree = ast.parse(stream.read())
            rel = os.path.relpath(path, LOWER)
            module = vars(importlib.import_module("scripts.lower." + rel[:-3].replace(os.sep, ".")))
            functions = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)]
            for node in ast.walk(tree):
                if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "refuse":
                    around = [one.name for one in functions if one.lineno <= node.lineno <= one.end_lineno]
                    words = [spoken(one, module) for one in node.args] + [""]
                    found.append(Site(rel, around[-1], node.lineno, node.end_lineno, *words[:2]))
    return found


def spoken(node, module):
    """What an expression says, "…" in the place of what only a call knows.  module: its names."""
    if isinstance(node, ast.JoinedStr):
        return "".join(spoken(one, module) for one in node.values)
    if isinstance(node, ast.FormattedValue):
        node = node.value
    if isinstance(node, ast.IfExp):
        return f"{spoken(node.body, module)}, or {spoken(node.orelse, module)}"
    try:
        value = eval(compile(ast.Expression(node), "words", "eval"), module)
    except (NameError, AttributeError):
        return "…"
    return str(value)


def in_docs():
    """The table in docs/refused.md: what is refused of the settings, by what to do instead, but for open sizes."""
    rows = OrderedDict()
    for site in sites():
        open_size = SIZE in site.remedy and not site.remedy.startswith("build it")
        if not open_size and site.reason != "…" and site.remedy not in ("", "…", "the file is damaged"):
            reasons = rows.setdefault(site.remedy, [])
            reasons += [] if site.reason in reasons else [site.reason]
    return ["| the line says | instead |", "|---|---|"] + [
        f"| {'; '.join(reasons)} | {remedy} |" for remedy, reasons in rows.items()]
