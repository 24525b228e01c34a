"""The modelTopology of a TensorFlow.js graph model, a GraphDef in protobuf's JSON -> operations.Graph.

It takes what google.protobuf.json_format.ParseDict takes, and what TensorFlow.js takes beside that
(operation_mapper.ts): numbers that are no text, bytes as a list of numbers.
"""
import base64
import binascii
from collections import OrderedDict
from typing import Any, Callable, Dict, List, Optional, Tuple

from ..layers.model import MAX_RANK, Weight
from ..operations import graphdef
from ..operations.graph import (
    NUMBERS,
    OF_NUMPY,
    TYPES,
    Attribute,
    Call,
    Constant,
    Function,
    Graph,
    Node,
    Row,
    Shape,
    Tensor,
)
from ..operations.messages import FULL_TYPES, MESSAGES, Field
from ..wire.protobuf import Damaged, field

Weights = Dict[str, Weight]

LARGEST = 1 << 63
WORDS = {"NaN": float("nan"), "Infinity": float("inf"), "-Infinity": float("-inf")}


def graph(document: Any, weights: Weights) -> Graph:
    """Return the Graph of a modelTopology, without inputs, outputs and shapes, which it does not tell.

    weights: {name of a constant: its values}.  Raises Damaged for what is no GraphDef.
    """
    found = dictionary(document)
    nodes = [node(one, weights, graphdef.number_of_output) for one in items(found, "node")]
    library, versions = dictionary(found.get("library") or {}), dictionary(found.get("versions") or {})
    result = Graph(nodes, functions=[function(one, weights) for one in items(library, "function")],
                   producer=whole(versions.get("producer", 0)), consumer=whole(versions.get("minConsumer", 0)))
    if len(result.nodes) < len(nodes):
        raise Damaged("two nodes of one name")
    return result


def node(document: Any, weights: Weights, tensor: Callable[[str], Tensor]) -> Node:
    """Return the Node of a NodeDef; tensor: what makes a Tensor of the text of an input."""
    found = dictionary(document)
    name, op, inputs = text(found.get("name")), text(found.get("op")), [text(one) for one in items(found, "input")]
    attributes = OrderedDict((key, attribute(value)) for key, value in dictionary(found.get("attr") or {}).items())
    if op == "Const":
        attributes["value"] = Attribute("tensor", constant(name, attributes, weights))
    rest = encoded({key: found[key] for key in ("experimentalDebugInfo", "experimentalType") if key in found},
                   "NodeDef")
    return Node(name, op, [tensor(one) for one in inputs if not one.startswith("^")],
                [one[1:] for one in inputs if one.startswith("^")], attributes, None,
                text(found.get("device", "")), rest)


def constant(name: str, attributes: Dict[str, Attribute], weights: Weights) -> Constant:
    """Return the value of a constant, which is the weight of its name: TensorFlow.js looks at nothing else."""
    held = attributes.get("value")
    told = held.value if held is not None and held.kind == "tensor" else Constant("DT_INVALID", None, None)
    weight = weights.get(name)
    if weight is None:
        return told._replace(values=None)
    return Constant(OF_NUMPY[weight.dtype.name], weight.shape, weight)


def function(document: Any, weights: Weights) -> Function:
    """Return the Function of a FunctionDef."""
    found = dictionary(document)
    results = OrderedDict((key, text(value)) for key, value in dictionary(found.get("ret") or {}).items())
    rest = {key: value for key, value in found.items() if key not in ("nodeDef", "ret")}
    name = text(dictionary(found.get("signature") or {}).get("name", ""))
    nodes = [node(one, weights, graphdef.name_of_output) for one in items(found, "nodeDef")]
    return Function(name, nodes, results, encoded(rest, "FunctionDef"))


# Attributes ----------------------------------------------------------------------------------------------------

def attribute(document: Any, depth: int = 0) -> Attribute:
    """Return the Attribute of an AttrValue, of its first field that is known."""
    if depth > graphdef.MAX_DEPTH:
        raise Damaged("attributes nested too deep")
    found = dictionary(document)
    for kind, value in found.items():
        if kind == "list":
            return Attribute(kind, row(dictionary(value), depth + 1))
        if kind in READERS:
            return Attribute(kind, single(kind, value, depth))
    return Attribute("", None)


def row(found: Dict[str, Any], depth: int) -> Row:
    """Return the Row of an AttrValue.ListValue."""
    for kind in found:
        if kind in READERS and items(found, kind):
            return Row(kind, [single(kind, value, depth) for value in items(found, kind)])
    return Row("", [])


def single(kind: str, value: Any, depth: int) -> Any:
    """Return the value of one field of an AttrValue, as graph.Attribute says."""
    if kind == "func":
        found = dictionary(value)
        return Call(text(found.get("name", "")), OrderedDict(
            (key, attribute(inner, depth + 1)) for key, inner in dictionary(found.get("attr") or {}).items()))
    return READERS[kind](value)


def tensor(value: Any) -> Constant:
    """Return a TensorProto without its values."""
    found = dictionary(value)
    return Constant(dtype(found.get("dtype", "DT_INVALID")), shape(found.get("tensorShape") or {}), None)


