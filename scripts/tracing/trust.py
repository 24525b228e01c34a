"""trust: the user's files that may run.  Nothing is run here.

"my_layers.py", "my_model.py:make", or the model's own file if it holds a Lambda's Python.
"""
import os
from typing import List, NamedTuple, Optional, Sequence, Union

from ..base.fault import Fault

Trust = Union[None, str, Sequence[str]]


class Trusted(NamedTuple):
    """A file that may run, and the function in it that makes the model, where it names one."""

    path: str
    factory: Optional[str]

    @property
    def python(self) -> bool:
        """Whether it is a file of Python, else the model's own."""
        return self.path.endswith(".py")


def read(trust: Trust, source: str) -> List[Trusted]:
    """Return the Trusted of a setting for the model in `source`.

    Raises Fault for a file that is not there, for one that is neither Python nor the model's, and for two functions.
    """
    found = []
    for text in [trust] if isinstance(trust, str) else trust or ():
        path, colon, factory = text.rpartition(":")
        named = Trusted(path, factory) if colon and factory.isidentifier() and not os.path.exists(text) \
            else Trusted(text, None)
        if os.path.exists(named.path) and os.path.exists(source) and os.path.samefile(named.path, source):
            found.append(named)
            continue
        if not os.path.isfile(named.path):
            why = "a directory" if os.path.isdir(named.path) else "no such file"
            raise Fault(f"trust: {named.path}: {why}: name the file that has the model's classes")
        if not named.path.endswith(".py"):
            raise Fault(f"trust: {named.path}: neither a file of Python, whose name ends in .py, nor {source}")
        found.append(named)
    if sum(one.factory is not None for one in found) > 1:
        raise Fault("trust: two functions that make the model: name one")
    return found


def factory(trusted: Sequence[Trusted]) -> Optional[Trusted]:
    """Return the file that names the function which makes the model, None where none does."""
    return next((one for one in trusted if one.factory), None)


def files(trust: Trust, source: str) -> List[str]:
    """Return the paths of the files of Python of a setting.  Raises Fault as `read` does."""
    return [one.path for one in read(trust, source) if one.python]
