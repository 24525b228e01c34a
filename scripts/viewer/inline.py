"""A page in one piece, where a program shows it: below a notebook's cell, or in the browser.

In a notebook (Jupyter Lab, Notebook 7, VS Code, Colab, the HTML that nbconvert makes) an iframe's srcdoc holds the
whole page, without a server and without a file beside the notebook.  The iframe is sandboxed: the page's scripts reach
neither the notebook nor its kernel.
"""
import html
import os
import sys
import tempfile
import webbrowser
from typing import Any, Optional

from ..base import command
from . import serve

LARGE = 50e6  # bytes of HTML that are worth a word before they are made
RIGHTS = "allow-scripts allow-downloads allow-popups"
DEVICES = "camera; clipboard-write; fullscreen"


def notebook() -> Optional[Any]:
    """Return IPython's display where this program runs in a notebook, else None.  IPython is not imported for it."""
    shells = sys.modules.get("IPython.core.getipython")
    shell = shells.get_ipython() if shells is not None else None
    if shell is None or getattr(shell, "kernel", None) is None:
        return None
    return sys.modules["IPython"].display


def iframe(page: str, height: int) -> str:
    """Return the HTML of an iframe that holds a whole page, `height` pixels high."""
    return (f'<iframe srcdoc="{html.escape(page)}" sandbox="{RIGHTS}" allow="{DEVICES}" loading="lazy" '
            f'style="width: 100%; height: {height}px; border: 0" title="model"></iframe>')


def display(page: str, height: int) -> bool:
    """Show a page's HTML below the running cell; return False where there is no notebook."""
    shown = notebook()
    if shown is None:
        return False
    shown.display({"text/html": iframe(page, height), "text/plain": "a model, drawn by TensorSpace"}, raw=True)
    return True


def browse(path: str) -> None:
    """Open a page's file in the browser, where this machine can, and say where the file is."""
    command.say(path)
    if serve.can_open():
        webbrowser.open("file://" + os.path.abspath(path))


def place() -> str:
    """Return the path of a new file for a page, which stays: a browser reads it after the program has ended."""
    return os.path.join(tempfile.mkdtemp(prefix="tensorspace-"), "model.html")


def warning(size: float, quantized: bool) -> Optional[str]:
    """Return the line about a large page, None for a small one.

    size: bytes of the HTML.  quantized: whether the weights are already.
    """
    if size < LARGE:
        return None
    remedy = "" if quantized else ('; show(…, quantize="uint8") draws the same picture from about '
                                   f"{size / 4e6:.0f} MB, with rounded values")
    return f"a page of about {size / 1e6:.0f} MB, most of it weights{remedy}"
