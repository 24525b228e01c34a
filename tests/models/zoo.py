"""A zoo of small models, one per thing that a Keras model can be, built by whichever Keras is given.

Each builder takes the `keras` module (Keras 2, tf_keras or Keras 3) and returns a model; `planted` gives it
random weights, seeded, so that nothing in it is a default (moving variances are not one, biases not zero).
"""
import importlib
import zlib

import numpy


def is_keras3(keras):
    return keras.__version__.split(".")[0] == "3"


def is_old(keras):
    """Keras before 2.4, TensorFlow 1.15's included: no class Functional, and fewer layers and activations."""
    return [int(part) for part in keras.__version__.split(".")[:2]] < [2, 4]


def chain(keras, shape, layers, name=None):
    """A Sequential of a known input shape.  Keras 2.3 takes no keras.Input there: its first layer says the shape."""
    if keras.__name__ == "keras" and is_old(keras):
        layers[0].batch_input_shape = (None,) + shape
        return keras.Sequential(layers, name=name)
    return keras.Sequential([keras.Input(shape)] + layers, name=name)


def planted(keras, name):
    """Build the model `name` with its seeded random weights."""
    model = BUILDERS[name](keras)
    random = numpy.random.RandomState(zlib.crc32(name.encode("ascii")) % 10000)
    weights = []
    variables = [variable for layer in model.layers for variable in layer.weights] if is_old(keras) else model.weights
    for variable, value in zip(variables, model.get_weights()):
        name = getattr(variable, "path", None) or variable.name
        fan_in = numpy.prod(value.shape[:-1]) if value.ndim > 2 else 6.0  # deep networks neither fade nor overflow
        values = random.normal(0, 1.0 / numpy.sqrt(fan_in), value.shape)
        if "variance" in name or "gamma" in name:
            values = numpy.abs(values) + 0.7
        weights.append(numpy.asarray(values, value.dtype))
    model.set_weights(weights)
    return model


def samples(model, name):
    """Random input for a model of the zoo, a list with one array per input; open dimensions are 7."""
    random = numpy.random.RandomState(1)
    shapes = [tuple(2 if i == 0 and size is None else size or 7
                    for i, size in enumerate(getattr(size, "value", size) for size in tensor.shape))  # TensorFlow 1's
              for tensor in model.inputs]
    if name in ("embedding", "masked"):
        return [random.randint(0, 5, shape).astype("float32") for shape in shapes]
    return [random.normal(0, 1, shape).astype("float32") for shape in shapes]


def lenet(keras):
    layers = keras.layers
    return chain(keras, (28, 28), [
        layers.Reshape((28, 28, 1)), layers.Conv2D(6, 5, name="Conv2D_1"),
        layers.MaxPooling2D(2, 2, name="MaxPooling2D_1"), layers.Conv2D(16, 5, name="Conv2D_2"),
        layers.MaxPooling2D(2, 2, name="MaxPooling2D_2"), layers.Flatten(),
        layers.Dense(120, activation="relu", name="Dense_1"), layers.Dense(84, activation="relu", name="Dense_2"),
        layers.Dense(10, activation="softmax", name="Softmax")])


def without_input_layer(keras):
    """Keras 2 keeps the shape in the first layer, Keras 3 gives the model an InputLayer when it is built."""
    layers = keras.layers
    if is_keras3(keras):
        model = keras.Sequential([layers.Dense(5, name="one"), layers.Dense(3, name="two")])
        model.build((None, 4))
        return model
    return keras.Sequential([layers.Dense(5, name="one", input_shape=(4,)), layers.Dense(3, name="two")])


def built_later(keras):
    """A Sequential that learns its input shape from build()."""
    model = keras.Sequential([keras.layers.Dense(5, name="one"), keras.layers.Dense(3, name="two")])
    model.build((None, 4))
    return model


