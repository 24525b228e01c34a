"""Products of matrices."""
import re
from typing import Dict, List, Sequence, Tuple

import numpy

from ..base.fault import Fault
from ..layers.kinds.sizes import product
from .core import DType, Value, broadcast
from .reductions import Reductions
from .shaping import Size

TERM = r"([A-Za-z]*(?:\.\.\.)?[A-Za-z]*)"  # of an equation of einsum


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
        if None not in batch + x.shape[:-2] and product(batch):
            return self.tile(x, [b // a for a, b in zip(x.shape[:-2], batch)] + [1, 1])
        ones = self.like(self.slice(other, [(0, None)] * (other.rank - 2) + [(0, 1), (0, 1)]), 1)
        return self.mul(x, ones)

    def dense(self, x: Value, kernel: Value) -> Value:
        """The last dimension of x (..., inputs) times a kernel (inputs, units); x has two dimensions or more."""
        return self.matmul(x, kernel)

    # Einsum ------------------------------------------------------------------------------------------------------

    def einsum(self, equation: str, x: Value, y: Value) -> Value:
        """numpy.einsum of two operands, "abc,cde->abde", "...x,xy->...y".

        It is a product of matrices: the letters of both and the result stand in front, those that are summed over stand
        between.  A letter that stands twice in one operand means its diagonal.  Raises Fault for an equation that does
        not fit.
        """
        first, second, result = terms(equation, x.rank, y.rank)
        x, first = self.diagonals(x, first)
        y, second = self.diagonals(y, second)
        sizes: Dict[str, Size] = {}
        for letters, value in ((first, x), (second, y)):
            for place, letter in enumerate(letters):
                if not isinstance(sizes.get(letter), int) or sizes[letter] == 1:
                    sizes[letter] = self.dim(value, place)
        x, first = self.alone(x, first, second + result)
        y, second = self.alone(y, second, first + result)
        batch = [letter for letter in result if letter in first and letter in second]
        inner = [letter for letter in first if letter in second and letter not in result]
        left = [letter for letter in result if letter in first and letter not in second]
        right = [letter for letter in result if letter in second and letter not in first]
        x = self.transpose(x, [first.index(letter) for letter in batch + left + inner])
        y = self.transpose(y, [second.index(letter) for letter in batch + inner + right])
        x = self.matrices(x, len(batch), len(left), [sizes[letter] for letter in batch + left + inner])
        y = self.matrices(y, len(batch), len(inner), [sizes[letter] for letter in batch + inner + right])
        made = self.spread_out(self.matmul(x, y), [sizes[letter] for letter in batch + left + right])
        order = batch + left + right
        return self.transpose(made, [order.index(letter) for letter in result])

    def diagonals(self, x: Value, letters: str) -> Tuple[Value, str]:
        """x and its letters with each letter once.  Raises Fault where the sizes of one letter differ, or are open.

        The diagonal is looked up: a sum of products with the unit matrix is no number beside an infinity.
        """
        for letter in dict.fromkeys(letters):
            while letters.count(letter) > 1:
                one, other = letters.index(letter), letters.rindex(letter)
                size = x.shape[one]
                if size is None or size != x.shape[other]:
                    raise Fault(f"a tensor of shape {x.shape} has no diagonal along {letters!r}")
                rest = [place for place in range(x.rank) if place not in (one, other)]
                x = self.transpose(x, rest + [one, other])
                flat = self.spread_out(x, [self.dim(x, place) for place in range(len(rest))] + [size * size])
                flat = Value(x.dtype, x.shape[:len(rest)] + (size * size,), flat.tensor, flat.weight)
                x = self.gather(flat, numpy.arange(size, dtype="int32") * (size + 1), -1)
                letters = "".join(letters[place] for place in rest) + letter
        return x, letters

    def alone(self, x: Value, letters: str, others: str) -> Tuple[Value, str]:
        """x summed over the letters that stand nowhere else."""
        gone = [place for place, letter in enumerate(letters) if letter not in others]
        return (self.sum(x, gone), "".join(letter for letter in letters if letter in others)) if gone else (x, letters)

    def matrices(self, x: Value, batch: int, rows: int, sizes: Sequence[Size]) -> Value:
        """x with one dimension for those of its rows, and one for those of its columns."""
        if rows == 1 and x.rank == batch + 2:
            return x
        groups = [sizes[batch:batch + rows], sizes[batch + rows:]]
        return self.spread_out(x, list(sizes[:batch]) + [self.together_in_one(group) for group in groups])

    def together_in_one(self, sizes: Sequence[Size]) -> Size:
        """The product of sizes of which some may be computed."""
        result: Size = 1
        for size in sizes:
            result = size * result if isinstance(size, int) and isinstance(result, int) else self.mul(
                self.value(size, "int32"), self.value(result, "int32"))
        return result

    def spread_out(self, x: Value, sizes: Sequence[Size]) -> Value:
        """x in a shape of which one size that is computed need not be."""
        computed = [place for place, size in enumerate(sizes) if isinstance(size, Value)]
        wanted = list(sizes)
        if computed:
            wanted[computed[0]] = -1
        return self.reshape(x, wanted)


def terms(equation: str, first: int, second: int) -> Tuple[str, str, str]:
    """The letters of both operands, of so many dimensions, and of the result; "..." becomes letters of its own.

    Raises Fault for what is no equation of two operands.
    """
    found = re.match(f"^{TERM},{TERM}->{TERM}$", str(equation).replace(" ", ""))
    if not found:
        raise Fault(f"the equation {equation!r} is none of two tensors")
    parts = list(found.groups())
    spare = [letter for letter in "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz" if letter not in equation]
    more = [rank - len(part.replace("...", "")) for part, rank in zip(parts, (first, second))]
    elided = [count if "..." in part else 0 for part, count in zip(parts, more)]
    if any(count < 0 or count and "..." not in part for part, count in zip(parts, more)) or max(elided) > len(spare):
        raise Fault(f"the equation {equation!r} does not fit tensors of {first} and {second} dimensions")
    for place, count in enumerate(elided + [max(elided)]):
        parts[place] = parts[place].replace("...", "".join(spare[max(elided) - count:max(elided)]))
    letters = set(parts[0]) | set(parts[1])
    if len(set(parts[2])) != len(parts[2]) or not set(parts[2]) <= letters:
        raise Fault(f"the equation {equation!r} has a letter twice in its result, or one that comes from nowhere")
    return parts[0], parts[1], parts[2]
