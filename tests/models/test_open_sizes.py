"""Sizes that a model's inputs leave open: told by its weights, or asked for; what is written loads."""
import json

import h5py
import numpy
import pytest

from scripts import Fault, formats
from scripts.viewer import predict
from tests import needs
from tests.models import oracle, zoo
from tests.models.test_reported import bent, computes, converted, planted

needs.tensorflow()


def inputs_of(record):
    """The InputLayers of a model's record, or the first layer of a Sequential without one: what declares a shape."""
    layers = record["config"]["layers"]
    return [layer for layer in layers if layer["class_name"] == "InputLayer"] or layers[:1]


def declared(config):
    return next(config[key] for key in ("batch_input_shape", "batch_shape") if config.get(key))


def opened(places):
    """A change that leaves the sizes at `places`, (number of the input, axis), open."""
    def change(record):
        for number, axis in places:
            declared(inputs_of(record)[number]["config"])[axis] = None
        if "build_input_shape" in record["config"]:
            record["config"]["build_input_shape"] = declared(inputs_of(record)[0]["config"])
        return record
    return change


def topology(path):
    with h5py.File(path, "r") as file:
        text = file.attrs["model_config"]
        return json.loads(text.decode("utf-8") if isinstance(text, bytes) else text)


CASES = [(flavour, builder.__name__) for flavour in oracle.FLAVOURS for builder in zoo.SMALL
         if (flavour, builder.__name__) != ("keras3", "normalized")]  # whose own h5 Keras 3 cannot load


@pytest.mark.parametrize("flavour, name", CASES)
def test_each_size_left_open_is_told_or_asked_for_or_does_no_harm(flavour, name, tmp_path):
    """Each size in turn, and all of them."""
    needs.node()
    model = oracle.planted(flavour, name)
    path = str(tmp_path / "model.h5")
    model.save(path)
    whole = topology(path)
    shapes = [declared(layer["config"]) for layer in inputs_of(whole)]
    places = [(number, axis) for number, shape in enumerate(shapes) for axis in range(1, len(shape))]
    assert places
    for index, some in enumerate([[place] for place in places] + [places]):
        bent(path, lambda record, some=some: opened(some)(json.loads(json.dumps(whole))))
        try:
            model_json, names = converted(path, tmp_path, f"js{index}")
        except Fault as fault:
            assert "--input-shape" in str(fault), (some, str(fault))
            given = [shape[1:] for shape in shapes]
            given = dict(zip([layer["config"]["name"] for layer in inputs_of(whole)], given)) \
                if len(given) > 1 else given[0]
            model_json, names = converted(path, tmp_path, f"again{index}", input_shape=given)
        found = [value for _, value in predict.predict(model_json, model.inputs)]
        for value, other in zip(model.activations(names), found):
            assert oracle.distance(value, other) <= (2e-3 if name == "half" else 1e-5), some


def normalization(keras, **options):
    layers = keras.layers
    made = layers.Normalization if hasattr(layers, "Normalization") else layers.experimental.preprocessing.Normalization
    return made(**options)


@pytest.mark.parametrize("way", ["h5"] + ["keras"] * (needs.STACK == "modern"))
def test_a_normalization_without_an_input_is_as_wide_as_its_mean(way, tmp_path):
    """TensorFlow's regression tutorial: Keras 2 writes its input as [null, null]."""
    keras = oracle.load("keras2")
    keras.backend.clear_session()
    values = numpy.random.RandomState(1).normal(3, 2, (20, 9)).astype("float32")
    norm = normalization(keras, axis=-1, name="norm")
    norm.adapt(values)
    model = keras.Sequential([norm, keras.layers.Dense(4, name="one"), keras.layers.Dense(1, name="two")])
    expected = model.predict(values, verbose=0)
    source = str(tmp_path / ("model." + way))
    model.save(source)
    enc = str(tmp_path / "enc.h5")
    model_json, names = converted(source, tmp_path, enc_model=enc)
    assert names == ["norm", "one", "two"]
    computes(model_json, [values], {"two": expected})
    assert predict.describe(model_json)["inputs"][0]["shape"] == [None, 9]
    loaded = keras.models.load_model(enc, compile=False)
    if hasattr(norm, "finalize_state"):  # Keras 2.6 does not compute with the mean that it loads before this
        loaded.get_layer("norm").finalize_state()
    assert oracle.distance(expected, oracle.predict(loaded, [values])[-1]) <= 1e-6


