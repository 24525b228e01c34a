"""A TensorFlow graph, from a SavedModel (TensorFlow 1's too) or a frozen .pb -> a TensorFlow.js graph model.

Writes model.json and shards whose outputs are the tensors asked for, in the order asked for.  Variables become
constants, what no output needs is left out, constants are folded; operations are not fused and batch norms not
folded into convolutions, as the official converter does: that would change the intermediate tensors that are shown.
TensorFlow is imported in a child process alone.
"""
if not __package__:
    raise SystemExit("run it as a module, from the project's directory: "
                     ".venv/bin/python -m scripts.tfjs.graph_by_tensorflow")

import argparse
import contextlib
import difflib
import json
import os
import re
from collections import OrderedDict

from ..base import child, command, files, place
from ..base.fault import Fault
from ..formats import TAGS, check_readable, frozen, saved_model
from ..layers.model import Weight
from ..operations import unlike
from ..wire import shards
from . import VERSION_NAME

SIGNATURE = "serving_default"
PASSES = ("debug_stripper", "pruning", "constfold", "arithmetic", "dependency", "pruning", "constfold", "dependency")
VALUES = ("tensor_content", "half_val", "float_val", "double_val", "int_val", "string_val", "scomplex_val", "int64_val",
          "bool_val", "resource_handle_val", "variant_val", "uint32_val", "uint64_val")  # core/framework/tensor.proto
VARIABLES = ("VariableV2", "Variable", "VarHandleOp")
SILENT = ("NoOp", "Const", "Placeholder", "PlaceholderWithDefault", "SaveV2", "RestoreV2", "Assert")


def convert(source, directory, outputs=None, tags=None, signature=None, json_name="model.json",
            shard_size=shards.SHARD_SIZE, quantize=None):
    """Convert the graph `source` into the empty `directory`, in a child process.

    outputs    list of str, each a key of the signature, a tensor ("dense/Relu:0"), an operation, the end of an
               operation's path that stands for one alone, or a scope with one result (a layer's name); default: the
               signature's outputs, and of a frozen graph those that nothing reads
    tags, signature   of a SavedModel; default "serve", "serving_default"
    Returns (names of the files, the json first; {"inputs": [names], "outputs": [names]}).
    """
    check_readable(source)
    settings = {"outputs": outputs, "tags": tags, "signature": signature, "json_name": json_name,
                "shard_size": shard_size, "quantize": quantize}
    child.run("tfjs.graph_by_tensorflow", [source, directory, "--settings", json.dumps(settings)], quiet=True)
    with open(os.path.join(directory, json_name), encoding="utf-8") as file:
        document = json.load(file)
    names = [json_name] + [name for group in document["weightsManifest"] for name in group["paths"]]
    return names, {side: list(document["signature"].get(side, {})) for side in ("inputs", "outputs")}


def check_settings(source, **settings):
    """Raise a Fault where any of these settings, which are about layers, is given."""
    given = [key for key, value in sorted(settings.items()) if value]
    if given:
        raise Fault("{}: a TensorFlow graph has no layers: leave out {}".format(source, ", ".join(given)))


def write(source, directory, outputs, tags, signature, json_name, shard_size, quantize):
    """The child's part: load, freeze, choose, optimize, write."""
    command.check_json_name(json_name)
    import tensorflow
    child.hush()
    graph, inputs, known = frozen_of(tensorflow, source, tags, signature)
    names = list(known) if outputs is None else outputs
    if not names:
        raise Fault(f"{source}: no outputs are known: name them")
    chosen = choose(graph, known, names, source)
    graph, signature = with_outputs(tensorflow, graph, chosen, inputs, source)
    graph = optimize(tensorflow, graph, signature)
    unlike.without_erfc(tensorflow, graph)
    with imported(tensorflow, graph, source) as whole:
        unlike.check(tensorflow, graph, whole, source)
        graph = unlike.adapt(tensorflow, graph, whole)
    return write_model(tensorflow, graph, signature, directory, json_name, shard_size, quantize)


# Reading and freezing --------------------------------------------------------------------------------------

def frozen_of(tensorflow, source, tags, signature):
    """Return (GraphDef without variables, [names of its inputs], OrderedDict of its known outputs: name -> tensor)."""
    if saved_model.match(source):
        return freeze(tensorflow, source, tags, signature)
    return load_frozen(tensorflow, source)


