"""Linear systems and decompositions of small matrices, number by number (keras.ops.linalg).

TensorFlow.js has none of them.  A matrix of few rows is worked out cell by cell, a larger one by reflections
(Householder), a triangle row by row.  A matrix that is too large is refused.
"""
from typing import Callable, List, Optional, Tuple

import numpy

from ...base.fault import Fault
from ...emit import Builder, Value
from ..rules import Call, function, node, operation
from .given import argument, floats, needed, tensor, value
from .linear import expanded

SOLVED, TRIANGULAR = 3, 12  # rows of a matrix that is inverted by its cofactors; of one whose root is taken
REFLECTED = 64  # rows or columns of a matrix that is mirrored column by column
SMALLEST = numpy.finfo("float32").tiny
OUTPUTS = "ask for outputs that do not need it"
Cells = List[List[Value]]


def rows_of(call: Call, x: Value, most: int) -> int:
    """The number of rows of square matrices.  Raises a refusal for other matrices, and for more rows than `most`."""
    size = x.shape[-1] if x.rank > 1 else None
    if size is None or size != x.shape[-2]:
        call.refuse("its matrices are not square, or their size is open", "give it: --input-shape")
    if not 0 < size <= most:
        call.refuse(f"it has {size} rows, and more than {most} cannot be worked out", OUTPUTS)
    return size


def cells(call: Call, x: Value, most: int) -> Cells:
    """The values of square matrices, each a tensor of all matrices' values at that place."""
    size = rows_of(call, x, most)
    rows = [call.b.at(x, x.rank - 2, row) for row in range(size)]
    return [[call.b.at(row, row.rank - 1, column) for column in range(size)] for row in rows]


def together(b: Builder, rows: Cells) -> Value:
    """Matrices of their cells."""
    return b.stack([b.stack(row, -1) for row in rows], -2)


def minor(rows: Cells, row: int, column: int) -> Cells:
    """The cells without those of a row and of a column."""
    return [[cell for place, cell in enumerate(one) if place != column] for number, one in enumerate(rows)
            if number != row]


def inverse(call: Call, rows: Cells) -> Cells:
    """The inverse by cofactors."""
    b, size = call.b, len(rows)
    whole = expanded(b, rows)
    if size == 1:
        return [[b.div(1.0, whole)]]
    found: Cells = []
    for row in range(size):
        found.append([])
        for column in range(size):
            part = b.div(expanded(b, minor(rows, column, row)), whole)
            found[-1].append(b.neg(part) if (row + column) % 2 else part)
    return found


@operation("Inv")
@function("linalg.inv")
@node("MatrixInverse")
def inv(call: Call) -> Value:
    """The inverse of matrices."""
    b, x = call.b, floats(call)
    size = rows_of(call, x, REFLECTED)
    x = turned(b, x) if argument(call, "adjoint", None, False) else x
    if size <= SOLVED:
        return together(b, inverse(call, cells(call, x, SOLVED)))
    return undone(b, x, b.constant(numpy.eye(size, dtype="float32")))


@operation("Solve")
def solve(call: Call) -> Value:
    """The solution x of a @ x = b, matrices or vectors (keras 3 backend/tensorflow/linalg.py)."""
    return of_columns(call, solved)


def of_columns(call: Call, solving: Callable[[Call, Value, Value], Value]) -> Value:
    """solving(call, a, b) of both arguments; vectors are matrices of one column."""
    b = call.b
    a, given = floats(call, "a"), b.cast(value(call, argument(call, "b", 1, needed)), "float32")
    if given.rank == a.rank - 1:
        return b.squeeze(solving(call, a, b.expand(given, -1)), [-1])
    return solving(call, a, given)


def solved(call: Call, a: Value, given: Value) -> Value:
    """The solutions of matrices times them = `given`."""
    if rows_of(call, a, REFLECTED) <= SOLVED:
        return call.b.matmul(together(call.b, inverse(call, cells(call, a, SOLVED))), given)
    return undone(call.b, a, given)


