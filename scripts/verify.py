"""Keras against TensorFlow.js, output by output: reads a source model and its converted model, writes a table.

Keras runs the source model, on whichever stack can load it.  TensorFlow.js runs the converted model in Node.  Both run
on test images of the data set or on seeded random input.  An output agrees if |difference| <= 1e-4 * max(1, largest
value of that output).  The bound is wider if Keras computes in half precision, which TensorFlow.js does not have.
TensorFlow.js runs a source that is a TensorFlow.js model, and onnxruntime runs an ONNX source.
"""
if not __package__:
    raise SystemExit("run it as a module, from the project's directory: .venv/bin/python -m scripts.verify")

import functools
import json
import os
import sys
import tempfile
from collections import OrderedDict
from typing import Any, Callable, Dict, Iterator, List, NamedTuple, Optional, Sequence, Tuple

import numpy

from . import bootstrap, formats
from .base import arguments as taken
from .base import child, command, files
from .base.fault import Fault
from .formats import json_text, keras_h5, tfjs_pb
from .layers import columns, encapsulation, outputs
from .layers.topology import graph
from .tfjs import write_layers
from .tracing import process
from .tracing import trust as tracing_trust
from .tracing.trust import Trust
from .verification import answers, by_onnxruntime, by_tfjs
from .verification.inputs import OPEN_SIZE, inputs_for, random_values, whole_values
from .verification.report import BOUND, HALVES, compare, half_precision, table
from .verification.told import batches_of, names_told, told_of
from .viewer import page, predict

STDOUT = "-"  # the path that stands for it
OF_JS = "TensorFlow.js on the source"


class Engine(NamedTuple):
    """A TensorFlow.js: its name in the report, and compute(path of model.json, inputs) -> [(name, ndarray)]."""

    name: str
    compute: Callable[[str, List[numpy.ndarray]], Sequence[Tuple[str, numpy.ndarray]]]


class Verified(NamedTuple):
    """The result of a comparison.

    report  {"oracle", "bound", "precision", "samples", "outputs": rows as `compare` returns them, "agree"}, JSON-able
    values  {"input_0": …, "output_0": …}, float32: the oracle's, which the page shows its differences to
    """

    report: Dict[str, Any]
    values: Dict[str, numpy.ndarray]


class Expected(NamedTuple):
    """The values of an oracle, one array (samples, …) per output, and its name in words."""

    values: List[numpy.ndarray]
    by: str


Described = Dict[str, Dict[str, Any]]  # {name of an input in the source: predict.describe's words of it}


class Asked(NamedTuple):
    """A question to an oracle about a source, and its answer.

    names      of the outputs; None: those of the converted model
    inputs     {name: samples}
    wanted     one array (samples, …) per output
    by         the oracle in words
    described  the inputs that the converted model takes
    half       "float16" or "bfloat16" where Keras computes in it
    """

    names: Optional[List[str]]
    inputs: Dict[str, numpy.ndarray]
    wanted: Sequence[numpy.ndarray]
    by: str
    described: Described
    half: Optional[str] = None


class Stack(NamedTuple):
    """A Keras of this checkout: path of its python, "keras" or "tf_keras", and its name in words."""

    python: str
    flavour: str
    by: str


def verify(source: str, model_json: str, layers: Optional[List[str]] = None, weights: Optional[str] = None,
           data: Optional[str] = None, tags: Optional[str] = None, signature: Optional[str] = None,
           engines: Optional[Sequence[Engine]] = None, trust: Trust = None) -> Verified:
    """Compare the source model with the converted one.

    layers   outputs as asked for when it was converted (default: every layer but inputs), in that order
    weights  h5 of the weights of a topology json
    data     npz of scripts.dataset, whose test images are taken where they fit the model's input
    tags, signature   of a SavedModel
    engines  default: TensorFlow.js in Node, which runs a graph as TensorSpace does, by execute
    trust    the user's files that the oracle runs, as preprocess does
    Raises Fault where no Keras here loads the source, or the two do not have the same outputs.
    """
    if write_layers.texts(model_json) and not trust:
        return behind_words(source, model_json, layers, weights, data, tags, engines)
    return verified(source, model_json, layers, weights, data, tags, signature, engines, trust)


