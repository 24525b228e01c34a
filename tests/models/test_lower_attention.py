"""Attention, normalizations, merging layers and activations, as graph models."""
import importlib
import os

import h5py
import numpy
import pytest

from scripts import preprocess
from scripts.viewer import packages, predict
from tests import needs
from tests.models import lowered

needs.tensorflow()


def since_2_10(keras):
    return tuple(map(int, keras.__version__.split(".")[:2])) >= (2, 10)


def normalizations(keras):
    layers, is3 = keras.layers, keras.__version__ >= "3"
    x, y, z = keras.Input((4, 5, 6), name="x"), keras.Input((6,), name="y"), keras.Input((2, 3, 4, 6), name="z")
    w = keras.Input((4, 6), name="w")
    normal = layers.BatchNormalization
    made = [normal(epsilon=0.02)(x), normal(axis=1)(x), normal(axis=-2, scale=False)(x), normal(center=False)(y),
            normal()(z), normal(axis=1, scale=False, center=False)(z), normal()(w),
            layers.LayerNormalization()(x), layers.LayerNormalization(axis=[1, 2], epsilon=0.1)(x),
            layers.LayerNormalization(axis=1, center=False)(w), layers.LayerNormalization(axis=(-1, -2, -3))(x),
            layers.LayerNormalization(axis=[1, 3], scale=False)(z), layers.LayerNormalization()(y)]
    if hasattr(layers, "UnitNormalization"):
        made += [layers.UnitNormalization()(x), layers.UnitNormalization(axis=[1, 2])(x),
                 layers.UnitNormalization(axis=1)(w)]
    if hasattr(layers, "GroupNormalization"):
        made += [layers.GroupNormalization(3)(x), layers.GroupNormalization(-1, epsilon=0.1)(x),
                 layers.GroupNormalization(2, axis=1, scale=False)(x), layers.GroupNormalization(1, axis=-2)(w),
                 layers.GroupNormalization(2, center=False)(z), layers.GroupNormalization(2)(y)]
    made += in_training(keras, x, w)
    if not is3:
        made += [normal(axis=[1, 3])(x), normal(axis=[-1])(w), normal(renorm=True)(x)]
    if hasattr(layers, "experimental") and not is3:
        made += [layers.experimental.SyncBatchNormalization()(x)]
    if is3:
        made += [layer(keras.ops.greater(x, 0.3)) for layer in (
            layers.RMSNormalization(), layers.LayerNormalization(), layers.GroupNormalization(2))]
        made += [layers.RMSNormalization()(x), layers.RMSNormalization(axis=(2, 3))(x),
                 layers.LayerNormalization(rms_scaling=True)(x), normal(renorm=True)(x)]
    return keras.Model([x, y, z, w], made)


def in_training(keras, x, w):
    """Calls with training=True, which Keras 2 heeds outside of training too, and hands on to the layers within."""
    layers = keras.layers
    normal, frozen, i = layers.BatchNormalization, layers.BatchNormalization(trainable=False), keras.Input((4, 6))
    inner = keras.Model(i, [normal(axis=1)(i), normal()(i, training=False), layers.Dropout(0.5)(i, training=False)])
    return [normal()(x, training=True), normal(axis=2, scale=False)(x, training=1), frozen(x, training=True),
            layers.Dropout(0.0)(w, training=True), layers.TimeDistributed(normal())(x, training=True),
            layers.Bidirectional(layers.LSTM(3))(w, training=True), *inner(w, training=True)]


def open_normalizations(keras):
    layers = keras.layers
    x = keras.Input((None, None, 6), name="x")
    made = [layers.BatchNormalization()(x), layers.LayerNormalization()(x)]
    if hasattr(layers, "GroupNormalization"):
        made += [layers.GroupNormalization(2)(x)]
    return keras.Model(x, made)


