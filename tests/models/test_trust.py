"""A model with Python of its own: what Keras computes, TensorFlow.js computes, once that Python may run.

Live models are traced in this process, files in a child.  Every layer is held against Keras's own values, in
TensorFlow.js 1.0.0 and in today's, by `execute`.
"""
import json
import os
import signal
import subprocess
import sys

import numpy
import pytest

from scripts import preprocess, verify
from scripts.base.fault import Fault
from scripts.tfjs import graph
from scripts.tracing import by_keras, files, load_by_keras, places, process
from scripts.tracing.trust import Trusted
from scripts.viewer import packages, predict
from tests import needs
from tests.models import lowered, oracle, own_classes

IDS, IMAGES = "ids", "images"


def text(keras, own):
    """Keras's example of text classification with a transformer."""
    x = start = keras.Input((10,), name="ids")
    x = own.TokenAndPositionEmbedding(10, 20, 8, name="embed")(x)
    x = own.TransformerBlock(8, name="block")(x)
    x = keras.layers.GlobalAveragePooling1D(name="pool")(x)
    return keras.Model(start, keras.layers.Dense(2, activation="softmax", name="out")(x))


def vit(keras, own):
    """Keras's example of a vision transformer, with patches that fill the image."""
    x = start = keras.Input((8, 12, 3), name="images")
    x = own.Patches(4, name="patches")(x)
    x = own.PatchEncoder(6, 8, name="encoder")(x)
    x = own.TransformerBlock(8, name="block")(x)
    return keras.Model(start, keras.layers.Dense(2, name="out")(keras.layers.Flatten(name="flat")(x)))


def involution(keras, own):
    """Keras's example of involutions, and patches that overhang."""
    x = start = keras.Input((7, 6, 4), name="images")
    first = own.Involution(4, 2, 3, 2, name="inv")(x)
    y = own.Patches(4, name="patches")(keras.layers.ReLU(name="relu")(first))
    return keras.Model(start, [first, y])


def random_values(keras, model):
    """Give a model random weights, variances above zero."""
    random = numpy.random.RandomState(5)
    values = []
    for variable, value in zip(model.weights, model.get_weights()):
        drawn = random.normal(0, 0.4, value.shape)
        kept = "variance" in (getattr(variable, "path", None) or variable.name) or value.dtype.kind != "f"
        values.append(value if kept else drawn.astype(value.dtype))
    model.set_weights(values)
    return model


def computed(path, fed, names, versions=(lowered.OLDEST, None)):
    """Yield (version, {name: values}) of TensorFlow.js's, by `execute`."""
    for version in versions:
        bundle = packages.bundle("@tensorflow/tfjs", version) if version else packages.bundle("@tensorflow/tfjs")
        found = predict.predict(path, fed, bundle, [node_of(path, name) for name in names], sync=True)
        yield version, {name: output.values for name, output in zip(names, found)}


def node_of(path, name):
    return told(path)["outputs"][name]


def told(path):
    with open(path, encoding="utf-8") as stream:
        return json.load(stream)["userDefinedMetadata"]["tensorspace"]


def agree(path, fed, expected, versions=(lowered.OLDEST, None)):
    """Hold every output in {name: values} against TensorFlow.js's."""
    for version, found in computed(path, fed, list(expected), versions):
        far = {name: lowered.distance(values, found[name]) for name, values in expected.items()}
        assert all(value <= 1e-5 for value in far.values()), (version, far)


def converted(model, folder, layers=None, **settings):
    """Trace a live model and write it; return the path of its model.json."""
    needs.node()
    graph.convert(by_keras.trace_live(model, layers, **settings), str(folder), every=True)
    return os.path.join(str(folder), "model.json")


def examples(model):
    shape = (2,) + tuple(model.inputs[0].shape)[1:]
    return [numpy.random.RandomState(3).randint(0, 9, shape).astype("float32")]


