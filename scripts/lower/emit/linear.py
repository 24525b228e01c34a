"""Products of matrices."""
from typing import List

import numpy

from ...base.fault import Fault
from .core import DType, Value, broadcast
from .reductions import Reductions
from .shaping import product


class Linear(Reductions):
    """Emitters of products along a dimension."""

    def matmul(self, x: Value, y: Value, transpose_x: bool = False, transpose_y: bool = False) -> Value:
        """x @ y for tensors of any rank from two on, numpy's rule: batches in front are broadcast.

        Where y is one matrix, x becomes one too: TensorFlow.js multiplies matrices quickest.
        """
        rows, inner = x.shape[-2:][::-1] if transpose_x else x.shape[-2:]
        other, columns = y.shape[-2:][::-1] if transpose_y else y.shape[-2:]
        if None not in (inner, other) and inner != other:
            raise Fault(f"a product of shapes {x.shape} and {y.shape}: weights and topology do not belong together")
        kinds = dict(T=DType("float32"))
        x, y = self.cast(x, "float32"), self.cast(y, "float32")
        if x.rank == 2 and y.rank == 2:
            return self.fold(lambda a, b: numpy.matmul(a.T if transpose_x else a, b.T if transpose_y else b), [x, y],
                             "float32") or self.one("MatMul", [x, y], "float32", (rows, columns),
                                                    transpose_a=transpose_x, transpose_b=transpose_y, **kinds)
        if y.rank == 2 and not transpose_x and x.shape[-1] is not None:
            flat = self.matmul(self.reshape(x, [-1, x.shape[-1]]), y, False, transpose_y)
            return self.restored(flat, x, columns)
        batch = broadcast(x.shape[:-2], y.shape[:-2])
        x, y = self.in_batch(x, y), self.in_batch(y, x)
        return self.one("BatchMatMul", [x, y], "float32", batch + (rows, columns), adj_x=transpose_x,
                        adj_y=transpose_y, **kinds)

    def restored(self, flat: Value, x: Value, columns: int) -> Value:
        """Rows of a matrix as the last dimension of x's shape, whose other sizes may be open."""
        open_sizes = [place for place, size in enumerate(x.shape[:-1]) if size is None]
        sizes: List = list(x.shape[:-1]) + [columns]
        if len(open_sizes) > 1:
            sizes = [self.dim(x, place) for place in range(x.rank - 1)] + [columns]
        done = self.reshape(flat, sizes)
        return Value(done.dtype, x.shape[:-1] + (columns,), done.tensor, done.weight)

    def in_batch(self, x: Value, other: Value) -> Value:
        """x with the batch dimensions that it has together with `other`: TensorFlow.js 1.0.0 repeats nothing."""
        batch = broadcast(x.shape[:-2], other.shape[:-2])
        while x.rank < len(batch) + 2:
            x = self.expand(x, 0)
        if x.shape[:-2] == batch or all(a == b for a, b in zip(x.shape[:-2], batch)):
            return x
        if None not in batch and product(batch):
            return self.tile(x, [b // a for a, b in zip(x.shape[:-2], batch)] + [1, 1])
        ones = self.like(self.slice(other, [(0, None)] * (other.rank - 2) + [(0, 1), (0, 1)]), 1)
        return self.mul(x, ones)

    def dense(self, x: Value, kernel: Value) -> Value:
        """The last dimension of x (..., inputs) times a kernel (inputs, units); x has two dimensions or more."""
        return self.matmul(x, kernel)
