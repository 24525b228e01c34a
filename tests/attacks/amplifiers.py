"""Model files whose readers would break, wait, or do far more work than their size says: small functions as in
builders.py, for test_amplifiers.py.
"""
import json
import os
import struct
import zipfile

import h5py
import numpy

from scripts.wire.sstable import TABLE_MAGIC
from tests.attacks import builders
from tests.attacks.builders import at, bent_h5, call, dense, functional, plain_h5, save, sequential, start, tfjs, trap
from tests.fuzz import seeds
from tests.fuzz.mutate import message, varint
from tests.unit import handmade

# TensorFlow.js ---------------------------------------------------------------------------------------------


def type_that_is_python(folder, word, quantized=False):
    """numpy.dtype parses what has commas in it as Python."""
    def change(document):
        entry = document["weightsManifest"][0]["weights"][0]
        entry.update({"quantization": {"dtype": word, "scale": 1, "min": 0}} if quantized else {"dtype": word})
    return tfjs(folder, change)


def values_beyond_float32(folder):
    def change(document):
        for weight in document["weightsManifest"][0]["weights"]:
            weight["quantization"] = {"dtype": "uint8", "scale": 1e308, "min": 0}
        os.truncate(at(folder, "tfjs", "group1-shard1of1.bin"), 327)
    return tfjs(folder, change)


def model_json(folder, record, manifest):
    return save(folder, "model.json", json.dumps({
        "format": "layers-model", "weightsManifest": manifest,
        "modelTopology": {"keras_version": "2.6.0", "backend": "tensorflow", "model_config": record}}))


def shard_many_times(folder, count=200000):
    """One shard of 1 MB, listed so often that it is 200 GB."""
    save(folder, "s", bytes(1 << 20))
    record = functional([start(size=count), call(dense("d", 1 << 18), [("start", 0)])], [("d", 0)])
    return model_json(folder, record, [{"paths": ["s"] * count, "weights": [
        {"name": "d/kernel", "shape": [count, 1 << 18], "dtype": "float32"}]}])


def many_layers_of_no_variables(folder, count=8000):
    layers = [call({"class_name": "ReLU", "config": {"name": f"r{index}", "trainable": index % 2 == 0}},
                   [("start", 0)]) for index in range(count)]
    return model_json(folder, functional([start()] + layers, [("r0", 0)]), [{"paths": [], "weights": [
        {"name": f"r{index}/w", "shape": [0], "dtype": "float32"} for index in range(count)]}])


# Archives --------------------------------------------------------------------------------------------------

def damaged_member(folder, method):
    """A config.json whose packed bytes mean nothing to its method."""
    path = at(folder, "model.keras")
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("config.json", b'{"class_name": "Sequential"}' * 200, method)
        file.writestr("model.weights.h5", b"")
    with open(path, "rb") as file:
        data = bytearray(file.read())
    place = 30 + len("config.json")
    data[place:place + 40] = b"\x09\x04\x05\x00" + b"\xff" * 36 if method == zipfile.ZIP_LZMA else b"\xff" * 40
    return save(folder, "model.keras", bytes(data))


def weights_that_are_not_there(folder):
    """The archive's directory and the HDF5 file in it agree that this is terabytes long; a weight of 64 MB lies behind
    its end."""
    path, inner, was, now, end = at(folder, "model.keras"), at(folder, "inner.h5"), (1024, 771), (16384, 1024), 1 << 42
    with h5py.File(inner, "w") as file:
        dataset = file.create_dataset("layers/dense/vars/0", was, "f4")
        dataset[...] = 1
        address = dataset.id.get_offset()
    with open(inner, "rb") as file:
        data = file.read()
    os.remove(inner)
    for old, new in (struct.pack("<QQ", *was), struct.pack("<QQ", *now)), (
            struct.pack("<QQ", address, was[0] * was[1] * 4), struct.pack("<QQ", end >> 1, now[0] * now[1] * 4)):
        assert data.count(old) == 1 or len(old) == 16 and old in data
        data = data.replace(old, new)
    data = data[:40] + struct.pack("<Q", end) + data[48:address]  # the superblock's end of file
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("config.json", json.dumps(sequential(dense("d", now[1]))).replace("[null, 4]", "[null, 16384]"))
        file.writestr("metadata.json", '{"keras_version": "3.15.1"}')
        file.writestr("model.weights.h5", data)
        file.getinfo("model.weights.h5").file_size = end  # in the directory alone
    return path


# HDF5 ------------------------------------------------------------------------------------------------------

