"""What a program calls: live models of every Keras here and paths become what the command makes of their files."""
import importlib
import inspect
import json
import logging
import os
import random
import signal
import subprocess
import sys
import threading
import warnings
import webbrowser

import numpy
import pytest

import scripts
from scripts import Fault, convert, preprocess, show, showing, summary
from scripts.viewer import inline, predict
from tests import needs
from tests.unit import handmade

FLAVOURS = ["keras", "tf_keras"] if needs.STACK == "modern" else ["keras", "tensorflow.keras"]


def keras_of(flavour):
    needs.tensorflow()
    if flavour == "tf_keras":
        needs.reference()
    return importlib.import_module("tensorflow").keras if flavour == "tensorflow.keras" \
        else importlib.import_module(flavour)


@pytest.fixture(params=FLAVOURS)
def keras(request):
    """A Keras of this stack."""
    return keras_of(request.param)


def lenet(keras, **settings):
    """A small model of layers, with an input of 9 x 8."""
    layers = keras.layers
    return keras.Sequential([keras.Input((9, 8, 1), name="image"), layers.Conv2D(2, 3, name="conv"),
                             layers.MaxPooling2D(name="pool"), layers.Flatten(name="flat"),
                             layers.Dense(3, activation="softmax", name="fc")], name="lenet", **settings)


def own(keras):
    """A model with a layer of its own, which holds another."""
    class Scaled(keras.layers.Layer):
        def __init__(self, **settings):
            super().__init__(**settings)
            self.dense = keras.layers.Dense(3)

        def call(self, values):
            return self.dense(values) * 2.0

    given = keras.Input((4,), name="given")
    return keras.Model(given, keras.layers.Dense(2, name="end")(Scaled(name="scaled")(given)), name="own")


def subclassed(keras):
    class Net(keras.Model):
        def __init__(self):
            super().__init__(name="net")
            self.first = keras.layers.Dense(3, name="first")
            self.second = keras.layers.Dense(2, name="second")

        def call(self, values):
            return self.second(self.first(values))

    return Net()


def files_in(directory):
    return {name: open(os.path.join(str(directory), name), "rb").read() for name in sorted(os.listdir(str(directory)))}


def fault(call, *given, **settings):
    """Return the one line of the Fault that a call raises."""
    with pytest.raises(Fault) as raised:
        call(*given, **settings)
    assert "\n" not in str(raised.value)
    return str(raised.value)


def agrees(done, wanted, inputs):
    """Assert that TensorFlow.js computes an output as Keras does."""
    found = dict(predict.predict(done.model_json, [inputs], sync=True))[done.outputs[-1]]
    numpy.testing.assert_allclose(found, wanted, atol=1e-5 * max(1, numpy.abs(wanted).max()), rtol=0)


# Live models -------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("compiled", [False, True])
def test_a_live_model_gives_the_bytes_that_its_file_gives(keras, compiled, tmp_path):
    model = lenet(keras)
    if compiled:
        model.compile("adam", loss=lambda wanted, found: 0.0)  # which no file can hold
    done = convert(model, tmp_path / "new" / "live")
    assert (done.inputs, done.format, done.why) == (["image"], "layers", "")
    assert done.outputs == ["conv", "pool", "flat", "fc"]
    assert done.model_json == str(tmp_path / "new" / "live" / "model.json")
    assert [done.files[0]] + sorted(done.files[1:]) == ["model.json", "group1-shard1of1.bin"]
    lenet_of_it = keras.Model(model.inputs, model.outputs, name="lenet")
    lenet_of_it.save(str(tmp_path / "model.h5"))
    preprocess.main([str(tmp_path / "model.h5"), str(tmp_path / "file"), "--quiet"])
    live, file = files_in(tmp_path / "new" / "live"), files_in(tmp_path / "file")
    assert live["group1-shard1of1.bin"] == file["group1-shard1of1.bin"] and set(live) == set(file)
    assert json.loads(live["model.json"].decode())["weightsManifest"] == \
        json.loads(file["model.json"].decode())["weightsManifest"]
    inputs = numpy.random.RandomState(0).uniform(size=(2, 9, 8, 1)).astype("float32")
    agrees(done, model.predict(inputs, verbose=0), inputs)
    assert not compiled or model.optimizer is not None, "the caller's model stays compiled"


