"""A SavedModel or a frozen graph -> operations.Graph, by TensorFlow.

Variables become constants (load_by_tensorflow.py), nodes that no output needs are left out, constants are folded.  The
official converter also fuses operations and folds batch norms into convolutions.  This module does neither, because
both change the intermediate tensors that are shown.  TensorFlow infers the shapes and types of every tensor, since a
GraphDef does not hold them.  formats/graphs.py runs this module as a child process, which writes graph.pb and
about.json.
"""
if not __package__:
    raise SystemExit("run it as a module, from the project's directory: "
                     ".venv/bin/python -m scripts.formats.freeze_by_tensorflow")

import argparse
import json
import os
import re
from collections import OrderedDict
from types import ModuleType
from typing import Any, Dict, List, NamedTuple, Optional, Tuple, Union

from ..base import child, command, files
from ..base.fault import Fault
from ..operations import beginnings, graphdef
from ..operations.graph import NUMBERS, TYPES, Graph
from ..operations.outputs import Choice, needed
from .graphs import described
from .load_by_tensorflow import Frozen, frozen_of, imported, needed_part, of_numbers, placeholders, sizes

PASSES = ("debug_stripper", "pruning", "constfold", "arithmetic", "dependency", "pruning", "constfold", "dependency")
# An attribute that computes nothing.  The nodes of a loop that have it change with their places in memory.
UNSTEADY = "_has_manual_control_dependencies"
CALLS = ("PartitionedCall", "StatefulPartitionedCall")
UNINLINED = ("_XlaMustCompile", "_noinline")  # attributes of what TensorFlow inlines no more: a convolution in groups

GraphDef = Tensor = Any  # of the TensorFlow that runs this


class Place(NamedTuple):
    """A tensor: output number `index` of an operation."""

    operation: str
    index: int


class Signature(NamedTuple):
    """The inputs and outputs of a graph, in their order.

    message  SignatureDef of the same, with dtypes and shapes
    """

    message: Any
    inputs: List[str]
    outputs: List[str]


def freeze(source: str, outputs: Optional[List[str]] = None, tags: Optional[str] = None,
           signature: Optional[str] = None, **more: Any) -> Graph:
    """Return the graph of `source`, frozen in this process.  The arguments are those of formats/graphs.py."""
    with child.importing():
        import tensorflow
    content, about = frozen_graph(tensorflow, source, outputs, tags, signature, **more)
    return described(content, about)


def frozen_graph(tensorflow: ModuleType, source: str, outputs: Optional[List[str]], tags: Optional[str],
                 signature: Optional[str], every: bool = False,
                 input_shape: Any = None, constants: Optional[Dict[str, Any]] = None
                 ) -> Tuple[bytes, Dict[str, Any]]:
    """Load, freeze, choose, optimize; return (bytes of a GraphDef, facts about it).

    facts: {"inputs": [names], "outputs": [names], "asked": [names as they were asked for], "specs": {name:
    [[dtype, shape] of each output]}, "version": TensorFlow's}, JSON-able.
    Raises Fault where TensorFlow does not load the source, or it has no such outputs.
    """
    child.hush()
    found = frozen_of(tensorflow, source, tags, signature, constants)
    try:
        return chosen(tensorflow, found, source, outputs, every, input_shape)
    except tensorflow.errors.OpError as error:  # functions are looked at when they are optimized, and not before
        raise Fault(f"{source}: damaged: TensorFlow {tensorflow.__version__} does not take it: "
                    f"{child.first_line(error)}")


