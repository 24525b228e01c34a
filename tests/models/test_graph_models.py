"""TensorFlow.js graph models as sources: every own and inner output is what TensorFlow.js computes of the source.

Keras's activations are the oracle of what the converter fused away; tests/models/graph_models.py makes the sources.
"""
import json
import os
import re
import shutil
import subprocess
import sys

import numpy
import pytest

from scripts import Fault, formats, preprocess, verify
from scripts.tfjs import write_graph
from scripts.viewer import packages, predict
from tests import needs
from tests.models import graph_models
from tests.unit import graphs

LAYERS = ["first", "six", "depthwise", "leaky", "sum", "slopes", "pool", "separable", "flat", "hidden", "Identity"]


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """The directory with the graph models."""
    needs.reference()
    needs.node()
    directory = tmp_path_factory.mktemp("graph_models")
    graph_models.convert(directory)
    return directory


def agree(found, wanted, bound=1e-5):
    assert found.shape == wanted.shape
    assert numpy.abs(found - wanted).max() <= bound * max(1, numpy.abs(wanted).max())


def converted(source, target, version="4.22.0", **options):
    """Convert a graph model; return ([(name, values)] of what TensorFlow.js computes, what Keras does)."""
    values = numpy.load(str(source.parent / "values.npz"))
    facts = preprocess.preprocess(str(source), str(target), **options).facts
    found = predict.predict(str(target / "model.json"), [values["x"]], packages.bundle("@tensorflow/tfjs", version))
    assert [name for name, _ in found] == facts["outputs"]
    return found, values


def test_every_layer_is_an_output_under_its_own_name_with_keras_s_values(made, tmp_path):
    assert formats.is_graph(str(made / "cnn" / "plain"))
    found, values = converted(made / "cnn" / "plain", tmp_path)
    assert [name for name, _ in found] == LAYERS
    for name, mine in found:
        agree(mine, values[{"Identity": "last"}.get(name, name)])


@pytest.mark.parametrize("layers, wanted, opened", [
    (["third", "slopes", "Identity:0"], ["third", "slopes", "last"], 1),
    (["pool", "third", "six"], ["pool", "third", "six"], 1), (["second"], ["norm"], 1),
    (["hidden", "StatefulPartitionedCall/cnn/sum/add", "pool/MaxPool"], ["hidden", "sum", "pool"], 0)])
def test_what_the_converter_fused_is_opened_where_somebody_asks_for_what_is_inside(made, tmp_path, layers, wanted,
                                                                                   opened):
    found, values = converted(made / "cnn" / "plain", tmp_path, layers=layers)
    for (_, mine), name in zip(found, wanted):
        agree(mine, values[name])
    nodes = json.loads((tmp_path / "model.json").read_text())["modelTopology"]["node"]
    assert [node["op"] for node in nodes].count("Conv2D") == opened


@pytest.mark.parametrize("variant", ["plain", "uint8", "float16", "mixed", "older"])
def test_own_and_inner_tensors_are_those_of_the_source_and_its_weights_stay_as_they_are(made, tmp_path, variant):
    source = made / "cnn" / variant
    names = [node["name"] for node in json.loads((source / "model.json").read_text())["modelTopology"]["node"]
             if node["op"] not in ("Const", "Placeholder")]
    found, values = converted(source, tmp_path, layers=names)
    assert [name for name, _ in found] == names
    asked = predict.predict(str(source / "model.json"), [values["x"]], outputs=names)
    for (_, mine), (_, theirs) in zip(found, asked):
        agree(mine, theirs)
    before, after = [{one["name"]: one for group in json.loads((place / "model.json").read_text())["weightsManifest"]
                      for one in group["weights"]} for place in (source, tmp_path)]
    assert before == after and any("quantization" in one for one in after.values()) == (variant != "plain")
    sizes = [sum(os.path.getsize(str(place / name)) for name in os.listdir(str(place)) if name != "model.json")
             for place in (tmp_path, source)]
    assert sizes[0] == sizes[1]
    stored = {one["quantization"]["dtype"] for one in after.values() if "quantization" in one}
    assert stored == {"plain": set(), "uint8": {"uint8"}, "float16": {"float16"}}.get(variant, {
        "uint8", "uint16", "float16"})


def test_another_quantization_can_be_asked_for(made, tmp_path):
    preprocess.preprocess(str(made / "cnn" / "float16"), str(tmp_path), quantize="uint16")
    stored = {one["quantization"]["dtype"] for group in json.loads(
        (tmp_path / "model.json").read_text())["weightsManifest"] for one in group["weights"] if "quantization" in one}
    assert stored == {"uint16"}


