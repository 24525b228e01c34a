"""The walk over a model's calls: every layer comes after those that it needs, and its class's function lowers it.

Masks go with the tensors (Value.mask), as Keras's do.  A nested model is walked at each of its calls; its weights
become constants only once.
"""
import contextlib
import re
from collections import OrderedDict
from typing import Any, Dict, Iterator, List, NamedTuple, Optional, Sequence, Set, Tuple

import numpy

from ..base.fault import Fault
from ..emit import Builder, Value
from ..emit.core import type_of
from ..layers import kinds, masks, shapes, topology, variables, words
from ..layers.kinds.operations import LAMBDAS, OP_LAYER, is_operation
from ..layers.kinds.sizes import product
from ..layers.model import Model, Weight
from ..layers.order import call_order
from ..layers.outputs import spelling
from ..layers.references import Ref, references
from ..layers.topology import Graph, Layer, batch_shape, is_model
from ..operations import graph as operations
from ..operations import told
from ..operations.told import Shown
from . import calls, complexes, names, narrow, rules, training, types
from .rules import Call, Held, NotLowered, Rule, tensors

DEEPEST = 40  # models in models, and layers in layers
CALLS = 100000  # of layers: a model that is called twice in one that is called twice, and so on, is called very often


class Lowered(NamedTuple):
    """A model as a graph of operations.

    graph    operations.Graph
    outputs  {name as the user knows it: name of the graph's node}, in the order of the outputs
    layers   [Shown] of every call of a layer of the outermost model, inputs first
    """

    graph: operations.Graph
    outputs: Dict[str, str]
    layers: List[Shown]


def lower(model: Model) -> Lowered:
    """Return the graph that computes the outputs of `model`.

    Outputs and inputs have their layers' names.  Raises NotLowered for what no function lowers, Fault for a file that
    is damaged.
    """
    source = topology.graph(model.topology, model.keras_major)
    walk = Walk(model.keras_major, model.keras_version)
    spelled = model.output_names or [spelling(source, ref) for ref in source.outputs]
    spelled = spelled if len(spelled) == len(source.outputs) else [spelling(source, ref) for ref in source.outputs]
    nodes = names.of_nodes([ref.layer for ref in source.inputs] + list(spelled))
    walk.b.reserve(nodes)
    inputs = [walk.placeholder(node, source.layers[ref.layer]) for node, ref in zip(nodes, source.inputs)]
    limits = {text["input"]: words.limit(text) for text in model.texts}
    walk.limits.update((value.tensor, limits[ref.layer]) for value, ref in zip(inputs, source.inputs)
                       if limits.get(ref.layer))
    held = {name: named(source.layers[name], own) for name, own in model.weights.items() if name in source.layers}
    found = walk.graph(source, inputs, held, "")
    placed = OrderedDict()
    for ref, name, node in zip(source.outputs, spelled, nodes[len(inputs):]):
        if found[ref].imaginary is not None:
            raise complexes.shown(ref.layer, rules.called(source.layers[ref.layer].record, walk.major))
        walk.b.place(found[ref], node)
        placed[name] = node
    return Lowered(walk.b.finish(list(placed.values())), placed, shown(source, found, held))


def named(layer: Layer, weights: Sequence[Weight]) -> Held:
    """The weights of a layer under their names in it, those of a class of unknown insides under their number."""
    if variables.is_known(layer.record) and not is_model(layer.record):
        prefix = layer.name + "/"
        return Held([(weight.name[len(prefix):] if weight.name.startswith(prefix) else weight.name, weight)
                     for weight in variables.named(layer.record, weights)], layer.name)
    return Held([(str(index), weight) for index, weight in enumerate(weights)], layer.name)


