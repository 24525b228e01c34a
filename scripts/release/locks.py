"""The locks: from docker/locks/*.in (what the project asks for) to docker/locks/*.txt (every package, by hash).

uv compiles the modern stack, one lock for Python 3.10 - 3.13 with environment markers; pip-tools compiles the py36
stack, under Python 3.6 itself, on which uv does not run.  Both compilers are pinned and live in throwaway environments.
"""
import glob
import hashlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
from typing import Dict, List, NamedTuple, Optional, Set, Tuple

from ..base import command
from ..base.fault import Fault
from ..base.stack import LOCKS

UV = "uv==0.13.9"
PIP_TOOLS = "pip-tools==6.4.0"  # the newest for Python 3.6
UV_COMPILE = ["pip", "compile", "--universal", "--python-version", "3.10", "--no-config", "--quiet"]
# --pre: nodejs-bin has had no other releases.  --no-build-isolation: metadata of source packages, by our setuptools.
PIP_COMPILE = ["--pre", "--allow-unsafe", "--no-emit-trusted-host", "--no-emit-find-links", "--quiet",
               "--pip-args", "--no-build-isolation"]
BOTH = ["--generate-hashes", "--no-emit-index-url", "--no-annotate", "--no-header"]
NO_DEPENDENCIES = ["modern-reference"]  # its .in says why
HEADER = "# python -m scripts.lock made this of %s.in; sha256 of that and what it names: %s\n"
NAMED = re.compile(r"^-[rc] *(\S+)", re.M)
STACKS = ("modern", "py36")


class Pin(NamedTuple):
    """A package in a lock: its version, and the sha256 of each of its files."""

    version: str
    hashes: List[str]


def text_of(path: str) -> str:
    """Return a file as text."""
    with open(path, encoding="utf-8") as stream:
        return stream.read()


def names(*stacks: str, locks: str = LOCKS) -> List[str]:
    """Return the names of the locks of the stacks, each after those that its .in names with -r or -c.

    stacks: of STACKS; none: all of them.
    """
    found = []

    def add(name):
        for named in NAMED.findall(text_of(os.path.join(locks, name + ".in"))):
            add(os.path.splitext(named)[0])
        if name not in found:
            found.append(name)

    for stack in stacks or STACKS:
        for path in sorted(glob.glob(os.path.join(locks, stack + "-*.in"))):
            add(os.path.splitext(os.path.basename(path))[0])
    return found


def digest(name: str, locks: str = LOCKS) -> str:
    """Return the sha256 (hex) of NAME.in together with the files that it names with -r and -c, and so on."""
    found, wanted = [], [name + ".in"]
    while wanted:
        path = os.path.join(locks, wanted.pop(0))
        text = text_of(path)
        found.append(hashlib.sha256(text.encode("utf-8")).hexdigest())
        wanted += NAMED.findall(text) if path.endswith(".in") else []
    return hashlib.sha256(" ".join(found).encode("ascii")).hexdigest()


def requirements(name: str, locks: str = LOCKS) -> Set[str]:
    """Return the set of package names, normalized (PEP 503), that NAME.in asks for, through -r too."""
    names = set()
    for line in text_of(os.path.join(locks, name + ".in")).splitlines():
        other = re.match(r"-r *(\S+)\.in", line)
        if other:
            names |= requirements(other.group(1), locks)
        elif re.match(r"\w", line):
            names.add(normalized(re.match(r"[\w.-]+", line).group()))
    return names


