"""What dodo.py's tasks do: each stage's inputs, settings and outputs, how it runs, and how doit reports it.

Native stages (h5py, numpy) run in doit's own process.  Stages that need TensorFlow run in a child with the
environment that makes them repeatable, since TensorFlow reads it at import and does not survive a fork.
This module imports nothing heavy: an up-to-date `doit` never needs numpy.
"""
import difflib
import hashlib
import importlib
import json
import os
import signal
import sys

from doit.exceptions import InvalidCommand, TaskFailed
from doit.reporter import ConsoleReporter

from scripts import Fault, artifacts, catalog, child, command, stack

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = "models"
HOUSE = artifacts.House(ROOT, stack.NAME)

# Which source files a stage's result depends on; a test compares this with what they import.
READERS = ["__init__.py", "model.py", "topology.py", "outputs.py", "dialect.py"]
CODE = {
    "train": ["__init__.py", "child.py", "command.py", "dataset.py", "lenet.py", "train.py"],
    "encapsulate": READERS + ["encapsulate.py", "formats/"],
    "convert": READERS + ["shards.py", "convert.py", "formats/"],
    "reference": ["__init__.py", "child.py", "command.py", "reference.py"],
}


def code(*stages):
    """Return the sha256 over the source files of some stages: their code is a dependency of what they built."""
    names = sorted({name for stage in stages for name in CODE[stage]})
    paths = [path for name in names for path in artifacts.files_of(os.path.join(HERE, name)) if path.endswith(".py")]
    key = "".join(HOUSE.digests.of(path) or "" for path in paths)
    return hashlib.sha256(key.encode("ascii")).hexdigest()


# -- doit's side: configuration, reports, names ------------------------------------------------------


class Reporter(ConsoleReporter):
    """One line a task, with the reason where it runs; a fault of the input is one line on stderr."""

    desc = "one line a task, faults on stderr"

    def __init__(self, outstream, options):
        super(Reporter, self).__init__(outstream, options)
        self.faults, self.bugs, self.unmet, self.executed = [], [], [], []

    def write(self, text):
        encoding = getattr(self.outstream, "encoding", None) or "utf-8"
        self.outstream.write(text.encode(encoding, "backslashreplace").decode(encoding))
        self.outstream.flush()

    def initialize(self, tasks, selected_tasks):
        signal.signal(signal.SIGTERM, command.terminate)
        signal.signal(signal.SIGINT, command.terminate)
        try:
            HOUSE.lock(lambda pid: self.write("waiting: process %s is building in %s/\n" % (pid, ROOT)))
        except Fault as fault:
            command.complain(fault)
            raise SystemExit(command.FAULT)

    def execute_task(self, task):
        if task.actions and not task.name.startswith("_"):
            fresh = freshness(task)
            self.executed.append(task.name)
            self.write(".  %s%s\n" % (task.title(), "  (%s)" % fresh.reason if fresh and fresh.reason else ""))

    def skip_uptodate(self, task):
        fresh = freshness(task)
        if fresh:
            self.write("-- %s%s\n" % (task.title(), "  (%s)" % fresh.note if fresh.note else ""))

    def add_failure(self, task, fail):
        if isinstance(fail, TaskFailed):
            self.faults.append(task.name)
            command.complain("%s: %s" % (task.name, fail.message))
        elif type(fail).__name__ == "UnmetDependency":
            self.unmet.append(task.name)
        else:
            self.bugs.append(task.name)
            sys.stderr.write("%s: this is a bug, please report it\n%s\n" % (task.name, fail.get_msg()))

    def complete_run(self):
        HOUSE.unlock()
        if any(name.startswith("convert:") for name in self.executed) and not (self.faults or self.bugs):
            self.write("next: `make view` shows it in TensorSpace\n")
        if len(self.faults) > 1 or self.unmet:
            command.complain("failed: %s%s" % (", ".join(self.faults), "; not tried for that: %s"
                                               % ", ".join(self.unmet) if self.unmet else ""))
        for line in self.runtime_errors:
            command.complain(line)
        if self.faults and not self.bugs:
            raise SystemExit(command.FAULT)  # doit would end with 2 where a task waited for the failed one


