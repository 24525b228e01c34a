"""Topologies that would unroll, repeat, pad or compute without an end as a graph model, for test_lowered.py.

A case is a class, its settings, the shape of its input, and what the line says: None where nothing large comes of it.
"""
import numpy

from tests.attacks.builders import call, functional, plain_h5

MILLION, BILLION = 10 ** 6, 10 ** 9
ROW, STEPS, IMAGE = [8], [6, 4], [6, 5, 3]
LAYERS = {
    "SimpleRNN of a million steps": ("SimpleRNN", dict(units=1, use_bias=False), [MILLION, 1], "steps"),
    "RepeatVector of a billion": ("RepeatVector", dict(n=BILLION), ROW, None),
    "RepeatVector of -1": ("RepeatVector", dict(n=-1), ROW, "damaged"),
    "UpSampling2D of a billion": ("UpSampling2D", dict(size=[BILLION, 1], interpolation="bilinear"), IMAGE, "."),
    "UpSampling2D by the nearest": ("UpSampling2D", dict(size=[BILLION, BILLION]), IMAGE, "."),
    "Resizing to a billion": ("Resizing", dict(height=BILLION, width=BILLION, interpolation="bicubic"), IMAGE, "."),
    "ZeroPadding2D of a billion": ("ZeroPadding2D", dict(padding=[[BILLION] * 2] * 2), IMAGE, "."),
    "Cropping2D of a billion": ("Cropping2D", dict(cropping=[[BILLION] * 2] * 2), IMAGE, "."),
    "pools of a billion": ("MaxPooling2D", dict(pool_size=[BILLION] * 2, strides=None, padding="valid"), IMAGE, "."),
    "strides of a billion": ("AveragePooling2D", dict(pool_size=2, strides=[BILLION] * 2, padding="same"), IMAGE, "."),
    "adaptive to a billion": ("AdaptiveMaxPooling2D", dict(output_size=BILLION), IMAGE, "."),
    "CategoryEncoding of a billion": ("CategoryEncoding", dict(num_tokens=BILLION, output_mode="multi_hot"), ROW, "."),
    "axes without an end": ("LayerNormalization", dict(axis=list(range(100000)), center=False, scale=False), ROW, "."),
    "a word for a number": ("RepeatVector", dict(n="x" * 100000), ROW, "."),
    "a dict for a shape": ("Reshape", dict(target_shape={"a": 1}), ROW, "."),
    "a shape of a million sizes": ("Reshape", dict(target_shape=[1] * MILLION), ROW, "."),
    "an order of a million": ("Permute", dict(dims=list(range(1, MILLION))), STEPS, "."),
}
OPERATIONS = {
    "range": dict(function="range", at={"limit": 10 ** 15}, line="."),
    "one_hot": dict(function="one_hot", at={"depth": BILLION}, line="."),
    "repeat": dict(function="repeat", at={"repeats": BILLION, "axis": 1}, line="."),
    "tile": dict(function="tile", at={"multiples": [1, BILLION]}, line="."),
    "pad": dict(function="compat.v1.pad", at={"paddings": [[0, 0], [BILLION, BILLION]], "mode": "REFLECT"}, line="."),
    "linspace": dict(function="linspace", at={"stop": 1.0, "num": BILLION}, line="."),
    "roll": dict(function="roll", at={"shift": 10 ** 18, "axis": 1}, line=None),
    "sequence_mask": dict(function="sequence_mask", at={"maxlen": 10 ** 12}, line="."),
    "pow of a text": dict(function="math.pow", at={"y": "x" * 100000}, line="."),
    "reshape": dict(function="reshape", at={"shape": [1] * 100000}, line="."),
    "transpose": dict(function="transpose", at={"perm": list(range(100000))}, line="."),
}


def source(shape):
    return {"class_name": "InputLayer", "name": "start", "inbound_nodes": [], "config": {
        "batch_input_shape": [None] + shape, "dtype": "float32", "sparse": False, "name": "start"}}


def of_layer(folder, case):
    """A file with one layer of those settings."""
    kind, config, shape, _ = LAYERS[case]
    record = {"class_name": kind, "config": dict({"name": "odd", "trainable": True, "dtype": "float32"}, **config)}
    weights = {"odd": {"kernel": numpy.ones((1, 1), "float32"), "recurrent_kernel": numpy.ones((1, 1), "float32")}} \
        if kind == "SimpleRNN" else None
    return plain_h5(folder, functional([source(shape), call(record, [("start", 0)])], [("odd", 0)]), weights)


def of_operation(folder, case):
    """A file with one TFOpLambda called so."""
    given = OPERATIONS[case]
    record = {"class_name": "TFOpLambda", "name": "odd", "config": {
        "name": "odd", "trainable": True, "dtype": "float32", "function": given["function"]}}
    node = [["start", 0, 0, given["at"]]]
    return plain_h5(folder, functional([source(ROW), dict(record, inbound_nodes=[node])], [("odd", 0)]))
