"""What a picture must be whatever the model: centred, as large as its window, its layers apart, its edges the model's.

Measured on the pixels that are drawn and on the scene's bounding boxes, in the browser that has the page open.
"""
import itertools

DESK, PHONE = (1280, 800), (390, 844)
FILLED = (0.60, 0.95)  # of the side that is filled more
CENTRED = 0.03
ALIKE = 0.003  # of the picture's bytes: as many differ where texels and the edges of shapes are rounded differently
LEAST = 12  # pixels of a layer's smaller side


def settle(browser):
    browser.evaluate("viewer.scene.still().then(() => 1)")


def chosen(browser, choose, *given, **options):
    """Have `choose(…)` give a picture to the page, and wait until the page has taken it, or has said why not."""
    status = "document.querySelector('#inputs .work [role=status]').textContent"
    browser.evaluate(f"{status} = ''")
    choose(*given, **options)
    browser.evaluate(f"""(async () => {{
        while (!{status}) await new Promise(done => setTimeout(done, 20));
        await viewer.still();
    }})()""")


def insights(browser):
    """Open what the page knows of each layer; return its words, a text per layer, once all of them stand there."""
    return browser.evaluate("""(async () => {
        const all = Array.from(document.querySelectorAll('.insight'));
        for (const one of all) one.open = true;
        while (!all.every(one => one.querySelector('p').textContent)) await new Promise(done => setTimeout(done, 20));
        return all.map(one => one.innerText);
    })()""")


def fitted(browser, words):
    """The drawn pixels fill 60 - 95 % of one side of the window and are in its middle; nothing beside it is cut off."""
    box = browser.evaluate("viewer.scene.drawnBox()")
    assert box["count"] > 500, words
    assert browser.evaluate("document.documentElement.scrollWidth <= innerWidth && "
                            "viewer.scene.canvas.getBoundingClientRect().right <= innerWidth"), words
    beside = browser.evaluate("(({scrollWidth, clientWidth}) => [scrollWidth, clientWidth])("
                              "document.querySelector('aside'))")
    assert beside[0] <= beside[1], (words, beside)
    filled = max((box["right"] - box["left"]) / box["width"], (box["bottom"] - box["top"]) / box["height"])
    assert FILLED[0] <= filled <= FILLED[1], (words, filled)
    for low, high, side in (("left", "right", "width"), ("top", "bottom", "height")):
        assert abs((box[low] + box[high]) / 2 / box[side] - 0.5) <= CENTRED, (words, box)


def overlap(one, other):
    """The part of the smaller of two rectangles that lies in the other."""
    wide = min(one["right"], other["right"]) - max(one["left"], other["left"])
    high = min(one["bottom"], other["bottom"]) - max(one["top"], other["top"])
    least = min((each["right"] - each["left"]) * (each["bottom"] - each["top"]) for each in (one, other))
    return max(wide, 0) * max(high, 0) / least


def apart(browser, words, least=LEAST):
    """Every layer is large enough to be seen, and told from every other; open ones do not touch, in space."""
    figures = browser.evaluate("viewer.scene.figures()")
    for figure in figures:
        smaller = min(figure["right"] - figure["left"], figure["bottom"] - figure["top"])
        assert smaller >= least, (words, figure["name"], smaller)
    layers = browser.evaluate("viewer.page.drawing.layers.length")
    assert browser.evaluate("viewer.scene.drawCalls()") <= min(layers, len(figures)), words
    alone = browser.evaluate("viewer.scene.apart()")  # each figure in calls of its own
    assert alone["drawn"] > browser.evaluate("viewer.scene.drawCalls()"), words
    assert alone["part"] < ALIKE, (words, alone)
    for one, other in itertools.combinations(figures, 2):
        assert overlap(one, other) < 0.2, (words, one["name"], other["name"])
        if one["open"] and other["open"]:
            assert any(one["box"]["max"][axis] <= other["box"]["min"][axis] + 1e-6
                       or other["box"]["max"][axis] <= one["box"]["min"][axis] + 1e-6 for axis in "xyz"), \
                (words, one["name"], other["name"])


def legible(browser, words, all_named):
    """No label covers another one; all_named: no layer is without its label."""
    labels = browser.evaluate("viewer.scene.labels()")
    for one, other in itertools.combinations(labels, 2):
        assert overlap(one, other) == 0, (words, one["name"], other["name"])
    if all_named:
        named = {label["name"] for label in labels}
        assert {figure["name"] for figure in browser.evaluate("viewer.scene.figures()")} == named, words


def joined(browser):
    """Every edge of the model is a line of the picture, and no other is."""
    wanted = browser.evaluate("viewer.page.drawing.layers.flatMap(layer => "
                              "layer.sources.map(source => [source, layer.name]))")
    assert sorted(browser.evaluate("viewer.scene.edges()")) == sorted(wanted)


def picture(browser, keep, name):
    """Judge the open page's picture: both themes, a desk's window and a phone's, as it begins, closed and open."""
    for size in (DESK, PHONE):
        browser.ask("resize", width=size[0], height=size[1])
        for state in ("as it begins", "closed", "open"):
            words = f"{name}, {size[0]} x {size[1]}, {state}"
            if state != "as it begins":
                browser.evaluate(f"viewer.showAll({'true' if state == 'open' else 'false'}).then(() => 1)")
            settle(browser)
            fitted(browser, words)
            if size == DESK:
                apart(browser, words)
            legible(browser, words, size == DESK)
            keep(f"{name}-{'desk' if size == DESK else 'phone'}-{state.replace(' ', '-')}")
        browser.evaluate("viewer.setTheme('light')")
        fitted(browser, f"{name}, {size[0]} x {size[1]}, light")
        keep(f"{name}-{'desk' if size == DESK else 'phone'}-light")
        browser.evaluate("viewer.setTheme('dark')")
    browser.ask("resize", width=DESK[0], height=DESK[1])
    browser.evaluate("viewer.showAll(false).then(() => viewer.scene.foldAll(false)).then(() => 1)")
    fitted(browser, f"{name}, unfolded")
    apart(browser, f"{name}, unfolded")
    joined(browser)
    keep(f"{name}-unfolded")
