"""A loop over a known number of steps becomes its steps, one after the other; a known condition becomes its branch.

TensorFlow.js runs a graph with a loop only by executeAsync, and TensorSpace calls execute.  Keras's recurrent layers
are loops over the steps of their input: While with functions (TensorFlow 2), or Enter, Merge, Switch and Exit
(TensorFlow 1, and graphs lowered to it).  tensor_lists.py then resolves their lists of tensors.
"""
from collections import OrderedDict
from typing import Callable, Dict, List, NamedTuple, Optional, Set, Tuple

from ..wire.protobuf import Damaged, message, text
from . import tensor_lists
from .graph import Attribute, Function, Graph, Node, Spec, Tensor
from .scopes import REALS
from .shapes import Known, in_order, infer
from .values import single

MOST_MADE = 16000  # nodes that are made, of loops that turn out to be without end too; 600 steps of an LSTM are 15000
MOST_STEPS = 4096
DEEPEST = 20  # functions and loops in others
LOOPS, CONDITIONS = ("While", "StatelessWhile"), ("If", "StatelessIf")
CALLS = ("PartitionedCall", "StatefulPartitionedCall")
# Where the outputs of an operation have several names; of all others the number after the name counts
PORTS = {"TopKV2": ["values", "indices"], "Unique": ["y", "idx"], "UniqueV2": ["y", "idx"],
         "TensorArrayV3": ["handle", "flow"], "TensorListPopBack": ["output_handle", "tensor"],
         "NonMaxSuppressionV4": ["selected_indices", "valid_outputs"],
         "NonMaxSuppressionV5": ["selected_indices", "selected_scores", "valid_outputs"],
         "MaxPoolWithArgmax": ["output", "argmax"], "Switch": ["output_false", "output_true"],
         "Merge": ["output", "value_index"]}
PORTS.update((op, ["y", "batch_mean", "batch_variance", "reserve_space_1", "reserve_space_2", "reserve_space_3"])
             for op in ("FusedBatchNorm", "FusedBatchNormV2", "FusedBatchNormV3"))
# What TensorFlow.js runs by executeAsync alone (tfjs-converter graph_executor.ts; op_list: control, dynamic)
DYNAMIC = LOOPS + CONDITIONS + ("Switch", "Merge", "Enter", "Exit", "NextIteration", "LoopCond", "NonMaxSuppressionV2",
                                "NonMaxSuppressionV3", "NonMaxSuppressionV4", "NonMaxSuppressionV5", "Where",
                                "ListDiff", "Unique", "UniqueV2", "TensorArrayV3", "HashTableV2", "LookupTableFindV2")
# Of these, what tfjs/rewritten.py composes of operations that TensorFlow.js computes at once
COMPOSED = ("Where", "ListDiff", "Unique", "UniqueV2")
MEANT = REALS + ("DT_INT32", "DT_INT64", "DT_BOOL")  # the types that it does this for


class Stuck(Exception):
    """A loop whose number of steps is not known, or too large."""


class TooLong(Stuck):
    """A loop of more steps, or more operations, than are unrolled."""


def unroll(graph: Graph, known: Optional[Known] = None) -> None:
    """Unroll what can be unrolled in a graph, in place, and give its nodes their shapes.

    known: what shapes.infer has just told of the graph.
    What cannot stays as it is: `dynamic` tells what depends on it.
    """
    if not any(node.op in DYNAMIC + CALLS or node.op.startswith("TensorList") for node in graph.nodes.values()):
        return
    work = Unrolling(graph, known)
    for _ in range(DEEPEST):
        if not work.step():
            break
        work.stuck.clear()  # what is known now may be enough for others
        work.refresh()
    waiting = dynamic(graph)
    for node in graph.nodes.values():  # the order of what is left is told by what it reads
        node.controls = [name for name in node.controls if name in waiting]


def dynamic(graph: Graph) -> Dict[str, str]:
    """Return {name of a node: the operation that it depends on and that TensorFlow.js runs by executeAsync alone}."""
    return behind(graph, lambda node: f"{node.op} ({node.name})" if node.op in DYNAMIC else "")


def at_once(graph: Graph, node: Node) -> bool:
    """Return whether an operation of DYNAMIC is one of COMPOSED, of numbers, the number of whose dimensions is known.
    """
    specs = [graph.spec(one) for one in node.inputs[:1]] if node.op in COMPOSED else []
    return any(one is not None and one.shape is not None and one.dtype in MEANT for one in specs)


def behind(graph: Graph, reason: Callable[[Node], str]) -> Dict[str, str]:
    """Return {name of a node: the reason} of the nodes that have a reason, and of those that depend on them."""
    found: Dict[str, str] = {}
    for node in in_order(graph):
        why = reason(node) or next((found[one.node] for one in node.inputs if one.node in found), "")
        if why:
            found[node.name] = why
    return found


