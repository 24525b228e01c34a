"""The files that every page carries: the scripts that draw and compute, their licenses, index.html."""
import base64
import hashlib
import html
import os
import re
import shutil
from typing import Any, Dict, List

from ..base import files, place
from . import packages
from .renderers import parts

HERE = os.path.dirname(os.path.abspath(__file__))
# This project's own scripts, which a page has in three files: each request costs a light model's first prediction.
OWN = {
    "first.js": ("globals", "files"),
    "page.js": parts.FIRST + (
        "words", "engine", "strips", "pixels", "pictures", "hashes", "text", "typing", "inputs", "volume", "samples",
        "results", "weights", "insight", "list", "epochs", "compare", "viewer"),
    "drawing.js": parts.DRAWING,
}
# What computes goes first; viewer.js loads what draws, so that the first prediction of a light model waits for none.
COMPUTING = ("first.js", "tf.min.js", "page.js")
POLICY = ("default-src 'none'; script-src {scripts}; style-src {styles}; img-src 'self' data: blob:; "
          "connect-src 'self'; base-uri 'none'; form-action 'none'")
# As they are loaded.
SCRIPTS = list(COMPUTING) + [os.path.basename(path) for _, path in parts.LIBRARIES
                             if os.path.basename(path) not in COMPUTING] + ["drawing.js"]
# Of every page; index.html, which names the others, goes into its place last.
ALWAYS = SCRIPTS + ["style.css", "licenses.txt", "page.json", "index.html"]
# Of pages that were made while each own script was a file.
EARLIER = [f"{os.path.basename(name)}.js" for names in OWN.values() for name in names]


def licenses() -> str:
    """Return the licenses of the scripts that the page carries."""
    texts = []
    for package in dict.fromkeys(package for package, _ in parts.LIBRARIES):
        entry = packages.locked(package)
        # TensorFlow.js's own archive has no license file; it is under the same one as TensorSpace.
        file = packages.bundle(package if "LICENSE" in entry["files"] else "tensorspace", file="LICENSE")
        with open(file, encoding="utf-8") as stream:
            text = stream.read().strip() if "LICENSE" in entry["files"] else \
                "The license that follows, of TensorSpace's."
        texts.append(f"{package} {entry['version']} ({entry['license']})\n\n{text}\n")
    return ("\n" + 78 * "-" + "\n\n").join(texts)


def copy(source: str, target_dir: str, name: str) -> Dict[str, Any]:
    """Copy a file to `name` ("model/model.json") in a directory; return what page.json says of it."""
    target = os.path.join(target_dir, *name.split("/"))
    os.makedirs(os.path.dirname(target), exist_ok=True)
    shutil.copyfile(source, target)
    digest = files.sha256(target)
    return {"name": name, "bytes": os.path.getsize(target), "sha256": digest}


def write(target_dir: str, name: str, text: str) -> None:
    """Write a text into a directory, the same bytes on every system."""
    with open(os.path.join(target_dir, name), "w", encoding="utf-8", newline="\n") as stream:
        stream.write(text)


def read(directory: str, name: str) -> str:
    """Return a text with \\n at its lines' ends: HTML parsers do the same before they hash."""
    with open(os.path.join(directory, name), encoding="utf-8", newline="") as stream:
        return stream.read().replace("\r\n", "\n")


def index(title: str, policy: str, style: str, scripts: str) -> str:
    """Return the text of index.html with these parts."""
    text = read(HERE, "index.html")
    parts = {"title": html.escape(title), "policy": html.escape(policy, quote=False), "style": style,
             "scripts": scripts}
    return re.sub(r"\{(title|policy|style|scripts)\}", lambda match: parts[match.group(1)], text)


def scripts_into(target_dir: str) -> None:
    """Write the scripts of every page, its style and their licenses into a directory."""
    for package, path in parts.LIBRARIES:
        copy(packages.bundle(package, file=path), target_dir, os.path.basename(path))
    for name, scripts in OWN.items():
        text = "\n".join(read(HERE, f"{script}.js") for script in scripts)
        write(target_dir, name, "'use strict';\n" + place.advice(text))
    copy(os.path.join(HERE, "style.css"), target_dir, "style.css")
    write(target_dir, "licenses.txt", licenses())


def index_of_files(title: str) -> str:
    """Return the index.html of a page whose scripts are files beside it."""
    then = f' data-then="{" ".join(SCRIPTS[len(COMPUTING):])}"'
    return index(title, POLICY.format(scripts="'self'", styles="'self'"), '<link rel="stylesheet" href="style.css">',
                 "\n".join(f'<script src="{name}" defer{then if name == "page.js" else ""}></script>'
                           for name in SCRIPTS[:len(COMPUTING)]))


def policy(scripts: List[str], style: str) -> str:
    """Return the policy of a page that holds these texts itself."""
    return POLICY.format(scripts=" ".join(hashed(source) for source in scripts), styles=hashed(style))


def in_script(source: str) -> str:
    """Make JavaScript safe inside <script>.

    In strings and comments, the only places where these occur, it stays the same.
    """
    return source.replace("</script", "<\\/script").replace("<!--", "<\\!--")


def hashed(text: str) -> str:
    """Return how a Content-Security-Policy names a text that may run."""
    return "'sha256-{}'".format(base64.b64encode(hashlib.sha256(text.encode("utf-8")).digest()).decode("ascii"))
