"""LeNet's page in a real browser: what it computes is what Keras computed, and all that a reader may touch works."""
import os

import h5py
import numpy
import pytest

from scripts.viewer import samples
from tests import needs
from tests.browser import judge, models

one_stack = pytest.mark.modern  # the page's own JavaScript: which Python built the page changes nothing of it
BOUND = 1e-4  # times the largest value of a layer
SEVEN = [[[0.3, 0.25], [0.7, 0.25], [0.45, 0.85]]]


@pytest.fixture(scope="module")
def expected(trained):
    """What Keras makes of the page's samples: (images, {layer: activations}, labels)."""
    with numpy.load(str(trained / "reference.npz")) as archive:
        arrays = {name: archive[name] for name in archive.files}
    with numpy.load(needs.mnist()) as archive:
        labels = archive["y_test"]
    labels = labels[samples.places(labels)]
    return arrays["input_0"], {name: arrays[f"output_{place}"] for place, name in enumerate(models.LAYERS)}, labels


def activations(browser, name):
    return numpy.array(browser.evaluate(f"Array.from(viewer.values({name!r}))"), "float32")


def shown_digit(browser):
    return browser.evaluate("document.querySelector('#bars .head strong').textContent")


def test_it_loads_draws_and_says_nothing_in_the_console(browser, lenet, keep):
    browser.open(lenet + "?theme=dark", width=1400, height=860)
    assert browser.failure() is None
    assert browser.evaluate("viewer.scene.drawnPixels()") > 20000
    assert browser.evaluate("document.title") == "LeNet"
    assert browser.evaluate("document.getElementById('loading').hidden")
    assert browser.evaluate("viewer.pick(7).then(() => 1)") == 1
    keep("lenet")
    assert browser.problems() == []


APPEARS = """new MutationObserver(changes => {
    for (const node of changes.flatMap(change => Array.from(change.addedNodes))) {
        if (node.nodeName !== 'MAIN' || !window.viewer) continue;
        window.appeared = {predicted: Boolean(viewer.values('Conv2D_1')), drawing: typeof THREE !== 'undefined',
            asked: performance.getEntriesByType('resource').map(entry => entry.name.split('/').pop()),
            late: performance.now() > 4000};
    }
}).observe(document, {childList: true, subtree: true});"""


@one_stack
def test_the_first_prediction_of_a_light_model_waits_for_no_layout_and_for_nothing_that_draws(browser, lenet):
    browser.open(lenet + "?backend=cpu", before=APPEARS)
    found = browser.evaluate("window.appeared")
    assert found["predicted"] or found["late"]  # on a machine that is busy
    assert not found["drawing"]
    assert sorted(found["asked"]) == sorted(["style.css", "first.js", "tf.min.js", "page.js", "page.json",
                                             "model.json", "group1-shard1of1.bin"])


@pytest.mark.parametrize("backend", [pytest.param("webgl", marks=one_stack), "cpu"])
def test_every_layer_of_every_sample_is_what_keras_computed(browser, lenet, expected, backend):
    images, layers, labels = expected
    browser.open(lenet + "?backend=" + backend)
    assert browser.evaluate("tf.getBackend()") == backend
    for place in range(10):
        browser.evaluate(f"viewer.pick({place}).then(() => 1)")
        for name, values in layers.items():
            found, wanted = activations(browser, name), values[place].ravel()
            assert found.shape == wanted.shape, name
            assert numpy.abs(found - wanted).max() <= BOUND * max(1, numpy.abs(wanted).max()), name
            assert found.argmax() == wanted.argmax(), name


@one_stack
def test_it_names_the_right_digit_for_ten_test_images(browser, lenet, expected):
    images, layers, labels = expected
    right = [place for place in range(len(labels)) if layers["Softmax"][place].argmax() == labels[place]]
    ten = [right[[labels[place] for place in right].index(digit)] for digit in range(10)]
    browser.open(lenet + "?backend=cpu")
    for place in ten:
        browser.evaluate(f"document.querySelectorAll('.samples button')[{place}].click()")
        browser.evaluate(f"viewer.pick({place}).then(() => 1)")
        assert shown_digit(browser) == str(labels[place])
        assert "✓" in browser.evaluate("document.querySelector('#bars .head').textContent")


