"""Multi-output models: h5 to h5, the same bytes every time; refusals name the file, the layer and what to do."""
import json
import os
import subprocess
import sys

import h5py
import numpy
import pytest

from scripts import Fault, convert, encapsulate, formats, preprocess, summary
from scripts.layers import encapsulation, outputs, topology
from tests.attacks import builders
from tests.unit import handmade


def attribute(path, name):
    with h5py.File(path, "r") as file:
        value = file.attrs[name]
    return json.loads(value if isinstance(value, str) else value.decode())


@pytest.mark.parametrize("major, spelling", [(2, "batch_input_shape"), (3, "batch_shape")])
def test_enc_model_is_written_in_the_dialect_of_its_source(major, spelling, tmp_path):
    enc = str(tmp_path / "enc.h5")
    facts = encapsulate.build(handmade.h5(tmp_path / "model.h5", major=major), enc, layers=["softmax", "conv"])
    assert facts == {"inputs": ["start"], "outputs": ["softmax", "conv"]}
    record = attribute(enc, "model_config")
    assert record["class_name"] == "Functional"
    assert spelling in record["config"]["layers"][0]["config"]
    assert record["config"]["output_layers"] == [["softmax", 0, 0], ["conv", 0, 0]]


def test_before_keras_2_4_a_graph_of_layers_is_called_model(tmp_path):
    enc = str(tmp_path / "enc.h5")
    encapsulate.build(handmade.h5(tmp_path / "model.h5", change=lambda file: file.attrs.update(
        {"keras_version": "2.2.4-tf"})), enc)
    assert attribute(enc, "model_config")["class_name"] == "Model"


def test_the_same_source_gives_the_same_bytes(tmp_path):
    source = handmade.h5(tmp_path / "model.h5")
    first, second = str(tmp_path / "one.h5"), str(tmp_path / "two.h5")
    encapsulate.build(source, first)
    subprocess.check_call([sys.executable, "-c", "import time; time.sleep(1.1)"])  # HDF5 stores times in seconds
    encapsulate.build(source, second)
    with open(first, "rb") as one, open(second, "rb") as two:
        assert one.read() == two.read()


def test_every_layer_but_inputs_is_the_default(tmp_path):
    assert encapsulate.build(handmade.h5(tmp_path / "model.h5"), str(tmp_path / "enc.h5"))["outputs"] == handmade.NAMES


def test_weights_that_no_output_needs_are_left_out(tmp_path):
    enc = str(tmp_path / "enc.h5")
    encapsulate.build(handmade.h5(tmp_path / "model.h5"), enc, layers=["pool"])
    with formats.read(enc) as model:
        assert list(model.weights) == ["start", "conv", "pool"]
        assert numpy.array_equal(model.weights["conv"][0].read(), handmade.values()["conv"][0][1])


def test_compile_stores_the_guides_settings(tmp_path):
    enc = str(tmp_path / "enc.h5")
    encapsulate.build(handmade.h5(tmp_path / "model.h5"), enc, compile=True)
    config = attribute(enc, "training_config")
    assert config["loss"] == "sparse_categorical_crossentropy"
    assert config["optimizer_config"]["class_name"] == "Adam"


@pytest.mark.parametrize("layers, line", [
    (["Conv"], "no layer is called 'Conv', did you mean 'conv'.; there are: conv, pool, flat, dense, softmax"),
    (["start"], "'start' is an input"), (["conv", "conv"], "asked for twice"), ([], "no output layer")])
def test_wrong_names_are_refused_with_the_file_and_what_there_is(layers, line, tmp_path):
    source = handmade.h5(tmp_path / "model.h5")
    with pytest.raises(Fault, match=line) as caught:
        encapsulate.build(source, str(tmp_path / "enc.h5"), layers=layers)
    assert str(caught.value).startswith(source + ": ")
    assert not (tmp_path / "enc.h5").exists()


def test_a_layer_that_tensorflow_js_lacks_does_not_stop_encapsulation(tmp_path):
    record = handmade.topology()
    record["config"]["layers"].insert(3, {"class_name": "Lambda", "config": {
        "name": "code", "trainable": True, "dtype": "float32", "function": ["4wEAAAA=", None, None]}})
    enc = str(tmp_path / "enc.h5")
    assert "code" in encapsulate.build(handmade.h5(tmp_path / "model.h5", record), enc)["outputs"]
    assert attribute(enc, "model_config")["config"]["layers"][3]["config"]["function"] == ["4wEAAAA=", None, None]


