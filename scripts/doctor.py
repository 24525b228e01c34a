"""What this machine has and lacks for this project, one line each: `python -m scripts.doctor`.

ok       it is here
-        it is not, and only what the line names needs it
MISSING  nothing works without it; the exit status is 1 then
"""
if not __package__:
    raise SystemExit("run it as a module, from the project's directory: .venv/bin/python -m scripts.doctor")

import platform
import sys
from typing import Iterator, List, Optional

from . import bootstrap
from .base import command
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


def examine() -> Iterator[Found]:
    """Yield a mark and a line for each part of the project."""
    yield python()
    yield from machine.examine()
    yield node()


def main(arguments: List[str]) -> Optional[int]:
    """Run the command line."""
    command.Parser(module="doctor", description=__doc__).parse_args(arguments)
    missing = 0
    for mark, line in examine():
        command.say(f"{mark:8} {line}")
        missing += mark == MISSING
    return 1 if missing else 0


if __name__ == "__main__":
    command.run(main)
