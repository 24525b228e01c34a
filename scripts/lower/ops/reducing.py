"""Operations along axes: sums, means, extremes, their places, running sums."""
import math
from typing import Any, Callable, List, Optional

import numpy

from ...emit import Builder, Value
from .. import narrow
from ..rules import Call, function, node, operation
from .casting import cast_to
from .given import argument, axes, floats, integer, tensor, truth, value
from .logic import is_nan

KEEP = "keepdims keep_dims"


def keeps(call: Call) -> bool:
    """Whether the axes stay, with the size 1."""
    return bool(argument(call, KEEP, None, False))


def numbers(call: Call) -> Value:
    """The tensor; booleans as whole numbers."""
    x = tensor(call, "x input_tensor input")
    return call.b.cast(x, "int32") if x.dtype == "bool" else x


def reduction(op: str) -> Callable[[Call], Value]:
    """The function that emits one reduction."""
    def lower(call: Call) -> Value:
        x = numbers(call)
        dtype = argument(call, "dtype") if call.major > 2 else None
        if op == "Prod" and x.narrow and (call.major < 3 or dtype):
            return product_of_few_bits(call, x)
        found = call.b.reduce(op, x, axes(call, at=1), keeps(call))
        found = cast_to(call, found, dtype) if dtype else found
        return with_initial(call, op, found)
    return lower


def product_of_few_bits(call: Call, x: Value) -> Value:
    """The product of numbers of 8 or 16 bits, of Keras 2; Keras 3 makes 32 bits of them, unless it is told a type."""
    b, along = call.b, call.b.axes(axes(call, at=1), x.rank)
    if not all(x.shape[axis] for axis in along):
        call.refuse(f"it multiplies numbers of type {x.narrow} along an axis of open size", "give it: --input-shape")
    made = narrow.product(b, x, along, str(x.narrow))
    return (made if keeps(call) or not along else b.squeeze(made, along)).narrowed(x.narrow)


def with_initial(call: Call, op: str, found: Value) -> Value:
    """The result together with the setting `initial` of Max and Min."""
    initial = argument(call, "initial") if call.major > 2 else None
    if initial is None or op not in ("Max", "Min"):
        return found
    return call.b.binary(op + "imum", found, value(call, initial, found.dtype))


for _kind, _functions in (("Sum", "math.reduce_sum reduce_sum"), ("Prod", "math.reduce_prod"),
                          ("Max", "math.reduce_max"), ("Min", "math.reduce_min")):
    operation(_kind)(reduction(_kind))
    function(_functions)(reduction(_kind))
    node(_kind)(reduction(_kind))


def extreme(op: str) -> Callable[[Call], Value]:
    """Max and Min of Keras 3, of booleans too."""
    def lower(call: Call) -> Value:
        x = tensor(call)
        found = reduction(op)(call)
        return call.b.compare("NotEqual", found, 0) if x.dtype == "bool" else found
    return lower


operation("Amax")(extreme("Max"))
operation("Amin")(extreme("Min"))


@operation("Mean")
@function("math.reduce_mean reduce_mean")
@node("Mean")
def mean(call: Call) -> Value:
    """The mean; TensorFlow's own of whole numbers is a whole number."""
    x = tensor(call, "x input_tensor input")
    if x.dtype == "int32" and call.major < 3:
        return call.b.whole_mean(x, axes(call, at=1), keeps(call))
    return call.b.mean(x, axes(call, at=1), keeps(call))


@operation("Var")
@function("math.reduce_variance")
def var(call: Call) -> Value:
    """The mean square distance from the mean."""
    return call.b.variance(floats(call, "x input_tensor"), axes(call), keeps(call))


@operation("Std")
@function("math.reduce_std")
def std(call: Call) -> Value:
    """The square root of the variance."""
    return call.b.sqrt(var(call))


@operation("All")
@function("math.reduce_all")
@node("All")
def all_(call: Call) -> Value:
    """Whether all are true."""
    return call.b.reduce("All", truth(call.b, tensor(call, "x input_tensor")), axes(call, at=1), keeps(call))


@operation("Any")
@function("math.reduce_any")
@node("Any")
def any_(call: Call) -> Value:
    """Whether one is true."""
    return call.b.reduce("Any", truth(call.b, tensor(call, "x input_tensor")), axes(call, at=1), keeps(call))


@operation("CountNonzero")
@function("math.count_nonzero")
def count_nonzero(call: Call) -> Value:
    """The count of numbers that are not 0."""
    there = call.b.cast(truth(call.b, tensor(call, "x input")), "int32")
    return call.b.sum(there, axes(call), keeps(call) if call.major < 3 else False)


@operation("Ptp")
def ptp(call: Call) -> Value:
    """The largest less the smallest."""
    x, along, kept = numbers(call), axes(call), keeps(call)
    return call.b.sub(call.b.max(x, along, kept), call.b.min(x, along, kept))


