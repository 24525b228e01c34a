"""scripts/verify.py: agreement is Keras's own values in TensorFlow.js (by_keras.py), and every difference is seen."""
import contextlib
import io
import json
import subprocess
import sys

import numpy
import pytest

from scripts import Fault, preprocess, verify
from scripts.base import child, command
from scripts.training import dataset, lenet
from scripts.verification import by_keras
from scripts.viewer import predict
from tests import needs, shared_node, shared_tensorflow

NAMES = ["shared@1", "inner/inner_dense", "sum", "shared@0", "inner", "chain"]


def randomize(model):
    random = numpy.random.RandomState(6)
    model.set_weights([random.uniform(0.05, 0.5, weight.shape) for weight in model.get_weights()])
    return model


def alone(*arguments):
    """Run the command in a process of its own, which starts one of Keras's."""
    return subprocess.run([sys.executable, "-m", "scripts.verify"] + [str(a) for a in arguments],
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, universal_newlines=True)


def run(*arguments):
    """Run the command in this process, which asks the Keras and the Node that the tests share; return what it did."""
    with contextlib.redirect_stdout(io.StringIO()) as out, contextlib.redirect_stderr(io.StringIO()) as err, \
            pytest.raises(SystemExit) as end, pytest.MonkeyPatch.context() as patch:
        for name in ("heed_signals", "finished"):
            patch.setattr(command, name, lambda: None)
        command.run(verify.main, [str(a) for a in arguments])
    return subprocess.CompletedProcess(arguments, end.value.code, out.getvalue(), err.getvalue())


@pytest.fixture(scope="module", autouse=True)
def one_process_for_many_models():
    """Run TensorFlow.js and Keras in the shared processes, but where a process of its own is asked for."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(predict, "run_node", shared_node.run_node)
        patch.setattr(child, "run", shared_tensorflow.run)
        yield


@pytest.fixture(scope="module")
def keras():
    needs.tensorflow()
    needs.node()
    return __import__("keras")


@pytest.fixture(scope="module")
def converted(keras, tmp_path_factory):
    """LeNet's source and model.json in one directory."""
    directory = tmp_path_factory.mktemp("lenet")
    randomize(lenet.build(keras)).save(str(directory / "model.h5"))
    (directory / "tfjs").mkdir()
    preprocess.preprocess(str(directory / "model.h5"), str(directory / "tfjs"))
    return directory


@pytest.fixture
def broken(converted):
    """Change one byte of LeNet's shard; put back afterwards."""
    shard = converted / "tfjs" / "group1-shard1of1.bin"
    content = shard.read_bytes()

    def change(place, value):
        shard.write_bytes(content[:place] + bytes([content[place] ^ value]) + content[place + 1:])

    yield change
    shard.write_bytes(content)


def test_a_converted_lenet_agrees_in_every_output_on_the_data_set_s_images(converted, tmp_path):
    arrays = dataset.digits()
    dataset.save(str(tmp_path / "data.npz"), arrays, "digits")
    done = alone(converted / "model.h5", converted / "tfjs" / "model.json", "--data", tmp_path / "data.npz",
                 "--json", tmp_path / "report.json", "--reference", tmp_path / "reference.npz")
    assert done.returncode == 0 and done.stderr == ""
    again = run(converted / "model.h5", converted / "tfjs", "--json", tmp_path / "report.json")
    assert (again.returncode, again.stdout) == (1, "") and "report.json is there already" in again.stderr
    assert done.stdout.splitlines()[-1].endswith("on 4 samples: every output agrees")
    report = json.loads((tmp_path / "report.json").read_text())
    assert [row["name"] for row in report["outputs"]] == [
        "reshape", "Conv2D_1", "MaxPooling2D_1", "Conv2D_2", "MaxPooling2D_2", "flatten", "Dense_1", "Dense_2",
        "Softmax"]
    assert report["agree"] and all(row["relative"] < 1e-5 and row["argmax"] for row in report["outputs"])
    with numpy.load(str(tmp_path / "reference.npz")) as stored:
        assert numpy.array_equal(stored["input_0"], (arrays["x_test"][:4] / 255.0).astype(numpy.float32))
        assert stored["output_8"].shape == (4, 10) and stored["output_8"].dtype == numpy.float32
        # The Keras that the other tests share says the same, to the bit.
        _, shared = verify.verify(str(converted / "model.h5"), str(converted / "tfjs" / "model.json"),
                                  data=str(tmp_path / "data.npz"))
        assert {name: values.tobytes() for name, values in shared.items()} == {
            name: stored[name].tobytes() for name in stored.files}


