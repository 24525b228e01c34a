"""TensorFlow graphs in files, SavedModels and frozen graphs: formats.read returns a GraphFile for each."""
import json
import mmap
import os
import signal
import tempfile
from collections import OrderedDict
from typing import Any, Dict, List, NamedTuple, Optional, Tuple

from ..base import child
from ..base.fault import Fault
from ..operations import beginnings, graphdef, loops, shapes
from ..operations.graph import Graph, Spec, Tensor
from ..operations.outputs import SILENT, Choice
from ..wire.protobuf import Damaged
from .paths import head

FROZEN = b"\x0a"  # how a GraphDef begins, with its first node


class GraphFile(NamedTuple):
    """A graph that only TensorFlow can freeze.

    path        of a SavedModel's directory or of a frozen graph
    tags        of a SavedModel: which of its graphs, separated by commas; None for "serve"
    signature   of a SavedModel: None for "serving_default", or for the only one
    constants   {name of an input: the value that it has from now on}
    """
    path: str
    tags: Optional[str] = None
    signature: Optional[str] = None
    constants: Optional[Dict[str, Any]] = None

    for_tensorflow_js = False

    def freeze(self, outputs: Optional[List[str]] = None, every: bool = False, input_shape: Any = None) -> Graph:
        """Return the Graph with these outputs in their order, frozen by TensorFlow in a child process.

        outputs: each a key of the signature, a tensor ("dense/Relu:0"), an operation, the end of an operation's path
        that stands for one alone, or a scope with one result (a layer's name); None: those of the signature, and of a
        frozen graph those that nothing reads.
        every: where `outputs` is None, those of its layers, too.  input_shape: as in operations.shapes.fixed.
        Raises Fault where TensorFlow does not load it, or has no such outputs.
        """
        with tempfile.TemporaryDirectory(prefix="graph-") as private:
            settings = {"outputs": outputs, "tags": self.tags, "signature": self.signature,
                        "every": every, "input_shape": input_shape, "constants": self.constants}
            try:
                child.run("formats.freeze_by_tensorflow", [self.path, private, "--settings", json.dumps(settings)],
                          True)
            except RuntimeError as error:
                if f"ended with {-signal.SIGABRT}" in str(error) or f"ended with {-signal.SIGSEGV}" in str(error):
                    raise Fault(f"{self.path}: damaged: TensorFlow itself crashes as it reads the graph")
                raise
            with open(os.path.join(private, "about.json"), encoding="utf-8") as file:
                about = json.load(file)
            with open(os.path.join(private, "graph.pb"), "rb") as file:  # read piece by piece, and kept by the system
                content = memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))
        graph = described(content, about)
        shapes.infer(graph)  # TensorFlow follows no sizes through a GatherV2
        return graph

    def opened(self, input_shape: Any = None) -> "Tuple[Graph, Choice]":
        """Return the whole graph with the shapes of its tensors, and the names of these.

        A frozen graph without constants is read without TensorFlow.  Of any other it is what TensorFlow freezes with
        every layer.
        """
        if self.constants or os.path.isdir(self.path) or head(self.path, 1) != FROZEN:
            graph = self.freeze(None, True, input_shape)
            loops.unroll(graph)
            return graph, Choice(graph, OrderedDict((name, Tensor(name)) for name in graph.outputs), self.path)
        def make(begin, given):
            with open(self.path, "rb") as file:
                graph = graphdef.read(memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)))
            read = {one.node for node in graph.nodes.values() for one in node.inputs}
            graph.inputs = [name for name, node in graph.nodes.items() if node.op.startswith("Placeholder")]
            ends = [name for name, node in graph.nodes.items() if name not in read and node.op not in SILENT]
            beginnings.prepare(graph, begin, given, self.path)
            return Choice(graph, OrderedDict((name, Tensor(name)) for name in ends), self.path)

        try:
            choice = beginnings.opened(make, None, input_shape)
            return choice.graph, choice
        except Damaged as error:
            raise Fault(f"{self.path}: damaged: {error}")


def described(content: Any, about: Dict[str, Any]) -> Graph:
    """Return the Graph of a GraphDef's bytes, with the facts that only TensorFlow tells.

    about: as freeze_by_tensorflow.frozen_graph returns it.
    """
    graph = graphdef.read(content)
    graph.inputs, graph.outputs, graph.made_by = about["inputs"], about["outputs"], about["version"]
    graph.asked, graph.begins = about["asked"], about["begins"]
    for name, specs in about["specs"].items():
        graph.nodes[name].outputs = [Spec(dtype, None if shape is None else tuple(shape)) for dtype, shape in specs]
    return graph
