"""Dense, shapes and what training alone needs, as graph models."""
import math

import numpy
import pytest

from scripts import Fault
from tests import needs
from tests.models import lowered, oracle

needs.tensorflow()


def layered(keras):
    layers = keras.layers
    x = keras.Input((4, 6), name="x")
    flat = layers.Flatten(name="flat")(layers.Permute((2, 1))(layers.Dropout(0.5)(layers.Dense(5, "relu")(x))))
    out = layers.Dense(7, activation="softmax", use_bias=False, name="out")(flat)
    first = layers.Flatten(data_format="channels_first", name="first")(layers.Reshape((2, 3, 4))(x))
    return keras.Model(x, [out, layers.RepeatVector(3)(out), layers.Reshape((2, -1, 3))(x), first])


def nested_twice(keras):
    layers = keras.layers
    i = keras.Input((5,))
    tower = keras.Model(i, layers.Dense(3, "tanh")(layers.Dense(4, "elu")(i)), name="tower")
    x, y = keras.Input((5,), name="x"), keras.Input((5,), name="y")
    return keras.Model([x, y], [tower(x), layers.Dense(2)(tower(y))])


def told_masks(keras):
    """A tensor as mask= of a nested model, of one input, of several, of a Sequential; a dict of tensors."""
    layers = keras.layers
    i, j = keras.Input((5, 4)), keras.Input((5, 4))
    one = keras.Model(i, layers.LSTM(3, return_sequences=True)(layers.Dense(4)(i)), name="one")
    two = keras.Model([i, j], [layers.LSTM(3)(i), layers.GlobalAveragePooling1D()(j)], name="two")
    row = keras.Sequential([keras.Input((5, 4)), layers.Dense(4), layers.GRU(3)], name="row")
    x, y, mask = keras.Input((5, 4), name="x"), keras.Input((5, 4), name="y"), keras.Input((5,), name="m", dtype="bool")
    last, first = keras.Input((5, 4), name="last"), keras.Input((5, 4), name="first")
    ends = [layers.Dense(2)(last), layers.Dense(3)(first)]
    by_key, by_name = keras.Model({"last": last, "first": first}, ends), keras.Model([last, first], ends + ends[:1])
    return keras.Model([x, y, mask], [one(x, mask=mask), *two([x, y], mask=[mask, None]), row(x, mask=mask),
                                      *by_key({"last": x, "first": y}), *by_name({"last": y, "first": x})])


def of_types(keras):
    """Layers that compute with whole numbers, by what they are given or by their setting dtype."""
    layers, is3 = keras.layers, keras.__version__ >= "3"
    i, x = keras.Input((4, 6, 3), dtype="int32", name="i"), keras.Input((4, 6), name="x")
    y, u = layers.Rescaling(3.7)(x), keras.Input((4, 6), dtype="uint8", name="u")
    flip = layers.RandomFlip()(i) if hasattr(layers, "RandomFlip") else i
    found = [layers.ReLU(2.5)(i), layers.ReLU(threshold=1.5)(i), layers.ReLU(negative_slope=0.5)(i),
             layers.Dot(-1)([i[:, 0], i[:, 1]]), layers.Rescaling(2.5, 1.7, dtype="int32")(y),
             layers.GlobalAveragePooling2D()(flip), layers.Flatten(dtype="int32")(y), layers.Add(dtype="int32")([y, x]),
             layers.TimeDistributed(layers.Flatten(dtype="int32"))(layers.Reshape((2, 2, 6))(y)),
             layers.Rescaling(0.5)(layers.Add()([u] * 99)),
             layers.Average()([u] * 99), layers.Flatten()(layers.Multiply()([u] * 5))]
    if hasattr(layers, "Resizing"):  # not in Keras 2.6 under this name
        z = layers.Reshape((4, 6, 1))(y)
        found += [layers.GlobalAveragePooling2D()(layers.CenterCrop(3, 3)(i)), layers.Resizing(3, 5, dtype="int32")(z),
                  layers.CenterCrop(3, 3, dtype="int32")(z),
                  layers.RandomFlip(dtype="int32")(z), layers.CategoryEncoding(5, dtype="int32")(i[:, 0, 0])]
    if is3:
        found += [layers.Normalization(mean=1.5, variance=4.5, axis=None, dtype="int32")(y),
                  layers.Discretization([-1.5, 0.5], dtype="int32")(y)]
    else:
        found += [layers.ThresholdedReLU(1.5, dtype="int32")(i)] * (needs.STACK == "py36")
    return keras.Model([i, x, u], found)


