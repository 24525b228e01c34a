"""The question of a process to an oracle, and the answer: npz files of arrays, by their places."""
from typing import Iterable, List

import numpy

from ..base import files


def ask(path: str, inputs: Iterable[numpy.ndarray]) -> None:
    """Write a model's inputs: input_0, input_1, …"""
    numpy.savez(path, **{f"input_{place}": values for place, values in enumerate(inputs)})


def asked(path: str) -> List[numpy.ndarray]:
    """Return what `ask` wrote."""
    return _read(path, "input")


def answer(path: str, outputs: Iterable[numpy.ndarray]) -> None:
    """Write a model's outputs: output_0, output_1, …  The file is whole or not there."""
    with files.whole(path) as part, open(part, "wb") as stream:
        numpy.savez(stream, **{f"output_{place}": numpy.asarray(values) for place, values in enumerate(outputs)})


def answered(path: str) -> List[numpy.ndarray]:
    """Return what `answer` wrote."""
    return _read(path, "output")


def _read(path, kind):
    with numpy.load(path, allow_pickle=False) as archive:
        return [archive[f"{kind}_{place}"] for place in range(len(archive.files))]