@operation("Det")
@function("linalg.det")
@node("MatrixDeterminant")
def det(call: Call) -> Value:
    """The determinant of matrices."""
    b, x = call.b, floats(call)
    if rows_of(call, x, REFLECTED) <= SOLVED:
        return expanded(b, cells(call, x, SOLVED))
    _, triangle, sign = mirrored(b, x)
    return b.mul(sign, b.reduce("Prod", diagonal(b, triangle), -1))


@operation("Slogdet")
@node("LogMatrixDeterminant")
def slogdet(call: Call) -> List[Value]:
    """The sign of the determinant, and the logarithm of its size."""
    b, x = call.b, floats(call, "x input")
    if rows_of(call, x, REFLECTED) <= SOLVED:
        found = expanded(b, cells(call, x, SOLVED))
        return [b.unary("Sign", found), b.log(b.unary("Abs", found))]
    _, triangle, sign = mirrored(b, x)
    values = diagonal(b, triangle)
    return [b.mul(sign, b.reduce("Prod", b.unary("Sign", values), -1)), b.sum(b.log(b.unary("Abs", values)), -1)]


def diagonal(b: Builder, x: Value) -> Value:
    """The values from corner to corner of square matrices."""
    return b.sum(b.mul(x, numpy.eye(x.shape[-1], dtype="float32")), -1)


def turned(b: Builder, x: Value) -> Value:
    """Rows as columns."""
    return b.transpose(x, list(range(x.rank - 2)) + [x.rank - 1, x.rank - 2])


def undone(b: Builder, x: Value, given: Value) -> Value:
    """The solutions of larger systems: reflections make triangles of the matrices, solved from the last row on."""
    q, triangle, _ = mirrored(b, x)
    return of_triangles(b, triangle, b.matmul(turned(b, q), given), False)


def root(call: Call, rows: Cells) -> Cells:
    """The lower triangle whose square the matrix is, row by row (Cholesky and Banachiewicz)."""
    b = call.b
    found: Cells = []
    for row, own in enumerate(rows):
        found.append([])
        for column in range(row + 1):
            rest = own[column]
            for place in range(column):
                rest = b.sub(rest, b.mul(found[row][place], found[column][place]))
            found[row].append(b.sqrt(rest) if row == column else b.div(rest, found[column][column]))
    return found


@operation("Cholesky")
@function("linalg.cholesky")
@node("Cholesky")
def cholesky(call: Call) -> Value:
    """The triangle whose square a matrix is, the lower or the upper one."""
    b = call.b
    found = root(call, cells(call, floats(call), TRIANGULAR))
    size, nothing = len(found), b.mul(found[0][0], 0.0)
    lower = [row + [nothing] * (size - len(row)) for row in found]
    return together(b, [list(column) for column in zip(*lower)] if call.config.get("upper") else lower)


@operation("CholeskyInverse")
def cholesky_inverse(call: Call) -> Value:
    """The inverse of the matrix whose triangle is given (keras 3 backend/tensorflow/linalg.py: cholesky_inverse)."""
    b, x = call.b, floats(call)
    lower = turned(b, x) if call.config.get("upper") else x
    unit = b.constant(numpy.eye(rows_of(call, x, REFLECTED), dtype="float32"))
    found = of_triangles(b, lower, unit, True)
    return b.matmul(found, found, True, False)


@operation("Qr")
@function("linalg.qr")
@node("Qr")
def qr(call: Call) -> List[Value]:
    """(q, r): a matrix without a direction of its own, and a triangle."""
    b, x = call.b, floats(call, "x input")
    rows, columns = x.shape[-2:] if x.rank > 1 else (None, None)
    if rows is None or columns is None:
        raise Fault(f"operation {call.path!r} is given a tensor of shape {x.shape}, of which Keras builds none")
    steps = min(rows, columns)
    if not 0 < steps <= REFLECTED:
        call.refuse(f"it has {steps} rows or columns, and {REFLECTED} are unrolled at most", OUTPUTS)
    q, r, _ = mirrored(b, x)
    if call.config.get("mode") == "complete" or argument(call, "full_matrices", 1, False):
        return [q, r]
    return [b.cut(q, -1, 0, steps), b.cut(r, -2, 0, steps)]


