"""Operations of one tensor with a constant, as people write them into models: a Rescaling where one computes it."""
import importlib
import os

import numpy
import pytest

from scripts import Fault, encapsulate, formats, preprocess, summary
from scripts.viewer import predict
from tests import needs
from tests.models import oracle

needs.tensorflow()
WAYS = [("keras2", "h5")] + [("keras2", "keras"), ("keras3", "h5"), ("keras3", "keras")] * (needs.STACK == "modern")
ROW, PLANE = numpy.array([1.5, -2.0, 0.25], "float32"), numpy.array([[1.0, 2.0, 3.0], [0.5, 1.0, 4.0]], "float32")
NUMBERS = {"x / 255": lambda x: x / 255, "x / 127.5": lambda x: x / 127.5, "x * 2": lambda x: x * 2,
           "3 * x": lambda x: 3 * x, "x - 1": lambda x: x - 1, "1 - x": lambda x: 1 - x, "x + 0.5": lambda x: x + 0.5,
           "2 + x": lambda x: 2 + x}


def functions(flavour):
    """(add, subtract, multiply, divide) of two operands of which one is an array."""
    if flavour == "keras3":
        ops = oracle.load(flavour).ops
        return ops.add, ops.subtract, ops.multiply, ops.divide
    math = importlib.import_module("tensorflow").math
    return math.add, math.subtract, math.multiply, math.truediv


def preprocessed(x):
    """What keras.applications' preprocess_input is for most models."""
    return x / 127.5 - 1


def build(flavour, call, shape=(2, 3), **options):
    """A model with operations in its middle: convolutions before and behind, and a pooling that must know its sizes."""
    keras = oracle.load(flavour)
    keras.backend.clear_session()
    layers, start = keras.layers, keras.Input(shape, name="start", **options)
    made = call(layers.Dense(3, name="before")(start)) if not options else call(start)
    return keras, keras.Model(start, layers.Dense(2, name="end")(layers.Flatten(name="flat")(made)))


def converted(model, way, folder, values):
    path, target = os.path.join(folder, "model." + way), os.path.join(folder, "js")
    model.save(path)
    os.mkdir(target)
    preprocess.preprocess(path, target, format="layers")
    return path, predict.predict(os.path.join(target, "model.json"), [values])


def samples(shape=(2, 3)):
    return numpy.random.RandomState(3).uniform(0, 255, (5,) + shape).astype("float32")


def check(model, way, folder, values=None):
    """The model converts, computes what Keras does, and the summary says so; return the classes as converted."""
    values = samples() if values is None else values
    path, found = converted(model, way, folder, values)
    assert oracle.distance(oracle.predict(model, [values])[0], dict(found)["end"]) <= 1e-5
    with formats.read(path) as read:
        assert {row["shown"] for row in summary.rows(read)} == {"yes", "input"}
    with formats.read(os.path.join(folder, "js", "model.json")) as read:
        return [layer["class_name"] for layer in read.topology["config"]["layers"]], [name for name, _ in found]


@pytest.mark.parametrize("flavour, way", WAYS)
@pytest.mark.parametrize("name", sorted(NUMBERS))
def test_an_operation_with_a_number_is_a_rescaling(name, flavour, way, tmp_path):
    needs.node()
    classes, names = check(build(flavour, NUMBERS[name])[1], way, str(tmp_path))
    assert classes == ["InputLayer", "Dense", "Rescaling", "Flatten", "Dense"] and len(names) == 4


@pytest.mark.parametrize("flavour, way", WAYS)
def test_arrays_along_the_last_axis_and_chains_are_rescalings(flavour, way, tmp_path):
    needs.node()
    add, subtract, multiply, divide = functions(flavour)
    model = build(flavour, lambda x: multiply(ROW, add(divide(subtract(ROW[None, None], preprocessed(x)), ROW),
                                                       ROW[:1])))[1]
    assert check(model, way, str(tmp_path))[0].count("Rescaling") == 6


@pytest.mark.parametrize("flavour, way", WAYS)
def test_preprocessing_in_a_nested_model_is_rescalings(flavour, way, tmp_path):
    needs.node()
    keras = oracle.load(flavour)
    keras.backend.clear_session()
    inside, start = keras.Input((6, 6, 3)), keras.Input((6, 6, 3), name="start")
    inner = keras.Model(inside, keras.layers.Conv2D(4, 3, strides=2, padding="same")(preprocessed(inside)))
    x = keras.layers.Flatten()(inner(preprocessed(start)))
    check(keras.Model(start, keras.layers.Dense(2, name="end")(x)), way, str(tmp_path), samples((6, 6, 3)))


