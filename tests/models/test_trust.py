"""A model with Python of its own: what Keras computes, TensorFlow.js computes, once that Python may run.

Live models are traced in this process, files in a child.  Every layer is held against Keras's own values, in
TensorFlow.js 1.0.0 and in today's, by `execute`.
"""
import hashlib
import json
import os
import sys

import numpy
import pytest

from scripts import preprocess, verify
from scripts.base.fault import Fault
from scripts.tfjs import graph
from scripts.tracing import by_keras, files, load_by_keras, process
from scripts.tracing.trust import Trusted
from scripts.viewer import packages, predict
from tests import needs
from tests.models import lowered, oracle, own_classes
from tests.project import Project


def text(keras, own):
    """Keras's example of text classification with a transformer."""
    x = start = keras.Input((10,), name="ids")
    x = own.TokenAndPositionEmbedding(10, 20, 8, name="embed")(x)
    x = own.TransformerBlock(8, name="block")(x)
    x = keras.layers.GlobalAveragePooling1D(name="pool")(x)
    return keras.Model(start, keras.layers.Dense(2, activation="softmax", name="out")(x))


def vit(keras, own):
    """Keras's example of a vision transformer, with patches that fill the image."""
    x = start = keras.Input((8, 12, 3), name="images")
    x = own.Patches(4, name="patches")(x)
    x = own.PatchEncoder(6, 8, name="encoder")(x)
    x = own.TransformerBlock(8, name="block")(x)
    return keras.Model(start, keras.layers.Dense(2, name="out")(keras.layers.Flatten(name="flat")(x)))


def involution(keras, own):
    """Keras's example of involutions, and patches that overhang."""
    x = start = keras.Input((7, 6, 4), name="images")
    first = own.Involution(4, 2, 3, 2, name="inv")(x)
    y = own.Patches(4, name="patches")(keras.layers.ReLU(name="relu")(first))
    return keras.Model(start, [first, y])


def random_values(keras, model):
    """Give a model random weights, variances above zero."""
    random = numpy.random.RandomState(5)
    values = []
    for variable, value in zip(model.weights, model.get_weights()):
        drawn = random.normal(0, 0.4, value.shape)
        kept = "variance" in (getattr(variable, "path", None) or variable.name) or value.dtype.kind != "f"
        values.append(value if kept else drawn.astype(value.dtype))
    model.set_weights(values)
    return model


def computed(path, fed, names, versions=(lowered.OLDEST, None)):
    """Yield (version, {name: values}) of TensorFlow.js's, by `execute`."""
    for version in versions:
        bundle = packages.bundle("@tensorflow/tfjs", version) if version else packages.bundle("@tensorflow/tfjs")
        found = predict.predict(path, fed, bundle, [node_of(path, name) for name in names], sync=True)
        yield version, {name: output.values for name, output in zip(names, found)}


def node_of(path, name):
    return told(path)["outputs"][name]


def told(path):
    with open(path, encoding="utf-8") as stream:
        return json.load(stream)["userDefinedMetadata"]["tensorspace"]


def agree(path, fed, expected, versions=(lowered.OLDEST, None)):
    """Hold every output in {name: values} against TensorFlow.js's."""
    for version, found in computed(path, fed, list(expected), versions):
        far = {name: lowered.distance(values, found[name]) for name, values in expected.items()}
        assert all(value <= 1e-5 for value in far.values()), (version, far)


def converted(model, folder, layers=None, **settings):
    """Trace a live model and write it; return the path of its model.json."""
    needs.node()
    graph.convert(by_keras.trace_live(model, layers, **settings), str(folder), every=True)
    return os.path.join(str(folder), "model.json")


def examples(model):
    shape = (2,) + tuple(model.inputs[0].shape)[1:]
    return [numpy.random.RandomState(3).randint(0, 9, shape).astype("float32")]


