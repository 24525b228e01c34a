"""Sizes that a model's inputs leave open (None) and that follow from its weights.

Keras 2 writes the input of a Normalization, first in a Sequential, as [null, null]; the mean of the Normalization has
the size.  Each open size is tried alone: it decides the shapes of all layers (layers/shapes.py), and the shape of a
weight decides the size of its layer's input.
"""
from collections import OrderedDict
from typing import Any, Callable, Dict, Iterator, List, NamedTuple, Optional, Tuple

from ..base.fault import Fault
from . import kinds, masks, shapes, variables
from .model import Model
from .topology import Graph, Layer, batch_shape, graph, inner_records, is_model

MOST = 100000  # calls of layers whose shapes are told, all tries together: a model has 1000, a size takes three tries
PROBES = 1009, 2018  # sizes to try first: none of a layer's settings is so large
LARGEST = 1 << 31  # sizes are looked for below it
Sizes = List[Optional[int]]


class Place(NamedTuple):
    """An open size: the number of the input, and of its axis."""

    input: int
    axis: int


def told(model: Model) -> Dict:
    """The topology of a model.Model with the open sizes of its inputs, as far as its weights tell them, and with those
    of its nested models' inputs, as far as weights or calls tell them.

    It is the topology itself where nothing is open, and where it is no graph of layers.
    """
    if not is_model(model.topology) or not any(open_shapes(model.topology)):
        return model.topology
    try:
        return closed(model.topology, weights_within(model.topology, model.weights), model.keras_major, Budget())
    except (Fault, KeyError, IndexError, TypeError, ValueError, AttributeError, RecursionError, OverflowError):
        return model.topology  # damaged: the line comes from what reads it in earnest


def open_shapes(record: Dict) -> Iterator[Sizes]:
    """The shapes with an open size, besides the batch's, that models in `record` declare for their inputs."""
    pending = [record]
    while pending:
        value = pending.pop()
        if isinstance(value, dict):
            for key in ("batch_input_shape", "batch_shape", "build_input_shape"):
                if isinstance(value.get(key), list) and None in value[key][1:]:
                    yield value[key]
            value = value.values()
        pending += [item for item in value if isinstance(item, (dict, list))]


class Budget:
    """The number of shapes that may still be told."""

    def __init__(self) -> None:
        self.left = MOST

    def spend(self, count: int) -> None:
        """Take the shapes of `count` tensors off.  Raises Fault, which `told` catches, where none are left."""
        self.left -= count
        if self.left < 0:
            raise Fault("too many shapes to tell")


class Watched(shapes.Nested):
    """Notes what each layer with weights says of its input's shape."""

    def __init__(self, major: int, weights: Dict[int, Any], budget: Budget) -> None:
        super().__init__(major)
        self.weights, self.budget, self.calls = weights, budget, []

    def declared(self, record: Dict) -> List[Dict[int, int]]:
        """Return [{axis: size}] of a nested model: the sizes that its InputLayers declare, one dict for each."""
        if record["class_name"] == "Sequential":
            first = inner_records(record)[0]
            found = [batch_shape(Layer(first))] if first["class_name"] == "InputLayer" else []
        else:
            source = self.steps(record)[0]
            found = [batch_shape(source.layers[ref.layer]) for ref in source.inputs]
        return [{axis: size for axis, size in enumerate(shape) if axis and size is not None} for shape in found]

    def meets(self, record: Dict, inputs: shapes.Inputs) -> None:
        """Note the sizes that the weights of a layer, or the inputs of a nested model, say beside those it is given."""
        self.budget.spend(len(inputs))
        if inputs[0] is None:
            return
        declared = self.declared(record) if is_model(record) else \
            [said_by(record, self.weights.get(id(record["config"]), ()), len(inputs[0]))]
        for number, (shape, sizes) in enumerate(zip(inputs, declared)):
            shape = shape or []
            self.calls += [((id(record["config"]), len(self.calls), number, axis), shape[axis], size)
                           for axis, size in sizes.items() if -len(shape) <= axis < len(shape)]


