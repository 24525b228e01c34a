"""Layers that TensorFlow.js computes as Keras does for some shapes and settings alone: the others are refused."""
import importlib
import os

import numpy
import pytest

from scripts import Fault, convert, encapsulate, formats
from scripts.tfjs import refusals
from scripts.viewer import predict
from tests import needs
from tests.models import oracle
from tests.models.test_reported import bent

needs.tensorflow()


def build(keras, kind, shapes, **settings):
    """A model of one layer (or `a + b`, `a * b`) on inputs of these shapes."""
    keras.backend.clear_session()
    inputs = [keras.Input(shape, name=f"input_{place}") for place, shape in enumerate(shapes)]
    one = inputs[0] if len(inputs) == 1 else inputs
    if kind in "+*":
        made = inputs[0] + inputs[1] if kind == "+" else inputs[0] * inputs[1]
    elif kind == "each":
        made = keras.layers.TimeDistributed(keras.layers.BatchNormalization(**settings))(one)
    elif kind == "flat":
        made = keras.Sequential([keras.layers.ReLU(), keras.layers.GlobalMaxPooling2D() if len(shapes[0]) == 3 else
                                 keras.layers.ReLU(), keras.layers.Flatten()])(one)
    elif kind == "kept":
        made = keras.layers.TimeDistributed(keras.layers.GlobalAveragePooling1D(keepdims=True))(one)
    elif kind == "behind":
        made = keras.layers.BatchNormalization(**settings)(
            keras.layers.ConvLSTM2D(4, 2, padding="same", return_sequences=True)(one))
    elif kind == "stacked":
        cells = [keras.layers.LSTMCell(4), keras.layers.SimpleRNNCell(4)]
        made = keras.layers.BatchNormalization(**settings)(keras.layers.RNN(cells, return_sequences=True)(one))
    else:
        made = getattr(keras.layers, kind)(**settings)(one)
    return keras.Model(inputs, made)


def compare(model, flavour, folder):
    """Convert the model and return the distance of TensorFlow.js's output from Keras's."""
    random = numpy.random.RandomState(3)
    values = [random.rand(4, *[size or 4 for size in tensor.shape[1:]]).astype("float32") for tensor in model.inputs]
    path, target = os.path.join(folder, "m.keras" if flavour == "keras3" else "m.h5"), os.path.join(folder, "js")
    model.save(path)
    os.mkdir(target)
    convert.convert(path, target, format="layers")
    found = predict.predict(os.path.join(target, "model.json"), values)
    return oracle.distance(oracle.predict(model, values)[0], found[0][1])


VOLUME = (4, 4, 4, 2)
CUBE, SQUARE, LINE = (4, 4, 4), (4, 4), (4,)
RIGHT = [
    ("Dot", [SQUARE, SQUARE], {"axes": (2, 1)}), ("Dot", [SQUARE, SQUARE], {"axes": -2}),
    ("Dot", [SQUARE, SQUARE], {"axes": (-1, -2)}), ("Dot", [LINE, SQUARE], {"axes": (1, 2), "normalize": True}),
    ("Softmax", [SQUARE], {"axis": 2}), ("Softmax", [LINE], {"axis": 1}), ("Softmax", [CUBE], {}),
    ("+", [(1, 4), SQUARE], {}), ("*", [(3, 1, 4), (1, 3, 1)], {}), ("Add", [SQUARE, LINE], {}),
    ("each", [SQUARE], {"axis": 1}), ("each", [CUBE], {"axis": 2}), ("each", [(3, 4, 4, 4)], {"axis": 3}),
    ("Conv3D", [VOLUME], {"filters": 2, "kernel_size": 2, "strides": 2, "padding": "same"}),
    ("Conv3D", [(5, 5, 5, 2)], {"filters": 2, "kernel_size": 1, "strides": 2, "padding": "same"}),
    ("Conv3D", [VOLUME], {"filters": 2, "kernel_size": 1, "strides": 2}),
    ("Conv3DTranspose", [VOLUME], {"filters": 2, "kernel_size": 2, "strides": 2, "padding": "same"}),
    ("SpatialDropout2D", [CUBE], {"rate": 0.2}), ("ActivityRegularization", [CUBE], {"l1": 0.2}),
    ("Flatten", [LINE], {}), ("Flatten", [CUBE], {}), ("flat", [LINE], {}), ("flat", [SQUARE], {}),
    ("flat", [CUBE], {}), ("stacked", [SQUARE], {"axis": 2}), ("BatchNormalization", [CUBE], {"axis": 3})]