def load_frozen(tensorflow, path):
    """Return (GraphDef, [placeholders], {output: tensor}) of a frozen graph; outputs are what nothing reads."""
    graph = tensorflow.compat.v1.GraphDef()
    try:
        with open(path, "rb") as file:
            graph.ParseFromString(file.read())
    except Exception as error:  # protobuf's own class of error differs between its versions
        raise Fault(f"{path}: damaged: {command.one_line(error)}")
    variables = [node.name for node in graph.node if node.op in VARIABLES]
    if variables:
        raise Fault(f"{path}: a graph with variables ({variables[0]}, …) whose values it does not hold: freeze it, or "
                    "give the "
                    "SavedModel")
    used = {operation_of(name) for node in graph.node for name in node.input}
    with imported(tensorflow, graph, path) as whole:
        ends = [operation for operation in whole.get_operations()
                if operation.name not in used and operation.type not in SILENT]
    known = [tensor.name[:-2] if tensor.name.endswith(":0") else tensor.name for end in ends for tensor in end.outputs]
    return graph, placeholders(graph), OrderedDict(zip(known, known))


def placeholders(graph):
    return [node.name for node in graph.node if node.op in ("Placeholder", "PlaceholderWithDefault")]


def freeze(tensorflow, path, tags, signature):
    """Return (GraphDef without variables, [names of its inputs], {key of the signature: tensor}) of a SavedModel."""
    found = saved_model.meta_graph(path, tags)
    there = saved_model.signatures(path, found)
    signature = signature or (SIGNATURE if SIGNATURE in there or len(there) != 1 else next(iter(there)))
    if signature not in there or not there[signature]["outputs"]:
        named = ", ".join(sorted(name for name in there if there[name]["outputs"]))
        raise Fault("{}: no signature {!r} with outputs; {}".format(path, signature, (
            f"there are {named}: name one (--signature, or signature in models.toml)") if named
            else "there is none: save it with signatures= (tf.saved_model.save)"))
    directory, name = os.path.split(saved_model.file_of(path))
    if name != "saved_model.pb":
        raise Fault(f"{path}: a SavedModel's saved_model.pb under another name: give it this name back, with its "
                    "variables/ "
                    "beside it, and give their directory")
    try:
        if 7 in found:
            return freeze_function(tensorflow, directory, (tags or TAGS).split(","), signature)
        return freeze_session(tensorflow, directory, found, there[signature], path)
    except child.REFUSALS + (IndexError, tensorflow.errors.OpError) as error:  # IndexError: a file that is cut short
        saved_model.check_variables(path)
        raise Fault(f"{directory}: TensorFlow {tensorflow.__version__} does not load it: {child.first_line(error)}")


def freeze_function(tensorflow, directory, tags, signature):
    """TensorFlow 2: the signature is a function; its calls are inlined, its variables become constants."""
    from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2
    loaded = tensorflow.saved_model.load(directory, tags=tags)  # whose variables live as long as it does
    function = loaded.signatures[signature]
    constant = convert_variables_to_constants_v2(function, lower_control_flow=True, aggressive_inlining=True)
    keys = sorted(function.structured_outputs)  # the order in which tf.nest flattens a dict
    tensors = dict(zip(keys, [tensor.name for tensor in constant.outputs]))
    inputs = [tensor.op.name for tensor in constant.inputs if tensor.dtype != tensorflow.resource]
    return constant.graph.as_graph_def(), inputs, OrderedDict((key, tensors[key]) for key in sorted(keys, key=natural))


def natural(text):
    """output_2 comes before output_10."""
    return [int(part) if part.isdecimal() else part for part in re.split(r"(\d+)", text)]


def freeze_session(tensorflow, directory, found, signature, path):
    """TensorFlow 1: variables are operations; their values are put into the graph, and nothing of it is run."""
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
    return frozen_graph, sorted(set(inputs) | set(placeholders(frozen_graph))), outputs


def continue_without(graph):
    """A variable that the checkpoint does not have: if an output needs it, choosing says so."""
    del graph.node[-1]


def set_constant(tensorflow, node, name, value):
    node.name, node.op = name, "Const"
    tensor = tensorflow.make_tensor_proto(value)
    node.attr["dtype"].type = tensor.dtype
    node.attr["value"].tensor.CopyFrom(tensor)


# Outputs ---------------------------------------------------------------------------------------------------

def operation_of(name):
    """The operation of an input or tensor name: "^name" is a control input, "name:1" its second output."""
    return name.lstrip("^").split(":")[0]