@pytest.mark.parametrize("change", [
    lambda document: document.pop("signature"), lambda document: document.pop("format"),
    lambda document: document.update(userDefinedMetadata={"signature": document.pop("signature")}),
    lambda document: document["modelTopology"].pop("library", None),
    lambda document: document["modelTopology"].update(library={}, versions={}),
    lambda document: document.update(generatedBy="0.8.0", convertedBy=None),
    lambda document: [group.update(paths=["./" + name for name in group["paths"]])
                      for group in document["weightsManifest"]],
    lambda document: [one.update(i=list(map(int, one["i"]))) for one in (
        node["attr"]["strides"]["list"] for node in document["modelTopology"]["node"]
        if "strides" in node.get("attr", {}))]])
def test_a_model_json_of_any_age_is_read(made, tmp_path, change):
    copy = tmp_path / "cnn" / "plain"
    shutil.copytree(str(made / "cnn" / "plain"), str(copy))
    shutil.copy(str(made / "cnn" / "values.npz"), str(tmp_path / "cnn"))
    document = json.loads((copy / "model.json").read_text())
    change(document)
    (copy / "model.json").write_text(json.dumps(document))
    found, values = converted(copy, tmp_path / "out")
    assert [name for name, _ in found] == LAYERS
    agree(found[-1][1], values["last"])


@pytest.mark.parametrize("layers, words", [
    (["sx"], "no tensor 'sx'; there are Identity, first"), (["hiden"], "near it are hidden"), (["six", "six"], "twice"),
    (["six:1"], "has 1 outputs"), (["six:x"], "OPERATION:NUMBER")])
def test_a_wrong_name_gets_the_nearest_ones(made, tmp_path, layers, words):
    with pytest.raises(Fault, match=words) as caught:
        preprocess.preprocess(str(made / "cnn" / "plain"), str(tmp_path), layers=layers)
    assert "\n" not in str(caught.value) and not os.listdir(str(tmp_path))


def test_it_is_converted_without_tensorflow(made, tmp_path):
    code = ("import sys; from scripts import preprocess\n"
            "preprocess.main([sys.argv[1], sys.argv[2]])\n"
            "assert not {'tensorflow', 'keras', 'tf_keras', 'google.protobuf', 'h5py'} & set(sys.modules), sys.modules")
    subprocess.run([sys.executable, "-c", code, str(made / "cnn" / "plain"), str(tmp_path / "out")], check=True,
                   cwd=needs.ROOT, stdout=subprocess.DEVNULL)


@pytest.mark.parametrize("variant", ["plain", "v2"])
def test_a_loop_over_known_steps_is_unrolled_so_that_execute_runs_it(made, tmp_path, variant):
    source = made / "rnn" / variant
    values = numpy.load(str(source.parent / "values.npz"))
    done = preprocess.preprocess(str(source), str(tmp_path))
    assert done.facts["outputs"] == ["lstm", "gru", "Identity"] and "why" not in done.facts
    found = predict.predict(str(tmp_path / "model.json"), [values["x"]], sync=True)
    for (_, mine), wanted in zip(found, ["lstm", "gru", "last"]):
        agree(mine, values[wanted])
    with pytest.raises(Fault, match="dynamic op|async"):
        predict.predict(str(source / "model.json"), [values["x"]], sync=True)
    assert len(graph_models.agree_inside(source, tmp_path / "inside")) > 5


def test_the_table_of_layers_is_told_without_tensorflow(made):
    code = ("import sys; from scripts import summary; summary.main(sys.argv[1:])\n"
            "assert not {'tensorflow', 'keras', 'tf_keras', 'google.protobuf'} & set(sys.modules), sys.modules")
    for name, words in (("cnn/plain", ["first", "Conv2D", "(None, 16, 16, 4)", "112", "image", "yes"]),
                        ("rnn/v2", ["lstm", "LSTM", "(None, 6, 5)", "180", "x", "yes"])):
        done = subprocess.run([sys.executable, "-c", code, str(made / name)], check=True, cwd=needs.ROOT,
                              stdout=subprocess.PIPE, universal_newlines=True)
        rows = [re.split("  +", line) for line in done.stdout.splitlines()]
        assert words in rows and rows[0] == ["Layer", "Class", "Output", "Parameters", "Inputs", "Shown"]