class Body(NamedTuple):
    """A function as it is put in the place of its calls.

    arguments   their names, in their order
    results     the tensors that it returns, in their order, by the function's own names
    nodes       each after those that it reads
    """

    arguments: List[str]
    results: List[Tensor]
    nodes: Dict[str, Node]


class Unrolling:
    """A graph whose loops are being unrolled, and what is known of its tensors."""

    def __init__(self, graph: Graph, known: Optional[Known] = None) -> None:
        self.graph, self.stuck, self.made = graph, set(), 0  # type: Graph, Set[str], int
        self.functions = {one.name: one for one in graph.functions}
        self.bodies: Dict[str, Body] = {}  # of the functions that were called
        self.instead: Dict[Tensor, Tensor] = {}  # what stands for the outputs of loops and calls that are gone
        self.refresh(known)

    def refresh(self, known: Optional[Known] = None) -> None:
        """Tell shapes and values anew, unless they are `known`, and resolve the lists that are known then."""
        read_by(self.graph, self.instead)
        self.instead = {}
        self.known = infer(self.graph) if known is None else known
        while tensor_lists.resolve(self.graph, self.known):
            self.known = infer(self.graph)

    def step(self) -> bool:
        """Unroll or fold what can be; return whether there was something."""
        changed = False
        for node in list(self.graph.nodes.values()) if self.made < MOST_MADE else ():
            change = self.call if node.op in CALLS else self.condition if node.op in CONDITIONS else \
                self.loop if node.op in LOOPS else None
            if change is not None and node.name not in self.stuck and self.made < MOST_MADE:
                node.inputs = [followed(self.instead, one) for one in node.inputs]
                try:
                    change(node)
                    changed = True
                except (Stuck, Damaged, KeyError, IndexError, TypeError, AttributeError) as error:
                    self.give_up(node.name, node.name, error)
        return self.made < MOST_MADE and (changed or self.frames() or self.switches())

    def give_up(self, key: str, name: str, error: Exception) -> None:
        """Leave a loop as it is, for the reason `error`."""
        self.stuck.add(key)
        if isinstance(error, TooLong):
            self.graph.long = name

    # Functions ---------------------------------------------------------------------------------------------------

    def call(self, node: Node) -> None:
        """Put a function in place of its call."""
        self.replace(node, self.inlined(node.value("f").name, node.inputs, node.name))

    def condition(self, node: Node) -> None:
        """Put the branch of a known condition in its place."""
        known = single(self.known.values(node.inputs[0]))
        if known is None:
            raise Stuck
        name = node.value("then_branch" if known else "else_branch").name
        self.replace(node, self.inlined(name, node.inputs[1:], node.name))

    def loop(self, node: Node) -> None:
        """Put the steps of a While in its place."""
        values, before = list(node.inputs), set(self.graph.nodes)
        shared: Dict[Tuple[str, str], str] = {}
        try:
            for step in range(MOST_STEPS + 1):
                inside = self.inlined(node.value("cond").name, values, f"{node.name}/{step}/cond", shared)
                going = single(self.known.values(inside[0]))
                if going is None:
                    raise Stuck
                if not going:
                    break
                if step == MOST_STEPS:
                    raise TooLong
                values = self.inlined(node.value("body").name, values, f"{node.name}/{step}", shared)
        except (Stuck, KeyError):
            self.forget(before)
            raise
        self.replace(node, values)

    def forget(self, before: Set[str]) -> None:
        """Leave out the nodes that are not among those of before."""
        for name in [name for name in self.graph.nodes if name not in before]:
            del self.graph.nodes[name]

    def inlined(self, name: str, inputs: List[Tensor], prefix: str,
                shared: Optional[Dict[Tuple[str, str], str]] = None) -> List[Tensor]:
        """Add the nodes of a function to the graph; return its results.  Raises KeyError for no such function.

        shared: {(name of a function, of a constant in it): the node that it is in the graph}, kept from call to call.
        """
        shared = {} if shared is None else shared
        if name not in self.bodies:
            self.bodies[name] = body(self.functions[name])
        function = self.bodies[name]
        tensors = dict(zip(function.arguments, inputs))
        placed: Dict[str, str] = {}

        def tensor(one: Tensor) -> Tensor:
            if one.node in tensors and not one.port:
                return tensors[one.node]
            ports = PORTS.get(function.nodes[one.node].op)
            return Tensor(placed[one.node], ports.index(one.port) if ports and one.port in ports else one.index)

        for node in function.nodes.values():
            place = shared.get((name, node.name))
            if place is None:
                made = Node(f"{prefix}/{node.name}", node.op, [tensor(one) for one in node.inputs], [], node.attributes)
                place = self.added(made).name
            if node.op == "Const":
                shared[name, node.name] = place
            placed[node.name] = place
        return [tensor(one) for one in function.results]

    def added(self, node: Node) -> Node:
        """Add a node whose inputs are there, and take what it tells.  Raises TooLong where there are too many."""
        self.made += 1
        if self.made > MOST_MADE:
            raise TooLong
        self.graph.add(node)
        self.known.take(node)
        node.outputs = self.known.specs[node.name]
        return node

    def replace(self, node: Node, results: List[Tensor]) -> None:
        """Make a node the Identity of the first of `results`, and let what reads its other outputs read the others."""
        self.instead.update((Tensor(node.name, place), one) for place, one in enumerate(results) if place)
        spec = self.known.spec(results[0]) or Spec("DT_FLOAT")
        node.op, node.inputs, node.controls = "Identity", [results[0]], []
        node.attributes = OrderedDict(T=Attribute("type", spec.dtype))
        node.outputs = [spec]
        self.known.take(node)

    # Frames: Enter, Merge, Switch, NextIteration, Exit ---------------------------------------------------------------

    def frames(self) -> bool:
        """Unroll the loops of TensorFlow 1, the inner ones first; return whether there was one."""
        names = OrderedDict((node.text("frame_name"), True) for node in self.graph.nodes.values() if node.op == "Enter")
        for name in names:
            if "frame:" + name not in self.stuck:
                before = set(self.graph.nodes)
                try:
                    self.frame(name)
                    return True
                except (Stuck, KeyError, IndexError) as error:
                    self.forget(before)
                    self.give_up("frame:" + name, name, error)
        return False

    def frame(self, name: str) -> None:
        """Unroll one loop, in which no other is left.  Raises Stuck."""
        frame = Frame(self.graph, name)
        values = {merge: start for merge, (start, _) in frame.variables.items()}
        for step in range(MOST_STEPS + 1):
            env = {Tensor(merge): value for merge, value in values.items()}
            env.update((Tensor(enter), source) for enter, source in frame.constants.items())
            going = single(self.known.values(self.cloned(frame.going, env, frame, f"{step}")))
            if going is None:
                raise Stuck
            if not going:
                break
            if step == MOST_STEPS:
                raise TooLong
            env.update((Tensor(switch, 1), values[merge]) for switch, merge in frame.switches.items())
            values = {merge: self.cloned(after, env, frame, f"{step}")
                      for merge, (_, after) in frame.variables.items()}
        results = {exit: values[merge] for exit, merge in frame.exits.items()}
        for exit, value in results.items():
            self.replace(self.graph.nodes[exit], [value])
        gone = frame.inside - set(frame.exits)
        for inner in gone:
            del self.graph.nodes[inner]
        for node in self.graph.nodes.values():  # constants wait for the loop, and nothing else does
            node.controls = [one for one in node.controls if one not in gone]

    def cloned(self, tensor: Tensor, env: Dict[Tensor, Tensor], frame: 'Frame', step: str) -> Tensor:
        """Return a tensor of one step, whose nodes are added to the graph; env: the tensors of this step by those of
        the loop."""
        waiting = [tensor]
        while waiting:
            one = waiting[-1]
            if one in env or one.node not in frame.inside:
                env.setdefault(one, one)
                waiting.pop()
                continue
            node = self.graph.nodes[one.node]
            if node.name in frame.own or len(waiting) > MOST_MADE:
                raise Stuck
            fresh = [inner for inner in node.inputs if inner not in env]
            if fresh:
                waiting += fresh
                continue
            op = "Identity" if node.op == "LoopCond" else node.op
            copy = self.added(Node(f"{node.name}/{step}", op, [env[inner] for inner in node.inputs], [],
                                   node.attributes))
            for place in range(max(1, len(copy.outputs), one.index + 1)):
                env[Tensor(node.name, place)] = Tensor(copy.name, place)
        return env[tensor]

    def switches(self) -> bool:
        """Fold conditions of TensorFlow 1 whose value is known; return whether there was one."""
        ways = {node.name: single(self.known.values(node.inputs[1])) for node in self.graph.nodes.values()
                if node.op == "Switch" and len(node.inputs) == 2}
        ways = {name: int(bool(way)) for name, way in ways.items() if way is not None}
        if not ways:
            return False
        dead = {Tensor(name, 1 - way) for name, way in ways.items()}
        gone: Set[str] = set()
        alive = {Tensor(name, way): self.graph.nodes[name].inputs[0] for name, way in ways.items()}
        for node in in_order(self.graph):
            live = [one for one in node.inputs if one not in dead and one.node not in gone]
            if node.op == "Merge" and live and len(live) < len(node.inputs) and len(live) == 1:
                alive[Tensor(node.name)] = live[0]
            elif len(live) < len(node.inputs) or any(name in gone for name in node.controls):
                gone.add(node.name)
        read_by(self.graph, alive)
        merged = {one.node for one in alive}
        for name in gone | set(ways):
            del self.graph.nodes[name]
        for name in merged - set(ways):
            node = self.graph.nodes[name]
            spec = node.outputs[0] if node.outputs else Spec("DT_FLOAT")
            node.op, node.inputs, node.controls = "Identity", [followed(alive, Tensor(name))], []
            node.attributes, node.outputs = OrderedDict(T=Attribute("type", spec.dtype)), [spec]
        return True


