"""The locks: from docker/locks/*.in (what the project asks for) to docker/locks/*.txt (every package, by hash).

    python -m scripts.lock            compile them all, keeping the versions that still fit
    python -m scripts.lock --upgrade  the same, with the newest versions that the .in files allow
    python -m scripts.lock --check    say which .in and .txt disagree; needs no network

The modern stack is compiled by uv, one lock for Python 3.10 - 3.13 with environment markers; the py36 stack by \
pip-tools
under Python 3.6 itself, which uv does not run on.  Both compilers are pinned and live in throwaway environments.
"""
import glob
import hashlib
import os
import re
import shutil
import subprocess
import sys
import tempfile

from . import bootstrap
from .base import command
from .base.fault import Fault

UV = "uv==0.13.9"
PIP_TOOLS = "pip-tools==6.4.0"  # the newest for Python 3.6
UV_COMPILE = ["pip", "compile", "--universal", "--python-version", "3.10", "--no-config", "--quiet"]
# --pre: nodejs-bin has had no other releases.  --no-build-isolation: metadata of source packages, by our setuptools.
PIP_COMPILE = ["--pre", "--allow-unsafe", "--no-emit-trusted-host", "--no-emit-find-links", "--quiet",
               "--pip-args", "--no-build-isolation"]
BOTH = ["--generate-hashes", "--no-emit-index-url", "--no-annotate", "--no-header"]
# A lock is compiled after those that its .in names with -r or -c.
MODERN = ["modern-convert", "modern-train", "modern-test", "modern-reference", "modern-view", "modern-dvc",
          "modern-matplotlib"]
PY36 = ["py36-bootstrap", "py36-convert", "py36-train", "py36-test", "py36-gpu", "py36-view", "py36-keras231"]
NO_DEPENDENCIES = ["modern-reference"]  # its .in says why
HEADER = "# python -m scripts.lock made this of %s.in; sha256 of that and what it names: %s\n"
NAMED = re.compile(r"^-[rc] *(\S+)", re.M)


def text_of(path):
    with open(path, encoding="utf-8") as stream:
        return stream.read()


def digest(name, locks=bootstrap.LOCKS):
    """Return the sha256 (hex) of NAME.in together with the files that it names with -r and -c, and so on."""
    found, wanted = [], [name + ".in"]
    while wanted:
        path = os.path.join(locks, wanted.pop(0))
        text = text_of(path)
        found.append(hashlib.sha256(text.encode("utf-8")).hexdigest())
        wanted += NAMED.findall(text) if path.endswith(".in") else []
    return hashlib.sha256(" ".join(found).encode("ascii")).hexdigest()


def requirements(name, locks=bootstrap.LOCKS):
    """Return the set of package names, normalized (PEP 503), that NAME.in asks for, through -r too."""
    names = set()
    for line in text_of(os.path.join(locks, name + ".in")).splitlines():
        other = re.match(r"-r *(\S+)\.in", line)
        if other:
            names |= requirements(other.group(1), locks)
        elif re.match(r"\w", line):
            names.add(normalized(re.match(r"[\w.-]+", line).group()))
    return names


def normalized(name):
    return re.sub(r"[-_.]+", "-", name).lower()


def pins(name, locks=bootstrap.LOCKS):
    """Return NAME.txt as {(package, marker): (version, [sha256, …])}; Fault for a line that is no pin."""
    path = os.path.join(locks, name + ".txt")
    found = {}
    for line in text_of(path).replace("\\\n", " ").splitlines():
        if not line.strip() or line.startswith("#"):
            continue
        pin = re.match(r"([\w.-]+)==(\S+) *(?:; *(.*?))?((?: +--hash=sha256:[0-9a-f]{64})+) *$", line)
        if not pin:
            raise Fault(f"{path}: not a pinned package with hashes: {line[:80]}; run python -m scripts.lock")
        found[normalized(pin.group(1)), pin.group(3) or ""] = pin.group(2), re.findall("[0-9a-f]{64}", pin.group(4))
    return found


