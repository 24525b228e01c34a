"""The layers of a graph: the operations of one scope, with the class that they stand for; the scope's result is shown.

Keras, TF-Slim and the object detection zoo give the operations of a layer a path of their own, "model/conv2d/BiasAdd".
TensorFlow.js's converter and freezing keep these paths.  A scope with layers in it is a model.  An operation in no
layer's scope is a layer together with the operations that belong to it: Conv2D with its BiasAdd and its Relu.
"""
import re
from collections import OrderedDict
from typing import Dict, Iterable, List, NamedTuple, Optional, Sequence, Set, Tuple

from ..layers.kinds.sizes import product
from . import kinds
from .graph import Graph, Node, Shape, Spec, Tensor
from .shapes import in_order

Path = Tuple[str, ...]
SIZES = ("Shape", "ShapeN", "Size", "Rank", "ZerosLike", "OnesLike")  # of what they read only the shape counts
PASSING = ("Identity", "IdentityN", "StopGradient", "Snapshot", "NoOp", "PreventGradient")
NUMBERED, LAST = re.compile(r"(_\d+)+\Z"), re.compile(r"_\d+\Z")
REALS = ("DT_FLOAT", "DT_HALF", "DT_DOUBLE", "DT_BFLOAT16")
DEEPEST = 20  # scopes in scopes
FURTHEST = 1000  # operations between a layer and those that it reads, or its constants
DIMENSIONS = (2, 3, 4)  # with the batch, of what TensorSpace draws


class Layer(NamedTuple):
    """A layer of a graph.

    name         as --layers takes it: the end of its scope's path
    scope        its whole path, "" for operations without one
    kind         a class of Keras's, "Conv2D"
    result       Tensor
    spec         of the result, None where nothing is known
    nodes        names of its operations, in their order
    parameters   how many values its constants have
    inputs       names of the layers and of the graph's inputs that it reads
    """
    name: str
    scope: str
    kind: str
    result: Tensor
    spec: Optional[Spec]
    nodes: List[str]
    parameters: int
    inputs: List[str]

    @property
    def drawn(self) -> bool:
        """Whether TensorSpace can draw the result: real numbers, of one to three dimensions behind the batch."""
        shape: Shape = self.spec.shape if self.spec is not None else None
        return shape is not None and self.spec.dtype in REALS and len(shape) in DIMENSIONS and shape[0] in (None, 1)


def layers(graph: Graph, ends: Sequence[Tensor]) -> List[Layer]:
    """Return the layers of a graph between its inputs and `ends`, in the order of their results.

    The shapes of the graph are known (shapes.infer).
    """
    order = in_order(graph)
    data = between(graph, order, ends)
    groups = grouped(graph, order, data)
    owner = {name: key for key, names in groups.items() for name in names}
    places = {node.name: place for place, node in enumerate(order)}
    leaving, turned = read_elsewhere(graph, data, owner, ends), transposes(graph)
    found: List[Tuple[int, Path, str, Tensor, List[str]]] = []
    for key, names in groups.items():
        nodes = [graph.nodes[name] for name in names]
        kind = kinds.of_scope(graph, nodes, data, key[-1] if key else "")
        result = result_of(graph, names, leaving.get(key, ()), ends, turned) if kind else None
        if result is not None:
            found.append((places[result.node], key, kind, result, names))
    found.sort(key=lambda one: one[0])
    named = names_of([key for _, key, _, _, _ in found], is_keras_3(graph))
    reading = {key: named[key] for _, key, _, _, _ in found}
    return [Layer(named[key], "/".join(key), kind, result, graph.spec(result), names,
                  parameters(graph, names, data), sources(graph, names, data, owner, reading))
            for _, key, kind, result, names in found]


def between(graph: Graph, order: List[Node], ends: Sequence[Tensor]) -> Set[str]:
    """Return the names of the operations that compute `ends` of the values, not the shapes, of the graph's inputs."""
    reached, before = set(graph.inputs), -1
    while len(reached) > before:  # once, and once more where a loop goes back
        before = len(reached)
        for node in order:
            if node.op not in SIZES and node.name not in reached and any(one.node in reached for one in node.inputs):
                reached.add(node.name)
    wanted, waiting = set(), [one.node for one in ends]
    while waiting:
        name = waiting.pop()
        if name in reached and name not in wanted:
            wanted.add(name)
            waiting += [one.node for one in graph.nodes[name].inputs]
    return wanted - set(graph.inputs)


