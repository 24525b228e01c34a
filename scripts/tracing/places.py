"""The place of an error in a user's Python, as one line: "my_layers.py:12: NameError: name 'x' is not defined"."""
import os
import re
import sys
import traceback
from typing import Iterable, List, Optional, Tuple

from ..base import command
from ..base.place import ROOT

LONGEST = 300  # letters of what an error says
# As autograph tells of the place, in the words of its error; TensorFlow 2.6 has FILE:LINE FUNCTION
TOLD = re.compile(r'(?:File "|^ +)([^"\s]+\.py)(?:", line |:)(\d+)', re.MULTILINE)
COLOURS = re.compile(r"\x1b\[[0-9;]*m")
# What Keras wraps around the words of an error in a layer's call, behind which these stand
WRAPPED = re.compile(r"(Exception encountered when calling|in user code:|Graph execution error)")
BEHIND = re.compile(r"(Arguments received by|Call arguments received by|Detected at node)")


def said(error: BaseException, files: Iterable[str]) -> Optional[str]:
    """Return the line about an error that a user's Python raised, None where it did not pass through these files.

    files: as the user spells them; a file beside one of them is the user's too.
    """
    place = of(error, files)
    if place is None:
        return None
    words = error.msg if isinstance(error, SyntaxError) else plain(error)
    kind = type(error).__name__
    return f"{place}: {words if words.startswith(kind + ':') else kind + (': ' + words if words else '')}"


def of(error: BaseException, files: Iterable[str]) -> Optional[str]:
    """Return FILE:LINE, the innermost of the user's lines that an error passed; None where there is none."""
    own = {os.path.realpath(file): file for file in files}
    if isinstance(error, SyntaxError) and error.filename and spelled(error.filename, own):
        return f"{spelled(error.filename, own)}:{error.lineno}"
    found: List[Tuple[str, int]] = [(frame.filename, frame.lineno)
                                    for frame in traceback.extract_tb(error.__traceback__)]
    found += [(file, int(line)) for file, line in TOLD.findall(str(error))]
    places = [f"{spelled(file, own)}:{line}" for file, line in found if spelled(file, own)]
    return places[-1] if places else None


def spelled(file: str, own: dict) -> Optional[str]:
    """Return a file as its user spells it, None where it is a library's or this project's."""
    real = os.path.realpath(file)
    if real in own:
        return own[real]
    beside = {os.path.dirname(path): os.path.dirname(given) for path, given in own.items()}
    for folder, given in beside.items():
        if real.startswith(folder + os.sep) and "site-packages" not in real and not real.startswith(
                (os.path.join(ROOT, ""), os.path.realpath(sys.prefix) + os.sep)):
            return os.path.join(given, os.path.relpath(real, folder))
    return None


def plain(error: BaseException) -> str:
    """Return what an error says in one line, without what Keras and TensorFlow put around it."""
    lines = [line.strip() for line in COLOURS.sub("", str(error)).splitlines() if line.strip()]
    before = [place for place, line in enumerate(lines[:-1]) if line.endswith("Error encountered:")]
    if before:  # what Keras 3 says of a layer whose shapes it finds out by calling it
        lines = lines[before[-1] + 1:]
    wrapped = bool(lines and WRAPPED.match(lines[0]))
    end = next((place for place, line in enumerate(lines) if place and BEHIND.match(line)), len(lines))
    lines = lines[:end]
    if wrapped:
        lines = [line for line in lines[1:] if not TOLD.match(line)] or lines
        line = lines[-1] if "Error:" in lines[-1] else lines[0]
    else:
        line = lines[0] if lines else ""
    return command.one_line(line)[:LONGEST]