def test_a_model_class_with_a_training_of_its_own_is_a_model_of_layers(keras, tmp_path):
    class Trained(keras.Model):
        def train_step(self, data):
            return {}

    given = keras.Input((4,), name="given")
    done = convert(Trained(given, keras.layers.Dense(2, name="end")(given), name="own"), tmp_path / "out")
    assert (done.format, done.outputs) == ("layers", ["end"])


def test_a_layer_of_the_callers_own_is_traced(keras, tmp_path):
    model = own(keras)
    done = convert(model, tmp_path / "out", layers=["scaled/dense", "end"])
    assert (done.format, done.inputs, done.outputs) == ("graph", ["given"], ["scaled/dense", "end"])
    assert "Python of its own" in done.why
    inputs = numpy.random.RandomState(0).uniform(size=(2, 4)).astype("float32")
    agrees(done, model.predict(inputs, verbose=0), inputs)
    assert [(row.layer, row.class_name, row.output) for row in summary(model)] == [
        ("given", "InputLayer", [None, 4]), ("scaled", "Scaled", [None, 3]), ("end", "Dense", [None, 2])]
    assert "format=\"layers\"" in fault(convert, model, tmp_path / "no", format="layers")


def test_an_activation_of_the_callers_own_is_traced(keras, tmp_path):
    def squared(values):
        return values * values

    given = keras.Input((4,), name="given")
    model = keras.Model(given, keras.layers.Dense(2, activation=squared, name="end")(given))
    done = convert(model, tmp_path / "out")
    inputs = numpy.random.RandomState(0).uniform(size=(2, 4)).astype("float32")
    assert done.format == "graph"
    agrees(done, model.predict(inputs, verbose=0), inputs)


def test_a_subclassed_model_is_traced_once_it_is_built(keras, tmp_path):
    model, inputs = subclassed(keras), numpy.random.RandomState(0).uniform(size=(2, 4)).astype("float32")
    line = fault(convert, model, tmp_path / "out")
    assert line == ("the model 'net' is not built, its layers have no weights yet: call it once on data, as in "
                    "model(x[:1]), or model.build((None, 28, 28, 1)) with the sizes of your input")
    assert fault(summary, model) == fault(show, model) == line and not (tmp_path / "out").exists()
    model(inputs[:1])
    done = convert(model, tmp_path / "out")
    assert done.outputs == ["first", "second"]
    agrees(done, model.predict(inputs, verbose=0), inputs)


@pytest.mark.parametrize("build", [lambda model: model.build((None, 4)),
                                   lambda model: model(numpy.zeros((1, 4), "float32"))])
def test_a_sequential_model_without_an_input_converts_once_it_is_built(keras, build, tmp_path):
    model = keras.Sequential([keras.layers.Dense(2, name="end")], name="late")
    assert "model.build(" in fault(convert, model, tmp_path / "out")
    build(model)
    assert convert(model, tmp_path / "out").outputs == ["end"]


def test_what_is_no_model_is_one_line(keras, tmp_path):
    assert "neither a path nor a Keras model" in fault(convert, 3, tmp_path / "out")
    assert "neither a path nor a Keras model" in fault(show, None)
    assert "one layer of Keras" in fault(summary, keras.layers.Dense(2))
    model = lenet(keras)
    assert fault(convert, model, tmp_path / "out", layers=["pol"]).startswith("the model 'lenet': no layer is called")
    for wrong, said in [({"layers": model.layers}, "names of layers"), ({"quantize": "int4"}, "int4"),
                        ({"quantize": 8}, "quantize: 8"), ({"quantize": {"uint8": 3}}, "patterns"),
                        ({"format": "onnx"}, "onnx"), ({"input_shape": 3}, "sizes"), ({"signature": "f"}, "path"),
                        ({"input_shape": (9, 9, 1)}, "contradicts"), ({"weights": "w.h5"}, "path")]:
        assert said in fault(convert, model, tmp_path / "out", **wrong)
    assert not (tmp_path / "out").exists()


# Paths, and what both share ----------------------------------------------------------------------------------

def test_a_path_gives_what_the_command_gives_and_says_its_line(tmp_path):
    path = handmade.h5(tmp_path / "model.h5")
    done = convert(path, tmp_path / "api", layers=["conv", "softmax"], quantize={"uint8": "*/kernel"})
    preprocess.main([path, str(tmp_path / "command"), "--layers", "conv,softmax", "--quantize", "uint8=*/kernel", "-q"])
    assert files_in(tmp_path / "api") == files_in(tmp_path / "command")
    assert done.outputs == ["conv", "softmax"] and set(done.files) == set(files_in(tmp_path / "api"))
    (tmp_path / "bad.h5").write_bytes(b"no model")
    for source in (str(tmp_path / "bad.h5"), str(tmp_path / "none.h5")):
        with pytest.raises(Fault) as raised:
            preprocess.preprocess(source, str(tmp_path / "nowhere"))
        assert fault(convert, source, tmp_path / "x") == str(raised.value)


