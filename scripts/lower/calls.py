"""The arguments of a call, with a Value in place of each reference to a tensor.

    Keras 3     {"args": [tensor, 127.5], "kwargs": {"mask": tensor}}
    Keras 2     [["x", 0, 0, {"y": 127.5}]], [["a", 0, 0, {}], ["b", 0, 0, {}]], {"age": ["a", 0, 0, {}]}
                and CONSTANT in place of a layer's name where the first argument is a constant
"""
from typing import Any, Dict, List, Mapping, NamedTuple, Optional

import numpy

from ..base.fault import Fault
from ..emit import Value
from ..layers.constants import CONSTANT
from ..layers.kinds.operations import LAMBDAS, OP_LAYER, is_operation
from ..layers.references import Ref, history, is_keras2_tensor, is_keras3_tensor
from ..layers.spelling import ARRAYS
from ..layers.topology import Layer

LEFT_OUT = ("training",)
STATES = ("initial_state", "states")  # lists of arrays, whose number the layer knows (recurrent.flat)


class Arguments(NamedTuple):
    """Arguments by place and by keyword; training: what a call of Keras 2 says of it, None where it says nothing."""

    args: List[Any]
    kwargs: Dict[str, Any]
    training: Any = None


def arguments(layer: Layer, call: Any, layers: Mapping[str, Layer], known: Mapping[Ref, Value], major: int
              ) -> Arguments:
    """Return the arguments of one call of `layer`, `known` holds the tensors.

    Of Keras 2: one tensor, or a list where there are several, and the keywords beside the last of them.
    """
    if isinstance(call, dict) and major >= 3:
        args = [keras3(item, known) for item in call.get("args") or []]
        kwargs = {key: keras3(item, known) for key, item in (call.get("kwargs") or {}).items() if key not in LEFT_OUT}
        if not args and not is_operation(layer.record, major):
            args = [kwargs.pop(key) for key in ("inputs", "sequences", "query", "x", "x1", "xs") if key in kwargs][:1]
        return Arguments(args, kwargs)
    keywords: Dict[str, Any] = {}
    operation = layer.class_name in LAMBDAS or layer.class_name == OP_LAYER
    first = keras2(call, layers, known, keywords, not operation)
    if layer.class_name == OP_LAYER:
        return Arguments(with_constants(layer, first), {})
    kwargs = {key: keras2_argument(value, layers, known) for key, value in keywords.items()}
    if operation:  # Keras keeps the list that holds one tensor
        return Arguments([first], kwargs)
    if isinstance(first, list) and len(first) == 1 and single(call):
        first = first[0]
    return Arguments([first], {key: value if key in STATES else array_of(value) for key, value in kwargs.items()
                               if key not in LEFT_OUT}, keywords.get("training"))


def with_constants(layer: Layer, first: Any) -> List[Any]:
    """The inputs of a TensorFlowOpLayer: its tensors, and constants at the places that the config says."""
    given = list(first) if isinstance(first, list) else [first]
    constants = layer.config.get("constants") or {}
    for place in sorted(constants, key=int):
        given.insert(int(place), constants[place])
    return given


def single(call: Any) -> bool:
    """Whether a call of Keras 2 is one tensor: Keras writes [[name, node, tensor, kwargs]] then."""
    return isinstance(call, list) and len(call) == 1


def keras3(value: Any, known: Mapping[Ref, Value]) -> Any:
    """An argument of Keras 3."""
    if is_keras3_tensor(value):
        return found(history(value), known)
    if isinstance(value, dict):
        if value.get("class_name") in ARRAYS:
            config = value.get("config") or {}
            return numpy.array(config.get("value"), config.get("dtype") or None)
        if value.get("class_name") == "__tuple__":
            items = value.get("items") or (value.get("config") or {}).get("items") or []
            return [keras3(item, known) for item in items]
        if value.get("class_name") == "slice" or value.get("class_name") == "__slice__":
            config = value.get("config") or value
            return slice(*[keras3(config.get(key), known) for key in ("start", "stop", "step")])
        if value.get("class_name") == "__ellipsis__":
            return Ellipsis
        return {key: keras3(item, known) for key, item in value.items()}
    if isinstance(value, list):
        return [keras3(item, known) for item in value]
    return value


def keras2(value: Any, layers: Mapping[str, Layer], known: Mapping[Ref, Value], keywords: Dict[str, Any],
           of_layer: bool = False) -> Any:
    """The first argument of a call of Keras 2; the keyword arguments beside its tensors are put into `keywords`.

    of_layer: whether a constant becomes an array, as a layer is given it; an operation is given what the file has.
    """
    if is_keras2_tensor(value, layers):
        keywords.update(value[3] if len(value) > 3 and isinstance(value[3], dict) else {})
        return found(Ref(*value[:3]), known)
    if isinstance(value, list) and len(value) == 4 and value[0] == CONSTANT:
        keywords.update(value[3] if isinstance(value[3], dict) else {})
        return array_of(value[2]) if of_layer else value[2]
    if isinstance(value, list):
        return [keras2(item, layers, known, keywords, of_layer) for item in value]
    if isinstance(value, dict):
        return {key: keras2(item, layers, known, keywords, of_layer) for key, item in value.items()}
    return value


def array_of(value: Any) -> Any:
    """The array that a file of Keras 2 has as lists of numbers; anything else as it is."""
    try:
        array = numpy.array(value) if isinstance(value, list) else numpy.array(None)
    except ValueError:  # a list of arrays of different shapes
        return value
    if not array.size or array.dtype.kind not in "bif":
        return value
    return array.astype("float32") if array.dtype.kind == "f" else array


def keras2_argument(value: Any, layers: Mapping[str, Layer], known: Mapping[Ref, Value]) -> Any:
    """A keyword argument of Keras 2: a tensor, a constant, or lists and dicts of these."""
    if is_keras2_tensor(value, layers) and len(value) == 3:
        return found(Ref(*value), known)
    if isinstance(value, list):
        return [keras2_argument(item, layers, known) for item in value]
    if isinstance(value, dict):
        if value.get("class_name") in ("TensorShape", "__tuple__"):
            return keras2_argument(value.get("items"), layers, known)
        if value.get("class_name") == "__ellipsis__":
            return Ellipsis
        if set(value) == {"start", "stop", "step"}:  # tf_op_layer.py: _slice_to_dict
            return slice(*[keras2_argument(value[key], layers, known) for key in ("start", "stop", "step")])
        return {key: keras2_argument(item, layers, known) for key, item in value.items()}
    return value


def found(ref: Ref, known: Mapping[Ref, Value]) -> Value:
    """The Value of a reference."""
    value: Optional[Value] = known.get(ref)
    if value is None:
        raise Fault(f"a call refers to output {ref.tensor} of {ref.layer!r}, which is not there: the file is damaged")
    return value
