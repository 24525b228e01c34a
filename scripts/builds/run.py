"""One run of doit: its models, its declared tasks, the locks that it holds, and the actions of its tasks.

dodo.py makes the Run, and the stages declare their tasks with it.  records.py knows freshness and ownership, stages/
knows what a stage reads and writes, and doit_patches.py holds the replacements of parts of doit.
"""
import importlib
import os
import resource
import sys
from typing import Any, Callable, Iterable, Iterator, List, Optional, Sequence, Set, Tuple, Union

from doit.exceptions import TaskFailed

from ..base import command, files, place, stack
from ..base.fault import Fault
from . import catalog, doit_patches, records, reporter
from .catalog import Entry
from .records import Stage
from .tasks import Fresh, asked

PACKAGE = __package__.rpartition(".")[0]
MANY = 100  # locks to hold one by one


class Run:
    """The state that the parts of one run share.

    root              path of models/
    words             list of str, the command line
    without_training  True: the run takes the model of a table without a source as it is, or leaves the table out if
                      there is none
    house             records.House
    state             path of doit's own state
    names             set of the names of all tasks that dodo.py declared
    entries           list of catalog.Entry, all of the catalogue
    behind            {name of a model: set of the names of those that it is made from}
    models            the models whose locks this run has, or had before it gave them away for a task; None for all
    left              list of lines: why the `clean` of tasks was refused
    """

    def __init__(self, root: str = "models", words: Optional[Sequence[str]] = None) -> None:
        self.root = root
        self.words = list(sys.argv[1:] if words is None else words)
        self.without_training = bool(os.environ.get("WITHOUT_TRAINING"))
        self.house = records.House(root, stack.NAME)
        self.state = os.path.join(self.house.records, f"doit.{stack.NAME}.json")
        self.names, self.entries, self.behind, self.models, self.left = set(), [], {}, None, []
        self._read, self._answers = None, {}

    def configure(self, default: List[str]) -> dict:
        """Return DOIT_CONFIG.  doit's state stands with the records, one file per stack."""
        command.heed_signals()
        sys.stdout, sys.stderr = command.Lenient(sys.stdout), command.Lenient(sys.stderr)
        try:
            os.makedirs(self.house.records, exist_ok=True)
        except OSError:
            if os.path.lexists(self.house.records):  # else a read-only checkout, which can still list its tasks
                command.end(f"{self.house.records} is in the way of the records of what is built: move it")
        doit_patches.apply(self)
        if self.words[:1] == ["clean"] and {"-a", "--clean-all"} & set(self.words):
            default = None  # doit 0.34 would clean these and what they depend on, no page for one
        if any(len(word) > 3 and "--backend".startswith(word.split("=")[0]) for word in self.words):  # --ba, too
            command.end(f"doit: --backend: its state is a JSON file here, {self.state}: leave it out")
        return {"default_tasks": default, "verbosity": 2, "reporter": reporter.of(self), "backend": "json",
                "dep_file": self.state}

    def once(self, ask: Callable, *arguments: Any) -> Any:
        """Return what a function answers; the run asks it once with the same arguments."""
        if (ask, arguments) not in self._answers:
            self._answers[ask, arguments] = ask(*arguments)
        return self._answers[ask, arguments]

    # -- the catalogue ---------------------------------------------------------------------------

    def catalogue(self) -> Tuple[List[Entry], List[Entry]]:
        """Return the entries of models.toml that may be built, and those of them whose pages may be.

        The command line tells both.  A fault in the catalogue ends the process with its one line.
        """
        try:
            entries = self._entries()
            names = asked(self.words)
            if names is None:
                return entries, entries
            if not self.behind.keys() >= set(names):
                return entries, []
            names = self._with_those_behind(names)
            return [entry for entry in entries if entry.name in names], []
        except Fault as fault:
            return command.end(fault)

    def _entries(self):
        path = self.root + "/models.toml"
        self.entries = entries = catalog.read(path, self.root)
        self.behind = {entry.name: frozenset() for entry in entries}
        for entry in entries:
            named = entry.name, entry.source, entry.weights, entry.data, entry.json_name
            try:
                os.fsencode("".join(filter(None, named)))
            except UnicodeEncodeError:
                raise Fault(f"{path}: [{entry.name}]: the locale here has no such letters: set LANG=C.UTF-8")
        if self.without_training:  # `make convert`, the convert image: there is no TensorFlow
            entries = [entry for entry in entries if not entry.trained or os.path.lexists(entry.source)]
            for entry in entries:
                entry.trained = False
        catalog.connect(entries)
        self.behind.update((entry.name, entry.behind) for entry in entries)
        return entries

    def _with_those_behind(self, names: Iterable[Optional[str]]) -> Set[Optional[str]]:
        names = set(names)
        return names.union(*[self.behind.get(name, ()) for name in names])

    # -- locks -----------------------------------------------------------------------------------

    def take(self, models: Optional[Iterable[str]] = None) -> bool:
        """Take models/ for this run, or some models in it (names), and wait for builds of the same.

        Returns whether it was not this run's yet.  The processes of doit -n have what the first one has.
        """
        if self.house.taken():
            return False
        self.models = models
        self.house.lock(lambda pid: command.say(f"waiting: process {pid} is building in {self.root}/"), models)
        return True

    def models_of(self, tasks: Iterable[str]) -> Optional[Set[str]]:
        """Return the names of the models that some tasks build, with those that they are made from; None for all."""
        models = self._with_those_behind(name.split(":", 1)[1] if ":" in name else None for name in tasks)
        most = min(MANY, resource.getrlimit(resource.RLIMIT_NOFILE)[0] // 4)
        return None if None in models or len(models) > most else models

    # -- declaring tasks -------------------------------------------------------------------------

    def task(self, stage: Stage, produce: Callable, report: Optional[Callable] = None, after: Iterable[str] = (),
             module: Optional[str] = None) -> dict:
        """Return the doit task of a stage: subtask NAME of its basename.

        produce  as records.House.build takes it
        report   callable(record) -> lines that are said once it is built
        after    names of the tasks that run before
        module   the module that `produce` imports at length
        """
        basename, name = stage.name.split(":", 1)
        self.names.update((stage.name, basename))
        return {"name": name, "doc": "-> " + stage.outputs[-1], "actions": [(self.perform, [stage, produce, report])],
                "targets": stage.outputs, "uptodate": [Fresh(self.house, stage, module)], "task_dep": list(after),
                "clean": [(self.clean, [stage.name])]}

    def always(self, action: Union[str, Callable], *arguments: Any, basename: str, name: Optional[str] = None,
               doc: Optional[str] = None, after: Iterable[str] = ()) -> dict:
        """Return a doit task that runs a function whenever it is asked for, and builds nothing in models/ itself.

        action  the function; ".module:function" of this package, or "module:function" of another, is imported when it
                runs
        """
        self.names.update([basename] + ([f"{basename}:{name}"] if name else []))
        task = {"actions": [(self.call, [action] + list(arguments))], "uptodate": [False], "task_dep": list(after)}
        task.update({"name": name} if name else {"basename": basename})
        task.update({"doc": doc} if doc else {})
        return task

    def orphans(self, sources: Callable) -> Iterator[dict]:
        """Yield a task for each model that was built and is declared no more: its table or file is gone since, or it
        is made in other stages now.  The task removes nothing, its `clean` all that is on record of no task.

        sources  callable(Run, Entry) -> the files that an entry reads, which stay
        """
        if asked(self.words) is not None:
            return
        stages = {}
        for name in self.house.recorded():
            model = name.partition(":")[2]
            other = name not in self.names and not self.without_training  # where trained models have fewer tasks
            if (model not in self.behind or other) and self.house.record(name):
                stages.setdefault(model, []).append(name)
        for model, names in sorted(stages.items()):
            self.names.update(("orphans", "orphans:" + model))
            yield {"name": model, "doc": "built once, in models.toml no more",
                   "actions": [(command.say, [f"   `{place.doit('clean orphans')}` removes what was built of it"])],
                   "clean": [(self.clean, [name, lambda: self._read_by_models(sources)]) for name in names]}

    def _read_by_models(self, sources) -> Set[str]:
        """Return the real paths of all files that the tables of the catalogue name to be read, and that these name."""
        if self._read is None:
            self._read = set()
            for entry in self.entries:
                whole = True
                try:
                    paths = sources(self, entry)
                except Fault:  # unreadable for the moment; or no model, and links from it may lead anywhere
                    paths, whole = [path for path in (entry.source, entry.weights) if path], False
                paths += catalog.data_files(entry.data) if entry.data else []
                self._read.update(os.path.realpath(name) for path in paths for name in files.files_of(path, whole))
        return self._read

    # -- what doit calls -------------------------------------------------------------------------

    def perform(self, stage: Stage, produce: Callable, report: Optional[Callable]) -> Optional[TaskFailed]:
        """Action of a stage's task: build it, say the lines of its report."""
        try:
            if self.take(self.models) and self.house.verdict(stage) is None:
                return None  # another run built it while this one had given models/ away
            for path in self.house.users(stage):
                command.say(f"   {path} is yours: left as it is")
                return None
            record = self.house.build(stage, produce)
            for line in report(record) if report else []:
                command.say("   " + line)
        except Fault as fault:
            return TaskFailed(command.one_line(fault))
        finally:
            command.heed_lost_signals()
        return None

    def call(self, action: Union[str, Callable], *arguments: Any) -> Optional[TaskFailed]:
        """Action of a task made by `always`; models/ is free for other builds meanwhile."""
        self.house.unlock()  # `perform` takes it again
        try:
            if isinstance(action, str):
                module, function = action.split(":")
                action = getattr(importlib.import_module(module, PACKAGE), function)
            action(*arguments)
        except Fault as fault:
            return TaskFailed(command.one_line(fault))
        return None

    def clean(self, name: str, spare: Callable[[], Iterable[str]] = frozenset,
              dryrun: bool = False) -> None:  # doit says whether it is a dry run
        """Clean action: delete what the record of stage `name` proves to be this project's, say what was left and why.

        spare  callable() -> real paths of files that stay
        """
        spared = spare()
        try:
            removed, left = self.house.remove(name, dryrun, spared)
        except Fault as fault:
            self.left.append(f"{name}: {fault}")  # doit keeps what an action writes on stderr to itself
            return
        for path in removed:
            command.say(f"{'would remove' if dryrun else 'removed'} {path}")
        for path in left:
            why = "a model of models.toml is made from it" if os.path.realpath(path) in spared \
                else "it was changed since it was built"
            command.say(f"left {path}: {why}")
