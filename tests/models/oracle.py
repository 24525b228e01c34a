"""What Keras itself says of a model of the zoo: its layers' activations, and its own multi-output h5."""
import importlib
import os

import numpy

from scripts import child
from tests import needs
from tests.models import zoo

# Keras flavours of each stack: Keras 2 is keras itself on py36 and tf_keras on modern.
FLAVOURS = ("keras2", "keras3") if needs.STACK == "modern" else ("keras2",)


def load(flavour):
    """Return the keras module of that flavour."""
    os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "0")
    keras = importlib.import_module("keras")  # first: it looks for a jax that the official converter is denied
    return keras if flavour == "keras3" else child.legacy_keras()


def tensors(keras, model, names):
    """The Keras tensors that output names (NAME, NAME@CALL, NAME:OUTPUT) stand for."""
    found = []
    for name in names:
        name, _, tensor = name.partition(":")
        name, _, call = name.partition("@")
        nodes = own_nodes(keras, model, name)
        values = getattr(nodes[int(call or 0)], "output_tensors" if zoo.is_keras3(keras) else "outputs")
        values = values if isinstance(values, (list, tuple)) else [values]
        found.append(values[int(tensor or 0)])
    return found


def own_nodes(keras, model, name):
    """The calls of a layer that belong to `model` (a nested model has one more, its own construction)."""
    functional = getattr(model, "_functional", None) or model
    if zoo.is_keras3(keras):
        operation = next(item for item in functional.operations if item.name == name)
        keys = functional._nodes
        found = [node for index, node in enumerate(operation._inbound_nodes) if "%d_ib-%d" % (id(operation), index) in keys]
    else:
        operation = model.get_layer(name)
        keys = functional._network_nodes
        found = [node for index, node in enumerate(operation._inbound_nodes) if "%s_ib-%d" % (name, index) in keys]
    return found or operation._inbound_nodes[-1:]


def predict(model, inputs):
    """Return the list of all outputs."""
    values = model.predict(inputs if len(inputs) > 1 else inputs[0], verbose=0)
    return [numpy.asarray(value) for value in (values if isinstance(values, (list, tuple)) else [values])]


def multi_output(keras, model, names):
    """Keras's own multi-output model: the guide's Model(inputs, outputs)."""
    return keras.Model(model.inputs, tensors(keras, model, names))


def distance(expected, found):
    """The largest difference as a multiple of max(1, largest value), or infinity where shapes differ."""
    if tuple(expected.shape) != tuple(found.shape):
        return float("inf")
    if not expected.size:
        return 0.0
    expected = numpy.asarray(expected, "float64")
    largest = max(1.0, float(numpy.abs(expected).max()))
    return float(numpy.abs(expected - found).max()) / largest if numpy.isfinite(found).all() else float("inf")
