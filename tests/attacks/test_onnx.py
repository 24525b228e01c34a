"""Hostile ONNX files through the command line, in 300 MB of memory and 5 s of processor time: one line each."""
import os
import pickle
import zipfile

import numpy
import pytest

from scripts.wire.protobuf import field
from tests.attacks.test_attacks import refused
from tests.unit.onnx_made import Made, function, join, tensor

ATTACKS = []


def attack(words):
    def register(build):
        ATTACKS.append(pytest.param(build, words, id=build.__name__))
        return build
    return register


def beside(location, **more):
    """A model whose weights are said to be in another file."""
    made = Made()
    told = dict({"location": location}, **more)
    made.tensors.append(tensor("w", numpy.zeros((4, 6), "float32"), fields=join(*[
        field(13, field(1, key) + field(2, str(value))) for key, value in told.items()]) + field(14, 1)))
    made.node("MatMul", "x", "w", outputs=["y"])
    return made


@attack("out of its directory")
def weights_above_the_directory(folder):
    (folder / "secret").write_bytes(bytes(96))
    (folder / "in").mkdir()
    return beside("../secret"), folder / "in"


@attack("out of its directory")
def weights_at_a_whole_path(folder):
    return beside("/etc/passwd"), folder


@attack("a link out of its directory")
def weights_by_a_link(folder):
    (folder / "secret").write_bytes(bytes(96))
    (folder / "in").mkdir()
    os.symlink(str(folder / "secret"), str(folder / "in" / "w.bin"))
    return beside("w.bin"), folder / "in"


@attack("missing")
def weights_in_a_pipe(folder):
    os.mkfifo(str(folder / "w.bin"))
    return beside("w.bin"), folder


@attack("beyond the end")
def weights_beyond_the_end(folder):
    (folder / "w.bin").write_bytes(bytes(96))
    return beside("w.bin", offset=1 << 60), folder


@attack("beyond the end")
def weights_of_terabytes(folder):
    (folder / "w.bin").write_bytes(bytes(96))
    return beside("w.bin", length=1 << 60), folder


@attack("bytes of")
def a_shape_of_terabytes(folder):
    made = Made()
    made.tensors.append(tensor("w", [], dtype=1, dims=[1 << 20, 1 << 22], fields=field(9, b"\0" * 8)))
    made.node("MatMul", "x", "w", outputs=["y"])
    return made, folder


def single(op, *values, **more):
    """A model of one operation on x and constants."""
    made = Made()
    names = [made.constant(f"c{place}", numpy.asarray(value)) for place, value in enumerate(values)]
    made.node(op, "x", *names, outputs=["y"], **more)
    return made


@attack("refused")
def a_constant_of_terabytes(folder):
    made = Made()
    made.node("ConstantOfShape", made.constant("s", numpy.array([1 << 30, 1 << 30])), outputs=["a"])
    made.node("Add", "x", "a", outputs=["y"])
    return made, folder


def ranged(*bounds):
    made = Made()
    made.node("Range", *[made.constant(f"c{place}", numpy.array(value, "float32"))
                         for place, value in enumerate(bounds)], outputs=["a"])
    made.node("Add", "x", "a", outputs=["y"])
    return made


@attack("refused|damaged|too many")
def a_range_without_end(folder):
    return ranged(0, 1e30, 1e-30), folder


@attack("damaged")
def a_division_by_nothing(folder):
    return ranged(0, 1, 0), folder


@attack("damaged|refused")
def a_tile_of_terabytes(folder):
    made = Made()
    made.node("Tile", made.constant("a", numpy.zeros(4, "float32")), made.constant("b", numpy.array([1 << 40])),
              outputs=["c"])
    made.node("Add", "x", "c", outputs=["y"])
    return made, folder


@attack("pads")
def margins_of_terabytes(folder):
    return single("MaxPool", kernel_shape=[1, 1], pads=[1 << 40] * 4), folder


@attack("damaged")
def a_reshape_to_a_million_dimensions(folder):
    return single("Reshape", numpy.ones(1000000, "int64")), folder


@attack("damaged")
def groups_without_number(folder):
    made = Made()
    made.node("Conv", "x", made.weight("w", 4, 3, 1, 1), group=1 << 40, outputs=["y"])
    return made, folder


@attack("damaged")
def a_stride_of_none(folder):
    return single("MaxPool", kernel_shape=[1, 1], strides=[0, 0]), folder


@attack("functions deep")
def a_function_that_calls_itself(folder):
    made, inner = Made(), Made()
    inner.node("Again", "a", domain="mine", outputs=["b"])
    made.functions.append(function("Again", ["a"], ["b"], inner.nodes))
    made.node("Again", "x", domain="mine", outputs=["y"])
    return made, folder


