"""The list of all models: each page is built when it is opened first, and says how far it is."""
import json
import threading
import time

import pytest

from scripts.viewer import index
from tests.unit.test_serve import ask

PAGE = {"title": "Ours <b>", "reference": {"file": "reference.bin"}, "drawing": {"parameters": 44426, "layers": [
    {"class": "Conv2d", "shape": [24, 24, 6]}, {"class": "Output1d", "shape": [10]}]}}


@pytest.fixture
def site(tmp_path):
    """A list of three models: (port, {name: Event that lets its build go on}, names that were built)."""
    root, gates, built = tmp_path / "pages", {}, []
    (root / "ours").mkdir(parents=True)
    (root / "ours" / "page.json").write_text(json.dumps(PAGE))
    (root / "ours" / "index.html").write_text("the old page")

    def build(name, say):
        built.append(name)
        say(f"converting <{name}>")
        gates.setdefault(name, threading.Event()).wait(20)
        if name == "broken":
            say("broken.h5: no model")
            return 1
        (root / name).mkdir(exist_ok=True)
        (root / name / "index.html").write_text("the page of " + name)
        return 0

    for name in ("ours", "fresh", "broken"):
        gates[name] = threading.Event()
    server = index.Index(str(root), 0, [index.Shown(name, name.title()) for name in gates], build)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    yield server.server_port, gates, built
    server.shutdown()
    server.server_close()
    thread.join()


def opened(port, target, ready):
    """Ask until the answer is ready, at most ten seconds."""
    for _ in range(100):
        status, headers, body = ask(port, target)
        if ready(body):
            return status, body.decode()
        time.sleep(0.1)
    pytest.fail(body.decode())


def test_the_list_names_every_model_with_a_picture_its_layers_and_parameters_and_builds_none(site):
    port, gates, built = site
    status, headers, body = ask(port, "/")
    text = body.decode()
    assert status == 200 and built == [] and "script" not in text
    assert "Ours &lt;b&gt;" in text and "2 layers · 44 k parameters" in text and "compared with Keras" in text
    assert text.count("<rect") == 2 and "Fresh" in text and text.count("built when it is opened") == 3
    assert ask(port, "/", host="elsewhere.example")[0] == 421


def test_a_page_is_built_when_it_is_opened_and_once(site):
    port, gates, built = site
    status, body = opened(port, "/fresh/", lambda body: b"converting" in body)
    assert "Building Fresh" in body and "converting &lt;fresh&gt;" in body and 'http-equiv="refresh"' in body
    gates["fresh"].set()
    opened(port, "/fresh/", lambda body: body == b"the page of fresh")
    assert ask(port, "/fresh/index.html")[2] == b"the page of fresh" and built == ["fresh"]


def test_a_build_that_failed_shows_why_and_is_tried_again(site):
    port, gates, built = site
    gates["broken"].set()
    status, body = opened(port, "/broken/", lambda body: b"could not be built" in body)
    assert "broken.h5: no model" in body and built == ["broken"]
    opened(port, "/broken/", lambda body: b"could not be built" in body)
    assert built == ["broken", "broken"]


def test_files_of_a_page_are_served_and_nothing_beside_the_pages_is(site):
    port, gates, built = site
    assert ask(port, "/ours/page.json")[0] == 200
    for target in ("/nobody/", "/../secret", "/ours/../../secret", "/ours"):
        assert ask(port, target)[0] == 404
