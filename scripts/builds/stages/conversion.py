"""The stages of enc_model.h5, and of model.json, its shards and its manifest."""
import json
import os
from typing import Any, Optional

from ...base import child, stack
from ...base.fault import Fault
from ...wire.target import GRAPH as GRAPH_MODEL
from ...wire.target import LAYERS, NATURAL
from .. import catalog, manifest
from ..catalog import Entry
from ..records import Stage
from ..run import Run
from . import module, size

# The modules that do the work.
ENCAPSULATE, CONVERT, REFERENCE, GRAPH, ONNX = "encapsulate", "convert", "reference", "tfjs.graph", "tfjs.of_onnx"
TRUSTED = "preprocess"  # of an entry with trust, from its source at once
MANIFEST = "builds.manifest"  # writes manifest.json


def sources(run: Run, entry: Entry, record: Optional[dict] = None) -> list:
    """Return the files that make up an entry's source model; Fault where there are none.

    record  of a stage that has read them.  Where the first is what it was, it still names the same others
    """
    before = record["inputs"] if record else {}
    if before.get(entry.source) and not entry.trust and (entry.weights is None or entry.weights in before) \
            and run.house.digests.of(entry.source) == before[entry.source]:
        return [path for path in before if path != entry.enc_model]
    formats = module("formats")
    for key, path in [("source", entry.source)] + ([("weights", entry.weights)] if entry.weights else []):
        if not os.path.exists(path):
            why = f"{path} is a link that leads nowhere" if os.path.islink(path) else formats.paths.missing(path)
            raise Fault(f"models.toml [{entry.name}] {key}: {why}")
        if not (os.path.isfile(path) or os.path.isdir(path)):
            raise Fault(f"models.toml [{entry.name}] {key}: {path} is neither a file nor a directory")
    return formats.files(entry.source, entry.weights)


def look(run: Run, entry: Entry) -> Any:
    """Return the formats.Look at the source of an entry.  A run looks at it once."""
    return run.once(module("formats").look, entry.source, entry.saved_model_tags, bool(entry.layers))


def trusted(entry: Entry) -> list:
    """Return the files of Python that an entry lets run.  Raises Fault for one that is not there."""
    try:
        return module("tracing.trust").files(entry.trust, entry.source)
    except Fault as fault:
        raise Fault(f"models.toml [{entry.name}] {fault}")


def graph(run: Run, entry: Entry) -> bool:
    """Whether an entry is converted from its source at once, a graph or one whose Python runs: it has no enc_model.h5.
    """
    return bool(entry.trust) or of_operations(run, entry)


def of_operations(run: Run, entry: Entry) -> bool:
    """Whether the source of an entry is a graph of operations.

    A source that cannot be read is no graph here: the stage that reads it says so.
    """
    try:
        return look(run, entry).graph
    except Fault:
        return False


def encapsulate(run: Run, entry: Entry) -> dict:
    """Source model -> enc_model.h5, every wanted layer an output (guide, sections 2 and 3)."""
    def produce(directory):
        target = os.path.join(directory, "enc_model.h5")
        if entry.engine == "reference":
            arguments = ["encapsulate", entry.source, target]
            arguments += ["--weights", entry.weights] if entry.weights else []
            arguments += ["--layers", json.dumps(entry.layers)] if entry.layers else []
            child.run(REFERENCE, arguments + (["--compile"] if entry.compile else []))
            facts = {}
        else:
            facts = module(ENCAPSULATE).build(
                entry.source, target, weights=entry.weights, layers=entry.layers, input_shape=entry.input_shape,
                compile=entry.compile, saved_model_tags=entry.saved_model_tags, signature=entry.signature)
        return facts, {entry.enc_model: "enc_model.h5"}

    def report(record):
        outputs = record["facts"].get("outputs")
        yield f"{entry.enc_model}: {size(entry.enc_model)}" + (
            f", outputs {module('layers.outputs').shortened(outputs)}" if outputs else "")

    return run.task(encapsulation(run, entry), produce, report,
                    after=["train:" + entry.name] if entry.trained else entry.after,
                    module="h5py" if entry.engine == "native" else None)


