"""What is written loads and computes alike in every TensorFlow.js, TensorSpace's own 1.0.0 and today's."""
import numpy
import pytest

from scripts import formats
from scripts.tfjs import write_layers
from scripts.tfjs.passes import keras2
from scripts.viewer import packages, predict
from tests import needs
from tests.unit import made
from tests.unit.made import functional, layer, start

VERSIONS = ("1.0.0", "4.22.0")


def computed(record, inputs, version, folder, weights=None):
    """What TensorFlow.js of that version gives for the outputs of the model; weights: as made.model takes them."""
    needs.node()
    write_layers.write(made.model(record, weights=weights), str(folder))
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
    assert numpy.array_equal(found, numpy.full((2, 4), 5, "float32"))  # four ones, and the bias


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


def same(values, kernel, strides, dilation):
    """A convolution with padding="same" in numpy: (batch, rows, columns, channels) by a kernel of Keras's layout."""
    padded, counts = values, []
    for axis in (0, 1):
        size, reach = values.shape[axis + 1], (kernel.shape[axis] - 1) * dilation[axis] + 1
        count = -(-size // strides[axis])
        total = max((count - 1) * strides[axis] + reach - size, 0)
        counts.append(count)
        sides = [(0, 0)] * 4
        sides[axis + 1] = (total // 2, total - total // 2)
        padded = numpy.pad(padded, sides, "constant")
    result = numpy.zeros(values.shape[:1] + tuple(counts) + kernel.shape[3:])
    for row in range(counts[0]):
        for column in range(counts[1]):
            top, left = row * strides[0], column * strides[1]
            part = padded[:, top:, left:][:, ::dilation[0], ::dilation[1]][:, :kernel.shape[0], :kernel.shape[1]]
            result[:, row, column] = numpy.tensordot(part, kernel, 3)
    return result


CONVOLUTIONS = [  # shape, kernel, strides, dilation, how many layers are written for it
    ((6, 7, 2), (3, 3), (1, 1), (1, 1), 1), ((6, 7, 2), (1, 5), (1, 1), (1, 1), 2),
    ((7, 6, 2), (5, 1), (1, 1), (1, 1), 2), ((6, 7, 2), (3, 3), (2, 2), (1, 1), 2),
    ((6, 6, 2), (3, 3), (2, 1), (1, 1), 2), ((6, 7, 2), (3, 2), (1, 1), (2, 3), 2),
    ((7, 2), (3,), (1,), (1,), 4), ((8, 2), (5,), (2,), (1,), 4), ((7, 2), (2,), (1,), (1,), 1),
    ((7, 2), (3,), (1,), (3,), 4)]


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("shape, kernel, strides, dilation, count", CONVOLUTIONS, ids=str)
def test_padding_same_is_right_on_all_sides(shape, kernel, strides, dilation, count, version, tmp_path):
    random = numpy.random.RandomState(1)
    weights = random.normal(0, 1, kernel + (2, 3)).astype("float32")
    values = random.normal(0, 1, (2,) + shape).astype("float32")
    conv = layer(f"Conv{len(kernel)}D", "conv", "start", filters=3, kernel_size=list(kernel), strides=list(strides),
                 dilation_rate=list(dilation), padding="same", data_format="channels_last", use_bias=False,
                 activation="linear")
    record = functional([start(shape=shape), conv], "conv")
    found, = computed(record, [values], version, tmp_path, {"conv": [weights]})
    if len(kernel) == 1:
        expected = same(values[:, :, None], weights[:, None], strides + (1,), dilation + (1,))[:, :, 0]
    else:
        expected = same(values, weights, strides, dilation)
    assert numpy.abs(expected - found).max() < 1e-4
    with formats.read(str(tmp_path / "model.json")) as model:
        assert len(model.topology["config"]["layers"]) == 1 + count


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("kind, order", [("DepthwiseConv2D", "channels_last"), ("SeparableConv2D", "channels_last"),
                                         ("Conv2D", "channels_first")])
def test_the_sum_of_the_window_is_that_of_a_square_kernel_with_zeros(kind, order, version, tmp_path):
    """A kernel of (1, 3) is one of (3, 3) whose first and last row are zeros, which every version pads alike."""
    values = numpy.random.RandomState(2).normal(0, 1, (2, 6, 7, 2)).astype("float32")
    found = []
    for size in ((1, 3), (3, 3)):
        settings = {"kernel_size": list(size), "strides": [1, 1], "padding": "same", "data_format": order,
                    "dilation_rate": [1, 1], "use_bias": False, "activation": "linear"}
        settings.update({"depth_multiplier": 1} if kind == "DepthwiseConv2D" else {"filters": 3})
        settings.update({"depth_multiplier": 1} if kind == "SeparableConv2D" else {})
        shape = (6, 7, 2) if order == "channels_last" else (2, 6, 7)
        kernel = numpy.zeros(size + ((2, 3) if kind == "Conv2D" else (2, 1)), "float32")
        kernel[size[0] // 2] = numpy.arange(1, 1 + kernel[0].size).reshape(kernel[0].shape)
        weights = [kernel] + ([numpy.ones((1, 1, 2, 3), "float32")] if kind == "SeparableConv2D" else [])
        folder = tmp_path / f"{size[0]}{size[1]}"
        folder.mkdir()
        given = values if order == "channels_last" else values.transpose(0, 3, 1, 2)
        found += computed(functional([start(shape=shape), layer(kind, "conv", "start", **settings)], "conv"), [given],
                          version, folder, {"conv": weights})
    assert numpy.abs(found[0] - found[1]).max() < 1e-4


def test_a_name_that_a_layer_has_already_is_not_given_to_another():
    conv = layer("Conv2D", "conv", "conv_padded", filters=1, kernel_size=[1, 3], strides=[1, 1], padding="same",
                 use_bias=False, activation="linear")
    record = functional([start(shape=(4, 4, 1)), layer("ReLU", "conv_padded", "start"), conv], "conv", "conv_padded")
    model = keras2(made.model(record, weights={"conv": [numpy.ones((1, 3, 1, 1), "float32")]}))
    assert [item["name"] for item in model.topology["config"]["layers"]] == [
        "start", "conv_padded", "conv_padded_", "conv"]


@pytest.mark.parametrize("version", VERSIONS)
def test_a_flatten_of_a_flat_input_takes_any_size(version, tmp_path):
    record = functional([start(shape=(None,)), layer("Flatten", "flat", "start")], "flat")
    values = numpy.arange(8, dtype="float32").reshape(2, 4)
    found, = computed(record, [values], version, tmp_path)
    assert numpy.array_equal(found, values)
