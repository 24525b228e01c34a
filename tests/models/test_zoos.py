"""Graphs of TensorFlow 1's zoos: what is before pre- and postprocessing is found, offered and computed alike."""
import functools
import json

import numpy
import pytest

from scripts import Fault, preprocess, summary, verify
from scripts.operations import graphdef, shapes
from scripts.tfjs import adapt, write_graph
from scripts.verification import reference
from scripts.viewer import packages, predict
from tests import needs
from tests.models import graph_models, zoos

DETECTOR = ["Conv2d_0", "Conv2d_1_depthwise", "Conv2d_1_pointwise", "Conv2d_2_pointwise"] + [
    f"BoxPredictor_{place}/{name}" for place in (0, 1) for name in (
        "BoxEncodingPredictor", "Reshape", "ClassPredictor", "Reshape_1")] + ["concat", "concat_1"]
BLOCKS = [f"Mixed_{block}/{name}" for block in ("5b", "5c") for name in (
    "Branch_0", "Branch_1/Conv2d_0a_1x1", "Branch_1/Conv2d_0b_5x5", "concat")]
# model: its outputs, its input and its sizes, words of the line about it
FOUND = {
    "detector": (DETECTOR, "Preprocessor/map/TensorArrayStack/TensorArrayGatherV3", [None, 32, 24, 3], [
        "begins at Preprocessor/map/TensorArrayStack/TensorArrayGatherV3 of ?, 32, 24, 3, after TensorArrayV3 (",
        "by executeAsync alone; detection_boxes, detection_scores: left out"]),
    "detector 2": (DETECTOR, "Preprocessor/map/TensorArrayV2Stack/TensorListStack", [None, 32, 24, 3], [
        "after StatelessWhile (Preprocessor/map/while)", "; detection_boxes, detection_scores: left out"]),
    "inception": (["Conv2d_1a_3x3"] + BLOCKS + ["Logits", "InceptionV3/Predictions/Reshape_1"], "input",
                  [None, 24, 20, 3], []),
    "of_jpeg": (["conv", "conv_1", "pool_3", "softmax"], "ResizeBilinear", [1, 24, 20, 3], [
        "begins at ResizeBilinear of 1, 24, 20, 3, after DecodeJpeg (DecodeJpeg), which takes text or bytes"]),
    "module": (["conv", "default"], "images", [None, 24, 20, 3], []),
    "of_words": (["embedded", "mean", "scores"], "hash_table_Lookup/LookupTableFindV2", [None, 6], [
        "begins at hash_table_Lookup/LookupTableFindV2 of ?, 6, which takes text or bytes"])}


@pytest.mark.parametrize("name", list(FOUND))
def test_what_stands_between_pre_and_postprocessing_is_shown_and_computed_alike(name, tmp_path):
    needs.node()
    zoos.write(name, tmp_path / "source")
    done = preprocess.preprocess(str(tmp_path / "source"), str(tmp_path / "out"))
    outputs, begin, sizes, words = FOUND[name]
    assert (done.facts["outputs"], done.facts["inputs"]) == (outputs, [begin])
    why = done.facts.get("why", "")
    assert all(word in why for word in words) and bool(why) == bool(words), why
    document = json.loads((tmp_path / "out" / "model.json").read_text())
    assert [None if int(one["size"]) < 0 else int(one["size"]) for one in document["signature"]["inputs"][begin][
        "tensorShape"]["dim"]] == sizes
    report, _ = verify.verify(str(tmp_path / "source"), str(tmp_path / "out" / "model.json"))
    assert report["agree"] and report["oracle"] == "TensorFlow", report
    if name not in ("module", "of_words"):
        assert len(graph_models.agree_inside(tmp_path / "source", tmp_path / "inside")) > len(outputs)


@pytest.mark.parametrize("name", ["detector", "inception"])
def test_a_model_of_the_first_converter_is_verified_against_tensorflow(name, tmp_path):
    """In both TensorFlow.js, by execute; TensorFlow runs the GraphDef with the values of the manifest."""
    needs.reference()
    needs.node()
    zoos.write(name, tmp_path / "frozen")
    source, target = tmp_path / "first", tmp_path / "out"
    source.mkdir()
    zoos.first_of(tmp_path / "frozen", source, {"uint8": ["*/weights"], "uint16": ["*_weights"]})
    done = preprocess.preprocess(str(source), str(target))
    assert done.facts["outputs"] == FOUND[name][0] and done.facts["inputs"] == [FOUND[name][1]]
    engines = [verify.Engine(version, functools.partial(predict.predict, bundle=packages.bundle(
        "@tensorflow/tfjs", version), sync=True, outputs=FOUND[name][0])) for version in ("1.0.0", "4.22.0")]
    report, _ = verify.verify(str(source), str(target / "model.json"), engines=engines)
    assert report["oracle"] == "TensorFlow" and [row["engine"] for row in report["outputs"]].count("1.0.0") == len(
        FOUND[name][0])
    assert max(row["relative"] for row in report["outputs"]) <= 1e-5