def encapsulation(run: Run, entry: Entry) -> Stage:
    """Return the Stage that makes enc_model.h5."""
    by, role = (REFERENCE, "train") if entry.engine == "reference" else (ENCAPSULATE, "convert")
    return Stage("encapsulate:" + entry.name, lambda record: sources(run, entry, record), [entry.enc_model],
                 entry.settings(catalog.CHOOSING, ("weights", "saved_model_tags", "signature")),
                 lambda: run.house.code.of(by), stack.identity(role))


def convert(run: Run, entry: Entry) -> dict:
    """enc_model.h5 -> model.json, its shards and manifest.json (guide, section 4); a graph: from its source at once."""
    def produce(directory):
        # doit -s, or a source that is saved again between the stages: manifest.json would tell of another.
        why = None if graph(run, entry) else run.house.verdict(encapsulation(run, entry))
        if why:
            raise Fault(f"{entry.enc_model} is not what is wanted now ({why}): run doit convert:{entry.name} again, "
                        "without -s")
        names, facts = written(run, entry, directory)
        trained = write_manifest(run, entry, directory, names, facts)
        facts = dict(facts, trained=trained) if trained else facts
        targets = [manifest.NAME] + names[1:] + names[:1]  # model.json last: it names the others
        return dict(facts, shards=len(names) - 1), {f"{entry.directory}/{name}": name for name in targets}

    def report(record):
        shards = sorted(path for path in record["outputs"] if path.endswith(".bin"))
        total = sum(os.path.getsize(path) for path in shards)
        together = f"{total} bytes" if total < 1000 else f"{total / 1000.0:.0f} kB"
        yield (f"{entry.directory}/{entry.json_name}: {size(entry.directory + '/' + entry.json_name)}, "
               f"{len(shards)} shard{'' if len(shards) == 1 else 's'} of {together} together")
        if record["facts"].get("why"):
            yield f"a graph model: {record['facts']['why']}"
        yield from module("tfjs.write_layers").said_of_names(f"{entry.directory}/{entry.json_name}")

    return run.task(conversion(run, entry), produce, report,
                    after=entry.after if graph(run, entry) else ["encapsulate:" + entry.name],
                    module={CONVERT: "h5py", ONNX: "numpy"}.get(engine(run, entry)))


def conversion(run: Run, entry: Entry) -> Stage:
    """Return the Stage that makes model.json.

    What manifest.json tells is a setting here too: enc_model.h5 may be the same with another.
    """
    def also(record):
        if training_of(run, entry, record["inputs"].get(entry.source)) != record["facts"].get("trained"):
            return "its training changed"
        return None

    by, groups, read = engine(run, entry), [catalog.CONVERTING, catalog.CHOOSING], [entry.enc_model]
    role = "convert" if by in (CONVERT, ONNX) else "train"
    also_by = [GRAPH] if by == CONVERT and has_signature(run, entry) else []
    if by in (GRAPH, ONNX, TRUSTED):
        groups, read = groups + [("saved_model_tags", "signature")], []
    if by == TRUSTED:
        groups = groups + [("weights", "trust")]
    return Stage("convert:" + entry.name, lambda record: read + sources(run, entry, record) + (
        trusted(entry) if by == TRUSTED else []),
                 [entry.directory + "/" + name for name in (manifest.NAME, entry.json_name)],
                 entry.settings(*groups), lambda: run.house.code.of(by, MANIFEST, *also_by), stack.identity(role),
                 also=also if entry.trained else None, beside=by in (ONNX, GRAPH))


def engine(run: Run, entry: Entry) -> str:
    """Return the name of the module that converts an entry."""
    if of_operations(run, entry):
        return ONNX if module("formats").is_onnx(entry.source) else GRAPH
    if entry.trust:
        return TRUSTED
    return REFERENCE if entry.engine == "reference" else CONVERT


def has_signature(run: Run, entry: Entry) -> bool:
    """Whether an entry's source is a SavedModel, whose signature computes what its layers cannot be made of."""
    try:
        return look(run, entry).signature
    except Fault:
        return False


