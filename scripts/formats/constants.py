"""Constants in place of a graph's inputs: numbers, true or false, or lists of these in the input's shape."""
from collections import OrderedDict
from typing import Any, Dict, Optional, Sequence

import numpy

from ..base.fault import Fault
from ..operations.graph import NUMPY, Attribute, Graph, constant
from ..operations.shapes import dtype_of, shape_of


def array_of(name: str, dtype: str, shape: Optional[Sequence[Any]], value: Any, where: str) -> numpy.ndarray:
    """Return a value as the array that an input takes; one number will do for an input of one.

    dtype  numpy's name of the input's type, "" where it is not of numbers
    shape  of the input: numbers, anything else for an open size; None where its dimensions are not known
    where  how a Fault begins: "m.onnx: constants"
    Raises Fault for a value of another type or shape.
    """
    wanted = numpy.asarray(value)
    sizes: Sequence[Any] = wanted.shape if shape is None else shape
    if wanted.ndim == 0 and all(size == 1 for size in sizes):
        wanted = wanted.reshape([1] * len(sizes))
    fits = dtype and wanted.dtype.kind in "iufb" and len(sizes) == wanted.ndim and all(
        not isinstance(size, int) or size == own for size, own in zip(sizes, wanted.shape))
    with numpy.errstate(all="ignore"):
        array = wanted.astype(dtype) if fits else wanted
    if not fits or array.dtype.kind != "f" and (array != wanted).any():
        raise Fault(f"{where}: {name!r:.60} takes {dtype or 'no number'} of shape {sizes}, not {value!r:.60}")
    return array


def fix(graph: Graph, values: Dict[str, Any], source: str) -> None:
    """Put constants in place of inputs of a graph, in place; arguments and errors are those of `arrays`."""
    for name, array in arrays(graph, values, source).items():
        graph.nodes[name] = constant(name, array, dtype_of(graph.nodes[name]))
    graph.inputs = [name for name in graph.inputs if name not in values]


def arrays(graph: Graph, values: Dict[str, Any], source: str) -> Dict[str, numpy.ndarray]:
    """Return {name of an input of a graph: its value as an array}; values: {name of an input: its value}.

    An input that has a value by default is one, too.
    Raises Fault for a name that no input has, and as `array_of` does.
    """
    found = {}
    there = graph.inputs + [name for name, node in graph.nodes.items() if node.op == "PlaceholderWithDefault"
                            and name not in graph.inputs]
    for name, value in values.items():
        if name not in there:
            raise Fault(f"{source}: constants: no input is called {name!r:.60}; there are: {', '.join(there)}")
        kind, shape = dtype_of(graph.nodes[name]), shape_of(graph.nodes[name])
        found[name] = array_of(name, NUMPY.get(kind, ""), shape, value, f"{source}: constants")
    return found


def settle(graph: Graph) -> None:
    """Let inputs that are true or false by default, and that the model does not ask for, be so from now on, in place:
    they tell which branch of a condition is taken."""
    for node in graph.nodes.values():
        if node.op == "PlaceholderWithDefault" and dtype_of(node) == "DT_BOOL" and node.name not in graph.inputs \
                and graph.constant(node.inputs[0]) is not None:
            node.op, node.attributes = "Identity", OrderedDict(T=Attribute("type", "DT_BOOL"))
