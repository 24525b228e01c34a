"""Diagonals of matrices, one or several side by side (tf.linalg; tensorflow core/kernels/linalg/matrix_diag_op.cc).

Several diagonals are rows of a matrix, the uppermost first.  Shorter ones stand at its left or at its right end, as the
setting align says of those above the main one and of those below it.
"""
from typing import NamedTuple, Optional, Sequence, Tuple

import numpy

from ...base.fault import Fault
from ...emit import Value
from ...layers.kinds.sizes import product
from ..rules import Call, function, node
from . import matrices
from .given import argument, integer, integers, limited, needed, tensor, value

ALIGNED = ("LEFT_LEFT", "LEFT_RIGHT", "RIGHT_LEFT", "RIGHT_RIGHT")


class Band(NamedTuple):
    """Diagonals of a matrix.

    rows, columns    of the matrix
    lowest, highest  the diagonals, 0 for the main one
    align            one of ALIGNED: of those above the main one, and of those below
    """

    rows: int
    columns: int
    lowest: int
    highest: int
    align: str

    def length(self, offset: int) -> int:
        """The length of a diagonal."""
        return min(self.rows + min(offset, 0), self.columns - max(offset, 0))

    @property
    def count(self) -> int:
        """The number of diagonals."""
        return self.highest - self.lowest + 1

    @property
    def longest(self) -> int:
        """The length of the longest diagonal."""
        return min(self.rows + min(self.highest, 0), self.columns - max(self.lowest, 0))

    def start(self, offset: int) -> int:
        """The place in its row at which a diagonal begins."""
        above, below = [part == "LEFT" for part in self.align.split("_")]
        left = offset >= 0 and above or offset <= 0 and below
        return 0 if left else self.longest - self.length(offset)

    def places(self) -> numpy.ndarray:
        """For each place of the matrix where its number stands among the diagonals', -1 for none: (rows, columns)."""
        found = numpy.full((self.rows, self.columns), -1, "int32")
        for offset in range(self.lowest, self.highest + 1):
            along = numpy.arange(self.length(offset))
            found[along - min(offset, 0), along + max(offset, 0)] = \
                (self.highest - offset) * self.longest + self.start(offset) + along
        return found


def ends(call: Call, at: int) -> Tuple[int, int]:
    """The lowest and the highest diagonal."""
    found = integers(call, argument(call, "k", at, 0), "k")
    if not 0 < len(found) < 3 or found[0] > found[-1]:
        raise Fault(f"operation {call.path!r} ({call.kind}) has k={str(found)[:60]}: the file is damaged")
    return found[0], found[-1]


def sized(call: Call, shape: Sequence[Optional[int]]) -> None:
    """Raise a refusal where a size is open."""
    if None in shape:
        call.refuse("it has the diagonal of an axis of open size", "give its size: --input-shape")


def band(call: Call, rows: Optional[int], columns: Optional[int], lowest: int, highest: int) -> Band:
    """The diagonals of matrices of that size."""
    sized(call, (rows, columns))
    limited(call, [rows, columns])
    raw = call.kind == "TensorFlowOpLayer" and call.config["node_def"].get("op") != "MatrixSetDiagV3"
    align = str(argument(call, "align", None, "LEFT_LEFT" if raw else "RIGHT_LEFT"))
    if align not in ALIGNED or not -rows < lowest <= highest < columns:
        raise Fault(f"operation {call.path!r} has no diagonals {lowest} to {highest} of {rows} x {columns}")
    return Band(rows, columns, lowest, highest, align)


def flat(call: Call, x: Value, kept: int, size: int) -> Value:
    """x with so many dimensions in front, and all of the others as one."""
    made = call.b.reshape(x, [call.b.dim(x, axis) for axis in range(kept)] + [size])
    return Value(made.dtype, x.shape[:kept] + (size,), made.tensor, made.weight)


def spread(call: Call, numbers: Value, of: Band) -> Value:
    """The diagonals' numbers at their places in matrices, others elsewhere."""
    rank = numbers.rank - (1 if of.count == 1 else 2)
    if product(numbers.shape[rank:]) != of.count * of.longest:
        raise Fault(f"operation {call.path!r} puts {numbers.shape} numbers on {of.count} diagonals of {of.longest}")
    return call.b.gather(flat(call, numbers, rank, of.count * of.longest), of.places().clip(0), -1)


@function("linalg.set_diag")
@node("MatrixSetDiag MatrixSetDiagV2 MatrixSetDiagV3")
def set_diag(call: Call) -> Value:
    """Matrices with other numbers on diagonals."""
    b, x = call.b, tensor(call, "input")
    numbers = value(call, argument(call, "diagonal", 1, needed), x.dtype)
    of = band(call, *x.shape[-2:], *ends(call, 2))
    return b.where(b.constant(of.places() >= 0), spread(call, numbers, of), x)


