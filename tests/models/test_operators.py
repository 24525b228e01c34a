"""Operations of keras.ops and layers of the same name: each is taken for what it is, in h5 files and in archives."""
import importlib
import inspect
import os
import pkgutil

import numpy
import pytest

from scripts import Fault, encapsulate, formats, preprocess
from scripts.layers.kinds.operations import is_operation
from scripts.viewer import predict
from tests import needs
from tests.models import oracle

needs.tensorflow()
NAMES = {  # name: how the operation is called, and whether a layer of TensorFlow.js computes it
    "Add": (lambda ops, x, y: ops.add(x, y), True), "Maximum": (lambda ops, x, y: ops.maximum(x, y), True),
    "Minimum": (lambda ops, x, y: ops.minimum(x, y), True), "Multiply": (lambda ops, x, y: ops.multiply(x, y), True),
    "Concatenate": (lambda ops, x, y: ops.concatenate([x, y], axis=-1), True),
    "Softmax": (lambda ops, x, y: ops.softmax(x), True), "Subtract": (lambda ops, x, y: ops.subtract(x, y), False),
    "Average": (lambda ops, x, y: ops.average(x, axis=1), False),
    "Dot": (lambda ops, x, y: ops.dot(x, ops.ones((4, 3))), False),
    "Reshape": (lambda ops, x, y: ops.reshape(x, (-1, 8)), False)}
LAYERS = {"Reshape": ({"target_shape": (8, 2)}, 1), "Softmax": ({}, 1), "Dot": ({"axes": (2, 1)}, 2)}


def saved(made, inputs, path):
    """Save the model; return (its input values, what Keras computes)."""
    keras = oracle.load("keras3")
    model = keras.Model(inputs, made)
    model.save(path)
    random = numpy.random.RandomState(3)
    values = [random.rand(4, *tensor.shape[1:]).astype("float32") for tensor in model.inputs]
    return values, oracle.predict(model, values)[0]


def start(count):
    keras = oracle.load("keras3")
    keras.backend.clear_session()
    return [keras.Input((4, 4), name=f"input_{place}") for place in range(count)]


def converted(path, folder, values):
    target = os.path.join(str(folder), "js")
    os.mkdir(target)
    preprocess.preprocess(path, target, format="layers")
    return predict.predict(os.path.join(target, "model.json"), values)[0][1]


@pytest.mark.modern  # keras.ops came with Keras 3
def test_every_name_that_keras_has_for_both_is_tried():
    ops, keras = importlib.import_module("keras.src.ops"), oracle.load("keras3")
    operation = importlib.import_module("keras.src.ops.operation").Operation
    modules = [importlib.import_module("keras.src.ops." + found.name) for found in pkgutil.iter_modules(ops.__path__)
               if not found.name.endswith("_test")]
    classes = {name for module in modules for name, value in vars(module).items()
               if inspect.isclass(value) and issubclass(value, operation) and value.__module__ == module.__name__}
    both = {name for name in classes if inspect.isclass(getattr(keras.layers, name, None))}
    assert both == set(NAMES)


@pytest.mark.modern  # keras.ops came with Keras 3
@pytest.mark.parametrize("end", ["h5", "keras"])
@pytest.mark.parametrize("name", sorted(NAMES))
def test_an_operation_is_converted_as_what_it_computes_or_refused_as_an_operation(name, end, tmp_path):
    needs.node()
    call, right = NAMES[name]
    inputs, path = start(2), str(tmp_path / ("model." + end))
    values, wanted = saved([call(oracle.load("keras3").ops, *inputs)] + [tensor + tensor for tensor in inputs], inputs,
                           path)
    if right:
        assert oracle.distance(wanted, converted(path, tmp_path, values)) <= 1e-5
    else:
        with pytest.raises(Fault, match=f"is the operation {name}"):
            converted(path, tmp_path, values)


@pytest.mark.modern  # keras.ops came with Keras 3
@pytest.mark.parametrize("end", ["h5", "keras"])
@pytest.mark.parametrize("name", sorted(NAMES))
def test_a_layer_is_converted_or_refused_as_a_layer(name, end, tmp_path):
    needs.node()
    settings, count = LAYERS.get(name, ({}, 2))
    inputs, path = start(count), str(tmp_path / ("model." + end))
    layer = getattr(oracle.load("keras3").layers, name)(**settings)
    values, wanted = saved(layer(inputs if count > 1 else inputs[0]), inputs, path)
    if name == "Subtract":
        with pytest.raises(Fault, match="is a Subtract: TensorFlow.js does not have it"):
            converted(path, tmp_path, values)
    else:
        assert oracle.distance(wanted, converted(path, tmp_path, values)) <= 1e-5


@pytest.mark.modern  # keras.ops came with Keras 3
@pytest.mark.parametrize("axis, line", [(1, "along axis 1 of 3"), (-2, "along axis -2 of 3"), (None, "axis.*None")])
@pytest.mark.parametrize("end", ["h5", "keras"])
def test_what_is_refused_of_the_layer_is_refused_of_the_operation(end, axis, line, tmp_path):
    inputs, path = start(1), str(tmp_path / ("model." + end))
    values, _ = saved(oracle.load("keras3").ops.softmax(inputs[0], axis=axis), inputs, path)
    with pytest.raises(Fault, match="is (the operation|a) Softmax.*" + line):
        converted(path, tmp_path, values)


@pytest.mark.modern  # keras.ops came with Keras 3
@pytest.mark.parametrize("name", [name for name in sorted(NAMES) if NAMES[name][1]])
def test_keras_loads_the_multi_output_h5_of_an_operation_in_an_h5(name, tmp_path):
    keras, inputs = oracle.load("keras3"), start(2)
    path, enc = str(tmp_path / "model.h5"), str(tmp_path / "enc.h5")
    values, wanted = saved([NAMES[name][0](keras.ops, *inputs)] + [keras.layers.ReLU()(tensor) for tensor in inputs],
                           inputs, path)
    encapsulate.build(path, enc, layers=[name.lower(), "re_lu", "re_lu_1"])
    found = keras.models.load_model(enc, compile=False)
    assert oracle.distance(wanted, oracle.predict(found, values)[0]) <= 1e-6


@pytest.mark.parametrize("flavour", oracle.FLAVOURS)
def test_a_layer_of_one_s_own_that_says_nothing_of_itself_is_no_operation_of_keras_2(flavour, tmp_path):
    keras = oracle.load(flavour)

    class TokenPos(keras.layers.Layer):
        def call(self, x):
            return 2 * x

        def get_config(self):
            return {"name": self.name}

    model = keras.Sequential([keras.Input((4,)), TokenPos(name="own")])
    model.save(str(tmp_path / "model.h5"))
    with formats.read(str(tmp_path / "model.h5")) as read:
        record = read.topology["config"]["layers"][-1]
        assert is_operation(record, read.keras_major) is (flavour == "keras3")  # whose h5 does not tell
