"""Bits of whole numbers.  TensorFlow.js 4.22.0 has operations for them, but these do not find their operands."""
import numpy

from .core import Value
from .reductions import Reductions

WIDTH = 32  # bits of a number in TensorFlow.js


class Bits(Reductions):
    """Emitters of what looks at the bits of int32s."""

    def common_bits(self, x: Value, y: Value) -> Value:
        """x & y, bit by bit; x | y is x + y - (x & y), and x ^ y is x + y - 2 * (x & y)."""
        powers = self.constant(numpy.array([1 << place for place in range(WIDTH - 1)], "int32"))
        found = [self.binary("FloorMod", self.binary("FloorDiv", self.expand(one, one.rank), powers), 2)
                 for one in (x, y)]
        total = self.sum(self.mul(self.mul(*found), powers), -1)
        below = self.cast(self.both(self.compare("Less", x, 0), self.compare("Less", y, 0)), "int32")
        return self.sub(self.sub(total, self.mul(below, 2 ** 31 - 1)), below)

    def of_bits(self, kind: str, x: Value, y: Value) -> Value:
        """And, Or or Xor of int32s, bit by bit."""
        shared = self.common_bits(x, y)
        if kind == "And":
            return shared
        return self.sub(self.add(x, y), shared if kind == "Or" else self.mul(shared, 2))

    def shifted(self, x: Value, by: Value, left: bool) -> Value:
        """The bits of x moved by from 0 to 31 places; to the right the sign fills the gap.

        Two powers of two stand for one: int32 does not hold 2 ** 31.
        """
        factors = [self.binary("Pow", self.constant(2, "int32"), one) for one in (
            self.minimum(by, WIDTH // 2), self.maximum(self.sub(by, WIDTH // 2), 0))]
        op = "Mul" if left else "FloorDiv"
        return self.binary(op, self.binary(op, x, factors[0]), factors[1])