def merges(keras):
    layers = keras.layers
    x, y, z = keras.Input((4, 6), name="x"), keras.Input((4, 6), name="y"), keras.Input((6,), name="z")
    u, v = keras.Input((3, 4, 5), name="u"), keras.Input((2, 4, 7), name="v")
    one = keras.Input((1,), name="one")
    made = [getattr(layers, kind)()(inputs) for inputs in ([x, y, z], [x, one])
            for kind in ("Add", "Multiply", "Average", "Maximum", "Minimum")]
    made += [layers.Subtract()([x, y]), layers.Subtract()([z, x]), layers.Add()([z, layers.Reshape((1, 6))(z)]),
             layers.Concatenate()([x, y, x]), layers.Concatenate(axis=1)([x, y]), layers.Concatenate(axis=-2)([x, y]),
             layers.Dot(axes=1)([z, z]), layers.Dot(axes=-1, normalize=True)([z, z]), layers.Dot(axes=(2, 1))([x, z]),
             layers.Dot(axes=(1, 2))([z, y]), layers.Dot(axes=2, normalize=True)([x, y]), layers.Dot(axes=1)([x, y]),
             layers.Dot(axes=2)([u, v]), layers.Dot(axes=(2, 1))([u, x]), layers.Dot(axes=(1, 2))([y, u])]
    return keras.Model([x, y, z, u, v, one], made)


def masked_merges(keras):
    layers = keras.layers
    x, y = keras.Input((5, 3), name="x"), keras.Input((5, 3), name="y")
    a, b = layers.Masking()(x), layers.Masking()(y)
    made = [getattr(layers, kind)()(inputs) for kind in ("Add", "Multiply", "Average", "Maximum", "Minimum")
            for inputs in ([a, b], [a, y], [x, b, a])]
    made += [layers.Concatenate()([a, b]), layers.Concatenate()([a, y]), layers.Concatenate(axis=1)([a, b])]
    return keras.Model([x, y], made)


NAMES = "linear relu elu selu softplus softsign swish tanh sigmoid exponential hard_sigmoid softmax".split()
LATER = """relu6 leaky_relu silu gelu mish log_softmax celu glu hard_silu hard_tanh hard_shrink soft_shrink tanh_shrink
    squareplus sparse_plus sparse_sigmoid log_sigmoid sparsemax""".split()


def activations(keras):
    layers, is3 = keras.layers, keras.__version__ >= "3"
    x, y = keras.Input((4, 6), name="x"), keras.Input((3, 4, 5), name="y")
    known = NAMES + [name for name in LATER if hasattr(keras.activations, name)]
    made = [layers.Activation(name)(x) for name in known] + [layers.Dense(4, activation=name)(x) for name in known]
    slope = "negative_slope" if is3 else "alpha"
    made += [layers.ReLU(6.0)(x), layers.ReLU(0.7, 0.1, 0.2)(x), layers.ReLU(threshold=0.3)(x),
             layers.ReLU(negative_slope=0.2)(x), layers.ReLU(max_value=0.5)(x), layers.ReLU(1.0, 0.3)(x),
             layers.LeakyReLU()(x), layers.LeakyReLU(**{slope: 1.7})(x), layers.ELU(0.4)(x), layers.ELU()(x),
             layers.PReLU()(y), layers.PReLU(shared_axes=[1, 3])(y), layers.Softmax(axis=1)(y),
             layers.Softmax(axis=[1, 2])(y), layers.Dense(3, activation=layers.LeakyReLU(0.1))(x),
             layers.Dense(3, activation=layers.ReLU(0.4))(x)]
    if hasattr(layers, "ThresholdedReLU"):
        made += [layers.ThresholdedReLU(0.4)(x)]
    return keras.Model([x, y], made)


