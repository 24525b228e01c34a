"""Products of matrices."""
from typing import Tuple

import numpy

from ..emit import Value
from ..lower.ops import linear, matrices
from .given import OPEN, floats
from .layout import Held
from .rules import Call, opened, operation


def rows(call: Call, x: Held, kernel: Value) -> Tuple[Value, Value]:
    """A matrix whose rows are images, and what it is multiplied by: a constant's rows take the order of the image's
    values, so that no value of the image is moved."""
    image = x.flat
    if image is None or not kernel.is_constant:
        return x.plain, kernel
    sizes, units = [image.shape[axis] for axis in range(1, image.rank)], kernel.shape[1]
    if None in sizes or image.order[0] != 0 or kernel.rank != 2:
        return x.plain, kernel
    order = [axis - 1 for axis in image.order[1:]]
    flat = call.b.once(("rows", id(image)), lambda: call.b.shaped(
        image.value, [(image.shape[0], lambda: call.b.dim(image.value, 0)), (int(numpy.prod(sizes)), lambda: 0)]))
    turned = call.b.changed(kernel, kernel.shape, lambda array: array.reshape(sizes + [units]).transpose(
        order + [len(order)]).reshape(-1, units), ("rows", tuple(sizes), tuple(order)))
    return flat, turned


@operation("Gemm")
def gemm(call: Call) -> Held:
    """alpha * x @ y + beta * c; x and y may be transposed."""
    b, x = call.b, call.x
    turned_x, turned_y = bool(call.int("transA")), bool(call.int("transB"))
    kernel = call.value(1)
    if x.rank != 2 or kernel.rank != 2:
        call.damaged(f"is given tensors of {x.rank} and {kernel.rank} dimensions")
    if turned_y and kernel.is_constant:
        kernel, turned_y = b.transpose(kernel, [1, 0]), False
    left, kernel = rows(call, x, kernel) if not turned_x and not turned_y else (x.plain, kernel)
    made = b.matmul(left, kernel, turned_x, turned_y)
    alpha, beta = call.float("alpha", 1.0), call.float("beta", 1.0)
    made = made if alpha == 1 else b.mul(made, alpha)
    if call.has(2):
        more = call.value(2)
        made = b.add(made, more if beta == 1 else b.mul(more, beta))
    return call.as_it_is(made, [opened(x)[1 if turned_x else 0], None])


@operation("MatMul")
def matmul(call: Call) -> Held:
    """x @ y by numpy's rule; one of one dimension is a row or a column."""
    b, x, y = call.b, call.x, call.held(1)
    if x.rank == 2 and y.rank == 2:
        left, kernel = rows(call, x, y.plain)
        return call.as_it_is(b.matmul(left, kernel), [opened(x)[0], opened(y)[1]])
    left = x.plain if x.rank > 1 else b.expand(x.plain, 0)
    right = y.plain if y.rank > 1 else b.expand(y.plain, 1)
    made = b.matmul(left, right)
    gone = ([made.rank - 2] if x.rank == 1 else []) + ([made.rank - 1] if y.rank == 1 else [])
    return call.as_it_is(b.squeeze(made, gone), names_of(x, y) if x.rank > 1 and y.rank > 1 else ())


def names_of(x: Held, y: Held) -> list:
    """The names of the open sizes of a product of tensors of two or more dimensions."""
    rank = max(x.rank, y.rank)
    found: list = [None] * rank
    for one in (x, y):
        for axis, name in enumerate(opened(one)[:-2], rank - one.rank):
            found[axis] = found[axis] or name
    found[-2:] = [opened(x)[-2], opened(y)[-1]]
    return found


@operation("Det")
def determinant(call: Call) -> Held:
    """The determinants of square matrices: cell by cell of small ones, of larger ones by mirrors."""
    b, x = call.b, floats(call, 0)
    size = x.shape[-1] if x.rank > 1 else None
    if x.rank < 2 or None not in x.shape[-2:] and size != x.shape[-2]:
        call.damaged(f"is given matrices of shape {x.shape}, which are not square")
    if size is None or x.shape[-2] is None:
        call.refuse("the size of its matrices is open", OPEN)
    if not 0 < size <= matrices.REFLECTED:
        call.refuse(f"its matrices have {size} rows, and {matrices.REFLECTED} are worked out at most")
    if size <= matrices.SOLVED:
        rows_of = [b.at(x, x.rank - 2, row) for row in range(size)]
        made = linear.expanded(b, [[b.at(row, row.rank - 1, column) for column in range(size)] for row in rows_of])
    else:
        _, triangle, sign = matrices.mirrored(b, x)
        made = b.mul(sign, b.reduce("Prod", matrices.diagonal(b, triangle), -1))
    return call.as_it_is(made, opened(call.x)[:-2])
