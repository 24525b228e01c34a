"""Is every converted model what its source gives?  Compares digests with manifest.json; runs and rebuilds nothing.

    python -m scripts.check     one line for each model of models/models.toml that is out of date, and exit status 1

manifest.json holds the sha256 of the source, of every file that was written, and the settings.  A repository that keeps
models/json_models/ runs this before a commit: .pre-commit-hooks.yaml.
"""
if not __package__:
    raise SystemExit("run it as a module, from the project's directory: .venv/bin/python -m scripts.check")

import os
from collections import OrderedDict
from typing import Any, Dict, Iterator, List, Optional

from . import formats
from .base import arguments as taken
from .base import command, place
from .base.fault import Fault
from .builds import catalog
from .builds.catalog import Entry
from .builds.digests import Digests
from .formats.json_text import json_object

CATALOGUE = "models/models.toml"


def why(entry: Entry) -> Optional[str]:
    """Return why a converted model is not what its source gives, None where it is."""
    path = f"{entry.directory}/manifest.json"
    if not os.path.exists(path):
        return "it is not converted"
    try:
        manifest = json_object(path)
    except Fault:
        manifest = None
    try:
        return next(differences(entry, manifest), None)
    except Fault as fault:
        return str(fault)
    except (TypeError, KeyError, AttributeError):
        return f"{path} is damaged"


def differences(entry: Entry, manifest: Dict[str, Any]) -> Iterator[str]:
    """Yield what in a model's files differs from its manifest.json."""
    digests = Digests()
    settings = catalog.told(entry.settings(catalog.CHOOSING, catalog.CONVERTING, ("trust",)))
    if manifest["settings"] != dict(settings, json_name=entry.json_name):
        yield "its settings changed"
    read = formats.files(entry.source, entry.weights)
    inputs = {"source" if len(read) == 1 else f"source/{index}": path for index, path in enumerate(read)}
    if set(inputs) != {name for name in manifest["inputs"] if name.startswith("source")}:
        yield f"{entry.source} has other files"
    trust = [entry.trust] if isinstance(entry.trust, str) else list(entry.trust or ())
    inputs.update((f"trust/{index}", named.rpartition(":")[0] or named) for index, named in enumerate(trust)
                  if f"trust/{index}" in manifest["inputs"])
    for name, path in inputs.items():
        if digests.of(path) != manifest["inputs"][name]:
            yield f"{path} changed"
    for name, digest in manifest["outputs"].items():
        path = f"{entry.directory}/{os.path.basename(name)}"
        if not os.path.isfile(path):
            yield f"{path} is missing"
        elif digests.of(path) != digest:
            yield f"{path} is not what was written"


def main(arguments: List[str]) -> int:
    """Run the command line; return 0 where every model is what its source gives."""
    parser = command.Parser(module="check", description=__doc__)
    parser.add_argument("files", nargs="*", help="what a commit changes; every model is looked at all the same")
    taken.add_json(parser)
    options = parser.parse_args(arguments)
    found = [OrderedDict([("name", entry.name), ("directory", entry.directory), ("why", why(entry) or "")])
             for entry in catalog.read(CATALOGUE)]
    if options.json:
        command.say_json(OrderedDict([("models", found), ("agree", not any(one["why"] for one in found))]))
    for one in [] if options.json else [one for one in found if one["why"]]:
        command.complain(f"{one['directory']}: {one['why']}: run {place.doit('convert:' + one['name'])}")
    return command.FAULT if any(one["why"] for one in found) else 0


def entry() -> None:
    """Run as the installed command."""
    command.run(main)


if __name__ == "__main__":
    command.run(main)
