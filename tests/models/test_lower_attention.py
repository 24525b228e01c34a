"""Attention, normalizations, merging layers and activations, as graph models."""
import numpy
import pytest

from tests import needs
from tests.models import lowered

needs.tensorflow()


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
    if is3:
        made += [layers.RMSNormalization()(x), layers.RMSNormalization(axis=(2, 3))(x),
                 layers.LayerNormalization(rms_scaling=True)(x), normal(renorm=True)(x)]
    return keras.Model([x, y, z, w], made)


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


def settings(build):
    """What lowered.Model is given beside the model."""
    if build is not masked_merges:
        return {}
    random = numpy.random.RandomState(3)
    return {"inputs": {name: random.normal(0, 1, (3, 5, 3)).astype("float32") * kept[:, :, None] for name, kept in (
        ("x", numpy.array([[1, 1, 0, 1, 0], [1, 1, 1, 1, 1], [0, 0, 0, 0, 0]], "float32")),
        ("y", numpy.array([[1, 0, 0, 1, 1], [0, 0, 0, 0, 0], [1, 1, 1, 0, 0]], "float32")))}}


FAMILIES = (normalizations, open_normalizations, merges, masked_merges, activations)


@pytest.mark.parametrize("build", FAMILIES, ids=lambda build: build.__name__)
@pytest.mark.parametrize("flavour", lowered.FLAVOURS)
def test_every_output_is_what_keras_computes(flavour, build, tmp_path):
    lowered.agree(lowered.Model(flavour, build, **settings(build)), tmp_path)
