"""Modules that a program can call: `from tensorspace_keras import convert` gives the module, which calls api.convert.

The commands `convert` and `summary` are modules of the package, and Python binds their names once they are imported.
So the module itself answers the call.  The first call imports the modules of api.py.
"""
import sys
import types
from typing import Any

from .fault import Fault, lacking
from .place import PACKAGE

API = {"convert": "api", "summary": "api", "show": "showing", "Snapshots": "snapshots"}  # names and their modules
COMMANDS = ("convert", "summary")  # those that are modules too


def found(name: str) -> Any:
    """Return what a program calls by a name of API.  No import stands here, which would make every stage depend on it
    (builds/code.py).

    Raises Fault where this Python lacks what the module imports.
    """
    return getattr(imported(API[name]), name)


def imported(name: str) -> types.ModuleType:
    """Import a module of the package.  Raises Fault where this Python lacks what the module imports."""
    module = f"{PACKAGE}.{name}"
    try:
        __import__(module)
    except ModuleNotFoundError as error:
        line = lacking(error)
        if line is None:
            raise
        raise Fault(line) from error
    return sys.modules[module]


class Called(types.ModuleType):
    """A module whose call is that of the function of its name in api.py."""

    def __call__(self, *args: Any, **options: Any) -> Any:
        """Call the function."""
        return self.__wrapped__(*args, **options)

    @property
    def __wrapped__(self) -> Any:
        """The function: inspect.signature and help of a notebook follow it."""
        return found(self.__name__.rpartition(".")[2])


class Package(types.ModuleType):
    """A package with the names of API, imported when they are asked for."""

    def __getattr__(self, name: str) -> Any:
        """Return what a name of API stands for: the module of that name, which answers the call, or what is called."""
        if name not in API:
            raise AttributeError(f"module {self.__name__!r} has no attribute {name!r}")
        if name not in COMMANDS:
            return found(name)
        return imported(name)


def makes(name: str, kind: type) -> None:
    """Give the module `name` the class `kind`, unless it runs as the program."""
    module = sys.modules.get(name)
    if module is not None and name != "__main__":
        module.__class__ = kind
