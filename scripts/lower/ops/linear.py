"""Products of vectors, matrices and tensors, and norms."""
from typing import Any, List, Sequence, Tuple

import numpy

from ...base.fault import Fault
from ...emit import Builder, Value
from ...emit.core import axis_of
from ...layers.kinds.sizes import product
from ..rules import Call, function, node, operation
from .given import argument, attributes, axes, floats, integer, integers, known, needed, pair, tensor, value


def typed(call: Call, made: Value, *given: Value) -> Value:
    """The product in the type of its operands: whole numbers give such."""
    return made if any(one.dtype == "float32" for one in given) else call.b.cast(made, "int32")


@operation("Matmul")
@function("linalg.matmul")
@node("MatMul BatchMatMul BatchMatMulV2")
def matmul(call: Call) -> Value:
    """x @ y, numpy's rules; TensorFlow turns either one round."""
    b, (x, y) = call.b, pair(call)
    if call.major > 2:
        return typed(call, product_of(b, x, y), x, y)
    first = argument(call, "transpose_a adjoint_a adj_x", None, False)
    second = argument(call, "transpose_b adjoint_b adj_y", None, False)
    return typed(call, b.matmul(x, y, bool(first), bool(second)), x, y)


def product_of(b: Builder, x: Value, y: Value) -> Value:
    """x @ y; a vector is a row before and a column behind."""
    if x.rank == 0 or y.rank == 0:
        raise Fault("a product of matrices with a number: the file is damaged")
    found = b.matmul(b.expand(x, 0) if x.rank == 1 else x, b.expand(y, 1) if y.rank == 1 else y)
    gone = ([found.rank - 2] if x.rank == 1 else []) + ([found.rank - 1] if y.rank == 1 else [])
    return b.squeeze(found, gone) if gone else found


@operation("Dot")
def dot(call: Call) -> Value:
    """numpy.dot: along the last dimension of the first and the last but one of the second."""
    b, (x, y) = call.b, pair(call)
    if x.rank == 0 or y.rank == 0:
        return b.mul(x, y)
    return typed(call, contracted(b, x, y, [x.rank - 1], [max(y.rank - 2, 0)]), x, y)


@operation("Tensordot")
@function("tensordot linalg.tensordot")
def tensordot(call: Call) -> Value:
    """The sum of products along these dimensions of both."""
    x, y = pair(call)
    first, second = axes_of_both(call, known(argument(call, "axes", None, 2)), x.rank)
    return typed(call, contracted(call.b, x, y, first, second), x, y)


def axes_of_both(call: Call, given: Any, rank: int) -> Tuple[List[int], List[int]]:
    """The dimensions that go, of the first and of the second."""
    if not isinstance(given, (list, tuple)):
        count = integer(call, given, "axes")
        if not 0 <= count <= rank:
            raise Fault(f"operation {call.path!r} sums along {count} dimensions of {rank}: the file is damaged")
        return list(range(rank - count, rank)), list(range(count))
    first, second = given
    return integers(call, first, "axes"), integers(call, second, "axes")


def contracted(b: Builder, x: Value, y: Value, first: Sequence[int], second: Sequence[int]) -> Value:
    """The sum of products along dimensions `first` of x and `second` of y; the others of x stand before those of y."""
    first, second = [axis_of(axis, x.rank) for axis in first], [axis_of(axis, y.rank) for axis in second]
    for one, other in zip(first, second):
        if None not in (x.shape[one], y.shape[other]) and x.shape[one] != y.shape[other]:
            raise Fault(f"a product of shapes {x.shape} and {y.shape} along {first} and {second}: the file is damaged")
    rows = [axis for axis in range(x.rank) if axis not in first]
    columns = [axis for axis in range(y.rank) if axis not in second]
    moved, other = b.transpose(x, rows + list(first)), b.transpose(y, list(second) + columns)
    inner = product([x.shape[axis] for axis in first])
    inner = product([y.shape[axis] for axis in second]) if inner is None else inner
    if inner is None:
        if len(first) != 1:
            raise Fault("a product along several dimensions of which one is open")
        inner = b.dim(x, first[0])
    shape = [x.shape[axis] for axis in rows] + [y.shape[axis] for axis in columns]
    sizes = [b.dim(x, axis) for axis in rows] + [b.dim(y, axis) for axis in columns]
    left = b.reshape(moved, [-1, inner] if isinstance(inner, int) else [flat_size(b, x, rows), inner])
    right = b.reshape(other, [inner, -1] if isinstance(inner, int) else [inner, flat_size(b, y, columns)])
    made = b.matmul(left, right)
    places = [place for place, size in enumerate(shape) if size is None]
    made = b.reshape(made, [-1 if place in places else size for place, size in enumerate(shape)]
                     if len(places) < 2 else sizes)
    return Value(made.dtype, shape, made.tensor, made.weight)


