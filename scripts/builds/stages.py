"""The stages of the build: what each reads, which settings change it, how it runs and what it writes.

Native stages (h5py, numpy) run in doit's own process.  Stages that need TensorFlow run in a child with the
environment that makes them repeatable, since TensorFlow reads it at import and does not survive a fork.
This module imports nothing heavy: an up-to-date `doit` never needs numpy.
"""
import contextlib
import functools
import hashlib
import importlib
import importlib.util
import json
import os
import sys

from ..base import child, command, files, stack
from ..base.fault import Fault
from . import catalog, records
from .tasks import HOUSE, always, task

HERE = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))

# Which source files a stage's result depends on; a test compares this with what they import.
CONVERTING = ["__init__.py", "base/", "wire/", "layers/", "operations/", "tfjs/", "formats/"]
CODE = {
    "train": ["__init__.py", "base/", "builds/__init__.py", "builds/catalog.py", "dataset.py", "training/", "train.py"],
    "encapsulate": CONVERTING + ["encapsulate.py"],
    "convert": CONVERTING + ["convert.py"],
    "reference": ["__init__.py", "base/", "reference.py"],
    "graph": CONVERTING,
    "page": CONVERTING + ["viewer/", "builds/__init__.py", "builds/catalog.py", "dataset.py", "bootstrap.py",
                          "verification/", "verify.py"],
}


@functools.lru_cache(None)
def code(*stages):
    """Return the sha256 over the source files of some stages: their code is a dependency of what they built."""
    names = sorted({name for stage in stages for name in CODE[stage]})
    paths = [path for name in names for path in files.files_of(os.path.join(HERE, name))
             if not path.endswith(".pyc")]
    key = "".join(HOUSE.digests.of(path) or "" for path in paths)
    return hashlib.sha256(key.encode("ascii")).hexdigest()


def size(path):
    """Return the size of a file in words, "177 kB"."""
    count = os.path.getsize(path)
    for unit in ("bytes", "kB", "MB"):
        if count < 1000 or unit == "MB":
            return f"{count:.3g} {unit}" if count < 1000 else f"{count:.0f} {unit}"
        count /= 1000.0


def data(entry):
    """Images to train on -> models/data.npz.  Resolved once: it stays what it was until another is asked for."""
    given = os.environ.get("MNIST_NPZ")
    own_file = entry.data not in ("auto", "mnist", "digits")

    def also(record):
        if given and _digest(given) != record["facts"].get("sha256"):
            return "MNIST_NPZ changed"

    def produce(directory):
        dataset = importlib.import_module("..dataset", __package__)
        setting = entry.data
        before = HOUSE.record(stage.name)
        if before.get("settings") == stage.settings and setting == "auto" and not given:
            origin = before["facts"]["origin"]
            setting = origin if origin in ("mnist", "digits") else setting
        arrays, origin = dataset.resolve(setting, os.environ)
        dataset.save(os.path.join(directory, "data.npz"), arrays, origin)
        facts = {"origin": origin, "train": len(arrays["x_train"]), "test": len(arrays["x_test"])}
        if given:
            facts["sha256"] = _digest(given)
        return facts, {entry.data_file: "data.npz"}

    def report(record):
        facts = record["facts"]
        yield "%s: %d training and %d test images, from %s" % (
            entry.data_file, facts["train"], facts["test"],
            {"mnist": "MNIST", "digits": "the embedded digits, NOT from MNIST",
             "file": given or entry.data}[facts["origin"]])

    stage = records.Stage("data:" + entry.name, catalog.data_files(entry.data) if own_file and not given else [],
                            [entry.data_file], {"data": entry.data}, "", {}, also=also)
    return task(stage, produce, report, after=entry.after)


def _digest(path):
    """Return one sha256 for a data set of one file or of a directory of files."""
    names = [name for place in catalog.data_files(path) for name in files.files_of(place)]
    return hashlib.sha256("".join(HOUSE.digests.of(name) or "-" for name in names).encode("ascii")).hexdigest()


