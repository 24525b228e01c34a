"""TensorFlow.js's values of a source that is a TensorFlow.js model: the oracle if no Keras or TensorFlow loads it."""
import os
import tempfile
from typing import Any, Dict, List, NamedTuple, Sequence

import numpy

from ..base.fault import Fault
from ..formats.constants import arrays
from ..formats.tfjs_graph import GraphModel, read_graph
from ..layers.outputs import SUFFIX
from ..layers.topology import Graph, graph
from ..operations import fused
from ..operations.graph import Graph as Operations
from ..operations.graph import Tensor
from ..tfjs import graph as graphs
from ..viewer.predict import Asked, describe, predict

OPEN_SIZE, SEED = 32, 0  # of a dimension that the source leaves open; of the samples


class Values(NamedTuple):
    """The inputs of a converted graph by name, and its expected outputs in their order."""

    inputs: Dict[str, numpy.ndarray]
    wanted: List[numpy.ndarray]


def values(source: str, whole: Graph, names: Sequence[str], inputs: Sequence[numpy.ndarray]) -> List[numpy.ndarray]:
    """Return the values of the outputs `names` (spelt as layers.outputs does) of the model.json `source`, or of that
    in the directory `source`, as TensorFlow.js computes them in Node.

    whole   the model's graph of layers
    inputs  one per input of the model, batch first
    Raises Fault where TensorFlow.js does not load or run the model.
    """
    path = os.path.join(source, "model.json") if os.path.isdir(source) else source
    return [output.values for output in predict(path, inputs, layers=[asked(whole, name) for name in names])]


def graph_values(source: GraphModel, names: Sequence[str], inputs: Dict[str, numpy.ndarray]) -> Values:
    """Compute the outputs `names` of a graph model in TensorFlow.js, in Node.

    inputs: {name of an input of the converted model: samples}.  What stands inside a fused operation has no name in
    the source: it is asked of the source with this operation open.
    Where the converted model begins after its source's inputs, the source computes what it begins with, of samples for
    its own inputs; where it cannot, it is fed there.
    """
    there = describe(source.path)["inputs"]
    choice = source.opened(outputs=names)[1]
    begin = choice.graph.inputs[0] if choice.graph.begins else None
    count = max([len(values) for values in inputs.values() if values.ndim] or [1])
    given = dict({one["name"]: samples(one, choice.graph, count, begin is not None) for one in there}, **inputs)
    at = None
    if source.constants:  # an input that has a value by default is none to TensorFlow.js, but can be fed
        held = arrays(read_graph(source.path, source.document)[0], source.constants, source.path)
        given.update((name, numpy.float32(array)) for name, array in held.items())
        there = at = there + [{"name": name, "dtype": array.dtype.name} for name, array in held.items() if name not in [
            one["name"] for one in there]]
    before = set(choice.graph.nodes)
    tensors = [fused.Opened(choice).tensor(name) for name in names]
    asked = [str(tensor) for tensor in tensors if tensor.node in before]
    try:
        wanted = asked + [begin] * (begin is not None)
        found = dict(zip(wanted, predict(source.path, [given[one["name"]] for one in there], outputs=wanted, at=at))) \
            if wanted else {}
    except Fault:  # it takes texts, or TensorFlow.js does not run its loops: it is fed where the other one begins
        if begin is None:
            raise
        dtype = {"DT_BOOL": "bool", "DT_FLOAT": "float32"}.get(choice.graph.spec(Tensor(begin)).dtype, "int32")
        found = dict(zip(asked, predict(source.path, [given[begin]], outputs=asked, at=[
            {"name": begin, "dtype": dtype}])))
    if begin in found:
        given[begin] = found[begin].values
    inside = [name for name, tensor in zip(names, tensors) if tensor.node not in before]
    if inside:
        with tempfile.TemporaryDirectory(prefix="opened-") as private:
            kept = graphs.convert(source, private, inside).facts["inputs"]
            values = predict(os.path.join(private, "model.json"), [given[name] for name in kept])
        found.update(zip(inside, values))
    return Values({name: given[name].astype(numpy.float32) for name in inputs}, [
        found[str(tensor) if tensor.node in before else name].values for name, tensor in zip(names, tensors)])


def samples(entry: Dict[str, Any], graph: Operations, count: int, images: bool) -> numpy.ndarray:
    """Return `count` samples for an input of a source, as predict.describe tells of it; images: numbers as images have
    them, else zeros."""
    spec = graph.spec(Tensor(entry["name"]))
    batch = spec.shape[0] if spec is not None and spec.shape else None
    shape = [batch or count] + [size or (OPEN_SIZE if images else 1) for size in (entry["shape"] or [None])[1:]]
    if not images:
        return numpy.zeros(shape, numpy.float32)
    random = numpy.random.RandomState(SEED)
    return random.randint(0, 256, shape) if entry["dtype"] == "int32" else random.uniform(0, 1, shape)


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