@pytest.mark.parametrize("build", [text, vit, involution], ids=lambda build: build.__name__)
@pytest.mark.parametrize("flavour", lowered.FLAVOURS)
def test_a_live_model_with_own_layers_is_what_keras_computes(flavour, build, tmp_path):
    keras = oracle.load(flavour)
    keras.backend.clear_session()
    model = random_values(keras, build(keras, own_classes.module(flavour)))
    path, fed = converted(model, tmp_path / "js"), examples(model)
    names = list(told(path)["outputs"])
    assert names == [layer.name for layer in model.layers[1:]]
    agree(path, fed, dict(zip(names, oracle.predict(oracle.multi_output(keras, model, names), fed))))
    layers = {layer["name"]: layer for layer in told(path)["layers"]}
    assert set(layers) == {model.layers[0].name} | set(names)
    for layer in model.layers[1:]:
        assert layers[layer.name]["class_name"] == type(layer).__name__
        assert layers[layer.name]["parameters"] == layer.count_params()
        assert layers[layer.name]["inputs"]


@pytest.mark.parametrize("flavour", lowered.FLAVOURS)
def test_layers_inside_own_layers_have_names(flavour, tmp_path):
    keras = oracle.load(flavour)
    keras.backend.clear_session()
    model = random_values(keras, text(keras, own_classes.module(flavour)))
    path, fed = converted(model, tmp_path / "js", ["block/ffn/wide", "block/layernorm1", "block"]), examples(model)
    block, embed = model.get_layer("block"), model.get_layer("embed")
    x = embed(fed[0])
    norm = block.layernorm1(x + block.att(x, x))
    agree(path, fed, {"block/ffn/wide": numpy.asarray(block.ffn.layers[0](norm)),
                      "block/layernorm1": numpy.asarray(norm), "block": numpy.asarray(block(x))})
    with pytest.raises(Fault, match="no layer is called 'block/nothing'; there are: .*block/att"):
        by_keras.trace_live(model, ["block/nothing"])


@pytest.mark.parametrize("flavour", lowered.FLAVOURS)
def test_a_live_subclassed_model_has_its_layers_in_the_order_of_the_calls(flavour, tmp_path):
    keras = oracle.load(flavour)
    keras.backend.clear_session()
    own = own_classes.module(flavour)
    with pytest.raises(Fault, match="not built: call it once"):
        by_keras.trace_live(own.Classifier())
    model = random_values(keras, own.make())
    path = converted(model, tmp_path / "js")
    fed = [numpy.random.RandomState(3).normal(size=(2, 9, 8, 3)).astype("float32")]
    conv = model.conv(fed[0])
    block = model.block(conv)
    flat = model.flatten(block + conv)
    first, second = model.heads[0](flat), model.heads[1](flat)
    expected = {"conv": conv, "block": block, "flatten": flat, "heads_0@0": first, "heads_0@1": first,
                "second": second, "sum": first + second}
    assert list(told(path)["outputs"]) == list(expected)
    agree(path, fed, {name: numpy.asarray(value) for name, value in expected.items()})
    with pytest.raises(Fault, match="'heads_0' is called 2 times: ask for heads_0@0 or heads_0@1"):
        by_keras.trace_live(model, ["heads_0"])


@pytest.mark.parametrize("flavour", lowered.FLAVOURS)
def test_random_numbers_at_inference_are_drawn_in_the_browser(flavour, tmp_path):
    keras = oracle.load(flavour)
    keras.backend.clear_session()
    own = own_classes.module(flavour)
    start = keras.Input((4,), name="start")
    mean = keras.layers.Dense(300, name="mean")(start)
    spread = keras.layers.Dense(300, kernel_initializer="zeros", name="spread")(start)
    model = keras.Model(start, [own.Sampling(name="z")([mean, spread]), mean])
    path, fed = converted(model, tmp_path / "js"), [numpy.ones((2, 4), "float32")]
    agree(path, fed, {"mean": numpy.asarray(model.get_layer("mean")(fed[0]))}, [None])
    (_, found), = computed(path, fed, ["mean", "z"], [None])
    drawn = found["z"] - found["mean"]
    assert abs(drawn.mean()) < 0.2 and abs(drawn.std() - 1) < 0.2