def closed(record: Dict, weights: Dict, major: int, budget: Budget, given: List[Optional[Sizes]] = ()) -> Dict:
    """`record` with sizes for what is open in it.

    weights: {id of a layer's config: its Weights}.  given: what is known of its inputs from its calls.
    """
    source = masks.without(graph(record, major)) if major >= 3 else graph(record, major)
    order = shapes.steps(source)
    declared = [list(batch_shape(source.layers[ref.layer])) for ref in source.inputs]
    inputs = [filled(shape, more) for shape, more in zip(declared, list(given) + [None] * len(declared))]

    def tried(place=None, size=None):
        """({key of a call: (size of its input there, size that its weights say)}, {Ref: shape}) of a try."""
        budget.spend(len(order))
        watched = Watched(major, weights, budget)
        trial = [list(shape) for shape in inputs]
        if place is not None:
            trial[place.input][place.axis] = size
        known = shapes.walk(source, order, trial, watched)
        return {key: (found, wanted) for key, found, wanted in watched.calls}, known

    places = [Place(number, axis) for number, shape in enumerate(inputs)
              for axis, size in enumerate(shape) if size is None and axis]
    before, known = tried()
    again = list(places)
    while again:
        place = again.pop(0)
        size = the_one(lambda size, place=place: tried(place, size)[0], before)
        if size is not None:
            inputs[place.input][place.axis] = size
            places.remove(place)
            again, (before, known) = list(places), tried()
    return written(record, source, inputs, declared, lambda layer: inside(layer, source, known, weights, major, budget))


def filled(shape: Sizes, more: Optional[Sizes]) -> Sizes:
    """A shape, its open sizes from another one of as many dimensions."""
    if more is None or len(more) != len(shape):
        return list(shape)
    return shape[:1] + [a if a is not None else b for a, b in zip(shape[1:], more[1:])]


def the_one(tried: Callable[[int], Dict], before: Dict) -> Optional[int]:
    """The one size with which all layers whose input depends on it alone have the input that their weights want; None
    where there is not exactly one.  before: `tried` without it."""
    first, second = map(tried, PROBES)
    asked = {key: wanted for key, (found, wanted) in first.items()
             if type(found) is int and wanted > 0 and before.get(key, (None, 0))[0] is None}
    low, high = 1, LARGEST
    for key, wanted in asked.items():
        if (first[key][0], second.get(key, (None, 0))[0]) == PROBES:
            least, most = wanted, wanted
        else:
            least, most = lowest(tried, key, wanted), lowest(tried, key, wanted + 1) - 1
            if least >= LARGEST or tried(least).get(key, (None, 0))[0] != wanted:
                return None
        low, high = max(low, least), min(high, most)
    return low if asked and low == high else None


def lowest(tried: Callable[[int], Dict], key: Tuple, wanted: int) -> int:
    """The lowest size with which the input `key` is at least `wanted`: none of Keras's layers gets smaller with it."""
    low, high = 1, 1
    while high < LARGEST and not (tried(high).get(key, (None, 0))[0] or 0) >= wanted:
        low, high = high, high * 2
    while low < high:
        middle = (low + high) // 2
        if (tried(middle).get(key, (None, 0))[0] or 0) >= wanted:
            high = middle
        else:
            low = middle + 1
    return low


# What weights say ------------------------------------------------------------------------------------------

def asks(record: Dict) -> bool:
    """Whether a layer's weights, or a Flatten, depend on the sizes of its input."""
    return bool(needed(record, 3))


def needed(record: Dict, rank: int) -> List[int]:
    """The axes of an input of `rank` dimensions whose sizes the layer's variables, or a Flatten, depend on."""
    kind = kinds.find(record["class_name"])
    return [] if kind is None else kind.axes(record["config"], rank)


def said_by(record: Dict, weights: List, rank: int) -> Dict[int, int]:
    """{axis of the layer's input: its size}, as its weights have it, or the list of means that is its setting."""
    kind, config = kinds.find(record["class_name"]), record["config"]
    held = weights[0].shape if weights else (len(config["mean"]),) if isinstance(config.get("mean"), list) else ()
    axes = needed(record, rank)
    return kind.sizes(config, held, axes) if held and axes else {}


