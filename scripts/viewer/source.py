"""The model of a page: TensorFlow.js's model.json and the shards beside it, read and checked."""
import os
from typing import Any, Dict, List

from ..base import command
from ..base.fault import Fault
from ..formats import json_text


def model_file(path: str) -> str:
    """Return the path of the model.json in a directory, whatever its name, or `path` itself where it is a file."""
    if not os.path.isdir(path):
        if not os.path.isfile(path):
            raise Fault(f"{path}: no such file or directory; give one with model.json and its shards")
        return path
    usual = os.path.join(path, "model.json")
    if os.path.isfile(usual):
        return usual
    found = []
    for name in sorted(os.listdir(path)):
        if name.endswith(".json") and name != "manifest.json":
            with open(os.path.join(path, name), encoding="utf-8", errors="replace") as stream:
                if '"weightsManifest"' in stream.read(json_text.MAX_JSON_BYTES):
                    found.append(os.path.join(path, name))
    if len(found) != 1:
        raise Fault(f"{path}: holds {'several models' if found else 'no model.json'}; name the file")
    return found[0]


def read_model(path: str) -> Dict[str, Any]:
    """Return the content of a TensorFlow.js model.json, a dict; raise Fault where it is something else."""
    with open(path, "rb") as stream:
        text = stream.read(json_text.MAX_JSON_BYTES + 1)
    if not text[:1000].lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"{"):  # an h5, say
        raise Fault(f"{path}: no model.json of TensorFlow.js; convert the model first (scripts.preprocess)")
    model = json_text.parse(text, path)
    if (not isinstance(model, dict) or not isinstance(model.get("modelTopology"), dict)
            or "weightsManifest" not in model):
        raise Fault(f"{path}: not a TensorFlow.js model (no modelTopology and weightsManifest); convert it with "
                    "scripts.convert")
    return model


def shards(model: Dict[str, Any], source: str) -> List[str]:
    """Return the names of the weight files, each a plain name of a file beside `source`, once."""
    names = []
    try:
        listed = [name for group in model["weightsManifest"] for name in group["paths"]]
    except (KeyError, TypeError):
        raise Fault(f"{source}: its weightsManifest lists no files; convert the model again")
    for name in listed:
        if not isinstance(name, str) or name != os.path.basename(name) or name in (".", ".."):
            raise Fault(f"{source}: names the weights {command.one_line(name)}, which do not lie beside it")
        if not os.path.isfile(os.path.join(os.path.dirname(source), name)):
            raise Fault(f"{source}: its weights {command.one_line(name)} are missing; convert the model again")
        if name not in names:
            names.append(name)
    return names