def choose(graph, known, names, source):
    """Return OrderedDict: name as asked for -> (operation, index of its output)."""
    operations = OrderedDict((node.name, node) for node in graph.node)
    chosen = OrderedDict()
    for name in names:
        operation, _, index = known.get(name, name).partition(":")
        if index and not index.isdecimal():
            raise Fault(f"{source}: output {name!r} is not OPERATION or OPERATION:NUMBER")
        if operation not in operations:
            operation = ending(operations, operation) or result_of(operations, known, operation)
        if operation is None:
            near = difflib.get_close_matches(name, list(known) + [node.name for node in graph.node], 3, 0.4)
            raise Fault("{}: no tensor {!r}; the signature has {}{}".format(
                source, name, ", ".join(known) or "none", "; near it are " + ", ".join(near) if near else ""))
        if name in chosen:
            raise Fault(f"{source}: output {name!r} is asked for twice")
        chosen[name] = (operation, int(index or 0))
    return chosen


def ending(operations, name):
    found = [operation for operation in operations if operation.endswith("/" + name)]
    return found[0] if len(found) == 1 else None


def result_of(operations, known, scope):
    """The one operation below `scope`, a part of the paths, whose result leaves it on its way to a known output."""
    needed, waiting = set(), [operation_of(tensor) for tensor in known.values()]
    while waiting:
        name = waiting.pop()
        if name in operations and name not in needed:
            needed.add(name)
            waiting += [operation_of(inner) for inner in operations[name].input]
    inside = [node for node in operations.values() if node.name in needed and f"/{scope}/" in "/" + node.name]
    passed = {operation_of(name) for node in inside for name in node.input}
    last = [node.name for node in inside if node.name not in passed and node.op not in SILENT]
    return last[0] if len(last) == 1 else None


def with_outputs(tensorflow, graph, chosen, inputs, source):
    """Return (GraphDef of what the outputs need, (SignatureDef, names of inputs, names of outputs)).

    An output that is asked for by another name than its operation's gets an operation of that name, so that names
    and order are those asked for.
    """
    from tensorflow.core.protobuf import meta_graph_pb2
    graph = tensorflow.compat.v1.graph_util.extract_sub_graph(graph, sorted({name for name, _ in chosen.values()}))
    with imported(tensorflow, graph, source) as whole:
        for name, (operation, index) in chosen.items():
            if index >= len(whole.get_operation_by_name(operation).outputs):
                raise Fault("%s: output %r: the operation %s has %d outputs" % (
                    source, name, operation, len(whole.get_operation_by_name(operation).outputs)))
        types = {name: whole.get_tensor_by_name("%s:%d" % place).dtype for name, place in chosen.items()}
    ends, there = [], {node.name for node in graph.node}
    for name, (operation, index) in chosen.items():
        end = re.sub(r"[^A-Za-z0-9.\-_/]", "_", name[:-2] if name.endswith(":0") else name)
        end = end if re.match(r"[A-Za-z0-9.]", end) and not end.isdecimal() else "output_" + end
        if end != operation or index or end in ends:
            while end in there:
                end += "_"
            node = graph.node.add(name=end, op="Identity", input=["%s:%d" % (operation, index) if index else operation])
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
        return whole.as_graph_def(), (signature, inputs, ends)


@contextlib.contextmanager
def imported(tensorflow, graph, source):
    """The GraphDef as a Graph of TensorFlow's, which checks it and knows the shapes."""
    with tensorflow.Graph().as_default() as whole:
        try:
            tensorflow.import_graph_def(graph, name="")
        except (ValueError, KeyError, tensorflow.errors.OpError) as error:
            raise Fault(f"{source}: the graph cannot be computed: {child.first_line(error)}")
        yield whole


# Optimizing and writing ------------------------------------------------------------------------------------

def optimize(tensorflow, graph, signature):
    """Let TensorFlow's own passes drop what is not needed and compute what is constant; outputs keep their names."""
    from tensorflow.core.protobuf import config_pb2
    from tensorflow.python.grappler import tf_optimizer
    with imported(tensorflow, graph, "") as whole:
        pass
    meta = tensorflow.compat.v1.train.export_meta_graph(graph_def=graph, graph=whole)
    meta.signature_def["wanted"].CopyFrom(signature[0])
    meta.collection_def["train_op"].node_list.value.extend(signature[2])
    config = config_pb2.ConfigProto()
    rewrite = config.graph_options.rewrite_options
    rewrite.min_graph_nodes = -1
    rewrite.optimizers[:] = PASSES
    return tf_optimizer.OptimizeGraph(config, meta)


