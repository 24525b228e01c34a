"""Graph models of TensorFlow.js, made by the official converter from Keras models, in a process of its own.

    python -m tests.models.graph_models DIRECTORY

DIRECTORY/MODEL/values.npz has what Keras computes: x, and each layer's activation under its name.
DIRECTORY/MODEL/VARIANT is the graph model of each of VARIANTS.
"""
import json
import os
import subprocess
import sys

import numpy

from scripts import formats, preprocess, verify
from scripts.formats import graphs, tfjs_graph
from scripts.operations import beginnings, graphdef, loops, shapes
from scripts.operations.graph import Tensor
from tests import needs

VARIANTS = {"plain": [], "uint8": ["--quantize_uint8=*"], "float16": ["--quantize_float16=*"],
            "mixed": ["--quantize_uint16=*/s*,*/third/*", "--quantize_uint8=*/first/*",
                      "--quantize_float16=*/hidden/*"],
            "v2": ["--control_flow_v2=True"]}
MADE = {"cnn": ["plain", "uint8", "float16", "mixed"], "rnn": ["plain", "v2"]}


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


PARTS = ("Split", "SplitV", "Unpack", "TopKV2")  # of whose outputs TensorFlow.js computes each


def inside(source):
    """The names of all tensors of numbers that a graph computes of its inputs, or of where it begins, by `execute`."""
    file = formats.read(source)
    file = file if hasattr(file, "opened") else graphs.GraphFile(source)
    if not file.for_tensorflow_js and os.path.isdir(source):
        graph = file.freeze(None, True)
        there = set(graph.nodes)
        loops.unroll(graph)
    else:
        graph, there = file.opened()[0], set(operations(file))
    waiting, reached = beginnings.blocked(graph), set(graph.inputs[:1] if graph.begins else graph.inputs)
    found = []
    for node in shapes.in_order(graph):
        if reached.intersection(one.node for one in node.inputs) and node.name not in reached | set(waiting):
            reached.add(node.name)
            count = len(node.outputs) if node.op in PARTS else 1
            found += [str(Tensor(node.name, place)) for place in range(count) if node.name in there
                      and node.outputs[place].dtype in beginnings.NUMBERS]
    return found


def operations(file):
    """The operations of a graph in a file, without those of the steps of loops."""
    if file.for_tensorflow_js:
        return tfjs_graph.read_graph(file.path, file.document)[0].nodes
    with open(file.path, "rb") as content:
        return graphdef.read(content.read()).nodes


def agree_inside(source, target, **settings):
    """Convert a graph with every tensor as an output; each is what the oracle of scripts.verify computes."""
    source, target = str(source), str(target)
    names = inside(source)
    preprocess.preprocess(source, target, layers=names, **settings)
    report, _ = verify.verify(source, os.path.join(target, "model.json"), names)
    assert [row["name"] for row in report["outputs"]] == names
    far = [row for row in report["outputs"] if row["relative"] is None or row["relative"] > 1e-5]
    assert not far, (report["oracle"], far)
    return names


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
    older(os.path.join(directory, "cnn", "mixed"), os.path.join(directory, "cnn", "older"))


def older(source, target):
    """Write a graph model as converters before 2.0 did: weights in groups with shards of their own, whole numbers that
    are quantized too, and nothing about what they were before that."""
    os.mkdir(target)
    with open(os.path.join(source, "model.json")) as file:
        document = json.load(file)
    group, = document["weightsManifest"]
    with open(os.path.join(source, *group["paths"]), "rb") as file:
        content = file.read()
    groups, place = [], 0
    for count, one in enumerate(group["weights"]):
        one.get("quantization", {}).pop("original_dtype", None)
        size = int(numpy.prod(one["shape"])) * numpy.dtype(one.get("quantization", one)["dtype"]).itemsize
        groups.append({"paths": [f"group{count + 1}-shard1of1"], "weights": [one]})
        with open(os.path.join(target, f"group{count + 1}-shard1of1"), "wb") as file:
            if one["dtype"] == "int32":  # [-1, 16], which is -1 + 255 * 0.0665 when it is rounded
                assert numpy.frombuffer(content[place:place + size], "<i4").tolist() == [-1, 16]
                one["quantization"] = {"dtype": "uint8", "min": -1, "scale": 0.0665}
                file.write(b"\0\xff")
            else:
                file.write(content[place:place + size])
        place += size
    with open(os.path.join(target, "model.json"), "w") as file:
        json.dump(dict(document, weightsManifest=groups), file)


if __name__ == "__main__":
    main(sys.argv[1])
