"""A page that is open while its model trains follows the training, as long as the slider is at the end."""
import os
import subprocess
import sys

import pytest

from scripts.viewer.chromium import Serving
from tests import needs

pytestmark = pytest.mark.modern  # the page is the same for every Keras: unit/test_snapshots.py has each write one

# Trains three epochs, each after a line on stdin; a line on stdout says that one is kept.
TRAINING = """
import sys
import keras, numpy
from scripts import Snapshots
from tests.unit.test_api import lenet

class InTurn(keras.callbacks.Callback):
    def on_train_begin(self, logs=None):
        print("kept", flush=True)

    def on_epoch_begin(self, epoch, logs=None):
        sys.stdin.readline()

    def on_epoch_end(self, epoch, logs=None):
        print("kept", flush=True)

model = lenet(keras)
model.compile(keras.optimizers.Adam(0.1), "sparse_categorical_crossentropy", metrics=["accuracy"])
x = numpy.random.RandomState(0).uniform(size=(12, 9, 8, 1)).astype("float32")
model.fit(x, numpy.arange(12) % 3, epochs=3, verbose=0, callbacks=[Snapshots(sys.argv[1]), InTurn()])
"""
NOW = """(() => {
    const slider = document.getElementById('epoch');
    return [viewer.epochs.count, viewer.epochs.at, Number(slider.value), Number(slider.max),
            document.querySelector('#epochs output').textContent.split(' · ')[0], Array.from(viewer.values('fc'))];
})()"""


@pytest.fixture
def training(tmp_path):
    """The process that trains into tmp_path/"out"; it ends with the test."""
    needs.tensorflow()
    process = subprocess.Popen([sys.executable, "-c", TRAINING, str(tmp_path / "out")], cwd=needs.ROOT,
                               env=dict(os.environ, PYTHONPATH=needs.ROOT, KERAS_BACKEND="tensorflow"),
                               stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    yield process
    process.kill()
    process.communicate()


def kept(process):
    """Wait until an epoch is kept."""
    assert process.stdout.readline() == b"kept\n", process.stderr.read().decode()


def train(process):
    """Let the model train one more epoch, and wait until it is kept."""
    process.stdin.write(b"\n")
    process.stdin.flush()
    kept(process)


def epochs(browser, count):
    """Wait until the page knows of so many epochs; return what it shows then."""
    browser.evaluate(f"""(async () => {{
        while (viewer.epochs.count < {count} || Number(document.getElementById('epoch').max) < {count} - 1)
            await new Promise(done => setTimeout(done, 50));
        while (viewer.epochs.at !== Number(document.getElementById('epoch').value))
            await new Promise(done => setTimeout(done, 50));
        await viewer.still();
    }})()""")
    return browser.evaluate(NOW)


def test_the_slider_grows_while_the_model_trains(browser, training, tmp_path, keep):
    kept(training)
    with Serving(tmp_path / "out") as address:
        browser.open(address + "?backend=cpu", width=1280, height=800)
        count, at, value, end, words, before = epochs(browser, 1)
        assert (count, at, value, end, words) == (1, 0, 0, 0, "epoch 0")
        train(training)
        count, at, value, end, words, trained = epochs(browser, 2)
        assert (count, at, value, end, words) == (2, 1, 1, 1, "epoch 1") and trained != before
        browser.evaluate("""(() => { const slider = document.getElementById('epoch');
            slider.value = 0; slider.dispatchEvent(new Event('input')); })()""")
        train(training)
        count, at, value, end, words, again = epochs(browser, 3)
        assert (count, at, value, end, words, again) == (3, 0, 0, 2, "epoch 0", before), "who looks back stays there"
        browser.evaluate("""(() => { const slider = document.getElementById('epoch');
            slider.value = 2; slider.dispatchEvent(new Event('input')); })()""")
        train(training)
        assert training.wait(60) == 0
        count, at, value, end, words, last = epochs(browser, 4)
        assert (count, at, value, end, words) == (4, 3, 3, 3, "epoch 3") and last != trained
        keep("training")
        assert browser.failure() is None and browser.problems() == []