@pytest.mark.parametrize("flavour", oracle.FLAVOURS)
def test_sizes_of_nested_models_follow_from_weights_or_from_their_calls(flavour, tmp_path):
    keras = oracle.load(flavour)
    keras.backend.clear_session()
    layers = keras.layers
    start = keras.Input((None, None, 3), name="start")
    deep_start = keras.Input((None, None, 4), name="deep_start")
    deep = keras.Model(deep_start, layers.Conv2D(4, 2, name="deep_conv")(deep_start), name="deep")
    inner_start = keras.Input((None, None, 4), name="inner_start")
    inner = keras.Model(inner_start, layers.Conv2D(2, 1, name="inner_conv")(deep(inner_start)), name="inner")
    model = planted(keras, keras.Model(start, inner(layers.Conv2D(4, 3, name="conv")(start)), name="outer"))
    source = str(tmp_path / "model.h5")
    model.save(source)

    def flattened(record):
        """With a Flatten behind the convolution inside, which must know its sizes."""
        name = record["config"]["name"]
        if name == "inner":
            call = [[["inner_conv", 0, 0, {}]]]
            tensor = {"class_name": "__keras_tensor__", "config": {"shape": [None, None, None, 2], "dtype": "float32",
                                                                   "keras_history": ["inner_conv", 0, 0]}}
            record["config"]["layers"].append({
                "class_name": "Flatten", "name": "flat", "config": {
                    "name": "flat", "trainable": True, "dtype": "float32", "data_format": "channels_last"},
                "inbound_nodes": [{"args": [tensor], "kwargs": {}}] if flavour == "keras3" else call})
            record["config"]["output_layers"] = [["flat", 0, 0]]
        for layer in record["config"].get("layers", []):
            if "layers" in layer["config"]:
                flattened(layer)
        return record

    bent(source, flattened)
    with pytest.raises(Fault, match=r"'flat' is a Flatten of \(\?, \?, 2\).*--input-shape"):
        converted(source, tmp_path, "without", layers=["inner"], format="layers")
    model_json, _ = converted(source, tmp_path, layers=["inner"], input_shape=[7, 6, 3])
    inputs = [numpy.random.RandomState(2).rand(2, 7, 6, 3).astype("float32")]
    computes(model_json, inputs, {"inner": oracle.predict(model, inputs)[0].reshape(2, -1)})


def test_what_contradicts_or_is_not_told_stays_open(tmp_path):
    keras = oracle.load("keras2")
    layers = keras.layers
    start = keras.Input((8, 8, 3), name="start")
    x = layers.Conv2D(4, 3, strides=2, name="conv")(start)
    model = keras.Model(start, layers.Dense(2, name="end")(layers.Flatten(name="flat")(x)))
    path = str(tmp_path / "model.h5")
    model.save(path)
    bent(path, opened([(0, 1)]))
    with formats.read(path) as found:  # 7 and 8 rows give 3 behind the strides: neither is the one
        assert inputs_of(found.topology)[0]["config"]["batch_input_shape"] == [None, None, 8, 3]
    with pytest.raises(Fault, match="'flat' is a Flatten .*--input-shape"):
        converted(path, tmp_path, format="layers")
    _, names = converted(path, tmp_path, "given", input_shape=[8, 8, 3])
    assert names == ["conv", "flat", "end"]
