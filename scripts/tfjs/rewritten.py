"""Operations that TensorFlow.js computes differently from TensorFlow, composed of those that it computes alike.

Each rule composes the operation's result by the builder (scripts/emit/), whose operations TensorFlow.js computes as
TensorFlow does.  An operation that no rule can compose is refused (operations/unlike.py), for want of a known rank or
constant, too.
"""
import itertools
from collections import OrderedDict
from typing import Dict, List

import numpy

from ..base.fault import Fault
from ..emit import Value
from ..operations import loops, shapes, unlike
from ..operations.graph import NUMPY, Attribute, Graph, Node, Tensor, constant
from ..operations.outputs import prune
from . import boxes, by_layers, complex_numbers, imaging, operations
from .remaking import Remaking, Rule, Unknown, put_out

SIGN = -2 ** 31  # the bit of a float's sign, as a whole number


def rewrite(graph: Graph) -> None:
    """Make anew, in place, what TensorFlow.js computes differently, and what it lacks of RULES."""
    fold(graph)
    at_once(graph)
    waiting = [node for node, _ in unlike.reasons(graph) if node.op in RULES and graph.nodes.get(node.name) is node]
    waiting += [node for node in graph.nodes.values() if node.op in RULES and node.op not in operations.SINCE
                or by_layers.differs(node)]
    remake(graph, waiting)


def at_once(graph: Graph) -> None:
    """Make anew, in place, what TensorFlow.js computes by executeAsync alone, of what it computes at once.

    An operation behind another that needs executeAsync stays: it may be one of a loop's steps.
    """
    if any(node.op in loops.COMPOSED for node in graph.nodes.values()):
        later = loops.behind(graph, lambda node: node.op if node.op in loops.DYNAMIC and not loops.at_once(
            graph, node) else "")
        remake(graph, [node for node in shapes.in_order(graph) if node.name not in later
                       and loops.at_once(graph, node)])


def fold(graph: Graph) -> None:
    """Put constants in the place of numbers that are known before the graph runs, in place: sizes, of which TensorFlow
    folds those of a tensor alone whose sizes are all known; of floats those that tell a rule of by_layers its settings.

    TensorFlow.js 1.0.0 slices nothing at the end of a vector, and gives its last number.
    """
    known, later, instead = shapes.infer(graph), loops.dynamic(graph), {}  # type: Any, Any, Dict[Tensor, Tensor]
    reading = {one: "DT_INT32 DT_INT64" for node in graph.nodes.values() for one in node.inputs}
    reading.update((one, reading[one] + " DT_FLOAT") for node in graph.nodes.values() if node.op in by_layers.NAMES
                   for one in node.inputs)
    for one, kinds in reading.items():
        node, spec, values = graph.nodes.get(one.node), known.spec(one), known.values(one)
        if node is None or node.op in ("Const", "Placeholder") or not node.inputs or one.node in later or spec is None:
            continue
        if spec.dtype not in kinds.split() or values is None or None in values.reshape(-1).tolist():
            continue
        held = constant(f"{one.node}/known{one.index or ''}", values.astype(NUMPY[spec.dtype]), spec.dtype)
        instead[one] = Tensor(graph.add(held).name)
    for node in graph.nodes.values() if instead else ():
        node.inputs = [instead.get(one, one) for one in node.inputs]
    if instead:
        prune(graph, map(Tensor, graph.outputs + graph.inputs))


def remake(graph: Graph, waiting: List[Node]) -> None:
    """Make anew these operations of a graph, in place; one that no rule can compose stays as it is."""
    make, beyond = Remaking(graph, shapes.infer(graph) if waiting else None), Beyond(graph)
    for node in waiting:
        make.source = node
        try:
            with make.scope(node.name):
                value = RULES[node.op](make, node)
        except (Unknown, Fault):  # it is refused as it is
            continue
        readers = beyond.readers(node)
        if value is not None and (isinstance(value, list) or not readers):
            value, *others = value if isinstance(value, list) else [value]
            for other in readers:
                other.inputs = [make.read(others[one.index - 1]) if one.node == node.name and one.index else one
                                for one in other.inputs]
                beyond.add(other)
            kind = node.outputs[0].dtype if node.outputs else node.value("T", "DT_FLOAT")
            node.op, node.inputs, node.attributes = "Identity", [make.read(value)], OrderedDict(
                T=Attribute("type", kind))
            node.outputs = node.outputs and node.outputs[:1]
    if waiting:
        prune(graph, map(Tensor, graph.outputs + graph.inputs))


