"""Hostile model files: one small function per attack, each writes what it needs into the directory `folder`.

A builder returns the path to give to a command.  What would run, if something ran it, makes the file
`canary` in that folder; what must not be opened is a FIFO (`trap`), on which an open would wait for ever.
"""
import base64
import json
import marshal
import os
import pickle
import stat
import struct
import warnings
import zipfile
import zlib

import h5py
import numpy

from scripts import convert
from tests.unit import handmade


def at(folder, *names):
    return os.path.join(str(folder), *names)


def trap(folder):
    """A file that nobody may open: whoever does never comes back."""
    path = at(folder, "trap.h5")
    os.mkfifo(path)
    return path


def code(folder):
    """The marshalled body of a function that leaves a canary, as Keras 2 keeps a lambda's."""
    body = compile("__import__('pathlib').Path({!r}).touch()".format(at(folder, "canary")), "<lambda>", "eval")
    return base64.encodebytes(marshal.dumps(body)).decode("ascii")


class Payload:
    """Unpickled, leaves a canary."""

    def __init__(self, folder):
        self.folder = folder

    def __reduce__(self):
        import pathlib
        return pathlib.Path.touch, (pathlib.Path(at(self.folder, "canary")),)


def save(folder, name, content):
    with open(at(folder, name), "wb") as file:
        file.write(content if isinstance(content, bytes) else content.encode("utf-8"))
    return at(folder, name)


def dense(name, units, **config):
    return {"class_name": "Dense", "config": dict({"name": name, "units": units, "activation": "linear",
                                                   "use_bias": False, "trainable": True, "dtype": "float32"}, **config)}


def start(name="start", size=4):
    return {"class_name": "InputLayer", "name": name, "inbound_nodes": [], "config": {
        "batch_input_shape": [None, size], "dtype": "float32", "sparse": False, "name": name}}


def call(layer, *sources):
    """A layer of a Functional model, called on the first outputs of `sources`, once for each list of names."""
    return dict(layer, name=layer["config"]["name"], inbound_nodes=[
        [[source, node, 0, {}] for source, node in one] for one in sources])


def functional(layers, outputs, name="model", inputs=("start",)):
    return {"class_name": "Functional", "config": {
        "name": name, "layers": layers, "input_layers": [[key, 0, 0] for key in inputs],
        "output_layers": [[key, node, 0] for key, node in outputs]}}


def plain_h5(folder, record, weights=None, raw=None, name="model.h5"):
    """An h5 with the topology `record` (or the text `raw`) and weights {layer: {name: array}}."""
    with h5py.File(at(folder, name), "w") as file:
        file.attrs["keras_version"] = "2.6.0"
        file.attrs["backend"] = "tensorflow"
        file.attrs.create("model_config", (raw or json.dumps(record)).encode("utf-8"),
                          dtype=h5py.special_dtype(vlen=bytes))
        group = file.create_group("model_weights")
        group.attrs["layer_names"] = [key.encode("utf-8") for key in weights or {}]
        for layer, own in (weights or {}).items():
            inner = group.create_group(layer)
            names = [f"{layer}/{key}:0" for key in own]
            inner.attrs["weight_names"] = [key.encode("utf-8") for key in names]
            for key, array in zip(names, own.values()):
                inner[key] = array
    return at(folder, name)


def named(folder, name):
    """A model of one layer with that name."""
    record = functional([start(), call(dense(name, 2), [("start", 0)])], [(name, 0)])
    return plain_h5(folder, record, {name: {"kernel": numpy.ones((4, 2), "float32")}})


def without_weights(folder, name):
    layer = {"class_name": "ReLU", "config": {"name": name, "trainable": True, "dtype": "float32"}}
    return plain_h5(folder, functional([start(), call(layer, [("start", 0)])], [(name, 0)]))


def bent_h5(folder, change):
    return handmade.h5(at(folder, "model.h5"), change=change)


def other_kernel(folder, make):
    """The handmade h5, with make(group) instead of one kernel."""
    def change(file):
        group = file["model_weights/dense/dense"]
        del group["kernel:0"]
        make(group)
    return bent_h5(folder, change)


def tfjs(folder, change=None, raw=None):
    """The handmade model as TensorFlow.js has it; change(document) bends its json, raw(text) its text."""
    os.mkdir(at(folder, "tfjs"))
    convert.convert(handmade.h5(at(folder, "source.h5")), at(folder, "tfjs"))
    path = at(folder, "tfjs", "model.json")
    with open(path) as file:
        document = json.load(file)
    if change:
        change(document)
    text = json.dumps(document)
    save(folder, os.path.join("tfjs", "model.json"), raw(text) if raw else text)
    return path


