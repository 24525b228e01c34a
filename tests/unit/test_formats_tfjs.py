"""TensorFlow.js's own files: the ways in which their manifests name the shards."""
import json
import os

import pytest

from scripts import Fault, convert, formats
from tests.unit import handmade
from tests.unit.test_formats import same


def moved(tmp_path, names, where=None):
    """Convert the handmade model and give its shards other names in the manifest; `where`: they lie there too."""
    target = tmp_path / "js"
    target.mkdir()
    convert.convert(handmade.h5(tmp_path / "model.h5"), str(target), shard_size=1000)
    document = json.loads((target / "model.json").read_text())
    group = document["weightsManifest"][0]
    assert len(group["paths"]) == len(names) == 2
    for old, new in zip(group["paths"], where or names):
        os.makedirs(os.path.dirname(str(target / new)), exist_ok=True)
        os.rename(str(target / old), str(target / new))
    group["paths"] = names
    (target / "model.json").write_text(json.dumps(document))
    return str(target)


@pytest.mark.parametrize("names", [
    ["./model.weights.1.bin", "./model.weights.2.bin"], ["weights/1.bin", "weights/2.bin"],
    ["./weights/./1.bin", "weights//2.bin"], ["a/../1.bin", "..2.bin"], ["a/b/1", "a/b/c/2"], ["1 (2).bin", "ü.bin"]])
def test_a_path_inside_the_directory_is_a_file_of_the_model(names, tmp_path):
    directory = moved(tmp_path, names, [os.path.normpath(name) for name in names])
    with formats.read(directory) as model:
        assert same(model)
    assert formats.files(directory) == [os.path.join(directory, name)
                                        for name in ["model.json"] + [os.path.normpath(name) for name in names]]


@pytest.mark.parametrize("name, words", [
    ("../group1.bin", "leads out of its directory and is no file beside it: refused"),
    ("weights/../../group1.bin", "leads out of its directory and is no file beside it: refused"),
    ("/etc/hostname", "leads out of its directory and is no file beside it: refused"),
    ("..\\group1.bin", "leads out of its directory and is no file beside it: refused"),
    ("a/..", "which is no file beside it: refused"), ("", "which is no file beside it: refused"),
    ("a\0b", "which is no file beside it: refused"), (7, "which is no file beside it: refused"),
    ("./weights/gone.bin", "which is no file beside it: refused; download the model with all its shards"),
    ("./gone.bin", "shard gone.bin is missing: download the model again, with all its shards")])
def test_a_path_that_leads_out_of_the_directory_is_named(name, words, tmp_path):
    directory = moved(tmp_path, ["1.bin", "2.bin"])
    path = os.path.join(directory, "model.json")
    with open(path) as file:
        document = json.load(file)
    document["weightsManifest"][0]["paths"][1] = name
    with open(path, "w") as file:
        json.dump(document, file)
    with pytest.raises(Fault) as caught:
        formats.read(directory)
    assert words in str(caught.value) and (repr(name) in str(caught.value) or "missing" in words)
    assert all(os.path.dirname(found) == directory for found in formats.files(directory) if "gone" not in found)


def test_one_shard_under_two_spellings_is_listed_twice(tmp_path):
    directory = moved(tmp_path, ["1.bin", "./1.bin"], ["1.bin", "2.bin"])
    with pytest.raises(Fault, match="lists shard 1.bin twice"):
        formats.read(directory)
