"""Snapshots: each epoch's weights are kept, what stands in the way is left, and a fault ends no training."""
import json
import os

import numpy
import pytest

from scripts import Fault, Snapshots, snapshots
from scripts.viewer import predict
from tests.unit.test_api import FLAVOURS, fault, keras_of, lenet, page_in

X = numpy.random.RandomState(0).uniform(size=(12, 9, 8, 1)).astype("float32")
Y = numpy.arange(12) % 3


@pytest.fixture(params=FLAVOURS)
def keras(request):
    """A Keras of this stack."""
    return keras_of(request.param)


def trained(keras, callback, epochs=3):
    model = lenet(keras)
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    model.fit(X, Y, epochs=epochs, verbose=0, callbacks=[callback])
    return model


def index(directory):
    with open(os.path.join(str(directory), "epochs", "epochs.json")) as stream:
        return json.load(stream)["epochs"]


def test_each_epoch_is_kept_and_the_last_model_is_what_keras_computes(keras, tmp_path):
    callback = Snapshots(tmp_path / "out", every=2, labels=["a", "b", "c"])
    model = trained(keras, callback, epochs=4)
    found = index(tmp_path / "out")
    assert [entry["epoch"] for entry in found] == [0, 2, 4] and set(found[1]["logs"]) == {"loss", "accuracy"}
    assert len({entry["sha256"] for entry in found}) == 3
    weights = (tmp_path / "out" / "group1-shard1of1.bin").read_bytes()
    assert (tmp_path / "out" / "epochs" / "0004.bin").read_bytes() == weights
    values = dict(predict.predict(str(tmp_path / "out" / "model.json"), [X[:2]]))["fc"]
    numpy.testing.assert_allclose(values, model.predict(X[:2], verbose=0), atol=1e-5)
    assert json.loads((tmp_path / "out" / "page.json").read_text())["epochs"] is True
    callback.show(samples=X[:2], path=tmp_path / "page.html")
    html = (tmp_path / "page.html").read_text(encoding="utf-8")
    assert page_in(html)["reference"]["samples"] == 2 and 'id="file:epochs/0002.bin"' in html


def test_a_new_training_replaces_the_epochs_of_an_earlier_one(tmp_path):
    keras = keras_of(FLAVOURS[0])
    trained(keras, Snapshots(tmp_path / "out", page=False), epochs=3)
    trained(keras, Snapshots(tmp_path / "out", page=False), epochs=1)
    assert sorted(os.listdir(str(tmp_path / "out" / "epochs"))) == ["0000.bin", "0001.bin", "epochs.json"]


def test_foreign_files_stay_and_are_said_before_the_training(tmp_path):
    (tmp_path / "out" / "epochs").mkdir(parents=True)
    (tmp_path / "out" / "epochs" / "mine.bin").write_text("mine")
    line = fault(trained, keras_of(FLAVOURS[0]), Snapshots(tmp_path / "out"))
    assert "epochs is there already" in line
    assert (tmp_path / "out" / "epochs" / "mine.bin").read_text() == "mine"


def test_a_fault_after_an_epoch_is_a_line_and_the_training_goes_on(monkeypatch, capsys, tmp_path):
    callback, plain = Snapshots(tmp_path / "out", page=False), snapshots.api.convert

    def full(*given, **settings):
        if callback.entries:
            raise Fault("the disk is full")
        return plain(*given, **settings)

    monkeypatch.setattr(snapshots.api, "convert", full)
    trained(keras_of(FLAVOURS[0]), callback, epochs=2)
    assert capsys.readouterr().err.splitlines()[-2:] == ["epoch 1 is not kept: the disk is full",
                                                         "epoch 2 is not kept: the disk is full"]


def test_a_model_that_gets_its_input_with_the_first_batch_is_kept_from_the_first_epoch_on(keras, tmp_path):
    model = keras.Sequential([keras.layers.Flatten(name="flat"), keras.layers.Dense(3, name="fc")])
    model.compile("adam", "mse")
    model.fit(X, X[:, :3, 0, 0], epochs=1, verbose=0, callbacks=[Snapshots(tmp_path / "out", page=False)])
    assert [entry["epoch"] for entry in index(tmp_path / "out")] == [1]


def test_what_cannot_be_is_one_line(tmp_path):
    assert "every" in fault(Snapshots, tmp_path, every=0)
    assert "no epoch is kept yet" in fault(Snapshots(tmp_path / "out").show)
