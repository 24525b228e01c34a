"""recipe = "fast": the guide's model, trained as Keras would with the same batches and rates, in less time."""
import importlib
import json
import os
import subprocess
import sys

import numpy
import pytest

from scripts.base import child, files
from scripts.training import dataset, lenet, recipes, train
from tests import needs
from tests.needs import ROOT


def run(directory, data, *arguments):
    """`python -m scripts.train` by hand; returns (sha256 of model.h5, report)."""
    needs.tensorflow()
    directory.mkdir()
    model, report = str(directory / "model.h5"), str(directory / "report.json")
    done = subprocess.run([sys.executable, "-m", "scripts.train", "--data", data, "--out", model, "--report", report]
                          + list(arguments), cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          universal_newlines=True)
    assert done.returncode == 0, done.stderr
    with open(report) as stream:
        return files.sha256(model), json.load(stream)


@pytest.fixture(scope="module")
def fast(digits, tmp_path_factory):
    """What the fast recipe makes of the digits in four epochs: (path of the h5, its sha256, report)."""
    folder = tmp_path_factory.mktemp("fast") / "run"
    return (str(folder / "model.h5"),) + run(folder, digits, "--recipe", "fast", "--epochs", "4")


def test_fast_gives_the_same_bytes_in_two_fresh_processes_and_others_than_the_guide_s(fast, digits, tmp_path):
    path, one, report = fast
    two, _ = run(tmp_path / "two", digits, "--recipe", "fast", "--epochs", "4")
    guide, _ = train.train(dataset.load(digits)[0], epochs=4)
    ours = importlib.import_module("keras").models.load_model(path).get_weights()
    assert one == two and not any(map(numpy.array_equal, ours, guide.get_weights()))
    assert report["settings"] == {"recipe": "fast", "epochs": 4, "batch_size": 64, "seed": 0, "optimizer": "adam",
                                  "learning_rate": None}
    assert report["accuracy"] > 0.85


@pytest.mark.modern  # an epoch is compared with Keras's on both stacks
def test_fast_reaches_on_mnist_what_the_benchmark_asks_for(tmp_path):
    needs.tensorflow()
    arrays, origin = dataset.resolve(needs.mnist(), {})
    path = str(tmp_path / "mnist.npz")
    dataset.save(path, arrays, origin)
    assert run(tmp_path / "run", path, "--recipe", "fast")[1]["accuracy"] >= 0.985


def test_what_a_recipe_saves_opens_in_keras_compiled(fast):
    model = importlib.import_module("keras").models.load_model(fast[0])
    assert float(model.optimizer.learning_rate.numpy()) == pytest.approx(0.006)


@pytest.mark.py36  # Keras 3.15 trains no model on that it has loaded from h5, not one of its own either
def test_what_a_recipe_saves_goes_on_learning(digits, fast):
    model, arrays = importlib.import_module("keras").models.load_model(fast[0]), dataset.load(digits)[0]
    before = model.get_weights()[0]
    model.fit(arrays["x_train"][:64] / 255.0, arrays["y_train"][:64], verbose=0)
    assert not numpy.array_equal(before, model.get_weights()[0])


def test_an_epoch_of_fast_is_what_keras_computes_batch_by_batch(digits):
    """Keras's own train_on_batch, given the same order and rates, ends with the same weights.

    Adam's default epsilon makes steps of gradients that are nearly 0 as long as others.  A rounding that lets another
    of two pixels be the largest of its window then moves weights by 3e-4; on which processor one does is luck.  With
    this epsilon the two differ by 1e-8, and rates of the step before, or images in another order, by 2e-4 and more.
    """
    needs.tensorflow()
    keras, tensorflow = importlib.import_module("keras"), importlib.import_module("tensorflow")
    arrays = {name: array[:320] for name, array in dataset.load(digits)[0].items()}
    images, labels = arrays["x_train"] / numpy.float32(255), arrays["y_train"]
    models = []
    for _ in range(2):
        train._seed(keras, tensorflow, 3)
        model = lenet.build(keras)
        model.compile(optimizer=keras.optimizers.get({"class_name": "adam", "config": {
            "learning_rate": 0.006, "epsilon": 1e-2}}), loss="sparse_categorical_crossentropy", metrics=["accuracy"])
        models.append(model)
    ours, theirs = models
    epoch = recipes.fast(keras, tensorflow, ours, arrays["x_train"], labels, {"epochs": 2, "batch_size": 50, "seed": 0})
    rates = recipes.schedule(0.006, 6, 2)
    for number in range(2):
        epoch(number)
        order = numpy.random.RandomState([0, number]).permutation(320)
        for step in range(6):
            rows = order[50 * step:50 * step + 50]
            theirs.optimizer.learning_rate = float(rates[number, step])
            theirs.train_on_batch(images[rows], labels[rows])
    for ours_now, theirs_now in zip(ours.get_weights(), theirs.get_weights()):
        numpy.testing.assert_allclose(ours_now, theirs_now, rtol=0, atol=1e-4)


