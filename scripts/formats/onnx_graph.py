"""An ONNX model as data: its nodes, the tensors that it holds, its functions.  onnx/onnx.proto."""
import struct
from collections import OrderedDict
from typing import Any, Dict, List, NamedTuple, Optional, Tuple, Union

from ..base.fault import Fault
from ..layers.model import Weight
from ..wire.protobuf import Damaged, Value, message, number, signed, text
from .constants import array_of
from .onnx_files import DEEPEST, Message, entries
from .onnx_tensors import NUMPY, Tensor, dtype_name, joined, tensor, texts_of, whole_numbers

Size = Union[int, str, None]  # of a dimension: a number, or the name of an open one; None where it has none
MAX_NODES = 200000
SCOPES = "pkg.torch.onnx.name_scopes"  # property of a node of PyTorch's exporter: the modules around it


class Info(NamedTuple):
    """The known facts of a tensor before it is computed; shape None: not even its rank."""

    name: str
    dtype: str
    shape: Optional[Tuple[Size, ...]]


class Node(NamedTuple):
    """One operation: "" among its inputs and outputs stands for one that is left out.

    domain      "" for ONNX's own
    attributes  {name: int, float, str, Tensor, Graph, or a list of one kind; Reference}
    properties  {key: text}
    """

    name: str
    op: str
    domain: str
    inputs: List[str]
    outputs: List[str]
    attributes: Dict[str, Any]
    properties: Dict[str, str]


class Reference(NamedTuple):
    """The value of an attribute of a node in a function: that of the function's own attribute."""

    name: str


class Graph(NamedTuple):
    """Nodes, each after those that it reads.

    inputs, outputs  [Info]
    known            {name: Info} of other tensors
    tensors          {name: Tensor}: initializers
    """

    name: str
    nodes: List[Node]
    inputs: List[Info]
    outputs: List[Info]
    known: Dict[str, Info]
    tensors: Dict[str, Tensor]


class Function(NamedTuple):
    """An operation that the model itself defines.  defaults: attributes with a value; opsets: as of a Model."""

    name: str
    domain: str
    inputs: List[str]
    outputs: List[str]
    nodes: List[Node]
    defaults: Dict[str, Any]
    opsets: Dict[str, int]


class Model(NamedTuple):
    """A model in a file.

    path       of the file
    opsets     {domain: version of its operations}
    producer   the program that wrote it and its version, "pytorch 2.9.1"
    functions  {(domain, name): Function}
    constants  {name of an input that is fixed: its value, as it was given}
    """

    path: str
    opsets: Dict[str, int]
    producer: str
    graph: Graph
    functions: Dict[Tuple[str, str], Function]
    constants: Dict[str, Any] = {}


def model(found: Message, path: str) -> Model:
    """Return the Model of a ModelProto's fields (onnx_files.opened).

    Raises Damaged for damage, Fault for what is beyond the bounds.
    """
    if 7 not in found:
        raise Damaged("no graph in it")
    if 20 in found and not entries(found[7][-1]).get(1):
        raise Fault(f"{path}: an ONNX file of a training step: export the model itself")
    reading = Reading(path)
    graph = reading.graph(found[7][-1], 0)
    functions = [reading.function(value) for value in found.get(25, [])]
    producer = f"{text(found, 2)} {text(found, 3)}".strip()
    return Model(path, opsets(found.get(8, [])), producer, graph,
                 OrderedDict(((one.domain, one.name), one) for one in functions))


def fixed(model: Model, constants: Dict[str, Any]) -> Model:
    """Return the model with the values of some inputs: {name: a number, or lists of numbers in its shape}.

    Raises Fault for a name that no input has, for values of another type or shape, and where no input is left.
    """
    if not constants:
        return model
    graph, where = model.graph, f"{model.path}: constants"
    infos = OrderedDict((one.name, one) for one in graph.inputs if one.name not in graph.tensors)
    tensors = OrderedDict(graph.tensors)
    for name, value in constants.items():
        if name not in infos:
            raise Fault(f"{where}: no input is called {name!r:.60}; there are: {', '.join(infos)}")
        info = infos[name]
        array = array_of(name, NUMPY.get(info.dtype, ""), info.shape, value, where)
        tensors[name] = Tensor(name, info.dtype, array.shape, Weight.of(name, array), [])
    if len(constants) == len(infos):
        raise Fault(f"{where}: no input is left to feed: leave out {next(iter(constants))!r:.60}")
    return model._replace(graph=graph._replace(tensors=tensors), constants=dict(constants))


def opsets(values: List[Value]) -> Dict[str, int]:
    """Return {domain: version} of OperatorSetIdProtos; "ai.onnx" is another name of the domain ""."""
    found = {}
    for value in values:
        held = message(value)
        found[domain_of(text(held, 1))] = signed(number(held, 2))
    return found


def domain_of(name: str) -> str:
    """Return a domain by its one name: "" is ONNX's own."""
    return "" if name == "ai.onnx" else name