def written(run: Run, entry: Entry, directory: str) -> tuple:
    """Convert an entry into `directory`: (names of the files, model.json first; facts)."""
    target, by = entry.target(), engine(run, entry)
    if by != ONNX and entry.layout != NATURAL:
        raise Fault(f"models.toml [{entry.name}] layout: {entry.source} is no ONNX model: leave it out")
    if by not in (ONNX, GRAPH) and entry.constants:
        raise Fault(f"models.toml [{entry.name}] constants: {entry.source} is no ONNX model and no graph: leave them "
                    "out")
    if by in (ONNX, GRAPH):
        lacks = [module(ONNX).LACKS] if by == ONNX else []
        module(GRAPH).check_settings(entry.source, *lacks, weights=entry.weights, compile=entry.compile,
                                     **{'format = "layers"': target.format == LAYERS})
    if by == ONNX:
        source = module("formats").read(entry.source, constants=entry.constants)
        return module(ONNX).convert(source, directory, entry.layers, target.json_name,
                                    target.shard_size, target.quantize, entry.input_shape, entry.layout)
    if by == GRAPH:
        source = module("formats").read(entry.source, saved_model_tags=entry.saved_model_tags,
                                        signature=entry.signature, constants=entry.constants)
        return module(GRAPH).convert(source, directory, entry.layers, target.json_name, target.shard_size,
                                     target.quantize, every=True, input_shape=entry.input_shape)
    if by == TRUSTED:
        return module(TRUSTED).preprocess(
            entry.source, directory, entry.weights, entry.layers, entry.input_shape, trust=entry.trust,
            saved_model_tags=entry.saved_model_tags, signature=entry.signature, **target._asdict())
    if by == REFERENCE:
        if target.format == GRAPH_MODEL:
            raise Fault(f'models.toml [{entry.name}] format = "graph" is the native engine\'s alone: leave out engine')
        arguments = ["convert", entry.enc_model, directory, "--json-name", target.json_name,
                     "--shard-size", str(target.shard_size)]
        child.run(REFERENCE, arguments + (["--quantize", json.dumps(target.quantize)] if target.quantize else []))
        return sorted(os.listdir(directory), key=lambda name: name != target.json_name), {}
    try:
        done = module(CONVERT).build(entry.enc_model, directory, **target._asdict())
    except Fault as fault:
        if target.format == LAYERS or not has_signature(run, entry):
            raise
        return module(GRAPH).by_signature(entry.source, fault, directory, entry.layers, target.json_name,
                                          target.shard_size, target.quantize, signature=entry.signature,
                                          saved_model_tags=entry.saved_model_tags)
    return done.names, {"format": done.format, "why": done.why} if done.format == GRAPH_MODEL else {}


def write_manifest(run: Run, entry: Entry, directory: str, names: list, facts: dict) -> Optional[dict]:
    """Write manifest.json; return what it tells of the training, None where the model was not trained here."""
    read, by = sources(run, entry), engine(run, entry)
    if "outputs" not in facts:
        facts = dict(run.house.record("encapsulate:" + entry.name).get("facts", {}), **facts)
    made_from = manifest.inputs(read, trusted(entry) if by == TRUSTED else (),
                                None if graph(run, entry) else entry.enc_model)
    inputs = {name: run.house.digests.of(path, last=True) for name, path in made_from.items()}
    trained = training_of(run, entry, inputs.get("source"))
    of_operations = by == GRAPH or facts.get("format") == GRAPH_MODEL
    manifest.write(directory, names, run.house.digests, name=entry.name, inputs=inputs,
                   settings=entry.manifest_settings(), layers=facts.get("outputs"),
                   format="graph-model" if of_operations else "layers-model", layout=facts.get("layout") or None,
                   trained=trained)
    return trained


def training_of(run: Run, entry: Entry, digest: Optional[str]) -> Optional[dict]:
    """Return what manifest.json tells of how the model of this sha256 was trained; None where it was not, here."""
    record = run.house.record("train:" + entry.name)
    if digest is None or record.get("outputs", {}).get(entry.source) != digest:
        return None
    return dict(record["facts"], data=sorted(record["inputs"].values()))  # facts hold the settings that train took
