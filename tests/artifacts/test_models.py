"""What models/ of this checkout holds, trained here, converted here or brought along: is it what it should be?

`pytest tests/artifacts` is the user's own check of what was built.  Where nothing was built yet, `doit convert`
builds first.  Each converted model is held against its manifest, against TensorFlow.js as TensorSpace shipped it
(1.0.0) and as it is today (4.22.0), and against Keras's own activations.
"""
import json
import os
import shutil
import subprocess
import sys

import numpy
import pytest

from scripts.base import files, stack
from scripts.builds import catalog
from tests import needs
from tests.project import Project

ROOT = needs.ROOT
BOUND = 1e-5  # times max(1, largest value of the output)
TFJS = ["1.0.0", "4.22.0"]


@pytest.fixture(scope="session")
def models(tmp_path_factory):
    """The converted models of this checkout, building first where there is none.

    Where all were built by the other stack, a LeNet of this stack's joins them, built aside on the embedded digits.
    """
    top = os.path.join(ROOT, "models", "json_models")
    with files.one_at_a_time(os.path.dirname(top)):  # the other stack's tests would build all of it anew, meanwhile
        if not os.path.isdir(top):
            done = subprocess.run([sys.executable, "-m", "doit", "convert"], cwd=ROOT)
            assert done.returncode == 0, "doit convert failed; its message stands above"
    found = [Built(ROOT, name) for name in sorted(os.listdir(top))
             if os.path.exists(os.path.join(top, name, "manifest.json"))]
    assert found, "models/json_models holds no converted model"
    if all(model.manifest["versions"]["stack"]["name"] != stack.NAME for model in found):
        needs.tensorflow()
        aside = Project.create(tmp_path_factory.mktemp("aside") / "project", '[keras]\ndata = "digits"\nepochs = 2\n')
        aside.ran()
        found.append(Built(aside.path, "keras"))
    return found


class Built:
    """One converted model of a checkout."""

    def __init__(self, root, name):
        self.name = name
        self.directory = os.path.join(root, "models", "json_models", name)
        with open(os.path.join(self.directory, "manifest.json"), encoding="utf-8") as stream:
            self.manifest = json.load(stream)
        self.model_json = os.path.join(self.directory, self.manifest["settings"]["json_name"])
        with open(self.model_json, encoding="utf-8") as stream:
            self.document = json.load(stream)
        home = "models" if name == catalog.DEFAULT else "models/" + name
        self.home = os.path.join(root, home)
        self.enc_model = os.path.join(self.home, "enc_model.h5")

    def samples(self, shapes):
        """Return the inputs to try: real test images for a LeNet, else numbers from a seeded generator."""
        data = os.path.join(self.home, "data.npz")
        if len(shapes) == 1 and tuple(shapes[0][1:]) == (28, 28) and os.path.exists(data):
            with numpy.load(data) as arrays:
                return [arrays["x_test"][:20].astype("float32") / 255]
        random = numpy.random.RandomState(0)
        return [random.rand(*([2] + [size or 8 for size in shape[1:]])).astype("float32") for shape in shapes]


def keras_of(path):
    """Return a keras that can load `path`, or None: Keras 3 files need Keras 3."""
    import h5py
    with h5py.File(path, "r") as file:
        version = file.attrs["keras_version"]
    version = version.decode() if isinstance(version, bytes) else version
    if version.startswith("3") and stack.NAME == "py36":
        return None
    needs.tensorflow()
    import keras
    return keras


def compare(outputs, expected):
    assert len(outputs) == len(expected)
    for (name, values), wanted in zip(outputs, expected):
        wanted = numpy.asarray(wanted)
        assert values.shape == wanted.shape, name
        bound = BOUND * max(1, numpy.abs(wanted).max())
        difference = numpy.abs(values.astype("float64") - wanted).max()
        assert difference <= bound, f"{name} differs by {difference:g}, more than {bound:g}"


def test_every_file_has_the_digest_that_its_manifest_says(models):
    for model in models:
        for name, digest in model.manifest["outputs"].items():
            assert files.sha256(os.path.join(model.directory, name)) == digest, model.name + "/" + name
        if os.path.exists(model.enc_model):
            assert files.sha256(model.enc_model) == model.manifest["inputs"]["enc_model.h5"]


def test_model_json_names_exactly_the_shards_that_are_there(models):
    for model in models:
        named = [path for group in model.document["weightsManifest"] for path in group["paths"]]
        there = [name for name in os.listdir(model.directory) if name.endswith(".bin")]
        assert sorted(named) == sorted(there), model.name


