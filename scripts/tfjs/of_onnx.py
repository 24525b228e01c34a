"""An ONNX model -> a TensorFlow.js graph model: model.json and shards.

model.json tells of the layers that are shown, and which inputs and outputs have their dimensions in another order than
ONNX's: {"tensorspace": {…, "layout": {"input": "NHWC"}}}.
"""
from collections import OrderedDict
from typing import Any, Dict, List, NamedTuple, Optional

from .. import opset
from ..base import command
from ..base.fault import Fault
from ..formats.onnx_graph import Model
from ..layers.topology import of
from ..operations import told
from ..operations.graph import Tensor
from ..operations.outputs import prune
from ..wire import shards
from ..wire.target import NATURAL
from . import graph as graphs
from . import write_graph


class Written(NamedTuple):
    """A graph model that has been written.

    names   of its files, the json first
    facts   {"inputs": [names], "outputs": [names]}; "layout": as in model.json, where an order is another; "why": a
            line about outputs that TensorSpace cannot compute
    """

    names: List[str]
    facts: Dict[str, Any]


def convert(source: Model, directory: str, outputs: Optional[List[str]] = None, json_name: str = "model.json",
            shard_size: int = shards.SHARD_SIZE, quantize: shards.Quantize = None, input_shape: Any = None,
            layout: str = NATURAL) -> Written:
    """Convert the model `source` into the empty `directory`; outputs, input_shape, layout: as in opset.lower.

    Without `outputs` all layers are shown that TensorSpace can draw; those that it cannot compute are left out where
    others remain.  Raises Fault for what cannot be computed.
    """
    command.check_json_name(json_name)
    with of(source.path):
        lowered = opset.lower(source, outputs, True, input_shape, layout)
        graph = lowered.graph
        waiting = graphs.without_dynamic(graph, outputs is None)
        prune(graph, map(Tensor, graph.outputs + graph.inputs))
        kept = OrderedDict((name, node) for name, node in lowered.outputs.items() if node in graph.outputs)
        layers = [one for one in lowered.layers if one.class_name == "InputLayer" or one.name in kept]
        layouts = OrderedDict((node, order) for node, order in lowered.layouts.items() if node in graph.nodes)
        names = write_graph.write(graph, directory, json_name, shard_size, quantize,
                                  told.metadata(kept, layers, (), layouts))
    facts = OrderedDict([("inputs", graph.inputs), ("outputs", graph.outputs)])
    why = "; ".join(filter(None, [lowered.why, waiting]))
    facts.update({"why": why} if why else {})
    facts.update({"layout": layouts} if layouts else {})
    return Written(names, facts)


def check_settings(source: str, **settings: Any) -> None:
    """Raise a Fault where any of these settings, which are about Keras's layers, is given."""
    given = [key for key, value in sorted(settings.items()) if value]
    if given:
        raise Fault(f"{source}: an ONNX model has no layers of Keras's: leave out {', '.join(given)}")
