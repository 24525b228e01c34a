"""Between doit and the records: when a task is up to date, how it runs, what is said.

Freshness and ownership are scripts/artifacts.py's; what each stage reads and writes is scripts/stages.py's; how doit
itself starts and ends is scripts/runs.py's.
"""
import contextlib
import functools
import importlib
import inspect
import os
import re
import resource
import sys
from collections import OrderedDict

from doit.exceptions import TaskFailed
from doit.reporter import ConsoleReporter

from ..base import child, command, files, stack
from ..base.fault import Fault
from . import catalog, records

ROOT = "models"
HOUSE = records.House(ROOT, stack.NAME)
NAMES = set()  # of every task that dodo.py declares
MODELS = {}  # names of all models of the catalogue -> those of the models that they are made from
ENTRIES = []  # of all of them
MANY = 100  # locks to hold one by one
TAKEN = []  # the models whose locks this run has, or had before it gave them away for a task
LEFT = []  # why the `clean` of tasks was refused


class Reporter(ConsoleReporter):
    """One line a task, with the reason where it runs; a fault of the input is one line on stderr."""

    desc = "one line a task, faults on stderr"

    def __init__(self, outstream, options):
        super().__init__(command.Lenient(outstream), options)
        self.faults, self.bugs, self.unmet, self.executed = [], [], [], []
        self.running = OrderedDict()  # names of tasks -> None

    def write(self, text):
        encoding = getattr(self.outstream, "encoding", None) or "utf-8"
        self.outstream.write(text.encode(encoding, "backslashreplace").decode(encoding))

    def initialize(self, tasks, selected_tasks):
        if os.environ.get("WITHOUT_TRAINING") and not any(name.startswith("convert:") for name in NAMES):
            command.end("nothing to convert without training: put a trained model at models/model.h5, or name it in "
                        "models/models.toml (source = …); `make` trains one")

    def execute_task(self, task):
        if task.actions and not task.name.startswith("_"):
            fresh = freshness(task)
            self.executed.append(task.name)
            self.running[task.name] = None
            self.write(".  {}{}\n".format(task.title(), f"  ({fresh.reason})" if fresh and fresh.reason else ""))
            self.outstream.flush()  # before what a child of the task writes

    def add_success(self, task):
        self.running.pop(task.name, None)

    def skip_uptodate(self, task):
        fresh = freshness(task)
        if fresh:
            self.write("-- {}{}\n".format(task.title(), f"  ({fresh.note})" if fresh.note else ""))

    def add_failure(self, task, fail):
        self.running.pop(task.name, None)
        if type(fail).__name__ == "UnmetDependency":  # in doit 0.34 a TaskFailed, too
            self.unmet.append(task.name)
        elif isinstance(fail, TaskFailed):
            self.faults.append(task.name)
            command.complain(f"{task.name}: {fail.message}")
        else:
            self.bugs.append(task.name)
            sys.stderr.write(f"{task.name}: this is a bug, please report it\n{fail.get_msg()}\n")

    def complete_run(self):
        if any(name.startswith("convert:") for name in self.executed) and not (self.faults or self.bugs):
            self.write("next: `make view` shows it in TensorSpace\n")
        failed = self.faults + self.bugs
        if len(failed) > 1 or self.unmet:
            untried = "; not tried for that: " + ", ".join(self.unmet) if self.unmet else ""
            command.complain("failed: " + ", ".join(failed) + untried)
        for line in self.runtime_errors:
            command.complain(line)
        command.finished()
        if self.faults and not self.bugs:
            raise SystemExit(command.FAULT)  # doit would end with 2 where a task waited for the failed one


def take(models=None):
    """Take models/ for this run, or some models in it (names), waiting for builds of the same; tells whether it was not
    its own yet.  The processes of doit -n have what the one that started them has."""
    if HOUSE.taken():
        return False
    TAKEN[:] = [models]
    HOUSE.lock(lambda pid: command.say(f"waiting: process {pid} is building in {ROOT}/"), models)
    return True