def test_a_manifest_names_no_time_no_host_and_no_path(models):
    import socket
    for model in models:
        text = json.dumps(model.manifest)
        for word in (ROOT, os.path.expanduser("~"), socket.gethostname()):
            assert word not in text


def test_the_guides_recipe_on_mnist_reaches_its_accuracy(models):
    """At least 0.98 after five epochs of batches of 32 with adam."""
    trained = [model.manifest["trained"] for model in models if model.manifest.get("trained")]
    reached = [one["accuracy"] for one in trained if one["origin"] == "mnist" and one["settings"]["epochs"] >= 5]
    if not reached:
        needs.lacking("a LeNet in models/ that five epochs of MNIST trained")
    assert min(reached) >= 0.98


@pytest.mark.parametrize("version", TFJS)
def test_tensorflow_js_computes_what_keras_computed(models, version):
    needs.node()
    from scripts.viewer import packages, predict
    bundle = packages.bundle("@tensorflow/tfjs", version)
    for model in models:
        keras = keras_of(model.enc_model)
        if keras is None:
            # Its Keras is the other stack's, whose run of these tests checks it; this one checks that it loads.
            predict.describe(model.model_json, packages.bundle("@tensorflow/tfjs"))
            continue
        loaded = keras.models.load_model(model.enc_model, compile=False)
        inputs = model.samples([tuple(tensor.shape) for tensor in loaded.inputs])
        expected = loaded.predict(inputs if len(inputs) > 1 else inputs[0], verbose=0)
        compare(predict.predict(model.model_json, inputs, bundle),
                expected if isinstance(expected, list) else [expected])


def test_the_last_output_is_the_prediction_of_the_source_and_the_others_its_activations(models):
    """enc_model.h5 against Keras's own sub-models of the model that was read (guide, sections 2 and 3)."""
    compared = 0
    for model in models:
        source = os.path.join(model.home, "model.h5")
        layers = model.manifest["layers"]
        if not os.path.exists(source) or not layers or files.sha256(source) != model.manifest["inputs"]["source"]:
            continue
        keras = keras_of(source)
        if keras is None:
            continue
        original = keras.models.load_model(source, compile=False)
        inputs = model.samples([tuple(tensor.shape) for tensor in original.inputs])
        loaded = keras.models.load_model(model.enc_model, compile=False)
        activations = keras.models.Model(original.inputs, [original.get_layer(name).output for name in layers])
        outputs = list(zip(layers, loaded.predict(inputs[0], verbose=0)))
        compare(outputs, activations.predict(inputs[0], verbose=0))
        compared += 1
        if layers[-1] == original.layers[-1].name:
            numpy.testing.assert_array_equal(outputs[-1][1], original.predict(inputs[0], verbose=0))
    if not compared:
        needs.lacking("a model in models/ whose model.h5 is beside it, of a Keras that this stack loads")


def test_one_flipped_bit_of_a_shard_is_noticed(models, tmp_path):
    """The comparison above can fail: with the lowest bit of an exponent flipped it does."""
    needs.node()
    from scripts.viewer import packages, predict
    model = [model for model in models if keras_of(model.enc_model)][-1]
    keras = keras_of(model.enc_model)
    copy = tmp_path / "copy"
    shutil.copytree(model.directory, str(copy))
    # Of the first layer that is shown and has weights: its own output is compared, so no later layer can hide it.
    group = model.document["weightsManifest"][0]
    place, places = 0, {}
    for entry in group["weights"]:
        count = int(numpy.prod(entry["shape"]))
        places.setdefault(entry["name"].split("/")[0], (place, count))
        place += 4 * count
    start, count = [places[layer] for layer in model.manifest["layers"] if layer in places][0]
    shard = copy / group["paths"][0]
    content = bytearray(shard.read_bytes())
    weights = numpy.frombuffer(bytes(content[start:start + 4 * count]), dtype="<f4")
    content[start + 4 * int(numpy.argmax(numpy.abs(weights))) + 2] ^= 0x80  # the lowest bit of the exponent
    shard.write_bytes(bytes(content))
    loaded = keras.models.load_model(model.enc_model, compile=False)
    inputs = model.samples([tuple(tensor.shape) for tensor in loaded.inputs])
    expected = loaded.predict(inputs if len(inputs) > 1 else inputs[0], verbose=0)
    with pytest.raises(AssertionError):
        compare(predict.predict(str(copy / os.path.basename(model.model_json)), inputs, packages.bundle(
            "@tensorflow/tfjs")), expected if isinstance(expected, list) else [expected])