def given_constants(keras):
    """Arrays in the place of a layer's tensors, in its list of them and by keyword; a setting that is an array."""
    layers, is3 = keras.layers, keras.__version__ >= "3"
    x = keras.Input((4, 6), name="x")
    row = numpy.sin(numpy.arange(24, dtype="float32")).reshape((1, 4, 6))
    mask = numpy.tril(numpy.ones((1, 4, 4), "bool"))
    steps = numpy.array([[True, False, True, True], [False, True, True, False]])
    found = [getattr(layers, kind)()([x, row]) for kind in ("Add", "Multiply", "Maximum")]
    found += [layers.MultiHeadAttention(2, 3)(x, x, attention_mask=mask), layers.Subtract()([found[0], row])]
    found += [layers.GRU(3)(x, mask=steps)] if needs.STACK == "modern" else []  # Keras 2.6 takes tensors alone there
    if is3:
        states = [numpy.full((2, 3), 0.5, "float32")] * 2
        found += [layers.LSTM(3)(x, initial_state=states), layers.Rescaling(row[0, 0], numpy.float32(0.3))(x)]
    else:
        found += [layers.Subtract()([row, x]), layers.Average()([row, x, x])]
    return keras.Model(x, found)


def unbounded(keras):
    """Infinite constants and settings, which Python writes as no JSON has them."""
    x = keras.Input((3, 4), name="x")
    capped = keras.layers.ReLU(max_value=math.inf, name="capped")(x)
    if keras.__version__.startswith("3"):
        ops = keras.ops
        return keras.Model(x, [capped, ops.where(x > 0, x, -math.inf), ops.max(x, -1, initial=-math.inf)])
    import tensorflow
    return keras.Model(x, [capped, tensorflow.where(x > 0, x, -math.inf), tensorflow.minimum(x, math.inf)])


def capped(keras):
    """A layers model in spite of it."""
    x = keras.Input((3, 4), name="x")
    return keras.Model(x, keras.layers.ReLU(max_value=math.inf)(x))


def there_and_back(keras):
    """An Embedding that gives words back, and layers in a Pipeline: of Keras 3."""
    layers = keras.layers
    ids, x = keras.Input((4,), dtype="int32", name="ids"), keras.Input((3, 6), name="x")
    tied, own = layers.ReversibleEmbedding(5, 6, mask_zero=True, logit_soft_cap=2.0), layers.ReversibleEmbedding(
        5, 6, tie_weights=False)
    row = layers.Pipeline([layers.Rescaling(0.5), layers.Dense(3)])
    return keras.Model([ids, x], [layers.LSTM(3)(tied(ids)), tied(x, reverse=True), own(ids), own(x, reverse=True),
                                  row(x)])


def local(keras):
    """Kernels of each place, in Keras's three layouts, and random features: of Keras 2."""
    layers, both = keras.layers, ("channels_last", "channels_first")
    x, image = keras.Input((7, 3), name="x"), keras.Input((6, 5, 3), name="image")
    found = [layers.LocallyConnected1D(4, 3, strides=2, activation="tanh")(x), layers.LocallyConnected1D(
        2, 2, padding="same", implementation=2)(x), layers.LocallyConnected1D(2, 2, implementation=3)(x)]
    drawn = getattr(layers, "experimental", layers).RandomFourierFeatures
    i, flat = keras.Input((21,)), layers.Flatten()(x)
    inner = keras.Model(i, layers.Dense(2)(drawn(3, trainable=True)(layers.Dense(4)(i))), name="inner")
    found += [drawn(4)(flat), drawn(3, "laplacian", 2.0, trainable=True)(flat), inner(flat)]
    return keras.Model([x, image], found + [layers.LocallyConnected2D(4, (3, 2), strides=(1, 2))(image)] + [
        layers.LocallyConnected2D(2, (3, 2), strides=(2, 1), padding=padding, implementation=way,
                                  data_format=channels)(image)
        for way, padding in ((2, "same"), (3, "valid")) for channels in both])


