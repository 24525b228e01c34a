"""Distances of a prediction: cross entropies, the ratio of signal to noise (keras 3 backend/tensorflow/nn.py)."""
import math
from typing import List, Tuple

import numpy

from ...base.fault import Fault
from ...emit import Builder, Value
from ...emit.core import axis_of
from .. import activation
from ..rules import Call, called, function, node, operation
from .given import argument, floats, integer, known, needed, tensor, value
from .tf_image import MOST, in_type

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


@function("nn.l2_loss")
@node("L2Loss")
def l2_loss(call: Call) -> Value:
    """Half of the sum of all squares."""
    return call.b.mul(call.b.sum(call.b.square(floats(call, "t"))), 0.5)


def of_logits(call: Call, labels: Value, logits: Value, weight: object = 1.0) -> Value:
    """-log of the probability that logits give labels of 0 or 1; those of 1 weigh more."""
    b = call.b
    apart = b.unary("Log1p", b.exp(b.neg(b.unary("Abs", logits))))
    factor = b.add(1.0, b.mul(b.sub(weight, 1.0), labels))
    return b.add(b.mul(b.sub(1.0, labels), logits), b.mul(factor, b.add(apart, b.relu(b.neg(logits)))))


@function("nn.sigmoid_cross_entropy_with_logits nn.weighted_cross_entropy_with_logits")
def sigmoid_cross_entropy(call: Call) -> Value:
    """Each number's own."""
    labels, logits = floats(call, "labels"), floats(call, "logits", 1)
    weight = argument(call, "pos_weight", 2)
    return of_logits(call, labels, logits, 1.0 if weight is None else call.b.cast(value(call, weight), "float32"))


@function("nn.softmax_cross_entropy_with_logits nn.softmax_cross_entropy_with_logits_v2")
def softmax_cross_entropy(call: Call) -> Value:
    """-sum(labels * log(softmax(logits))) along an axis."""
    b, labels, logits = call.b, floats(call, "labels"), floats(call, "logits", 1)
    axis = axis_of(integer(call, argument(call, "axis", None, -1), "axis"), logits.rank)
    return b.neg(b.sum(b.mul(labels, activation.log_softmax(b, logits, axis)), axis))


@function("nn.sparse_softmax_cross_entropy_with_logits")
def sparse_cross_entropy(call: Call) -> Value:
    """-log of the probability of the class that a label names."""
    logits = floats(call, "logits", 1)
    return of_class(call.b, logits, tensor(call, "labels"))


@node("SoftmaxCrossEntropyWithLogits SparseSoftmaxCrossEntropyWithLogits")
def of_rows(call: Call) -> List[Value]:
    """Both of matrices of logits, and their slopes: what the probabilities have more than the labels."""
    b, logits, labels = call.b, floats(call, "features"), value(call, argument(call, "labels", 1, needed))
    if called(call.record, call.major).startswith("Sparse"):
        loss = of_class(b, logits, labels)
        classes = numpy.arange(logits.shape[-1], dtype="int32")
        labels = b.cast(b.compare("Equal", b.expand(b.cast(labels, "int32"), -1), classes), "float32")
    else:
        loss = b.neg(b.sum(b.mul(labels, activation.log_softmax(b, logits)), -1))
    return [loss, b.sub(b.softmax(logits), labels)]


@function("nn.log_poisson_loss")
def log_poisson_loss(call: Call) -> Value:
    """exp(log_input) - log_input * targets, and Stirling's approximation of the rest where it is asked for."""
    b, targets = call.b, floats(call, "targets")
    given = b.cast(value(call, argument(call, "log_input", 1, needed)), "float32")
    made = b.sub(b.exp(given), b.mul(given, targets))
    if not argument(call, "compute_full_loss", 2, False):
        return made
    few = b.both(b.compare("GreaterEqual", targets, 0.0), b.compare("LessEqual", targets, 1.0))
    many = b.where(few, 2.0, targets)
    rest = b.add(b.sub(b.mul(many, b.log(many)), many), b.mul(b.log(b.mul(many, 2 * math.pi)), 0.5))
    return b.add(made, b.where(few, 0.0, rest))
