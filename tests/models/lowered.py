"""What the tests of lower/ share: a Keras model, saved, lowered to a graph model, and held against Keras's own values.

    lowered.agree(lowered.Model(flavour, build), tmp_path)

`build(keras)` returns a model.  Its weights become random ones, seeded.  All outputs of all layers are compared, in
TensorFlow.js 1.0.0 and in today's, run by `execute` as TensorSpace does.  Many settings go into one model, as branches
of one input: a model costs a Keras save and two loads in Node.
"""
import os
import zlib

import numpy

from scripts import preprocess
from scripts.viewer import packages, predict
from tests import needs
from tests.models import oracle

OLDEST = "1.0.0"
FLAVOURS = oracle.FLAVOURS


class Model:
    """A Keras model with seeded random weights, and inputs for it.

    flavour  one of oracle.FLAVOURS
    build    build(keras) -> a model
    inputs   {name of an input: array}; the others are drawn: whole numbers below `words` for ints, else normal ones
    batch    how many examples
    """

    def __init__(self, flavour, build, inputs=None, batch=2, words=5):
        self.keras = oracle.load(flavour)
        self.flavour = flavour
        self.keras.backend.clear_session()
        self.model = build(self.keras)
        self.plant(build.__name__)
        self.random = numpy.random.RandomState(7)
        self.inputs = [self.sample(tensor, (inputs or {}).get(self.name(tensor)), batch, words)
                       for tensor in self.model.inputs]

    @staticmethod
    def name(tensor):
        return tensor.name.split(":")[0]

    def sample(self, tensor, given, batch, words):
        if given is not None:
            return numpy.asarray(given)
        shape = [batch] + [size or 7 for size in list(tensor.shape)[1:]]
        dtype = getattr(tensor.dtype, "name", str(tensor.dtype))
        if dtype == "bool":
            return self.random.uniform(0, 1, shape) < 0.5
        if "int" in dtype:
            return self.random.randint(0, words, shape).astype(dtype)
        return self.random.normal(0, 1, shape).astype("float32")

    def plant(self, name):
        """Give every weight random values that neither fade nor overflow; variances and scales stay above zero."""
        random = numpy.random.RandomState(zlib.crc32(name.encode("ascii")) % 10000)
        planted = []
        for variable, value in zip(self.model.weights, self.model.get_weights()):
            called = getattr(variable, "path", None) or variable.name
            if value.dtype.kind != "f" or "summary" in called:  # of a Discretization: numbers in their order
                planted.append(value)
                continue
            fan_in = numpy.prod(value.shape[:-1]) if value.ndim > 1 else 4.0
            values = random.normal(0, 1.0 / numpy.sqrt(max(fan_in, 1)), value.shape)
            if "variance" in called or "gamma" in called:
                values = numpy.abs(values) + 0.7
            planted.append(numpy.asarray(values, value.dtype))
        self.model.set_weights(planted)
        for layer in self.model._flatten_layers():  # Keras computes with what it had before otherwise
            if type(layer).__name__ == "Normalization" and hasattr(layer, "finalize_state"):
                layer.finalize_state()


def agree(made, folder, layers=None, ending=None, bound=1e-5, versions=(OLDEST, None), expected=None, **settings):
    """Save the Model `made`, convert it with format="graph", and compare every output.

    layers    output names, default: every layer
    ending    of the file: ".keras" or ".h5"; default: the first for Keras 3, the second for Keras 2
    versions  of TensorFlow.js, None for today's; an operation that 1.0.0 lacks: (None,)
    expected  what the outputs shall be, in the place of Keras's values
    settings  of preprocess
    Returns the path of model.json.
    """
    needs.node()
    ending = ending or (".keras" if made.flavour == "keras3" else ".h5")
    source = os.path.join(str(folder), "model" + ending)
    made.model.save(source)
    target = os.path.join(str(folder), "js")
    os.makedirs(target, exist_ok=True)
    facts = preprocess.preprocess(source, target, layers=layers, **dict({"format": "graph"}, **settings)).facts
    expected = expected or oracle.predict(oracle.multi_output(made.keras, made.model, facts["outputs"]), made.inputs)
    path = os.path.join(target, "model.json")
    for version in versions:
        bundle = packages.bundle("@tensorflow/tfjs", version) if version else packages.bundle("@tensorflow/tfjs")
        nodes = [name.replace(":", "/") for name in facts["outputs"]]
        found = predict.predict(path, made.inputs, bundle, nodes, sync=True)
        far = {(name, version): distance(value, output.values)
               for name, value, output in zip(facts["outputs"], expected, found)}
        wrong = {key: value for key, value in far.items() if isinstance(value, str) or not value <= bound}
        assert not wrong, wrong
    return path


def distance(expected, found):
    """oracle.distance, where infinities and NaNs have to be alike."""
    expected = numpy.asarray(expected, "float64")
    if tuple(expected.shape) != tuple(found.shape):
        return f"{expected.shape} in Keras, {found.shape} in TensorFlow.js"
    usual = numpy.isfinite(expected)
    if not numpy.array_equal(expected[~usual], found[~usual].astype("float64"), equal_nan=True):
        return "infinite or no number elsewhere"
    return oracle.distance(expected[usual], found[usual])
