"""Each row of the table of refusals that has an example is refused with its words, its advice works, what it offers in
its place is converted, and docs/refused.md shows the table."""
import os
import re

import numpy
import pytest

from scripts import Fault, convert
from scripts.tfjs import refusals
from tests import needs
from tests.models import advice, oracle

needs.tensorflow()
ROWS = [row for row in refusals.TABLE if row.example]
NO_GRAPH = ("Lambda(abs)",)  # the graph format does not take it either, and no line says that it does


def saved(keras, codes, path):
    """Save a model of the layers that are written so, one behind another, the last called "last", and "beside" them.

    Returns (inputs, {name of an output: what Keras computes}).
    """
    keras.backend.clear_session()
    shape = (9, 9, 4) if "2D" in codes[0] else (6, 6) if "axis=1" in codes[0] or "axes" in codes[0] else (6, 4)
    start = x = keras.Input(shape)
    for code in codes:
        layer = eval(code, dict(vars(keras.layers)))
        twice = code.startswith(("Concatenate", "Dot", "MultiHead"))
        x = layer(x, x) if code.startswith("MultiHead") else layer([x, keras.layers.Dense(shape[-1])(x)]) if twice \
            else layer(x)
    x, beside = keras.layers.Flatten(name="last")(x), keras.layers.Dense(2, name="beside")(start)
    model = keras.Model(start, [x, beside])
    model.save(path)
    inputs = [numpy.random.RandomState(2).uniform(-1, 1, (2,) + shape).astype("float32")]
    return inputs, dict(zip(("last", "beside"), oracle.predict(model, inputs)))


@pytest.mark.parametrize("flavour", oracle.FLAVOURS)
@pytest.mark.parametrize("row", ROWS, ids=[row.example for row in ROWS])
def test_each_example_of_the_table(row, flavour, tmp_path):
    needs.node()
    keras, path = oracle.load(flavour), str(tmp_path / "model.h5")
    inputs, expected = saved(keras, [row.example], path)
    with pytest.raises(Fault) as caught:
        convert.convert(path, str(tmp_path), format="layers")
    for text in (row.manner, row.reason, row.remedy):
        pattern = re.sub(r"\\\{\w+\\\}", ".+", re.escape(text))
        assert re.search(pattern, str(caught.value)), text
    assert os.listdir(str(tmp_path)) == ["model.h5"]
    assert "outputs that do without it: beside" in str(caught.value)
    assert advice.follow(str(caught.value), path, tmp_path, inputs, expected) == 2 - (row.example in NO_GRAPH)
    if row.instead:
        saved(keras, row.instead, path)
        convert.convert(path, str(tmp_path), format="layers")


def test_enough_rows_have_examples_and_each_has_a_remedy():
    assert len(ROWS) > 15 and sum(bool(row.instead) for row in ROWS) > 10
    assert all(row.remedy for row in refusals.TABLE)


def test_the_docs_show_the_table():
    with open(os.path.join(needs.ROOT, "docs", "refused.md"), encoding="utf-8") as stream:
        page = stream.read()
    lines = "\n".join(refusals.in_docs())
    assert lines in page, f"docs/refused.md: put in its first table's place\n\n{lines}"
