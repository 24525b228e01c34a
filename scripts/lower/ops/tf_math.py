"""Functions of tf.math that keras.ops lacks, number by number or along an axis."""


from ...emit import Value
from ...emit.core import axis_of
from ..rules import Call, function, node
from .given import argument, floats, integer, needed, pair, tensor, value

LEAST = -float("inf")  # the logarithm of no power at all


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
    b, x, total = call.b, floats(call, "x", 1), None
    for one in argument(call, "coeffs", 0, needed):
        factor = b.cast(value(call, one), "float32")
        total = factor if total is None else b.add(b.mul(total, x), factor)
    return total if total is not None else b.mul(x, 0.0)


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
        apart = b.where(b.compare("Equal", most, LEAST), 0.0, b.sub(b.minimum(x, other), most))
        x = b.add(most, b.unary("Log1p", b.exp(apart)))
        step *= 2
    x = later(1) if argument(call, "exclusive", None, False) else x
    return b.reverse(x, [axis]) if backward else x


@function("truncatediv")
@node("TruncateDiv")
def truncatediv(call: Call) -> Value:
    """x / y of whole numbers without the fraction."""
    return call.b.quotient(*pair(call))


@function("math.is_non_decreasing math.is_strictly_increasing")
def is_rising(call: Call) -> Value:
    """Whether no number is below the one before it, or each above."""
    b, row = call.b, call.b.reshape(tensor(call), [-1])
    op = "Greater" if str(call.config["function"]).endswith("strictly_increasing") else "GreaterEqual"
    return b.reduce("All", b.compare(op, b.stepped(row, 0, 1, None, 1), b.stepped(row, 0, None, -1, 1)))
