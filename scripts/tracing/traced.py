"""A traced graph (its bytes, and the facts of it) -> a source of tfjs.graph.convert, without TensorFlow."""
from collections import OrderedDict
from typing import Any, Dict, List, NamedTuple, Optional, Tuple

from ..formats.graphs import described
from ..layers.encapsulation import Shape
from ..lower import names
from ..operations.graph import Graph, Tensor
from ..operations.outputs import Choice, rename
from ..operations.told import Shown
from ..tfjs import older


class Traced(NamedTuple):
    """A traced model, with the face of a formats.graphs.GraphFile.

    path   what it is called in messages
    graph  its outputs are those that were asked for
    every  names of all layers' outputs that can be asked for
    """

    path: str
    graph: Graph
    every: List[str]

    for_tensorflow_js = False

    def freeze(self, outputs: Optional[List[str]] = None, every: bool = False, input_shape: Shape = None) -> Graph:
        """Return the graph, which was traced with its outputs and sizes."""
        return self.graph

    def opened(self, input_shape: Shape = None) -> Tuple[Graph, Choice]:
        """Return the graph and its tensors by their names, as GraphFile.opened does."""
        asked = self.graph.asked or self.graph.outputs
        return self.graph, Choice(self.graph, OrderedDict(
            (name, Tensor(node)) for name, node in zip(asked, self.graph.outputs)), self.path)


def of(content: Any, about: Dict[str, Any], path: str) -> Traced:
    """Return the Traced of a GraphDef's bytes; about: as by_keras.frozen returns it."""
    graph = described(content, about)
    graph.made_by = about["made_by"]
    name_as_lowered(graph, about["fed"])
    graph.layers = {node: Shown(*about["layers"][name]) for name, node in zip(graph.asked, graph.outputs)
                    if name in about["layers"]}
    older.spell(graph)
    return Traced(path, graph, about["every"])


def name_as_lowered(graph: Graph, fed: Dict[str, str]) -> None:
    """Give the inputs and outputs of a graph the names that lower.lower gives them; fed: {node: name of the input}."""
    wanted = names.of_nodes([fed.get(name, name) for name in graph.inputs] + graph.asked)
    moved = OrderedDict((old, new) for old, new in zip(graph.inputs + graph.outputs, wanted) if old != new)
    aside = {name: name + "/inner" for name in graph.nodes if name in set(moved.values()) and name not in moved}
    rename(graph, dict(aside, **moved))
    graph.inputs = [moved.get(name, name) for name in graph.inputs]
    graph.outputs = [moved.get(name, name) for name in graph.outputs]
