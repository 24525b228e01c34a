"""The Node process that the tests of models share says of each model what a process of its own says."""
import json
import os
from concurrent import futures

import numpy
import pytest

from scripts import Fault, convert
from scripts.tfjs import write_graph, write_layers
from scripts.viewer import packages, predict
from tests import needs, shared_node
from tests.unit import handmade


@pytest.fixture
def model_json(tmp_path):
    """A small model, converted."""
    needs.node()
    source = handmade.h5(tmp_path / "source.h5")
    (tmp_path / "js").mkdir()
    convert.convert(source, str(tmp_path / "js"))
    return str(tmp_path / "js" / "model.json")


def alone(monkeypatch):
    """Let each model have a Node process of its own, as outside of the tests."""
    monkeypatch.setattr(predict, "run_node", ALONE)


ALONE = predict.run_node


@pytest.mark.parametrize("version", ["1.0.0", "4.22.0"])
def test_it_gives_the_bits_that_a_process_of_its_own_gives(version, model_json, monkeypatch):
    bundle = packages.bundle("@tensorflow/tfjs", version)
    inputs = [numpy.random.RandomState(0).rand(*shape).astype("float32") for shape in shapes(model_json, bundle)]
    shared = [predict.predict(model_json, inputs, bundle) for _ in range(2)]
    assert predict.run_node is shared_node.run_node
    alone(monkeypatch)
    found = predict.predict(model_json, inputs, bundle)
    for once in shared:
        assert [name for name, _ in once] == [name for name, _ in found]
        assert all(one.tobytes() == other.tobytes() for (_, one), (_, other) in zip(once, found))


def shapes(model_json, bundle):
    return [[2] + entry["shape"][1:] for entry in predict.describe(model_json, bundle)["inputs"]]


def test_what_it_refuses_is_refused_in_the_same_words(model_json, monkeypatch):
    words = []
    for _ in range(2):
        with pytest.raises(Fault) as caught:
            predict.predict(model_json, [numpy.zeros((1, 1), "float32")] * 9)
        words.append(str(caught.value))
        alone(monkeypatch)
    assert words[0] == words[1] and "9 given" in words[0]


def test_no_model_meets_what_another_one_has_left(model_json, tmp_path):
    bundle = tmp_path / "bundle.js"
    bundle.write_text("if (globalThis.left) throw new Error('found what was left'); globalThis.left = 1;\n"
                      "throw new Error('found nothing');")
    for _ in range(2):
        with pytest.raises(Fault, match="found nothing"):
            predict.describe(model_json, str(bundle))


def test_its_end_is_the_fault_of_the_model_that_was_asked_for_and_the_next_one_is_answered(model_json, tmp_path):
    bundle = tmp_path / "bundle.js"
    bundle.write_text("process.exit(7);")
    with pytest.raises(Fault, match=f"{os.path.basename(model_json)}: TensorFlow.js in Node: Node ended with 7"):
        predict.describe(model_json, str(bundle))
    assert predict.describe(model_json)["format"] == "layers"


def test_each_of_many_threads_gets_the_answer_to_its_own_request(model_json, tmp_path):
    """The messages of files that are missing name them, so no two answers are alike."""
    bundle = packages.bundle("@tensorflow/tfjs")
    missing = [str(tmp_path / f"missing-{number}") for number in range(40)]

    def ask(path):
        return shared_node.run_node(bundle, model_json, path, str(tmp_path / "answer"))

    with futures.ThreadPoolExecutor(8) as threads:
        answers = list(threads.map(ask, missing))
    assert [(status, path in said) for path, (status, said) in zip(missing, answers)] == [(1, True)] * 40


def test_another_process_answers_after_enough_models(model_json, monkeypatch):
    monkeypatch.setattr(shared_node, "ENOUGH", 2)
    shared_node.NODE.end()
    asked = []
    for _ in range(3):
        assert predict.describe(model_json)["format"] == "layers"
        asked.append(shared_node.NODE.process.pid)
    assert asked[0] == asked[1] != asked[2]


def test_a_result_that_tensorflow_js_does_not_load_is_noticed(loads, tmp_path, monkeypatch):
    """A layer that no TensorFlow.js has, written in the name of the one that it stands for."""
    source = handmade.h5(tmp_path / "source.h5")
    before = json.dumps
    monkeypatch.setattr(write_layers.json, "dumps", lambda document, **options: before(document, **options).replace(
        '"Dense"', '"NoSuchLayer"'))
    convert.convert(source, str(tmp_path))
    refused = loads.taken()
    assert len(refused) == 1 and "model.json: " in refused[0] and "NoSuchLayer" in refused[0]


def test_a_graph_that_tensorflow_js_does_not_load_is_noticed_where_nobody_runs_it(loads, tmp_path, monkeypatch):
    """An operation that no TensorFlow.js has, written in the name of the one that it stands for."""
    source = handmade.h5(tmp_path / "source.h5")
    before = json.dumps
    convert.convert(source, str(tmp_path / "right"), format="graph")
    predict.describe(str(tmp_path / "right" / "model.json"))
    monkeypatch.setattr(write_graph.json, "dumps", lambda document, **options: before(document, **options).replace(
        '"modelTopology"', '"noTopology"'))
    convert.convert(source, str(tmp_path / "wrong"), format="graph")
    assert len(loads.kept) == 2
    refused = loads.taken()
    assert len(refused) == 1 and "model.json: " in refused[0] and loads.kept == {}
    assert sorted(os.listdir(str(tmp_path))) == ["right", "source.h5", "wrong"]