DAMAGED_LAYERS = [
    None, 5, "x", [], {}, {"class_name": "Dense"}, {"class_name": "Dense", "config": None},
    {"class_name": "Dense", "config": {"name": 5}}, {"class_name": "LSTM", "config": {"name": "q"}},
    {"class_name": "Dense", "config": {"name": "q", "units": "many"}},
    {"class_name": "Bidirectional", "config": {"name": "q"}},
    {"class_name": "RNN", "config": {"name": "q", "cell": 5}},
    {"class_name": "StackedRNNCells", "config": {"name": "q", "cells": 5}},
    {"class_name": "TimeDistributed",
     "config": {"name": "q", "layer": {"class_name": "Dense", "config": []}}},
    {"class_name": "Conv2D", "config": {"name": "q", "kernel_size": {}, "filters": 3}},
    {"class_name": "Dense", "config": {"name": "a\0b", "units": 1}},
    {"class_name": "Dense", "config": {"name": "\ud800", "units": 1}}]


@pytest.mark.parametrize("value", DAMAGED_LAYERS, ids=repr)
def test_a_damaged_layer_is_one_line_that_names_the_file(value, tmp_path):
    record = handmade.topology()
    record["config"]["layers"][3] = value
    source = handmade.h5(tmp_path / "model.h5", record)
    with pytest.raises(Fault) as caught:
        encapsulate.build(source, str(tmp_path / "enc.h5"))
    assert str(caught.value).startswith(source) and "\n" not in str(caught.value)


def bent(change):
    def bend(file):
        weights = handmade.values()
        change(weights)
        del file["model_weights"]
        handmade.fill(file.create_group("model_weights"), weights)
    return bend


@pytest.mark.parametrize("change, line", [
    (lambda weights: weights.pop("dense"), "'dense' .Dense. needs 2 weights but the file holds 0"),
    (lambda weights: weights["dense"].pop(), "needs 2 weights but the file holds 1"),
    (lambda weights: weights.update(dense=[("kernel", numpy.zeros((72, 5), "f4")), ("bias", numpy.zeros(4, "f4"))]),
     "has shape .72, 5. but layer 'dense' needs"),
    (lambda weights: weights.update(pool=[("kernel", numpy.zeros(3, "f4"))]), "'pool' .MaxPooling2D. needs 0 weights"),
])
def test_weights_that_contradict_the_topology_are_refused(change, line, tmp_path):
    with pytest.raises(Fault, match=line):
        encapsulate.build(handmade.h5(tmp_path / "model.h5", change=bent(change)), str(tmp_path / "enc.h5"))


def test_weights_of_a_layer_that_is_not_there_are_refused(tmp_path):
    record = handmade.topology()
    del record["config"]["layers"][-1]
    with pytest.raises(Fault, match="weights for a layer 'softmax' that the topology does not have"):
        encapsulate.build(handmade.h5(tmp_path / "model.h5", record), str(tmp_path / "enc.h5"))


def test_an_open_input_size_is_fixed_in_what_is_written(tmp_path):
    record = handmade.topology()
    record["config"]["layers"][0]["config"]["batch_input_shape"] = [None, None, None, 1]
    enc = str(tmp_path / "enc.h5")
    encapsulate.build(handmade.h5(tmp_path / "model.h5", record), enc, input_shape=[14, 14, 1])
    assert attribute(enc, "model_config")["config"]["layers"][0]["config"]["batch_input_shape"] == [None, 14, 14, 1]


@pytest.mark.parametrize("given", [{"b": [8], "a": [4]}, [[4], [8]]])
def test_several_open_inputs_take_their_sizes_by_name_or_in_their_order(given, tmp_path):
    encapsulate.build(open_inputs(tmp_path), str(tmp_path / "enc.h5"), input_shape=given)
    layers = attribute(str(tmp_path / "enc.h5"), "model_config")["config"]["layers"]
    assert [layer["config"].get("batch_input_shape") for layer in layers] == [[None, 4], [None, 8], None]


def open_inputs(folder):
    """The path of an h5 whose two inputs, a and b, have no size."""
    both = {"class_name": "Concatenate", "config": {"name": "both", "trainable": True, "dtype": "float32", "axis": -1}}
    return builders.plain_h5(folder, builders.functional(
        [builders.start("a", None), builders.start("b", None), builders.call(both, [("a", 0), ("b", 0)])],
        [("both", 0)], inputs=("a", "b")))


