"""scripts/training/: train.py and lenet.py have the guide's recipe, its settings, and the same bytes on every run."""
import contextlib
import functools
import json
import os
import subprocess
import sys
import types

import numpy
import pytest

from scripts import Fault
from scripts.base import child, files
from scripts.training import dataset, lenet, saved_by_keras, train
from tests import needs, shared_tensorflow
from tests.project import Project

# One stack is enough: test_recipes.py has the fast recipe learn on both, and a resumed training is held against an
# undisturbed one on both below.
one_stack = pytest.mark.modern
GUIDE = [  # section 1.1: name or class, output shape without the batch, parameters
    ("Reshape", (28, 28, 1), 0), ("Conv2D_1", (24, 24, 6), 156), ("MaxPooling2D_1", (12, 12, 6), 0),
    ("Conv2D_2", (8, 8, 16), 2416), ("MaxPooling2D_2", (4, 4, 16), 0), ("Flatten", (256,), 0),
    ("Dense_1", (120,), 30840), ("Dense_2", (84,), 10164), ("Softmax", (10,), 850)]


def run(*arguments, **environment):
    """`python -m scripts.train …` by hand: in an environment without the settings that the build gives it."""
    environ = {key: value for key, value in os.environ.items() if key not in child.ENVIRONMENT}
    environ.update(environment)
    return subprocess.run([sys.executable, "-m", "scripts.train"] + list(arguments), env=environ,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, universal_newlines=True)


def shared(*arguments):
    """Run the command in the TensorFlow process that the tests share, where it must fail; return its one line."""
    status, said = shared_tensorflow.TENSORFLOW.ask(os.getcwd(), "train", list(arguments))
    assert (status, len(said.splitlines())) == (1, 1), said
    return said


@pytest.fixture(scope="module")
def trained(tmp_path_factory, digits):
    """A LeNet that two epochs of digits made: (directory with model.h5 and report.json, the finished process)."""
    needs.tensorflow()
    directory = tmp_path_factory.mktemp("trained")
    done = run("--data", digits, "--out", str(directory / "model.h5"), "--report", str(directory / "report.json"),
               "--epochs", "2")
    assert done.returncode == 0, done.stderr
    return directory, done


def test_the_model_is_the_guide_s(trained):
    import h5py
    import keras
    model = keras.models.load_model(str(trained[0] / "model.h5"))
    shapes = [tuple(layer.output.shape)[1:] for layer in model.layers]
    names = [layer.name if layer.weights or "MaxPooling" in layer.name else type(layer).__name__
             for layer in model.layers]
    assert list(zip(names, shapes, [layer.count_params() for layer in model.layers])) == GUIDE
    activations = [model.get_layer(name).activation.__name__ for name in
                   ("Conv2D_1", "Conv2D_2", "Dense_1", "Dense_2", "Softmax")]
    assert activations == ["linear", "linear", "relu", "relu", "softmax"]
    with h5py.File(str(trained[0] / "model.h5"), "r") as file:
        config = json.loads(file.attrs["training_config"])
    assert config["loss"] == "sparse_categorical_crossentropy"
    assert config["optimizer_config"]["class_name"] == "Adam" and "accuracy" in json.dumps(config)


def test_the_report_says_what_the_saved_model_does_on_the_test_images(trained, digits):
    import keras
    report = json.loads((trained[0] / "report.json").read_text())
    arrays, _ = dataset.load(digits)
    output = keras.models.load_model(str(trained[0] / "model.h5")).predict(arrays["x_test"] / 255.0, verbose=0)
    assert report["accuracy"] == pytest.approx((output.argmax(axis=1) == arrays["y_test"]).mean(), abs=1e-6)
    assert report["accuracy"] > 0.8
    assert report["origin"] == "digits" and report["images"] == {"train": 1442, "test": 355}
    assert report["settings"] == {"epochs": 2, "batch_size": 32, "seed": 0, "optimizer": "adam", "learning_rate": None}


