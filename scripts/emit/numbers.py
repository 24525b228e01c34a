"""Number formats that TensorFlow.js does not have: whole means, numbers of few bits, numbers rounded to steps."""
from typing import NamedTuple

import numpy

from ..base.fault import Fault
from .core import Operand, Value, broadcast
from .images import Images
from .reductions import Axes


class Steps(NamedTuple):
    """The numbers to which floats are rounded: the least one, the largest, the step between two, and its inverse."""

    least: Value
    most: Value
    step: Value
    inverse: Value


class Numbers(Images):
    """Emitters of numbers that TensorFlow.js holds differently."""

    def whole_mean(self, x: Value, axes: Axes = None, keepdims: bool = False) -> Value:
        """The mean of whole numbers: the quotient of a sum of 64 bits, without its fraction (reduction_ops.h).

        TensorFlow.js has 32 bits: whole quotients and remainders are added apart, axis by axis.  A mean of floats
        would miss a whole number by a little at times, and lose all of 1 with its fraction.
        """
        along = self.axes(axes, x.rank)
        count = self.sizes_of(x, along)
        wholes, rest = self.binary("FloorDiv", x, count), self.binary("FloorMod", x, count)
        for axis in along:
            added = self.sum(rest, axis, True)
            wholes = self.add(self.sum(wholes, axis, True), self.binary("FloorDiv", added, count))
            rest = self.binary("FloorMod", added, count)
        below = self.both(self.compare("Less", wholes, 0), self.compare("NotEqual", rest, 0))
        found = self.add(wholes, self.cast(below, "int32"))
        return found if keepdims else self.squeeze(found, along)

    def quantized(self, x: Value, low: Operand, high: Operand, bits: int, narrow: bool = False) -> Value:
        """The nearest of the steps between two limits, which are moved so that 0 is a step (fake_quant_ops_functor.h).

        TensorFlow multiplies by the inverse of a step.  narrow: whether the steps are one fewer.  Raises Fault for
        limits that hold nothing.
        """
        low, high = self.value(low, "float32"), self.value(high, "float32")
        steps = self.nudged(low, high, bits, narrow)
        clipped = self.minimum(self.maximum(x, steps.least), steps.most)
        places = self.unary("Floor", self.add(self.mul(self.sub(clipped, steps.least), steps.inverse), 0.5))
        return self.add(self.mul(places, steps.step), steps.least)

    def nudged(self, low: Value, high: Value, bits: int, narrow: bool) -> Steps:
        """Return the Steps between `low` and `high`, moved so that 0 is one of the numbers.

        Raises Fault for limits that hold no numbers.
        """
        broadcast(low.shape, high.shape)
        known = low.is_constant and high.is_constant
        if not 2 <= bits <= 16 or known and not numpy.all(low.array < high.array):
            raise Fault(f"limits of {bits} bits that hold nothing: the file is damaged")
        first, last = float(narrow), float(2 ** bits - 1)
        step = self.div(self.sub(high, low), last - first)
        zero = self.unary("Floor", self.add(self.sub(first, self.div(low, step)), 0.5))
        zero = self.clip(zero, first, last)
        found = [self.mul(self.sub(one, zero), step) for one in (first, last)] + [step, self.div(1.0, step)]
        if known and not all(numpy.isfinite(one.array).all() for one in found):
            raise Fault(f"limits of {bits} bits that hold nothing: the file is damaged")
        return Steps(*found)
