"""A SavedModel or a frozen graph -> operations.Graph, by TensorFlow.

Variables become constants, nodes that no output needs are left out, constants are folded.  The official converter
also fuses operations and folds batch norms into convolutions.  Both would change the intermediate tensors that are
shown, and neither is done here.  TensorFlow tells the shapes and types of every tensor: a GraphDef does not hold them.
formats/graphs.py runs this as a child process, and it writes graph.pb and about.json.
"""
if not __package__:
    raise SystemExit("run it as a module, from the project's directory: "
                     ".venv/bin/python -m scripts.formats.freeze_by_tensorflow")

import argparse
import contextlib
import json
import os
import re
from collections import OrderedDict
from types import ModuleType
from typing import Any, Dict, Iterator, List, NamedTuple, Optional, Set, Tuple, Union

import numpy

from ..base import child, command, files
from ..base.fault import Fault
from ..operations import beginnings, graphdef
from ..operations.graph import NUMBERS, TYPES, Graph
from ..operations.outputs import SILENT, Choice, needed
from . import examples, saved_model
from .constants import array_of
from .graphs import described
from .saved_model import TAGS

SIGNATURES = ("serving_default", "default")  # of TensorFlow, and of TF-Hub 1
PASSES = ("debug_stripper", "pruning", "constfold", "arithmetic", "dependency", "pruning", "constfold", "dependency")
ASSIGNMENTS = ("AssignVariableOp", "AssignAddVariableOp", "AssignSubVariableOp")
PASSING = ("Identity", "Enter", "Switch")  # operations that return the variable that they take
# An attribute that computes nothing.  The nodes of a loop that have it change with their places in memory.
UNSTEADY = "_has_manual_control_dependencies"
CALLS = ("PartitionedCall", "StatefulPartitionedCall")
UNINLINED = ("_XlaMustCompile", "_noinline")  # attributes of what TensorFlow inlines no more: a convolution in groups
VARIABLES = ("VariableV2", "Variable", "VarHandleOp")

GraphDef = NodeDef = Tensor = TensorShape = Any  # of the TensorFlow that runs this


class Frozen(NamedTuple):
    """A graph without variables.

    graph    GraphDef
    inputs   names of its inputs
    outputs  {name of a known output: its tensor}, of a SavedModel the keys of the signature in their natural order
    """

    graph: GraphDef
    inputs: List[str]
    outputs: Dict[str, str]


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


def sizes(shape: TensorShape) -> Optional[List[Optional[int]]]:
    """Return a TensorShape as a list, None for an unknown rank."""
    return None if shape.rank is None else shape.as_list()


# Reading and freezing --------------------------------------------------------------------------------------

def frozen_of(tensorflow: ModuleType, source: str, tags: Optional[str], signature: Optional[str],
              constants: Optional[Dict[str, Any]] = None) -> Frozen:
    """Return the graph of a SavedModel or a frozen graph, behind the parsing of serialized examples.

    constants: {name of an input: its value}; these are no inputs any more.

    Raises Fault where TensorFlow does not load it.
    """
    found = freeze_saved_model(tensorflow, source, tags, signature) if saved_model.match(source) \
        else load_frozen(tensorflow, source)
    return Frozen(*examples.behind(tensorflow, *fixed(tensorflow, found, constants or {}, source)))


def fixed(tensorflow: ModuleType, found: Frozen, constants: Dict[str, Any], source: str) -> Frozen:
    """Return the graph with constants in the place of some inputs.  Raises Fault as formats.constants.array_of does.
    """
    for name, value in constants.items():
        if name not in found.inputs:
            raise Fault(f"{source}: constants: no input is called {name!r:.60}; there are: {', '.join(found.inputs)}")
        node, = [node for node in found.graph.node if node.name == name]
        dtype, shape = tensorflow.as_dtype(node.attr["dtype"].type), None
        if "shape" in node.attr and not node.attr["shape"].shape.unknown_rank:
            shape = sizes(tensorflow.TensorShape(node.attr["shape"].shape))
        kind = numpy.dtype(dtype.as_numpy_dtype).name if dtype != tensorflow.string else ""
        node.Clear()
        set_constant(tensorflow, node, name, array_of(name, kind, shape, value, f"{source}: constants"))
    return found._replace(inputs=[name for name in found.inputs if name not in constants])