def test_progress_can_be_read_in_a_log(trained):
    lines = trained[1].stdout.splitlines()
    device = json.loads((trained[0] / "report.json").read_text())["device"]
    assert [line.split(":")[0] for line in lines[:4]] == [
        "training LeNet on 1442 images (digits)", "on the " + device, "epoch 1 of 2", "epoch 2 of 2"]
    assert lines[4].startswith("test accuracy 0.") and "one output, shape (10,)" in lines[5] and len(lines) == 6
    assert trained[1].stderr == ""


def test_two_fresh_processes_write_the_same_bytes(trained, digits, tmp_path):
    """The second one meets another environment and other values of what it must fix by itself."""
    done = run("--data", digits, "--out", str(tmp_path / "model.h5"), "--report", str(tmp_path / "report.json"),
               "--epochs", "2", PYTHONHASHSEED="5", OMP_NUM_THREADS="1", TF_ENABLE_ONEDNN_OPTS="1")
    assert done.returncode == 0, done.stderr
    for name in ("model.h5", "report.json"):
        assert files.sha256(str(tmp_path / name)) == files.sha256(str(trained[0] / name)), name
    assert sorted(os.listdir(str(tmp_path))) == ["model.h5", "report.json"]


RECIPES = [("guide", ["--epochs", "3"]), ("fast", ["--epochs", "12", "--batch-size", "64"])]


@one_stack
def test_the_fast_recipe_learns(digits, tmp_path):
    """That it writes the same bytes twice is in test_recipes.py."""
    needs.tensorflow()
    done = run("--data", digits, "--recipe", "fast", "--out", str(tmp_path / "one.h5"),
               "--report", str(tmp_path / "one.json"))
    assert done.returncode == 0, done.stderr
    report = json.loads((tmp_path / "one.json").read_text())
    assert report["accuracy"] >= 0.96
    assert report["settings"] == {"epochs": 43, "batch_size": 64, "seed": 0, "optimizer": "adam",
                                  "learning_rate": None, "recipe": "fast"}


@pytest.mark.parametrize("recipe, more", RECIPES, ids=["guide", "fast"])
def test_a_training_that_is_killed_and_resumed_writes_the_bytes_of_an_undisturbed_one(recipe, more, digits, tmp_path):
    needs.tensorflow()
    arguments = ["--data", digits, "--recipe", recipe] + more
    undisturbed, resumed, kept = (str(tmp_path / name) for name in ("whole.h5", "resumed.h5", "kept.npz"))
    assert run(*(arguments + ["--out", undisturbed, "--checkpoint", str(tmp_path / "other.npz")])).returncode == 0

    arguments += ["--out", resumed, "--checkpoint", kept]
    process = subprocess.Popen([sys.executable, "-m", "scripts.train"] + arguments, stdout=subprocess.PIPE,
                               universal_newlines=True)
    for line in process.stdout:
        if line.startswith("epoch 2"):
            break
    process.kill()
    process.communicate()
    assert os.path.exists(kept) and not os.path.exists(resumed)
    done = run(*arguments)
    assert done.returncode == 0, done.stderr
    assert "resuming after epoch" in done.stdout and "epoch 1 of" not in done.stdout
    assert run(*(arguments + ["--out", str(tmp_path / "again.h5")])).returncode == 0  # killed when all epochs were done
    for path in (resumed, str(tmp_path / "again.h5")):
        with open(undisturbed, "rb") as one, open(path, "rb") as two:
            assert one.read() == two.read()
    assert sorted(os.listdir(str(tmp_path))) == ["again.h5", "kept.npz", "other.npz", "resumed.h5", "whole.h5"]


@pytest.mark.parametrize("arguments", [["--recipe", "guide"], ["--recipe", "guide", "--checkpoint", "kept"],
                                       ["--recipe", "fast"]])
