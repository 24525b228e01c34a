"""Values that inputs of a graph have from now on: numbers, true or false, or lists of these in an input's shape."""
from typing import Any, Optional, Sequence

import numpy

from ..base.fault import Fault


def array_of(name: str, dtype: str, shape: Optional[Sequence[Any]], value: Any, where: str) -> numpy.ndarray:
    """Return a value as the array that an input takes; one number will do for an input of one.

    dtype  numpy's name of the input's type, "" where it is not of numbers
    shape  of the input: numbers, anything else for an open size; None where its dimensions are not known
    where  how a Fault begins: "m.onnx: constants"
    Raises Fault for a value of another type or shape.
    """
    wanted = numpy.asarray(value)
    sizes: Sequence[Any] = wanted.shape if shape is None else shape
    if wanted.ndim == 0 and all(size == 1 for size in sizes):
        wanted = wanted.reshape([1] * len(sizes))
    fits = dtype and wanted.dtype.kind in "iufb" and len(sizes) == wanted.ndim and all(
        not isinstance(size, int) or size == own for size, own in zip(sizes, wanted.shape))
    with numpy.errstate(all="ignore"):
        array = wanted.astype(dtype) if fits else wanted
    if not fits or array.dtype.kind != "f" and (array != wanted).any():
        raise Fault(f"{where}: {name!r:.60} takes {dtype or 'no number'} of shape {sizes}, not {value!r:.60}")
    return array