class Walk:
    """A model on its way to a graph.

    b          Builder
    major      2 or 3, the Keras that wrote the file; version: its whole number
    states     {path of a stateful layer: its states after the last call}
    training   bool, whether layers do what they do in training: a call of Keras 2 may say so
    limits     {tensor of whole numbers from 0 on: below what they stay}
    at         (graph, layer, number of the call) of what is walked last
    whole      bool, whether the file says how many examples come at once
    """

    def __init__(self, major: int, version: str) -> None:
        self.b = Builder()
        self.major, self.version = major, version
        self._constants: Dict[int, Tuple[Weight, Value]] = {}
        self._graphs: Dict[int, Tuple[Any, Graph]] = {}
        self._held: Dict[Any, Tuple[Held, List[Weight]]] = {}
        self._steps: Dict[int, Tuple[Graph, List[Tuple[str, int]], Dict[Ref, Ref]]] = {}
        self._read: Dict[int, Set[Ref]] = {}
        self.at: Optional[Tuple[Graph, str, int]] = None
        self._depth = self._calls = 0
        self.training = self.whole = False
        self.states: Dict[str, List[Value]] = {}
        self.limits: Dict[operations.Tensor, int] = {}

    def placeholder(self, node: str, layer: Layer) -> Value:
        """Add the input that an InputLayer stands for."""
        config = layer.config
        if config.get("sparse") or config.get("ragged"):
            raise NotLowered(layer.name, "InputLayer", "TensorFlow.js has no sparse and no ragged tensors",
                             "build the model with a dense input")
        dtype = config.get("dtype") or "float32"
        dtype = dtype if isinstance(dtype, str) else dtype.get("config", {}).get("name", "float32")
        if dtype == "string":
            raise NotLowered(layer.name, "InputLayer", "of strings, which TensorSpace cannot feed",
                             'let a TextVectorization, StringLookup or Hashing read it itself, from '
                             'keras.Input((1,), dtype="string")')
        shape = batch_shape(layer)
        self.whole = self.whole or shape[0] is not None
        made = self.b.placeholder(node, type_of(dtype), [None] + list(shape[1:]))
        return made.narrowed(dtype if dtype in narrow.TYPES else None)

    def constant(self, weight: Weight) -> Value:
        """The Value of a weight, one for all calls."""
        if id(weight) not in self._constants:
            self._constants[id(weight)] = weight, self.b.of_weight(weight)
        return self._constants[id(weight)][1]

    def graph(self, source: Graph, inputs: Sequence[Value], held: Dict[str, Held], path: str) -> Dict[Ref, Value]:
        """Walk a graph of layers; return {Ref: Value} of all outputs of all calls.

        held: {name of a layer: its weights}.  path: that of the model, "" of the outermost.
        """
        known = dict(zip(source.inputs, inputs))
        if len(known) != len(source.inputs) or len(inputs) != len(source.inputs):
            raise Fault(f"nested model {path!r} is called with {len(inputs)} tensors but has {len(source.inputs)} "
                        "inputs: the file is damaged")
        if id(source) not in self._steps:
            self._steps[id(source)] = source, call_order(source), \
                masks.carried(source) if self.major >= 3 else {}
        _, order, carries = self._steps[id(source)]
        carried: Dict[Ref, Optional[Value]] = {}
        for name, node in order:
            layer = source.layers[name]
            if layer.is_input:
                continue
            refs = references(layer.calls[node], source.layers)
            where = f"{path}/{name}" if path else name
            args, kwargs, told = calls.arguments(layer, layer.calls[node], source.layers, known, self.major)
            if not is_operation(layer.record, self.major):
                args, kwargs = self.with_constants(args), self.with_constants(kwargs)
            own = held.get(name) or Held([], name)
            mask = carried.get(refs[0]) if refs else None
            if mask is not None and "mask" in kwargs and kwargs["mask"] is None:
                kwargs["mask"] = mask  # the file has it there, and masks.without took it out
            self.at = source, name, node
            with self.b.scope(where if not node else f"{where}_{node}"), self.trained(told):
                found = self.layer(layer.record, where, args, kwargs, own)
            if Ref(name, node, 0) in carries:
                carried[Ref(name, node, 0)] = found[0].mask if found[0].mask is not None else mask
            known.update((Ref(name, node, place), value) for place, value in enumerate(found))
        return known

    def with_constants(self, given: Any) -> Any:
        """The arguments of a layer, a constant in place of each array that its call has in place of a tensor."""
        if isinstance(given, numpy.ndarray):
            return self.b.constant(given)
        if isinstance(given, dict):
            return {key: self.with_constants(item) for key, item in given.items()}
        return [self.with_constants(item) for item in given] if isinstance(given, (list, tuple)) else given

    def is_read(self, place: int) -> bool:
        """Whether a layer, or the model, reads that output of the call that is walked last."""
        if self.at is None:
            return False
        source, name, node = self.at
        if id(source) not in self._read:  # `_steps` holds the graph
            self._read[id(source)] = read_by_any(source)
        return Ref(name, node, place) in self._read[id(source)]

    @contextlib.contextmanager
    def trained(self, told: Any) -> Iterator[None]:
        """Inside, layers do what they do in training where a call says so: a number, or None for as around it."""
        before = self.training
        self.training = before if told is None else bool(told)
        try:
            yield
        finally:
            self.training = before

    def layer(self, record: Dict[str, Any], path: str, args: List[Any], kwargs: Dict[str, Any], held: Held,
              shown: str = "", as_given: bool = False) -> List[Value]:
        """Lower one call of a layer, an operation or a nested model; return its outputs.

        shown: the path to name in a refusal, where the layer is a part of that one.  as_given: whether its floats stay
        such, whatever type the layer computes with.
        """
        self._depth += 1
        self._calls += 1
        try:
            if self._depth > DEEPEST:
                raise Fault(f"layer {path!r} lies {DEEPEST} layers deep in others: too deep")
            if self._calls > CALLS:
                raise Fault(f"the model calls its layers more than {CALLS} times: too often")
            if is_model(record):
                return self.model(record, path, args, kwargs, held)
            call = Call(self, record, path, args, kwargs, held)
            rule = rule_of(record, self.major, shown or path)
            if self.major >= 3 and not as_given:
                types.convert(call)
            if self.training:
                training.check(call)
            given = [call.args, call.kwargs]
            found = complexes.computed(call, rule) if complexes.among(given) else rule.function(call)
            found = narrow.settled(call, given, list(found) if isinstance(found, (list, tuple)) else [found])
            if not rule.masks:
                found = with_masks(record, call, found)
            return found
        finally:
            self._depth -= 1

    def model(self, record: Dict[str, Any], path: str, args: List[Any], kwargs: Dict[str, Any], held: Held
              ) -> List[Value]:
        """Walk a nested model on the tensors of one call."""
        if id(record) not in self._graphs:
            self._graphs[id(record)] = record, topology.graph(self.with_input(record, tensors(args)), self.major)
        source = self._graphs[id(record)][1]
        shared = variables.shared_out(record, held.all())
        own = OrderedDict()
        for name, weights in shared.items():
            if name in source.layers:
                key = id(record), name
                own[name] = self._named(key, source.layers[name], weights)
        inputs = tensors(args) or tensors({key: value for key, value in kwargs.items() if key != "mask"})
        found = self.graph(source, self.under(kwargs.get("mask"), inputs), own, path)
        return [found[ref] for ref in source.outputs]

    def under(self, given: Any, inputs: List[Value]) -> List[Value]:
        """The inputs of a nested model under the masks of its argument mask=, one for each or None.

        Keras marks the tensors themselves, so that two inputs that are one tensor have one mask: in Keras 2 the last,
        which may be none, in Keras 3 the last that there is (keras 3 models/functional.py: Functional.call).
        """
        if given is None:
            return inputs
        found: Dict[Any, Optional[Value]] = {}
        for value, mask in zip(inputs, given if isinstance(given, (list, tuple)) else [given]):
            if isinstance(mask, Value) or mask is None and self.major < 3:
                found[value.tensor or id(value)] = mask if mask is None else self.b.cast(mask, "bool")
        return [value.masked(found.get(value.tensor or id(value), value.mask)) for value in inputs]

    def _named(self, key: Any, layer: Layer, weights: List[Weight]) -> Held:
        """The weights of a layer in a nested model: the same objects at every call, so that they are written once."""
        whole = key, tuple(map(id, weights))
        if whole not in self._held:
            self._held[whole] = named(layer, weights), weights
        return self._held[whole][0]

    def with_input(self, record: Dict[str, Any], inputs: List[Value]) -> Dict[str, Any]:
        """A Sequential that was saved without the shape of its input has that of the tensor it is called with."""
        if record["class_name"] != "Sequential" or len(inputs) != 1:
            return record
        try:
            topology.graph(record, self.major)
            return record
        except Fault:
            config = record["config"]
            config = dict(config) if isinstance(config, dict) else {"layers": config, "name": Layer(record).name}
            return dict(record, config=dict(config, build_input_shape=list(inputs[0].shape)))


