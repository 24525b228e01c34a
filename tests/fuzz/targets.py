"""What is fuzzed: one target per reader.  A target makes files of some bytes, and takes them the way that every command
takes them: read, each weight, the table of layers, encapsulate, convert, and what came out again.

Only scripts.Fault may leave a reader.  Whatever else does is a finding, and so are 10 s of processor time, 700 MB of
memory, and a model that was written and cannot be read.
"""
import json
import os
import shutil
import struct

from scripts import Fault, convert, formats, preprocess, summary
from scripts.builds import catalog
from scripts.formats import saved_model
from scripts.layers import encapsulation, topology
from tests.fuzz import mutate, seeds

TARGETS = {}  # name -> Target


class Finding(Exception):
    """What must not happen and is no exception by itself."""


class Target:
    """One reader.  seeds(folder) -> list of inputs, each a list of bytes, one per part of `parts`;
    run(folder, *parts) reads them; bend maps each part to the function of mutate.py that changes it."""

    def __init__(self, name, parts, seeds, run):
        self.name, self.parts, self.seeds, self.run = name, parts, seeds, run
        self.said = ""
        TARGETS[name] = self

    def pack(self, pieces):
        """One input as one string of bytes: how long each part is, and the parts."""
        return b"".join(struct.pack("<I", len(piece)) for piece in pieces) + b"".join(pieces)

    def unpack(self, data):
        head, found = 4 * len(self.parts), []
        place = head
        for size in struct.unpack(f"<{len(self.parts)}I", data[:head].ljust(head, b"\0")):
            found.append(data[place:place + size])
            place += len(found[-1])
        return found

    def bend(self, data, below):
        """The packed input with one of its parts bent."""
        pieces = self.unpack(data)
        place = below(len(pieces))
        pieces[place] = getattr(mutate, self.parts[place])(pieces[place], below)
        return self.pack(pieces)

    def try_one(self, data, folder):
        """Run one packed input in `folder`, which is emptied before.  Returns None, or the exception that was found;
        `said` is then what the Fault said, "" where there was none."""
        shutil.rmtree(folder, ignore_errors=True)
        os.mkdir(folder)
        self.said = ""
        try:
            self.run(folder, *self.unpack(data))
        except Fault as fault:
            self.said = str(fault)
            if isinstance(fault.__cause__, MemoryError):
                return Finding(f"more memory than a limit of 700 MB allows ({fault})")
        except Exception as error:
            return error
        return None


def at(folder, name, data):
    path = os.path.join(folder, name)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "wb") as file:
        file.write(data)
    return path


def whole_way(folder, path, weights=None):
    """Everything that commands do with a model file that they are given."""
    try:
        if weights or not formats.saved_model.match(path) or not formats.is_graph(path):  # those are TensorFlow's
            summary.main([path] + (["--weights", weights] if weights else []))
    except Fault:
        pass  # the rest may say more
    formats.files(path, weights)
    out, enc = os.path.join(folder, "out"), os.path.join(folder, "enc.h5")
    os.mkdir(out)
    try:
        if formats.is_graph(path):
            return  # TensorFlow's from here on
        preprocess.preprocess(path, out, weights, enc_model=enc)
    finally:
        with formats.read_layers(path, weights=weights) as model, topology.of(path):
            for own in model.weights.values():
                for weight in own:
                    sum(piece.size for piece in weight.pieces())
    with written(), formats.read(os.path.join(out, "model.json")) as model:
        encapsulation.facts(model)
    second = os.path.join(folder, "second")
    os.mkdir(second)
    with written():
        convert.convert(enc, second)


def graph_way(folder, path):
    """Everything that commands do with a graph model of TensorFlow.js's."""
    try:
        summary.main([path])
    except Fault:
        pass  # the rest may say more
    formats.files(path)
    for name in ("out", "second"):
        os.mkdir(os.path.join(folder, name))
    preprocess.preprocess(path, os.path.join(folder, "out"))
    with written():
        preprocess.preprocess(os.path.join(folder, "out", "model.json"), os.path.join(folder, "second"))


class written:
    """Inside, a Fault is a finding: what this project wrote it can read."""

    def __enter__(self):
        pass

    def __exit__(self, kind, error, trace):
        if isinstance(error, Fault):
            raise Finding(f"what was written cannot be read: {error}")


def patched(data, patch):
    """`data` with some of its bytes set, as `patch` says: for each 3 bytes of place and a byte of value."""
    data = bytearray(data)
    for start in range(0, len(patch) - 3, 4):
        if data:
            data[int.from_bytes(patch[start:start + 3], "little") % len(data)] = patch[start + 3]
    return bytes(data)


def value_of(text):
    """The JSON value in bytes that may be none, for what is built of it."""
    try:
        return json.loads(text.decode("utf-8"))
    except (ValueError, RecursionError):
        return None


def dump(value):
    return json.dumps(value).encode("utf-8")


# Readers ---------------------------------------------------------------------------------------------------

def h5_file(folder, name, value):
    path = os.path.join(folder, name)
    seeds.write_h5(value, path)
    return path


def content(path):
    with open(path, "rb") as file:
        return file.read()


