"""What neither format takes is one line, and its advice works when it is followed to the letter."""
import json
import os
import re
import sys

import numpy
import pytest

from scripts import Fault, preprocess
from scripts.lower import families, rules  # noqa: F401  (families fills the tables)
from scripts.lower.ops import refused
from scripts.viewer import predict
from tests import needs
from tests.models import lowered, operation_nodes, oracle
from tests.unit import handmade

needs.tensorflow()


def own(keras):
    """A class of the user's own in one of two branches."""
    class Twice(keras.layers.Layer):
        def call(self, inputs):
            return inputs * 2

    start = keras.Input((6, 4), name="start")
    side = keras.layers.Dense(3, name="side")(start)
    return keras.Model(start, [keras.layers.Dense(2, name="end")(Twice(name="twice")(start)), side])


def python(keras):
    """A Lambda, whose Python only its author may run."""
    start = keras.Input((6, 4), name="start")
    side = keras.layers.Activation("exponential", name="side")(start)
    return keras.Model(start, [keras.layers.Lambda(abs, name="size")(start), side])


def nested(keras):
    """A Lambda in a nested model."""
    inside = keras.Input((4,), name="inside")
    inner = keras.Model(inside, keras.layers.Lambda(abs, name="size")(inside), name="inner")
    start = keras.Input((4,), name="start")
    side = keras.layers.Dense(3, activation="exponential", name="side")(start)
    return keras.Model(start, [keras.layers.Dense(2, name="end")(inner(start)), side])


LINES = {own: "layer 'twice' is a .*Twice: TensorFlow.js does not have it",
         python: "layer 'size' is a Lambda: TensorFlow.js does not have it",
         nested: "layer 'inner/size' is a Lambda: TensorFlow.js does not have it"}


@pytest.mark.parametrize("form", ["auto", "graph"])
@pytest.mark.parametrize("build", LINES, ids=lambda build: build.__name__)
@pytest.mark.parametrize("flavour", lowered.FLAVOURS)
def test_the_outputs_that_the_line_lists_are_converted(flavour, build, form, tmp_path):
    keras = oracle.load(flavour)
    keras.backend.clear_session()
    source = str(tmp_path / "model.h5")
    build(keras).save(source)
    with pytest.raises(Fault, match=LINES[build] + ".*outputs that do without it: side$") as caught:
        preprocess.preprocess(source, str(tmp_path / "js"), format=form)
    (tmp_path / "done").mkdir()
    advised = re.search("outputs that do without it: (.*)$", str(caught.value)).group(1).split(", ")
    facts = preprocess.preprocess(source, str(tmp_path / "done"), layers=advised, format=form).facts
    assert facts["outputs"] == advised == ["side"]


# Functions of TensorFlow's that are refused, one a branch; those of chance behind them
FUNCTIONS = [lambda tf, x: tf.linalg.svd(x)[1], lambda tf, x: tf.linalg.eigh(x)[1],
             lambda tf, x: tf.bitcast(x, tf.int32), lambda tf, x: tf.math.igamma(x, x),
             lambda tf, x: tf.math.zeta(x, x), lambda tf, x: tf.math.betainc(x, x, x),
             lambda tf, x: tf.cast(x, tf.complex64), lambda tf, x: tf.strings.as_string(x)]
CHANCE = [lambda tf, x: x + tf.random.normal(tf.shape(x)), lambda tf, x: x + tf.random.uniform(tf.shape(x)),
          lambda tf, x: tf.nn.dropout(x, 0.5), lambda tf, x: tf.random.shuffle(x),
          lambda tf, x: tf.random.gamma([], tf.abs(x)), lambda tf, x: tf.random.categorical(x[:, 0], 2),
          lambda tf, x: x + tf.random.truncated_normal(tf.shape(x)),
          lambda tf, x: tf.image.random_flip_left_right(x[..., None])]


