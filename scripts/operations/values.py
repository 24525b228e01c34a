"""Values of tensors that are known before the graph runs: shapes, axes, counters of loops, conditions.

Values are arrays of dtype object, whose items are Python's numbers and bools; None is a number that is not known.
Each rule is a function of an operation (core/ops/*.cc of TensorFlow), found by its name in RULES.
"""
import math
import operator
from typing import Any, Callable, Dict, List, Optional, Tuple

import numpy

from ..layers.kinds.sizes import product
from .graph import Node, Spec

Values = Optional[numpy.ndarray]  # dtype object
Rule = Callable[[Node, List[Values], List[Optional[Spec]]], Any]

MOST = 1024  # values of a tensor that are followed: sizes, axes, counters, places in a list
ARITHMETIC = 64  # values that are computed with
LARGEST = 1 << 63


def compute(node: Node, inputs: List[Values], specs: List[Optional[Spec]]) -> List[Values]:
    """Return the values of a node's outputs as far as they are known, [] where none is.

    inputs, specs: of its inputs, None for what is not known.
    """
    rule = RULES.get(node.op)
    if rule is None:
        return []
    try:
        found = rule(node, inputs, specs)
    except (TypeError, ValueError, LookupError, ArithmeticError, AttributeError):  # not a graph that can be computed
        return []
    found = found if isinstance(found, list) else [found]
    return [one if one is None or one.size <= MOST else None for one in found]


def boxed(values: Any, shape: Optional[Tuple[int, ...]] = None) -> numpy.ndarray:
    """Return nested lists of numbers, or an array, as values."""
    array = values if isinstance(values, numpy.ndarray) else None
    flat = array.reshape(-1).tolist() if array is not None else list(values)
    found = numpy.empty(len(flat), object)
    found[:] = flat
    return found.reshape(array.shape if shape is None and array is not None else len(flat) if shape is None else shape)


def whole(values: Values) -> Optional[List[int]]:
    """Return values as a flat list of ints, None where one of them is not known."""
    if values is None or any(one is None for one in values.reshape(-1)):
        return None
    return [int(one) for one in values.reshape(-1)]


def single(values: Values) -> Any:
    """Return the only value there is; None where it is not known, or there are several."""
    return values.reshape(-1)[0] if values is not None and values.size == 1 else None


# Rules -----------------------------------------------------------------------------------------------------

def constant(node: Node, inputs: List[Values], specs: List[Optional[Spec]]) -> Values:
    """The value of a Const."""
    held = node.value("value")
    weight = held.values if held is not None else None
    return boxed(weight.read()) if weight is not None and weight.size <= MOST and weight.dtype.kind in "iufb" else None


def shape_of(node: Node, inputs: List[Values], specs: List[Optional[Spec]]) -> Any:
    """The sizes of a tensor, or of each tensor of a ShapeN."""
    found = [None if spec is None or spec.shape is None else boxed(spec.shape) for spec in specs]
    return found if node.op == "ShapeN" else found[0]


def rank(node: Node, inputs: List[Values], specs: List[Optional[Spec]]) -> Values:
    """The number of dimensions of a tensor."""
    return boxed([len(specs[0].shape)], ())


def size(node: Node, inputs: List[Values], specs: List[Optional[Spec]]) -> Values:
    """The number of values of a tensor."""
    return boxed([product(specs[0].shape)], ())


def same(node: Node, inputs: List[Values], specs: List[Optional[Spec]]) -> Values:
    """The input."""
    return inputs[0]


def cast(node: Node, inputs: List[Values], specs: List[Optional[Spec]]) -> Values:
    """The numbers as another type has them."""
    target = node.text("DstT") if node.attributes["DstT"].kind == "s" else node.value("DstT")
    kind = bool if target == "DT_BOOL" else float if target in ("DT_FLOAT", "DT_DOUBLE", "DT_HALF") else int
    return each(lambda one: kind(one), inputs[0])


def each(function: Callable[..., Any], *inputs: Values) -> Values:
    """A function of every value, or of those that stand at one place of several tensors."""
    if any(one is None for one in inputs):
        return None
    arrays = inputs if len({one.shape for one in inputs}) == 1 else numpy.broadcast_arrays(*inputs)
    if arrays[0].size > ARITHMETIC:
        return None
    return boxed([None if None in items else bounded(function(*items))
                  for items in zip(*(one.reshape(-1) for one in arrays))], arrays[0].shape)


