"""A graph in operations that TensorFlow.js 1.0.0 has too, as far as these suffice: TensorSpace holds this version."""
from typing import Callable, Dict, List, Optional, Sequence

from ..layers.kinds.sizes import product
from ..operations.graph import Attribute, Graph, Node, Row, Tensor, constant
from ..operations.scopes import REALS
from ..operations.unlike import WHOLE
from . import adapt, slices
from .composing import Emitter


def spell(graph: Graph) -> None:
    """Change the operations of `graph` in place: SPELLED."""
    for node in list(graph.nodes.values()):
        if node.op in SPELLED:
            SPELLED[node.op](graph, node)
    adapt.leave_out_unread(graph)


def spell_own(graph: Graph) -> None:
    """Change what TensorFlow.js 1.0.0 computes differently in a graph that is TensorFlow.js's own, in place."""
    for node in list(graph.nodes.values()):
        if node.op in ("StridedSlice", "ClipByValue") and "T" in node.attributes:
            SPELLED[node.op](graph, node)
    adapt.leave_out_unread(graph)


def renamed(op: str) -> Callable[[Graph, Node], None]:
    """Return the change of an operation that an older one computes, with the attributes that it has."""
    def change(graph: Graph, node: Node) -> None:
        node.op = op
        node.attributes.pop("U", None)
    return change


def select(graph: Graph, node: Node) -> None:
    """Select, whose condition has the shape of both values (core/ops/math_ops.cc)."""
    known = [graph.spec(tensor) for tensor in node.inputs]
    shapes = {None if one is None else one.shape for one in known}
    if len(shapes) == 1 and None not in shapes:
        node.op = "Select"


def numbers_of(name: str) -> Callable[[Graph, Node], None]:
    """Return the change of an operation whose attribute `name` tells the type of its numbers: one of those that
    TensorFlow.js has, and 1.0.0 knows no others by name."""
    def change(graph: Graph, node: Node) -> None:
        target = node.value(name)
        held = "DT_INT32" if target in WHOLE else "DT_FLOAT" if target in REALS else target
        node.attributes = dict(node.attributes, **{name: Attribute("type", held)})
    return change


def whole_input(graph: Graph, node: Node) -> None:
    """An input of 64 bits, and a Cast behind it: 1.0.0 does not know its type, and takes floats."""
    if node.value("dtype") == "DT_INT64":
        readers = [other for other in graph.nodes.values() if any(one.node == node.name for one in other.inputs)]
        whole = graph.add(Node(node.name + "/whole", "Cast", [Tensor(node.name)], attributes={
            "SrcT": Attribute("type", "DT_INT32"), "DstT": Attribute("type", "DT_INT32")}, outputs=node.outputs))
        for other in readers:
            other.inputs = [Tensor(whole.name) if one.node == node.name else one for one in other.inputs]


def einsum(graph: Graph, node: Node) -> None:
    """An Einsum of two tensors as transposes, reshapes and one matrix product, with at most one open size.

    Its letters are those of both tensors and the result (batch), of both alone (inner), of one and the result (rows,
    columns); any other equation stays as it is (core/ops/linalg_ops.cc).
    """
    terms, _, result = node.text("equation").replace(" ", "").partition("->")
    specs, terms = [graph.spec(tensor) for tensor in node.inputs], terms.split(",")
    if len(terms) != 2 or not all(spec and spec.shape and is_plain(term, len(spec.shape))
                                  for term, spec in zip(terms, specs)) or not is_plain(result, len(result)):
        return
    left, right = terms
    size = {letter: length for term, spec in zip(terms, specs) for letter, length in zip(term, spec.shape)}
    batch = [letter for letter in left if letter in right and letter in result]
    inner = [letter for letter in left if letter in right and letter not in result]
    rows = [letter for letter in left if letter not in right]
    columns = [letter for letter in right if letter not in left]
    sides = [batch, rows, inner], [batch, inner, columns], [batch, rows, columns]
    if sorted(batch + rows + columns) != sorted(result) or any(
            [size[letter] for group in side for letter in group].count(None) > 1 for side in sides):
        return
    make, factors = Emitter(graph, node), []
    lengths = [[product([size[letter] for letter in group]) for group in side[not batch:]] for side in sides]
    for tensor, term, side, shape in zip(node.inputs, terms, sides, lengths):
        factors.append(make.reshaped(make.transposed(tensor, term, sum(side, [])), shape))
    flags = ("adj_x", "adj_y") if batch else ("transpose_a", "transpose_b")
    found = make.add("product", "BatchMatMul" if batch else "MatMul", factors, lengths[2],
                     **{flag: Attribute("b", False) for flag in flags})
    found = make.reshaped(found, [size[letter] for letter in sum(sides[2], [])])
    node.op, node.inputs, node.attributes = "Identity", [make.transposed(found, sum(sides[2], []), result)], \
        {"T": make.kind}


