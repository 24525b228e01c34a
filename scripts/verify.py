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
import re
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
from .layers import columns, encapsulation, masks, outputs
from .layers.topology import Graph, graph
from .tfjs import write_layers
from .tracing import process
from .tracing import trust as tracing_trust
from .tracing.trust import Trust
from .training import dataset
from .verification import answers, by_onnxruntime, by_tfjs
from .viewer import page, predict

BOUND = 1e-4
# Of what Keras computes with 11 and with 8 bits, in each layer anew; float32 has 24.
HALVES = OrderedDict([("bfloat16", 8e-2), ("float16", 1e-2)])
SAMPLES, SEED = 4, 0
STDOUT = "-"  # the path that stands for it
OF_JS = "TensorFlow.js on the source"
OPEN_SIZE = 32  # for a dimension that neither the source nor the converted model fixes


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
    half = None
    renamed = write_layers.source_names(model_json)
    described = OrderedDict((renamed.get(entry["name"], entry["name"]), entry)
                            for entry in predict.describe(model_json)["inputs"])
    if weights is None and formats.is_onnx(source):
        found_by = by_onnxruntime.values(source, model_json, layers, told_of(model_json) or {})
        inputs = OrderedDict(zip(described, found_by.inputs))
        names, wanted, by = found_by.names, found_by.wanted, "onnxruntime"
    elif weights is None and (formats.is_graph(source, tags, bool(layers)) or of_signature(source, model_json)):
        batches = batches_of(model_json)
        inputs = OrderedDict((name, numpy.ones((), numpy.float32) if entry.get("scalar") else random_values(
            [size or OPEN_SIZE for size in entry["shape"][1:]])[:batches.get(name)])
            for name, entry in described.items())
        names = layers or names_told(model_json)
        if formats.is_tfjs_graph(source) and not tfjs_pb.match(source):
            read = formats.read(source, constants=(told_of(model_json) or {}).get("constants"))
            (inputs, wanted), by = by_tfjs.graph_values(read, names, inputs), OF_JS
        else:
            wanted, by = graph_values(source, inputs, names, tags, signature, model_json), "TensorFlow"
    elif trust:
        names = layers or names_told(model_json) or [entry["name"] for entry in predict.describe(model_json)["outputs"]]
        inputs = OrderedDict((name, whole_values([size or OPEN_SIZE for size in entry["shape"][1:]]))
                             for name, entry in described.items())
        wanted, by = trusted_values(source, weights, names, list(inputs.values()), trust)
    else:
        with formats.read(source, weights=weights, named=bool(layers), **(
                {"saved_model_tags": tags} if tags else {})) as model:
            if '"class_name": "Lambda"' in json.dumps(model.topology):
                raise Fault(f"{source}: no oracle: it holds a Lambda layer, code that Keras would run")
            if columns.first(model.topology):  # Keras loads no such Sequential
                return behind_words(source, model_json, layers, weights, data, tags, engines)
            major, whole = model.keras_major, graph(model.topology, model.keras_major)
            half = half_precision(model.topology)
        if len(described) == len(whole.inputs):  # each under its own name, whatever it is called there
            described = OrderedDict(zip([ref.layer for ref in whole.inputs], described.values()))
        names = layers or [outputs.spelling(whole, ref) for ref in encapsulation.every_output(whole, major)]
        inputs = inputs_for(whole, described, data)
        if weights is None and formats.is_tfjs(source):
            wanted, by = by_tfjs.values(source, whole, names, list(inputs.values())), OF_JS
        else:
            wanted, by = expected(source, weights, names, list(inputs.values()), major)
    bound = HALVES.get(half, BOUND)
    fed = [values for name, values in inputs.items() if name in described or len(inputs) == 1]
    rows = []
    for engine, compute in engines or [Engine("Node", functools.partial(predict.predict, sync=True))]:
        found = compute(model_json, fed)
        names = names or [name for name, _ in found]
        if len(found) != len(wanted):
            raise Fault(f"{model_json} has {len(found)} outputs, {len(wanted)} were asked for of {source}: give "
                        "--layers as when it was converted")
        rows += [compare(name, values, mine, engine, bound) for name, values, (_, mine) in zip(names, wanted, found)]
    report = OrderedDict([("oracle", by), ("bound", bound), ("precision", half or "float32"),
                          ("samples", max([len(array) for array in fed if array.ndim] or [1])), ("outputs", rows),
                          ("agree", all(row["agree"] for row in rows))])
    values = {f"input_{index}": array for index, array in enumerate(fed)}
    values.update((f"output_{index}", array.astype(numpy.float32)) for index, array in enumerate(wanted))
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


def half_precision(topology: Dict[str, Any]) -> Optional[str]:
    """Return "float16" or "bfloat16" where a layer of a topology computes in it (mixed_float16 too), else None."""
    text = json.dumps(topology)
    return next((name for name in HALVES if re.search(f'"(mixed_)?{name}"', text)), None)


