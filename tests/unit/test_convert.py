"""Conversion to TensorFlow.js: the dialect it is written in, what is refused and with which choices, the command."""
import json
import os
import subprocess
import sys

import h5py
import numpy
import pytest

from scripts import Fault, convert, encapsulate, formats
from scripts.layers.model import Model, Weight
from scripts.tfjs import passes, refusals
from tests.unit import handmade


def converted(source, folder, **options):
    """Convert an h5; return (names, the document)."""
    target = os.path.join(str(folder), "js")
    os.mkdir(target)
    names = convert.convert(source, target, **options)
    with open(os.path.join(target, names[0])) as file:
        return names, json.load(file)


def layers_of(document):
    return {layer["config"]["name"]: layer for layer in document["modelTopology"]["model_config"]["config"]["layers"]}


@pytest.mark.parametrize("major", [2, 3])
def test_model_json_is_in_the_keras_2_dialect(major, tmp_path):
    enc = str(tmp_path / "enc.h5")
    encapsulate.build(handmade.h5(tmp_path / "model.h5", major=major), enc)
    _, document = converted(enc, tmp_path)
    text = json.dumps(document)
    assert document["format"] == "layers-model"
    assert document["modelTopology"]["model_config"]["class_name"] == "Model"
    assert document["modelTopology"]["keras_version"].startswith("2.")
    for word in ("batch_shape\"", "DTypePolicy", "__keras_tensor__", "registered_name", "Functional", "module"):
        assert word not in text
    layers = layers_of(document)
    assert layers["start"]["config"]["batch_input_shape"] == [None, 14, 14, 1]
    assert layers["dense"]["config"]["dtype"] == "float32"
    assert layers["pool"]["inbound_nodes"] == [[["conv", 0, 0, {}]]]


def test_weights_stand_sorted_by_layer_under_the_names_that_tensorflow_js_looks_for(tmp_path):
    _, document = converted(handmade.h5(tmp_path / "model.h5"), tmp_path)
    assert [weight["name"] for weight in document["weightsManifest"][0]["weights"]] == [
        "conv/kernel", "conv/bias", "dense/kernel", "dense/bias", "softmax/kernel", "softmax/bias"]


def test_the_json_may_be_named_otherwise_and_still_names_its_shards(tmp_path):
    names, document = converted(handmade.h5(tmp_path / "model.h5"), tmp_path, json_name="lenet.json", shard_size=400)
    assert names == ["lenet.json"] + document["weightsManifest"][0]["paths"]
    assert sorted(os.listdir(str(tmp_path / "js"))) == sorted(names)
    with formats.read(str(tmp_path / "js" / "lenet.json")) as model:
        assert numpy.array_equal(model.weights["dense"][0].read(), handmade.values()["dense"][0][1])


@pytest.mark.parametrize("name", ["../model.json", "a/b.json", "model.js", ".json", "manifest.json", "", "a\n.json"])
def test_a_json_name_that_is_no_plain_name_is_refused(name, tmp_path):
    with pytest.raises(Fault, match="json_name"):
        converted(handmade.h5(tmp_path / "model.h5"), tmp_path, json_name=name)


def with_layer(index, class_name, name="strange", **config):
    record = handmade.topology()
    record["config"]["layers"].insert(index, {"class_name": class_name, "config": dict(
        {"name": name, "trainable": True, "dtype": "float32"}, **config)})
    return record


def refused(record, folder, layers=None):
    source, enc = handmade.h5(folder / "model.h5", record), str(folder / "enc.h5")
    encapsulate.build(source, enc, layers=layers)
    with pytest.raises(Fault) as caught:
        converted(enc, folder, format="layers")
    assert os.listdir(str(folder / "js")) == []
    return str(caught.value)


@pytest.mark.parametrize("class_name, config", [
    ("Lambda", {"function": ["code", None, None]}), ("Custom>Mine", {}), ("Normalization", {}), ("Attention", {}),
    ("Subtract", {})])
def test_a_layer_that_tensorflow_js_lacks_is_named_with_its_class_and_the_choices(class_name, config, tmp_path):
    line = refused(with_layer(3, class_name, **config), tmp_path)
    assert f"layer 'strange' is a {class_name}: TensorFlow.js does not have it" in line
    assert line.endswith("outputs that do without it: conv, pool")


