"""A graph of operations as data: nodes by name, each with its inputs, its attributes and the Specs of its outputs.

A graph has no variables: its weights are the values of Const nodes, read when something asks for them.
Names and types are spelled as TensorFlow's protobufs spell them (core/framework/graph.proto, node_def.proto,
attr_value.proto, types.proto): "DT_FLOAT", "MatMul", "transpose_a".  Nothing here needs TensorFlow.

    x = Node("x", "Placeholder", attributes={"dtype": Attribute("type", "DT_FLOAT")})
    y = Node("y", "Relu", [Tensor("x")], attributes={"T": Attribute("type", "DT_FLOAT")})
    graph = Graph([x, y], inputs=["x"], outputs=["y"])
"""
from collections import OrderedDict
from typing import Any, Dict, Iterable, Iterator, List, NamedTuple, Optional, Tuple

import numpy

from ..layers.model import Weight
from .told import Shown

# The numbers of core/framework/types.proto, in their order
NAMES = """INVALID FLOAT DOUBLE INT32 UINT8 INT16 INT8 STRING COMPLEX64 INT64 BOOL QINT8 QUINT8 QINT32 BFLOAT16 QINT16
QUINT16 UINT16 COMPLEX128 HALF RESOURCE VARIANT UINT32 UINT64 FLOAT8_E5M2 FLOAT8_E4M3FN FLOAT8_E4M3FNUZ
FLOAT8_E4M3B11FNUZ FLOAT8_E5M2FNUZ INT4 UINT4 INT2 UINT2 FLOAT4_E2M1FN""".split()
REFERENCE = 100  # added to a type's number, it is the type of the variable itself
TYPES = {number: "DT_" + name for number, name in enumerate(NAMES)}
TYPES.update({number + REFERENCE: name + "_REF" for number, name in list(TYPES.items()) if number})
NUMBERS = {name: number for number, name in TYPES.items()}
NUMPY = {"DT_FLOAT": "float32", "DT_DOUBLE": "float64", "DT_HALF": "float16", "DT_INT8": "int8", "DT_INT16": "int16",
         "DT_INT32": "int32", "DT_INT64": "int64", "DT_UINT8": "uint8", "DT_UINT16": "uint16", "DT_UINT32": "uint32",
         "DT_UINT64": "uint64", "DT_BOOL": "bool", "DT_COMPLEX64": "complex64", "DT_COMPLEX128": "complex128"}
OF_NUMPY = {name: dtype for dtype, name in NUMPY.items()}

Shape = Optional[Tuple[Optional[int], ...]]  # None: not even the rank is known; None within: a size that is open


class Tensor(NamedTuple):
    """One output of a node, by the node's name; `port` is the output's name, which functions spell."""
    node: str
    index: int = 0
    port: str = ""

    def __str__(self) -> str:
        if self.port:
            return f"{self.node}:{self.port}:{self.index}"
        return f"{self.node}:{self.index}" if self.index else self.node


class Spec(NamedTuple):
    """A tensor as it is known before anything is computed."""
    dtype: str
    shape: Shape = None


class Attribute(NamedTuple):
    """The value of an attribute, and which field of an AttrValue it is.

    kind    value
    s       bytes
    i       int
    f       float, of which 32 bits count
    b       bool
    type    str, "DT_FLOAT"; an int where it is none of those known here
    shape   Shape
    tensor  Constant
    func    Call
    list    Row
    placeholder   str
    """
    kind: str
    value: Any


class Row(NamedTuple):
    """The values of a list attribute, all of one kind; `kind` is "" where there are none."""
    kind: str
    values: List[Any]


class Call(NamedTuple):
    """A function by its name, with the attributes of the call."""
    name: str
    attributes: Dict[str, Attribute]


class Constant(NamedTuple):
    """A tensor that an attribute holds.

    Of strings, and of what numpy has no type for, `values` is None and `raw` the TensorProto as its file has it.
    """
    dtype: str
    shape: Shape
    values: Optional[Weight]
    raw: bytes = b""


