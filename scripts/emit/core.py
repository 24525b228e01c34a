"""Value, a tensor in the making, and the emitter of nodes and constants that all other emitters stand on."""
import contextlib
import re
from collections import OrderedDict
from typing import Any, Callable, Dict, Iterable, Iterator, List, NamedTuple, Optional, Sequence, Tuple, Union

import numpy

from ..base.fault import Fault
from ..layers.model import Weight
from ..operations.graph import OF_NUMPY, Attribute, Constant, Graph, Node, Row, Spec, Tensor

Dims = Tuple[Optional[int], ...]  # None: a size that is open; the batch is one
TYPES = ("float32", "int32", "bool")  # what TensorFlow.js computes with
SHARED = 4096  # bytes of a constant that is looked up among those that are there
TURNED = 1 << 18  # bytes from which on a constant is turned in parts
ROWS = 8  # of a part
FOLDED = 1 << 22  # values of a constant that is computed at conversion
UNSPEAKABLE = re.compile(r"[^A-Za-z0-9_./-]")  # in the name of a node; ":" and "^" have a meaning of their own


class Limits(NamedTuple):
    """Limits of a graph: hostile topologies unroll and repeat without an end."""

    nodes: int = 200000
    dimensions: int = 16  # of a tensor; TensorFlow.js computes with six at most, and reshapes more


LIMITS = Limits()


class DType(str):
    """The name of a type that is the value of an attribute, "float32"."""


class Value:
    """A tensor of the graph that is being made, or a constant.

    dtype   one of TYPES
    shape   tuple of int or None
    tensor  operations.graph.Tensor; of a constant None until a node reads it
    weight  Weight, a constant's values, read when they are asked for; None for what is computed
    mask    Value of bool, (batch, steps): which steps count; None for all (Keras: _keras_mask)
    narrow  "uint8", "int8", "uint16", "int16": the type in which Keras holds an int32; None for one of 32 bits
    imaginary  Value of the imaginary parts of complex numbers, whose real parts this one is; None for real numbers
    """

    __slots__ = ("dtype", "shape", "tensor", "weight", "mask", "narrow", "imaginary", "_array")

    def __init__(self, dtype: str, shape: Iterable[Optional[int]], tensor: Optional[Tensor] = None,
                 weight: Optional[Weight] = None, mask: Optional["Value"] = None) -> None:
        self.dtype, self.shape = dtype, tuple(None if size is None else int(size) for size in shape)
        self.tensor, self.weight, self.mask = tensor, weight, mask
        self.narrow: Optional[str] = None
        self.imaginary: Optional[Value] = None
        self._array: Optional[numpy.ndarray] = None

    @property
    def rank(self) -> int:
        """The number of dimensions, the batch included."""
        return len(self.shape)

    @property
    def is_constant(self) -> bool:
        """Whether the values are known."""
        return self.weight is not None

    @property
    def array(self) -> numpy.ndarray:
        """The values of a constant."""
        if self._array is None:
            array = self.weight.read()
            if array.nbytes > SHARED:
                return array
            self._array = array
        return self._array

    def masked(self, mask: Optional["Value"]) -> "Value":
        """Return the same tensor under another mask, None for none."""
        if mask is self.mask:
            return self
        made = self._copy()
        made.mask = mask
        return made

    def narrowed(self, narrow: Optional[str]) -> "Value":
        """Return the same tensor as one that Keras holds in another type of whole numbers, None for 32 bits."""
        if narrow == self.narrow:
            return self
        made = self._copy()
        made.narrow = narrow
        return made

    def complex(self, imaginary: Optional["Value"]) -> "Value":
        """Return the complex numbers of which these are the real parts, the real parts alone for None."""
        made = self._copy()
        made.imaginary = imaginary
        return made

    def _copy(self) -> "Value":
        made = Value(self.dtype, self.shape, self.tensor, self.weight, self.mask)
        made.narrow, made.imaginary, made._array = self.narrow, self.imaginary, self._array
        return made

    def __repr__(self) -> str:
        return f"<{self.dtype} {self.shape} {'constant' if self.is_constant else self.tensor}>"


Operand = Union[Value, int, float, bool, numpy.ndarray, Sequence[Any]]


def type_of(dtype: Any) -> str:
    """The type that TensorFlow.js computes with in place of a numpy or Keras dtype.  Raises Fault for text."""
    name = str(getattr(dtype, "name", dtype))
    if name in ("bool",):
        return "bool"
    if "int" in name:
        return "int32"
    if "float" in name:
        return "float32"
    raise Fault(f"TensorFlow.js does not compute with {name}")


