"""Files of no known format: what each one is, and what to do instead."""
import contextlib
import glob
import os
import re
import zipfile
from typing import Optional

from . import keras_archive
from .paths import head

KNOWN = "known are h5, .keras, topology json + weights h5, tfjs model.json, SavedModel, frozen .pb, ONNX"
ENDINGS = (".h5", ".hdf5", ".keras", "saved_model.pb", "model.json")
WEIGHTS = "weights without a model: load them into the model that made them (model.load_weights, in Keras 2), and " \
    "give what model.save writes"
EXPORT = 'torch.onnx.export(model.eval(), torch.zeros(1, 3, 224, 224), "model.onnx")'
# Names of files that are parts of something, and the advice about each.
NAMES = (
    (r".*\.data-\d+-of-\d+$|.*\.index$", "a TensorFlow checkpoint, " + WEIGHTS),
    (r"group\d+-shard\d+of\d+(\.bin)?$|.*\.weights\.bin$", "a shard of a TensorFlow.js model: give its model.json"),
)
# Starts of files that are no models here, and the advice about each.
STARTS = (
    (rb"\Z", "the file is empty"),
    (rb"version https://git-lfs", "a git-lfs pointer, not the model itself: run `git lfs pull` first"),
    (rb"\x1f\x8b|BZh|\xfd7zXZ|7z\xbc\xaf|Rar!|.{257}ustar", "a packed file: unpack it, and give the model in it"),
    (rb"\x80[\x02-\x05]|PK\x03\x04|\([dl]p0\n|c[\w.]+\n\w+\n|[\]}]q\0",  # pickles of protocol 0 and 1 have no start
     "a pickle or an archive of another program, not a Keras model: load it where it was made; Keras saves it "
     "(model.save), PyTorch exports it: " + EXPORT),
    (rb"\x93NUMPY", "a numpy array, not a model; " + KNOWN),
    (rb".{6}\0\0\{\"", "safetensors, " + WEIGHTS),
    (rb".{4}TFL3", "a TensorFlow Lite model, whose layers are gone: give the model that it was made from"),
    (rb"\x08[\x02-\x20][\x12\x1a\x22\x2a\x32\x3a\x42]",
     "an ONNX model that is cut short: download or copy it again"),
    (rb"\s*<", "a web page, not a model: the download went wrong"),
    (rb"model_checkpoint_path:", "a list of TensorFlow checkpoints, " + WEIGHTS),
    # tensorflow/core/protobuf/meta_graph.proto: MetaInfoDef, in it the list of operations
    (rb"\x0a.{1,4}\x12.{1,4}\x0a", "the graph of a TensorFlow 1 checkpoint: restore it in a session "
     "(tf.compat.v1.train.import_meta_graph), save it by tf.compat.v1.saved_model.simple_save, and give that "
     "directory"),
    (rb"\s*\[\s*\{\s*\"(weights|paths)\"", "the list of a TensorFlow.js model's weights, without the model: give the "
     "model.json that names them, or the directory of a tensorflowjs_model.pb"),
    (rb"\s*\{\s*\"(cells|nbformat|metadata)\"", "a notebook, not a model: give what model.save in it writes"),
    (rb"(#[^\n]*\n|\s)*(import|from) \w", "a program, not a model: give what model.save in it writes"),
)


def unknown(path: str) -> str:
    """Return the one line about a file or directory that no format knows."""
    if os.path.isdir(path):
        empty = [name for name in ("saved_model.pb", "model.json") if os.path.isfile(os.path.join(path, name))
                 and not os.path.getsize(os.path.join(path, name))]
        if empty:
            return f"{path}: its {empty[0]} is empty: download or copy it again"
        others = sorted(name for name in os.listdir(path) if name.endswith((".json", ".h5", ".keras", ".pb")))
        others = [os.path.dirname(found) for found in [os.path.join(path, os.pardir, "saved_model.pb")] + sorted(
            glob.glob(os.path.join(glob.escape(path), "*", "saved_model.pb"))) if os.path.isfile(found)] or others
        names = [name for name in sorted(os.listdir(path)) if name.endswith((".meta", ".index"))]
        held = None if others else next((mistaken(os.path.join(path, name)) for name in names[::-1]), None)
        if held:  # a checkpoint's graph, or its weights
            return f"{path}: {held}"
        advice = "give the model itself: " + ", ".join(map(os.path.normpath, others[:5])) if others else KNOWN
        return f"{path}: no model in this directory (no saved_model.pb, no model.json); {advice}"
    return f"{path}: " + (mistaken(path) or "not a model file, or damaged at its start; " + KNOWN)


def mistaken(path: str) -> Optional[str]:
    """Return the words for a file that was taken for a model by mistake; None where its start does not tell."""
    start = head(path)
    if start.startswith(b"PK\x03\x04"):
        if not zipfile.is_zipfile(path):
            return "an archive that is cut short: download or copy it again"
        with contextlib.suppress(*keras_archive.DAMAGED + (ValueError,)), zipfile.ZipFile(path) as archive:
            inside = [name for name in archive.namelist() if name.endswith(ENDINGS)]
            if inside:
                return f"a zip archive with {inside[0]} in it: unpack it, and give that"
            if all(name.endswith(".npy") for name in archive.namelist()):
                return "numpy arrays (npz), " + WEIGHTS
    for whole in (os.path.dirname(path), os.path.dirname(os.path.dirname(path))):
        if os.path.isfile(os.path.join(whole, "saved_model.pb")):
            return f"a part of a SavedModel: give its directory, {whole or os.curdir}"
    found = next((words for pattern, words in STARTS if re.match(pattern, start, re.DOTALL)), None)
    return found or next((words for pattern, words in NAMES if re.match(pattern, os.path.basename(path))), None)
