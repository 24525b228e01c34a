"""Operations that hold graphs: conditions, loops, and SequenceMap, which handles each tensor of a sequence.

A graph in a node also reads tensors outside of it.  Its operations take the place of the node, once for each step.
"""
from collections import ChainMap
from typing import Any, Callable, Dict, List, MutableMapping, Sequence, Union

import numpy

from ..base.fault import Fault
from ..emit import Value
from ..formats.onnx_graph import Graph
from .given import known_size
from .layout import SMALL, Held, Row, transposed
from .rules import Call, NotLowered, together
from .sequences import made, row
from .sizes import OpenSize, same

One = Union[Held, Row]
Scope = MutableMapping[str, One]
STEPS = 4096  # of a loop
ONE_CASE = "export the model for one case"


class TooMany(Fault):
    """Functions and graphs make more operations than there may be."""


def branch(walk: Any, call: Call, scope: Scope) -> List[One]:
    """If: the graph of the branch that is taken, where the condition is a constant; else that of both."""
    condition, graphs = call.x.array, [call.node.attributes.get(name) for name in ("then_branch", "else_branch")]
    if not all(isinstance(graph, Graph) for graph in graphs):
        call.damaged("lacks a branch")
    if condition is None:
        return both(walk, call, scope, graphs)
    return walk.inner(graphs[0] if condition.reshape(-1)[0] else graphs[1], ChainMap({}, scope), call)


def both(walk: Any, call: Call, scope: Scope, graphs: Sequence[Graph]) -> List[One]:
    """An If that the data decide: both branches are computed, and of each output that of one is taken.

    Refuses branches that give other shapes: TensorFlow.js's own If runs with executeAsync alone.
    """
    found = []
    for graph in graphs:
        try:
            found.append(walk.inner(graph, ChainMap({}, scope), call))
        except (NotLowered, OpenSize, TooMany):
            raise
        except Fault as fault:
            call.refuse(f"which branch is taken depends on the data, and one cannot be computed: {fault!s:.100}",
                        ONE_CASE + walk.fixing())
    condition = call.b.reshape(call.x.value, [])
    return [chosen(walk, call, condition, one, other) for one, other in zip(*found)]


def chosen(walk: Any, call: Call, condition: Value, one: One, other: One) -> One:
    """The first of two tensors, or rows of them, where a condition holds, else the other.

    Refuses such of unlike shapes.
    """
    if isinstance(one, Row) and isinstance(other, Row) and len(one.items) == len(other.items):
        return Row([chosen(walk, call, condition, *pair) for pair in zip(one.items, other.items)])
    if isinstance(one, Row) or isinstance(other, Row):
        call.refuse("which row of tensors it gives depends on the data", ONE_CASE + walk.fixing())
    if one.dtype != other.dtype or one.rank != other.rank or not all(map(same, one.dims(), other.dims())):
        call.refuse(f"which branch is taken depends on the data, and one gives {tuple(one.dims())}, the other "
                    f"{tuple(other.dims())}", ONE_CASE + walk.fixing())
    pair = together([one, other])
    return pair.result(call, call.b.where(condition, *pair.values), one.dtype)


def loop(walk: Any, call: Call, scope: Scope) -> List[One]:
    """Loop: its graph once for each step, where their number is known; what each step leaves is stacked.

    The graph reads (number of the step, whether to go on, what is carried) and gives (whether to go on, what is
    carried, what each step leaves).
    """
    body, carried = call.node.attributes.get("body"), [call.item(place) for place in range(2, len(call.inputs))]
    if not isinstance(body, Graph) or len(body.inputs) != 2 + len(carried) or len(body.outputs) <= len(carried):
        call.damaged("has another graph than its inputs ask for")
    most, left = call.numbers(0), []
    leaves, still, goes_on = len(body.outputs) > 1 + len(carried), None, True
    if call.has(1) and call.held(1).array is None and most is not None and not leaves:
        still = call.b.reshape(call.value(1), [])
    elif call.has(1):
        goes_on = bool(call.array(1).reshape(-1)[0])
    while goes_on and (most is None or len(left) < most[0]):
        if len(left) == STEPS:
            call.refuse(f"it takes more than {STEPS} steps")
        going, *found = walk.inner(body, ChainMap(named(body, [
            Held.known(call.b, numpy.array(len(left), "int64")), Held.known(call.b, numpy.array(True))] + carried),
            scope), call)
        new, rest = found[:len(carried)], found[len(carried):]
        carried = new if still is None else [chosen(walk, call, still, *pair) for pair in zip(new, carried)]
        if going.array is not None:
            goes_on = bool(going.array.reshape(-1)[0])
        elif leaves or most is None:
            call.refuse("how many steps it takes depends on the data", "export the model for one number of steps")
        else:  # the steps after the last one leave all as it is
            more = call.b.reshape(going.value, [])
            still = more if still is None else call.b.both(still, more)
        left.append(rest)
    if not left and leaves:
        call.refuse("it takes no step, and what its steps leave has no shape")
    return carried + [stacked(call, several) for several in zip(*left)]