class Emitter:
    """A graph that grows node by node.

    graph  operations.Graph
    path   the scope of new nodes, "encoder/attention"
    """

    def __init__(self, limits: Limits = LIMITS) -> None:
        self.graph, self.path, self.limits = Graph(), "", limits
        self._constants: Dict[Any, Value] = {}
        self._counts: Dict[str, int] = {}
        self._once: Dict[Any, Value] = {}
        self._changed: Dict[Any, Tuple[Weight, Value]] = {}  # the weight is kept, so that its id stays its own
        self._reserved: Dict[str, bool] = {}

    @contextlib.contextmanager
    def scope(self, path: str) -> Iterator[None]:
        """Inside, the names of new nodes begin with `path`."""
        before, self.path = self.path, path
        try:
            yield
        finally:
            self.path = before

    def reserve(self, names: Iterable[str]) -> None:
        """Keep these names for the nodes that `place` puts under them."""
        self._reserved.update((name, True) for name in names)

    def _name(self, kind: str) -> str:
        """A free name in the scope, in TensorFlow's manner: conv/Pad, conv/Pad_1."""
        base = UNSPEAKABLE.sub("_", f"{self.path}/{kind}" if self.path else kind)
        while True:
            count = self._counts.get(base, 0)
            self._counts[base] = count + 1
            name = f"{base}_{count}" if count else base
            if name not in self.graph.nodes and name not in self._reserved:
                return name

    def node(self, op: str, inputs: Sequence[Value], results: Sequence[Tuple[str, Iterable[Optional[int]]]],
             name: Optional[str] = None, **attributes: Any) -> List[Value]:
        """Add an operation; return a Value for each of its outputs.

        results     (dtype, shape) of each output
        name        of the node; by default a free one after its operation
        attributes  int, float, bool, str, list of these, DType, Attribute
        Raises Fault where the graph becomes too large.
        """
        if len(self.graph.nodes) >= self.limits.nodes:
            raise Fault(f"the model becomes a graph of more than {self.limits.nodes} operations")
        results = [(dtype, tuple(shape)) for dtype, shape in results]
        if any(len(shape) > self.limits.dimensions for _, shape in results):
            raise Fault(f"{self.path or op!r} gives a tensor of more than {self.limits.dimensions} dimensions")
        read = [self.read(value) for value in inputs]
        specs = [Spec(OF_NUMPY[dtype], shape) for dtype, shape in results]
        kinds = OrderedDict((key, attribute(value)) for key, value in sorted(attributes.items()))
        added = Node(name or self._name(op), op, read, attributes=kinds, outputs=specs)
        self.graph.nodes[added.name] = added
        return [Value(dtype, shape, Tensor(added.name, index)) for index, (dtype, shape) in enumerate(results)]

    def one(self, op: str, inputs: Sequence[Value], dtype: str, shape: Iterable[Optional[int]], **attributes: Any
            ) -> Value:
        """Add an operation of one output."""
        return self.node(op, inputs, [(dtype, shape)], **attributes)[0]

    def read(self, value: Value) -> Tensor:
        """Return the tensor of a Value; a constant becomes a node when it is read for the first time."""
        if value.tensor is None:
            key = None
            if value.weight.nbytes <= SHARED:
                key = value.dtype, value.shape, value.array.tobytes()
                if key in self._constants:
                    value.tensor = self._constants[key].tensor
                    return value.tensor
                self._constants[key] = value
            name = self._name(value.weight.name.split("/")[-1] or "Const")
            weight = value.weight.renamed(name)
            kind = OF_NUMPY[value.dtype]
            self.graph.nodes[name] = Node(name, "Const", attributes={
                "dtype": Attribute("type", kind), "value": Attribute("tensor", Constant(kind, value.shape, weight))},
                outputs=[Spec(kind, value.shape)])
            value.tensor = Tensor(name)
        return value.tensor

    def place(self, value: Value, name: str) -> Value:
        """Add an Identity of a Value under a name of its own: an output, which others may read too.

        TensorFlow.js 1.0.0 takes for an output only what no other node reads.
        """
        return self.node("Identity", [value], [(value.dtype, value.shape)], name=name, T=DType(value.dtype))[0]

    def placeholder(self, name: str, dtype: str, shape: Iterable[Optional[int]]) -> Value:
        """Add an input of the graph."""
        shape = tuple(shape)
        added = self.node("Placeholder", [], [(dtype, shape)], name=name, dtype=DType(dtype),
                          shape=Attribute("shape", shape))[0]
        self.graph.inputs.append(name)
        return added

    # Constants -----------------------------------------------------------------------------------------------

    def constant(self, values: Any, dtype: Optional[str] = None, name: str = "") -> Value:
        """Return a constant of an array, or of what numpy makes one of.

        dtype: one of TYPES, by default that of the values.  Raises Fault for whole numbers beyond 32 bits.
        """
        array = numpy.asarray(values)
        dtype = dtype or type_of(array.dtype)
        if dtype == "int32" and array.size and array.dtype.kind in "iu" and array.dtype.itemsize > 4 and (
                int(array.max()) > 2 ** 31 - 1 or int(array.min()) < -2 ** 31):
            raise Fault(f"{int(abs(array).max())} is beyond the 32 bits that TensorFlow.js counts with")
        array = numpy.ascontiguousarray(array.astype(dtype)).reshape(array.shape)
        return Value(dtype, array.shape, weight=Weight.of(name, array))

    def of_weight(self, weight: Weight) -> Value:
        """Return a constant of a Weight, whose values stay in the file until they are written."""
        dtype = type_of(weight.dtype)
        if weight.dtype.name != dtype:
            weight = Weight(weight.name, weight.shape, dtype, lambda kept=weight: kept.read().astype(dtype))
        return Value(dtype, weight.shape, weight=weight)

    def changed(self, value: Value, shape: Iterable[int], change: Callable[[numpy.ndarray], numpy.ndarray],
                key: Any = None) -> Value:
        """Return a constant with the values that `change` makes of a constant's, when they are written.

        key: what the change is; a constant that is changed alike twice is written once.  None: always a new one.
        """
        shape, source = tuple(shape), value.weight
        if key is not None:
            known = self._changed.get((id(source), key))
            if known is None:
                known = source, self.changed(value, shape, change)
                self._changed[(id(source), key)] = known
            return known[1]
        made = Weight(source.name, shape, value.dtype,
                      lambda: contiguous(change(source.read()), value.dtype))
        return Value(value.dtype, shape, weight=made)

    def once(self, key: Any, make: Callable[[], Value]) -> Value:
        """Return make(), at all calls with one key the Value of the first: a constant is written once."""
        if key not in self._once:
            self._once[key] = make()
        return self._once[key]

    def fold(self, function: Callable[..., numpy.ndarray], values: Sequence[Value], dtype: str) -> Optional[Value]:
        """Return the constant function(*arrays) where all values are constants, and not too large; else None."""
        if not all(value.is_constant for value in values) or sum(value.weight.size for value in values) > FOLDED:
            return None
        with numpy.errstate(all="ignore"):
            return self.constant(numpy.asarray(function(*[value.array for value in values])).astype(dtype), dtype)

    def value(self, given: Operand, dtype: Optional[str] = None) -> Value:
        """Return a Value as it is, and anything else as a constant of the type `dtype`."""
        return given if isinstance(given, Value) else self.constant(given, dtype)

    # What comes out ------------------------------------------------------------------------------------------

    def finish(self, outputs: Sequence[str]) -> Graph:
        """Return the graph with these nodes as its outputs, without what no output needs.

        TensorFlow.js counts every node that nothing reads among the outputs.  Inputs stay.
        """
        graph = self.graph
        needed, pending = set(graph.inputs), list(outputs)
        while pending:
            name = pending.pop()
            if name not in needed:
                needed.add(name)
                pending += [tensor.node for tensor in graph.nodes[name].inputs]
        graph.nodes = OrderedDict((name, node) for name, node in graph.nodes.items() if name in needed)
        graph.outputs = list(outputs)
        return graph


