"""The image: built, run and compared with whichever engine is there: docker with buildx, podman or buildah.

    python -m scripts.image build [convert | cpu | gpu]     build it and tag it tensorspace-keras-build:TARGET
    python -m scripts.image test                            convert in it, and compare with the same stack outside it
    python -m scripts.image reproduce [TARGET ...]          build it twice from nothing and compare; then what it builds
    python -m scripts.image record [TARGET ...]             the same, and write what came out into docker/DIGESTS

scripts/engines.py says which settings in the environment the engines take.
"""
import os
import shutil
import subprocess
import tempfile

from .base import command, files
from .base.fault import Fault
from .release.engines import ROOT, TARGETS, engine_class, run

# models/models.toml of what is compared: the embedded digits, or a trained model as its source.
DIGITS = '[keras]\ndata = "digits"\n'
SOURCE = '[keras]\nsource = "source.h5"\n'


def build(target="cpu"):
    """Build one target with the engine that is there, tag it, print its digest.  Returns the engine."""
    engine = engine_class()()
    digest = engine.build(target)
    command.say(f"{engine.tag(target)}: {digest}")
    return engine


def project(directory, catalogue=DIGITS, source=None):
    """Make `directory` one that the image can be run on: models/models.toml, and a source model where one is given."""
    os.makedirs(os.path.join(directory, "models"))
    with open(os.path.join(directory, "models", "models.toml"), "w") as stream:
        stream.write(catalogue)
    if source:
        shutil.copyfile(source, os.path.join(directory, "source.h5"))
    return directory


def built(directory):
    """Return {path below models/: sha256} of what a build left, without the records of it."""
    top = os.path.join(directory, "models")
    return {os.path.relpath(path, top): files.sha256(path) for path in files.files_of(top)
            if "/.records/" not in path and not path.endswith("models.toml")}


def convert_inside(engine, target, directory):
    """Run `doit convert` in the image on `directory`; return what it built, as `built` does."""
    process = engine.run(target, [], directory)
    if process.returncode:
        raise Fault(f"doit convert failed in {engine.tag(target)}: {process.stdout.strip()}")
    return built(directory)


def convert_outside(python, directory):
    """Run this checkout's `doit convert` on `directory` with the environment `python`; return what it built."""
    # MNIST_NPZ would override the data that the catalogue asks for; in the image it is not set.
    environment = {key: value for key, value in os.environ.items() if key != "MNIST_NPZ"}
    run([python, "-m", "doit", "run", "-f", os.path.join(ROOT, "dodo.py"), "-d", directory, "convert"],
        "doit convert failed outside the image", stdout=subprocess.DEVNULL, env=environment)
    return built(directory)


def differences(one, other):
    """Return the names whose digests differ between two dicts, sorted."""
    return sorted(name for name in set(one) | set(other) if one.get(name) != other.get(name))


def test(target="cpu"):
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
    command.say("the %d files that the %s image builds are those of the same stack outside it, byte for byte"
                % (len(got), target))


def main(arguments):
    parser = command.Parser(prog="python -m scripts.image", description=__doc__)
    parser.add_argument("what", choices=["build", "test", "reproduce", "record"])
    parser.add_argument("targets", nargs="*", metavar="TARGET", help="convert, cpu or gpu")
    options = parser.parse_args(arguments)
    unknown = [target for target in options.targets if target not in TARGETS]
    if unknown:
        raise Fault("no target {}: there are {}".format(unknown[0], ", ".join(TARGETS)))
    if options.what in ("build", "test"):
        for target in options.targets or ["cpu"]:
            {"build": build, "test": test}[options.what](target)
    else:
        from .release import reproduce
        reproduce.reproduce(options.targets or TARGETS, record=options.what == "record")


if __name__ == "__main__":
    command.run(main)
