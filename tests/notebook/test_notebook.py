"""docs/notebook.ipynb is executed, its HTML draws the model in Chromium, and JupyterLab shows the page below a cell."""
import json
import os
import re
import shutil
import subprocess
import sys
import time
import urllib.request

import pytest

from scripts.viewer.chromium import Browser, Problem, Serving
from tests import needs

pytestmark = pytest.mark.modern  # Jupyter's notebooks of today; show itself is tested on both stacks

NOTEBOOK = os.path.join(needs.ROOT, "docs", "notebook.ipynb")
PICTURES = os.environ.get("PICTURES")  # where screenshots are kept, if anywhere
DRAWN = """viewer.still().then(() => [document.title, viewer.scene.layers ? viewer.scene.layers.length : 0,
    document.getElementById('failure').hidden, document.getElementById('match').textContent])"""

SLID = """(async () => {
    const values = [], hidden = [], match = document.getElementById('match');
    for (const epoch of [0, 8]) {
        await viewer.epochs.go(epoch);
        values.push(Array.from(viewer.values('digit')));
        hidden.push(match.hidden);
    }
    return [...values, hidden];
})()"""


def environment():
    """The environment of a kernel: this checkout, as a package beside the notebook's copy."""
    return dict(os.environ, PYTHONPATH=needs.ROOT, TENSORSPACE_PACKAGES=os.path.join(needs.ROOT, ".packages"),
                TF_CPP_MIN_LOG_LEVEL="3", JUPYTER_PLATFORM_DIRS="1")


def lines(cell):
    return "".join(cell["source"])


def texts(cell):
    """The words that a cell's outputs hold as plain text."""
    return "".join("".join(output.get("text", "")) + "".join(output.get("data", {}).get("text/plain", ""))
                   for output in cell["outputs"])


@pytest.fixture(scope="module")
def executed(tmp_path_factory):
    """The notebook with its outputs, as a path, after every cell was run."""
    for name in ("nbclient", "nbconvert", "ipykernel"):
        needs.module(name, "notebook")
    needs.tensorflow()
    needs.node()
    folder = tmp_path_factory.mktemp("notebook")
    path = folder / "notebook.ipynb"
    shutil.copy(NOTEBOOK, str(path))
    subprocess.run([sys.executable, "-m", "jupyter", "execute", "--inplace", "--timeout=300", str(path)],
                   cwd=str(folder), env=environment(), check=True)
    return path


def cells_of(path):
    with open(str(path), encoding="utf-8") as stream:
        return [cell for cell in json.load(stream)["cells"] if cell["cell_type"] == "code"]


@pytest.fixture(scope="module")
def chromium():
    needs.node()
    with Browser(needs.chromium()) as running:
        yield running


def keep(chromium, name):
    """Keep a screenshot in $PICTURES, where that is set."""
    if PICTURES:
        os.makedirs(PICTURES, exist_ok=True)
        chromium.ask("screenshot", path=os.path.join(os.path.abspath(PICTURES), name + ".png"))


def test_the_notebook_is_kept_without_outputs():
    assert all(cell["outputs"] == [] and cell["execution_count"] is None for cell in cells_of(NOTEBOOK))


def test_every_cell_says_what_the_text_around_it_promises(executed):
    cells = cells_of(executed)
    said = {lines(cell).splitlines()[0]: cell for cell in cells}
    assert not [output for cell in cells for output in cell["outputs"] if output["output_type"] == "error"]
    table = said["summary(model)"]["outputs"][0]["data"]
    assert "<table>" in "".join(table["text/html"]) and "Conv2D" in "".join(table["text/plain"])
    assert "['conv', 'pool', 'flatten', 'digit']" in texts(cells[3])
    assert "outputs=['conv', 'pool', 'digit']" in texts(cells[-3]) and "format='layers'" in texts(cells[-3])
    assert texts(cells[-2]).startswith("the model 'digits': no layer is called 'convolution'")
    pages = [output["data"]["text/html"] for cell in cells for output in cell["outputs"]
             if "srcdoc" in "".join(output.get("data", {}).get("text/html", ""))]
    assert len(pages) == 2 and os.path.isfile(str(executed.parent / "out" / "model.json"))


