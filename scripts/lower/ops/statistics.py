"""Counts and moments of numbers: histograms, confusion matrices, weighted means (tf.math, tf.nn)."""
from typing import List

from ...emit import Value
from ..rules import Call, function
from .casting import cast_to
from .given import argument, axes, floats, integer, known, limited, needed, tensor, value
from .reducing import keeps


@function("math.confusion_matrix")
def confusion_matrix(call: Call) -> Value:
    """The count of each pair of classes in two vectors: rows are labels, columns predictions."""
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


@function("math.zero_fraction")
def zero_fraction(call: Call) -> Value:
    """The share of zeros in all of the tensor."""
    return call.b.mean(call.b.cast(call.b.compare("Equal", tensor(call, "value"), 0), "float32"))


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