# Groups ------------------------------------------------------------------------------------------------------

def grouped(graph: Graph, order: List[Node], data: Set[str]) -> Dict[Path, List[str]]:
    """Return {path of a layer's scope, or of an operation that has none: names of its operations}."""
    trees = Scopes(graph, order, data)
    readers: Dict[str, List[str]] = {}
    for node in order:
        for one in node.inputs:
            readers.setdefault(one.node, []).append(node.name)
    found: Dict[Path, List[str]] = OrderedDict()
    loose: Dict[str, List[str]] = {}
    for node in order:
        if node.name not in data:
            continue
        path = trees.layer(node)
        if path is not None:
            found.setdefault(path, []).append(node.name)
            continue
        before = [one.node for one in node.inputs if one.node in loose]
        if kinds.follows(graph, node, data) and len(before) == 1 and len(readers[before[0]]) == 1:
            chain = loose[before[0]]
        else:
            chain = []
        chain.append(node.name)
        loose[node.name] = chain
    for chain in {id(chain): chain for chain in loose.values()}.values():
        telling = [name for name in chain if graph.nodes[name].op not in PASSING]
        found.setdefault(tuple((telling or chain)[-1].split("/")), []).extend(chain)  # of a scope it is the result
    return found


class Scopes:
    """The tree of the paths of operations, and which of them are layers."""

    def __init__(self, graph: Graph, order: Iterable[Node], data: Set[str]) -> None:
        self.direct: Set[Path] = set()  # scopes that hold an operation itself
        self.inner: Dict[Path, Set[str]] = {}  # the scopes in a scope that have operations of a kind
        for node in order:
            path = scope_of(node)
            if node.op in PASSING or node.op == "Const":
                continue
            self.direct.add(path)
            if node.name in data and kinds.of(graph, node, data):
                for depth, part in enumerate(path):
                    if not part.startswith("while"):
                        self.inner.setdefault(path[:depth], set()).add(part)

    def layer(self, node: Node) -> Optional[Path]:
        """Return the path of the scope around an operation that is one layer, of several the outermost; None where
        none is.

        It holds one operation of a kind, or one scope of these, and so on.  What is around it holds several, or it has
        operations of its own: a call or a model around a single layer has neither.
        """
        path = scope_of(node)
        alone = [path[:depth] for depth in range(1, len(path) + 1) if self.is_one(path[:depth])]
        return next((scope for scope in alone if scope in self.direct or len(self.inner.get(scope[:-1], ())) > 1),
                    None)

    def is_one(self, path: Path) -> bool:
        """Return whether a scope, and each scope in it, holds less than two operations of a kind or scopes of these."""
        inside = self.inner.get(path, ())
        while len(inside) == 1:
            path += tuple(inside)
            inside = self.inner.get(path, ())
        return not inside


def scope_of(node: Node) -> Path:
    """Return the path of the scope that an operation stands in.

    A Prelu stands where its slopes do: TensorFlow.js's converter gives it the name of the operation before it
    (fuse_prelu.py).
    """
    prelu = node.op == "Prelu" or b"Prelu" in (node.value("fused_ops") or ())
    name = node.inputs[-1].node if prelu and node.inputs and "/" in node.inputs[-1].node else node.name
    return tuple(name.split("/")[:-1][:DEEPEST])


def read_elsewhere(graph: Graph, data: Set[str], owner: Dict[str, Path],
                   ends: Sequence[Tensor]) -> Dict[Path, Set[Tensor]]:
    """Return {path of a group: the tensors of it that others read, or that are asked for}."""
    found: Dict[Path, Set[Tensor]] = {}
    for one in ends:
        found.setdefault(owner.get(one.node, ()), set()).add(one)
    for node in graph.nodes.values():
        for one in node.inputs if node.name in data else ():
            if one.node in owner and owner[one.node] != owner.get(node.name):
                found.setdefault(owner[one.node], set()).add(one)
    return found


def result_of(graph: Graph, names: List[str], leaving: Iterable[Tensor], ends: Sequence[Tensor],
              turned: Dict[Tensor, Node]) -> Optional[Tensor]:
    """Return the tensor that leaves a group of operations; of several the last that is of real numbers."""
    places = {name: place for place, name in enumerate(names)}
    found = sorted(leaving, key=lambda one: (is_real(graph, one), one in ends, places[one.node], -one.index))
    return batch_first(graph, found[-1], turned) if found else None