def contiguous(array: Any, dtype: str) -> numpy.ndarray:
    """Return an array in C order.

    Of a large one that was turned, so that its last dimension was its first, a few rows are copied at a time: numpy
    jumps through all the memory for each of its own steps, four times as long.
    """
    array = numpy.asarray(array)
    if array.nbytes < TURNED or array.ndim < 2 or array.strides[-1] < max(array.strides):
        return numpy.ascontiguousarray(array, dtype=dtype)
    made = numpy.empty(array.shape, dtype)
    for start in range(0, array.shape[-1], ROWS):
        made[..., start:start + ROWS] = array[..., start:start + ROWS]
    return made


def attribute(value: Any) -> Attribute:
    """The Attribute of a plain value: its kind is that of the value's type."""
    if isinstance(value, Attribute):
        return value
    if isinstance(value, (list, tuple)):
        items = [attribute(item) for item in value]
        return Attribute("list", Row(items[0].kind if items else "", [item.value for item in items]))
    if isinstance(value, DType):
        return Attribute("type", OF_NUMPY[value])
    if isinstance(value, bool):
        return Attribute("b", value)
    if isinstance(value, str):
        return Attribute("s", value.encode("utf-8"))
    return Attribute("f", value) if isinstance(value, float) else Attribute("i", int(value))


def broadcast(*shapes: Dims) -> Dims:
    """The shape that numpy's rules give to operands of these shapes.  An open size goes with any."""
    rank = max(map(len, shapes))
    result: List[Optional[int]] = []
    for place in range(-rank, 0):
        sizes = {shape[place] for shape in shapes if -place <= len(shape)} - {1}
        known = sizes - {None}
        if len(known) > 1:
            raise Fault(f"shapes {', '.join(map(str, shapes))} do not go together: the file is damaged")
        result.append(known.pop() if known else None if sizes else 1)
    return tuple(result)


def axis_of(axis: int, rank: int) -> int:
    """An axis counted from the front.  Raises Fault where there is none."""
    if type(axis) is bool or not isinstance(axis, (int, numpy.integer)) or not -rank <= axis < rank:
        raise Fault(f"axis {axis!r} of a tensor of {rank} dimensions: the file is damaged")
    return int(axis) % rank
