"""The corpus: minimal models of every format, made here from topologies that are spelled here; nothing is downloaded,
nothing is stored.

An HDF5 file is made from a value that JSON can hold ({"attrs": …, "items": …}), so that it can be bent without asking
HDF5 to write into a damaged file.
"""
import json
import os
import struct

import numpy

from scripts import convert
from scripts.layers import variables
from scripts.layers.topology import Layer, inner_records, is_model
from scripts.operations.graph import NUMBERS
from scripts.wire.sstable import TABLE_MAGIC
from tests.attacks.builders import call, dense, functional, start
from tests.fuzz.mutate import field, message, varint
from tests.unit import handmade, onnx_made

VERSIONS = {2: "2.6.0", 3: "3.15.1"}


# Topologies ------------------------------------------------------------------------------------------------

def layer(class_name, name, **config):
    return {"class_name": class_name, "config": dict({"name": name, "trainable": True, "dtype": "float32"}, **config)}


def branched():
    """A shared layer, a nested model called twice, a normalization, a merge, two outputs."""
    inner = functional([start("inside"), call(dense("small", 4), [("inside", 0)])], [("small", 0)], "inner", ["inside"])
    return functional([
        start(), call(dense("first", 4, use_bias=True), [("start", 0)]),
        call(dense("shared", 4), [("first", 0)], [("start", 0)]),
        dict(call(inner, [("shared", 0)], [("shared", 1)]), name="inner"),
        call(layer("BatchNormalization", "norm", axis=[1], scale=True, center=True), [("inner", 1)]),
        call(layer("Add", "sum"), [("inner", 2), ("norm", 0)])], [("sum", 0), ("norm", 0)])


def recurrent():
    """Layers in layers, states by keyword, global pooling that keeps its dimensions."""
    cell = layer("LSTM", "lstm", units=2, use_bias=True, return_sequences=True, return_state=True)
    gru = layer("GRU", "gru", units=2, use_bias=True, reset_after=False)
    record = functional([
        {"class_name": "InputLayer", "name": "start", "inbound_nodes": [], "config": {
            "batch_input_shape": [None, 6, 3], "dtype": "float32", "sparse": False, "name": "start"}},
        call(cell, [("start", 0)]),
        call(layer("Bidirectional", "both", layer=gru, merge_mode="concat"), [("lstm", 0)]),
        call(layer("TimeDistributed", "each", layer=dense("inside", 3)), [("lstm", 0)]),
        call(layer("LSTM", "second", units=2, use_bias=False), [("start", 0)]),
        call(layer("RNN", "stack", cell={"class_name": "StackedRNNCells", "config": {"name": "cells", "cells": [
            layer("SimpleRNNCell", "one", units=2), layer("LSTMCell", "two", units=2)]}}), [("each", 0)]),
        call(layer("GlobalAveragePooling1D", "mean", keepdims=True), [("each", 0)])],
        [("both", 0), ("second", 0), ("stack", 0), ("mean", 0)])
    record["config"]["layers"][4]["inbound_nodes"] = [[["start", 0, 0, {}], ["lstm", 0, 1, {}], ["lstm", 0, 2, {}]]]
    return record


def keras3_graph():
    """Keras 3's spelling of calls, dtypes, activations and shapes; an operation and a mask among the layers."""
    policy = {"module": "keras", "class_name": "DTypePolicy", "config": {"name": "float32"}, "registered_name": None}

    def tensor(name, place=0):
        return {"class_name": "__keras_tensor__", "config": {"shape": [None, 4], "dtype": "float32",
                                                             "keras_history": [name, 0, place]}}

    def node(class_name, name, *sources, **config):
        keywords = config.pop("kwargs", {})
        module = config.pop("module", "keras.layers")
        calls = [{"args": [tensor(source) for source in sources], "kwargs": keywords}] if sources else []
        return {"module": module, "class_name": class_name, "registered_name": None, "name": name,
                "config": dict({"name": name, "trainable": True, "dtype": policy}, **config), "inbound_nodes": calls}

    function = {"module": "builtins", "class_name": "function", "config": "relu", "registered_name": "function"}
    layers = [node("InputLayer", "start", batch_shape=[None, 4], sparse=False),
              node("Dense", "first", "start", units=4, use_bias=True, activation=function),
              node("Embedding", "looked", "start", input_dim=9, output_dim=4, mask_zero=True),
              node("NotEqual", "not_equal", "start", module="keras.src.ops.numpy"),
              node("LSTM", "lstm", "looked", units=4, use_bias=True,
                   kwargs={"mask": tensor("not_equal"), "training": None}),
              node("Add", "add", "first", "lstm", module="keras.src.ops.numpy"),
              node("Reshape", "shaped", "add", target_shape={"class_name": "__tuple__", "items": [2, 2]})]
    return {"module": "keras", "class_name": "Functional", "registered_name": "Functional", "config": {
        "name": "graph", "trainable": True, "layers": layers, "input_layers": [["start", 0, 0]],
        "output_layers": [["shaped", 0, 0], ["lstm", 0, 0]]}}