def of_numbers(tensorflow: ModuleType, found: Frozen, source: str) -> List[str]:
    """Return the known outputs without texts, such as an estimator's classes; all of them where they all are texts."""
    text = tensorflow.string.as_datatype_enum
    if not any(text in (attribute.type, *attribute.list.type) for node in found.graph.node
               for attribute in node.attr.values()):
        return list(found.outputs)
    there = {node.name for node in found.graph.node}
    ends = sorted({operation_of(name) for name in found.outputs.values()} & there)
    graph = tensorflow.compat.v1.graph_util.extract_sub_graph(found.graph, ends)
    with imported(tensorflow, graph, source) as whole:
        numbers = [key for key, name in found.outputs.items() if operation_of(name) not in there
                   or whole.get_tensor_by_name(name if ":" in name else name + ":0").dtype != tensorflow.string]
    return numbers or list(found.outputs)


def load_frozen(tensorflow: ModuleType, path: str) -> Frozen:
    """Return the graph in a file; its outputs are the tensors that no operation reads.

    Raises Fault for damage, and for a graph with variables.
    """
    graph = tensorflow.compat.v1.GraphDef()
    try:
        with open(path, "rb") as file:
            graph.ParseFromString(file.read())
    except Exception as error:  # protobuf's own class of error differs between its versions
        raise Fault(f"{path}: damaged: {command.one_line(error)}")
    return of_graph_def(tensorflow, graph, path)


def of_graph_def(tensorflow: ModuleType, graph: GraphDef, path: str) -> Frozen:
    """Return a graph whose outputs are the tensors that no operation reads.  Raises Fault for a graph with variables.
    """
    variables = [node.name for node in graph.node if node.op in VARIABLES]
    if variables:
        raise Fault(f"{path}: a graph with variables ({variables[0]}, …) whose values it does not hold: freeze it, or "
                    "give the SavedModel")
    used = {operation_of(name) for node in graph.node for name in node.input}
    with imported(tensorflow, graph, path) as whole:
        last = [operation for operation in whole.get_operations()
                if operation.name not in used and operation.type not in SILENT]
    known = [tensor.name[:-2] if tensor.name.endswith(":0") else tensor.name for end in last for tensor in end.outputs]
    return Frozen(graph, placeholders(graph), OrderedDict(zip(known, known)))


def placeholders(graph: GraphDef) -> List[str]:
    """Return the names of the nodes that can be fed."""
    return [node.name for node in graph.node if node.op in ("Placeholder", "PlaceholderWithDefault")]


def freeze_saved_model(tensorflow: ModuleType, path: str, tags: Optional[str], signature: Optional[str]) -> Frozen:
    """Return the graph of a signature of a SavedModel.

    Raises Fault for a missing signature, and where TensorFlow does not load it.
    """
    found = saved_model.meta_graph(path, tags)
    there = saved_model.signatures(path, found)
    usual = [name for name in SIGNATURES if name in there] or (list(there) if len(there) == 1 else SIGNATURES)
    signature = signature or usual[0]
    if signature not in there or not there[signature]["outputs"]:
        named = ", ".join(sorted(name for name in there if there[name]["outputs"]))
        advice = f"there are {named}: name one (--signature, or signature in models.toml)" if named \
            else "there is none: save it with signatures= (tf.saved_model.save)"
        raise Fault(f"{path}: no signature {signature!r} with outputs; {advice}")
    directory, name = os.path.split(saved_model.file_of(path))
    if name != "saved_model.pb":
        raise Fault(f"{path}: a SavedModel's saved_model.pb under another name: give it this name back, with its "
                    "variables/ beside it, and give their directory")
    try:
        if 7 in found:
            return freeze_function(tensorflow, directory, (tags or TAGS).split(","), signature)
        return freeze_session(tensorflow, directory, found, there[signature], path)
    except child.REFUSALS + (IndexError, tensorflow.errors.OpError) as error:  # IndexError: a file that is cut short
        saved_model.check_variables(path)
        raise Fault(f"{directory}: TensorFlow {tensorflow.__version__} does not load it: {child.first_line(error)}")


