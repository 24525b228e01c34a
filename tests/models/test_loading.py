"""Each size of each layer left open: TensorFlow.js tells the sizes that passes/loading.py tells, or refuses what it
refuses, as it loads the model."""
import itertools
import json
import os
import random
import subprocess

import pytest

from scripts.layers import open_sizes, shapes
from scripts.layers.topology import graph
from scripts.tfjs.passes import loading
from scripts.viewer import packages
from tests import needs
from tests.unit import made

SCRIPT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "loading.js")
IMAGE, VOLUME, FRAMES, ROWS = [7, 6, 3], [7, 6, 5, 3], [4, 7, 6, 3], [7, 6]
PER_IMAGE = {"Conv2D": {"filters": 2}, "Conv2DTranspose": {"filters": 2}, "DepthwiseConv2D": {"depth_multiplier": 2},
             "SeparableConv2D": {"filters": 4}}
PER_VOLUME = {"Conv3D": {"filters": 2}, "Conv3DTranspose": {"filters": 2}}
INSIDE = [("Dense", {"units": 4}, [5, 7, 3]), ("Flatten", {}, [4, 7, 6]),
          ("Reshape", {"target_shape": [-1, 2]}, [4, 7, 6]),
          ("Cropping2D", {"cropping": [[1, 0], [0, 1]]}, FRAMES), ("UpSampling2D", {"size": [2, 2]}, FRAMES),
          ("Conv2D", {"filters": 2, "kernel_size": [3, 3], "strides": [1, 1], "padding": "valid"}, FRAMES),
          ("GlobalAveragePooling2D", {}, FRAMES)]


def functional(layers, *outputs):
    """A model as TensorFlow.js 1.0.0 knows it too."""
    return dict(made.functional(layers, *outputs), class_name="Model")


def windows():
    """Convolutions and pooling."""
    for padding, stride in itertools.product(("valid", "same"), (1, 2)):
        common = {"padding": padding, "strides": [stride]}
        yield "Conv1D", [[7, 3]], dict(common, filters=2, kernel_size=[3])
        for name in ("MaxPooling1D", "AveragePooling1D"):
            yield name, [[7, 3]], dict(common, pool_size=[3])
        for form in ("channels_last", "channels_first"):
            common = {"padding": padding, "data_format": form}
            for name in sorted(PER_IMAGE):
                yield name, [IMAGE], dict(common, kernel_size=[3, 2], strides=[stride] * 2, **PER_IMAGE[name])
            for name in ("MaxPooling2D", "AveragePooling2D"):
                yield name, [IMAGE], dict(common, pool_size=[3, 2], strides=[stride] * 2)
            for name in sorted(PER_VOLUME):
                yield name, [VOLUME], dict(common, kernel_size=[3, 2, 2], strides=[stride] * 3, **PER_VOLUME[name])
            for name in ("MaxPooling3D", "AveragePooling3D"):
                yield name, [VOLUME], dict(common, pool_size=[3, 2, 2], strides=[stride] * 3)
            yield "ConvLSTM2D", [FRAMES], dict(common, filters=2, kernel_size=[3, 2], strides=[stride] * 2,
                                               return_sequences=stride == 1)


def moves():
    """Layers that cut, repeat and move values."""
    for form in ("channels_last", "channels_first"):
        for sides in ([[1, 0], [0, 2]], [[0, 0], [0, 0]], [[1, 1], [1, 1]]):
            yield "Cropping2D", [IMAGE], {"cropping": sides, "data_format": form}
            yield "ZeroPadding2D", [IMAGE], {"padding": sides, "data_format": form}
        for name in ("GlobalMaxPooling2D", "GlobalAveragePooling2D"):
            yield name, [IMAGE], {"data_format": form}
        yield "UpSampling2D", [IMAGE], {"size": [2, 3], "data_format": form}
    for name in ("GlobalMaxPooling1D", "GlobalAveragePooling1D", "Flatten"):
        yield name, [ROWS], {}
    for target in ([6, 7], [42], [-1], [7, -1], [-1, 2], [3, -1, 2], [6, 7, 1]):
        yield "Reshape", [ROWS], {"target_shape": target}
    yield "Permute", [IMAGE], {"dims": [3, 1, 2]}
    yield "RepeatVector", [[7]], {"n": 3}
    for length in ({}, {"input_length": 7}):
        yield "Embedding", [[7]], dict(length, input_dim=5, output_dim=4)


def joins():
    """Layers of several inputs."""
    for name in ("Add", "Average", "Maximum", "Minimum", "Multiply"):
        for other in ([7, 6, 3], [7, 6, 1], [1, 6, 3], [6, 3], [3]):
            yield name, [IMAGE, other], {}
        yield name, [[7, 1, 3], [1, 6, 3]], {}
    for axis in (-1, 1, 2, 3):
        yield "Concatenate", [IMAGE, IMAGE], {"axis": axis}
    yield "Concatenate", [[7, 3], [7, 4], [7, 5]], {"axis": -1}
    for axes in (1, 2, -1, [1, 2], [2, 1], [1, 1]):
        yield "Dot", [[6, 6], [6, 6]], {"axes": axes}
    for axes, other in ((1, [7]), (-1, [7])):
        yield "Dot", [[7], other], {"axes": axes}
    yield "Dot", [[7, 6], [6]], {"axes": [2, 1]}