UNLIKE = [
    ("Dot", [SQUARE, SQUARE], {"axes": (1, -1)}, "counted from the back"),
    ("Dot", [LINE, SQUARE], {"axes": (-1, 1)}, "counted from the back"),
    ("Dot", [CUBE, CUBE], {"axes": (3, 1)}, "a Dot of 4 dimensions"),
    ("Dot", [CUBE, SQUARE], {"axes": (3, 2)}, "a Dot of 4 dimensions"),
    ("Softmax", [SQUARE], {"axis": 1}, "a Softmax along axis 1 of 3"),
    ("Softmax", [CUBE], {"axis": -2}, "a Softmax along axis -2 of 4|along the last axis alone"),
    ("+", [SQUARE, LINE], {}, "on tensors of 3 and 2 dimensions"),
    ("*", [CUBE, SQUARE], {}, "on tensors of 4 and 3 dimensions"),
    ("each", [CUBE], {"axis": 1}, "is a BatchNormalization along axis 1 of 3"),
    ("behind", [(3, 4, 4, 4)], {"axis": 2}, "is a BatchNormalization along axis 2 of 5"),
    ("behind", [(3, 4, 4, 4)], {}, "is a BatchNormalization of 5 dimensions: TensorFlow.js has it for up to 4"),
    ("LayerNormalization", [(3, 4, 4, 4)], {}, "is a LayerNormalization of 5 dimensions"),
    ("Conv3D", [VOLUME], {"filters": 2, "kernel_size": 1, "strides": 2, "padding": "same"}, "leave out the end"),
    ("MaxPooling3D", [VOLUME], {"pool_size": 1, "strides": 2, "padding": "same"}, "leave out the end"),
    ("Conv3DTranspose", [VOLUME], {"filters": 2, "kernel_size": 1, "strides": 2, "padding": "same"},
     "pads it differently"),
    ("kept", [CUBE], {}, "is a TimeDistributed: TensorFlow.js has no keepdims"),
    ("stacked", [SQUARE], {"axis": 1}, "is a BatchNormalization along axis 1 of 3")]


@pytest.mark.parametrize("flavour", oracle.FLAVOURS)
@pytest.mark.parametrize("kind, shapes, settings", RIGHT, ids=str)
def test_what_tensorflow_js_computes_alike_is_converted(kind, shapes, settings, flavour, tmp_path):
    needs.node()
    model = build(oracle.load(flavour), kind, shapes, **settings)
    plant(model)
    assert compare(model, flavour, str(tmp_path)) <= 1e-5


@pytest.mark.not_loaded  # converted with the refusals taken away: TensorFlow.js may refuse it then
@pytest.mark.parametrize("flavour", oracle.FLAVOURS)
@pytest.mark.parametrize("kind, shapes, settings, line", UNLIKE, ids=str)
def test_what_it_computes_otherwise_is_refused_and_does_differ(kind, shapes, settings, line, flavour, tmp_path,
                                                               monkeypatch):
    needs.node()
    model = build(oracle.load(flavour), kind, shapes, **settings)
    plant(model)
    with pytest.raises(Fault, match=line):
        compare(model, flavour, str(tmp_path))
    os.rmdir(str(tmp_path / "js"))
    monkeypatch.setattr(refusals, "check", lambda *arguments: None)
    monkeypatch.setattr(refusals, "refusal", lambda record, major: None)
    try:
        distance = compare(model, flavour, str(tmp_path))
    except Fault as fault:
        assert "TensorFlow.js in Node" in str(fault)
    else:
        assert distance > 1e-3


def plant(model):
    """Random weights; positive ones, for variances."""
    random = numpy.random.RandomState(1)
    model.set_weights([random.uniform(0.3, 1.5, value.shape).astype(value.dtype) for value in model.get_weights()])


