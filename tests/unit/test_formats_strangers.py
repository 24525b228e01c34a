"""Files and directories that are no models: what each line says of them, and what to do."""
import os
import zipfile

import pytest

from scripts import Fault, formats

WEIGHTS = "weights without a model: load them into the model that made them"
META = bytes.fromhex("0a8c0b12e50a0a440a054164645632") + b"\x12\x06\x0a\x01x\"\x01T"


@pytest.mark.parametrize("name, content, words", [
    ("model.ckpt.meta", META, "the graph of a TensorFlow 1 checkpoint: restore it in a session"),
    ("graph.bin", META, "the graph of a TensorFlow 1 checkpoint"),
    ("model.ckpt.index", b"\0\0\x10" + bytes(100), f"a TensorFlow checkpoint, {WEIGHTS}"),
    ("model.ckpt.data-00000-of-00001", bytes(100), f"a TensorFlow checkpoint, {WEIGHTS}"),
    ("checkpoint", b'model_checkpoint_path: "model.ckpt"\n', f"a list of TensorFlow checkpoints, {WEIGHTS}"),
    ("model.tflite", b"\x1c\0\0\0TFL3", "a TensorFlow Lite model, whose layers are gone"),
    ("model.onnx", b"\x08\x08\x12\x07pytorch", "an ONNX model that is cut short"),
    ("model.onnx", b"\x08\x08\x3a\x07", "damaged: cut short"),
    ("model.pkl", b"\x80\x04\x95", "a pickle or an archive of another program, not a Keras model: load it where"),
    ("model.pkl", b"(dp0\nVa\np1\n", "a pickle or an archive of another program"),
    ("model.pkl", b"ccopy_reg\n_reconstructor\n", "a pickle or an archive of another program"),
    ("model.pkl", b"}q\0X\1\0\0\0a", "a pickle or an archive of another program"),
    ("model.safetensors", b"\x20\0\0\0\0\0\0\0{\"a\":", f"safetensors, {WEIGHTS}"),
    ("group1-shard1of2.bin", bytes(64), "a shard of a TensorFlow.js model: give its model.json"),
    ("model.weights.bin", bytes(64), "a shard of a TensorFlow.js model: give its model.json"),
    ("weights_manifest.json", b'[{"weights":[{"name":"a"', "the list of a TensorFlow.js model's weights, without"),
    ("face-weights_manifest.json", b'[{\n  "paths": ["a"]', "the list of a TensorFlow.js model's weights, without"),
    ("train.ipynb", b'{\n "cells": [], "nbformat": 4}', "a notebook, not a model: give what model.save in it writes"),
    ("train.py", b"#" * 1000 + b"\nimport keras\n", "a program, not a model: give what model.save in it writes"),
    ("train.py", b"# a model\nimport keras\n", "a program, not a model: give what model.save in it writes"),
])
def test_a_file_that_is_no_model_is_named_and_so_is_what_to_do(name, content, words, tmp_path):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(Fault) as caught:
        formats.read(str(tmp_path / name))
    assert str(caught.value).startswith(f"{tmp_path / name}: {words}") and "\n" not in str(caught.value)


@pytest.mark.parametrize("members, words", [
    (["archive/data.pkl", "archive/data/0"], "a pickle or an archive of another program"),
    (["a.npy", "b.npy"], f"numpy arrays (npz), {WEIGHTS}"),
    (["model/keras_model.h5", "model/labels.txt"], "a zip archive with model/keras_model.h5 in it: unpack it"),
])
def test_an_archive_is_named_by_what_it_holds(members, words, tmp_path):
    path = str(tmp_path / "model.zip")
    with zipfile.ZipFile(path, "w") as archive:
        for name in members:
            archive.writestr(name, b"x")
    with pytest.raises(Fault) as caught:
        formats.read(path)
    assert str(caught.value).startswith(f"{path}: {words}")


@pytest.mark.parametrize("names, words", [
    (["checkpoint", "model.ckpt.index", "model.ckpt.data-00000-of-00001"], f"a TensorFlow checkpoint, {WEIGHTS}"),
    (["checkpoint", "model.ckpt.index", "model.ckpt.meta"], "the graph of a TensorFlow 1 checkpoint"),
    (["model.ckpt.index", "model.h5"], "no model in this directory (no saved_model.pb, no model.json); give the")])
def test_a_directory_of_checkpoints_is_named(names, words, tmp_path):
    for name in names:
        (tmp_path / name).write_bytes(META if name.endswith(".meta") else b"\0\0\x10")
    with pytest.raises(Fault) as caught:
        formats.read(str(tmp_path))
    assert str(caught.value).startswith(f"{tmp_path}: {words}")


@pytest.mark.parametrize("name", ["keras_metadata.pb", "fingerprint.pb", "variables/variables.index"])
def test_a_part_of_a_saved_model_leads_to_the_whole(name, tmp_path):
    os.mkdir(str(tmp_path / "variables"))
    (tmp_path / "saved_model.pb").write_bytes(b"\x08\x01\x12\x00")
    (tmp_path / name).write_bytes(b"\x00\x00\x10")
    with pytest.raises(Fault) as caught:
        formats.read(str(tmp_path / name))
    assert str(caught.value) == f"{tmp_path / name}: a part of a SavedModel: give its directory, {tmp_path}"