def test_it_does_not_matter_where_no_chosen_output_needs_it(tmp_path):
    enc = str(tmp_path / "enc.h5")
    encapsulate.build(handmade.h5(tmp_path / "model.h5", with_layer(3, "Lambda")), enc, layers=["pool", "conv"])
    _, document = converted(enc, tmp_path)
    assert set(layers_of(document)) == {"start", "conv", "pool"}


def test_where_every_output_needs_it_there_is_no_choice(tmp_path):
    assert refused(with_layer(1, "Lambda"), tmp_path, ["conv", "pool"]).endswith("every output needs it")


@pytest.mark.parametrize("class_name, config, reason", [
    ("ReLU", {"negative_slope": 0.1}, "negative_slope"), ("ReLU", {"threshold": 1.0}, "threshold"),
    ("ELU", {"alpha": 0.5}, "alpha=1"), ("Activation", {"activation": "exponential"}, "'exponential'"),
    ("Activation", {"activation": {"class_name": "LeakyReLU", "config": {}}}, "LeakyReLU"),
    ("UpSampling2D", {"interpolation": "bilinear"}, "interpolates differently"),
    ("GRU", {"units": 2, "reset_after": True}, "reset_after"), ("Conv1D", {"padding": "causal"}, "causal"),
    ("Conv2D", {"groups": 2}, "grouped"), ("LayerNormalization", {"rms_scaling": True}, "rms_scaling"),
    ("MultiHeadAttention", {}, "by keyword"), ("Resizing", {}, "spoils the shape"),
    ("GlobalMaxPooling2D", {"keepdims": True, "data_format": "channels_first"}, "channels first"),
    ("MaxPooling1D", {"data_format": "channels_first"}, "no data_format"),
    ("GlobalAveragePooling1D", {"data_format": "channels_first"}, "no data_format"),
    ("SeparableConv2D", {"data_format": "channels_first"}, "cannot add its bias"),
    ("DepthwiseConv2D", {"dilation_rate": [2, 2]}, "does not dilate"),
    ("DepthwiseConv2D", {"dilation_rate": 2}, "does not dilate"),
    ("Conv2DTranspose", {"dilation_rate": [1, 2]}, "does not dilate"),
    ("Conv3DTranspose", {"output_padding": [0, 0, 0]}, "no output_padding"),
    ("Concatenate", {"axis": -2}, "from the front"), ("LSTM", {"time_major": True}, "time_major"),
    ("RNN", {"return_state": True, "cell": {"class_name": "StackedRNNCells", "config": {}}}, "in another order"),
    ("Bidirectional", {"layer": {"class_name": "RNN", "config": {}}}, "an RNN of cells"),
    ("Bidirectional", {"layer": {"class_name": "LSTM", "config": {"units": 2, "activation": "tanh"}},
                       "backward_layer": {"class_name": "LSTM", "config": {"units": 2, "activation": "relu"}}},
     "another activation"),
    ("Bidirectional", {"layer": {"class_name": "LSTM", "config": {}},
                       "backward_layer": {"class_name": "GRU", "config": {}}}, "is a GRU")])
def test_settings_that_tensorflow_js_takes_and_computes_otherwise_are_refused(class_name, config, reason):
    assert reason in refusals.refusal({"class_name": class_name, "config": config}, 2).text


@pytest.mark.parametrize("class_name, config", [
    ("DepthwiseConv2D", {"dilation_rate": [1, 1]}), ("Conv2DTranspose", {"dilation_rate": 1, "output_padding": None}),
    ("Concatenate", {"axis": -1}), ("MaxPooling1D", {"data_format": "channels_last"}),
    ("RNN", {"return_state": True, "cell": {"class_name": "LSTMCell", "config": {}}}),
    ("Bidirectional", {"layer": {"class_name": "LSTM", "config": {"units": 2, "name": "a", "go_backwards": False}},
                       "backward_layer": {"class_name": "LSTM", "config": {"units": 2, "name": "b",
                                                                           "go_backwards": True}}})])
def test_and_those_that_it_computes_alike_are_not(class_name, config):
    assert refusals.refusal({"class_name": class_name, "config": config}, 3) is None


