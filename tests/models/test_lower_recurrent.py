"""Recurrent layers and wrappers, as graph models."""
import importlib
import json
import os

import numpy
import pytest

from scripts.base.fault import Fault
from tests import needs
from tests.models import lowered, oracle, zoo

needs.tensorflow()


def states(keras):
    layers, outs = keras.layers, []
    x, h, c = keras.Input((5, 3), name="x"), keras.Input((4,), name="h"), keras.Input((4,), name="c")
    outs.append(layers.LSTM(4, return_sequences=True, return_state=True, go_backwards=True)(x, initial_state=[h, c]))
    outs.append(layers.LSTM(3, use_bias=False, activation="linear", recurrent_activation="tanh", unroll=True)(x))
    outs.append(layers.GRU(4, return_state=True, use_bias=False)(x, initial_state=h))
    outs.append(layers.GRU(4, reset_after=False, recurrent_activation="softmax", unroll=True)(x, initial_state=[h]))
    outs.append(layers.GRU(4, activation="relu", recurrent_activation="linear", return_sequences=True)(x))
    outs.append(layers.GRU(3, reset_after=False, use_bias=False, go_backwards=True, implementation=1)(x))
    outs.append(layers.SimpleRNN(4, return_state=True, use_bias=False, activation="elu", recurrent_dropout=0.2)(x))
    outs.append(layers.RNN(layers.LSTMCell(4), return_sequences=True, return_state=True)(x, initial_state=[h, c]))
    outs.append(layers.RNN([layers.LSTMCell(4), layers.GRUCell(2), layers.SimpleRNNCell(3)], return_state=True,
                       return_sequences=True, go_backwards=True)(x))
    outs.append(layers.RNN(layers.StackedRNNCells([layers.GRUCell(2, reset_after=False)]))(x))
    if needs.STACK == "py36":  # later Kerases have no such cell
        peephole = importlib.import_module("keras.layers.recurrent").PeepholeLSTMCell
        outs.append(layers.RNN(peephole(4, use_bias=False), return_sequences=True)(x, initial_state=[h, c]))
        outs.append(layers.Bidirectional(layers.RNN([peephole(3), layers.GRUCell(2)]))(x))
        outs.append(peephole(4)(h, [c, h]))
    return keras.Model([x, h, c], oracle.flat(outs))


def both_ways(keras):
    layers, outs = keras.layers, []
    x, h, c = keras.Input((5, 3), name="x"), keras.Input((4,), name="h"), keras.Input((4,), name="c")
    for mode in ("sum", "mul", "ave", "concat", None):
        outs.append(layers.Bidirectional(layers.LSTM(4, return_sequences=True, return_state=True), merge_mode=mode)(x))
        outs.append(layers.Bidirectional(layers.GRU(4, return_state=mode == "ave"), merge_mode=mode)(x))
    outs.append(layers.Bidirectional(layers.SimpleRNN(3, return_sequences=True), backward_layer=layers.LSTM(
        3, activation="relu", go_backwards=True, return_sequences=True))(x))
    outs.append(layers.Bidirectional(layers.LSTM(4))(x, initial_state=[h, c, c, h]))
    outs.append(layers.Bidirectional(layers.RNN([layers.GRUCell(2), layers.LSTMCell(2)], return_sequences=True))(x))
    return keras.Model([x, h, c], oracle.flat(outs))


def masked(keras):
    layers, outs = keras.layers, []
    x, h = keras.Input((5, 3), name="x"), keras.Input((4,), name="h")
    m = keras.Input((5,), dtype="bool", name="m")
    for unroll, back in ((False, False), (False, True), (True, True)):
        order = dict(go_backwards=back, unroll=unroll)
        outs.append(layers.LSTM(4, return_sequences=True, return_state=True, **order)(x, mask=m))
        outs.append(layers.GRU(4, return_sequences=back, **order)(x, mask=m, initial_state=h))
        order.update(zero_output_for_mask=True)
        outs.append(layers.RNN(layers.GRUCell(4), return_sequences=True, **order)(x, mask=m))
    outs.append(layers.Bidirectional(layers.GRU(4, return_sequences=True, unroll=True))(x, mask=m))
    outs.append(layers.RNN(layers.LSTMCell(4), zero_output_for_mask=True)(x, mask=m))
    outs.append(layers.RNN([layers.LSTMCell(4), layers.GRUCell(2)], return_state=True)(x, mask=m))
    outs.append(layers.Bidirectional(layers.SimpleRNN(4, return_state=True), merge_mode=None)(x, mask=m))
    both = layers.Bidirectional(layers.LSTM(4, return_sequences=True), merge_mode="sum")(x, mask=m)
    back = layers.GRU(4, return_sequences=True, go_backwards=True)(x, mask=m)
    each = layers.TimeDistributed(layers.Dense(3))(back)
    outs.append([layers.LSTM(2)(both), layers.LSTM(2)(back), layers.LSTM(2)(each)])
    return keras.Model([x, m, h], oracle.flat(outs))


