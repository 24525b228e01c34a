"""Singular values of small matrices, and their uses: ranks, pseudoinverses, eigenvalues (keras.ops.linalg).

TensorFlow.js has none of them.  The columns of a matrix are rotated, two at a time, until all are orthogonal: their
lengths are the singular values (Hestenes).  A fixed number of rounds suffices for matrices of few columns; larger ones
are refused.  No rule decides the signs of the vectors, so an operation that gives single vectors is refused.
"""
from typing import List, NamedTuple, Optional, Sequence, Tuple

import numpy

from ...emit import Builder, Value
from ...emit.core import Dims
from ..rules import Call, Result, called, function, node, operation
from .given import argument, floats, needed, value
from .matrices import OUTPUTS, rows_of, turned

WIDEST = 16  # columns that are turned: 150 rounds
ROUNDS = 6  # over all pairs of columns, and one more for each doubling of them; measured: two fewer are enough
EPSILON = float(numpy.finfo("float32").eps)
LEAST = 1e-30  # below every length that counts


class Turned(NamedTuple):
    """A matrix whose columns were turned: parts = matrix @ right, the columns of `parts` lean on no other.

    lengths  (..., 1, n) the singular values, in no order
    parts    (..., m, n)
    right    (..., n, n), the right vectors; None where nobody asked
    """

    lengths: Value
    parts: Value
    right: Optional[Value]


def sizes(call: Call, x: Value) -> Tuple[int, int]:
    """Rows and columns of matrices.  Raises a refusal for open sizes, and where both are large."""
    rows, columns = x.shape[-2:] if x.rank > 1 else (None, None)
    if rows is None or columns is None:
        call.refuse("the size of its matrices is open", "give it: --input-shape")
    if not 0 < min(rows, columns) <= WIDEST:
        call.refuse(f"its matrices have {rows} rows and {columns} columns, and more than {WIDEST} are not decomposed",
                    OUTPUTS)
    return rows, columns


def columns_turned(b: Builder, x: Value, vectors: bool) -> Turned:
    """Turn the columns of matrices (..., m, n) until none leans on another.

    Every round takes half of them against the other half, and all but the first move one place on (the tournament of
    Brent and Luk): after n - 1 rounds each met each, and all stand where they stood.
    """
    rows, columns = x.shape[-2:]
    even = columns + columns % 2
    scale = b.max(b.unary("Abs", x), [-2, -1], True)
    scale = b.add(scale, b.cast(b.compare("Equal", scale, 0.0), "float32"))
    x = b.div(x, scale)
    if even > columns:
        x = b.concat([x, b.mul(b.cut(x, -1, 0, 1), 0.0)], -1)
    if vectors:
        nothing = b.mul(b.cut(b.cut(x, -1, 0, 1), -2, 0, 1), 0.0)
        x = b.concat([x, b.add(nothing, numpy.eye(even, dtype="float32"))], -2)
    half, rounds = even // 2, ROUNDS + (even - 1).bit_length()
    moved = [0, half] + list(range(1, half - 1)) + list(range(half + 1, even)) + [half - 1]
    for _ in range(rounds * (even - 1) if columns > 1 else 0):
        x = met(b, x, rows)
        x = b.gather(x, moved, -1) if half > 1 else x
    parts = b.mul(b.cut(b.cut(x, -1, 0, columns), -2, 0, rows), scale)
    lengths = b.mul(b.sqrt(b.sum(b.square(b.div(parts, scale)), -2, True)), scale)
    right = b.cut(b.cut(x, -1, 0, columns), -2, rows, columns) if vectors else None
    return Turned(lengths, parts, right)


def met(b: Builder, x: Value, rows: int) -> Value:
    """Turn each column of the left half and that of the right half so that they stand upright to each other.

    rows: how many of x's rows tell the angle; those below are turned alike.
    """
    left, right = b.split(x, 2, -1)
    first, second = b.cut(left, -2, 0, rows), b.cut(right, -2, 0, rows)
    long, other = b.sum(b.square(first), -2, True), b.sum(b.square(second), -2, True)
    both = b.sum(b.mul(first, second), -2, True)
    leans = b.compare("Greater", b.unary("Abs", both), b.mul(b.sqrt(b.mul(long, other)), EPSILON))
    both = b.mul(b.mul(both, 2.0), b.cast(leans, "float32"))
    apart = b.sub(other, long)
    sign = b.sub(1.0, b.mul(b.cast(b.compare("Less", apart, 0.0), "float32"), 2.0))
    whole = b.add(b.unary("Abs", apart), b.sqrt(b.add(b.square(apart), b.square(both))))
    tangent = b.div(b.mul(both, sign), b.add(whole, LEAST))
    cosine = b.div(1.0, b.sqrt(b.add(b.square(tangent), 1.0)))
    sine = b.mul(cosine, tangent)
    return b.concat([b.sub(b.mul(left, cosine), b.mul(right, sine)),
                     b.add(b.mul(left, sine), b.mul(right, cosine))], -1)


def singular_values(call: Call, x: Value) -> Value:
    """The singular values of matrices, in falling order."""
    b, (rows, columns) = call.b, sizes(call, x)
    found = columns_turned(b, turned(b, x) if columns > rows else x, False)
    return b.order(b.squeeze(found.lengths, [-2]), -1, falling=True)[0]