# Code ------------------------------------------------------------------------------------------------------

def lambda_record(folder, keras3=False):
    body = [code(folder), None, None]
    function = {"class_name": "__lambda__", "config": {"code": body[0], "defaults": None, "closure": None}}
    config = {"name": "evil", "function": function if keras3 else body, "function_type": "lambda", "arguments": {},
              "module": "os", "trainable": True, "dtype": "float32"}
    return {"class_name": "Lambda", "config": config}


def lambda_h5(folder):
    record = functional([start(), call(lambda_record(folder), [("start", 0)])], [("evil", 0)])
    return plain_h5(folder, record)


def beside_a_lambda(folder):
    record = functional([start(), call(dense("good", 2), [("start", 0)]), call(lambda_record(folder), [("good", 0)])],
                        [("evil", 0)])
    return plain_h5(folder, record, {"good": {"kernel": numpy.ones((4, 2), "float32")}})


def lambda_keras(folder):
    def members(name, data):
        if name != "config.json":
            return data
        record = json.loads(data.decode())
        record["config"]["layers"].insert(1, lambda_record(folder, True))
        return json.dumps(record).encode()
    return handmade.archive(at(folder, "model.keras"), members)


def lambda_tfjs(folder):
    return tfjs(folder, lambda document: document["modelTopology"]["model_config"]["config"]["layers"].insert(
        1, lambda_record(folder)))


def class_by_name(folder):
    """Names of importable functions where Keras 3 would import: module, class_name, registered_name."""
    evil = {"module": "os", "class_name": "system", "registered_name": "os>system",
            "config": {"name": "evil", "command": "touch " + at(folder, "canary")}}
    return plain_h5(folder, functional([start(), call(evil, [("start", 0)])], [("evil", 0)]))


def bare_pickle(folder):
    return save(folder, "model.h5", pickle.dumps(Payload(folder), 2))


def pickle_in_archive(folder):
    """A .keras whose metadata and weights are pickles."""
    return handmade.archive(at(folder, "model.keras"),
                            lambda name, data: data if name == "config.json" else pickle.dumps(Payload(folder), 2))


def pickled_weight(folder):
    """An h5 that holds an opaque value with a pickle in it where a weight is meant."""
    data = numpy.void(pickle.dumps(Payload(folder), 2))
    return other_kernel(folder, lambda group: group.__setitem__("kernel:0", data))


def pickled_npz(folder):
    """Not a model: the file that `data = …` names, with an array of objects."""
    path = at(folder, "data.npz")
    numpy.savez(path, **{name: numpy.array([Payload(folder)], object)
                         for name in ("x_train", "y_train", "x_test", "y_test")})
    return path


# Archives --------------------------------------------------------------------------------------------------

def archive_with(folder, *members):
    path = handmade.archive(at(folder, "model.keras"))
    with zipfile.ZipFile(path, "a") as file:
        for name, data, mode in members:
            info = zipfile.ZipInfo(name)
            info.create_system, info.external_attr = 3, mode << 16
            file.writestr(info, data)
    return path


def traversal(folder):
    return archive_with(folder, ("../canary", b"x", 0o100644), ("..\\canary", b"x", 0o100644),
                        ("a/../../canary", b"x", 0o100644))


def absolute(folder):
    return archive_with(folder, (at(folder, "canary"), b"x", 0o100644))


def linked_member(folder):
    return archive_with(folder, ("out", str(folder).encode(), stat.S_IFLNK | 0o777), ("out/canary", b"x", 0o100644))


def link_for_config(folder):
    """config.json is a symbolic link to a file outside."""
    trap(folder)
    path = at(folder, "model.keras")
    with zipfile.ZipFile(path, "w") as file:
        for name in ("config.json", "metadata.json", "model.weights.h5"):
            info = zipfile.ZipInfo(name)
            info.create_system, info.external_attr = 3, (stat.S_IFLNK | 0o777) << 16
            file.writestr(info, at(folder, "trap.h5"))
    return path


def twice(folder):
    """Two config.json: one for whoever checks, one for whoever reads."""
    path = handmade.archive(at(folder, "model.keras"))
    with warnings.catch_warnings(), zipfile.ZipFile(path, "a") as file:
        warnings.simplefilter("ignore")
        file.writestr("config.json", json.dumps(functional([start()], [("start", 0)])))
    return path