@operation("Logsumexp")
@function("math.reduce_logsumexp")
def logsumexp(call: Call) -> Value:
    """log(sum(exp(x)))."""
    x, along, kept = floats(call, "x input_tensor"), axes(call), keeps(call)
    return log_of_sums(call.b, x, along, kept)


def log_of_sums(b: Builder, x: Value, along: Optional[List[int]], kept: bool) -> Value:
    """The logarithm of the sum of powers of e; the largest is taken off before, unless it is infinite."""
    most = b.max(x, along, True)
    most = b.where(b.compare("Less", b.unary("Abs", most), b.constant(numpy.float32("inf"))), most, 0.0)
    found = b.add(b.log(b.sum(b.exp(b.sub(x, most)), along, True)), most)
    return found if kept else b.squeeze(found, b.axes(along, x.rank))


@operation("Average")
def average(call: Call) -> Value:
    """The mean, each number with a weight; those of one dimension go along the axis."""
    b, x = call.b, floats(call)
    along, weights = axes(call), argument(call, "weights", 1)
    if weights is None:
        return b.mean(x, along)
    weights = b.cast(value(call, weights), "float32")
    if weights.rank == 1 and x.rank > 1 and along is not None and len(along) == 1:
        shape: List[Any] = [1] * x.rank
        shape[along[0]] = -1
        weights = b.reshape(weights, shape)
    ones = b.like(x, 1) if weights.shape != x.shape or None in x.shape else None
    total = b.sum(b.mul(weights, ones) if ones is not None else weights, along)
    return b.div(b.sum(b.mul(x, weights), along), total)


# Places ----------------------------------------------------------------------------------------------------------


def placed(op: str) -> Callable[[Call], Value]:
    """The function that emits ArgMax or ArgMin."""
    def lower(call: Call) -> Value:
        x = numbers(call)
        axis = argument(call, "axis dimension", 1, None if call.major > 2 else 0)
        return place(call.b, op, x, None if axis is None else integer(call, axis, "axis"), keeps(call))
    return lower


def place(b: Builder, op: str, x: Value, axis: Optional[int], kept: bool) -> Value:
    """The first place of the largest or smallest along an axis, by default in all of the tensor."""
    rank = x.rank
    if axis is None:
        x, axis = b.reshape(x, [-1]), 0
        found = b.place_of(op, x, 0)
        return b.reshape(found, [1] * rank) if kept else found
    found = b.place_of(op, x, axis)
    return b.expand(found, axis) if kept and axis >= 0 else b.expand(found, axis) if kept else found


operation("Argmax")(placed("ArgMax"))
operation("Argmin")(placed("ArgMin"))
function("math.argmax argmax")(placed("ArgMax"))
function("math.argmin argmin")(placed("ArgMin"))
node("ArgMax")(placed("ArgMax"))
node("ArgMin")(placed("ArgMin"))


# Running sums ----------------------------------------------------------------------------------------------------


@operation("Cumsum")
@function("math.cumsum")
@node("Cumsum")
def cumsum(call: Call) -> Value:
    """The sum of all up to each place."""
    return running(call, numbers(call), "Sum")


@operation("Cumprod")
@function("math.cumprod")
@node("Cumprod")
def cumprod(call: Call) -> Value:
    """The product of all up to each place."""
    return running(call, numbers(call), "Prod")


def running(call: Call, x: Value, op: str) -> Value:
    """The common part of Cumsum and Cumprod: axis, type, and TensorFlow's exclusive and reverse."""
    b = call.b
    axis = argument(call, "axis", 1, None if call.major > 2 else 0)
    if axis is None:
        x, axis = b.reshape(x, [-1]), 0
    axis = integer(call, axis, "axis")
    dtype = argument(call, "dtype") if call.major > 2 else None
    kind = dtype or (x.narrow if x.dtype == "int32" else None)
    x = cast_to(call, x, dtype) if dtype else x
    kind = kind if kind in narrow.TYPES else None
    size = x.shape[b.axes(axis, x.rank)[0]]
    if size is None or size > 4096:
        call.refuse("it runs along an axis of open or very large size", "give its size: --input-shape")
    backward = bool(argument(call, "reverse", None, False))
    x = b.reverse(x, [axis]) if backward else x
    found = narrow.in_halves(b, x, kind, lambda part: b.cumulative(part, axis)) if op == "Sum" else product_so_far(
        b, x, axis, size, kind)
    if argument(call, "exclusive", None, False):
        margins = [(0, 0)] * x.rank
        margins[axis] = (1, 0)
        found = b.pad(b.cut(found, axis, 0, size - 1), margins, 0 if op == "Sum" else 1)
    found = b.reverse(found, [axis]) if backward else found
    return found if kind is None else narrow.wrapped(b, found, kind)


