"""models.toml becomes entries, and every mistake in it is named with its table and its key."""
import os

import pytest

from scripts import Fault
from scripts.builds import catalog


def read(tmp_path, text):
    path = tmp_path / "models.toml"
    path.write_bytes(text.encode("utf-8") if isinstance(text, str) else text)
    return catalog.read(str(path))


def fault(tmp_path, text):
    with pytest.raises(Fault) as caught:
        read(tmp_path, text)
    message = str(caught.value)
    assert "\n" not in message
    assert "models.toml" in message
    return message


def test_the_default_table_has_the_paths_of_the_guide(tmp_path):
    entry, = read(tmp_path, "[keras]\n")
    assert entry.trained
    assert (entry.source, entry.enc_model, entry.directory) == (
        "models/model.h5", "models/enc_model.h5", "models/json_models/keras")


def test_any_other_table_has_a_directory_of_its_name(tmp_path):
    entry, = read(tmp_path, '[mine]\nsource = "a b/模型 😀.h5"\n')
    assert not entry.trained
    assert (entry.source, entry.enc_model, entry.directory) == (
        "a b/模型 😀.h5", "models/mine/enc_model.h5", "models/json_models/mine")


def test_the_recipe_is_the_guides_where_nothing_is_said(tmp_path):
    entry, = read(tmp_path, "[keras]\n")
    assert (entry.epochs, entry.batch_size, entry.optimizer, entry.learning_rate) == (5, 32, "adam", None)
    assert (entry.data, entry.engine, entry.json_name) == ("auto", "native", "model.json")


def test_windows_line_ends_and_a_byte_order_mark_are_read(tmp_path):
    entry, = read(tmp_path, b'\xef\xbb\xbf[keras]\r\nepochs = 2\r\n')
    assert entry.epochs == 2


def test_a_pattern_gives_one_model_per_file(tmp_path):
    for name in ("b.h5", "a c.h5", "ignored.txt"):
        (tmp_path / name).write_bytes(b"")
    entries = read(tmp_path, f'[zoo]\nsource = "{tmp_path}/*.h5"\nlayers = ["x"]\n')
    assert [entry.name for entry in entries] == ["zoo-a_c", "zoo-b"]
    assert [os.path.basename(entry.source) for entry in entries] == ["a c.h5", "b.h5"]
    assert all(entry.layers == ["x"] for entry in entries)


@pytest.mark.parametrize("text, words", [
    ("[keras]\nepoch = 5\n", ["[keras]", "epoch", "did you mean epochs?"]),
    ("[keras]\nepochs = 0\n", ["[keras]", "epochs = 0", "from 1 to"]),
    ("[keras]\nepochs = true\n", ["epochs = True"]),
    ("[keras]\nepochs = 1.5\n", ["epochs = 1.5"]),
    ("[keras]\nseed = -1\n", ["seed = -1"]),
    ('[keras]\nlearning_rate = "fast"\n', ["learning_rate"]),
    ("[keras]\nlearning_rate = nan\n", ["learning_rate"]),
    ('[a]\nsource = "m.h5"\nlayers = "Dense_1"\n', ["[a]", "layers", "a list of layer names"]),
    ('[a]\nsource = "m.h5"\nlayers = ["x", "x"]\n', ["layers names x twice"]),
    ('[a]\nsource = "m.h5"\nepochs = 3\n', ["[a]", "not trained", "epochs"]),
    ('[a]\nweights = "w.h5"\n', ["weights without source"]),
    ('[a]\nsource = "m.onnx"\nconstants = {sr = "fast"}\n', ["constants", "numbers"]),
    ('[a]\nsource = "m.h5"\nquantize = "int4"\n', ["quantize", "uint8"]),
    ('[a]\nsource = "m.h5"\njson_name = "../model.json"\n', ["json_name", "a file name"]),
    ('[a]\nsource = "m.h5"\njson_name = "manifest.json"\n', ["json_name"]),
    ('[a]\nsource = "m.h5"\njson_name = ".x.json"\n', ["json_name"]),
    ('[a]\nsource = "m.h5"\njson_name = "x\\u0007.json"\n', ["json_name"]),
    ("[keras]\nseed = 4294967296\n", ["seed", "from 0 to 4294967295"]),
    ("[keras]\nlearning_rate = inf\n", ["learning_rate", "1e30"]),
    ('[a]\nsource = "m.h5"\nengine = "keras"\n', ["engine", '"native" or "reference"']),
    ('[a]\nsource = "no/such/*.h5"\n', ["no file matches"]),
    ('[a]\nsource = "//*//*/../*//*/../*"\n', ['no ".." after a *']),  # fuzzing: it asked for all memory
    ('["../up"]\nsource = "m.h5"\n', ["../up", "letters"]),
    ('[json_models]\nsource = "m.h5"\n', ["json_models"]),
    ('["a=b"]\nsource = "m.h5"\n', ["a=b"]),
    ('[A]\nsource = "m.h5"\n[a]\nsource = "m.h5"\n', ["[A] and [a] would share a directory"]),
    ("epochs = 5\n", ["epochs", "outside every table"]),
    ('[[a]]\nsource = "m.h5"\n', ["[[a]]: write [a]"]),
    ("[a]\nsource = m.h5\n", ["line 2", "straight quotes"]),
    ('[模型]\nsource = "m.h5"\n', ["line 1", '["模型"]']),
    ('[a]\nsource = "m.h5"\ninput_shape = {a = 8}\n', ["input_shape", "{a = [8], b = [8, 8]}"]),
    ('[a]\nsource = "m.h5"\ninput_shape = [[[8]]]\n', ["input_shape"]),
    ('[a]\nsource = "m.h5"\ninput_shape = [8]\nengine = "reference"\n', ["takes no input_shape"]),
    ('[a]\nsource = "m.h5"\ntrust = 3\n', ["trust", '"my_model.py:make", or a list of such paths']),
    ('[a]\ntrust = "my.py"\n', ["trust without source"]),
    ('[a]\nsource = "m.h5"\ntrust = "my.py"\ncompile = true\n', ["no enc_model.h5 is made: remove compile"]),
    ("[keras\n", []),
    ("", ["names no model"]),
    ("[keras]\nepochs = 1\nepochs = 2\n", ["line 3"]),
    (b"[keras]\ndata = \"\xff\"\n", ["UTF-8"]),
])
def test_a_mistake_is_named_in_one_line(tmp_path, text, words):
    message = fault(tmp_path, text)
    for word in words:
        assert word in message