def shape(value: Any) -> Shape:
    """Return the Shape of a TensorShapeProto; a size that is left out is 0."""
    found = dictionary(value)
    if found.get("unknownRank"):
        return None
    sizes = [whole(dictionary(one).get("size", 0)) for one in items(found, "dim")]
    if len(sizes) > MAX_RANK:
        raise Damaged(f"a shape of {len(sizes)} dimensions")
    return tuple(None if size < 0 else size for size in sizes)


def dtype(value: Any) -> Any:
    """Return "DT_FLOAT", or the number of a type that has no name here."""
    return value if isinstance(value, str) else TYPES.get(whole(value), whole(value))


def raw(value: Any) -> bytes:
    """Return bytes, which are base64 or a list of their numbers."""
    try:
        return bytes(value) if isinstance(value, list) else base64.b64decode(text(value))
    except (ValueError, TypeError, binascii.Error):
        raise Damaged("no bytes where bytes should be")


def real(value: Any) -> float:
    """Return a float, which may be text."""
    try:
        return WORDS[value] if isinstance(value, str) and value in WORDS else float(value)
    except (TypeError, ValueError, OverflowError):
        raise Damaged("no number where a number should be")


def flag(value: Any) -> bool:
    """Return a bool."""
    if not isinstance(value, bool):
        raise Damaged("no bool where a bool should be")
    return value


def whole(value: Any) -> int:
    """Return an int of 64 bits, which may be text."""
    try:
        found = int(value)
    except (TypeError, ValueError, OverflowError):
        raise Damaged("no number where a number should be")
    if not -LARGEST <= found < LARGEST or isinstance(value, float) and found != value:
        raise Damaged("no number where a number should be")
    return found


def text(value: Any) -> str:
    """Return a str that UTF-8 can spell."""
    try:
        value.encode("utf-8")
    except (AttributeError, UnicodeEncodeError):
        raise Damaged("no text where text should be")
    if not isinstance(value, str):
        raise Damaged("no text where text should be")
    return value


READERS = {"s": raw, "i": whole, "f": real, "b": flag, "type": dtype, "shape": shape, "tensor": tensor,
           "placeholder": text, "func": None}


def dictionary(value: Any) -> Dict[str, Any]:
    """Return an object of JSON."""
    if not isinstance(value, dict):
        raise Damaged("no object where an object should be")
    return value


def items(found: Dict[str, Any], key: str) -> List[Any]:
    """Return the list of a key, [] where there is none."""
    value = found.get(key) or []
    if not isinstance(value, list):
        raise Damaged("no list where a list should be")
    return value


# Messages of which a Graph keeps the bytes -----------------------------------------------------------------------

def encoded(document: Any, kind: str, depth: int = 0) -> bytes:
    """Return the bytes of one of messages.MESSAGES; what it does not list is left out."""
    if depth > graphdef.MAX_DEPTH:
        raise Damaged("messages nested too deep")
    found, result = dictionary(document), b""
    for place, one in sorted(MESSAGES[kind].items()):
        if found.get(one.name) is None:
            continue
        if one.count == "list":
            result += b"".join(field(place, part(value, one.type, depth)) for value in items(found, one.name))
        elif one.count == "map":
            result += b"".join(field(place, field(1, key_of(key, one)) + field(2, part(value, one.type, depth)))
                               for key, value in dictionary(found[one.name]).items())
        else:
            result += field(place, part(found[one.name], one.type, depth))
    return result


def key_of(key: str, one: Field) -> Any:
    """Return the key of a map: a number where graph_json.described has one."""
    return whole(key) if one.type in ("ArgAttrs", "int32") else key


def part(value: Any, kind: str, depth: int) -> Any:
    """Return one value of a field of this type, as protobuf.field takes it."""
    if kind in MESSAGES:
        return encoded(value, kind, depth + 1)
    if kind == "string":
        return text(value)
    if kind == "AttrValue":
        return graphdef.written(attribute(value))
    if kind == "Shape":
        return graphdef.written_shape(shape(value))
    if kind == "FullTypeId":
        return full_type(value)
    if kind == "DataType":
        found = dtype(value)
        return whole(NUMBERS.get(found, found))
    return flag(value) if kind == "bool" else whole(value)


def full_type(value: Any) -> int:
    """Return the number of a FullTypeId."""
    numbers = {"TFT_" + name: place for place, name in FULL_TYPES.items()}
    return numbers[value] if isinstance(value, str) and value in numbers else whole(value)


# Signatures ------------------------------------------------------------------------------------------------------

def signature(document: Any, side: str) -> 'Optional[OrderedDict[str, Tuple[str, Shape]]]':
    """Return {key: (name of its tensor, its shape)} of the "inputs" or "outputs" of a SignatureDef; None for none."""
    found = dictionary(document or {}).get(side)
    if not found:
        return None
    result = OrderedDict()
    for key, value in dictionary(found).items():
        info = dictionary(value)
        result[key] = text(info.get("name", key)), shape(info["tensorShape"]) if info.get("tensorShape") else None
    return result