def train(entry):
    """data.npz -> model.h5, the guide's LeNet.  A model.h5 that the user put there is the user's.

    Where TF_CONFIG makes this machine another one's worker, it takes part in that one's training and builds nothing.
    """
    # What a default builds is what was built before there was the setting: its record is the same too.
    settings = {key: value for key, value in entry.settings(catalog.TRAINING).items()
                if key not in ("recipe", "checkpoint") or value != catalog.TRAINING[key][0]}

    def produce(directory):
        child.run("train", training(entry, settings, directory))
        with open(os.path.join(directory, "report.json"), encoding="utf-8") as stream:
            facts = json.load(stream)
        return facts, {entry.source: "model.h5"}

    def report(record):
        remove_checkpoint(entry)  # now that the model has its place
        yield "{}: {}, test accuracy {:.4f}{}".format(
            entry.source, size(entry.source), record["facts"]["accuracy"],
            " (on the embedded digits, NOT MNIST)" if record["facts"].get("origin") == "digits" else "")

    if "TF_CONFIG" in os.environ and importlib.import_module("..training.workers", __package__).helps(os.environ):
        return always("builds.stages:take_part", entry, settings, basename="train", name=entry.name,
                      after=["data:" + entry.name], doc="Take part in the training that TF_CONFIG names")
    stage = records.Stage("train:" + entry.name, [entry.data_file], [entry.source], settings, code("train"),
                            stack.identity("train"), keep=True)
    declared = task(stage, produce, report, after=["data:" + entry.name])
    declared["clean"].append((forget_checkpoint, [entry]))
    return declared


def training(entry, settings, directory):
    """Return the arguments with which scripts.train trains an entry's model into `directory`."""
    arguments = ["--data", entry.data_file, "--out", os.path.join(directory, "model.h5"),
                 "--report", os.path.join(directory, "report.json")]
    for key, value in sorted(dict(settings, checkpoint=entry.checkpoint_file if entry.checkpoint else None).items()):
        if value is not None:
            arguments += ["--" + key.replace("_", "-"), str(value)]
    return arguments


def take_part(entry, settings):
    """Train as a worker: the chief writes what comes of it."""
    child.run("train", training(entry, settings, os.path.dirname(entry.source)))


def forget_checkpoint(entry, dryrun):
    """Clean action: remove what an unfinished training left."""
    if os.path.exists(entry.checkpoint_file):
        command.say("{}{}".format("would remove " if dryrun else "removed ", entry.checkpoint_file))
    if not dryrun:
        remove_checkpoint(entry)


def remove_checkpoint(entry):
    """Remove a model's checkpoint, and the directory of checkpoints with the last one."""
    with contextlib.suppress(FileNotFoundError):
        os.remove(entry.checkpoint_file)
    with contextlib.suppress(OSError):  # not there, or another model's are in it
        os.rmdir(os.path.dirname(entry.checkpoint_file))


def sources(entry, record=None):
    """Return the files that make up an entry's source model; Fault where there are none.

    record: of a stage that has read them.  Where the first is what it was, it still names the same others.
    """
    before = record["inputs"] if record else {}
    if before.get(entry.source) and (entry.weights is None or entry.weights in before) \
            and HOUSE.digests.of(entry.source) == before[entry.source]:
        return [path for path in before if path != entry.enc_model]
    from .. import formats
    for key, path in [("source", entry.source)] + ([("weights", entry.weights)] if entry.weights else []):
        if not os.path.exists(path):
            raise Fault("models.toml [{}] {}: {}".format(
                entry.name, key, f"{path} is a link that leads nowhere" if os.path.islink(path)
                else formats.missing(path)))
        if not (os.path.isfile(path) or os.path.isdir(path)):
            raise Fault(f"models.toml [{entry.name}] {key}: {path} is neither a file nor a directory")
    return formats.files(entry.source, entry.weights)