def inputs_for(whole: Graph, described: Dict[str, Dict[str, Any]], data: Optional[str]) -> Dict[str, numpy.ndarray]:
    """Return {name of an input of the source: float32 samples for it, (SAMPLES, …)}; the same on every run.

    described: {name of an input of the converted model: predict.describe's words of it}.  data: as `verify`'s.
    """
    found = OrderedDict()
    readers = {ref.layer: [] for ref in whole.inputs}
    for layer in whole.layers.values():
        for refs in whole.references(layer):
            for ref in refs:
                readers.get(ref.layer, []).append(layer)
    arrays = dataset.load(data)[0] if data else None
    for ref in whole.inputs:
        layer = whole.layers[ref.layer]
        declared = layer.config.get("batch_input_shape", layer.config.get("batch_shape"))[1:]
        fixed = (described.get(ref.layer) or {"shape": [None] + declared})["shape"][1:]
        shape = [size or other or OPEN_SIZE for size, other in zip(declared, fixed)]
        nearest = [record for reader in readers[ref.layer] for record in masks.all_inside(reader.record)]
        words = [record["config"]["input_dim"] for record in nearest if record["class_name"] == "Embedding"]
        hidden = [record["config"].get("mask_value", 0) for record in nearest if masks.makes(record)]
        if arrays is not None and len(whole.inputs) == 1 and shape in ([28, 28], [28, 28, 1], [784]):
            values = arrays["x_test"][:SAMPLES].reshape([-1] + shape) / 255.0
        elif words:
            values = numpy.random.RandomState(SEED).randint(0, min(words), [SAMPLES] + shape)
        else:
            values = random_values(shape, SEED + len(found))
        if hidden and len(shape) and shape[0] > 1:  # sequences that end early, and one that begins late
            values[1, shape[0] // 2:] = values[2, :1] = hidden[0]
        found[ref.layer] = values.astype(numpy.float32)
    return found


def random_values(shape: List[int], seed: int = SEED) -> numpy.ndarray:
    """Return float32 samples, (SAMPLES,) + shape, drawn evenly from 0 to 1."""
    return numpy.random.RandomState(seed).uniform(0, 1, [SAMPLES] + shape).astype(numpy.float32)


def whole_values(shape: List[int]) -> numpy.ndarray:
    """Return float32 samples of whole numbers from 0 to 3: what an own class reads may be words as well as pixels."""
    return numpy.random.RandomState(SEED).randint(0, 4, [SAMPLES] + shape).astype(numpy.float32)


def names_told(model_json: str) -> Optional[List[str]]:
    """Return the outputs as they were asked for, which a graph model's userDefinedMetadata has; None where it has none.
    """
    told = told_of(model_json)
    return list(told["outputs"]) if told and isinstance(told.get("outputs"), dict) else None


def told_of(model_json: str) -> Optional[Dict[str, Any]]:
    """Return what a graph model's userDefinedMetadata tells of it, None where it tells nothing."""
    with open(model_json, "rb") as file:
        told = json_text.parse(file.read(), model_json).get("userDefinedMetadata")
    found = told.get("tensorspace") if isinstance(told, dict) else None
    return found if isinstance(found, dict) else None


def batches_of(model_json: str) -> Dict[str, int]:
    """Return {name of an input of a graph model: the size of its batch} of those that have one that is not open."""
    with open(model_json, "rb") as file:
        document = json_text.parse(file.read(), model_json)
    try:
        told = document["signature"]["inputs"].values()
        sizes = {one["name"].split(":")[0]: int(one["tensorShape"]["dim"][0]["size"]) for one in told
                 if one["tensorShape"].get("dim")}
    except (KeyError, TypeError, AttributeError, IndexError, ValueError):
        return {}
    return {name: size for name, size in sizes.items() if size > 0}


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


def compare(name: str, wanted: numpy.ndarray, found: numpy.ndarray, engine: str = "Node",
            bound: float = BOUND) -> Dict[str, Any]:
    """Return one row of the report: how far `found` is from `wanted`, both (samples, …).

    It agrees where the largest difference is at most `bound`, relative to the largest wanted value if that is over 1.
    """
    row = OrderedDict([("name", name), ("engine", engine), ("shape", list(wanted.shape[1:])), ("largest", None),
                       ("difference", None), ("relative", None), ("argmax", None), ("agree", False)])
    if wanted.shape != found.shape:
        row["shape"] = [list(wanted.shape[1:]), list(found.shape[1:])]
        return row
    wanted, found = wanted.astype(numpy.float64), found.astype(numpy.float64)
    if numpy.isfinite(wanted).all() and numpy.isfinite(found).all():
        largest = float(numpy.abs(wanted).max()) if wanted.size else 0.0
        difference = float(numpy.abs(wanted - found).max()) if wanted.size else 0.0
        same = not wanted.size or numpy.array_equal(*[
            values.reshape(len(values) if values.shape else 1, -1).argmax(axis=1) for values in (wanted, found)])
        row.update(largest=largest, difference=difference, relative=difference / max(1.0, largest), argmax=bool(same),
                   agree=difference <= bound * max(1.0, largest))
    return row


def table(report: Dict[str, Any]) -> Iterator[str]:
    """Yield the report as lines of text."""
    rows = report["outputs"]
    name, engine = [max([6] + [len(command.one_line(row[key])) for row in rows]) for key in ("name", "engine")]

    def line(output, by, shape, largest, difference, relative, argmax, differs=""):
        return (f"{output:{name}}  {by:{engine}}  {shape:20}  {largest:>10}  {difference:>10}  {relative:>10}  "
                f"{argmax:6}{differs}").rstrip()

    yield line("output", "in", "shape", "largest", "difference", "relative", "argmax")
    for row in rows:
        numbers = [f"{row[key]:.3g}" if row[key] is not None else "-" for key in ("largest", "difference", "relative")]
        yield line(command.one_line(row["name"]), row["engine"], f"({', '.join(map(str, row['shape']))})", *numbers,
                   {True: "same", False: "OTHER", None: "-"}[row["argmax"]], "" if row["agree"] else "  DIFFERS")
    if report["precision"] != "float32":
        yield f"Keras computes in {report['precision']} here: outputs agree within {report['bound']:g} of their largest"
    differ = f"{sum(not row['agree'] for row in rows)} of {len(rows)} outputs differ"
    yield (f"{report['oracle']} against TensorFlow.js on {report['samples']} samples: "
           f"{'every output agrees' if report['agree'] else differ}")


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
