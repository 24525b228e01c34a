"""Graph models of TensorFlow.js, made by the official converter from Keras models, in a process of its own.

    python -m tests.models.graph_models DIRECTORY

DIRECTORY/MODEL/values.npz has what Keras computes: x, and each layer's activation under its name.
DIRECTORY/MODEL/VARIANT is the graph model of each of VARIANTS.
"""
import os
import subprocess
import sys

import numpy

from tests import needs

VARIANTS = {"plain": [], "uint8": ["--quantize_uint8=*"], "float16": ["--quantize_float16=*"],
            "v2": ["--control_flow_v2=True"]}
MADE = {"cnn": ["plain", "uint8", "float16"], "rnn": ["plain", "v2"]}


def convert(directory):
    """Write all models below `directory`."""
    subprocess.run([sys.executable, "-m", "tests.models.graph_models", str(directory)], cwd=needs.ROOT, check=True,
                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def cnn(keras):
    """Every operation that the converter fuses, and a batch normalization that it folds."""
    layers = keras.layers
    image = x = keras.Input((16, 16, 3), name="image")
    x = layers.Conv2D(4, 3, padding="same", activation="relu", name="first")(x)
    x = layers.Conv2D(6, 3, strides=2, use_bias=False, name="second")(x)
    x = layers.BatchNormalization(name="norm")(x)
    x = layers.ReLU(6.0, name="six")(x)
    y = layers.DepthwiseConv2D(3, padding="same", name="depthwise")(x)
    y = layers.LeakyReLU(name="leaky")(y)
    x = layers.Add(name="sum")([x, y])
    x = layers.PReLU(shared_axes=[1, 2], name="slopes")(layers.Conv2D(5, 1, name="third")(x))
    x = layers.MaxPooling2D(name="pool")(x)
    x = layers.SeparableConv2D(4, 2, activation="elu", name="separable")(x)
    x = layers.Flatten(name="flat")(x)
    x = layers.Dense(8, activation="sigmoid", name="hidden")(x)
    return keras.Model(image, layers.Dense(3, activation="softmax", name="last")(x), name="cnn")


def rnn(keras):
    """Two recurrent layers, loops over the six steps of the input; the converter fuses the tanh, too."""
    layers = keras.layers
    x = keras.Input((6, 3), name="x")
    states = layers.LSTM(5, return_sequences=True, name="lstm")(x)
    state = layers.GRU(4, name="gru")(states)
    return keras.Model(x, layers.Dense(2, activation="tanh", name="last")(state), name="rnn")


def main(directory):
    from scripts.training import saved_by_keras
    from scripts.verification import reference
    converter, keras = reference.tensorflowjs().converters.converter, saved_by_keras.legacy_keras()
    for build in (cnn, rnn):
        model, random = build(keras), numpy.random.RandomState(3)
        model.set_weights([random.uniform(0.05, 0.5, one.shape) * (random.choice([-1, 1], one.shape) if one.ndim > 1
                                                                   else 1) for one in model.get_weights()])
        place = os.path.join(directory, model.name)
        saved = os.path.join(place, "saved")
        model.save(saved, save_format="tf")
        x = random.uniform(0, 1, (2,) + tuple(model.inputs[0].shape[1:])).astype("float32")
        layers = [layer for layer in model.layers if layer.input is not layer.output]
        found = keras.Model(model.inputs, [layer.output for layer in layers]).predict(x, verbose=0)
        numpy.savez(os.path.join(place, "values.npz"), x=x, **{
            layer.name: values for layer, values in zip(layers, found)})
        for variant in MADE[model.name]:
            converter.convert(["--input_format=tf_saved_model"] + VARIANTS[variant]
                              + [saved, os.path.join(place, variant)])


if __name__ == "__main__":
    main(sys.argv[1])
