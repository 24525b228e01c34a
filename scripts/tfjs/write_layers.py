"""TensorFlow.js layers models: writes model.json and the shards that its weights manifest names.

Shards and manifest are the official converter's, byte for byte; model.json holds what every TensorFlow.js loads.
"""
import json
import os
import re
from collections import OrderedDict
from typing import Any, Callable, Collection, Dict, Iterator, List, Optional

from ..base import command, files
from ..base.fault import Fault
from ..formats.json_text import json_object, text_of
from ..layers import outputs, words
from ..layers.model import Model
from ..wire import shards
from . import VERSION_NAME

SOURCE_NAMES = "sourceNames"  # key of a model.json: {name of a layer: its name in the source}, of renamed layers alone
SHARD = re.compile(r"group1-shard\d+of\d+\.bin\Z")  # as wire/shards.py names them


def write(model: Model, directory: str, json_name: str = "model.json", shard_size: int = shards.SHARD_SIZE,
          quantize: shards.Quantize = None, ready: Optional[Model] = None) -> List[str]:
    """Write `model` to the empty `directory`; return the names of the files, the json first.

    model.weights: in any order; the manifest has the layers sorted by name, as HDF5 sorts groups, because
    that is the order of the official converter.  Shards keep its names whatever the json is called.
    shard_size: bytes.  ready: what keras2 makes of the model, where that is known.
    Raises Fault for what TensorFlow.js cannot compute, and for a json_name that is no plain name.
    """
    command.check_json_name(json_name)
    if ready is None:
        from .passes import keras2  # not for the words about files that are written
        ready = keras2(model)
    model = ready
    ordered = [weight.renamed(plain(weight.name)) for name in sorted(model.weights, key=lambda n: n.encode("utf-8"))
               for weight in model.weights[name]]
    manifest = shards.write(ordered, directory, shard_size, quantize)
    config = OrderedDict([("keras_version", model.keras_version), ("backend", model.backend),
                          ("model_config", model.topology)])
    if model.training_config is not None:
        config["training_config"] = model.training_config
    document = OrderedDict([("format", "layers-model"), ("generatedBy", f"keras v{model.keras_version}"),
                            ("convertedBy", VERSION_NAME), ("modelTopology", config),
                            ("weightsManifest", manifest)])
    if model.renamed:
        document[SOURCE_NAMES] = model.renamed
    if model.texts:
        after = {before: name for name, before in model.renamed.items()}
        document["userDefinedMetadata"] = {"tensorspace": {words.TOLD: [
            dict(text, input=after.get(text["input"], text["input"])) for text in model.texts]}}
    with open(os.path.join(directory, json_name), "w") as file:
        file.write(text_of(document))
    return [json_name] + manifest[0]["paths"]


def source_names(path: str) -> Dict[str, str]:
    """The layers that `write` has renamed in the model.json `path`: {name there: name in the source}."""
    return renamed(having(path, SOURCE_NAMES))


def renamed(document: Dict[str, Any]) -> Dict[str, str]:
    """The layers that `write` has renamed in the content of a model.json: {name there: name in the source}."""
    found = document.get(SOURCE_NAMES)
    return {after: before for after, before in found.items() if isinstance(before, str)} \
        if isinstance(found, dict) else {}


def having(path: str, key: str) -> Dict[str, Any]:
    """The content of the model.json `path`, {} where the key stands nowhere in it, which is told without a parse."""
    with open(path, "rb") as file:
        there = json.dumps(key).encode("ascii") in file.read()
    return there and json_object(path) or {}


def texts(path: str) -> List[Dict[str, Any]]:
    """The entries of model.json `path` that turn words into inputs: see layers.words.described."""
    return words.told(having(path, words.TOLD))


def said_of_texts(path: str) -> Iterator[str]:
    """Yield a line about each input of the model.json `path` that was a layer of words in the source."""
    for text in texts(path):
        page = f"the page takes numbers for it, for {text['untyped']}" if text.get("untyped") else \
            "the page turns typed words into them"
        yield (f"TensorSpace feeds no strings, so the model begins after {text['input']!r} ({text['class']}), an "
               f"input of the numbers that it puts out; {page}")


def said_of_names(path: str) -> Iterator[str]:
    """Yield the lines about layers in the model.json `path` that are not as in the source: words, and names."""
    yield from said_of_texts(path)
    found = [f"{before!r} is {after!r}" for after, before in source_names(path).items()]
    if found:
        yield f"TensorFlow.js takes no such names, so in {path} {outputs.listing(found)}"


def plain(name: str) -> str:
    """A weight's name without TensorFlow's output number."""
    return name[:-2] if name.endswith(":0") else name


def own(directory: str, json_name: str) -> List[str]:
    """The names of the files of the model in `directory` if this project converted it, else []."""
    path = os.path.join(directory, json_name)
    try:
        document = json_object(path) if os.path.isfile(path) else {}
        if (document or {}).get("convertedBy") != VERSION_NAME:
            return []
        return [json_name] + [name for group in document["weightsManifest"] for name in group["paths"]
                              if SHARD.match(name)]
    except (Fault, OSError, KeyError, TypeError):
        return []


def deliver(directory: str, write_to: Callable[[str], List[str]], json_name: str, read: Collection[str]) -> List[str]:
    """Put the files that `write_to(path)` names, the json first, into `directory`: files.into.

    An earlier result of this project there is replaced, its shards too.  Anything else is left, as are the files
    `read`: a Fault.
    """
    return files.into(directory, write_to, own(directory, json_name), read)
