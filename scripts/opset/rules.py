"""The table of functions that turn an operation of ONNX into TensorFlow.js's, and their argument: a Call.

    @operation("Relu")
    def relu(call):
        return call.each(call.b.relu)

    @operation("Softmax", since=13)                       # the version of the opset from which on this is the meaning
    @operation("Gelu", domain="com.microsoft")
"""
from typing import Any, Callable, Dict, List, NamedTuple, NoReturn, Optional, Sequence, Tuple, Union

import numpy

from ..base.fault import Fault
from ..emit import Builder, Value
from ..formats.onnx_graph import Node
from ..formats.onnx_tensors import OF_NUMPY, Tensor, dtype_name, numpy_dtype
from ..wire.protobuf import Damaged
from .layout import Held, Name, Order, Row, last, usual
from .sizes import Dim, OpenSize, Size

Result = Union[Held, Value, Sequence[Union[Held, Value, None]]]
Function = Callable[["Call"], Result]
LARGEST = 1 << 16  # of a window, a stride, a margin
CONSTANT = "export the model with a constant in its place"
MANY = 4096  # numbers in an attribute or an input that tells how to compute
TYPES = {"float32": "FLOAT", "int32": "INT64", "bool": "BOOL"}  # of a result where the input's type does not fit


class Rule(NamedTuple):
    """From which version of its domain's opset on a function has the meaning of an operation."""

    since: int
    function: Function


TABLE: Dict[Tuple[str, str], List[Rule]] = {}  # {(domain, name): [Rule], the newest first}


def operation(names: str, since: int = 1, domain: str = "") -> Callable[[Function], Function]:
    """Register the function of these operations: names separated by spaces."""
    def register(function: Function) -> Function:
        for name in names.split():
            known = TABLE.setdefault((domain, name), [])
            if any(rule.since == since for rule in known):
                raise ValueError(f"{name} has two meanings since version {since}")
            known.append(Rule(since, function))
            known.sort(key=lambda rule: -rule.since)
        return function
    return register


def rule_of(domain: str, name: str, version: int) -> Optional[Function]:
    """Return the function of an operation in a version of its domain's opset, None where there is none."""
    return next((rule.function for rule in TABLE.get((domain, name), []) if rule.since <= version), None)


def named(node: Node) -> str:
    """The name of a node, of one without a name that of its first output."""
    return node.name or next((name for name in node.outputs if name), "")


class NotLowered(Fault):
    """An operation that cannot become TensorFlow.js's.  name: of the node; op: of the operation."""

    def __init__(self, name: str, op: str, reason: str, remedy: str = "") -> None:
        self.name, self.op, self.reason, self.remedy = name, op, reason, remedy
        super().__init__(f"{name!r:.80} is ONNX's {op}: {reason}" + (f"; {remedy}" if remedy else ""))


