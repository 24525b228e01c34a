"""Readers of model files, one module per format, all with the same two functions:

    match(path) -> bool                   by content, never by the file's name
    read(path, **options)                 -> layers.model.Model, topology at once, weights when they are asked for;
                                          or graphs.GraphFile, of which TensorFlow makes an operations.Graph,
                                          or tfjs_graph.GraphModel, which needs no TensorFlow for it,
                                          or onnx_graph.Model, a graph of ONNX's operations

No code in a file is ever run.  `which` asks each format in turn: nothing else decides the format of a file.
"""
import importlib
import os
from types import ModuleType
from typing import TYPE_CHECKING, Any, List, NamedTuple, Optional, Sequence, Union

from ..base import place
from ..base.fault import Fault
from ..base.files import at_once
from ..layers.topology import of
from . import onnx, onnx_files, tfjs_graph, tfjs_pb
from .json_text import parse
from .paths import check_readable, head, inside

if TYPE_CHECKING:  # both import numpy, and an up-to-date doit imports neither
    from ..layers.model import Model
    from . import onnx_graph
    from .graphs import GraphFile
    from .tfjs_graph import GraphModel

OF_TENSORFLOW = ("saved_model", "frozen")
# Formats of which some or all are graphs of operations
GRAPHS = ("onnx", "saved_model", "tfjs_pb", "frozen", "tfjs_graph")
# No file is of two; that of an ONNX model is known before another reader is imported.
FORMATS = GRAPHS[:1] + ("keras_h5", "keras_archive", "topology_and_weights", "tfjs") + GRAPHS[1:]


def read(path: str, weights: Optional[str] = None, **options: Any
         ) -> 'Union[Model, GraphFile, GraphModel, onnx_graph.Model]':
    """Return the Model in the file or directory `path`; a GraphFile, GraphModel or onnx_graph.Model where it has no
    layers.

    weights: the second file of a separated model.  options: those of single formats (saved_model_tags, signature).
    Raises Fault if there is no such file, no format knows it, or it is damaged.
    """
    from ..layers.model import Model
    from .saved_model import TAGS
    path = str(path)
    check_readable(path)
    if weights is not None:
        check_readable(str(weights))
        options["weights"] = str(weights)
    with of(path):
        reader = which(path)
        if reader is None:
            from .strangers import unknown
            raise Fault(unknown(path))
        name = reader.__name__.rpartition(".")[2]
        if weights is not None and name != "topology_and_weights":
            raise Fault("a whole model in place of a topology json: give it alone, or the json first")
        if name not in OF_TENSORFLOW and (options.get("signature")
                                          or options.get("saved_model_tags") not in (None, TAGS)):
            raise Fault("tags and signatures are a SavedModel's: leave them out")
        constants = options.pop("constants", None) if name != "onnx" else None
        found = reader.read(path, **options)
        if constants:
            from .graphs import GraphFile
            from .tfjs_graph import GraphModel
            if not isinstance(found, (GraphFile, GraphModel)):
                raise Fault("constants fix inputs of an ONNX model or of a graph of operations: leave them out")
            found = found._replace(constants=constants)
        return as_keras_has_it(found) if isinstance(found, Model) else found


def as_keras_has_it(model: 'Model') -> 'Model':
    """Return the model with its weights as Keras lays them out today, with the input sizes that its weights tell, and
    with lists in the place of Keras 2's arrays.

    Raises Fault for a model beyond its bounds.
    """
    from ..layers import cudnn, lora, open_sizes
    from ..layers.spelling import with_lists
    from . import bounds
    bounds.check(model)
    if model.keras_major < 3:
        model.topology = with_lists(model.topology)
    model = lora.merged(cudnn.as_in_keras(model))
    model.topology = open_sizes.told(model)
    return model


def read_layers(path: str, weights: Optional[str] = None, **options: Any) -> 'Model':
    """Return the Model in `path` as `read` does, with a Fault for a graph of operations."""
    from ..layers.model import Model
    found = read(path, weights, named=True, **options)
    if is_onnx(path):
        raise Fault(f"{path}: an ONNX model, without layers of Keras's: it becomes a graph model, and has no "
                    f"enc_model.h5; {place.spelled('preprocess')} converts it")
    if not isinstance(found, Model):
        raise Fault(f"{path}: a TensorFlow graph without Keras layers: it becomes a graph model, and has no "
                    f"enc_model.h5; {place.spelled('preprocess')} converts it")
    return found