@functools.lru_cache(None)
def is_graph(source, tags):
    """Whether a source is a graph of operations without Keras layers, looked at once a run."""
    from .. import formats
    return formats.is_graph(source, tags)


def graph(entry):
    """Whether an entry becomes a graph model, which has no enc_model.h5.  What cannot be read is no graph here: the
    stage that reads it says so."""
    try:
        return is_graph(entry.source, entry.saved_model_tags)
    except Fault:
        return False


def encapsulate(entry):
    """Source model -> enc_model.h5, every wanted layer an output (guide, sections 2 and 3)."""
    def produce(directory):
        target = os.path.join(directory, "enc_model.h5")
        if entry.engine == "reference":
            arguments = ["encapsulate", entry.source, target]
            arguments += ["--weights", entry.weights] if entry.weights else []
            arguments += ["--layers", json.dumps(entry.layers)] if entry.layers else []
            child.run("reference", arguments + (["--compile"] if entry.compile else []))
            facts = {}
        else:
            facts = importlib.import_module("..encapsulate", __package__).build(
                entry.source, target, weights=entry.weights, layers=entry.layers, input_shape=entry.input_shape,
                compile=entry.compile, saved_model_tags=entry.saved_model_tags, signature=entry.signature)
        return facts, {entry.enc_model: "enc_model.h5"}

    def report(record):
        outputs = record["facts"].get("outputs")
        yield "{}: {}{}".format(entry.enc_model, size(entry.enc_model),
                            ", outputs {}".format(", ".join(outputs)) if outputs else "")

    return task(encapsulation(entry), produce, report, after=["train:" + entry.name] if entry.trained else entry.after,
                module="h5py" if entry.engine == "native" else None)


def encapsulation(entry):
    """Return the Stage that makes enc_model.h5."""
    engine = "reference" if entry.engine == "reference" else "encapsulate"
    settings = dict(entry.settings(catalog.CHOOSING), weights=entry.weights)
    for key in ("saved_model_tags", "signature"):
        if getattr(entry, key) != catalog.READING[key][0]:
            settings[key] = getattr(entry, key)
    return records.Stage(
        "encapsulate:" + entry.name, lambda record: sources(entry, record), [entry.enc_model], settings,
        code(engine), stack.identity("train" if engine == "reference" else "convert"))


