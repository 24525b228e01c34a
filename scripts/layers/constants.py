"""Operations of one tensor with a constant (`x / 127.5 - 1`), and the Rescaling layers that compute the same.

    Keras 3              {"args": [tensor, 127.5], "kwargs": {}}; arrays as {"class_name": "__numpy__", …}
    Keras 2.4 - 2.15     ["x", 0, 0, {"y": 127.5}], or ["_CONSTANT_VALUE", -1, 1.0, {"y": ["x", 0, 0]}]
    before               [["x", 0, 0, {}]], the constant in the config: {"constants": {"1": 127.5}}
"""
from collections import OrderedDict
from typing import Any, Collection, Dict, List, NamedTuple, Optional, Tuple

import numpy

from . import shapes
from .kinds.operations import OfOperation, is_operation, named
from .references import Ref, history, is_keras2_tensor, is_keras3_tensor
from .spelling import ARRAYS
from .topology import Graph, Layer
from .variables import variables

MOST = 65536  # numbers that a config may hold
KEYWORDS = ({"x1", "x2"}, {"y", "name"})  # of calls of Keras 3 and of Keras 2
CONSTANT = "_CONSTANT_VALUE"  # of Keras 2, in place of a layer's name: the constant stands in place of the tensor
# What operations compute: classes of keras.ops, TFOpLambda's functions, TensorFlowOpLayer's operations
COMPUTED = {"Add": "+", "Subtract": "-", "Multiply": "*", "Divide": "/", "TrueDivide": "/",
            "__operators__.add": "+", "math.add": "+", "math.subtract": "-", "math.multiply": "*",
            "math.truediv": "/", "math.divide": "/",
            "AddV2": "+", "Sub": "-", "Mul": "*", "RealDiv": "/"}


class Operands(NamedTuple):
    """The operands of one call of an operation.

    ref         the tensor
    constant    an ndarray of float64
    is_second   whether the constant is the second of the two
    tensor      the tensor as the call spells it
    """

    ref: Ref
    constant: numpy.ndarray
    is_second: bool
    tensor: Any


def rescalings(source: Graph, major: int) -> Dict[str, Layer]:
    """Return {name: the Rescaling that computes what the operation of that name does}, calls in Keras `major`'s
    spelling, of all operations of `source` that one does.

    An array is one along the last axis.  What is an integer after the operation is left out: a Rescaling computes
    with floats.
    """
    given = OrderedDict()
    for name, layer in source.layers.items():
        found = [operands(layer, call, source.layers, major) for call in layer.calls] \
            if is_operation(layer.record, major) else []
        if found and all(found):
            given[name] = found
    made = OrderedDict()
    for name, found in given.items():
        factors = {factor(sign_of(source.layers[name].record), one) for one in found}
        if len(factors) == 1 and None not in factors:
            made[name] = Layer(record_of(name, *factors.pop()), [spelled(one.tensor, major) for one in found])
    if not made:
        return made
    assumed = Graph(OrderedDict(source.layers, **made), source.inputs, source.outputs, source.rest, source.shift)
    known, floats = shapes.of_graph(assumed, major), floating(source)
    return OrderedDict((name, layer) for name, layer in made.items()
                       if all(fits(one.constant, known.get(one.ref)) for one in given[name])
                       and all(computes_floats(source.layers[name].record, one, floats) for one in given[name]))


def sign_of(record: Dict[str, Any]) -> Optional[str]:
    """One of + - * / for an operation that computes it, else None."""
    return COMPUTED.get(named(record))


def operands(layer: Layer, call: Any, names: Collection[str], major: int) -> Optional[Operands]:
    """The Operands of one call of the operation `layer`; None where they are not a tensor and a constant.

    names: those of the graph's layers
    """
    if sign_of(layer.record) is None:
        return None
    two = of_keras_3(call) if major >= 3 else of_node(layer.config, call) \
        if layer.class_name == "TensorFlowOpLayer" else of_keras_2(call, names)
    if two is None:
        return None
    refs = [history(value) if is_keras3_tensor(value) else Ref(*value[:3]) if is_keras2_tensor(value, names) else None
            for value in two]
    if (refs[0] is None) == (refs[1] is None):
        return None
    is_second = refs[1] is None
    tensor, constant = two if is_second else two[::-1]
    constant = numbers(constant)
    return None if constant is None else Operands(refs[0] or refs[1], constant, is_second, tensor)


def of_keras_3(call: Any) -> Optional[List[Any]]:
    """Both arguments of a call of Keras 3."""
    if not isinstance(call, dict):
        return None
    given = dict(zip(("x1", "x2"), call.get("args") or []), **call.get("kwargs") or {})
    return [given["x1"], given["x2"]] if set(given) == KEYWORDS[0] and len(call.get("args") or []) <= 2 else None


