"""GraphDef, the protobuf of a TensorFlow graph <-> operations.Graph, without TensorFlow.

core/framework/graph.proto, node_def.proto, attr_value.proto, tensor.proto, tensor_shape.proto and function.proto define
the numbers of the fields.
"""
import struct
from collections import OrderedDict
from typing import Any, Callable, Dict, Iterator, List, Optional, Tuple

import numpy

from ..layers.model import MAX_RANK, Weight
from ..wire.protobuf import Damaged, Value, field, fields, message, number, signed, string, text, varint
from .graph import NUMBERS, NUMPY, TYPES, Attribute, Call, Constant, Function, Graph, Node, Row, Shape, Tensor

KINDS = {1: "list", 2: "s", 3: "i", 4: "f", 5: "b", 6: "type", 7: "shape", 8: "tensor", 9: "placeholder", 10: "func"}
IN_LISTS = dict(list(KINDS.items()) + [(9, "func")])  # AttrValue.ListValue
PACKED = {"i": 0, "b": 0, "type": 0, "f": 4}  # kinds that stand one after the other in a list: bytes of each, 0 varint
# tensor.proto: where the values of a type stand that are not in tensor_content; how they are packed
VALUES = {"DT_FLOAT": (5, "<f4"), "DT_DOUBLE": (6, "<f8"), "DT_INT32": (7, None), "DT_INT16": (7, None),
          "DT_INT8": (7, None), "DT_UINT8": (7, None), "DT_UINT16": (7, None), "DT_COMPLEX64": (9, "<c8"),
          "DT_INT64": (10, None), "DT_BOOL": (11, None), "DT_COMPLEX128": (12, "<c16"), "DT_HALF": (13, None),
          "DT_UINT32": (16, None), "DT_UINT64": (17, None)}
CONTENT = 4  # tensor_content
MAX_DEPTH = 50  # of attributes in attributes: a call in a list of calls takes four


# Reading -----------------------------------------------------------------------------------------------------

def read(data: Value) -> Graph:
    """Return the Graph in the bytes of a GraphDef, without inputs, outputs and shapes, which it does not tell.

    The bytes, which may be a memoryview of a file, are kept: weights are read from them.
    Raises Damaged for what is no GraphDef.
    """
    found = message(data)
    functions = [one for library in found.get(2, []) for one in message(library).get(1, [])]
    versions = message(found[4][-1]) if 4 in found else {}
    nodes = [node(one, number_of_output) for one in found.get(1, [])]
    graph = Graph(nodes, functions=[function(one) for one in functions], producer=number(versions, 1),
                  consumer=number(versions, 2))
    if len(graph.nodes) < len(nodes):
        raise Damaged("two nodes of one name")
    return graph


def node(data: Value, tensor: Callable[[str], Tensor]) -> Node:
    """Return the Node in a NodeDef; tensor: what makes a Tensor of the text of an input."""
    found, rest = message(data), b""
    attributes = OrderedDict(entry(one, 0) for one in found.get(5, []))
    inputs = [string(one) for one in found.get(3, [])]
    for place in (6, 7):  # experimental_debug_info, experimental_type
        rest += b"".join(field(place, bytes(one)) for one in found.get(place, []))
    name = text(found, 1)
    held = attributes.get("value")
    if held is not None and held.kind == "tensor" and held.value.values is not None:
        attributes["value"] = Attribute("tensor", held.value._replace(values=held.value.values.renamed(name)))
    return Node(name, text(found, 2), [tensor(one) for one in inputs if not one.startswith("^")],
                [one[1:] for one in inputs if one.startswith("^")], attributes, None, text(found, 4), rest)


def number_of_output(words: str) -> Tensor:
    """Return the Tensor that an input of a graph's node names: "x" or "x:1"."""
    name, colon, index = words.rpartition(":")
    return Tensor(name, int(index)) if colon and index.isdecimal() else Tensor(words)


def name_of_output(words: str) -> Tensor:
    """Return the Tensor that an input of a function's node names: an argument "x", or "x:output:0"."""
    parts = words.split(":")
    return Tensor(parts[0], int(parts[2]), parts[1]) if len(parts) == 3 and parts[2].isdecimal() else Tensor(words)


