"""operations.Graph -> a TensorFlow.js graph model: model.json and shards, with numpy alone.

Its constants are the weights, under the names of their nodes; its signature has the names, types and shapes of inputs
and outputs (tfjs-converter tf_saved_model_conversion_v2.write_artifacts).
"""
import json
import os
from collections import OrderedDict
from typing import Any, Dict, List, Optional

import numpy

from ..base import command
from ..base.fault import Fault
from ..layers import few_bits
from ..layers.model import Weight
from ..operations.graph import Graph, Node, Tensor
from ..wire import shards
from . import VERSION_NAME, graph_json, operations


def write(graph: Graph, directory: str, json_name: str = "model.json", shard_size: int = shards.SHARD_SIZE,
          quantize: shards.Quantize = None, metadata: Optional[Dict[str, Any]] = None) -> List[str]:
    """Write `graph` into the empty or new `directory`; return the names of the files, the json first.

    quantize: as in shards.write.  metadata: what model.json keeps beside the graph, which TensorFlow.js hands on.
    Raises Fault for an operation that TensorFlow.js does not have, before anything is written, and for constants that
    it cannot store.
    """
    command.check_json_name(json_name)
    operations.check(graph)
    weights = [weight for weight in map(weight_of, graph.every_node()) if weight is not None]
    os.makedirs(directory, exist_ok=True)
    manifest = shards.write(weights, directory, shard_size, quantize)
    sides = OrderedDict((side, signature(graph, names)) for side, names in (
        ("inputs", graph.inputs), ("outputs", graph.outputs)) if names)
    topology = json.loads(json.dumps(graph_json.topology(graph), sort_keys=True))
    document = OrderedDict([
        ("format", "graph-model"), ("generatedBy", graph.made_by), ("convertedBy", VERSION_NAME),
        ("signature", sides), ("modelTopology", topology), ("weightsManifest", manifest)])
    if metadata:
        document["userDefinedMetadata"] = metadata
    with open(os.path.join(directory, json_name), "w") as file:
        file.write(json.dumps(document, allow_nan=False))  # many times faster than dump
    return [json_name] + [name for group in manifest for name in group["paths"]]


def signature(graph: Graph, names: List[str]) -> Dict[str, Any]:
    """Return the inputs or outputs of a SignatureDef (core/protobuf/meta_graph.proto): {name: TensorInfo}."""
    found = OrderedDict()
    for name in names:
        spec = graph.spec(Tensor(name))
        if spec is None:
            raise Fault(f"the type and shape of {name!r} are not known")
        found[name] = OrderedDict([("name", name + ":0"), ("dtype", spec.dtype),
                                   ("tensorShape", graph_json.shape(spec.shape))])
    return found


def weight_of(node: Node) -> Optional[Weight]:
    """Return the values of a constant as a weight under its name, None where the node is none."""
    if node.op != "Const":
        return None
    held = node.value("value")
    if held.values is None:
        raise Fault(f"operation {node.name!r} is a constant of " + (
            "strings, which a graph model cannot hold here; ask for outputs of numbers" if held.dtype == "DT_STRING"
            else f"type {held.dtype}, which TensorFlow.js cannot store"))
    weight = held.values.renamed(node.name)
    if weight.dtype.name in few_bits.TYPES:  # TensorFlow.js has no weights of these types
        return Weight(node.name, weight.shape, numpy.int32, lambda: weight.read().astype(numpy.int32))
    return weight
