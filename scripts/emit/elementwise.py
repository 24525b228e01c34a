"""Operations number by number, with numpy's broadcasting: arithmetic, comparison, logic, choice."""
import math
from typing import Callable, Dict, Optional

import numpy

from .core import DType, Emitter, Operand, Value, broadcast, type_of

ORDER = ("bool", "int32", "float32")  # of two types, the one further on holds both
UNARY: Dict[str, Optional[Callable]] = {
    "Abs": numpy.abs, "Ceil": numpy.ceil, "Cos": numpy.cos, "Cosh": numpy.cosh, "Exp": numpy.exp,
    "Expm1": numpy.expm1, "Floor": numpy.floor, "Log": numpy.log, "Log1p": numpy.log1p, "Neg": numpy.negative,
    "Reciprocal": numpy.reciprocal, "Round": numpy.rint, "Rsqrt": lambda x: 1 / numpy.sqrt(x), "Sign": numpy.sign,
    "Sin": numpy.sin, "Sinh": numpy.sinh, "Sqrt": numpy.sqrt, "Square": numpy.square, "Tan": numpy.tan,
    "Tanh": numpy.tanh, "Acos": numpy.arccos, "Acosh": numpy.arccosh, "Asin": numpy.arcsin, "Asinh": numpy.arcsinh,
    "Atan": numpy.arctan, "Atanh": numpy.arctanh, "Relu": lambda x: numpy.maximum(x, 0),
    "Relu6": lambda x: numpy.clip(x, 0, 6), "Sigmoid": lambda x: 1 / (1 + numpy.exp(-x)),
    "Erf": numpy.vectorize(math.erf, otypes=["float32"]), "Elu": None, "Selu": None, "Softplus": None}
BINARY: Dict[str, Callable] = {
    "Add": numpy.add, "Sub": numpy.subtract, "Mul": numpy.multiply, "RealDiv": numpy.divide,
    "Maximum": numpy.maximum, "Minimum": numpy.minimum, "Pow": numpy.power, "FloorDiv": numpy.floor_divide,
    "FloorMod": numpy.mod, "SquaredDifference": lambda x, y: numpy.square(x - y), "Atan2": numpy.arctan2}
COMPARISONS: Dict[str, Callable] = {
    "Equal": numpy.equal, "NotEqual": numpy.not_equal, "Less": numpy.less, "LessEqual": numpy.less_equal,
    "Greater": numpy.greater, "GreaterEqual": numpy.greater_equal}
OF_WHOLE: Dict[str, Callable] = {  # what TensorFlow.js 1.0.0 has for floats alone
    "Abs": lambda b, x: b.maximum(x, b.neg(x)), "Neg": lambda b, x: b.sub(0, x),
    "Sign": lambda b, x: b.clip(x, -1, 1), "Square": lambda b, x: b.mul(x, x)}


