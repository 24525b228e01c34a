"""What TensorFlow.js computes of a model that is its own: the oracle where no Keras or TensorFlow has the source."""
import os
import tempfile
from typing import Dict, List, Sequence

import numpy

from ..base.fault import Fault
from ..formats.tfjs_graph import GraphModel
from ..layers.outputs import SUFFIX
from ..layers.topology import Graph, graph
from ..operations import fused
from ..tfjs import graph as graphs
from ..viewer.predict import Asked, describe, predict


def values(source: str, whole: Graph, names: Sequence[str], inputs: Sequence[numpy.ndarray]) -> List[numpy.ndarray]:
    """Return the values of the outputs `names` (spelt as layers.outputs does) of the model.json `source`, or of that
    in the directory `source`, as TensorFlow.js computes them in Node.

    whole   the model's graph of layers
    inputs  one per input of the model, batch first
    Raises Fault where TensorFlow.js does not load or run the model.
    """
    path = os.path.join(source, "model.json") if os.path.isdir(source) else source
    return [output.values for output in predict(path, inputs, layers=[asked(whole, name) for name in names])]


def graph_values(source: GraphModel, names: Sequence[str], inputs: Dict[str, numpy.ndarray]) -> List[numpy.ndarray]:
    """Return the values of the outputs `names` of a graph model, as TensorFlow.js computes them in Node.

    inputs: {name: samples}, zeros for those that are not in it.  What stands inside a fused operation has no name in
    the source: it is asked of the source with this operation open.
    """
    there = describe(source.path)["inputs"]
    count = max([len(values) for values in inputs.values()] or [1])
    fed = [inputs[one["name"]] if one["name"] in inputs else numpy.zeros(
        [count] + [size or 1 for size in one["shape"][1:]], numpy.float32) for one in there]
    choice = source.opened()[1]
    if choice.graph.begins:
        raise Fault(f"{source.path}: no oracle: the graph begins behind what TensorFlow.js computes by executeAsync "
                    "alone")
    before = set(choice.graph.nodes)
    tensors = [fused.Opened(choice).tensor(name) for name in names]
    asked = [str(tensor) for tensor in tensors if tensor.node in before]
    found = dict(zip(asked, predict(source.path, fed, outputs=asked))) if asked else {}
    inside = [name for name, tensor in zip(names, tensors) if tensor.node not in before]
    if inside:
        with tempfile.TemporaryDirectory(prefix="opened-") as private:
            kept = graphs.convert(source, private, inside).facts["inputs"]
            values = predict(os.path.join(private, "model.json"), [
                one for one, entry in zip(fed, there) if entry["name"] in kept])
        found.update(zip(inside, values))
    return [found[str(tensor) if tensor.node in before else name].values for name, tensor in zip(names, tensors)]


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
