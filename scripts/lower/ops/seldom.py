"""Functions of TensorFlow that models seldom hold (tf.bitwise, tf.math, tf.linalg, tf.nn)."""
from typing import Callable, List

import numpy

from ...emit import Value
from ...emit.core import axis_of
from .. import activation
from ..rules import Call, called, function, node
from . import arithmetic, fourier, losses, matrices, norms, scattering, special
from .given import argument, axes, floats, integer, needed, pair, tensor, value
from .reducing import keeps

LEAST = -float("inf")  # the logarithm of no power at all
# Functions that compute what an operation of Keras 3 does, and take the same
for _name, _node, _function in (
        ("bitwise.invert", "Invert", arithmetic.bitwise_invert), ("bitwise.left_shift", "LeftShift",
                                                                  arithmetic.left_shift),
        ("bitwise.right_shift", "RightShift", arithmetic.right_shift), ("realdiv", "", arithmetic.divide),
        ("math.bessel_i0", "BesselI0", special.bessel), ("linalg.det", "MatrixDeterminant", matrices.det),
        ("linalg.cholesky", "Cholesky", matrices.cholesky), ("linalg.inv", "MatrixInverse", matrices.inv)):
    function(_name)(_function)
    node(_node)(_function)


def second(call: Call, names: str) -> Value:
    """The second operand, in floats."""
    return call.b.cast(value(call, argument(call, names, 1, needed)), "float32")


# Mathematics -------------------------------------------------------------------------------------------------------


@function("math.scalar_mul")
def scalar_mul(call: Call) -> Value:
    """A number times a tensor."""
    return call.b.mul(*pair(call, ("scalar", "x")))


@function("math.xdivy")
@node("Xdivy")
def xdivy(call: Call) -> Value:
    """x / y, 0 where x is 0."""
    b, (x, y) = call.b, pair(call)
    none = b.compare("Equal", x, 0)
    return b.where(none, 0.0, b.div(x, b.where(none, 1.0, y)))


@function("math.xlog1py")
@node("Xlog1py")
def xlog1py(call: Call) -> Value:
    """x * log(1 + y), 0 where x is 0."""
    b, (x, y) = call.b, pair(call)
    none = b.compare("Equal", x, 0)
    return b.where(none, 0.0, b.mul(x, b.unary("Log1p", b.where(none, 0.0, y))))


@function("math.polyval")
def polyval(call: Call) -> Value:
    """The polynomial with these factors, that of the highest power first."""
    b, x, total = call.b, second(call, "x"), None
    for one in argument(call, "coeffs", 0, needed):
        factor = b.cast(value(call, one), "float32")
        total = factor if total is None else b.add(b.mul(total, x), factor)
    return total if total is not None else b.mul(x, 0.0)


@function("math.zero_fraction")
def zero_fraction(call: Call) -> Value:
    """The share of zeros in all of the tensor."""
    return call.b.mean(call.b.cast(call.b.compare("Equal", tensor(call, "value"), 0), "float32"))


@function("math.reduce_euclidean_norm")
def euclidean_norm(call: Call) -> Value:
    """The length along the axes."""
    x = floats(call, "input_tensor")
    return call.b.sqrt(call.b.sum(call.b.square(x), axes(call, at=1), keeps(call)))


@function("math.cumulative_logsumexp")
@node("CumulativeLogsumexp")
def cumulative_logsumexp(call: Call) -> Value:
    """The logarithm of the sum of powers of e up to each place: in every round of twice as many."""
    b, x = call.b, floats(call)
    axis = axis_of(integer(call, argument(call, "axis", 1, 0), "axis"), x.rank)
    size, backward = x.shape[axis], bool(argument(call, "reverse", None, False))
    if size is None or size > 4096:
        call.refuse("it runs along an axis of open or very large size", "give its size: --input-shape")
    x, step = b.reverse(x, [axis]) if backward else x, 1

    def later(count: int) -> Value:
        margins = [(0, 0)] * x.rank
        margins[axis] = (count, 0)
        return b.pad(b.cut(x, axis, 0, size - count), margins, LEAST)

    while step < size:
        other = later(step)
        most = b.maximum(x, other)
        x = b.add(most, b.unary("Log1p", b.exp(b.sub(b.minimum(x, other), most))))
        step *= 2
    x = later(1) if argument(call, "exclusive", None, False) else x
    return b.reverse(x, [axis]) if backward else x