class Frame:
    """The nodes of one loop of TensorFlow 1.

    variables  {Merge: (its first value, its next one)}
    constants  {Enter: what it enters} of values that the steps do not change
    switches   {Switch: its Merge}
    exits      {Exit: the Merge of the value that leaves}
    going      the condition
    inside     names of all nodes that depend on these
    own        names of those of the loop itself
    """

    def __init__(self, graph: Graph, name: str) -> None:
        enters = {node.name: node for node in graph.nodes.values() if node.op == "Enter"
                  and node.text("frame_name") == name}
        self.variables: Dict[str, Tuple[Tensor, Tensor]] = {}
        entered: Set[str] = set()
        for node in graph.nodes.values():
            started = [one.node for one in node.inputs if one.node in enters] if node.op == "Merge" else []
            if started:
                back, = [graph.nodes[one.node] for one in node.inputs if one.node not in enters]
                self.variables[node.name] = enters[started[0]].inputs[0], back.inputs[0]
                entered.update(started + [back.name])
        self.constants = {key: node.inputs[0] for key, node in enters.items() if key not in entered}
        self.switches = {node.name: node.inputs[0].node for node in graph.nodes.values()
                         if node.op == "Switch" and node.inputs[0].node in self.variables}
        conditions = {graph.nodes[node].inputs[1] for node in self.switches}
        if len(conditions) != 1:
            raise Stuck
        self.going, = conditions
        self.exits = {node.name: self.switches[node.inputs[0].node] for node in graph.nodes.values()
                      if node.op == "Exit" and node.inputs[0].node in self.switches and not node.inputs[0].index}
        self.own = set(enters) | entered | set(self.variables)
        self.inside = self.depending(graph)
        if any(node.op == "Enter" and node.name not in enters for node in map(graph.nodes.get, self.inside)):
            raise Stuck  # a loop in this one comes first

    def depending(self, graph: Graph) -> Set[str]:
        """Return the names of the nodes of the loop, and of all that read them up to its exits."""
        readers: Dict[str, List[str]] = {}
        for node in graph.nodes.values():
            for name in [one.node for one in node.inputs] + node.controls:
                readers.setdefault(name, []).append(node.name)
        found, waiting = set(self.own), list(self.own)
        while waiting:
            name = waiting.pop()
            for reader in readers.get(name, ()) if name not in self.exits else ():
                if reader not in found and graph.nodes[reader].op != "Const":
                    found.add(reader)
                    waiting.append(reader)
        return found


