"""Is every converted model what its source gives?  Compares digests with manifest.json; runs and rebuilds nothing.

    python -m scripts.check     one line for each model of models/models.toml that is out of date, and exit status 1

manifest.json holds the sha256 of the source, of every file that was written, and the settings.  A repository that keeps
models/json_models/ runs this before a commit: .pre-commit-hooks.yaml.
"""
if not __package__:
    raise SystemExit("run it as a module, from the project's directory: .venv/bin/python -m scripts.check")

import os
from collections import OrderedDict
from typing import Any, Dict, Iterable, Iterator, List, Optional, Set

from . import formats
from .base import arguments as taken
from .base import command, place
from .base.fault import Fault
from .builds import catalog, manifest
from .builds.catalog import Entry
from .builds.digests import Digests
from .formats.json_text import json_object

CATALOGUE = "models/models.toml"


def why(entry: Entry) -> Optional[str]:
    """Return why a converted model is not what its source gives, None where it is."""
    path = f"{entry.directory}/{manifest.NAME}"
    if not os.path.exists(path):
        return "it is not converted"
    try:
        found = json_object(path)
    except Fault:
        found = None
    try:
        return next(differences(entry, found), None)
    except Fault as fault:
        return str(fault)
    except (TypeError, KeyError, AttributeError):
        return f"{path} is damaged"


def of_source(names: Iterable[str]) -> Set[str]:
    """Return those names of a manifest's inputs that are the source's files."""
    return {name for name in names if name.startswith("source")}


def differences(entry: Entry, found: Dict[str, Any]) -> Iterator[str]:
    """Yield what in a model's files differs from its manifest.json, which is `found`."""
    digests = Digests()
    if found["settings"] != entry.manifest_settings():
        yield "its settings changed"
    trust = [entry.trust] if isinstance(entry.trust, str) else list(entry.trust or ())
    inputs = manifest.inputs(formats.files(entry.source, entry.weights),
                             [named.rpartition(":")[0] or named for named in trust])
    if of_source(inputs) != of_source(found["inputs"]):
        yield f"{entry.source} has other files"
    for name, path in inputs.items():
        if name in found["inputs"] and digests.of(path) != found["inputs"][name]:
            yield f"{path} changed"
    for name, digest in found["outputs"].items():
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
