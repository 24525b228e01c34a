"""How doit itself starts, ends and cleans here: one run of a model at a time, one line for what goes wrong, signals.

doit asks its classes and nobody else about these, so some of their methods are replaced.
"""
import contextlib
import difflib
import json
import os
import re
import signal
import sys
import time

from doit import cmd_run
from doit.cmd_base import DoitCmdBase
from doit.cmd_clean import Clean
from doit.cmd_info import Info
from doit.cmdparse import CmdParseError
from doit.control import TaskControl
from doit.dependency import JsonDB
from doit.exceptions import InvalidCommand
from doit.runner import MRunner, MThreadRunner, Runner

from ..base import child, command, files, stack
from ..base.fault import Fault
from .tasks import HOUSE, LEFT, MODELS, NAMES, Reporter, models_of, take

STATE = os.path.join(HOUSE.records, f"doit.{stack.NAME}.json")
LEAVE_SECONDS = 10  # for the other processes of doit -n, when one is lost


def configure(default):
    """Return DOIT_CONFIG.  doit's state stands with the records, one file per stack."""
    command.heed_signals()
    sys.stdout, sys.stderr = command.Lenient(sys.stdout), command.Lenient(sys.stderr)
    try:
        os.makedirs(HOUSE.records, exist_ok=True)
    except OSError:
        if os.path.lexists(HOUSE.records):  # else a read-only checkout, which can still list its tasks
            command.end(f"{HOUSE.records} is in the way of the records of what is built: move it")
    JsonDB._load, JsonDB.dump = load_state, dump_state
    InvalidCommand.__str__, CmdParseError.__str__ = one_line_instead, no_option
    TaskControl._process_filter, cmd_run.codecs = selected, Written
    Runner.run_all = one_run_at_a_time
    MRunner._run_start_processes, MRunner.execute_task = start_processes, execute_task
    Clean.clean_tasks, Info._execute = clean_tasks, info
    # Commands have taken sys.stdout before this is run; what `doit run -o FILE` sets it hands on by itself.
    DoitCmdBase.outstream = property(lambda self: sys.stdout, lambda self, stream: None)
    if sys.argv[1:2] == ["clean"] and {"-a", "--clean-all"} & set(sys.argv):
        default = None  # doit 0.34 would clean these and what they depend on, no page for one
    if any(len(word) > 3 and "--backend".startswith(word.split("=")[0]) for word in sys.argv):  # doit takes --ba, too
        command.end(f"doit: --backend: its state is a JSON file here, {STATE}: leave it out")
    return {"default_tasks": default, "verbosity": 2, "reporter": Reporter, "backend": "json", "dep_file": STATE}


# The command line ------------------------------------------------------------------------------------------

plain_text, plain_info, plain_filter = InvalidCommand.__str__, Info._execute, TaskControl._process_filter


def one_line_instead(error):
    """doit prints an unknown task on four lines and exits with 3: say it in one and exit with 1."""
    if error.not_found:
        no_task(str(error.not_found))
    name = re.match(r"'(.*)' is not a task", plain_text(error))  # what list, clean, forget and ignore say
    return no_task(name.group(1)) if name else plain_text(error)


def no_task(asked):
    stage, colon, name = asked.partition(":")
    if name in MODELS and os.environ.get("WITHOUT_TRAINING"):
        command.end(f"doit: {name} is not trained yet: `make` trains it")
    if colon and stage in NAMES:
        there = sorted(other.split(":", 1)[1] for other in NAMES if other.startswith(stage + ":"))
        command.end("doit: {} has no model {}: models/models.toml has {}".format(stage, name, ", ".join(there)))
    near = [word + ":" + asked for word in sys.argv if word + ":" + asked in NAMES]  # doit convert mine
    near = near or difflib.get_close_matches(asked, sorted(NAMES), 1)
    command.end("doit: there is no task {}{} (`doit list` shows what there "
                "is)".format(asked, f", did you mean {near[0]}?" if near else ""))


def no_option(error):
    """Options of doit's own are read before there is a dodo.py; these follow the name of a task."""
    text = "".join(map(str, error.args))
    found = re.match(r"Error parsing Task: option (\S+)", text)
    if found:
        command.end(f"doit: a task has no option {found.group(1)}: how a model is converted is set in "
                    "models/models.toml, and doit's "
                    "own options stand before the task")
    return text


def selected(control, names):
    for name in names:
        if "*" in name and not control._get_wild_tasks(name):
            command.end(f"doit: no task is like {name}: `doit list --all` shows what there is")
    return plain_filter(control, names)


class Written:
    """What `doit -o FILE` opens by."""

    @staticmethod
    def open(path, mode, encoding):
        if os.path.isfile(path):
            command.end(f"doit: -o {path} is there already: remove it, or name another place")
        try:
            return open(path, mode, encoding=encoding)
        except OSError as error:
            command.end(f"doit: -o {path}: cannot be written ({error.strerror}): name another place")


def info(self, pos_args, hide_status=False):  # doit asks for the names
    if len(pos_args) == 1 and pos_args[0] not in {task.name for task in self.task_list}:
        no_task(pos_args[0])  # doit's own answer is a traceback
    return plain_info(self, pos_args, hide_status)


# doit's state ----------------------------------------------------------------------------------------------

plain_dump = JsonDB.dump