def heads(keras):
    layers, is3 = keras.layers, keras.__version__ >= "3"
    x, y, z = keras.Input((4, 6), name="x"), keras.Input((5, 6), name="y"), keras.Input((3, 4, 6), name="z")
    u, m = keras.Input((5, 7), name="u"), keras.Input((4, 5), dtype="bool", name="m")
    many = layers.MultiHeadAttention
    scored = many(2, 3)(x, y, return_attention_scores=True)
    made = [many(2, 3)(x, x), many(3, 2, value_dim=5)(x, y), many(1, 4, output_shape=7, use_bias=False)(x, value=y),
            many(2, 3, dropout=0.5)(x, y, key=u), many(2, 3)(query=x, value=y, attention_mask=m), scored[0], scored[1],
            many(2, 3, attention_axes=(1, 2))(z, z), many(2, 3, attention_axes=(2,))(z, z), many(2, 2)(z, z),
            many(2, 2, output_shape=(3, 2))(x, y)]
    if since_2_10(keras):
        made += [many(2, 3)(x, y, use_causal_mask=True), many(2, 3, dropout=0.1)(x, x, use_causal_mask=True)]
    if is3:
        made += [layers.GroupQueryAttention(3, 4, 2)(x, y), layers.GroupQueryAttention(3, 4, 1)(x, x),
                 layers.GroupQueryAttention(2, 2, 2, use_bias=False)(x, x, use_causal_mask=True)]
        made += [*layers.GroupQueryAttention(3, 4, 2)(x, y, return_attention_scores=True)]
    if "sliding_window" in many(1, 1).get_config():
        made += [many(2, 3, sliding_window=2)(x, x), many(2, 3, use_gate=True)(x, y),
                 layers.GroupQueryAttention(3, 4, 2, use_gate=True, sliding_window=2)(x, x)]
    made = [tensor for tensor in made if not isinstance(tensor, list)]
    return keras.Model([x, y, z, u, m], made)


def single_heads(keras):
    layers = keras.layers
    x, y, z = keras.Input((4, 6), name="x"), keras.Input((5, 6), name="y"), keras.Input((5, 6), name="z")
    causal = {} if since_2_10(keras) else {"causal": True}
    given = {} if causal else {"use_causal_mask": True}
    made = [layers.Attention()([x, y]), layers.Attention(use_scale=True)([x, y, z]),
            layers.Attention(dropout=0.3, **causal)([x, x], **given), layers.AdditiveAttention()([x, y]),
            layers.AdditiveAttention(use_scale=False)([x, y, z]),
            *layers.Attention()([x, y], return_attention_scores=True)]
    if not causal:
        made += [layers.Attention(score_mode="concat")([x, y]), layers.Attention(True, "concat")([x, y])]
    dense = getattr(layers, "EinsumDense", None) or layers.experimental.EinsumDense
    made += [dense("abc,cd->abd", (None, 3), bias_axes="d", activation="relu")(x),
             dense("abc,bcd->ad", 3, bias_axes="d")(x), dense("...x,xy->...y", 3)(x),
             dense("ab...,bc->ac...", (3, None), bias_axes="c")(x), dense("abc,cde->aedb", (2, 3, None))(x),
             dense("abc,bd->abcd", (4, 6, 2))(x)]
    return keras.Model([x, y, z], made)


