"""A TensorFlow graph -> a TensorFlow.js graph model: model.json and shards.

Its outputs are the tensors that were asked for, in that order.  An operation that TensorFlow.js computes differently is
changed where that can be done (adapt.py), else refused (operations/unlike.py).  A graph that is a TensorFlow.js model
already stays as it is.
"""
from collections import OrderedDict
from typing import Any, Dict, Iterable, List, NamedTuple, Optional, Union

from ..base import command
from ..base.fault import Fault
from ..formats.graphs import GraphFile
from ..formats.tfjs_graph import GraphModel
from ..layers.outputs import listing
from ..layers.topology import of
from ..operations import beginnings, frames, loops, misfits, shown, unlike
from ..operations.graph import Graph, Tensor
from ..operations.outputs import called, needed, prune
from ..wire import shards
from ..wire.protobuf import Damaged
from ..wire.target import GRAPH
from . import adapt, older, operations, write_graph


class Written(NamedTuple):
    """A graph model that has been written.

    names   of its files, the json first
    facts   {"inputs": [names], "outputs": [names]}; where it begins after the source's inputs, or there are outputs
            that TensorSpace cannot compute, also {"why": a line about that}
    """
    names: List[str]
    facts: Dict[str, Any]


def convert(source: Union[GraphFile, GraphModel], directory: str, outputs: Optional[List[str]] = None,
            json_name: str = "model.json", shard_size: int = shards.SHARD_SIZE, quantize: shards.Quantize = None,
            every: bool = False, input_shape: Any = None) -> Written:
    """Convert the graph `source` into the empty `directory`; outputs, every, input_shape: as in GraphFile.freeze.

    With `every`, outputs that TensorSpace cannot compute are left out where others remain.
    """
    command.check_json_name(json_name)
    with of(source.path):
        graph = source.freeze(outputs, every, input_shape)
        loops.unroll(graph)
        adapt.compose_at_once(graph)
        said = [line for line in (graph.begins, without_dynamic(graph, every and outputs is None)) if line]
        prune(graph, map(Tensor, graph.outputs + graph.inputs))
        told = shown.metadata(graph)
        fixed = getattr(source, "constants", None)
        told["tensorspace"].update({"constants": fixed} if fixed else {})
        frames.lower(graph)
        prune(graph, map(Tensor, graph.outputs + graph.inputs))
        settings = directory, json_name, shard_size, quantize, told
        try:
            if source.for_tensorflow_js:
                adapt.part_groups(graph)
                misfits.check(graph)
                older.spell_own(graph)
                adapt.open_fused(graph)
                names = write_graph.write(graph, *settings)
            else:
                names = write(graph, *settings)
        except Fault as fault:
            raise Fault(f"{fault}{before_it(graph)}")
        except Damaged as error:  # what a function has of fields that are kept as its file has them
            raise Fault(f"{source.path}: damaged: {error}")
    facts = {"why": "; ".join(said)} if said else {}
    return Written(names, dict(facts, inputs=graph.inputs, outputs=graph.outputs))


def before_it(graph: Graph) -> str:
    """Return the words behind "ask for outputs before it": the outputs of a graph that TensorFlow.js computes alike."""
    own = {id(node) for node in graph.every_node() if node.op not in operations.SINCE or operations.damage(node)}
    own.update(id(node) for node, _ in list(unlike.reasons(graph)) + misfits.found(graph))
    calling = {one.name for one in graph.functions if own & set(map(id, one.nodes))}
    for _ in graph.functions:  # functions in functions
        calling.update(one.name for one in graph.functions if any(calling & set(called(node)) for node in one.nodes))
    spoilt = {node.name for node in graph.nodes.values() if id(node) in own or calling & set(called(node))}
    free = [asked for asked, name in zip(graph.asked or graph.outputs, graph.outputs)
            if not spoilt & needed(graph, [Tensor(name)])]
    return f": {listing(free)}" if spoilt and free else ""


def by_signature(source: str, fault: Fault, directory: str, *settings: Any, input_shape: Any = None,
                 saved_model_tags: Optional[str] = None, signature: Optional[str] = None) -> Written:
    """Convert a Keras SavedModel that `fault` refuses as the graph that its signature computes.

    settings, input_shape: those of `convert` behind `directory`.
    Raises `fault` where TensorFlow does not load the graph, or it has no such outputs.
    """
    try:
        written = convert(GraphFile(source, saved_model_tags, signature), directory, *settings, every=True,
                          input_shape=input_shape)
    except Fault:
        raise fault
    said = [f"{fault}; what its signature computes is taken"] + [why for why in [written.facts.get("why")] if why]
    return Written(written.names, dict(written.facts, format=GRAPH, why="; ".join(said)))


def without_dynamic(graph: Graph, leave_out: bool) -> str:
    """Return a line about the outputs that TensorSpace cannot compute, "" where there are none; leave_out: leave them
    out of the graph where others remain, which are computed by a layer where those are.

    TensorSpace calls execute, and TensorFlow.js computes what depends on these operations by executeAsync alone.
    """
    reasons = loops.dynamic(graph)
    held = OrderedDict((name, reasons[name]) for name in graph.outputs if name in reasons)
    if not held:
        return ""
    kept = [name for name in graph.outputs if name not in held]
    left = leave_out and bool(kept) and (has_kernel(graph, kept) or not has_kernel(graph, held))
    if left:
        kept = [place for place, name in enumerate(graph.outputs) if name not in held]
        graph.asked = [graph.asked[place] for place in kept] if graph.asked else []
        graph.outputs = [graph.outputs[place] for place in kept]
        there = needed(graph, map(Tensor, graph.outputs))
        graph.inputs = [name for name in graph.inputs if name in there]
    words = "left out" if left else "nothing that TensorSpace can show"
    long = f"; {graph.long} has more steps than are unrolled ({loops.MOST_STEPS}, or {loops.MOST_MADE} operations): " \
        "give an input of fewer" if graph.long else ""
    return f"{', '.join(held)}: {words}, for TensorFlow.js computes {next(iter(held.values()))} by executeAsync " \
        f"alone{long}"


def has_kernel(graph: Graph, outputs: Iterable[str]) -> bool:
    """Return whether some of these outputs are computed of a layer's weights, and not of a few numbers."""
    return any(beginnings.is_kernel(graph.nodes[name]) for name in needed(graph, map(Tensor, outputs)))


def write(graph: Graph, directory: str, json_name: str = "model.json", shard_size: int = shards.SHARD_SIZE,
          quantize: shards.Quantize = None, metadata: Optional[Dict[str, Any]] = None) -> List[str]:
    """Change `graph` to what TensorFlow.js computes alike, and write it: see write_graph.write."""
    adapt.compose(graph)
    operations.check(graph)
    unlike.check(graph)
    older.spell(graph)
    for change in adapt.PASSES:
        change(graph)
    return write_graph.write(graph, directory, json_name, shard_size, quantize, metadata)


def check_settings(source: str, lacks: str = "a TensorFlow graph has no layers", **settings: Any) -> None:
    """Raise a Fault where any of these settings, which are about layers, is given."""
    given = [key for key, value in sorted(settings.items()) if value]
    if given:
        raise Fault(f"{source}: {lacks}: leave out {', '.join(given)}")