def verified(source: str, model_json: str, layers: Optional[List[str]], weights: Optional[str], data: Optional[str],
             tags: Optional[str], signature: Optional[str], engines: Optional[Sequence[Engine]], trust: Trust = None
             ) -> Verified:
    """Compare a model of numbers.  The arguments are those of `verify`."""
    renamed = write_layers.source_names(model_json)
    described = OrderedDict((renamed.get(entry["name"], entry["name"]), entry)
                            for entry in predict.describe(model_json)["inputs"])
    if weights is None and formats.is_onnx(source):
        asked = of_onnx(source, model_json, layers, described)
    elif weights is None and (formats.is_graph(source, tags, bool(layers)) or of_signature(source, model_json)):
        asked = of_graph(source, model_json, layers, described, tags, signature)
    elif trust:
        asked = of_own_code(source, model_json, layers, described, weights, trust)
    else:
        found = of_layers(source, layers, described, weights, data, tags)
        if found is None:
            return behind_words(source, model_json, layers, weights, data, tags, engines)
        asked = found
    return compared(source, model_json, asked, engines)


def of_onnx(source: str, model_json: str, layers: Optional[List[str]], described: Described) -> Asked:
    """Ask onnxruntime."""
    found = by_onnxruntime.values(source, model_json, layers, told_of(model_json) or {})
    return Asked(found.names, OrderedDict(zip(described, found.inputs)), found.wanted, "onnxruntime", described)


def of_graph(source: str, model_json: str, layers: Optional[List[str]], described: Described, tags: Optional[str],
             signature: Optional[str]) -> Asked:
    """Ask TensorFlow, or TensorFlow.js about a graph model of its own."""
    batches = batches_of(model_json)
    inputs = OrderedDict((name, numpy.ones((), numpy.float32) if entry.get("scalar") else random_values(
        [size or OPEN_SIZE for size in entry["shape"][1:]])[:batches.get(name)])
        for name, entry in described.items())
    names = layers or names_told(model_json)
    if formats.is_tfjs_graph(source) and not tfjs_pb.match(source):
        read = formats.read(source, constants=(told_of(model_json) or {}).get("constants"))
        inputs, wanted = by_tfjs.graph_values(read, names, inputs)
        return Asked(names, inputs, wanted, OF_JS, described)
    wanted = graph_values(source, inputs, names, tags, signature, model_json)
    return Asked(names, inputs, wanted, "TensorFlow", described)


def of_own_code(source: str, model_json: str, layers: Optional[List[str]], described: Described,
                weights: Optional[str], trust: Trust) -> Asked:
    """Ask Keras, which runs the user's files."""
    names = layers or names_told(model_json) or [entry["name"] for entry in predict.describe(model_json)["outputs"]]
    inputs = OrderedDict((name, whole_values([size or OPEN_SIZE for size in entry["shape"][1:]]))
                         for name, entry in described.items())
    return Asked(names, inputs, *trusted_values(source, weights, names, list(inputs.values()), trust), described)


def of_layers(source: str, layers: Optional[List[str]], described: Described, weights: Optional[str],
              data: Optional[str], tags: Optional[str]) -> Optional[Asked]:
    """Ask Keras, or TensorFlow.js about a layers model of its own; None where Keras loads no such Sequential."""
    with formats.read(source, weights=weights, named=bool(layers), **(
            {"saved_model_tags": tags} if tags else {})) as model:
        if '"class_name": "Lambda"' in json.dumps(model.topology):
            raise Fault(f"{source}: no oracle: it holds a Lambda layer, code that Keras would run")
        if columns.first(model.topology):
            return None
        major, whole = model.keras_major, graph(model.topology, model.keras_major)
        half = half_precision(model.topology)
    if len(described) == len(whole.inputs):  # each under its own name, whatever it is called there
        described = OrderedDict(zip([ref.layer for ref in whole.inputs], described.values()))
    names = layers or [outputs.spelling(whole, ref) for ref in encapsulation.every_output(whole, major)]
    inputs = inputs_for(whole, described, data)
    if weights is None and formats.is_tfjs(source):
        return Asked(names, inputs, by_tfjs.values(source, whole, names, list(inputs.values())), OF_JS, described, half)
    return Asked(names, inputs, *expected(source, weights, names, list(inputs.values()), major), described, half)