def test_a_changed_weight_is_found_and_the_exit_status_says_so(converted, broken):
    broken(170000, 0x40)  # a high byte in Dense_2's or a later layer's weights
    broken(3, 0x40)       # the exponent of the first value of the shard
    done = run(converted / "model.h5", converted / "tfjs" / "model.json")
    assert done.returncode == 1 and "DIFFERS" in done.stdout and "outputs differ" in done.stdout


def test_a_directory_is_its_model_json_and_mistakes_are_one_line(converted, tmp_path):
    assert run(converted / "model.h5", converted / "tfjs").returncode == 0
    for arguments, words in (([tmp_path], "no model.json"), ([converted / "tfjs", "--layers", "[conv"], "--layers"),
                             ([converted / "tfjs", "--layers", '["conv", 5]'], "--layers")):
        done = run(converted / "model.h5", *arguments)
        assert (done.returncode, done.stdout, done.stderr.count("\n")) == (1, "", 1) and words in done.stderr


def test_outputs_in_another_order_than_asked_for_do_not_agree(converted, tmp_path):
    preprocess.preprocess(str(converted / "model.h5"), str(tmp_path), layers=["Dense_1", "Dense_2", "Conv2D_1"])
    source, made = str(converted / "model.h5"), str(tmp_path / "model.json")
    assert verify.verify(source, made, ["Dense_1", "Dense_2", "Conv2D_1"])[0]["agree"]
    report, _ = verify.verify(source, made, ["Dense_2", "Dense_1", "Conv2D_1"])
    assert not report["agree"] and [row["agree"] for row in report["outputs"]] == [False, False, True]
    with pytest.raises(Fault, match="has 3 outputs, 9 were asked for"):
        verify.verify(str(converted / "model.h5"), str(tmp_path / "model.json"))


def test_calls_of_a_shared_layer_and_layers_inside_nested_models_are_compared(keras, tmp_path):
    layers = keras.layers
    inside = keras.Input((7,), name="inside")
    inner = keras.Model(inside, layers.BatchNormalization(name="norm")(layers.Dense(3, name="inner_dense")(inside)),
                        name="inner")
    chain = keras.models.Sequential([keras.Input((3,)), layers.Dense(4, name="deep")], name="chain")
    left, right = keras.Input((7,), name="left"), keras.Input((7,), name="right")
    shared = layers.Dense(7, name="shared")
    first = shared(left)
    model = randomize(keras.Model([left, right], [layers.Add(name="sum")([first, shared(right)]), chain(inner(first))]))
    model.save(str(tmp_path / "model.h5"))
    (tmp_path / "tfjs").mkdir()
    preprocess.preprocess(str(tmp_path / "model.h5"), str(tmp_path / "tfjs"), layers=NAMES)
    report, values = verify.verify(str(tmp_path / "model.h5"), str(tmp_path / "tfjs" / "model.json"), NAMES)
    assert [row["name"] for row in report["outputs"]] == NAMES and report["agree"]
    # Computed by hand from the weights: the oracle picks the call and the layer that the name stands for.
    kernel, bias = shared.get_weights()
    assert numpy.abs(values["input_1"].dot(kernel) + bias - values["output_0"]).max() < 1e-5
    kernel, bias = inner.get_layer("inner_dense").get_weights()
    assert numpy.abs(values["output_3"].dot(kernel) + bias - values["output_1"]).max() < 1e-5


def test_each_call_of_a_layer_inside_a_model_that_is_called_twice_is_compared(keras, tmp_path):
    layers = keras.layers
    cell = layers.Dense(5, name="cell")
    given = keras.Input((5,), name="given")
    inner = keras.Model(given, cell(cell(given)), name="inner")
    outside = keras.Input((5,), name="outside")
    around = keras.Model(outside, inner(inner(outside)), name="around")
    left, right = keras.Input((5,), name="left"), keras.Input((5,), name="right")
    model = randomize(keras.Model([left, right], layers.Add(name="sum")([around(left), around(right)])))
    model.save(str(tmp_path / "model.h5"))
    names = [f"around/inner/cell@{call}" for call in range(8)]
    (tmp_path / "tfjs").mkdir()
    preprocess.preprocess(str(tmp_path / "model.h5"), str(tmp_path / "tfjs"), layers=names)
    report, values = verify.verify(str(tmp_path / "model.h5"), str(tmp_path / "tfjs" / "model.json"), names)
    assert report["agree"]
    kernel, bias = cell.get_weights()
    for start, first in ((0, values["input_0"]), (4, values["input_1"])):
        for call in range(start, start + 4):
            first = first.dot(kernel) + bias
            assert numpy.abs(first - values[f"output_{call}"]).max() <= 1e-5 * numpy.abs(first).max()


