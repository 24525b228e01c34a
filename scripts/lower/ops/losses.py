"""Distances of a prediction: crossentropies, the ratio of signal to noise (keras 3 backend/tensorflow/nn.py)."""
import math
from typing import Tuple

from ...base.fault import Fault
from ...emit import Builder, Value
from ...emit.core import axis_of
from .. import activation
from ..rules import Call, function, operation
from .given import argument, floats, integer, known, needed, tensor, value
from .pictures import MOST, in_type

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
    return of_class(b, scores, target)


def of_class(b: Builder, scores: Value, target: Value) -> Value:
    """-log of the probability that scores along the last axis give the class that `target` names."""
    own = b.gather_along(activation.log_softmax(b, scores), b.expand(b.cast(target, "int32"), -1), -1)
    return b.neg(b.squeeze(own, [-1]))


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


@function("image.psnr")
def psnr_of_images(call: Call) -> Value:
    """The same of each image, whose numbers are shares of what their type holds."""
    b = call.b
    x, y = [in_type(call, tensor(call, name, at), "float32") for at, name in enumerate(("a", "b"))]
    whole = tensor(call, "a")
    most = float(known(argument(call, "max_val", 2, needed)))
    if not most > 0:
        raise Fault(f"operation {call.path!r} has max_val={most}, for which TensorFlow gives no number")
    most = most if whole.dtype == "float32" else math.trunc(most) / MOST[whole.narrow or "int32"]
    apart = b.mean(b.square(b.sub(x, y)), [x.rank - 3, x.rank - 2, x.rank - 1])
    return b.sub(20 * math.log10(most), b.mul(b.log(apart), 10 / math.log(10)))
