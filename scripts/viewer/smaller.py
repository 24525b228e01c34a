"""A converted model with smaller weights, for a page in one file: the same model.json, its shards quantized."""
import json
import os

from ..base.fault import Fault
from ..formats import weights_manifest
from ..wire import shards
from ..wire.target import BYTES, SHARD_SIZE
from .source import model_file, read_model

PARTS = dict({None: 1.0}, **{name: count / 4.0 for name, count in BYTES.items()})  # of a float32 weight's bytes


def quantized(model_dir: str, directory: str, quantize: str) -> str:
    """Write the model in `model_dir` into the empty `directory`, its weights quantized; return the new model.json.

    quantize: one of wire.target.QUANTIZED.  Raises Fault for weights that cannot be, and for texts among them.
    """
    source = model_file(model_dir)
    model = read_model(source)
    texts = [entry for group in model["weightsManifest"] for entry in group.get("weights", [])
             if isinstance(entry, dict) and entry.get("dtype") == "string"]
    if texts:
        raise Fault(f"{source}: holds texts among its weights, which --quantize does not take: leave it out")
    weights = weights_manifest.manifest_weights(model["weightsManifest"], os.path.dirname(source), source, keep=True)
    manifest = shards.write(weights, directory, SHARD_SIZE, quantize)
    target = os.path.join(directory, os.path.basename(source))
    with open(target, "w", encoding="utf-8") as stream:
        stream.write(json.dumps(dict(model, weightsManifest=manifest)))
    return target