def compared(source: str, model_json: str, asked: Asked, engines: Optional[Sequence[Engine]]) -> Verified:
    """Run the converted model on what the oracle was asked, and compare."""
    bound, names = HALVES.get(asked.half, BOUND), asked.names
    fed = [values for name, values in asked.inputs.items() if name in asked.described or len(asked.inputs) == 1]
    rows = []
    for engine, compute in engines or [Engine("Node", functools.partial(predict.predict, sync=True))]:
        found = compute(model_json, fed)
        names = names or [name for name, _ in found]
        if len(found) != len(asked.wanted):
            raise Fault(f"{model_json} has {len(found)} outputs, {len(asked.wanted)} were asked for of {source}: give "
                        "--layers as when it was converted")
        rows += [compare(name, values, mine, engine, bound)
                 for name, values, (_, mine) in zip(names, asked.wanted, found)]
    report = OrderedDict([("oracle", asked.by), ("bound", bound), ("precision", asked.half or "float32"),
                          ("samples", max([len(array) for array in fed if array.ndim] or [1])), ("outputs", rows),
                          ("agree", all(row["agree"] for row in rows))])
    values = {f"input_{index}": array for index, array in enumerate(fed)}
    values.update((f"output_{index}", array.astype(numpy.float32)) for index, array in enumerate(asked.wanted))
    return Verified(report, values)


def behind_words(source: str, model_json: str, layers: Optional[List[str]], weights: Optional[str],
                 data: Optional[str], tags: Optional[str], engines: Optional[Sequence[Engine]]) -> Verified:
    """Compare a model that begins with words after them, where the converted one begins: Keras runs it from there.

    A Sequential that begins with features by their names gets inputs for them.

    The arguments are those of `verify`.
    """
    with tempfile.TemporaryDirectory(prefix="oracle-") as private:
        begun = os.path.join(private, "begun.h5")
        with formats.read_layers(source, weights=weights, **({"saved_model_tags": tags} if tags else {})) as model:
            result = encapsulation.encapsulate(model, layers)
            result.texts = []
            keras_h5.write(result, begun)
            names = encapsulation.facts(result)["outputs"]
        return verified(begun, model_json, names, None, data, None, None, engines)


def of_signature(source: str, model_json: str) -> bool:
    """Return whether a graph model is what the signature of a SavedModel computes: Keras made no such graph."""
    from .formats import saved_model
    if not saved_model.match(source):
        return False
    with open(model_json, "rb") as file:
        document = json_text.parse(file.read(), model_json)
    return document.get("format") == "graph-model" and not str(document.get("generatedBy")).startswith("keras")


def graph_values(source: str, inputs: Dict[str, numpy.ndarray], outputs: Optional[List[str]], tags: Optional[str],
                 signature: Optional[str], model_json: str) -> List[numpy.ndarray]:
    """Return the outputs of a SavedModel or frozen graph, computed by TensorFlow in a child process.

    model_json: it tells which inputs were fixed.

    Raises Fault as verification.graph_by_tensorflow.compute does.
    """
    with tempfile.TemporaryDirectory(prefix="oracle-") as private:
        given, answer = os.path.join(private, "inputs.npz"), os.path.join(private, "outputs.npz")
        numpy.savez(given, **inputs)
        settings = {"outputs": outputs, "tags": tags, "signature": signature,
                    "constants": (told_of(model_json) or {}).get("constants")}
        child.run("verification.graph_by_tensorflow", [source, given, answer, "--settings", json.dumps(settings)], True)
        return answers.answered(answer)


def expected(source: str, weights: Optional[str], names: List[str], inputs: List[numpy.ndarray],
             major: int) -> Expected:
    """Return the outputs `names` by the first Keras of this checkout that loads the model.  Raises Fault if none does.

    major: of the Keras that saved the model.
    """
    reasons = []
    with tempfile.TemporaryDirectory(prefix="oracle-") as private:
        given, answer = os.path.join(private, "inputs.npz"), os.path.join(private, "outputs.npz")
        answers.ask(given, inputs)
        for python, flavour, by in stacks(major):
            arguments = [source, given, answer, "--names", json.dumps(names), "--keras", flavour]
            try:
                child.run("verification.by_keras", arguments + (["--weights", weights] if weights else []), True,
                          python)
            except Fault as fault:
                reasons.append(f"{by}: {fault}")
                continue
            return Expected(answers.answered(answer), by)
    why = "; ".join(reasons) or f"it takes Python {'3.10 or newer' if major >= 3 else '3.6'}"
    raise Fault(f"{source}: no oracle, no Keras here loads it ({why})")