@pytest.mark.parametrize("flavour", lowered.FLAVOURS)
def test_nothing_global_is_left_changed(flavour):
    import tensorflow
    keras = oracle.load(flavour)
    model = own_classes.module(flavour).make()
    layer = by_keras.class_of(model, "Layer")
    before = layer.__dict__["__call__"], tensorflow.config.functions_run_eagerly()
    by_keras.trace_live(model)
    assert (layer.__dict__["__call__"], tensorflow.config.functions_run_eagerly()) == before
    with pytest.raises(Fault, match="a int is no Keras model"):
        by_keras.trace_live(3)
    assert keras is oracle.load(flavour)


# Files, whose Python runs in a child --------------------------------------------------------------------------

@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A working directory, as the user's command line has one."""
    monkeypatch.chdir(str(tmp_path))
    return tmp_path


def saved(flavour, folder, build):
    """Save a model as its Keras does, with its my_layers.py beside it; return (model, name of its file)."""
    keras = oracle.load(flavour)
    keras.backend.clear_session()
    model = random_values(keras, build(keras, own_classes.module(flavour)))
    name = "model.keras" if flavour == "keras3" else "model.h5"
    model.save(name)
    (folder / "my_layers.py").write_text(own_classes.source(flavour))
    return model, name


def small(keras, own):
    """A model with an own layer and one behind it."""
    start = keras.Input((6, 8), name="start")
    return keras.Model(start, keras.layers.Dense(2, name="out")(own.TransformerBlock(8, name="block")(start)))


def a_lambda(keras, own):
    """A model with Python in its file."""
    start = keras.Input((4,), name="start")
    return keras.Model(start, keras.layers.Dense(2, name="out")(keras.layers.Lambda(
        lambda x: x * x + 1.0, output_shape=(4,), name="own")(start)))


@pytest.mark.parametrize("build, words, followed", [
    (small, r"--trust (FILE\.py) \(in models.toml trust\) runs the Python that has it", "my_layers.py"),
    (a_lambda, r"--trust with (this file's name) \(in models.toml trust\) runs the Python in it", None)],
    ids=["class", "lambda"])
@pytest.mark.parametrize("flavour", lowered.FLAVOURS)
def test_the_remedy_of_a_refusal_followed_to_the_letter_converts(flavour, build, words, followed, folder, capfd):
    needs.node()
    model, name = saved(flavour, folder, build)
    with pytest.raises(Fault, match="TensorFlow.js does not have it; " + words):
        preprocess.main([name, "js"])
    assert not (folder / "js").exists()
    preprocess.main([name, "js", "--trust", followed or name])
    said = capfd.readouterr()
    assert f"TensorFlow.js does not have it; {followed or name} ran in TensorFlow" in said.out and said.err == ""
    fed = [numpy.random.RandomState(2).normal(size=(2,) + tuple(model.inputs[0].shape)[1:]).astype("float32")]
    names = [layer.name for layer in model.layers[1:]]
    agree("js/model.json", fed, dict(zip(names, oracle.predict(oracle.multi_output(
        oracle.load(flavour), model, names), fed))))
    assert sorted(os.listdir(str(folder))) == ["js", name, "my_layers.py"][:2] + ["my_layers.py"]  # no __pycache__