def function(data: Value) -> Function:
    """Return the Function in a FunctionDef."""
    found = message(data)
    name = text(message(found[1][-1]), 1) if 1 in found else ""
    results = OrderedDict((text(pair, 1), text(pair, 2)) for pair in map(message, found.get(4, [])))
    rest = b"".join(field(place, bytes(one)) for place, one in fields(data) if place not in (3, 4)
                    and not isinstance(one, int))
    return Function(name, [node(one, name_of_output) for one in found.get(3, [])], results, rest)


def entry(data: Value, depth: int) -> Tuple[str, Attribute]:
    """Return (name, Attribute) of an entry of a map of AttrValues."""
    found = message(data)
    return text(found, 1), attribute(found[2][-1] if 2 in found else b"", depth)


def attribute(data: Value, depth: int = 0) -> Attribute:
    """Return the Attribute in an AttrValue, its last field where it has several."""
    if depth > MAX_DEPTH:
        raise Damaged("attributes nested too deep")
    result = Attribute("", None)
    for place, value in fields(data):
        kind = KINDS.get(place)
        if kind == "list":
            result = Attribute(kind, row(value, depth + 1))
        elif kind:
            result = Attribute(kind, single(kind, value, depth))
    return result


def row(data: Value, depth: int) -> Row:
    """Return the Row in an AttrValue.ListValue."""
    kind, values = "", []
    for place, value in fields(data):
        if place not in IN_LISTS or place == 1:
            continue
        kind = IN_LISTS[place]
        if kind in PACKED and not isinstance(value, int) and not (kind == "f" and len(value) == 4):
            values += [single(kind, one, depth) for one in unpacked(value, PACKED[kind])]
        else:
            values.append(single(kind, value, depth))
    return Row(kind, values)


def unpacked(data: Value, size: int) -> Iterator[Value]:
    """Yield the numbers that stand one after the other: `size` bytes each, or varints where it is 0."""
    place = 0
    while place < len(data):
        if size:
            yield data[place:place + size]
            place += size
        else:
            value, place = varint(data, place)
            yield value


def single(kind: str, value: Value, depth: int) -> Any:
    """Return the value of one field of an AttrValue, as graph.Attribute says."""
    if kind in ("i", "b", "type"):
        if not isinstance(value, int):
            raise Damaged("no number where a number should be")
        return bool(value) if kind == "b" else signed(value) if kind == "i" else TYPES.get(value, value)
    if isinstance(value, int):
        raise Damaged("a number where a message should be")
    if kind == "f":
        if len(value) != 4:
            raise Damaged("no number where a number should be")
        return struct.unpack("<f", value)[0]
    if kind == "s":
        return bytes(value)
    if kind == "placeholder":
        return string(value)
    if kind == "shape":
        return shape(value)
    if kind == "tensor":
        return tensor(value)
    found = message(value)
    return Call(text(found, 1), OrderedDict(entry(one, depth + 1) for one in found.get(2, [])))


def shape(data: Value) -> Shape:
    """Return the Shape in a TensorShapeProto.  Raises Damaged for more dimensions than an array can have."""
    found = message(data)
    if number(found, 3):
        return None
    if len(found.get(2, [])) > MAX_RANK:
        raise Damaged(f"a shape of {len(found[2])} dimensions")
    sizes = [signed(number(message(one), 1)) for one in found.get(2, [])]
    return tuple(None if size < 0 else size for size in sizes)


def tensor(data: Value) -> Constant:
    """Return the Constant in a TensorProto, whose values are read when they are asked for."""
    found = message(data)
    dtype = TYPES.get(number(found, 1), number(found, 1))
    sizes = shape(found[2][-1]) if 2 in found else ()
    if dtype not in NUMPY or sizes is None or None in sizes:
        return Constant(dtype, sizes, None, bytes(data))
    return Constant(dtype, sizes, Weight("", sizes, NUMPY[dtype], lambda: values(found, dtype, sizes)))