def test_what_is_declared_twice_is_not_told_how_texts_are_written(tmp_path):
    for text in ("[keras]\nepochs = 1\nepochs = 2\n", "[keras]\n[keras]\n"):
        assert "quotes" not in fault(tmp_path, text)


def test_files_of_one_pattern_that_would_share_a_directory_are_named(tmp_path):
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "model.h5").write_bytes(b"")
    message = fault(tmp_path, f'[zoo]\nsource = "{tmp_path}/*/model.h5"\n')
    assert "a/model.h5 and " in message and "b/model.h5 would both be [zoo-model]" in message


@pytest.mark.parametrize("shape", ["[8, 8, 1]", "[[8], [8, 8]]", "{a = [8], b = [8, 8]}"])
def test_the_sizes_of_an_input_or_of_several_are_taken(tmp_path, shape):
    entry, = read(tmp_path, f'[a]\nsource = "m.h5"\ninput_shape = {shape}\n')
    assert entry.input_shape


def test_a_path_that_begins_as_an_option_does_is_none_for_a_command(tmp_path):
    entry, = read(tmp_path, '[a]\nsource = "-m.json"\nweights = "--help"\n')
    assert (entry.source, entry.weights) == ("./-m.json", "./--help")


def test_a_missing_catalogue_is_a_fault(tmp_path):
    with pytest.raises(Fault) as caught:
        catalog.read(str(tmp_path / "models.toml"))
    assert "No such file" in str(caught.value)


def test_a_pattern_for_half_a_disk_is_a_fault(tmp_path, monkeypatch):
    monkeypatch.setattr(catalog, "MOST", 3)
    for name in "abcd":
        (tmp_path / (name + ".h5")).write_bytes(b"")
    with pytest.raises(Fault, match="more than 3 files match"):
        read(tmp_path, f'[zoo]\nsource = "{tmp_path}/*.h5"\n')


def test_a_default_never_changes():
    """Records hold no defaults: what was built with one would pass for built with another.  A new key may be added."""
    assert {key: catalog.DEFAULTS[key] for key in (
        "recipe", "checkpoint", "epochs", "batch_size", "seed", "optimizer", "learning_rate", "layers", "input_shape",
        "compile", "engine", "json_name", "shard_size", "quantize", "title", "labels", "pixels", "saved_model_tags",
        "signature", "weights")} == {
        "recipe": "guide", "checkpoint": False, "epochs": 5, "batch_size": 32, "seed": 0, "optimizer": "adam",
        "learning_rate": None, "layers": None, "input_shape": None, "compile": False, "engine": "native",
        "json_name": "model.json", "shard_size": 4194304, "quantize": None, "title": None, "labels": None,
        "pixels": "0..1", "saved_model_tags": "serve", "signature": None, "weights": None}


def test_what_a_converted_model_is_written_as_is_one_thing(tmp_path):
    entry, = read(tmp_path, '[a]\nsource = "m.h5"\nshard_size = 7\nquantize = {uint8 = "*/kernel"}\n')
    assert entry.target() == ("model.json", 7, {"uint8": "*/kernel"}, "auto")
    assert set(entry.target()._fields) == set(catalog.CONVERTING)