def branches(keras):
    """Two branches of different depth; the outputs stand in the reverse of the order in which they were made."""
    layers = keras.layers
    start = keras.Input((6,), name="start")
    left = layers.Dense(4, name="left")(start)
    right = layers.Dense(5, name="right_2")(layers.Dense(7, name="right_1")(start))
    both = layers.Concatenate(name="both")([right, left])
    return keras.Model(start, [layers.Dense(2, name="end")(both), right, left])


def many_inputs(keras):
    layers = keras.layers
    first, second = keras.Input((4,), name="first"), keras.Input((3, 2), name="second")
    flat = layers.Flatten(name="flat")(second)
    joined = layers.Concatenate(name="joined")([flat, first])
    return keras.Model([second, first], [layers.Dense(3, name="a")(joined), layers.Dense(2, name="b")(flat)])


def shared(keras):
    layers = keras.layers
    start = keras.Input((5,), name="start")
    twice = layers.Dense(5, activation="tanh", name="twice")
    one = twice(start)
    two = twice(layers.Dense(5, name="between")(one))
    return keras.Model(start, layers.Add(name="sum")([two, one]))


def nested(keras):
    """A model in a model in a model, the middle one called twice; batch normalization inside."""
    layers = keras.layers
    deep_start = keras.Input((4,), name="deep_start")
    deep = keras.Model(deep_start, layers.BatchNormalization(name="deep_norm")(
        layers.Dense(4, name="deep_dense")(deep_start)), name="deep")
    start = keras.Input((4,), name="inner_start")
    inner = keras.Model(start, layers.Dense(4, activation="relu", name="inner_dense")(deep(start)), name="inner")
    outer = keras.Input((4,), name="outer_start")
    once = inner(outer)
    again = inner(layers.Dense(4, name="before")(once))
    return keras.Model(outer, layers.Dense(2, name="after")(again))


def nested_sequential(keras):
    layers = keras.layers
    front = chain(keras, (6,), [layers.Dense(5, name="head_1"), layers.BatchNormalization(name="head_2"),
                                layers.Dense(4, name="head_3")], name="head")
    late = keras.Sequential([layers.Dense(3, name="late_1"), layers.Dense(2, name="late_2")], name="late")
    start = keras.Input((6,), name="start")
    return keras.Model(start, late(front(start)))


def sequential_in_sequential(keras):
    layers = keras.layers
    body = chain(keras, (8, 8, 3), [layers.Conv2D(4, 3, name="conv"),
                                    layers.BatchNormalization(name="norm")], name="body")
    return chain(keras, (8, 8, 3), [body, layers.GlobalAveragePooling2D(name="pool"),
                             layers.Dense(3, name="top")])


def frozen(keras):
    """Layers that are not trained: Keras stores their weights in another order."""
    layers = keras.layers
    inner = chain(keras, (4,), [layers.Dense(4, name="cold"), layers.BatchNormalization(name="norm"),
                                layers.Dense(3, name="warm")], name="inner")
    inner.layers[0].trainable = False
    start = keras.Input((4,), name="start")
    middle = layers.BatchNormalization(name="icy")
    middle.trainable = False
    return keras.Model(start, middle(inner(start)))


def recurrent(keras):
    layers = keras.layers
    start = keras.Input((6, 3), name="start")
    sequence = layers.LSTM(4, return_sequences=True, name="lstm")(start)
    gates = layers.GRU(3, reset_after=False, name="gru")(sequence)
    simple = layers.SimpleRNN(3, go_backwards=True, name="simple")(sequence)
    without = layers.LSTM(3, use_bias=False, name="no_bias")(start)
    return keras.Model(start, layers.Concatenate(name="all")([gates, simple, without]))


def cells(keras):
    layers = keras.layers
    start = keras.Input((5, 3), name="start")
    return keras.Model(start, [layers.RNN([layers.LSTMCell(2), layers.SimpleRNNCell(3)], name="stack")(start),
                               layers.RNN(layers.GRUCell(2, reset_after=False), name="one")(start)])