def test_the_widened_convolution_and_its_gradient_are_tensorflow_s():
    needs.tensorflow()
    tensorflow = importlib.import_module("tensorflow")
    random = numpy.random.RandomState(0)
    images = tensorflow.constant(random.rand(3, 28, 28, 1).astype("float32"))
    kernel = tensorflow.constant(random.randn(5, 5, 1, 6).astype("float32"))
    found = []
    for convolve in (lambda: recipes.convolve(tensorflow, images, kernel),
                     lambda: tensorflow.nn.conv2d(images, kernel, 1, "VALID")):
        with tensorflow.GradientTape() as tape:
            tape.watch([images, kernel])
            result = convolve()
            loss = tensorflow.reduce_sum(result * tensorflow.sin(result))
        found.append([result] + tape.gradient(loss, [images, kernel]))
    for ours, theirs in zip(*found):
        numpy.testing.assert_allclose(ours.numpy(), theirs.numpy(), rtol=1e-4, atol=1e-3)


def test_the_learning_rate_rises_and_falls_to_nothing():
    rates = recipes.schedule(0.5, 100, 2)
    assert rates.shape == (2, 100) and rates.dtype == numpy.float32
    flat, top = rates.ravel(), int(200 * recipes.WARM_UP) - 1
    assert flat.argmax() == top and flat.max() == pytest.approx(0.5)
    assert (numpy.diff(flat[:top + 1]) > 0).all() and (numpy.diff(flat[top:]) < 0).all() and abs(flat[-1]) < 1e-6


def test_fewer_images_than_a_batch_are_one_batch(digits):
    needs.tensorflow()
    arrays = {name: array[:40] for name, array in dataset.load(digits)[0].items()}
    model, report = train.train(arrays, recipe="fast", epochs=1)
    assert report["settings"]["batch_size"] == 64 and numpy.isfinite(model.get_weights()[0]).all()


ON_DEVICES = """
import contextlib, sys
import numpy, tensorflow
from scripts.training import dataset, train
cpu = tensorflow.config.list_physical_devices("CPU")[0]
tensorflow.config.set_logical_device_configuration(cpu, [tensorflow.config.LogicalDeviceConfiguration()] * 2)
arrays = {name: array[:320] for name, array in dataset.load(sys.argv[1])[0].items()}
for strategy in (None, tensorflow.distribute.MirroredStrategy(["CPU:0", "CPU:1"])):
    train.devices = lambda *_: ("CPU", strategy.scope() if strategy else contextlib.suppress())
    for recipe in ("guide", "fast"):
        model, _ = train.train(arrays, recipe=recipe, epochs=2, batch_size=50)
        numpy.savez(f"{sys.argv[2]}/{recipe}-{2 if strategy else 1}.npz", *model.get_weights())
"""


@pytest.fixture(scope="module")
def on_devices(digits, tmp_path_factory):
    """A directory with the weights that each recipe ends with on one device and on two: RECIPE-COUNT.npz."""
    needs.tensorflow()
    directory = tmp_path_factory.mktemp("devices")
    done = subprocess.run([sys.executable, "-c", ON_DEVICES, digits, str(directory)], cwd=ROOT,
                          env=dict(os.environ, **child.ENVIRONMENT), stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, universal_newlines=True)
    assert done.returncode == 0, done.stderr
    return directory


@pytest.mark.parametrize("recipe", ["guide", "fast"])
def test_two_devices_that_share_each_batch_end_with_the_weights_of_one(on_devices, recipe):
    """MirroredStrategy for real, on two halves of the processor in the place of two GPUs."""
    found = []
    for count in (1, 2):
        with numpy.load(str(on_devices / f"{recipe}-{count}.npz")) as file:
            found.append([file[name] for name in file.files])
    for one, two in zip(*found):
        numpy.testing.assert_allclose(one, two, rtol=0, atol=2e-3)
