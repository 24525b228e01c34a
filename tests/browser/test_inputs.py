"""What goes into a model: files, the camera, what pixels are to it, samples of its own."""
import base64

import numpy
import pytest

from scripts.viewer import page
from scripts.viewer.chromium import Browser, Serving
from tests import needs
from tests.browser import judge

# The page's own JavaScript: which Python built the page changes none of it.
pytestmark = pytest.mark.modern
TORCH = {"mean": [0.485, 0.456, 0.406], "std": [0.229, 0.224, 0.225]}  # keras.applications' mode "torch"
STROKE = """(() => {
    const canvas = document.createElement('canvas'), context = canvas.getContext('2d');
    Object.assign(canvas, {width: 90, height: 60});
    context.fillStyle = '#fff';
    context.fillRect(0, 0, 90, 60);
    context.fillStyle = '#000';
    context.fillRect(42, 10, 6, 40);
    return canvas.toDataURL('image/png').split(',')[1];
})()"""  # a black one on white paper


@pytest.mark.parametrize("settings, mode", [
    ({"pixels": "caffe"}, "caffe"), ({"pixels": "-1..1"}, "tf"), (TORCH, "torch"),
])
def test_a_picture_is_to_the_model_what_keras_applications_make_of_it(browser, zoo, tmp_path, settings, mode):
    with numpy.load(str(zoo / "rgb" / "preprocessed.npz")) as archive:
        picture, wanted = archive["picture"], archive[mode]
    page.build(str(zoo / "rgb" / "json"), str(tmp_path), **settings)
    with Serving(tmp_path) as address:
        browser.open(address + "?backend=cpu")
        values = "Array.from(viewer.panels[0].values())"
        found = browser.evaluate(f"(viewer.panels[0].set({picture.ravel().tolist()}), {values})")
        back = browser.evaluate(f"(viewer.panels[0].setValues(viewer.panels[0].values()), {values})")
    for values in (found, back):
        assert numpy.abs(numpy.array(values).reshape(32, 32, 3) - wanted).max() < 1e-3


def test_a_picture_can_be_chosen_dropped_pasted_and_inverted_for_a_model_of_grey_images(browser, lenet, tmp_path):
    browser.open(lenet + "?backend=cpu")
    path = tmp_path / "one.png"
    stroke = browser.evaluate(STROKE)
    path.write_bytes(base64.b64decode(stroke))

    def seen():
        return numpy.array(browser.evaluate("viewer.still().then(() => Array.from(viewer.panels[0].values()))")
                           ).reshape(28, 28)

    def carried(event):
        browser.evaluate(f"""(() => {{
            const bytes = Uint8Array.from(atob({stroke!r}), letter => letter.charCodeAt(0));
            const carried = new DataTransfer();
            carried.items.add(new File([bytes], 'one.png', {{type: 'image/png'}}));
            {event};
        }})()""")

    judge.chosen(browser, browser.ask, "upload", selector="input[type=file]", path=str(path))
    paper = seen()
    assert paper[0, 0] == 1 and paper[14, 14] < 0.5
    browser.evaluate("document.querySelector('.sources label').click()")
    ink = seen()
    assert numpy.abs(ink - (1 - paper)).max() < 1e-6
    for event in ("document.querySelector('.work').dispatchEvent(new DragEvent('drop', {dataTransfer: carried}))",
                  "document.dispatchEvent(new ClipboardEvent('paste', {clipboardData: carried}))"):
        browser.evaluate("viewer.panels[0].clear()")
        judge.chosen(browser, carried, event)
        assert numpy.abs(seen() - ink).max() < 1e-6
    assert browser.problems() == []


CAMERA = ["--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream"]


def test_the_camera_is_a_picture_that_moves_until_it_is_stopped(lenet):
    with Browser(needs.chromium(), flags=CAMERA) as seeing:
        seeing.open(lenet + "?backend=cpu")
        button = ("Array.from(document.querySelectorAll('.sources button'))"
                  ".find(one => /Camera|Stop/.test(one.textContent))")
        seeing.evaluate(f"{button}.click()")
        values = "Array.from(viewer.panels[0].values()).join()"
        assert seeing.evaluate(f"""(async () => {{
            const seen = new Set();
            while (seen.size < 3) {{ seen.add({values}); await new Promise(done => setTimeout(done, 50)); }}
            return seen.size;
        }})()""") == 3
        seeing.evaluate(f"{button}.click()")
        assert seeing.evaluate(f"{button}.textContent") == "Camera"
        third, fourth = [seeing.evaluate(f"new Promise(done => setTimeout(() => done({values}), 500))")
                         for _ in range(2)]
        assert third == fourth
        assert seeing.problems() == []


