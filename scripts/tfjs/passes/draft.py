"""Draft: a model on its way to TensorFlow.js, and how a pass over its layers is written."""
import functools
from collections import OrderedDict
from typing import Any, Callable, Dict, List, Optional, Sequence, Set

from ...base.fault import Fault
from ...layers import shapes
from ...layers.kinds.operations import is_operation
from ...layers.model import Weight
from ...layers.order import layer_order
from ...layers.outputs import prune, spelling
from ...layers.topology import Graph, Layer, graph, inner_records, record_of

Record = Dict[str, Any]
REST = ("name", "build_input_shape")  # of a Keras 3 Sequential's config: what Keras 2's has too


class Maskless(OrderedDict):
    """The config of a layer that is written for one which hands no mask on in its Keras, as TensorFlow.js's does."""


class Draft:
    """One model, the outermost or a nested one, between two passes.

    given      dict, the model's record as the file holds it
    major      int, the Keras that wrote the file: 2 or 3
    source     Graph of `given`; its layers and calls stay in the dialect of that Keras
    layers     OrderedDict: name -> Layer, as they are to be written
    weights    OrderedDict: layer -> [Weight]; None in a nested model, whose weights its outer layer has
    names      list of str, how the user names each output of the outermost model
    is_trial   whether the model is a part of another one, converted to see whether it can be
    refused    OrderedDict: name of a layer in `source` -> Fault, why TensorFlow.js cannot compute it
    added      set of the names of layers that passes have added
    renamed    OrderedDict: name of a layer to be written -> its name in `source`, where passes have renamed it
    """

    def __init__(self, given: Record, major: int, passes: Sequence[Callable[["Draft"], "Draft"]],
                 weights: Optional[Dict[str, List[Weight]]] = None, names: Optional[List[str]] = None,
                 is_trial: bool = False) -> None:
        self.given, self.major, self.passes = given, major, passes
        self.weights = self.given_weights = weights
        self.source = graph(given, major)
        self.names = names or [spelling(self.source, ref) for ref in self.source.outputs]
        self.is_trial = is_trial
        self.layers = OrderedDict(self.source.layers)
        if self.is_sequential:  # its records as they stand, without the input that `source` puts in front
            own = [Layer(record) for record in inner_records(given)]
            self.layers = OrderedDict((layer.name, Layer(layer.record, self.source.layers[layer.name].calls))
                                      for layer in own)
        self.refused: Dict[str, Fault] = OrderedDict()
        self.added: Set[str] = set()
        self.renamed: Dict[str, str] = OrderedDict()
        self._shapes: Dict[Any, Any] = {}

    @property
    def is_sequential(self) -> bool:
        """Whether the model is written as a list of layers, without calls."""
        return self.given["class_name"] == "Sequential"

    @property
    def is_nested(self) -> bool:
        """Whether the model is a layer of another one."""
        return self.weights is None

    def is_operation(self, layer: Layer) -> bool:
        """Whether the file has an operation there (`a + b`) and no layer: it says so, what is spelled anew does not."""
        return is_operation(self.source.layers[layer.name].record, self.major)

    @property
    def shapes(self) -> Dict[Any, Any]:
        """{Ref: shape or None} of `source`, told when it is first asked for."""
        if not self._shapes:
            self._shapes.update(shapes.of_graph(self.source, self.major))
        return self._shapes

    def replace(self, source: Graph) -> None:
        """Take `source` as the model that was given, where a pass has made layers in it that it did not have."""
        self.source = source
        self._shapes.clear()

    def input_shapes(self, layer: Layer) -> List[Optional[List[Optional[int]]]]:
        """The shape of the first input of each call of `layer`; None where it cannot be told."""
        return [self.shapes.get(refs[0]) if refs else None for refs in self.source.references(layer)]

    def free(self, name: str) -> str:
        """A name for a layer that a pass adds: `name`, longer where a layer has it."""
        while name in self.layers or name in self.source.layers or name in self.added:
            name += "_"
        self.added.add(name)
        return name

    def done(self) -> "Draft":
        """The model after all passes.  Raises Fault for what TensorFlow.js cannot compute."""
        draft = self
        for step in self.passes:
            draft = step(draft)
        return draft

    def converted(self, record: Record) -> Record:
        """The record of the model `record`, which is a layer of this one, after the same passes."""
        return Draft(record, self.major, self.passes).done().record()

    def part(self, places: List[int]) -> "Draft":
        """A trial: what is left of the model as it was given where its outputs are those at `places` alone."""
        source = graph(self.given, self.major)
        source = prune(source, [source.outputs[place] for place in places])
        weights = OrderedDict((name, own) for name, own in self.given_weights.items() if name in source.layers)
        record = record_of(source, self.given["class_name"], self.major)
        return Draft(record, self.major, self.passes, weights, is_trial=True)

    def graph(self) -> Graph:
        """The Graph of `layers`, whose calls are in Keras 2's dialect."""
        rest = OrderedDict([("name", self.source.rest.get("name"))]) if self.major >= 3 else self.source.rest
        return Graph(self.layers, self.source.inputs, self.source.outputs, rest)

    def order(self) -> List[str]:
        """The names of `layers` in the order in which `record` has them."""
        return list(self.layers) if self.is_sequential else layer_order(self.graph())

    def record(self) -> Record:
        """The model's record, in Keras 2's dialect."""
        if not self.is_sequential:
            return record_of(self.graph(), "Model", 2)
        layers, config = [layer.record for layer in self.layers.values()], self.given["config"]
        if isinstance(config, list):
            return OrderedDict(self.given, config=layers)
        kept = OrderedDict((key, value) for key, value in config.items() if self.major < 3 or key in REST)
        kept["layers"] = layers
        return OrderedDict([("class_name", "Sequential"), ("config", kept)])


def each_layer(change: Callable[[Draft, Layer], Layer]) -> Callable[[Draft], Draft]:
    """The pass that puts `change(draft, layer)` in place of every layer that no pass has refused yet.

    A Fault that `change` raises refuses the layer.
    """
    @functools.wraps(change)
    def step(draft: Draft) -> Draft:
        for name, layer in list(draft.layers.items()):
            if name not in draft.refused:
                try:
                    draft.layers[name] = change(draft, layer)
                except Fault as fault:
                    draft.refused[name] = fault
        return draft
    return step


def each_split(parts: Callable[[Draft, Layer], List[Record]]) -> Callable[[Draft], Draft]:
    """The pass that puts the layers `parts(draft, layer)`, one after the other, in place of every layer.

    The last one has the layer's name, and the first one its calls.
    """
    @functools.wraps(parts)
    def step(draft: Draft) -> Draft:
        layers = OrderedDict()
        for layer in draft.layers.values():
            calls = layer.calls
            for record in parts(draft, layer):
                added = Layer(record, calls)
                layers[added.name] = added
                calls = [[[added.name, node, 0, {}]] for node in range(len(calls))]
        draft.layers = layers
        return draft
    return step


def added_record(class_name: str, name: str, **config: Any) -> Record:
    """The record of a layer that a pass adds."""
    return OrderedDict([("class_name", class_name), ("config", OrderedDict(
        [("name", name), ("trainable", True), ("dtype", "float32")], **config)), ("name", name)])
