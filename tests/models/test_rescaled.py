"""Normalizations in nested models and in SavedModels are the Rescalings that outermost ones in an h5 are."""
import os

import numpy
import pytest

from scripts import Fault, encapsulate, formats, preprocess, summary
from scripts.viewer import predict
from tests import needs
from tests.models import oracle

needs.tensorflow()
WAYS = [("keras2", "h5"), ("keras2", "saved_model")] + [("keras2", "keras"), ("keras3", "h5"), ("keras3", "keras")] * (
    needs.STACK == "modern")
FILES = {"h5": "model.h5", "keras": "model.keras", "saved_model": "model"}


def normalization(keras, data, **options):
    made = getattr(keras.layers, "Normalization", None) or keras.layers.experimental.preprocessing.Normalization
    layer = made(**options)
    layer.adapt(data)
    return layer


def start_anew(flavour):
    keras = oracle.load(flavour)
    keras.backend.clear_session()
    return keras


def images(seed=2):
    return numpy.random.RandomState(seed).uniform(-3, 9, (20, 6, 6, 3)).astype("float32")


def extractor(keras, axis=-1, name="inner", data=None):
    """A model of a Normalization, a convolution, a batch normalization and a frozen convolution."""
    layers, start = keras.layers, keras.Input((6, 6, 3), name=f"{name}_start")
    x = layers.Rescaling(0.5)(start) if hasattr(layers, "Rescaling") else start
    x = normalization(keras, images() if data is None else data, axis=axis, name=f"{name}_norm")(x)
    x = layers.Conv2D(4, 3, name=f"{name}_conv")(x)
    x = layers.BatchNormalization(name=f"{name}_batch")(x)
    return keras.Model(start, layers.Conv2D(2, 1, trainable=False, name=f"{name}_frozen")(x), name=name)


def transfer(keras, **options):
    """Transfer learning: a trained model as a layer of another one."""
    layers = keras.layers
    return keras.Sequential([keras.Input((6, 6, 3)), layers.Conv2D(3, 1, name="before"),
                             extractor(keras, **options), layers.Flatten(name="flat"), layers.Dense(2, name="end")])


def deep(keras):
    """A Normalization in a model in a model, one in a Sequential without an input, and one in a TimeDistributed."""
    layers, start = keras.layers, keras.Input((6, 6, 3), name="middle_start")
    middle = keras.Model(start, extractor(keras, name="innermost")(layers.Conv2D(3, 1, name="middle_conv")(start)),
                         name="middle")
    chain = keras.Sequential([normalization(keras, images(5), axis=-1, name="chain_norm"),
                              layers.Conv2D(3, 1, name="chain_conv")], name="chain")
    start = keras.Input((6, 6, 3), name="start")
    rows = keras.Sequential([keras.Input((6, 3)), normalization(keras, images(7)[:, 0], axis=2, name="row_norm"),
                             layers.Dense(2, name="row_dense")], name="row")
    return keras.Model(start, [middle(chain(start)), layers.TimeDistributed(rows, name="rows")(start)])


def outermost(keras):
    layers, start = keras.layers, keras.Input((6, 6, 3), name="start")
    norm = normalization(keras, images(), axis=-1, name="norm")
    return keras.Model(start, layers.Conv2D(2, 3, name="conv")(norm(start)))


def planted(keras, model):
    """The model with values in its weights, but for those of Normalizations, as Keras computes it after loading."""
    random, kept = numpy.random.RandomState(4), set()
    for layer in model._flatten_layers() if hasattr(model, "_flatten_layers") else model.submodules:
        if type(layer).__name__ == "Normalization":
            kept |= {id(weight) for weight in layer.weights}
    for weight in model.weights:
        if id(weight) not in kept:
            weight.assign(random.uniform(0.2, 1, tuple(weight.shape)))
    return model