def write_model(tensorflow, graph, signature, directory, json_name, shard_size, quantize):
    """Write model.json and shards (tfjs-converter tf_saved_model_conversion_v2.write_artifacts)."""
    from google.protobuf.json_format import MessageToDict
    weights = []
    for node in list(graph.node) + [node for function in graph.library.function for node in function.node_def]:
        if node.op == "Const":
            value = tensorflow.make_ndarray(node.attr["value"].tensor)
            if value.dtype.name in ("int8", "uint8", "int16", "uint16"):  # no dtypes of weights to TensorFlow.js
                value = value.astype("int32")
            if value.dtype == object:
                raise Fault(f"operation {node.name!r} is a constant of strings, which a graph model cannot hold here")
            weights.append(Weight.of(node.name, value))
            for field in VALUES:
                node.attr["value"].tensor.ClearField(field)
    manifest = shards.write(weights, directory, shard_size, quantize)
    message, inputs, outputs = signature
    sides = MessageToDict(message)
    document = OrderedDict([
        ("format", "graph-model"), ("generatedBy", tensorflow.__version__), ("convertedBy", VERSION_NAME),
        ("signature", OrderedDict((side, OrderedDict((name, sides[side][name]) for name in names))
                                  for side, names in (("inputs", inputs), ("outputs", outputs)) if names)),
        ("modelTopology", json.loads(json.dumps(MessageToDict(graph), sort_keys=True))), ("weightsManifest", manifest)])
    with open(os.path.join(directory, json_name), "w") as file:
        json.dump(document, file)
    return [json_name] + [name for group in manifest for name in group["paths"]]


def compute(source, request, answer, settings):
    """What TensorFlow computes of the graph, verify's oracle: npz of inputs by name -> npz of output_0, output_1, …"""
    import numpy
    import tensorflow
    child.hush()
    frozen_graph, _, known = frozen_of(tensorflow, source, settings["tags"], settings["signature"])
    chosen = choose(frozen_graph, known, settings["outputs"] or list(known), source)
    needed = sorted({name for name, _ in chosen.values()})
    kept = tensorflow.compat.v1.graph_util.extract_sub_graph(frozen_graph, needed)
    with numpy.load(request, allow_pickle=False) as archive:
        fed = {name + ":0": archive[name] for name in archive.files}
    with imported(tensorflow, kept, source) as whole, tensorflow.compat.v1.Session(graph=whole) as session:
        found = session.run(["%s:%d" % place for place in chosen.values()], fed)
    with files.whole(answer) as part, open(part, "wb") as stream:
        numpy.savez(stream, **{"output_%d" % index: values for index, values in enumerate(found)})


def main(arguments):
    parser = command.Parser(module="tfjs.graph_by_tensorflow", description=__doc__)
    parser.add_argument("source", help="a SavedModel's directory or a frozen .pb")
    parser.add_argument("directory", nargs="?", default="", help="where model.json and the shards go")
    parser.add_argument("--outputs", type=lambda text: text.split(","), help="tensors, operations or layers: a,b,c")
    parser.add_argument("--tags", help="of the SavedModel's graph (default: serve)")
    parser.add_argument("--signature", help="default: serving_default")
    parser.add_argument("--json-name", default="model.json")
    # What `convert` and scripts.verify ask their child for.
    parser.add_argument("--settings", type=json.loads, help=argparse.SUPPRESS)
    parser.add_argument("--compute", nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    child.in_environment("tfjs.graph_by_tensorflow", arguments)
    if options.compute:
        return compute(options.source, options.compute[0], options.compute[1], options.settings)
    if not options.directory:
        parser.error("the directory to write to is missing")
    if options.settings is None and not frozen.is_graph(options.source, options.tags):
        raise Fault(f"{options.source}: not a TensorFlow graph; {place.spelled('preprocess')} takes other models")
    settings = options.settings or {
        "outputs": options.outputs, "tags": options.tags, "signature": options.signature,
        "json_name": options.json_name, "shard_size": shards.SHARD_SIZE, "quantize": None}
    files.into(options.directory, lambda path: write(options.source, path, **settings))


if __name__ == "__main__":
    command.run(main)