@pytest.mark.parametrize("flavour", oracle.FLAVOURS)
def test_an_operation_that_no_layer_does_is_not_made_one_either(flavour, tmp_path):
    """Keras 3 cannot load its own h5 of `a + b`; encapsulate makes a layer of it, as far as that computes the same."""
    path, enc, target = str(tmp_path / "source.h5"), str(tmp_path / "enc.h5"), str(tmp_path)
    build(oracle.load(flavour), "+", [SQUARE, LINE]).save(path)
    with pytest.raises(Fault, match="on tensors of 3 and 2 dimensions"):
        encapsulate.build(path, enc)
        convert.convert(enc, target, format="layers")
    build(oracle.load(flavour), "+", [(1, 4), SQUARE]).save(path)
    encapsulate.build(path, enc)
    with formats.read(enc) as model:
        kinds = [layer["class_name"] for layer in model.topology["config"]["layers"]]
    assert kinds[-1] == ("Add" if flavour == "keras3" else "TFOpLambda")


@pytest.mark.parametrize("flavour", oracle.FLAVOURS)
def test_a_rescaling_by_an_array_is_one_by_a_list(flavour, tmp_path):
    needs.node()
    keras = oracle.load(flavour)
    scale = [1.0, 2.0, 3.0, 4.0]
    scale = numpy.array(scale, "float32") if flavour == "keras3" else scale  # Keras 2 cannot save an array
    model = build(keras, "Rescaling", [SQUARE], scale=scale, offset=0.5)
    assert compare(model, flavour, str(tmp_path)) <= 1e-5


NOTHING = [
    ("Identity", {}), ("RandomFlip", {}), ("RandomRotation", {"factor": 0.2}), ("RandomContrast", {"factor": 0.2}),
    ("RandomZoom", {"height_factor": 0.2}), ("RandomTranslation", {"height_factor": 0.1, "width_factor": 0.1}),
    ("RandomBrightness", {"factor": 0.2, "value_range": (0, 1)})]
LATER = ("Identity", "RandomBrightness")  # than Keras 2.6
NOTHING = [case for case in NOTHING if needs.STACK == "modern" or case[0] not in LATER]


@pytest.mark.parametrize("flavour", oracle.FLAVOURS)
@pytest.mark.parametrize("kind, settings", NOTHING, ids=str)
def test_what_does_nothing_outside_of_training_does_nothing(kind, settings, flavour, tmp_path):
    needs.node()
    model = build(oracle.load(flavour), kind, [(4, 4, 3)], **settings)
    assert compare(model, flavour, str(tmp_path)) <= 1e-5


@pytest.mark.modern  # it is the .keras of Keras 3 that tells it
def test_a_class_of_one_s_own_that_is_called_like_keras_s_is_not_taken_for_it(tmp_path):
    keras, path = oracle.load("keras3"), str(tmp_path / "model.keras")

    class Dense(keras.layers.Layer):
        def call(self, x):
            return 2 * x

    Dense.__module__ = "__main__"  # of a notebook or a script; of a module of its own it is refused by that
    start = keras.Input((4,))
    keras.Model(start, Dense(name="own")(start)).save(path)
    with pytest.raises(Fault, match="'own' is a Dense: a class of its own"):
        convert.convert(path, str(tmp_path), format="layers")


@pytest.mark.parametrize("flavour", oracle.FLAVOURS)
def test_one_tensor_is_no_two_outputs_and_an_input_has_a_dimension(flavour, tmp_path):
    keras, path = oracle.load(flavour), str(tmp_path / "model.h5")
    start = keras.Input((4,))
    made = keras.layers.Dense(2, name="made")(start)
    keras.Model(start, [made, made]).save(path)
    with pytest.raises(Fault, match="one tensor is two outputs of the model,"):
        convert.convert(path, str(tmp_path), format="layers")
    keras.Model(start, keras.Model(start, [made, made, start], name="inner")(start)).save(path)
    with pytest.raises(Fault, match="one tensor is two outputs of the nested model 'inner'"):
        convert.convert(path, str(tmp_path), format="layers")
    start = keras.Input((), name="number")
    keras.Model(start, keras.layers.Embedding(5, 2)(start)).save(path)
    with pytest.raises(Fault, match="'number' is a InputLayer: of one number per example.* give it shape"):
        convert.convert(path, str(tmp_path), format="layers")


