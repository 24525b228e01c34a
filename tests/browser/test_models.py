"""Models of every kind are drawn and computed in a real browser as Keras computes them."""
import json
import shutil

import h5py
import numpy
import pytest

from scripts.viewer import packages, page
from scripts.viewer.chromium import Serving
from tests import needs
from tests.browser import graph_model, judge, models

one_stack = pytest.mark.modern  # the page's own JavaScript: which Python built the page changes nothing of it
KINDS = {
    "rgb": ("Sequential", ["Conv2d", "Pooling2d", "Conv2d", "Pooling2d", "GlobalPooling2d", "Output1d"]),
    "branched": ("Model", ["Conv2d", "Conv2d", "Add", "Multiply", "Average", "Maximum", "Concatenate", "Pooling2d",
                           "Flatten", "Dense", "Output1d", "Output1d"]),
    "two_inputs": ("Model", ["Conv2d", "Flatten", "Dense", "Dense", "Add", "Concatenate", "Dense", "Output1d"]),
    "not_square": ("Sequential", ["Conv2d", "DepthwiseConv2d", "UpSampling2d", "Cropping2d", "Padding2d",
                                  "Conv2dTranspose"]),
    "sequence": ("Sequential", ["Conv1d", "Pooling1d", "Layer2d", "GlobalPooling1d", "Dense", "Reshape", "Layer2d",
                                "Flatten", "Output1d"]),
    "unet": ("Model", ["Conv2d", "Conv2d", "Pooling2d", "Conv2d", "Conv2d", "Pooling2d", "Conv2d", "Conv2d"]
             + 2 * ["Conv2dTranspose", "Concatenate", "Conv2d", "Conv2d"] + ["Conv2d"]),
    "text": ("Sequential", ["Layer2d", "Layer2d", "GlobalPooling1d", "Dense", "Output1d"]),
    "video": ("Model", ["Layer3d", "Layer3d", "Layer3d", "Reshape", "Layer2d", "Layer3d", "GlobalPooling1d",
                        "Output1d"]),
    "autoencoder": ("Sequential", ["Conv2d", "Conv2d", "Flatten", "Dense", "Dense", "Reshape", "Conv2dTranspose",
                                   "Conv2dTranspose"]),
}
# Those that WebGL computes, which compiles a shader for each operation: seconds of a processor where no GPU is.
SHADED = ("branched", "not_square", "sequence")


def opened(browser, json_dir, directory, reference=None, query="?theme=dark&backend=cpu", **window):
    """Build the page of a model and open it; it must draw, complain of nothing, and agree with Keras."""
    page.build(str(json_dir), str(directory), reference=reference and str(reference))
    with Serving(directory) as address:
        browser.open(address + query, **window)
        assert browser.failure() is None
        assert browser.evaluate("viewer.scene.drawnPixels()") > 500
        if reference:
            assert browser.evaluate("document.getElementById('match').textContent").startswith("matches Keras within ")
        yield
        assert browser.failure() is None
        assert browser.problems() == []


@pytest.mark.parametrize("name", [pytest.param(name, marks=[] if name in models.BOTH_STACKS else one_stack)
                                  for name in sorted(KINDS)])
def test_a_model_is_drawn_with_tensorspaces_own_layers_and_agrees_with_keras(browser, zoo, tmp_path, keep, name):
    for _ in opened(browser, zoo / name / "json", tmp_path, zoo / name / "reference.npz",
                    f"?theme=dark&backend={'webgl' if name in SHADED else 'cpu'}"):
        drawing = browser.evaluate("viewer.page.drawing")
        assert (drawing["kind"], [layer["class"] for layer in drawing["layers"]]) == KINDS[name]
        judge.picture(browser, keep, name)
        closed = browser.evaluate("viewer.showAll(false).then(() => viewer.scene.drawnPixels())")
        opened_all = browser.evaluate("viewer.showAll(true).then(() => viewer.scene.drawnPixels())")
        assert min(closed, opened_all) > 500
        assert browser.evaluate("viewer.page.drawing.layers.every(layer => viewer.scene.isOpen(layer.name))")