@pytest.mark.parametrize("way", ["functions", "nodes"])
def test_functions_of_tensorflow_and_of_chance_are_refused_and_the_advice_works(way, tmp_path):
    """As the TFOpLambdas of Keras 2.4 - 2.15, and as the TensorFlowOpLayers before."""
    needs.node()
    keras, tensorflow = oracle.load("keras2"), __import__("tensorflow")
    x = numpy.random.RandomState(5).normal(0, 1, (2, 4, 4)).astype("float32")
    for number, function in enumerate(FUNCTIONS + CHANCE):
        keras.backend.clear_session()
        start = keras.Input((4, 4), name="start")
        found = function(tensorflow, start) if way == "functions" else operation_nodes.layers_of(
            tensorflow, keras, lambda x, function=function: [function(tensorflow, x)], [start])[0]
        model = keras.Model(start, [found, keras.layers.Dense(3, name="side")(start)])
        source = str(tmp_path / "model.h5")
        model.save(source)
        with pytest.raises(Fault, match="is the operation .*; outputs that do without it: .*side$") as caught:
            preprocess.preprocess(source, str(tmp_path / "no"))
        chance = re.search("is the operation [^:]*([Rr]andom|dropout|Multinomial)", str(caught.value))
        told = re.search("(draws other|drops) numbers.* at every call; use .*layer", str(caught.value))
        assert bool(chance) == bool(told) and (way == "nodes" or bool(told) == (number >= len(FUNCTIONS)))
        advised = str(caught.value).rpartition(": ")[2].split(", ")
        target = tmp_path / str(number)
        target.mkdir()
        facts = preprocess.preprocess(source, str(target), layers=advised).facts
        assert facts["outputs"] == advised
        computed = predict.predict(str(target / "model.json"), [x])
        for expected, output in zip(oracle.predict(oracle.multi_output(keras, model, advised), [x]), computed):
            assert oracle.distance(expected, output.values) <= 1e-5, advised


@pytest.mark.parametrize("kind", ["GRU", "LSTM", "SimpleRNN"])
@pytest.mark.parametrize("flavour", lowered.FLAVOURS)
def test_an_open_number_of_steps_is_given(flavour, kind, tmp_path):
    keras = oracle.load(flavour)
    keras.backend.clear_session()
    start = keras.Input((None, 4), name="start")
    source = str(tmp_path / "model.h5")
    keras.Model(start, getattr(keras.layers, kind)(3, name="end")(start)).save(source)
    with pytest.raises(Fault, match=f"layer 'end' is a {kind}: .*--input-shape"):
        preprocess.preprocess(source, str(tmp_path / "js"), format="graph")
    assert preprocess.preprocess(source, str(tmp_path / "done"), input_shape=[5, 4], format="graph").facts["outputs"] \
        == ["end"]


@pytest.mark.parametrize("flavour", lowered.FLAVOURS)
def test_what_the_layers_format_refuses_the_graph_format_takes(flavour, tmp_path):
    keras = oracle.load(flavour)
    keras.backend.clear_session()
    start = keras.Input((5, 4), name="start")
    source = str(tmp_path / "model.h5")
    keras.Model(start, keras.layers.GRU(3, reset_after=True, name="end")(start)).save(source)
    with pytest.raises(Fault, match="reset_after=True.*--format graph"):
        preprocess.preprocess(source, str(tmp_path / "js"), format="layers")
    facts = preprocess.preprocess(source, str(tmp_path / "done"), format="graph").facts
    assert facts["format"] == "graph" and facts["why"] == ""
    facts = preprocess.preprocess(source, str(tmp_path / "auto")).facts
    assert facts["why"] == "layer 'end' is a GRU: TensorFlow.js has no reset_after=True"


# The table in docs/refused.md -------------------------------------------------------------------------------------

ROWS = [(kind, row) for row in refused.TABLE for kind in row.classes.split()]


def holding(kind, path):
    """A file of Keras 3 with an operation of that class, and an Activation beside it."""
    def record(name, class_name, module, config, *args):
        return {"class_name": class_name, "module": module, "name": name, "registered_name": None,
                "config": dict(config, name=name),
                "inbound_nodes": [{"args": list(args), "kwargs": {}}] if args else []}

    start = {"class_name": "__keras_tensor__", "config": {"shape": [None, 4, 4, 3], "dtype": "float32",
                                                          "keras_history": ["start", 0, 0]}}
    layers = [record("start", "InputLayer", "keras.layers", {"batch_shape": [None, 4, 4, 3], "dtype": "float32"}),
              record("odd", kind, "keras.src.ops", {}, start),
              record("side", "Activation", "keras.layers", {"activation": "relu", "trainable": True,
                                                            "dtype": "float32"}, start)]
    topology = {"class_name": "Functional", "module": "keras.src.models.functional", "registered_name": "Functional",
                "config": {"name": "made", "layers": layers, "input_layers": [["start", 0, 0]],
                           "output_layers": [["odd", 0, 0], ["side", 0, 0]]}}
    return handmade.archive(path, lambda name, data: json.dumps(topology).encode() if name == "config.json" else data)


