"""Loops and conditions that call functions (TensorFlow 2) become frames and switches (TensorFlow 1).

TensorFlow itself lowers them so (core/common_runtime/lower_while_op.cc, lower_if_op.cc).  TensorFlow.js 4.22.0 frees
everything that a function computes except its results (tfjs-converter graph_executor.ts, _executeAsync).  It also frees
what a step writes into a list of tensors; it frees no tensor of a frame that a list holds.
TensorFlow.js computes operations of a frame that read only constants before the frame, once.  A Switch lets them wait
for the step, or for the branch, that they belong to.
"""
from collections import OrderedDict
from typing import Dict, List, NamedTuple, Optional, Sequence, Set

from ..base.fault import Fault
from ..wire.protobuf import Damaged
from .graph import Attribute, Graph, Node, Shape, Spec, Tensor
from .loops import CALLS, CONDITIONS, DEEPEST, LOOPS, MOST_MADE, TooLong, Unrolling, read_by

LOWERED = LOOPS + CONDITIONS + CALLS


class Gate(NamedTuple):
    """The operations behind output `way` of the Switches on `condition`: a loop's step, or a branch."""
    condition: Tensor
    way: int


def lower(graph: Graph) -> None:
    """Lower all loops and conditions of a graph, in place; its functions go, and what none of its outputs needs stays.

    Raises Fault where a function is not there, is damaged or calls itself, and for more operations than MOST_MADE.
    """
    if any(node.op in LOOPS + CONDITIONS for node in graph.nodes.values()):
        work = Lowering(graph)
        for _ in range(DEEPEST):  # a call that is in none of them was not inlined before: it stays
            waiting = [node for node in graph.nodes.values() if node.op in LOOPS + CONDITIONS or node.name in work.gates
                       and node.op in CALLS]
            for node in waiting:
                work.lower(node)
            read_by(graph, work.instead)
            if not waiting:
                return
        raise Fault(f"operation {waiting[0].name} is a {waiting[0].op} in more than {DEEPEST} others, or in itself; "
                    "ask for outputs before it")