def check(name, locks=bootstrap.LOCKS):
    """Raise Fault if NAME.txt is not what NAME.in asks for, as far as can be told without a network."""
    path = os.path.join(locks, name)
    if not os.path.exists(path + ".txt"):
        raise Fault(f"{path}.txt does not exist: run python -m scripts.lock")
    missing = requirements(name, locks) - set(package for package, _ in pins(name, locks))
    if missing:
        raise Fault("{}.txt lacks {}, which {}.in asks for: run python -m "
                    "scripts.lock".format(path, ", ".join(sorted(missing)), name))
    if HEADER % (name, digest(name, locks)) != text_of(path + ".txt").splitlines(True)[0]:
        raise Fault(f"{path}.in, or a file that it names, changed after {name}.txt was made: run python -m "
                    "scripts.lock")


def environ():
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


def call(arguments, directory):
    """Run a command; Fault with what it said last where it fails."""
    process = subprocess.run(arguments, cwd=directory, env=environ(), stdout=subprocess.PIPE,
                             stderr=subprocess.STDOUT, universal_newlines=True)
    if process.returncode:
        said = ([line.strip() for line in process.stdout.splitlines() if line.strip()]
                or ["exit %d" % process.returncode])
        raise Fault("{}: {}".format(" ".join(arguments[:2] + arguments[-1:]), " / ".join(said[-3:])))


def compiler(python, directory, *installs):
    """Make a throwaway environment of `python` in `directory` with what the pip arguments say; return its bin."""
    call([python, "-m", "venv", directory], None)
    for arguments in installs:
        call([os.path.join(directory, "bin", "python"), "-m", "pip", "install", "--quiet"] + arguments, None)
    return os.path.join(directory, "bin")


def compile_locks(names, program, options, directory, upgrade):
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
        command.say("%s: %d packages" % (name, len(pins(name, directory))))


def publish(names, directory):
    """Move the new locks into place, those that differ."""
    for name in names:
        new, old = (os.path.join(place, name + ".txt") for place in (directory, bootstrap.LOCKS))
        if not os.path.exists(old) or text_of(new) != text_of(old):
            shutil.copyfile(new, old + ".tmp")
            os.replace(old + ".tmp", old)
            command.say(f"{os.path.relpath(old)}: changed")


def main(arguments):
    parser = command.Parser(prog="python -m scripts.lock", description=__doc__)
    parser.add_argument("--check", action="store_true", help="compare each .in with its .txt, change nothing")
    parser.add_argument("--upgrade", action="store_true", help="take the newest versions that fit")
    given = parser.parse_args(arguments)
    if given.check:
        for name in MODERN + PY36:
            check(name)
        return command.say("%d locks agree with what they are made of" % len(MODERN + PY36))
    work = tempfile.mkdtemp()
    try:
        locks = os.path.join(work, "locks")
        os.mkdir(locks)
        for path in glob.glob(os.path.join(bootstrap.LOCKS, "*-*.*")):
            shutil.copy(path, locks)
        uv = os.path.join(compiler(sys.executable, os.path.join(work, "uv"), [UV]), "uv")
        compile_locks(MODERN, [uv] + UV_COMPILE, [], locks, given.upgrade)
        publish(MODERN, locks)
        python36 = bootstrap.find_python36()
        if not python36:
            raise Fault("no Python 3.6 found, so the py36 locks stay as they were: set PYTHON36, "
                        "or pyenv install 3.6.15")
        tools = compiler(python36, os.path.join(work, "py36"),
                         ["--require-hashes", "-r", os.path.join(bootstrap.LOCKS, "py36-bootstrap.txt")], [PIP_TOOLS])
        compile_locks(PY36, [os.path.join(tools, "pip-compile")], PIP_COMPILE, locks, given.upgrade)
        publish(PY36, locks)
    finally:
        shutil.rmtree(work)
    from .release import sbom  # docker/sbom/ lists what the locks pin
    sbom.write()


if __name__ == "__main__":
    command.run(main)
