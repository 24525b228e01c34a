"""Preprocessing, embeddings and masks, as graph models."""
import pytest

from tests import needs
from tests.models import lowered

needs.tensorflow()


def rescaling(keras):
    return getattr(keras.layers, "Rescaling", None) or keras.layers.experimental.preprocessing.Rescaling


def words(keras):
    layers = keras.layers
    ids, x = keras.Input((4,), dtype="int32", name="ids"), keras.Input((3, 6), name="x")
    return keras.Model([ids, x], [layers.Embedding(5, 3, mask_zero=True)(ids), layers.Masking(0.5)(x),
                                  rescaling(keras)(1 / 127.5, -1)(x), layers.Activation("linear")(x)])


def categories(keras):
    layers = keras.layers
    preprocessing = getattr(layers, "experimental", layers)
    lookups = getattr(preprocessing, "preprocessing", preprocessing)
    found = {name: getattr(layers, name, None) or getattr(lookups, name) for name in (
        "CategoryEncoding", "Discretization", "IntegerLookup")}
    ids, one = keras.Input((4,), dtype="int32", name="ids"), keras.Input((1,), dtype="int32", name="one")
    x = keras.Input((3, 2), name="x")
    return keras.Model([ids, one, x], [
        found["CategoryEncoding"](6, output_mode="multi_hot", name="several")(ids),
        found["CategoryEncoding"](6, output_mode="count", name="counted")(ids),
        found["CategoryEncoding"](6, output_mode="one_hot", name="hot")(one),
        found["Discretization"](bin_boundaries=[-0.5, 0.0, 0.5], name="bins")(x),
        found["IntegerLookup"](vocabulary=[3, 1, 4], name="known")(ids),
        found["IntegerLookup"](vocabulary=[3, 1, 4], num_oov_indices=2, mask_token=0, name="hidden")(ids),
        found["IntegerLookup"](vocabulary=[3, 1], output_mode="multi_hot", name="hot_words")(ids)])


@pytest.mark.parametrize("build", [words, categories], ids=lambda build: build.__name__)
@pytest.mark.parametrize("flavour", lowered.FLAVOURS)
def test_every_output_is_what_keras_computes(flavour, build, tmp_path):
    x = [[[0.5] * 6, [1, 2, 3, 4, 5, 6], [0.5] * 6], [[0.5, 1] * 3, [0.5] * 6, [3] * 6]]
    lowered.agree(lowered.Model(flavour, build, {"x": x} if build is words else None), tmp_path)