def states(keras):
    """Layers with several outputs, and states handed from one to the next."""
    layers = keras.layers
    start = keras.Input((5, 3), name="start")
    sequence, h, c = layers.LSTM(4, return_sequences=True, return_state=True, name="encoder")(start)
    decoded = layers.LSTM(4, name="decoder")(sequence, initial_state=[h, c])
    return keras.Model(start, [decoded, c, layers.Dense(2, name="of_h")(h)])


def wrapped(keras):
    layers = keras.layers
    start = keras.Input((6, 4), name="start")
    both = layers.Bidirectional(layers.LSTM(3, return_sequences=True), name="both")(start)
    added = layers.Bidirectional(layers.GRU(3, reset_after=False), merge_mode="sum", name="added")(both)
    each = layers.TimeDistributed(layers.Dense(5, activation="relu"), name="each")(both)
    convolved = layers.TimeDistributed(layers.Conv1D(2, 2), name="convolved")(
        layers.Reshape((3, 2, 4), name="cut")(start))
    return keras.Model(start, [added, each, convolved])


def half_frozen(keras):
    """One way of a Bidirectional is not trained (Keras 2 cannot save that)."""
    layers = keras.layers
    start = keras.Input((6, 4), name="start")
    both = layers.Bidirectional(layers.LSTM(3), name="both")
    result = keras.Model(start, both(start))
    both.forward_layer.trainable = not is_keras3(keras)
    return result


def timed(keras):
    """TimeDistributed layers whose weights TensorFlow 1.15 hides; saved as a SavedModel much faster than an LSTM."""
    layers = keras.layers
    start = keras.Input((6, 4), name="start")
    each = layers.TimeDistributed(layers.Dense(5, activation="relu"), name="each")(start)
    return keras.Model(start, layers.TimeDistributed(layers.BatchNormalization(), name="normed")(each))


def wrapped_model(keras):
    layers = keras.layers
    step = chain(keras, (4,), [layers.Dense(3, name="step_1"), layers.Dense(2, name="step_2")], name="step")
    start = keras.Input((6, 4), name="start")
    return keras.Model(start, layers.TimeDistributed(step, name="each")(start))


def conv_lstm(keras):
    start = keras.Input((3, 6, 6, 2), name="start")
    return keras.Model(start, keras.layers.ConvLSTM2D(3, 3, padding="same", name="conv_lstm")(start))


def embedding(keras):
    layers = keras.layers
    start = keras.Input((6,), name="start")
    looked = layers.Embedding(9, 4, name="looked")(start)
    return keras.Model(start, layers.GlobalAveragePooling1D(name="mean")(layers.Conv1D(3, 2, name="conv")(looked)))


def masked(keras):
    layers = keras.layers
    start = keras.Input((6,), name="start")
    looked = layers.Embedding(9, 4, mask_zero=True, name="looked")(start)
    return keras.Model(start, layers.LSTM(3, name="lstm")(looked))


def masking(keras):
    layers = keras.layers
    start = keras.Input((6, 3), name="start")
    return keras.Model(start, layers.SimpleRNN(3, name="rnn")(layers.Masking(0.0, name="mask")(
        layers.ReLU(name="some_zero")(start))))


def convolutions(keras):
    layers = keras.layers
    start = keras.Input((12, 10, 3), name="start")
    x = layers.Conv2D(4, (3, 2), strides=2, padding="same", name="conv")(start)
    up = layers.Conv2DTranspose(3, 3, strides=2, padding="same", name="transposed")(x)
    depthwise = layers.DepthwiseConv2D(3, depth_multiplier=2, padding="same", name="depthwise")(up)
    separable = layers.SeparableConv2D(5, 3, dilation_rate=2, padding="same", name="separable")(depthwise)
    spread = layers.Conv2D(2, 3, dilation_rate=2, use_bias=False, name="spread")(separable)
    row = layers.Conv1D(3, 2, name="row")(layers.Reshape((-1, 2), name="rows")(spread))
    volume = layers.Conv3D(2, 2, name="volume")(layers.Reshape((6, 5, 4, 1), name="box")(x))
    back = layers.Conv3DTranspose(2, 2, name="back")(volume)
    return keras.Model(start, [row, back])