@function("clip_by_norm")
def clip_by_norm(call: Call) -> Value:
    """A tensor that is no longer than a number along the axes."""
    b, x = call.b, floats(call, "t")
    most, squares = second(call, "clip_norm"), b.sum(b.square(x), axes(call, "axes"), True)
    return b.div(b.mul(x, most), b.maximum(b.sqrt(squares), most))


# Matrices ----------------------------------------------------------------------------------------------------------


@function("linalg.matrix_transpose linalg.adjoint")
def matrix_transpose(call: Call) -> Value:
    """Rows and columns in each other's place."""
    x = tensor(call, "a matrix")
    return call.b.move(x, x.rank - 1, x.rank - 2)


@function("linalg.solve linalg.cholesky_solve")
@node("MatrixSolve")
def solve(call: Call) -> Value:
    """The solutions of linear systems; the triangle of a matrix stands for the matrix."""
    b, x, y = call.b, floats(call, "matrix chol"), second(call, "rhs")
    turned = b.move(x, x.rank - 1, x.rank - 2)
    if called(call.record, call.major).endswith("cholesky_solve"):
        x = b.matmul(x, turned)
    elif argument(call, "adjoint", None, False):
        x = turned
    call.args = [x, y]
    return matrices.solve(call)


@function("linalg.triangular_solve")
@node("MatrixTriangularSolve")
def triangular_solve(call: Call) -> Value:
    """The solutions of triangular systems; a triangle may stand for its transpose."""
    b, x, y = call.b, floats(call, "matrix"), second(call, "rhs")
    lower = bool(argument(call, "lower", 2, True))
    if argument(call, "adjoint", 3, False):
        x, lower = b.move(x, x.rank - 1, x.rank - 2), not lower
    call.args = [x, y]
    call.record = dict(call.record, config=dict(call.config, lower=lower))
    return matrices.solve_triangular(call)


@function("linalg.normalize")
def normalize(call: Call) -> list:
    """A tensor over its length, and the length."""
    b, x = call.b, floats(call, "tensor")
    order, along = argument(call, "ord", 1, "euclidean"), axes(call)
    if order == "euclidean" or along is None and order == 2:
        long = b.sqrt(b.sum(b.square(x), along, True))
    elif along is not None and len(along) > 1:
        long = norms.of_matrices(call, x, order, along, True)
    else:
        long = norms.of_vectors(b, x, order, along, True)
    return [b.div(x, long), long]


# Segments and places -----------------------------------------------------------------------------------------------


def segments(op: str) -> Callable[[Call], Value]:
    """The function of one reduction of segments, whose number is told, or which are in order."""
    def lower(call: Call) -> Value:
        told = "unsorted" in called(call.record, call.major).lower()
        count = integer(call, argument(call, "num_segments", 2, needed), "num_segments") if told else None
        call.record = dict(call.record, config=dict(call.config, num_segments=count, sorted=not told))
        return scattering.segments(op)(call)
    return lower


def updated(how: str) -> Callable[[Call], Value]:
    """The function of one way to put numbers at places."""
    def lower(call: Call) -> Value:
        names = ("tensor", "indices", "updates")
        call.args = [argument(call, name, at, needed) for at, name in enumerate(names)]
        call.record = dict(call.record, config=dict(call.config, reduction=how or None))
        if how == "sub":
            call.record["config"]["reduction"] = "add"
            call.args[2] = call.b.neg(value(call, call.args[2]))
        return scattering.scatter_update(call)
    return lower


for _op in ("Sum", "Max", "Min", "Prod"):
    function(f"math.unsorted_segment_{_op.lower()} math.segment_{_op.lower()}")(segments(_op))
    node(f"UnsortedSegment{_op} Segment{_op}")(segments(_op))
for _how in ("update", "add", "sub", "max", "min"):
    function(f"tensor_scatter_nd_{_how}")(updated("" if _how == "update" else _how))
    node("TensorScatter" + _how.capitalize())(updated("" if _how == "update" else _how))


# Networks ----------------------------------------------------------------------------------------------------------


@function("nn.crelu")
def crelu(call: Call) -> Value:
    """relu(x) and relu(-x) side by side."""
    x = floats(call, "features")
    return call.b.concat([call.b.relu(x), call.b.relu(call.b.neg(x))], integer(call, argument(call, "axis", 1, -1)))


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
    labels, logits = floats(call, "labels"), second(call, "logits")
    weight = argument(call, "pos_weight", 2)
    return of_logits(call, labels, logits, 1.0 if weight is None else call.b.cast(value(call, weight), "float32"))