def erf(graph: Graph, node: Node) -> None:
    """An Erf of numbers above zero, the only ones that 1.0.0 has it for: it is odd."""
    known = graph.spec(node.inputs[0])
    make, shape = Emitter(graph, node), None if known is None else known.shape
    sign, size = [make.add(word, op, node.inputs, shape) for word, op in (("sign", "Sign"), ("abs", "Abs"))]
    node.op, node.inputs = "Mul", [sign, make.add("erf", "Erf", [size], shape)]


def convolution(graph: Graph, node: Node) -> None:
    """A convolution with margins of its own, or whose margins at the top and at the left differ, behind a Pad: 1.0.0
    has none, and takes one for the other.  Of the dilations it takes the first two, today's the two in the middle.
    """
    image, kernel = [graph.spec(tensor) and graph.spec(tensor).shape for tensor in node.inputs]
    rates = node.value("dilations") or [1, 1, 1, 1]
    if not image or not kernel or node.text("data_format") == "NCHW":
        return
    used = {rate for window, rate in zip(kernel, rates[1:3]) if window != 1}
    if len(used) == 1 and used != {1}:
        node.attributes = dict(node.attributes, dilations=Attribute("list", Row("i", list(used) * 3 + [1])))
    sides = margins(node, image, kernel, rates)
    if sides is None:
        return
    make = Emitter(graph, node)
    sizes = [None if size is None else size + sum(pair) for size, pair in zip(image, sides)]
    around = graph.add(constant(node.name + "/margins", sides, "DT_INT32"))
    node.inputs[0] = make.add("pad", "Pad", [node.inputs[0], Tensor(around.name)], sizes,
                              Tpaddings=Attribute("type", "DT_INT32"))
    node.attributes = dict(node.attributes, padding=Attribute("s", b"VALID"))
    node.attributes.pop("explicit_paddings", None)


