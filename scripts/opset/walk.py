"""The walk over an ONNX graph: every node comes after those that it reads, and its operation's function converts it.

A node that depends only on constants and sizes is calculated here, by numpy (fold.py).
"""
from collections import OrderedDict
from typing import Any, Dict, Iterable, List, MutableMapping, Optional, Sequence, Set

from ..base.fault import Fault
from ..emit import Builder
from ..formats.onnx_graph import Function, Graph, Model, Node, Reference
from ..formats.onnx_tensors import Tensor
from . import fold, inside
from .inside import TooMany
from .layout import Held, Name, Row, last, usual
from .rules import Call, NotLowered, computed_as, named, rule_of
from .sizes import OpenSize

Scope = MutableMapping[str, Held]
DEEPEST = 40  # functions in functions, and graphs in graphs
INSIDE = 20000  # operations of functions and graphs: one that is called twice in one that is called twice, and so on
OLDEST = 1  # version of the opset of a domain that the model does not list


class Walk:
    """A model on its way to a graph.

    b        Builder
    model    onnx_graph.Model
    values   {name of a tensor: Held} of the outermost graph
    reached  [Node] of the outermost graph, in the order in which they were computed
    remedy   what to do where something is not known: "" where no size of an input is open
    scalars  names of inputs that are one number, which may decide how something is computed
    """

    def __init__(self, model: Model) -> None:
        self.b, self.model = Builder(), model
        self.values: Scope = {}
        self.reached: List[Node] = []
        self.remedy = ""
        self.scalars: List[str] = []
        self._depth = self._count = 0

    def fixing(self) -> str:
        """Words behind a remedy: the input that could be a constant, "" where none is one number."""
        return f", or fix an input: --constant {self.scalars[0]:.40}=VALUE" if self.scalars else ""

    def tensors(self, graph: Graph) -> Dict[str, Held]:
        """The tensors that a graph holds."""
        return {name: self.held(tensor) for name, tensor in graph.tensors.items()}

    def held(self, tensor: Tensor) -> Held:
        """A tensor of the file as a constant.  Raises Fault for texts."""
        if tensor.weight is None:
            raise Fault(f"{tensor.name!r:.60} is a tensor of texts, which TensorSpace cannot show")
        return Held.constant(self.b, tensor.weight, tensor.dtype)

    def run(self, graph: Graph, wanted: Iterable[str]) -> List[Fault]:
        """Compute the tensors `wanted` of the outermost graph, whose inputs are among the values.

        Returns the refusals of nodes; what reads their outputs is not computed.
        """
        self.values.update((name, held) for name, held in self.tensors(graph).items())
        refused: List[Fault] = []
        lacking: Set[str] = set()
        for node in needed(graph.nodes, set(wanted), set(self.values)):
            if lacking.isdisjoint(read(node)):
                try:
                    self.node(node, self.values, self.model.opsets)
                    self.reached.append(node)
                    continue
                except NotLowered as fault:
                    refused.append(fault)
            lacking.update(node.outputs)
        return refused

    def node(self, node: Node, scope: Scope, opsets: Dict[str, int]) -> None:
        """Compute the outputs of a node into `scope`."""
        self._count += bool(self._depth)
        if self._count > INSIDE:
            raise TooMany(f"the functions and graphs in the model make more than {INSIDE} operations: refused")
        inputs = [scope.get(name) if name else None for name in node.inputs]
        missing = [name for name, held in zip(node.inputs, inputs) if name and held is None]
        if missing:
            raise Fault(f"{named(node)!r:.80} ({node.op}) reads {missing[0]!r:.80}, which nothing computes: the file "
                        "is damaged")
        call = Call(self, node, inputs, opsets.get(node.domain, OLDEST))
        with self.b.scope(node.name.strip("/")):
            try:
                found = self.results(call, scope)
            except OpenSize as fault:
                call.refuse(str(fault), "name it with --input-shape")
            except (ValueError, TypeError, KeyError, IndexError, AttributeError, ArithmeticError) as error:
                call.damaged(f"is of a kind that is not known ({type(error).__name__}: {error!s:.80})")
        for name, held in zip(node.outputs, found):
            if name and held is not None:
                scope[name] = held

    def results(self, call: Call, scope: Scope) -> List[Optional[Held]]:
        """The outputs of a call."""
        node = call.node
        folded = fold.folded(call)
        if folded is not None:
            return folded
        if node.op in inside.RULES and not node.domain:
            return inside.RULES[node.op](self, call, scope)
        rule = rule_of(node.domain, node.op, call.version)
        if rule is None:
            function = self.model.functions.get((node.domain, node.op))
            if function is not None:
                return self.called(call, function)
            where = f" of {node.domain}" if node.domain else f" of opset {call.version}"
            raise NotLowered(named(node), node.op + where, "TensorFlow.js does not have it")
        found = rule(call)
        several = list(found) if isinstance(found, (list, tuple)) else [found]
        return [one if one is None or isinstance(one, (Held, Row)) else call.as_it_is(one) for one in several]

    # Graphs in graphs ----------------------------------------------------------------------------------------

    def inner(self, graph: Graph, scope: Scope, call: Call) -> List[Optional[Held]]:
        """The outputs of a graph in a node, which reads what is around it."""
        self.deeper(call)
        try:
            scope.update(self.tensors(graph))
            wanted = [one.name for one in graph.outputs]
            for node in needed(graph.nodes, set(wanted), None):
                self.node(node, scope, self.model.opsets)
            return [self.output(scope, name, call) for name in wanted]
        finally:
            self._depth -= 1

    def called(self, call: Call, function: Function) -> List[Optional[Held]]:
        """The outputs of a function of the model: its nodes in place of the call."""
        self.deeper(call)
        try:
            scope: Scope = {name: held for name, held in zip(function.inputs, call.inputs) if held is not None}
            given = dict(function.defaults, **call.node.attributes)
            opsets = dict(self.model.opsets, **function.opsets)
            left_out = set(function.inputs) - set(scope)
            for node in needed(function.nodes, set(function.outputs), None):
                attributes = OrderedDict((key, given.get(value.name) if isinstance(value, Reference) else value)
                                         for key, value in node.attributes.items())
                inputs = ["" if name in left_out else name for name in node.inputs]
                self.node(node._replace(attributes=OrderedDict(
                    (key, value) for key, value in attributes.items() if value is not None), inputs=inputs,
                    name=f"{call.node.name}/{node.name or node.op}"), scope, opsets)
            return [self.output(scope, name, call) for name in function.outputs]
        finally:
            self._depth -= 1

    def deeper(self, call: Call) -> None:
        """Count a level of graphs and functions."""
        self._depth += 1
        if self._depth > DEEPEST:
            self._depth -= 1
            call.damaged(f"lies {DEEPEST} functions deep in others")

    def output(self, scope: Scope, name: str, call: Call) -> Held:
        """An output of a graph in a node."""
        found = scope.get(name)
        if found is None:
            call.damaged(f"gives {name!r:.60}, which nothing computes")
        return found

    # Inputs --------------------------------------------------------------------------------------------------

    def placeholder(self, node: str, dtype: str, shape: Sequence[Optional[int]], names: Sequence[Name],
                    image: bool) -> Held:
        """Add an input, which an image is fed to with its channels last."""
        if None in shape[1:]:
            self.remedy = "where it comes from open sizes, name them with --input-shape"
        order = last(len(shape)) if image else usual(len(shape))
        value = self.b.placeholder(node, computed_as(dtype), [shape[axis] for axis in order])
        return Held.of(self.b, value, dtype, order, image, names)