def test_a_signal_that_is_lost_in_a_callback_ends_the_training_at_the_end_of_the_epoch(arguments, digits, tmp_path):
    """TensorFlow's objects have callbacks that are called all the time; Python forgets what is raised there."""
    needs.tensorflow()
    code = ("import os, signal, sys, weakref; from scripts import train; from scripts.base import command\n"
            "from scripts.training import lenet\n"
            "class Gone(object):\n"
            "    pass\n"
            "def lose(reference):\n"
            "    print('lost', flush=True)\n"
            "    os.kill(os.getpid(), signal.SIGTERM)\n"
            "def build(keras, plain=lenet.build):\n"
            "    gone = Gone()\n"
            "    reference = weakref.ref(gone, lose)\n"
            "    del gone\n"
            "    return plain(keras)\n"
            "lenet.build = build\n"
            "command.run(train.main, sys.argv[1:])")
    done = subprocess.run([sys.executable, "-c", code, "--data", digits, "--out", "m.h5", "--epochs", "3"] + arguments,
                          env=dict(os.environ, PYTHONPATH=child.ROOT, **child.ENVIRONMENT), cwd=str(tmp_path),
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, universal_newlines=True)
    assert done.returncode == 143 and done.stdout.count("lost") == 1, done.stderr
    assert ("ignored" in done.stderr) is not hasattr(sys, "unraisablehook"), done.stderr  # Python 3.6 prints it
    assert "epoch 1 of 3" in done.stdout and "epoch 2 of 3" not in done.stdout
    assert not (tmp_path / "m.h5").exists()