@pytest.mark.parametrize("build", [text, vit, involution], ids=lambda build: build.__name__)
@pytest.mark.parametrize("flavour", lowered.FLAVOURS)
def test_a_live_model_with_own_layers_is_what_keras_computes(flavour, build, tmp_path):
    keras = oracle.load(flavour)
    keras.backend.clear_session()
    model = random_values(keras, build(keras, own_classes.module(flavour)))
    path, fed = converted(model, tmp_path / "js"), examples(model)
    names = list(told(path)["outputs"])
    assert names == [layer.name for layer in model.layers[1:]]
    agree(path, fed, dict(zip(names, oracle.predict(oracle.multi_output(keras, model, names), fed))))
    layers = {layer["name"]: layer for layer in told(path)["layers"]}
    assert set(layers) == {model.layers[0].name} | set(names)
    for layer in model.layers[1:]:
        assert layers[layer.name]["class_name"] == type(layer).__name__
        assert layers[layer.name]["parameters"] == layer.count_params()
        assert layers[layer.name]["inputs"]


@pytest.mark.parametrize("flavour", lowered.FLAVOURS)
def test_layers_inside_own_layers_have_names(flavour, tmp_path):
    keras = oracle.load(flavour)
    keras.backend.clear_session()
    model = random_values(keras, text(keras, own_classes.module(flavour)))
    path, fed = converted(model, tmp_path / "js", ["block/ffn/wide", "block/layernorm1", "block"]), examples(model)
    block, embed = model.get_layer("block"), model.get_layer("embed")
    x = embed(fed[0])
    norm = block.layernorm1(x + block.att(x, x))
    agree(path, fed, {"block/ffn/wide": numpy.asarray(block.ffn.layers[0](norm)),
                      "block/layernorm1": numpy.asarray(norm), "block": numpy.asarray(block(x))})
    with pytest.raises(Fault, match="no layer is called 'block/nothing'; there are: .*block/att"):
        by_keras.trace_live(model, ["block/nothing"])


@pytest.mark.parametrize("flavour", lowered.FLAVOURS)
def test_a_live_subclassed_model_has_its_layers_in_the_order_of_the_calls(flavour, tmp_path):
    keras = oracle.load(flavour)
    keras.backend.clear_session()
    own = own_classes.module(flavour)
    with pytest.raises(Fault, match="not built: call it once"):
        by_keras.trace_live(own.Classifier())
    model = random_values(keras, own.make())
    path = converted(model, tmp_path / "js")
    fed = [numpy.random.RandomState(3).normal(size=(2, 9, 8, 3)).astype("float32")]
    conv = model.conv(fed[0])
    block = model.block(conv)
    flat = model.flatten(block + conv)
    first, second = model.heads[0](flat), model.heads[1](flat)
    expected = {"conv": conv, "block": block, "flatten": flat, "heads_0@0": first, "heads_0@1": first,
                "second": second, "sum": first + second}
    assert list(told(path)["outputs"]) == list(expected)
    agree(path, fed, {name: numpy.asarray(value) for name, value in expected.items()})
    with pytest.raises(Fault, match="'heads_0' is called 2 times: ask for heads_0@0 or heads_0@1"):
        by_keras.trace_live(model, ["heads_0"])


@pytest.mark.parametrize("flavour", lowered.FLAVOURS)
def test_random_numbers_at_inference_are_drawn_in_the_browser(flavour, tmp_path):
    keras = oracle.load(flavour)
    keras.backend.clear_session()
    own = own_classes.module(flavour)
    start = keras.Input((4,), name="start")
    mean = keras.layers.Dense(300, name="mean")(start)
    spread = keras.layers.Dense(300, kernel_initializer="zeros", name="spread")(start)
    model = keras.Model(start, [own.Sampling(name="z")([mean, spread]), mean])
    path, fed = converted(model, tmp_path / "js"), [numpy.ones((2, 4), "float32")]
    agree(path, fed, {"mean": numpy.asarray(model.get_layer("mean")(fed[0]))})
    (_, found), = computed(path, fed, ["mean", "z"], [None])
    drawn = found["z"] - found["mean"]
    assert abs(drawn.mean()) < 0.2 and abs(drawn.std() - 1) < 0.2


@pytest.mark.parametrize("flavour", lowered.FLAVOURS)
def test_nothing_global_is_left_changed(flavour):
    import tensorflow
    keras = oracle.load(flavour)
    model = own_classes.module(flavour).make()
    layer = by_keras.class_of(model, "Layer")
    before = layer.__dict__["__call__"], tensorflow.config.functions_run_eagerly()
    by_keras.trace_live(model)
    assert (layer.__dict__["__call__"], tensorflow.config.functions_run_eagerly()) == before
    with pytest.raises(Fault, match="a int is no Keras model"):
        by_keras.trace_live(3)
    assert keras is oracle.load(flavour)
