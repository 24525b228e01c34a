"""What the benchmarks measure on: a project that converts given models, and an untrained LeNet."""
import os
import shutil

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
