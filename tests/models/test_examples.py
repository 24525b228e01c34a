"""Graphs that take serialized examples, as estimators save them: scripts/formats/examples.py."""
import os

import numpy
import pytest

from scripts import Fault, preprocess, verify
from scripts.viewer import predict
from tests import needs
from tests.models import oracle

needs.tensorflow()
import tensorflow as tf  # noqa: E402

ROWS = [{"x": [0.5, -1.0, 2.0], "two words": [4.0], "whole": [3, -7]},
        {"x": [1.5, 0.25, -2.0], "two words": [-1.0], "whole": [0, 9]}]
WEIGHTS = numpy.arange(8).reshape(4, 2).astype("float32") / 8


def serialized(rows):
    """The rows as texts of tf.train.Example."""
    def feature(values):
        if isinstance(values[0], int):
            return tf.train.Feature(int64_list=tf.train.Int64List(value=values))
        return tf.train.Feature(float_list=tf.train.FloatList(value=values))
    return [tf.train.Example(features=tf.train.Features(feature={
        key: feature(values) for key, values in row.items()})).SerializeToString() for row in rows]


def computed(found):
    """What both graphs compute of features."""
    joined = tf.concat([found["x"], found["two words"][:, None]], 1)
    return {"scores": tf.nn.softmax(tf.matmul(joined, WEIGHTS)), "count": found["whole"] + 1}


class Parsing(tf.Module):
    """A function of TensorFlow 2, whose operation is ParseExampleV2."""

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="examples")])
    def run(self, examples):
        found = tf.io.parse_example(examples, {
            "x": tf.io.FixedLenFeature([3], tf.float32), "two words": tf.io.FixedLenFeature([], tf.float32),
            "whole": tf.io.FixedLenFeature([2], tf.int64)})
        return computed(found)


def of_session(path, sparse=False):
    """A SavedModel of TensorFlow 1 whose operation is ParseExample; sparse: with a feature of any length."""
    v1 = tf.compat.v1
    with v1.Graph().as_default(), v1.Session() as session:
        examples = v1.placeholder(tf.string, [None], "examples")
        none = tf.zeros([0], tf.float32)
        found = tf.raw_ops.ParseExample(
            serialized=examples, names=[], sparse_keys=["words"] * sparse, dense_keys=["two words", "whole", "x"],
            dense_defaults=[none, tf.zeros([0], tf.int64), none], sparse_types=[tf.int64] * sparse,
            dense_shapes=[[], [2], [3]])
        outputs = computed(dict(zip(("two words", "whole", "x"), found.dense_values)))
        if sparse:
            outputs["words"] = tf.sparse.to_dense(tf.SparseTensor(
                found.sparse_indices[0], found.sparse_values[0], found.sparse_shapes[0]))
        outputs["text"] = tf.strings.as_string(outputs["count"])
        v1.saved_model.simple_save(session, path, {"examples": examples}, outputs)


@pytest.mark.parametrize("kind", ["function", "session", "sparse"])
def test_a_graph_of_examples_begins_with_the_features(kind, tmp_path):
    needs.node()
    source, out = str(tmp_path / "saved"), str(tmp_path / "js")
    module = Parsing()
    if kind == "function":
        tf.saved_model.save(module, source, signatures={"serving_default": module.run})
    else:
        of_session(source, kind == "sparse")
    wanted = module.run(tf.constant(serialized(ROWS)))
    _, facts = preprocess.preprocess(source, out, layers=["scores", "count"])
    assert sorted(facts["inputs"]) == ["two_words", "whole", "x"]
    fed = {name: numpy.array([row[key] for row in ROWS], "float32") for name, key in (
        ("x", "x"), ("two_words", "two words"), ("whole", "whole"))}
    fed["two_words"] = fed["two_words"][:, 0]
    found = predict.predict(os.path.join(out, "model.json"), [fed[name] for name in facts["inputs"]])
    for name, values in found:
        assert oracle.distance(wanted[name].numpy(), values) <= 1e-6
    assert verify.verify(source, os.path.join(out, "model.json"), ["scores", "count"]).report["agree"]
    if kind == "session":  # texts are no output that was meant
        _, facts = preprocess.preprocess(source, str(tmp_path / "all"))
        assert facts["outputs"] == ["count", "scores"]
        with pytest.raises(Fault, match="AsString|strings"):
            preprocess.preprocess(source, str(tmp_path / "text"), layers=["text"])
    if kind == "sparse":
        with pytest.raises(Fault, match="serialized examples .* with sparse features; save it with inputs"):
            preprocess.preprocess(source, str(tmp_path / "words"), layers=["words"])


@pytest.mark.py36
def test_an_estimator_converts_and_the_advice_for_its_sparse_features_works(tmp_path):
    """TensorFlow 2.6 still has estimators."""
    needs.node()
    columns = [tf.feature_column.numeric_column("x", shape=[3]), tf.feature_column.embedding_column(
        tf.feature_column.categorical_column_with_identity("k", 5), 2)]
    data = {"x": numpy.array([row["x"] for row in ROWS], "float32"), "k": numpy.array([[1], [4]], "int64")}
    plain = tf.estimator.DNNClassifier([4], columns[:1], n_classes=3, model_dir=str(tmp_path / "plain"))
    mixed = tf.estimator.DNNClassifier([4], columns, n_classes=3, model_dir=str(tmp_path / "mixed"))
    saved = []
    for estimator, used in ((plain, columns[:1]), (mixed, columns)):
        estimator.train(lambda: tf.data.Dataset.from_tensors((data, numpy.array([0, 2]))), steps=1)
        receiver = tf.estimator.export.build_parsing_serving_input_receiver_fn(
            tf.feature_column.make_parse_example_spec(used))
        saved.append(estimator.export_saved_model(str(tmp_path / "saved"), receiver).decode("ascii"))
    out = str(tmp_path / "js")
    _, facts = preprocess.preprocess(saved[0], out)
    assert facts["inputs"] == ["x"] and facts["outputs"][-1] == "scores"
    wanted = tf.saved_model.load(saved[0]).signatures["serving_default"](
        tf.constant(serialized([{"x": row["x"]} for row in ROWS])))["scores"]
    found = predict.predict(os.path.join(out, "model.json"), [data["x"]])
    assert oracle.distance(wanted.numpy(), found[-1].values) <= 1e-6
    with pytest.raises(Fault, match="build_raw_serving_input_receiver_fn"):
        preprocess.preprocess(saved[1], str(tmp_path / "refused"))
    with tf.Graph().as_default():
        v1 = tf.compat.v1
        raw = mixed.export_saved_model(str(tmp_path / "raw"), tf.estimator.export.build_raw_serving_input_receiver_fn(
            {"x": v1.placeholder(tf.float32, [None, 3], "x"), "k": v1.placeholder(tf.int64, [None, 1], "k")}))
    out = str(tmp_path / "raw_js")
    _, facts = preprocess.preprocess(raw.decode("ascii"), out, layers=["probabilities"])
    given = {name: tf.constant(values) for name, values in data.items()}
    wanted = tf.saved_model.load(raw.decode("ascii")).signatures["predict"](**given)["probabilities"]
    found = predict.predict(os.path.join(out, "model.json"), [data[name] for name in facts["inputs"]])
    assert oracle.distance(wanted.numpy(), found[0].values) <= 1e-6