@pytest.mark.parametrize("kind, row", ROWS, ids=[kind for kind, _ in ROWS])
def test_each_class_of_the_table_is_refused_with_its_words_and_what_does_without_it_is_converted(kind, row, tmp_path):
    path = holding(kind, tmp_path / "model.keras")
    with pytest.raises(Fault) as caught:
        preprocess.preprocess(path, str(tmp_path / "js"))
    line = str(caught.value)
    assert f"'odd' is the operation {kind}: {row.reason}; {row.remedy}; outputs that do without it: side" in line
    (tmp_path / "done").mkdir()
    assert preprocess.preprocess(path, str(tmp_path / "done"), layers=["side"]).facts["outputs"] == ["side"]


def test_the_docs_show_the_table():
    with open(os.path.join(needs.ROOT, "docs", "refused.md"), encoding="utf-8") as stream:
        page = stream.read()
    lines = "\n".join(refused.in_docs())
    assert lines in page, f"docs/refused.md: put in the place of its table of Keras's operations\n\n{lines}"


# Each remedy, followed -----------------------------------------------------------------------------------------------

# What no model here meets: test_trust.py runs cells of the user's own, the rows of ops/refused.py stand above.
UNMET = ("cells.py cell_of: ", "ops/refused.py refusing: ")


def saved(case, build, folder, ending=None):
    """A model with an output that is refused, and one that is not."""
    keras = oracle.load(case.flavour)
    keras.backend.clear_session()
    start = keras.Input(case.shape, name="start", **case.options)
    end = build(keras, start)
    plain = case.options.get("dtype") != "string" and not case.options.get("sparse")
    side = [keras.layers.Activation("linear", name="side")(start)] if plain else []
    path = os.path.join(str(folder), "model" + (ending or case.ending))
    keras.Model(start, (list(end) if isinstance(end, (list, tuple)) else [end]) + side).save(path)
    return path


@pytest.mark.modern
def test_each_remedy_of_the_lowering_works_when_it_is_followed(tmp_path, monkeypatch):
    oracle.load("keras3")
    from tests.models import remedies
    met, refuse = set(), rules.Call.refuse

    def noting(call, *words):
        frame = sys._getframe(1)
        met.add((os.path.relpath(frame.f_code.co_filename, remedies.LOWER), frame.f_lineno))
        refuse(call, *words)

    monkeypatch.setattr(rules.Call, "refuse", noting)
    wrong = []
    for number, case in enumerate(remedies.CASES):
        folders = [str(tmp_path / f"{number}_{part}") for part in ("file", "refused", "done")]
        os.mkdir(folders[0])
        source, settings = saved(case, case.refused, folders[0]), {}
        with pytest.raises(Fault) as caught:
            preprocess.preprocess(source, folders[1], format="graph", **case.given)
        if case.words not in str(caught.value):
            wrong.append((number, case.words, str(caught.value)))
        if not isinstance(case.followed, dict):
            case.options.pop("sparse", None)
            source = saved(case, case.followed, folders[0])
        elif "ending" in case.followed:
            source = saved(case, case.refused, folders[0], case.followed["ending"])
        else:
            settings = case.followed
        preprocess.preprocess(source, folders[2], format="graph", **settings)
    assert not wrong
    left = [f"{site.module} {site.function}: {site.reason}" for site in remedies.sites()
            if not any((site.module, line) in met for line in range(site.first, site.last + 1))]
    assert [name for name in left if not name.startswith(UNMET)] == []
    assert [start for start in UNMET if not any(name.startswith(start) for name in left)] == []


@pytest.mark.parametrize("flavour", ["keras2"])
def test_a_model_whose_file_has_lost_what_lies_before_a_sum_is_told_how_to_keep_it(flavour, tmp_path):
    import tensorflow
    keras, source = oracle.load(flavour), str(tmp_path / "model.h5")
    start = keras.Input((4,))
    x = keras.layers.Dense(3)(start)
    keras.Model(start, tensorflow.einsum("ab,ac->abc", x, x)).save(source)
    with pytest.raises(Fault, match="einsum: the file does not hold its operands; save the model as a SavedModel"):
        preprocess.preprocess(source, str(tmp_path / "out"))


@pytest.mark.modern
def test_the_docs_show_what_is_refused_of_the_settings():
    oracle.load("keras3")
    from tests.models import remedies
    with open(os.path.join(needs.ROOT, "docs", "refused.md"), encoding="utf-8") as stream:
        page = stream.read()
    lines = "\n".join(remedies.in_docs())
    assert lines in page, f"docs/refused.md: put in the place of its table of settings\n\n{lines}"
