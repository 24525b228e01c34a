"""Today's advisories on every pinned package: docker/locks/*.txt -> a report, one line a package.

pip-audit asks PyPI's advisory service, in an environment of its own that is thrown away; nothing is installed from
the locks.  SECURITY.md says what is known and accepted about the stack of Python 3.6, so an advisory on only that stack
is reported.  An advisory on a package of the current Pythons makes the exit status 1.
"""
import json
import os
import subprocess
import sys
import tempfile
from collections import OrderedDict
from typing import Dict, Iterable, Iterator, List, NamedTuple, Optional, Tuple

from ..base import command
from ..base.fault import Fault
from . import locks

PIP_AUDIT = "pip-audit==2.10.1"
SHOWN = 6  # advisories that a line names; the rest are counted
SILENT = "nothing was audited; try again where a network reaches the advisory service"


Version = Tuple[str, str]  # (package, version)


class Answers(NamedTuple):
    """The answers of pip-audit.

    known    names of the advisories on each package and version
    unknown  why a package and version is not audited
    """

    known: Dict[Version, List[str]]
    unknown: Dict[Version, str]


def pinned(names: Optional[Iterable[str]] = None) -> "OrderedDict[Version, List[str]]":
    """Return the names of the locks that pin each version of each package, on whatever platform."""
    found = OrderedDict()
    for name in names or locks.names():
        for (package, _), (version, _) in sorted(locks.pins(name).items()):
            pinning = found.setdefault((package, version), [])
            if name not in pinning:
                pinning.append(name)
    return found


def rounds(pins: Iterable[Version]) -> Iterator[List[Version]]:
    """Yield lists of the pins, none with a package twice: one run of pip-audit each."""
    rest = list(pins)
    while rest:
        chosen = OrderedDict((package, version) for package, version in reversed(rest))
        yield sorted(chosen.items())
        rest = [pin for pin in rest if chosen[pin[0]] != pin[1]]


def advisories(program: List[str], pins: Iterable[Version]) -> Answers:
    """Ask pip-audit, started by `program`, about packages.  Raises Fault where it does not answer."""
    known, unknown = {}, {}
    with tempfile.TemporaryDirectory() as place:
        for index, chosen in enumerate(rounds(pins)):
            path = os.path.join(place, f"{index}.txt")
            with open(path, "w", encoding="utf-8") as stream:
                stream.writelines(f"{package}=={version}\n" for package, version in chosen)
            asked = subprocess.run(program + ["--requirement", path, "--no-deps", "--disable-pip", "--format", "json",
                                              "--progress-spinner", "off"],
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE, universal_newlines=True)
            try:
                answer = json.loads(asked.stdout)["dependencies"]
            except (ValueError, KeyError, TypeError):
                said = [line for line in asked.stderr.splitlines() if line.strip()] or ["it says nothing"]
                raise Fault(f"pip-audit: {command.one_line(said[-1])[:200]}: {SILENT}")
            versions = dict(chosen)
            for entry in answer:
                name = locks.normalized(entry["name"])
                pin = name, versions[name]
                if "skip_reason" in entry:
                    unknown[pin] = entry["skip_reason"]
                else:
                    known[pin] = [advisory["id"] for advisory in entry["vulns"]]
    return Answers(known, unknown)


def audit(program: List[str]) -> None:
    """Print the advisories on every pin.  Raises Fault where none is known, or one concerns a current package."""
    pins = pinned()
    known, unknown = advisories(program, pins)
    left = sorted(set(pins) - set(known) - set(unknown))
    if left or not known:
        why = command.one_line(next(iter(unknown.values()), "no answer"))
        raise Fault(f"pip-audit has no answer on {len(left or unknown)} of {len(pins)} packages ({why}): "
                    f"{'try again' if known else SILENT}")
    concerned = [pin for pin in pins if known.get(pin)]
    for pin in concerned:
        ids = sorted(known[pin])
        shown = ", ".join(ids[:SHOWN]) + (", …" if len(ids) > SHOWN else "")
        command.say(f"{' '.join(pin)} ({', '.join(pins[pin])}): {len(ids)} advisor{'y' if len(ids) == 1 else 'ies'}: "
                    f"{shown}")
    for pin in sorted(unknown):
        command.say(f"{' '.join(pin)} ({', '.join(pins[pin])}): not audited: {unknown[pin]}")
    command.say(f"{len(pins)} packages, {len(concerned)} with advisories, {len(unknown)} not audited")
    modern = locks.names("modern")
    current = [" ".join(pin) for pin in concerned if any(name in modern for name in pins[pin])]
    if current:
        raise Fault(f"advisories on what the current Pythons get: {', '.join(current)}; doit lock takes newer versions "
                    "where it may")


def with_pip_audit() -> None:
    """Install pip-audit in an environment of its own, and `audit` with it.  Raises Fault where it cannot be had."""
    if sys.version_info < (3, 10):
        raise Fault("pip-audit needs Python 3.10 or newer: run this with one of them")
    with tempfile.TemporaryDirectory() as place:
        command.say(f"installing {PIP_AUDIT} in an environment that is thrown away")
        try:
            program = os.path.join(locks.compiler(sys.executable, place, [PIP_AUDIT]), "pip-audit")
        except Fault as fault:
            raise Fault(f"pip-audit cannot be installed, for want of a network perhaps: {SILENT} ({fault})")
        audit([program])