def weights_within(record: Dict, weights: Dict) -> Dict[int, List]:
    """{id of a layer's config: its Weights} for all layers in a model.  weights: {name of a layer: its own}."""
    result = {}
    pending = [(layer, weights.get(Layer(layer).name, [])) for layer in inner_records(record)]
    while pending:
        layer, own = pending.pop()
        result[id(layer["config"])] = own
        if is_model(layer):
            parts = variables.shared_out(layer, own)
            pending += [(part, parts[Layer(part).name]) for part in inner_records(layer)]
        elif layer["class_name"] in ("TimeDistributed", "Bidirectional") and isinstance(layer["config"], dict):
            pending.append((layer["config"]["layer"], own))  # the backward layer's weights are behind the forward one's
    return result


# Writing sizes into a topology -----------------------------------------------------------------------------

def inside(layer: Layer, source: Graph, known: Dict, weights: Dict, major: int, budget: Budget) -> Optional[Dict]:
    """The record of a nested model with its open sizes told, wrapped or not; None for any other layer."""
    record, skipped = layer.record, 0
    while record["class_name"] == "TimeDistributed":
        record, skipped = record["config"]["layer"], skipped + 1
    if not is_model(record) or not any(open_shapes(record)):
        return None
    calls = [[known.get(ref) for ref in refs] for refs in source.references(layer)]
    given = [agreed([shape and shape[:1] + shape[1 + skipped:] for shape in of_input]) for of_input in zip(*calls)]
    if record["class_name"] == "Sequential" and not begins_with_a_shape(record):
        return None
    return rewrapped(layer.record, closed(record, weights, major, budget, given))


def begins_with_a_shape(record: Dict) -> bool:
    """Whether a Sequential says what shape its input has, or the model that it begins with does."""
    first = (inner_records(record) or [{"class_name": "", "config": {}}])[0]
    if is_model(first):
        return first["class_name"] != "Sequential" or begins_with_a_shape(first)
    return first["class_name"] == "InputLayer" or "batch_input_shape" in first["config"] \
        or isinstance(record["config"], dict) and "build_input_shape" in record["config"]


def rewrapped(record: Dict, inner: Dict) -> Dict:
    """A record with another model inside its TimeDistributeds."""
    if record["class_name"] != "TimeDistributed":
        return OrderedDict(record, config=inner["config"])
    return OrderedDict(record, config=OrderedDict(record["config"], layer=rewrapped(record["config"]["layer"], inner)))


def agreed(found: List[Optional[Sizes]]) -> Optional[Sizes]:
    """The shape of all calls; sizes in which they differ are None."""
    if not found or None in found or len({len(shape) for shape in found}) > 1:
        return None
    return [sizes[0] if len(set(sizes)) == 1 else None for sizes in zip(*found)]


def written(record: Dict, source: Graph, inputs: List[Sizes], declared: List[Sizes],
            change: Callable[[Layer], Optional[Dict]]) -> Dict:
    """`record` with these shapes in the places of the declared ones, and `change(layer)` where that is not None."""
    shape_of = {ref.layer: shape for ref, shape, old in zip(source.inputs, inputs, declared) if shape != old}
    layers = []
    for number, entry in enumerate(inner_records(record)):
        name = Layer(entry).name
        new = change(source.layers[name])
        entry = entry if new is None else OrderedDict(entry, config=new["config"])
        first = record["class_name"] == "Sequential" and not number
        shape = shape_of.get(name if entry["class_name"] == "InputLayer" else name + "_input" if first else None)
        layers.append(entry if shape is None else with_shape(entry, shape))
    config = record["config"]
    if isinstance(config, list):
        return OrderedDict(record, config=layers)
    config = OrderedDict(config, layers=layers)
    if config.get("build_input_shape") and shape_of:
        config["build_input_shape"] = next(iter(shape_of.values()))
    return OrderedDict(record, config=config)


def with_shape(entry: Dict, shape: Sizes) -> Dict:
    """A layer's record that declares this shape, where it declares one."""
    config = entry["config"]
    keys = [key for key in ("batch_input_shape", "batch_shape") if isinstance(config, dict) and config.get(key)]
    return OrderedDict(entry, config=OrderedDict(config, **{key: shape for key in keys})) if keys else entry