def flat_size(b: Builder, x: Value, kept: Sequence[int]) -> Any:
    """The product of these sizes, which may be computed."""
    total: Any = 1
    for axis in kept:
        size = b.dim(x, axis)
        total = total * size if isinstance(total, int) and isinstance(size, int) else b.mul(size, total)
    return total


@operation("Outer")
def outer(call: Call) -> Value:
    """Every value of the one times every value of the other."""
    b, (x, y) = call.b, pair(call)
    return b.mul(b.reshape(x, [-1, 1]), b.reshape(y, [1, -1]))


@operation("Inner")
def inner(call: Call) -> Value:
    """The sum of products along the last dimension of both."""
    b, (x, y) = call.b, pair(call)
    if x.rank == 0 or y.rank == 0:
        return b.mul(x, y)
    return typed(call, contracted(b, x, y, [x.rank - 1], [y.rank - 1]), x, y)


@operation("Vdot")
def vdot(call: Call) -> Value:
    """The sum of all products."""
    b, (x, y) = call.b, pair(call)
    return b.sum(b.mul(b.reshape(x, [-1]), b.reshape(y, [-1])))


@operation("Kron")
def kron(call: Call) -> Value:
    """Every value of the one times all of the other."""
    b, (x, y) = call.b, pair(call)
    rank = max(x.rank, y.rank)
    while x.rank < rank:
        x = b.expand(x, 0)
    while y.rank < rank:
        y = b.expand(y, 0)
    sizes = []
    for axis in range(rank):
        one, other = x.shape[axis], y.shape[axis]
        sizes.append(-1 if None in (one, other) else one * other)
    if sizes.count(-1) > 1:
        call.refuse("several of its sizes are open", "give them: --input-shape")
    for axis in range(rank):
        x, y = b.expand(x, 2 * axis + 1), b.expand(y, 2 * axis)
    return b.reshape(b.mul(x, y), sizes)


@operation("Cross")
@function("linalg.cross")
@node("Cross")
def cross(call: Call) -> Value:
    """The vector product of three numbers, or of two, whose third is 0."""
    b, (x, y) = call.b, pair(call)
    axis = call.config.get("axis") if call.major > 2 else -1
    first, second, third = [call.config.get(key, -1) if axis is None else axis for key in ("axisa", "axisb", "axisc")]
    x, y = b.move(x, integer(call, first), -1), b.move(y, integer(call, second), -1)
    sizes = (x.shape[-1], y.shape[-1])
    if not set(sizes) <= {2, 3}:
        raise Fault(f"operation {call.path!r} takes the vector product of {sizes[0]} and {sizes[1]} numbers")
    left, right = [[b.at(one, one.rank - 1, place) for place in range(one.shape[-1])] for one in (x, y)]
    last = b.sub(b.mul(left[0], right[1]), b.mul(left[1], right[0]))
    if sizes == (2, 2):
        return last
    left, right = [part if len(part) == 3 else part + [b.mul(part[0], 0)] for part in (left, right)]
    parts = [b.sub(b.mul(left[1], right[2]), b.mul(left[2], right[1])),
             b.sub(b.mul(left[2], right[0]), b.mul(left[0], right[2])), last]
    return b.move(b.stack(parts, -1), -1, integer(call, third))


@operation("Einsum")
@function("einsum linalg.einsum")
@node("Einsum")
def einsum(call: Call) -> Value:
    """Sums of products as an equation says."""
    if call.major < 3 and call.kind != "TensorFlowOpLayer":
        call.refuse("the file does not hold its operands", "save the model as a SavedModel, which does")
    b = call.b
    given = [value(call, one) for one in call.args]
    equation = call.config["subscripts"] if call.major > 2 else attributes(call)["equation"]
    return typed(call, summed(call, str(equation), [b.cast(one, "float32") for one in given]), *given)


