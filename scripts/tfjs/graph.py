"""A TensorFlow graph -> a TensorFlow.js graph model: model.json and shards.

Its outputs are the tensors that were asked for, in that order.  What TensorFlow.js computes otherwise is changed where
that can be done (adapt.py), else refused (operations/unlike.py).  A graph that is a TensorFlow.js model already stays
as it is.
"""
from typing import Any, Dict, List, Optional, Tuple, Union

from ..base import command
from ..base.fault import Fault
from ..formats.graphs import GraphFile
from ..formats.tfjs_graph import GraphModel
from ..layers.topology import of
from ..operations import shown, unlike
from ..operations.graph import Graph
from ..wire import shards
from . import adapt, operations, write_graph


def convert(source: Union[GraphFile, GraphModel], directory: str, outputs: Optional[List[str]] = None,
            json_name: str = "model.json", shard_size: int = shards.SHARD_SIZE, quantize: shards.Quantize = None,
            every: bool = False, input_shape: Any = None) -> Tuple[List[str], Dict[str, List[str]]]:
    """Convert the graph `source` into the empty `directory`; outputs, every, input_shape: as in GraphFile.freeze.

    Returns (names of the files, the json first; {"inputs": [names], "outputs": [names]}).
    """
    command.check_json_name(json_name)
    with of(source.path):
        graph = source.freeze(outputs, every, input_shape)
        told = shown.metadata(graph)
        if source.for_tensorflow_js:
            adapt.open_fused(graph)
            names = write_graph.write(graph, directory, json_name, shard_size, quantize, told)
        else:
            names = write(graph, directory, json_name, shard_size, quantize, told)
    return names, {"inputs": graph.inputs, "outputs": graph.outputs}


def write(graph: Graph, directory: str, json_name: str = "model.json", shard_size: int = shards.SHARD_SIZE,
          quantize: shards.Quantize = None, metadata: Optional[Dict[str, Any]] = None) -> List[str]:
    """Change `graph` to what TensorFlow.js computes alike, and write it: see write_graph.write."""
    adapt.compose(graph)
    operations.check(graph)
    unlike.check(graph)
    for change in adapt.PASSES:
        change(graph)
    return write_graph.write(graph, directory, json_name, shard_size, quantize, metadata)


def check_settings(source: str, **settings: Any) -> None:
    """Raise a Fault where any of these settings, which are about layers, is given."""
    given = [key for key, value in sorted(settings.items()) if value]
    if given:
        raise Fault(f"{source}: a TensorFlow graph has no layers: leave out {', '.join(given)}")
