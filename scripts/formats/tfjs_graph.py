"""TensorFlow.js graph models: model.json, a GraphDef in JSON, and the shards that its weights manifest names.

The signature is in the file, or in its userDefinedMetadata (tfjs-converter 1.x).  A file without one has its
placeholders as inputs, and the tensors that no operation reads as outputs (operation_mapper.ts, transformGraph).  The
file means what TensorFlow.js computes, so it is neither checked against TensorFlow nor adapted.
`match` imports nothing heavy: doit asks it about models that are up to date.
"""
import os
from collections import OrderedDict
from typing import TYPE_CHECKING, Any, Dict, List, NamedTuple, Optional, Tuple

from ..base.fault import Fault
from ..base.files import at_once
from .json_text import json_object

if TYPE_CHECKING:  # these import numpy
    from ..operations.graph import Graph, Shape, Tensor
    from ..operations.outputs import Choice

WORDS = (b'"node"', b'"graph-model"')  # one of them stands in every graph model
BEGINNING = b"{ \t\r\n\xef"  # of a text of JSON, which may have a mark of UTF-8 before it
MAX_NODES = 200000  # TensorFlow's largest zoo graphs have 30000
# What ends a graph of values: nothing is computed by these
SILENT = ("NoOp", "Const", "Assert", "SaveV2", "RestoreV2")


def file_of(path: str) -> str:
    """Return the path of the model.json of a TensorFlow.js model that is given by its directory or by this file.

    A SavedModel's directory is none, whatever else is in it.
    """
    if os.path.isdir(path) and not os.path.exists(os.path.join(path, "saved_model.pb")):
        return os.path.join(path, "model.json")
    return path


def match(path: str) -> bool:
    """Return whether `path` is the JSON of a graph model, or a directory with such a model.json."""
    path = file_of(path)
    if not os.path.isfile(path):
        return False
    with open(path, "rb", opener=at_once) as file:
        start = file.read(1)
        if not start or start not in BEGINNING:
            return False
        content = start + file.read()
    if not any(word in content for word in WORDS):
        return False
    document = json_object(path)
    return document is not None and holds_graph(document)


def holds_graph(document: Dict[str, Any]) -> bool:
    """Return whether a model.json is a graph model's: TensorFlow.js itself is told so by the one that loads it."""
    topology = document.get("modelTopology")
    return "modelTopology" in document and document.get("format") == "graph-model" or \
        isinstance(topology, dict) and "node" in topology


def is_graph(path: str, saved_model_tags: Optional[str] = None, named: bool = False) -> bool:
    """Return True: a graph model has no layers."""
    return True


class GraphModel(NamedTuple):
    """A TensorFlow.js graph model.

    path       of its model.json
    document   what is in it; of a model of before 1.0 {"graphDef": its bytes, "weightsManifest": as in a model.json}
    constants  {name of an input: the value that it has from now on}
    """
    path: str
    document: Dict[str, Any]
    constants: Optional[Dict[str, Any]] = None

    for_tensorflow_js = True

    def freeze(self, outputs: Optional[List[str]] = None, every: bool = False,
               input_shape: Any = None) -> "Graph":
        """Return the Graph with these outputs in their order.

        outputs      each one of outputs.Choice.tensor's names; None: the model's own
        every        where `outputs` is None: those of its layers, too
        input_shape  as in operations.shapes.fixed
        Raises Fault for damage, and where the graph has no such outputs.
        """
        from ..operations import outputs as chosen
        graph, choice = self.opened(input_shape, outputs)
        wanted = choice.every() if outputs is None and every else choice.known if outputs is None else self.named(
            choice, outputs)
        if not wanted:
            raise Fault(f"{self.path}: no outputs are known: name them")
        chosen.keep(graph, wanted, self.path)
        missing = [node.name for node in graph.every_node() if node.op == "Const" and node.value("value").values is None
                   and node.value("dtype") != "DT_STRING"]
        if missing:
            raise Fault(f"{self.path}: weight {missing[0]!r} is not in the manifest: download the model again")
        return graph

    def named(self, choice: "Choice", outputs: List[str]) -> "Dict[str, Tensor]":
        """Return {name as it is asked for: its tensor}; fused operations are opened where one is inside."""
        from ..operations import fused
        found, opened = OrderedDict(), fused.Opened(choice)
        for name in outputs:
            if name in found:
                raise Fault(f"{self.path}: output {name!r} is asked for twice")
            found[name] = opened.tensor(name)
        return found

    def opened(self, input_shape: Any = None, outputs: Optional[List[str]] = None) -> "Tuple[Graph, Choice]":
        """Return the whole graph with the shapes of its tensors, and the names of these.

        outputs: as in beginnings.opened.
        """
        from ..operations import beginnings
        from ..operations.outputs import Choice
        from . import constants

        def make(begin, given):
            graph, known, keys = read_graph(self.path, self.document)
            if self.constants:
                constants.fix(graph, self.constants, self.path)
            constants.settle(graph)
            beginnings.prepare(graph, begin, given, self.path)
            return Choice(graph, known, self.path, keys)

        choice = beginnings.opened(make, outputs, input_shape)
        return choice.graph, choice