def trusted_values(source: str, weights: Optional[str], names: List[str], inputs: List[numpy.ndarray],
                   trust: Trust) -> Expected:
    """Return the outputs `names` by this stack's Keras, which runs the user's files `trust`.  Raises Fault as
    tracing.files.trace does."""
    trusted = tracing_trust.read(trust, source)
    whose = ", ".join(one.path for one in trusted)
    with tempfile.TemporaryDirectory(prefix="inputs-") as given, \
            tempfile.TemporaryDirectory(prefix="oracle-") as private:
        fed, answer = os.path.join(given, "inputs.npz"), os.path.join(private, "outputs.npz")
        answers.ask(fed, inputs)
        arguments = [source, fed, answer, "--names", json.dumps(names), "--trust", json.dumps(trusted)]
        process.run("verification.by_keras", arguments + (["--weights", weights] if weights else []), private, whose)
        return Expected(answers.answered(answer), f"Keras with {whose}")


def stacks(major: int) -> Iterator[Stack]:
    """Yield the Kerases of this checkout that may load a model of Keras `major`, this stack's first."""
    here = "py36" if sys.version_info < (3, 7) else "modern"
    for name in sorted(bootstrap.ENVIRONMENTS, key=lambda name: name != here):
        beside = os.path.join(bootstrap.ROOT, bootstrap.ENVIRONMENTS[name], "bin", "python")
        python = sys.executable if name == here else beside if os.access(beside, os.X_OK) else None
        if python is None or name == "py36" and major >= 3:
            continue
        for flavour in ["keras"] if name == "py36" or major >= 3 else ["tf_keras", "keras"]:
            yield Stack(python, flavour, f"{flavour} ({name})")


def in_chromium() -> List[Engine]:
    """Return the engines of `--browser`: TensorFlow.js in Chromium, on webgl and on cpu."""
    from .viewer import chromium
    return [Engine("Chromium " + backend, functools.partial(chromium.predict, backend=backend))
            for backend in ("webgl", "cpu")]


def names(value: str) -> Optional[List[str]]:
    """Return the list in "a,b,c" or '["a", "b", "c"]', None for "".  Raises Fault for a bad list in JSON."""
    if not value.startswith("["):
        return value.split(",") if value else None
    try:
        return command.json_names(value)
    except ValueError:
        raise Fault(f"--layers: {value} is no list of names: give a,b,c, or in JSON [\"a\", \"b\"]")


def main(arguments: List[str]) -> int:
    """Run the command line; return 0 where every output agrees."""
    parser = command.Parser(module="verify", description=__doc__)
    parser.add_argument("source", help="the trained model")
    parser.add_argument("model_json", help="the converted model: a model.json, or its directory")
    parser.add_argument("--weights", metavar="H5", help="weights of a topology json")
    parser.add_argument("--layers", type=names, help="names of outputs, a,b,c or a JSON list (default: all but "
                        "inputs)")
    taken.add_trust(parser)
    parser.add_argument("--data", metavar="NPZ", help="test images that scripts.dataset wrote")
    parser.add_argument("--tags", help="tags of a SavedModel")
    parser.add_argument("--signature", help="signature of a SavedModel without Keras layers")
    parser.add_argument("--browser", action="store_true", help="in Chromium, on webgl and cpu, in place of Node")
    parser.add_argument("--json", metavar="PATH", nargs="?", const=STDOUT, help="print the report as one JSON object "
                        "(docs/json.md); with PATH write it there, where no file is yet, beside the table")
    parser.add_argument("--quiet", "-q", action="store_true", help="print no table; the exit status tells")
    parser.add_argument("--reference", metavar="NPZ", help="write the inputs and Keras's values to this "
                        "new file, for the page")
    options = parser.parse_args(arguments)
    written = options.json if options.json != STDOUT else None
    for path in filter(None, [written, options.reference]):
        files.vacant(path)
    report, values = verify(options.source, page.model_file(options.model_json), options.layers, options.weights,
                            options.data, options.tags, options.signature, in_chromium() if options.browser else None,
                            options.trust)
    if options.json == STDOUT:
        command.say_json(report)
    elif not options.quiet:
        for line in table(report):
            command.say(line)
    try:
        if written:
            with files.whole(written) as part, open(part, "w") as file:
                json.dump(report, file, indent=1)
                file.write("\n")
        if options.reference:
            with files.whole(options.reference) as part, open(part, "wb") as file:
                numpy.savez(file, **values)
    except OSError as error:
        raise Fault(f"{error.filename} cannot be written: {error.strerror}")
    return 0 if report["agree"] else command.FAULT


if __name__ == "__main__":
    command.run(main)