class Node:
    """One operation.

    name, op     str
    inputs       [Tensor]: data
    controls     [str]: names of nodes that come before it
    attributes   OrderedDict: name -> Attribute
    outputs      [Spec], or None where nothing is known of them
    device       str
    rest         bytes: the fields of a NodeDef that are none of these, as its file has them
    """

    def __init__(self, name: str, op: str, inputs: Iterable[Tensor] = (), controls: Iterable[str] = (),
                 attributes: Optional[Dict[str, Attribute]] = None, outputs: Optional[List[Spec]] = None,
                 device: str = "", rest: bytes = b"") -> None:
        self.name, self.op = name, op
        self.inputs, self.controls = list(inputs), list(controls)
        self.attributes = OrderedDict(attributes or ())
        self.outputs, self.device, self.rest = outputs, device, rest

    def value(self, attribute: str, default: Any = None) -> Any:
        """Return the value of an attribute, of a list its values; `default` where it is not there."""
        found = self.attributes.get(attribute)
        if found is None:
            return default
        return found.value.values if found.kind == "list" else found.value

    def text(self, attribute: str) -> str:
        """Return the text of an attribute, "" where there is none."""
        found = self.value(attribute)
        return found.decode("utf-8", "replace") if isinstance(found, bytes) else ""


class Function(NamedTuple):
    """A function of a graph's library: nodes whose inputs are its arguments, too, and the tensors it returns by name.

    rest: bytes, the fields of a FunctionDef that are none of these, its signature first of all, as its file has them
    """
    name: str
    nodes: List[Node]
    results: Dict[str, str]
    rest: bytes


class Graph:
    """A graph of operations.

    nodes       OrderedDict: name -> Node
    inputs      [names of nodes], in their order: what is fed
    outputs     [names of nodes], in their order: the first output of each is one of the graph's
    functions   [Function]
    producer, consumer   int: the versions of TensorFlow's graphs (core/framework/versions.proto)
    made_by     str: the version of what made it
    asked       [str]: how the outputs were asked for, [] where that is how they are called
    layers      {name of an output: told.Shown} of the layers that it was made from, {} where its scopes tell
    long        str: a loop of more steps than are unrolled, else ""
    begins      str: a line about where it begins, where that is not with its own inputs (beginnings.py), else ""
    """

    def __init__(self, nodes: Iterable[Node] = (), inputs: Iterable[str] = (), outputs: Iterable[str] = (),
                 functions: Iterable[Function] = (), producer: int = 0, consumer: int = 0, made_by: str = "") -> None:
        self.nodes = OrderedDict((node.name, node) for node in nodes)
        self.inputs, self.outputs = list(inputs), list(outputs)
        self.functions = list(functions)
        self.producer, self.consumer, self.made_by = producer, consumer, made_by
        self.asked: List[str] = []
        self.layers: Dict[str, Shown] = {}
        self.begins = self.long = ""

    def add(self, node: Node) -> Node:
        """Add a node behind the others, under its name or, where that is taken, one with "_" behind; return it."""
        while node.name in self.nodes:
            node.name += "_"
        self.nodes[node.name] = node
        return node

    def spec(self, tensor: Tensor) -> Optional[Spec]:
        """Return what is known of a tensor, None where nothing is."""
        node = self.nodes.get(tensor.node)
        known = node.outputs if node is not None and node.outputs is not None else []
        return known[tensor.index] if tensor.index < len(known) else None

    def constant(self, tensor: Tensor) -> Optional[numpy.ndarray]:
        """Return the values of a tensor that is a constant of the graph, None where it is none."""
        node = self.nodes.get(tensor.node)
        found = node.value("value") if node is not None and node.op == "Const" else None
        return found.values.read() if found is not None and found.values is not None else None

    def every_node(self) -> Iterator[Node]:
        """Yield the nodes, and those of its functions after them."""
        for node in self.nodes.values():
            yield node
        for function in self.functions:
            for node in function.nodes:
                yield node


def constant(name: str, values: Any, dtype: Optional[str] = None) -> Node:
    """Return a Const node of an array, or what numpy makes one of; dtype: "DT_INT32", …, default the array's own."""
    array = numpy.asarray(values, NUMPY[dtype] if dtype else None)
    dtype = dtype or OF_NUMPY[array.dtype.name]
    return Node(name, "Const", attributes={
        "dtype": Attribute("type", dtype),
        "value": Attribute("tensor", Constant(dtype, array.shape, Weight.of(name, array)))},
        outputs=[Spec(dtype, array.shape)])