def shapes(keras):
    """Padding, cropping, upsampling, pooling, permuting, repeating."""
    layers = keras.layers
    start = keras.Input((8, 6, 2), name="start")
    x = layers.ZeroPadding2D(((1, 2), (0, 1)), name="padded")(start)
    x = layers.Cropping2D(((1, 1), (1, 0)), name="cropped")(x)
    x = layers.UpSampling2D((2, 3), name="larger")(x)
    x = layers.AveragePooling2D((2, 3), padding="same", name="averaged")(x)
    x = layers.MaxPooling2D(2, strides=1, name="highest")(x)
    turned = layers.Permute((3, 1, 2), name="turned")(x)
    line = layers.Reshape((-1, 2), name="line")(x)
    ends = [layers.MaxPooling1D(2, name="line_max")(line), layers.AveragePooling1D(2, name="line_mean")(line),
            layers.GlobalMaxPooling1D(name="line_top")(line), layers.GlobalMaxPooling2D(name="top")(x),
            layers.RepeatVector(3, name="repeated")(layers.GlobalAveragePooling2D(name="mean")(x))]
    box = layers.Reshape((8, 6, 2, 1), name="box")(start)
    return keras.Model(start, [turned, layers.MaxPooling3D(2, name="box_max")(box),
                               layers.AveragePooling3D(2, name="box_mean")(box)] + ends)


def kept_dimensions(keras):
    """Global pooling that keeps its dimensions, as MobileNet's."""
    layers = keras.layers
    start = keras.Input((6, 6, 4), name="start")
    pooled = layers.GlobalAveragePooling2D(keepdims=True, name="pooled")(start)
    line = layers.GlobalMaxPooling1D(keepdims=True, name="line")(layers.Reshape((36, 4), name="flat")(start))
    return keras.Model(start, [layers.Conv2D(3, 1, name="head")(pooled), line])


def activations(keras):
    layers = keras.layers
    start = keras.Input((7,), name="start")
    names = ["elu", "selu", "relu", "linear", "sigmoid", "softplus", "softsign", "tanh", "softmax", "swish"]
    names = names[:-1] if is_old(keras) else names
    names += [] if is_keras3(keras) else ["hard_sigmoid"]
    names += ["relu6", "gelu", "log_softmax", "silu", "mish"] if is_keras3(keras) else []
    ends = [layers.Activation(name, name="act_" + name)(start) for name in names]
    ends += [layers.LeakyReLU(0.2, name="leaky")(start), layers.PReLU(name="prelu")(start),
             layers.ELU(name="elu_layer")(start), layers.ReLU(max_value=0.7, name="capped")(start),
             layers.Softmax(name="soft")(start)]
    return keras.Model(start, ends + [layers.Dense(4, activation="elu", name="dense")(start)])


def merges(keras):
    layers = keras.layers
    start = keras.Input((6,), name="start")
    a, b, c = [layers.Dense(6, name=name)(start) for name in "abc"]
    ends = [layers.Add(name="added")([a, b, c]), layers.Multiply(name="multiplied")([a, b]),
            layers.Average(name="averaged")([a, c]), layers.Maximum(name="larger")([a, b]),
            layers.Minimum(name="smaller")([c, b]), layers.Concatenate(name="joined")([c, a]),
            layers.Dot(axes=1, name="dotted")([a, b]), layers.Dot(axes=1, normalize=True, name="cosine")([a, c])]
    return keras.Model(start, ends)


def normalized(keras):
    layers = keras.layers
    start = keras.Input((5, 4, 3), name="start")
    x = layers.BatchNormalization(name="last")(start)
    x = layers.BatchNormalization(scale=False, center=False, name="plain")(x)
    if hasattr(layers, "LayerNormalization"):
        x = layers.LayerNormalization(name="layer")(x)
        x = layers.LayerNormalization(axis=[1, 2], scale=False, name="layer_12")(x)
    for layer in (layers.Dropout(0.3, name="dropped"), layers.SpatialDropout1D(0.2, name="dropped_rows"),
                  layers.GaussianNoise(0.1, name="noise"), layers.GaussianDropout(0.1, name="noisy"),
                  layers.AlphaDropout(0.1, name="alpha")):
        x = layer(layers.Reshape((20, 3), name="to_" + layer.name)(x))
    return keras.Model(start, x)