def of_keras_2(call: Any, names: Collection[str]) -> Optional[List[Any]]:
    """Both arguments of a call of a TFOpLambda: the first one is in place of the tensor, and may be none."""
    call = call[0] if isinstance(call, list) and len(call) == 1 else call
    if not isinstance(call, list) or len(call) != 4 or not isinstance(call[3], dict) or "y" not in call[3] \
            or not set(call[3]) <= KEYWORDS[1]:
        return None
    if is_keras2_tensor(call, names):
        return [call[:3], call[3]["y"]]
    return [call[2], call[3]["y"]] if call[:2] == [CONSTANT, -1] else None


def of_node(config: Dict[str, Any], call: Any) -> Optional[List[Any]]:
    """Both arguments of a TensorFlowOpLayer."""
    constants = config.get("constants")
    if not isinstance(constants, dict) or len(constants) != 1 or not isinstance(call, list) or len(call) != 1:
        return None
    place, value = next(iter(constants.items()))
    return {"0": [value, call[0]], "1": [call[0], value]}.get(str(place))


def numbers(value: Any) -> Optional[numpy.ndarray]:
    """A constant of a call as an array of float64; None where it holds anything but finite numbers."""
    if isinstance(value, dict):
        config = value.get("config")
        value = config.get("value") if value.get("class_name") in ARRAYS and isinstance(config, dict) else None
    items = flat(value)
    if not 0 < len(items) <= MOST or not all(type(item) in (int, float) for item in items):
        return None
    try:
        found = numpy.array(value, "float64")
    except (ValueError, OverflowError):  # lists of unlike lengths, an integer beyond all floats
        return None
    return found if numpy.isfinite(found).all() else None


def flat(value: Any) -> List[Any]:
    """The items of lists in lists, one after the other."""
    if isinstance(value, list):
        return [item for inner in value for item in flat(inner)]
    return [value]


def factor(sign: Optional[str], given: Operands) -> Optional[Tuple[Any, Any]]:
    """(scale, offset) of the Rescaling, numbers or tuples; None where none computes it."""
    value, one = given.constant.ravel(), numpy.ones(1)
    if sign == "/" and (not given.is_second or not value.all()):
        return None
    scale, offset = {"+": (one, value), "*": (value, 0 * one), "/": (1 / value if sign == "/" else value, 0 * one),
                     "-": (one, 0 - value) if given.is_second else (-one, value)}[sign]
    with numpy.errstate(over="ignore"):
        if not all(numpy.isfinite(part.astype("float32")).all() for part in (scale, offset)):
            return None
    return tuple(float(part[0]) if part.size == 1 else tuple(part.tolist()) for part in (scale, offset))


def record_of(name: str, scale: Any, offset: Any) -> Dict[str, Any]:
    """The record of a Rescaling."""
    scale, offset = [list(part) if isinstance(part, tuple) else part for part in (scale, offset)]
    config = OfOperation([("name", name), ("trainable", True), ("dtype", "float32"), ("scale", scale),
                          ("offset", offset)])
    return OrderedDict([("class_name", "Rescaling"), ("config", config), ("name", name)])


def spelled(tensor: Any, major: int) -> Any:
    """A layer's call on that tensor."""
    return {"args": [tensor], "kwargs": {}} if major >= 3 else [list(tensor[:3]) + [{}]]


def fits(constant: numpy.ndarray, shape: Optional[List[Optional[int]]]) -> bool:
    """Whether a tensor of that shape stays what it is under the constant, which is one number or a row for its last
    axis."""
    if constant.ndim == 0 or constant.shape == (1,):
        return True
    return shape is not None and constant.ndim <= len(shape) and constant.size == constant.shape[-1] \
        and constant.size in (1, shape[-1])


def computes_floats(record: Dict[str, Any], given: Operands, floats: Dict[Tuple[str, int], bool]) -> bool:
    """Whether what comes of the call is of floats: quotients are.  floats: `floating`'s."""
    if sign_of(record) == "/":
        return True
    if is_keras3_tensor(given.tensor):
        return "float" in str(given.tensor["config"].get("dtype"))
    if record["class_name"] == "TensorFlowOpLayer":
        kind = (record["config"]["node_def"].get("attr") or {}).get("T") or {}
        return kind.get("type") in ("DT_FLOAT", "DT_HALF", "DT_BFLOAT16", "DT_DOUBLE")
    return floats.get(given.ref[:2], False)


def floating(source: Graph) -> Dict[Tuple[str, int], bool]:
    """{(layer, call): whether it certainly gives floats} of a graph of Keras 2, which tells the inputs' types alone.

    A layer of TensorFlow.js with weights gives floats, any other one gives floats for floats.
    """
    known: Dict[Tuple[str, int], bool] = {}
    for name, node, refs in shapes.steps(source):
        layer = source.layers[name]
        if layer.is_input:
            known[name, node] = "float" in str(layer.config.get("dtype") or "float32")
        else:
            known[name, node] = sign_of(layer.record) == "/" or all(known.get(ref[:2]) for ref in refs) \
                or not layer.is_model and bool(variables(layer.record))
    return known
