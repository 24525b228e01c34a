"""The parts of an ONNX file, and the files of its weights beside it: nothing heavy is imported.

onnx/onnx.proto: ModelProto, and external_data of a TensorProto.
"""
import mmap
import os
from typing import Iterator, List, NamedTuple

from ..base.fault import Fault
from ..wire.protobuf import Damaged, Value, fields, message, open_file, string, text, varint
from .paths import inside

GRAPH = 7  # field of a ModelProto
FIELDS = {1: 0, 2: 2, 3: 2, 4: 2, 5: 0, 6: 2, 7: 2, 8: 2, 14: 2, 20: 2, 25: 2, 26: 2}  # {number: kind on the wire}
MANY = 10000  # fields of a ModelProto: it has a dozen, and one for each function and property
DEEPEST = 20  # graphs in graphs


class Part(NamedTuple):
    """A field of a ModelProto that has a length: its number, and where its bytes are in the file."""

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
    with open_file(path) as file:
        content = memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))
    try:
        for part in parts(path):
            if part.number == GRAPH:
                for name in locations(content[part.start:part.start + part.size]):
                    if name not in found:
                        found.append(name)
    except Damaged as error:
        raise Fault(f"{path}: damaged: {error}")
    return [beside(path, name) for name in found]


def locations(graph: Value, depth: int = 0) -> Iterator[str]:
    """Yield the names of files in a GraphProto: of its initializers (5), and of tensors of its nodes' attributes."""
    for number, value in fields(graph):
        if number == 5:
            yield from location(value)
        elif number == 1:
            for attribute in message(value).get(5, []):
                held = message(attribute)
                for tensor in held.get(5, []) + held.get(10, []):
                    yield from location(tensor)
                for inner in held.get(6, []) + held.get(11, []) if depth < DEEPEST else []:
                    yield from locations(inner, depth + 1)


def location(tensor: Value) -> Iterator[str]:
    """Yield the file of a TensorProto (external_data, 13), nothing where the model itself holds the values."""
    for number, value in fields(tensor):
        if number == 13:
            entry = message(value)
            if text(entry, 1) == "location":
                yield string(entry[2][-1]) if 2 in entry else ""