def summed(call: Call, equation: str, given: List[Value]) -> Value:
    """Any number of operands: two at a time, whose letters stay as long as another term has them."""
    before, arrow, result = equation.replace(" ", "").partition("->")
    terms = before.split(",")
    if not arrow:  # numpy's rule: the letters that stand once, in the alphabet's order
        letters = before.replace(",", "").replace("...", "")
        result = ("..." if "..." in before else "") + "".join(sorted(
            letter for letter in set(letters) if letters.count(letter) == 1))
    if len(terms) != len(given):
        raise Fault(f"operation {call.path!r} has {len(given)} tensors for {equation[:60]!r}: the file is damaged")
    if len(given) == 1:
        terms, given = terms + [""], given + [call.b.constant(1.0)]
    while len(given) > 2:
        wanted = set("".join(terms[2:]) + result)
        both = terms[0] + terms[1]
        kept = [letter for place, letter in enumerate(both) if letter in wanted - {"."} and both.index(letter) == place]
        inner = ("..." if "..." in both else "") + "".join(kept)
        given = [call.b.einsum(f"{terms[0]},{terms[1]}->{inner}", *given[:2])] + given[2:]
        terms = [inner] + terms[2:]
    return call.b.einsum(f"{terms[0]},{terms[1]}->{result}", *given)


@operation("CDist")
def cdist(call: Call) -> Value:
    """The distance of every vector of the one from every vector of the other."""
    b, (x, y) = call.b, pair(call, ("x x1", "y x2"))
    apart = b.sub(b.expand(x, -2), b.expand(y, -3))
    return b.sqrt(b.sum(b.square(b.cast(apart, "float32")), -1))


def expanded(b: Builder, cells: List[List[Value]]) -> Value:
    """The determinant of a matrix of values."""
    if len(cells) == 1:
        return cells[0][0]
    total = None
    for column, cell in enumerate(cells[0]):
        rest = [[one for place, one in enumerate(row) if place != column] for row in cells[1:]]
        part = b.mul(cell, expanded(b, rest))
        total = part if total is None else b.sub(total, part) if column % 2 else b.add(total, part)
    return total


@operation("Vander")
def vander(call: Call) -> Value:
    """The powers of a vector's values, side by side."""
    b, x = call.b, tensor(call)
    count = call.config.get("N")
    count = x.shape[0] if count is None else integer(call, count, "N")
    if count is None or not 0 < count <= 4096:
        call.refuse("the number of its powers is open or too large", "give N")
    powers = numpy.arange(count) if call.config.get("increasing") else numpy.arange(count)[::-1]
    return b.binary("Pow", b.expand(x, -1), b.constant(powers.astype(x.dtype)))


@operation("Correlate")
def correlate(call: Call) -> Value:
    """The sums of products of two vectors, one shifted against the other."""
    b = call.b
    x, y = [b.cast(one, "float32") for one in pair(call)]
    if None in x.shape + y.shape:
        raise Fault(f"operation {call.path!r} is given vectors of open length, which Keras does not build: the file is "
                    "damaged")
    long, short = x.shape[0], y.shape[0]
    if long * short > 1 << 20:
        call.refuse("its vectors are very long", "take shorter ones")
    mode = str(call.config.get("mode", "valid"))
    full = range(-(short - 1), long)
    whole = b.pad(x, [(short - 1, short - 1)])
    places = numpy.array([[start + short - 1 + step for step in range(short)] for start in full], "int32")
    made = b.sum(b.mul(b.gather(whole, places, 0), y), -1)
    if mode == "full":
        return made
    least, most = min(long, short), max(long, short)
    count = most - least + 1 if mode == "valid" else most
    begin = least - 1 if mode == "valid" else (long + short - 1 - most) // 2
    return b.cut(made, 0, begin, count)


@operation("Corrcoef")
def corrcoef(call: Call) -> Value:
    """The correlations of the rows of a matrix."""
    b, x = call.b, floats(call)
    apart = b.sub(x, b.mean(x, -1, True))
    apart = b.div(apart, b.sqrt(b.sum(b.square(apart), -1, True)))
    return b.clip(b.matmul(apart, apart, False, True), -1.0, 1.0)


@function("math.l2_normalize nn.l2_normalize linalg.l2_normalize")
def l2_normalize(call: Call) -> Value:
    """x over its length along axes."""
    b, x = call.b, floats(call)
    least = float(argument(call, "epsilon", None, 1e-12))
    total = b.sum(b.square(x), axes(call, "axis dim"), True)
    return b.mul(x, b.unary("Rsqrt", b.maximum(total, least)))


@function("nn.bias_add")
@node("BiasAdd")
def bias_add(call: Call) -> Value:
    """x plus a number for each channel."""
    b, x = call.b, tensor(call, "value")
    bias = value(call, argument(call, "bias", 1, needed), x.dtype)
    layout = str(argument(call, "data_format", None, "NHWC"))
    if layout.startswith("NC") and x.rank > 2:
        bias = b.reshape(bias, [-1] + [1] * (x.rank - 2))
    return b.add(x, bias)