@pytest.mark.parametrize("flavour", oracle.FLAVOURS)
def test_a_constant_in_the_place_of_a_tensor_is_no_layer_s(flavour, tmp_path):
    keras, path = oracle.load(flavour), str(tmp_path / ("m.keras" if flavour == "keras3" else "m.h5"))
    start, row, mask = keras.Input((4, 3)), numpy.ones((1, 4, 3), "float32"), numpy.ones((1, 4, 3), "bool")
    for made, line in [(keras.layers.Add(name="own")([start, row]), "a constant, which TensorFlow.js cannot"),
                       (keras.layers.Softmax(name="own")(start, mask=mask), "a constant")]:
        keras.Model(start, made).save(path)
        with pytest.raises(Fault, match="layer 'own' is called with " + line):
            convert.convert(path, str(tmp_path), format="layers")


def test_what_no_format_takes_is_told_by_the_reason_of_the_graph(tmp_path):
    """A layers model does without it for its constants, and a graph model because the file is damaged."""
    keras, path = oracle.load("keras2"), str(tmp_path / "m.h5")
    start, state = keras.Input((4, 3), batch_size=2), importlib.import_module("tensorflow").ones((2, 5))
    made = keras.layers.Bidirectional(keras.layers.GRU(5), name="own")(start, initial_state=[state, state])
    keras.Model(start, made).save(path)

    def without_one(record):
        record["config"]["layers"][1]["inbound_nodes"][0][0][3]["initial_state"].pop()
        return record

    bent(path, without_one)
    with pytest.raises(Fault, match="layer 'own' is given 1 states for two layers: the file is damaged$"):
        convert.convert(path, str(tmp_path))


NORMALIZED = [  # shape, axis, whether it is converted
    ((4, 4, 3), -1, True), ((4, 4, 3), 3, True), ((4, 4, 3), None, True), ((3,), -1, True), ((4, 3), 1, False),
    ((4, 3), (1, 2), False)]


@pytest.mark.parametrize("flavour", oracle.FLAVOURS)
@pytest.mark.parametrize("shape, axis, right", NORMALIZED, ids=str)
def test_a_normalization_along_the_last_axis_is_a_rescaling(shape, axis, right, flavour, tmp_path):
    needs.node()
    keras = oracle.load(flavour)
    kind = getattr(keras.layers, "Normalization", None) or keras.layers.experimental.preprocessing.Normalization
    keras.backend.clear_session()
    layer, start = kind(axis=axis, name="norm"), keras.Input(shape)
    layer.adapt(numpy.random.RandomState(2).uniform(-3, 9, (20,) + shape).astype("float32"))
    model = keras.Model(start, layer(start))
    if right:
        assert compare(model, flavour, str(tmp_path)) <= 1e-5
    else:
        with pytest.raises(Fault, match="'norm' is a Normalization: TensorFlow.js does not have it"):
            compare(model, flavour, str(tmp_path))


@pytest.mark.parametrize("flavour", oracle.FLAVOURS)
def test_a_normalization_that_was_given_its_numbers_is_one_too_and_one_without_numbers_is_refused(flavour, tmp_path):
    needs.node()
    keras = oracle.load(flavour)
    kind = getattr(keras.layers, "Normalization", None) or keras.layers.experimental.preprocessing.Normalization
    keras.backend.clear_session()
    start = keras.Input((3,))
    model = keras.Model(start, kind(mean=[1.0, 2.0, 3.0], variance=[4.0, 0.0, 0.25], name="norm")(start))
    assert compare(model, flavour, str(tmp_path)) <= 1e-5
    os.rename(str(tmp_path / "js"), str(tmp_path / "done"))
    layer = kind(name="norm")
    layer.adapt(numpy.full((4, 3), numpy.nan, "float32"))
    with pytest.raises(Fault, match="'norm' is a Normalization whose mean or variance are no numbers"):
        compare(keras.Model(start, layer(start)), flavour, str(tmp_path))
