"""The choices of a page: how a model was given pixels, and the names of its classes."""
import os
from typing import Dict, List, Optional, Sequence, Union

from ..base import command
from ..base.fault import Fault

PIXELS = ("0..1", "-1..1", "0..255", "caffe")  # what a pixel is to a model; pixels.js has the same list


def pixels_of(pixels: str, mean: Optional[Sequence[float]], std: Optional[Sequence[float]]
              ) -> Union[str, Dict[str, List[float]]]:
    """Return what page.json says of pixels: the name of a way, or {"mean", "std"}."""
    if mean is None and std is None:
        return pixels
    mean, std = [list(part) if part else [default] for part, default in ((mean, 0.0), (std, 1.0))]
    for part in (mean, std):
        if len(part) not in (1, 3):
            raise Fault(f"mean and std: {len(part)} numbers were given; give one number, or one per channel: three")
    if min(std) <= 0:
        raise Fault("std: holds a number that is not above 0; a deviation is")
    return {"mean": mean, "std": std}


def labels_of(asked: Optional[str]) -> Optional[List[str]]:
    """Return the names of the classes: a file's lines, or those of a,b,c."""
    if not asked or not os.path.isfile(asked):
        return asked.split(",") if asked else None
    return read_labels(asked)


def read_labels(asked: str) -> List[str]:
    """Return the names of the classes, one per line of a file; raise Fault where it cannot be read."""
    try:
        with open(asked, encoding="utf-8-sig") as stream:
            return [line.strip() for line in stream if line.strip()]
    except OSError as error:
        raise Fault(f"{asked}: {error.strerror}; labels names a file with one name a line, or a list of names")
    except UnicodeDecodeError:
        raise Fault(f"{asked}: no text of UTF-8; --labels takes a file with one name a line, or a,b,c")


def numbers_of(asked: Optional[str], option: str) -> Optional[List[float]]:
    """Return the numbers of a,b,c, or None where none are asked for."""
    try:
        return None if asked is None else [float(part) for part in asked.split(",")]
    except ValueError:
        raise Fault(f"{option}: {command.one_line(asked)} are no numbers; give one, or three with commas between")