def test_modules_have_tags_and_signatures_of_their_own(tmp_path, capsys):
    zoos.write("module", tmp_path / "source")
    summary.main([str(tmp_path / "source"), "--signature", "image_feature_vector", "--json"])
    told = json.loads(capsys.readouterr().out)
    assert [row["layer"] for row in told["layers"]] == ["images", "conv", "feature"] and told["parameters"] == 248
    done = preprocess.preprocess(str(tmp_path / "source"), str(tmp_path / "out"), signature="image_feature_vector")
    assert done.facts["outputs"] == ["conv", "default"]
    assert preprocess.preprocess(str(tmp_path / "source"), str(tmp_path / "train"), saved_model_tags="train")
    with pytest.raises(Fault, match="no graph is tagged test; there are .untagged. and train"):
        preprocess.preprocess(str(tmp_path / "source"), str(tmp_path / "none"), saved_model_tags="test")
    with pytest.raises(Fault, match="no signature 'x' with outputs; there are default, image_feature_vector: name one"):
        preprocess.preprocess(str(tmp_path / "source"), str(tmp_path / "none"), signature="x")


def test_what_cannot_be_computed_from_there_is_left_as_it_was_asked_for(tmp_path):
    zoos.write("detector", tmp_path / "source")
    done = preprocess.preprocess(str(tmp_path / "source"), str(tmp_path / "out"), layers=["detection_boxes"])
    assert done.facts["inputs"] == ["image_tensor"] and "begins" not in done.facts["why"]
    done = preprocess.preprocess(str(tmp_path / "source"), str(tmp_path / "some"), layers=[
        "Postprocessor/convert_scores", "Conv2d_0"])
    assert done.facts["outputs"] == ["Postprocessor/convert_scores", "Conv2d_0"]
    assert done.facts["inputs"] == ["Preprocessor/map/TensorArrayStack/TensorArrayGatherV3"]


def test_boxes_by_name_are_tensorflow_s_where_the_loops_are_functions(tmp_path):
    """By executeAsync; TensorFlow.js frees what a function writes into a list, so that they become frames."""
    needs.node()
    zoos.write("detector 2", tmp_path / "source")
    names = ["detection_boxes", "detection_scores"]
    done = preprocess.preprocess(str(tmp_path / "source"), str(tmp_path / "out"), layers=names)
    assert (done.facts["inputs"], done.facts["outputs"]) == (["image_tensor"], names)
    assert "nothing that TensorSpace can show, for TensorFlow.js computes StatelessWhile" in done.facts["why"]
    images = numpy.random.RandomState(1).randint(0, 255, (2, 40, 30, 3))
    target = str(tmp_path / "out" / "model.json")
    wanted = verify.graph_values(str(tmp_path / "source"), {"image_tensor": images.astype("uint8")}, names, None, None,
                                 target)
    for values, found in zip(wanted, predict.predict(target, [images])):
        assert numpy.abs(values - found.values).max() <= 1e-5 * max(1, numpy.abs(values).max())


@pytest.mark.parametrize("loops", [1, 2])
def test_a_loop_that_is_too_long_to_be_unrolled_is_told(loops, tmp_path):
    needs.tensorflow()
    zoos.session_of(zoos.steps(5000), tmp_path / "source", loops)
    done = preprocess.preprocess(str(tmp_path / "source"), str(tmp_path / "out"))
    assert done.facts["outputs"] == ["conv", "mean"]
    assert done.facts["why"].startswith("end: left out") and done.facts["why"].endswith(
        "has more steps than are unrolled (4096, or 16000 operations): give an input of fewer")