@function("nn.softmax_cross_entropy_with_logits nn.softmax_cross_entropy_with_logits_v2")
def softmax_cross_entropy(call: Call) -> Value:
    """-sum(labels * log(softmax(logits))) along an axis."""
    b, labels, logits = call.b, floats(call, "labels"), second(call, "logits")
    axis = axis_of(integer(call, argument(call, "axis", None, -1), "axis"), logits.rank)
    return b.neg(b.sum(b.mul(labels, activation.log_softmax(b, logits, axis)), axis))


@function("nn.sparse_softmax_cross_entropy_with_logits")
def sparse_cross_entropy(call: Call) -> Value:
    """-log of the probability of the class that a label names."""
    logits = second(call, "logits")
    return losses.of_class(call.b, logits, tensor(call, "labels"))


@node("SoftmaxCrossEntropyWithLogits SparseSoftmaxCrossEntropyWithLogits")
def of_rows(call: Call) -> List[Value]:
    """Both of matrices of logits, and their slopes: what the probabilities have more than the labels."""
    b, logits, labels = call.b, floats(call, "features"), value(call, argument(call, "labels", 1, needed))
    if called(call.record, call.major).startswith("Sparse"):
        loss = losses.of_class(b, logits, labels)
        classes = numpy.arange(logits.shape[-1], dtype="int32")
        labels = b.cast(b.compare("Equal", b.expand(b.cast(labels, "int32"), -1), classes), "float32")
    else:
        loss = b.neg(b.sum(b.mul(labels, activation.log_softmax(b, logits)), -1))
    return [loss, b.sub(b.softmax(logits), labels)]


@function("nn.sufficient_statistics")
def sufficient_statistics(call: Call) -> List[Value]:
    """The count of numbers along axes, their sum, and the sum of their squares."""
    b, x, along = call.b, floats(call), axes(call, at=1)
    shift = argument(call, "shift", 2)
    moved = x if shift is None else b.sub(x, value(call, shift))
    count = b.cast(b.value(b.sizes_of(x, b.axes(along, x.rank)), "int32"), "float32")
    found = [count, b.sum(moved, along, keeps(call)), b.sum(b.square(moved), along, keeps(call))]
    return found if shift is None else found + [b.cast(value(call, shift), "float32")]


@function("nn.weighted_moments")
def weighted_moments(call: Call) -> list:
    """Mean and variance, each number with a weight."""
    b, x = call.b, floats(call)
    along = axes(call, at=1)
    weights = b.cast(value(call, argument(call, "frequency_weights", 2, needed)), "float32")
    weights = b.mul(weights, b.like(x, 1))
    total = b.sum(weights, along, True)
    mean = b.div(b.sum(b.mul(x, weights), along, True), total)
    variance = b.div(b.sum(b.mul(b.square(b.sub(x, mean)), weights), along, True), total)
    return [mean, variance] if keeps(call) else [b.squeeze(one, b.axes(along, x.rank)) for one in (mean, variance)]


@function("signal.dct signal.idct")
def dct(call: Call) -> Value:
    """The cosine transform along the last axis, of four types; its inverse is of another type (dct_ops.py)."""
    x, kind = floats(call, "input"), integer(call, argument(call, "type", 1, 2), "type")
    if str(call.config["function"]).endswith("idct"):
        kind = {2: 3, 3: 2}.get(kind, kind)
    wanted, ortho = argument(call, "n", 2), argument(call, "norm") == "ortho"
    if wanted is not None:
        x = fourier.sized(call, x, fourier.length(call, integer(call, wanted, "n")))
    size = fourier.length(call, x.shape[-1], 2 if kind == 1 else 1)
    return call.b.dense(x, call.b.constant(fourier.cosines(kind, size, ortho).astype("float32")))


@function("""quantization.fake_quant_with_min_max_args quantization.fake_quant_with_min_max_vars
             quantization.fake_quant_with_min_max_vars_per_channel""")
@node("FakeQuantWithMinMaxArgs FakeQuantWithMinMaxVars FakeQuantWithMinMaxVarsPerChannel")
def fake_quant(call: Call) -> Value:
    """The nearest of so many steps between two bounds."""
    b, x = call.b, floats(call, "inputs")
    low, high = [b.cast(value(call, argument(call, name, at, default), "float32"), "float32")
                 for at, (name, default) in enumerate((("min", -6.0), ("max", 6.0)), 1)]
    bits = integer(call, argument(call, "num_bits", 3, 8), "num_bits")
    return b.quantized(x, low, high, bits, bool(argument(call, "narrow_range", 4, False)))
