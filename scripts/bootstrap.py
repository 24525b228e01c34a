"""The environment: from the Python that runs this to one that holds what a role needs, by hash-pinned locks.

    python3 scripts/bootstrap.py ROLE ... [-- ARGUMENTS]     set up, then run the environment's python ARGUMENTS
    python3 scripts/bootstrap.py --python36                  print where a Python 3.6 is

Reads docker/locks/STACK-ROLE.txt; writes .venv (Python 3.10 - 3.13, stack "modern") or .venv-py36 (Python 3.6, stack
"py36"; its role keras231, named alone, writes .venv-keras231).  Nothing is done or printed if the environment holds
the locks already.  Only the standard library is there at this point.  Any Python from 2.7 on must be able to parse this
file, so that it can say which Python to install.
"""
import errno
import glob
import hashlib
import os
import re
import shutil
import signal
import subprocess
import sys
import time

try:
    import fcntl
except ImportError:
    sys.exit("no fcntl here: this runs on Linux and macOS: on Windows take WSL (`wsl --install`), and run it there")

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
LOCKS = os.path.join(ROOT, "docker", "locks")
ENVIRONMENTS = {"modern": ".venv", "py36": ".venv-py36"}
OLDEST, NEWEST = (3, 10), (3, 13)
ROLES = {
    "convert": "converting models, without TensorFlow",
    "train": "training too, with TensorFlow: 1.7 GB, some minutes the first time",
    "reference": "the official converter",
    "test": "the tests",
    "onnx": "what the tests of ONNX files ask: onnx and onnxruntime, 190 MB",
    "view": "node and npm, where the machine has none",
    "notebook": "Jupyter, for the tests of notebooks",
    "keras231": "Keras 2.3.1 on TensorFlow 1.15, which tests ask what models of 2019 compute: 680 MB",
}
APART = {"keras231": ".venv-keras231"}  # other versions of the same packages: an environment of their own, Python 3.6's
CONTAINS = {"train": ("convert",)}  # an environment of the one role holds the other
# TensorFlow 2.6's tensorflowjs comes with its dependencies; there is no onnxruntime of today for Python 3.6, and
# notebooks are tested on the modern stack alone.
LOCKED_AS = {("py36", "reference"): "train", ("py36", "onnx"): "test", ("py36", "notebook"): "test"}
NODE = (18,)
# pip's script `doit` with this in it says in one line which option doit lacks: doit's own line lists its options as
# objects of Python, and doit reads them before it reads a dodo.py that could say it otherwise.
DOIT = b"from doit.__main__ import main\n"
DOIT_SAYS = DOIT + br'''from doit.cmdparse import CmdParseError


def said(error):
    line = re.sub(r"^Error parsing \w+: | <class '\w+'>", "", " ".join("".join(map(str, error.args)).split()))
    return re.sub(r" \(parsing options: .*", " (`doit help run` shows what there is)", line)


CmdParseError.__str__ = said
'''
FULL = "the disk is full: the environment of the train role takes 1.8 GB, that of convert 110 MB"
ROOM = 20 << 20  # bytes that an environment of pip alone takes
NO_NETWORK = re.compile(
    "NewConnectionError|Failed to establish|Name or service not known|Temporary failure in name|getaddrinfo"
    "|ConnectTimeout|Network is unreachable|ProxyError|Max retries|Read timed out|Connection (refused|reset)", re.I)


class Refusal(Exception):
    """A line about what is missing on this machine, and what to install.

    (scripts.Fault cannot be imported here: this file runs as a script, before there is an environment.)
    """


def stack_of(version):
    """Return "modern" or "py36" for a (major, minor, ...) version; raise Refusal for any other Python."""
    if tuple(version[:2]) == (3, 6):
        return "py36"
    if OLDEST <= tuple(version[:2]) <= NEWEST:
        return "modern"
    raise Refusal("Python %d.%d is too %s: install Python 3.10 - 3.13 (or 3.6 for the pinned stack of 2021) and name "
                  "it, as in: make PYTHON=python3.12"
                  % (version[0], version[1], "new" if version[:2] > NEWEST else "old"))


def find_python36(environ=os.environ):
    """Return the path of a Python 3.6, or None: $PYTHON36, the PATH, then pyenv's versions (newest first)."""
    pyenv = environ.get("PYENV_ROOT") or os.path.join(os.path.expanduser("~"), ".pyenv")
    places = [os.path.join(folder, "python3.6") for folder in environ.get("PATH", "").split(os.pathsep) if folder]
    places += sorted(glob.glob(os.path.join(pyenv, "versions", "3.6.*", "bin", "python3.6")), reverse=True)
    if environ.get("PYTHON36"):
        places = [environ["PYTHON36"]]
    for place in places:
        # pyenv's shims answer to every name, and fail for versions that are not selected: ask.
        asked = "import sys; print(sys.version_info[:2] == (3, 6))"
        if os.access(place, os.X_OK) and not os.path.isdir(place) and output_of([place, "-c", asked]) == "True":
            return place
    return None