FAR = """(async () => {
    const far = {};
    for (const {name, arrays} of %s) {
        const model = await tf.loadLayersModel(`${name}/model.json`);
        const tensors = {input: [], output: []};
        for (const [kind, file, shape] of arrays)
            tensors[kind].push(tf.tensor(new Float32Array(await (await fetch(file)).arrayBuffer()), shape));
        const found = [].concat(model.predict(tensors.input));
        const numbers = found.length === tensors.output.length ? tensors.output.map((expected, place) => {
            const largest = Math.max(1, expected.abs().max().dataSync()[0]);
            return found[place].sub(expected).abs().max().dataSync()[0] / largest;
        }) : [Infinity];
        far[name] = Math.max(...numbers);
    }
    return {far, version: tf.version.tfjs, backend: tf.getBackend()};
})()"""


@one_stack
def test_the_tensorflow_js_that_tensorspace_shipped_with_computes_what_keras_does_with_webgl(browser, zoo, tmp_path):
    shutil.copy(packages.bundle("@tensorflow/tfjs", "1.0.0"), str(tmp_path / "tf.min.js"))
    (tmp_path / "index.html").write_text("<!DOCTYPE html><script src=tf.min.js></script>")
    cases = []
    for name in sorted(set(models.BUILDERS) - {"video"}):  # a graph model, of operations that 1.0.0 has not
        shutil.copytree(str(zoo / name / "json"), str(tmp_path / name))
        arrays = []
        with numpy.load(str(zoo / name / "reference.npz")) as reference:
            for key in reference.files:
                path = tmp_path / name / (key + ".bin")
                path.write_bytes(reference[key].astype("<f4").tobytes())
                arrays.append([key.split("_")[0], f"{name}/{path.name}", list(reference[key].shape)])
        cases.append({"name": name, "arrays": arrays})
    with Serving(tmp_path) as address:
        browser.open(address)
        found = browser.evaluate(FAR % json.dumps(cases))
    assert (found["version"], found["backend"]) == ("1.0.0", "webgl")
    assert {name: far for name, far in found["far"].items() if not far <= 1e-5} == {}


@one_stack
def test_layers_of_an_image_that_is_not_square_are_not_scrambled(browser, zoo, tmp_path):
    """TensorSpace takes the first size for the width; a picture that is bright on its left must be drawn so."""
    for _ in opened(browser, zoo / "not_square" / "json", tmp_path):
        texture = browser.evaluate("""(async () => {
            const pixels = new Float32Array(20 * 40 * 3).map((_, i) => Math.floor(i / 3) % 40 < 20 ? 1 : 0);
            viewer.panels[0].setValues(pixels);
            await viewer.still();
            const map = viewer.scene.model.layers[0].aggregationHandler;
            return {width: map.width || map.fmWidth, height: map.height || map.fmHeight, \
data: Array.from(map.dataArray || map.dataArrayB)};
        })()""")
        assert (texture["width"], texture["height"]) == (40, 20)
        values = texture["data"]
        step = len(values) // 800
        rows = [values[row * 40 * step:(row + 1) * 40 * step] for row in range(20)]
        assert all(min(row[:20 * step]) > max(row[20 * step:]) or step == 3 for row in rows)


@one_stack
def test_a_strip_is_stepped_through_and_each_map_holds_the_values_of_its_step(browser, zoo, tmp_path, keep):
    for _ in opened(browser, zoo / "video" / "json", tmp_path):
        sheet = """(name => {
            const layer = viewer.scene.model.getLayerByName(name), one = layer.neuralGroup.children.map(child =>
                child.children.find(each => each.sheet)).find(Boolean);
            return {channels: one.sheet.channels, columns: one.sheet.columns};
        })"""
        browser.evaluate("viewer.scene.show('volume', true).then(() => 1)")
        browser.evaluate("viewer.scene.show('recurrent', true).then(() => 1)")
        assert browser.evaluate("viewer.scene.pages('volume')") == "slice 1 of 5"
        for _ in range(2):
            browser.evaluate("viewer.scene.turnPage('volume', 1).then(() => 1)")
        assert browser.evaluate("viewer.scene.pages('volume')") == "slice 3 of 5"
        assert browser.evaluate(sheet + "('volume')")["channels"] == list(range(24, 36))  # 12 of each slice
        # The steps are columns and the channels rows.
        assert browser.evaluate(sheet + "('recurrent')") == {
            "channels": [step * 6 + channel for channel in range(6) for step in range(5)], "columns": 5}
        keep("video-stepped")
        same = browser.evaluate("""viewer.run(viewer.panels.map(panel => panel.values())).then(found => {
            const layers = viewer.page.drawing.layers, off = [];
            for (const layer of layers.filter(one => one.strip)) {
                const [height, width, depth] = layer.shape, {steps, channels} = layer.strip, own = found[layer.output];
                const drawn = viewer.values(layer.name), at = [steps - 1, height - 1, 1, channels - 1];
                const place = ((at[0] * height + at[1]) * width + at[2]) * channels + at[3];
                off.push(own[place] - drawn[(at[1] * width + at[2]) * depth + at[0] * channels + at[3]]);
            }
            return off;
        })""")
        assert same == [0, 0, 0, 0]
        the_weights_of_a_graph_model_are_shown(browser, zoo / "video" / "source.h5")