def test_the_command_takes_a_flag_for_each_input_and_says_so(tmp_path):
    source, out = open_inputs(tmp_path), str(tmp_path / "out")
    done = run("scripts.preprocess", source, out, "--input-shape", "8")
    assert done.returncode == 1 and "--input-shape a=8 --input-shape b=8;" in done.stderr
    for flags in (["a=8,b=8"], ["8", "8"], ["a=8", "8"]):
        done = run("scripts.preprocess", source, out, *["--input-shape=" + flag for flag in flags])
        assert (done.returncode, done.stderr.count("\n")) == (1, 1) and "a=" in done.stderr
    done = run("scripts.preprocess", source, out, "--input-shape", "a=4", "--input-shape", "b=8")
    assert (done.returncode, done.stderr) == (0, "")


def never_built(folder, **options):
    """The path of an h5 of a Sequential that does not say its input's shape."""
    record = handmade.topology()
    del record["config"]["layers"][:4]
    record["config"]["layers"] = [layer for layer in record["config"]["layers"] if layer["class_name"] == "Dense"]
    return handmade.h5(folder / "model.h5", record, **options)


def test_a_sequential_that_was_never_built_is_to_be_built(tmp_path):
    for stage in ("scripts.summary", "scripts.preprocess"):
        done = run(stage, never_built(tmp_path, weights={}), *[str(tmp_path / "out")][:stage == "scripts.preprocess"])
        assert (done.returncode, done.stderr.count("\n")) == (1, 1) and "call the model once" in done.stderr


def test_summary_takes_the_input_shape_that_a_sequential_lacks(tmp_path):
    source = never_built(tmp_path, weights={layer: own for layer, own in handmade.values().items() if layer != "conv"})
    assert "input_shape in models.toml" in run("scripts.summary", source).stderr
    done = run("scripts.summary", source, "--input-shape", "72")
    assert (done.returncode, done.stderr) == (0, "") and "(None, 4)" in done.stdout


def test_summary_says_of_an_operation_that_it_is_no_layer(tmp_path):
    def operation(name, class_name, *sources):
        return builders.call({"class_name": "TFOpLambda", "config": {"name": name, "function": class_name}},
                             [(source, 0) for source in sources])

    record = builders.functional([builders.start(), operation("cut", "math.relu", "start"), operation(
        "sum", "math.add", "start", "cut"), operation("more", "math.add", "sum")], [("more", 0)])
    with formats.read(builders.plain_h5(tmp_path, record)) as model:
        said = {row["layer"]: row["shown"] for row in summary.rows(model)}
    assert said["sum"] == "yes"
    assert said["cut"] == "TensorFlow.js does not have it"


def test_a_model_that_keras_has_quantized_is_to_be_saved_before(tmp_path):
    record = handmade.topology(3)
    record["config"]["layers"][4]["config"]["dtype"] = {
        "module": "keras", "class_name": "QuantizedDTypePolicy", "config": {"mode": "int8"}, "registered_name": None}
    done = run("scripts.preprocess", handmade.h5(tmp_path / "model.h5", record, 3), str(tmp_path / "out"))
    assert done.returncode == 1 and "before its quantize()" in done.stderr


def test_weights_of_bfloat16_are_named(tmp_path):
    def change(file):
        del file["model_weights/dense/dense/bias:0"]
        file["model_weights/dense/dense/bias:0"] = numpy.zeros(4, "V2")

    done = run("scripts.preprocess", handmade.h5(tmp_path / "model.h5", change=change), str(tmp_path / "out"))
    assert done.returncode == 1 and "bfloat16" in done.stderr


def run(*arguments):
    return subprocess.run([sys.executable, "-m"] + list(arguments), stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          universal_newlines=True)


def test_the_command_writes_where_it_is_told_and_nothing_over_another_file(tmp_path):
    source, target = handmade.h5(tmp_path / "model.h5"), str(tmp_path / "enc.h5")
    done = run("scripts.encapsulate", source, target, "--layers", "conv,softmax")
    assert (done.returncode, done.stderr) == (0, "") and "2 outputs: conv, softmax" in done.stdout
    again = run("scripts.encapsulate", source, target)
    assert again.returncode == 1 and "is there already" in again.stderr and again.stderr.count("\n") == 1
    assert run("scripts.encapsulate", source, target, "--force").returncode == 0
    assert run("scripts.encapsulate", source, source, "--force").returncode == 1
    assert sorted(path.name for path in tmp_path.iterdir()) == ["enc.h5", "model.h5"]