def chosen(tensorflow: ModuleType, found: Frozen, source: str, outputs: Optional[List[str]], every: bool = False,
           input_shape: Any = None) -> Tuple[bytes, Dict[str, Any]]:
    """Choose outputs of a frozen graph and optimize it; arguments, result and errors are frozen_graph's."""
    graph, inputs, known = found
    there = beginnings.opened(lambda *given: tensors(graph, known, source, *given), outputs, input_shape)
    for name in there.graph.inputs if there.graph.begins else ():
        inputs = inputs + [begin_at(tensorflow, graph, there, name)] if name not in inputs else inputs
    for name in inputs if input_shape is not None else ():
        node, = [node for node in graph.node if node.name == name]
        node.attr["shape"].shape.CopyFrom(tensorflow.TensorShape(there.graph.nodes[name].outputs[0].shape).as_proto())
    names = of_numbers(tensorflow, found, source) if outputs is None else outputs
    if every and outputs is None:
        left = set(known) - set(names)
        kept = {node.name for node in graph.node}  # steps of an unrolled loop are not among them
        names = [name for name, one in there.every().items() if one.node in kept and name not in left]
    if not names:
        raise Fault(f"{source}: no outputs are known: name them")
    graph, signature = with_outputs(tensorflow, graph, places(there, names), inputs, source)
    graph = optimize(tensorflow, graph, signature)
    for node in graph.node:
        node.attr.pop(UNSTEADY, None)
    with imported(tensorflow, graph, source) as whole:
        specs = {operation.name: [spec(tensor) for tensor in operation.outputs]
                 for operation in whole.get_operations()}
    message, inputs, ends = signature
    for side in (message.inputs, message.outputs):
        for name, info in side.items():  # shapes that were known before constants were folded
            specs[name][0] = [TYPES[info.dtype], sizes(tensorflow.TensorShape(info.tensor_shape))]
    return graph.SerializeToString(), {"inputs": inputs, "outputs": ends, "asked": names,
                                       "begins": there.graph.begins, "specs": specs,
                                       "version": tensorflow.__version__}


def spec(tensor: Tensor) -> List[Union[str, None, List[Optional[int]]]]:
    """Return [dtype, shape] of a tensor of TensorFlow's, JSON-able."""
    return [TYPES[tensor.dtype.as_datatype_enum], sizes(tensor.shape)]


# Outputs ---------------------------------------------------------------------------------------------------


def choose(graph: GraphDef, known: Dict[str, str], names: List[str], source: str) -> Dict[str, Place]:
    """Return {name as asked for: its tensor} in the order of `names`; known: as in Frozen.outputs.

    Raises Fault for a name that stands for no tensor or stands twice.
    """
    return places(tensors(graph, known, source), names)


def tensors(graph: GraphDef, known: Dict[str, str], source: str,
            begin: Optional[beginnings.Beginning] = None, input_shape: Any = None) -> Choice:
    """Return the tensors of a GraphDef by the names that people have for them, and their shapes."""
    found = graphdef.read(graph.SerializeToString())
    own = OrderedDict((name, graphdef.number_of_output(one)) for name, one in known.items())
    there = needed(found, own.values())
    found.inputs = [name for name in placeholders(graph) if name in there]  # a saver's file name is none
    beginnings.prepare(found, begin, input_shape, source)
    return Choice(found, own, source)


def begin_at(tensorflow: ModuleType, graph: GraphDef, there: Choice, name: str) -> str:
    """Make a node of a GraphDef the placeholder that it is in `there`; return its name."""
    node, = [node for node in graph.node if node.name == name]
    spec = there.graph.nodes[name].outputs[0]
    node.Clear()
    node.name, node.op = name, "Placeholder"
    node.attr["dtype"].type = NUMBERS[spec.dtype]
    node.attr["shape"].shape.CopyFrom(tensorflow.TensorShape(spec.shape).as_proto())
    return name


def places(there: Choice, names: List[str]) -> Dict[str, Place]:
    """Return {name: its tensor} of names, each of which stands once.  Raises Fault for others."""
    chosen = OrderedDict()
    for name in names:
        if name in chosen:
            raise Fault(f"{there.source}: output {name!r} is asked for twice")
        found = there.tensor(name)
        chosen[name] = Place(found.node, found.index)
    return chosen