def read(path: str, **options: Any) -> GraphModel:
    """Return the GraphModel of model.json, or of the directory that holds it.

    Raises Fault where no operations are in it.
    """
    path = file_of(path)
    document = json_object(path)
    topology = document.get("modelTopology")
    if not isinstance(topology, dict) or not topology.get("node"):
        raise Fault(f"{path}: a graph model without operations: its modelTopology has no node")
    if isinstance(topology["node"], list):
        check_count(len(topology["node"]), path)
    return GraphModel(path, document)


def check_count(nodes: int, path: str) -> None:
    """Raise a Fault for a graph model of more than MAX_NODES operations."""
    if nodes > MAX_NODES:
        raise Fault(f"{path}: a graph model of {nodes} operations: more than {MAX_NODES} are refused")


def read_graph(path: str, document: Dict[str, Any]) -> "Tuple[Graph, Dict[str, Tensor], Dict[str, Tensor]]":
    """Return (the whole Graph in a model.json, {name of each of its own outputs: its tensor}, the same by the keys of
    its signature).

    Raises Fault for damage, and for shards that are missing, cut short or of another model.
    """
    from ..operations import graphdef
    from ..operations.graph import Attribute
    from ..operations.shapes import circle
    from ..wire.protobuf import Damaged
    from . import tfjs_graph_json, weights_manifest
    weights = weights_manifest.manifest_weights(document.get("weightsManifest"), os.path.dirname(path), path, keep=True)
    try:
        held = {weight.name: weight for weight in weights}
        graph = graphdef.read(document["graphDef"]) if "graphDef" in document \
            else tfjs_graph_json.graph(document["modelTopology"], held)
        for node in graph.every_node() if "graphDef" in document else ():
            if node.op == "Const":
                node.attributes["value"] = Attribute("tensor", tfjs_graph_json.constant(
                    node.name, node.attributes, held))
        told = document.get("signature") or (document.get("userDefinedMetadata") or {}).get("signature")
        inputs, outputs = [tfjs_graph_json.signature(told, side) for side in ("inputs", "outputs")]
        unread = [one for node in graph.nodes.values() for one in node.inputs if one.node not in graph.nodes]
        if unread:
            raise Damaged(f"no operation {unread[0].node!r:.60}, which others read")
        if circle(graph):
            raise Damaged(f"operation {circle(graph)!r:.60} reads what is computed of it")
    except (Damaged, AttributeError) as error:
        raise Fault(f"{path}: damaged: {error}")
    graph.made_by = str(document.get("generatedBy") or "")
    named_inputs(graph, inputs)
    return (graph,) + named_outputs(graph, outputs)


def named_inputs(graph: "Graph", told: "Optional[Dict[str, Tuple[str, Shape]]]") -> None:
    """Set the graph's inputs: those of the signature, in its order, with the shapes that it has for them."""
    from ..operations.graph import Spec
    from ..operations.graphdef import number_of_output
    from ..operations.shapes import dtype_of
    placeholders = [name for name, node in graph.nodes.items() if node.op == "Placeholder"]
    graph.inputs = []
    for name, shape in (told or {}).values():
        node = graph.nodes.get(number_of_output(name).node)
        if node is not None and node.name not in graph.inputs:
            graph.inputs.append(node.name)
            if shape is not None:
                node.outputs = [Spec(dtype_of(node), shape)]
    graph.inputs += [name for name in placeholders if name not in graph.inputs]


def named_outputs(graph: "Graph", told: "Optional[Dict[str, Tuple[str, Shape]]]"
                  ) -> "Tuple[Dict[str, Tensor], Dict[str, Tensor]]":
    """Return ({name of an own output: its tensor}, {key of the signature: its tensor}).

    The operation's name is what every TensorFlow.js calls an output.
    """
    from ..operations.graph import Tensor
    from ..operations.graphdef import number_of_output
    keys = OrderedDict((key, number_of_output(name)) for key, (name, _) in (told or {}).items())
    if keys:
        tensors = list(keys.values())
    else:
        read = {one.node for node in graph.nodes.values() for one in node.inputs}
        tensors = [Tensor(name) for name, node in graph.nodes.items()
                   if name not in read and name not in graph.inputs and node.op not in SILENT]
    known = OrderedDict((str(tensor), tensor) for tensor in tensors if tensor.node in graph.nodes)
    return known, OrderedDict((key, tensor) for key, tensor in keys.items() if tensor.node in graph.nodes)