@attack("refused")
def functions_that_call_each_other_twice(folder):
    """2^30 additions."""
    made = Made()
    for depth in range(30):
        inner = Made()
        name, domain = (f"F{depth + 1}", "mine") if depth < 29 else ("Relu", "")
        inner.node(name, "a", domain=domain, outputs=["b"])
        inner.node(name, "b", domain=domain, outputs=["c"])
        made.functions.append(function(f"F{depth}", ["a"], ["c"], inner.nodes))
    made.node("F0", "x", domain="mine", outputs=["y"])
    return made, folder


@attack("deep")
def graphs_in_graphs(folder):
    inner = Made()
    inner.node("Relu", "x", outputs=["y"])
    for _ in range(60):
        outer = Made()
        outer.node("If", outer.constant("c", numpy.array(True)), outputs=["y"], then_branch=inner.graph({}, ["y"]))
        inner = outer
    return inner, folder


@attack("make more than 20000 operations")
def branches_in_branches(folder):
    """2^18 of them, all of which depend on the data."""
    made = Made()
    for depth in range(18):
        outer, inner = Made(), Made()
        inner.node(*((f"F{depth + 1}", "a") if depth < 17 else ("Relu",)), "b",
                   domain="mine" if depth < 17 else "", outputs=["y"])
        outer.node("If", "a", outputs=["c"], then_branch=inner.graph({}, ["y"]), else_branch=inner.graph({}, ["y"]))
        made.functions.append(function(f"F{depth}", ["a", "b"], ["c"], outer.nodes))
    made.node("F0", made.node("Cast", made.node("ReduceMax", "x", keepdims=0), to=9), "x", domain="mine",
              outputs=["y"])
    return made, folder


@attack("make more than 20000 operations")
def loops_in_loops(folder):
    """4096^2 steps."""
    made, inner = Made(), Made()
    inner.node("Relu", "b", outputs=["c"])
    inner.node("Identity", "q", outputs=["r"])
    for place in range(2):
        outer = made if place else Made()
        outer.node("Loop", outer.constant("steps", numpy.array(4096)), outer.constant("go", numpy.array(True)),
                   "x" if place else "b", outputs=["y" if place else "c"],
                   body=inner.graph({"p": [], "q": [], "b": ["N", 3, 4, 4]}, ["r", "c"]))
        outer.node("Identity", "q", outputs=["r"])
        inner = outer
    made.nodes.pop()
    return made, folder


@attack("places become")
def an_image_of_terabytes(folder):
    return single("Resize", [], [], numpy.array([2, 3, 1 << 23, 1 << 23])), folder


@attack("refused|damaged|elements")
def sizes_of_terabytes(folder):
    made = Made()
    made.node("Expand", "x", made.constant("s", numpy.array([1 << 20, 3, 4, 4])), outputs=["a"])
    made.node("Reshape", "a", made.constant("t", numpy.array([1 << 40, -1])), outputs=["y"])
    return made, folder


@attack("computed of it")
def a_circle(folder):
    made = Made()
    made.node("Add", "x", "b", outputs=["a"])
    made.node("Relu", "a", outputs=["b"])
    made.node("Neg", "b", outputs=["y"])
    return made, folder


@attack("more than 200000")
def too_many_operations(folder):
    made = Made()
    made.node("Relu", "x", outputs=["y"])
    made.nodes = made.nodes + [b"\x22\x01a"] * 200001
    return made, folder


@attack("fields in one message")
def nothing_but_empty_fields(folder):
    made = Made()
    made.node("Relu", "x", outputs=["y"])
    made.nodes.append(b"\x0a\0" * (1 << 20) + b"\x0a\0")
    return made, folder


class Runs:
    """What a pickle would run."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (self.path,)


@pytest.mark.parametrize("kind", ["archive of PyTorch", 0, 2, pickle.HIGHEST_PROTOCOL])
def test_a_pickle_is_not_opened_and_the_line_says_how_to_export(kind, tmp_path):
    path, evil = str(tmp_path / "m.pt"), Runs(str(tmp_path / "ran"))
    if isinstance(kind, str):
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("m/data.pkl", pickle.dumps(evil))
            archive.writestr("m/version", "3\n")
    else:
        with open(path, "wb") as file:
            pickle.dump(evil, file, kind)
    assert refused(tmp_path, path).endswith(
        'PyTorch exports it: torch.onnx.export(model.eval(), torch.zeros(1, 3, 224, 224), "model.onnx")\n')


@pytest.mark.parametrize("build, words", ATTACKS)
def test_a_hostile_file_is_refused(build, words, tmp_path):
    made, folder = build(tmp_path)
    path = made.save(folder / "m.onnx", {"x": [2, 3, 4, 4]}, ["y"])
    line = refused(tmp_path, path)
    assert any(word in line for word in words.split("|")), line
