"""The tensors of a model as the drawing takes them.

They are the tensors of a layers model, the tensors that a graph model's metadata describes, or the operations of any
other graph model.
"""
import json
from collections import OrderedDict
from typing import Any, Dict, List, NamedTuple, Optional

from ....layers import kinds, topology, words
from ....layers.references import references

MERGES = tuple(sorted(kinds.merges() - {"Minimum"})) + ("Concatenate",)  # those that TensorSpace has
GRAPH_OPS = {  # TensorFlow op -> the Keras class that it is the essence of
    "Conv2D": "Conv2D", "_FusedConv2D": "Conv2D", "DepthwiseConv2dNative": "DepthwiseConv2D",
    "FusedDepthwiseConv2dNative": "DepthwiseConv2D", "Conv2DBackpropInput": "Conv2DTranspose", "MatMul": "Dense",
    "_FusedMatMul": "Dense", "MaxPool": "MaxPooling2D", "AvgPool": "AveragePooling2D", "Mean": "GlobalAveragePooling2D",
    "Add": "Add", "AddV2": "Add", "BiasAdd": "BatchNormalization", "Sub": "Subtract", "Mul": "Multiply",
    "Maximum": "Maximum",
    "ConcatV2": "Concatenate", "FusedBatchNorm": "BatchNormalization", "FusedBatchNormV3": "BatchNormalization",
    "Relu": "ReLU", "Relu6": "ReLU", "Elu": "ELU", "LeakyRelu": "LeakyReLU", "Softmax": "Softmax",
    "Sigmoid": "Activation", "Tanh": "Activation", "Pad": "ZeroPadding2D", "PadV2": "ZeroPadding2D",
    "Reshape": "Reshape", "Placeholder": "InputLayer",
}


class Tensor:
    """One output of one call: `key` names it, `kind` is its layer's Keras class, `sources` are keys."""

    def __init__(self, key, layer, kind, sources, last_axis=True, words=None):
        self.key, self.layer, self.kind, self.sources, self.last_axis = key, layer, kind, sources, last_axis
        self.words = words  # of an Embedding: how many it has, as input_dim


class Found(NamedTuple):
    """The tensors of a model by key, the keys of its outputs, and how many parameters each layer has."""

    tensors: Dict[Any, Tensor]
    outputs: List[Any]
    parameters: Dict[str, int]


def of_model(model: Dict[str, Any], described: Dict[str, Any]) -> Found:
    """Return what is Found of a model.json; an input's key is its place.

    described: what predict.describe returns.
    """
    if described["format"] == "layers":
        return Found(*_of_layers(model, described), described["parameters"])
    return _as_told(model, described) or Found(*_of_operations(model, described), described["parameters"])


def text_of(model: Dict[str, Any], name: str) -> Dict[str, Any]:
    """Return {"text": what turns typed words into the input `name`}, {} where the page cannot."""
    found = [text for text in words.told(model) if text["input"] == name.split(":")[0] and not text.get("untyped")]
    return {"text": found[0]} if found else {}


def _of_layers(model, described):
    """Return (tensors by key, the outputs' keys) of a layers model; an input's key is its place."""
    record = model["modelTopology"]
    record = record.get("model_config", record)
    if isinstance(record, str):  # as h5 attributes have it
        record = json.loads(record)
    graph = topology.graph(record)
    tensors, inputs, ranks = {}, {}, {}
    for place, entry in enumerate(graph.inputs):
        inputs.setdefault((entry.layer, entry.tensor), place)
    for entry, output in zip(described["outputs"], graph.outputs):
        ranks.setdefault(output, len(entry["shape"]) - 1)

    def tensor(ref):
        return inputs.get((ref.layer, ref.tensor), ref)

    pending = list(graph.outputs)
    while pending:
        ref = pending.pop()
        if tensor(ref) in tensors or isinstance(tensor(ref), int):
            continue
        layer = graph.layers[ref.layer]
        refs = [] if layer.is_input else references(layer.calls[ref.node], graph.layers)
        config = layer.config if isinstance(layer.config, dict) else {}
        axis, words = config.get("axis", -1), config.get("input_dim") if layer.class_name == "Embedding" else None
        tensors[ref] = Tensor(ref, ref.layer, layer.class_name, [tensor(source) for source in refs],
                              axis == -1 or axis == ranks.get(ref), words)
        pending.extend(refs)
    return tensors, [tensor(ref) for ref in graph.outputs]


def _as_told(model: Dict[str, Any], described: Dict[str, Any]) -> Optional[Found]:
    """The layers that a graph model tells of in its userDefinedMetadata; None where it tells of none, or not of all.

    A layer reads what stands before it: what a file of unknown origin tells goes in no circle.
    """
    told = model.get("userDefinedMetadata")
    told = told.get("tensorspace") if isinstance(told, dict) else None
    layers, outputs = (told.get("layers"), told.get("outputs")) if isinstance(told, dict) else (None, None)
    if not isinstance(layers, list) or not isinstance(outputs, dict):
        return None
    known: Dict[str, Any] = {}
    tensors, parameters = OrderedDict(), {}
    inputs = [entry["name"].split(":")[0] for entry in described["inputs"]]
    ranks = {entry["name"].split(":")[0]: len(entry["shape"] or ()) - 1 for entry in described["outputs"]}
    for layer in layers:
        name, kind, sources = [layer.get(key) for key in ("name", "class_name", "inputs")] \
            if isinstance(layer, dict) else [None] * 3
        if not isinstance(name, str) or not isinstance(kind, str) or not isinstance(sources, list) or name in known:
            return None
        if name in inputs:
            known[name] = inputs.index(name)
            continue
        settings = layer.get("settings") if isinstance(layer.get("settings"), dict) else {}
        axis, words = settings.get("axis", -1), settings.get("input_dim") if kind == "Embedding" else None
        read = [known[source] for source in sources if isinstance(source, str) and source in known]
        tensors[name] = Tensor(name, name, kind, read, axis == -1 or axis == ranks.get(outputs.get(name)), words)
        known[name] = name
        parameters[name] = layer.get("parameters") if isinstance(layer.get("parameters"), int) else 0
    named = {node: name for name, node in outputs.items() if isinstance(node, str)}
    wanted = [named.get(entry["name"].split(":")[0]) for entry in described["outputs"]]
    return Found(tensors, wanted, parameters) if all(name in tensors for name in wanted) else None


def _of_operations(model, described):
    """The same of a graph model: nodes are its tensors, constants are left out."""
    nodes = {node["name"]: node for node in model["modelTopology"]["node"]}
    inputs = [entry["name"].split(":")[0] for entry in described["inputs"]]
    tensors = {}

    def key(name):
        node = nodes[name]
        while node["op"] in ("Identity", "Squeeze") and node.get("input"):
            name = node["input"][0].split(":")[0]
            node = nodes[name]
        return inputs.index(name) if name in inputs else name

    pending = [entry["name"].split(":")[0] for entry in described["outputs"]]
    outputs = [key(name) for name in pending]
    while pending:
        name = key(pending.pop())
        if name in tensors or isinstance(name, int):
            continue
        node = nodes[name]
        sources = [source.split(":")[0] for source in node.get("input", []) if not source.startswith("^")]
        sources = [source for source in sources if nodes[source]["op"] != "Const"]
        kind = GRAPH_OPS.get(node["op"], node["op"])
        if kind in MERGES and len(sources) < 2:
            kind = "BatchNormalization"  # by a constant: a bias or a scale
        tensors[name] = Tensor(name, name, kind, [key(source) for source in sources])
        pending.extend(sources)
    return tensors, outputs
