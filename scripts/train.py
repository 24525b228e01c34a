"""Train the guide's LeNet (section 1.1): reads data.npz, writes model.h5 and a JSON report; the same bytes every time.

Runs in a process of its own with ENVIRONMENT set before Python starts; started by hand, it sees to that itself.
Several machines train together where TF_CONFIG names them: docs/training.md.
"""
import contextlib
import hashlib
import json
import os
import random
import sys
import tempfile

import numpy

from . import dataset
from .base import child, command, files
from .base.fault import Fault
from .training import choices, lenet, recipes, resume, workers

ENVIRONMENT = child.ENVIRONMENT
SEED, OPTIMIZER = 0, "adam"  # the guide's, and a seed
OPTIMIZERS = ("adadelta", "adagrad", "adam", "adamax", "ftrl", "nadam", "rmsprop", "sgd")


def train(arrays, epochs=None, batch_size=None, seed=SEED, optimizer=OPTIMIZER, learning_rate=None, recipe="guide",
          checkpoint=None, cluster=None):
    """Return (Keras model, report) of LeNet trained on `arrays` (as dataset.resolve gives them).

    epochs, batch_size  None: the recipe's own (choices.RECIPES)
    learning_rate  None: the optimizer's own (0.001 for adam); the fast recipe rises to it and falls to 0
    recipe         "guide" or "fast": recipes.RECIPES
    checkpoint     path of a file to keep after each epoch and to resume from, or None.  The guide's
                   recipe then seeds every epoch by itself, so its weights are others than without
    cluster        workers.Cluster of the machines that train together, all with the same arguments but `checkpoint`,
                   which is the chief's
    report         dict, JSON-able, the same on every run: accuracy and loss on the test images, settings, versions

    Raises Fault for an optimizer that this Keras does not have, where the loss left the numbers, and where another
    worker was lost.
    """
    try:
        import keras
        import tensorflow
    except ImportError as error:
        raise Fault(f"training needs TensorFlow, which is not installed here ({command.one_line(error)}): `make` "
                    "installs it, the cpu image "
                    "has it; or give the table a source")
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
                           "numpy": numpy.__version__, "python": "%d.%d" % sys.version_info[:2]}}
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
            keeps = checkpoint and (cluster is None or cluster.chief)
            done = resume.restore(model, checkpoint, identity) if keeps else 0
            if checkpoint and cluster:
                done = workers.spread(tensorflow, model, done)
            for number in range(done, epochs):
                if recipe == "guide":
                    _seed(keras, tensorflow, int(numpy.random.RandomState([seed, number]).randint(2 ** 31)))
                run(number)
                if keeps:
                    resume.keep(model, checkpoint, identity, number + 1)
        loss, accuracy = model.evaluate(arrays["x_test"] / numpy.float32(255), arrays["y_test"],
                                        batch_size=recipes.EVALUATED[recipe], verbose=0)
    if not numpy.isfinite(loss):
        raise Fault("training diverged (loss {}): lower learning_rate, now {}, or take another optimizer than "
                    "{}".format(loss, "the optimizer's own" if learning_rate is None else learning_rate, optimizer))
    return model, dict(report, accuracy=round(float(accuracy), 6), loss=round(float(loss), 6))


def _seed(keras, tensorflow, seed):
    random.seed(seed)
    numpy.random.seed(seed)
    tensorflow.random.set_seed(seed)
    if hasattr(keras.utils, "set_random_seed"):  # Keras 3 has generators of its own
        keras.utils.set_random_seed(seed)


def _content(arrays):
    """The sha256 of the images and labels, in whatever file they came."""
    digest = hashlib.sha256()
    for name in sorted(arrays):
        digest.update((f"{name} {arrays[name].dtype} {arrays[name].shape}").encode("ascii"))
        digest.update(numpy.ascontiguousarray(arrays[name]))
    return digest.hexdigest()


def _code():
    """The sha256 of what a checkpoint's values depend on: this file, recipes, the model, their defaults."""
    modules = sys.modules[__name__], lenet, choices, resume, recipes, workers
    return [files.sha256(module.__file__) for module in modules]


def devices(tensorflow, cluster=None):
    """Return ("GPU" or "CPU", the scope to build the model in), and say which it is.

    GPUs get memory as they need it, not the whole card at once; several of them share each batch (MirroredStrategy),
    and so do the machines of a cluster.
    """
    strategy = workers.strategy(tensorflow, cluster) if cluster else None  # before all else of TensorFlow's
    gpus = tensorflow.config.list_physical_devices("GPU")
    for gpu in gpus:
        tensorflow.config.experimental.set_memory_growth(gpu, True)
    names = [tensorflow.config.experimental.get_device_details(gpu).get("device_name", gpu.name) for gpu in gpus]
    command.say("on the GPU: {}".format(", ".join(names)) if gpus else "on the CPU: TensorFlow sees no GPU")
    if len(gpus) > 1 and not strategy:
        strategy = tensorflow.distribute.MirroredStrategy()
    return "GPU" if gpus else "CPU", strategy.scope() if strategy else contextlib.suppress()