@pytest.mark.parametrize("stage, target, meant", [(convert, "out", "out"), (encapsulate, "enc.h5", "DIRECTORY")])
def test_a_stage_that_runs_no_python_names_the_command_that_does(stage, target, meant):
    with pytest.raises(Fault) as raised:
        stage.main(["my model.h5", target, "--trust", "a.py", "--trust", "b.py:make"])
    assert str(raised.value) == (
        "--trust: this command runs no Python of a model's own: python -m scripts.preprocess 'my model.h5' "
        f"{meant} --trust a.py --trust b.py:make converts it in one step")


# The whole way in one command ------------------------------------------------------------------------------

@pytest.mark.parametrize("flags", [
    ["--layers", "conv,softmax"], ["--output_layer_names=conv,softmax", "--input_model_from=keras",
                                   "--input_model_format=topology_weights_combined"],
    ["--input_model_from", "tensorflow", "--input_model_format", "tf_keras", "--output_layer_names", "conv,softmax"]])
def test_preprocess_takes_its_own_flags_and_those_of_the_old_converter(flags, tmp_path):
    done = run("scripts.preprocess", *(flags + [handmade.h5(tmp_path / "model.h5"), str(tmp_path / "out")]))
    assert (done.returncode, done.stderr) == (0, "")
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["group1-shard1of1.bin", "model.json"]
    assert "2 outputs: conv, softmax" in done.stdout


@pytest.mark.parametrize("flags", [[], ["--input_model_from=keras", "--input_model_format=topology_weights_separated"],
                                   ["--input_model_from=tensorflow", "--input_model_format=tf_keras_separated"]])
def test_preprocess_takes_topology_and_weights_with_a_comma_between_them(flags, tmp_path):
    first, second = handmade.separated(tmp_path)
    for arguments in ([first + "," + second], [first, "--weights", second]):
        done = run("scripts.preprocess", arguments[0], str(tmp_path / "out"), *(arguments[1:] + flags))
        assert (done.returncode, done.stderr) == (0, "")


def test_preprocess_takes_a_tensorflow_js_model_as_the_old_converter_did(tmp_path):
    source, first, second = handmade.h5(tmp_path / "model.h5"), str(tmp_path / "first"), str(tmp_path / "second")
    assert run("scripts.preprocess", source, first, "--layers", "conv,softmax").returncode == 0
    done = run("scripts.preprocess", "--input_model_from=tfjs", "--output_layer_names=pool",
               os.path.join(first, "model.json"), second)
    assert (done.returncode, done.stderr) == (0, "") and "1 outputs: pool" in done.stdout
    assert sorted(os.listdir(second)) == ["group1-shard1of1.bin", "model.json"]


def test_preprocess_replaces_its_own_result_and_leaves_no_old_shard(tmp_path):
    source, out = handmade.h5(tmp_path / "model.h5"), tmp_path / "out"
    assert run("scripts.preprocess", source, str(out), "--shard-size", "300").returncode == 0
    assert len(list(out.iterdir())) > 3
    (out / "notes.txt").write_text("mine")
    assert run("scripts.preprocess", source, str(out)).returncode == 0
    assert sorted(path.name for path in out.iterdir()) == ["group1-shard1of1.bin", "model.json", "notes.txt"]


@pytest.mark.parametrize("stage, named", [("preprocess", "model.json"), ("preprocess", ""), ("convert", "model.json")])
def test_a_model_of_ours_that_is_the_source_is_not_overwritten(stage, named, tmp_path):
    out = str(tmp_path / "out")
    assert run("scripts.preprocess", handmade.h5(tmp_path / "model.h5"), out).returncode == 0
    before = {path.name: path.read_bytes() for path in (tmp_path / "out").iterdir()}
    done = run("scripts." + stage, os.path.join(out, named), out)
    assert (done.returncode, done.stderr.count("\n")) == (1, 1) and "belongs to the source" in done.stderr
    assert {path.name: path.read_bytes() for path in (tmp_path / "out").iterdir()} == before


def test_weights_that_are_read_are_not_overwritten(tmp_path):
    topology, weights = handmade.separated(tmp_path)
    before = open(weights, "rb").read()
    done = run("scripts.encapsulate", topology, weights, "--weights", weights, "--force")
    assert done.returncode == 1 and "belongs to the source" in done.stderr
    assert open(weights, "rb").read() == before