def read_by_any(source: Graph) -> Set[Ref]:
    """The outputs of layers that other layers read, and those of the graph."""
    return set(source.outputs).union(*[references(call, source.layers) for layer in source.layers.values()
                                       for call in layer.calls])


def rule_of(record: Dict[str, Any], major: int, path: str) -> Rule:
    """The Rule of a layer or an operation.  Raises NotLowered where there is none."""
    from . import families  # noqa: F401  (it fills the tables)
    name = record["class_name"]
    if is_operation(record, major):
        table = rules.FUNCTIONS if name in LAMBDAS else rules.NODES if name == OP_LAYER else rules.OPERATIONS
        name = rules.called(record, major)
        if name not in table:
            raise NotLowered(path, name, *DRAWN if RANDOM.search(name) else ("TensorFlow.js does not have it",),
                             operation=True)
        return table[name]
    name = kinds.canonical(name)
    if not kinds.kind.is_of_keras(record) and name not in OF_PACKAGES or name not in rules.LAYERS:
        remedy = python_of(record) if name == "Lambda" else "" if kinds.of(record) else topology.OWN
        raise NotLowered(path, getattr(record, "own", name), "TensorFlow.js does not have it", remedy)
    return rules.LAYERS[name]


def python_of(record: Dict[str, Any]) -> str:
    """The remedy for a Lambda: its Python is in the model's file, or in a function of the user's own file."""
    config = record.get("config") if isinstance(record.get("config"), dict) else {}
    function = config.get("function")
    named = config.get("function_type") == "function" or isinstance(function, dict) \
        and function.get("class_name") == "function"
    return topology.OWN if named else "--trust with this file's name (in models.toml trust) runs the Python in it"