def values(found: Dict[int, List[Value]], dtype: str, sizes: Tuple[int, ...]) -> numpy.ndarray:
    """Return the values of a TensorProto: in tensor_content as memory has them, or one by one, the last of which
    stands for the rest."""
    count = 1
    for size in sizes:
        count *= size
    content = found[CONTENT][-1] if CONTENT in found else b""
    if isinstance(content, int):
        raise Damaged("a number where a tensor's bytes should be")
    if len(content):
        known = numpy.frombuffer(content, numpy.dtype(NUMPY[dtype]).newbyteorder("<"))
        if len(known) != count:
            raise Damaged(f"a tensor of {count} values holds {len(known)}")
        return known.reshape(sizes)
    place, packed = VALUES[dtype]
    known = listed(found.get(place, []), packed)
    if dtype == "DT_HALF":
        known = known.astype("<u2").view("<f2")
    elif known.dtype.name != NUMPY[dtype]:
        known = known.astype(NUMPY[dtype])
    if len(known) > count:
        raise Damaged(f"a tensor of {count} values holds {len(known)}")
    if len(known) == count:
        return known.reshape(sizes)
    return numpy.concatenate([known, numpy.repeat(known[-1:] if len(known) else numpy.zeros(1, known.dtype),
                                                  count - len(known))]).reshape(sizes)


def listed(found: List[Value], packed: Optional[str]) -> numpy.ndarray:
    """Return the numbers of a repeated field; packed: the dtype of those with a fixed size."""
    if packed:
        return numpy.frombuffer(b"".join(bytes(one) for one in found if not isinstance(one, int)), packed)
    numbers = [each for one in found for each in ([one] if isinstance(one, int) else unpacked(one, 0))]
    return numpy.array([signed(each) for each in numbers], numpy.int64)


# Writing -----------------------------------------------------------------------------------------------------

def write(graph: Graph) -> bytes:
    """Return the bytes of a GraphDef; inputs, outputs and shapes are not in it."""
    pieces = [field(1, written_node(one)) for one in graph.nodes.values()]
    library = b"".join(field(1, written_function(one)) for one in graph.functions)
    versions = b"".join(field(place, value) for place, value in ((1, graph.producer), (2, graph.consumer)) if value)
    return b"".join(pieces) + field(2, library) + field(4, versions)


def written_node(one: Node) -> bytes:
    """Return the bytes of a NodeDef."""
    found = field(1, one.name) + field(2, one.op)
    found += b"".join(field(3, str(tensor)) for tensor in one.inputs)
    found += b"".join(field(3, "^" + name) for name in one.controls)
    found += field(4, one.device) if one.device else b""
    return found + entries(5, one.attributes) + one.rest


def written_function(one: Function) -> bytes:
    """Return the bytes of a FunctionDef."""
    results = [field(4, field(1, key) + field(2, tensor)) for key, tensor in one.results.items()]
    return one.rest + b"".join(field(3, written_node(inner)) for inner in one.nodes) + b"".join(results)


def entries(place: int, attributes: Dict[str, Attribute]) -> bytes:
    """Return the bytes of a map of AttrValues."""
    return b"".join(field(place, field(1, name) + field(2, written(attribute)))
                    for name, attribute in attributes.items())


def written(attribute: Attribute) -> bytes:
    """Return the bytes of an AttrValue."""
    places = {kind: place for place, kind in KINDS.items()}
    if attribute.kind == "list":
        inside = {kind: place for place, kind in IN_LISTS.items()}
        row = attribute.value
        return field(1, b"".join(field(inside[row.kind], plain(row.kind, value)) for value in row.values))
    return field(places[attribute.kind], plain(attribute.kind, attribute.value)) if attribute.kind else b""


def plain(kind: str, value: Any) -> Any:
    """Return what protobuf.field writes of the value of an attribute."""
    if kind == "type":
        return NUMBERS.get(value, value)
    if kind == "f":
        return float(value)
    if kind == "shape":
        return written_shape(value)
    if kind == "tensor":
        return written_tensor(value)
    if kind == "func":
        return field(1, value.name) + entries(2, value.attributes)
    return value


def written_shape(sizes: Shape) -> bytes:
    """Return the bytes of a TensorShapeProto."""
    if sizes is None:
        return field(3, True)
    return b"".join(field(2, field(1, -1 if size is None else size)) for size in sizes)


def written_tensor(constant: Constant) -> bytes:
    """Return the bytes of a TensorProto, its values as tensor_content."""
    if constant.values is None:
        return constant.raw
    head = field(1, NUMBERS.get(constant.dtype, constant.dtype)) + field(2, written_shape(constant.shape))
    content = constant.values.read()
    return head + field(CONTENT, content.astype(content.dtype.newbyteorder("<"), copy=False).tobytes())