@one_stack
def test_tensorspace_shows_the_values_that_the_model_computed(browser, lenet):
    browser.open(lenet + "?backend=cpu")
    browser.evaluate("viewer.pick(3).then(() => 1)")
    assert browser.evaluate("""viewer.page.drawing.layers.every(layer => {
        const shown = viewer.scene.model.getLayerByName(layer.name).neuralValue, computed = viewer.values(layer.name);
        return shown.length === computed.length && shown.every((value, i) => value === computed[i]); })""")


@one_stack
@pytest.mark.parametrize("corner, size", [((0.1, 0.1), 0.8), ((0.05, 0.05), 0.4), ((0.55, 0.5), 0.4)])
def test_a_seven_drawn_with_the_mouse_is_a_seven_wherever_and_however_large(browser, lenet, keep, corner, size):
    browser.open(lenet + "?backend=cpu")
    browser.ask("click", selector=".seen button")
    strokes = [[[corner[0] + size * x, corner[1] + size * y] for x, y in stroke] for stroke in SEVEN]
    browser.ask("drag", selector=".pad", strokes=strokes)
    browser.evaluate("viewer.still().then(() => 1)")
    assert shown_digit(browser) == "7"
    pixels = numpy.array(browser.evaluate("Array.from(viewer.panels[0].values())")).reshape(28, 28)
    rows, columns = numpy.nonzero(pixels > 0.2)
    assert 18 <= max(numpy.ptp(rows), numpy.ptp(columns)) + 1 <= 21  # MNIST's digits fill 20 x 20
    centre = [(pixels.sum(axis=axis) * (numpy.arange(28) + 0.5)).sum() / pixels.sum() for axis in (1, 0)]
    assert numpy.abs(numpy.array(centre) - 14).max() < 0.5  # and have their mass in the middle
    keep("drawn-seven")


@one_stack
def test_every_layer_opens_and_closes_from_the_list(browser, lenet):
    browser.open(lenet + "?backend=cpu")
    browser.evaluate("viewer.showAll(false).then(() => 1)")
    for name in models.LAYERS:
        assert not browser.evaluate(f"viewer.scene.isOpen({name!r})")
        closed = browser.evaluate("viewer.scene.drawnPixels()")
        browser.evaluate(f"viewer.toggle({name!r}).then(() => 1)")
        assert browser.evaluate(f"viewer.scene.isOpen({name!r})"), name
        assert browser.evaluate("viewer.scene.drawnPixels()") not in (0, closed)
        browser.evaluate(f"viewer.toggle({name!r}).then(() => 1)")
        assert not browser.evaluate(f"viewer.scene.isOpen({name!r})"), name
    assert browser.problems() == []


@one_stack
def test_buttons_open_all_close_all_and_change_the_colours(browser, lenet):
    browser.open(lenet + "?theme=dark")
    is_open = "viewer.page.drawing.layers.map(layer => viewer.scene.isOpen(layer.name))"
    browser.ask("click", selector="#close-all")
    browser.evaluate("viewer.scene.still().then(() => 1)")
    assert not any(browser.evaluate(is_open))
    browser.ask("click", selector="#open-all")
    browser.evaluate("viewer.scene.still().then(() => 1)")
    assert all(browser.evaluate(is_open))
    dark = browser.evaluate("viewer.scene.model.modelRenderer.scene.background.getHex()")
    browser.ask("click", selector="#theme")
    assert browser.evaluate("document.documentElement.dataset.theme") == "light"
    assert browser.evaluate("viewer.scene.model.modelRenderer.scene.background.getHex()") > dark
    assert browser.evaluate("viewer.scene.drawnPixels()") > 10000
    browser.ask("click", selector="#fit")
    assert browser.problems() == []


@one_stack
def test_the_keyboard_picks_samples_by_their_label_and_clears(browser, lenet, expected):
    labels = list(expected[2])
    browser.open(lenet + "?backend=cpu")
    chosen = ("Array.from(document.querySelectorAll('.samples button'))"
              ".findIndex(button => button.getAttribute('aria-pressed') === 'true')")
    browser.ask("press", key="4")
    assert labels[browser.evaluate(chosen)] == 4
    first = browser.evaluate(chosen)
    browser.ask("press", key="4")
    assert labels[browser.evaluate(chosen)] == 4 and browser.evaluate(chosen) != first
    browser.ask("press", key="ArrowRight")
    assert browser.evaluate(chosen) == labels.index(4, first + 1) + 1
    browser.ask("press", key="Delete")
    browser.evaluate("viewer.still().then(() => 1)")
    assert browser.evaluate("Math.max(...viewer.panels[0].values())") == 0
    browser.ask("press", key="?")
    assert not browser.evaluate("document.getElementById('keys').hidden")
    assert browser.problems() == []