def masked_heads(keras):
    layers, is3 = keras.layers, keras.__version__ >= "3"
    x, y = keras.Input((5, 3), name="x"), keras.Input((5, 3), name="y")

    def a():  # Keras 3's MultiHeadAttention takes the masks of its inputs away: each has inputs of its own
        return layers.Masking()(x)

    def b():
        return layers.Masking()(y)

    def read(value):  # what a layer does with the mask of `value`
        return layers.Attention()([x if value.shape[-1] == 3 else layers.Concatenate()([x, x]), value])

    made = [layers.Attention()([a(), b()]), layers.Attention()([x, b()]), layers.Attention()([a(), y]),
            layers.AdditiveAttention()([a(), b(), a()]), read(layers.Add()([a(), b()])), read(layers.Add()([a(), y])),
            read(layers.Multiply()([a(), b()])), read(layers.Concatenate()([a(), b()])),
            read(layers.Concatenate()([a(), y])), read(layers.Concatenate(axis=1)([a(), b()])),
            layers.Softmax()(layers.Reshape((5, 5, 3))(layers.Concatenate()([x] * 5))),
            read(layers.ReLU()(layers.LayerNormalization()(layers.BatchNormalization()(a()))))]
    if since_2_10(keras):
        many, first = layers.MultiHeadAttention, a()
        second = many(2, 3)(first, b())
        made += [second, many(2, 3)(x, b()), many(2, 3, dropout=0.1)(a(), b(), a()), many(2, 2, dropout=0.1)(a(), y),
                 many(2, 2)(a(), b(), use_causal_mask=True), *many(2, 2)(a(), b(), return_attention_scores=True),
                 many(2, 3)(layers.Add()([first, second]), b()), layers.Attention()([second, second])]
    if is3:
        made += [layers.GroupQueryAttention(2, 2, 1)(a(), b()),
                 layers.GroupQueryAttention(2, 2, 1, dropout=0.5)(a(), a())]
    return keras.Model([x, y], made)


def open_heads(keras):
    layers = keras.layers
    x, y = keras.Input((None, 6), name="x"), keras.Input((None, 6), name="y")
    given = {"use_causal_mask": True} if since_2_10(keras) else {}
    return keras.Model([x, y], [layers.MultiHeadAttention(2, 3)(x, y, **given), layers.Attention()([x, y], **given)])


def adapted(keras):
    layers = keras.layers
    kind = getattr(layers, "Normalization", None) or layers.experimental.preprocessing.Normalization
    x, y = keras.Input((3, 4, 2), name="x"), keras.Input((5,), name="y")
    made = [kind()(x), kind(axis=None)(x), kind(axis=(1, 3))(x), kind(axis=2)(x), kind()(y), kind(axis=None)(y)]
    if since_2_10(keras):
        made += [kind(axis=-1, mean=[1.0, 2.0], variance=[4.0, 0.0])(x), kind(axis=None, mean=3, variance=0.5)(x),
                 kind(axis=-1, invert=True)(x), kind(axis=(1, 2), mean=0.5, variance=2.0, invert=True)(x)]
    i = keras.Input((5,))
    tower = keras.Model(i, layers.Dense(3)(kind(name="deep")(i)), name="tower")
    return keras.Model([x, y], made + [tower(y)])


def within(keras):
    """Layers with parts, in models that are called twice."""
    layers, is3 = keras.layers, keras.__version__ >= "3"
    i = keras.Input((4, 6))
    normal = layers.LayerNormalization()(layers.BatchNormalization(axis=1)(i))
    attended = layers.MultiHeadAttention(2, 3)(normal, normal)
    inner = layers.PReLU(shared_axes=[1])(layers.Add()([i, attended]))
    if is3:
        inner = layers.SpectralNormalization(layers.Conv1D(6, 1))(layers.RMSNormalization()(inner))
        inner = layers.SpectralNormalization(layers.Dense(6, "gelu"))(inner)
        inner = layers.GroupQueryAttention(2, 2, 1, use_gate=True)(inner, inner)
    tower = keras.Model(i, layers.Attention(use_scale=True)([inner, i]), name="tower")
    x, y = keras.Input((4, 6), name="x"), keras.Input((4, 6), name="y")
    return keras.Model([x, y], [tower(x), layers.Subtract()([tower(y), x])])


def scaled(keras):
    """Layers of keras.applications: ConvNeXt's and InceptionResNetV2's."""
    kinds = {name: getattr(importlib.import_module(f"{keras.__name__}.src.applications.{module}"), name)
             for module, name in (("convnext", "LayerScale"), ("inception_resnet_v2", "CustomScaleLayer"))}
    layers = keras.layers
    i = keras.Input((4, 6))
    inner = kinds["LayerScale"](0.5, 6, name="scale")(layers.Dense(6)(i))
    tower = keras.Model(i, kinds["CustomScaleLayer"](0.3)([inner, i]), name="tower")
    x = keras.Input((4, 6), name="x")
    return keras.Model(x, [tower(x), kinds["LayerScale"](0.5, 6)(x)])


