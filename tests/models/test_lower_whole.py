"""Whole models as graph models: the zoo, keras.applications, random ones."""
import json
import os

import pytest

from scripts import preprocess
from scripts.viewer import packages, predict
from scripts.viewer.renderers.tensorspace import drawing
from tests import needs
from tests.models import lowered, oracle, zoo

needs.tensorflow()
SMALL = [builder.__name__ for builder in zoo.SMALL]
# Keras itself rounds to float16 on the way, TensorFlow.js does not
ROUNDED = {"half": 2e-3}


@pytest.mark.parametrize("name", SMALL)
@pytest.mark.parametrize("flavour", oracle.FLAVOURS)
def test_every_model_of_the_zoo_is_right_as_a_graph_model_too(flavour, name, tmp_path):
    needs.node()
    model = oracle.planted(flavour, name)
    source = str(tmp_path / ("model.keras" if flavour == "keras3" else "model.h5"))
    model.save(source)
    names = preprocess.preprocess(source, str(tmp_path / "js"), format="graph").facts["outputs"]
    expected = model.activations(names)
    for version in (lowered.OLDEST, None):
        bundle = packages.bundle("@tensorflow/tfjs", version) if version else packages.bundle("@tensorflow/tfjs")
        found = predict.predict(os.path.join(str(tmp_path), "js", "model.json"), model.inputs, bundle,
                                [name.replace(":", "/") for name in names], sync=True)
        far = {name: lowered.distance(value, output.values) for name, value, output in zip(names, expected, found)}
        assert {key: value for key, value in far.items() if not value <= ROUNDED.get(name, 1e-5)} == {}, version


APPLICATIONS = [("keras3", "MobileNetV3Small", 48), ("keras3", "ConvNeXtTiny", 32), ("keras3", "InceptionResNetV2", 75),
                ("keras2", "MobileNetV3Small", 48)]


@pytest.mark.modern  # Keras 2.6 has other ones, and computes the same
@pytest.mark.parametrize("flavour,name,size", APPLICATIONS)
def test_an_application_that_no_layers_suffice_for_is_right_as_a_graph_model(flavour, name, size, tmp_path):
    def application(keras):
        return getattr(keras.applications, name)(weights=None, input_shape=(size, size, 3), classes=10)

    made = lowered.Model(flavour, application)
    names = [layer.name for layer in made.model.layers[1:]]
    lowered.agree(made, tmp_path, names[:-1:20] + names[-1:], bound=1e-4)


def test_the_page_draws_a_graph_model_by_the_layers_that_it_tells_of(tmp_path):
    needs.node()
    keras = oracle.load(oracle.FLAVOURS[-1])
    keras.backend.clear_session()
    layers = keras.layers
    start = keras.Input((6, 4), name="start")
    x = layers.GRU(3, return_sequences=True, reset_after=True, name="gru")(start)
    sum_of = layers.Add(name="sum")([layers.Dense(3, name="left")(x), x])
    source = str(tmp_path / "model.h5")
    keras.Model(start, layers.Dense(2, activation="softmax", name="end")(layers.Flatten(name="flat")(sum_of))).save(
        source)
    preprocess.preprocess(source, str(tmp_path / "js"))
    path = str(tmp_path / "js" / "model.json")
    with open(path) as file:
        drawn = drawing.drawing(json.load(file), predict.describe(path))
    assert [(layer["name"], layer["keras"], layer["sources"]) for layer in drawn["layers"]] == [
        ("gru", "GRU", ["start"]), ("left", "Dense", ["gru"]), ("sum", "Add", ["left", "gru"]),
        ("flat", "Flatten", ["sum"]), ("end", "Dense", ["flat"])]
    assert [layer["parameters"] for layer in drawn["layers"]] == [81, 12, 0, 0, 38]