def test_words_are_fed_as_whole_numbers(keras, tmp_path):
    words = keras.Input((None,), name="words")
    model = keras.Model(words, keras.layers.GlobalAveragePooling1D(name="mean")(
        keras.layers.Embedding(11, 4, name="table")(words)))
    randomize(model).save(str(tmp_path / "model.h5"))
    (tmp_path / "tfjs").mkdir()
    preprocess.preprocess(str(tmp_path / "model.h5"), str(tmp_path / "tfjs"))
    report, values = verify.verify(str(tmp_path / "model.h5"), str(tmp_path / "tfjs" / "model.json"))
    assert report["agree"] and set(values["input_0"].ravel()) == set(range(11))


@pytest.mark.parametrize("found, agree", [
    ([[1.0, 100.0]], True), ([[1.0, 100.009]], True), ([[1.0, 100.02]], False), ([[1.0, numpy.nan]], False),
    ([[1.0, numpy.inf]], False), ([[1.0]], False), ([1.0, 100.0], False)])
def test_the_bound_is_a_share_of_the_largest_value_and_nothing_odd_passes(found, agree):
    row = verify.compare("x", numpy.array([[1.0, 100.0]]), numpy.array(found))
    assert row["agree"] is agree
    assert verify.compare("x", numpy.array([[numpy.nan]]), numpy.array([[numpy.nan]]))["agree"] is False
    assert verify.compare("x", numpy.array([[0.5]]), numpy.array([[0.50009]]))["agree"] is True
    assert verify.compare("x", numpy.array([[0.5]]), numpy.array([[0.50011]]))["agree"] is False


def test_where_no_keras_loads_the_source_there_is_no_oracle(converted, tmp_path, monkeypatch):
    model, made = str(converted / "model.h5"), str(converted / "tfjs" / "model.json")
    monkeypatch.setattr(verify, "stacks", lambda major: iter(()))
    with pytest.raises(Fault, match="no oracle, no Keras here loads it"):
        verify.verify(model, made)
    absent = sys.executable, "tf_keras", "a Keras that is not there"
    monkeypatch.setattr(child, "run", shared_tensorflow.ALONE)
    monkeypatch.setattr(verify, "stacks", lambda major: iter([absent]))
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    (tmp_path / "tf_keras.py").write_text("raise ImportError('missing')")
    (tmp_path / "keras.py").write_text("raise ImportError('missing')")
    with pytest.raises(Fault, match="no oracle.*a Keras that is not there: Keras 2 is not installed") as fault:
        verify.verify(model, made)
    assert "\n" not in str(fault.value)


def test_code_in_the_source_is_not_run_to_verify_it(keras, converted, tmp_path):
    model = keras.models.Sequential([keras.Input((3,)), keras.layers.Lambda(lambda x: x * 2, name="doubled")])
    model.save(str(tmp_path / "model.h5"))
    done = alone(tmp_path / "model.h5", converted / "tfjs" / "model.json")
    assert done.returncode == 1 and "no oracle" in done.stderr and len(done.stderr.splitlines()) == 1


@pytest.mark.modern  # the browser's part is the same to both stacks
def test_in_chromium_it_is_compared_on_webgl_and_on_cpu(converted, tmp_path):
    needs.chromium()
    done = run(converted / "model.h5", converted / "tfjs" / "model.json", "--browser", "--json",
               tmp_path / "report.json")
    assert done.returncode == 0, done.stderr
    report = json.loads((tmp_path / "report.json").read_text())
    assert report["agree"] and len(report["outputs"]) == 18
    assert {row["engine"] for row in report["outputs"]} == {"Chromium webgl", "Chromium cpu"}