@pytest.mark.parametrize("flavour, way", WAYS)
def test_a_quotient_of_integers_is_a_rescaling_and_a_product_is_refused(flavour, way, tmp_path):
    needs.node()
    values = numpy.random.RandomState(3).randint(0, 255, (5, 2, 3)).astype("int32")
    check(build(flavour, lambda x: x / 255, dtype="int32")[1], way, str(tmp_path), values)
    os.rename(str(tmp_path / "js"), str(tmp_path / "done"))
    for call in (lambda x: x * 2, lambda x: oracle.load(flavour).layers.Reshape((3, 2))(x) + 1):
        with pytest.raises(Fault, match="is the operation (Add|Multiply|math.multiply|__operators__.add|tf.*) with a "
                                        "constant"):
            converted(build(flavour, call, dtype="int32")[1], way, str(tmp_path), values)
        os.rename(str(tmp_path / "js"), str(tmp_path / str(id(call))))


@pytest.mark.parametrize("flavour, way", WAYS)
def test_what_no_rescaling_computes_is_refused_as_before(flavour, way, tmp_path):
    add, subtract, multiply, divide = functions(flavour)
    for place, (call, line) in enumerate([
            (lambda x: multiply(x, PLANE), "is the operation [Mm]ultiply with a constant"),
            (lambda x: add(oracle.load(flavour).layers.Dense(1)(x), ROW), "is the operation .* with a constant"),
            (lambda x: 1 / x, "is the operation"), (lambda x: x / 0.0, "is the operation"),
            (lambda x: subtract(x, x), "is the operation"), (lambda x: x ** 2, "is the operation")]):
        with pytest.raises(Fault, match=line):
            converted(build(flavour, call)[1], way, str(tmp_path), samples())
        os.rename(str(tmp_path / "js"), str(tmp_path / f"done{place}"))


@pytest.mark.parametrize("flavour, way", WAYS)
def test_an_operation_behind_a_mask_has_none(flavour, way, tmp_path):
    """Keras loses the mask there: an LSTM behind it computes all steps, which TensorFlow.js does not."""
    needs.node()
    keras, values = oracle.load(flavour), numpy.array([[1, 2, 0, 0, 3], [0, 1, 0, 4, 0]], "float32")
    for name, line in (("LSTM", "of which TensorFlow.js hides steps by the mask of another layer"), ("Conv1D", None)):
        keras.backend.clear_session()
        start = keras.Input((5,), name="start")
        x = keras.layers.Embedding(9, 4, mask_zero=True)(start) * 2.0 - 1.0
        kind = getattr(keras.layers, name)
        model = keras.Model(start, kind(3, name="end")(x) if name == "LSTM" else kind(3, 2, name="end")(x))
        if line:
            with pytest.raises(Fault, match=line):
                converted(model, way, str(tmp_path), values)
            os.rename(str(tmp_path / "js"), str(tmp_path / name))
        else:
            found = dict(converted(model, way, str(tmp_path), values)[1])["end"]
            assert oracle.distance(oracle.predict(model, [values])[0], found) <= 1e-5


@pytest.mark.modern  # it is Keras 3 that does not load its own h5 of an operation
def test_keras_loads_the_multi_output_h5_of_operations_in_an_h5(tmp_path):
    keras, model = build("keras3", preprocessed)
    source, enc = str(tmp_path / "model.h5"), str(tmp_path / "enc.h5")
    model.save(source)
    assert len(encapsulate.build(source, enc)["outputs"]) == 5
    found = oracle.predict(keras.models.load_model(enc, compile=False), [samples()])
    assert oracle.distance(oracle.predict(model, [samples()])[0], found[-1]) <= 1e-6


@pytest.mark.parametrize("operation, constants, right", [
    ("RealDiv", {1: 127.5}, True), ("Sub", {1: 1.0}, True), ("Sub", {0: 1.0}, True), ("AddV2", {0: 2.0}, True),
    ("Mul", {1: ROW}, True), ("RealDiv", {0: 1.0}, False)])
def test_an_operation_as_keras_wrote_it_before_2_4_is_a_rescaling(operation, constants, right, tmp_path):
    needs.node()
    given = [item + "_input" for item in "xy"]
    node = {"name": "node", "op": operation, "input": given, "attr": {"T": {"type": "DT_FLOAT"}}}
    made = tensorflow_op_layer()(node_def=node, name="node", constants=constants)
    model = build("keras2", made)[1]
    if right:
        assert "Rescaling" in check(model, "h5", str(tmp_path))[0]
    else:
        with pytest.raises(Fault, match=f"is the operation {operation}"):
            converted(model, "h5", str(tmp_path), samples())


def tensorflow_op_layer():
    oracle.load("keras2")
    home = "tf_keras.src.engine.base_layer" if needs.STACK == "modern" else "keras.engine.base_layer"
    return importlib.import_module(home).TensorFlowOpLayer