def normalized(name: str) -> str:
    """Return a package's name as PEP 503 normalizes it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def pins(name: str, locks: str = LOCKS) -> Dict[Tuple[str, str], Pin]:
    """Return NAME.txt as {(package, marker): Pin}.  Raises Fault for a line that is no pin."""
    path = os.path.join(locks, name + ".txt")
    found = {}
    for line in text_of(path).replace("\\\n", " ").splitlines():
        if not line.strip() or line.startswith("#"):
            continue
        pin = re.match(r"([\w.-]+)==(\S+) *(?:; *(.*?))?((?: +--hash=sha256:[0-9a-f]{64})+) *$", line)
        if not pin:
            raise Fault(f"{path}: not a pinned package with hashes: {line[:80]}; run python -m scripts.lock")
        found[normalized(pin.group(1)), pin.group(3) or ""] = Pin(
            pin.group(2), re.findall("[0-9a-f]{64}", pin.group(4)))
    return found


def check(name: str, locks: str = LOCKS) -> None:
    """Raise Fault if NAME.txt is not what NAME.in asks for, as far as can be told without a network."""
    path = os.path.join(locks, name)
    if not os.path.exists(path + ".txt"):
        raise Fault(f"{path}.txt does not exist: run python -m scripts.lock")
    missing = requirements(name, locks) - set(package for package, _ in pins(name, locks))
    if missing:
        raise Fault(f"{path}.txt lacks {', '.join(sorted(missing))}, which {name}.in asks for: run python -m "
                    "scripts.lock")
    if HEADER % (name, digest(name, locks)) != text_of(path + ".txt").splitlines(True)[0]:
        raise Fault(f"{path}.in, or a file that it names, changed after {name}.txt was made: run python -m "
                    "scripts.lock")


def environ() -> Dict[str, str]:
    """Return the environment for compiling: the user's network settings, but no indexes and wheels besides.

    A local directory of wheels that does not say which Pythons they are for makes the compilers choose wrongly.
    """
    kept = {key: value for key, value in os.environ.items()
            if key not in ("PIP_FIND_LINKS", "PIP_EXTRA_INDEX_URL", "PIP_CONSTRAINT", "PIP_NO_CACHE_DIR")}
    kept["PIP_CONFIG_FILE"] = os.devnull
    for ours, theirs in (("PIP_INDEX_URL", "UV_DEFAULT_INDEX"), ("PIP_CERT", "SSL_CERT_FILE")):
        if ours in kept:
            kept.setdefault(theirs, kept[ours])
    return kept


def call(arguments: List[str], directory: Optional[str] = None) -> None:
    """Run a command.  Raises Fault with its last words where it fails."""
    process = subprocess.run(arguments, cwd=directory, env=environ(), stdout=subprocess.PIPE,
                             stderr=subprocess.STDOUT, universal_newlines=True)
    if process.returncode:
        said = ([line.strip() for line in process.stdout.splitlines() if line.strip()]
                or [f"exit {process.returncode}"])
        raise Fault(f"{' '.join(arguments[:2] + arguments[-1:])}: {' / '.join(said[-3:])}")


def compiler(python: str, directory: str, *installs: List[str]) -> str:
    """Make an environment of `python` in `directory`, run pip with each of the arguments; return its bin."""
    call([python, "-m", "venv", directory])
    for arguments in installs:
        call([os.path.join(directory, "bin", "python"), "-m", "pip", "install", "--quiet"] + arguments)
    return os.path.join(directory, "bin")


def compile_locks(names: List[str], program: List[str], options: List[str], directory: str, upgrade: bool) -> None:
    """Compile each NAME.in beside its old NAME.txt in `directory`, whose versions are kept where they fit."""
    for name in names:
        arguments = program + BOTH + options + (["--upgrade"] if upgrade else [])
        arguments += ["--no-deps"] if name in NO_DEPENDENCIES else []
        call(arguments + ["-o", name + ".txt", name + ".in"], directory)
        path = os.path.join(directory, name + ".txt")
        lines = [line for line in text_of(path).splitlines(True) if line.strip() and not line.startswith("#")]
        with open(path, "w", encoding="utf-8") as stream:
            stream.write(HEADER % (name, digest(name, directory)) + "".join(lines))
        check(name, directory)
        command.say(f"{name}: {len(pins(name, directory))} packages")


def publish(names: List[str], directory: str) -> None:
    """Move the new locks into place, those that differ."""
    for name in names:
        new, old = (os.path.join(place, name + ".txt") for place in (directory, LOCKS))
        if not os.path.exists(old) or text_of(new) != text_of(old):
            shutil.copyfile(new, old + ".tmp")
            os.replace(old + ".tmp", old)
            command.say(f"{os.path.relpath(old)}: changed")


def compile_all(python36: Optional[str], upgrade: bool = False) -> None:
    """Compile every lock, and put those that differ into docker/locks/.

    python36  path of a Python 3.6; None: the modern locks are compiled, then a Fault says what is missing
    upgrade   True: the newest versions that the .in files allow
    """
    with tempfile.TemporaryDirectory() as work:
        locks = os.path.join(work, "locks")
        os.mkdir(locks)
        for path in glob.glob(os.path.join(LOCKS, "*-*.*")):
            shutil.copy(path, locks)
        uv = os.path.join(compiler(sys.executable, os.path.join(work, "uv"), [UV]), "uv")
        compile_locks(names("modern"), [uv] + UV_COMPILE, [], locks, upgrade)
        publish(names("modern"), locks)
        if not python36:
            raise Fault("no Python 3.6 found, so the py36 locks stay as they were: set PYTHON36, "
                        "or pyenv install 3.6.15")
        tools = compiler(python36, os.path.join(work, "py36"),
                         ["--require-hashes", "-r", os.path.join(LOCKS, "py36-bootstrap.txt")], [PIP_TOOLS])
        compile_locks(names("py36"), [os.path.join(tools, "pip-compile")], PIP_COMPILE, locks, upgrade)
        publish(names("py36"), locks)
