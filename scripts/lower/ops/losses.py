"""What tells of the distance of a prediction: crossentropies, the signal's share (keras 3 backend/tensorflow/nn.py)."""
import math
from typing import Optional, Tuple

import numpy

from ...base.fault import Fault
from ...emit import Builder, Value
from ...emit.core import axis_of
from .. import activation, convolution
from ..rules import Call, operation
from ..windows import Window
from .given import argument, floats, integer, known, needed, tensor, value
from .imaging import channels_last

SIZE = 1024  # of a window
LEAST = 1e-7  # keras.config.epsilon()


def both(call: Call) -> Tuple[Value, Value]:
    """(target, output), as their files hold them: only the output is made floats."""
    return value(call, argument(call, "target", 0, needed)), floats(call, "output", 1)


def within(b: Builder, output: Value) -> Value:
    """Probabilities whose logarithms are finite."""
    return b.clip(output, LEAST, 1 - LEAST)


@operation("BinaryCrossentropy")
def binary_crossentropy(call: Call) -> Value:
    """-log of the probability that the output gives the target, which is 0 or 1."""
    b, (target, output) = call.b, both(call)
    target = b.cast(target, "float32")
    if call.config.get("from_logits"):
        apart = b.unary("Log1p", b.exp(b.neg(b.unary("Abs", output))))
        return b.add(b.sub(b.relu(output), b.mul(output, target)), apart)
    output = within(b, output)
    return b.neg(b.add(b.mul(target, b.log(output)), b.mul(b.sub(1.0, target), b.log(b.sub(1.0, output)))))


@operation("CategoricalCrossentropy")
def categorical_crossentropy(call: Call) -> Value:
    """-sum(target * log(output)) along an axis."""
    b, (target, output) = call.b, both(call)
    axis = axis_of(integer(call, call.config.get("axis", -1), "axis"), output.rank)
    if call.config.get("from_logits"):
        surely = activation.log_softmax(b, output, axis)
    else:
        surely = b.log(within(b, b.div(output, b.sum(output, axis, True))))
    return b.neg(b.sum(b.mul(b.cast(target, "float32"), surely), axis))


@operation("SparseCategoricalCrossentropy")
def sparse_categorical_crossentropy(call: Call) -> Value:
    """-log of the probability of the class that the target names."""
    b, (target, output) = call.b, both(call)
    if target.rank == output.rank and target.shape[-1] == 1:
        target = b.squeeze(target, [-1])
    scores = output if call.config.get("from_logits") else b.log(within(b, output))
    own = b.gather_along(activation.log_softmax(b, scores), b.expand(b.cast(target, "int32"), -1), -1)
    return b.neg(b.squeeze(own, [-1]))


@operation("SSIM")
def ssim(call: Call) -> Value:
    """How alike two images are, under a bell that moves over both (keras 3 ops/image.py: _ssim)."""
    b, given = call.b, tensor(call, "image1")
    images = [b.cast(given, "float32"), floats(call, "image2", 1)]
    alone = given.rank == 3
    images = [channels_last(call, b.expand(one, 0) if alone else one, 4) for one in images]
    size = integer(call, call.config.get("filter_size", 11), "filter_size")
    sigma, most = [float(call.config.get(name, default)) for name, default in (("filter_sigma", 1.5), ("max_val", 1))]
    channels = images[0].shape[-1]
    most_places = min([SIZE] + [one for one in images[0].shape[1:3] if one is not None])
    if channels is None or not sigma > 0 or not 0 < size <= most_places:
        raise Fault(f"operation {call.path!r} has a bell of {sigma} in {size} places for images of {given.shape}")
    places = numpy.arange(size, dtype="float32") - numpy.float32((size - 1) / 2)
    bell = numpy.exp(-places ** 2 / numpy.float32(2 * sigma ** 2))
    bell = bell / bell.sum()
    kernel = b.constant(numpy.tile(numpy.outer(bell, bell)[:, :, None, None], (1, 1, channels, 1)).astype("float32"))
    window = Window((size, size), (1, 1), (1, 1), "valid")

    def mean(one: Value, other: Optional[Value] = None) -> Value:
        return convolution.depthwise(b, one if other is None else b.mul(one, other), kernel, window)

    x, y = images
    first, second = mean(x), mean(y)
    squares, product = b.add(b.square(first), b.square(second)), b.mul(first, second)
    spread = b.sub(b.add(mean(x, x), mean(y, y)), squares)
    least = [(float(call.config.get(name, default)) * most) ** 2 for name, default in (("k1", 0.01), ("k2", 0.03))]
    above = b.mul(b.add(b.mul(product, 2.0), least[0]), b.add(b.mul(b.sub(mean(x, y), product), 2.0), least[1]))
    below = b.mul(b.add(squares, least[0]), b.add(spread, least[1]))
    found = b.mean(b.mean(b.div(above, below), [1, 2]), -1)
    return b.cast(b.squeeze(found, [0]) if alone else found, given.dtype)


@operation("PSNR")
def psnr(call: Call) -> Value:
    """20 * log10(max_val) - 10 * log10(the mean square distance)."""
    b = call.b
    x, y = floats(call, "x1"), floats(call, "x2", 1)
    most = float(known(argument(call, "max_val", None, needed)))
    if not most > 0:
        call.refuse(f"its max_val is {most}", "take one above 0")
    apart = b.mean(b.square(b.sub(x, y)))
    return b.sub(20 * math.log10(most), b.mul(b.log(apart), 10 / math.log(10)))
