"""Words are typed into a text model's page, and numbers alone into one of numbers."""
import json
import os

import h5py
import numpy
import pytest

from scripts import preprocess
from scripts.viewer import page
from scripts.viewer.chromium import Serving

WORDS = ["movie", "great", "bad"]
FIELD, SAID = ".typing textarea", ".typing [role=status]"


def layer(class_name, name, **config):
    return {"class_name": class_name, "config": dict({"name": name, "trainable": True, "dtype": "float32"}, **config)}


def h5(path):
    """Write a text classifier as Keras does: 6 words of 3 that are known, and others."""
    start = {"class_name": "InputLayer", "config": {
        "batch_input_shape": [None, 1], "dtype": "string", "sparse": False, "ragged": False, "name": "review"}}
    record = {"class_name": "Sequential", "config": {"name": "reviews", "layers": [
        start, layer("TextVectorization", "words", standardize="lower_and_strip_punctuation", split="whitespace",
                     ngrams=None, output_mode="int", output_sequence_length=6, vocabulary=WORDS, max_tokens=None),
        layer("Embedding", "embedded", input_dim=5, output_dim=3, input_length=None, mask_zero=False),
        layer("GlobalAveragePooling1D", "mean", data_format="channels_last"),
        layer("Dense", "mood", units=2, activation="softmax", use_bias=True)]}}
    random = numpy.random.RandomState(3)
    shapes = {"embedded": {"embeddings": (5, 3)}, "mood": {"kernel": (3, 2), "bias": (2,)}}
    with h5py.File(path, "w") as file:
        file.attrs["keras_version"], file.attrs["backend"] = "2.6.0", "tensorflow"
        file.attrs["model_config"] = json.dumps(record)
        group = file.create_group("model_weights")
        group.attrs["layer_names"] = [name.encode() for name in ("words", "embedded", "mean", "mood")]
        for name in ("words", "embedded", "mean", "mood"):
            own = group.create_group(name)
            own.attrs["weight_names"] = [f"{name}/{one}:0".encode() for one in shapes.get(name, ())]
            for one, shape in shapes.get(name, {}).items():
                own[f"{name}/{one}:0"] = random.normal(0, 1, shape).astype("float32")
    return path


@pytest.fixture
def reviews(tmp_path):
    os.makedirs(str(tmp_path / "js"))
    os.makedirs(str(tmp_path / "page"))
    preprocess.preprocess(h5(str(tmp_path / "model.h5")), str(tmp_path / "js"))
    page.build(str(tmp_path / "js"), str(tmp_path / "page"))
    with Serving(tmp_path / "page") as address:
        yield address


def typed(browser, selector, words):
    """Type into a field; return what the page says of it, once the prediction is done."""
    return browser.evaluate(f"""(async () => {{
        const field = document.querySelector({selector!r});
        field.value = {words!r};
        field.dispatchEvent(new Event('input'));
        await viewer.still();
        return Array.from(document.querySelectorAll('.token'), token =>
            Array.from(token.childNodes, node => node.textContent).join(' '));
    }})()""")


def said(browser):
    return browser.evaluate(f"document.querySelector('{SAID}').textContent")


def test_typed_words_become_the_models_numbers(browser, reviews, keep):
    browser.open(reviews, width=1280, height=800)
    assert browser.failure() is None and browser.problems() == []
    assert typed(browser, FIELD, "This MOVIE is great, great!") == ["this 1", "movie 2", "is 1", "great 3", "great 3"]
    assert browser.evaluate("Array.from(viewer.panels[0].values())") == [1, 2, 1, 3, 3, 0]
    first = browser.evaluate("Array.from(viewer.values('mood'))")
    keep("typed-words")
    assert said(browser) == "5 words of at most 6, 2 unknown"
    assert browser.evaluate("document.querySelectorAll('.token.unknown').length") == 2
    typed(browser, FIELD, "bad bad bad bad bad bad bad bad")
    assert said(browser) == "8 words of at most 6, the last 2 left out"
    assert browser.evaluate("Array.from(viewer.values('mood'))") != first
    typed(browser, FIELD, "")
    assert browser.evaluate("Array.from(viewer.panels[0].values())") == [0] * 6
    browser.ask("click", selector=".typing button")
    assert browser.evaluate("document.querySelector('.typing textarea').value.length") > 0
