"""The browser tests' models, made with this stack's Keras and this project's engine: source, converted, reference.

    python -m tests.browser.models OUT NAME...             OUT/NAME/{source.h5, enc_model.h5, json/, reference.npz}
    python -m tests.browser.models OUT trained DATA        OUT/trained/...: the guide's LeNet; references are for the
                                                           page's samples

In a process of its own: TensorFlow is large and slow to start.
"""
import os
import sys

import numpy

from scripts import convert, encapsulate
from scripts.base import child
from scripts.training import dataset
from scripts.viewer import samples
from tests import needs
from tests.models import oracle, zoo

# The guide's section 2.
LAYERS = ["Conv2D_1", "MaxPooling2D_1", "Conv2D_2", "MaxPooling2D_2", "Dense_1", "Dense_2", "Softmax"]


def rgb(keras):
    """Convolutions with batch normalization and activations of their own, on colour images."""
    layers = keras.layers
    start = x = keras.Input((32, 32, 3), name="photo")
    for number, filters in enumerate((8, 16), 1):
        x = layers.Conv2D(filters, 3, padding="same", use_bias=False, name=f"conv_{number}")(x)
        x = layers.BatchNormalization(name=f"norm_{number}")(x)
        x = layers.Activation("relu", name=f"relu_{number}")(x)
        x = layers.MaxPooling2D(2, name=f"pool_{number}")(x)
    x = layers.Dropout(0.2, name="dropped")(layers.GlobalAveragePooling2D(name="mean")(x))
    return keras.Model(start, layers.Dense(5, activation="softmax", name="kind")(x))


def branched(keras):
    """Branches, every merge that TensorFlow.js has, a wide layer in pages, two heads."""
    layers = keras.layers
    start = keras.Input((28, 28, 1), name="image")
    one = layers.Conv2D(8, 3, padding="same", activation="relu", name="one")(start)
    two = layers.Conv2D(8, 5, padding="same", activation="relu", name="two")(start)
    merged = [getattr(layers, kind)(name=kind.lower())([one, two])
              for kind in ("Add", "Multiply", "Average", "Maximum")]
    joined = layers.Concatenate(name="joined")(merged)
    flat = layers.Flatten(name="flat")(layers.MaxPooling2D(4, name="pool")(joined))
    wide = layers.Dense(500, activation="relu", name="wide")(flat)
    return keras.Model(start, [layers.Dense(10, activation="softmax", name="digit")(wide),
                               layers.Dense(2, activation="softmax", name="parity")(flat)])


def two_inputs(keras):
    layers = keras.layers
    image, numbers = keras.Input((28, 28, 1), name="image"), keras.Input((6,), name="numbers")
    seen = layers.Dense(16, name="seen")(
        layers.Flatten(name="flat")(layers.Conv2D(4, 5, strides=2, name="conv")(image)))
    told = layers.Dense(16, activation="tanh", name="told")(numbers)
    both = layers.Add(name="both")([seen, told])
    return keras.Model([image, numbers], layers.Dense(3, activation="softmax", name="kind")(
        layers.Dense(7, name="inner")(layers.Concatenate(name="all")([both, told]))))


def not_square(keras):
    """An image that is wider than high, through everything that changes its size; the output is an image too."""
    layers = keras.layers
    start = keras.Input((20, 40, 3), name="photo")
    x = layers.DepthwiseConv2D(3, name="depthwise")(layers.Conv2D(6, 3, name="conv")(start))
    x = layers.ZeroPadding2D(1, name="padded")(
        layers.Cropping2D(2, name="cropped")(layers.UpSampling2D(name="larger")(x)))
    return keras.Model(start, layers.Conv2DTranspose(3, 3, strides=2, name="picture")(x))


def uneven(keras):
    """Kernels that are not square, and padding "same" of them."""
    layers = keras.layers
    start = keras.Input((9, 14, 2), name="photo")
    x = layers.Conv2D(3, (1, 5), padding="same", name="wide")(start)
    x = layers.DepthwiseConv2D((4, 2), padding="same", name="high")(x)
    x = layers.MaxPooling2D((2, 3), strides=(1, 2), padding="same", name="pool")(x)
    x = layers.Conv2DTranspose(2, (2, 5), strides=(1, 2), padding="same", name="larger")(x)
    x = layers.Reshape((9, 28), name="steps")(x)
    x = layers.Conv1D(4, 5, padding="same", name="conv")(x)
    return keras.Model(start, layers.Conv1D(3, 4, strides=2, padding="same", name="last")(x))


def sequence(keras):
    layers = keras.layers
    return keras.Sequential([
        keras.Input((32, 8)), layers.Conv1D(12, 3, name="conv"), layers.MaxPooling1D(2, name="pool"),
        layers.LSTM(9, return_sequences=True, name="lstm"), layers.GlobalMaxPooling1D(name="top"),
        layers.Dense(4, name="four"),
        layers.Reshape((2, 2), name="square"), layers.Activation("relu", name="relu"), layers.Flatten(name="flat"),
        layers.Dense(1, activation="sigmoid", name="yes")])


def unet(keras):
    """Two ways down and two up, joined across: what a skip is for."""
    layers = keras.layers

    def twice(x, filters, name):
        for place in "ab":
            x = layers.Conv2D(filters, 3, padding="same", activation="relu", name=f"{name}{place}")(x)
        return x

    start = keras.Input((64, 64, 1), name="scan")
    first = twice(start, 8, "down1")
    second = twice(layers.MaxPooling2D(2, name="pool1")(first), 16, "down2")
    x = twice(layers.MaxPooling2D(2, name="pool2")(second), 32, "middle")
    for number, (skip, filters) in enumerate(((second, 16), (first, 8)), 1):
        x = layers.Conv2DTranspose(filters, 2, strides=2, name=f"up{number}")(x)
        x = twice(layers.Concatenate(name=f"join{number}")([skip, x]), filters, f"after{number}")
    return keras.Model(start, layers.Conv2D(1, 1, activation="sigmoid", name="mask")(x))


