"""Whatever goes wrong, the page says in words what it is and what to do; it is never just black."""
import json
import os

import pytest

from scripts.viewer import page
from scripts.viewer.chromium import Browser, Serving
from tests import needs

# The page's own words, in JavaScript: which Python built the page changes none of them.
pytestmark = pytest.mark.modern
SHARD = "group1-shard1of1.bin"


def test_a_missing_shard_is_named(browser, spoiled):
    directory, address = spoiled
    (directory / "model" / SHARD).unlink()
    browser.open(address + "?backend=cpu")
    assert browser.failure() == f"model/{SHARD} is missing: the server answered 404.\nBuild the page again."


def test_a_truncated_shard_is_named_with_its_sizes(browser, spoiled):
    directory, address = spoiled
    path = directory / "model" / SHARD
    whole = path.read_bytes()
    path.write_bytes(whole[:1000])
    browser.open(address)
    assert browser.failure() == (f"model/{SHARD} has 1000 bytes, {len(whole)} are right: it was cut short or "
                                 "replaced.\nBuild the page again.")


def test_a_shard_of_another_model_is_noticed_though_its_size_is_right(browser, spoiled):
    directory, address = spoiled
    path = directory / "model" / SHARD
    path.write_bytes(bytes(path.stat().st_size))
    browser.open(address + "?backend=cpu")
    assert browser.failure() == f"model/{SHARD} is not the file that this page was built with.\nBuild the page again."


def test_a_missing_script_is_named(browser, spoiled):
    directory, address = spoiled
    (directory / "tween.umd.js").unlink()
    browser.open(address)
    assert browser.failure() == "A script of this page (TWEEN) did not load.\nBuild the page again."


def test_a_model_that_tensorflowjs_refuses_shows_its_words(browser, spoiled):
    directory, address = spoiled
    path = directory / "model" / "model.json"
    text = path.read_text().replace('"MaxPooling2D"', '"MaxPoolinG2D"')
    path.write_text(text)
    about = json.loads((directory / "page.json").read_text())
    import hashlib
    for entry in about["files"]:
        if entry["name"] == "model/model.json":
            entry.update(bytes=len(text.encode()), sha256=hashlib.sha256(text.encode()).hexdigest())
    (directory / "page.json").write_text(json.dumps(about))
    browser.open(address + "?backend=cpu")
    words = browser.failure()
    assert words.startswith("TensorFlow.js does not take this model: ") and "MaxPoolinG2D" in words


def test_a_model_with_a_single_output_is_drawn_and_the_page_says_what_is_missing(browser, trained, tmp_path):
    from scripts import convert
    source, target = tmp_path / "json", tmp_path / "page"
    source.mkdir()
    target.mkdir()
    convert.convert(str(trained / "source.h5"), str(source))
    page.build(str(source), str(target))
    with Serving(target) as address:
        browser.open(address + "?backend=cpu")
        assert browser.failure() is None
        note = browser.evaluate("document.querySelector('.note').textContent")
        assert note.startswith("This model has a single output, so only its last layer is drawn.") \
            and "scripts.encapsulate" in note
        assert browser.evaluate("viewer.scene.drawnPixels()") > 500
        assert browser.problems() == []


def test_without_webgl_the_page_says_so_and_still_predicts(lenet):
    needs.node()
    with Browser(needs.chromium(), flags=["--disable-gpu", "--disable-software-rasterizer"]) as blind:
        blind.open(lenet)
        assert blind.failure().startswith("This browser has no WebGL, which the picture in three dimensions needs")
        assert blind.evaluate("tf.getBackend()") == "cpu"
        blind.evaluate("viewer.pick(7).then(() => 1)")
        assert blind.evaluate("document.querySelector('#bars .head strong').textContent") == "7"
        assert blind.evaluate("document.getElementById('match').textContent").startswith("matches Keras within ")


def test_a_page_opened_from_disk_says_how_it_can_be_opened(browser, lenet_files):
    browser.open("file://" + str(lenet_files / "index.html"))
    assert "--standalone" in browser.failure() and "scripts.viewer.serve" in browser.failure()


def test_a_standalone_page_works_from_disk_and_asks_no_one(browser, trained, tmp_path, keep):
    path = tmp_path / "Le Net ü #1.html"
    page.standalone(str(trained / "json"), str(path), data=needs.mnist(), reference=str(trained / "reference.npz"),
                    title="<b>&</b> {title}")
    assert os.listdir(str(tmp_path)) == [path.name]
    from urllib.parse import quote
    browser.open("file://" + quote(str(path)), before="window.fetched = []; const get = window.fetch; "
                 "window.fetch = (...all) => { fetched.push(all[0]); return get(...all); };")
    assert browser.failure() is None
    assert browser.evaluate("fetched") == []
    assert browser.evaluate("document.getElementById('title').textContent") == "<b>&</b> {title}"
    assert browser.evaluate("viewer.scene.drawnPixels()") > 5000
    assert browser.evaluate("document.getElementById('match').textContent").startswith("matches Keras within ")
    assert browser.problems() == []
    keep("standalone")


@pytest.mark.parametrize("version", ["4.22.0", "1.0.0"])
def test_tensorspace_itself_loads_the_model_the_way_its_guide_does(browser, spoiled, version):
    """Its own load(), init() and predict(), with the page's TensorFlow.js and with the one that it shipped with."""
    import shutil

    from scripts.viewer import packages
    directory, address = spoiled
    shutil.copy(packages.bundle("@tensorflow/tfjs", version), str(directory / "tf.min.js"))
    scripts = ["first.js", "three.min.js", "TrackballControls.js", "tween.umd.js", "tf.min.js", "tensorspace.min.js"]
    (directory / "index.html").write_text("<!DOCTYPE html><div id=scene style='width:600px;height:400px'></div>"
                                          + "".join(f"<script src={name}></script>" for name in scripts))
    browser.open(address)
    found = browser.evaluate("""new Promise((resolve, reject) => {
        window.addEventListener('unhandledrejection', event => reject(event.reason));
        const T = TSP.layers, model = new TSP.models.Sequential(document.getElementById('scene'));
        model.add(new T.GreyscaleInput()); model.add(new T.Conv2d()); model.add(new T.Pooling2d()); \
model.add(new T.Conv2d());
        model.add(new T.Pooling2d()); model.add(new T.Dense()); model.add(new T.Dense());
        model.add(new T.Output1d({outputs: ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9']}));
        model.load({type: 'keras', url: 'model/model.json'});
        model.init(async () => {
            const {samples} = await (await fetch('page.json')).json(), place = samples.labels.indexOf(7);
            const image = Array.from(atob(samples.pixels).slice(784 * place, 784 * (place + 1)), \
letter => letter.charCodeAt(0) / 255);
            model.predict(image, result => resolve({digit: result.indexOf(Math.max(...result)),
                shapes: model.layers.slice(1).map(layer => layer.outputShape), \
shown: model.layers.every(layer => layer.neuralValue)}));
        });
    })""")
    assert found == {"digit": 7, "shown": True,
                     "shapes": [[24, 24, 6], [12, 12, 6], [8, 8, 16], [4, 4, 16], [120], [84], [10]]}
