"""What is written loads and computes alike in every TensorFlow.js, TensorSpace's own 1.0.0 and today's."""
import numpy
import pytest

from scripts.tfjs import write_layers
from scripts.viewer import packages, predict
from tests import needs
from tests.unit import made
from tests.unit.made import functional, layer, start

VERSIONS = ("1.0.0", "4.22.0")


def computed(record, inputs, version, folder):
    """What TensorFlow.js of that version gives for the outputs of the model, whose weights are ones."""
    needs.node()
    write_layers.write(made.model(record), str(folder))
    found = predict.predict(str(folder / "model.json"), inputs, packages.bundle("@tensorflow/tfjs", version))
    return [value for _, value in found]


INITIALIZERS = [
    ("VarianceScaling", {"scale": 2.0, "mode": "fan_in", "distribution": "truncated_normal", "seed": None}),
    ("VarianceScaling", {"scale": 2.0, "mode": "fan_avg", "distribution": "untruncated_normal", "seed": 3}),
    ("VarianceScaling", {"scale": 2.0, "mode": "fan_out", "distribution": "uniform", "seed": 3}),
    ("LecunUniform", {"seed": None}), ("LecunNormal", {"seed": None}), ("HeUniform", {"seed": 1}),
    ("HeNormal", {"seed": 1}), ("GlorotUniform", {"seed": None}), ("GlorotNormal", {"seed": None}),
    ("TruncatedNormal", {"mean": 0.0, "stddev": 0.1, "seed": None}), ("Constant", {"value": 0.5}),
    ("RandomUniform", {"minval": -1, "maxval": 1, "seed": None}), ("RandomNormal", {"mean": 0.0, "stddev": 1.0}),
    ("Orthogonal", {"gain": 1.0, "seed": None}), ("Identity", {"gain": 1.0}), ("Zeros", {}), ("Ones", {}),
    ("Mine", {"of": "a user"})]


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("name, config", INITIALIZERS, ids=str)
def test_a_layer_loads_whatever_initialized_its_weights(name, config, version, tmp_path):
    given = {"class_name": name, "config": config}
    record = functional([start(), layer("Dense", "dense", "start", units=4, activation="linear", use_bias=True,
                                        kernel_initializer=given, bias_initializer=given)], "dense")
    found, = computed(record, [numpy.ones((2, 4), "float32")], version, tmp_path)
    assert numpy.array_equal(found, numpy.full((2, 4), 5, "float32"))  # four ones by a kernel of ones, and a bias of one


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("settings", [
    {"kernel_regularizer": {"class_name": "L1", "config": {"l1": 0.1}}},
    {"kernel_regularizer": {"class_name": "OrthogonalRegularizer", "config": {"factor": 0.1}}},
    {"activity_regularizer": {"class_name": "L2", "config": {"l2": 0.1}}},
    {"kernel_constraint": {"class_name": "RadialConstraint", "config": {}}},
    {"bias_constraint": {"class_name": "NonNeg", "config": {}}}], ids=str)
def test_a_layer_loads_whatever_kept_its_weights_small(settings, version, tmp_path):
    record = functional([start(), layer("Dense", "dense", "start", units=4, activation="linear", use_bias=True,
                                        **settings)], "dense")
    found, = computed(record, [numpy.ones((2, 4), "float32")], version, tmp_path)
    assert numpy.array_equal(found, numpy.full((2, 4), 5, "float32"))
