"""Arguments of an operation in the spelling of each Keras: tensors, constants and settings.

    Keras 3             {"args": [x], "kwargs": {}} and the settings in the config: {"axis": 1, "keepdims": false}
    TFOpLambda          [["x", 0, 0, {"axis": 1, "keepdims": null}]]
    TensorFlowOpLayer   inputs by place, constants among them, attributes in the config's node_def
"""
import base64
from typing import Any, Dict, List, Optional, Sequence, Union

import numpy

from ...base.fault import Fault
from ...emit import Builder, Value
from ...emit.core import type_of
from ..rules import Call

MOST = 1 << 24  # numbers of a tensor that comes of settings alone


def argument(call: Call, names: str, at: Optional[int] = None, default: Any = None) -> Any:
    """The argument that stands at place `at`, or under one of `names`, as its file holds it; None counts as none.

    Raises Fault where there is none and `default` is `needed`.
    """
    if at is not None and at < len(call.args) and call.args[at] is not None:
        return call.args[at]
    settings = attributes(call) if call.kind == "TensorFlowOpLayer" else call.config if call.major > 2 else {}
    for source in (call.kwargs, settings):
        for name in names.split():
            if source.get(name) is not None:
                return source[name]
    if default is needed:
        raise Fault(f"operation {call.path!r} ({call.kind}) lacks its {names.split()[0]}: the file is damaged")
    return default


def needed() -> None:
    """The default of an argument that has none."""


def attributes(call: Call) -> Dict[str, Any]:
    """The attributes of a TensorFlowOpLayer's operation as plain values: {"keep_dims": True, "axis": 1}.

    They are spelled as the JSON of protobuf: {"i": "1"}, {"b": true}, {"s": base64}, {"list": {"i": ["1", "2"]}}.
    What protobuf leaves out is zero, false or an empty text.
    """
    found = {}
    for name, value in (call.config["node_def"].get("attr") or {}).items():
        kind, inner = next(iter(value.items()), ("", None))
        if kind == "list":
            inner = [int(item) for item in inner.get("i", [])] if isinstance(inner, dict) else []
        elif kind == "i":
            inner = int(inner)
        elif kind == "f":
            inner = float(inner)
        elif kind == "s":
            inner = base64.b64decode(inner).decode("utf-8")
        found[name] = inner
    return found


def value(call: Call, given: Any, dtype: Optional[str] = None) -> Value:
    """An argument as a Value: a tensor as it is, and numbers as a constant of type `dtype`, or of their own."""
    if isinstance(given, Value):
        return given
    if isinstance(given, (list, tuple)) and any(isinstance(item, (Value, list, tuple)) for item in given) \
            and holds_tensors(given):
        parts = [value(call, item, dtype) for item in given]
        return call.b.stack([call.b.cast(part, join(parts)) for part in parts], 0)
    array = numpy.asarray(given)
    if array.dtype.kind not in "biuf":
        raise Fault(f"operation {call.path!r} ({call.kind}) is given {str(given)[:60]!r} in place of numbers")
    if dtype is None and array.dtype.kind in "iu" and array.size and (
            int(array.max()) > 2 ** 31 - 1 or int(array.min()) < -2 ** 31):
        call.refuse("its constant is beyond the 32 bits that TensorFlow.js counts with", "use floats")
    return call.b.constant(array, dtype or type_of(array.dtype))


def holds_tensors(given: Any) -> bool:
    """Whether a list, or a list in it, holds a tensor."""
    return isinstance(given, Value) or isinstance(given, (list, tuple)) and any(map(holds_tensors, given))


def join(values: Sequence[Value]) -> str:
    """The type that holds all of these."""
    found = {one.dtype for one in values}
    return "float32" if "float32" in found else "int32" if "int32" in found else "bool"


def tensor(call: Call, names: str = "x", at: int = 0, dtype: Optional[str] = None) -> Value:
    """The tensor, or constant, at that place or of one of these names."""
    found = argument(call, names, at, needed)
    if isinstance(found, (list, tuple)) and len(found) == 1 and isinstance(found[0], Value):
        found = found[0]
    return value(call, found, dtype)


def floats(call: Call, names: str = "x", at: int = 0) -> Value:
    """The tensor in floats."""
    return call.b.cast(tensor(call, names, at), "float32")


def pair(call: Call, names: Sequence[str] = ("x1 x a", "x2 y b")) -> List[Value]:
    """Both operands, brought to one type.

    TensorFlow makes a constant of the other's type, Keras 3 one that holds both.
    """
    raw = [argument(call, name, at, needed) for at, name in enumerate(names)]
    if call.major < 3:
        known = [one for one in raw if isinstance(one, Value)]
        raw = [value(call, one, known[0].dtype if known else None) for one in raw]
    first, second = [one if isinstance(one, Value) else value(call, one, wide(one)) for one in raw]
    return list(call.b.together(first, second))


def wide(given: Any) -> Optional[str]:
    """float32 for whole numbers beyond 32 bits, which only floats meet; else None."""
    large = type(given) is int and abs(given) > 2 ** 31 - 1
    return "float32" if large else None


FIRST = ("channels_first", "NCHW", "NCW", "NCDHW")


def first(call: Call) -> bool:
    """Whether the channels of an image stand before the spatial dimensions."""
    return argument(call, "data_format") in FIRST


def values(call: Call, names: str = "xs x values inputs", at: int = 0) -> List[Value]:
    """The tensors of a list, of which some may be constants."""
    found = argument(call, names, at, needed)
    return [value(call, one) for one in (found if isinstance(found, (list, tuple)) else [found])]


def known(given: Any) -> Any:
    """The numbers of a constant Value, and anything else as it is."""
    if isinstance(given, Value) and given.is_constant:
        return given.array.tolist()
    return given.tolist() if isinstance(given, numpy.ndarray) else given


def truth(b: Builder, x: Value) -> Value:
    """Whether each number is not 0."""
    return x if x.dtype == "bool" else b.compare("NotEqual", x, 0)


def integer(call: Call, given: Any, called: str = "setting") -> int:
    """A whole number.  Raises Fault for anything else, and a refusal for a tensor."""
    given = known(given)
    if isinstance(given, Value) or isinstance(given, (list, tuple)) and holds_tensors(given):
        call.refuse(f"its {called} is computed, and must be a constant", "write a whole number there")
    while isinstance(given, (list, tuple)) and len(given) == 1:
        given = given[0]
    if type(given) is float and given.is_integer():
        given = int(given)
    if type(given) is not int:
        raise Fault(f"operation {call.path!r} ({call.kind}) has {called}={str(given)[:60]}, which is no whole number")
    return given


def integers(call: Call, given: Any, called: str = "setting") -> List[int]:
    """A list of whole numbers; one alone is a list of one."""
    given = known(given)
    if isinstance(given, (list, tuple)):
        return [integer(call, one, called) for one in given]
    return [integer(call, given, called)]


def axes(call: Call, names: str = "axis axes", at: Optional[int] = None) -> Union[None, List[int]]:
    """The axes of a setting, None for all."""
    found = argument(call, names, at)
    return None if found is None else integers(call, found, "axis")


def limited(call: Call, shape: Sequence[Optional[int]]) -> None:
    """Raise a refusal where a tensor of that shape is larger than any model's."""
    size = 1
    for one in shape:
        if one is not None and one < 0:
            raise Fault(f"operation {call.path!r} ({call.kind}) has a size of {one}: the file is damaged")
        size *= 1 if one is None else one
    if size > MOST:
        call.refuse(f"it makes a tensor of {size} numbers", f"make one of at most {MOST}")
