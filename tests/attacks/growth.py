"""Topologies of a few kB whose work, memory or output grows faster than they do: small functions as in builders.py."""
import json

import h5py
import numpy

from tests.attacks import builders
from tests.attacks.builders import call, functional, plain_h5, sequential, start


def layer(kind, name, **config):
    return {"class_name": kind, "config": dict({"name": name, "trainable": True, "dtype": "float32"}, **config)}


def relu(name):
    return layer("ReLU", name)


def row(count, make=relu, first="start"):
    """`count` layers, each called on the one before."""
    return [call(make(f"r{index}"), [(f"r{index - 1}" if index else first, 0)]) for index in range(count)]


def around(inner, name, calls=1):
    """A model around the model `inner`, which is called `calls` times, each time on what it gave before."""
    own = inner["config"]["name"]
    return functional([start(), call(inner, *[[(own, node) if node else ("start", 0)] for node in range(calls)])],
                      [(own, calls)], name)


# Twice as much with each level -----------------------------------------------------------------------------

def bidirectional(levels=60, inner=None):
    inner = inner or relu("leaf")
    for level in range(levels):
        inner = layer("Bidirectional", f"b{level}", layer=inner, merge_mode="concat")
    return inner


def bidirectional_in_bidirectional(folder):
    """60 of them in one another: whoever goes into each twice goes into the innermost 2^60 times."""
    return plain_h5(folder, sequential(bidirectional()))


def bidirectional_through_others(folder):
    """The same by way of other wrappers, a cell and a model."""
    inner = relu("leaf")
    for level in range(12):
        inner = layer("Bidirectional", f"b{level}", merge_mode="sum", layer=layer("TimeDistributed", f"t{level}",
                      layer=layer("RNN", f"n{level}", cell=layer("StackedRNNCells", f"s{level}", cells=[inner]))))
    return plain_h5(folder, sequential(layer("TimeDistributed", "outermost", layer=inner)))


def bidirectional_in_an_archive(folder):
    return builders.archive_h5(folder, lambda file: None, lambda layers: layers.insert(
        1, bidirectional(inner=layer("LSTM", "leaf", units=2))))


def models_called_twice(folder):
    """15 deep, just under MAX_CALLS, around a layer with 200 references: who reads these at each call reads 3 million.
    """
    many = functional([start(), call(layer("Mystery", "many"), [("start", 0)] * 200)], [("many", 0)], "m0")
    for level in range(1, 15):
        many = around(many, f"m{level}", 2)
    return plain_h5(folder, many)


def masks_in_models(folder):
    """13 deep, around a layer that makes a mask: whoever follows it follows it 4096 times."""
    inner = functional([start(), call(layer("Masking", "masking", mask_value=0.0), [("start", 0)]),
                        call(relu("relu"), [("masking", 0)])], [("relu", 0)], "m0")
    for level in range(1, 13):
        inner = around(inner, f"m{level}", 2)
    return plain_h5(folder, inner)


# The square of layers, calls, outputs ----------------------------------------------------------------------

def called_often(folder, count=4000):
    nodes = [[("r", index - 1) if index else ("start", 0)] for index in range(count)]
    return plain_h5(folder, functional([start(), call(relu("r"), *nodes)], [("r", count - 1)]))


def many_outputs(folder, count=9000):
    layers = [call(relu(f"r{index}"), [("start", 0)]) for index in range(count)]
    return plain_h5(folder, functional([start()] + layers, [(f"r{index}", 0) for index in range(count)]))


def refused_first(folder, count=4000):
    """A Lambda, and 4000 layers behind it: which of the outputs do without it?"""
    evil = call(layer("Lambda", "evil"), [("start", 0)])
    return plain_h5(folder, functional([start(), evil] + row(count, first="evil"), [(f"r{count - 1}", 0)]))


def outputs_that_are_not_there(folder, count=2000):
    """A row of layers of a class that nobody knows, each called on the second output of the one before."""
    layers = row(count, lambda name: layer("Mystery", name))
    for item in layers[1:]:
        item["inbound_nodes"][0][0][2] = 1
    return plain_h5(folder, functional([start()] + layers, [(f"r{count - 1}", 0)]))


def second_output(folder):
    """A ReLU called on the second output of a ReLU."""
    layers = row(2)
    layers[1]["inbound_nodes"][0][0][2] = 1
    return plain_h5(folder, functional([start()] + layers, [("r1", 0)]))


def keras3_h5(folder, layers, output):
    path = plain_h5(folder, functional(layers, [(output, 0)]))
    with h5py.File(path, "r+") as file:
        file.attrs["keras_version"] = "3.0.0"
    return path


def masks(folder, count=2000, cycle=False):
    """Keras 3: a row of 2000 Any, and 2000 layers that take the last as their mask."""
    def tensor(name):
        return {"class_name": "__keras_tensor__", "config": {"shape": [None, 4], "dtype": "float32",
                                                             "keras_history": [name, 0, 0]}}

    def node(kind, name, source, **keywords):
        config = {"name": name} if kind in ("Any", "NotEqual") else {"name": name, "trainable": True,
                                                                     "dtype": "float32"}
        record = {"class_name": kind, "name": name, "config": config,
                  "inbound_nodes": [{"args": [tensor(source)], "kwargs": keywords}]}
        return dict(record, module="keras.src.ops.numpy") if "trainable" not in config else record

    first = {"class_name": "InputLayer", "name": "start", "inbound_nodes": [], "config": {
        "batch_shape": [None, 4], "dtype": "float32", "name": "start"}}
    layers = [first, node("Masking", "masked", "start"), node("NotEqual", "a0", "a9" if cycle else "start")]
    layers += [node("Any", f"a{index}", f"a{index - 1}") for index in range(1, count)]
    if cycle:
        layers[2]["class_name"] = "Any"
    layers += [node("ReLU", f"r{index}", "masked", mask=tensor(f"a{count - 1}")) for index in range(count)]
    return keras3_h5(folder, layers, "r0")


