"""Words are typed into a text model's page, and numbers alone into one of numbers."""
import os

import pytest

from scripts import preprocess
from scripts.viewer import page
from scripts.viewer.chromium import Serving
from tests.unit import handmade

WORDS = ["movie", "great", "bad"]
FIELD, SAID = ".typing textarea", ".typing [role=status]"


def h5(path):
    """A text classifier as Keras 3 saves it: 6 words of 3, and others."""
    layers = [
        ("InputLayer", {"batch_shape": [None, 1], "dtype": "string", "name": "review"}, {}),
        ("TextVectorization", {
            "name": "words", "standardize": "lower_and_strip_punctuation", "split": "whitespace", "ngrams": None,
            "output_mode": "int", "output_sequence_length": 6, "vocabulary": WORDS, "max_tokens": None}, {}),
        ("Embedding", {"name": "embedded", "input_dim": 5, "output_dim": 3}, {"embeddings": (5, 3)}),
        ("GlobalAveragePooling1D", {"name": "mean", "data_format": "channels_last"}, {}),
        ("Dense", {"name": "mood", "units": 2, "activation": "softmax", "use_bias": True},
         {"kernel": (3, 2), "bias": (2,)})]
    return handmade.sequential(path, layers)


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
        return [...document.querySelectorAll('.token')].map(token => token.firstChild.textContent + ' ' + token.lastChild.textContent);
    }})()""")


def test_typed_words_become_the_models_numbers(browser, reviews, keep):
    browser.open(reviews, width=1280, height=800)
    assert browser.failure() is None and browser.problems() == []
    assert typed(browser, FIELD, "This MOVIE is great, great!") == ["this 1", "movie 2", "is 1", "great 3", "great 3"]
    assert browser.evaluate("Array.from(viewer.panels[0].values())") == [1, 2, 1, 3, 3, 0]
    first = browser.evaluate("Array.from(viewer.values('mood'))")
    keep("typed-words")
    assert browser.evaluate(f"document.querySelector('{SAID}').textContent") == "5 words of at most 6, 2 unknown"
    assert browser.evaluate("document.querySelectorAll('.token.unknown').length") == 2
    typed(browser, FIELD, "bad bad bad bad bad bad bad bad")
    assert browser.evaluate(f"document.querySelector('{SAID}').textContent") == "8 words of at most 6, the last 2 left out"
    assert browser.evaluate("Array.from(viewer.values('mood'))") != first
    typed(browser, FIELD, "")
    assert browser.evaluate("Array.from(viewer.panels[0].values())") == [0] * 6
    browser.click(".typing button")
    assert browser.evaluate("document.querySelector('.typing textarea').value.length") > 0