def constrained(keras):
    """Regularizers, constraints and initializers, some of which TensorFlow.js has no name for."""
    layers = keras.layers
    return chain(keras, (4,), [
        layers.Dense(5, kernel_regularizer=keras.regularizers.l2(0.01), activity_regularizer=keras.regularizers.l1(0.1),
                     name="one"),
        layers.Dense(4, kernel_constraint="max_norm", bias_constraint="non_neg",
                     kernel_regularizer=keras.regularizers.L1L2(0.1, 0.2), name="two"),
        layers.Dense(3, kernel_initializer=keras.initializers.RandomNormal(stddev=0.1, seed=3),
                     bias_initializer=keras.initializers.Constant(0.2), name="three"),
        layers.Dense(3, kernel_initializer="lecun_normal", name="four")])


def training_calls(keras):
    """training=False and, where nothing depends on it, training=True, as constants of the calls."""
    layers = keras.layers
    start = keras.Input((5, 3), name="start")
    x = layers.LSTM(4, return_sequences=True, name="lstm")(start, training=True)
    x = layers.Dropout(0.5, name="dropped")(x, training=False)
    return keras.Model(start, layers.BatchNormalization(name="norm")(x, training=False))


def by_batch(keras):
    """Batch normalization by the batch's own statistics, which Keras 2 does outside training too."""
    start = keras.Input((5,), name="start")
    before = keras.layers.Dense(4, name="dense")(start)
    return keras.Model(start, keras.layers.BatchNormalization(name="norm")(before, training=True))


def masked_by_input(keras):
    layers = keras.layers
    start, mask = keras.Input((5, 3), name="start"), keras.Input((5,), dtype="bool", name="mask")
    return keras.Model([start, mask], layers.LSTM(4, name="lstm")(start, mask=mask))


def scaled(keras):
    """`a` times a number for each of its places, which no layer of TensorFlow.js does."""
    start = keras.Input((3, 4), name="start")
    return keras.Model(start, keras.layers.Dense(4, name="a")(start) * numpy.ones((3, 4), "float32"))


def attention(keras):
    layers = keras.layers
    start = keras.Input((5, 4), name="start")
    return keras.Model(start, layers.MultiHeadAttention(2, 3, name="heads")(start, start))


def operators(keras):
    """`a + b` and `a * b`, which are no layers in Keras 3, TFOpLambda in Keras 2, TensorFlowOpLayer before 2.4."""
    layers = keras.layers
    start = keras.Input((4,), name="start")
    a, b = layers.Dense(4, name="a")(start), layers.Dense(4, name="b")(start)
    return keras.Model(start, layers.Dense(2, name="end")((a + b) * a))


def open_sizes(keras):
    layers = keras.layers
    start = keras.Input((None, None, 3), name="start")
    return keras.Model(start, layers.GlobalAveragePooling2D(name="mean")(layers.Conv2D(4, 3, name="conv")(start)))


def rescaled(keras):
    layers = keras.layers
    start = keras.Input((6, 6, 3), name="start")
    return keras.Model(start, layers.Conv2D(2, 3, name="conv")(layers.Rescaling(1 / 127.5, -1.0, name="scaled")(start)))


def unused(keras):
    """Layers that an output does not need."""
    layers = keras.layers
    start = keras.Input((4,), name="start")
    x = layers.Dense(4, name="used")(start)
    return keras.Model(start, [layers.Dense(2, name="wanted")(x), layers.Dense(3, name="unwanted")(x)])