class Elementwise(Emitter):
    """Emitters of what is computed number by number."""

    def cast(self, x: Operand, dtype: str) -> Value:
        """The same numbers in another type; fractions are cut off towards zero."""
        x, dtype = self.value(x), type_of(dtype)
        if x.dtype == dtype:
            return x
        return self.fold(lambda array: array.astype(dtype), [x], dtype) or self.one(
            "Cast", [x], dtype, x.shape, SrcT=DType(x.dtype), DstT=DType(dtype), Truncate=False)

    def unary(self, op: str, x: Operand) -> Value:
        """One of UNARY, of a float or (Abs, Neg, Sign, Square, Relu) an int.

        TensorFlow.js 1.0.0 makes floats of whole numbers there, which lose the last digits of large ones.
        """
        x = self.value(x)
        if op in OF_WHOLE and x.dtype == "int32":
            return OF_WHOLE[op](self, x)
        folded = self.fold(UNARY[op], [x], x.dtype) if UNARY[op] else None
        return folded or self.one(op, [x], x.dtype, x.shape, T=DType(x.dtype))

    def together(self, x: Operand, y: Operand) -> tuple:
        """Both as Values of one type: a plain number takes the other's type where that holds it."""
        if not isinstance(x, Value) and not isinstance(y, Value):
            x = self.value(x)
        if not isinstance(x, Value):
            return self.together(y, x)[::-1]
        if not isinstance(y, Value):
            array = numpy.asarray(y)
            own = type_of(array.dtype)
            y = self.constant(array, max(own, x.dtype, key=ORDER.index))
        dtype = max(x.dtype, y.dtype, key=ORDER.index)
        return self.cast(x, dtype), self.cast(y, dtype)

    def binary(self, op: str, x: Operand, y: Operand) -> Value:
        """One of BINARY, of operands that are brought to one type."""
        x, y = self.together(x, y)
        shape = broadcast(x.shape, y.shape)
        return self.fold(BINARY[op], [x, y], x.dtype) or self.one(op, [x, y], x.dtype, shape, T=DType(x.dtype))

    def compare(self, op: str, x: Operand, y: Operand) -> Value:
        """One of COMPARISONS, of operands that are brought to one type; booleans as ints."""
        x, y = self.together(x, y)
        if x.dtype == "bool":
            x, y = self.cast(x, "int32"), self.cast(y, "int32")
        shape = broadcast(x.shape, y.shape)
        return self.fold(COMPARISONS[op], [x, y], "bool") or self.one(op, [x, y], "bool", shape, T=DType(x.dtype))

    def signbit(self, x: Value) -> Value:
        """Whether the sign is a minus, that of zero too."""
        below = self.compare("Less", self.cast(x, "float32"), 0)
        return below if x.dtype != "float32" else self.either(below, self.compare(
            "Less", self.unary("Reciprocal", x), 0))

    def remainder(self, x: Operand, y: Operand) -> Value:
        """The remainder of x / y, with the sign of x; FloorMod has the sign of y."""
        return self.mul(self.unary("Sign", x), self.binary("FloorMod", self.unary("Abs", x), self.unary("Abs", y)))

    def quotient(self, x: Operand, y: Operand) -> Value:
        """x / y of whole numbers, without the fraction: C++ cuts it off, TensorFlow.js rounds down."""
        x, y = self.together(x, y)
        down = self.binary("FloorDiv", self.unary("Abs", x), self.unary("Abs", y))
        return self.mul(down, self.mul(self.unary("Sign", x), self.unary("Sign", y)))

    def wrapped(self, x: Operand, bits: int, signed: bool) -> Value:
        """Whole numbers in so many bits: those above are lost."""
        half = 1 << bits - 1 if signed else 0
        return self.sub(self.binary("FloorMod", self.add(x, half), 1 << bits), half)

    def add(self, x: Operand, y: Operand) -> Value:
        """x + y."""
        return self.binary("Add", x, y)

    def sub(self, x: Operand, y: Operand) -> Value:
        """x - y."""
        return self.binary("Sub", x, y)

    def mul(self, x: Operand, y: Operand) -> Value:
        """x * y."""
        return self.binary("Mul", x, y)

    def div(self, x: Operand, y: Operand) -> Value:
        """x / y of floats; whole numbers become floats."""
        x, y = self.together(x, y)
        return self.binary("RealDiv", self.cast(x, "float32"), self.cast(y, "float32"))

    def maximum(self, x: Operand, y: Operand) -> Value:
        """The larger of both."""
        return self.binary("Maximum", x, y)

    def minimum(self, x: Operand, y: Operand) -> Value:
        """The smaller of both."""
        return self.binary("Minimum", x, y)

    def clip(self, x: Operand, low: float, high: float) -> Value:
        """Values below `low` become `low`, those above `high` become `high`."""
        return self.minimum(self.maximum(x, low), high)

    def neg(self, x: Operand) -> Value:
        """-x."""
        return self.unary("Neg", x)

    def sigmoid(self, x: Operand) -> Value:
        """1 / (1 + exp(-x))."""
        return self.unary("Sigmoid", x)

    def tanh(self, x: Operand) -> Value:
        """The hyperbolic tangent."""
        return self.unary("Tanh", x)

    def relu(self, x: Operand) -> Value:
        """max(x, 0)."""
        return self.unary("Relu", x)

    def exp(self, x: Operand) -> Value:
        """e to the power of x."""
        return self.unary("Exp", x)

    def log(self, x: Operand) -> Value:
        """The natural logarithm."""
        return self.unary("Log", x)

    def sqrt(self, x: Operand) -> Value:
        """The square root."""
        return self.unary("Sqrt", x)

    def square(self, x: Operand) -> Value:
        """x * x."""
        return self.unary("Square", x)

    def erf(self, x: Operand) -> Value:
        """The error function.  TensorFlow.js 1.0.0 has it for numbers above zero; it is odd."""
        x = self.value(x)
        return self.fold(UNARY["Erf"], [x], x.dtype) or self.mul(
            self.unary("Sign", x), self.unary("Erf", self.unary("Abs", x)))

    # Logic -------------------------------------------------------------------------------------------------------

    def both(self, x: Operand, y: Operand) -> Value:
        """Logical and of booleans, broadcast."""
        x, y = self.value(x), self.value(y)
        return self.fold(numpy.logical_and, [x, y], "bool") or self.one(
            "LogicalAnd", [x, y], "bool", broadcast(x.shape, y.shape))

    def either(self, x: Operand, y: Operand) -> Value:
        """Logical or of booleans, broadcast."""
        x, y = self.value(x), self.value(y)
        return self.fold(numpy.logical_or, [x, y], "bool") or self.one(
            "LogicalOr", [x, y], "bool", broadcast(x.shape, y.shape))

    def invert(self, x: Operand) -> Value:
        """Logical not of a boolean."""
        x = self.value(x)
        return self.fold(numpy.logical_not, [x], "bool") or self.one("LogicalNot", [x], "bool", x.shape)

    def where(self, condition: Operand, x: Operand, y: Operand) -> Value:
        """x where the condition holds, else y, broadcast.

        TensorFlow.js 1.0.0 takes three tensors of one shape, so that they are broadcast before.
        """
        condition = self.value(condition)
        x, y = self.together(x, y)
        folded = self.fold(numpy.where, [condition, x, y], x.dtype)
        if folded is not None:
            return folded
        shape = broadcast(condition.shape, x.shape, y.shape)
        if condition.shape != shape or None in shape:
            condition = self.spread(condition, [condition, x, y])
        x, y = [one if one.shape == shape and None not in shape else self.spread(one, [condition, x, y])
                for one in (x, y)]
        return self.one("Select", [condition, x, y], x.dtype, shape, T=DType(x.dtype))

    def spread(self, x: Value, others: list) -> Value:
        """x broadcast to the shape that it has together with the others: by adding zeros, or `or` of what is false.

        Every TensorFlow.js has these, for open sizes too.
        """
        shape = broadcast(x.shape, *[one.shape for one in others])
        for other in others:
            if other is x or broadcast(x.shape, other.shape) == x.shape and None not in x.shape or \
                    same_sizes(x, other) or all(size == 1 for size in other.shape):
                continue
            zeros = self.like(other, 0)
            if x.dtype == "bool":
                false = self.compare("Greater", zeros if zeros.dtype != "bool" else self.cast(zeros, "int32"), 0)
                x = self.either(x, false)
            else:
                x = self.add(x, self.cast(zeros, x.dtype))
        if x.rank < len(shape):  # the others have more dimensions, all of size 1
            none = self.constant(numpy.zeros([1] * len(shape), x.dtype))
            x = self.either(x, none) if x.dtype == "bool" else self.add(x, none)
        return x

    def like(self, x: Value, number: int) -> Value:
        """Zeros or ones of the shape and type of x."""
        if None not in x.shape:
            return self.constant(numpy.full(x.shape, number, x.dtype), x.dtype)
        if x.dtype == "bool":
            return self.cast(self.like(self.cast(x, "int32"), number), "bool")
        return self.one("OnesLike" if number else "ZerosLike", [x], x.dtype, x.shape, T=DType(x.dtype))


def same_sizes(x: Value, other: Value) -> bool:
    """Whether both certainly have one shape: all sizes are known, or only the batch is open in both."""
    return x.shape == other.shape and None not in x.shape[1:]
