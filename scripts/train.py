"""Train the guide's LeNet (section 1.1): reads data.npz, writes model.h5 and a JSON report; the same bytes every time.

Runs in a process of its own with ENVIRONMENT set before Python starts; started by hand, it sees to that itself.
"""
import contextlib
import json
import os
import random
import sys
import time

import numpy

from scripts import Fault, child, command, dataset, lenet

ENVIRONMENT = child.ENVIRONMENT
EPOCHS, BATCH_SIZE, SEED, OPTIMIZER = 5, 32, 0, "adam"  # the guide's, and a seed
OPTIMIZERS = ("adadelta", "adagrad", "adam", "adamax", "ftrl", "nadam", "rmsprop", "sgd")


def train(arrays, epochs=EPOCHS, batch_size=BATCH_SIZE, seed=SEED, optimizer=OPTIMIZER, learning_rate=None):
    """Return (Keras model, report) of LeNet trained on `arrays` (as dataset.resolve gives them).

    learning_rate  None: the optimizer's own (0.001 for adam)
    report         dict, JSON-able, the same on every run: accuracy and loss on the test images, settings, versions

    Raises Fault for an optimizer that this Keras does not have, and where the loss left the numbers.
    """
    try:
        import keras
        import tensorflow
    except ImportError as error:
        raise Fault("training needs TensorFlow, which is not installed here (%s): `make` installs it, the cpu image has "
                    "it; or give the table a source" % command.one_line(error))
    device, scope = devices(tensorflow)
    random.seed(seed)
    numpy.random.seed(seed)
    tensorflow.random.set_seed(seed)
    if hasattr(keras.utils, "set_random_seed"):  # Keras 3 has generators of its own
        keras.utils.set_random_seed(seed)
    keras.backend.set_floatx("float32")  # whatever the user's keras.json says
    keras.backend.set_image_data_format("channels_last")

    with scope:
        model = lenet.build(keras)
        model.compile(optimizer=_optimizer(keras, optimizer, learning_rate),
                      loss="sparse_categorical_crossentropy", metrics=["accuracy"])
    images, labels = arrays["x_train"] / numpy.float32(255), arrays["y_train"]
    model.fit(images, labels, epochs=epochs, batch_size=batch_size, verbose=0,
              callbacks=[_progress(keras, epochs, -(-len(images) // batch_size))])
    loss, accuracy = model.evaluate(arrays["x_test"] / numpy.float32(255), arrays["y_test"], verbose=0)
    if not numpy.isfinite(loss):
        raise Fault("training diverged (loss %s): lower learning_rate, now %s, or take another optimizer than %s"
                    % (loss, "the optimizer's own" if learning_rate is None else learning_rate, optimizer))
    report = {"accuracy": round(float(accuracy), 6), "loss": round(float(loss), 6), "device": device,
              "images": {"train": len(images), "test": len(arrays["x_test"])},
              "settings": {"epochs": epochs, "batch_size": batch_size, "seed": seed, "optimizer": optimizer,
                           "learning_rate": learning_rate},
              "versions": {"keras": keras.__version__, "tensorflow": tensorflow.__version__,
                           "numpy": numpy.__version__, "python": "%d.%d" % sys.version_info[:2]}}
    return model, report


def devices(tensorflow):
    """Return ("GPU" or "CPU", the scope to build the model in), and say which it is.

    GPUs get memory as they need it, not the whole card at once; several of them share each batch (MirroredStrategy).
    """
    gpus = tensorflow.config.list_physical_devices("GPU")
    for gpu in gpus:
        tensorflow.config.experimental.set_memory_growth(gpu, True)
    names = [tensorflow.config.experimental.get_device_details(gpu).get("device_name", gpu.name) for gpu in gpus]
    command.say("on the GPU: %s" % ", ".join(names) if gpus else "on the CPU: TensorFlow sees no GPU")
    scope = tensorflow.distribute.MirroredStrategy().scope() if len(gpus) > 1 else contextlib.suppress()
    return "GPU" if gpus else "CPU", scope


def _optimizer(keras, name, learning_rate):
    config = {} if learning_rate is None else {"learning_rate": learning_rate}
    try:
        return keras.optimizers.get({"class_name": name, "config": config})
    except (ValueError, TypeError, ImportError):
        raise Fault("optimizer %r is not one that Keras %s makes by name; every Keras has %s" % (
            name, keras.__version__, ", ".join(OPTIMIZERS)))


def _progress(keras, epochs, batches):
    """A Keras callback: a line for each epoch, and on a terminal how far the epoch is."""
    terminal = sys.stdout.isatty()
    started = {}

    def begin(epoch, logs=None):
        started.update(epoch=epoch + 1, at=time.time())

    def batch(number, logs=None):
        if number % 50 == 0:
            sys.stdout.write("\repoch %d of %d  %3d %%" % (started["epoch"], epochs, 100 * number // batches))
            sys.stdout.flush()

    def end(epoch, logs=None):
        sys.stdout.write("\r" if terminal else "")
        command.say("epoch %d of %d: loss %.4f, accuracy %.4f, %.0f s" % (
            epoch + 1, epochs, logs["loss"], logs["accuracy"], time.time() - started["at"]))

    return keras.callbacks.LambdaCallback(on_epoch_begin=begin, on_epoch_end=end,
                                          **({"on_train_batch_end": batch} if terminal else {}))


def show_prediction(model, arrays, seed):
    """Predict one test image, as the guide does to check a model: (28, 28) in, one output of (10,)."""
    index = numpy.random.RandomState(seed).randint(len(arrays["x_test"]))
    output = model.predict(arrays["x_test"][index:index + 1] / numpy.float32(255), verbose=0)
    command.say("test image %d: predicted %d, labelled %d (one output, shape %s)" % (
        index, output[0].argmax(), arrays["y_test"][index], output[0].shape))


def _number(kind, smallest, largest):
    def parse(text):
        value = kind(text)
        if not smallest <= value <= largest:
            raise ValueError(text)
        return value
    parse.__name__ = "%s from %s to %s" % ("whole number" if kind is int else "number", smallest, largest)
    return parse


def main(arguments):
    parser = command.Parser(prog="python -m scripts.train", description=__doc__)
    parser.add_argument("--data", required=True, metavar="NPZ", help="what scripts.dataset wrote")
    parser.add_argument("--out", required=True, metavar="H5", help="trained model to write")
    parser.add_argument("--report", metavar="JSON", help="accuracy, settings and versions, to write")
    parser.add_argument("--epochs", type=_number(int, 1, 10 ** 6), default=EPOCHS)
    parser.add_argument("--batch-size", type=_number(int, 1, 10 ** 6), default=BATCH_SIZE)
    parser.add_argument("--seed", type=_number(int, 0, 2 ** 32 - 1), default=SEED)
    parser.add_argument("--optimizer", default=OPTIMIZER, help="a Keras optimizer's name (default: adam)")
    parser.add_argument("--learning-rate", type=_number(float, 1e-30, 1e30), help="default: the optimizer's own")
    options = parser.parse_args(arguments)
    child.in_environment("scripts.train", arguments)

    arrays, origin = dataset.load(options.data)
    command.say("training LeNet on %d images (%s)" % (len(arrays["x_train"]), origin))
    model, report = train(arrays, options.epochs, options.batch_size, options.seed, options.optimizer,
                          options.learning_rate)
    report["origin"] = origin
    try:
        child.save_h5(model, options.out)
        if options.report:
            with open(options.report + ".part", "w") as file:
                json.dump(report, file, indent=1, sort_keys=True)
                file.write("\n")
            os.replace(options.report + ".part", options.report)
    except OSError as error:
        raise Fault("%s cannot be written: %s" % (options.out, error.strerror or error))
    command.say("test accuracy %.4f on %d images" % (report["accuracy"], report["images"]["test"]))
    show_prediction(model, arrays, options.seed)


if __name__ == "__main__":
    command.run(main)