def topologies():
    """[(record, Keras's major version)]"""
    return [(handmade.topology(2), 2), (handmade.topology(3), 3), (branched(), 2), (recurrent(), 2),
            (keras3_graph(), 3)]


# HDF5 ------------------------------------------------------------------------------------------------------

def shapes(record):
    """[(layer's name, [(weight's name, shape)])]: what the topology asks for; a size that it leaves open is 4."""
    return [(Layer(inner).name, [(name, filled(shape)) for name, shape, _ in variables.variables(inner)])
            for inner in inner_records(record)]


def filled(shape):
    return [4 if size is None else size for size in shape or [4]]


def group(**items):
    return {"attrs": {}, "items": items}


def put(spec, path, node):
    """Set the node at a path in the value that an HDF5 file is made from."""
    for part in path.split("/")[:-1]:
        spec = spec["items"].setdefault(part, group())
    spec["items"][path.split("/")[-1]] = node


def weights_value(record):
    found = {"attrs": {"layer_names": [name for name, _ in shapes(record)]}, "items": {}}
    for name, own in shapes(record):
        inner = found["items"][name] = {"attrs": {"weight_names": [key + ":0" for key, _ in own]}, "items": {}}
        for key, shape in own:
            put(inner, key + ":0", ["f4", shape])
    return found


def h5_value(record, major):
    return {"attrs": {"keras_version": VERSIONS[major], "backend": "tensorflow", "model_config": record,
                      "training_config": {"loss": "x"}}, "items": {"model_weights": weights_value(record)}}


def archive_value(record):
    """A .keras archive's weights file: groups called by class, variables by number."""
    from scripts.formats import keras_archive
    found = group()

    def walk(inner, place):
        config = inner["config"]
        if is_model(inner):
            for below in keras_archive.places(inner, place + "/layers" if place else "layers"):
                walk(*below)
        elif inner["class_name"] == "Bidirectional":
            walk(config["layer"], place + "/forward_layer")
            walk(config["layer"], place + "/backward_layer")
        elif inner["class_name"] in ("TimeDistributed", "RNN"):
            walk(config.get("layer") or config["cell"], place + ("/layer" if "layer" in config else "/cell"))
        elif inner["class_name"] == "StackedRNNCells":
            for below in keras_archive.zip_names(config["cells"], place + "/cells"):
                walk(*below)
        else:
            place += "/cell" if inner["class_name"] in keras_archive.CELLS else ""
            for index, own in enumerate(variables.layer_variables(inner["class_name"], config)):
                put(found, f"{place}/vars/{index}", ["f4", filled(own.shape)])

    walk(record, "")
    return found


def write_h5(value, path):
    """Make the HDF5 file that a value describes.  What HDF5 cannot hold is left out."""
    import h5py
    with h5py.File(path, "w") as file:
        fill(file, value)


def fill(here, value):
    import h5py
    for name, item in entries(value, "attrs"):
        try:
            if isinstance(item, dict):
                here.attrs[name] = here.ref if item == {"ref": 1} else json.dumps(item)
            elif item is None:
                here.attrs[name] = h5py.Empty("f4")
            else:
                texts = isinstance(item, list) and item and all(isinstance(text, str) for text in item)
                here.attrs[name] = numpy.array([text.encode("utf-8") for text in item]) if texts else item
        except (ValueError, TypeError, RuntimeError, OverflowError, OSError):
            pass
    for name, item in entries(value, "items"):
        try:
            if isinstance(item, list):
                dataset(here, name, *item)
            elif isinstance(item, str):
                here[name] = h5py.SoftLink(item)
            elif item is None:
                here[name] = here  # a group that holds itself
            elif isinstance(item, dict) and "file" in item:
                here[name] = h5py.ExternalLink(str(item["file"]), "/")
            else:
                fill(here.create_group(name), item)
        except (ValueError, TypeError, RuntimeError, OverflowError, OSError, KeyError, MemoryError):
            pass