def undoing(call: Call, x: Value, least: float, equal: bool = False) -> Value:
    """The pseudoinverse of matrices, without singular values below the share `least` of the largest.

    equal: whether one that is the share itself counts.  No sign of a vector matters: each stands in it twice.
    """
    b, (rows, columns) = call.b, sizes(call, x)
    wide = columns > rows
    found = columns_turned(b, turned(b, x) if wide else x, True)
    bound = b.mul(b.max(found.lengths, -1, True), least)
    counts = b.cast(b.compare("GreaterEqual" if equal else "Greater", found.lengths, bound), "float32")
    length = b.add(b.mul(found.lengths, counts), b.sub(1.0, counts))  # 1 for those that do not count
    right, parts = b.mul(b.div(found.right, length), counts), b.div(found.parts, length)
    return b.matmul(parts, right, False, True) if wide else b.matmul(right, parts, False, True)


def share(call: Call, default: float) -> float:
    """The setting rcond, a number."""
    given = call.config.get("rcond") if call.major > 2 else argument(call, "rcond", 1)
    if given is None:
        return default
    if isinstance(given, Value) or not isinstance(given, (int, float)):
        call.refuse("its rcond is computed, or a number for each matrix", "write one number there")
    return float(given)


def vectors_unread(call: Call, places: Sequence[int]) -> None:
    """Raise a refusal where another layer, or an output, reads vectors, which are these outputs of the call."""
    if any(call.is_read(place) for place in places):
        call.refuse("the signs of its vectors are those of TensorFlow's own steps", "take only its values")


def unread(*shapes: Dims) -> List[Value]:
    """Outputs that nothing reads."""
    return [Value("float32", shape) for shape in shapes]


@operation("SVD")
@function("linalg.svd")
@node("Svd")
def svd(call: Call) -> Result:
    """The singular values; TensorFlow gives them first, Keras between the vectors."""
    x = floats(call, "x tensor input")
    if not argument(call, "compute_uv", 2, True) and call.kind != "TensorFlowOpLayer":
        return singular_values(call, x)
    vectors_unread(call, (0, 2) if call.major > 2 else (1, 2))
    rows, columns = sizes(call, x)
    least = min(rows, columns)
    left, right = (rows, columns) if argument(call, "full_matrices", 1, call.major > 2) else (least, least)
    if call.major > 2:
        first, last = unread(x.shape[:-1] + (left,), x.shape[:-2] + (right, columns))
        return [first, singular_values(call, x), last]
    return [singular_values(call, x)] + unread(x.shape[:-1] + (left,), x.shape[:-2] + (columns, right))


@operation("Eigh")
@function("linalg.eigh linalg.eigvalsh")
@node("SelfAdjointEigV2")
def eigh(call: Call) -> Result:
    """The eigenvalues of symmetric matrices, of which the lower triangle tells, in rising order.

    Moved up by more than any of them lies below zero, they are the singular values of the moved matrix.
    """
    b, x = call.b, floats(call, "x tensor input")
    size = rows_of(call, x, WIDEST)
    lower = b.mul(x, numpy.tri(size, dtype="float32"))
    x = b.add(lower, turned(b, b.mul(lower, numpy.tri(size, k=-1, dtype="float32"))))
    most = b.max(b.sum(b.unary("Abs", x), -1, True), -2, True)
    found = singular_values(call, b.add(x, b.mul(most, numpy.eye(size, dtype="float32"))))
    values = b.sub(b.reverse(found, [-1]), b.squeeze(most, [-1]))
    if called(call.record, call.major) == "linalg.eigvalsh":
        return values
    vectors_unread(call, [1])
    return [values] + unread(x.shape)


@operation("Pinv")
@function("linalg.pinv")
def pinv(call: Call) -> Value:
    """The pseudoinverse of matrices (tensorflow python/ops/linalg/linalg_impl.py: pinv)."""
    x = floats(call, "x a")
    return undoing(call, x, share(call, 10.0 * max(sizes(call, x)) * EPSILON))


@operation("Lstsq")
def lstsq(call: Call) -> Value:
    """The shortest vectors that a matrix takes nearest to b (keras 3 backend/tensorflow/linalg.py: lstsq)."""
    b, a = call.b, floats(call, "a")
    given = b.cast(value(call, argument(call, "b", 1, needed)), "float32")
    least = share(call, max(sizes(call, a)) * EPSILON)
    found = b.matmul(undoing(call, a, EPSILON if least < 0 else least, True),
                     b.expand(given, -1) if given.rank == 1 else given)
    return b.squeeze(found, [-1]) if given.rank == 1 else found


@operation("MatrixRank")
@function("linalg.matrix_rank")
def matrix_rank(call: Call) -> Value:
    """The count of singular values above a bound (tensorflow python/ops/linalg/linalg_impl.py: matrix_rank)."""
    b, x = call.b, floats(call, "x a")
    found, bound = singular_values(call, x), argument(call, "tol", None if call.major > 2 else 1)
    bound = b.mul(b.max(found, -1, True), max(sizes(call, x)) * EPSILON) if bound is None else \
        b.cast(value(call, bound), "float32")
    return b.sum(b.cast(b.compare("Greater", found, bound), "int32"), -1)


@function("linalg.lstsq")
def lstsq_of_tensorflow(call: Call) -> Value:
    """The shortest vectors that matrices of full rank take nearest to others."""
    given = call.b.cast(value(call, argument(call, "rhs", 1, needed)), "float32")
    if argument(call, "l2_regularizer", 2, 0.0):
        call.refuse("it regularizes its result (l2_regularizer)", "leave l2_regularizer out")
    return call.b.matmul(undoing(call, floats(call, "matrix"), 0.0), given)
