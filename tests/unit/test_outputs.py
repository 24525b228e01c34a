"""Which tensors of a graph are its outputs, by the names that a user gives, and what is left of the graph then."""
import pytest

from scripts import Fault
from scripts.layers import outputs
from scripts.layers.references import Ref
from scripts.layers.topology import graph
from tests.unit import made
from tests.unit.made import functional, layer, start

SHARED = functional([start(), start("other"), layer("Dense", "tower", ["start"], ["other"], units=2),
                     layer("Add", "sum", "tower@0", "tower@1")], "sum")
INNER = functional([start("inside"), layer("ReLU", "one", "inside"), layer("ReLU", "two", "one")], "two")
OUTER = functional([start(), layer("ReLU", "two", "start"), made.nested(INNER, "inner", "two")], "inner@1")


def asked(record, *names):
    return outputs.find(graph(record), names)


def test_a_layer_that_is_called_once_is_named_by_its_name():
    assert asked(SHARED, "sum") == [Ref("sum", 0, 0)]


def test_a_layer_that_is_called_twice_is_told_apart():
    assert asked(SHARED, "tower@1", "tower@0") == [Ref("tower", 1, 0), Ref("tower", 0, 0)]
    with pytest.raises(Fault, match="layer 'tower' is called 2 times: ask for tower@0 or tower@1"):
        asked(SHARED, "tower")


def test_what_spelling_gives_is_what_find_takes():
    source = graph(SHARED)
    refs = outputs.every_output(source)
    assert outputs.find(source, [outputs.spelling(source, ref) for ref in refs]) == refs


def test_a_name_that_is_nearly_right_is_suggested():
    with pytest.raises(Fault, match="no layer is called 'towr', did you mean 'tower'"):
        asked(SHARED, "towr")


def test_pruning_leaves_what_the_outputs_need_and_counts_the_calls_anew():
    left = outputs.prune(graph(SHARED), [Ref("tower", 1, 0)])
    assert list(left.layers) == ["other", "tower"] and left.outputs == [Ref("tower", 0, 0)]
    assert left.inputs == [Ref("other", 0, 0)]


def test_a_nested_model_that_is_looked_into_is_opened():
    opened = []
    source, known = outputs.open_models(graph(OUTER), ["inner/one"], 2,
                                        lambda record, name, renamed: opened.append((name, renamed)))
    assert opened == [("inner", {"one": "one", "two": "inner_two"})], "a name that is taken gets the model's in front"
    assert outputs.find(source, ["inner/one", "inner"], known) == [Ref("one", 0, 0), Ref("inner_two", 0, 0)]


def test_sizes_that_a_model_fixes_are_not_changed():
    with pytest.raises(Fault, match="contradicts what input 'start' declares"):
        outputs.fix_input_shape(graph(functional([start(), layer("ReLU", "relu", "start")], "relu")), [5])


@pytest.mark.parametrize("names, line", [
    ([], r"no output layer is asked for; there are: tower@0, tower@1, sum"),
    (["sum", "sum"], "layer 'sum' is asked for twice"),
    (["start"], "'start' is an input, and an input cannot be an output"),
    (["tower@2"], "layer 'tower' is called 2 times, and calls count from 0"),
    (["sum:1"], "layer 'sum' has 1 output, counted from 0")])
def test_what_is_no_output_is_named(names, line):
    with pytest.raises(Fault, match=line):
        asked(SHARED, *names)


def test_the_line_about_a_name_inside_a_nested_model_lists_the_layers_of_that_model():
    with pytest.raises(Fault, match="no layer is called 'inner/on', did you mean 'inner/one'.*: inner/one, inner/two$"):
        asked(OUTER, "inner/on")


def test_many_names_are_shortened():
    names = [f"a{number}" for number in range(20)]
    assert outputs.shortened(names, 3) == "a0, a1, … a19" and outputs.shortened(names[:2]) == "a0, a1"
    assert outputs.listing(names, limit=2) == "a0, a1, … (20 in all)"


def test_open_sizes_are_set_for_each_input():
    record = functional([start(shape=(None,)), start("other", (None, 3)), layer("ReLU", "relu", "start")], "relu")
    source = graph(record)
    outputs.fix_input_shape(source, {"other": [2, 3], "start": [5]})
    assert [source.layers[name].config["batch_input_shape"] for name in ("start", "other")] == [[None, 5], [None, 2, 3]]


@pytest.mark.parametrize("shape, line", [
    ([5], "the model has 2 inputs .*give a shape for each by name .--input-shape start=8 --input-shape other=8"),
    ({"end": [5]}, "no input is called 'end'; there are: start, other"),
    ({"start": [0]}, "sizes must be positive whole numbers")])
def test_sizes_that_no_input_takes_are_refused(shape, line):
    record = functional([start(shape=(None,)), start("other", (None,)), layer("ReLU", "relu", "start")], "relu")
    with pytest.raises(Fault, match=line):
        outputs.fix_input_shape(graph(record), shape)