class Call:
    """One node of the graph, with the tensors that it reads.

    walk     walk.Walk, the model around it
    node     onnx_graph.Node
    inputs   [Held, None where one is left out]
    version  of the opset of the node's domain
    """

    def __init__(self, walk: Any, node: Node, inputs: List[Optional[Held]], version: int) -> None:
        self.walk, self.node, self.inputs, self.version = walk, node, inputs, version

    @property
    def b(self) -> Builder:
        """The builder, which emits operations."""
        return self.walk.b

    @property
    def op(self) -> str:
        """The operation's name."""
        return self.node.op

    @property
    def count(self) -> int:
        """The number of the node's outputs: as many as are named, from the first on."""
        return len(self.node.outputs)

    def wants(self, place: int) -> bool:
        """Whether the model has a name for an output: others need not be computed."""
        return place < self.count and bool(self.node.outputs[place])

    # Tensors -------------------------------------------------------------------------------------------------

    def has(self, place: int) -> bool:
        """Whether an input is there."""
        return place < len(self.inputs) and self.inputs[place] is not None

    def held(self, place: int) -> Held:
        """An input.  Raises Fault where it is left out."""
        found = self.item(place)
        if isinstance(found, Row):
            self.damaged("is given a row of tensors for a tensor")
        return found

    def item(self, place: int) -> Union[Held, Row]:
        """An input that is a tensor or a row of tensors.  Raises Fault where it is left out."""
        found = self.inputs[place] if place < len(self.inputs) else None
        if found is None:
            self.damaged(f"lacks input {place}")
        return found

    @property
    def x(self) -> Held:
        """The first input."""
        return self.held(0)

    def value(self, place: int) -> Value:
        """An input in ONNX's own order of dimensions: an image is moved to it."""
        return self.held(place).plain

    def image(self, place: int = 0) -> Value:
        """An input with its channels last: (batch, …, channels)."""
        x = self.held(place)
        if x.rank < 3:
            self.damaged(f"is given a tensor of {x.rank} dimensions")
        return x.last

    def array(self, place: int) -> Optional[numpy.ndarray]:
        """The values of an input that is a constant, in its own type; None where it is left out.

        Refuses one that is computed.
        """
        if not self.has(place):
            return None
        found = self.held(place)
        if found.weight is None:
            if found.sizes is not None:
                raise OpenSize(f"it needs the sizes {found.sizes.tolist()}, of which some are open")
            self.refuse(f"its input {place} is computed, and has to be a constant",
                        self.walk.remedy or CONSTANT + self.walk.fixing())
        return found.weight.read()

    def numbers(self, place: int) -> Optional[List[int]]:
        """The whole numbers of an input that is a constant, None where it is left out."""
        found = self.array(place)
        if found is None:
            return None
        if found.size > MANY or found.dtype.kind not in "iub":
            self.damaged(f"has {found.size} values of {found.dtype} as input {place}")
        return [int(item) for item in found.reshape(-1)]

    def sizes(self, place: int) -> List[Size]:
        """The sizes in an input: numbers, and Dim for open ones, or such that the data decide."""
        found = self.held(place)
        if found.is_row and computed_as(found.dtype) == "int32":
            return [Dim.of(None, lambda one=one: one) for one in found.row()]
        if found.sizes is not None and found.sizes.size <= MANY:
            return list(found.sizes.reshape(-1))
        return list(self.numbers(place) or [])

    # Attributes ----------------------------------------------------------------------------------------------

    def _get(self, name: str, kinds: Tuple[type, ...], default: Any) -> Any:
        """An attribute of one of these types.  Raises Fault for one of another."""
        found = self.node.attributes.get(name, default)
        if found is not default and not isinstance(found, kinds):
            self.damaged(f"has {name}={found!r:.60}")
        return found

    def has_attribute(self, name: str) -> bool:
        """Whether the node has an attribute."""
        return self.node.attributes.get(name) is not None

    def int(self, name: str, default: int = 0) -> int:
        """An attribute that is a whole number."""
        return self._get(name, (int,), default)

    def float(self, name: str, default: float = 0.0) -> float:
        """An attribute that is a number."""
        return float(self._get(name, (float, int), default))

    def text(self, name: str, default: str = "") -> str:
        """An attribute that is a text."""
        return self._get(name, (str,), default)

    def ints(self, name: str, default: Optional[Sequence[int]] = None) -> Optional[List[int]]:
        """An attribute that is a row of whole numbers."""
        found = self._get(name, (list,), default)
        if found is not None and (len(found) > MANY or not all(isinstance(item, int) for item in found)):
            self.damaged(f"has {name}={found!r:.60}")
        return None if found is None else list(found)

    def floats(self, name: str, default: Optional[Sequence[float]] = None) -> Optional[List[float]]:
        """An attribute that is a row of numbers."""
        found = self._get(name, (list,), default)
        if found is not None and not all(isinstance(item, (int, float)) for item in found):
            self.damaged(f"has {name}={found!r:.60}")
        return None if found is None else [float(item) for item in found]

    def tensor(self, name: str) -> Tensor:
        """An attribute that is a tensor."""
        found = self._get(name, (Tensor,), None)
        if found is None:
            self.damaged(f"lacks {name}")
        return found

    def type(self, name: str, default: int = 1) -> str:
        """An attribute that is the number of a type, "INT64".  Raises Fault for a number that is none."""
        try:
            return dtype_name(self.int(name, default))
        except Damaged as error:
            raise Fault(f"{self.node.name!r:.80} ({self.op}): {error}: the file is damaged")

    def window(self, name: str, count: int, least: int = 1, default: int = 1, largest: int = LARGEST) -> List[int]:
        """An attribute with a number for each of `count` dimensions.  Raises Fault for anything else."""
        found = self.ints(name, [default] * count)
        if found is None or len(found) != count or not all(least <= item <= largest for item in found):
            self.damaged(f"has {name}={found!r:.60}")
        return found

    def axis(self, axis: int, rank: Optional[int] = None) -> int:
        """An axis of the first input, or of `rank` dimensions, counted from the front.  Raises Fault where it has none.
        """
        rank = self.x.rank if rank is None else rank
        if not -rank <= axis < rank:
            self.damaged(f"has axis {axis} of a tensor of {rank} dimensions")
        return axis % rank

    # Results -------------------------------------------------------------------------------------------------

    def dtype(self, value: Value, like: Optional[Held] = None) -> str:
        """The type in ONNX of a result: that of `like` (default: the first input) where its values have that kind."""
        like = like or next((one for one in self.inputs if one is not None), None)
        if like is not None and computed_as(like.dtype) == value.dtype:
            return like.dtype
        return TYPES[value.dtype]

    def like(self, x: Held, value: Value, dtype: str = "") -> Held:
        """A result that is stored as x is, and has as many dimensions: its open sizes are those of x."""
        made = Held.of(self.b, value, dtype or self.dtype(value, x), x.order, x.image)
        made.names = [name if size is None else None for name, size in zip(opened(x), made.shape)]
        return made

    def as_image(self, value: Value, x: Optional[Held] = None, dtype: str = "") -> Held:
        """A result whose channels stand last; its batch is that of x (default: the first input)."""
        made = Held.of(self.b, value, dtype or self.dtype(value), last(value.rank), True)
        x = x or self.x
        if made.shape[0] is None and x.rank and x.shape[0] is None:
            made.names[0] = opened(x)[0]
        return made

    def in_order(self, value: Value, order: Order, names: Sequence[Name] = (), dtype: str = "") -> Held:
        """A result whose dimensions are stored in another order than ONNX's.  names: of open sizes, in ONNX's order."""
        return Held.of(self.b, value, dtype or self.dtype(value), order, False, names or None)

    def as_it_is(self, value: Value, names: Sequence[Name] = (), dtype: str = "") -> Held:
        """A result in ONNX's order."""
        return self.in_order(value, usual(value.rank), names, dtype)

    def each(self, function: Callable[[Value], Value], dtype: str = "") -> Held:
        """The result of `function` on the first input, number by number."""
        return self.like(self.x, function(self.x.value), dtype)

    def together(self, places: Optional[Sequence[int]] = None) -> "Together":
        """Inputs with as many dimensions each, in one order, to be broadcast.  places: of the inputs; None: all."""
        return together([self.held(place) for place in (range(len(self.inputs)) if places is None else places)])

    def damaged(self, words: str) -> NoReturn:
        """Raise a Fault: the file is damaged, as these words behind the node's name say."""
        raise Fault(f"{named(self.node)!r:.80} ({self.op}) {words}: the file is damaged")

    def refuse(self, reason: str, remedy: str = "") -> NoReturn:
        """Raise the refusal of this node: `reason` stands behind "'name' is ONNX's X: "."""
        raise NotLowered(named(self.node), self.op, reason, remedy)