def bomb(folder, unit, count):
    """A config.json of count * unit, deflated to next to nothing."""
    path = at(folder, "model.keras")
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        info = zipfile.ZipInfo("config.json")
        info.compress_type = zipfile.ZIP_DEFLATED
        with file.open(info, "w", force_zip64=True) as member:
            member.write(b'{"class_name":"Sequential","config":{"name":"m","layers":[')
            for _ in range(count):
                member.write(unit)
            member.write(unit.rstrip(b",") + b"]}}")
        file.writestr("model.weights.h5", b"")
    return path


def bomb_of_lists(folder):
    return bomb(folder, b"[]," * 100000, 800)


def bomb_of_spaces(folder):
    return bomb(folder, b" " * 1000000, 250)


def many_objects(folder):
    """15 MB of empty objects, within every limit on bytes: each is 64 to 240 bytes in memory."""
    return bomb(folder, b"{}," * 100000, 50)


def bomb_of_weights(folder):
    return handmade.archive(at(folder, "model.keras"),
                            lambda name, data: data + bytes(50000000) if name.endswith("h5") else data,
                            compression=zipfile.ZIP_DEFLATED)


def lying_archive(folder):
    """The directory says that model.weights.h5 is a terabyte long."""
    path = handmade.archive(at(folder, "model.keras"))
    with open(path, "rb") as file:
        data = bytearray(file.read())
    place = data.rfind(b"model.weights.h5")
    struct.pack_into("<II", data, place - 46 + 20, 0xfffffff0, 0xfffffff0)
    return save(folder, "model.keras", bytes(data))


# HDF5 that reads other files -------------------------------------------------------------------------------

def external_link(folder):
    path = trap(folder)
    return other_kernel(folder, lambda group: group.__setitem__("kernel:0", h5py.ExternalLink(path, "x")))


def external_link_for_all_weights(folder):
    path = trap(folder)

    def change(file):
        del file["model_weights"]
        file["model_weights"] = h5py.ExternalLink(path, "/")
    return bent_h5(folder, change)


def external_link_beside(folder):
    """Neither topology nor weights: a link in the root of a file without a model."""
    path = trap(folder)

    def change(file):
        for name in ("layers", "optimizer_weights"):
            file[name] = h5py.ExternalLink(path, "/")
        del file.attrs["model_config"], file["model_weights"]
    return bent_h5(folder, change)


def archive_h5(folder, change, layers=None):
    """A .keras whose weights file is changed by change(h5py.File), and its list of layers by layers(list)."""
    def members(name, data):
        if name == "config.json" and layers:
            record = json.loads(data.decode())
            layers(record["config"]["layers"])
            return json.dumps(record).encode()
        if not name.endswith(".h5"):
            return data
        inner = save(folder, "inner.h5", data)
        with h5py.File(inner, "r+") as file:
            change(file)
        with open(inner, "rb") as file:
            return file.read()
    return handmade.archive(at(folder, "model.keras"), members)


def external_link_in_archive(folder):
    path = trap(folder)

    def change(file):
        del file["layers"]["dense"]
        file["layers/dense"] = h5py.ExternalLink(path, "/")
    return archive_h5(folder, change)


def soft_link(folder):
    """A link within the file to itself: a walk without an end."""
    return other_kernel(folder, lambda group: group.__setitem__("kernel:0", h5py.SoftLink("kernel:0")))


def external_dataset(folder):
    """The first bytes of another file as a weight: they would stand in the shard, and on the page."""
    secret = save(folder, "secret", b"s" * 4096)
    return other_kernel(folder, lambda group: group.create_dataset("kernel:0", (72, 4), "f4",
                                                                   external=[(secret, 0, 1152)]))


def virtual_dataset(folder):
    with h5py.File(at(folder, "secret.h5"), "w") as file:
        file["x"] = numpy.ones((72, 4), "float32")

    def make(group):
        layout = h5py.VirtualLayout((72, 4), "f4")
        layout[:] = h5py.VirtualSource(at(folder, "secret.h5"), "x", (72, 4))
        group.create_virtual_dataset("kernel:0", layout)
    return other_kernel(folder, make)


def reference_for_a_weight(folder):
    def make(group):
        group.create_dataset("kernel:0", (72, 4), h5py.special_dtype(ref=h5py.Reference))
    return other_kernel(folder, make)


# Sizes -----------------------------------------------------------------------------------------------------

def sequential(*layers):
    return {"class_name": "Sequential", "config": {"name": "m", "layers": [start()] + list(layers)}}