def freshness(task):
    """Return the Fresh of a doit task, or None for a group."""
    found = [item[0] for item in task.uptodate if isinstance(item[0], Fresh)]
    return found[0] if found else None


class Fresh(object):
    """doit's `uptodate`: asks the records.  As text (`doit info`) it says why a task would run."""

    def __init__(self, stage):
        self.stage, self.reason, self.note = stage, None, None

    def __call__(self):
        try:
            self.reason = HOUSE.verdict(self.stage)
            users = HOUSE.users(self.stage)
        except Fault as fault:
            self.reason, users = str(fault), []
        self.note = "%s is yours: left as it is" % users[0] if users else None
        return self.reason is None

    def __str__(self):
        return self.reason or "fresh"

    __repr__ = __str__


def one_line_instead(error):
    """doit prints an unknown task on four lines and exits with 3: say it in one and exit with 1."""
    stage, colon, name = str(error.not_found).partition(":")
    if colon and stage in NAMES:
        there = sorted(other.split(":", 1)[1] for other in NAMES if other.startswith(stage + ":"))
        command.complain("doit: %s has no model %s: models/models.toml has %s" % (stage, name, ", ".join(there)))
    else:
        near = difflib.get_close_matches(str(error.not_found), sorted(NAMES), 1)
        command.complain("doit: there is no task %s%s: `doit list` shows what there is"
                         % (error.not_found, ", did you mean %s?" % near[0] if near else ""))
    raise SystemExit(command.FAULT)


NAMES = set()  # of every task that dodo.py declares


def configure(default):
    """Return DOIT_CONFIG.  doit's state stands with the records, one file per stack."""
    state = os.path.join(HOUSE.records, "doit.%s.json" % stack.NAME)
    try:
        os.makedirs(HOUSE.records, exist_ok=True)
    except OSError:
        pass  # a read-only checkout can still list its tasks; a build says what it cannot write
    try:
        with open(state, encoding="utf-8") as stream:
            if not isinstance(json.load(stream), dict):
                raise ValueError("not a table")
    except OSError:
        pass
    except ValueError:
        # doit refuses to start on a state that a kill or a full disk cut short; it holds nothing that the
        # records do not know better.
        os.remove(state)
    plain = InvalidCommand.__str__
    InvalidCommand.__str__ = lambda error: one_line_instead(error) if error.not_found else plain(error)
    return {"default_tasks": default, "verbosity": 2, "reporter": Reporter, "backend": "json", "dep_file": state}


def catalogue():
    """Return the entries of models/models.toml; a fault in it ends the process with its one line.

    With WITHOUT_TRAINING set (`make convert`, the convert image: no TensorFlow there) a model that would be
    trained is taken as it is, or left out where it is not there.
    """
    try:
        entries = catalog.read(ROOT + "/models.toml", ROOT)
        if os.environ.get("WITHOUT_TRAINING"):
            entries = [entry for entry in entries if not entry.trained or os.path.exists(entry.source)]
            for entry in entries:
                entry.trained = False
            if not entries:
                raise Fault("nothing to convert without training: put a trained model at models/model.h5, or name it "
                            "in models/models.toml (source = …); `make` trains one")
        return entries
    except Fault as fault:
        command.complain(fault)
        raise SystemExit(command.FAULT)


def task(stage, produce, report=None, after=()):
    """Return the doit task of a stage: subtask NAME of its basename."""
    name = stage.name.split(":", 1)[1]
    NAMES.update((stage.name, stage.name.split(":")[0]))
    return {"name": name, "doc": "-> " + stage.outputs[-1], "actions": [(perform, [stage, produce, report])],
            "targets": stage.outputs, "uptodate": [Fresh(stage)], "task_dep": list(after),
            "clean": [(clean, [stage.name])]}


def perform(stage, produce, report):
    """Action of a stage's task: build it, print what came out."""
    try:
        for path in HOUSE.users(stage):
            command.say("   %s is yours: left as it is" % path)
            return None
        record = HOUSE.build(stage, produce)
    except Fault as fault:
        return TaskFailed(command.one_line(fault))
    for line in report(record) if report else []:
        command.say("   " + line)
    return None