def test_keras_3s_hard_sigmoid_is_another_function_than_tensorflow_jss():
    record = {"class_name": "Activation", "config": {"activation": "hard_sigmoid"}}
    assert refusals.refusal(record, 2) is None
    assert "x / 6 + 0.5" in refusals.refusal(record, 3).text


def test_normalizing_along_another_axis_than_the_last_is_refused(tmp_path):
    record = with_layer(2, "BatchNormalization", axis=[1], scale=False, center=False)
    source = handmade.h5(tmp_path / "model.h5", record)
    with h5py.File(source, "r+") as file:
        group = file["model_weights"]
        group.attrs["layer_names"] = [name.encode() for name in ["conv", "strange"] + handmade.NAMES[1:]]
        own = group.create_group("strange")
        own.attrs["weight_names"] = [b"strange/moving_mean:0", b"strange/moving_variance:0"]
        own["strange/moving_mean:0"] = own["strange/moving_variance:0"] = numpy.ones(12, "float32")
    with pytest.raises(Fault, match="'strange' is a BatchNormalization along axis 1 of 4"):
        converted(source, tmp_path, format="layers")


def test_a_constant_added_by_an_operator_is_refused_by_name():
    record = handmade.topology(3)
    tensor = {"class_name": "__keras_tensor__", "config": {"shape": [None, 4], "dtype": "float32",
                                                           "keras_history": ["start", 0, 0]}}
    start = dict(record["config"]["layers"][0], name="start", inbound_nodes=[])
    twice = {"module": "keras.src.ops.numpy", "class_name": "Multiply", "registered_name": "Multiply",
             "name": "multiply", "config": {"name": "multiply"},
             "inbound_nodes": [{"args": [tensor, {"class_name": "__numpy__", "config": {
                 "value": [[2.0] * 4] * 4, "dtype": "float32"}}], "kwargs": {}}]}
    model = {"class_name": "Functional", "config": {"name": "m", "layers": [start, twice],
                                                    "input_layers": [["start", 0, 0]],
                                                    "output_layers": [["multiply", 0, 0]]}}
    with pytest.raises(Fault, match="'multiply' is the operation Multiply with a constant"):
        passes.keras2(Model(model, keras_version="3.15.1"))


def test_memory_holds_a_piece_of_a_weight_not_the_weight(tmp_path):
    """768 MiB, never in memory at once: the process may take 256 MiB beyond what it has when it starts."""
    code = """
import resource, sys
import numpy
from scripts.wire import shards
from scripts.layers.model import Model, Weight
with open("/proc/self/statm") as file:
    base = int(file.read().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (base + (256 << 20),) * 2)
weight = Weight("w", (3 * 256, 1024, 256), "float32", None, \
lambda start, stop: numpy.zeros((stop - start, 1024, 256), "float32"))
shards.write([weight], sys.argv[1], quantize="uint8")
"""
    subprocess.check_call([sys.executable, "-c", code, str(tmp_path)])
    assert sum(path.stat().st_size for path in tmp_path.iterdir()) == 3 * 64 << 20


def test_the_command_converts_and_prints_what_it_wrote(tmp_path):
    done = subprocess.run([sys.executable, "-m", "scripts.convert", handmade.h5(tmp_path / "model.h5"),
                           str(tmp_path / "js"), "--json-name", "m.json", "--quantize", "uint8"],
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, universal_newlines=True)
    assert (done.returncode, done.stderr) == (0, "")
    assert sorted(os.listdir(str(tmp_path / "js"))) == ["group1-shard1of1.bin", "m.json"]
    assert "m.json, group1-shard1of1.bin" in done.stdout


def test_model_json_names_no_path_and_no_time(tmp_path):
    first, second = tmp_path / "a", tmp_path / "b"
    first.mkdir()
    second.mkdir()
    one = converted(handmade.h5(first / "model.h5"), first)
    two = converted(handmade.h5(second / "other name.h5"), second)
    assert one == two and str(tmp_path) not in json.dumps(one[1])


def test_a_weight_in_memory_is_one_too():
    weight = Weight.of("w", numpy.arange(6).reshape(2, 3))
    assert [list(piece) for piece in weight.pieces(24)] == [[0, 1, 2], [3, 4, 5]]
