"""What show() puts below a cell draws where a notebook's page allows little: VS Code's policy, Colab's sandbox."""
import html

import pytest

from scripts import show
from scripts.viewer import inline
from scripts.viewer.chromium import Serving
from tests.unit import handmade

# microsoft/vscode, notebook/browser/view/renderers/backLayerWebView.ts: the strictest setting, enableCsp
VS_CODE = ("default-src 'none'; script-src 'self' https://*.vscode-cdn.net 'unsafe-inline' 'unsafe-eval'; "
           "style-src 'self' https://*.vscode-cdn.net 'unsafe-inline'; img-src 'self' https: http: data:; "
           "font-src 'self' https:; connect-src https:; child-src https: data:")
# Colab shows each output in a frame of another origin
COLAB = "allow-downloads allow-forms allow-pointer-lock allow-popups allow-scripts"
DRAWN = """viewer.still().then(() => [document.title, viewer.scene !== undefined,
    document.getElementById('failure').hidden, viewer.values('softmax').length])"""


@pytest.mark.modern  # the page is the same on both stacks
def test_a_page_below_a_cell_draws_in_vs_code_s_and_colab_s_frames(browser, tmp_path, keep):
    show(handmade.h5(tmp_path / "model.h5"), compare=False, path=tmp_path / "page.html")
    cell = inline.iframe((tmp_path / "page.html").read_text(encoding="utf-8"), 500)
    policy = f'<!DOCTYPE html><meta charset="utf-8"><meta http-equiv="Content-Security-Policy" content="{VS_CODE}">'
    inside = f'<iframe srcdoc="{html.escape(cell)}" sandbox="{COLAB}" style="width: 100%; height: 560px"></iframe>'
    for name, page in (("vs-code", policy + cell), ("colab", "<!DOCTYPE html>" + inside)):
        (tmp_path / name).mkdir()
        (tmp_path / name / "index.html").write_text(page, encoding="utf-8")
        with Serving(tmp_path / name) as address:
            browser.open(address, height=600)
            assert browser.ask("inside", code=DRAWN) == ["model.h5", True, True, 3]
            keep("below-a-cell-" + name)
