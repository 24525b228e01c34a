"""What Keras itself says of a model of the zoo: its layers' activations, and its own multi-output h5."""
import functools
import importlib
import os
import warnings

import numpy

from scripts.base import child, stack
from scripts.training import saved_by_keras
from tests.models import zoo

# Keras flavours of each stack: Keras 2 is keras itself on py36 and tf_keras on modern.
FLAVOURS = ("keras2", "keras3") if stack.NAME == "modern" else ("keras2",)
# Those of tests/models/keras231.py, of an environment of their own.
OLD = {"keras2.3": "keras", "tf1.15": "tensorflow.keras"}


class Planted:
    """A model of the zoo with its seeded weights, and what the Keras that built it says of it.

    model  the Keras model      inputs  list of ndarray, one per input
    """

    def __init__(self, flavour, name):
        self.keras = load(flavour)
        self.keras.backend.clear_session()
        self.model = zoo.planted(self.keras, name)
        self.graph = self.model
        if not self.model.inputs:  # a Sequential of TensorFlow 1.15 after build() alone has layers and no graph
            shape = self.model._build_input_shape[1:]
            self.graph = self.keras.Sequential([self.keras.Input(shape)] + self.model.layers)
        self.inputs = zoo.samples(self.graph, name)

    def save(self, path, **options):
        """Save it, as what the path's end says, or save_format."""
        self.model.save(path, **options)

    def save_parts(self, topology, weights):
        """Save it as topology json and weights h5."""
        with open(topology, "w") as file:
            file.write(self.model.to_json())
        self.model.save_weights(weights)

    def activations(self, names):
        """Return [ndarray], the outputs `names`; Keras's own multi-output model is kept."""
        self.multi = multi_output(self.keras, self.graph, names)
        return predict(self.multi, self.inputs)

    def save_multi_output(self, path):
        """Save the model that `activations` made as h5."""
        self.multi.save(path)

    def load(self, path, inputs=None):
        """Return ([name of each layer], [ndarray of each output]) of a model file, loaded and run by this Keras."""
        model = self.keras.models.load_model(path, compile=False)
        return [layer.name for layer in model.layers], predict(model, inputs or self.inputs)


def planted(flavour, name):
    """Return the Planted of any flavour, or what stands for it in another environment."""
    if flavour in OLD:
        from tests.models import keras231
        return keras231.Remote(flavour, name)
    return Planted(flavour, name)


def load(flavour):
    """Return the keras module of that flavour."""
    if flavour in OLD:
        return importlib.import_module(OLD[flavour])
    os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "0")
    with child.importing():
        keras = importlib.import_module("keras")  # first: it looks for a jax that the official converter is denied
    return keras if flavour == "keras3" else keras2()


@functools.lru_cache(None)
def keras2():
    """The Keras 2 of this stack, whose LSTM and GRU leave their functions for a GPU out where nobody can have them.

    A layer that is called on an Input computes its shapes in a graph that is thrown away; the function for a GPU and
    its gradients took three quarters of the time.  Graphs that stay have them as ever.
    """
    keras = saved_by_keras.legacy_keras()
    module, name = ("keras.layers.recurrent_v2", "_function_register") if stack.NAME == "py36" else (
        "tf_keras.src.layers.rnn.gru_lstm_utils", "function_register")
    module = importlib.import_module(module)
    register = getattr(module, name)
    setattr(module, name, lambda *args, **kwargs: None if is_thrown_away() else register(*args, **kwargs))
    return keras


def is_thrown_away():
    """Whether Keras builds in the graph of a layer's symbolic call, or in a function inside it."""
    graph = importlib.import_module("tensorflow").compat.v1.get_default_graph()
    while graph is not None and not str(getattr(graph, "name", "")).endswith("_scratch_graph"):
        graph = getattr(graph, "outer_graph", None)
    return graph is not None


def tensors(keras, model, names):
    """The Keras tensors that output names (NAME, NAME@CALL, NAME:OUTPUT) stand for."""
    found = []
    for name in names:
        name, _, tensor = name.partition(":")
        name, _, call = name.partition("@")
        nodes = own_nodes(keras, model, name)
        node = nodes[int(call or 0)]
        values = node.outputs if hasattr(node, "outputs") and not zoo.is_keras3(keras) else node.output_tensors
        found.append(flat(values)[int(tensor or 0)])
    return found


def flat(values):
    """The tensors in lists of lists: the states of stacked cells are in lists of their own in Keras 2."""
    return [item for one in values for item in flat(one)] if isinstance(values, (list, tuple)) else [values]


def own_nodes(keras, model, name):
    """The calls of a layer that belong to `model` (a nested model has one more, its own construction)."""
    functional = getattr(model, "_functional", None) or model
    if zoo.is_keras3(keras):
        operation = next(item for item in functional.operations if item.name == name)
        keys = functional._nodes
        found = [node for index, node in enumerate(operation._inbound_nodes)
                 if f"{id(operation)}_ib-{index}" in keys]
    else:
        operation = model.get_layer(name)
        keys = functional._network_nodes
        found = [node for index, node in enumerate(operation._inbound_nodes) if f"{name}_ib-{index}" in keys]
    return found or operation._inbound_nodes[-1:]


def predict(model, inputs):
    """Return [ndarray], all outputs, each layer called as `predict` calls it.

    The call itself, without `predict`, traces no function: a tenth of the time, and the same bits.
    A Keras of TensorFlow 1 has `predict` alone.
    """
    given = inputs if len(inputs) > 1 else inputs[0]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Keras 3 says that one input comes without a list around it
        values = model(given, training=False) if eager() else model.predict(given, verbose=0)
    return [numpy.asarray(value) for value in (values if isinstance(values, (list, tuple)) else [values])]


@functools.lru_cache(None)
def eager():
    """Whether this TensorFlow computes what it is told at once; TensorFlow 1 does not."""
    return importlib.import_module("tensorflow").executing_eagerly()


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
