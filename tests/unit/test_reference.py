"""scripts/reference.py: the guide's route by Keras and tensorflowjs, on both stacks."""
import json
import os
import subprocess
import sys

import numpy
import pytest

from scripts import Fault
from scripts.base import child, files
from scripts.training import lenet
from scripts.viewer import predict
from tests import needs, shared_tensorflow

SHOWN = ["Conv2D_1", "MaxPooling2D_1", "Conv2D_2", "MaxPooling2D_2", "Dense_1", "Dense_2", "Softmax"]


def keras2():
    """The stack's Keras 2, without the environment that a child process gets."""
    needs.reference()
    return __import__("keras" if needs.STACK == "py36" else "tf_keras")


def shared(*arguments):
    """Run the command in the TensorFlow process that the tests share; return (exit status, what it says where it
    fails)."""
    return shared_tensorflow.TENSORFLOW.ask(os.getcwd(), "reference", [str(argument) for argument in arguments])


def run(*arguments):
    return subprocess.run([sys.executable, "-m", "scripts.reference"] + [str(a) for a in arguments],
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, universal_newlines=True)


def agree(found, wanted):
    """The bound of the whole project: 1e-5 of the largest value."""
    assert found.shape == wanted.shape
    assert numpy.abs(found - wanted).max() <= 1e-5 * max(1, numpy.abs(wanted).max())


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    """A LeNet with random weights, as one h5 and as topology json + weights h5: (Keras model, directory)."""
    keras = keras2()
    directory = tmp_path_factory.mktemp("source")
    model = lenet.build(keras)
    random = numpy.random.RandomState(3)
    model.set_weights([random.normal(0, 0.1, w.shape).astype(numpy.float32) for w in model.get_weights()])
    model.save(str(directory / "model.h5"))
    (directory / "model.json").write_text(model.to_json())
    model.save_weights(str(directory / "weights.h5"))
    return model, directory


@pytest.fixture(scope="module")
def images():
    return numpy.random.RandomState(4).rand(5, 28, 28).astype(numpy.float32)


@pytest.fixture(scope="module")
def enclosed(source):
    """enc_model.h5 with the guide's outputs."""
    target = source[1] / "enc_model.h5"
    done = run("encapsulate", source[1] / "model.h5", target, "--layers", json.dumps(SHOWN))
    assert done.returncode == 0 and done.stderr == "" and done.stdout.endswith("outputs {}\n".format(", ".join(SHOWN)))
    again = run("encapsulate", source[1] / "model.h5", target)
    assert (again.returncode, again.stdout) == (1, "") and "enc_model.h5 is there already" in again.stderr
    return target


def activations(model, images, names):
    return [keras2().models.Model(model.inputs, model.get_layer(name).output).predict(images, verbose=0)
            for name in names]


def test_each_output_is_its_layer_s_activation_and_the_last_the_prediction(source, enclosed, images):
    found = keras2().models.load_model(str(enclosed), compile=False).predict(images, verbose=0)
    for array, wanted in zip(found, activations(source[0], images, SHOWN)):
        agree(array, wanted)
    assert len(found) == len(SHOWN) and numpy.array_equal(found[-1], source[0].predict(images, verbose=0))


def test_by_default_every_layer_but_the_input_is_an_output_and_a_compiled_one_can_be_trained(source, images, tmp_path):
    target = tmp_path / "enc.h5"
    assert shared("encapsulate", source[1] / "model.h5", target, "--compile") == (0, "")
    model = keras2().models.load_model(str(target))
    names = [layer.name for layer in source[0].layers]
    assert names[0] == "reshape" and len(model.outputs) == len(names) == 9
    for array, wanted in zip(model.predict(images, verbose=0), activations(source[0], images, names)):
        agree(array, wanted)
    assert type(model.optimizer).__name__ == "Adam" and model.loss is not None


def test_two_outputs_train_further_as_the_guide_says(source, images, tmp_path):
    target = tmp_path / "enc.h5"
    assert shared("encapsulate", source[1] / "model.h5", target, "--compile", "--layers",
                  '["Dense_1", "Softmax"]') == (0, "")
    model = keras2().models.load_model(str(target))
    before = model.get_weights()[0]
    model.fit(images, [numpy.zeros(5), numpy.ones(5)], epochs=1, verbose=0)
    assert not numpy.array_equal(before, model.get_weights()[0])


def test_topology_json_and_weights_h5_give_the_same_bytes_as_one_h5(source, enclosed, tmp_path):
    target = tmp_path / "enc.h5"
    assert shared("encapsulate", source[1] / "model.json", target, "--weights", source[1] / "weights.h5",
                  "--layers", json.dumps(SHOWN)) == (0, "")
    assert files.sha256(str(target)) == files.sha256(str(enclosed))


def test_what_it_converts_gives_keras_s_activations_in_node(source, enclosed, images, tmp_path):
    needs.node()
    done = run("convert", enclosed, tmp_path, "--json-name", "lenet.json")
    assert done.returncode == 0 and done.stderr == ""
    assert sorted(os.listdir(str(tmp_path))) == ["group1-shard1of1.bin", "lenet.json"]
    found = predict.predict(str(tmp_path / "lenet.json"), [images])
    assert [name.split("/")[0] for name, _ in found] == SHOWN
    for (_, array), wanted in zip(found, activations(source[0], images, SHOWN)):
        agree(array, wanted)


@pytest.mark.modern  # the tensorflowjs of Python 3.6 imports none of it
def test_what_is_kept_out_of_the_official_converter_is_there_for_others():
    needs.reference()
    script = ("import sys\n"
              "from scripts.verification import reference\n"
              "assert reference.tensorflowjs().converters.converter\n"
              "assert not {'jax', 'jax.experimental', 'tensorflow_hub'} & set(sys.modules)\n"
              "import keras\n")
    subprocess.run([sys.executable, "-c", script], check=True, cwd=needs.ROOT)


