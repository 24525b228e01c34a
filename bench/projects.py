"""The projects that the benchmarks measure on: a project that converts given models, and an untrained LeNet."""
import hashlib
import os
import shutil
import sys

from bench import measure

LAYERS = ["Conv2D_1", "MaxPooling2D_1", "Conv2D_2", "MaxPooling2D_2", "Dense_1", "Dense_2", "Softmax"]
BUILD_LENET = ("import sys; from scripts.training import lenet, saved_by_keras; "
               "saved_by_keras.save_h5(lenet.build(saved_by_keras.legacy_keras()), sys.argv[1])")


def lenet(python, path):
    """Write an untrained LeNet of Keras 2 to `path`: the official route reads no other."""
    measure.once([python, "-c", BUILD_LENET, path])


def names(count):
    """Return what `count` models are called."""
    return [f"m{index:04d}" for index in range(count)]


def make_project(path, sources):
    """Make a project at `path` that converts {name: source}."""
    for name in ("scripts", "docker/locks"):
        shutil.copytree(os.path.join(measure.ROOT, name), os.path.join(path, name),
                        ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(os.path.join(measure.ROOT, "dodo.py"), path)
    os.makedirs(os.path.join(path, "models"))
    with open(os.path.join(path, "models", "models.toml"), "w") as stream:
        for name, source in sources.items():
            stream.write(f'[{name}]\nsource = "{source}"\n')


def forget(project):
    """Remove all that was built in a project."""
    models = os.path.join(project, "models")
    for name in os.listdir(models):
        if name != "models.toml":
            shutil.rmtree(os.path.join(models, name), ignore_errors=True)


def against_cp(place, source, copies, commands=False):
    """Time `doit convert` of a source from nothing, against cp of it, `copies` times, and sha256 of it and of these.

    commands  True: against the programs `cp` and `sha256sum` too, which have a start as doit has
    Return the row of the result.
    """
    project = os.path.join(place, "project")
    shutil.rmtree(project, ignore_errors=True)
    make_project(project, {"big": source})
    paths = [os.path.join(place, f"copy-{number}") for number in range(copies)]

    def hash_and_copy():
        for path in paths:
            shutil.copyfile(source, path)
        for path in [source] + paths:
            with open(path, "rb") as stream:
                digest = hashlib.sha256()
                for chunk in iter(lambda: stream.read(1 << 20), b""):
                    digest.update(chunk)

    code = os.path.join(project, "models", ".records", "code.json")  # what the first run of a project finds out

    def prepare(contender):
        kept = open(code, "rb").read() if os.path.exists(code) else None
        forget(project)
        if kept is not None:
            os.makedirs(os.path.dirname(code))
            with open(code, "wb") as stream:
                stream.write(kept)
        os.sync()  # else the next contender waits until the bytes of the one before are written

    measure.once([sys.executable, "-m", "doit", "convert"], project)
    contenders = {"ours": [([sys.executable, "-m", "doit", "convert"], project)], "cp and sha256": [hash_and_copy]}
    if commands:
        contenders["cp and sha256sum"] = [["cp", source, path] for path in paths] + [["sha256sum", source] + paths]
    got = measure.side_by_side(contenders, runs=3, prepare=prepare)
    ours = got["ours"]
    row = {"MB": round(os.path.getsize(source) / 1e6), "ours s": ours["seconds"]}
    for name, ratio in (("cp and sha256", "ratio"), ("cp and sha256sum", "ratio to commands")):
        if name in got:
            row[name + " s"] = got[name]["seconds"]
            row[ratio] = round(ours["seconds"] / got[name]["seconds"], 2)
    return dict(row, **{"ours peak MB": ours["megabytes"], "spread s": ours["spread"]})
