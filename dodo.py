"""The tasks of this project, from a model file to a model that TensorSpace opens.

    models/model.h5 -> models/enc_model.h5 -> models/json_models/keras/model.json + shards

models/models.toml names the models; `doit list` shows these tasks, and `doit` builds what is out of date.  This file
only declares: scripts/builds/stages/ says what a stage does, scripts/builds/records.py when it is out of date.
"""
import os
import sys
from typing import Any, Callable, Dict, Iterator, Optional, Union

if __name__ == "__main__":
    sys.exit("doit reads this file: run `doit`, or `make`, which sets it up first")

if __package__:  # in the wheel, which carries this file
    from .builds.run import Run
    from .builds.stages import conversion, showing, training
else:
    sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
    from scripts.builds.run import Run
    from scripts.builds.stages import conversion, showing, training

RUN = Run("models")
DOIT_CONFIG = RUN.configure(default=["convert"])
MODELS, SHOWN = RUN.catalogue()
Task = Dict[str, Any]  # as doit takes it


def of_the_checkout(creator: Callable) -> Optional[Callable]:
    """Leave a task out of the wheel: it is about the checkout's own files."""
    return None if __package__ else creator


def task_data() -> Iterator[Task]:
    """Get the images to train on: MNIST, or the embedded digits"""
    return (training.data(RUN, entry) for entry in MODELS if entry.data)


def task_train() -> Iterator[Task]:
    """Train the guide's LeNet for each model without a source"""
    return (training.train(RUN, entry) for entry in MODELS if entry.trained)


def task_encapsulate() -> Iterator[Task]:
    """Make every wanted layer of each model an output: enc_model.h5"""
    return (conversion.encapsulate(RUN, entry) for entry in MODELS if not conversion.graph(RUN, entry))


def task_convert() -> Iterator[Task]:
    """Convert each model for TensorFlow.js: model.json and its shards"""
    return (conversion.convert(RUN, entry) for entry in MODELS)


def task_verify() -> Iterator[Task]:
    """Compare each converted model in TensorFlow.js with Keras, output by output"""
    return (showing.verify(RUN, entry) for entry in SHOWN)


def task_page() -> Iterator[Task]:
    """Draw each converted model as a web page with TensorSpace: models/pages/"""
    return (showing.page(RUN, entry) for entry in SHOWN)


def task_view() -> Union[Task, Iterator[Task]]:
    """Open a model's page in the browser, or a list of all of them, until Ctrl-C"""
    if "view" in RUN.words and len(SHOWN) > 1:
        return showing.view_all(RUN, SHOWN)
    return (showing.view(RUN, entry) for entry in SHOWN)


@of_the_checkout
def task_screenshot() -> Iterator[Task]:
    """Take the picture at the top of README from the first model's page"""
    return (showing.screenshot(RUN, entry) for entry in SHOWN[:1])


def task_orphans() -> Task:
    """Name what was built of models that models.toml no longer has; `doit clean orphans` removes it"""
    return RUN.orphans(conversion.sources)


@of_the_checkout
def task_image() -> Iterator[Task]:
    """Build the container image (CPU); image:gpu and image:convert are the others"""
    for target, name in (("cpu", "image"), ("gpu", "image:gpu"), ("convert", "image:convert")):
        yield RUN.always(".image:build", target, basename=name, doc="Build the container image, " + target)


@of_the_checkout
def task_image_test() -> Task:
    """Convert in the image, and compare with what the same stack builds outside it"""
    return RUN.always(".image:test", basename="image-test")


@of_the_checkout
def task_reproduce() -> Task:
    """Build the images twice from nothing and compare them, then what they build"""
    return RUN.always(".release.reproduce:reproduce", basename="reproduce")


@of_the_checkout
def task_lock() -> Task:
    """Pin every dependency anew, by hash: docker/locks/"""
    return RUN.always(".lock:main", [], basename="lock")


@of_the_checkout
def task_audit() -> Task:
    """List today's advisories on every pinned package: SECURITY.md"""
    return RUN.always(".audit:main", [], basename="audit")


@of_the_checkout
def task_bench() -> Iterator[Task]:
    """Measure this project against other tools: bench/README.md"""
    for name in ("uptodate", "changed", "many", "big", "onnx", "graph", "lowered", "page", "image", "train"):
        yield RUN.always("bench.benchmarks:run", name, basename="bench", name=name)