def clean(name, dryrun):
    """Clean action: delete what the record of stage `name` proves to be ours, say what was left and why."""
    HOUSE.lock(lambda pid: command.say("waiting: process %s is building in %s/" % (pid, ROOT)))
    removed, left = HOUSE.remove(name, dryrun)
    for path in removed:
        command.say("%s%s" % ("would remove " if dryrun else "removed ", path))
    for path in left:
        command.say("left %s: it was changed since it was built" % path)


def size(path):
    """Return the size of a file in words, "177 kB"."""
    count = os.path.getsize(path)
    for unit in ("bytes", "kB", "MB"):
        if count < 1000 or unit == "MB":
            return "%.3g %s" % (count, unit) if count < 1000 else "%.0f %s" % (count, unit)
        count /= 1000.0


# -- the stages ----------------------------------------------------------------------------------


def data(entry):
    """Images to train on -> models/data.npz.  Resolved once: it stays what it was until another is asked for."""
    given = os.environ.get("MNIST_NPZ")
    own_file = entry.data not in ("auto", "mnist", "digits")

    def also(record):
        if given and _digest(given) != record["facts"].get("sha256"):
            return "MNIST_NPZ changed"

    def produce(directory):
        dataset = importlib.import_module("scripts.dataset")
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

    stage = artifacts.Stage("data:" + entry.name, [entry.data] if own_file and not given else [],
                            [entry.data_file], {"data": entry.data}, "", {}, also=also)
    return task(stage, produce, report)


def _digest(path):
    """Return one sha256 for a data set of one file or of a directory of files."""
    return hashlib.sha256("".join(HOUSE.digests.of(name) or "-" for name in artifacts.files_of(path))
                          .encode("ascii")).hexdigest()


def train(entry):
    """data.npz -> model.h5, the guide's LeNet.  A model.h5 that the user put there is the user's."""
    def produce(directory):
        arguments = ["--data", entry.data_file, "--out", os.path.join(directory, "model.h5"),
                     "--report", os.path.join(directory, "report.json")]
        for key, value in sorted(entry.settings(catalog.TRAINING).items()):
            if value is not None:
                arguments += ["--" + key.replace("_", "-"), str(value)]
        child.run("scripts.train", arguments)
        with open(os.path.join(directory, "report.json"), encoding="utf-8") as stream:
            facts = json.load(stream)
        return facts, {entry.source: "model.h5"}

    def report(record):
        yield "%s: %s, test accuracy %.4f%s" % (
            entry.source, size(entry.source), record["facts"]["accuracy"],
            " (on the embedded digits, NOT MNIST)" if record["facts"].get("origin") == "digits" else "")

    stage = artifacts.Stage("train:" + entry.name, [entry.data_file], [entry.source],
                            entry.settings(catalog.TRAINING), code("train"), stack.identity("train"), keep=True)
    return task(stage, produce, report, after=["data:" + entry.name])


def sources(entry):
    """Return the files that make up an entry's source model; Fault where there are none."""
    if not os.path.exists(entry.source):
        raise Fault("models.toml [%s] source: there is no %s: give the path of a model file" % (
            entry.name, entry.source))
    from scripts import formats
    return formats.files(entry.source, entry.weights)


def encapsulate(entry):
    """Source model -> enc_model.h5, every wanted layer an output (guide, sections 2 and 3)."""
    def produce(directory):
        target = os.path.join(directory, "enc_model.h5")
        if entry.engine == "reference":
            arguments = ["encapsulate", entry.source, target]
            arguments += ["--weights", entry.weights] if entry.weights else []
            arguments += ["--layers", json.dumps(entry.layers)] if entry.layers else []
            child.run("scripts.reference", arguments + (["--compile"] if entry.compile else []))
            facts = {}
        else:
            facts = importlib.import_module("scripts.encapsulate").build(
                entry.source, target, weights=entry.weights, layers=entry.layers,
                input_shape=entry.input_shape, compile=entry.compile)
        return facts, {entry.enc_model: "enc_model.h5"}

    def report(record):
        outputs = record["facts"].get("outputs")
        yield "%s: %s%s" % (entry.enc_model, size(entry.enc_model), ", outputs %s" % ", ".join(outputs) if outputs else "")

    engine = "reference" if entry.engine == "reference" else "encapsulate"
    settings = dict(entry.settings(catalog.CHOOSING), weights=entry.weights)
    stage = artifacts.Stage("encapsulate:" + entry.name, lambda: sources(entry), [entry.enc_model], settings,
                            code(engine), stack.identity("train" if engine == "reference" else "convert"))
    return task(stage, produce, report, after=["train:" + entry.name] if entry.trained else [])


