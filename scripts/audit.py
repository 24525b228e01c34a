"""The advisories of the day on everything that is pinned: docker/locks/*.txt -> a report, one line a package.

    python -m scripts.audit      or: doit audit

pip-audit asks PyPI's advisory service, in an environment of its own that is thrown away; nothing is installed from
the locks.  SECURITY.md says what is known and accepted about the stack of Python 3.6, so advisories on that alone are a
report; one on what the current Pythons get ends with 1.
"""
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections import OrderedDict

from . import lock
from .base import command
from .base.fault import Fault

PIP_AUDIT = "pip-audit==2.10.1"
SHOWN = 6  # advisories that a line names; the rest are counted
SILENT = "nothing was audited; try again where a network reaches the advisory service"


def pinned(names=None):
    """Return OrderedDict: (package, version) -> [names of the locks that pin it], each version of each platform."""
    found = OrderedDict()
    for name in names or lock.MODERN + lock.PY36:
        for (package, _), (version, _) in sorted(lock.pins(name).items()):
            locks = found.setdefault((package, version), [])
            if name not in locks:
                locks.append(name)
    return found


def rounds(pins):
    """Yield lists of the pins in which no package stands twice: one run of pip-audit each."""
    rest = list(pins)
    while rest:
        chosen = OrderedDict((package, version) for package, version in reversed(rest))
        yield sorted(chosen.items())
        rest = [pin for pin in rest if chosen[pin[0]] != pin[1]]


def advisories(program, pins):
    """Ask about pins, [(package, version)].  Returns {pin: [names of advisories]}, and {pin: why it is not audited}."""
    known, unknown = {}, {}
    with tempfile.TemporaryDirectory() as place:
        for index, chosen in enumerate(rounds(pins)):
            path = os.path.join(place, "%d.txt" % index)
            with open(path, "w", encoding="utf-8") as stream:
                stream.writelines("{}=={}\n".format(*pin) for pin in chosen)
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
                name = lock.normalized(entry["name"])
                pin = name, versions[name]
                if "skip_reason" in entry:
                    unknown[pin] = entry["skip_reason"]
                else:
                    known[pin] = [advisory["id"] for advisory in entry["vulns"]]
    return known, unknown


def audit(program):
    """Print what is known about every pin.  Raises Fault where nothing is, or a current package is concerned."""
    pins = pinned()
    known, unknown = advisories(program, pins)
    left = sorted(set(pins) - set(known) - set(unknown))
    if left or not known:
        why = command.one_line(next(iter(unknown.values()), "no answer"))
        raise Fault("pip-audit has no answer on %d of %d packages (%s): %s"
                    % (len(left or unknown), len(pins), why, SILENT if not known else "try again"))
    concerned = [pin for pin in pins if known.get(pin)]
    for pin in concerned:
        ids = sorted(known[pin])
        command.say("%s %s (%s): %d advisor%s: %s%s" % (
            pin + (", ".join(pins[pin]), len(ids), "y" if len(ids) == 1 else "ies", ", ".join(ids[:SHOWN]),
                   ", …" if len(ids) > SHOWN else "")))
    for pin in sorted(unknown):
        command.say("%s %s (%s): not audited: %s" % (pin + (", ".join(pins[pin]), unknown[pin])))
    command.say("%d packages, %d with advisories, %d not audited" % (len(pins), len(concerned), len(unknown)))
    current = ["{} {}".format(*pin) for pin in concerned if any(name in lock.MODERN for name in pins[pin])]
    if current:
        raise Fault("advisories on what the current Pythons get: {}; doit lock takes newer versions where it "
                    "may".format(", ".join(current)))


def main(arguments):
    command.Parser(prog="python -m scripts.audit", description=__doc__).parse_args(arguments)
    if sys.version_info < (3, 10):
        raise Fault("pip-audit needs Python 3.10 or newer: run this with one of them")
    place = tempfile.mkdtemp()
    try:
        command.say(f"installing {PIP_AUDIT} in an environment that is thrown away")
        try:
            program = os.path.join(lock.compiler(sys.executable, place, [PIP_AUDIT]), "pip-audit")
        except Fault as fault:
            raise Fault(f"pip-audit cannot be installed, for want of a network perhaps: {SILENT} ({fault})")
        audit([program])
    finally:
        shutil.rmtree(place)


if __name__ == "__main__":
    command.run(main)