class Lowering(Unrolling):
    """A graph whose loops and conditions are being lowered.

    gates   {name of an operation inside a loop or a branch, that will be lowered itself: the Gate of that}
    """

    def __init__(self, graph: Graph) -> None:
        super().__init__(graph)
        self.gates: Dict[str, Gate] = {}

    def lower(self, node: Node) -> None:
        """Put what a loop, a condition or a call is lowered to in its place."""
        node.inputs = [self.instead.get(one, one) for one in node.inputs]
        gate = self.gates.get(node.name)
        if gate is not None and node.op not in CALLS:
            node.inputs = [self.waiting(one, gate) for one in node.inputs]
        change = self.frame_of if node.op in LOOPS else self.branches_of if node.op in CONDITIONS else self.call_of
        try:
            self.replace(node, change(node))
        except TooLong:
            raise Fault(f"operation {node.name} is a {node.op} of more than {MOST_MADE} operations; ask for outputs "
                        "before it")
        except (Damaged, KeyError, IndexError, ValueError, TypeError, AttributeError):
            raise Fault(f"operation {node.name} is a {node.op} whose functions are damaged, or not there; ask for "
                        "outputs before it")

    def placed(self, name: str, op: str, inputs: Sequence[Tensor], dtype: str, **attributes: Attribute) -> Node:
        """Add an operation on tensors of a type."""
        return self.added(Node(name, op, inputs, attributes=OrderedDict(attributes, T=Attribute("type", dtype))))

    def waiting(self, tensor: Tensor, gate: Gate) -> Tensor:
        """Return a tensor of a step or a branch: a constant behind a Switch, any other one as it is."""
        node = self.graph.nodes.get(tensor.node)
        if node is None or node.op != "Const":
            return tensor
        made = self.placed(node.name + "/switch", "Switch", [tensor, gate.condition], node.value("dtype"))
        return Tensor(made.name, gate.way)

    def within(self, name: str, inputs: List[Tensor], prefix: str, gate: Optional[Gate]) -> List[Tensor]:
        """Add the nodes of a function; return its results.  What reads none of its inputs waits for the gate."""
        before = set(self.graph.nodes)
        results = self.inlined(name, inputs, prefix)
        if gate is None:
            return results
        reached: Set[str] = {one.node for one in inputs if self.graph.nodes[one.node].op != "Const"}
        for node in [node for key, node in self.graph.nodes.items() if key not in before]:
            if node.op in LOWERED:
                self.gates[node.name] = gate
            elif node.inputs and not reached.intersection(one.node for one in node.inputs):
                node.inputs[0] = self.waiting(node.inputs[0], gate)
            if node.op != "Const":
                reached.add(node.name)
        return [self.waiting(one, gate) for one in results]

    def call_of(self, node: Node) -> List[Tensor]:
        """Return the results of a function that is called."""
        return self.within(node.value("f").name, node.inputs, node.name, self.gates.get(node.name))

    def frame_of(self, node: Node) -> List[Tensor]:
        """Return the Exits of the frame of a While."""
        types, shapes = node.value("T"), node.value("output_shapes") or []
        named = Attribute("s", (node.name + "/frame").encode("utf-8"))
        merges = []
        for place, (one, dtype) in enumerate(zip(node.inputs, types)):
            enter = self.placed(f"{node.name}/enter{place}", "Enter", [one], dtype, frame_name=named,
                                is_constant=Attribute("b", False), parallel_iterations=Attribute("i", 10))
            merges.append(self.placed(f"{node.name}/merge{place}", "Merge", [Tensor(enter.name)], dtype,
                                      N=Attribute("i", 2)))
            self.tell(merges[-1], dtype, shapes[place] if place < len(shapes) else None)
        variables = [Tensor(merge.name) for merge in merges]
        going = self.inlined(node.value("cond").name, variables, node.name + "/cond")[0]
        if self.graph.nodes[going.node].op == "Const":
            raise Fault(f"operation {node.name} is a {node.op} without end; ask for outputs before it")
        condition = Tensor(self.added(Node(node.name + "/going", "LoopCond", [going])).name)
        switches = [self.placed(f"{node.name}/switch{place}", "Switch", [one, condition], dtype).name
                    for place, (one, dtype) in enumerate(zip(variables, types))]
        after = self.within(node.value("body").name, [Tensor(one, 1) for one in switches], node.name + "/body",
                            Gate(condition, 1))
        for place, (merge, one) in enumerate(zip(merges, after)):
            merge.inputs.append(Tensor(self.placed(f"{node.name}/next{place}", "NextIteration", [one],
                                                   types[place]).name))
        if any(len(merge.inputs) != 2 for merge in merges):
            raise ValueError
        return [Tensor(self.placed(f"{node.name}/exit{place}", "Exit", [Tensor(one)], types[place]).name)
                for place, one in enumerate(switches)]

    def tell(self, node: Node, dtype: str, shape: Shape) -> None:
        """Take a Merge's shape from the loop: that of its first value may not be that of the next ones."""
        node.outputs = self.known.specs[node.name] = [Spec(dtype, shape), Spec("DT_INT32", ())]

    def branches_of(self, node: Node) -> List[Tensor]:
        """Return the Merges behind the two branches of an If."""
        condition, types = node.inputs[0], node.value("Tin") or []
        switches = [self.placed(f"{node.name}/switch{place}", "Switch", [one, condition], dtype).name
                    for place, (one, dtype) in enumerate(zip(node.inputs[1:], types))]
        sides = [self.within(node.value(f"{word}_branch").name, [Tensor(one, way) for one in switches],
                             f"{node.name}/{word}", Gate(condition, way)) for way, word in enumerate(("else", "then"))]
        return [Tensor(self.placed(f"{node.name}/merge{place}", "Merge", both, dtype, N=Attribute("i", 2)).name)
                for place, (both, dtype) in enumerate(zip(zip(*sides), node.value("Tout")))]