def the_weights_of_a_graph_model_are_shown(browser, source):
    """The kernels of its convolution, and the input that moves its last layer most, as its source has them."""
    found = {}
    with h5py.File(str(source), "r") as archive:
        archive["model_weights"].visititems(lambda path, item: found.update({path: numpy.array(item)})
                                            if isinstance(item, h5py.Dataset) else None)
    kernel = next(value for path, value in found.items() if "kind/" in path and "kernel" in path)
    judge.insights(browser)
    words = browser.evaluate("Object.fromEntries(Array.from(document.querySelectorAll('#list li'), one => "
                             "[one.querySelector('.name').textContent, one.innerText]))")
    mean, kind = (numpy.array(browser.evaluate(f"Array.from(viewer.values('{name}'))")) for name in ("mean", "kind"))
    moved = kernel[:, kind.argmax()] * mean
    assert words["kind"].split("is moved most by inputs ")[1].startswith(f"{numpy.abs(moved).argmax()} (")
    assert "12 kernels, 3 × 3" in words["volume"] and "24 kernels, 3 × 3" in words["recurrent"]


@one_stack
def test_a_graph_model_that_execute_does_not_run_is_run_by_executeasync(browser, tmp_path):
    (tmp_path / "json").mkdir()
    (tmp_path / "page").mkdir()
    graph_model.slow(tmp_path / "json")
    for _ in opened(browser, tmp_path / "json", tmp_path / "page"):
        for values in ([1, 2, 3, 4], [5, -6, 7, 8]):
            browser.evaluate(f"(viewer.panels[0].setValues({values}), viewer.still().then(() => 1))")
            assert browser.evaluate("Array.from(viewer.values('kept'))") == values


@one_stack
def test_pages_of_a_wide_layer_turn(browser, zoo, tmp_path):
    window = {"width": 1280, "height": 800}  # with room for the labels of both rows, whichever comes first
    for _ in opened(browser, zoo / "branched" / "json", tmp_path, **window):
        browser.evaluate("viewer.scene.still().then(() => viewer.scene.show('wide', true)).then(() => 1)")
        pages = browser.evaluate("""(() => {
            const layer = viewer.scene.model.getLayerByName('wide'), seen = [layer.segmentIndex];
            while (layer.nextButtonHandler && seen.length < 9) { layer.updatePage('next'); \
seen.push(layer.segmentIndex); }
            return [seen, Boolean(layer.lastButtonHandler)]; })()""")
        assert pages == [[0, 1, 2], True]  # 500 units, 200 a page
        words = []
        for _ in range(2):
            browser.evaluate("viewer.scene.turnPage('wide', 1).then(() => 1)")
            words.append(browser.evaluate("viewer.scene.pages('wide')"))
        assert words == ["1 – 200 of 500", "201 – 400 of 500"]
        labels = browser.evaluate("viewer.scene.still().then(() => "
                                  "Array.from(document.querySelectorAll('.label'), label => label.textContent))")
        assert any(text.startswith("wide") and text.endswith("‹›") for text in labels), labels


