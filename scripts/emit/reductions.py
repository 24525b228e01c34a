"""Operations along axes: sums, means, extremes, and operations composed of them."""
from typing import Any, Callable, Dict, List, Optional, Sequence, Union

import numpy

from ..base.fault import Fault
from .core import DType, Value, axis_of
from .elementwise import Elementwise
from .shaping import Shaping

REDUCTIONS: Dict[str, Callable] = {
    "Sum": numpy.sum, "Mean": numpy.mean, "Max": numpy.max, "Min": numpy.min, "Prod": numpy.prod, "All": numpy.all,
    "Any": numpy.any}
Axes = Union[None, int, Sequence[int]]


class Reductions(Elementwise, Shaping):
    """Emitters of reductions."""

    def axes(self, axes: Axes, rank: int) -> List[int]:
        """Axes counted from the front, in their order; None: all."""
        if axes is None:
            return list(range(rank))
        given: Sequence[Any] = axes if isinstance(axes, (list, tuple)) else [axes]
        return sorted({axis_of(axis, rank) for axis in given})

    def reduce(self, op: str, x: Value, axes: Axes = None, keepdims: bool = False) -> Value:
        """One of REDUCTIONS along these axes.  A mean of whole numbers is one of floats here."""
        if op == "Mean":
            x = self.cast(x, "float32")
        if op in ("Sum", "Prod", "Max", "Min") and x.dtype == "bool":
            x = self.cast(x, "int32")
        along = self.axes(axes, x.rank)
        shape = [1 if place in along else size for place, size in enumerate(x.shape)
                 if keepdims or place not in along]
        if not along:
            return x
        return self.fold(lambda array: REDUCTIONS[op](array, axis=tuple(along), keepdims=keepdims), [x], x.dtype) \
            or self.one(op, [x, self.constant(along, "int32", "axis")], x.dtype, shape, keep_dims=bool(keepdims),
                        T=DType(x.dtype), Tidx=DType("int32"))

    def sum(self, x: Value, axes: Axes = None, keepdims: bool = False) -> Value:
        """The sum along these axes."""
        return self.reduce("Sum", x, axes, keepdims)

    def mean(self, x: Value, axes: Axes = None, keepdims: bool = False) -> Value:
        """The mean along these axes."""
        return self.reduce("Mean", x, axes, keepdims)

    def max(self, x: Value, axes: Axes = None, keepdims: bool = False) -> Value:
        """The largest value along these axes."""
        return self.reduce("Max", x, axes, keepdims)

    def min(self, x: Value, axes: Axes = None, keepdims: bool = False) -> Value:
        """The smallest value along these axes."""
        return self.reduce("Min", x, axes, keepdims)

    def variance(self, x: Value, axes: Axes, keepdims: bool = True) -> Value:
        """The mean square distance from the mean, along these axes."""
        return self.mean(self.square(self.sub(x, self.mean(x, axes, True))), axes, keepdims)

    def place_of(self, op: str, x: Value, axis: int) -> Value:
        """ArgMax or ArgMin: the first place of the largest or smallest value along an axis, an int32."""
        axis = axis_of(axis, x.rank)
        return self.one(op, [x, self.constant(axis, "int32", "axis")], "int32", x.shape[:axis] + x.shape[axis + 1:],
                        T=DType(x.dtype), Tidx=DType("int32"), output_type=DType("int32"))

    def softmax(self, x: Value, axis: int = -1) -> Value:
        """exp(x) over its sum along an axis; TensorFlow.js has it for the last one."""
        axis = axis_of(axis, x.rank)
        if axis != x.rank - 1:
            return self.move(self.softmax(self.move(x, axis, -1)), -1, axis)
        return self.one("Softmax", [x], "float32", x.shape, T=DType("float32"))

    def cumulative(self, x: Value, axis: int, op: str = "Sum") -> Value:
        """The sum of all values up to each place: a product with a triangle of ones, which every version has.

        Raises Fault for an open size.
        """
        axis = axis_of(axis, x.rank)
        count: Optional[int] = x.shape[axis]
        if count is None or count > 4096:
            raise Fault(f"a cumulative sum along a dimension of {count or 'open'} size")
        moved = self.cast(self.move(x, axis, -1), "float32")
        flat = self.reshape(moved, [-1, count])
        triangle = self.constant(numpy.triu(numpy.ones((count, count), "float32")))
        done = self.one("MatMul", [flat, triangle], "float32", flat.shape, T=DType("float32"), transpose_a=False,
                        transpose_b=False)
        sizes = [self.dim(moved, place) for place in range(moved.rank)]
        return self.cast(self.move(self.reshape(done, sizes), -1, axis), x.dtype)
