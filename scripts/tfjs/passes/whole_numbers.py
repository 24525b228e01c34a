"""Layers that TensorFlow.js computes differently from Keras where their input is whole numbers (dtype int32).

Keras 2 cuts off the fraction of their mean, and both Kerases normalize and compute activations in floats.
TensorFlow.js makes the mean a float, rounds what it normalizes to whole numbers, has no tanh of whole numbers, and
makes floats that are joined to whole numbers whole (tfjs 1.0.0 and 4.22.0, in Node).  Sums of 8 or 16 bits overflow
only in Keras.
"""
from typing import Callable, Set, Tuple

from ...base.fault import Fault
from ...layers import few_bits, kinds, shapes
from ...layers.kinds.operations import LAYER_OF, function_of, is_operation
from ...layers.topology import Graph, Layer, input_dtype
from .draft import Draft

# Layers that give whole numbers for whole numbers
KEEP = kinds.merges() - {"Average"} | set("""Reshape Flatten Permute RepeatVector Cropping2D ZeroPadding2D
    UpSampling2D MaxPooling1D MaxPooling2D GlobalMaxPooling1D GlobalMaxPooling2D Concatenate Dropout ReLU
    Masking""".split())
MEANS = ("GlobalAveragePooling1D", "GlobalAveragePooling2D")
NORMALIZATIONS = ("BatchNormalization", "LayerNormalization")
KINDS = MEANS + NORMALIZATIONS + ("Concatenate", "Activation", "TimeDistributed")
OVERFLOW = ("Add", "Subtract", "Multiply", "Average", "Dot")  # layers, and operations that are done by layers
EXACT = ("linear", "relu")  # activations that give whole numbers for whole numbers, in TensorFlow.js too


def check(draft: Draft) -> Draft:
    """Refuse such layers."""
    found, narrow = whole(draft.source, is_whole), whole(draft.source, is_narrow)
    for name, layer in draft.layers.items() if found else ():
        own = draft.source.layers[name]
        calls = draft.source.references(own) if name not in draft.refused else []
        if layer.class_name in KINDS and any(
                differs(layer, {ref[:2] in found for ref in refs}, draft.major) for refs in calls) or \
                overflows(own, draft.major) and any(ref[:2] in narrow for refs in calls for ref in refs):
            draft.refused[name] = Fault(f"layer {name!r} is a {layer.class_name} of whole numbers, which TensorFlow.js "
                                        "computes differently: give the model an input of floats")
    return draft


def differs(layer: Layer, sides: Set[bool], major: int) -> bool:
    """Whether a layer computes differently.  sides: whether its inputs are whole numbers."""
    record = layer.record
    while record["class_name"] == "TimeDistributed":
        record = record["config"]["layer"]
    name = record["class_name"]
    if name == "Concatenate":
        return len(sides) > 1
    if name == "Activation":
        return sides == {True} and record["config"].get("activation") not in EXACT
    return sides == {True} and (name in NORMALIZATIONS or name in MEANS and major < 3)


def overflows(layer: Layer, major: int) -> bool:
    """Whether a layer or an operation may give more than few bits hold."""
    name = layer.class_name
    if is_operation(layer.record, major):
        name = function_of(layer.record)
        name = {"sub": "Subtract", "subtract": "Subtract", "Sub": "Subtract"}.get(name) or LAYER_OF.get(name, name)
    return name in OVERFLOW


def whole(source: Graph, is_such: Callable[[Layer], bool]) -> Set[Tuple[str, int]]:
    """The (layer, call) that certainly give whole numbers, of inputs that are such."""
    found: Set[Tuple[str, int]] = set()
    if not any(layer.is_input and is_such(layer) for layer in source.layers.values()):
        return found
    for name, node, refs in shapes.steps(source):
        layer = source.layers[name]
        if layer.is_input and is_such(layer) or refs and layer.class_name in KEEP and all(
                ref[:2] in found for ref in refs):
            found.add((name, node))
    return found


def is_whole(layer: Layer) -> bool:
    """Whether an input takes whole numbers."""
    return "int" in str(layer.config.get("dtype") or "")


def is_narrow(layer: Layer) -> bool:
    """Whether an input takes whole numbers of few bits."""
    return input_dtype(layer.record) in few_bits.TYPES