def test_an_earlier_result_is_replaced_and_a_foreign_file_is_not(tmp_path):
    path, out = handmade.h5(tmp_path / "model.h5"), tmp_path / "out"
    convert(path, out, shard_size=64)
    assert len(files_in(out)) > 2
    convert(path, out)
    assert set(files_in(out)) == {"model.json", "group1-shard1of1.bin"}
    (out / "model.json").write_text("mine")
    assert "is there already" in fault(convert, path, out)
    assert (out / "model.json").read_text() == "mine"


def test_threads_and_repeated_calls_work(tmp_path):
    path, models = handmade.h5(tmp_path / "model.h5"), [lenet(keras_of(FLAVOURS[0])) for _ in range(4)]
    traced = [own(keras_of(FLAVOURS[0])) for _ in range(4)]
    wanted, ended = files_in(os.path.dirname(convert(path, tmp_path / "one").model_json)), []
    summary(traced[0])
    before = state(keras_of(FLAVOURS[0]))

    def work(number):
        try:
            convert(path, tmp_path / f"path-{number}")
            summary(path)
            summary(traced[number])
            ended.append(convert(models[number], tmp_path / f"live-{number}").outputs)
        except BaseException as error:
            ended.append(error)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert ended == [["conv", "pool", "flat", "fc"]] * 4
    assert state(keras_of(FLAVOURS[0])) == before
    assert all(files_in(tmp_path / f"path-{number}") == wanted for number in range(4))


def state(keras):
    """Return what a call could leave changed in the process."""
    loggers = [logging.getLogger(name) for name in (None, "absl", "tensorflow", "h5py")]
    keras_settings = [keras.backend.floatx(), keras.backend.epsilon(), keras.backend.image_data_format()]
    return [dict(os.environ), os.getcwd(), [(one.level, list(one.handlers)) for one in loggers], random.getstate(),
            repr(numpy.random.get_state()), numpy.geterr(), list(warnings.filters), sys.excepthook, keras_settings,
            list(sys.path), sys.getrecursionlimit(), [signal.getsignal(one) for one in (signal.SIGINT, signal.SIGTERM)],
            os.umask(os.umask(0o022) or 0o022)]


def test_no_global_is_changed(keras, tmp_path):
    models = [lenet(keras), own(keras)]
    convert(models[0], tmp_path / "first")  # what is imported at first sets loggers up
    convert(models[1], tmp_path / "traced")
    before = state(keras)
    for place, model in enumerate(models):
        convert(model, tmp_path / str(place))
        summary(model)
    with pytest.raises(Fault):
        convert(models[0], tmp_path / "no", layers=["none"])
    assert state(keras) == before


def test_neither_tensorflow_nor_keras_is_imported_for_a_path(tmp_path):
    path = handmade.h5(tmp_path / "model.h5")
    code = ("import sys; from scripts import convert, summary; convert.build, summary.rows; "
            f"convert({path!r}, {str(tmp_path / 'out')!r}); print(len(summary({path!r}))); "
            "print([name for name in ('tensorflow', 'keras', 'tf_keras', 'IPython') if name in sys.modules])")
    said = subprocess.run([sys.executable, "-c", code], cwd=needs.ROOT, stdout=subprocess.PIPE, check=True)
    assert said.stdout.decode().splitlines()[1:] == ["[]"]


def test_the_names_are_there_and_tell_what_they_take():
    assert list(inspect.signature(convert).parameters)[:4] == ["model", "directory", "layers", "input_shape"]
    assert list(inspect.signature(summary).parameters)[:2] == ["model", "input_shape"]
    assert list(inspect.signature(show).parameters)[:3] == ["model", "samples", "labels"]
    assert callable(importlib.import_module("scripts.convert").build), "the command's module is what is called"
    with pytest.raises(AttributeError):
        scripts.nothing  # noqa: B018