class Beyond:
    """The operations of a growing graph that read another output of one than its first."""

    def __init__(self, graph: Graph) -> None:
        self.nodes, self.added = graph.nodes, 0
        self.found: Dict[str, Dict[str, Node]] = {}  # by the operation that is read, then by the one that reads

    def add(self, node: Node) -> None:
        """Note what an operation reads."""
        for one in node.inputs:
            if one.index:
                self.found.setdefault(one.node, {})[node.name] = node

    def readers(self, node: Node) -> List[Node]:
        """Return those that read another output of this operation than its first."""
        new = list(itertools.islice(reversed(self.nodes.values()), len(self.nodes) - self.added))
        for other in reversed(new):
            self.add(other)
        self.added = len(self.nodes)
        return [other for other in self.found.get(node.name, {}).values()
                if any(one.node == node.name and one.index for one in other.inputs)]


# Whole numbers -----------------------------------------------------------------------------------------------------

def mean(make: Remaking, node: Node) -> Value:
    """A Mean of whole numbers."""
    axes = [int(one) for one in make.known(1).reshape(-1)]
    return make.whole_mean(make.given(0), axes, bool(node.value("keep_dims", False)))


def division(make: Remaking, node: Node) -> Value:
    """Div of whole numbers and TruncateDiv."""
    if node.value("T") not in unlike.WHOLE:
        raise Unknown
    return make.quotient(make.given(0), make.given(1))


def modulo(make: Remaking, node: Node) -> Value:
    """Mod and TruncateMod: the remainder has the sign of the first number."""
    if make.given(0).dtype == "bool":
        raise Unknown
    return make.remainder(make.given(0), make.given(1))


def cast(make: Remaking, node: Node) -> Value:
    """A Cast of whole numbers to a narrow type: what does not fit loses its higher bits."""
    target = node.value("DstT")
    return make.wrapped(make.given(0), 8 * unlike.NARROW[target], not target.startswith("DT_U"))


def bits(make: Remaking, node: Node) -> Value:
    """BitwiseAnd, BitwiseOr, BitwiseXor, LeftShift, RightShift and Invert (core/kernels/cwise_ops.h)."""
    kind = node.value("T")
    x, width = make.given(0), 8 * unlike.NARROW.get(kind, 4)
    if kind in ("DT_UINT32", "DT_UINT64"):
        raise Unknown
    if node.op == "BitwiseAnd" and is_sign(make, node):
        number = make.graph.nodes[node.inputs[0].node].inputs[0]
        spec = make.graph.spec(number)
        if spec is None or spec.shape is None:
            raise Unknown
        return make.where(make.signbit(make.of(number, spec.dtype, spec.shape)), make.constant(SIGN, "int32"),
                          make.constant(0, "int32"))
    if node.op.startswith("Bitwise"):
        return make.of_bits(node.op[len("Bitwise"):], x, make.given(1))
    if node.op == "Invert":
        return make.sub(2 ** width - 1 if kind in unlike.NARROW and kind.startswith("DT_U") else -1, x)
    moved = make.shifted(x, make.clip(make.given(1), 0, width - 1), node.op == "LeftShift")
    return moved if kind not in unlike.NARROW else make.wrapped(moved, width, not kind.startswith("DT_U"))


def is_sign(make: Remaking, node: Node) -> bool:
    """Whether a BitwiseAnd takes the sign from the bits of a float, as Keras 3's argmax does of each zero
    (keras 3 backend/tensorflow/numpy.py: signbit)."""
    mask, of = make.graph.constant(node.inputs[1]), make.graph.nodes.get(node.inputs[0].node)
    return of is not None and of.op == "Bitcast" and of.value("T") == "DT_FLOAT" and node.value("T") == "DT_INT32" \
        and mask is not None and bool((mask == SIGN).all())


def quantized(make: Remaking, node: Node) -> Value:
    """Numbers as a model that was trained for quantization has them; the limits are constants or attributes."""
    args = node.op == "FakeQuantWithMinMaxArgs"
    low, high = [numpy.asarray(make.number(name, default) if args else make.known(place), "float32")
                 for place, (name, default) in enumerate((("min", -6.0), ("max", 6.0)), 1)]
    return make.quantized(make.given(0), low, high, make.whole("num_bits", 8),
                          bool(node.value("narrow_range", False)))


