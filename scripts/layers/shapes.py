"""Pure functions: the output shapes of Keras layers, from the model's topology alone.

A shape is a list of int or None, batch size first; None stands for a shape that is not known (of a class that is not
known here).  The rule of each class is in kinds/.
"""
from collections import OrderedDict
from typing import Any, Callable, Dict, List, NamedTuple, Optional, Sequence, Tuple

from ..base.fault import Fault
from . import kinds
from .kinds.operations import is_hidden
from .order import layer_order
from .records import MAX_DIMENSIONS, MAX_SIZE
from .references import Ref, references
from .topology import Graph, batch_shape, graph, inner_records, is_model

Record = Dict[str, Any]
Shape = List[Optional[int]]
Inputs = Sequence[Optional[Shape]]

PER_DIMENSION = """kernel_size strides dilation_rate pool_size padding cropping size output_padding target_shape dims
    axes""".split()  # settings that are read again at every call


class Step(NamedTuple):
    """One call of a layer."""

    name: str
    node: int
    refs: List[Ref]  # its inputs


class Nested:
    """The layers within others, for the rules of their classes.

    The graph of each nested model is made once: a model that is called twice in one that is called twice, and so on,
    is called very often.
    """

    def __init__(self, major: int) -> None:
        self.major, self.known = major, {}

    def meets(self, record: Record, inputs: Inputs) -> None:
        """Take note of a layer and the shapes of its inputs, of which some may be None; here nothing is noted."""

    def steps(self, record: Record) -> Tuple[Graph, List[Step]]:
        """Return (Graph, its `steps`) of a Functional record."""
        if id(record) not in self.known:  # the record is kept beside it, so that its id stays its own
            source = graph(record, self.major)
            self.known[id(record)] = record, source, steps(source)
        return self.known[id(record)][1:]

    def layer(self, record: Record, inputs: Inputs) -> List[Optional[Shape]]:
        """Return the shapes of the outputs of one call of the layer `record`; [None] where they cannot be told."""
        return of_layer(record, inputs, self)

    def rule(self, record: Record) -> Optional[Callable[..., List[Optional[Shape]]]]:
        """Return the rule of a layer's class, which is no model; None where it is not known."""
        kind = None if is_hidden(record, self.major) else kinds.of(record)
        return kind and kind.shape


def of_graph(source: Graph, major: int, inputs: Optional[Inputs] = None) -> Dict[Ref, Optional[Shape]]:
    """Return {Ref: shape or None} for the first output of every call of every layer, and for all others that are known.

    inputs: shapes to take for the graph's inputs (of a nested model), by default what its InputLayers declare.
    """
    return walk(source, steps(source), inputs, Nested(major))


def steps(source: Graph) -> List[Step]:
    """Return all calls of a Graph's layers, each after those that it needs.

    Calls that need one another are left out.
    """
    refs = OrderedDict(((name, node), [] if source.layers[name].is_input else
                        references(source.layers[name].calls[node], source.layers))
                       for name in layer_order(source) for node in range(source.node_count(name)))
    needed = {call: {ref[:2] for ref in found if ref[:2] in refs} for call, found in refs.items()}
    users = {}
    for call, behind in needed.items():
        for other in behind:
            users.setdefault(other, []).append(call)
    ready, result = [call for call in refs if not needed[call]], []
    for call in ready:  # grows meanwhile
        result.append(Step(*call, refs[call]))
        for user in users.get(call, ()):
            needed[user].discard(call)
            if not needed[user]:
                ready.append(user)
    return result


def walk(source: Graph, order: Sequence[Step], inputs: Optional[Inputs], nested: Nested) -> Dict[Ref, Optional[Shape]]:
    """Return `of_graph` of a Graph whose `steps` are `order`."""
    known = {}
    given = dict(zip([ref.layer for ref in source.inputs], inputs or []))
    for name, node, refs in order:
        layer = source.layers[name]
        found = [given.get(name) or batch_shape(layer)] if layer.is_input else \
            nested.layer(layer.record, [known.get(ref) for ref in refs])
        known.update((Ref(name, node, tensor), shape) for tensor, shape in enumerate(found))
    return known


def of_layer(record: Record, inputs: Inputs, nested: Nested) -> List[Optional[Shape]]:
    """Return the shapes of the outputs of one call of the layer `record`; [None] where they cannot be told."""
    if inputs:
        nested.meets(record, inputs)
    if not inputs or any(shape is None for shape in inputs):
        return [None]
    try:
        if not is_model(record):
            if any(isinstance(record["config"].get(key), list) and len(record["config"][key]) > MAX_DIMENSIONS
                   for key in PER_DIMENSION):
                return [None]
            rule = nested.rule(record)
            found = rule(record["config"], inputs, nested) if rule else [None]
            return [shape if is_shape(shape) else None for shape in found]
        if record["class_name"] == "Sequential":
            return [of_sequential(record, inputs[0], nested)]
        source, order = nested.steps(record)
        known = walk(source, order, inputs, nested)
        return [known.get(ref) for ref in source.outputs]
    except (Fault, KeyError, IndexError, TypeError, ValueError, AttributeError, ZeroDivisionError, OverflowError):
        return [None]


def of_sequential(record: Record, shape: Optional[Shape], nested: Nested) -> Optional[Shape]:
    """Return the output's shape of a Sequential `record` for the input's `shape`."""
    for layer in inner_records(record):
        if layer["class_name"] != "InputLayer":
            shape = nested.layer(layer, [shape])[0]
    return shape


def is_shape(shape: Optional[Sequence[Any]]) -> bool:
    """Whether `shape` is one that a tensor can have, or None.

    Sizes come from a config and from products of its numbers: they may be texts, and get longer with each layer.
    """
    return shape is None or len(shape) <= MAX_DIMENSIONS and all(
        size is None or isinstance(size, (int, float)) and abs(size) < MAX_SIZE for size in shape)