def test_the_page_is_told_what_each_output_shows(made, tmp_path):
    preprocess.preprocess(str(made / "cnn" / "plain"), str(tmp_path), layers=["first", "sum", "Identity"])
    told = json.loads((tmp_path / "model.json").read_text())["userDefinedMetadata"]["tensorspace"]
    assert told["outputs"] == {"first": "first", "sum": "sum", "Identity": "Identity"}
    assert [(one["name"], one["class_name"], one["shape"], one["inputs"]) for one in told["layers"]] == [
        ("image", "InputLayer", [None, 16, 16, 3], []), ("first", "Conv2D", [None, 16, 16, 4], ["image"]),
        ("sum", "Add", [None, 7, 7, 6], ["first"]), ("Identity", "Dense", [None, 3], ["sum"])]


def test_it_is_verified_against_its_source(made, tmp_path):
    source = str(made / "cnn" / "uint8")
    preprocess.preprocess(source, str(tmp_path), layers=["third", "slopes", "Identity"])
    report, _ = verify.verify(source, str(tmp_path / "model.json"))
    assert report["agree"] and report["oracle"] == "TensorFlow.js on the source"
    assert [row["name"] for row in report["outputs"]] == ["third", "slopes", "Identity"]
    for default in (False, True):  # an input of one number, that is fixed: the source is fed the same
        source, target = str(tmp_path / f"of{default}"), str(tmp_path / f"to{default}")
        write_graph.write(graphs.condition(default), source)
        preprocess.preprocess(source, target, constants={"training": default})
        assert verify.verify(source, os.path.join(target, "model.json"))[0]["agree"]


def test_open_sizes_take_an_input_shape(made, tmp_path):
    source = tmp_path / "open"
    shutil.copytree(str(made / "cnn" / "plain"), str(source))
    document = json.loads((source / "model.json").read_text())
    sizes = [{"size": "-1"}, {"size": "-1"}, {"size": "-1"}, {"size": "3"}]
    document["signature"]["inputs"]["image"]["tensorShape"]["dim"] = sizes
    for node in document["modelTopology"]["node"]:
        if node["name"] == "image":
            node["attr"]["shape"]["shape"]["dim"] = sizes
    (source / "model.json").write_text(json.dumps(document))
    for given, shape in ((None, [None, None, None, 4]), ([16, 16, 3], [None, 16, 16, 4]),
                         ({"image": [20, 24, 3]}, [None, 20, 24, 4])):
        preprocess.preprocess(str(source), str(tmp_path / f"to{shape[1]}"), layers=["first"], input_shape=given)
        told = json.loads((tmp_path / f"to{shape[1]}" / "model.json").read_text())
        assert told["userDefinedMetadata"]["tensorspace"]["layers"][1]["shape"] == shape
    for given, words in (([16, 16], "contradicts"), ([16, 16, 1], "contradicts"), ({"x": [1]}, "no input is called"),
                         ([0, 16, 3], "not sizes above 0")):
        with pytest.raises(Fault, match=words):
            preprocess.preprocess(str(source), str(tmp_path / "none"), input_shape=given)
    with pytest.raises(Fault, match="has no layers: leave out input_shape"):
        preprocess.preprocess(str(made / "cnn" / "plain"), str(tmp_path / "none"), input_shape=[16, 16, 3])


def test_a_model_of_the_first_converter_is_read_with_its_manifest(made, tmp_path):
    """tfjs-converter before 1.0: a GraphDef without the values of its constants, and weights_manifest.json."""
    from google.protobuf import json_format
    from tensorflow.core.framework import graph_pb2
    source = tmp_path / "cnn" / "first"
    shutil.copytree(str(made / "cnn" / "plain"), str(source))
    shutil.copy(str(made / "cnn" / "values.npz"), str(source.parent))
    document = json.loads((source / "model.json").read_text())
    graph = json_format.ParseDict(document["modelTopology"], graph_pb2.GraphDef())
    (source / "tensorflowjs_model.pb").write_bytes(graph.SerializeToString())
    (source / "weights_manifest.json").write_text(json.dumps(document["weightsManifest"]))
    (source / "model.json").unlink()
    found, values = converted(source, tmp_path / "out")
    assert [name for name, _ in found] == LAYERS
    for name, mine in found:
        agree(mine, values[{"Identity": "last"}.get(name, name)])
    shards = [name for name in os.listdir(str(source)) if name.endswith(".bin")]
    assert {os.path.basename(path) for path in formats.files(str(source))} == {
        "tensorflowjs_model.pb", "weights_manifest.json"}.union(shards)
    assert formats.read(str(source / "tensorflowjs_model.pb")).opened()[1].layers
    for manifest, words in (("{}", "it is no list of groups"), ("[]", "is not in the manifest"), ("[", "weights_mani")):
        (source / "weights_manifest.json").write_text(manifest)
        with pytest.raises(Fault, match=words) as caught:
            preprocess.preprocess(str(source), str(tmp_path / "none"))
        assert "\n" not in str(caught.value)
