"""Layers whose names TensorFlow.js cannot take are renamed, and the model computes what it did; the user goes on with
the names of the source."""
import json
import os

import numpy
import pytest

from scripts import formats, preprocess, summary, verify
from scripts.tfjs.passes import names
from scripts.viewer import packages, predict
from tests import needs
from tests.models import oracle

needs.tensorflow()
OLDEST = "1.0.0"


def odd(keras, spaced):
    """A model of two inputs with such names at every level; spaced: names of several words too."""
    layers = keras.layers
    words = (lambda name: name) if spaced else (lambda name: "a_" + name.replace(" ", "_"))
    inner = keras.Input((4, 3), name=words("in side"))
    within = layers.Dense(3, name=words("de nse"))
    nested = keras.Model(inner, layers.TimeDistributed(within, name="toString")(inner), name="constructor")
    one, two = keras.Input((4, 3), name="valueOf"), keras.Input((4, 3), name="second")
    both = layers.Bidirectional(layers.LSTM(2, name=words("ls tm")), name=words("both ways"))
    first = layers.Conv1D(3, 2, padding="same", name=words("first layer"))(nested(one))
    last = layers.Dense(2, name="first_layer")(layers.Add(name="hasOwnProperty")([first, nested(two)]))
    model = keras.Model([one, two], [last, both(last)], name="isPrototypeOf")
    random = numpy.random.RandomState(3)
    model.set_weights([random.normal(0.1, 0.4, value.shape) for value in model.get_weights()])
    return model, ["constructor@0", "constructor@1", words("first layer"), "hasOwnProperty", "first_layer",
                   words("both ways")]


@pytest.mark.parametrize("flavour", oracle.FLAVOURS)
def test_names_that_tensorflow_js_cannot_take(flavour, tmp_path, monkeypatch):
    needs.node()
    keras = oracle.load(flavour)
    keras.backend.clear_session()
    model, wanted = odd(keras, spaced=flavour == "keras3")
    inputs = [numpy.random.RandomState(1 + place).rand(2, 4, 3).astype("float32") for place in range(2)]
    expected = oracle.predict(oracle.multi_output(keras, model, wanted), inputs)
    for ending in ["h5"] + ["keras"] * (needs.STACK == "modern"):
        source, out, enc = [str(tmp_path / (name + ending)) for name in ("model.", "js_", "enc_")]
        enc += ".h5"
        model.save(source)
        os.mkdir(out)
        _, facts = preprocess.preprocess(source, out, enc_model=enc)
        assert facts["outputs"] == wanted and facts["inputs"] == ["valueOf", "second"]
        path = os.path.join(out, "model.json")
        with open(path) as file:
            document = json.load(file)
        found = document["sourceNames"]
        assert found["constructor_"] == "constructor" and found["valueOf_"] == "valueOf"
        if flavour == "keras3":  # "first_layer" is another one's
            assert found["first_layer_"] == "first layer" and found["both_ways"] == "both ways"
        for bundle in (None, packages.bundle("@tensorflow/tfjs", OLDEST)):
            values = predict.predict(path, inputs, bundle)
            assert all(names.is_takeable(output.name) for output in values)
            for name, value, output in zip(wanted, expected, values):
                assert oracle.distance(value, output.values) <= 1e-5, name
        again = keras.models.load_model(enc, compile=False)
        for value, other in zip(expected, oracle.predict(again, inputs)):
            assert oracle.distance(value, other) <= 1e-6
        one = str(tmp_path / ("one_" + ending))
        os.mkdir(one)
        _, facts = preprocess.preprocess(source, one, layers=["constructor/toString@1", "hasOwnProperty"])
        assert oracle.distance(expected[1], predict.predict(one + "/model.json", inputs)[0].values) <= 1e-5
        with formats.read(source) as read:
            rows = {row["layer"]: row["shown"] for row in summary.rows(read)}
        assert rows["constructor"] == rows["hasOwnProperty"] == rows["constructor/toString"] == "yes"
        monkeypatch.setattr(verify, "expected", lambda source, weights, names, given, major: verify.Expected(
            oracle.predict(oracle.multi_output(keras, model, names), given), "Keras"))
        assert verify.verify(source, path).report["agree"]
        graph = str(tmp_path / ("graph_" + ending))
        _, facts = preprocess.preprocess(source, graph, format="graph")
        assert facts["outputs"] == wanted
        for bundle in (None, packages.bundle("@tensorflow/tfjs", OLDEST)):
            for value, output in zip(expected, predict.predict(graph + "/model.json", inputs, bundle)):
                assert oracle.distance(value, output.values) <= 1e-5
        assert verify.verify(source, graph + "/model.json").report["agree"]


def test_the_line_about_new_names_is_said_once_and_only_where_there_are_some(tmp_path, capsys):
    keras = oracle.load(oracle.FLAVOURS[-1])
    for name in ("constructor", "plain"):
        keras.backend.clear_session()
        keras.Sequential([keras.Input((3,)), keras.layers.Dense(2, name=name)]).save(str(tmp_path / f"{name}.h5"))
        preprocess.main([str(tmp_path / f"{name}.h5"), str(tmp_path / name)])
        lines = [line for line in capsys.readouterr().out.splitlines() if "takes no such names" in line]
        assert len(lines) == (name == "constructor")
        assert all(line.endswith("'constructor' is 'constructor_'") for line in lines)


@pytest.mark.parametrize("name, free", [("constructor", "constructor_"), ("__proto__", "proto__"), ("a b", "a_b"),
                                        ("größe", "gr__e"), ("..", "layer"), ("1st", "layer_1st"),
                                        ("a/b-c.d", "a/b-c.d"), ("_constructor", "constructor_")])
def test_a_free_name_is_near_the_old_one(name, free):
    assert names.free(name) == free
    assert names.free(name, {free}) == (free if name == free else free + "_")