def distributed(keras):
    layers, outs = keras.layers, []
    x = keras.Input((5, 4, 3), name="x")
    i, j = keras.Input((4, 3)), keras.Input((3,))
    normal = keras.Model(i, layers.Dense(2)(layers.LSTM(4)(i)))
    outs.append(layers.TimeDistributed(layers.LSTM(3, return_sequences=True))(x))
    outs.append(layers.TimeDistributed(layers.Bidirectional(layers.GRU(3)))(x))
    outs.append(layers.TimeDistributed(layers.TimeDistributed(layers.Dense(2, "tanh")))(x))
    outs.append(layers.TimeDistributed(layers.Flatten())(x))
    outs.append(layers.TimeDistributed(normal)(x))
    outs.append(layers.TimeDistributed(layers.TimeDistributed(keras.Model(j, layers.Dense(2)(layers.Dense(4)(j)))))(x))
    chain = keras.Sequential([layers.Dense(4, "relu"), layers.Dropout(0.5), layers.LSTM(2)])
    outs.append(layers.TimeDistributed(chain)(x))
    open_steps = keras.Input((None, 3), name="y")
    outs.append(layers.TimeDistributed(layers.Dense(2))(open_steps))
    return keras.Model([x, open_steps], oracle.flat(outs))


def images(keras):
    layers, outs = keras.layers, []
    row, x = keras.Input((4, 7, 2), name="row"), keras.Input((3, 5, 4, 2), name="x")
    cube, m = keras.Input((2, 4, 3, 5, 2), name="cube"), keras.Input((3,), dtype="bool", name="m")
    h = keras.Input((5, 4, 3), name="h")
    outs.append(layers.ConvLSTM2D(3, (2, 3), return_sequences=True, return_state=True)(x))
    outs.append(layers.ConvLSTM2D(3, 3, padding="same")(x, initial_state=[h, h]))
    outs.append(layers.ConvLSTM2D(2, 2, strides=2, padding="same", use_bias=False, go_backwards=True)(x))
    outs.append(layers.ConvLSTM2D(2, 2, dilation_rate=(2, 1), activation="relu", recurrent_activation="sigmoid")(x))
    outs.append(layers.ConvLSTM2D(3, 2, return_sequences=True)(x, mask=m))
    outs.append(layers.Bidirectional(layers.ConvLSTM2D(3, 2, return_sequences=True))(x, mask=m))
    if not zoo.is_keras3(keras):  # which does not compute it without a GPU
        outs.append(layers.ConvLSTM2D(2, (3, 2), data_format="channels_first", return_state=True)(x))
    if hasattr(layers, "ConvLSTM1D"):
        outs.append(layers.ConvLSTM1D(3, 3, padding="same", strides=2, return_sequences=True, return_state=True)(row))
        outs.append(layers.ConvLSTM3D(2, (2, 3, 2))(cube))
    else:
        outs.append([layers.Flatten()(row), layers.Flatten()(cube)])
    return keras.Model([row, x, cube, m, h], oracle.flat(outs))


def of_words(keras):
    """A document of sentences of words, 0 where there is none; Keras 3 takes no mask of sentences behind the words."""
    layers, outs = keras.layers, []
    words, rows = keras.Input((3, 4), dtype="int32", name="words"), keras.Input((4, 2), name="rows")
    sentences = layers.TimeDistributed(layers.Bidirectional(layers.GRU(3)))(
        layers.Embedding(5, 3, mask_zero=True)(words))
    outs.append(sentences)
    if not zoo.is_keras3(keras):
        outs.append(layers.LSTM(2)(sentences))
        outs.append(layers.LSTM(2)(layers.TimeDistributed(layers.LSTM(3))(
            layers.TimeDistributed(layers.Embedding(5, 3, mask_zero=True))(words))))
    found = layers.Bidirectional(layers.LSTM(3, return_sequences=True))(layers.Masking(0.5)(rows))
    i = keras.Input((4, 6))
    outs.append([found, keras.Model(i, layers.Dense(2)(layers.LSTM(4)(layers.Dropout(0.5)(i))), name="inner")(found)])
    return keras.Model([words, rows], oracle.flat(outs))