def test_the_example_in_readme_runs(monkeypatch, capsys, tmp_path):
    import re
    keras, texts = keras_of(FLAVOURS[0]), []
    for name in ("README.md", "README_zh.md"):
        with open(os.path.join(needs.ROOT, name), encoding="utf-8") as stream:
            texts.append(re.search(r"```python\n(.*?)```", stream.read(), re.DOTALL).group(1))
    assert texts[0] == texts[1]
    monkeypatch.chdir(str(tmp_path))
    monkeypatch.setattr(inline.serve, "can_open", lambda: False)
    monkeypatch.setattr(inline.tempfile, "tempdir", str(tmp_path))
    model = lenet(keras)
    model.compile("adam", "sparse_categorical_crossentropy")
    x = numpy.random.RandomState(0).uniform(size=(8, 9, 8, 1)).astype("float32")
    exec(texts[0].replace("tensorspace_keras", "scripts"), {"model": model, "x": x, "x_test": x, "names": list("abc"),
                                                            "y": numpy.arange(8) % 3})
    assert "model.html" in capsys.readouterr().out and (tmp_path / "epochs" / "index.html").exists()
    assert (tmp_path / "out" / "model.json").exists() and (tmp_path / "epochs" / "epochs" / "0010.bin").exists()


def test_each_docstring_of_api_has_an_example_that_runs(monkeypatch, tmp_path):
    import doctest

    from scripts import api
    handmade.h5(tmp_path / "lenet.h5")
    monkeypatch.chdir(str(tmp_path))
    public = [value for name, value in vars(api).items()
              if getattr(value, "__module__", "") == api.__name__ and not name.startswith("_")]
    found = {test.name: test for test in doctest.DocTestFinder().find(api)}
    assert len(public) > 10
    assert [value.__name__ for value in public if not found[f"{api.__name__}.{value.__name__}"].examples] == []
    model = own(keras_of(FLAVOURS[0]))
    assert doctest.testmod(api, extraglobs={"model": model}).failed == 0


# The table ---------------------------------------------------------------------------------------------------

def test_a_summary_is_rows_text_and_a_table(tmp_path):
    found = summary(handmade.h5(tmp_path / "model.h5"))
    assert [row.layer for row in found if row.class_name == "Conv2D"] == ["conv"]
    assert found[1].parameters > 0 and found[1].shown == "yes"
    assert found.parameters == found.trained == sum(row.parameters for row in found)
    assert str(found).splitlines()[0].split() == ["Layer", "Class", "Output", "Parameters", "Inputs", "Shown"]
    html = found._repr_html_()
    assert html.count("<tr>") == len(found) + 1 and "<td style='text-align:left'>conv</td>" in html


def test_names_in_a_table_are_text(tmp_path):
    found = summary(handmade.h5(tmp_path / "model.h5"))
    found[0] = found[0]._replace(layer="<script>alert(1)</script>")
    assert "<script>" not in found._repr_html_() and "&lt;script&gt;" in found._repr_html_()


# The page ----------------------------------------------------------------------------------------------------

class Shell:
    """In the place of IPython's."""

    kernel = object()


@pytest.fixture
def notebook(monkeypatch):
    """A program that runs in a notebook; what it displays."""
    shown = []

    class Core:
        get_ipython = staticmethod(Shell)

    class IPython:
        class display:
            display = staticmethod(lambda data, raw: shown.append(data))

    monkeypatch.setitem(sys.modules, "IPython.core.getipython", Core)
    monkeypatch.setitem(sys.modules, "IPython", IPython)
    return shown


def page_in(html):
    """Return page.json of a page in one file."""
    import base64
    import re
    text = re.search(r'id="file:page.json">([^<]*)<', html).group(1)
    return json.loads(base64.b64decode(text).decode())


def test_a_page_has_samples_labels_and_how_far_the_browser_is_from_keras(keras, tmp_path):
    samples = numpy.random.RandomState(0).uniform(size=(8, 9, 8, 1)).astype("float32")
    show(lenet(keras), samples=samples, labels=["cat", "dog", "cow"], y=[0, 1, 2, 0, 1, 2, 0, 1],
         path=tmp_path / "page.html")
    page = page_in((tmp_path / "page.html").read_text(encoding="utf-8"))
    assert page["title"] == "lenet" and page["labels"] == ["cat", "dog", "cow"]
    assert page["samples"]["count"] == 8 and page["samples"]["labels"] == [0, 1, 2, 0, 1, 2, 0, 1]
    assert page["reference"]["samples"] == 4
    show(lenet(keras), compare=False, path=tmp_path / "page.html")  # an earlier page is replaced
    assert "reference" not in page_in((tmp_path / "page.html").read_text(encoding="utf-8"))


