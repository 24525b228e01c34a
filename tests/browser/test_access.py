"""The page for everyone: WCAG 2.2 AA by axe-core, the keyboard alone, a phone's window."""
import pytest

from scripts.viewer import packages, page
from scripts.viewer.chromium import Serving
from tests.browser.judge import DESK, PHONE

# The page's own HTML and JavaScript: which Python built the page changes none of them.
pytestmark = pytest.mark.modern
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]
FIND = f"""axe.run(document, {{runOnly: {RULES}}}).then(found => found.violations.map(rule => [rule.id, \
rule.nodes.map(node => [node.html.slice(0, 120), node.failureSummary])]))"""


def axe():
    with open(packages.bundle("axe-core"), encoding="utf-8") as stream:
        return stream.read()


def check(browser, words):
    assert browser.evaluate(FIND) == [], words


def test_lenets_page_has_no_violation_in_both_themes_on_a_desk_and_a_phone_with_help_and_without(browser, lenet):
    browser.open(lenet + "?theme=dark&backend=cpu", width=DESK[0], height=DESK[1], before=axe())
    for size in (DESK, PHONE):
        browser.ask("resize", width=size[0], height=size[1])
        for theme in ("dark", "light"):
            browser.evaluate(f"viewer.setTheme({theme!r})")
            check(browser, (size, theme))
        browser.ask("press", key="?")
        check(browser, (size, "help"))
        box = browser.evaluate("document.getElementById('keys').getBoundingClientRect().toJSON()")
        assert box["top"] >= 0 and box["bottom"] <= size[1] and box["left"] >= 0 and box["right"] <= size[0]
        browser.ask("press", key="Escape")
    assert browser.problems() == []


@pytest.mark.parametrize("name", ["rgb", "text"])
def test_the_page_of_a_photo_and_of_numbers_has_no_violation(browser, zoo, tmp_path, name):
    page.build(str(zoo / name / "json"), str(tmp_path))
    with Serving(tmp_path) as address:
        browser.open(address + "?theme=dark&backend=cpu", before=axe())
        for theme in ("dark", "light"):
            browser.evaluate(f"viewer.setTheme({theme!r})")
            check(browser, theme)


def test_the_keyboard_reaches_the_layers_in_a_few_steps_and_opens_one(browser, lenet):
    browser.open(lenet + "?backend=cpu", width=DESK[0], height=DESK[1])
    stops = []
    while not (stops and stops[-1].startswith("Conv2D_1")):
        browser.ask("press", key="Tab")
        stops.append(browser.evaluate("document.activeElement.innerText || document.activeElement.ariaLabel || ''"))
        assert len(stops) < 20, stops
    assert sum("Test image" in stop for stop in stops) == 1
    was = browser.evaluate("viewer.scene.isOpen('Conv2D_1')")
    browser.ask("press", key="Enter")
    browser.evaluate("viewer.scene.still().then(() => 1)")
    assert browser.evaluate("viewer.scene.isOpen('Conv2D_1')") != was
    assert browser.evaluate("document.querySelector('.label.lit b').textContent") == "Conv2D_1"


def test_on_a_phone_nothing_covers_the_model(browser, lenet):
    browser.open(lenet + "?backend=cpu", width=PHONE[0], height=PHONE[1])
    scene, title, tools = [browser.evaluate(f"document.querySelector({place!r}).getBoundingClientRect().toJSON()")
                           for place in ("#scene", "#stage header", "#tools")]
    assert title["bottom"] <= scene["top"] and scene["bottom"] <= tools["top"] and tools["bottom"] <= PHONE[1]
