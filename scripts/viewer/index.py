"""All models at once: a list of them on 127.0.0.1, where each page is built when it is first opened.

The pages are side by side in one directory, NAME's at /NAME/.  A page that is being built shows the lines of the build.
"""
import base64
import hashlib
import html
import json
import os
import threading
from typing import Any, Callable, Dict, List, NamedTuple, Optional
from urllib.parse import quote, unquote

from ..base import command
from ..formats import json_text
from . import serve
from .building import by_doit

# A picture's colours, by the beginning of TensorSpace's class, as palette.js has them on dark ground.
COLOURS = (("Conv", "#facc15"), ("Depthwise", "#fb923c"), ("Pooling", "#38d6e8"), ("GlobalPooling", "#60a5fa"),
           ("Dense", "#4ade80"), ("Output", "#94a3b8"), ("Concatenate", "#f9a8d4"), ("Layer", "#f2986a"),
           ("UpSampling", "#34e0c8"), ("Flatten", "#a5b4fc"), ("Reshape", "#b197fc"), ("Padding", "#7db8ff"))
OTHER = "#f8647b"
MOST = 48  # layers in a picture
LINES = 12  # of a build, on the page that waits for it
STYLE = """
:root { color-scheme: light dark; --ground: light-dark(#f3f5f9, #0b0f17); --panel: light-dark(#fff, #121826);
  --line: light-dark(#d8dee9, #2a3448); --text: light-dark(#172033, #e7ecf5); --soft: light-dark(#5b6780, #93a0b8);
  --accent: light-dark(#0f766e, #4fd1c5); }
body { margin: 0 auto; max-width: 1080px; padding: 32px 20px; background: var(--ground); color: var(--text);
  font: 15px/1.5 system-ui, "Segoe UI", "Noto Sans", "DejaVu Sans", sans-serif; }
h1 { font-size: 22px; margin: 0 0 4px; }
p { color: var(--soft); margin: 0 0 18px; }
ul { list-style: none; margin: 0; padding: 0; display: grid; gap: 16px;
  grid-template-columns: repeat(auto-fill, minmax(240px, 1fr)); }
a { display: block; color: inherit; text-decoration: none; background: var(--panel); border: 1px solid var(--line);
  border-radius: 14px; padding: 16px; }
a:hover, a:focus-visible { border-color: var(--accent); outline: 2px solid var(--accent); }
svg { display: block; width: 100%; height: 72px; margin-bottom: 12px; }
b { display: block; overflow-wrap: anywhere; }
span { color: var(--soft); font-size: 13px; }
i { font-style: normal; font-size: 12px; color: var(--accent); display: block; margin-top: 6px; }
pre { background: var(--panel); border: 1px solid var(--line); border-radius: 10px; padding: 14px;
  white-space: pre-wrap; overflow-wrap: anywhere; }
"""
POLICY = "default-src 'none'; style-src 'sha256-{}'; base-uri 'none'; form-action 'none'".format(
    base64.b64encode(hashlib.sha256(STYLE.encode("utf-8")).digest()).decode("ascii"))


class Shown(NamedTuple):
    """A model of the list: its name, which is its directory's too, and the title that its page will have."""

    name: str
    title: str


class Building:
    """The build of one page: what it has said so far, and how it ended."""

    def __init__(self, build: Callable[[str, Callable[[str], None]], int], name: str) -> None:
        self.said, self.status = [], None  # type: List[str], Optional[int]
        self._thread = threading.Thread(target=self._run, args=(build, name), daemon=True)
        self._thread.start()

    def _run(self, build, name):
        self.status = build(name, self.said.append)


class Handler(serve.Handler):
    """Answers "/" with the list, "/NAME/" with a page or with how far its build is, and the rest with files."""

    def answer(self, body: bool) -> None:
        """Answer a request; `body` tells whether the answer's text goes with the head."""
        if self.headers.get("Host", "") not in self.server.hosts:
            return super().answer(body)
        parts = unquote(self.path.split("#")[0].split("?")[0]).split("/")[1:]
        if parts == [""]:
            return self.page(body, _list(self.server.models, self.server.root))
        if parts[1:] in ([""], ["index.html"]) and parts[0] in self.server.known:
            building = self.server.building(parts[0])
            if building.status != 0:
                return self.page(body, _waiting(self.server.known[parts[0]], building))
        return super().answer(body)

    def page(self, body: bool, text: str) -> None:
        """Answer with a page of this module's own."""
        content = text.encode("utf-8")
        self.head(200, serve.TYPES[".html"], len(content))
        if body:
            self.wfile.write(content)