def load_state(database):
    """doit refuses to start on a state that a kill or a full disk cut short; it holds nothing that the records do not
    know better.  What stands where --db-file says is another matter."""
    try:
        with open(database.name, encoding="utf-8") as stream:
            database.text = stream.read()
        state = json.loads(database.text)
    except (OSError, ValueError, RecursionError):
        state = None
    if isinstance(state, dict) and all(isinstance(entry, dict) and any(key.endswith(":") for key in entry)
                                       for entry in state.values()):  # "checker:", "ignore:", as no other program has
        return state
    if not ours(database):
        command.end(f"{database.name} is no state of doit's: name another file")
    return {}


def ours(database):
    return os.path.abspath(database.name) == os.path.abspath(STATE)


def dump_state(database):
    """doit writes its state in place, whether it changed or not, and ends with a traceback where there is no room."""
    if not ours(database):
        return plain_dump(database)
    text = database.codec.encode(database._db)
    if text != getattr(database, "text", None):
        files.keep(database.name, text)


# Runs ------------------------------------------------------------------------------------------------------

plain_run, plain_clean = Runner.run_all, Clean.clean_tasks
plain_start, plain_execute = MRunner._run_start_processes, MRunner.execute_task


def one_run_at_a_time(runner, dispatcher):
    """Whoever reports (doit -r), the run has models/ to itself."""
    try:
        take(models_of(dispatcher.selected_tasks))
        return plain_run(runner, dispatcher)
    except Fault as fault:
        command.end(fault)
    except SystemExit:
        if hasattr(runner, "workers"):
            runner.workers.end()
        raise
    finally:
        HOUSE.unlock()


def clean_tasks(cleaner, tasks, dryrun, cleanforget):
    """Cleaning has models/ to itself too; it goes on after what it may not remove, and ends with 1."""
    try:
        if not dryrun:
            take()
        plain_clean(cleaner, tasks, dryrun, cleanforget)
    except Fault as fault:
        command.end(fault)
    finally:
        HOUSE.unlock()
    for line in LEFT:
        command.complain(line)
    if LEFT:
        raise SystemExit(command.FAULT)


# The processes of doit -n ----------------------------------------------------------------------------------

class Workers:
    """They end when the one that started them does, which ends when one of them is lost: doit would wait for ever."""

    def __init__(self, runner, queues):
        from multiprocessing import util  # not where nothing is forked
        self.runner, self.parent, self.processes, self.queues = runner, os.getpid(), [], queues
        util.register_after_fork(self, Workers.begin)
        signal.signal(signal.SIGCHLD, self.look)

    def begin(self):
        """In a worker, before anything else."""
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        child.die_with_parent()
        if os.getppid() != self.parent:  # it was killed before that was said
            os._exit(command.FAULT)
        leave_at_signals()
        signal.pthread_sigmask(signal.SIG_UNBLOCK, command.NOTICED)

    def look(self, number, frame):
        """Handler of SIGCHLD, which what a task starts brings as well."""
        codes = [process.exitcode for process in self.processes]
        noticed = [code for number in command.NOTICED for code in (-number, 128 + number)]
        lost = [code for code in codes if code and code not in noticed]
        if lost:
            running = getattr(self.runner.reporter, "running", ())
            self.end()
            command.end("doit -n: a process {}{}: run again; alone (without -n) it says which model that is".format(
                "was killed by signal %d, for want of memory perhaps" % -lost[0] if lost[0] < 0
                else "ended with %d" % lost[0], running and " while it built one of " + ", ".join(running) or ""))

    def end(self):
        """Tell them to leave; who does not, for want of what a lost one holds or as the signal was lost, is killed."""
        import multiprocessing
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        command.finished()
        processes = multiprocessing.active_children()  # those too that were being started when the signal came
        for process in processes:
            process.terminate()
        until = time.time() + LEAVE_SECONDS
        for process in processes:
            process.join(max(0, until - time.time()))
            if process.exitcode is None:
                with contextlib.suppress(ProcessLookupError):  # at last
                    os.kill(process.pid, signal.SIGKILL)
        for queue in self.queues:  # Python would wait for the threads that write into them, at times for ever
            queue.cancel_join_thread()


def leave_at_signals():
    """Leave them to the system: an exception out of a handler would find multiprocessing with its locks half taken, and
    a handler is not called where a signal comes just before a read that waits."""
    for number in command.NOTICED:
        signal.signal(number, signal.SIG_DFL)


def execute_task(runner, task):
    """In a worker: at a signal a task cleans up before all ends."""
    command.heed_signals()
    try:
        return plain_execute(runner, task)
    except SystemExit as told:
        os._exit(told.code)
    finally:
        leave_at_signals()


def start_processes(runner, job_q, result_q):
    if isinstance(runner, MThreadRunner):
        command.end("doit: -P thread: signals and locks are for processes here: leave it out, -n alone starts them")
    if runner.num_process < 0:
        command.end("doit: -n %d: give the number of processes, from 1" % runner.num_process)
    workers = Workers(runner, (job_q, result_q))
    runner.workers = workers  # held as long as they are
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, command.NOTICED)  # until each can heed them in its own way
    try:
        workers.processes = plain_start(runner, job_q, result_q)
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
    workers.look(None, None)  # one that was lost until now
    return workers.processes
