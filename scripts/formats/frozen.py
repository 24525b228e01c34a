"""Frozen TensorFlow graphs, a GraphDef in a file of any name: they have no layers."""
from typing import TYPE_CHECKING, Any, Dict, List, Optional

from ..wire.protobuf import Damaged, Value, fields, open_file, text, varint

if TYPE_CHECKING:  # imported where a file is read: an up-to-date doit asks `match` alone
    from .graphs import GraphFile

HEAD = 65536  # bytes of a node: its name and operation come first, the values of a constant after them


def match(path: str) -> bool:
    """Return whether a file begins with a node of a graph: field 1, in it a name (1) and an operation (2).

    core/framework/graph.proto and node_def.proto.
    """
    try:
        with open_file(path) as file:
            start = file.read(16)
            if start[:1] != b"\x0a":
                return False
            size, place = varint(start, 1)
            file.seek(place)
            node = {}
            for number, value in fields(file.read(min(size, HEAD))):
                node.setdefault(number, []).append(value)
                if number == 2:
                    break
        operation = text(node, 2)
    except (OSError, Damaged):
        return False
    return bool(text_or_none(node, 1)) and operation.lstrip("_").isidentifier()


def text_or_none(found: Dict[int, List[Value]], number: int) -> Optional[str]:
    """Return the text of a field, None where the field is no text."""
    try:
        return text(found, number)
    except Damaged:
        return None


def read(path: str, **options: Any) -> "GraphFile":
    """Return the GraphFile of a frozen graph."""
    from .graphs import GraphFile
    return GraphFile(path)


def is_graph(path: str, saved_model_tags: Optional[str] = None, named: bool = False) -> bool:
    """Return True: a frozen graph has no layers."""
    return True