def test_a_loop_that_is_too_long_runs_on_the_page_where_it_is_asked_for(tmp_path):
    """By executeAsync, as the page does where execute refuses."""
    needs.node()
    zoos.session_of(zoos.steps(4200), tmp_path / "source")
    done = preprocess.preprocess(str(tmp_path / "source"), str(tmp_path / "out"), layers=["mean", "end"])
    assert done.facts["outputs"] == ["mean", "end"]
    assert done.facts["why"].startswith("end: nothing that TensorSpace can show, for TensorFlow.js computes")
    x = numpy.random.RandomState(1).uniform(0, 1, (2, 8, 8, 3)).astype("float32")
    wanted = verify.graph_values(str(tmp_path / "source"), {"input": x}, ["mean", "end"], None, None,
                                 str(tmp_path / "out" / "model.json"))
    for values, found in zip(wanted, predict.predict(str(tmp_path / "out" / "model.json"), [x])):
        assert numpy.abs(values - found.values).max() <= 1e-5 * max(1, numpy.abs(values).max())


@pytest.mark.parametrize("name", ["detector", "detector 2"])
def test_a_graph_model_with_a_preprocessing_begins_behind_it_too(name, tmp_path):
    needs.node()
    zoos.write(name, tmp_path / "source")
    graph = graphdef.read((tmp_path / "source").read_bytes())
    graph.inputs, graph.outputs = ["image_tensor"], ["detection_boxes", "detection_scores"]
    shapes.infer(graph)
    adapt.name_apart(graph)
    write_graph.write(graph, str(tmp_path / "js"))
    found = []
    for source in ("source", "js"):
        done = preprocess.preprocess(str(tmp_path / source), str(tmp_path / (source + ".out")))
        assert (done.facts["outputs"], done.facts["inputs"]) == (DETECTOR, [FOUND[name][1]])
        assert all(word in done.facts["why"] for word in FOUND[name][3])
        x = numpy.random.RandomState(2).uniform(-1, 1, (2, 32, 24, 3)).astype("float32")
        found.append(predict.predict(str(tmp_path / (source + ".out") / "model.json"), [x], sync=True))
    for (_, theirs), (_, mine) in zip(*found):
        assert numpy.abs(theirs - mine).max() <= 1e-6
    report, _ = verify.verify(str(tmp_path / "js"), str(tmp_path / "js.out" / "model.json"))
    assert report["agree"] and report["oracle"] == "TensorFlow.js on the source" and len(report["outputs"]) == len(
        DETECTOR)


def test_a_graph_model_with_words_begins_behind_them_and_is_verified_there(tmp_path):
    """The official converter's, whose table TensorFlow.js has, too; it is fed behind the words."""
    needs.reference()
    needs.node()
    zoos.write("of_words", tmp_path / "source")
    reference.tensorflowjs().converters.converter.convert(["--input_format=tf_saved_model", "--saved_model_tags=serve",
                                                           str(tmp_path / "source"), str(tmp_path / "js")])
    done = preprocess.preprocess(str(tmp_path / "js"), str(tmp_path / "out"))
    assert "which takes text or bytes" in done.facts["why"]
    report, _ = verify.verify(str(tmp_path / "js"), str(tmp_path / "out" / "model.json"))
    assert report["agree"] and report["oracle"] == "TensorFlow.js on the source", report


@pytest.mark.parametrize("name, shape, sizes, refused", [
    ("jpeg", [24, 20, 3], [1, 24, 20, 3], [([24, 20, 4], "contradicts what input 'ExpandDims' declares"), (
        {"contents": [2]}, "every input has its sizes")]),
    ("of_any_words", [6], [None, 6], [([6, 2], "contradicts what input 'words' declares")])])
def test_open_sizes_of_where_a_graph_begins_are_given_too(name, shape, sizes, refused, tmp_path):
    zoos.write(name, tmp_path / "source")
    for place, given in enumerate((shape, {"ExpandDims": shape} if name == "jpeg" else {"words": shape})):
        target = tmp_path / f"out{place}"
        done = preprocess.preprocess(str(tmp_path / "source"), str(target), input_shape=given)
        begin, = json.loads((target / "model.json").read_text())["signature"]["inputs"].values()
        assert [None if int(one["size"]) < 0 else int(one["size"]) for one in begin["tensorShape"]["dim"]] == sizes
        assert done.facts["outputs"][:1] == ["conv" if name == "jpeg" else "embedded"]
    for given, words in refused:
        with pytest.raises(Fault, match=words):
            preprocess.preprocess(str(tmp_path / "source"), str(tmp_path / "none"), input_shape=given)