class Index(serve.Server):
    """A server of many pages.

    models  what is listed, in its order
    build   callable(name, say) -> exit status: bring a page up to date, with a line to `say` for each step; each name
            is asked for once, when its page is opened first
    """

    handler = Handler

    def __init__(self, root: str, port: int, models: List[Shown],
                 build: Callable[[str, Callable[[str], None]], int]) -> None:
        self.models, self.known = models, {model.name: model for model in models}
        self._build, self._builds, self._guard = build, {}, threading.Lock()
        super().__init__(root, port)

    def building(self, name: str) -> Building:
        """Return the build of a page: the one that runs, or ran and did well, else a new one."""
        with self._guard:
            found = self._builds.get(name)
            if found is None or (found.status not in (None, 0) and getattr(found, "seen", False)):
                found = self._builds[name] = Building(self._build, name)
            return found


def _list(models: List[Shown], root: str) -> str:
    entries = []
    for model in models:
        about = _about(os.path.join(root, model.name, "page.json"))
        if about:
            drawing = about["drawing"]
            facts = "{} layers · {} parameters".format(len(drawing["layers"]), _count(drawing["parameters"]))
            badge = "<i>compared with Keras</i>" if about.get("reference") else ""
            picture, title = _picture(drawing["layers"]), about["title"]
        else:
            facts, badge, picture, title = "built when it is opened", "", _picture([]), model.title
        entries.append(f'<li><a href="/{quote(model.name)}/">{picture}<b>{html.escape(title)}</b>'
                       f"<span>{html.escape(model.name)} · {facts}</span>{badge}</a></li>")
    return _html("Models", f"<h1>Models</h1><p>{len(models)} in models.toml; each page is built when it is opened "
                           f"first.</p><ul>{''.join(entries)}</ul>")


def _waiting(model: Shown, building: Building) -> str:
    title, said = html.escape(model.title), html.escape("\n".join(building.said[-LINES:]))
    if building.status is None:
        return _html(model.title, f"<h1>Building {title} …</h1><p>It opens by itself.</p><pre>{said}</pre>",
                     '<meta http-equiv="refresh" content="1">')
    building.seen = True  # the next look builds again
    return _html(model.title, f"<h1>{title} could not be built</h1><p>Load this page again to try once more.</p>"
                              f"<pre>{said}</pre><a href=\"/\">All models</a>")


def _html(title: str, body: str, head: str = "") -> str:
    return ('<!DOCTYPE html><html lang="en"><head><meta charset="utf-8">'
            f'<meta http-equiv="Content-Security-Policy" content="{html.escape(POLICY, quote=False)}">'
            '<meta name="viewport" content="width=device-width, initial-scale=1">'
            f"{head}<title>{html.escape(title)}</title><style>{STYLE}</style></head>"
            f"<body><main>{body}</main></body></html>")


def _about(path: str) -> Optional[Dict[str, Any]]:
    """Return the content of a page.json, or None where no page is yet."""
    try:
        with open(path, "rb") as stream:
            about = json.loads(stream.read(json_text.MAX_JSON_BYTES).decode("utf-8"))
        return about if about["drawing"]["layers"] else None
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _picture(layers: List[Dict[str, Any]]) -> str:
    """Return an SVG of a model: a bar per layer, as high as its maps are large, in its class's colour."""
    every = max(1, -(-len(layers) // MOST))
    bars, shown = [], layers[::every]
    for number, layer in enumerate(shown):
        shape = layer["shape"]
        side = max(shape[:2]) if len(shape) > 1 else min(64, shape[0])
        high = max(6, min(60, 7.5 * side ** 0.5))
        wide = 240 / max(12, len(shown))
        colour = next((colour for start, colour in COLOURS if layer["class"].startswith(start)), OTHER)
        bars.append(f'<rect x="{number * wide:.1f}" y="{36 - high / 2:.1f}" width="{0.7 * wide:.1f}" '
                    f'height="{high:.1f}" rx="1.5" fill="{colour}"/>')
    return f'<svg viewBox="0 0 240 72" aria-hidden="true">{"".join(bars)}</svg>'


def _count(number: int) -> str:
    return f"{number / 1e6:.1f} M" if number >= 1e6 else f"{number / 1e3:.0f} k" if number >= 1e4 else str(number)


def run(root: str, models: List[Shown], port: Optional[int] = None, browser: bool = True) -> None:
    """Serve the list of models, whose pages are directories in `root`, until Ctrl-C."""
    os.makedirs(root, exist_ok=True)
    command.say(f"{len(models)} models, each built when it is opened; `make view MODEL=NAME` opens one")
    serve.until_interrupted(serve.bound(lambda free: Index(root, free, models, by_doit), port), browser)