@one_stack
def test_the_picture_button_saves_a_png_of_the_model(browser, lenet, tmp_path):
    browser.open(lenet + "?backend=cpu")
    path = str(tmp_path / "picture.png")
    assert browser.ask("download", selector="#picture", path=path) == "LeNet.png"
    with open(path, "rb") as stream:
        assert stream.read(8) == b"\x89PNG\r\n\x1a\n"
    assert os.path.getsize(path) > 5000


@one_stack
def test_every_layer_has_a_label_and_hovering_marks_the_same_layer_in_the_picture_and_in_the_list(browser, lenet):
    browser.open(lenet + "?backend=cpu", width=1280, height=800)
    assert {label["lines"][0] for label in browser.evaluate("viewer.scene.labels()")} == {"input"} | set(models.LAYERS)
    lit = ("[document.querySelector('#list .lit .name'), document.querySelector('.label.lit b')]"
           ".map(found => found && found.textContent)")

    def settled(wanted):  # a browser that draws in software takes its time
        for _ in range(300):
            if browser.evaluate(f"new Promise(done => setTimeout(done, 100)).then(() => {lit})") == wanted:
                return True
        return False

    place = browser.evaluate("viewer.scene.canvas.getBoundingClientRect().toJSON()")
    for figure in browser.evaluate("viewer.scene.figures()")[1:4]:
        browser.ask("hover", x=place["left"] + 0.25 * figure["left"] + 0.75 * figure["right"] - 6,
                    y=place["top"] + 0.25 * figure["top"] + 0.75 * figure["bottom"] - 6)
        assert settled([figure["name"]] * 2), figure["name"]
    row = browser.evaluate("document.querySelectorAll('#list li > button')[2].getBoundingClientRect().toJSON()")
    browser.ask("hover", x=row["left"] + 20, y=row["top"] + 10)
    assert settled([models.LAYERS[2]] * 2)
    browser.ask("hover", x=place["left"] + 2, y=place["top"] + 2)
    assert settled([None, None])


@one_stack
def test_a_click_in_the_picture_opens_and_closes_a_layer_and_all_of_it_stays_in_view(browser, lenet):
    browser.open(lenet + "?backend=cpu", width=1280, height=800)
    browser.evaluate("viewer.showAll(false).then(() => 1)")
    for expected in (True, False):
        place = browser.evaluate("viewer.scene.canvas.getBoundingClientRect().toJSON()")
        figure = next(each for each in browser.evaluate("viewer.scene.figures()") if each["name"] == "Conv2D_2")
        browser.ask("tap", x=place["left"] + (figure["left"] + figure["right"]) / 2,
                    y=place["top"] + (figure["top"] + figure["bottom"]) / 2)
        judge.settle(browser)
        assert browser.evaluate("viewer.scene.isOpen('Conv2D_2')") is expected
        judge.fitted(browser, expected)


@one_stack
def test_the_picture_that_is_saved_has_the_title_and_the_labels(browser, lenet):
    browser.open(lenet + "?backend=cpu&theme=dark", width=1280, height=800)
    written = browser.evaluate("""(async () => {
        const image = new Image();
        image.src = viewer.scene.picture('LeNet', '7 layers');
        await image.decode();
        const canvas = document.createElement('canvas'), [width, height] = [image.width, image.height];
        Object.assign(canvas, {width, height});
        const context = canvas.getContext('2d');
        context.drawImage(image, 0, 0);
        const above = height - viewer.scene.canvas.height;
        const bright = (x, y, w, h) => { const {data} = context.getImageData(x, y, w, h); let count = 0;
            for (let i = 0; i < data.length; i += 4) count += data[i] > 120 && data[i + 2] > 120; return count; };
        return {above, title: bright(0, 0, width, above), labels: viewer.scene.labels().map(box =>
            bright(box.left, above + box.top, box.right - box.left, box.bottom - box.top))};
    })()""")
    assert written["above"] > 0 and written["title"] > 100
    assert len(written["labels"]) == 8 and min(written["labels"]) > 20


def test_the_page_says_how_far_this_browser_is_from_keras(browser, lenet):
    browser.open(lenet + "?backend=cpu")
    assert browser.evaluate("document.getElementById('match').textContent").startswith("matches Keras within ")
    differences = browser.evaluate("viewer.differences")
    assert set(differences) == set(models.LAYERS)
    assert all(0 <= difference < 1e-4 for difference in differences.values())