def convert(entry):
    """enc_model.h5 -> model.json, its shards and manifest.json (guide, section 4); a graph: from its source at once."""
    written = entry.settings(catalog.CONVERTING)

    def produce(directory):
        facts = {}
        # doit -s, or a source that is saved again between the stages: manifest.json would tell of another.
        why = None if graph(entry) else HOUSE.verdict(encapsulation(entry))
        if why:
            raise Fault(f"{entry.enc_model} is not what is wanted now ({why}): run doit convert:{entry.name} again, "
                        "without -s")
        if graph(entry):
            from .. import formats
            graphs = importlib.import_module("..tfjs.graph", __package__)
            graphs.check_settings(entry.source, weights=entry.weights, input_shape=entry.input_shape,
                                  compile=entry.compile)
            names, facts = graphs.convert(
                formats.read(entry.source, saved_model_tags=entry.saved_model_tags, signature=entry.signature),
                directory, outputs=entry.layers, **written)
        elif entry.engine == "reference":
            arguments = ["convert", entry.enc_model, directory, "--json-name", entry.json_name,
                         "--shard-size", str(entry.shard_size)]
            child.run("reference", arguments
                      + (["--quantize", json.dumps(entry.quantize)] if entry.quantize else []))
            names = sorted(os.listdir(directory), key=lambda name: name != entry.json_name)
        else:
            names = importlib.import_module("..convert", __package__).convert(entry.enc_model, directory, **written)
        manifest = write_manifest(entry, directory, names, facts)
        facts = dict(facts, trained=manifest["trained"]) if "trained" in manifest else facts
        targets = ["manifest.json"] + names[1:] + names[:1]  # model.json last: it names the others
        return dict(facts, shards=len(names) - 1), {f"{entry.directory}/{name}": name for name in targets}

    def report(record):
        shards = sorted(path for path in record["outputs"] if path.endswith(".bin"))
        total = sum(os.path.getsize(path) for path in shards)
        yield "%s/%s: %s, %d shard%s of %s together" % (
            entry.directory, entry.json_name, size(entry.directory + "/" + entry.json_name), len(shards),
            "" if len(shards) == 1 else "s", "%d bytes" % total if total < 1000 else "%.0f kB" % (total / 1000.0))

    def also(record):
        if training_of(entry, record["inputs"].get(entry.source)) != record["facts"].get("trained"):
            return "its training changed"
        return None

    # What manifest.json tells is a setting here too: enc_model.h5 may be the same with another.
    engine, settings = entry.engine, dict(written, **entry.settings(catalog.CHOOSING))
    if graph(entry):
        engine = "graph"
        settings.update(saved_model_tags=entry.saved_model_tags, signature=entry.signature)
    stage = records.Stage(
        "convert:" + entry.name,
        lambda record: ([] if graph(entry) else [entry.enc_model]) + sources(entry, record),
        [entry.directory + "/" + name for name in ("manifest.json", entry.json_name)], settings,
        code("convert" if engine == "native" else engine), stack.identity("convert" if engine == "native" else "train"),
        also=also if entry.trained else None)
    return task(stage, produce, report, after=entry.after if graph(entry) else ["encapsulate:" + entry.name],
                module="h5py" if engine == "native" else None)


def write_manifest(entry, directory, names, facts):
    """Write manifest.json, return it: sha256 of every input and output, versions, settings; no time, host or path."""
    import h5py
    import numpy
    read = sources(entry)
    facts = facts or HOUSE.record("encapsulate:" + entry.name).get("facts", {})
    inputs = {"source" if len(read) == 1 else "source/%d" % index: HOUSE.digests.of(path, last=True)
              for index, path in enumerate(read)}
    if not graph(entry):
        inputs["enc_model.h5"] = HOUSE.digests.of(entry.enc_model, last=True)
    manifest = {
        "name": entry.name,
        "inputs": inputs,
        "outputs": {name: HOUSE.digests.of(os.path.join(directory, name), last=True) for name in names},
        "settings": dict(entry.settings(catalog.CHOOSING), **entry.settings(catalog.CONVERTING)),
        "layers": facts.get("outputs"),
        "versions": {"stack": stack.identity("convert"), "python": "%d.%d" % sys.version_info[:2],
                     "numpy": numpy.__version__, "h5py": h5py.__version__},
    }
    trained = training_of(entry, inputs.get("source"))
    manifest.update({"trained": trained} if trained else {})
    with open(os.path.join(directory, "manifest.json"), "w", encoding="utf-8") as stream:
        json.dump(manifest, stream, indent=1, sort_keys=True)
        stream.write("\n")
    return manifest


def training_of(entry, digest):
    """Return what manifest.json tells of how the model of this sha256 was trained; None where it was not, here."""
    record = HOUSE.record("train:" + entry.name)
    if digest is None or record.get("outputs", {}).get(entry.source) != digest:
        return None
    return dict(record["facts"], settings=record["settings"], data=sorted(record["inputs"].values()))


def shown(entry):
    """Return the tasks that make what a page shows: the converted model, and images for it where some are named."""
    return ["convert:" + entry.name] + (["data:" + entry.name] if entry.data else [])


def verified(entry):
    """Run verify on a converted model: (report, the values that Keras computed)."""
    verify = importlib.import_module("..verify", __package__)
    return verify.verify(entry.source, entry.directory + "/" + entry.json_name, layers=entry.layers,
                         weights=entry.weights, data=entry.data_file if entry.data else None,
                         tags=entry.saved_model_tags, signature=entry.signature)