@pytest.mark.parametrize("flavour, build", [("keras2", local)] + [("keras3", there_and_back)] * (
    needs.STACK == "modern"), ids=lambda value: getattr(value, "__name__", value))
def test_layers_of_one_keras_are_what_it_computes(flavour, build, tmp_path):
    lowered.agree(lowered.Model(flavour, build), tmp_path, versions=(lowered.OLDEST,))


def layers_as_activations(keras):
    """Layers in the place of activations, of which some have weights, not all of them trained."""
    layers = keras.layers
    slope = layers.PReLU
    x, image = keras.Input((6, 4), name="x"), keras.Input((3, 5, 4, 2), name="image")
    row = keras.Sequential([layers.Dense(3, activation=slope()), layers.Dense(2, activation=layers.Softmax(axis=1))])
    made = [layers.Dense(3, activation=slope(shared_axes=[1])), layers.Activation(slope()), row,
            layers.Dense(3, activation=layers.BatchNormalization()), layers.Dense(3, activation=layers.LeakyReLU(0.2)),
            layers.LSTM(3, activation=slope(), recurrent_activation=slope()),
            layers.RNN(layers.GRUCell(3, activation=slope())), layers.Bidirectional(layers.SimpleRNN(
                3, activation=slope())), layers.TimeDistributed(layers.Dense(3, activation=layers.ReLU(6.0)))]
    found = [layer(x) for layer in made] + [layers.ConvLSTM2D(3, 2, activation=slope(shared_axes=[1, 2]))(image)]
    return keras.Model([x, image], found)


@pytest.mark.parametrize("flavour", lowered.FLAVOURS)
def test_a_layer_as_an_activation_is_what_keras_computes(flavour, tmp_path):
    made = lowered.Model(flavour, layers_as_activations)
    if flavour == "keras3":  # which makes their variables when numbers come
        (tmp_path / "early").mkdir()
        with pytest.raises(Fault, match=r"was never called with .* of its activation=PReLU\(…\); call the model once"):
            lowered.agree(made, tmp_path / "early")
    oracle.predict(made.model, made.inputs)
    made.plant("layers_as_activations")
    for ending in (".keras", ".h5")[needs.STACK != "modern":]:
        folder = tmp_path / ending[1:]
        folder.mkdir()
        lowered.agree(made, folder, ending=ending, versions=(lowered.OLDEST,))


BUILDERS = [layered, nested_twice, told_masks, of_types, given_constants]


@pytest.mark.parametrize("build", BUILDERS, ids=lambda build: build.__name__)
@pytest.mark.parametrize("flavour", lowered.FLAVOURS)
def test_every_output_is_what_keras_computes(flavour, build, tmp_path):
    layers = ["tower@0", "tower@1"] if build is nested_twice else None
    lowered.agree(lowered.Model(flavour, build), tmp_path, layers)


@pytest.mark.parametrize("build, infinities", [(unbounded, 0), (capped, 1)], ids=["unbounded", "capped"])
@pytest.mark.parametrize("flavour", lowered.FLAVOURS)
def test_an_infinity_in_the_file_is_one_that_javascript_reads(flavour, build, infinities, tmp_path):
    path = lowered.agree(lowered.Model(flavour, build), tmp_path, format="auto")
    with open(path) as file:
        text = file.read()
    assert text.count("1e999") == infinities and "Infinity" not in text


@pytest.mark.modern  # Keras 2 of Python 3.6 has no SpectralNormalization
@pytest.mark.parametrize("flavour, ending", [("keras3", ".h5"), ("keras2", ".keras")])
def test_a_layer_that_is_not_trained_has_its_own_variable_between_those_of_the_layer_within(flavour, ending, tmp_path):
    def frozen(keras):
        layers, x = keras.layers, keras.Input((5, 4), name="x")
        whole, inner = [layers.SpectralNormalization(layers.Dense(3)) for _ in range(2)]
        whole.trainable = inner.layer.trainable = False
        return keras.Model(x, [whole(x), inner(x), layers.SpectralNormalization(layers.Conv1D(3, 2))(x)])

    lowered.agree(lowered.Model(flavour, frozen), tmp_path, ending=ending)
