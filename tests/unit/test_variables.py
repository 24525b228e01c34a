"""Variables of layers: names, shapes and order are Keras's, and weights that do not fit are one line."""
import pytest

from scripts import Fault
from scripts.layers import kinds, variables
from tests import needs
from tests.unit import examples, made


@pytest.fixture(scope="module")
def keras():
    needs.tensorflow()
    return __import__("keras")


@pytest.mark.parametrize("name", sorted(examples.EXAMPLES))
def test_variables_have_keras_s_names_shapes_and_order(keras, name):
    if name not in examples.names(keras):
        assert examples.may_lack(name)
    elif variables.is_known(examples.made(keras, name).record):
        one = examples.made(keras, name)
        found = variables.variables(one.record)
        weights = one.layer.trainable_weights + one.layer.non_trainable_weights  # so does Keras list them in an h5
        assert len(found) == len(weights) == len(one.layer.weights)
        for own, weight in zip(found, weights):
            name_in_keras = (getattr(weight, "path", None) or weight.name).split("/")[-1].split(":")[0]
            short = own.name.split("/")[-1]
            assert short == name_in_keras or (short, name_in_keras) == ("depthwise_kernel", "kernel")  # in Keras 3
            sizes = list(weight.shape) if own.shape is None else own.shape
            assert sizes == [None if size is None else int(whole) for size, whole
                                                in zip(sizes, weight.shape)] and len(sizes) == len(weight.shape)
        assert [own.trainable for own in found] == [
            any(weight is other for other in one.layer.trainable_weights) for weight in weights]
    else:
        assert kinds.of(examples.made(keras, name).record).variables is None


def test_each_rule_has_an_example():
    tried = {kinds.KINDS[name].variables for name in examples.EXAMPLES}
    # RNN's example has cells in it, and no other Keras than 2.6 has a PeepholeLSTMCell
    cells = {"SimpleRNNCell", "GRUCell", "LSTMCell", "PeepholeLSTMCell", "ConvLSTM2DCell"}
    left = [name for name, kind in kinds.KINDS.items()
            if kind.variables and kind.variables not in tried and name not in cells]
    assert left == []


def names(record):
    return [(own.name, own.trainable) for own in variables.variables(record)]


def test_scopes_are_those_of_tensorflow_js():
    way = made.layer("LSTM", "way", units=2)
    assert [name for name, _ in names(made.layer("Bidirectional", "both", layer=way))] == [
        "both/forward_way/kernel", "both/forward_way/recurrent_kernel", "both/forward_way/bias",
        "both/backward_way/kernel", "both/backward_way/recurrent_kernel", "both/backward_way/bias"]
    cells = [made.layer("LSTMCell", "a", units=2), made.layer("GRUCell", "b", units=2, use_bias=False)]
    stacked = made.layer("RNN", "rnn", cell={"class_name": "StackedRNNCells", "config": {"cells": cells}})
    assert [name for name, _ in names(stacked)] == [
        "rnn/RNNCell_0/kernel", "rnn/RNNCell_0/recurrent_kernel", "rnn/RNNCell_0/bias", "rnn/RNNCell_1/kernel",
        "rnn/RNNCell_1/recurrent_kernel"]


def test_what_is_not_trained_stands_last():
    frozen = made.layer("Dense", "frozen", units=2, trainable=False)
    inner = made.functional([made.start(), frozen, made.layer("Dense", "dense", "start", units=2)], "dense")
    assert names(inner) == [("dense/kernel", True), ("dense/bias", True), ("frozen/kernel", False),
                            ("frozen/bias", False)]
    assert [trained for _, trained in names(made.layer("BatchNormalization", "norm"))] == [True, True, False, False]


def test_an_alias_has_the_variables_of_its_class():
    assert names(made.layer("BatchNormalizationV1", "norm")) == names(made.layer("BatchNormalization", "norm"))
    assert variables.is_known(made.layer("UnifiedLSTM", "lstm", units=2))


def test_weights_that_do_not_fit_are_one_line():
    model = made.model(made.functional([made.start(), made.layer("Dense", "dense", "start", units=2)], "dense"))
    kernel, bias = model.weights["dense"]
    dense = made.layer("Dense", "dense", units=2)
    assert [weight.name for weight in variables.named(dense, [kernel, bias])] == ["dense/kernel", "dense/bias"]
    with pytest.raises(Fault, match="needs 2 weights but the file holds 1"):
        variables.named(dense, [kernel])
    with pytest.raises(Fault, match="has shape .* but layer 'dense' needs"):
        variables.named(dense, [bias, kernel])
    with pytest.raises(Fault, match="has units=-1"):
        variables.named(made.layer("Dense", "dense", units=-1), [kernel, bias])
    for policy in ("QuantizedDTypePolicy", "Int4DTypePolicy"):
        quantized = made.layer("Dense", "dense", units=2, dtype={"class_name": policy, "config": {}})
        with pytest.raises(Fault, match="quantized by Keras"):
            variables.named(quantized, [kernel, bias])


def test_a_nested_model_s_weights_are_shared_out_by_order_or_by_name():
    inner = made.functional([made.start(), made.layer("Dense", "one", "start", units=4),
                             made.layer("Dense", "two", "one", units=4)], "two", name="inner")
    weights = [weight for own in made.model(inner).weights.values() for weight in own]
    assert {name: len(own) for name, own in variables.shared_out(inner, weights).items()} == {
        "start": 0, "one": 2, "two": 2}
    inner["config"]["layers"].append(made.layer("Mystery", "own", "two"))
    assert {name: len(own) for name, own in variables.shared_out(inner, weights).items()} == {
        "start": 0, "one": 2, "two": 2, "own": 0}
    with pytest.raises(Fault, match="belongs to no layer of 'inner'"):
        variables.shared_out(inner, [weights[0].renamed("elsewhere/kernel")])
