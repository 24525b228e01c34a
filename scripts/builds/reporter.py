"""doit's reporter: one line per task, with the reason why it runs; a fault of the input is one line on stderr."""
import sys
from collections import OrderedDict
from typing import Any, Dict, List

from doit.exceptions import TaskFailed
from doit.reporter import ConsoleReporter

from ..base import command, place
from .tasks import freshness


class Reporter(ConsoleReporter):
    """Says what runs and why.  `of` makes one for a run: doit makes the object itself."""

    desc = "one line a task, faults on stderr"
    run = None  # run.Run

    def __init__(self, outstream: Any, options: Dict[str, Any]) -> None:
        super().__init__(command.Lenient(outstream), options)
        self.faults, self.bugs, self.unmet, self.executed = [], [], [], []
        self.running = OrderedDict()  # names of tasks -> None

    def write(self, text: str) -> None:
        """Write text; characters that the output's encoding lacks are spelled out."""
        encoding = getattr(self.outstream, "encoding", None) or "utf-8"
        self.outstream.write(text.encode(encoding, "backslashreplace").decode(encoding))

    def initialize(self, tasks: Dict[str, Any], selected_tasks: List[str]) -> None:
        """Refuse a run that has nothing to do."""
        if self.run.without_training and not any(name.startswith("convert:") for name in self.run.names):
            command.end("nothing to convert without training: put a trained model at models/model.h5, or name it in "
                        f"models/models.toml (source = …); {place.makes()} trains one")

    def execute_task(self, task: Any) -> None:
        """Say that a task runs, and why."""
        if task.actions and not task.name.startswith("_"):
            fresh = freshness(task)
            self.executed.append(task.name)
            self.running[task.name] = None
            reason = f"  ({fresh.reason})" if fresh and fresh.reason else ""
            self.write(f".  {task.title()}{reason}\n")
            self.outstream.flush()  # before what a child of the task writes

    def add_success(self, task: Any) -> None:
        """Forget a task that ended well."""
        self.running.pop(task.name, None)

    def skip_uptodate(self, task: Any) -> None:
        """Say that a stage is up to date."""
        fresh = freshness(task)
        if fresh:
            note = f"  ({fresh.note})" if fresh.note else ""
            self.write(f"-- {task.title()}{note}\n")

    def add_failure(self, task: Any, fail: Any) -> None:
        """Say in one line that a task failed; say a bug with its traceback."""
        self.running.pop(task.name, None)
        if type(fail).__name__ == "UnmetDependency":  # in doit 0.34 a TaskFailed, too
            self.unmet.append(task.name)
        elif isinstance(fail, TaskFailed):
            self.faults.append(task.name)
            command.complain(f"{task.name}: {fail.message}")
        else:
            self.bugs.append(task.name)
            sys.stderr.write(f"{task.name}: this is a bug, please report it\n{fail.get_msg()}\n")

    def complete_run(self) -> None:
        """Say which tasks failed, and which were not tried for that."""
        if any(name.startswith("convert:") for name in self.executed) and not (self.faults or self.bugs):
            self.write(f"next: {place.makes('view')} shows it in TensorSpace\n")
        failed = self.faults + self.bugs
        if len(failed) > 1 or self.unmet:
            untried = "; not tried for that: " + ", ".join(self.unmet) if self.unmet else ""
            command.complain("failed: " + ", ".join(failed) + untried)
        for line in self.runtime_errors:
            command.complain(line)
        command.finished()
        if self.faults and not self.bugs:
            raise SystemExit(command.FAULT)  # doit would end with 2 where a task waited for the failed one


def of(run: Any) -> type:
    """Return the Reporter of one run.Run."""
    return type("Reporter", (Reporter,), {"run": run})