def models_of(tasks):
    """Return the names of the models that some tasks build, all that they depend on being of the same; None for all."""
    models = with_those_behind(name.split(":", 1)[1] if ":" in name else None for name in tasks)
    most = min(MANY, resource.getrlimit(resource.RLIMIT_NOFILE)[0] // 4)
    return None if None in models or len(models) > most else models


def with_those_behind(names):
    """Return the set of some models' names and of those that they are made from."""
    names = set(names)
    return names.union(*[MODELS.get(name, ()) for name in names])


def freshness(task):
    """Return the Fresh of a doit task, or None for a group."""
    found = [item[0] for item in task.uptodate if isinstance(item[0], Fresh)]
    return found[0] if found else None


class Fresh:
    """doit's `uptodate`: asks the records.  As text (`doit info`) it says why a task would run."""

    __signature__ = inspect.Signature()  # doit asks for it once a task, and finding it out takes long

    def __init__(self, stage, module=None):
        self.stage, self.module, self.reason, self.note = stage, module, None, None

    def __call__(self):
        try:
            self.reason = HOUSE.verdict(self.stage)
            users = HOUSE.users(self.stage)
        except Fault as fault:
            self.reason, users = str(fault), []
        self.note = f"{users[0]} is yours: left as it is" if users else None
        if self.reason and self.module:
            with contextlib.suppress(ImportError):  # the stage itself says so
                importlib.import_module(self.module)  # before doit -n forks: once for all of its processes
        return self.reason is None

    def __str__(self):
        return self.reason or "fresh"

    __repr__ = __str__


ONLY_CONVERTS = re.compile(r"(run|-[acs]|--(always-execute|(no-)?continue|single|seek-file)|-k|-[nv]|(-[nv])?\d+"
                           r"|--(process|verbosity)=\d+)$")  # doit's words and options that name no task


def asked(words):
    """Return the names of the models whose conversion is all that a command line asks for, [""] for all of them; None
    where it may ask for anything.

    Of a thousand models there would be seven thousand tasks to declare: those that nobody can have meant are left out.
    """
    names = []
    for word in words:
        stage, _, name = word.partition(":")
        if stage in ("data", "train", "encapsulate", "convert") and "*" not in name:
            names.append(name)
        elif not ONLY_CONVERTS.match(word):
            return None
    return names or [""]


def catalogue():
    """Return the entries of models/models.toml that may be built, and those of them whose pages may be: as the command
    line says.  A fault in the catalogue ends the process with its one line.

    With WITHOUT_TRAINING set (`make convert`, the convert image: no TensorFlow there) a model that would be
    trained is taken as it is, or left out where it is not there.
    """
    try:
        entries = catalog.read(ROOT + "/models.toml", ROOT)
        MODELS.update((entry.name, ()) for entry in entries)
        ENTRIES[:] = entries
        for entry in entries:
            try:
                named = entry.name, entry.source, entry.weights, entry.data, entry.json_name
                os.fsencode("".join(filter(None, named)))
            except UnicodeEncodeError:
                raise Fault(f"models/models.toml: [{entry.name}]: the locale here has no such letters: set "
                            "LANG=C.UTF-8")
        if os.environ.get("WITHOUT_TRAINING"):
            entries = [entry for entry in entries if not entry.trained or os.path.lexists(entry.source)]
            for entry in entries:
                entry.trained = False
        catalog.connect(entries)
        MODELS.update((entry.name, entry.behind) for entry in entries)
        names = asked(sys.argv[1:])
        if names is None:
            return entries, entries
        if not MODELS.keys() >= set(names):
            return entries, []
        names = with_those_behind(names)
        return [entry for entry in entries if entry.name in names], []
    except Fault as fault:
        command.end(fault)


def task(stage, produce, report=None, after=(), module=None):
    """Return the doit task of a stage: subtask NAME of its basename.  module: what `produce` imports at length."""
    name = stage.name.split(":", 1)[1]
    NAMES.update((stage.name, stage.name.split(":")[0]))
    return {"name": name, "doc": "-> " + stage.outputs[-1], "actions": [(perform, [stage, produce, report])],
            "targets": stage.outputs, "uptodate": [Fresh(stage, module)], "task_dep": list(after),
            "clean": [(clean, [stage.name])]}


def orphans():
    """Yield a task for each model that was built and whose table (or file, where that is a pattern's) is gone since, or
    that is made in other stages now: it removes nothing, its `clean` all that is on record of no task."""
    if asked(sys.argv[1:]) is not None:
        return
    stages = {}
    for name in HOUSE.recorded():
        model = name.partition(":")[2]
        other = name not in NAMES and not os.environ.get("WITHOUT_TRAINING")  # where trained models have fewer tasks
        if (model not in MODELS or other) and HOUSE.record(name):
            stages.setdefault(model, []).append(name)
    for model, names in sorted(stages.items()):
        NAMES.update(("orphans", "orphans:" + model))
        yield {"name": model, "doc": "built once, in models.toml no more",
               "actions": [(command.say, ["   `doit clean orphans` removes what was built of it"])],
               "clean": [(clean, [name, read_by_models]) for name in names]}


@functools.lru_cache(None)
def read_by_models():
    """Return the real paths of all files that the tables of the catalogue name to be read, and that these name."""
    found = set()
    for entry in ENTRIES:
        whole = True
        try:
            paths = importlib.import_module(".stages", __package__).sources(entry)
        except Fault:  # what cannot be read for the moment; or no model, from which links may lead anywhere
            paths, whole = [path for path in (entry.source, entry.weights) if path], False
        paths += catalog.data_files(entry.data) if entry.data else []
        found.update(os.path.realpath(name) for path in paths for name in files.files_of(path, whole))
    return found


def perform(stage, produce, report):
    """Action of a stage's task: build it, print what came out."""
    try:
        if take(*TAKEN) and HOUSE.verdict(stage) is None:
            return None  # another run built it while this one had given models/ away
        for path in HOUSE.users(stage):
            command.say(f"   {path} is yours: left as it is")
            return None
        record = HOUSE.build(stage, produce)
        for line in report(record) if report else []:
            command.say("   " + line)
    except Fault as fault:
        return TaskFailed(command.one_line(fault))
    finally:
        command.heed_lost_signals()
    return None


def always(action, *arguments, **options):
    """Return a doit task that runs `module.function(*arguments)` whenever it is asked for, and builds nothing in
    models/ itself.  action: "module:function", imported when it runs.  options: name, doc, after."""
    name = options.get("name")
    NAMES.update([options["basename"]] + (["{}:{}".format(options["basename"], name)] if name else []))
    task = {"actions": [(call, [action] + list(arguments))], "uptodate": [False],
            "task_dep": list(options.get("after", ()))}
    task.update({"name": name} if name else {"basename": options["basename"]})
    task.update({"doc": options["doc"]} if "doc" in options else {})
    return task


def call(action, *arguments):
    """Action of a task made by `always`; models/ is free for other builds meanwhile."""
    HOUSE.unlock()  # `perform` takes it again
    module, function = action.split(":")
    try:
        getattr(importlib.import_module("." + module, child.PACKAGE), function)(*arguments)
    except Fault as fault:
        return TaskFailed(command.one_line(fault))
    return None


def clean(name, spare=frozenset, dryrun=False):  # doit says whether it is a dry run
    """Clean action: delete what the record of stage `name` proves to be ours, say what was left and why."""
    spared = spare()
    try:
        removed, left = HOUSE.remove(name, dryrun, spared)
    except Fault as fault:
        LEFT.append(f"{name}: {fault}")  # doit keeps what an action writes on stderr to itself
        return
    for path in removed:
        command.say("{}{}".format("would remove " if dryrun else "removed ", path))
    for path in left:
        command.say("left {}: {}".format(path, "a model of models.toml is made from "
                                               "it" if os.path.realpath(path) in spared
                                     else "it was changed since it was built"))