class Together(NamedTuple):
    """Tensors that are broadcast with each other.

    values  [Value], all in the order `order`; those of one dimension or none may have fewer dimensions
    order   of the result
    image   whether the result is an image
    names   of the result's open sizes, in ONNX's order
    """

    values: List[Value]
    order: Order
    image: bool
    names: List[Name]

    def result(self, call: Call, value: Value, dtype: str = "") -> Held:
        """The result of an operation on them, number by number."""
        return Held.of(call.b, value, dtype or call.dtype(value), self.order, self.image, self.names)


def together(found: Sequence[Held]) -> Together:
    """Bring tensors to one order: that of an image among them, else that of the first which is computed."""
    rank = max(one.rank for one in found)
    whole = [one for one in found if one.rank == rank and one.weight is None and one.sizes is None]
    images = [one for one in whole if one.channels_last]
    order = (images + whole)[0].order if whole else usual(rank)
    names: List[Name] = [None] * rank
    for one in found:
        for axis, name in enumerate(opened(one), rank - one.rank):
            names[axis] = names[axis] or name
    return Together([one.spread(rank, order) for one in found], order, any(one.image for one in whole), names)


def opened(x: Held) -> List[Name]:
    """The names of the open sizes of a tensor, in ONNX's order; None for known ones."""
    for axis, size in enumerate(x.shape):
        if size is None:
            x.dim(axis)
    return [name if size is None else None for name, size in zip(x.names, x.shape)]


def computed_as(dtype: str) -> str:
    """The type that TensorFlow.js computes with in place of one of ONNX."""
    name = numpy_dtype(dtype)
    return "bool" if name == "bool" else "int32" if "int" in name else "float32"


__all__ = ["OF_NUMPY", "Call", "Dim", "Held", "NotLowered", "Result", "Together", "operation", "rule_of"]