def test_weights_and_a_function_are_a_model(folder):
    flavour = lowered.FLAVOURS[-1]
    keras = oracle.load(flavour)
    model = random_values(keras, own_classes.module(flavour).make())
    model.save_weights("my.weights.h5")
    (folder / "my_model.py").write_text(own_classes.source(flavour))
    if flavour == "keras3":
        with pytest.raises(Fault, match=r": --trust FILE.py:FUNCTION \(in models.toml trust\) runs the function that"):
            preprocess.preprocess("my.weights.h5", "none")
    done = preprocess.preprocess("my.weights.h5", "js", trust=["my_model.py:make"])
    assert done.facts["why"] == "make() makes the model; my_model.py:make ran in TensorFlow"
    assert done.facts["outputs"] == ["conv", "block", "flatten", "heads_0@0", "heads_0@1", "second", "sum"]
    report = verify.verify("my.weights.h5", "js/model.json", trust=["my_model.py:make"]).report
    assert report["agree"] and [row["name"] for row in report["outputs"]] == done.facts["outputs"]
    fed = [numpy.random.RandomState(3).normal(size=(2, 9, 8, 3)).astype("float32")]
    agree("js/model.json", fed, {"conv": numpy.asarray(model.conv(fed[0]))})


# What goes wrong in the user's Python is one line -------------------------------------------------------------

MISTAKES = [
    ("import nothing_of_this_name\n", None, "ModuleNotFoundError: No module named 'nothing_of_this_name'", 1),
    ("x = 1\ny = undefined\n", None, "NameError: name 'undefined' is not defined", 2),
    ("def broken(:\n", None, "SyntaxError: invalid syntax", 1),
    ("import sys\n\nsys.exit(3)\n", None, "SystemExit: 3: the file ends the program: put what is no class or function "
     'below if __name__ == "__main__":', 3),
    ("def make():\n    return 3\n", "make", " make() returns no Keras model but a value of type int", None),
    ("def make():\n    pass\n", "build", " no function 'build'; there are make", None),
    ("def make(size):\n    pass\n", "make", " make needs size: name a function without arguments that returns the "
     "model", None),
    ("def make():\n    raise ValueError('one\\n\\ntwo')\n", "make", "ValueError: one", 2),
]


@pytest.mark.parametrize("text, factory, words, line", MISTAKES)
def test_a_mistake_in_the_users_python_is_one_line_with_its_place(text, factory, words, line, folder):
    (folder / "mine.py").write_text(text)
    (folder / "model.bin").write_bytes(b"x")
    with pytest.raises(Fault) as caught:
        load_by_keras.load([Trusted("mine.py", factory)], "model.bin")
    assert str(caught.value) == "mine.py:" + (f"{line}: {words}" if line else words)


@pytest.mark.parametrize("text, words", [
    ("import os\nos._exit(0)\n", "mine.py: it ended the process that ran it, with status 0, before the model was"),
    ("import os, signal\nos.kill(os.getpid(), signal.SIGKILL)\n", "mine.py: the process that ran it was killed"),
    ("import os, signal\nos.kill(os.getpid(), signal.SIGSEGV)\n", r"mine.py: the process that ran it crashed \(SIG"),
    ("while True:\n    print('x' * 9999)\n", r"mine.py: it prints without end \(more than 1 MB\)"),
    ("while True:\n    pass\n", "mine.py: it runs for more than 0 minutes"),
    ("print('Traceback (most recent call last)')\nimport sys\nsys.stderr.write('noise')\nimport no_such\n",
     "^mine.py:4: ModuleNotFoundError: No module named 'no_such'$"),
    ("import subprocess, sys\nsubprocess.Popen([sys.executable, '-c', 'import time; time.sleep(30)'])\n1 / 0\n",
     "^mine.py:3: ZeroDivisionError: division by zero$")])