def masks_in_a_circle(folder):
    return masks(folder, 10, True)


def names_that_clash(folder, count=9000):
    """A nested model of 9000 layers, to be looked into."""
    return plain_h5(folder, around(functional([start()] + row(count), [(f"r{count - 1}", 0)], "inner"), "outer"))


def trained_deep(folder):
    """Models in models, each called with training=True, around one layer with 200 000 objects in its config."""
    record = functional([start()] + row(1), [("r0", 0)], "m0")
    record["config"]["layers"][1]["config"]["extra"] = [{}] * 200000
    for level in range(1, 45):
        record = around(record, f"m{level}")
        record["config"]["layers"][1]["inbound_nodes"][0][0][3] = {"training": True}
    return plain_h5(folder, record)


def many_layers(folder):
    return plain_h5(folder, sequential(*[{"class_name": "ReLU", "config": {"name": f"r{index}"}}
                                         for index in range(60000)]))


def many_calls(folder):
    return called_often(folder, 30000)


def many_numbers(folder):
    """7 million numbers in one list of a layer's config."""
    text = json.dumps(sequential(dict(relu("r"), config={"name": "r", "numbers": [0]})))
    return plain_h5(folder, None, raw=text.replace("[0]", "[" + "0," * 7000000 + "0]"))


# Names -----------------------------------------------------------------------------------------------------

def long_name(folder, letter="\u5c42", kind="ReLU"):
    """A name of 3 million letters."""
    record = sequential(layer(kind, letter * 3000000))
    return plain_h5(folder, None, raw=json.dumps(record, ensure_ascii=False))


def long_name_of_what_is_refused(folder):
    return long_name(folder, "\U000e0001", "Lambda")


def long_class(folder):
    return plain_h5(folder, sequential(layer("x" * 3000000, "r")))


def long_names_in_long_names(folder):
    """8000 letters before each name of a layer in a nested model, 40 deep: 300 kB a layer."""
    record = functional([start()] + row(4000), [("r3999", 0)], "m" * 8000)
    for level in range(40):
        record = around(record, f"{level}" * 8000 if level < 10 else f"{level}" * 4000)
    return plain_h5(folder, record)


# Sizes -----------------------------------------------------------------------------------------------------

def squared(folder, count=40):
    """A size that is multiplied by itself 40 times: 2^40 times as many digits."""
    layers = [layer("RepeatVector", "first", n=10 ** 9)]
    for index in range(count):
        layers += [layer("Permute", f"p{index}", dims=[2, 2] if index else [1, 1]), layer("Flatten", f"f{index}"),
                   layer("RepeatVector", f"v{index}", n=3)]
    return plain_h5(folder, sequential(*layers))


def dimensions(folder, count=60):
    """Dot makes 2 n - 3 dimensions of n."""
    names = ["start"] + [f"d{index}" for index in range(count)]
    layers = [call(layer("Dot", name, axes=1), [(before, 0), (before, 0)]) for before, name in zip(names, names[1:])]
    first = start()
    first["config"]["batch_input_shape"] = [None, 2, 2, 2, 2]
    return plain_h5(folder, functional([first] + layers, [(names[-1], 0)]))


def texts_for_sizes(folder):
    """A text or a list times ten million is ten million of them."""
    first = start()
    first["config"]["batch_input_shape"] = [None, 10 ** 7, 10 ** 7, 3]
    layers = [call(layer("UpSampling2D", f"u{index}", size=size), [("start", 0)])
              for index, size in enumerate(("xxxxxxxxxx", [[1, 2, 3], [1]], ["ab", "cd"]))]
    layers.append(call(layer("DepthwiseConv2D", "deep", kernel_size=1, strides=1, padding="same",
                             depth_multiplier="x" * 1000), [("start", 0)]))
    return plain_h5(folder, functional([first] + layers, [(f"u{index}", 0) for index in range(3)]))


def wide_input(folder):
    record = sequential(relu("r"))
    record["config"]["layers"][0]["config"]["batch_input_shape"] = [None] + [2] * 100000
    return plain_h5(folder, record)


def large_input(folder):
    record = sequential(relu("r"))
    record["config"]["layers"][0]["config"]["batch_input_shape"] = [None, 1 << 63]
    return plain_h5(folder, record)


def weight_of_many_dimensions(folder):
    return builders.tfjs(folder, lambda document: document["weightsManifest"][0]["weights"][0].update(
        shape=[10 ** 39] * 60000))


def weight_of_one_size_too_large(folder):
    return builders.tfjs(folder, lambda document: document["weightsManifest"][0]["weights"][0].update(shape=[1 << 63]))


def wide_layer(folder):
    """Settings of a million numbers where one for each dimension is meant, of a layer that is called 3000 times."""
    nodes = [[("p", index - 1) if index else ("start", 0)] for index in range(3000)]
    wide = layer("Permute", "p", dims=[1] * 1000000)
    return plain_h5(folder, functional([start(), call(wide, *nodes)], [("p", 2999)]))


def by_name(folder, count=3000):
    """A nested model of classes that nobody knows: which weight is whose follows from the names."""
    inner = functional([start()] + row(count, lambda name: layer("Mystery", name)), [(f"r{count - 1}", 0)], "inner")
    weights = {f"r{index}/w": numpy.ones(1, "float32") for index in range(count)}
    return plain_h5(folder, around(inner, "outer"), {"inner": weights})