def margins(node: Node, image: Sequence[Optional[int]], kernel: Sequence[int],
            rates: Sequence[int]) -> Optional[List[List[int]]]:
    """Return the places around an image that a convolution has to be given, [before, behind] of each axis; None where
    it can make them itself, or they are not known (core/framework/common_shape_fns.cc: GetWindowedOutputSize)."""
    if node.text("padding") == "EXPLICIT":
        pairs = node.value("explicit_paddings")
        return [list(pair) for pair in zip(pairs[::2], pairs[1::2])]
    found = [[0, 0]]
    for place in (1, 2):
        step, reach = node.value("strides")[place], (kernel[place - 1] - 1) * rates[place] + 1
        if image[place] is None and step > 1:
            return None
        whole = max(reach - (step if not (image[place] or 0) % step else (image[place] or 0) % step), 0)
        found.append([whole // 2, whole - whole // 2])
    return None if node.text("padding") != "SAME" or found[1] == found[2] else found + [[0, 0]]


def batch_product(graph: Graph, node: Node) -> None:
    """A matrix product of batches of the same rank as it is; of a batch with one matrix as a product of two matrices.
    """
    specs = [graph.spec(tensor) for tensor in node.inputs]
    shapes = [None if spec is None else spec.shape for spec in specs]
    if None in shapes:
        return
    left, right = shapes
    if len(left) == len(right):  # 1.0.0 repeats no batch
        node.op = "BatchMatMul" if left[:-2] == right[:-2] else node.op
        return
    if len(right) != 2 or len(left) < 2 or node.value("adj_x") or list(left[:-1]).count(None) > 1:
        return
    make, wide = Emitter(graph, node), right[0 if node.value("adj_y") else 1]
    rows = make.reshaped(node.inputs[0], [product(left[:-1]), left[-1]])
    found = make.add("product", "MatMul", [rows, node.inputs[1]], [product(left[:-1]), wide],
                     transpose_a=Attribute("b", False), transpose_b=Attribute("b", bool(node.value("adj_y"))))
    node.op, node.inputs, node.attributes = "Identity", [make.reshaped(found, left[:-1] + (wide,))], {"T": make.kind}


def clip(graph: Graph, node: Node) -> None:
    """A ClipByValue by two operations: 1.0.0 looks for its limits among the attributes, and takes 0 for both."""
    if len(node.inputs) == 3:
        x, low, high = node.inputs
        known = graph.spec(x)
        above = Emitter(graph, node).add("Minimum", "Minimum", [x, high], None if known is None else known.shape)
        node.op, node.inputs, node.attributes = "Maximum", [above, low], {"T": node.attributes["T"]}


def split(graph: Graph, node: Node) -> None:
    """A SplitV whose sizes are all told: 1.0.0 works out no -1."""
    sizes, axis = graph.constant(node.inputs[1]), graph.constant(node.inputs[2])
    known = graph.spec(node.inputs[0])
    if sizes is None or axis is None or not (sizes < 0).any() or known is None or known.shape is None:
        return
    whole = known.shape[int(axis)]
    if whole is not None:
        rest = whole - int(sizes[sizes >= 0].sum())
        node.inputs[1] = Tensor(graph.add(constant(node.name + "/sizes", [
            rest if size < 0 else size for size in sizes.tolist()], "DT_INT32")).name)


def is_plain(term: str, rank: int) -> bool:
    """Return whether the axes of a term of an equation are letters, each of them once."""
    return term.isalpha() and len(set(term)) == len(term) == rank


def random(op: str) -> Callable[[Graph, Node], None]:
    """Return the composition of random numbers of a given state: others of the same distribution, drawn anew each time.
    """
    def change(graph: Graph, node: Node) -> None:
        node.op, node.inputs = op, node.inputs[:1]
        node.attributes = {"dtype": node.attributes["dtype"], "T": node.attributes.get("Tshape") or Attribute(
            "type", "DT_INT32"), "seed": Attribute("i", 0), "seed2": Attribute("i", 0)}
    return change


SPELLED: Dict[str, Callable[[Graph, Node], None]] = {
    "AddV2": renamed("Add"), "BatchMatMulV2": batch_product, "BatchMatMulV3": batch_product,
    "Placeholder": whole_input, "Range": numbers_of("Tidx"), "Fill": numbers_of("T"),
    "FusedBatchNormV3": renamed("FusedBatchNormV2"), "SelectV2": select, "Einsum": einsum,
    "Cast": numbers_of("DstT"), "Erf": erf, "StridedSlice": slices.whole, "SplitV": split, "ClipByValue": clip,
    "Conv2D": convolution, "DepthwiseConv2dNative": convolution,
    "StatelessRandomNormalV2": random("RandomStandardNormal"), "StatelessRandomUniformV2": random("RandomUniform"),
    "StatelessTruncatedNormalV2": random("TruncatedNormal")}