def test_the_html_of_the_notebook_draws_the_model(executed, chromium, tmp_path):
    from nbconvert import HTMLExporter
    html, _ = HTMLExporter(mathjax_url="", require_js_url="").from_filename(str(executed))
    assert html.count(' srcdoc="') == 2
    (tmp_path / "index.html").write_text(html, encoding="utf-8")
    with Serving(tmp_path) as address:
        chromium.open(address, height=800)
        chromium.evaluate("document.querySelectorAll('iframe')[0].scrollIntoView()")
        title, _, well, match = chromium.ask("inside", code=DRAWN)
        keep(chromium, "notebook-html")
        assert (title, well) == ("digits", True) and re.match("matches Keras within", match)
        chromium.evaluate("document.querySelectorAll('iframe')[0].remove()")
        chromium.evaluate("document.querySelectorAll('iframe')[0].scrollIntoView()")
        epochs = chromium.ask("inside", code="viewer.still().then(() => [viewer.epochs.count, viewer.epochs.at, "
                                             "document.querySelector('#epochs output').textContent])")
        assert epochs[:2] == [9, 8] and epochs[2].startswith("epoch 8 · accuracy ")
        untrained, trained, hidden = chromium.ask("inside", code=SLID)
        assert max(untrained) < 0.3 < max(trained) and hidden == [True, False], "the badge is the last epoch's"


def test_jupyterlab_shows_the_page_below_the_cell(executed, chromium):
    needs.module("jupyterlab", "notebook")
    folder = str(executed.parent)
    server = subprocess.Popen(
        [sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root", "--ip=127.0.0.1", "--port=0",
         "--IdentityProvider.token=", "--ServerApp.disable_check_xsrf=True", "--LabApp.news_url=None",
         "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate", "--notebook-dir=" + folder],
        cwd=folder, env=dict(environment(), HOME=folder, JUPYTER_RUNTIME_DIR=os.path.join(folder, "runtime")),
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        address = address_of(server, os.path.join(folder, "runtime"))
        subprocess.run([sys.executable, "-m", "jupyter", "trust", str(executed)], check=True,
                       env=dict(environment(), HOME=folder), stdout=subprocess.DEVNULL)
        chromium.open(address + "lab/tree/notebook.ipynb?reset", width=1400, height=1000)
        title, _, well, match = in_sight(chromium)
        keep(chromium, "jupyterlab")
        assert (title, well) == ("digits", True) and re.match("matches Keras within", match)
    finally:
        server.terminate()
        server.wait(30)


def address_of(server, runtime):
    """Return where JupyterLab answers: it writes that into a file beside its process's number."""
    path = os.path.join(runtime, f"jpserver-{server.pid}.json")
    for _ in range(600):
        assert server.poll() is None, "JupyterLab ended"
        if os.path.exists(path):
            try:
                with open(path) as stream:
                    address = json.load(stream)["url"]
                urllib.request.urlopen(address + "api", timeout=5).read()
                return address
            except (OSError, ValueError):
                pass
        time.sleep(0.1)
    raise AssertionError("JupyterLab does not answer")


def in_sight(chromium):
    """Scroll JupyterLab's notebook until the page's cell is drawn; return what the page says."""
    scroll = """(() => { const frame = document.querySelector('iframe[srcdoc]');
        if (frame) { frame.scrollIntoView(); return true; }
        for (const cell of document.querySelectorAll('.jp-WindowedPanel-outer, .jp-Notebook')) cell.scrollTop += 300;
        return false; })()"""
    for _ in range(300):
        try:
            if chromium.evaluate(scroll):
                return chromium.ask("inside", code=DRAWN)
        except Problem:
            pass  # JupyterLab loads itself anew once
        time.sleep(0.2)
    raise AssertionError("JupyterLab shows no page")