def test_an_h5_is_written_under_a_name_that_keras_opens_and_into_a_new_directory_too(tmp_path):
    source, new = handmade.h5(tmp_path / "model.h5"), str(tmp_path / "new" / "enc.h5")
    for place, line in ((str(tmp_path / "enc.keras"), "let it end in .h5"), (source + "/enc.h5", "no directory")):
        for arguments in (["scripts.encapsulate", source, place],
                          ["scripts.preprocess", source, str(tmp_path / "out"), "--enc-model", place]):
            done = run(*arguments)
            assert (done.returncode, done.stderr.count("\n")) == (1, 1) and line in done.stderr
    assert run("scripts.preprocess", source, str(tmp_path / "out"), "--enc-model", new).returncode == 0
    assert run("scripts.encapsulate", source, str(tmp_path / "newer" / "enc.h5")).returncode == 0
    assert open(new, "rb").read() == (tmp_path / "newer" / "enc.h5").read_bytes()
    assert sorted(os.listdir(str(tmp_path))) == ["model.h5", "new", "newer", "out"]


def test_preprocess_overwrites_nothing_that_it_did_not_write(tmp_path):
    out = tmp_path / "out"
    out.mkdir()
    (out / "model.json").write_text("{}")
    done = run("scripts.preprocess", handmade.h5(tmp_path / "model.h5"), str(out))
    assert done.returncode == 1 and "is there already" in done.stderr
    assert [path.name for path in out.iterdir()] == ["model.json"] and (out / "model.json").read_text() == "{}"


def test_a_fault_leaves_nothing_behind(tmp_path):
    done = run("scripts.preprocess", handmade.h5(tmp_path / "model.h5"), str(tmp_path / "out"), "--layers", "nope")
    assert done.returncode == 1 and done.stderr.count("\n") == 1 and "Traceback" not in done.stderr
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("arguments", [[], ["a.h5"], ["a.h5", "out", "--nonsense"],
                                       ["a.h5", "out", "--quantize", "int4"],
                                       ["a.h5", "out", "--input-shape", "big"]])
def test_wrong_arguments_are_one_line(arguments):
    done = run("scripts.preprocess", *arguments)
    assert done.returncode == 1 and done.stderr.count("\n") == 1


def test_preprocess_never_imports_tensorflow(tmp_path):
    code = ("import sys; from scripts import preprocess; preprocess.main(sys.argv[1:]); "
            "print(sorted({name.split('.')[0] for name in sys.modules} & {'tensorflow', 'keras', 'tf_keras'}))")
    done = subprocess.run([sys.executable, "-c", code, handmade.h5(tmp_path / "model.h5"), str(tmp_path / "out")],
                          stdout=subprocess.PIPE, universal_newlines=True)
    assert done.returncode == 0 and done.stdout.endswith("[]\n")


def test_summary_prints_every_layer(tmp_path):
    done = run("scripts.preprocess", "-s", handmade.h5(tmp_path / "model.h5"))
    assert done.returncode == 0 and all(name in done.stdout for name in handmade.NAMES)


def test_quantization_is_spelt_by_dtype_and_pattern():
    assert preprocess.quantization("uint8") == "uint8"
    assert preprocess.quantization("uint8=conv*,uint8=dense*,float16") == {"uint8": ["conv*", "dense*"],
                                                                           "float16": True}


def test_the_spelling_of_an_output_is_the_shortest_that_tells_it_apart(tmp_path):
    with formats.read(handmade.h5(tmp_path / "model.h5")) as model:
        graph = topology.graph(model.topology)
        assert [outputs.spelling(graph, ref) for ref in outputs.find(graph, ["conv@0", "pool:0"])] == ["conv", "pool"]


def test_directories_that_were_made_for_a_result_that_did_not_come_go_again(tmp_path):
    source = handmade.h5(tmp_path / "model.h5")
    (tmp_path / "mine").mkdir()
    with pytest.raises(Fault):
        encapsulate.main([source, str(tmp_path / "mine" / "one" / "two" / "enc.h5"), "--layers", "nosuch"])
    assert os.listdir(str(tmp_path / "mine")) == []


def test_sizes_of_one_input_twice_are_refused(tmp_path):
    with pytest.raises(Fault, match="a is given twice"):
        encapsulate.main([handmade.h5(tmp_path / "model.h5"), str(tmp_path / "enc.h5"),
                          "--input-shape", "a=8", "--input-shape", "a=9"])


@pytest.mark.parametrize("shape", [[4], [[4]], {"d_input": [4]}])
def test_a_sequential_without_its_shape_takes_it_in_every_form(shape):
    record = {"class_name": "Sequential", "config": {"name": "s", "layers": [
        {"class_name": "Dense", "config": {"name": "d", "units": 2}}]}}
    assert encapsulation.with_input_shape(record, shape)["config"]["build_input_shape"] == [None, 4]
