"""The HTML for a page of one's own is run as it is printed, with the TensorFlow.js that TensorSpace shipped with."""
import os
import shutil

import pytest

from scripts import Fault, convert
from scripts.viewer import packages, page
from scripts.viewer.chromium import Serving
from scripts.viewer.renderers import parts
from tests import needs

pytestmark = pytest.mark.modern  # its own JavaScript: which Python wrote the lines changes nothing of it
DRAWN = """new Promise((resolve, reject) => {
    window.addEventListener('unhandledrejection', event => reject(event.reason));
    const told = setInterval(() => {
        if (!model.isInitialized || !model.predictResult) return;
        clearInterval(told);
        resolve(model.layers.map(layer => [layer.name, Boolean((layer.actualLayer || layer).neuralValue)]));
    }, 50);
})"""


def run(browser, directory, html):
    """Lay the HTML beside a model with its scripts and open it; return each layer's name and whether it has values."""
    files = {os.path.basename(path): packages.bundle(package, file=path) for package, path in parts.LIBRARIES}
    files["tf.min.js"] = packages.bundle("@tensorflow/tfjs", "1.0.0")
    for name, path in files.items():
        shutil.copy(path, str(directory / name))
    (directory / "index.html").write_text("<!DOCTYPE html><meta charset=utf-8>" + html, encoding="utf-8")
    with Serving(directory) as address:
        browser.open(address)
        return browser.evaluate(DRAWN)


@pytest.mark.parametrize("name", ["autoencoder", "branched", "two_inputs"])
def test_the_snippet_of_a_model_draws_every_layer_with_its_values(browser, zoo, tmp_path, name):
    directory = tmp_path / "page"
    shutil.copytree(str(zoo / name / "json"), str(directory))
    html = page.snippet_of(str(directory))
    found = run(browser, directory, html)
    assert len(found) > 5 and all(has for _, has in found), found


def test_the_snippet_of_a_graph_model_draws_every_layer_with_its_values(browser, zoo, tmp_path):
    directory = tmp_path / "page"
    directory.mkdir()
    convert.convert(str(zoo / "autoencoder" / "enc_model.h5"), str(directory), format="graph")
    html = page.snippet_of(str(directory))
    assert '"type": "tensorflow"' in html
    found = run(browser, directory, html)
    assert len(found) > 5 and all(has for _, has in found), found


def test_a_model_with_outputs_that_are_drawn_with_others_has_no_snippet_and_the_reason_is_a_line(tmp_path):
    needs.node()
    from tests.unit import test_page
    net = test_page.Net()
    first = net("ReLU", "relu_1", (8,), net.input("image", 8))
    (tmp_path / "model.json").write_text(test_page.json.dumps(
        net.model(first, net("Dropout", "dropped", (8,), first, rate=0.5))))
    with pytest.raises(Fault, match=r"one layer per output; convert it with layers = \["):
        page.snippet_of(str(tmp_path))
