"""Train the guide's LeNet (section 1.1): reads data.npz, writes model.h5 and a JSON report; the same bytes every time.

Runs in a process of its own with ENVIRONMENT set before Python starts; started by hand, it sees to that itself.
"""
import contextlib
import json
import random
import sys
import time

import numpy

from scripts import Fault, artifacts, catalog, child, command, dataset, lenet, resume

ENVIRONMENT = child.ENVIRONMENT
SEED, OPTIMIZER = 0, "adam"  # the guide's, and a seed
OPTIMIZERS = ("adadelta", "adagrad", "adam", "adamax", "ftrl", "nadam", "rmsprop", "sgd")
# The fast recipe, found by trying on MNIST: 0.985 and more in two epochs, on either stack.
STEPS = 936   # two epochs of MNIST; a smaller data set is gone through more often
PEAK = 0.005  # adam's learning rate after the warm-up
WARM_UP = 0.2  # of all steps


def train(arrays, epochs=None, batch_size=None, seed=SEED, optimizer=OPTIMIZER, learning_rate=None, recipe="guide",
          checkpoint=None, data=None):
    """Return (Keras model, report) of LeNet trained on `arrays` (as dataset.resolve gives them).

    epochs, batch_size  None: the recipe's own (catalog.RECIPES)
    learning_rate  None: the optimizer's own (0.001 for adam); the fast recipe rises to it and falls to 0 (PEAK for adam)
    recipe         "guide": model.fit; "fast": each epoch one compiled function, batches gathered where the images are
    checkpoint     path of a file to keep after each epoch and to resume from, or None.  data: sha256 that the data has.
                   The guide's recipe then seeds every epoch by itself, so its weights are others than without.
    report         dict, JSON-able, the same on every run: accuracy and loss on the test images, settings, versions

    Raises Fault for an optimizer that this Keras does not have, and where the loss left the numbers.
    """
    try:
        import keras
        import tensorflow
    except ImportError as error:
        raise Fault("training needs TensorFlow, which is not installed here (%s): `make` installs it, the cpu image has "
                    "it; or give the table a source" % command.one_line(error))
    device, scope = devices(tensorflow, one=recipe == "fast")
    _seed(keras, tensorflow, seed)
    keras.backend.set_floatx("float32")  # whatever the user's keras.json says
    keras.backend.set_image_data_format("channels_last")

    with scope:
        model = lenet.build(keras)
        model.compile(optimizer=_optimizer(keras, optimizer, learning_rate),
                      loss="sparse_categorical_crossentropy", metrics=["accuracy"])
    images, labels = arrays["x_train"] / numpy.float32(255), arrays["y_train"]
    batch_size = batch_size or catalog.RECIPES[recipe]["batch_size"]
    epochs = epochs or catalog.RECIPES[recipe]["epochs"] or max(2, -(-STEPS // max(1, len(images) // batch_size)))
    settings = {"epochs": epochs, "batch_size": batch_size, "seed": seed, "optimizer": optimizer,
                "learning_rate": learning_rate}
    settings.update({} if recipe == "guide" else {"recipe": recipe})
    settings.update({"checkpoint": True} if checkpoint else {})
    versions = {"keras": keras.__version__, "tensorflow": tensorflow.__version__,
                "numpy": numpy.__version__, "python": "%d.%d" % sys.version_info[:2]}

    progress = _progress(keras, epochs, -(-len(images) // batch_size))
    if recipe == "fast":
        peak = float(numpy.asarray(model.optimizer.learning_rate))
        if learning_rate is None and optimizer == "adam":
            peak = PEAK
        epoch = _fast(keras, tensorflow, model, images, labels, epochs, min(batch_size, len(images)), seed, peak,
                      progress)
    else:
        def epoch(number):
            _seed(keras, tensorflow, int(numpy.random.RandomState([seed, number]).randint(2 ** 31)))
            model.fit(images, labels, initial_epoch=number, epochs=number + 1, batch_size=batch_size, verbose=0,
                      callbacks=[progress])
    if recipe == "guide" and not checkpoint:
        model.fit(images, labels, epochs=epochs, batch_size=batch_size, verbose=0, callbacks=[progress])
    else:
        identity = {"data": data, "settings": settings, "versions": versions, "device": device, "code": _code()}
        for number in range(resume.restore(model, checkpoint, identity) if checkpoint else 0, epochs):
            epoch(number)
            if checkpoint:
                resume.keep(model, checkpoint, identity, number + 1)
    if recipe == "fast":
        model.optimizer.learning_rate.assign(peak)  # not 0, for whoever trains on

    loss, accuracy = model.evaluate(arrays["x_test"] / numpy.float32(255), arrays["y_test"], verbose=0)
    if not numpy.isfinite(loss):
        raise Fault("training diverged (loss %s): lower learning_rate, now %s, or take another optimizer than %s"
                    % (loss, "the optimizer's own" if learning_rate is None else learning_rate, optimizer))
    report = {"accuracy": round(float(accuracy), 6), "loss": round(float(loss), 6), "device": device,
              "images": {"train": len(images), "test": len(arrays["x_test"])},
              "settings": settings, "versions": versions}
    return model, report


def _seed(keras, tensorflow, seed):
    random.seed(seed)
    numpy.random.seed(seed)
    tensorflow.random.set_seed(seed)
    if hasattr(keras.utils, "set_random_seed"):  # Keras 3 has generators of its own
        keras.utils.set_random_seed(seed)


def _code():
    """The sha256 of what a checkpoint's values depend on: this file, the model and the catalogue's defaults."""
    return [artifacts.sha256(module.__file__) for module in (sys.modules[__name__], lenet, catalog, resume)]


def _fast(keras, tensorflow, model, images, labels, epochs, batch_size, seed, peak, progress):
    """Return a callable that trains one epoch, given its number: one call of TensorFlow, without Python between steps.

    images: (n, 28, 28) float32; labels: (n,) int.  The order of the images depends on seed and number alone.
    The learning rate rises to `peak` over WARM_UP of all steps, then falls to 0, both in a straight line.
    (XLA was tried: on a processor it takes longer to compile LeNet than it saves.)
    """
    steps = len(images) // batch_size
    step = numpy.arange(1, steps * epochs + 1) / float(steps * epochs)
    rates = (peak * numpy.minimum(step / WARM_UP, (1 - step) / (1 - WARM_UP))).astype("float32").reshape(epochs, steps)
    everything = tensorflow.constant(images), tensorflow.constant(labels.astype("int32"))
    variables, optimizer = model.trainable_variables, model.optimizer
    resume.variables(model)  # a compiled function may make no variable

    @tensorflow.function
    def run(order, rates):
        total, right = 0.0, 0
        for number in tensorflow.range(steps):
            x, y = (tensorflow.gather(values, order[number]) for values in everything)
            optimizer.learning_rate.assign(rates[number])
            with tensorflow.GradientTape() as tape:
                probabilities = model(x, training=True)
                loss = tensorflow.reduce_mean(keras.losses.sparse_categorical_crossentropy(y, probabilities))
            optimizer.apply_gradients(zip(tape.gradient(loss, variables), variables))
            total += loss
            right += tensorflow.reduce_sum(tensorflow.cast(
                tensorflow.argmax(probabilities, 1, "int32") == y, "int32"))
        return total / steps, right / (steps * batch_size)

    def epoch(number):
        order = numpy.random.RandomState([seed, number]).permutation(len(images))[:steps * batch_size]
        progress.on_epoch_begin(number)
        loss, accuracy = run(tensorflow.constant(order.reshape(steps, batch_size).astype("int32")),
                             tensorflow.constant(rates[number]))
        progress.on_epoch_end(number, {"loss": float(loss), "accuracy": float(accuracy)})

    return epoch


def devices(tensorflow, one=False):
    """Return ("GPU" or "CPU", the scope to build the model in), and say which it is.

    GPUs get memory as they need it, not the whole card at once; several of them share each batch (MirroredStrategy),
    unless `one` is enough.
    """
    gpus = tensorflow.config.list_physical_devices("GPU")
    for gpu in gpus:
        tensorflow.config.experimental.set_memory_growth(gpu, True)
    names = [tensorflow.config.experimental.get_device_details(gpu).get("device_name", gpu.name) for gpu in gpus]
    command.say("on the GPU: %s" % ", ".join(names) if gpus else "on the CPU: TensorFlow sees no GPU")
    scope = tensorflow.distribute.MirroredStrategy().scope() if len(gpus) > 1 and not one else contextlib.suppress()
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
    parser.add_argument("--epochs", type=_number(int, 1, 10 ** 6), help="default: the recipe's")
    parser.add_argument("--batch-size", type=_number(int, 1, 10 ** 6), help="default: the recipe's")
    parser.add_argument("--seed", type=_number(int, 0, 2 ** 32 - 1), default=SEED)
    parser.add_argument("--optimizer", default=OPTIMIZER, help="a Keras optimizer's name (default: adam)")
    parser.add_argument("--learning-rate", type=_number(float, 1e-30, 1e30), help="default: the optimizer's own")
    parser.add_argument("--recipe", choices=sorted(catalog.RECIPES), default="guide", help="the guide's own, or a fast one")
    parser.add_argument("--checkpoint", metavar="NPZ", help="file to keep after each epoch and to resume from")
    options = parser.parse_args(arguments)
    child.in_environment("scripts.train", arguments)

    arrays, origin = dataset.load(options.data)
    command.say("training LeNet on %d images (%s)" % (len(arrays["x_train"]), origin))
    model, report = train(arrays, options.epochs, options.batch_size, options.seed, options.optimizer,
                          options.learning_rate, options.recipe, options.checkpoint,
                          artifacts.sha256(options.data) if options.checkpoint else None)
    report["origin"] = origin
    try:
        child.save_h5(model, options.out)
        if options.report:
            with artifacts.whole(options.report) as part, open(part, "w") as file:
                json.dump(report, file, indent=1, sort_keys=True)
                file.write("\n")
    except OSError as error:
        raise Fault("%s cannot be written: %s" % (options.out, error.strerror or error))
    command.say("test accuracy %.4f on %d images" % (report["accuracy"], report["images"]["test"]))
    show_prediction(model, arrays, options.seed)


if __name__ == "__main__":
    command.run(main)