@function("linalg.diag")
@node("MatrixDiag MatrixDiagV2 MatrixDiagV3")
def diag(call: Call) -> Value:
    """Matrices with these diagonals, of the smallest size, or of that which the operation names."""
    b, x = call.b, tensor(call, "diagonal")
    (lowest, highest), long = ends(call, 1), x.shape[-1]
    sized(call, (long,))
    least = long - min(highest, 0), long + max(lowest, 0)
    rows, columns = [integer(call, argument(call, name, at, -1), name)
                     for at, name in enumerate(("num_rows", "num_cols"), 2)]
    if rows == columns == -1:
        rows = columns = max(least)
    of = band(call, least[0] if rows == -1 else rows, least[1] if columns == -1 else columns, lowest, highest)
    other = value(call, argument(call, "padding_value", 4, 0), x.dtype)
    return b.where(b.constant(of.places() >= 0), spread(call, x, of), b.cast(other, x.dtype))


@function("linalg.diag_part")
@node("MatrixDiagPart MatrixDiagPartV2 MatrixDiagPartV3")
def diag_part(call: Call) -> Value:
    """Diagonals of matrices; what is shorter than the longest is filled up with a number."""
    b, x = call.b, tensor(call, "input")
    of = band(call, *x.shape[-2:], *ends(call, 1))
    source = numpy.full(of.count * of.longest, -1, "int32")
    places = of.places().reshape(-1)
    source[places[places >= 0]] = numpy.flatnonzero(places >= 0)
    found = b.gather(flat(call, x, x.rank - 2, of.rows * of.columns), source.clip(0), -1)
    if (source < 0).any():
        other = b.cast(value(call, argument(call, "padding_value", 2, 0), x.dtype), x.dtype)
        found = b.where(b.constant(source >= 0), found, other)
    if of.count == 1:
        return found
    made = b.reshape(found, [b.dim(x, axis) for axis in range(x.rank - 2)] + [of.count, of.longest])
    return Value(made.dtype, x.shape[:-2] + (of.count, of.longest), made.tensor, made.weight)


@function("linalg.tensor_diag_part")
@node("DiagPart")
def tensor_diag_part(call: Call) -> Value:
    """The values whose places in the first half of the dimensions are those in the second half."""
    b, x = call.b, tensor(call, "input")
    half = x.shape[:x.rank // 2]
    sized(call, x.shape)
    size = int(numpy.prod(half, dtype="int64"))
    return b.reshape(b.gather(b.reshape(x, [size * size]), numpy.arange(size, dtype="int32") * (size + 1)), half)


@function("linalg.tensor_diag")
@node("Diag")
def tensor_diag(call: Call) -> Value:
    """Zeros but for what has the same places in the first half of the dimensions as in the second."""
    b, x = call.b, tensor(call, "diagonal")
    sized(call, x.shape)
    size = int(numpy.prod(x.shape, dtype="int64"))
    limited(call, [size, size])
    whole = b.where(b.constant(numpy.eye(size, dtype=bool)), b.reshape(x, [size, 1]), b.cast(0, x.dtype))
    return b.reshape(whole, list(x.shape) * 2)


# Three diagonals of a matrix ---------------------------------------------------------------------------------------


def three(call: Call) -> Value:
    """The matrices of three diagonals, compact, one by one, or as matrices."""
    b, form = call.b, str(argument(call, "diagonals_format", None, "compact"))
    given = argument(call, "diagonals", 0, needed)
    if form == "matrix":
        return b.cast(value(call, given), "float32")
    parts = list(given) if isinstance(given, (list, tuple)) and form == "sequence" else None
    if parts is not None:
        parts = [b.cast(value(call, one), "float32") for one in parts]
        size = parts[1].shape[-1]
        behind, before = [[(0, 0)] * (parts[1].rank - 1) + [pair] for pair in ((0, 1), (1, 0))]
        above = b.pad(parts[0], behind) if parts[0].shape[-1] != size else parts[0]
        below = b.pad(parts[2], before) if parts[2].shape[-1] != size else parts[2]
        x = b.stack([above, parts[1], below], -2)
    else:
        x = b.cast(value(call, given), "float32")
    size = x.shape[-1]
    sized(call, (size,))
    limited(call, [size, size])
    of = Band(size, size, -1, 1, "LEFT_RIGHT")
    return b.where(b.constant(of.places() >= 0), spread(call, x, of), 0.0)


@function("linalg.tridiagonal_matmul")
def tridiagonal_matmul(call: Call) -> Value:
    """Tridiagonal matrices times others."""
    return call.b.matmul(three(call), call.b.cast(value(call, argument(call, "rhs", 1, needed)), "float32"))


@function("linalg.tridiagonal_solve")
def tridiagonal_solve(call: Call) -> Value:
    """The solutions of linear systems of tridiagonal matrices."""
    b, x = call.b, three(call)
    given = b.cast(value(call, argument(call, "rhs", 1, needed)), "float32")
    if argument(call, "transpose_rhs", None, False) or argument(call, "conjugate_rhs", None, False):
        given = matrices.turned(b, given)
    vectors = given.rank == x.rank - 1
    matrices.rows_of(call, x, matrices.REFLECTED)
    made = matrices.undone(b, x, b.expand(given, -1) if vectors else given)
    return b.squeeze(made, [-1]) if vectors else made
