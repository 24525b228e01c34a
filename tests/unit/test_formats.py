"""Readers: each format recognised by what is in the file, each mistake of a user's one line that says what to do."""
import json
import os
import zipfile

import h5py
import numpy
import pytest

from scripts import Fault, convert, encapsulate, formats
from scripts.formats import keras_h5
from tests.unit import handmade


def same(model):
    """Whether the weights of a handmade model were read."""
    expected = handmade.values()
    for layer, weights in expected.items():
        found = model.weights[layer]
        assert [weight.name.split("/")[-1].split(":")[0] for weight in found] == [name for name, _ in weights]
        for weight, (_, array) in zip(found, weights):
            assert weight.shape == array.shape and numpy.array_equal(weight.read(), array)
    assert all(not weights for layer, weights in model.weights.items() if layer not in expected)
    return True


@pytest.mark.parametrize("major", [2, 3])
def test_an_h5_is_read(major, tmp_path):
    with formats.read(handmade.h5(tmp_path / "model.h5", major=major)) as model:
        assert same(model) and model.keras_major == major


@pytest.mark.parametrize("name", ["model.keras", "model.json", "model.pb", "without"])
def test_an_h5_is_an_h5_whatever_its_name(name, tmp_path):
    with formats.read(handmade.h5(tmp_path / name)) as model:
        assert same(model)


def test_attributes_that_keras_splits_are_put_together_and_split_again(tmp_path):
    names = [f'layer_{number:05d}_{"x" * 90}' for number in range(1500)]

    def split(file):
        group = file["model_weights"]
        del group.attrs["layer_names"]
        keras_h5.write_names(group, "layer_names", handmade.NAMES[:2] + names + handmade.NAMES[2:])
        assert "layer_names" not in group.attrs and "layer_names1" in group.attrs
        assert all(group.attrs[name].nbytes <= 64512 for name in group.attrs if name.startswith("layer_names"))
        for name in names:
            group.create_group(name).attrs["weight_names"] = []

    with formats.read(handmade.h5(tmp_path / "model.h5", change=split)) as model:
        assert list(model.weights) == handmade.NAMES[:2] + names + handmade.NAMES[2:]


@pytest.mark.parametrize("major", [2, 3])
def test_topology_and_weights_are_read_from_two_files(major, tmp_path):
    first, second = handmade.separated(tmp_path, major)
    with formats.read(first, weights=second) as model:
        assert same(model) and model.keras_major == major


def test_a_whole_h5_serves_as_weights_of_a_topology(tmp_path):
    first, _ = handmade.separated(tmp_path)
    with formats.read(first, weights=handmade.h5(tmp_path / "model.h5")) as model:
        assert same(model)


def test_weights_under_other_layer_names_belong_to_the_layers_in_their_order(tmp_path):
    first, second = handmade.separated(tmp_path)
    with h5py.File(second, "r+") as file:
        file.attrs["layer_names"] = [name.encode() for name in ("conv", "pool", "flat", "dense_7", "softmax")]
        file.move("dense", "dense_7")
    with formats.read(first, weights=second) as model:
        assert same(model)


def test_a_keras_archive_is_read_in_place(tmp_path):
    before = set(os.listdir(str(tmp_path)))
    path = handmade.archive(tmp_path / "model.keras")
    with formats.read(path) as model:
        assert same(model) and model.keras_version == "3.15.1"
    assert set(os.listdir(str(tmp_path))) == before | {"model.keras"}


def test_weights_of_keras_3_are_found_by_class_and_count(tmp_path):
    path = handmade.archive(tmp_path / "model.keras")
    with zipfile.ZipFile(path) as archive:
        (tmp_path / "m.weights.h5").write_bytes(archive.read("model.weights.h5"))
        (tmp_path / "config.json").write_bytes(archive.read("config.json"))
    with formats.read(str(tmp_path / "config.json"), weights=str(tmp_path / "m.weights.h5")) as model:
        assert same(model)


def converted(tmp_path, **options):
    target = tmp_path / "js"
    target.mkdir()
    convert.convert(handmade.h5(tmp_path / "model.h5"), str(target), **options)
    return str(target)


@pytest.mark.parametrize("whole", [True, False])
def test_a_tensorflow_js_model_is_read_over_many_shards(whole, tmp_path):
    directory = converted(tmp_path, shard_size=100)
    with formats.read(directory if whole else os.path.join(directory, "model.json")) as model:
        assert same(model)


