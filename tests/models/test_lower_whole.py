"""Whole models as graph models: the zoo, keras.applications, random ones."""
import os

import pytest

from scripts import preprocess
from scripts.viewer import packages, predict
from tests import needs
from tests.models import lowered, oracle, zoo

needs.tensorflow()
SMALL = [builder.__name__ for builder in zoo.SMALL]
# What no operation of TensorFlow.js 1.0.0 computes
NEWER = {"convolutions": "Conv3D", "shapes": "MaxPool3D"}
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
    for version in [None] if name in NEWER else [lowered.OLDEST, None]:
        bundle = packages.bundle("@tensorflow/tfjs", version) if version else packages.bundle("@tensorflow/tfjs")
        found = predict.predict(os.path.join(str(tmp_path), "js", "model.json"), model.inputs, bundle,
                                [name.replace(":", "/") for name in names], sync=True)
        far = {name: lowered.distance(value, output.values) for name, value, output in zip(names, expected, found)}
        assert {key: value for key, value in far.items() if not value <= ROUNDED.get(name, 1e-5)} == {}, version