def product_so_far(b: Builder, x: Value, axis: int, size: int, kind: Optional[str]) -> Value:
    """The product up to each place: in every round each takes that of twice as many before it.

    kind: the type of whole numbers of few bits, whose products are wrapped.
    """
    step = 1
    while step < size:
        margins = [(0, 0)] * x.rank
        margins[axis] = (step, 0)
        before = b.pad(b.cut(x, axis, 0, size - step), margins, 1)
        x = b.mul(x, before) if kind is None else narrow.times(b, x, before, kind)
        step *= 2
    return x


@operation("Trapezoid")
def trapezoid(call: Call) -> Value:
    """The area below a curve whose points are dx apart."""
    b, y = call.b, floats(call, "y")
    if call.config.get("x") is not None:
        call.refuse("the places of its points are given (x)", "take points that are dx apart, or write the sum itself")
    axis = integer(call, argument(call, "axis", None, -1), "axis")
    size = y.shape[b.axes(axis, y.rank)[0]]
    if size is None:
        call.refuse("it runs along an axis of open size", "give its size: --input-shape")
    both = b.add(b.cut(y, axis, 1, size - 1), b.cut(y, axis, 0, size - 1))
    return b.mul(b.sum(both, axis), float(argument(call, "dx", None, 1.0)) / 2)


# Without what is no number ----------------------------------------------------------------------------------------


def filled(call: Call, number: float) -> Value:
    """The tensor with another number in place of each that is none."""
    x = numbers(call)
    return x if x.dtype != "float32" else call.b.where(is_nan(call.b, x), number, x)


def there(call: Call) -> Value:
    """The count of what is a number along the axes, in floats."""
    b, x = call.b, floats(call)
    return b.sum(b.cast(b.invert(is_nan(b, x)), "float32"), axes(call), keeps(call))


@operation("Nansum")
def nansum(call: Call) -> Value:
    """The sum."""
    return call.b.sum(filled(call, 0), axes(call), keeps(call))


@operation("Nanprod")
def nanprod(call: Call) -> Value:
    """The product."""
    return call.b.reduce("Prod", filled(call, 1), axes(call), keeps(call))


@operation("Nanmean")
def nanmean(call: Call) -> Value:
    """The mean."""
    return call.b.div(nansum(call), there(call))


@operation("Nanmax")
def nanmax(call: Call) -> Value:
    """The largest; no number where there is none."""
    return extreme_there(call, "Max", -math.inf)


@operation("Nanmin")
def nanmin(call: Call) -> Value:
    """The smallest; no number where there is none."""
    return extreme_there(call, "Min", math.inf)


def extreme_there(call: Call, op: str, number: float) -> Value:
    """The extreme of what is a number."""
    x = filled(call, number)
    found = call.b.reduce(op, x, axes(call), keeps(call))
    if x.dtype != "float32":
        return found
    return call.b.where(call.b.compare("Equal", there(call), 0), numpy.float32("nan"), found)


@operation("Nanvar")
def nanvar(call: Call) -> Value:
    """The mean square distance from the mean."""
    b, x = call.b, floats(call)
    missing = is_nan(b, x)
    known = b.where(missing, 0.0, x)
    one = b.sub(1.0, b.cast(missing, "float32"))
    middle = b.div(b.sum(known, axes(call), True), b.sum(one, axes(call), True))
    apart = b.mul(b.square(b.sub(known, middle)), one)
    return b.div(b.sum(apart, axes(call), keeps(call)), there(call))


@operation("Nanstd")
def nanstd(call: Call) -> Value:
    """The square root of nanvar."""
    return call.b.sqrt(nanvar(call))


@operation("Nancumsum")
def nancumsum(call: Call) -> Value:
    """The sum of all numbers up to each place."""
    return running(call, filled(call, 0), "Sum")


@operation("Nancumprod")
def nancumprod(call: Call) -> Value:
    """The product of all numbers up to each place."""
    return running(call, filled(call, 1), "Prod")


@operation("Nanargmax")
def nanargmax(call: Call) -> Value:
    """The place of the largest number, -1 where there is none."""
    return place_there(call, "ArgMax", -math.inf)


@operation("Nanargmin")
def nanargmin(call: Call) -> Value:
    """The place of the smallest number, -1 where there is none."""
    return place_there(call, "ArgMin", math.inf)


def place_there(call: Call, op: str, number: float) -> Value:
    """The place of the extreme of what is a number (keras 3 backend/tensorflow/numpy.py: nanargmax)."""
    b, x = call.b, filled(call, number)
    found = place(b, op, x, call.config.get("axis"), keeps(call))
    return found if x.dtype != "float32" else b.where(b.compare("Equal", there(call), 0), -1, found)