def test_old_shards_without_a_suffix_are_read(tmp_path):
    directory = converted(tmp_path)
    path = os.path.join(directory, "model.json")
    os.rename(os.path.join(directory, "group1-shard1of1.bin"), os.path.join(directory, "group1-shard1of1"))
    with open(path) as file:
        document = json.load(file)
    document["weightsManifest"][0]["paths"] = ["group1-shard1of1"]
    with open(path, "w") as file:
        json.dump(document, file)
    with formats.read(path) as model:
        assert same(model)


def test_the_files_of_a_model_are_its_own_and_its_shards(tmp_path):
    directory = converted(tmp_path, shard_size=1000)
    path = os.path.join(directory, "model.json")
    assert sorted(formats.files(path)) == sorted(os.path.join(directory, name) for name in os.listdir(directory))
    assert formats.files("a.json", "b.h5") == ["a.json", "b.h5"] if os.path.exists("a.json") else True


# What is no model ------------------------------------------------------------------------------------------

@pytest.mark.parametrize("content, line", [
    (b"", "the file is empty"),
    (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n", "git lfs pull"),
    (b"<!DOCTYPE html>", "a web page, not a model"),
    (b"\x80\x02}q\x00.", "a pickle or an archive of another program"),
    (b"\x93NUMPY\x01\x00", "a numpy array"),
    (b"PK\x03\x04 and then nothing", "cut short"),
    (b"random bytes that mean nothing", "not a model file"),
    (b"{ no json", "not valid JSON"),
    (b'{"a": 1}', "not a model file"),
    (b'{"class_name": "Sequential", "config": {}}', "a topology without weights"),
    (b'{"a": 1, "a": 2}', "the key 'a' stands twice"),
    (b'{"class_name": NaN}', "NaN"),
    (b"[" * 5000, "not a model file"),
    (b'{"a":' * 5000 + b"1" + b"}" * 5000, "nested"),
    (b'{"a":' * 400 + b"1" + b"}" * 400, "nested deeper than 200"),
])
def test_a_file_that_is_no_model_is_told_from_its_content(content, line, tmp_path):
    path = str(tmp_path / "model.h5")
    with open(path, "wb") as file:
        file.write(content)
    with pytest.raises(Fault, match=line) as caught:
        formats.read(path)
    assert str(caught.value).startswith(path) and "\n" not in str(caught.value)


def test_missing_unreadable_and_empty_places_are_named(tmp_path):
    with pytest.raises(Fault, match="No such file"):
        formats.read(str(tmp_path / "nowhere.h5"))
    with pytest.raises(Fault, match="the directory is empty"):
        formats.read(str(tmp_path))
    (tmp_path / "notes.txt").write_text("x")
    with pytest.raises(Fault, match="no model in this directory"):
        formats.read(str(tmp_path))


@pytest.mark.parametrize("part", [0.1, 0.5, 0.95])
def test_an_h5_that_is_cut_short_is_refused(part, tmp_path):
    path = handmade.h5(tmp_path / "model.h5")
    data = (tmp_path / "model.h5").read_bytes()
    (tmp_path / "model.h5").write_bytes(data[:int(len(data) * part)])
    with pytest.raises(Fault, match="cut short"):
        formats.read(path)


def drop(name):
    return lambda file: file.attrs.__delitem__(name) if name in file.attrs else file.__delitem__(name)


@pytest.mark.parametrize("change, line", [
    (drop("model_weights"), "a topology and no weights: save the whole model"),
    (drop("model_config"), "no Keras model in it"),
    (lambda file: (file.attrs.__delitem__("model_config"), file.__delitem__("model_weights"),
                   file.create_group("optimizer_weights")), "an optimizer's state"),
    (lambda file: (file.attrs.__delitem__("model_config"), handmade.fill(file, handmade.values())),
     "weights without a topology"),
])
def test_an_h5_without_a_whole_model_says_what_is_missing(change, line, tmp_path):
    with pytest.raises(Fault, match=line):
        formats.read(handmade.h5(tmp_path / "model.h5", change=change))


def replace(place, make):
    def change(file):
        group = file["model_weights/dense/dense"]
        del group["kernel:0"]
        make(group)
    return change


@pytest.mark.parametrize("make, line", [
    (lambda group: group.__setitem__("kernel:0", h5py.ExternalLink("/etc/hostname", "x")), "a link to somewhere else"),
    (lambda group: group.__setitem__("kernel:0", h5py.SoftLink("/model_weights")), "a link to somewhere else"),
    (lambda group: group.create_dataset("kernel:0", (72, 4), "f4", external=[("/etc/hostname", 0, 1152)]),
     "stored in another file"),
    (lambda group: group.create_dataset("kernel:0", (1 << 40, 4), "f4", chunks=(1024, 4)), "claims .* bytes"),
    (lambda group: group.__setitem__("kernel:0", numpy.array([b"x"] * 3)), "not numbers"),
    (lambda group: group.create_group("kernel:0"), "no dataset"),
    (lambda group: None, "is missing"),
], ids=["external link", "soft link", "external dataset", "terabytes", "text", "group", "nothing"])
def test_a_weight_that_would_read_elsewhere_or_lies_is_refused(make, line, tmp_path):
    with pytest.raises(Fault, match=line):
        formats.read(handmade.h5(tmp_path / "model.h5", change=replace("kernel:0", make)))


def test_chunks_that_were_never_written_are_zeros_and_not_what_was_in_memory(tmp_path):
    def make(group):
        how = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
        how.set_chunk((8, 4))
        how.set_fill_time(h5py.h5d.FILL_TIME_NEVER)
        space = h5py.h5s.create_simple((72, 4))
        h5py.Dataset(h5py.h5d.create(group.id, b"kernel:0", h5py.h5t.IEEE_F32LE, space, how))[:8] = 1

    with formats.read(handmade.h5(tmp_path / "model.h5", change=replace("kernel:0", make))) as model:
        for _ in range(50):
            del [numpy.full((72, 4), 7, "f4") for _ in range(50)][:]  # what memory may hold afterwards
            assert set(model.weights["dense"][0].read().reshape(-1)) == {0, 1}


@pytest.mark.parametrize("packed", [True, False])
def test_what_is_packed_together_is_unpacked_once(packed, tmp_path):
    """A piece has whole bands of rows where a band is packed: else all of it would be unpacked for each piece."""
    values = numpy.random.RandomState(1).normal(size=(100, 6)).astype("float32")
    with h5py.File(str(tmp_path / "w.h5"), "w") as file:
        file.create_dataset("w", data=values, chunks=(7, 2), compression="gzip" if packed else None)
        weight = keras_h5.weight(file["w"], "w", "w.h5").renamed("x")
        sizes = []
        for limit in (1, 24, 24 * 10, 24 * 15, 24 * 60):
            pieces = list(weight.pieces(limit))
            assert numpy.array_equal(numpy.concatenate(pieces), values.reshape(-1))
            sizes.append(len(pieces[0]) // 6)
    assert sizes == ([7, 7, 7, 14, 56] if packed else [1, 1, 10, 15, 60])


def test_rows_of_which_too_much_is_packed_together_are_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(keras_h5, "CHUNK_BYTES", 4 * 50 * 6 - 1)
    with h5py.File(str(tmp_path / "w.h5"), "w") as file:
        file.create_dataset("plain", (100, 6), "f4", chunks=(50, 2))[...] = 1
        file.create_dataset("packed", (100, 6), "f4", chunks=(50, 2), compression="gzip")[...] = 1
        keras_h5.weight(file["plain"], "w", "w.h5")
        with pytest.raises(Fault, match="unpacked at once"):
            keras_h5.weight(file["packed"], "w", "w.h5")


def test_a_model_that_was_packed_again_is_read(tmp_path):
    """h5repack -f GZIP=9, which users do: zeros pack well, and a small file may unpack to more than it is."""
    weights = handmade.values()
    weights["dense"] = [("kernel", numpy.zeros((72, 4), "f4")), ("bias", numpy.zeros(4, "f4"))]

    def change(file):
        for name, array in weights["dense"]:
            del file[f"model_weights/dense/dense/{name}:0"]
            file["model_weights/dense/dense"].create_dataset(name + ":0", data=array, chunks=True, compression=9)
    with formats.read(handmade.h5(tmp_path / "model.h5", weights=weights, change=change)) as model:
        assert not model.weights["dense"][0].read().any()


def test_a_virtual_dataset_is_refused(tmp_path):
    def make(group):
        layout = h5py.VirtualLayout((72, 4), "f4")
        layout[:] = h5py.VirtualSource(str(tmp_path / "other.h5"), "x", (72, 4))
        group.create_virtual_dataset("kernel:0", layout)

    with pytest.raises(Fault, match="stored in another file"):
        formats.read(handmade.h5(tmp_path / "model.h5", change=replace("kernel:0", make)))


@pytest.mark.parametrize("members, line", [
    (lambda name, data: None if name.endswith("h5") else data, "no model.weights.h5"),
    (lambda name, data: b"junk" if name.endswith("h5") else data, "no HDF5 file or damaged"),
    (lambda name, data: data[:2000] if name.endswith("h5") else data, "no HDF5 file or damaged"),
    (lambda name, data: b"junk" if name == "config.json" else data, "config.json: not valid JSON"),
    (lambda name, data: b"[]" if name == "config.json" else data, "not a Sequential or Functional"),
])
def test_a_damaged_archive_says_what_is_wrong(members, line, tmp_path):
    with pytest.raises(Fault, match=line):
        formats.read(handmade.archive(tmp_path / "model.keras", members))


def test_a_compressed_archive_is_refused_before_anything_is_unpacked(tmp_path):
    with pytest.raises(Fault, match="compressed, which Keras never does"):
        formats.read(handmade.archive(tmp_path / "model.keras", compression=zipfile.ZIP_DEFLATED))


def bend(directory, change):
    path = os.path.join(directory, "model.json")
    with open(path) as file:
        document = json.load(file)
    change(document)
    with open(path, "w") as file:
        json.dump(document, file)
    return path


@pytest.mark.parametrize("change, line", [
    (lambda document: document["weightsManifest"][0].update(paths=["../model.h5"]), "no file beside it: refused"),
    (lambda document: document["weightsManifest"][0].update(paths=["/etc/hostname"]), "no file beside it: refused"),
    (lambda document: document["weightsManifest"][0].update(paths=["gone.bin"]), "gone.bin is missing"),
    (lambda document: document["weightsManifest"][0]["weights"][0].update(shape=[1 << 60]), "too few for weight"),
    (lambda document: document["weightsManifest"][0]["weights"].pop(), "but the manifest lists"),
    (lambda document: document["weightsManifest"][0]["weights"][0].update(name="x/kernel"), "is not in the manifest"),
    (lambda document: document.update(format="graph-model"), "a graph model"),
    (lambda document: document.pop("modelTopology"), "weights without a topology"),
    (lambda document: document.pop("weightsManifest"), "no weightsManifest"),
    (lambda document: document["weightsManifest"][0]["weights"][0].update(dtype="string"), "is string, which no Keras"),
])
def test_a_bent_tensorflow_js_model_is_refused(change, line, tmp_path):
    path = bend(converted(tmp_path), change)
    with pytest.raises(Fault, match=line):
        formats.read(path)


def test_a_shard_that_is_cut_short_is_noticed_before_anything_is_written(tmp_path):
    directory = converted(tmp_path)
    shard = os.path.join(directory, "group1-shard1of1.bin")
    with open(shard, "r+b") as file:
        file.truncate(os.path.getsize(shard) - 1)
    with pytest.raises(Fault, match="a shard is cut short or missing"):
        formats.read(os.path.join(directory, "model.json"))


@pytest.mark.parametrize("swap", [True, False])
def test_topology_and_weights_that_do_not_belong_together_are_refused(swap, tmp_path):
    first, second = handmade.separated(tmp_path)
    with h5py.File(second, "r+") as file:
        if swap:
            del file["dense"].attrs["weight_names"]
            file["dense"].attrs["weight_names"] = []
        else:
            del file["dense/dense/kernel:0"]
            file["dense/dense/kernel:0"] = numpy.zeros((72, 9), "float32")
    with pytest.raises(Fault, match="do(es)? not belong together"):
        encapsulate.build(first, str(tmp_path / "enc.h5"), weights=second)


def test_nothing_is_read_of_a_weight_before_it_is_asked_for(tmp_path, monkeypatch):
    path = handmade.h5(tmp_path / "model.h5")
    monkeypatch.setattr(keras_h5, "read_rows", lambda *_: pytest.fail("a weight was read"))
    formats.read(path).close()