@pytest.mark.parametrize("kind", ["Embedding", "nested", "Masking"])
def test_a_mask_that_is_lost_is_seen(kind, keras, tmp_path):
    """Samples end early where a mask hides what is behind the end."""
    layers = keras.layers  # Keras 3 cannot load its own h5 of a model with masks
    source = tmp_path / ("model.keras" if keras.__version__.startswith("3") else "model.h5")
    start = keras.Input((6, 3) if kind == "Masking" else (6,))
    looked = layers.Masking(name="hides") if kind == "Masking" else layers.Embedding(9, 3, mask_zero=True, name="hides")
    if kind == "nested":
        inside = keras.Input((6,))
        last = keras.Model(inside, layers.LSTM(4)(looked(inside)), name="inner")(start)
    else:
        last = layers.LSTM(4)(looked(start))
    randomize(keras.Model(start, last)).save(str(source))
    (tmp_path / "tfjs").mkdir()
    preprocess.preprocess(str(source), str(tmp_path / "tfjs"))
    done = run(source, tmp_path / "tfjs")
    assert done.stdout.endswith("every output agrees\n"), done.stdout + done.stderr
    document = tmp_path / "tfjs" / "model.json"
    text = document.read_text()
    changed = text.replace('"mask_zero": true', '"mask_zero": false').replace('"mask_value": 0.0', '"mask_value": 7.5')
    assert changed != text
    document.write_text(changed)
    done = run(source, tmp_path / "tfjs")
    assert done.returncode == 1 and "DIFFERS" in done.stdout


def test_a_source_of_tensorflow_js_is_run_by_tensorflow_js(keras, tmp_path):
    """Its inner layers too, those of a shared nested model in each of its calls; no Keras reads model.json."""
    layers = keras.layers
    inside = keras.Input((7,), name="inside")
    inner = keras.Model(inside, layers.ReLU(name="out")(layers.Dense(7, name="deep", activation="tanh")(inside)),
                        name="inner")
    left, right = keras.Input((7,), name="left"), keras.Input((7,), name="right")
    first, second = inner(left), inner(right)
    model = randomize(keras.Model([left, right], layers.Dense(3, name="end")(layers.Add(name="sum")([first, second]))))
    model.save(str(tmp_path / "model.h5"))
    for name in ("source", "made"):
        (tmp_path / name).mkdir()
    preprocess.preprocess(str(tmp_path / "model.h5"), str(tmp_path / "source"), layers=["end"])
    source = tmp_path / "source" / "model.json"
    source.write_text(source.read_text().replace('"group1-', '"./group1-'))  # as tfjs's own save spells it
    names = ["inner@1", "inner/deep@0", "inner/deep@1", "sum", "end"]
    preprocess.preprocess(str(source), str(tmp_path / "made"), layers=names)
    report, values = verify.verify(str(source), str(tmp_path / "made" / "model.json"), names)
    assert report["agree"] and report["oracle"] == "TensorFlow.js on the source"
    kernel, bias = inner.get_layer("deep").get_weights()
    for place, fed in ((1, "input_0"), (2, "input_1")):  # each call of the nested model has its own input
        assert numpy.abs(numpy.tanh(values[fed].dot(kernel) + bias) - values[f"output_{place}"]).max() < 1e-5
    shard = tmp_path / "made" / "group1-shard1of1.bin"
    shard.write_bytes(b"\x7f\x7f\x7f\x41" + shard.read_bytes()[4:])
    assert not verify.verify(str(tmp_path / "source"), str(tmp_path / "made" / "model.json"), names)[0]["agree"]


@pytest.mark.parametrize("policy, precision", [("mixed_float16", "float16"), ("mixed_bfloat16", "bfloat16")])
def test_rounding_to_half_precision_is_no_difference(keras, policy, precision, tmp_path):
    layers = keras.layers
    start = keras.Input((6, 5, 2), name="start")
    there = layers.Dense(8, name="first", activation="relu", dtype=policy)(start)
    there = layers.Dense(4, name="second", dtype=policy)(layers.Flatten(name="flat", dtype=policy)(there))
    model = keras.Model(start, layers.Activation("softmax", dtype="float32", name="end")(there))
    randomize(model).save(str(tmp_path / "model.h5"))
    (tmp_path / "tfjs").mkdir()
    preprocess.preprocess(str(tmp_path / "model.h5"), str(tmp_path / "tfjs"))
    report, _ = verify.verify(str(tmp_path / "model.h5"), str(tmp_path / "tfjs" / "model.json"))
    assert report["agree"] and report["precision"] == precision
    assert max(row["relative"] for row in report["outputs"]) > verify.BOUND  # what float32 would not be allowed
    assert any(precision in line for line in verify.table(report))


def test_what_tensorflow_cannot_compute_here_is_one_line(keras, converted, monkeypatch):
    """TensorFlow 2.6 ends so at some convolutions of half precision."""
    errors = __import__("tensorflow").errors

    def ends(*arguments, **settings):
        raise errors.InternalError(None, None, "Missing 0-th output from node conv")

    monkeypatch.setattr(keras.models.Model, "predict", ends)
    with pytest.raises(Fault, match="Missing 0-th output"):
        by_keras.predict("keras", str(converted / "model.h5"), ["Softmax"], [numpy.zeros((1, 28, 28), "float32")])