def bounded(value: Any) -> Any:
    """Return a number, None for one that no tensor holds."""
    return None if isinstance(value, int) and abs(value) > LARGEST else value


def elementwise(function: Callable[..., Any]) -> Rule:
    """Return the rule of an operation on every value."""
    return lambda node, inputs, specs: each(function, *inputs)


def pack(node: Node, inputs: List[Values], specs: List[Optional[Spec]]) -> Values:
    """Tensors along a new axis; of scalars those that are not known stay open."""
    if all(spec is not None and spec.shape == () for spec in specs):
        inputs = [boxed([None], ()) if one is None else one for one in inputs]
    if any(one is None for one in inputs) or sum(one.size for one in inputs) > MOST:
        return None
    return numpy.stack(inputs, node.value("axis", 0))


def unpack(node: Node, inputs: List[Values], specs: List[Optional[Spec]]) -> List[Values]:
    """The parts of a tensor along an axis."""
    return [numpy.asarray(one, object) for one in numpy.moveaxis(inputs[0], node.value("axis", 0), 0)]


def concat(node: Node, inputs: List[Values], specs: List[Optional[Spec]]) -> Values:
    """Tensors one after the other."""
    parts, axis = (inputs[:-1], inputs[-1]) if node.op == "ConcatV2" else (inputs[1:], inputs[0])
    if any(one is None and product(specs[place].shape) not in range(MOST) for place, one in enumerate(parts)):
        return None
    parts = [boxed([None] * specs[place].shape[0]) if one is None and len(specs[place].shape) == 1 else one
             for place, one in enumerate(parts)] if node.op == "ConcatV2" else parts
    return numpy.concatenate(parts, int(single(axis))) if sum(one.size for one in parts) <= MOST else None


def strided_slice(node: Node, inputs: List[Values], specs: List[Optional[Spec]]) -> Values:
    """A part of a tensor."""
    return boxed(numpy.asarray(inputs[0][slices(node, *map(whole, inputs[1:4]))], object))


def slices(node: Node, begin: List[int], end: List[int], strides: List[int]) -> Tuple[Any, ...]:
    """Return what numpy takes for the bounds and masks of a StridedSlice."""
    found = []
    for place, (low, high, step) in enumerate(zip(begin, end, strides)):
        def masked(name, place=place):
            return bool(int(node.value(name, 0)) >> place & 1)
        if masked("ellipsis_mask"):
            found.append(Ellipsis)
        elif masked("new_axis_mask"):
            found.append(numpy.newaxis)
        elif masked("shrink_axis_mask"):
            found.append(low)
        else:
            found.append(slice(None if masked("begin_mask") else low, None if masked("end_mask") else high, step))
    return tuple(found)


def part(node: Node, inputs: List[Values], specs: List[Optional[Spec]]) -> Values:
    """A Slice."""
    begin, sizes = whole(inputs[1]), whole(inputs[2])
    return inputs[0][tuple(slice(low, None if count < 0 else low + count) for low, count in zip(begin, sizes))]


def gather(node: Node, inputs: List[Values], specs: List[Optional[Spec]]) -> Values:
    """Values at indices along an axis."""
    axis = single(inputs[2]) if len(inputs) > 2 else 0
    if inputs[0].size * inputs[1].size > MOST * inputs[0].shape[axis]:
        return None
    indices = numpy.array(whole(inputs[1]), int).reshape(inputs[1].shape)
    return boxed(numpy.asarray(numpy.take(inputs[0], indices, int(axis)), object))


def reduction(function: Callable[[List[Any]], Any]) -> Rule:
    """Return the rule of an operation that makes one value of those along some axes."""
    def rule(node: Node, inputs: List[Values], specs: List[Optional[Spec]]) -> Values:
        values, axes = inputs[0], tuple(one % max(1, inputs[0].ndim) for one in whole(inputs[1]))
        kept = [place for place in range(values.ndim) if place not in axes]
        rows = values.transpose(kept + list(axes)).reshape([values.shape[place] for place in kept] + [-1])
        flat = rows.reshape(-1, rows.shape[-1])
        found = boxed([None if None in row else function(row.tolist()) for row in flat], rows.shape[:-1])
        if node.value("keep_dims", False):
            found = found.reshape([1 if place in axes else values.shape[place] for place in range(values.ndim)])
        return found
    return rule