def terabytes_unwritten(folder):
    """A dataset of chunks of which none was ever written."""
    return other_kernel(folder, lambda group: group.create_dataset("kernel:0", (72, 1 << 38), "f4", chunks=(1, 1024)))


def terabytes_claimed(folder):
    """A contiguous dataset whose header says that it is a terabyte long, in a file of a few kB."""
    units = 1 << 36
    path = plain_h5(folder, sequential(dense("big", units)),
                    {"big": {"kernel": numpy.ones((4, 77), "float32")}})
    with open(path, "rb") as file:
        data = file.read()
    before, after = struct.pack("<QQ", 4, 77), struct.pack("<QQ", 4, units)
    assert before in data
    data = data.replace(before, after)
    size = struct.pack("<Q", 4 * 77 * 4)
    assert size in data
    return save(folder, "model.h5", data.replace(size, struct.pack("<Q", 4 * units * 4)))


def packed_zeros(count):
    """`count` zeros, whole MiB, as zlib packs them: one packed MiB again and again, and the sum of all at the end."""
    packer = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    part = packer.compress(bytes(1 << 20)) + packer.flush(zlib.Z_FULL_FLUSH)
    return b"\x78\xda" + part * (count >> 20) + packer.flush() + struct.pack(">HH", count % 65521, 1)


def terabytes_in_one_chunk(folder):
    """2 GB of zeros as one compressed chunk of 2 MB: a chunk is unpacked as a whole."""
    units = 1 << 27
    path = plain_h5(folder, sequential(dense("big", units)), {"big": {"kernel": numpy.ones((1, 1), "float32")}})
    with h5py.File(path, "r+") as file:
        group = file["model_weights/big/big"]
        del group["kernel:0"]
        space = h5py.h5s.create_simple((4, units))
        plist = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
        plist.set_chunk((4, units))
        plist.set_deflate(9)
        kernel = h5py.h5d.create(group.id, b"kernel:0", h5py.h5t.IEEE_F32LE, space, plist)
        kernel.write_direct_chunk((0, 0), packed_zeros(4 * units * 4))
    return path


def terabytes_in_a_topology(folder):
    """Layers that claim terabytes and have no weights to show for it."""
    return plain_h5(folder, sequential(dense("big", 1 << 40)), {"big": {"kernel": numpy.ones((4, 2), "float32")}})


def terabytes_on_the_way(folder):
    """Activations of terabytes: the weights are small."""
    layers = [{"class_name": "RepeatVector", "config": {"name": "repeat", "n": 1 << 60, "trainable": True}},
              {"class_name": "Flatten", "config": {"name": "flat", "trainable": True}}]
    return plain_h5(folder, sequential(*layers))


def terabytes_of_shard(folder):
    def change(document):
        document["weightsManifest"][0]["weights"][0]["shape"] = [1 << 40, 1 << 40]
    return tfjs(folder, change)


def many_names(folder):
    """An attribute of 2^40 names, of which the file holds none."""
    path = plain_h5(folder, sequential(dense("big", 2)), {"big": {"kernel": numpy.ones((4, 2), "float32")}})
    with h5py.File(path, "r+") as file:
        group = file["model_weights"]
        del group.attrs["layer_names"]
        group.attrs["layer_names"] = numpy.array([b"big"] * 1234)
    with open(path, "rb") as file:
        data = file.read()
    assert struct.pack("<Q", 1234) in data
    return save(folder, "model.h5", data.replace(struct.pack("<Q", 1234), struct.pack("<Q", 1 << 40)))


# Depth and cycles ------------------------------------------------------------------------------------------

def nested_json(folder):
    deep = '{"class_name":"Sequential","config":{"name":"m","layers":['
    return plain_h5(folder, None, raw=deep * 10000 + "]}}" * 10000)


def nested_json_file(folder):
    return save(folder, "model.json", '{"modelTopology":' * 10000 + "1" + "}" * 10000)


def nested_doubling(folder, depth=40):
    """Models in models, each called twice in the one around it: 2^40 ways through 40 models."""
    record = functional([start(), call(dense("d", 4), [("start", 0)])], [("d", 0)], "m0")
    for level in range(1, depth):
        inner = f"m{level - 1}"
        record = functional([start(), call(record, [("start", 0)], [(inner, 0)])], [(inner, 1)], f"m{level}")
    return plain_h5(folder, record, {f"m{depth - 2}": {"kernel": numpy.ones((4, 4), "float32")}})


def cycle(folder):
    layers = [start(), call(dense("a", 4), [("b", 0)]), call(dense("b", 4), [("a", 0)])]
    return plain_h5(folder, functional(layers, [("b", 0)]))


