"""Frozen TensorFlow graphs, a GraphDef in a .pb file: they have no layers."""
import os

from ..base.fault import Fault
from ..base.place import spelled
from ..layers.topology import of
from ..wire.checkpoint import Damaged, fields, text, varint
from . import saved_model

HEAD = 65536  # bytes of a node: its name and operation come first, the values of a constant behind them


def match(path):
    """A file that begins with a node of a graph: field 1, in it a name (1) and an operation (2).

    core/framework/graph.proto and node_def.proto.
    """
    try:
        with open(path, "rb") as file:
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


def text_or_none(found, number):
    try:
        return text(found, number)
    except Damaged:
        return None


def read(path, **options):
    """A graph has no layers: always a Fault that says what to do."""
    raise Fault(f"{path}: a frozen TensorFlow graph has no Keras layers: it becomes a graph model, and has no "
                f"enc_model.h5; {spelled('preprocess')} converts it")


def is_graph(path, saved_model_tags=None):
    """Whether the model in `path`, SavedModel or frozen graph, is operations without Keras layers."""
    with of(path):
        if saved_model.match(path):
            return saved_model.is_graph(path, saved_model_tags)
        return os.path.isfile(path) and match(path)
