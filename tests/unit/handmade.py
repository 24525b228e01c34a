"""Model files made by hand, with h5py, zipfile and json alone: small, quick, and bendable into what no Keras writes."""
import json
import os
import zipfile
from collections import OrderedDict

import h5py
import numpy

SHAPES = OrderedDict([("conv", [("kernel", (3, 3, 1, 2)), ("bias", (2,))]),
                      ("dense", [("kernel", (72, 4)), ("bias", (4,))]),
                      ("softmax", [("kernel", (4, 3)), ("bias", (3,))])])
NAMES = ["conv", "pool", "flat", "dense", "softmax"]


def values():
    """{layer: [(name, array)]}: the weights of the handmade model."""
    random = numpy.random.RandomState(7)
    return {layer: [(name, random.normal(0, 0.3, shape).astype("float32")) for name, shape in weights]
            for layer, weights in SHAPES.items()}


def topology(major=2):
    """A Sequential: 14 x 14 image -> conv -> pool -> flat -> dense -> softmax."""
    keras3 = {"module": "keras", "class_name": "DTypePolicy", "config": {"name": "float32"}, "registered_name": None}
    base = {"trainable": True, "dtype": keras3 if major == 3 else "float32"}

    def layer(class_name, name, **config):
        return {"class_name": class_name, "config": dict(base, name=name, **config)}

    start = {"class_name": "InputLayer", "config": {
        "batch_shape" if major == 3 else "batch_input_shape": [None, 14, 14, 1], "dtype": "float32", "sparse": False,
        "name": "start"}}
    layers = [start, layer("Conv2D", "conv", filters=2, kernel_size=[3, 3], strides=[1, 1], padding="valid",
                           data_format="channels_last", dilation_rate=[1, 1], activation="linear", use_bias=True),
              layer("MaxPooling2D", "pool", pool_size=[2, 2], strides=[2, 2], padding="valid",
                    data_format="channels_last"),
              layer("Flatten", "flat", data_format="channels_last"),
              layer("Dense", "dense", units=4, activation="relu", use_bias=True),
              layer("Dense", "softmax", units=3, activation="softmax", use_bias=True)]
    return {"class_name": "Sequential", "config": {"name": "made", "layers": layers}}


def h5(path, record=None, major=2, weights=None, change=None):
    """Write an h5 as Keras does; change(file) may bend it.  Returns the path."""
    path = str(path)
    with h5py.File(path, "w") as file:
        file.attrs["keras_version"] = "3.15.1" if major == 3 else "2.6.0"
        file.attrs["backend"] = "tensorflow"
        file.attrs["model_config"] = json.dumps(topology(major) if record is None else record)
        group = file.create_group("model_weights")
        fill(group, values() if weights is None else weights)
        if change is not None:
            change(file)
    return path


def fill(group, weights):
    group.attrs["layer_names"] = [name.encode() for name in NAMES]
    for layer in NAMES:
        own = group.create_group(layer)
        names = [f"{layer}/{name}:0" for name, _ in weights.get(layer, [])]
        own.attrs["weight_names"] = [name.encode() for name in names]
        for name, (_, array) in zip(names, weights.get(layer, [])):
            own[name] = array


def separated(folder, major=2):
    """topology.json and weights.h5; returns both paths."""
    first, second = os.path.join(str(folder), "topology.json"), os.path.join(str(folder), "weights.h5")
    with open(first, "w") as file:
        json.dump(topology(major), file)
    with h5py.File(second, "w") as file:
        fill(file, values())
    return first, second


def archive(path, members=None, compression=zipfile.ZIP_STORED):
    """A .keras archive of Keras 3; members(name, bytes) may change or drop (None) what is in it."""
    path = str(path)
    inner = path + ".h5"
    with h5py.File(inner, "w") as file:
        counted = {"conv": "conv2d", "dense": "dense", "softmax": "dense_1"}
        for layer, weights in values().items():
            for index, (_, array) in enumerate(weights):
                file[f"layers/{counted[layer]}/vars/{index}"] = array
    with open(inner, "rb") as file:
        content = [("metadata.json", b'{"keras_version": "3.15.1"}'),
                   ("config.json", json.dumps(topology(3)).encode()), ("model.weights.h5", file.read())]
    os.remove(inner)
    with zipfile.ZipFile(path, "w", compression) as target:
        for name, data in content:
            data = data if members is None else members(name, data)
            if data is not None:
                target.writestr(name, data)
    return path


def reviews(path, shape=(1,), dtype="string", kind="TextVectorization", **settings):
    """Write the h5 of a text classifier: 6 words, of "movie", "great", "bad" and others.  Returns the path.

    shape, dtype: of its input.  kind, settings: of the layer of words.
    """
    def layer(class_name, name, **config):
        base = {"name": name, "trainable": True, "dtype": "float32"}
        return {"class_name": class_name, "config": dict(base, **config)}

    start = {"class_name": "InputLayer", "config": {
        "batch_input_shape": [None] + list(shape), "dtype": dtype, "sparse": False, "ragged": False, "name": "review"}}
    known = dict(dict(standardize="lower_and_strip_punctuation", split="whitespace", ngrams=None, output_mode="int",
                      output_sequence_length=6, vocabulary=["movie", "great", "bad"], max_tokens=None), **settings)
    record = {"class_name": "Sequential", "config": {"name": "reviews", "layers": [
        start, layer(kind, "words", **known),
        layer("Embedding", "embedded", input_dim=5, output_dim=3, input_length=None, mask_zero=False),
        layer("GlobalAveragePooling1D", "mean", data_format="channels_last"),
        layer("Dense", "mood", units=2, activation="softmax", use_bias=True)]}}
    random, path = numpy.random.RandomState(3), str(path)
    shapes = {"embedded": {"embeddings": (5, 3)}, "mood": {"kernel": (3, 2), "bias": (2,)}}
    with h5py.File(path, "w") as file:
        file.attrs["keras_version"], file.attrs["backend"] = "2.6.0", "tensorflow"
        file.attrs["model_config"] = json.dumps(record)
        group = file.create_group("model_weights")
        group.attrs["layer_names"] = [name.encode() for name in ("words", "embedded", "mean", "mood")]
        for name in ("words", "embedded", "mean", "mood"):
            own = group.create_group(name)
            own.attrs["weight_names"] = [f"{name}/{one}:0".encode() for one in shapes.get(name, ())]
            for one, sizes in shapes.get(name, {}).items():
                own[f"{name}/{one}:0"] = random.normal(0, 1, sizes).astype("float32")
    return path