class Reading:
    """One model that is read: how many nodes it has so far."""

    def __init__(self, path: str) -> None:
        self.path, self.count = path, 0

    def graph(self, data: Union[Value, Message], depth: int) -> Graph:
        """Return the Graph of a GraphProto."""
        if depth > DEEPEST:
            raise Damaged(f"graphs lie more than {DEEPEST} deep in each other")
        found = entries(data)
        if 15 in found:
            raise Fault(f"{self.path}: it has sparse weights: export it with dense ones")
        tensors = [tensor(value, self.path) for value in found.get(5, [])]
        return Graph(text(found, 2), self.nodes(found.get(1, []), depth), [info(value) for value in found.get(11, [])],
                     [info(value) for value in found.get(12, [])],
                     {one.name: one for one in map(info, found.get(13, []))},
                     OrderedDict((one.name, one) for one in tensors))

    def nodes(self, values: List[Value], depth: int) -> List[Node]:
        """Return the Nodes of NodeProtos.  Raises Fault for too many of them in the whole model."""
        self.count += len(values)
        if self.count > MAX_NODES:
            raise Fault(f"{self.path}: more than {MAX_NODES} operations: refused")
        return [self.node(value, depth) for value in values]

    def node(self, data: Value, depth: int) -> Node:
        """Return the Node of a NodeProto."""
        found = message(data)
        attributes = OrderedDict(self.attribute(value, depth) for value in found.get(5, []))
        properties = [message(value) for value in found.get(9, [])]
        return Node(text(found, 3), text(found, 4), domain_of(text(found, 7)), texts_of(found.get(1, [])),
                    texts_of(found.get(2, [])), attributes, {text(one, 1): text(one, 2) for one in properties})

    def attribute(self, data: Value, depth: int) -> Tuple[str, Any]:
        """Return (name, value) of an AttributeProto."""
        found = message(data)
        name, kind = text(found, 1), number(found, 20)
        if text(found, 21):
            return name, Reference(text(found, 21))
        if not kind:  # before IR version 3 the field that is there tells
            kind = next((kind for kind, field in ONE.items() if field in found), 0)
        if kind in ONE and ONE[kind] not in found and kind > 3:
            raise Damaged(f"attribute {name!r:.40} has no value")
        if kind == 1:
            return name, float32(found.get(2, [b"\0\0\0\0"])[-1])
        if kind == 2:
            return name, signed(number(found, 3))
        if kind == 3:
            return name, string_of(found.get(4, [b""])[-1])
        if kind == 4:
            return name, tensor(found[5][-1], self.path)
        if kind == 5:
            return name, self.graph(found[6][-1], depth + 1)
        if kind == 6:
            return name, joined(found, 7, "<f4").tolist()
        if kind == 7:
            return name, whole_numbers(found, 8)
        if kind == 8:
            return name, [string_of(value) for value in found.get(9, [])]
        if kind == 9:
            return name, [tensor(value, self.path) for value in found.get(10, [])]
        if kind == 10:
            return name, [self.graph(value, depth + 1) for value in found.get(11, [])]
        return name, None  # sparse tensors and types: no operation that is known here has one

    def function(self, data: Value) -> Function:
        """Return the Function of a FunctionProto."""
        found = message(data)
        return Function(text(found, 1), domain_of(text(found, 10)), texts_of(found.get(4, [])),
                        texts_of(found.get(5, [])), self.nodes(found.get(7, []), 0),
                        OrderedDict(self.attribute(value, 0) for value in found.get(11, [])),
                        opsets(found.get(9, [])))


ONE = {1: 2, 2: 3, 3: 4, 4: 5, 5: 6, 6: 7, 7: 8, 8: 9, 9: 10, 10: 11}  # {AttributeType: the field that holds it}


def float32(value: Value) -> float:
    """Return the float of four bytes."""
    if isinstance(value, int) or len(value) != 4:
        raise Damaged("no float where a float should be")
    return struct.unpack("<f", value)[0]


def string_of(value: Value) -> str:
    """Return the text of an attribute, whose bytes need not be UTF-8."""
    if isinstance(value, int):
        raise Damaged("no text where text should be")
    return str(value, "utf-8", "replace")


def info(data: Value) -> Info:
    """Return the Info of a ValueInfoProto; a type that is no tensor's is called by its own name."""
    found = message(data)
    kinds = message(found[2][-1]) if 2 in found else {}
    if 1 not in kinds:
        return Info(text(found, 1), next((name for field, name in OTHERS.items() if field in kinds), "UNDEFINED"), None)
    held = message(kinds[1][-1])
    shape = None
    if 2 in held:
        shape = tuple(size(value) for value in message(held[2][-1]).get(1, []))
    return Info(text(found, 1), dtype_name(number(held, 1)), shape)


OTHERS = {4: "SEQUENCE", 5: "MAP", 8: "SPARSE", 9: "OPTIONAL"}  # fields of a TypeProto that are no tensor


def size(data: Value) -> Size:
    """Return the size of a Dimension: 0 and -1 stand for open ones in files of older exporters."""
    found = message(data)
    if 1 in found:
        value = signed(number(found, 1))
        return value if value > 0 else None
    return text(found, 2) or None