# What stops a camera, each of them in JavaScript.
STOPS = ["button.click()", "viewer.panels[0].clear()", "viewer.panels[0].example()", "pasted()", """
    document.querySelector('.pad').dispatchEvent(new PointerEvent('pointerdown', {pointerId: 1, bubbles: true}))"""]


def test_a_camera_that_is_stopped_while_the_browser_asks_for_it_does_not_stay_on(lenet):
    with Browser(needs.chromium(), flags=CAMERA) as seeing:
        seeing.open(lenet + "?backend=cpu")
        for first in ("", "await new Promise(done => setTimeout(done, 300));"):  # and where it is on already
            for stop in STOPS:
                assert seeing.evaluate(f"""(async () => {{
                    const devices = navigator.mediaDevices, asked = [], plain = MediaDevices.prototype.getUserMedia;
                    devices.getUserMedia = how => {{ asked.push(plain.call(devices, how)); return asked[0]; }};
                    const button = Array.from(document.querySelectorAll('.sources button')).find(
                        one => one.textContent === 'Camera');
                    const pasted = () => {{
                        const carried = new DataTransfer();
                        carried.items.add(new File(['none'], 'none.png', {{type: 'image/png'}}));
                        document.dispatchEvent(new ClipboardEvent('paste', {{clipboardData: carried}}));
                    }};
                    button.click();
                    {first}
                    {stop};
                    const streams = await Promise.all(asked);
                    await new Promise(done => setTimeout(done, 100));
                    const tracks = streams.flatMap(one => one.getTracks().map(track => track.readyState));
                    return [button.textContent].concat(tracks);
                }})()""") == ["Camera", "ended"], (first, stop)
        assert seeing.problems() == []


def test_samples_of_a_models_own_are_given_to_all_of_its_inputs(browser, zoo, tmp_path):
    random = numpy.random.RandomState(3)
    images = random.randint(0, 256, (5, 28, 28)).astype("uint8")
    numbers = random.normal(0, 1, (5, 6)).astype("float32")
    numpy.savez(str(tmp_path / "own.npz"), input_0=images, input_1=numbers, y=numpy.array([0, 1, 2, 1, 0]))
    (tmp_path / "page").mkdir()
    page.build(str(zoo / "two_inputs" / "json"), str(tmp_path / "page"), given=str(tmp_path / "own.npz"),
               labels=["ant", "bee", "cow"])
    with Serving(tmp_path / "page") as address:
        browser.open(address + "?backend=cpu")
        for place in (2, 4):
            browser.evaluate(f"viewer.pick({place}).then(() => 1)")
            found = [numpy.array(browser.evaluate(f"Array.from(viewer.panels[{i}].values())")) for i in (0, 1)]
            assert numpy.abs(found[0] - images[place].ravel() / 255).max() < 1e-6
            assert numpy.abs(found[1] - numbers[place]).max() < 1e-6
        assert browser.evaluate("Array.from(document.querySelectorAll('.samples button'), one => one.title)") == [
            f"sample {i + 1}, labelled {label}" for i, label in enumerate(["ant", "bee", "cow", "bee", "ant"])]
        assert browser.problems() == []


def test_numbers_for_an_embedding_are_within_its_vocabulary_and_words_are_refused_in_a_line(browser, zoo, tmp_path):
    page.build(str(zoo / "text" / "json"), str(tmp_path))
    with Serving(tmp_path) as address:
        browser.open(address + "?backend=cpu")
        values = browser.evaluate("Array.from(viewer.panels[0].values())")
        assert all(value == int(value) and 0 <= value < 2000 for value in values) and max(values) > 100
        typed = """(text => {{ const area = document.querySelector('textarea'); area.value = text;
            area.dispatchEvent(new Event('input'));
            return [document.querySelector('#inputs .hint').textContent,
                    document.getElementById('predictions').classList.contains('stale')]; }})({!r})"""
        for text, words in (("this movie is great", "“this” is no number: this model takes 40 whole numbers"),
                            (" ".join(["2000"] * 40), "This model takes 40 whole numbers from 0 to 1999"),
                            ("1 2 3", "3 of 40 whole numbers from 0 to 1999")):
            said, stale = browser.evaluate(typed.format(text))
            assert said.startswith(words) and stale
        said, stale = browser.evaluate(typed.format(" ".join(map(str, range(1960, 2000)))))
        assert said == "40 whole numbers from 0 to 1999" and not stale
        assert browser.evaluate("Array.from(viewer.panels[0].values())") == list(range(1960, 2000))
        assert browser.problems() == []
