"""The bill of materials of each of the image's targets: docker/locks/*.txt -> docker/sbom/TARGET.json (CycloneDX 1.6).

CycloneDX's own tool writes them, in an environment that is pinned by hash (docker/sbom/tool.txt) and thrown away.  Run
this again after the locks changed (`doit lock` does).  The same locks give the same bytes: the file has no time and no
serial number.  It does not list the packages of the base image, which the image's digest pins.
"""
if not __package__:
    raise SystemExit("run it as a module, from the project's directory: .venv/bin/python -m scripts.release.sbom")

import json
import os
import subprocess
import sys
import tempfile
import venv
from typing import Dict, List, Sequence

from ..base import command, stack
from ..base.fault import Fault

DIRECTORY = os.path.join(os.path.dirname(stack.LOCKS), "sbom")
CONTENTS = {"convert": ["py36-convert"], "cpu": ["py36-train"], "gpu": ["py36-train", "py36-gpu"]}  # target -> locks


def lock_text(target: str) -> str:
    """Return the requirements that a target's image holds, as one text."""
    texts = []
    for name in CONTENTS[target]:
        with open(os.path.join(stack.LOCKS, name + ".txt"), encoding="utf-8") as stream:
            texts.append("".join(line for line in stream if not line.startswith("#")))
    return "".join(texts)


def write(targets: Sequence[str] = tuple(CONTENTS)) -> None:
    """Write docker/sbom/TARGET.json for each target.  Raises Fault where the tool cannot be had or fails."""
    if sys.version_info < (3, 10):
        raise Fault("CycloneDX's tool needs Python 3.10 - 3.13: run this with one of them")
    with tempfile.TemporaryDirectory() as place:
        venv.create(place, with_pip=True)
        python = os.path.join(place, "bin", "python")
        run([python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--require-hashes", "--no-deps",
             "-r", os.path.join(DIRECTORY, "tool.txt")])
        for target in targets:
            # -i: addresses are relative; a bill of materials is no place for one registry's.
            said = run([python, "-m", "cyclonedx_py", "requirements", "-", "-i", "simple", "--sv", "1.6",
                        "--output-reproducible"], lock_text(target))
            with open(os.path.join(DIRECTORY, target + ".json"), "w", encoding="utf-8") as stream:
                json.dump(without_addresses(json.loads(said), target), stream, indent=1, sort_keys=True)
                stream.write("\n")
            command.say(f"docker/sbom/{target}.json")


def without_addresses(bill: Dict, target: str) -> Dict:
    """Return the tool's words without repetitions: the lock's lines, the tool's own addresses."""
    for component in bill["components"]:
        component.pop("description", None)
    for tool in bill["metadata"]["tools"]["components"]:
        tool.pop("externalReferences", None)
    bill["metadata"]["component"] = {"bom-ref": "image", "type": "container",
                                     "name": "tensorspace-keras-build:" + target}
    return bill


def run(arguments: List[str], text: str = "") -> str:
    """Run a program with `text` on its stdin; return its stdout.  Raises Fault where it fails."""
    environment = {key: value for key, value in os.environ.items() if key != "SOURCE_DATE_EPOCH"}
    process = subprocess.run(arguments, input=text, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                             universal_newlines=True, env=environment)
    if process.returncode:
        said = process.stderr.strip().splitlines() or ["?"]
        raise Fault(f"the bill of materials cannot be written: {said[-1]}")
    return process.stdout


def main(arguments: List[str]) -> None:
    """Run the command line."""
    parser = command.Parser(module="release.sbom", description=__doc__)
    parser.add_argument("targets", nargs="*", choices=[[]] + sorted(CONTENTS), help="default: all of them")
    write(parser.parse_args(arguments).targets or tuple(CONTENTS))


if __name__ == "__main__":
    command.run(main)