def needed(nodes: Sequence[Node], wanted: Set[str], given: Optional[Set[str]]) -> List[Node]:
    """Return the nodes that compute `wanted`, each after those that it reads.

    given: names that need no node; None: what no node computes comes from around the graph.
    Raises Fault for a circle, for a tensor that two nodes compute, and for one that none does.
    """
    makers: Dict[str, Node] = {}
    for node in nodes:
        for name in node.outputs:
            if name and name in makers:
                raise Fault(f"two operations compute {name!r:.80}: the file is damaged")
            makers[name] = node
    state: Dict[int, bool] = {}  # {id of a node: whether it is done}
    found: List[Node] = []
    for start in wanted if given is None else sorted(wanted):
        pending: List[Any] = [(start, False)]
        while pending:
            name, behind = pending.pop()
            node = makers.get(name)
            if node is None or given is not None and name in given:
                if given is not None and name not in given:
                    raise Fault(f"nothing computes {name!r:.80}: the file is damaged")
                continue
            if behind:
                state[id(node)] = True
                found.append(node)
                continue
            if id(node) in state:
                if not state[id(node)]:
                    raise Fault(f"operation {named(node)!r:.80} ({node.op}) reads what is computed of it: the file is "
                                "damaged")
                continue
            state[id(node)] = False
            pending.append((name, True))
            pending += [(one, False) for one in read(node) if one]
    places = {id(node): place for place, node in enumerate(nodes)}
    return in_file_order(found, places)


def in_file_order(found: List[Node], places: Dict[int, int]) -> List[Node]:
    """Return nodes in the order of the file where that is one in which they can be computed, else as they are."""
    ordered = sorted(found, key=lambda node: places[id(node)])
    made = {name: place for place, node in enumerate(ordered) for name in node.outputs if name}
    fits = all(made.get(name, -1) < place for place, node in enumerate(ordered) for name in read(node) if name)
    return ordered if fits else found


def read(node: Node, depth: int = 0) -> List[str]:
    """Return the names that a node reads, and that the graphs in it read from around them."""
    found = list(node.inputs)
    for value in node.attributes.values():
        for graph in value if isinstance(value, list) else [value]:
            if isinstance(graph, Graph) and depth < DEEPEST:
                own = {one.name for one in graph.inputs} | set(graph.tensors) | {
                    name for inner in graph.nodes for name in inner.outputs}
                outer = [name for inner in graph.nodes for name in read(inner, depth + 1)]
                found += [name for name in outer + [one.name for one in graph.outputs] if name not in own]
    return found
