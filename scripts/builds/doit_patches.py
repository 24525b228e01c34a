"""Replacements of parts of doit, each with the source that it was written for.

doit takes a reporter from DOIT_CONFIG: reporter.py.  doit takes commands, backends and loaders only from a doit.cfg in
the working directory, and `doit -f PROJECT/dodo.py` works here from any directory.  It takes runners and messages from
nowhere.  `apply` replaces these methods once dodo.py is read, `apply_to_options` one of them before.

Written for doit 0.34.2 (the last one for Python 3.6) and 0.37.0.  tests/unit/test_doit_patches.py fails with the first
doit whose source is another.  pip's script `doit` has one more, for the options that doit reads before any code of this
project's: bootstrap.py writes it.
"""
import difflib
import inspect
import json
import os
import re
import signal
import sys
import textwrap
from typing import Any, Callable, Dict, List, NamedTuple, Optional

from doit import cmd_run
from doit.cmd_base import DoitCmdBase
from doit.cmd_clean import Clean
from doit.cmd_info import Info
from doit.cmdparse import CmdParse, CmdParseError
from doit.control import TaskControl
from doit.dependency import JsonDB
from doit.exceptions import InvalidCommand
from doit.runner import MRunner, MThreadRunner, Runner

from ..base import command, files, place
from ..base.fault import Fault
from .code import digest
from .workers import Workers, leave_at_signals

Run = Any  # run.Run, whose module imports this one

# The command line ------------------------------------------------------------------------------------------

def unknown_task(run: Run, plain: Callable) -> Callable:
    """doit says on four lines that there is no such task, and exits with 3: here it is one line, and 1."""
    def text(error):
        if error.not_found:
            no_task(run, str(error.not_found))
        name = re.match(r"'(.*)' is not a task", plain(error))  # the words of list, clean, forget and ignore
        return no_task(run, name.group(1)) if name else plain(error)
    return text


def no_task(run: Run, asked: str) -> None:
    """End with the line that names the task or the model that was meant."""
    stage, colon, name = asked.partition(":")
    if name in run.behind and run.without_training:
        command.end(f"doit: {name} is not trained yet: {place.makes()} trains it")
    if colon and stage in run.names:
        there = sorted(other.split(":", 1)[1] for other in run.names if other.startswith(stage + ":"))
        command.end(f"doit: {stage} has no model {name}: models/models.toml has {', '.join(there)}")
    near = [word + ":" + asked for word in run.words if word + ":" + asked in run.names]  # doit convert mine
    near = near or difflib.get_close_matches(asked, sorted(run.names), 1)
    meant = f", did you mean {near[0]}?" if near else ""
    command.end(f"doit: there is no task {asked}{meant} (`{place.doit('list')}` shows what there is)")


def unknown_option(run: Optional[Run], plain: Callable) -> Callable:
    """doit lists every option of its own, as Python spells them, where it lacks one: here it is one line.

    It reads its own options before there is a dodo.py; those of a task follow the task's name.
    """
    def text(error):
        said = " ".join("".join(map(str, error.args)).split())
        found = re.match(r"Error parsing Task: option (\S+)", said)
        if found:
            command.end(f"doit: a task has no option {found.group(1)}: how a model is converted is set in "
                        "models/models.toml, and doit's own options stand before the task")
        found = re.search(r"option (\S+) (not recognized|requires argument|must not have an argument)", said)
        if found is None:
            return re.sub(r" <class '\w+'>", "", said)
        return f"option {found.group(1)} {found.group(2)} (`{place.doit('help run')}` shows what there is)"
    return text


def selection(run: Run, plain: Callable) -> Callable:
    """doit does nothing in silence where no task is like a pattern."""
    def _process_filter(control, names):
        for name in names:
            if "*" in name and not control._get_wild_tasks(name):
                command.end(f"doit: no task is like {name}: `{place.doit('list --all')}` shows what there is")
        return plain(control, names)
    return _process_filter