def layer_listed_again(folder, spell):
    """layer_names0 … 9 with one name ten thousand times, spelt anew by spell(index)."""
    def change(file):
        group = file["model_weights"]
        del group.attrs["layer_names"]
        for part in range(10):
            group.attrs[f"layer_names{part}"] = numpy.array([spell(part * 1000 + index).encode()
                                                               for index in range(1000)])
    return bent_h5(folder, change)


def dataset_with_many_names(folder, count=100):
    """One dataset of 4 MB, which is the kernel of a hundred layers by hard links."""
    names = [f"d{index}" for index in range(count)]
    layers = [call(dense(name, 1024), [("start", 0)]) for name in names]
    record = functional([start(size=1024)] + layers, [(name, 0) for name in names])
    path = plain_h5(folder, record, {name: {} for name in names})
    with h5py.File(path, "r+") as file:
        group = file["model_weights"]
        group["d0/k"] = numpy.zeros((1024, 1024), "f4")
        for name in names:
            if name != "d0":
                group[name + "/k"] = group["d0/k"]
            del group[name].attrs["weight_names"]
            group[name].attrs["weight_names"] = [b"k"]
    return path


def datasets_over_one_another(folder, count=8):
    """Datasets of which each says that its values lie where the first one's do."""
    names = [f"d{index}" for index in range(count)]
    layers = [call(dense(name, 1024), [("start", 0)]) for name in names]
    record = functional([start(size=1024)] + layers, [(name, 0) for name in names])
    path = plain_h5(folder, record, {name: {"kernel": numpy.zeros((1, 1), "f4")} for name in names})
    with h5py.File(path, "r+") as file:
        for name in names:
            group = file["model_weights"][name][name]
            del group["kernel:0"]
            group.create_dataset("kernel:0", (1024, 1024), "f4")  # it has no place before something is written
        group["kernel:0"][...] = 1
        place = group["kernel:0"].id.get_offset()
    with open(path, "rb") as file:
        data = file.read()
    nowhere, size = (1 << 64) - 1, 4 << 20
    assert data.count(struct.pack("<QQ", nowhere, size)) == count - 1
    return save(folder, "model.h5", data.replace(struct.pack("<QQ", nowhere, size), struct.pack("<QQ", place, size)))


def packed_zeros(folder):
    """256 MB of zeros in chunks of gzip: 280 kB."""
    path = plain_h5(folder, functional([start(size=1 << 16), call(dense("d", 1024), [("start", 0)])], [("d", 0)]),
                    {"d": {"kernel": numpy.ones((1, 1), "f4")}})
    with h5py.File(path, "r+") as file:
        group = file["model_weights/d/d"]
        del group["kernel:0"]
        kernel = group.create_dataset("kernel:0", (1 << 16, 1024), "f4", chunks=(1 << 16, 16), compression=9)
        for column in range(0, 1024, 16):
            kernel[:, column:column + 16] = numpy.zeros((1 << 16, 16), "f4")
    return path


def link_through_a_link(folder):
    """A soft link whose way leads through an external one."""
    path = trap(folder)

    def change(file):
        del file["model_weights"]
        file["ext"] = h5py.ExternalLink(path, "/")
        file["model_weights"] = h5py.SoftLink("/ext/x")
    return bent_h5(folder, change)


def link_through_a_link_in_archive(folder):
    path = trap(folder)

    def change(file):
        del file["layers"]["dense"]
        file["ext"] = h5py.ExternalLink(path, "/")
        file["layers/dense"] = h5py.SoftLink("/ext/x")
    return builders.archive_h5(folder, change)


def version_that_is_no_text(folder):
    def change(file):
        del file.attrs["keras_version"]
        file.attrs.create("keras_version", b"2.6.\xff", dtype=h5py.special_dtype(vlen=str))
    return bent_h5(folder, change)


# SavedModels -----------------------------------------------------------------------------------------------

def saved(folder, change=None, index=None):
    """The handmade model as a SavedModel; change(files) bends the {name: bytes} of it, index takes the place of the
    checkpoint's."""
    from tests.fuzz.mutate import parsed
    first, described, listed, data = seeds.saved_model(handmade.topology())
    pairs = [(dict(parsed(entry))[1], dict(parsed(entry)).get(2, b"")) for _, entry in parsed(listed)]
    files = {"saved_model.pb": first, "keras_metadata.pb": described,
             "variables/variables.index": seeds.table(pairs) if index is None else index,
             "variables/variables.data-00000-of-00001": data}
    if change:
        change(files)
    os.makedirs(at(folder, "saved", "variables"))
    for name, content in files.items():
        if content is None:
            os.mkfifo(at(folder, "saved", name))
        else:
            save(folder, os.path.join("saved", name), content)
    return at(folder, "saved")