def test_the_page_of_a_subclassed_model_says_how_far_the_browser_is_from_keras(keras, capsys, tmp_path):
    class Pair(keras.Model):
        def __init__(self):
            super().__init__(name="pair")
            self.left, self.right = keras.layers.Dense(3, name="left"), keras.layers.Dense(3, name="right")
            self.noise, self.noisy = keras.layers.GaussianNoise(1.0, name="noise"), False

        def call(self, given):
            found = self.left(given["a"]) - self.right(given["b"])
            return found + self.noise(found * 0.0, training=True) if self.noisy else found

    model = Pair()
    model({"a": numpy.ones((1, 4), "float32"), "b": numpy.ones((1, 2), "float32")})
    show(model, path=tmp_path / "page.html")
    reference = page_in((tmp_path / "page.html").read_text(encoding="utf-8"))["reference"]
    assert (reference["samples"], len(reference["outputs"])) == (4, 3) and capsys.readouterr().out == ""
    done = convert(model, tmp_path / "out")
    values = showing.of_live(model, done, None, None)
    found = predict.predict(done.model_json, [values["input_0"], values["input_1"]], sync=True, outputs=done.outputs)
    assert done.inputs == ["a", "b"] and done.outputs == ["left", "right", "output_0"]
    for place, output in enumerate(found):
        numpy.testing.assert_allclose(output.values, values[f"output_{place}"], atol=1e-6)
    model.noisy = True
    assert showing.of_live(model, done, None, None) is None
    assert capsys.readouterr().out == "not compared with Keras: it draws random numbers, others each time\n"
    inner = convert(own(keras), tmp_path / "inner", layers=["scaled/dense", "end"])
    assert set(showing.of_live(own(keras), inner, None, None)) == {"input_0", "output_0", "output_1"}


def test_in_a_notebook_the_page_is_an_iframe_that_reaches_nothing(notebook, tmp_path):
    show(handmade.h5(tmp_path / "model.h5"), compare=False, height=300)
    (shown,) = notebook
    assert shown["text/html"].startswith('<iframe srcdoc="&lt;!DOCTYPE html&gt;')
    assert "height: 300px" in shown["text/html"] and "allow-same-origin" not in shown["text/html"]
    assert '"' not in shown["text/html"].split('srcdoc="')[1].split('" sandbox')[0]


def test_outside_a_notebook_the_browser_opens_a_file(monkeypatch, capsys, tmp_path):
    opened = []
    monkeypatch.setattr(inline.serve, "can_open", lambda: True)
    monkeypatch.setattr(webbrowser, "open", opened.append)
    monkeypatch.setattr(inline.tempfile, "tempdir", str(tmp_path))
    show(handmade.h5(tmp_path / "model.h5"), compare=False)
    path = capsys.readouterr().out.strip()
    assert opened == ["file://" + path] and page_in(open(path, encoding="utf-8").read())["title"] == "model.h5"
    assert sorted(os.listdir(str(tmp_path))) == ["model.h5", os.path.basename(os.path.dirname(path))]


def test_the_size_of_a_large_page_is_said_before_it_is_made(monkeypatch, capsys, tmp_path):
    monkeypatch.setattr(inline, "LARGE", 1000)
    show(handmade.h5(tmp_path / "model.h5"), compare=False, path=tmp_path / "page.html")
    assert 'quantize="uint8"' in capsys.readouterr().out
    show(str(tmp_path / "model.h5"), quantize="uint8", compare=False, path=tmp_path / "page.html")
    assert "quantize" not in capsys.readouterr().out
    monkeypatch.undo()
    assert inline.warning(140e6, False).startswith("a page of about 140 MB") and inline.warning(4e6, False) is None


@pytest.mark.parametrize("wrong, said", [
    ({"labels": "abc"}, "one word per class"), ({"labels": [0, 1]}, "y takes the number"),
    ({"pixels": "0-1"}, "pixels"),
    ({"samples": {"a": 1}}, "one array for each of the inputs"), ({"samples": ["x"]}, "numbers"),
    ({"samples": numpy.zeros((2, 3))}, "wanted are numbers"), ({"labels": ["a"]}, "labels are 1 words")])
def test_what_a_page_cannot_show_is_one_line(wrong, said, tmp_path):
    assert said in fault(show, handmade.h5(tmp_path / "model.h5"), compare=False, path=tmp_path / "page.html", **wrong)
    assert not (tmp_path / "page.html").exists()