def with_outputs(tensorflow: ModuleType, graph: GraphDef, chosen: Dict[str, Place], inputs: List[str],
                 source: str) -> Tuple[GraphDef, Signature]:
    """Return (GraphDef of the nodes that the outputs need, its signature).

    An output that is asked for by another name than its operation's gets an operation of that name: names and order
    are those asked for.  Raises Fault for an operation with fewer outputs.
    """
    from tensorflow.core.protobuf import meta_graph_pb2
    graph = needed_part(tensorflow, graph, sorted({name for name, _ in chosen.values()}), source)
    with imported(tensorflow, graph, source) as whole:
        for name, (operation, index) in chosen.items():
            if index >= len(whole.get_operation_by_name(operation).outputs):
                count = len(whole.get_operation_by_name(operation).outputs)
                raise Fault(f"{source}: output {name!r}: the operation {operation} has {count} outputs")
        types = {name: whole.get_tensor_by_name(f"{operation}:{index}").dtype
                 for name, (operation, index) in chosen.items()}
    ends, there = [], {node.name for node in graph.node}
    for name, (operation, index) in chosen.items():
        end = re.sub(r"[^A-Za-z0-9.\-_/]", "_", name[:-2] if name.endswith(":0") else name)
        end = end if re.match(r"[A-Za-z0-9.]", end) and not end.isdecimal() else "output_" + end
        if end != operation or index or end in ends:
            while end in there:
                end += "_"
            node = graph.node.add(name=end, op="Identity", input=[f"{operation}:{index}" if index else operation])
            node.attr["T"].type = types[name].as_datatype_enum
        there.add(end)
        ends.append(end)
    inputs = [name for name in inputs if name in there]
    signature = meta_graph_pb2.SignatureDef()
    with imported(tensorflow, graph, source) as whole:
        for side, names in (("inputs", inputs), ("outputs", ends)):
            for name in names:
                tensor = whole.get_tensor_by_name(name + ":0")
                info = getattr(signature, side)[name]
                info.name, info.dtype = tensor.name, tensor.dtype.as_datatype_enum
                info.tensor_shape.CopyFrom(tensor.shape.as_proto())
        return whole.as_graph_def(), Signature(signature, inputs, ends)


# Optimizing ------------------------------------------------------------------------------------------------

def optimize(tensorflow: ModuleType, graph: GraphDef, signature: Signature) -> GraphDef:
    """Return the graph after TensorFlow's own passes drop unneeded nodes and fold constants; outputs keep their names.
    """
    from tensorflow.core.protobuf import config_pb2
    from tensorflow.python.grappler import tf_optimizer
    calls = any(node.op in CALLS for node in graph.node)
    for owner in [each for function in graph.library.function for each in [function, *function.node_def]] + list(
            graph.node) if calls else ():
        for mark in UNINLINED:
            owner.attr.pop(mark, None)
    with imported(tensorflow, graph, "") as whole:
        pass
    meta = tensorflow.compat.v1.train.export_meta_graph(graph_def=graph, graph=whole)
    meta.signature_def["wanted"].CopyFrom(signature.message)
    meta.collection_def["train_op"].node_list.value.extend(signature.outputs)
    config = config_pb2.ConfigProto()
    rewrite = config.graph_options.rewrite_options
    rewrite.min_graph_nodes = -1
    rewrite.optimizers[:] = ("function",) * calls + PASSES
    return tf_optimizer.OptimizeGraph(config, meta)


def main(arguments: List[str]) -> None:
    """Run the command line: formats/graphs.py starts it as a child process."""
    parser = command.Parser(module="formats.freeze_by_tensorflow", description=__doc__)
    parser.add_argument("source", help="a SavedModel's directory or a frozen graph")
    parser.add_argument("directory", help="where graph.pb and about.json go")
    parser.add_argument("--settings", type=json.loads, help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    with child.importing():
        import tensorflow
    content, about = frozen_graph(tensorflow, options.source, **options.settings)

    def write(directory):
        with open(os.path.join(directory, "graph.pb"), "wb") as file:
            file.write(content)
        with open(os.path.join(directory, "about.json"), "w") as file:
            json.dump(about, file)
        return ["graph.pb", "about.json"]

    files.into(options.directory, write)


if __name__ == "__main__":
    command.run(main, at_once=True)
