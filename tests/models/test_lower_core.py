"""Dense, shapes and what training alone needs, as graph models."""
import math

import pytest

from tests import needs
from tests.models import lowered

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


@pytest.mark.parametrize("build", [layered, nested_twice], ids=lambda build: build.__name__)
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
