"""What TensorFlow.js computes of a layers model that is its own: the oracle where no Keras has the source."""
import os
from typing import List, Sequence

import numpy

from ..base.fault import Fault
from ..layers.outputs import SUFFIX
from ..layers.topology import Graph, graph
from ..viewer.predict import Asked, predict


def values(source: str, whole: Graph, names: Sequence[str], inputs: Sequence[numpy.ndarray]) -> List[numpy.ndarray]:
    """Return the values of the outputs `names` (spelt as layers.outputs does) of the model.json `source`, or of that
    in the directory `source`, as TensorFlow.js computes them in Node.

    whole   the model's graph of layers
    inputs  one per input of the model, batch first
    Raises Fault where TensorFlow.js does not load or run the model.
    """
    path = os.path.join(source, "model.json") if os.path.isdir(source) else source
    return [output.values for output in predict(path, inputs, layers=[asked(whole, name) for name in names])]


def asked(source: Graph, name: str) -> Asked:
    """Return the tensor that NAME, NAME@CALL, NAME:OUTPUT or OUTER/INNER stands for.  Raises Fault for no name."""
    own, call, tensor = (name, None, None) if name in source.layers else SUFFIX.match(name).groups()
    if own in source.layers:
        return Asked([own], int(call or 0), int(tensor or 0))
    for place, letter in enumerate(name):
        outer = source.layers.get(name[:place])
        if letter == "/" and outer is not None and outer.is_model:
            inner = asked(graph(outer.record), name[place + 1:])
            return inner._replace(path=[outer.name] + inner.path)
    raise Fault(f"the source has no layer {name!r}")