def run_h5(folder, value):
    whole_way(folder, h5_file(folder, "model.h5", value_of(value)))


def run_h5_bytes(folder, data):
    whole_way(folder, at(folder, "model.h5", data))


def run_keras(folder, config, metadata, value, patch):
    import zipfile
    inner = content(h5_file(folder, "inner.h5", value_of(value)))
    path = os.path.join(folder, "model.keras")
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in (("metadata.json", metadata), ("config.json", config), ("model.weights.h5", inner)):
            archive.writestr(zipfile.ZipInfo(name), data)
    if patch:
        at(folder, "model.keras", patched(content(path), patch))
    whole_way(folder, path)


def run_separated(folder, topology_json, value):
    whole_way(folder, at(folder, "topology.json", topology_json), h5_file(folder, "weights.h5", value_of(value)))


def run_tfjs(folder, model_json, first, second):
    at(folder, "group1-shard1of1.bin", first)
    at(folder, "second.bin", second)
    whole_way(folder, at(folder, "model.json", model_json))


def run_tfjs_graph(folder, model_json, shard):
    at(folder, "group1-shard1of1.bin", shard)
    graph_way(folder, at(folder, "model.json", model_json))


def run_tfjs_pb(folder, graph, manifest, shard):
    at(folder, "group1-shard1of1.bin", shard)
    at(folder, "weights_manifest.json", manifest)
    graph_way(folder, at(folder, "tensorflowjs_model.pb", graph))


def run_saved_model(folder, saved, described, listed, data, patch):
    pairs = [dict(mutate.parsed(entry) or ()) for _, entry in mutate.parsed(listed) or () if isinstance(entry, bytes)]
    pairs = [(pair.get(1, b""), pair.get(2, b"")) for pair in pairs]
    table = seeds.table([pair for pair in pairs if all(isinstance(item, bytes) for item in pair)])
    path = os.path.join(folder, "saved")
    at(folder, "saved/saved_model.pb", saved)
    if described:
        at(folder, "saved/keras_metadata.pb", described)
    at(folder, "saved/variables/variables.index", patched(table, patch))
    at(folder, "saved/variables/variables.data-00000-of-00001", data)
    saved_model.signatures(path, saved_model.meta_graph(path))
    whole_way(folder, path)


def run_frozen(folder, graph):
    whole_way(folder, at(folder, "graph.pb", graph))


def run_onnx(folder, data, weights):
    at(folder, "w.bin", weights)
    graph_way(folder, at(folder, "m.onnx", data))


def run_catalogue(folder, text):
    at(folder, "zoo/a.h5", b"x")
    here = os.getcwd()
    os.chdir(folder)
    try:
        for entry in catalog.read(at(folder, "models.toml", text)):
            json.dumps([entry.settings(catalog.KEYS), entry.enc_model, entry.directory, entry.page])
    finally:
        os.chdir(here)


def seeds_h5(folder):
    return [[dump(seeds.h5_value(record, major))] for record, major in seeds.topologies()]


def seeds_h5_bytes(folder):
    return [[content(h5_file(folder, "seed.h5", seeds.h5_value(record, major)))]
            for record, major in seeds.topologies()]


def seeds_keras(folder):
    return [[dump(record), dump({"keras_version": seeds.VERSIONS[major]}), dump(seeds.archive_value(record)), b""]
            for record, major in seeds.topologies()]


def seeds_separated(folder):
    return [[dump(record), dump(make(record))] for record, _ in seeds.topologies()
            for make in (seeds.weights_value, seeds.archive_value)]


def seeds_tfjs(folder):
    return [seeds.tfjs(folder, record, major, quantize) + [b""] for record, major in seeds.topologies()
            for quantize in (None, "uint8", "float16")]


def seeds_saved_model(folder):
    return [list(seeds.saved_model(record)) + [b""] for record, major in seeds.topologies() if major == 2]


Target("h5", ["bend_text"], seeds_h5, run_h5)
Target("h5-bytes", ["bend_bytes"], seeds_h5_bytes, run_h5_bytes)
Target("keras", ["bend_text", "bend_text", "bend_text", "bend_bytes"], seeds_keras, run_keras)
Target("separated", ["bend_text", "bend_text"], seeds_separated, run_separated)
Target("tfjs", ["bend_text", "bend_bytes", "bend_bytes"], seeds_tfjs, run_tfjs)
Target("tfjs-graph", ["bend_text", "bend_bytes"], lambda folder: seeds.tfjs_graphs(folder), run_tfjs_graph)
Target("tfjs-pb", ["bend_message", "bend_text", "bend_bytes"], lambda folder: seeds.tfjs_pb(folder), run_tfjs_pb)
Target("saved-model", ["bend_message", "bend_message", "bend_message", "bend_bytes", "bend_bytes"], seeds_saved_model,
       run_saved_model)
Target("frozen", ["bend_message"], lambda folder: [[seeds.frozen()]], run_frozen)
Target("onnx", ["bend_message", "bend_bytes"], lambda folder: seeds.onnx(), run_onnx)
Target("catalogue", ["bend_bytes"], lambda folder: [[seeds.CATALOGUE.encode("utf-8")]], run_catalogue)