def own_output(folder):
    return plain_h5(folder, functional([start(), call(dense("a", 4), [("a", 0)])], [("a", 0)]))


def chain(folder, count=3000):
    """A model of 3000 layers, one after the other."""
    layers = [start()] + [call({"class_name": "ReLU", "config": {"name": f"r{index}", "trainable": True}},
                               [(f"r{index - 1}" if index else "start", 0)]) for index in range(count)]
    return plain_h5(folder, functional(layers, [(f"r{count - 1}", 0)]))


def mystery(folder, change):
    """A .keras with a layer of a class that nobody knows, whose weights' group is made by change(group)."""
    return archive_h5(folder, lambda file: change(file.create_group("layers/mystery")), lambda layers: layers.append(
        {"class_name": "Mystery", "config": {"name": "mystery", "trainable": True}}))


def groups_in_groups(folder):
    """Groups that lead to one another: 2^40 ways through 40 of them."""
    def change(group):
        for _ in range(40):
            inner = group.create_group("a")
            group["b"] = inner
            group = inner
    return mystery(folder, change)


def group_in_itself(folder):
    return mystery(folder, lambda group: group.__setitem__("a", group))


def heap_without_end(folder, change=None):
    """HDF5's heap of texts, in which one entry is the next one's place to begin: its own."""
    path = handmade.h5(at(folder, "model.h5"), change=change)
    with open(path, "rb") as file:
        data = bytearray(file.read())
    place = data.index(b"GCOL") + 16
    while data[place:place + 2] != b"\0\0":  # the entry of number 0 is what is free
        size, = struct.unpack_from("<Q", data, place + 8)
        place += 16 + -(-size // 8) * 8
    struct.pack_into("<Q", data, place + 8, 0)
    return save(folder, "model.h5", bytes(data))


def heap_behind_what_cannot_be_read(folder):
    """The same, behind an empty list of texts and an attribute of a type that h5py does not know, which sort first."""
    def change(file):
        file.attrs.create("A0", numpy.zeros((0,), object), shape=(0,), dtype=h5py.special_dtype(vlen=bytes))
        h5py.h5a.create(file.id, b"A1", h5py.h5t.UNIX_D32LE, h5py.h5s.create_simple((1,)))
    return heap_without_end(folder, change)


# JSON ------------------------------------------------------------------------------------------------------

def text_of(folder, old, new):
    """The handmade topology with one piece of its text replaced."""
    text = json.dumps(handmade.topology())
    assert old in text
    path = handmade.h5(at(folder, "model.h5"))
    with h5py.File(path, "r+") as file:
        del file.attrs["model_config"]
        file.attrs["model_config"] = text.replace(old, new)
    return path


def duplicate_keys(folder):
    return text_of(folder, '"units": 4', '"units": 4, "units": 5')


def not_a_number(folder):
    return text_of(folder, '"units": 4', '"units": NaN')


def infinite(folder):
    return text_of(folder, '"units": 4', '"scale": -Infinity, "units": 4')


def overflowing(folder):
    """No word for infinity, but Python reads one, and would write the word."""
    return text_of(folder, '"units": 4', '"scale": 1e999, "units": 4')


def long_number(folder):
    return text_of(folder, '"units": 4', '"units": ' + "9" * 200000)


def surrogate_name(folder):
    return text_of(folder, '"name": "conv"', '"name": "\\ud800"')


# TensorFlow.js ---------------------------------------------------------------------------------------------

def shard_elsewhere(folder, name):
    return tfjs(folder, lambda document: document["weightsManifest"][0].update(paths=[name]))


def shard_fifo(folder):
    path = shard_elsewhere(folder, "trap")
    os.mkfifo(at(folder, "tfjs", "trap"))
    return path


def tfjs_duplicate(folder):
    return tfjs(folder, raw=lambda text: '{"weightsManifest": [], ' + text[1:])


def infinite_quantization(folder):
    def change(document):
        for weight in document["weightsManifest"][0]["weights"]:
            weight["quantization"] = {"dtype": "uint8", "scale": "inf", "min": 0}
        os.truncate(at(folder, "tfjs", "group1-shard1of1.bin"), 327)
    return tfjs(folder, change)


def nan_weights(folder):
    """NaN and infinities among the weights: numbers like any other."""
    return other_kernel(folder, lambda group: group.__setitem__(
        "kernel:0", numpy.full((72, 4), [numpy.nan, numpy.inf, -numpy.inf, 1], "float32")))