def named(body: Graph, given: Sequence[One]) -> Scope:
    """The tensors that a graph gets, by the names of its inputs."""
    return {info.name: one for info, one in zip(body.inputs, given)}


def stacked(call: Call, several: Sequence[Held]) -> Held:
    """Tensors of one shape along a new first dimension."""
    arrays = [one.array for one in several]
    if all(array is not None and array.size <= SMALL // len(arrays) for array in arrays):
        return Held.known(call.b, numpy.stack(arrays), several[0].dtype)
    return Held.of(call.b, call.b.stack([one.plain for one in several], 0), several[0].dtype)


def scan(walk: Any, call: Call, scope: Scope) -> List[One]:
    """Scan: its graph once for each place along an axis of some inputs; what each step leaves is stacked.

    The graph reads and gives (what is carried, what a step has of its own).
    """
    body, count = call.node.attributes.get("body"), call.int("num_scan_inputs")
    own = len(call.inputs) - count
    if call.version < 9:
        call.refuse("it scans batches of sequences, as before opset 9", "export the model with a newer opset")
    if not isinstance(body, Graph) or count < 1 or own < 0 or len(body.inputs) != len(call.inputs) or len(
            body.outputs) < own:
        call.damaged("has another graph than its inputs ask for")
    given, gives = [call.held(place) for place in range(own, len(call.inputs))], len(body.outputs) - own
    axes = [call.axis(axis, one.rank) for axis, one in zip(call.window("scan_input_axes", count, -16, 0), given)]
    back, turned = [call.window(f"scan_{side}_directions", size, 0, 0, 1) for side, size in (
        ("input", count), ("output", gives))]
    steps = {known_size(call, one, axis) for one, axis in zip(given, axes)}
    if len(steps) != 1:
        call.damaged(f"scans {sorted(steps)} places at once")
    most, carried, left = steps.pop(), [call.held(place) for place in range(own)], []
    if not 0 < most <= STEPS:
        call.refuse(f"it takes {most} steps, and from 1 to {STEPS} are unrolled")
    for step in range(most):
        places = [most - 1 - step if reverse else step for reverse in back]
        parts = [made(call, "Gather", [one, Held.known(call.b, numpy.array(place, "int64"))], axis=axis)[0]
                 for one, axis, place in zip(given, axes, places)]
        found = walk.inner(body, ChainMap(named(body, carried + parts), scope), call)
        carried = found[:own]
        left.append(found[own:])
    results = []
    for several, reverse, axis in zip(zip(*left), turned, call.window("scan_output_axes", gives, -16, 0)):
        whole = stacked(call, several[::-1] if reverse else several)
        axis = call.axis(axis, whole.rank)
        results.append(transposed(whole, list(range(1, axis + 1)) + [0] + list(range(axis + 1, whole.rank))))
    return carried + results


def mapped(walk: Any, call: Call, scope: Scope) -> List[One]:
    """SequenceMap: its graph for each tensor of a row, and those of other rows beside it; tensors are given to each."""
    body, first = call.node.attributes.get("body"), row(call)
    if not isinstance(body, Graph) or len(body.inputs) != len(call.inputs) or any(
            isinstance(one, Row) and len(one.items) != len(first.items) for one in call.inputs):
        call.damaged("has another graph than its inputs ask for")
    steps = []
    for place in range(len(first.items)):
        given = [one.items[place] if isinstance(one, Row) else one for one in call.inputs]
        steps.append(walk.inner(body, ChainMap(named(body, given), scope), call))
    return [Row(items) for items in zip(*steps)] if steps else [Row([]) for _ in body.outputs]


RULES: Dict[str, Callable[[Any, Call, Scope], List[One]]] = {
    "If": branch, "Loop": loop, "Scan": scan, "SequenceMap": mapped}