# Functions and operations of TensorFlow that draw numbers: "random.normal", "image.random_crop", "RandomGamma"
RANDOM = re.compile(r"(^|[._])random[._]|Random|Multinomial")
DRAWN = "it draws other numbers at every call", "use a layer that draws in training alone: Dropout, GaussianNoise"
# Classes of keras.applications, in any module
OF_PACKAGES = ("LayerScale", "CustomScaleLayer", "Custom>CustomScaleLayer")


def with_masks(record: Dict[str, Any], call: Call, found: List[Value]) -> List[Value]:
    """The outputs under the masks that kinds/ says: the input's, or none."""
    kind = kinds.of(record)
    passes = kind is not None and kind.name in kinds.passing(call.major) and not is_operation(record, call.major)
    mask = call.x.mask if passes else None
    return [value.masked(mask) for value in found]


def shown(source: Graph, found: Dict[Ref, Value], held: Dict[str, Held]) -> List[Shown]:
    """The layers for the page and summary, in the order of Keras's model.layers, each after those that it needs."""
    result = []
    for name, node, refs in shapes.steps(source):
        layer = source.layers[name]
        for tensor in range(99):
            ref = Ref(name, node, tensor)
            if ref not in found:
                break
            own = held[name].all() if name in held and not (node or tensor) else []
            settings = {key: value for key, value in layer.config.items() if told.is_plain(value)} \
                if isinstance(layer.config, dict) else {}
            result.append(Shown(spelling(source, ref), layer.class_name, list(found[ref].shape),
                                sum(product(list(weight.shape)) for weight in own),
                                [spelling(source, one) for one in refs], settings))
    return result
