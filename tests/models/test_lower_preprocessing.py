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


@pytest.mark.parametrize("build", [words], ids=lambda build: build.__name__)
@pytest.mark.parametrize("flavour", lowered.FLAVOURS)
def test_every_output_is_what_keras_computes(flavour, build, tmp_path):
    x = [[[0.5] * 6, [1, 2, 3, 4, 5, 6], [0.5] * 6], [[0.5, 1] * 3, [0.5] * 6, [3] * 6]]
    lowered.agree(lowered.Model(flavour, build, {"x": x}), tmp_path)
