"""An ONNX model -> a TensorFlow.js graph model: model.json and shards.

model.json describes the layers that are shown.  It names the inputs and outputs whose dimensions are not in ONNX's
order: {"tensorspace": {…, "layout": {"input": "NHWC"}}}.
"""
from collections import OrderedDict
from typing import Any, List, Optional

from .. import opset
from ..base import command
from ..formats.onnx_graph import Model
from ..layers.topology import of
from ..operations import told
from ..operations.graph import Tensor
from ..operations.outputs import prune
from ..wire import shards
from ..wire.target import NATURAL
from . import graph as graphs
from . import write_graph

LACKS = "an ONNX model has no layers of Keras's"  # what graph.check_settings says of it


def convert(source: Model, directory: str, outputs: Optional[List[str]] = None, json_name: str = "model.json",
            shard_size: int = shards.SHARD_SIZE, quantize: shards.Quantize = None, input_shape: Any = None,
            layout: str = NATURAL) -> graphs.Written:
    """Convert the model `source` into the empty `directory`; outputs, input_shape, layout: as in opset.lower.

    Without `outputs` all layers are shown that TensorSpace can draw; those that it cannot compute are left out where
    others remain.  The facts have "layout" too, as in model.json, where an order is another.  Raises Fault
    for what cannot be computed.
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
                                  told.metadata(kept, layers, (), layouts, source.constants))
    facts = OrderedDict([("inputs", graph.inputs), ("outputs", graph.outputs)])
    why = "; ".join(filter(None, [lowered.why, waiting]))
    facts.update({"why": why} if why else {})
    facts.update({"layout": layouts} if layouts else {})
    return graphs.Written(names, facts)
