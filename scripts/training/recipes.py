"""One epoch of training, by a recipe: the guide's model.fit, or "fast": the same model and accuracy in less time.

A recipe is a function (keras, tensorflow, model, images, labels, settings) -> callable that trains one epoch, given its
number.  images: (n, 28, 28) uint8, 0 to 255, which the model gets as 0 to 1; labels: (n,) int.  Both share a batch
among the replicas of the tf.distribute strategy that they are called in.
"""
import sys
import time
from typing import Any, Callable, Dict

import numpy

from ..base import command
from . import resume

# The fast recipe, found by trying on MNIST: 0.985 and more after one epoch, on either stack and with any seed tried.
STEPS = 936  # one epoch of MNIST; a smaller data set is gone through more often
PEAK = 0.006  # adam's learning rate after the warm-up
WARM_UP = 0.2  # of all steps
COLUMNS = 4  # of an image that `convolve` makes at once: 4, 8 and 24 take as long, 1 and 2 twice to four times that


def guide(keras: Any, tensorflow: Any, model: Any, images: numpy.ndarray, labels: numpy.ndarray,
          settings: Dict[str, Any]) -> Callable[..., None]:
    """Return model.fit, as the guide has it.  The callable takes the number of the epoch after the last one too."""
    epochs, batch_size = settings["epochs"], settings["batch_size"]
    images = images / numpy.float32(255)
    progress = _progress(keras, epochs, -(-len(images) // batch_size))

    def run(first, last=None):
        model.fit(images, labels, initial_epoch=first, epochs=last or first + 1, batch_size=batch_size, verbose=0,
                  callbacks=[progress])
    return run


def fast(keras: Any, tensorflow: Any, model: Any, images: numpy.ndarray, labels: numpy.ndarray,
         settings: Dict[str, Any]) -> Callable[[int], None]:
    """An epoch is one call of TensorFlow, without Python between its steps; the images lie where they are used.

    The order of the images depends on seed and number alone; those that fill no batch are left out.  The learning rate
    rises to what the optimizer has over WARM_UP of all steps, then falls to 0, both in a straight line.
    (XLA was tried: on a processor it takes longer to compile LeNet than it saves.)
    """
    strategy, optimizer, variables = tensorflow.distribute.get_strategy(), model.optimizer, model.trainable_variables
    count, epochs = len(images), settings["epochs"]
    batch_size = min(settings["batch_size"], count)
    steps = count // batch_size
    peak = float(optimizer.learning_rate.numpy())
    rates = schedule(peak, steps, epochs)
    images = tensorflow.cast(tensorflow.constant(images), "float32") / 255  # here: numpy's 188 MB would be copied
    everything = images, tensorflow.constant(labels.astype("int32"))
    resume.variables(model)  # a compiled function may make no variable

    def share(x, y):
        """On one replica, a step on its part of a batch: [the sum of its losses, how many it got right]."""
        context = tensorflow.distribute.get_replica_context()
        replica, replicas = context.replica_id_in_sync_group, context.num_replicas_in_sync
        if replicas > 1:
            part = slice(batch_size * replica // replicas, batch_size * (replica + 1) // replicas)
            x, y = x[part], y[part]
        with tensorflow.GradientTape() as tape:
            probabilities = forward(tensorflow, model, x)
            losses = keras.losses.sparse_categorical_crossentropy(y, probabilities)
            loss = tensorflow.reduce_sum(losses) / batch_size
        optimizer.apply_gradients(zip(tape.gradient(loss, variables), variables))
        right = tensorflow.argmax(probabilities, 1, "int32") == y
        return tensorflow.stack([tensorflow.reduce_sum(losses),
                                 tensorflow.reduce_sum(tensorflow.cast(right, "float32"))])

    def epoch(order, rates):  # (steps, batch_size) int32, (steps,) float32 -> (2,) float32
        def step(number, sums):
            optimizer.learning_rate.assign(rates[number])
            parts = strategy.run(share, tuple(tensorflow.gather(values, order[number]) for values in everything))
            return number + 1, sums + strategy.reduce(tensorflow.distribute.ReduceOp.SUM, parts, axis=None)
        return tensorflow.while_loop(lambda number, sums: number < steps, step, (0, tensorflow.zeros(2)))[1]

    # AutoGraph would read and rewrite the source of all of this for half a second, and find nothing to change.
    epoch = tensorflow.function(epoch, autograph=False)

    def run(number):
        started = time.time()
        order = numpy.random.RandomState([settings["seed"], number]).permutation(count)[:steps * batch_size]
        loss, right = epoch(tensorflow.constant(order.reshape(steps, batch_size).astype("int32")),
                            tensorflow.constant(rates[number])).numpy() / (steps * batch_size)
        optimizer.learning_rate.assign(peak)  # not 0: a later training may go on from here
        _say(number, epochs, loss, right, started)
    return run


def schedule(peak: float, steps: int, epochs: int) -> numpy.ndarray:
    """Return the learning rate of every step, (epochs, steps) float32."""
    step = numpy.arange(1, steps * epochs + 1) / float(steps * epochs)
    return (peak * numpy.minimum(step / WARM_UP, (1 - step) / (1 - WARM_UP))).astype("float32").reshape(epochs, steps)


def forward(tensorflow: Any, model: Any, images: Any) -> Any:
    """Return model(images) of LeNet, (batch, 28, 28) -> (batch, 10), with `convolve` as its first convolution.

    That one's bias is added after the pooling, to a quarter of the values: the largest of four is the same one.  No
    layer of LeNet does anything else in training.
    """
    values, bias = images, None
    for layer in model.layers:
        if layer.name == "Conv2D_1":  # it has no activation
            values, bias = convolve(tensorflow, values, layer.kernel), layer.bias
        else:
            values = layer(values)
            if layer.name == "MaxPooling2D_1":
                values += bias
    return values


def convolve(tensorflow: Any, images: Any, kernel: Any) -> Any:
    """Return conv2d(images, kernel), valid: (batch, h, w, 1), (m, n, 1, c) -> (batch, h - m + 1, w - n + 1, c).

    TensorFlow's convolution on a processor spends its time gathering single pixels where there is one channel: half of
    the time of a step of LeNet.  So four columns of the image are taken as channels, and a kernel of four shifted
    copies makes four columns of the result at once.  w, w - n + 1 and n + 3 are multiples of 4.
    """
    _, height, width, _ = images.shape
    rows, columns, _, channels = kernel.shape
    shifted = tensorflow.stack([tensorflow.pad(kernel, [[0, 0], [shift, COLUMNS - 1 - shift], [0, 0], [0, 0]])
                                for shift in range(COLUMNS)], axis=3)  # (m, n + 3, 1, 4, c)
    result = tensorflow.nn.conv2d(
        tensorflow.reshape(images, [-1, height, width // COLUMNS, COLUMNS]),
        tensorflow.reshape(shifted, [rows, (columns + COLUMNS - 1) // COLUMNS, COLUMNS, COLUMNS * channels]),
        1, "VALID")
    return tensorflow.reshape(result, [-1, height - rows + 1, width - columns + 1, channels])


def _progress(keras, epochs, batches):
    """A Keras callback: a line for each epoch, and on a terminal how far the epoch is."""
    terminal = sys.stdout.isatty()
    started = {}

    def begin(epoch, logs=None):
        started.update(epoch=epoch + 1, at=time.time())

    def batch(number, logs=None):
        if number % 50 == 0:
            sys.stdout.write(f"\repoch {started['epoch']} of {epochs}  {100 * number // batches:3} %")
            sys.stdout.flush()

    def end(epoch, logs=None):
        sys.stdout.write("\r" if terminal else "")
        _say(epoch, epochs, logs["loss"], logs["accuracy"], started["at"])

    return keras.callbacks.LambdaCallback(on_epoch_begin=begin, on_epoch_end=end,
                                          **({"on_train_batch_end": batch} if terminal else {}))


def _say(epoch, epochs, loss, accuracy, started):
    command.say(f"epoch {epoch + 1} of {epochs}: loss {loss:.4f}, accuracy {accuracy:.4f}, "
                f"{time.time() - started:.0f} s")
    command.heed_lost_signals()  # TensorFlow has many objects in whose finalizers one is lost


RECIPES = {"guide": guide, "fast": fast}
EVALUATED = {"guide": None, "fast": 1000}  # test images at once; None: as many as Keras takes
