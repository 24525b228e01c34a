"""Words that are a model's or the catalogue's are text on the page, whatever they would be as markup."""
import pytest

from scripts import convert, encapsulate
from scripts.viewer import page
from scripts.viewer.chromium import Serving
from tests.unit import handmade

pytestmark = pytest.mark.modern  # a model made by hand; tests/unit/test_page.py reads the page's text on both stacks
MARKUP = "<img src=x onerror=canary()><script>canary()</script>\"'&amp;]]>"


def test_markup_in_a_models_name_a_title_or_a_label_is_text(browser, tmp_path):
    """Names of layers cannot be markup: TensorFlow.js takes none (tests/attacks)."""
    for folder in ("js", "page"):
        (tmp_path / folder).mkdir()
    record = handmade.topology()
    record["config"]["name"] = MARKUP
    encapsulate.build(handmade.h5(tmp_path / "model.h5", record), str(tmp_path / "enc.h5"))
    convert.convert(str(tmp_path / "enc.h5"), str(tmp_path / "js"))
    page.build(str(tmp_path / "js"), str(tmp_path / "page"), labels=[MARKUP, "{0}", "</title>" + MARKUP])
    with Serving(tmp_path / "page") as address:
        browser.open(address, before="window.ran = 0; window.canary = () => { window.ran += 1; };")
        assert browser.failure() is None
        assert browser.evaluate("document.title") == MARKUP
        said = browser.evaluate("document.body.textContent")
        assert browser.evaluate("window.ran") == 0
        assert browser.evaluate("document.querySelectorAll('img[src=x]').length") == 0
    assert MARKUP in said
