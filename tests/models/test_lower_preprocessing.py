"""Preprocessing, embeddings and masks, as graph models."""
import numpy
import pytest

from scripts import Fault, preprocess
from tests import needs
from tests.models import lowered, oracle

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


def counted(keras):
    """Boundaries that adapt() has found: of more numbers than bins, and of fewer."""
    layers = keras.layers
    kind = getattr(layers, "Discretization", None) or layers.experimental.preprocessing.Discretization
    x, found = keras.Input((3,), name="x"), []
    for count, bins in ((50, 4), (3, 7)):
        found.append(kind(num_bins=bins))
        found[-1].adapt(numpy.sin(numpy.arange(count, dtype="float32")).reshape((-1, 1)))
    return keras.Model(x, [layer(x) for layer in found])


@pytest.mark.parametrize("flavour", lowered.FLAVOURS)
def test_what_a_discretization_has_learned_is_in_its_file(flavour, tmp_path):
    lowered.agree(lowered.Model(flavour, counted, batch=9), tmp_path, versions=(lowered.OLDEST,))


def space_of(keras):
    """A FeatureSpace that has learned its numbers: floats of each kind, and whole numbers."""
    import tensorflow
    space = keras.utils.FeatureSpace({
        "age": keras.utils.FeatureSpace.float_normalized(), "fare": keras.utils.FeatureSpace.float_rescaled(0.5),
        "nice": keras.utils.FeatureSpace.float_discretized(num_bins=3), "rate": keras.utils.FeatureSpace.float(),
        "code": keras.utils.FeatureSpace.integer_categorical()}, output_mode="concat")
    space.adapt(tensorflow.data.Dataset.from_tensor_slices({
        "age": [10, 20, 30, 40], "fare": [1.0, 2.5, 3.0, 8.0], "nice": [0.5, 0.2, 0.9, 0.1],
        "rate": [0.1, 0.2, 0.3, 0.4], "code": [1, 2, 3, 2]}))
    return space


def features(keras):
    """Its model, with a layer behind it."""
    space = space_of(keras)
    return keras.Model(space.get_inputs(), keras.layers.Dense(2, name="end")(space.get_encoded_features()))


@pytest.mark.modern
def test_the_features_of_a_feature_space_are_what_keras_computes(tmp_path):
    lowered.agree(lowered.Model("keras3", features), tmp_path, versions=(lowered.OLDEST,))
    source = str(tmp_path / "space.keras")
    space_of(oracle.load("keras3")).save(source)
    with pytest.raises(Fault, match=r"is a FeatureSpace, .*; save keras.Model\(space.get_inputs\(\), space"):
        preprocess.preprocess(source, str(tmp_path / "refused"))
