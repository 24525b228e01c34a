"""operations.Graph -> the modelTopology of a graph model: a GraphDef in protobuf's JSON.

The result is what google.protobuf.json_format.MessageToDict makes of a GraphDef whose constants have no values: names
in camelCase, 64-bit numbers and bytes as text, 32-bit floats in as few digits as tell them apart, and no entry for a
field that is not set.
"""
import base64
import math
import struct
from collections import OrderedDict
from typing import Any, Dict

from ..operations import graphdef
from ..operations.graph import Attribute, Constant, Function, Graph, Node, Shape
from ..operations.messages import FULL_TYPES, MESSAGES
from ..wire.protobuf import Damaged, Value, fields, message, signed, string


def topology(graph: Graph) -> Dict[str, Any]:
    """Return the modelTopology of a graph model, JSON-able."""
    versions = [(key, value) for key, value in (("producer", graph.producer), ("minConsumer", graph.consumer)) if value]
    library = {"function": [function(one) for one in graph.functions]} if graph.functions else {}
    document = {"library": library, "versions": dict(versions)}
    if graph.nodes:
        document["node"] = [node(one) for one in graph.nodes.values()]
    return document


def node(one: Node) -> Dict[str, Any]:
    """Return a NodeDef."""
    found = OrderedDict([("name", one.name), ("op", one.op)])
    inputs = [str(tensor) for tensor in one.inputs] + ["^" + name for name in one.controls]
    if inputs:
        found["input"] = inputs
    if one.device:
        found["device"] = one.device
    if one.attributes:
        found["attr"] = OrderedDict((name, attribute(value)) for name, value in one.attributes.items())
    found.update(described(one.rest, "NodeDef"))
    return found


def function(one: Function) -> Dict[str, Any]:
    """Return a FunctionDef."""
    found = described(one.rest, "FunctionDef")
    if one.nodes:
        found["nodeDef"] = [node(inner) for inner in one.nodes]
    if one.results:
        found["ret"] = OrderedDict(one.results)
    return found


def attribute(one: Attribute) -> Dict[str, Any]:
    """Return an AttrValue."""
    if not one.kind:
        return {}
    if one.kind == "list":
        values = [value_of(one.value.kind, value) for value in one.value.values]
        return {"list": {one.value.kind: values} if values else {}}
    return {one.kind: value_of(one.kind, one.value)}


def value_of(kind: str, value: Any) -> Any:
    """Return the value of an attribute of this kind (graph.Attribute)."""
    if kind == "s":
        return base64.b64encode(value).decode("ascii")
    if kind == "i":
        return str(value)
    if kind == "f":
        return shortest(value)
    if kind == "shape":
        return shape(value)
    if kind == "tensor":
        return tensor(value)
    if kind == "func":
        found = OrderedDict([("name", value.name)] if value.name else [])
        if value.attributes:
            found["attr"] = OrderedDict((name, attribute(inner)) for name, inner in value.attributes.items())
        return found
    return value


def shape(sizes: Shape) -> Dict[str, Any]:
    """Return a TensorShapeProto: -1 is an open size, and a size of 0 is not written."""
    if sizes is None:
        return {"unknownRank": True}
    dimensions = [{"size": "-1"} if size is None else {"size": str(size)} if size else {} for size in sizes]
    return {"dim": dimensions} if dimensions else {}


def tensor(constant: Constant) -> Dict[str, Any]:
    """Return a TensorProto without its values, which stand in the shards."""
    return OrderedDict([("dtype", constant.dtype), ("tensorShape", shape(constant.shape))])


def shortest(value: float) -> Any:
    """Return a 32-bit float with as few digits, six or more, as tell it from all others (json_format)."""
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "Infinity" if value > 0 else "-Infinity"
    kept = struct.unpack("<f", struct.pack("<f", value))[0]
    for digits in range(6, 18):
        found = float(f"{kept:.{digits}g}")
        try:
            if struct.unpack("<f", struct.pack("<f", found))[0] == kept:
                return found
        except OverflowError:  # six digits of the largest float are more than it
            pass
    return kept


def described(data: bytes, kind: str) -> Dict[str, Any]:
    """Return the message of one of MESSAGES; fields that it does not list are left out."""
    found, listed = OrderedDict(), MESSAGES[kind]
    for place, value in fields(data):
        one = listed.get(place)
        if one is None:
            continue
        if one.count == "list":
            found.setdefault(one.name, []).append(part(value, one.type))
        elif one.count == "map":
            pair = message(value)
            key = pair[1][-1] if 1 in pair else 0 if one.type in ("ArgAttrs", "int32") else ""
            inner = pair[2][-1] if 2 in pair else 0 if one.type == "int32" else b""
            found.setdefault(one.name, OrderedDict())[str(key) if isinstance(key, int) else string(key)] = \
                part(inner, one.type)
        else:
            found[one.name] = part(value, one.type)
    return found


def part(value: Value, kind: str) -> Any:
    """Return one value of a field of this type."""
    if kind in MESSAGES:
        return described(value, kind)
    if kind == "string":
        return string(value)
    if kind == "AttrValue":
        return attribute(graphdef.attribute(value))
    if kind == "Shape":
        return shape(graphdef.shape(value))
    if not isinstance(value, int):
        raise Damaged("no number where a number should be")
    if kind == "FullTypeId":
        return "TFT_" + FULL_TYPES[value] if value in FULL_TYPES else value
    if kind == "DataType":
        return graphdef.single("type", value, 0)
    return bool(value) if kind == "bool" else str(signed(value)) if kind == "int64" else signed(value)
