"""What neither format takes is one line, and its advice works when it is followed to the letter."""
import re

import pytest

from scripts import Fault, preprocess
from tests import needs
from tests.models import lowered, oracle

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