def settings(build):
    """What lowered.Model is given beside the model."""
    if build not in (masked_merges, masked_heads):
        return {}
    random = numpy.random.RandomState(3)
    return {"inputs": {name: random.normal(0, 1, (3, 5, 3)).astype("float32") * kept[:, :, None] for name, kept in (
        ("x", numpy.array([[1, 1, 0, 1, 0], [1, 1, 1, 1, 1], [0, 0, 0, 0, 0]], "float32")),
        ("y", numpy.array([[1, 0, 0, 1, 1], [0, 0, 0, 0, 0], [1, 1, 1, 0, 0]], "float32")))}}


FAMILIES = (normalizations, open_normalizations, merges, masked_merges, activations, heads, single_heads, masked_heads,
            open_heads, adapted)


@pytest.mark.parametrize("build", FAMILIES, ids=lambda build: build.__name__)
@pytest.mark.parametrize("flavour", lowered.FLAVOURS)
def test_every_output_is_what_keras_computes(flavour, build, tmp_path):
    lowered.agree(lowered.Model(flavour, build, **settings(build)), tmp_path)


def test_keras_before_tensorflow_s_trains_a_layer_on_each_step_where_it_knows_the_batch(tmp_path):
    keras = lowered.oracle.load("keras2")
    start = keras.Input(batch_shape=(2, 3, 4), name="start")
    source, target = str(tmp_path / "model.h5"), str(tmp_path / "js")
    steps = keras.layers.TimeDistributed(keras.layers.BatchNormalization(), name="steps")(start, training=True)
    keras.Model(start, steps).save(source)
    with h5py.File(source, "r+") as file:
        file.attrs["keras_version"] = "2.3.1"
    facts = preprocess.preprocess(source, target, format="graph").facts
    x = numpy.random.RandomState(3).normal(size=(2, 3, 4)).astype("float32")
    found, = predict.predict(os.path.join(target, "model.json"), [x], packages.bundle("@tensorflow/tfjs"),
                             facts["outputs"], sync=True)
    assert abs(found.values - (x - x.mean(0)) / numpy.sqrt(x.var(0) + 1e-3)).max() < 1e-5  # what Keras 2.3.1 computes


@pytest.mark.parametrize("ending", [".h5"] + [".keras"] * (needs.STACK == "modern"))  # Keras 2.6 writes no archives
@pytest.mark.parametrize("flavour", lowered.FLAVOURS)
def test_weights_of_layers_with_parts_are_found_in_every_file(flavour, ending, tmp_path):
    lowered.agree(lowered.Model(flavour, within, batch=1), tmp_path, ["tower@0", "tower@1", "subtract"], ending)


@pytest.mark.modern  # Keras 2.6 has no such layers
@pytest.mark.parametrize("flavour", lowered.FLAVOURS)
def test_layers_of_keras_s_applications_are_lowered(flavour, tmp_path):
    for ending in (".h5", ".keras"):
        lowered.agree(lowered.Model(flavour, scaled), tmp_path, ending=ending)


def lambdas(keras):
    """InceptionResNetV2's before Keras 2.12, in a nested model."""
    x, i = keras.Input((4, 6), name="x"), keras.Input((4, 6))
    inner = keras.layers.Lambda(lambda inputs, scale: inputs[0] + inputs[1] * scale, arguments={"scale": 0.17},
                                output_shape=(4, 6), name="block35_1")([keras.layers.Dense(6)(i), i])
    return keras.Model(x, [keras.Model(i, inner, name="tower")(x), keras.layers.ReLU()(x)])


@pytest.mark.py36
def test_a_lambda_of_keras_s_own_is_computed(tmp_path):
    """Its code is told by its instructions, as Python before 3.11 has them."""
    lowered.agree(lowered.Model("keras2", lambdas), tmp_path)
