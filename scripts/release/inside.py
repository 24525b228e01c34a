"""The build in an image: `doit convert` in it and outside it, on a project of its own, compared byte for byte."""
import os
import shutil
import subprocess
import tempfile
from typing import Dict, List, Optional

from ..base import command, files
from ..base.fault import Fault
from .engines import ROOT, Engine, engine_class, run

# models/models.toml of what is compared: the embedded digits, or a trained model as its source.
DIGITS = '[keras]\ndata = "digits"\n'
SOURCE = '[keras]\nsource = "source.h5"\n'


def build(target: str = "cpu") -> Engine:
    """Build one target with the engine that is there, tag it, print its digest.  Returns the engine."""
    engine = engine_class()()
    digest = engine.build(target)
    command.say(f"{engine.tag(target)}: {digest}")
    return engine


def project(directory: str, catalogue: str = DIGITS, source: Optional[str] = None) -> str:
    """Make a project that the image can be run on: models/models.toml, and a source model where one is given."""
    os.makedirs(os.path.join(directory, "models"))
    with open(os.path.join(directory, "models", "models.toml"), "w") as stream:
        stream.write(catalogue)
    if source:
        shutil.copyfile(source, os.path.join(directory, "source.h5"))
    return directory


def built(directory: str) -> Dict[str, str]:
    """Return {path below models/: sha256} of the files that a build left, without its records."""
    top = os.path.join(directory, "models")
    return {os.path.relpath(path, top): files.sha256(path) for path in files.files_of(top)
            if "/.records/" not in path and not path.endswith("models.toml")}


def convert_inside(engine: Engine, target: str, directory: str) -> Dict[str, str]:
    """Run `doit convert` in the image on `directory`; return what `built` finds there.  Raises Fault where it fails."""
    process = engine.run(target, [], directory)
    if process.returncode:
        raise Fault(f"doit convert failed in {engine.tag(target)}: {process.stdout.strip()}")
    return built(directory)


def convert_outside(python: str, directory: str) -> Dict[str, str]:
    """Run this checkout's `doit convert` on `directory` with the environment `python`; return what `built` finds."""
    # MNIST_NPZ would override the data that the catalogue asks for; in the image it is not set.
    environment = {key: value for key, value in os.environ.items() if key != "MNIST_NPZ"}
    run([python, "-m", "doit", "run", "-f", os.path.join(ROOT, "dodo.py"), "-d", directory, "convert"],
        "doit convert failed outside the image", stdout=subprocess.DEVNULL, env=environment)
    return built(directory)


def differences(one: dict, other: dict) -> List[str]:
    """Return the names whose digests differ between two dicts, sorted."""
    return sorted(name for name in set(one) | set(other) if one.get(name) != other.get(name))


def test(target: str = "cpu") -> None:
    """Train, encapsulate and convert the embedded digits in the image and with .venv-py36; compare every byte.

    The convert image gets the trained model as its source.  Raises Fault that names what differs.
    """
    python = os.path.join(ROOT, ".venv-py36", "bin", "python")
    if not os.access(python, os.X_OK):
        raise Fault("no .venv-py36 to compare with: make PYTHON=python3.6 makes it")
    engine = build(target)
    with tempfile.TemporaryDirectory() as place:
        outside = project(os.path.join(place, "outside"))
        expected = convert_outside(python, outside)
        catalogue, source = DIGITS, None
        if target == "convert":
            catalogue, source = SOURCE, os.path.join(outside, "models", "model.h5")
            expected = convert_outside(python, project(os.path.join(place, "source"), catalogue, source))
        got = convert_inside(engine, target, project(os.path.join(place, "inside"), catalogue, source))
    if differences(got, expected):
        raise Fault("built in the image and outside it, these differ: " + ", ".join(differences(got, expected)))
    command.say(f"the {len(got)} files that the {target} image builds are those of the same stack outside it, byte for "
                "byte")