def convert(entry):
    """enc_model.h5 -> model.json, its shards and manifest.json (guide, section 4)."""
    def produce(directory):
        if entry.engine == "reference":
            arguments = ["convert", entry.enc_model, directory, "--json-name", entry.json_name,
                         "--shard-size", str(entry.shard_size)]
            child.run("scripts.reference", arguments
                      + (["--quantize", json.dumps(entry.quantize)] if entry.quantize else []))
            names = sorted(os.listdir(directory), key=lambda name: name != entry.json_name)
        else:
            names = importlib.import_module("scripts.convert").convert(
                entry.enc_model, directory, json_name=entry.json_name, shard_size=entry.shard_size,
                quantize=entry.quantize)
        write_manifest(entry, directory, names)
        targets = ["manifest.json"] + names[1:] + names[:1]  # model.json last: it names the others
        return {"shards": len(names) - 1}, {"%s/%s" % (entry.directory, name): name for name in targets}

    def report(record):
        shards = sorted(path for path in record["outputs"] if path.endswith(".bin"))
        total = sum(os.path.getsize(path) for path in shards)
        yield "%s/%s: %s, %d shard%s of %s together" % (
            entry.directory, entry.json_name, size(entry.directory + "/" + entry.json_name), len(shards),
            "" if len(shards) == 1 else "s", "%d bytes" % total if total < 1000 else "%.0f kB" % (total / 1000.0))

    engine = "reference" if entry.engine == "reference" else "convert"
    settings = dict(entry.settings(catalog.CONVERTING), engine=entry.engine)
    stage = artifacts.Stage("convert:" + entry.name, lambda: [entry.enc_model] + sources(entry),
                            [entry.directory + "/" + name for name in ("manifest.json", entry.json_name)], settings,
                            code(engine), stack.identity("train" if engine == "reference" else "convert"))
    return task(stage, produce, report, after=["encapsulate:" + entry.name])


def write_manifest(entry, directory, names):
    """Write manifest.json: sha256 of every input and output, versions and settings; no time, host or path."""
    import h5py
    import numpy
    read = sources(entry)
    encapsulated = HOUSE.record("encapsulate:" + entry.name)
    inputs = {"source" if len(read) == 1 else "source/%d" % index: HOUSE.digests.of(path)
              for index, path in enumerate(read)}
    inputs["enc_model.h5"] = HOUSE.digests.of(entry.enc_model)
    manifest = {
        "name": entry.name,
        "inputs": inputs,
        "outputs": {name: artifacts.sha256(os.path.join(directory, name)) for name in names},
        "settings": dict(entry.settings(catalog.CHOOSING), **entry.settings(catalog.CONVERTING)),
        "layers": encapsulated.get("facts", {}).get("outputs"),
        "versions": {"stack": stack.identity("convert"), "python": "%d.%d" % sys.version_info[:2],
                     "numpy": numpy.__version__, "h5py": h5py.__version__},
    }
    trained = HOUSE.record("train:" + entry.name)
    if entry.trained and trained.get("outputs", {}).get(entry.source) == inputs.get("source"):
        manifest["trained"] = dict(trained["facts"], settings=trained["settings"],
                                   data=sorted(trained["inputs"].values()))
    with open(os.path.join(directory, "manifest.json"), "w", encoding="utf-8") as stream:
        json.dump(manifest, stream, indent=1, sort_keys=True)
        stream.write("\n")