def entries(value, key):
    found = value.get(key) if isinstance(value, dict) else None
    return [(name, item) for name, item in found.items() if name] if isinstance(found, dict) else []


def dataset(here, name, dtype="f4", shape=(), chunks=None):
    """A dataset of 0, 1, 2, …; with chunks one that is never written, so that it may claim any size."""
    size = numpy.prod([float(length) for length in shape])
    if dtype == "text":
        here[name] = "text"
    elif dtype is None:
        here.create_dataset(name, dtype="f4", shape=None)
    elif chunks:
        here.create_dataset(name, tuple(shape), dtype, chunks=tuple(chunks), compression="gzip")
    elif size <= 100000:
        here[name] = (numpy.arange(int(size)) % 7).reshape([int(length) for length in shape]).astype(dtype)


# SavedModels and graphs ------------------------------------------------------------------------------------

def saved_model(record):
    """(saved_model.pb, keras_metadata.pb, entries of the checkpoint's index, its data): see formats/saved_model.py and
    bundle.py for what the numbers mean."""
    nodes, metadata, data, index, graph = [[]], [(0, {"model_config": record, "keras_version": "2.6.0"})], b"", [], []

    def node(*fields):
        nodes.append(list(fields))
        return len(nodes) - 1

    def child(number, name):
        return 1, message((1, number), (2, name))

    for place, (name, own) in enumerate(shapes(record)):
        numbers = []
        for key, shape in own:
            values = numpy.arange(numpy.prod(shape), dtype="<f4").tobytes()
            numbers.append(node((7, message((1, 1), (6, key)))))
            graph.append((numbers[-1], key))
            index.append((key, message((1, 1), (2, b"".join(field(2, message((1, size))) for size in shape)),
                                       (4, len(data)), (5, len(values)))))
            data += values
        listed = node(*[child(number, str(turn)) for turn, number in enumerate(numbers)])
        api = node(child(node(), "non_trainable_variables"))
        owner = node(child(listed, "trainable_variables"), child(api, "keras_api"))
        nodes[0].append(child(owner, f"layer-{place}"))
        metadata.append((owner, {"name": name}))
    known = dict(graph)
    words = b"".join(field(1, message((2, message((1, "VARIABLE_VALUE"), (2, known[number]), (3, known[number]))))
                           if number in known else b"") for number in range(len(nodes)))
    text = varint(len(words)) + b"\0\0\0\0" + words
    index.append(("_CHECKPOINTABLE_OBJECT_GRAPH", message((1, 7), (4, len(data)), (5, len(text)))))
    saved = message((1, 1), (2, message(
        (1, message((4, "serve"))),
        (5, message((1, "serving_default"), (2, message((1, message((1, "x"), (2, message((1, "start:0"))))))))),
        (7, b"".join(field(1, message(*fields)) for fields in nodes)))))
    described = b"".join(field(1, message((2, number), (4, "_tf_keras_layer"), (5, json.dumps(words))))
                         for number, words in metadata)
    listed = b"".join(field(1, message((1, key), (2, value)))
                      for key, value in sorted([("", message((1, 1)))] + index))
    return saved, described, listed, data + text


def table(pairs):
    """A checkpoint's index, an SSTable of one block, from [(key, value)]."""
    def block(items):
        return b"".join(varint(0) + varint(len(key)) + varint(len(value)) + key + value for key, value in items) \
            + struct.pack("<II", 0, 1)

    first = block(pairs)
    second = block([(b"\xff", varint(0) + varint(len(first)))])
    handles = varint(0) + varint(0) + varint(len(first) + 5) + varint(len(second))
    return first + bytes(5) + second + bytes(5) + handles.ljust(40, b"\0") + struct.pack("<Q", TABLE_MAGIC)


def frozen():
    """A GraphDef: a placeholder, a constant, an operation."""
    return b"".join(field(1, message(*fields)) for fields in (
        [(1, "x"), (2, "Placeholder"), (5, message((1, "dtype"), (2, message((6, 1)))))],
        [(1, "kernel"), (2, "Const"), (5, message((1, "value"), (2, message((8, message((1, 1), (4, bytes(8))))))))],
        [(1, "y"), (2, "_FusedMatMul"), (3, "x"), (3, "kernel")]))


