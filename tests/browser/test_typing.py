"""Words are typed into a text model's page, and numbers alone into one of numbers."""
import os

import pytest

from scripts import preprocess
from scripts.viewer import page
from scripts.viewer.chromium import Serving
from tests.unit import handmade

pytestmark = pytest.mark.modern  # the page's own JavaScript, and a model made by hand
FIELD, SAID = ".typing textarea", ".typing [role=status]"


@pytest.fixture
def reviews(tmp_path):
    os.makedirs(str(tmp_path / "js"))
    os.makedirs(str(tmp_path / "page"))
    preprocess.preprocess(handmade.reviews(tmp_path / "model.h5"), str(tmp_path / "js"))
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
    browser.open(reviews + "?backend=cpu", width=1280, height=800)
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