def which(path: str, names: Sequence[str] = FORMATS) -> Optional[ModuleType]:
    """Return the module of the format of the file or directory `path`, None where no format knows it."""
    for name in names:
        reader = importlib.import_module("." + name, __package__)
        if reader.match(path):
            return reader
    return None


def is_tfjs(path: str) -> bool:
    """Return whether `path` holds a layers model of TensorFlow.js's own."""
    reader = which(str(path))
    return reader is not None and reader.__name__.endswith(".tfjs")


def is_tfjs_graph(path: str) -> bool:
    """Return whether `path` holds a graph model of TensorFlow.js's own."""
    return tfjs_graph.match(str(path))


def is_onnx(path: str) -> bool:
    """Return whether `path` holds an ONNX model."""
    return onnx.match(str(path))


class Look(NamedTuple):
    """The facts that a first look at a file gives.

    graph      whether it holds a graph of operations, and no layers
    signature  whether it is a SavedModel, whose signature computes what its layers cannot be made of
    """

    graph: bool
    signature: bool


def is_graph(path: str, tags: Optional[str] = None, named: bool = False) -> bool:
    """Return whether `path` holds a graph of operations, and no layers.  The arguments are those of `look`."""
    return look(path, tags, named).graph


def look(path: str, tags: Optional[str] = None, named: bool = False) -> Look:
    """Return what a first look at `path` tells; nothing of a file that cannot be opened.

    The first byte tells most files, and nothing heavy is imported: doit asks this of every model.
    tags: as in `read`.  named: as in saved_model.is_graph.  Raises Fault for a damaged SavedModel.
    """
    path = str(path)
    try:
        with open(path, "rb", buffering=0, opener=at_once) as file:
            start = file.read(1)  # a message begins with its first field
            if not start or start not in b"\x0a\x08" + onnx.BEGINNING + tfjs_graph.BEGINNING:
                return Look(False, False)
    except IsADirectoryError:
        pass
    except (OSError, ValueError):
        return Look(False, False)
    with of(path):
        reader = which(path, GRAPHS)
        return Look(False, False) if reader is None else Look(
            reader.is_graph(path, tags, named), reader.__name__.endswith(".saved_model"))


def files(path: str, weights: Optional[str] = None) -> List[str]:
    """Return the files that make up the model in `path`: the model changed when one of them did.

    A TensorFlow.js model is its model.json and the shards that this names, an ONNX model its file and those of its
    weights.  Other formats are one file, a
    directory, or the two given files.  Raises Fault for a directory without a model.
    """
    check_readable(path)
    if tfjs_pb.match(path):
        found = [tfjs_pb.file_of(path), tfjs_pb.manifest_of(path)]
        with open(found[1], "rb") as file:
            return found + shards_of(path, parse(file.read(), found[1]))
    if os.path.isdir(path) and not os.path.isfile(os.path.join(path, "saved_model.pb")):
        path = os.path.join(path, "model.json")
        if not os.path.isfile(path):
            from .strangers import unknown
            raise Fault(unknown(os.path.dirname(path)))  # other files may be a whole home, or the whole disk
    found = [path] + ([weights] if weights is not None else [])
    if onnx.match(path):
        return found + onnx_files.files(path)
    if head(path, 64).lstrip()[:1] == b"{":
        with open(path, "rb") as file:
            manifest = parse(file.read(), path).get("weightsManifest")
        found += shards_of(path, manifest)
    return found


def shards_of(path: str, manifest: Any) -> List[str]:
    """Return the paths of the shards that the weights manifest of the model in the file or directory `path` names."""
    found, directory = [], path if os.path.isdir(path) else os.path.dirname(path)
    for group in manifest if isinstance(manifest, list) else ():
        paths = group.get("paths") if isinstance(group, dict) else None
        for name in paths if isinstance(paths, list) else ():
            beside = inside(name)  # the reader refuses other paths
            if beside is not None:
                found.append(os.path.join(directory, beside).replace(os.sep, "/"))
    return found
