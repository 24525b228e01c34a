"""The outputs of a graph: the tensor that a name stands for, and the part of the graph that the outputs need."""
import difflib
import re
from collections import Counter, OrderedDict
from typing import Dict, Iterable, List, Optional, Sequence, Set

from ..base.fault import Fault
from . import scopes
from .graph import Attribute, Function, Graph, Node, Spec, Tensor
from .shapes import in_order

SILENT = ("NoOp", "Const", "Placeholder", "PlaceholderWithDefault", "SaveV2", "RestoreV2", "Assert")


class Choice:
    """The tensors of a graph by the names that people have for them.

    graph   Graph
    known   OrderedDict: name of an output of the graph's own -> Tensor
    keys    {other name of an own output, a signature's: Tensor}
    layers  [scopes.Layer], in the graph's order
    """

    def __init__(self, graph: Graph, known: Dict[str, Tensor], source: str,
                 keys: Optional[Dict[str, Tensor]] = None) -> None:
        self.graph, self.known, self.source, self.keys = graph, OrderedDict(known), source, keys or {}
        self.layers = scopes.layers(graph, list(self.known.values()))

    def tensor(self, name: str) -> Tensor:
        """Return the tensor of a name: an own output's, OPERATION, OPERATION:NUMBER, the end of an operation's path
        that stands for one alone, a layer's name, or a scope with one result.

        Raises Fault for a name that stands for none of these; it has the nearest names.
        """
        found = self.exact(name) or self.near(name)
        if found is None:
            raise Fault(f"{self.source}: no tensor {name!r}; {self.nearest(name)}")
        return found

    def exact(self, name: str) -> Optional[Tensor]:
        """Return the tensor of an own output, an operation or a layer, None where the name is none of these."""
        if name in self.known:
            return self.known[name]
        operation, _, index = name.partition(":")
        if index and not index.isdecimal():
            raise Fault(f"{self.source}: output {name!r} is not OPERATION or OPERATION:NUMBER")
        if operation in self.graph.nodes:
            return Tensor(operation, int(index or 0))
        layer = self.layer(operation)
        if layer is None:
            return self.keys.get(name)
        return layer.result._replace(index=int(index)) if index else layer.result

    def near(self, name: str) -> Optional[Tensor]:
        """Return the tensor of the end of a path, or of a scope, that stands for one alone."""
        operation, _, index = name.partition(":")
        found = self.ending(operation) or self.result(operation)
        return Tensor(found, int(index or 0)) if found else None

    def layer(self, name: str) -> Optional[scopes.Layer]:
        """Return the layer of a name, or the only one whose name it is without the numbers behind."""
        for spelled in (lambda one: one.name, lambda one: one.scope.rpartition("/")[2],
                        lambda one: scopes.plain(one.name)):
            found = [one for one in self.layers if name in (spelled(one), one.scope)]
            if len(found) == 1:
                return found[0]
        return None

    def ending(self, name: str) -> Optional[str]:
        """Return the one operation whose path ends with /`name`, None where there are none or several."""
        found = [operation for operation, node in self.graph.nodes.items()
                 if operation.endswith("/" + name) and node.op != "Const"]
        return found[0] if len(found) == 1 else None

    def result(self, scope: str) -> Optional[str]:
        """Return the one operation below `scope`, a part of the paths, whose result leaves it towards an own output;
        None where there are none or several."""
        wanted = needed(self.graph, self.known.values())
        parts, there = scope.split("/"), set()
        for name in wanted:
            path = name.split("/")[:-1]
            there.update(tuple(path[place:place + len(parts)]) for place in range(len(path) - len(parts) + 1))
        numbered = sorted("/".join(path) for path in there if list(path) != parts
                          and all(part in (own, scopes.LAST.sub("", own)) for part, own in zip(parts, path)))
        if len(numbered) == 1 and tuple(parts) not in there:  # Keras 3 exports "block/conv" in a scope "block_1/conv_1"
            scope = numbered[0]
        inside = [node for name, node in self.graph.nodes.items() if name in wanted and f"/{scope}/" in "/" + name]
        passed = {one.node for node in inside for one in node.inputs}
        last = [node.name for node in inside if node.name not in passed and node.op not in SILENT]
        return last[0] if len(last) == 1 else None

    def nearest(self, name: str) -> str:
        """Return the words of a Fault: the outputs that there are, and the names that look like this one."""
        there = list(OrderedDict.fromkeys(list(self.known) + [one.name for one in self.layers] + list(self.keys)))
        near = difflib.get_close_matches(name, there, 3, 0.5) or difflib.get_close_matches(
            name, [one for one, node in self.graph.nodes.items() if node.op != "Const"], 3, 0.4)
        shown = ", ".join(there[:12]) + (", …" if len(there) > 12 else "")
        return f"there are {shown or 'none'}" + (f"; near it are {', '.join(near)}" if near else "")

    def every(self) -> 'OrderedDict[str, Tensor]':
        """Return {name: tensor} of the layers that TensorSpace can draw and of the graph's own outputs, in the order
        of the graph; an own output keeps its name, and those behind one another their order."""
        places = {node.name: place for place, node in enumerate(in_order(self.graph))}
        own = {passed(self.graph, tensor) for tensor in self.known.values()}
        shown = [(places[one.result.node], one.name, one.result) for one in self.layers
                 if passed(self.graph, one.result) not in own and one.drawn]
        found = OrderedDict((name, tensor) for _, name, tensor in sorted(shown, key=lambda one: one[0])
                            if name not in self.known)
        found.update(self.known)
        return found


