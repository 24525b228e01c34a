"""Operations between the layers of a Keras model (`a + b`, `a * b`), and the layers that compute the same.

Keras 3 writes an operation by its class (Add), Keras 2.4 - 2.15 as a TFOpLambda, earlier ones as a TensorFlowOpLayer.
"""
from collections import OrderedDict
from typing import Any, Collection, Dict, List, Optional, Sequence

from ..base.fault import Fault
from . import constants, masks, shapes
from .constants import flat
from .kinds.operations import LAYER_OF, OfOperation, function_of, is_of_several, is_operation, settings_of
from .references import Ref, arguments, keras3_tensors, references
from .topology import Graph, Layer


def tensors(layer: Layer, call: Any, names: Collection[str]) -> List[Ref]:
    """The tensors that the operation `layer` is called with, in the order of its arguments.

    call: as either Keras spells it.  names: those of the graph's layers.
    Raises Fault where an argument is a constant.
    """
    if not isinstance(call, dict):  # ["a", 0, 0, {"y": ["b", 0, 0], "name": null}]
        return references(call, names)
    values, keywords = arguments(call)
    for key, value in keywords.items():
        if references(value, names):
            raise Fault(f"{layer.name!r} is the operation {layer.class_name}, called with a tensor as {key}=: give it "
                        "by its place")
    found = references(values, names)
    if len(found) != len(flat(values)) or keywords:
        raise Fault(f"{layer.name!r} is the operation {layer.class_name} with a constant, which is no layer: put a "
                    "layer in its place")
    return found


def record_of_layer(layer: Layer, calls: Collection[List[Any]]) -> Dict[str, Any]:
    """The record of the layer that computes what the operation `layer` does.

    calls: for each call the tensors that it is given.
    Raises Fault where no layer does.
    """
    function = function_of(layer.record)
    name = LAYER_OF.get(function)
    if name is None:
        called = layer.config.get("function", function)
        raise Fault(f"{layer.name!r} is the operation {called}, which is no layer: put a layer in its place")
    for call in calls:
        if len(call) < 2 and is_of_several(name):
            raise Fault(f"{layer.name!r} is the operation {name} with a constant: put a layer in its place")
    config = OfOperation([("name", layer.name), ("trainable", True), ("dtype", "float32")] + settings_of(layer.record))
    return OrderedDict([("class_name", name), ("config", config), ("name", layer.name)])


def as_layers(source: Graph) -> Graph:
    """Make layers of the operations in the graph of a Keras 3 h5, in place; return the graph.

    An h5 holds no modules, so that Keras 3 takes its own `Add` operation for the layer of that name, and cannot load
    it.  Where the layer does not compute what the operation does, the operation stays.
    A Rescaling of Keras 3 hands on masks, and an operation does not.
    """
    if not any(masks.any_inside(layer.record, masks.makes) for layer in source.layers.values()):
        source.layers.update((name, layer) for name, layer in constants.rescalings(source, 3).items()
                             if "module" not in source.layers[name].record)
    found = [layer for layer in source.layers.values()
             if layer.class_name in LAYER_OF and is_operation(layer.record, 3) and "module" not in layer.record]
    known = shapes.of_graph(source, 3) if found else {}
    for layer in found:
        try:
            source.layers[layer.name] = as_layer(layer, source, known)
        except Fault:  # it stays an operation, of which only a graph model can be made
            pass
    return source


def as_layer(layer: Layer, source: Graph, known: Dict[Ref, Any]) -> Layer:
    """The layer that computes what the operation `layer` does.  known: {Ref: shape}.  Raises Fault where none does."""
    for refs in source.references(layer):
        ranks = unlike_ranks(layer.class_name, [known.get(ref) for ref in refs])
        if ranks:
            raise Fault(f"{layer.name!r} is the operation {layer.class_name} on tensors of {ranks} dimensions: the "
                        "layer of that name broadcasts differently; give them as many by a Reshape")
    record = record_of_layer(layer, [tensors(layer, call, source.layers) for call in layer.calls])
    given = [keras3_tensors(call) for call in layer.calls]
    several = is_of_several(record["class_name"])
    return Layer(record, [{"args": [call] if several else call, "kwargs": {}} for call in given])


def unlike_ranks(function: str, inputs: Sequence[Optional[Sequence[Any]]]) -> str:
    """"3 and 2" where the layer that computes `function` broadcasts inputs of these shapes differently, else "".

    Keras's merging layers put dimensions in behind the batch (keras 3 layers/merging/base_merge.py: call), numpy's
    rules put them in front of it.
    """
    ranks = [len(shape) for shape in inputs if shape is not None]
    unlike = function in LAYER_OF and is_of_several(LAYER_OF[function]) and len(set(ranks)) > 1
    return " and ".join(map(str, ranks)) if unlike else ""
