"""A SavedModel or a frozen graph -> a GraphDef whose variables are constants, by TensorFlow."""
import contextlib
import os
import re
from collections import OrderedDict
from types import ModuleType
from typing import Any, Dict, Iterator, List, NamedTuple, Optional, Set, Tuple, Union

import numpy

from ..base import child, command
from ..base.fault import Fault
from ..operations.outputs import SILENT
from . import examples, saved_model
from .constants import array_of
from .saved_model import TAGS

SIGNATURES = ("serving_default", "default")  # of TensorFlow, and of TF-Hub 1
ASSIGNMENTS = ("AssignVariableOp", "AssignAddVariableOp", "AssignSubVariableOp")
PASSING = ("Identity", "Enter", "Switch")  # operations that return the variable that they take
VARIABLES = ("VariableV2", "Variable", "VarHandleOp")

GraphDef = NodeDef = TensorShape = Any  # of the TensorFlow that runs this


class Frozen(NamedTuple):
    """A graph without variables.

    graph    GraphDef
    inputs   names of its inputs
    outputs  {name of a known output: its tensor}, of a SavedModel the keys of the signature in their natural order
    """

    graph: GraphDef
    inputs: List[str]
    outputs: Dict[str, str]


def frozen_of(tensorflow: ModuleType, source: str, tags: Optional[str], signature: Optional[str],
              constants: Optional[Dict[str, Any]] = None) -> Frozen:
    """Return the graph of a SavedModel or a frozen graph, after the parsing of serialized examples.

    constants: {name of an input: its value}; these are no inputs any more.

    Raises Fault where TensorFlow does not load it.
    """
    found = freeze_saved_model(tensorflow, source, tags, signature) if saved_model.match(source) \
        else load_frozen(tensorflow, source)
    return Frozen(*examples.behind(tensorflow, *fixed(tensorflow, found, constants or {}, source)))


def fixed(tensorflow: ModuleType, found: Frozen, constants: Dict[str, Any], source: str) -> Frozen:
    """Return the graph with constants in place of some inputs.  Raises Fault as formats.constants.array_of does.
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
    graph = needed_part(tensorflow, found.graph, ends, source)
    with imported(tensorflow, graph, source) as whole:
        numbers = [key for key, name in found.outputs.items() if operation_of(name) not in there
                   or whole.get_tensor_by_name(name if ":" in name else name + ":0").dtype != tensorflow.string]
    return numbers or list(found.outputs)


# Frozen graphs ----------------------------------------------------------------------------------------------

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


# SavedModels ------------------------------------------------------------------------------------------------

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
    saved = saved_as(tensorflow, graph)
    for node in graph.node:
        copy = frozen_graph.node.add()
        if node.op in VARIABLES:
            key = node.attr["shared_name"].s.decode("utf-8") if node.op == "VarHandleOp" else ""
            own, part = saved.get(node.name, (node.name, ""))
            key = next((name for name in (node.name, key, own) if name and reader and reader.has_tensor(name)), None)
            if key is None:
                continue_without(frozen_graph)
                continue
            value = reader.get_tensor(key)
            set_constant(tensorflow, copy, node.name, value[slices(part)] if part and key == own else value)
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


def saved_as(tensorflow: ModuleType, graph: GraphDef) -> Dict[str, Tuple[str, str]]:
    """Return {name of a variable: (its name in the checkpoint, what part of that it is)}, as the graph saves them.

    A partitioned variable is one tensor of the checkpoint (a partitioner of TensorFlow 1).  The part is as `slices`
    takes it, "" for the whole tensor.
    """
    nodes, found = {node.name: node for node in graph.node}, {}
    for node in graph.node:
        told = [nodes.get(operation_of(name)) for name in node.input[1:3]] if node.op == "SaveV2" else []
        if len(told) == 2 and all(one is not None and one.op == "Const" for one in told):
            rows = [[text.decode("utf-8") for text in tensorflow.make_ndarray(one.attr["value"].tensor).reshape(-1)]
                    for one in told]
            for name, key, part in zip([name for name in node.input[3:] if not name.startswith("^")], *rows):
                reading = nodes.get(operation_of(name))
                while reading is not None and reading.op in PASSING + ("ReadVariableOp",):
                    reading = nodes.get(operation_of(reading.input[0]))
                if reading is not None and reading.op in VARIABLES:
                    found[reading.name] = key, part
    return found


def slices(part: str) -> Tuple[slice, ...]:
    """Return the part of a tensor of the checkpoint: "6 3 0,2:-" is its rows 0 and 1 (core/framework/tensor_slice.h).
    """
    found = []
    for bounds in part.split(" ")[-1].split(":"):
        start, _, count = bounds.partition(",")
        found.append(slice(None) if start == "-" else slice(int(start), int(start) + int(count)))
    return tuple(found)


# Nodes and tensors ------------------------------------------------------------------------------------------

def set_constant(tensorflow: ModuleType, node: NodeDef, name: str, value: Any) -> None:
    """Make a NodeDef a constant of this name and value."""
    node.name, node.op = name, "Const"
    tensor = tensorflow.make_tensor_proto(value)
    node.attr["dtype"].type = tensor.dtype
    node.attr["value"].tensor.CopyFrom(tensor)


def needed_part(tensorflow: ModuleType, graph: GraphDef, names: List[str], source: str) -> GraphDef:
    """Return the part of a graph that these nodes need.  Raises Fault where a node is not there that they need."""
    try:
        return tensorflow.compat.v1.graph_util.extract_sub_graph(graph, names)
    except KeyError as error:
        raise Fault(f"{source}: an output needs {error.args[0]}, which is no operation of the graph, or a variable "
                    "that the checkpoint lacks: save the model again with it, or ask for outputs without it")


def operation_of(name: str) -> str:
    """Return the operation of an input or tensor: "^name" is a control input, "name:1" the second output of "name"."""
    return name.lstrip("^").split(":")[0]


def sizes(shape: TensorShape) -> Optional[List[Optional[int]]]:
    """Return a TensorShape as a list, None for an unknown rank."""
    return None if shape.rank is None else shape.as_list()


@contextlib.contextmanager
def imported(tensorflow: ModuleType, graph: GraphDef, source: str) -> Iterator[Any]:
    """Give the GraphDef as a tensorflow.Graph, which checks it and knows the shapes.  Raises Fault for a bad one."""
    with tensorflow.Graph().as_default() as whole:
        try:
            tensorflow.import_graph_def(graph, name="")
        except (ValueError, KeyError, tensorflow.errors.OpError) as error:
            raise Fault(f"{source}: the graph cannot be computed: {child.first_line(error)}")
        yield whole
