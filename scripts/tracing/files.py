"""A model file and the user's Python for it -> the traced graph, by a child process that runs this Python.

    traced = trace("model.keras", ("my_layers.py",))
    tfjs.graph.convert(traced, "out", every=True)

Nothing of it runs where no file is trusted.
"""
import json
import os
import tempfile
from typing import Optional, Sequence

from ..base.fault import Fault
from ..layers.encapsulation import Shape
from ..layers.topology import OWN
from . import process, traced
from . import trust as trusting


def trace(path: str, trust: Sequence[str], layers: Optional[Sequence[str]] = None, input_shape: Shape = None,
          weights: Optional[str] = None) -> traced.Traced:
    """Return the traced graph of the model in `path`, with `layers` (default: every outermost layer) as its outputs.

    path     a model file, or where a trusted file names a function (my_model.py:make) the weights of its model
    trust    the user's files that may run
    layers, input_shape   as by_keras.trace_live's
    weights  h5 of the weights of a topology json
    Raises Fault with one line that names the place in the user's file, or what Keras and TensorFlow refuse.
    """
    trusted = trusting.read(trust, path)
    if not trusted:
        raise Fault(f"{path}: no Python is trusted, and nothing is run: {OWN}")
    whose = ", ".join(one.path for one in trusted)
    with tempfile.TemporaryDirectory(prefix="trace-") as private:
        settings = {"trust": trusted, "layers": None if layers is None else list(layers), "input_shape": input_shape,
                    "weights": weights}
        process.run("tracing.load_by_keras", [path, private, "--settings", json.dumps(settings)], private, whose)
        with open(os.path.join(private, "about.json"), encoding="utf-8") as file:
            about = json.load(file)
        with open(os.path.join(private, "graph.pb"), "rb") as file:
            return traced.of(file.read(), about, path)
