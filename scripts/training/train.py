"""Train the guide's LeNet (section 1.1) on images, on this machine or on several: the same weights every time.

A process trains once, with child.ENVIRONMENT set before Python starts: thread counts change the last bits of weights.
"""
import contextlib
import hashlib
import json
import os
import random
import sys
import tempfile
from typing import Any, ContextManager, Dict, NamedTuple, Optional

import numpy

from ..base import child, command, files, place
from ..base.fault import Fault
from . import choices, lenet, recipes, resume, saved_by_keras, workers

SEED, OPTIMIZER = 0, "adam"  # the guide's, and a seed
OPTIMIZERS = ("adadelta", "adagrad", "adam", "adamax", "ftrl", "nadam", "rmsprop", "sgd")


class Trained(NamedTuple):
    """The results of a training.

    model   the Keras model
    report  dict, JSON-able, the same on every run: accuracy and loss on the test images, settings, versions
    """

    model: Any
    report: dict


class Device(NamedTuple):
    """The device of a training: "GPU" or "CPU", and the scope to build the model in."""

    name: str
    scope: ContextManager


def train(arrays: Dict[str, numpy.ndarray], epochs: Optional[int] = None, batch_size: Optional[int] = None,
          seed: int = SEED, optimizer: str = OPTIMIZER, learning_rate: Optional[float] = None, recipe: str = "guide",
          checkpoint: Optional[str] = None, cluster: Optional[workers.Cluster] = None) -> Trained:
    """Train LeNet on `arrays` (as dataset.resolve gives them).

    epochs, batch_size  None: the recipe's own (choices.RECIPES)
    learning_rate  None: the optimizer's own (0.001 for adam); the fast recipe rises to it and falls to 0
    recipe         "guide" or "fast": recipes.RECIPES
    checkpoint     path of a file to keep after each epoch and to resume from, or None.  The guide's
                   recipe then seeds every epoch by itself, so its weights differ from those without
    cluster        the machines that train together, all with the same arguments but `checkpoint`, which is the chief's

    Raises Fault for an optimizer that this Keras does not have, where the loss left the numbers, and where another
    worker was lost.
    """
    keras, tensorflow = _libraries()
    batch_size = batch_size or choices.RECIPES[recipe]["batch_size"]
    epochs = epochs or choices.RECIPES[recipe]["epochs"] or -(
        -recipes.STEPS // max(1, len(arrays["x_train"]) // batch_size))
    settings = {"epochs": epochs, "batch_size": batch_size, "seed": seed, "optimizer": optimizer,
                "learning_rate": learning_rate}
    settings.update({} if recipe == "guide" else {"recipe": recipe})
    settings.update({"checkpoint": True} if checkpoint else {})
    device, scope = devices(tensorflow, cluster)
    report = {"device": device, "settings": settings,
              "images": {"train": len(arrays["x_train"]), "test": len(arrays["x_test"])},
              "versions": {"keras": keras.__version__, "tensorflow": tensorflow.__version__,
                           "numpy": numpy.__version__, "python": "{}.{}".format(*sys.version_info)}}
    report.update({"workers": len(cluster.addresses)} if cluster else {})
    identity = dict(report, data=_content(arrays), code=_code()) if checkpoint or cluster else None
    _seed(keras, tensorflow, seed)
    keras.backend.set_floatx("float32")  # whatever the user's keras.json says
    keras.backend.set_image_data_format("channels_last")

    with workers.together(tensorflow, cluster, checkpoint), scope:
        if cluster:
            workers.agree(tensorflow, identity)
        model = lenet.build(keras)
        rate = recipes.PEAK if (recipe, optimizer, learning_rate) == ("fast", "adam", None) else learning_rate
        model.compile(optimizer=_optimizer(keras, optimizer, rate),
                      loss="sparse_categorical_crossentropy", metrics=["accuracy"])
        run = recipes.RECIPES[recipe](keras, tensorflow, model, arrays["x_train"], arrays["y_train"], settings)
        if recipe == "guide" and not checkpoint:
            run(0, epochs)
        else:
            _run_and_keep(keras, tensorflow, model, run, settings, checkpoint, cluster, identity)
        loss, accuracy = model.evaluate(arrays["x_test"] / numpy.float32(255), arrays["y_test"],
                                        batch_size=recipes.EVALUATED[recipe], verbose=0)
    if not numpy.isfinite(loss):
        now = "the optimizer's own" if learning_rate is None else learning_rate
        raise Fault(f"training diverged (loss {loss}): lower learning_rate, now {now}, or take another optimizer than "
                    f"{optimizer}")
    return Trained(model, dict(report, accuracy=round(float(accuracy), 6), loss=round(float(loss), 6)))


def _libraries():
    """Return the modules keras and tensorflow.  Raises Fault where one is not installed."""
    try:
        with child.importing():
            import keras
            import tensorflow
    except ImportError as error:
        raise Fault(f"training needs TensorFlow, which is not installed here ({command.one_line(error)}): "
                    f"{place.installs('tensorflow')} installs it, the cpu image has it; or give the table a source")
    return keras, tensorflow


def _run_and_keep(keras, tensorflow, model, run, settings, checkpoint, cluster, identity):
    """Train epoch by epoch, from the checkpoint on where there is one, and keep each epoch's end in it."""
    guide = settings.get("recipe", "guide") == "guide"
    keeps = checkpoint and (cluster is None or cluster.chief)
    done = resume.restore(model, checkpoint, identity) if keeps else 0
    if checkpoint and cluster:
        done = workers.spread(tensorflow, model, done)
    for number in range(done, settings["epochs"]):
        if guide:
            _seed(keras, tensorflow, int(numpy.random.RandomState([settings["seed"], number]).randint(2 ** 31)))
        run(number)
        if keeps:
            resume.keep(model, checkpoint, identity, number + 1)


def _seed(keras, tensorflow, seed):
    random.seed(seed)
    numpy.random.seed(seed)
    tensorflow.random.set_seed(seed)
    if hasattr(keras.utils, "set_random_seed"):  # Keras 3 has generators of its own
        keras.utils.set_random_seed(seed)


def _content(arrays):
    """Return the sha256 of the images and labels, in whatever file they came."""
    digest = hashlib.sha256()
    for name in sorted(arrays):
        digest.update(f"{name} {arrays[name].dtype} {arrays[name].shape}".encode("ascii"))
        digest.update(numpy.ascontiguousarray(arrays[name]))
    return digest.hexdigest()


def _code():
    """Return the sha256 of what a checkpoint's values depend on: this file, recipes, the model, their defaults."""
    modules = sys.modules[__name__], lenet, choices, resume, recipes, workers
    return [files.sha256(module.__file__) for module in modules]


def devices(tensorflow: Any, cluster: Optional[workers.Cluster] = None) -> Device:
    """Return the Device to train on, and say which it is.

    GPUs get memory as they need it, not the whole card at once; several of them share each batch (MirroredStrategy),
    and so do the machines of a cluster.
    """
    strategy = workers.strategy(tensorflow, cluster) if cluster else None  # before all else of TensorFlow's
    gpus = tensorflow.config.list_physical_devices("GPU")
    for gpu in gpus:
        tensorflow.config.experimental.set_memory_growth(gpu, True)
    names = [tensorflow.config.experimental.get_device_details(gpu).get("device_name", gpu.name) for gpu in gpus]
    command.say(f"on the GPU: {', '.join(names)}" if gpus else "on the CPU: TensorFlow sees no GPU")
    if len(gpus) > 1 and not strategy:
        strategy = tensorflow.distribute.MirroredStrategy()
    return Device("GPU" if gpus else "CPU", strategy.scope() if strategy else contextlib.ExitStack())


def _optimizer(keras, name, learning_rate):
    config = {} if learning_rate is None else {"learning_rate": learning_rate}
    try:
        return keras.optimizers.get({"class_name": name, "config": config})
    except (ValueError, TypeError, ImportError):
        raise Fault(f"optimizer {name!r} is not one that Keras {keras.__version__} makes by name; every Keras has "
                    f"{', '.join(OPTIMIZERS)}")


def show_prediction(model: Any, arrays: Dict[str, numpy.ndarray], seed: int) -> None:
    """Predict one test image, as the guide does to check a model: (28, 28) in, one output of (10,)."""
    index = numpy.random.RandomState(seed).randint(len(arrays["x_test"]))
    output = numpy.asarray(model(arrays["x_test"][index:index + 1] / numpy.float32(255)))  # predict asks all workers
    command.say(f"test image {index}: predicted {output[0].argmax()}, labelled {arrays['y_test'][index]} "
                f"(one output, shape {output[0].shape})")


def deliver(trained: Trained, arrays: Dict[str, numpy.ndarray], seed: int, origin: str, out: str,
            report: Optional[str] = None) -> None:
    """Write the model to `out` (h5) and its report to `report` (JSON), and say how well the model does.

    origin  of the images: dataset.resolve
    Raises Fault where a file cannot be written.
    """
    facts = dict(trained.report, origin=origin)
    try:
        saved_by_keras.save_h5(trained.model, out)
        if report:
            with files.whole(report) as part, open(part, "w") as file:
                json.dump(facts, file, indent=1, sort_keys=True)
                file.write("\n")
    except OSError as error:
        raise Fault(f"{out} cannot be written: {error.strerror or error}")
    command.say(f"test accuracy {facts['accuracy']:.4f} on {facts['images']['test']} images")
    show_prediction(trained.model, arrays, seed)


def take_part(trained: Trained, cluster: workers.Cluster) -> None:
    """End the part of a worker that is not the chief: it writes nothing, and leaves after the chief."""
    with tempfile.TemporaryDirectory() as nowhere:  # a model that is saved may ask all workers for its variables
        saved_by_keras.save_h5(trained.model, os.path.join(nowhere, "model.h5"))
    command.say(f"{cluster}: done; {cluster.addresses[0]} writes the model")
    workers.wait_for_chief(cluster)
