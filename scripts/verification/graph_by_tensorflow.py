"""TensorFlow's values of a graph's outputs: the oracle of scripts.verify for graphs.

These are SavedModels, frozen graphs and the GraphDefs of before TensorFlow.js 1.0."""
if not __package__:
    raise SystemExit("run it as a module, from the project's directory: "
                     ".venv/bin/python -m scripts.verification.graph_by_tensorflow")

import json
import os
from types import ModuleType
from typing import Any, Dict, List, Optional

import numpy

from ..base import child, command
from ..formats import freeze_by_tensorflow as freeze
from ..formats import load_by_tensorflow as load
from ..formats import tfjs_pb, weights_manifest
from . import answers


def compute(source: str, given: str, answer: str, outputs: Optional[List[str]], tags: Optional[str],
            signature: Optional[str], constants: Optional[Dict[str, Any]] = None) -> None:
    """Run the graph in `source` in this process, and write its outputs to the new file `answer`.

    given      npz of the inputs by name, without ":0"
    answer     npz of output_0, output_1, …
    outputs, tags, signature, constants   as in formats.graphs.GraphFile
    Raises Fault where TensorFlow does not load the graph, or it has no such outputs.
    """
    with child.importing():
        import tensorflow
    child.hush()
    found = load.fixed(tensorflow, of_first(tensorflow, source), constants or {}, source) if tfjs_pb.match(source) \
        else load.frozen_of(tensorflow, source, tags, signature, constants)
    names = outputs or load.of_numbers(tensorflow, found, source)
    graph, _, known = found
    chosen = freeze.choose(graph, known, names, source)
    needed = sorted({name for name, _ in chosen.values()})
    kept = tensorflow.compat.v1.graph_util.extract_sub_graph(graph, needed)
    for node in kept.node:  # hush() asks for the same numbers every time, and chance without a seed has none
        if "seed2" in node.attr and not node.attr["seed"].i and not node.attr["seed2"].i:
            node.attr["seed2"].i = 1
    with numpy.load(given, allow_pickle=False) as archive:
        fed = {name + ":0": archive[name] for name in archive.files}
    with load.imported(tensorflow, kept, source) as whole, tensorflow.compat.v1.Session(graph=whole) as session:
        fed = {name: values.astype(whole.get_tensor_by_name(name).dtype.as_numpy_dtype) for name, values in fed.items()}
        found = session.run([f"{name}:{index}" for name, index in chosen.values()], fed)
    answers.answer(answer, found)


def of_first(tensorflow: ModuleType, source: str) -> load.Frozen:
    """Return the graph of before TensorFlow.js 1.0 in `source`, whose constants have the values of its manifest."""
    path = tfjs_pb.file_of(source)
    graph, document = tensorflow.compat.v1.GraphDef(), tfjs_pb.read(source).document
    graph.ParseFromString(bytes(document["graphDef"]))
    held = {weight.name: weight for weight in weights_manifest.manifest_weights(
        document["weightsManifest"], os.path.dirname(path), path, keep=True)}
    for node in graph.node:
        if node.op == "Const" and node.name in held:  # the manifest has no other whole numbers than int32
            dtype = tensorflow.as_dtype(node.attr["dtype"].type).as_numpy_dtype
            load.set_constant(tensorflow, node, node.name, held[node.name].read().astype(dtype))
    return load.of_graph_def(tensorflow, graph, path)


def main(arguments: List[str]) -> None:
    """Run the command line: scripts.verify starts it as a child process."""
    parser = command.Parser(module="verification.graph_by_tensorflow", description=__doc__)
    parser.add_argument("source", help="a SavedModel's directory, a frozen graph, or a tensorflowjs_model.pb")
    parser.add_argument("given", help="npz of the inputs by name")
    parser.add_argument("answer", help="the npz to write: output_0, output_1, …")
    parser.add_argument("--settings", type=json.loads, help="JSON: outputs, tags, signature, constants")
    options = parser.parse_args(arguments)
    compute(options.source, options.given, options.answer, **options.settings)


if __name__ == "__main__":
    command.run(main, at_once=True)