def others(keras):
    """Layers called twice, batch sizes that are known, states that go on, numbers for states, cells alone."""
    layers, outs = keras.layers, []
    sized = (lambda *shape, **more: keras.Input(batch_shape=(2,) + shape, **more)) if zoo.is_keras3(keras) else (
        lambda *shape, **more: keras.Input(shape, batch_size=2, **more))
    x, y, z = sized(5, 3, name="x"), sized(5, 3, name="y"), sized(2, 5, 3, name="z")
    h, one = sized(4, name="h"), sized(3, name="one")
    inner = keras.Input((5, 3))
    model = keras.Model(inner, layers.Bidirectional(layers.LSTM(3))(layers.GRU(3, return_sequences=True)(inner)))
    outs.append(layers.Concatenate()([model(x), model(y)]))
    shared = layers.GRU(4, reset_after=False)
    outs.append(layers.Concatenate()([shared(x), shared(y)]))
    on = layers.GRU(3, stateful=True, return_sequences=True)
    outs.append(layers.Concatenate()([on(on(x)), x]))
    outs.append(layers.TimeDistributed(layers.GRU(3, stateful=True))(z))
    outs.append(layers.LSTM(4, stateful=True)(x, initial_state=[h, h]))
    number = numpy.random.RandomState(1).normal(0, 1, (2, 4)).astype("float32")
    number = number if zoo.is_keras3(keras) else importlib.import_module("tensorflow").constant(number)
    outs.append(layers.Bidirectional(layers.GRU(4))(x, initial_state=[number, number]))
    outs.append([layers.LSTM(4)(x, initial_state=[number, number]), layers.GRU(4)(x, initial_state=[number])])
    outs.append([layers.LSTMCell(4)(one, [h, h]), layers.GRUCell(4)(one, [h]), layers.LSTMCell(4)(one, [h, number])])
    outs.append(layers.StackedRNNCells([layers.SimpleRNNCell(4), layers.LSTMCell(4)])(one, [[h], [h, h]]))
    return keras.Model([x, y, z, h, one], oracle.flat(outs))


BUILDS = [states, both_ways, masked, distributed, images, others]


@pytest.mark.parametrize("build", BUILDS, ids=lambda build: build.__name__)
@pytest.mark.parametrize("flavour", lowered.FLAVOURS)
def test_every_output_is_what_keras_computes(flavour, build, tmp_path):
    lowered.agree(lowered.Model(flavour, build), tmp_path)


@pytest.mark.parametrize("flavour", lowered.FLAVOURS)
def test_masks_reach_the_steps_of_layers_that_are_called_on_each_step(flavour, tmp_path):
    rows = numpy.random.RandomState(0).normal(0, 1, (2, 4, 2)).astype("float32")
    rows[0, 2] = rows[1, 0] = rows[1, 3] = 0.5
    words = [[[1, 2, 0, 0], [0, 0, 0, 0], [3, 0, 1, 0]], [[0, 0, 0, 0], [0, 4, 0, 0], [1, 1, 1, 1]]]
    lowered.agree(lowered.Model(flavour, of_words, {"rows": rows, "words": words}), tmp_path)


def open_steps(keras):
    x = keras.Input((None, 3))
    return keras.Model(x, keras.layers.Dense(2)(keras.layers.GRU(4, name="gru")(x)))


def test_an_open_number_of_steps_is_refused_with_the_flag_that_gives_it(tmp_path):
    made = lowered.Model(lowered.FLAVOURS[-1], open_steps)
    with pytest.raises(Fault, match="'gru' is a GRU: its number of steps is open.*--input-shape"):
        lowered.agree(made, tmp_path)
    lowered.agree(made, tmp_path, input_shape=[7, 3])


def long(keras):
    x = keras.Input((200, 16))
    return keras.Model(x, keras.layers.LSTM(128, name="lstm")(x))


def test_two_hundred_steps_are_a_small_file_that_holds_each_weight_once(tmp_path):
    written = lowered.agree(lowered.Model(lowered.FLAVOURS[0], long), tmp_path, versions=(None,))
    assert os.path.getsize(written) < 400000
    with open(written) as file:
        model = json.load(file)
    sizes = [weight["shape"] for group in model["weightsManifest"] for weight in group["weights"]]
    assert sizes.count([128, 512]) == sizes.count([16, 512]) == sizes.count([512]) == 1
    nodes = [node["op"] for node in model["modelTopology"]["node"]]
    assert nodes.count("MatMul") == 201 and len(nodes) < 13 * 200