def output_of(command):
    """Return what a command prints on stdout, stripped; "" where it cannot run or fails."""
    try:
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, stdin=subprocess.PIPE)
    except OSError:
        return ""
    printed = process.communicate()[0].decode("utf-8", "replace").strip()
    return printed if process.returncode == 0 else ""


def machine_has_node():
    """Whether the PATH has npm and a node that is new enough."""
    version = re.match(r"v(\d+)", output_of(["node", "--version"]))
    return bool(version) and (int(version.group(1)),) >= NODE and bool(shutil.which("npm"))


def say(line):
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def digest(path):
    with open(path, "rb") as file:
        return hashlib.sha256(file.read()).hexdigest()


def lock_of(stack, role):
    """Return the path of the lock that holds a role's packages."""
    return os.path.join(LOCKS, "%s-%s.txt" % (stack, role))


class Environment(object):
    """One virtual environment, and the stamps that say which locks it holds."""

    def __init__(self, path, stack, version=sys.version_info):
        self.path = path
        self.stack = stack
        self.version = "%d.%d" % tuple(version[:2])
        self.python = os.path.join(path, "bin", "python")
        self.doit = os.path.join(path, "bin", "doit")
        self.stamps = os.path.join(path, "locks")
        self.unfinished = os.path.join(self.stamps, "unfinished")
        self.log = os.path.join(path, "install.log")

    def stamp(self, role):
        return os.path.join(self.stamps, role)

    def usable(self):
        """Whether the environment is whole: of this Python, which still exists, and no install in it was cut off."""
        modules = os.path.join(self.path, "lib", "python" + self.version, "site-packages", "pip")
        return (os.path.isdir(self.stamps) and not os.path.exists(self.unfinished)
                and os.access(self.python, os.X_OK) and os.path.isdir(modules))

    def holds(self, role):
        """Whether the role's packages were installed from the lock as it is now."""
        try:
            with open(self.stamp(role)) as file:
                return file.read() == digest(lock_of(self.stack, role))
        except (IOError, OSError):
            return False

    def lacks(self, roles):
        """Return those of `roles` that have to be installed, in their order."""
        if not self.usable():
            return list(roles)
        return [role for role in roles if not self.holds(role)]

    def make(self):
        """Make an empty environment.

        It replaces only one that this script made: such a one holds the file `locks` from its first moment on.
        """
        try:
            import ensurepip
            import venv
            del ensurepip, venv
        except ImportError:
            raise Refusal("Python %s at %s cannot make environments: it lacks venv and pip (on Debian and Ubuntu: apt "
                          "install python3-venv; elsewhere take another Python, as in: make PYTHON=python3.12)"
                          % (self.version, sys.executable))
        name = os.path.basename(self.path)
        if os.path.isdir(self.stamps):
            say("%s is unfinished, broken or of another Python: making it anew" % name)
        elif os.listdir(self.path) if os.path.isdir(self.path) else os.path.exists(self.path):
            raise Refusal("%s is in the way: it was not made here, and is left as it is; move it elsewhere" % self.path)
        say("%s: an environment of Python %s" % (name, self.version))
        if not os.path.isdir(self.path) or os.listdir(self.path):
            if os.path.islink(self.path):
                os.unlink(self.path)  # what it leads to may be another checkout's
            else:
                shutil.rmtree(self.path, ignore_errors=True)
        place = os.path.realpath(self.path)  # of a link to an empty directory, that one: on a disk with more room, say
        os.makedirs(self.stamps)
        open(self.unfinished, "w").close()
        # Not `venv --clear`: a file that it cannot remove stops it half way.
        self.call([base_python(), "-I", "-m", "venv", place], "cannot make %s" % self.path)
        os.unlink(self.unfinished)

    def call(self, command, purpose):
        """Run a command quietly; raise Refusal with the last line of what it said where it fails."""
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        said = process.communicate()[0].decode("utf-8", "replace").strip()
        if process.returncode:
            if shutil.disk_usage(ROOT).free < ROOM:  # venv does not say it
                raise Refusal(FULL)
            raise Refusal("%s: %s" % (purpose, said.splitlines()[-1] if said else "exit %d" % process.returncode))

    def install(self, role):
        """Install a role's lock, hashes checked, and stamp it.  An install cut off anywhere leaves `unfinished`."""
        lock = lock_of(self.stack, role)
        wanted = digest(lock)
        with open(lock) as file:
            count = len(re.findall("^[a-z0-9].*==", file.read(), re.M))
        began = time.time()
        if role in ROLES:
            say("%s: %s (%d packages)" % (role, ROLES[role], count))
        open(self.unfinished, "w").close()
        # --no-deps: a lock is complete, and the official converter's own dependencies are left out on purpose.
        command = [self.python, "-I", "-m", "pip", "install", "--require-hashes", "--no-deps",
                   "--disable-pip-version-check", "-r", lock]
        environ = dict(os.environ, PIP_USER="0")
        if self.stack == "py36" and role != "bootstrap":
            command += ["--no-build-isolation"]  # clang, termcolor and wrapt exist as source only
        if environ.pop("PIP_NO_CACHE_DIR", ""):
            command += ["--no-cache-dir"]  # pip 18 crashes on the variable
        self.run_pip(command, environ, role, count)
        if role == "view":
            self.link_node()
        for name in (role,) + CONTAINS.get(role, ()):
            with open(self.stamp(name), "w") as file:
                file.write(wanted if name == role else digest(lock_of(self.stack, name)))
        os.unlink(self.unfinished)
        if role in ROLES and time.time() - began > 5:
            say("%s: installed in %d s" % (role, time.time() - began))

    def run_pip(self, command, environ, role, count):
        """Run pip with its words in the log, and on a terminal one line that follows its progress."""
        process = subprocess.Popen(command, env=environ, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        lines, collected = [], 0
        with open(self.log, "ab") as log:
            for raw in iter(process.stdout.readline, b""):
                log.write(raw)
                lines.append(raw.decode("utf-8", "replace").strip())
                step = re.match(r"(Collecting|Downloading|Building wheels|Installing collected)\s*(\S*)", lines[-1])
                if step and sys.stdout.isatty():
                    collected += step.group(1) == "Collecting"
                    doing = "unpacking" if step.group(1).startswith("Inst") else step.group(2).split("/")[-1][:50]
                    sys.stdout.write("\r\033[K%s: %d/%d %s" % (role, min(collected, count), count, doing))
                    sys.stdout.flush()
        if sys.stdout.isatty():
            sys.stdout.write("\r\033[K")
        if process.wait():
            raise Refusal(reason(lines, os.path.relpath(self.log, ROOT)))

    def link_node(self):
        """Put node and npm beside the environment's python, for every PATH that has its directory."""
        found = glob.glob(os.path.join(self.path, "lib", "python*", "site-packages", "nodejs*", "bin", "node"))
        node, npm = os.path.join(self.path, "bin", "node"), os.path.join(self.path, "bin", "npm")
        script = os.path.join(os.path.dirname(os.path.dirname(found[0])), "lib/node_modules/npm/bin/npm-cli.js")
        for path in (node, npm):
            if os.path.lexists(path):
                os.unlink(path)
        os.symlink(os.path.relpath(found[0], os.path.dirname(node)), node)
        with open(npm, "w") as file:
            file.write('#!/bin/sh\nhere=$(dirname "$0")\nPATH=$here:$PATH exec "$here/node" "$here/%s" "$@"\n'
                       % os.path.relpath(script, os.path.dirname(npm)))
        os.chmod(npm, 0o755)


    def word_doit(self):
        """Let the environment's `doit` say in one line which option it lacks (DOIT_SAYS)."""
        try:
            with open(self.doit, "rb") as file:
                script = file.read()
            if DOIT not in script or DOIT_SAYS in script:
                return
            part = "%s.%d" % (self.doit, os.getpid())
            with open(part, "wb") as file:
                file.write(script.replace(DOIT, DOIT_SAYS))
            shutil.copymode(self.doit, part)
            os.rename(part, self.doit)
        except (IOError, OSError):
            pass  # it is not there, or may not be written: doit works all the same


def reason(lines, log):
    """Return one line on why pip failed, from the lines it printed."""
    text = "\n".join(lines)
    if "DO NOT MATCH THE HASHES" in text or "Hashes are required" in text:
        named = re.findall(r"^\s*(\S+==\S+|\S+) from .*:$|^(\S+==\S+) from", text, re.M)
        return ("a downloaded package is not the one that docker/locks/*.txt pins%s: a proxy or mirror changed it, or "
                "it was damaged on the way; run again, or from another network (%s)"
                % ("".join(" (%s)" % (a or b) for a, b in named[:1]), log))
    if "No space left" in text:
        return FULL
    if NO_NETWORK.search(text):
        return ("the Python package index cannot be reached: check the network, or name your proxy, mirror and "
                "certificates in HTTPS_PROXY, PIP_INDEX_URL and PIP_CERT, then run again (%s)" % log)
    errors = [line for line in lines if line.startswith("ERROR")] or [line for line in lines if line] or ["pip failed"]
    said = errors[-1].replace("ERROR: ", "")
    if "No matching distribution" in text:
        return "%s: none for this system and Python, or no network (%s)" % (re.sub(r" \(from .*", "", said), log)
    return "%s (%s)" % (said, log)


def base_python():
    """Return the Python outside any environment that the running one comes from: the environment may be rebuilt."""
    if sys.prefix == sys.base_prefix:
        return sys.executable
    inside = os.path.join(sys.base_prefix, "bin", "python%d.%d" % sys.version_info[:2])
    return inside if os.access(inside, os.X_OK) else getattr(sys, "_base_executable", sys.executable)


def place_of(stack, roles):
    """Return the name of the environment that holds `roles`; raise Refusal where there is none."""
    apart = [role for role in roles if role in APART]
    if apart and (len(roles) > 1 or stack != "py36"):
        raise Refusal("%s has an environment of its own, of Python 3.6: python3.6 scripts/bootstrap.py %s"
                      % (apart[0], apart[0]))
    return APART[apart[0]] if apart else ENVIRONMENTS[stack]


def without_wheels(stack, roles):
    """Return the roles that this machine can have: macOS on Intel views without TensorFlow, which has no wheel there.

    Raises Refusal where the train role is wanted for more than viewing.
    """
    system = os.uname()
    if stack != "modern" or (system[0], system[4]) != ("Darwin", "x86_64") or "train" not in roles:
        return roles
    if "view" not in roles:
        raise Refusal("TensorFlow has no wheel for macOS on Intel, and nothing trains here: `make convert` converts "
                      "trained models, and `make view` shows them")
    return ["convert" if role == "train" else role for role in roles]


def set_up(roles):
    """Bring the environment of the running Python to hold `roles`; return it.  Raises Refusal."""
    stack = stack_of(sys.version_info)
    place = place_of(stack, roles)
    roles = [LOCKED_AS.get((stack, role), role) for role in without_wheels(stack, roles)]
    if stack == "py36":
        roles = ["bootstrap"] + roles  # pip 18, which comes with Python 3.6, cannot install the rest
    environment = Environment(os.path.join(ROOT, place), stack)
    missing = environment.lacks(roles)
    if "view" in missing and machine_has_node():
        missing.remove("view")
    if not missing and environment.usable():
        environment.word_doit()
        return environment
    if stack == "py36" and os.uname()[4] not in ("x86_64", "amd64") and {"train", "keras231"} & set(missing):
        raise Refusal("TensorFlow for Python 3.6 exists for x86-64 only, and this is %s: use Python 3.10 - 3.13"
                      % os.uname()[4])
    with open(environment.path + ".lock", "a") as lock:  # nothing is written: what stands there stays
        fcntl.flock(lock, fcntl.LOCK_EX)  # two builds at once: the second one waits, then finds it done
        if not environment.usable():
            environment.make()
        for role in missing:
            if not environment.holds(role):
                environment.install(role)
    environment.word_doit()
    return environment


def main(arguments):
    if arguments == ["--python36"]:
        found = find_python36()
        if not found:
            raise Refusal("no Python 3.6 found: set PYTHON36, or install one (pyenv install 3.6.15)")
        return say(found)
    split = arguments.index("--") if "--" in arguments else len(arguments)
    roles, command = arguments[:split], arguments[split + 1:]
    unknown = [role for role in roles if role not in ROLES]
    if unknown or not roles:
        raise Refusal("scripts/bootstrap.py: %s; the roles are %s" % (
            "no role " + unknown[0] if unknown else "name a role", ", ".join(sorted(ROLES))))
    environment = set_up(roles)
    if command[:2] == ["-m", "doit"] and os.path.exists(environment.doit):
        command = [environment.doit] + command[2:]
    if command:
        os.execv(environment.python, [environment.python] + command)


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))
    try:
        main(sys.argv[1:])
    except Refusal as refusal:
        sys.stderr.write("%s\n" % refusal)
        sys.exit(1)
    except (IOError, OSError) as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT, errno.EACCES, errno.EROFS):
            raise
        closed = "%s cannot be written (%s): give this user the directory" % (error.filename or ROOT, error.strerror)
        sys.stderr.write("%s\n" % (FULL if error.errno in (errno.ENOSPC, errno.EDQUOT) else closed))
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(130)