def output_file(run: Run, plain: Any) -> type:
    """doit -o FILE empties any file, and ends with a traceback where it cannot."""
    class Written:
        @staticmethod
        def open(path: str, mode: str, encoding: str) -> Any:
            if os.path.isfile(path):
                command.end(f"doit: -o {path} is there already: remove it, or name another place")
            try:
                return open(path, mode, encoding=encoding)
            except OSError as error:
                command.end(f"doit: -o {path}: cannot be written ({error.strerror}): name another place")
    return Written


def info(run: Run, plain: Callable) -> Callable:
    """doit info ends with a traceback where there is no such task."""
    def _execute(self, pos_args, hide_status=False):  # doit asks for the names
        if len(pos_args) == 1 and pos_args[0] not in {task.name for task in self.task_list}:
            no_task(run, pos_args[0])
        return plain(self, pos_args, hide_status)
    return _execute


def output(run: Run, plain: Any) -> property:
    """Commands take sys.stdout before dodo.py is read; doit itself hands on the file of `doit run -o FILE`."""
    return property(lambda self: sys.stdout, lambda self, stream: None)


# doit's state ----------------------------------------------------------------------------------------------

def load_state(run: Run, plain: Callable) -> Callable:
    """doit refuses to start on a state that a kill or a full disk cut short; here it starts without one.

    The records know all that the state holds.  A file that --db-file names, and that is no state, is left alone.
    """
    def _load(database):
        try:
            with open(database.name, encoding="utf-8") as stream:
                database.text = stream.read()
            state = json.loads(database.text)
        except (OSError, ValueError, RecursionError):
            state = None
        if isinstance(state, dict) and all(isinstance(entry, dict) and any(key.endswith(":") for key in entry)
                                           for entry in state.values()):  # "checker:", as no other program has
            return state
        if not is_state(run, database):
            command.end(f"{database.name} is no state of doit's: name another file")
        return {}
    return _load


def is_state(run: Run, database: Any) -> bool:
    """Tell whether doit's `database` is the one beside the records."""
    return os.path.abspath(database.name) == os.path.abspath(run.state)


def dump_state(run: Run, plain: Callable) -> Callable:
    """doit writes its state in place, whether it changed or not, and ends with a traceback where there is no room."""
    def dump(database):
        if not is_state(run, database):
            return plain(database)
        text = database.codec.encode(database._db)
        if text != getattr(database, "text", None):
            files.keep(database.name, text)
        return None
    return dump


# Runs ------------------------------------------------------------------------------------------------------

def one_run_at_a_time(run: Run, plain: Callable) -> Callable:
    """The run has its models to itself, with any reporter (doit -r)."""
    def run_all(runner, dispatcher):
        try:
            run.take(run.models_of(dispatcher.selected_tasks))
            return plain(runner, dispatcher)
        except Fault as fault:
            return command.end(fault)
        except SystemExit:
            if hasattr(runner, "workers"):
                runner.workers.end()
            raise
        finally:
            run.house.unlock()
    return run_all


def clean_all(run: Run, plain: Callable) -> Callable:
    """A cleaning run has models/ to itself too.

    It goes on after a file that it may not remove, and then ends with 1.
    """
    def clean_tasks(cleaner, tasks, dryrun, cleanforget):
        try:
            if not dryrun:
                run.take()
            plain(cleaner, tasks, dryrun, cleanforget)
        except Fault as fault:
            command.end(fault)
        finally:
            run.house.unlock()
        for line in run.left:
            command.complain(line)
        if run.left:
            raise SystemExit(command.FAULT)
    return clean_tasks


def execute_task(run: Run, plain: Callable) -> Callable:
    """In a worker of doit -n, a task cleans up at a signal before the worker ends."""
    def execute(runner, task):
        command.heed_signals()
        try:
            done = plain(runner, task)
            command.heed_lost_signals()
            return done
        except SystemExit as told:
            os._exit(told.code)
        finally:
            leave_at_signals()
    return execute


