"""Functions of TensorFlow that hardly any model holds (tf.math, tf.nn, tf.signal)."""
import math

from ...base.fault import Fault
from ...emit import Value
from ...emit.core import axis_of
from ...emit.shaping import Size
from ..rules import Call, called, function, node
from . import scattering, sequences
from .casting import cast_to
from .given import argument, axes, floats, integer, known, limited, needed, pair, tensor, value
from .singular import undoing

# Mathematics -------------------------------------------------------------------------------------------------------


@function("truncatediv")
@node("TruncateDiv")
def truncatediv(call: Call) -> Value:
    """x / y of whole numbers without the fraction."""
    return call.b.quotient(*pair(call))


@function("math.lbeta")
def lbeta(call: Call) -> Value:
    """The logarithm of the beta function along the last axis."""
    b, x = call.b, floats(call)
    whole = sequences.gamma_logarithm(b, b.sum(x, -1))
    return b.sub(b.sum(sequences.gamma_logarithm(b, x), -1), whole)


@function("math.is_non_decreasing math.is_strictly_increasing")
def is_rising(call: Call) -> Value:
    """Whether no number is below the one before it, or each above."""
    b, row = call.b, call.b.reshape(tensor(call), [-1])
    op = "Greater" if str(call.config["function"]).endswith("strictly_increasing") else "GreaterEqual"
    return b.reduce("All", b.compare(op, b.stepped(row, 0, 1, None, 1), b.stepped(row, 0, None, -1, 1)))


@function("math.segment_mean math.unsorted_segment_mean math.unsorted_segment_sqrt_n")
def segment_mean(call: Call) -> Value:
    """The mean of the numbers of each segment, 0 of none, or (sqrt_n) their sum over the root of how many they are."""
    b, data, name = call.b, floats(call, "data"), called(call.record, call.major)
    own = value(call, argument(call, "segment_ids", 1, needed))
    count = integer(call, argument(call, "num_segments", 2, needed), "num_segments") if "unsorted" in name else None
    if name.endswith("sqrt_n") and not own.rank:
        raise Fault(f"operation {call.path!r} has one segment alone: the file is damaged")
    call.record = dict(call.record, config=dict(call.config, sorted=count is None, num_segments=count))
    call.args, call.kwargs = [data, own], {}
    total = scattering.segments("Sum")(call)
    call.args = [b.like(data, 1), own]
    counts = b.maximum(scattering.segments("Sum")(call), 1.0)
    return b.div(total, b.sqrt(counts) if name.endswith("sqrt_n") else counts)


@function("math.confusion_matrix")
def confusion_matrix(call: Call) -> Value:
    """How often each pair of classes stands in two vectors: rows are labels, columns predictions."""
    b, count = call.b, known(argument(call, "num_classes", 2))
    if count is None:
        call.refuse("how much it gives depends on the numbers that it is given", "give num_classes")
    count = integer(call, count, "num_classes")
    limited(call, [count, count])
    first, second = [b.one_hot(b.reshape(value(call, argument(call, name, at, needed)), [-1]), count)
                     for at, name in enumerate(("labels", "predictions"))]
    weights = argument(call, "weights", 3)
    if weights is not None:
        first = b.mul(first, b.reshape(b.cast(value(call, weights), "float32"), [-1, 1]))
    return cast_to(call, b.matmul(first, second, True), argument(call, "dtype", 4, "int32"))


@function("histogram_fixed_width_bins histogram_fixed_width")
def histogram_fixed_width(call: Call) -> Value:
    """In which of so many bins of equal width each number is, or how many are in each; the outer ones are open."""
    b, x = call.b, floats(call, "values")
    low, high = [float(known(one)) for one in known(argument(call, "value_range", 1, needed))]
    count = integer(call, argument(call, "nbins", 2, 100), "nbins")
    places = b.cast(b.clip(b.unary("Floor", b.mul(b.div(b.sub(x, low), high - low), float(count))), 0.0, count - 1.0),
                    "int32")
    if str(call.config["function"]).endswith("bins"):
        return places
    there = b.compare("Equal", b.expand(b.range(count), 1), b.reshape(places, [1, -1]))
    return b.sum(b.cast(there, "int32"), 1)


@function("linalg.lstsq")
def lstsq(call: Call) -> Value:
    """The shortest vectors that matrices of full rank take nearest to others."""
    given = call.b.cast(value(call, argument(call, "rhs", 1, needed)), "float32")
    if argument(call, "l2_regularizer", 2, 0.0):
        call.refuse("it regularizes its result (l2_regularizer)", "leave l2_regularizer out")
    return call.b.matmul(undoing(call, floats(call, "matrix"), 0.0), given)


# Networks and signals ----------------------------------------------------------------------------------------------


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


@function("signal.fftshift signal.ifftshift")
def fftshift(call: Call) -> Value:
    """The second half of the places before the first, along axes: the frequency 0 in the middle, or back."""
    b, x = call.b, tensor(call)
    back = str(call.config["function"]).endswith("ifftshift")
    for axis in [axis_of(one, x.rank) for one in axes(call, at=1) or range(x.rank)]:
        size: Size = b.dim(x, axis)
        half = b.size("FloorDiv", size if back else b.size("Add", size, 1), 2)
        made = b.concat([b.stepped(x, axis, half, None, 1), b.stepped(x, axis, None, half, 1)], axis) \
            if size != 1 else x
        x = b.rolled(made, x)
    return x