def converted(model, way, folder, layers=None):
    path, target = os.path.join(folder, FILES[way]), os.path.join(folder, "js")
    model.save(path, **({"save_format": "tf"} if way == "saved_model" else {}))
    os.mkdir(target)
    preprocess.preprocess(path, target, layers=layers, format="layers")
    return path, predict.predict(os.path.join(target, "model.json"), [images(3)])


@pytest.mark.parametrize("flavour, way", WAYS)
@pytest.mark.parametrize("build", [outermost, transfer, deep])
def test_a_normalization_is_a_rescaling_wherever_it_is_and_whatever_the_file(build, flavour, way, tmp_path):
    needs.node()
    keras = start_anew(flavour)
    model = planted(keras, build(keras))
    wanted = oracle.predict(model, [images(3)])
    path, found = converted(model, way, str(tmp_path))
    found = {tuple(value.shape): value for _, value in found}
    for value in wanted:
        assert oracle.distance(value, found[value.shape]) <= 1e-5
    with formats.read(path) as read:
        assert [row["layer"] for row in summary.rows(read) if row["shown"] not in ("yes", "input")] == []


@pytest.mark.parametrize("flavour, way", WAYS)
def test_a_normalization_in_a_nested_model_can_be_asked_for(flavour, way, tmp_path):
    needs.node()
    keras = start_anew(flavour)
    model = planted(keras, transfer(keras, axis=3))
    inner = next(layer for layer in model.layers if layer.name == "inner")
    norm = next(layer for layer in inner.layers if layer.name == "inner_norm")
    names, before = ["inner/inner_norm", "inner", "end"], model.layers[0]
    halved = 0.5 * numpy.asarray(before(images(3)))
    wanted = [numpy.asarray(norm(halved)), numpy.asarray(inner(before(images(3)))),
              oracle.predict(model, [images(3)])[0]]
    found = converted(model, way, str(tmp_path), names)[1]
    assert [name for name, _ in found] == ["inner_norm", "inner_frozen", "end"]
    for value, (_, other) in zip(wanted, found):
        assert oracle.distance(value, other) <= 1e-5


@pytest.mark.parametrize("flavour, way", WAYS)
def test_a_normalization_in_a_nested_model_that_is_refused_is_named_by_its_path(flavour, way, tmp_path):
    keras = start_anew(flavour)
    model = transfer(keras, axis=1)
    with pytest.raises(Fault, match="layer 'inner/inner_norm' is a Normalization: TensorFlow.js does not have it"):
        converted(model, way, str(tmp_path))
    with formats.read(os.path.join(str(tmp_path), FILES[way])) as read:
        shown = {row["layer"]: row["shown"] for row in summary.rows(read)}
    assert shown["inner/inner_norm"] == shown["inner"] == "yes"  # in a graph model
    os.rename(str(tmp_path / "js"), str(tmp_path / "done"))
    keras = start_anew(flavour)
    model = transfer(keras, data=numpy.full((4, 6, 6, 3), numpy.nan, "float32"))
    with pytest.raises(Fault, match="'inner/inner_norm' is a Normalization whose mean or variance are no numbers"):
        converted(model, way, str(tmp_path))


@pytest.mark.modern  # it is an archive of Keras that holds no order of a model's weights
@pytest.mark.parametrize("flavour", oracle.FLAVOURS)
def test_keras_loads_the_multi_output_h5_of_an_archive_with_a_nested_normalization(flavour, tmp_path):
    keras = start_anew(flavour)
    model = planted(keras, transfer(keras))
    source, enc = str(tmp_path / "model.keras"), str(tmp_path / "enc.h5")
    model.save(source)
    encapsulate.build(source, enc, layers=["inner", "end"])
    loaded = keras.models.load_model(enc, compile=False)
    for layer in loaded._flatten_layers():
        if hasattr(layer, "finalize_state"):  # Keras 3 computes with the mean of an h5 after this alone
            layer.finalize_state()
    found = oracle.predict(loaded, [images(3)])
    assert oracle.distance(oracle.predict(model, [images(3)])[0], found[1]) <= 1e-6