def half(keras):
    """float16 weights under mixed precision, and a float64 layer."""
    layers = keras.layers
    start = keras.Input((4,), name="start")
    x = layers.Dense(4, dtype="float64", name="double")(start)
    return keras.Model(start, layers.Dense(2, dtype="mixed_float16" if is_keras3(keras) else "float32",
                                           name="mixed")(x))


def names_with_slashes(keras):
    layers = keras.layers
    start = keras.Input((4,), name="start")
    name = "block_1-conv.x" if is_keras3(keras) else "block/conv"
    return keras.Model(start, layers.Dense(2, name="end")(layers.Dense(3, name=name)(start)))


def long_names(keras):
    """Names that are together too long for one HDF5 attribute (64 512 bytes, each as wide as the longest)."""
    layers = keras.layers
    inner = chain(keras, (2,), [layers.Dense(2, name=name) for name in ["first_" + "x" * 994]
                                + [f"inner_{index}" for index in range(32)]], name="inner")
    start = x = keras.Input((2,), name="start")
    for name in ["outer_" + "x" * 994] + [f"outer_{index}" for index in range(62)]:
        x = layers.Activation("tanh", name=name)(x)
    return keras.Model(start, inner(x))


def forgotten(keras):
    """A nested Sequential with an InputLayer, which Keras 2.3 forgets when it saves it."""
    layers = keras.layers
    inner = keras.Sequential([layers.InputLayer((4,)), layers.Dense(3, name="inner_1"),
                              layers.BatchNormalization(name="inner_2")], name="inner")
    start = keras.Input((4,), name="start")
    return keras.Model(start, layers.Dense(2, name="end")(inner(start)))


def forgotten_by_sequential(keras):
    layers = keras.layers
    return keras.Sequential([layers.InputLayer((4,)), layers.Dense(3, name="one"), layers.Dense(2, name="two")])


def application(keras, module, name):
    """A function of keras.applications; keras 2.6 has them in their modules only."""
    return getattr(importlib.import_module(f"{keras.__name__}.applications.{module}"), name)


def mobilenet(keras):
    return application(keras, "mobilenet", "MobileNet")(input_shape=(64, 64, 3), alpha=0.25, weights=None, classes=10)


def mobilenet_v2(keras):
    return application(keras, "mobilenet_v2", "MobileNetV2")(input_shape=(64, 64, 3), alpha=0.35, weights=None,
                                                             classes=10)


def resnet50(keras):
    return application(keras, "resnet", "ResNet50")(input_shape=(32, 32, 3), weights=None, classes=10)


def vgg16(keras):
    return application(keras, "vgg16", "VGG16")(input_shape=(32, 32, 3), weights=None, include_top=False, pooling="avg")


def inception_v3(keras):
    return application(keras, "inception_v3", "InceptionV3")(input_shape=(96, 96, 3), weights=None, classes=10)


def densenet121(keras):
    return application(keras, "densenet", "DenseNet121")(input_shape=(32, 32, 3), weights=None, classes=10)


def xception(keras):
    return application(keras, "xception", "Xception")(input_shape=(71, 71, 3), weights=None, classes=10)


def nasnet_mobile(keras):
    return application(keras, "nasnet", "NASNetMobile")(input_shape=(32, 32, 3), weights=None, classes=10)


SMALL = [lenet, without_input_layer, built_later, branches, many_inputs, shared, nested, nested_sequential,
         sequential_in_sequential, frozen, recurrent, cells, states, wrapped, half_frozen, timed, wrapped_model,
         conv_lstm, embedding, masked, masking, convolutions, shapes, kept_dimensions, activations, merges, normalized,
         constrained, training_calls, operators, open_sizes, rescaled, unused, half, names_with_slashes, long_names]
LARGE = [mobilenet, mobilenet_v2, resnet50, vgg16, inception_v3, densenet121, xception, nasnet_mobile]
SPECIAL = [forgotten, forgotten_by_sequential, scaled, by_batch, masked_by_input, attention]
BUILDERS = {builder.__name__: builder for builder in SMALL + LARGE + SPECIAL}