def mirrored(b: Builder, x: Value) -> Tuple[Value, Value, Value]:
    """(q, r, the sign of q's determinant) of matrices that are mirrored, a column at a time, until they are triangles.

    The signs are those of Eigen, with which TensorFlow computes it on processors (Householder.h: makeHouseholder): a
    column whose first number is not below 0 comes to a number below 0, and one with nothing under it stays as it is.
    """
    rows, columns = x.shape[-2:]
    nothing = b.mul(b.cut(b.cut(x, -1, 0, 1), -2, 0, 1), 0.0)
    q, sign = b.add(nothing, numpy.eye(rows, dtype="float32")), b.add(nothing, 1.0)
    for step in range(min(rows - 1, columns)):
        own = b.cut(x, -1, step, 1)
        below = b.mul(own, (numpy.arange(rows) > step).astype("float32")[:, None])
        first = b.cut(own, -2, step, 1)
        tail = b.sum(b.square(below), -2, True)
        flat = b.compare("LessEqual", tail, SMALLEST)
        size = b.sqrt(b.add(b.square(first), tail))
        beta = b.where(b.compare("GreaterEqual", first, 0.0), b.neg(size), size)
        unit = (numpy.arange(rows) == step).astype("float32")[:, None]
        mirror = b.add(b.div(below, b.where(flat, 1.0, b.sub(first, beta))), unit)
        share = b.where(flat, 0.0, b.div(b.sub(beta, first), b.where(flat, 1.0, beta)))
        part = b.mul(mirror, share)
        x = b.sub(x, b.mul(part, b.sum(b.mul(mirror, x), -2, True)))
        q = b.sub(q, b.mul(b.sum(b.mul(q, turned(b, mirror)), -1, True), turned(b, part)))
        sign = b.mul(sign, b.where(flat, 1.0, -1.0))
    r = b.mul(x, numpy.triu(numpy.ones((rows, columns), "float32")))
    return q, r, b.squeeze(sign, [-2, -1])


@operation("LuFactor")
@function("linalg.lu")
@node("Lu")
def lu_factor(call: Call) -> List[Value]:
    """(both triangles in one matrix, the order of the rows).

    The largest number of a column, of equals the first, comes to the diagonal before it is taken from those below
    (Eigen's PartialPivLU: unblocked_lu).  A column more holds the places of the rows.  TensorFlow gives the row that
    stands at each place, Keras 3 the place of each row.
    """
    b, x = call.b, floats(call, "x input")
    size = rows_of(call, x, REFLECTED)
    places = numpy.arange(size, dtype="float32")[:, None]
    nothing = b.mul(b.cut(x, -1, 0, 1), 0.0)
    x = b.concat([x, b.add(nothing, places)], -1)
    for step in range(size):
        x = pivoted(b, x, step)
    order = b.cast(b.squeeze(b.cut(x, -1, size, 1), [-1]), "int32")
    if call.major > 2:
        order = b.place_of("ArgMax", b.one_hot(order, size, -2), -1)
    return [b.cut(x, -1, 0, size), order]