def passed(graph: Graph, tensor: Tensor) -> Tensor:
    """Return the tensor that Identities pass on as `tensor`."""
    seen: Set[str] = set()
    node = graph.nodes.get(tensor.node)
    while node is not None and node.op in scopes.PASSING and len(node.inputs) == 1 and node.name not in seen:
        seen.add(node.name)
        tensor = node.inputs[0]
        node = graph.nodes.get(tensor.node)
    return tensor


def needed(graph: Graph, tensors: Iterable[Tensor]) -> Set[str]:
    """Return the names of the nodes that some tensors are computed of, control inputs included."""
    found: Set[str] = set()
    waiting = [tensor.node for tensor in tensors]
    while waiting:
        name = waiting.pop()
        if name in graph.nodes and name not in found:
            found.add(name)
            node = graph.nodes[name]
            waiting += [one.node for one in node.inputs] + node.controls
    return found


def keep(graph: Graph, chosen: Dict[str, Tensor], source: str) -> None:
    """Make `chosen` the outputs of a graph, in place, and leave out what they do not need.

    An output whose name is not its operation's, or that other operations read, becomes an Identity of its own:
    TensorFlow.js 1.0.0 takes for outputs what nothing reads.
    Raises Fault where an operation has no such output.
    """
    for name, tensor in chosen.items():
        node = graph.nodes[tensor.node]
        if node.outputs is not None and tensor.index >= len(node.outputs):
            raise Fault(f"{source}: output {name!r}: the operation {tensor.node} has {len(node.outputs)} outputs")
    prune(graph, chosen.values())
    read = {one.node for node in graph.nodes.values() for one in node.inputs}
    ends: Dict[str, str] = OrderedDict((name, plain(name)) for name in chosen)
    times = Counter(tensor.node for tensor in chosen.values())
    own = {end for name, end in ends.items() if chosen[name] == Tensor(end) and end not in read
           and times[end] == 1}
    moved = {end: inner_name(graph, end) for end in ends.values()
             if end in graph.nodes and end not in own and end not in graph.inputs}
    rename(graph, moved)
    graph.outputs, graph.asked = [], list(chosen)
    for name, end in ends.items():
        if end in own and end not in graph.outputs:
            graph.outputs.append(end)
        else:
            tensor = chosen[name]
            graph.outputs.append(identity(graph, end, tensor._replace(node=moved.get(tensor.node, tensor.node))).name)


def prune(graph: Graph, tensors: Iterable[Tensor]) -> None:
    """Leave out what some tensors do not need: nodes, inputs and functions."""
    wanted = needed(graph, tensors)
    for name in [name for name in graph.nodes if name not in wanted]:
        del graph.nodes[name]
    graph.inputs = [name for name in graph.inputs if name in graph.nodes]
    keep_functions(graph)


def plain(name: str) -> str:
    """Return an output's name as an operation can have it (core/framework/node_def_util.cc)."""
    end = re.sub(r"[^A-Za-z0-9.\-_/]", "_", name[:-2] if name.endswith(":0") else name)
    return end if re.match(r"[A-Za-z0-9.]", end) and not end.isdecimal() else "output_" + end


def inner_name(graph: Graph, name: str) -> str:
    """Return a free name for an operation whose own name an output takes."""
    found = name + "/inner"
    while found in graph.nodes:
        found += "_"
    return found


def rename(graph: Graph, moved: Dict[str, str]) -> None:
    """Give nodes other names, and let what reads them read those; the order of the nodes stays."""
    if not moved:
        return
    graph.nodes = OrderedDict((moved.get(name, name), node) for name, node in graph.nodes.items())
    for name, node in graph.nodes.items():
        node.name = name
        node.inputs = [one._replace(node=moved[one.node]) if one.node in moved else one for one in node.inputs]
        node.controls = [moved.get(one, one) for one in node.controls]


def identity(graph: Graph, name: str, tensor: Tensor) -> Node:
    """Add an Identity of a tensor under a name, or one like it."""
    spec = graph.spec(tensor) or Spec("DT_FLOAT")
    return graph.add(Node(name, "Identity", [tensor], attributes={"T": Attribute("type", spec.dtype)}, outputs=[spec]))


def keep_functions(graph: Graph) -> None:
    """Leave out the functions that nothing calls."""
    by_name = {one.name: one for one in graph.functions}
    kept: Set[str] = set()
    waiting = [name for node in graph.nodes.values() for name in called(node)]
    while waiting:
        name = waiting.pop()
        if name in by_name and name not in kept:
            kept.add(name)
            waiting += [inner for node in by_name[name].nodes for inner in called(node)]
    graph.functions = [one for one in graph.functions if one.name in kept]


def called(node: Node) -> List[str]:
    """Return the names of the functions that the attributes of a node name."""
    found = []
    for one in node.attributes.values():
        calls: Sequence = [one.value] if one.kind == "func" else one.value.values \
            if one.kind == "list" and one.value.kind == "func" else []
        found += [call.name for call in calls]
    return found


def functions(graph: Graph) -> Dict[str, Function]:
    """Return {name: Function} of a graph's library."""
    return {one.name: one for one in graph.functions}
