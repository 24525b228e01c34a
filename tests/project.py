"""A copy of the project in a directory of its own, for tests that build in it, break it and look at what is said."""
import functools
import glob
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile

from scripts.builds import code, digests
from scripts.builds.stages import conversion, showing, training
from tests import shared_node, turns
from tests.needs import ROOT

DIGITS = '[keras]\ndata = "digits"\nepochs = 1\nlayers = ["Conv2D_1", "MaxPooling2D_2", "Softmax"]\n'


@functools.lru_cache(maxsize=None)
def read_code():
    """Return the cache of what scripts/ imports: reading it anew takes two seconds."""
    shared = os.path.join(turns.DIRECTORY, "code.json") if turns.DIRECTORY else None
    if shared and os.path.exists(shared):
        with open(shared, "rb") as stream:
            return stream.read()
    with tempfile.TemporaryDirectory(dir=turns.DIRECTORY) as place:
        cache = code.Code(digests.Digests(), os.path.join(place, "code.json"))
        cache.of(conversion.ENCAPSULATE, conversion.CONVERT, conversion.MANIFEST, conversion.GRAPH,
                 conversion.REFERENCE, training.TRAIN, showing.PAGE, showing.VERIFY)
        cache.save()
        with open(cache.path, "rb") as stream:
            found = stream.read()
        if shared:
            os.replace(cache.path, shared)
        return found


class Project:
    """A copy of the project in a directory of its own, whose doit runs on the Python of the tests."""

    def __init__(self, path):
        self.path = str(path)

    @classmethod
    def create(cls, path, toml=DIGITS, known=True):
        """Copy the project to `path`.

        known  True: what scripts/ imports is known there, as after a first build; else the first build reads it
        """
        path.mkdir(parents=True, exist_ok=True)
        for name in ("scripts", "docker/locks", "dodo.py"):
            source, target = os.path.join(ROOT, name), str(path / name)
            if os.path.isdir(source):
                shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
            else:
                shutil.copy(source, target)
        (path / "models").mkdir()
        project = cls(path)
        project.write("models/models.toml", toml)
        if known:
            project.write("models/.records/code.json", read_code())
        return project

    def file(self, name):
        return os.path.join(self.path, name)

    def read(self, name):
        with open(self.file(name), "rb") as stream:
            return stream.read()

    def write(self, name, content):
        os.makedirs(os.path.dirname(self.file(name)), exist_ok=True)
        with open(self.file(name), "wb") as stream:
            stream.write(content if isinstance(content, bytes) else content.encode("utf-8"))

    def command(self, *arguments):
        return [sys.executable, "-m", "doit"] + list(arguments)

    def environment(self, **changes):
        environment = {key: value for key, value in os.environ.items() if key not in ("MNIST_NPZ", "WITHOUT_TRAINING")}
        environment.update(PYTHONIOENCODING="utf-8", **changes)
        return environment

    def doit(self, *arguments, **environment):
        """Run doit; return (exit status, stdout, stderr)."""
        done = subprocess.run(self.command(*arguments), cwd=self.path, env=self.environment(**environment),
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL, timeout=300)
        return done.returncode, done.stdout.decode("utf-8"), done.stderr.decode("utf-8")

    def ran(self, *arguments, **environment):
        """Run doit, which must succeed, and whose models TensorFlow.js must load; return the tasks that it executed."""
        status, out, err = self.doit(*arguments, **environment)
        assert status == 0, err
        assert err == ""
        for path in glob.glob(self.file("models/json_models/*/*.json")):
            with open(path, "rb") as stream:
                if b'"modelTopology"' in stream.read():
                    shared_node.promised(path)
        return {line.split()[1] for line in out.splitlines() if line.startswith(".  ")}

    def fault(self, *arguments, **environment):
        """Run doit, which must end with 1 and one line on stderr; return the line."""
        status, out, err = self.doit(*arguments, **environment)
        assert (status, err.count("\n")) == (1, 1), (status, out, err)
        assert "Traceback" not in out
        return err.strip()

    def artifacts(self):
        """Return {path: sha256} of all that was built."""
        found = {}
        for directory, names, files in os.walk(self.file("models")):
            names[:] = [name for name in names if name != ".records"]
            for name in files:
                path = os.path.relpath(os.path.join(directory, name), self.path)
                found[path] = hashlib.sha256(self.read(path)).hexdigest()
        return found