def pivoted(b: Builder, x: Value, step: int) -> Value:
    """Matrices, with a column more, after a step of their decomposition.  Every sum has one number that is not 0."""
    size = x.shape[-2]
    rows, columns = numpy.arange(size)[:, None], numpy.arange(size + 1)
    own, below = (rows == step).astype("float32"), (rows > step).astype("float32")
    column = b.squeeze(b.cut(b.cut(x, -1, step, 1), -2, step, size - step), [-1])
    place = b.add(b.place_of("ArgMax", b.unary("Abs", column), -1), step)
    there = b.expand(b.one_hot(place, size), -1)
    pivot, first = b.sum(b.mul(x, there), -2, True), b.cut(x, -2, step, 1)
    others = b.sub(1.0, b.maximum(there, own))
    x = b.add(b.mul(x, others), b.add(b.mul(pivot, own), b.mul(b.mul(first, there), 1 - own)))
    shares = b.mul(b.div(b.cut(x, -1, step, 1), b.cut(pivot, -1, step, 1)), below)
    behind = ((columns > step) & (columns < size)).astype("float32")
    x = b.sub(b.mul(x, 1 - below * (columns == step)), b.mul(shares, b.mul(pivot, behind)))
    return b.add(x, b.mul(shares, (columns == step).astype("float32")))


@operation("Logdet")
def logdet(call: Call) -> Value:
    """The logarithm of the determinant of a positive definite matrix."""
    b = call.b
    total: Optional[Value] = None
    for place, row in enumerate(root(call, cells(call, floats(call), TRIANGULAR))):
        one = b.log(row[place])
        total = one if total is None else b.add(total, one)
    return b.mul(total, 2.0)


@operation("SolveTriangular")
def solve_triangular(call: Call) -> Value:
    """The solution of a triangular system, of matrices or vectors."""
    lower = bool(call.config.get("lower"))
    return of_columns(call, lambda call, a, given: triangle_solved(call, a, given, lower))


def triangle_solved(call: Call, a: Value, given: Value, lower: bool) -> Value:
    """The solutions of triangular systems; the numbers on the other side of the diagonal do not count."""
    rows_of(call, a, REFLECTED)
    return of_triangles(call.b, a, given, lower)


def of_triangles(b: Builder, x: Value, given: Value, lower: bool) -> Value:
    """The solutions of triangular systems, row by row; each row is a product of the rows found before."""
    size, found = x.shape[-1], None  # type: int, Optional[Value]
    for row in range(size) if lower else reversed(range(size)):
        rest, own = b.cut(given, -2, row, 1), b.cut(x, -2, row, 1)
        if found is not None:
            begin, count = (0, row) if lower else (row + 1, size - row - 1)
            rest = b.sub(rest, b.matmul(b.cut(own, -1, begin, count), found))
        rest = b.div(rest, b.cut(own, -1, row, 1))
        found = rest if found is None else b.concat([found, rest] if lower else [rest, found], -2)
    return found


@function("linalg.matrix_transpose linalg.adjoint")
def matrix_transpose(call: Call) -> Value:
    """Rows and columns in each other's place."""
    x = tensor(call, "a matrix")
    return call.b.move(x, x.rank - 1, x.rank - 2)


@function("linalg.solve")
@node("MatrixSolve")
def matrix_solve(call: Call) -> Value:
    """The solutions of linear systems."""
    x, y = floats(call, "matrix"), floats(call, "rhs", 1)
    return solved(call, turned(call.b, x) if argument(call, "adjoint", None, False) else x, y)


@function("linalg.cholesky_solve")
def cholesky_solve(call: Call) -> Value:
    """The solutions of linear systems whose lower triangles of Cholesky's decomposition are given."""
    x, y = floats(call, "chol"), floats(call, "rhs", 1)
    return triangle_solved(call, turned(call.b, x), triangle_solved(call, x, y, True), False)


@function("linalg.triangular_solve")
@node("MatrixTriangularSolve")
def triangular_solve(call: Call) -> Value:
    """The solutions of triangular systems; a triangle may stand for its transpose."""
    x, y = floats(call, "matrix"), floats(call, "rhs", 1)
    lower = bool(argument(call, "lower", 2, True))
    if argument(call, "adjoint", 3, False):
        x, lower = turned(call.b, x), not lower
    return triangle_solved(call, x, y, lower)