def counted(node: Node, inputs: List[Values], specs: List[Optional[Spec]]) -> Values:
    """A Range."""
    start, limit, step = map(single, inputs)
    count = max(0, int(math.ceil((limit - start) / step)))
    return boxed([start + place * step for place in range(count)]) if count <= MOST else None


def fill(node: Node, inputs: List[Values], specs: List[Optional[Spec]]) -> Values:
    """One value many times."""
    sizes = whole(inputs[0])
    return boxed([single(inputs[1])] * product(sizes), sizes) if product(sizes) <= MOST else None


def reshape(node: Node, inputs: List[Values], specs: List[Optional[Spec]]) -> Values:
    """The same values in another shape."""
    return inputs[0].reshape(whole(inputs[1]))


def squeeze(node: Node, inputs: List[Values], specs: List[Optional[Spec]]) -> Values:
    """Without axes of one value."""
    axes = node.value("squeeze_dims") or node.value("axis") or ()
    return None if inputs[0] is None else numpy.squeeze(inputs[0], tuple(axes) or None)


def expand(node: Node, inputs: List[Values], specs: List[Optional[Spec]]) -> Values:
    """With one axis more."""
    return None if inputs[0] is None else numpy.expand_dims(inputs[0], int(single(inputs[1])))


def tile(node: Node, inputs: List[Values], specs: List[Optional[Spec]]) -> Values:
    """The same values several times."""
    times = whole(inputs[1])
    return numpy.tile(inputs[0], times) if product(times) * inputs[0].size <= MOST else None


def like(value: int) -> Rule:
    """Return the rule of ZerosLike and OnesLike."""
    def rule(node: Node, inputs: List[Values], specs: List[Optional[Spec]]) -> Values:
        sizes = specs[0].shape
        return boxed([value] * product(sizes), sizes) if product(sizes) <= MOST else None
    return rule


def select(node: Node, inputs: List[Values], specs: List[Optional[Spec]]) -> Values:
    """One of two values by a condition."""
    return each(lambda condition, one, other: one if condition else other, *inputs)


def divide(one: Any, other: Any) -> Any:
    """Return the quotient; of whole numbers it is cut towards 0, as Div of integers is in TensorFlow."""
    if isinstance(one, int) and isinstance(other, int):
        return int(math.trunc(one / other))
    return one / other


RULES: Dict[str, Rule] = {
    "Const": constant, "Shape": shape_of, "ShapeN": shape_of, "Rank": rank, "Size": size, "Cast": cast,
    "Pack": pack, "Unpack": unpack, "Concat": concat, "ConcatV2": concat, "StridedSlice": strided_slice,
    "Slice": part, "Gather": gather, "GatherV2": gather, "Range": counted, "Fill": fill, "Reshape": reshape,
    "Squeeze": squeeze, "ExpandDims": expand, "Tile": tile, "ZerosLike": like(0), "OnesLike": like(1),
    "Select": select, "SelectV2": select,
    "Prod": reduction(lambda row: numpy.prod(row).item() if row else 1), "Sum": reduction(sum),
    "Max": reduction(max), "Min": reduction(min), "All": reduction(all), "Any": reduction(any),
    "Neg": elementwise(operator.neg), "Abs": elementwise(abs), "LogicalNot": elementwise(operator.not_),
    "Ceil": elementwise(math.ceil), "Floor": elementwise(math.floor), "Sqrt": elementwise(math.sqrt),
    "Square": elementwise(lambda one: one * one),
    "Add": elementwise(operator.add), "AddV2": elementwise(operator.add), "Sub": elementwise(operator.sub),
    "Mul": elementwise(operator.mul), "FloorDiv": elementwise(operator.floordiv),
    "FloorMod": elementwise(operator.mod), "RealDiv": elementwise(operator.truediv), "Div": elementwise(divide),
    "Maximum": elementwise(max), "Minimum": elementwise(min), "Less": elementwise(operator.lt),
    "LessEqual": elementwise(operator.le), "Greater": elementwise(operator.gt),
    "GreaterEqual": elementwise(operator.ge), "Equal": elementwise(operator.eq),
    "NotEqual": elementwise(operator.ne), "LogicalAnd": elementwise(lambda one, other: one and other),
    "LogicalOr": elementwise(lambda one, other: one or other)}
for name in ("Identity", "StopGradient", "Snapshot", "PreventGradient", "LoopCond", "Enter", "EnsureShape"):
    RULES[name] = same