# Matrices and places -----------------------------------------------------------------------------------------------

def batch_product(make: Remaking, node: Node) -> Value:
    """A product of matrices whose batches are broadcast."""
    return make.matmul(make.given(0), make.given(1), bool(node.value("adj_x", False)), bool(node.value("adj_y", False)))


def einsum(make: Remaking, node: Node) -> Value:
    """An equation of one or two tensors with an ellipsis, or with a letter that stands twice in a term."""
    left, result = node.text("equation").replace(" ", "").split("->")
    values = [make.given(place) for place in range(len(left.split(",")))]
    if len(values) == 1:
        left, values = left + ",", values + [make.constant(numpy.float32(1))]
    return make.einsum(f"{left}->{result}", *values)


def select(make: Remaking, node: Node) -> Value:
    """A Select of whole rows."""
    x = make.given(1)
    return make.where(make.reshape(make.given(0), [-1] + [1] * (x.rank - 1)), x, make.given(2))


def chosen(make: Remaking, node: Node) -> Value:
    """A SelectV2 that broadcasts: TensorFlow.js 1.0.0 has Select alone, whose three tensors are of one shape."""
    values = [make.given(place) for place in range(3)]
    if len({value.shape for value in values}) == 1 or any(
            make.graph.spec(one).dtype not in by_layers.NUMBERS for one in node.inputs):
        raise Unknown
    return make.where(*values)


def band(make: Remaking, node: Node) -> Value:
    """A band of a matrix with two sides; a side below 0 is the whole triangle."""
    x = make.given(0)
    rows, columns = [make.range(make.dim(x, axis)) for axis in (-2, -1)]
    below = make.sub(make.expand(rows, 1), make.expand(columns, 0))
    sides = [(below, make.given(1)), (make.neg(below), make.given(2))]
    kept = [make.either(make.compare("Less", most, 0), make.compare("LessEqual", away, most)) for away, most in sides]
    return make.where(make.both(*kept), x, make.constant(0, x.dtype))


def one_hot(make: Remaking, node: Node) -> Value:
    """A OneHot along another axis than the last."""
    places, depth, spec = make.given(0), make.known(1), put_out(node)
    if depth.size != 1:
        raise Unknown
    kept = OrderedDict(node.attributes, axis=Attribute("i", -1))
    last = spec._replace(shape=places.shape + (int(depth.reshape(-1)[0]),))
    made = make.graph.add(Node(node.name + "/OneHot", "OneHot", node.inputs, attributes=kept, outputs=[last]))
    return make.move(make.of(Tensor(made.name), spec.dtype, last.shape), -1, make.whole("axis"))


def scatter(make: Remaking, node: Node) -> Value:
    """A TensorScatterUpdate, which writes into its input, on a copy of that."""
    x = make.given(0)
    return imaging.same_on(make, node, make.one("Tile", [x, make.constant([1] * x.rank, "int32")], x.dtype, x.shape))


RULES: Dict[str, Rule] = {
    "Mean": mean, "Div": division, "TruncateDiv": division, "Mod": modulo, "TruncateMod": modulo, "Cast": cast,
    "OneHot": one_hot, "Einsum": einsum, "BatchMatMul": batch_product, "BatchMatMulV2": batch_product,
    "Select": select, "SelectV2": chosen, "MatrixBandPart": band, "TensorScatterUpdate": scatter, "BitwiseAnd": bits,
    "BitwiseOr": bits, "BitwiseXor": bits, "Invert": bits, "LeftShift": bits, "RightShift": bits,
    "NonMaxSuppressionV4": boxes.best, "NonMaxSuppressionV5": boxes.best, "FakeQuantWithMinMaxVars": quantized,
    "FakeQuantWithMinMaxVarsPerChannel": quantized, "FakeQuantWithMinMaxArgs": quantized}
RULES.update(imaging.RULES)
RULES.update(complex_numbers.RULES)
RULES.update((name, by_layers.lowered) for name in by_layers.NAMES | by_layers.LATER | set(by_layers.OLDEST)
             | set(loops.COMPOSED))
