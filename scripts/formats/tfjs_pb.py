"""Graph models of TensorFlow.js before 1.0: tensorflowjs_model.pb, a GraphDef whose constants have no values, and
weights_manifest.json beside it, which names the shards that hold them (tfjs-converter 0.8, src/data/loader.ts).

Today's TensorFlow.js does not load them.  `match` imports nothing heavy: doit asks it about models that are up to date.
"""
import mmap
import os
from typing import TYPE_CHECKING, Any

from ..base.fault import Fault
from ..wire.protobuf import Damaged, message
from . import frozen
from .json_text import parse
from .tfjs_graph import check_count, is_graph

if TYPE_CHECKING:  # it imports numpy
    from .tfjs_graph import GraphModel

GRAPH, MANIFEST = "tensorflowjs_model.pb", "weights_manifest.json"
NODE = 1  # the field of a GraphDef's nodes (core/framework/graph.proto)
__all__ = ["MANIFEST", "file_of", "is_graph", "manifest_of", "match", "read"]


def file_of(path: str) -> str:
    """Return the path of the graph of a model that is given by its directory or by this file."""
    found = os.path.join(path, GRAPH)
    return found if os.path.isdir(path) and os.path.isfile(found) else path


def manifest_of(path: str) -> str:
    """Return the path of the manifest beside the graph."""
    return os.path.join(os.path.dirname(file_of(path)), MANIFEST)


def match(path: str) -> bool:
    """Return whether `path` is a GraphDef with a weights manifest beside it, or a directory with both."""
    path = file_of(path)
    return os.path.isfile(path) and os.path.isfile(manifest_of(path)) and frozen.match(path)


def read(path: str, **options: Any) -> "GraphModel":
    """Return the GraphModel of the graph, or of the directory that holds it.  Raises Fault for damage."""
    from .tfjs_graph import GraphModel
    with open(manifest_of(path), "rb") as file:
        manifest = parse(file.read(), manifest_of(path))
    if not isinstance(manifest, list):
        raise Fault(f"{manifest_of(path)}: no weights manifest: it is no list of groups")
    path = file_of(path)
    with open(path, "rb") as file:
        content = memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))
    try:
        check_count(len(message(content).get(NODE, [])), path)
    except Damaged as error:
        raise Fault(f"{path}: damaged: {error}")
    return GraphModel(path, {"graphDef": content, "weightsManifest": manifest})