def start_processes(run: Run, plain: Callable) -> Callable:
    """doit -n waits for ever for a process that is lost, and its processes outlive it: workers.Workers."""
    def _run_start_processes(runner, job_q, result_q):
        if isinstance(runner, MThreadRunner):
            command.end("doit: -P thread: signals and locks are for processes here: leave it out, -n alone starts them")
        if runner.num_process < 0:
            command.end(f"doit: -n {runner.num_process}: give the number of processes, from 1")
        workers = Workers(runner, (job_q, result_q))
        runner.workers = workers  # held as long as they are
        mask = signal.pthread_sigmask(signal.SIG_BLOCK, command.NOTICED)  # until each can heed them in its own way
        try:
            workers.processes = plain(runner, job_q, result_q)
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        workers.look(None, None)  # one that was lost until now
        return workers.processes
    return _run_start_processes


# ------------------------------------------------------------------------------------------------------------

class Patch(NamedTuple):
    """One replaced part of doit.

    owner   doit's class or module
    name    the attribute of it
    by      callable(Run, doit's attribute) -> the attribute in its place
    source  the function whose source tells whether the patch fits
    fits    {version of doit: the first digits of the digest of that source}
    """

    owner: object
    name: str
    by: Callable
    source: Callable
    fits: Dict[str, str]

    @property
    def plain(self) -> Any:
        """doit's own attribute, None where it has none."""
        return PLAIN[self.owner, self.name]

    def found(self) -> str:
        """Return the first digits of the digest of the source that is installed, without comments and docstrings."""
        return digest(textwrap.dedent(inspect.getsource(self.source)).encode("utf-8"))[:12]


OPTIONS = Patch(CmdParseError, "__str__", unknown_option, CmdParse.parse_only,
                fits={"0.34.2": "856a504aafa3", "0.37.0": "60fa52eb7272"})
PATCHES: List[Patch] = [
    Patch(InvalidCommand, "__str__", unknown_task, InvalidCommand.__str__,
          fits={"0.34.2": "ab2414e267c7", "0.37.0": "ca053993f4ef"}),
    OPTIONS,
    Patch(TaskControl, "_process_filter", selection, TaskControl._process_filter,
          fits={"0.34.2": "3a0839f33b66", "0.37.0": "1124c927d7fa"}),
    Patch(cmd_run, "codecs", output_file, cmd_run.Run._execute,
          fits={"0.34.2": "42a671efb4e4", "0.37.0": "e6ba6a384817"}),
    Patch(Info, "_execute", info, Info._execute,
          fits={"0.34.2": "1a82abe8c005", "0.37.0": "1a82abe8c005"}),
    Patch(DoitCmdBase, "outstream", output, DoitCmdBase.__init__,
          fits={"0.34.2": "e74cd1a3e14f", "0.37.0": "e74cd1a3e14f"}),
    Patch(JsonDB, "_load", load_state, JsonDB._load,
          fits={"0.34.2": "5e1175c247a5", "0.37.0": "66d592564185"}),
    Patch(JsonDB, "dump", dump_state, JsonDB.dump,
          fits={"0.34.2": "822edbdc42e0", "0.37.0": "822edbdc42e0"}),
    Patch(Runner, "run_all", one_run_at_a_time, Runner.run_all,
          fits={"0.34.2": "107a2ef02000", "0.37.0": "107a2ef02000"}),
    Patch(Clean, "clean_tasks", clean_all, Clean.clean_tasks,
          fits={"0.34.2": "73b0e058207f", "0.37.0": "73b0e058207f"}),
    Patch(MRunner, "execute_task", execute_task, MRunner.execute_task,
          fits={"0.34.2": "2a07e63bf387", "0.37.0": "2a07e63bf387"}),
    Patch(MRunner, "_run_start_processes", start_processes, MRunner._run_start_processes,
          fits={"0.34.2": "389566196ac9", "0.37.0": "389566196ac9"}),
]
# As doit has them: read once, before anything is replaced.
PLAIN = {(patch.owner, patch.name): getattr(patch.owner, patch.name, None) for patch in PATCHES}


def apply(run: Run) -> None:
    """Replace everything of PATCHES for one run.Run, which takes the place of an earlier one's."""
    for patch in PATCHES:
        setattr(patch.owner, patch.name, patch.by(run, patch.plain))


def apply_to_options() -> None:
    """Replace what doit says of its own options, which it reads before dodo.py: there is no run.Run yet."""
    setattr(OPTIONS.owner, OPTIONS.name, OPTIONS.by(None, OPTIONS.plain))