def text(keras):
    """A classifier of 40 words of 2000."""
    layers = keras.layers
    start = keras.Input((40,), dtype="int32", name="words")
    x = layers.Embedding(2000, 16, name="embedded")(start)
    x = layers.Bidirectional(layers.LSTM(12, return_sequences=True), name="read")(x)
    x = layers.Dense(16, activation="relu", name="inner")(layers.GlobalMaxPooling1D(name="top")(x))
    return keras.Model(start, layers.Dense(2, activation="softmax", name="mood")(x))


def autoencoder(keras):
    layers = keras.layers
    start = keras.Input((28, 28, 1), name="image")
    x = layers.Conv2D(16, 3, strides=2, padding="same", activation="relu", name="enc1")(start)
    x = layers.Conv2D(8, 3, strides=2, padding="same", activation="relu", name="enc2")(x)
    x = layers.Dense(16, name="code")(layers.Flatten(name="flat")(x))
    x = layers.Reshape((7, 7, 8), name="square")(layers.Dense(392, activation="relu", name="back")(x))
    x = layers.Conv2DTranspose(16, 3, strides=2, padding="same", activation="relu", name="dec1")(x)
    return keras.Model(start, layers.Conv2DTranspose(1, 3, strides=2, padding="same", activation="sigmoid",
                                                     name="picture")(x))


def video(keras):
    """Five steps of a picture in, and the scores of attention among what it shows: shapes that TensorSpace has not."""
    layers = keras.layers
    start = keras.Input((5, 14, 10, 3), name="film")
    x = layers.ConvLSTM2D(6, 3, return_sequences=True, name="recurrent")(start)
    x = layers.Conv3D(12, 3, padding="same", activation="relu", name="volume")(x)
    x = layers.MaxPooling3D((1, 2, 2), name="pool")(x)
    x = layers.Reshape((5, 288), name="steps")(x)
    x, scores = layers.MultiHeadAttention(4, 6, name="attend")(x, x, return_attention_scores=True)
    x = layers.GlobalAveragePooling1D(name="mean")(x)
    return keras.Model(start, [layers.Dense(4, activation="softmax", name="kind")(x), scores])


BUILDERS = {builder.__name__: builder for builder in (rgb, branched, two_inputs, not_square, uneven, sequence, unet,
                                                      text, autoencoder, video)}


# What Python 3.6 draws too, beside the trained LeNet: a model of words that its own Keras saved.
BOTH_STACKS = ("text",)


def make(name, directory):
    """Build one of BUILDERS or of the zoo with random weights."""
    keras = oracle.load(oracle.FLAVOURS[-1])
    zoo.BUILDERS.update(BUILDERS)
    model = zoo.planted(keras, name)
    os.makedirs(directory)
    model.save(os.path.join(directory, "source.h5"))
    inputs = zoo.samples(model, name)
    if name == "text":
        inputs = [numpy.random.RandomState(1).randint(0, 2000, inputs[0].shape).astype("float32")]
    if name == "rgb":
        preprocess(keras, directory)
    finish(keras, model, directory, None, inputs)


def preprocess(keras, directory):
    """Write directory/preprocessed.npz: a picture, and what keras.applications make of it by each of their ways."""
    picture = numpy.random.RandomState(2).randint(0, 256, (32, 32, 3)).astype("float32")
    ways = {mode: zoo.application(keras, "imagenet_utils", "preprocess_input")(picture[None].copy(), mode=mode)[0]
            for mode in ("caffe", "tf", "torch")}
    numpy.savez(os.path.join(directory, "preprocessed.npz"), picture=picture, **ways)


def trained(directory, data):
    """Train the guide's LeNet on the first 12000 images of `data`, for three epochs; an epoch where no test asks what
    digit it sees."""
    arrays, origin = dataset.load(data)
    arrays = dict(arrays, x_train=arrays["x_train"][:12000], y_train=arrays["y_train"][:12000])
    os.makedirs(directory)
    small, source = os.path.join(directory, "data.npz"), os.path.join(directory, "source.h5")
    dataset.save(small, arrays, origin)
    epochs = "3" if needs.STACK == "modern" else "1"
    child.run("train", ["--data", small, "--out", source, "--epochs", epochs], quiet=True)
    keras = oracle.load(oracle.FLAVOURS[-1])
    images = arrays["x_test"][samples.places(arrays["y_test"])].astype("float32") / 255
    finish(keras, keras.models.load_model(source), directory, LAYERS, [images])


def finish(keras, model, directory, layers, inputs):
    """Encapsulate and convert directory/source.h5; write what Keras makes of `inputs`."""
    source, encapsulated, json_dir = (os.path.join(directory, part) for part in ("source.h5", "enc_model.h5", "json"))
    os.makedirs(json_dir)
    names = encapsulate.build(source, encapsulated, layers=layers)["outputs"]
    convert.convert(encapsulated, json_dir)
    values = oracle.predict(oracle.multi_output(keras, model, names), inputs)
    arrays = {f"input_{place}": value for place, value in enumerate(inputs)}
    arrays.update((f"output_{place}", value.astype("float32")) for place, value in enumerate(values))
    numpy.savez(os.path.join(directory, "reference.npz"), **arrays)


if __name__ == "__main__":
    if sys.argv[2] == "trained":
        trained(os.path.join(sys.argv[1], "trained"), sys.argv[3])
    else:
        for each in sys.argv[2:]:
            make(each, os.path.join(sys.argv[1], each))
