"""trust: which files of the user's may run, "my_layers.py" or "my_model.py:make"; nothing is run here."""
import os
from typing import List, NamedTuple, Optional, Sequence, Union

from ..base.fault import Fault

REMEDY = 'if you have its Python, --trust FILE.py (in models.toml trust = "FILE.py") runs it'


class Trusted(NamedTuple):
    """A file that may run, and the function in it that makes the model, where it names one."""

    path: str
    factory: Optional[str]


def read(trust: Union[None, str, Sequence[str]]) -> List[Trusted]:
    """Return the Trusted of a setting.  Raises Fault for a file that is not there, and for two functions."""
    found = []
    for text in [trust] if isinstance(trust, str) else trust or ():
        path, colon, factory = text.rpartition(":")
        named = Trusted(path, factory) if colon and factory.isidentifier() and not os.path.exists(text) \
            else Trusted(text, None)
        if not os.path.isfile(named.path):
            why = "a directory" if os.path.isdir(named.path) else "no such file"
            raise Fault(f"trust: {named.path}: {why}: name the file that has the model's classes")
        if not named.path.endswith(".py"):
            raise Fault(f"trust: {named.path}: not a file of Python: its name ends in .py")
        found.append(named)
    if sum(one.factory is not None for one in found) > 1:
        raise Fault("trust: two functions that make the model: name one")
    return found


def files(trust: Union[None, str, Sequence[str]]) -> List[str]:
    """Return the paths of the files of a setting.  Raises Fault as `read` does."""
    return [one.path for one in read(trust)]
