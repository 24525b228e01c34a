"""The parts of an ONNX file, and the files of its weights beside it: nothing heavy is imported.

onnx/onnx.proto: ModelProto, and external_data of a TensorProto.
"""
import os
from collections import OrderedDict
from typing import Any, BinaryIO, Dict, Iterator, List, NamedTuple, Tuple, Union

from ..base.fault import Fault
from ..wire.protobuf import MAX_FIELDS, Damaged, Value, message, open_file, string, text, varint
from .paths import inside

GRAPH = 7  # field of a ModelProto
FIELDS = {1: 0, 2: 2, 3: 2, 4: 2, 5: 0, 6: 2, 7: 2, 8: 2, 14: 2, 20: 2, 25: 2, 26: 2}  # {number: kind on the wire}
MANY = 10000  # fields of a ModelProto: it has a dozen, and one for each function and property
DEEPEST = 20  # graphs in graphs
LONG = 1 << 16  # bytes of a field that are left in the file where OPENED says so
OPENED: Dict[int, Any] = {GRAPH: {5: {9: None}}}  # of a ModelProto's graph the initializers, whose raw_data stays
Message = Dict[int, List[Any]]


class Part(NamedTuple):
    """A field that has a length: its number, and where its bytes are in the file."""

    number: int
    start: int
    size: int


def parts(path: str) -> Iterator[Part]:
    """Yield the fields with a length of a ModelProto, none of whose bytes are read.

    Raises Damaged where the file is no ModelProto; a part may end behind the end of the file.
    """
    with open_file(path) as file:
        whole, place, count = os.fstat(file.fileno()).st_size, 0, 0
        while place < whole:
            file.seek(place)
            head = file.read(20)
            key, start = varint(head, 0)
            value, behind = varint(head, start)
            count += 1
            if FIELDS.get(key >> 3) != key & 7 or count > MANY:
                raise Damaged("no ONNX model")
            place += behind
            if key & 7 == 2:
                yield Part(key >> 3, place, value)
                place += value


def opened(path: str) -> Message:
    """Return {number of a field: [values]} of a ModelProto, whose large weights stay in the file.

    Its graph, and those of the graph's tensors that are long, are such dicts too; their raw_data is a Part.
    A mapped file would do as well, but its pages stay in memory once they were touched.
    """
    with open_file(path) as file:
        return held(file, 0, os.fstat(file.fileno()).st_size, OPENED)


def held(file: BinaryIO, place: int, end: int, opens: Dict[int, Any]) -> Message:
    """Return the fields of a message between two places of a file.  opens: of long ones those that are not read."""
    found: Message = {}
    count = 0
    for number, value in fields_in(file, place, end):
        count += 1
        if count > MAX_FIELDS:
            raise Damaged(f"more than {MAX_FIELDS} fields in one message")
        if isinstance(value, Part) and (number not in opens or value.size <= LONG):
            file.seek(value.start)
            value = file.read(value.size)
        elif isinstance(value, Part) and opens[number] is not None:
            value = held(file, value.start, value.start + value.size, opens[number])
        found.setdefault(number, []).append(value)
    return found


def fields_in(file: BinaryIO, place: int, end: int) -> Iterator[Tuple[int, Union[int, Part]]]:
    """Yield the fields of a message in a file, as wire.protobuf.fields does of one in memory."""
    while place < end:
        file.seek(place)
        head = file.read(min(20, end - place))
        key, start = varint(head, 0)
        number, kind = key >> 3, key & 7
        if kind not in (0, 1, 2, 5):
            raise Damaged("no protobuf message")
        value, start = varint(head, start) if kind in (0, 2) else (8 if kind == 1 else 4, start)
        place += start
        if kind == 0:
            yield number, value
            continue
        if number == 0 or place + value > end:
            raise Damaged("cut short or no protobuf message")
        yield number, Part(number, place, value)
        place += value


def entries(data: Union[Value, Message]) -> Message:
    """Return the fields of a message that is in memory, or was opened."""
    return data if isinstance(data, dict) else message(data)


def beside(path: str, location: str) -> str:
    """Return the path of a file of weights that a model names.

    Raises Fault for a file that is not in the model's directory, or below it: a link may lead to the place where the
    model itself lies.
    """
    name = inside(location)
    if name is None:
        raise Fault(f"{path}: its weights are said to be in {location!r:.80}, out of its directory: refused")
    found = os.path.join(os.path.dirname(path), name)
    places = {os.path.realpath(os.path.dirname(path) or os.curdir), os.path.dirname(os.path.realpath(path))}
    real = os.path.realpath(found)
    if not any(real.startswith(os.path.join(place, "")) for place in places):
        raise Fault(f"{path}: {name} is a link out of its directory: refused")
    if not os.path.isfile(found):
        raise Fault(f"{path}: {name}, which holds its weights, is missing: put it beside the model")
    return found


def files(path: str) -> List[str]:
    """Return the paths of the files with a model's weights, in the order in which it names them.

    Raises Fault for damage, and for a file that is missing.
    """
    found: List[str] = []
    try:
        for graph in opened(path).get(GRAPH, []):
            found += [name for name in OrderedDict.fromkeys(locations(graph)) if name not in found]
    except Damaged as error:
        raise Fault(f"{path}: damaged: {error}")
    return [beside(path, name) for name in found]


def locations(graph: Union[Value, Message], depth: int = 0) -> Iterator[str]:
    """Yield the names of files in a GraphProto: of its initializers (5), and of tensors of its nodes' attributes."""
    found = entries(graph)
    for tensor in found.get(5, []):
        yield from location(tensor)
    for node in found.get(1, []):
        for attribute in message(node).get(5, []):
            own = message(attribute)
            for tensor in own.get(5, []) + own.get(10, []):
                yield from location(tensor)
            for inner in own.get(6, []) + own.get(11, []) if depth < DEEPEST else []:
                yield from locations(inner, depth + 1)


def location(tensor: Union[Value, Message]) -> Iterator[str]:
    """Yield the file of a TensorProto (external_data, 13), nothing where the model itself holds the values."""
    for value in entries(tensor).get(13, []):
        entry = message(value)
        if text(entry, 1) == "location":
            yield string(entry[2][-1]) if 2 in entry else ""
