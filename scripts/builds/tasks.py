"""Answers to doit: whether a task is up to date, and which tasks a command line can mean."""
import contextlib
import importlib
import inspect
import re
from typing import Any, List, Optional

from ..base.fault import Fault
from .records import House, Stage

ONLY_CONVERTS = re.compile(r"(run|-[acs]|--(always-execute|(no-)?continue|single|seek-file)|-k|-[nv]|(-[nv])?\d+"
                           r"|--(process|verbosity)=\d+)$")  # doit's words and options that name no task


class Fresh:
    """doit's `uptodate`: asks the records.  As text (`doit info`) it says why a task would run.

    reason  why the stage is built anew, None where it is up to date
    note    the words about a stage that is left alone, or None
    """

    __signature__ = inspect.Signature()  # doit asks for it once a task, and finding it out takes long

    def __init__(self, house: House, stage: Stage, module: Optional[str] = None) -> None:
        self.house, self.stage, self.module, self.reason, self.note = house, stage, module, None, None

    def __call__(self) -> bool:
        """Tell whether the stage is up to date; import the task's module where it is not."""
        try:
            self.reason = self.house.verdict(self.stage)
            users = self.house.users(self.stage)
        except Fault as fault:
            self.reason, users = str(fault), []
        self.note = f"{users[0]} is yours: left as it is" if users else None
        if self.reason and self.module:
            with contextlib.suppress(ImportError):  # the stage itself says so
                importlib.import_module(self.module)  # before doit -n forks: once for all of its processes
        return self.reason is None

    def __str__(self) -> str:
        return self.reason or "fresh"

    __repr__ = __str__


def freshness(task: Any) -> Optional[Fresh]:
    """Return the Fresh of a doit task, or None for a group."""
    found = [item[0] for item in task.uptodate if isinstance(item[0], Fresh)]
    return found[0] if found else None


def asked(words: List[str]) -> Optional[List[str]]:
    """Return the names of the models whose conversion is all that a command line asks for.

    Returns [""] where it asks for all of them, None where it may ask for anything.  A thousand models would declare
    seven thousand tasks: the tasks that the words cannot mean are left out.
    """
    names = []
    for word in words:
        stage, _, name = word.partition(":")
        if stage in ("data", "train", "encapsulate", "convert") and "*" not in name:
            names.append(name)
        elif not ONLY_CONVERTS.match(word):
            return None
    return names or [""]