def freeze_function(tensorflow: ModuleType, directory: str, tags: List[str], signature: str) -> Frozen:
    """Return the graph of a signature of TensorFlow 2, a function."""
    loaded = tensorflow.saved_model.load(directory, tags=tags)  # the variables live as long as this
    function = loaded.signatures[signature]
    keys = sorted(function.structured_outputs)  # the order in which tf.nest flattens a dict
    graph, inputs, tensors = constant(tensorflow, function)
    found = dict(zip(keys, tensors))
    return Frozen(graph, inputs, OrderedDict((key, found[key]) for key in sorted(keys, key=natural)))


def constant(tensorflow: ModuleType, function: Any) -> Tuple[GraphDef, List[str], List[str]]:
    """Return (GraphDef, names of its inputs, its output tensors) of a concrete function of TensorFlow 2: calls are
    inlined, variables become constants."""
    from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2
    written = {}
    if has_assignments(function.graph.as_graph_def()):
        variables = {inner.op.name: variable for outer, inner in function.graph.captures
                     for variable in function.graph.variables if variable.handle is outer}
        function.graph.variables = []
        flat = convert_variables_to_constants_v2(function, lower_control_flow=True, aggressive_inlining=True)
        written = {name: variables.pop(name) for name in assigned(flat.graph.as_graph_def()) if name in variables}
        function.graph.variables = list(variables.values())
    flat = convert_variables_to_constants_v2(function, lower_control_flow=True, aggressive_inlining=True)
    inputs = [tensor.op.name for tensor in flat.inputs if tensor.dtype != tensorflow.resource]
    graph = flat.graph.as_graph_def()
    if written:
        graph = without_assignments(tensorflow, graph, {name: one.numpy() for name, one in written.items()})
    return graph, inputs, [tensor.name for tensor in flat.outputs]


def has_assignments(graph: GraphDef) -> bool:
    """Return whether a GraphDef, or a function in it, writes a variable: TensorFlow freezes no such variable."""
    inside = [node for function in graph.library.function for node in function.node_def]
    return any(node.op in ASSIGNMENTS for node in list(graph.node) + inside)


def assigned(graph: GraphDef) -> Set[str]:
    """Return the names of the placeholders of variables that a GraphDef without functions writes."""
    nodes = {node.name: node for node in graph.node}
    return {variable_of(nodes, node) for node in graph.node if node.op in ASSIGNMENTS}


def variable_of(nodes: Dict[str, NodeDef], node: NodeDef) -> str:
    """Return the name of the placeholder of the variable that a node reads or writes; nodes: all, by name."""
    name = operation_of(node.input[0])
    while nodes[name].op in PASSING:
        name = operation_of(nodes[name].input[0])
    return name


def without_assignments(tensorflow: ModuleType, graph: GraphDef, written: Dict[str, Any]) -> GraphDef:
    """Return a GraphDef whose written variables have their saved values; the writing is left out.

    A random layer draws from a state that it writes, even where its output is its input.  A variable that is read
    after it was written stays: no output may need it.  written: {name of its placeholder: ndarray}.
    """
    nodes = {node.name: node for node in graph.node}
    writing = {node.name for node in graph.node if node.op in ASSIGNMENTS}
    reading = {node.name for node in graph.node if node.op == "ReadVariableOp" and variable_of(nodes, node) in written}
    result = tensorflow.compat.v1.GraphDef(versions=graph.versions, library=graph.library)
    for node in graph.node:
        if node.op in ASSIGNMENTS:
            continue
        copy = result.node.add()
        copy.CopyFrom(node)
        controls = {name[1:] for name in node.input if name.startswith("^")}
        if node.name in reading and not controls & writing:
            copy.Clear()
            set_constant(tensorflow, copy, node.name, written[variable_of(nodes, node)])
        else:
            del copy.input[:]
            copy.input.extend(name for name in node.input if not name.startswith("^")
                              or name[1:] not in writing | reading)
    return result