def transposes(graph: Graph) -> Dict[Tensor, Node]:
    """Return {tensor: the Transpose that puts its second axis first}."""
    found = {}
    for node in graph.nodes.values():
        order = graph.constant(node.inputs[1]) if node.op == "Transpose" and len(node.inputs) > 1 else None
        if order is not None and list(order[:2]) == [1, 0]:
            found[node.inputs[0]] = node
    return found


def batch_first(graph: Graph, tensor: Tensor, turned: Dict[Tensor, Node]) -> Tensor:
    """Return the transposed tensor of the same layer where a tensor has the batch behind the steps.

    A recurrent layer turns what it returns, and TensorFlow leaves that out where the next layer turns it back.
    """
    spec, node = graph.spec(tensor), turned.get(tensor)
    if node is None or spec is None or spec.shape is None or len(spec.shape) < 3 or spec.shape[0] is None \
            or spec.shape[1] is not None or scope_of(node)[:1] != scope_of(graph.nodes[tensor.node])[:1]:
        return tensor
    return Tensor(node.name)


def is_real(graph: Graph, tensor: Tensor) -> bool:
    """Return whether a tensor is known to be of real numbers."""
    spec = graph.spec(tensor)
    return spec is not None and spec.dtype in REALS


def constants(graph: Graph, names: Iterable[str], data: Set[str]) -> List[Node]:
    """Return the constants that operations read, behind other operations too."""
    found: Dict[str, Node] = OrderedDict()
    waiting, seen = [one.node for name in names for one in graph.nodes[name].inputs], set()
    while waiting and len(seen) < FURTHEST:
        name = waiting.pop(0)
        if name in seen or name in data or name not in graph.nodes:
            continue
        seen.add(name)
        node = graph.nodes[name]
        if node.op == "Const":
            found[name] = node
        waiting += [one.node for one in node.inputs]
    return list(found.values())


def parameters(graph: Graph, names: List[str], data: Set[str]) -> int:
    """Return how many real numbers the constants of a layer hold."""
    held = [node.value("value") for node in constants(graph, names, data)]
    return sum(product(one.shape) or 0 for one in held
               if one is not None and one.shape and one.dtype in REALS and None not in one.shape)


def sources(graph: Graph, names: List[str], data: Set[str], owner: Dict[str, Path],
            reading: Dict[Path, str]) -> List[str]:
    """Return the names of the layers and inputs that a group reads, behind operations of no layer too."""
    inside, found, seen = set(names), OrderedDict(), set()
    waiting = [one.node for name in names for one in graph.nodes[name].inputs]
    while waiting and len(seen) < FURTHEST:
        name = waiting.pop(0)
        if name in inside or name in seen or name not in graph.nodes:
            continue
        seen.add(name)
        if name in graph.inputs:
            found[name] = True
        elif name in data and owner.get(name) in reading:
            found[reading[owner[name]]] = True
        elif name in data:
            waiting += [one.node for one in graph.nodes[name].inputs]
    return list(found)


# Names ---------------------------------------------------------------------------------------------------------

def is_keras_3(graph: Graph) -> bool:
    """Return whether Keras 3 made a graph: it calls inputs keras_tensor, and convolutions by a name of its own."""
    return any(name.startswith("keras_tensor") for name in graph.inputs) or any(
        name.endswith("/convolution") for name in graph.nodes)


def names_of(paths: List[Path], numbered: bool = False) -> Dict[Path, str]:
    """Return {path: name}, the shortest end of each path that no other has.

    numbered: Keras 3 traces a model anew when it is exported, and every layer's scope gets a number after it, which
    is left out where every layer has one.
    """
    shorter = [path[:-1] + (LAST.sub("", path[-1]),) for path in paths]
    retraced = numbered and len(set(shorter)) == len(paths) and all(map(LAST.search, [path[-1] for path in paths]))
    found: Dict[Path, str] = {}
    spelled = shorter if retraced else paths
    ends: Dict[Path, int] = {}
    for path in spelled:
        for depth in range(len(path)):
            ends[path[depth:]] = ends.get(path[depth:], 0) + 1
    for path, words in zip(paths, spelled):
        depth = next((depth for depth in reversed(range(len(words))) if ends[words[depth:]] == 1), 0)
        found[path] = "/".join(words[depth:])
    return found


def plain(name: str) -> str:
    """Return a name without the numbers after it: "conv2d_1_1" is "conv2d"."""
    return NUMBERED.sub("", name)
