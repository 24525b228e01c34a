"""Every attack of growth.py, as in test_attacks.py: 300 MB of data and 5 s of CPU are enough, whatever comes of it."""
import re

import pytest

from tests.attacks import builders, growth
from tests.attacks.test_attacks import refused, run, tree, weightless

pytestmark = pytest.mark.modern  # how work grows is the same on both stacks, whose readers test_attacks.py tries

REFUSED = [
    (growth.bidirectional_in_bidirectional, "'b59' has a Bidirectional around a Bidirectional"),
    (growth.bidirectional_through_others, "'outermost' has a Bidirectional around a TimeDistributed"),
    (growth.bidirectional_in_an_archive, "'b59' has a Bidirectional around a Bidirectional"),
    (growth.second_output, "output 1 of layer 'r0', which has 1"),
    (growth.trained_deep, "models in models"),
    (growth.many_layers, "60001 layers and calls of them: more than 10000"),
    (growth.many_calls, "30001 layers and calls of them: more than 10000"),
    (growth.many_numbers, "more than 2000000 texts and numbers"),
    (growth.long_name, "a name of 3000000 letters"),
    (growth.long_name_of_what_is_refused, "a name of 3000000 letters"),
    (growth.long_class, "a name of 3000000 letters"),
    (growth.wide_input, "'start' declares a shape of 100001 dimensions"),
    (growth.large_input, "the largest of 9223372036854775808"),
    (growth.weight_of_many_dimensions, "60000 dimensions"),
    (growth.weight_of_one_size_too_large, "the largest of 9223372036854775808"),
]


@pytest.mark.parametrize("module", ["preprocess", "summary"])
@pytest.mark.parametrize("build, line", REFUSED, ids=[build.__name__ for build, _ in REFUSED])
def test_what_grows_without_a_bound_is_refused_in_a_short_line(build, line, module, tmp_path):
    said = refused(tmp_path, build(tmp_path), module)
    assert re.search(line, said) and len(said) < 1000, said[:2000]


@pytest.mark.parametrize("build, line", [
    (growth.refused_first, "'evil' is a Lambda.*every output needs it"), (growth.masks_in_a_circle, "cycle"),
    (growth.dimensions, "'d2' gives a tensor of more than 16 dimensions")],
    ids=lambda value: getattr(value, "__name__", ""))
def test_what_no_conversion_gets_through_is_refused_soon(build, line, tmp_path):
    assert re.search(line, refused(tmp_path, build(tmp_path)))


@pytest.mark.parametrize("build", [
    growth.called_often, growth.many_outputs, growth.models_called_twice, growth.masks, growth.names_that_clash,
    growth.long_names_in_long_names, growth.outputs_that_are_not_there, growth.squared, growth.dimensions,
    growth.texts_for_sizes, growth.wide_layer, growth.refused_first, growth.by_name], ids=lambda build: build.__name__)
def test_the_table_of_a_model_that_grows_ends_and_is_of_a_sane_length(build, tmp_path):
    status, out, err = run("summary", build(tmp_path))
    assert (status, err) == (0, ""), (status, err[-2000:])
    assert len(out) < 12000000 and max(len(line) for line in out.splitlines()) < 150000


@pytest.mark.parametrize("build", [
    growth.called_often, growth.many_outputs, growth.squared, growth.long_names_in_long_names, growth.masks_in_models],
    ids=lambda build: build.__name__)
def test_what_grows_and_is_a_model_is_converted(build, tmp_path):
    weightless(tmp_path, build(tmp_path))


@pytest.mark.parametrize("build, layers", [(growth.masks, "r0"), (growth.names_that_clash, "inner/r3")],
                         ids=lambda value: getattr(value, "__name__", ""))
def test_one_layer_of_what_grows_is_converted(build, layers, tmp_path):
    path = build(tmp_path)
    before = tree(tmp_path)
    status, _, err = run("preprocess", path, str(tmp_path / "out"), "--layers", layers)
    assert (status, err) == (0, ""), (status, err[-2000:])
    assert set(tree(tmp_path)) - set(before) == {"out", "out/model.json"}


def test_a_wrong_name_in_a_large_model_is_answered_at_once(tmp_path):
    said = refused(tmp_path, growth.names_that_clash(tmp_path), "preprocess", "--layers", "inner/nosuch")
    assert "there are: inner/r0, inner/r1" in said and "(9000 in all)" in said and len(said) < 2000


def test_a_name_of_5000_letters_is_still_one(tmp_path):
    status, out, err = run("summary", builders.named(tmp_path, "x" * 5000))
    assert (status, err) == (0, "") and "x" * 5000 in out