def test_a_checkpoint_of_another_training_or_a_damaged_one_is_not_resumed(digits, tmp_path, capsys):
    needs.tensorflow()
    arrays, kept = dataset.digits(), str(tmp_path / "kept.npz")
    _, first = train.train(arrays, epochs=1, recipe="fast", checkpoint=kept)
    assert os.path.exists(kept)
    _, again = train.train(arrays, epochs=1, seed=1, recipe="fast", checkpoint=kept)
    assert "is of another training (settings changed): training from the start" in capsys.readouterr().out
    assert first["loss"] != again["loss"]
    train.train(dict(arrays, x_train=arrays["x_train"] // 2), epochs=1, seed=1, recipe="fast", checkpoint=kept)
    assert "(data changed)" in capsys.readouterr().out
    with open(kept, "r+b") as file:
        file.truncate(1000)
    train.train(arrays, epochs=1, recipe="fast", checkpoint=kept)
    assert "is damaged: training from the start" in capsys.readouterr().out


def test_a_file_that_is_no_checkpoint_is_not_replaced_by_one(digits, tmp_path):
    needs.tensorflow()
    place = tmp_path / "mine"
    for content in (b"mine, of years", (tmp_path / "mine.npz")):
        if not isinstance(content, bytes):
            numpy.savez(str(content), mine=numpy.zeros(3))
            content = content.read_bytes()
        place.write_bytes(content)
        with pytest.raises(Fault, match="no checkpoint"):
            train.train(dataset.digits(), epochs=1, recipe="fast", checkpoint=str(place))
        assert place.read_bytes() == content


def test_the_command_replaces_no_file_and_says_so_before_it_trains(digits, tmp_path):
    needs.tensorflow()
    (tmp_path / "mine.h5").write_text("mine")
    for more in (["--out", str(tmp_path / "mine.h5")],
                 ["--out", str(tmp_path / "new.h5"), "--report", str(tmp_path / "mine.h5")]):
        done = run("--data", digits, *more)
        assert (done.returncode, done.stdout, done.stderr.count("\n")) == (1, "", 1)
        assert "mine.h5 is there already" in done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["mine.h5"] and (tmp_path / "mine.h5").read_text() == "mine"


def test_names_of_one_file_are_refused_before_it_trains(digits, tmp_path):
    needs.tensorflow()
    out, link = str(tmp_path / "m.h5"), str(tmp_path / "link")
    os.symlink("m.h5", link)
    for more in (["--report", out], ["--checkpoint", link], ["--report", digits]):
        done = run("--data", digits, "--out", out, *more)
        assert (done.returncode, done.stdout, done.stderr.count("\n")) == (1, "", 1)
        assert "files of their own" in done.stderr
    assert os.listdir(str(tmp_path)) == ["link"]


@pytest.mark.parametrize("kind", [os.mkdir, os.mkfifo, functools.partial(os.symlink, "nosuch")])
def test_what_is_no_file_is_no_checkpoint_and_is_refused_before_it_trains(kind, digits, tmp_path, capsys):
    needs.tensorflow()
    kind(str(tmp_path / "kept"))
    with pytest.raises(Fault, match="kept is there already and is no checkpoint"):
        train.train(dataset.load(digits)[0], checkpoint=str(tmp_path / "kept"))
    assert "epoch 1" not in capsys.readouterr().out
    assert shared("--data", digits, "--out", str(tmp_path / "m.h5"), "--checkpoint", str(tmp_path / "kept"))
    assert os.listdir(str(tmp_path)) == ["kept"]


def test_a_checkpoint_that_cannot_be_written_is_one_line(digits, tmp_path):
    needs.tensorflow()
    (tmp_path / "file").write_text("")
    assert "file" in shared("--data", digits, "--epochs", "1", "--out", str(tmp_path / "m.h5"),
                            "--checkpoint", str(tmp_path / "file" / "c"))


@one_stack
def test_doit_resumes_a_training_that_was_ended_and_cleans_what_one_left(tmp_path):
    needs.tensorflow()
    project = Project.create(tmp_path / "project", '[keras]\ndata = "digits"\nepochs = 5\ncheckpoint = true\n')
    kept = project.file("models/.checkpoints/keras.npz")

    def begin():
        process = subprocess.Popen(project.command("train"), cwd=project.path, env=project.environment(),
                                   stdout=subprocess.PIPE, universal_newlines=True)
        while not process.stdout.readline().startswith("epoch 2"):
            assert process.poll() is None
        process.terminate()
        process.communicate()
        assert process.returncode == 143 and os.path.exists(kept) \
            and not os.path.exists(project.file("models/model.h5"))

    begin()
    assert project.doit("clean", "-a")[0] == 0 and not os.path.exists(os.path.dirname(kept))
    begin()
    status, out, err = project.doit("train")
    assert (status, err) == (0, "") and "resuming after epoch" in out and "epoch 1 of" not in out
    assert not os.path.exists(os.path.dirname(kept))
    assert project.ran("train") == set()


def test_saving_without_timestamps_loses_nothing_that_keras_wrote(tmp_path):
    """Every group, dataset and attribute, with its type, is as in the file that Keras itself writes."""
    needs.tensorflow()
    import h5py
    import keras
    model = lenet.build(keras)
    model.compile(optimizer="adam", loss="sparse_categorical_crossentropy")
    keras_s, ours = str(tmp_path / "keras.h5"), str(tmp_path / "ours.h5")
    model.save(keras_s)
    saved_by_keras.save_h5(model, ours)

    def content(path):
        found = {}
        with h5py.File(path, "r") as file:
            for name in [""] + sorted(_names(file)):
                item = file[name or "/"]
                found[name] = [(a, item.attrs.get_id(a).dtype, item.attrs.get_id(a).shape,
                                numpy.asarray(item.attrs[a]).tolist()) for a in sorted(item.attrs)]
                if isinstance(item, h5py.Dataset):
                    found[name] += [item.dtype, item[()].tolist()]
        return found

    def _names(file):
        names = []
        file.visit(names.append)
        return names

    assert content(ours) == content(keras_s)


@pytest.mark.parametrize("arguments, words", [
    (["--epochs", "0"], "--epochs"),
    (["--batch-size", "none"], "--batch-size"),
    (["--learning-rate", "-1"], "--learning-rate"),
    (["--learning-rate", "nan"], "--learning-rate"),
    (["--seed", "-1"], "--seed"),
    (["--layers", "x"], "unrecognized"),
])
def test_a_setting_that_cannot_be_is_one_line_and_leaves_nothing(digits, tmp_path, arguments, words):
    needs.tensorflow()
    done = run("--data", digits, "--out", str(tmp_path / "model.h5"), *arguments)
    assert done.returncode == 1 and words in done.stderr
    assert len(done.stderr.splitlines()) == 1 and os.listdir(str(tmp_path)) == []


@pytest.mark.parametrize("arguments, words", [
    (["--optimizer", "addam"], "optimizer 'addam' is not one"),
    (["--optimizer", "sgd", "--learning-rate", "1e10", "--epochs", "1"], "diverged"),
])
def test_a_setting_that_keras_finds_wrong_is_one_line_and_leaves_nothing(digits, tmp_path, arguments, words):
    needs.tensorflow()
    assert words in shared("--data", digits, "--out", str(tmp_path / "model.h5"), *arguments)
    assert os.listdir(str(tmp_path)) == []


@one_stack
def test_each_setting_makes_another_model(digits):
    needs.tensorflow()
    arrays = {name: array[:256] for name, array in dataset.load(digits)[0].items()}
    settings = [{}, {"seed": 1}, {"batch_size": 64}, {"learning_rate": 0.002}, {"optimizer": "rmsprop"}, {"epochs": 2}]
    kernels = [train.train(arrays, **dict({"epochs": 1}, **setting))[0].get_weights()[0] for setting in settings]
    assert len(set(kernel.tobytes() for kernel in kernels)) == len(settings)


def test_a_damaged_data_file_is_refused_by_name(tmp_path):
    (tmp_path / "data.npz").write_bytes(b"PK\3\4")
    done = run("--data", str(tmp_path / "data.npz"), "--out", str(tmp_path / "model.h5"))
    assert done.returncode == 1 and "data.npz" in done.stderr and len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize("count", [0, 1, 2])
def test_gpus_get_memory_as_they_need_it_and_several_share_each_batch(count, capsys):
    """On a stand-in for TensorFlow's interface: no machine of the tests has a GPU."""
    grown, entered = [], []

    class Mirrored:
        def scope(self):
            entered.append("mirrored")
            return contextlib.suppress()

    class Gpu:
        def __init__(self, index):
            self.name = f"/physical_device:GPU:{index}"

    gpus = [Gpu(index) for index in range(count)]
    experimental = types.SimpleNamespace(set_memory_growth=lambda gpu, value: grown.append((gpu.name, value)),
                                         get_device_details=lambda gpu: {"device_name": "a card"})
    tensorflow = types.SimpleNamespace(
        config=types.SimpleNamespace(list_physical_devices=lambda kind: gpus if kind == "GPU" else [],
                                     experimental=experimental),
        distribute=types.SimpleNamespace(MirroredStrategy=Mirrored))
    device, scope = train.devices(tensorflow)
    with scope:
        pass
    assert device == ("GPU" if count else "CPU")
    assert grown == [(gpu.name, True) for gpu in gpus]
    assert entered == (["mirrored"] if count > 1 else [])
    assert ("a card" if count else "no GPU") in capsys.readouterr().out


def test_without_tensorflow_one_line_says_what_to_do(digits, tmp_path):
    code = ("import sys; sys.modules['keras'] = sys.modules['tensorflow'] = None; from scripts import train; "
            "from scripts.base import command; "
            "command.run(train.main, sys.argv[1:])")
    done = subprocess.run([sys.executable, "-c", code, "--data", digits, "--out", str(tmp_path / "m.h5")],
                          env=dict(os.environ, **child.ENVIRONMENT), stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          universal_newlines=True)
    assert done.returncode == 1 and done.stderr.count("\n") == 1
    assert "training needs TensorFlow" in done.stderr