def natural(text: str) -> List[Union[int, str]]:
    """Return the key of a natural order: output_2 comes before output_10."""
    return [int(part) if part.isdecimal() else part for part in re.split(r"(\d+)", text)]


def freeze_session(tensorflow: ModuleType, directory: str, found: saved_model.Message,
                   signature: Dict[str, Dict[str, str]], path: str) -> Frozen:
    """Return the graph of a signature of TensorFlow 1, with the values of its variables; nothing of it is run.

    found: the MetaGraphDef.  signature: as saved_model.signatures returns it.
    """
    graph = tensorflow.compat.v1.GraphDef()
    graph.ParseFromString(bytes(found[2][-1]))
    prefix = os.path.join(directory, "variables", "variables")
    reader = tensorflow.train.load_checkpoint(prefix) if os.path.exists(prefix + ".index") else None
    if reader is None and any(node.op in VARIABLES for node in graph.node):
        saved_model.check_variables(path)
    frozen_graph = tensorflow.compat.v1.GraphDef(versions=graph.versions, library=graph.library)
    for node in graph.node:
        copy = frozen_graph.node.add()
        if node.op in VARIABLES:
            key = node.attr["shared_name"].s.decode("utf-8") if node.op == "VarHandleOp" else ""
            key = next((name for name in (node.name, key) if name and reader and reader.has_tensor(name)), None)
            if key is None:
                continue_without(frozen_graph)
                continue
            set_constant(tensorflow, copy, node.name, reader.get_tensor(key))
        elif node.op == "ReadVariableOp":
            copy.name, copy.op = node.name, "Identity"
            copy.input.append(node.input[0])
            copy.attr["T"].CopyFrom(node.attr["dtype"])
        elif node.op == "ResourceGather":
            copy.name, copy.op = node.name, "GatherV2"
            axis = frozen_graph.node.add()
            set_constant(tensorflow, axis, node.name + "/axis", 0)
            copy.input.extend(list(node.input[:2]) + [axis.name])
            copy.attr["Tparams"].CopyFrom(node.attr["dtype"])
            copy.attr["Tindices"].CopyFrom(node.attr["Tindices"])
            copy.attr["Taxis"].type = tensorflow.int32.as_datatype_enum
        else:
            copy.CopyFrom(node)
    outputs = OrderedDict((key, signature["outputs"][key]) for key in sorted(signature["outputs"], key=natural))
    inputs = [operation_of(name) for name in signature["inputs"].values()]
    return Frozen(frozen_graph, sorted(set(inputs) | set(placeholders(frozen_graph))), outputs)


def continue_without(graph: GraphDef) -> None:
    """Remove the last node, a variable that the checkpoint lacks; `choose` refuses an output that needs it."""
    del graph.node[-1]


def set_constant(tensorflow: ModuleType, node: NodeDef, name: str, value: Any) -> None:
    """Make a NodeDef a constant of this name and value."""
    node.name, node.op = name, "Const"
    tensor = tensorflow.make_tensor_proto(value)
    node.attr["dtype"].type = tensor.dtype
    node.attr["value"].tensor.CopyFrom(tensor)


# Outputs ---------------------------------------------------------------------------------------------------

def operation_of(name: str) -> str:
    """Return the operation of an input or tensor: "^name" is a control input, "name:1" the second output of "name"."""
    return name.lstrip("^").split(":")[0]


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
    graph = tensorflow.compat.v1.graph_util.extract_sub_graph(graph, sorted({name for name, _ in chosen.values()}))
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


@contextlib.contextmanager
def imported(tensorflow: ModuleType, graph: GraphDef, source: str) -> Iterator[Any]:
    """Give the GraphDef as a tensorflow.Graph, which checks it and knows the shapes.  Raises Fault for a bad one."""
    with tensorflow.Graph().as_default() as whole:
        try:
            tensorflow.import_graph_def(graph, name="")
        except (ValueError, KeyError, tensorflow.errors.OpError) as error:
            raise Fault(f"{source}: the graph cannot be computed: {child.first_line(error)}")
        yield whole


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