def _optimizer(keras, name, learning_rate):
    config = {} if learning_rate is None else {"learning_rate": learning_rate}
    try:
        return keras.optimizers.get({"class_name": name, "config": config})
    except (ValueError, TypeError, ImportError):
        raise Fault("optimizer {!r} is not one that Keras {} makes by name; every Keras has {}".format(
            name, keras.__version__, ", ".join(OPTIMIZERS)))


def show_prediction(model, arrays, seed):
    """Predict one test image, as the guide does to check a model: (28, 28) in, one output of (10,)."""
    index = numpy.random.RandomState(seed).randint(len(arrays["x_test"]))
    output = numpy.asarray(model(arrays["x_test"][index:index + 1] / numpy.float32(255)))  # predict asks all workers
    command.say("test image %d: predicted %d, labelled %d (one output, shape %s)" % (
        index, output[0].argmax(), arrays["y_test"][index], output[0].shape))


def _number(kind, key):
    smallest, largest = choices.RANGES[key]

    def parse(text):
        value = kind(text)
        if not smallest <= value <= largest:
            raise ValueError(text)
        return value
    parse.__name__ = "{} from {} to {}".format("whole number" if kind is int else "number", smallest, largest)
    return parse


def main(arguments):
    parser = command.Parser(prog="python -m scripts.train", description=__doc__)
    parser.add_argument("--data", required=True, metavar="NPZ", help="what scripts.dataset wrote")
    parser.add_argument("--out", required=True, metavar="H5", help="trained model to write, where no file is yet")
    parser.add_argument("--report", metavar="JSON", help="accuracy, settings and versions, likewise")
    parser.add_argument("--epochs", type=_number(int, "epochs"), help="default: the recipe's")
    parser.add_argument("--batch-size", type=_number(int, "batch_size"), help="default: the recipe's")
    parser.add_argument("--seed", type=_number(int, "seed"), default=SEED)
    parser.add_argument("--optimizer", default=OPTIMIZER, help="a Keras optimizer's name (default: adam)")
    parser.add_argument("--learning-rate", type=_number(float, "learning_rate"), help="default: the optimizer's own")
    parser.add_argument("--recipe", choices=sorted(choices.RECIPES), default="guide",
                        help="the guide's own, or a fast one")
    parser.add_argument("--checkpoint", metavar="NPZ", help="file to keep after each epoch and to resume from")
    options = parser.parse_args(arguments)
    cluster = workers.cluster(os.environ)
    child.in_environment("train", arguments)
    if cluster is None:
        return work(options)
    with tempfile.TemporaryDirectory() as tempfile.tempdir:  # AutoGraph's: `leave` lets nobody else remove them
        try:
            command.run(lambda _: work(options, cluster))
        except SystemExit as end:
            status = end.code
    workers.leave(status)


def work(options, cluster=None):
    """Read, train, write: what the command line asks for.  In a cluster, the chief alone writes."""
    named = [os.path.realpath(path) for path in (options.data, options.out, options.report, options.checkpoint) if path]
    if len(set(named)) < len(named):
        raise Fault("--data, --out, --report and --checkpoint are files of their own: give each another name")
    for path in [options.out, options.report]:
        if path and not (cluster and not cluster.chief):
            files.vacant(path)  # not after minutes of training
    arrays, origin = dataset.load(options.data)
    command.say("training LeNet on %d images (%s)" % (len(arrays["x_train"]), origin))
    model, report = train(arrays, options.epochs, options.batch_size, options.seed, options.optimizer,
                          options.learning_rate, options.recipe, options.checkpoint, cluster)
    report["origin"] = origin
    if cluster and not cluster.chief:
        with tempfile.TemporaryDirectory() as nowhere:  # a model that is saved may ask all workers for its variables
            child.save_h5(model, os.path.join(nowhere, "model.h5"))
        command.say(f"{cluster}: done; {cluster.addresses[0]} writes the model")
        workers.wait_for_chief(cluster)
        return
    try:
        child.save_h5(model, options.out)
        if options.report:
            with files.whole(options.report) as part, open(part, "w") as file:
                json.dump(report, file, indent=1, sort_keys=True)
                file.write("\n")
    except OSError as error:
        raise Fault(f"{options.out} cannot be written: {error.strerror or error}")
    command.say("test accuracy %.4f on %d images" % (report["accuracy"], report["images"]["test"]))
    show_prediction(model, arrays, options.seed)


if __name__ == "__main__":
    command.run(main)
