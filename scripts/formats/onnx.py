"""ONNX models, of PyTorch and much else: a ModelProto in a file, and the files of its weights beside it.

`read` gives the graph as data (onnx_graph.Model; onnx/onnx.proto), which opset/ turns into one of TensorFlow.js's
operations.  No onnx package is needed, and no code of the file is run.
`match` imports nothing heavy: doit asks it about models that are up to date.
"""
from typing import TYPE_CHECKING, Any, Dict, Optional

from ..base.fault import Fault
from ..wire.protobuf import Damaged, open_file
from .onnx_files import GRAPH, opened, parts

if TYPE_CHECKING:  # it imports numpy
    from .onnx_graph import Model

BEGINNING = b"\x08\x12\x3a\x42"  # of a ModelProto: its first field


def match(path: str) -> bool:
    """Return whether a file is a ModelProto: its fields alone, and a graph (7) among them."""
    try:
        with open_file(path) as file:
            start = file.read(1)
            if not start or start not in BEGINNING:
                return False
        return any(part.number == GRAPH for part in parts(path))
    except (OSError, Damaged):
        return False


def is_graph(path: str, saved_model_tags: Optional[str] = None, named: bool = False) -> bool:
    """Return True: an ONNX model has no layers of Keras's."""
    return True


def read(path: str, constants: Optional[Dict[str, Any]] = None, **options: Any) -> "Model":
    """Return the Model in a file; its weights are read when they are asked for.

    constants: {name of an input: the value that it has from now on}.  Raises Fault for damage, and for such that do not
    fit.
    """
    from . import onnx_graph
    try:
        return onnx_graph.fixed(onnx_graph.model(opened(path), path), constants or {})
    except Damaged as error:
        raise Fault(f"{path}: damaged: {error}")
