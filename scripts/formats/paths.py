"""Paths to a model's files: whether they can be read, and what to do if there is no file."""
import os
import posixpath
import re
from typing import Any, Optional

from ..base import place
from ..base.fault import Fault
from ..layers.records import is_text

# How paths look that lead nowhere, and what to do about each.
PATHS = (
    (r"[A-Za-z][A-Za-z0-9+]+:/", "an address: download it, and give the file"),
    (r"~", "only a shell knows ~, without quotes: give the whole path"),
    (r"[\"'\u2018-\u201f]", "the quotes are taken for a part of the name: leave them out"),
    (r"[A-Za-z]:\\", "a path of Windows: give it as this system spells it"),
    (r".*[*?]", "no file matches, and one file is meant (in models.toml, source takes patterns)"),
    (r"models/(enc_)?model\.h5$", f"run {place.makes()} first, which makes it"),
)


def check_readable(path: str) -> None:
    """Raise a Fault unless `path` can be opened (a file) or listed (a directory)."""
    try:
        if os.path.isdir(path):
            if not os.listdir(path):
                raise Fault(f"{path}: the directory is empty")
            return
        if os.path.exists(path) and not os.path.isfile(path):  # opening a pipe waits until something writes
            raise Fault(f"{path}: neither a file nor a directory")
        with open(path, "rb") as file:
            file.read(1)
    except FileNotFoundError:
        raise Fault(missing(path))
    except (OSError, ValueError) as error:
        raise Fault(f"{path}: {getattr(error, 'strerror', None) or error}")


def missing(path: str) -> str:
    """Return the one line about a missing file."""
    advice = next((advice for pattern, advice in PATHS if re.match(pattern, path)), None)
    where = "" if advice or os.path.isabs(path) else " in " + os.getcwd()
    return f"{path}: No such file or directory" + (": " + advice if advice else where)


def head(path: str, count: int = 1024) -> bytes:
    """Return the first `count` bytes of a file, b"" for a directory."""
    if os.path.isdir(path):
        return b""
    with open(path, "rb") as file:
        return file.read(count)


def inside(name: Any) -> Optional[str]:
    """Return the shortest spelling of `name`, a path in a manifest from its own directory: "./a.bin" is "a.bin".

    None for a path out of the directory, for the directory itself, and for a name that no file can have.
    """
    if not isinstance(name, str) or not name or "\\" in name or not is_text(name):
        return None
    place = posixpath.normpath(name)
    return None if place in (".", "..") or place.startswith(("/", "../")) else place
