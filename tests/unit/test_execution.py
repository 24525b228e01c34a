"""The order in which TensorFlow.js computes the layers of a model, and the tensors that it throws away too early."""
from scripts.layers.topology import graph
from scripts.tfjs.passes import execution
from tests.unit.made import functional, layer, start


def names(*arguments):
    return [ref.layer for ref in execution.order(graph(functional(*arguments)))]


def test_the_input_that_is_named_last_is_computed_first():
    layers = [start(), layer("ReLU", "left", "start"), layer("ReLU", "right", "start"),
              layer("Add", "sum", "left", "right")]
    assert names(layers, "sum") == ["start", "right", "left", "sum"]


def test_outputs_are_computed_in_their_order():
    layers = [start(), layer("ReLU", "a", "start"), layer("ReLU", "b", "start")]
    assert names(layers, "b", "a") == ["start", "b", "a"]


def test_each_call_of_a_shared_layer_is_computed():
    layers = [start(), layer("ReLU", "shared", ["start"], ["shared@0"])]
    assert names(layers, "shared@1") == ["start", "shared", "shared"]


def lost(layers, *outputs):
    return execution.lost(graph(functional(layers, *outputs)))


DOUBLED = [start(), layer("ReLU", "x", "start"), layer("Add", "twice", "x", "x"), layer("ReLU", "later", "x")]


def test_a_tensor_that_one_layer_gets_twice_is_gone_for_the_next():
    assert list(lost(DOUBLED, "twice", "later")) == ["later"]


def test_it_is_kept_as_an_output():
    assert lost(DOUBLED, "twice", "later", "x") == {}


def test_and_it_may_be_used_before():
    assert lost(DOUBLED, "later", "twice") == {}


def test_an_input_is_never_thrown_away():
    layers = [start(), layer("Add", "twice", "start", "start"), layer("ReLU", "later", "start")]
    assert lost(layers, "twice", "later") == {}