@one_stack
def test_a_layers_kernels_histogram_and_strongest_inputs_are_those_of_the_source(browser, lenet, trained, expected):
    found = {}
    with h5py.File(str(trained / "source.h5"), "r") as archive:
        archive["model_weights"].visititems(lambda path, item: found.update({path: numpy.array(item)})
                                            if isinstance(item, h5py.Dataset) else None)
    kernels, last = [next(value for path, value in found.items() if name + "/" in path and "kernel" in path)
                     for name in ("Conv2D_1", "Softmax")]
    browser.open(lenet + "?backend=cpu")
    browser.evaluate("viewer.pick(7).then(() => 1)")
    words = judge.insights(browser)
    assert "6 kernels, 5 × 5" in words[0] and all("% zero" in each for each in words)
    drawn = browser.evaluate("""(() => { const canvas = document.querySelector('.kernels');
        return [canvas.width, Array.from(canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data)];
    })()""")
    picture = numpy.array(drawn[1]).reshape(-1, drawn[0], 4)[:5, :5, 0]
    first = kernels[:, :, 0, 0]
    assert numpy.abs(picture - 127.5 * (1 + first / numpy.abs(first).max())).max() <= 1
    images, layers, labels = expected
    digit = layers["Softmax"][7].argmax()
    moved = last[:, digit] * layers["Dense_2"][7]
    assert words[-1].split("is moved most by inputs ")[1].startswith(f"{numpy.abs(moved).argmax()} (")


@one_stack
def test_the_page_says_which_layers_it_does_not_show(browser, lenet):
    browser.open(lenet + "?backend=cpu")
    assert "7 of 9 layers shown" in browser.evaluate("document.getElementById('facts').textContent")
    assert browser.evaluate("document.getElementById('notes').textContent").endswith(
        "are left out: no output of the model, or nothing happens there.")


@one_stack
def test_while_a_slow_model_runs_the_old_prediction_is_marked_as_such(browser, lenet):
    browser.open(lenet + "?backend=cpu")
    assert browser.evaluate("""(async () => {
        const seen = [], note = () => { seen.push(document.getElementById('predictions').getAttribute('aria-busy')
            + document.getElementById('busy').textContent); };
        new MutationObserver(note).observe(document.getElementById('predictions'), {attributes: true});
        const now = performance.now.bind(performance);
        let slow = 0; // a clock by which every prediction takes a second
        performance.now = () => now() + 1000 * slow++;
        await viewer.pick(1);
        await viewer.pick(2);
        performance.now = now;
        await new Promise(resolve => setTimeout(resolve));
        return [seen.includes('truecomputing …'), seen[seen.length - 1]];
    })()""") == [True, "false"]


@one_stack
def test_the_page_says_so_where_a_layer_differs_from_keras(browser, spoiled):
    directory, address = spoiled
    reference = numpy.fromfile(str(directory / "reference.bin"), "<f4")
    reference[-1] += 0.01  # the last value of the last sample's last layer
    reference.tofile(str(directory / "reference.bin"))
    browser.open(address)
    assert browser.evaluate("document.getElementById('match').textContent") \
        == "1 layer differs from Keras, by up to 1e-2"
    assert "differs from Keras" in browser.evaluate(
        "document.querySelector('#list li:last-child .difference').textContent")


@one_stack
def test_the_list_tells_class_shape_parameters_and_share_and_shows_the_activations(browser, lenet):
    browser.open(lenet + "?backend=cpu")
    rows = browser.evaluate("Array.from(document.querySelectorAll('#list li'), "
                            "row => row.innerText.split('\\n').map(line => line.trim()).filter(Boolean))")
    assert [row[0] for row in rows] == models.LAYERS
    assert "24 × 24 × 6" in rows[0][1] and "Conv2D → Conv2d" in rows[0][2] and rows[0][3].startswith("156 · 0.4 %")
    assert "Dense → Output1d" in rows[-1][2] and rows[-1][3].startswith("850 · 1.9 %")
    drawn = browser.evaluate("""Array.from(document.querySelectorAll('#list li > button canvas'), canvas => {
        const data = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data;
        return new Set(Array.from(data).filter((_, i) => i % 4 === 1)).size; })""")
    assert len(drawn) == 7 and min(drawn) > 1