def verify(entry):
    """Keras against TensorFlow.js, output by output: a table, and verify.json; a fault where they differ."""
    target = os.path.dirname(entry.enc_model) + "/verify.json"

    def produce(directory):
        report, _ = verified(entry)
        with open(os.path.join(directory, "verify.json"), "w", encoding="utf-8") as stream:
            json.dump(report, stream, indent=1)
            stream.write("\n")
        return {}, {target: "verify.json"}

    def report(record):
        with open(target, encoding="utf-8") as stream:
            found = json.load(stream)
        for line in importlib.import_module("..verify", __package__).table(found):
            yield line
        if not found["agree"]:
            raise Fault("{}: TensorFlow.js computes something else than Keras: see the table{}".format(
                entry.directory, "; quantize rounds its weights" if entry.quantize else ""))

    stage = records.Stage("verify:" + entry.name, [], [target], {}, "", stack.identity("train"))
    return dict(task(stage, produce, report, after=shown(entry)), uptodate=[False])


@functools.lru_cache(None)
def has_tensorflow():
    return importlib.util.find_spec("tensorflow") is not None


def page(entry):
    """model.json and its shards -> a page that draws the model with TensorSpace and runs it in the browser.

    Where TensorFlow is installed and a Keras here loads the source, the page holds what Keras computed for its
    samples, and shows how far the browser is from that.
    """
    compared = has_tensorflow()

    def title():
        origin = HOUSE.record("data:" + entry.name).get("facts", {}).get("origin")
        return {"mnist": "LeNet on MNIST", "digits": "LeNet on the embedded digits"}.get(
            origin if HOUSE.record("train:" + entry.name) else None, entry.name)

    def converted(record):
        outputs = HOUSE.record("convert:" + entry.name).get("outputs", {})
        return sorted(path for path in outputs if not path.endswith("/manifest.json")) + (
            [entry.data_file] if entry.data else [])

    def produce(directory):
        reference, facts = None, {"compared": False}
        if compared:
            try:
                _, values = verified(entry)
            except Fault as fault:
                facts["reason"] = str(fault)
            else:
                import numpy
                reference, facts = os.path.join(directory, "..", entry.name + ".npz"), {"compared": True}
                numpy.savez(reference, **values)
        try:
            names = importlib.import_module("..viewer.page", __package__).build(
                entry.directory + "/" + entry.json_name, directory, data=entry.data_file if entry.data else None,
                title=entry.title or title(), labels=entry.labels, pixels=entry.pixels, reference=reference)
        finally:
            if reference:
                os.remove(reference)
        return facts, {entry.page + "/" + name: name for name in names}

    def report(record):
        yield "{}/index.html{}".format(entry.page, "" if record["facts"]["compared"] else ", not compared with Keras"
                                   + (": " + record["facts"]["reason"] if "reason" in record["facts"] else ""))

    stage = records.Stage("page:" + entry.name, converted, [entry.page + "/index.html"],
                            dict(entry.settings(catalog.SHOWING), compared=compared), code("page"),
                            stack.identity("view"))
    return task(stage, produce, report, after=shown(entry))


def view(entry):
    """Serve a model's page until Ctrl-C."""
    return always("builds.stages:serve", entry.page, basename="view", name=entry.name, after=["page:" + entry.name],
                  doc="-> http://127.0.0.1:…/")


def serve(directory):
    """Serve a page; Ctrl-C ends the whole run of doit, as the wanted end that it is."""
    importlib.import_module("..viewer.serve", __package__).serve(directory)
    raise SystemExit(0)


def screenshot(entry):
    """Take the picture of a model's page that README shows, in headless Chromium."""
    return always("viewer.chromium:picture", entry.page, "docs/lenet.png", basename="screenshot",
                  name=entry.name, after=["page:" + entry.name],
                  doc="Take the picture at the top of README from the page")