def test_a_process_that_the_users_python_ends_is_one_line(text, words, folder, monkeypatch, capfd):
    (folder / "mine.py").write_text(text)
    (folder / "model.bin").write_bytes(b"x")
    monkeypatch.setattr(process, "MOST_PRINTED", 1 << 20)
    monkeypatch.setattr(process, "LONGEST", 2 if "pass" in text else 60)
    with pytest.raises(Fault, match=words):
        files.trace("model.bin", ["mine.py"])
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("flavour", lowered.FLAVOURS)
def test_a_class_that_the_file_lacks_and_a_call_that_fails_are_one_line(flavour, folder, monkeypatch):
    monkeypatch.setenv("TF_USE_LEGACY_KERAS", "1")
    monkeypatch.setattr(sys, "path", list(sys.path))
    _, name = saved(flavour, folder, small)
    (folder / "without.py").write_text("import os\n")
    with pytest.raises(Fault, match=f"^{name}: without.py has no class TransformerBlock: name the file that has"):
        load_by_keras.load([Trusted("without.py", None)], name)
    text = own_classes.source(flavour).replace("self.layernorm1(inputs + attention)", "self.layernorm1(nothing)")
    (folder / "failing.py").write_text(text)
    number = 1 + text.splitlines().index("        out1 = self.layernorm1(nothing)")
    with pytest.raises(Fault, match=f"^failing.py:{number}: NameError: .*name 'nothing' is not defined$"):
        load_by_keras.frozen(name, [["failing.py", None]], None, None, None)


def test_where_tensorflow_is_lacking_the_line_says_so_and_not_the_users_file():
    error = ModuleNotFoundError("No module named 'tensorflow'", name="tensorflow")
    line = load_by_keras.line_of(error, "model.keras", ["my.py"])
    assert line.startswith(f"model.keras: tracing needs TensorFlow: {sys.executable} has no tensorflow: `make` ")


def test_trust_names_files_that_are_there(folder):
    (folder / "model.h5").write_bytes(b"x")
    (folder / "notes.txt").write_text("")
    (folder / "my.py").write_text("")
    for trust, words in ((["none.py"], "trust: none.py: no such file"), (["."], "trust: .: a directory"),
                         (["notes.txt"], "neither a file of Python, whose name ends in .py, nor model.h5"),
                         (["my.py:a", "my.py:b"], "two functions that make the model")):
        with pytest.raises(Fault, match=words):
            preprocess.preprocess("model.h5", "js", trust=trust)


@pytest.mark.modern
def test_another_backend_is_one_line_and_its_files_are_data(folder, monkeypatch):
    import h5py
    keras = oracle.load("keras3")
    start = keras.Input((4,), name="start")
    model = keras.Model(start, keras.layers.Dense(2, name="out")(start))
    model.save("model.h5")
    with h5py.File("model.h5", "a") as stream:
        stream.attrs["backend"] = "jax"
    monkeypatch.setattr(sys.modules["keras.src.backend.config"], "backend", lambda: "jax")
    with pytest.raises(Fault, match="^Keras runs on jax here: tracing needs the TensorFlow backend: save the model, "
                                    "and load it where KERAS_BACKEND=tensorflow is set$"):
        by_keras.trace_live(model)
    os.mkdir("js")
    assert preprocess.preprocess("model.h5", "js", trust=["model.h5"]).facts == {"inputs": ["start"],
                                                                                 "outputs": ["out"]}


# The build ------------------------------------------------------------------------------------------------------

def test_trusted_files_are_dependencies_and_nothing_runs_where_data_suffices(tmp_path):
    keras = oracle.load(lowered.FLAVOURS[-1])
    start = keras.Input((4,), name="start")
    project = Project.create(tmp_path / "project", '[mine]\nsource = "plain.h5"\ntrust = ["my.py"]\n')
    keras.Model(start, keras.layers.Dense(2, name="out")(start)).save(project.file("plain.h5"))
    project.write("my.py", "open('ran', 'w')\n")
    assert project.ran() == {"convert:mine"}
    assert project.ran() == set()
    manifest = json.loads(project.read("models/json_models/mine/manifest.json").decode("utf-8"))
    assert manifest["inputs"]["trust/0"] == hashlib.sha256(project.read("my.py")).hexdigest()
    assert (manifest["settings"]["trust"], manifest["format"], manifest["layers"]) == (["my.py"], "layers-model",
                                                                                        ["out"])
    project.write("my.py", "open('ran', 'w')  # again\n")
    assert project.ran() == {"convert:mine"}
    assert not os.path.exists(project.file("ran"))
    os.remove(project.file("my.py"))
    assert project.fault().startswith("convert:mine: models.toml [mine] trust: my.py: no such file: ")
