"""A line for each thing that this machine has or lacks for this project: `python -m scripts.doctor`.

ok       it is here
-        it is not here; only the things that the line names need it
MISSING  nothing works without it; the exit status is 1
"""
if not __package__:
    raise SystemExit("run it as a module, from the project's directory: .venv/bin/python -m scripts.doctor")

import platform
import sys
from collections import OrderedDict
from typing import Iterator, List, Optional

from . import bootstrap
from .base import arguments as taken
from .base import command
from .base.fault import ON_WINDOWS
from .release import machine
from .release.machine import LACKS, MISSING, OK, Found


def python() -> Found:
    """Return the stack of this Python, MISSING where it has none."""
    try:
        return Found(OK, f"Python {platform.python_version()}, the {bootstrap.stack_of(sys.version_info)} stack")
    except bootstrap.Refusal as refusal:
        return Found(MISSING, f"Python: {refusal}")


def node() -> Found:
    """Return whether the machine's node is new enough."""
    said = bootstrap.output_of(["node", "--version"])
    if bootstrap.machine_has_node():
        return Found(OK, f"node: {said}")
    there = f"{said}, too old" if said else "none"
    return Found(LACKS, f"node: {there}; verifying and viewing set up one of their own")


def system(name: Optional[str] = None, processor: Optional[str] = None) -> Found:
    """Return what this system can do: TensorFlow has no wheels for macOS on Intel, and Windows lacks what is used."""
    name, processor = name or platform.system(), processor or platform.machine()
    if name == "Darwin" and processor == "x86_64":
        return Found(LACKS, "system: macOS on Intel; converting and viewing work, training does not: TensorFlow has no "
                            "wheel for it")
    if name == "Windows":
        return Found(MISSING, f"system: Windows; {ON_WINDOWS}")
    known = name == "Linux" or name == "Darwin" and processor == "arm64"
    return Found(OK if known else LACKS, f"system: {name} on {processor}{'' if known else '; nobody has tried it'}")


def examine() -> Iterator[Found]:
    """Yield a mark and a line for each part of the project."""
    yield system()
    yield python()
    yield from machine.examine()
    yield node()


def main(arguments: List[str]) -> Optional[int]:
    """Run the command line."""
    parser = command.Parser(module="doctor", description=__doc__)
    taken.add_json(parser)
    options = parser.parse_args(arguments)
    found = []
    for mark, line in examine():
        found.append(OrderedDict([("mark", mark), ("line", line)]))
        if not (options.json or options.quiet):
            command.say(f"{mark:8} {line}")
    missing = any(entry["mark"] == MISSING for entry in found)
    if options.json:
        command.say_json(OrderedDict([("found", found), ("missing", missing)]))
    return command.FAULT if missing else 0


if __name__ == "__main__":
    command.run(main)
