"""What TensorFlow computes of a SavedModel's or a frozen graph's outputs: the oracle of scripts.verify for graphs."""
if not __package__:
    raise SystemExit("run it as a module, from the project's directory: "
                     ".venv/bin/python -m scripts.verification.graph_by_tensorflow")

import json
from typing import List, Optional

import numpy

from ..base import child, command
from ..formats import freeze_by_tensorflow as freeze
from . import answers


def compute(source: str, given: str, answer: str, outputs: Optional[List[str]], tags: Optional[str],
            signature: Optional[str]) -> None:
    """Run the graph in `source` in this process, and write its outputs to the new file `answer`.

    given      npz of the inputs by name, without ":0"
    answer     npz of output_0, output_1, …
    outputs, tags, signature   as in formats.graphs.GraphFile
    Raises Fault where TensorFlow does not load the graph, or it has no such outputs.
    """
    import tensorflow
    child.hush()
    found = freeze.frozen_of(tensorflow, source, tags, signature)
    names = outputs or freeze.of_numbers(tensorflow, found, source)
    graph, _, known = found
    chosen = freeze.choose(graph, known, names, source)
    needed = sorted({name for name, _ in chosen.values()})
    kept = tensorflow.compat.v1.graph_util.extract_sub_graph(graph, needed)
    with numpy.load(given, allow_pickle=False) as archive:
        fed = {name + ":0": archive[name] for name in archive.files}
    with freeze.imported(tensorflow, kept, source) as whole, tensorflow.compat.v1.Session(graph=whole) as session:
        fed = {name: values.astype(whole.get_tensor_by_name(name).dtype.as_numpy_dtype) for name, values in fed.items()}
        found = session.run([f"{name}:{index}" for name, index in chosen.values()], fed)
    answers.answer(answer, found)


def main(arguments: List[str]) -> None:
    """Run the command line: scripts.verify starts it as a child process."""
    parser = command.Parser(module="verification.graph_by_tensorflow", description=__doc__)
    parser.add_argument("source", help="a SavedModel's directory or a frozen graph")
    parser.add_argument("given", help="npz of the inputs by name")
    parser.add_argument("answer", help="the npz to write: output_0, output_1, …")
    parser.add_argument("--settings", type=json.loads, help="JSON: outputs, tags, signature")
    options = parser.parse_args(arguments)
    compute(options.source, options.given, options.answer, **options.settings)


if __name__ == "__main__":
    command.run(main)