def a_fifo(folder, name):
    return saved(folder, lambda files: files.__setitem__(name, None))


def metadata_that_is_a_list(folder):
    return saved(folder, lambda files: files.update({"keras_metadata.pb": message((1, message((2, 0), (5, "[]"))))}))


def graph_of(*nodes):
    tree = b"".join(message((1, node)) for node in nodes)
    return message((1, 1), (2, message((1, message((4, "serve"))), (7, tree))))


def child(number, name):
    return 1, message((1, number), (2, name))


def layer_of_a_long_number(folder):
    return saved(folder, lambda files: files.update({"saved_model.pb": graph_of(
        message(child(1, "layer-" + "9" * 200000)), b"")}))


def fields_of_two_bytes(folder):
    """4 MB of fields that hold nothing: each was a view of 200 bytes."""
    graph = message((1, message((4, "serve")))) + b"\x32\x00" * (2 << 20)
    return saved(folder, lambda files: files.update({"saved_model.pb": message((1, 1), (2, graph))}))


def layer_by_many_names(folder, count=3000):
    """One layer by 3000 names, in whose list one variable stands 3000 times."""
    nodes = [message(*[child(1, f"layer-{index}") for index in range(count)]),
             message(child(2, "trainable_variables"), child(3, "keras_api")),
             message(*[child(4, f"{index}") for index in range(count)]), b"", message((7, message((6, "d/kernel"))))]
    words = [(0, {"model_config": handmade.topology()}), (1, {"name": "dense"})]
    return saved(folder, lambda files: files.update({
        "saved_model.pb": graph_of(*nodes),
        "keras_metadata.pb": b"".join(message((1, message((2, number), (5, json.dumps(word)))))
                                      for number, word in words)}))


def variable_of_many_layers(folder, count=40):
    """A hundred layers whose lists name one variable of 1 MB."""
    names = [f"d{index}" for index in range(count)]
    record = functional([start(size=512)] + [call(dense(name, 512), [("start", 0)]) for name in names],
                        [(name, 0) for name in names])
    owners = range(1, 1 + count)
    nodes = [message(*[child(owner, f"layer-{owner}") for owner in owners])]
    nodes += [message(child(1 + count, "trainable_variables"), child(3 + count, "keras_api"))] * count
    nodes += [message(child(2 + count, "0")), message((7, message((6, "k")))), b""]
    words = [(0, {"model_config": record, "keras_version": "2.6.0"})]
    words += [(owner, {"name": name}) for owner, name in zip(owners, names)]
    known = message((2, message((1, "VARIABLE_VALUE"), (2, "k"), (3, "k"))))
    tree = b"".join(message((1, known if number == 2 + count else b"")) for number in range(len(nodes)))
    text = varint(len(tree)) + bytes(4) + tree
    shape = message((2, message((1, 512))), (2, message((1, 512))))
    index = seeds.table([(b"", message((1, 1))),
                         (b"_CHECKPOINTABLE_OBJECT_GRAPH", message((1, 7), (4, 1 << 20), (5, len(text)))),
                         (b"k", message((1, 1), (2, shape), (5, 1 << 20)))])
    return saved(folder, lambda files: files.update({
        "saved_model.pb": graph_of(*nodes),
        "keras_metadata.pb": b"".join(message((1, message((2, number), (5, json.dumps(word)))))
                                      for number, word in words),
        "variables/variables.data-00000-of-00001": bytes(1 << 20) + text}), index)


def block(pairs):
    """A block of a table from [(how much of the key before, the rest of the key, value)]."""
    return b"".join(varint(shared) + varint(len(key)) + varint(len(value)) + key + value
                    for shared, key, value in pairs) + struct.pack("<II", 0, 1)


def table(data, handles):
    """A table whose index names its one block so often."""
    body = data + bytes(5)
    index = block([(0, b"k", varint(0) + varint(len(data)))] * handles)
    foot = varint(0) + varint(0) + varint(len(body)) + varint(len(index))
    return body + index + bytes(5) + foot + bytes(40 - len(foot)) + struct.pack("<Q", TABLE_MAGIC)


def block_named_again(folder, count=3000):
    return saved(folder, index=table(block([(0, b"x", b"")] * count), count))


def keys_that_share(folder, count=20000):
    """20 000 keys of 100 000 letters, of which each but the first has four of its own: 2 GB from 280 kB."""
    return saved(folder, index=table(block([(0, b"k" * 100000, b"")] + [
        (100000, struct.pack(">I", index), b"") for index in range(count)]), 1))
