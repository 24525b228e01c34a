"""Fault: the user's input is at fault.  Every other exception that leaves a stage is a bug of this project's."""
import sys
import types
from typing import Optional, Type

from .place import CHECKOUT, PACKAGE, installs

UNIX = ("fcntl", "resource")  # modules of Python that Windows lacks
ON_WINDOWS = "this runs on Linux and macOS: on Windows take WSL (`wsl --install`), and run it there"


class Fault(Exception):
    """The user's input is at fault: a file, a name, a setting.

    The message is one line: what is wrong, where, and what to do about it.  A command prints it on
    stderr and exits with 1; every other exception that leaves a stage is a bug of this project's.
    """


def lacking(error: BaseException) -> Optional[str]:
    """Return the line for an ImportError of a package that this Python lacks, None for any other exception."""
    package = (getattr(error, "name", None) or "").split(".")[0]
    if not isinstance(error, ModuleNotFoundError) or package in ("", PACKAGE):
        return None
    if package in UNIX:
        return f"no {package} here: {ON_WINDOWS}"
    if CHECKOUT:
        return (f"{sys.executable} has no {package}: {installs(package)} puts it into .venv; run this with "
                ".venv/bin/python (.venv-py36/bin/python for the stack of Python 3.6)")
    return f"{sys.executable} has no {package}: {installs(package)} installs it"


def say_what_is_lacking(kind: Type[BaseException], error: BaseException, trace: Optional[types.TracebackType]) -> None:
    """Say an uncaught exception (sys.excepthook): one line for a package that is lacking, a traceback for all else."""
    line = lacking(error)
    if line:
        sys.stderr.write(line + "\n")
    else:
        sys.__excepthook__(kind, error, trace)