@one_stack
def test_two_inputs_each_move_the_output(browser, zoo, tmp_path):
    for _ in opened(browser, zoo / "two_inputs" / "json", tmp_path):
        read = "Array.from(viewer.values('kind'))"
        first = browser.evaluate(read)
        browser.evaluate("(viewer.panels[1].clear(), viewer.still().then(() => 1))")
        second = browser.evaluate(read)
        browser.ask("drag", selector=".pad", strokes=[[[0.2, 0.5], [0.8, 0.5]]])
        browser.evaluate("viewer.still().then(() => 1)")
        assert len({json.dumps(values) for values in (first, second, browser.evaluate(read))}) == 3


@one_stack
def test_an_uploaded_photo_is_cropped_scaled_and_predicted(browser, zoo, tmp_path, lenet):
    browser.open(lenet + "?backend=cpu")
    photo = str(tmp_path / "photo.png")  # 1000 x 600, of another page
    browser.ask("screenshot", path=photo)
    (tmp_path / "page").mkdir()
    for _ in opened(browser, zoo / "rgb" / "json", tmp_path / "page"):
        before = browser.evaluate("Array.from(viewer.panels[0].values())")
        judge.chosen(browser, browser.ask, "upload", selector="input[type=file]", path=photo)
        after = browser.evaluate("Array.from(viewer.panels[0].values())")
        assert len(after) == 32 * 32 * 3 and after != before and 0 <= min(after) < max(after) <= 1
        (tmp_path / "no.png").write_bytes(b"no image")
        judge.chosen(browser, browser.ask, "upload", selector="input[type=file]", path=str(tmp_path / "no.png"))
        assert "no image that the browser can read" in browser.evaluate("document.querySelector('.seen p').textContent")


@one_stack
@pytest.mark.parametrize("name, counts", [
    ("mobilenet", {"Conv2d": 15, "DepthwiseConv2d": 13}),
    ("resnet50", {"Conv2d": 53, "Add": 16}),
])
def test_an_application_of_keras_is_drawn_whole(browser, zoo, tmp_path, keep, name, counts):
    for _ in opened(browser, zoo / name / "json", tmp_path, zoo / name / "reference.npz"):
        classes = [layer["class"] for layer in browser.evaluate("viewer.page.drawing.layers")]
        assert {kind: classes.count(kind) for kind in counts} == counts
        assert classes[-1] == "Output1d"
        judge.picture(browser, keep, name)
        browser.evaluate("document.querySelector('#layers .block .name').textContent = 'expanded_conv_'.repeat(9)")
        judge.fitted(browser, f"{name}, a block with a long name")


LABELS = """(() => {
  const labels = Labels.create(document.createElement('div'), {}), row = {top: 500, bottom: 627, right: 395};
  labels.place([
    {name: 'pad', title: 'block_13_pad', words: '7 × 7 × 576',
     rect: {left: 402, ...row, right: 475}, room: 110, near: 1},
    {name: 'block', title: 'block_13_depthwise_relu … block_16', words: '14 layers · 3 × 3 × 1280',
     rect: {left: 262, ...row}, room: 130, near: 0},
    {name: 'below', title: 'below', words: '', rect: {left: 262, ...row, top: 640, bottom: 700}, room: 110, near: 1}]);
  return Object.fromEntries(labels.boxes().map(({name, lines}) => [name, lines]));
})()"""


@one_stack
def test_a_label_is_shortened_as_far_as_its_neighbours_ask(browser, lenet):
    """MobileNetV2's picture: neither the room of the block nor its width leaves its neighbour's label free."""
    browser.open(lenet + "?backend=cpu")
    assert browser.evaluate(LABELS) == {"pad": ["block_13_pad", "7 × 7 × 576"], "below": ["below"],
                                        "block": ["block_13 …", "3 × 3 × 1280"]}


@one_stack
def test_a_graph_model_is_drawn_from_its_operations(browser, tmp_path, keep):
    needs.reference()
    json_dir = graph_model.convert(tmp_path)
    (tmp_path / "page").mkdir()
    for _ in opened(browser, json_dir, tmp_path / "page"):
        drawing = browser.evaluate("viewer.page.drawing")
        assert drawing["format"] == "graph"
        assert [layer["class"] for layer in drawing["layers"]] == ["Conv2d", "Pooling2d", "Dense", "Output1d"]
        words = judge.insights(browser)
        assert "4 kernels, 5 × 5" in words[0] and "is moved most by" in words[2] and "is moved most by" in words[3]
        keep("graph")