def others():
    """Layers that compute number by number, with weights and without, and layers of steps."""
    for name, config in (("Dropout", {"rate": 0.5}), ("Activation", {"activation": "relu"}), ("Masking", {}),
                         ("ReLU", {}), ("PReLU", {}), ("PReLU", {"shared_axes": [1, 2]}), ("Softmax", {}),
                         ("BatchNormalization", {}), ("LayerNormalization", {"axis": [2, 3]}), ("Dense", {"units": 4}),
                         ("LayerNormalization", {}), ("Rescaling", {"scale": 2.0})):
        yield name, [IMAGE], config
    for name, sequences in itertools.product(("SimpleRNN", "GRU", "LSTM"), (False, True)):
        yield name, [ROWS], {"units": 4, "return_sequences": sequences, "reset_after": False}
    for mode in ("concat", "sum"):
        yield "Bidirectional", [ROWS], {"layer": made.layer("LSTM", "in", units=4), "merge_mode": mode}
    for name, config, shape in INSIDE:
        yield "TimeDistributed", [shape], {"layer": made.layer(name, "in", **config)}


def opened():
    """Each layer with each of its sizes open, two of them, and all."""
    for name, inputs, config in itertools.chain(windows(), moves(), joins(), others()):
        places = [(number, axis) for number, shape in enumerate(inputs) for axis in range(len(shape))]
        for some in [()] + [(place,) for place in places] + list(itertools.combinations(places, 2)) + [places]:
            starts = [made.start(f"in{number}", tuple(None if (number, axis) in some else size
                                                       for axis, size in enumerate(shape)))
                      for number, shape in enumerate(inputs)]
            yield functional(starts + [made.layer(name, "one", *[f"in{number}" for number in range(len(inputs))],
                                                       **config)], "one")


def drawn(seed):
    """A model of random layers on images whose rows, columns or both may be open."""
    rng = random.Random(seed)
    shape = tuple(rng.choice([None, size]) for size in (8, 9)) + (3,)
    layers, images, flat = [made.start("start", shape)], ["start"], []
    for number in range(rng.randint(3, 9)):
        name, one = f"layer{number}", rng.choice(images)
        kind = rng.choice("crop crop pad conv up add add join norm dense flat reshape row inner twice".split())
        if kind == "inner":  # a model with sizes of its own
            inside = [made.start("within", tuple(rng.choice([None, size]) for size in (8, 9)) + (3,)),
                      made.layer("Cropping2D", "cut", "within", cropping=[[1, 0], [0, rng.randint(0, 1)]]),
                      made.layer(*rng.choice([("Add", "end", "cut", "cut"), ("Activation", "end", "cut")]),
                                 activation="linear")]
            config = dict(functional(inside, "end")["config"], name=name)
            layers.append(dict(made.layer("Model", name, one), config=config))
        elif kind == "twice":
            layers.append(made.layer("Concatenate", name, one, rng.choice(images), rng.choice(images),
                                     axis=rng.choice([1, 2, 3, -1])))
        else:
            side = [[rng.randint(0, 2), 0], [0, rng.randint(0, 2)]]
            made_of = {"crop": ("Cropping2D", {"cropping": side}), "pad": ("ZeroPadding2D", {"padding": side}),
                       "conv": ("Conv2D", {"filters": 3, "kernel_size": [2, 1], "strides": [rng.randint(1, 2)] * 2,
                                           "padding": "valid"}),
                       "up": ("UpSampling2D", {"size": [2, 1]}), "norm": ("BatchNormalization", {}),
                       "dense": ("Dense", {"units": 3}), "flat": ("Flatten", {}),
                       "reshape": ("Reshape", {"target_shape": rng.choice([[-1, 3], [-1], [3, -1, 3]])}),
                       "row": ("GlobalAveragePooling2D", {}), "add": ("Add", {}), "join": ("Concatenate", {"axis": -1})}
            class_name, config = made_of[kind]
            more = [rng.choice(images)] if kind in ("add", "join") else []
            layers.append(made.layer(class_name, name, one, *more, **config))
        if kind in ("flat", "reshape", "row"):
            flat.append(name)
            layers.append(made.layer("Dense", name + "_end", name, units=2))
            flat.append(name + "_end")
        else:
            images.append(name + "@1" * (kind == "inner"))  # its making is call 0
    return functional(layers, *(images[1:] + flat or ["start"]))


def told(record):
    """What passes/loading.py tells: the shapes of the outputs, or the line."""
    follower = loading.Loading(any(open_sizes.open_shapes(record)))
    source = graph(record)
    known = shapes.walk(source, shapes.steps(source), None, follower)
    lines = [str(fault) for fault in follower.found.values()]
    return lines[0] if lines else [known[ref] for ref in source.outputs]


@pytest.mark.modern  # nothing here depends on the Python
@pytest.mark.parametrize("version", ["1.0.0", None])
def test_sizes_are_told_as_tensorflow_js_tells_them(version):
    needs.node()
    models = list(opened()) + [drawn(seed) for seed in range(300)]
    said = subprocess.run(packages.node() + [SCRIPT, packages.bundle("@tensorflow/tfjs", version)],
                          input="\n".join(map(json.dumps, models)), stdout=subprocess.PIPE, universal_newlines=True,
                          check=True).stdout.splitlines()
    assert len(said) == len(models)
    unlike = []
    for record, line in zip(models, map(json.loads, said)):
        ours = told(record)
        names = [layer["class_name"] for layer in record["config"]["layers"]]
        if isinstance(line, str) and "Unknown layer" in line:
            assert version == "1.0.0"
        elif isinstance(ours, str) and " of (0)" in ours:
            pass  # without rows there are no weights: those of the file do not fit
        elif version and isinstance(ours, str) and {"PReLU", "LayerNormalization"} & set(names):
            pass  # 1.0.0 makes weights of an open size, into which then nothing fits
        elif isinstance(ours, str) != isinstance(line, str) or not isinstance(ours, str) and ours != line:
            unlike.append((record, ours, line))
    assert unlike == []