def onnx():
    """Two ONNX models, each with a file beside it: an image classifier, and what has functions, graphs and sizes."""
    made = onnx_made.Made()
    x = made.node("Conv", "x", made.weight("w", 4, 3, 3, 3), pads=[1, 1, 1, 1], strides=[1, 2], named="/c/Conv")
    x = made.node("MaxPool", made.node("Relu", x), kernel_shape=[2, 2], ceil_mode=1)
    told = b"".join(field(13, message((1, key), (2, value))) for key, value in (("location", "w.bin"), ("offset", "8")))
    made.tensors.append(onnx_made.tensor("k", numpy.zeros((20, 2), "float32"), fields=told + field(14, 1)))
    x = made.node("Gemm", made.node("Flatten", x), "k", named="/fc/Gemm")
    image = made.model({"x": ["N", 3, 6, 4]}, [x])
    made, inner = onnx_made.Made(), onnx_made.Made()
    inner.node("Mul", "a", "a", outputs=["b"])
    made.functions.append(onnx_made.function("Squared", ["a"], ["b"], inner.nodes))
    x = made.node("Squared", "x", domain="mine")
    size = made.node("Gather", made.node("Shape", x), made.constant("zero", numpy.array(0)), axis=0)
    shape = made.node("Concat", made.node("Unsqueeze", size, made.constant("front", numpy.array([0]))),
                      made.constant("rest", numpy.array([2, -1])), axis=0)
    x = made.node("Transpose", made.node("Reshape", x, shape), perm=[0, 2, 1])
    taken = onnx_made.Made()
    taken.node("Softmax", x, axis=-1, outputs=["taken"])
    y = made.node("If", made.constant("yes", numpy.array(True)), then_branch=taken.graph({}, ["taken"]),
                  else_branch=taken.graph({}, ["taken"]))
    return [[image, bytes(168)], [made.model({"x": ["N", 6]}, [y]), b""]]


def tfjs(folder, record, major, quantize=None):
    """(model.json, its shard) as this project converts them."""
    source, target = os.path.join(folder, "source.h5"), os.path.join(folder, "converted")
    write_h5(h5_value(record, major), source)
    os.mkdir(target)
    found = []
    for name in convert.convert(source, target, quantize=quantize):
        with open(os.path.join(target, name), "rb") as file:
            found.append(file.read())
        os.remove(os.path.join(target, name))
    os.rmdir(target)
    return found


def tfjs_graphs(folder):
    """[(model.json, its shard)]: fused operations and quantized weights; a loop of functions over a list of tensors."""
    from scripts.tfjs import write_graph
    from tests.unit import graphs
    found = []
    for name, graph in (("fused", graphs.fused()), ("loop", graphs.loop())):
        target = os.path.join(folder, name)
        write_graph.write(graph, target, quantize={"uint8": "kernel"} if name == "fused" else None)
        found.append([])
        for file_name in ("model.json", "group1-shard1of1.bin"):
            with open(os.path.join(target, file_name), "rb") as file:
                found[-1].append(file.read())
    return found


def tfjs_pb(folder):
    """[(tensorflowjs_model.pb, weights_manifest.json, its shard)] of the same graphs, as before TensorFlow.js 1.0."""
    from scripts.operations import graphdef
    from scripts.operations.graph import Attribute
    from tests.unit import graphs
    found = []
    for graph, (model_json, shard) in zip((graphs.fused(), graphs.loop()), tfjs_graphs(folder)):
        for node in graph.every_node():
            if node.op == "Const":
                held = node.value("value")
                head = field(1, NUMBERS[held.dtype]) + field(2, graphdef.written_shape(held.shape))
                node.attributes["value"] = Attribute("tensor", held._replace(values=None, raw=head))
        manifest = json.loads(model_json.decode("utf-8"))["weightsManifest"]
        found.append([graphdef.write(graph), json.dumps(manifest).encode("utf-8"), shard])
    return found


CATALOGUE = """[keras]
epochs = 5
layers = ["Conv2D_1", "Softmax"]
data = "digits"

[mine]
source = "my/model.h5"
weights = 'w.h5'
input_shape = [224, 224, 3]
quantize = { uint8 = ["*/kernel"], float16 = "dense*" }
compile = true
shard_size = 1_000
pixels = "-1..1"

[zoo]
source = "zoo/*.h5"
title = "a\\u0041"
labels = ["x", "y"]
json_name = "other.json"
learning_rate = 1e-3
"""