def followed(alive: Dict[Tensor, Tensor], tensor: Tensor) -> Tensor:
    """Return what stands for a tensor at the end of the ways that are known."""
    seen: Set[Tensor] = set()
    while tensor in alive and tensor not in seen:
        seen.add(tensor)
        tensor = alive[tensor]
    return tensor


def read_by(graph: Graph, instead: Dict[Tensor, Tensor]) -> None:
    """Let every node read other tensors in place of some."""
    if not instead:
        return
    for node in graph.nodes.values():
        node.inputs = [followed(instead, one) for one in node.inputs]


def signature(function: Function) -> Tuple[List[str], List[str]]:
    """Return the names of a function's arguments and results, in their order (op_def.proto)."""
    found = message(message(function.rest)[1][-1])
    return tuple([text(message(one), 1) for one in found.get(place, [])] for place in (2, 3))


def body(function: Function) -> Body:
    """Return what a call of the function is replaced by.  Raises KeyError for a result that it does not have."""
    arguments, results = signature(function)
    tensors = []
    for key in results:
        words = function.results[key].split(":")
        tensors.append(Tensor(words[0], int(words[2]), words[1]) if len(words) == 3 else Tensor(words[0]))
    return Body(arguments, tensors, OrderedDict((node.name, node) for node in in_order(Graph(function.nodes))))