def test_it_writes_what_the_official_command_writes(enclosed, tmp_path):
    """The command of tensorflowjs itself, in a process of its own; on modern it crashes on what it imports beside."""
    assert shared("convert", enclosed, tmp_path / "ours") == (0, "")
    assert shared("convert", enclosed, tmp_path / "small", "--shard-size", "100000", "--quantize",
                  '{"uint8": ["*/kernel"]}') == (0, "")
    for name, flags in (("ours", []), ("small", ["--weight_shard_size_bytes=100000", "--quantize_uint8=*/kernel"])):
        script = ("import sys, types\n"
                  "for name in ('tensorflow_decision_forests', 'tensorflow_hub'):\n"
                  "    sys.modules[name] = types.ModuleType(name)\n"
                  "jax = sys.modules['jax'] = types.ModuleType('jax')\n"
                  "sys.modules['jax.experimental'] = jax.experimental = types.ModuleType('jax.experimental')\n"
                  "class jax2tf: PolyShape = None\n"
                  "jax.experimental.jax2tf = jax2tf\n"
                  "from tensorflowjs.converters.converter import pip_main\n"
                  "pip_main()\n")
        official = str(tmp_path / (name + "-official"))
        subprocess.run([sys.executable, "-c", script, "--input_format=keras"] + flags + [str(enclosed), official],
                       env=dict(os.environ, TF_USE_LEGACY_KERAS="1"), check=True,
                       stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        names = sorted(os.listdir(official))
        assert names == sorted(os.listdir(str(tmp_path / name))) and "model.json" in names
        for file in names:
            assert (tmp_path / name / file).read_bytes() == open(os.path.join(official, file), "rb").read()


@pytest.mark.parametrize("flag, value", [("--layers", "5"), ("--layers", '"dense"'), ("--layers", "[1]"),
                                         ("--quantize", "5"), ("--quantize", '"bogus"'), ("--json-name", "../x.json")])
def test_a_flag_that_is_no_json_of_its_kind_is_one_line(flag, value, source, enclosed, tmp_path):
    stage, model, place = ("encapsulate", source[1] / "model.h5", "x.h5") if flag == "--layers" else \
        ("convert", enclosed, "out")
    done = run(stage, model, tmp_path / place, flag, value)
    assert (done.returncode, done.stderr.count("\n")) == (1, 1) and "Traceback" not in done.stderr
    assert os.listdir(str(tmp_path)) == []


def test_it_converts_into_an_empty_directory_alone(enclosed, tmp_path):
    (tmp_path / "model.json").write_text("mine")
    done = run("convert", enclosed, tmp_path)
    assert (done.returncode, done.stdout) == (1, "") and "is not empty" in done.stderr
    assert os.listdir(str(tmp_path)) == ["model.json"] and (tmp_path / "model.json").read_text() == "mine"


@pytest.mark.parametrize("layers, words", [
    ('["Conv2D_1", "Konv"]', "'Konv'"), ('["input"]', "'input'"), ('["Dense_1", "Dense_1"]', "twice")])
def test_a_wrong_layer_list_is_one_line(source, tmp_path, layers, words):
    status, said = shared("encapsulate", source[1] / "model.h5", tmp_path / "x.h5", "--layers", layers)
    assert status == 1 and words in said and len(said.splitlines()) == 1
    assert os.listdir(str(tmp_path)) == []


@pytest.mark.modern
def test_a_keras_3_file_is_refused_with_the_reason(tmp_path):
    import keras
    lenet.build(keras).save(str(tmp_path / "three.h5"))
    for arguments in (["encapsulate", tmp_path / "three.h5", tmp_path / "x.h5"],
                      ["convert", tmp_path / "three.h5", tmp_path / "out"]):
        done = run(*arguments)
        assert done.returncode == 1 and len(done.stderr.splitlines()) == 1
        assert "saved by Keras 3" in done.stderr and 'engine = "native"' in done.stderr
    assert os.listdir(str(tmp_path)) == ["three.h5"]


def test_code_inside_a_model_is_refused_before_keras_runs_it(tmp_path):
    keras = keras2()
    model = keras.models.Sequential([keras.layers.Dense(2, input_shape=(3,)), keras.layers.Lambda(lambda x: x * 2)])
    model.save(str(tmp_path / "lambda.h5"))
    done = run("encapsulate", tmp_path / "lambda.h5", tmp_path / "x.h5")
    assert done.returncode == 1 and "Lambda" in done.stderr and len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize("content", [b"", b"no model", b"\x89HDF\r\n\x1a\n broken"])
def test_what_is_no_model_is_one_line(tmp_path, content):
    needs.reference()
    (tmp_path / "bad.h5").write_bytes(content)
    for stage, target in (("encapsulate", "x.h5"), ("convert", "d")):
        done = run(stage, tmp_path / "bad.h5", tmp_path / target)
        assert done.returncode == 1 and "bad.h5" in done.stderr and len(done.stderr.splitlines()) == 1


def test_a_child_s_fault_is_the_parent_s_and_a_bug_of_the_child_is_a_bug(tmp_path, monkeypatch):
    monkeypatch.delenv("MNIST_NPZ", raising=False)
    with pytest.raises(Fault, match="nowhere"):
        child.run("dataset", ["--data", "nowhere", "--out", str(tmp_path / "data.npz")], quiet=True)
    monkeypatch.setattr(child, "PACKAGE", "unittest")
    with pytest.raises(RuntimeError, match="nosuchmodule"):
        child.run("__main__", ["nosuchmodule"], quiet=True)  # ends with 1 too, but with a traceback
