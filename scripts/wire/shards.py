"""The binary weights of a TensorFlow.js model: manifest, shards, quantization.

A weights group is the bytes of all its weights, one after the other, little-endian, in C order.  It is cut into
shards of `shard_size` bytes; the manifest names the shards and the weights in them.  The dtypes are those of
tfjs-converter's write_weights.py, the quantization is that of its quantization.py: the bytes are equal.
"""
import fnmatch
import os
from collections import OrderedDict
from typing import IO, Any, Callable, Dict, Iterable, List, NamedTuple, Optional, Sequence

import numpy

from ..base.fault import Fault
from .target import QUANTIZED, SHARD_SIZE, Quantize

Weight = Any  # a layers.model.Weight, or what has its name, shape, dtype, size and pieces(): this room knows no layers
Convert = Callable[[numpy.ndarray, str], numpy.ndarray]  # (float32 piece, name of its weight) -> stored values

AHEAD = 1 << 23  # bytes of a model from which on a thread writes
STORED = {"float16": "float32", "float64": "float32", "int64": "int32", "complex128": "complex64"}
KEPT = ("float32", "int32", "complex64", "uint8", "uint16", "bool")


class Plan(NamedTuple):
    """The stored form of a weight.

    entry    its entry in the manifest
    dtype    of the stored values
    convert  makes the stored values of a piece of the weight, both 1-d
    weight   whose pieces those are
    """

    entry: Dict[str, Any]
    dtype: numpy.dtype
    convert: Callable[[numpy.ndarray], numpy.ndarray]
    weight: Weight


class Affine(NamedTuple):
    """A linear map: stored * scale + low gives back the value."""

    low: float
    scale: float
    convert: Convert


def stored_dtype(weight: Weight) -> numpy.dtype:
    """Return the dtype as which tfjs stores a weight.  Raises Fault for a dtype that it cannot store."""
    name = STORED.get(weight.dtype.name, weight.dtype.name)
    if name not in KEPT:
        raise Fault(f"weight {weight.name!r} is {weight.dtype}, which TensorFlow.js cannot store")
    return numpy.dtype(name)


def write(weights: Sequence[Weight], directory: str, shard_size: int = SHARD_SIZE,
          quantize: Quantize = None) -> List[Dict[str, Any]]:
    """Write `weights`, which have the names of the manifest, as shards in `directory`; return the weights manifest.

    shard_size  bytes
    quantize    None, "float16" | "uint8" | "uint16", or a dict of those to a name pattern, a list of patterns
                (fnmatch) or True (all the rest)
    The manifest is a list with one group.
    Raises Fault for a bad setting, for two weights of one name, and for values that cannot be stored.
    """
    if type(shard_size) is not int or shard_size <= 0:
        raise Fault(f"shard_size must be a positive number of bytes, not {shard_size!r}")
    names = [weight.name for weight in weights]
    if len(set(names)) < len(names):
        twice = next(name for index, name in enumerate(names) if name in names[:index])
        raise Fault(f"two weights are called {twice!r}, and TensorFlow.js finds weights by name: ask for layers in "
                    "nested models by OUTER/INNER, which gives them other names")
    chosen = quantized_dtypes(names, quantize)
    plans = [plan(weight, chosen.get(weight.name)) for weight in weights]
    total = sum(one.weight.size * one.dtype.itemsize for one in plans)
    count = -(-total // shard_size)
    paths = [f"group1-shard{index + 1}of{count}.bin" for index in range(count)]
    pieces = (numpy.ascontiguousarray(one.convert(piece), dtype=one.dtype)
              for one in plans for piece in one.weight.pieces())
    with Cutter(directory, paths, shard_size) as cutter:
        (ahead if total > AHEAD else each)(pieces, cutter.write)
    return [OrderedDict([("paths", paths), ("weights", [one.entry for one in plans])])]


def each(pieces: Iterable[numpy.ndarray], write: Callable[[numpy.ndarray], None]) -> None:
    """Write arrays one after the other."""
    for piece in pieces:
        write(piece)


def ahead(pieces: Iterable[numpy.ndarray], write: Callable[[numpy.ndarray], None]) -> None:
    """Write arrays one after the other, each in a thread while the next one is read."""
    from concurrent.futures import ThreadPoolExecutor  # not for a small model
    with ThreadPoolExecutor(1) as pool:
        under_way = None
        for piece in pieces:
            if under_way is not None:
                under_way.result()
            under_way = pool.submit(write, piece)
        if under_way is not None:
            under_way.result()


class Cutter:
    """A stream of arrays, written over the files `names` in their order, `size` bytes in each."""

    def __init__(self, directory: str, names: Sequence[str], size: int) -> None:
        self.names = iter([os.path.join(directory, name) for name in names])
        self.size = size
        self.room = 0
        self.file: Optional[IO[bytes]] = None

    def __enter__(self) -> "Cutter":
        return self

    def __exit__(self, *exception: Any) -> None:
        if self.file is not None:
            self.file.close()

    def write(self, array: numpy.ndarray) -> None:
        """Write the bytes of an array in C order, contiguous and little-endian as it is."""
        data = memoryview(array.reshape(-1).view(numpy.uint8))
        while len(data):
            if not self.room:
                self.__exit__()
                self.file, self.room = open(next(self.names), "wb"), self.size
            part = data[:self.room]
            self.file.write(part)
            self.room -= len(part)
            data = data[len(part):]


# Quantization ----------------------------------------------------------------------------------------------

def quantized_dtypes(names: Sequence[str], quantize: Quantize) -> Dict[str, str]:
    """Return {name of a weight: "float16" | "uint8" | "uint16"} for the weights to quantize.

    quantize: as `write`'s.  Raises Fault for another dtype, and for patterns that match nothing or contradict.
    """
    if not quantize:
        return {}
    rules = {quantize: True} if isinstance(quantize, str) else dict(quantize)
    wrong = sorted(set(rules) - set(QUANTIZED))
    if wrong:
        raise Fault(f"quantize: {wrong[0]!r} is not one of {', '.join(QUANTIZED)}")
    chosen = {}
    rest = [dtype for dtype in QUANTIZED if rules.get(dtype) is True]
    if len(rest) > 1:
        raise Fault(f"quantize: {rest[0]} and {rest[1]} are both for all weights: give one of them patterns")
    for dtype in QUANTIZED:
        patterns = rules.get(dtype) or []
        for pattern in [] if patterns is True else [patterns] if isinstance(patterns, str) else patterns:
            matching = fnmatch.filter(names, pattern)
            if not matching:
                more = f", … ({len(names)} in all)" if len(names) > 20 else ""
                there = ", ".join(names[:20]) + more if names else "none"
                raise Fault(f"quantize: no weight's name matches {pattern!r}; there are: {there}")
            for name in matching:
                if chosen.setdefault(name, dtype) != dtype:
                    raise Fault(f"quantize: weight {name!r} matches a pattern of {chosen[name]} and one of {dtype}")
    for name in names if rest else []:
        chosen.setdefault(name, rest[0])
    return chosen


def plan(weight: Weight, quantized: Optional[str]) -> Plan:
    """Return how a weight is stored; quantized: its dtype of QUANTIZED, or None.

    For uint8 and uint16 this reads the weight once, for its range.  Writing it reads the pieces again.
    A weight that its source has quantized stays as it is where no other quantization is asked for.
    Raises Fault for a dtype that tfjs cannot store, and for a weight with NaN or infinities to quantize.
    """
    stored = stored_dtype(weight)
    entry = OrderedDict([("name", weight.name), ("shape", list(weight.shape)), ("dtype", stored.name)])
    kept = getattr(weight, "kept", None)
    if kept is not None and quantized is None:
        return Plan(OrderedDict(entry, quantization=kept.quantization), kept.stored.dtype, lambda piece: piece,
                    kept.stored)
    if quantized is None or stored != numpy.float32 or not weight.size:
        return Plan(entry, stored, lambda piece: narrowed(piece, stored, weight.name), weight)
    target = numpy.dtype(quantized)
    entry["quantization"] = OrderedDict([("dtype", quantized)])
    if quantized == "float16":
        convert = half
    else:
        low, scale, convert = affine(weight, stored, target)
        entry["quantization"].update([("min", low), ("scale", scale)])
    entry["quantization"]["original_dtype"] = stored.name
    return Plan(entry, target, lambda piece: convert(cast(piece, stored), weight.name), weight)


def narrowed(piece: numpy.ndarray, stored: numpy.dtype, name: str) -> numpy.ndarray:
    """Return `piece` as `stored`.  Raises Fault where an integer does not fit."""
    if piece.dtype.kind in "iu" and piece.dtype != stored and piece.size:
        limits = numpy.iinfo(stored)
        if piece.min() < limits.min or piece.max() > limits.max:
            raise Fault(f"weight {name!r} holds integers beyond {stored}, which is all that TensorFlow.js has")
    return cast(piece, stored)


def cast(piece: numpy.ndarray, stored: numpy.dtype) -> numpy.ndarray:
    """Return `piece` as `stored`; a number beyond float32 becomes an infinity without a warning, as in tfjs-converter.
    """
    with numpy.errstate(over="ignore"):
        return piece.astype(stored, copy=False)


def half(piece: numpy.ndarray, name: str) -> numpy.ndarray:
    """Return `piece` as float16.  Raises Fault where that makes infinities, or zeros of all values."""
    with numpy.errstate(over="ignore"):
        result = piece.astype(numpy.float16)
    if numpy.isinf(result).any() and not numpy.isinf(piece).any():
        raise Fault(f"weight {name!r} holds values beyond 65504, which float16 cannot: leave it out of quantize")
    if piece.any() and not result.any():
        raise Fault(f"weight {name!r} holds values below 6e-8 alone, which float16 cannot: leave it out of quantize")
    return result


def affine(weight: Weight, stored: numpy.dtype, target: numpy.dtype) -> Affine:
    """Return the linear map from the weight's range onto all values of `target`, nudged so that it keeps 0.0 exactly.

    Source: tfjs-converter's quantization.py, after TensorFlow Lite.
    Raises Fault for a weight with NaN or infinities.
    """
    ranges = [(piece.min(), piece.max()) for piece in (cast(piece, stored) for piece in weight.pieces())]
    low = min(pair[0] for pair in ranges).astype(numpy.float64)
    high = max(pair[1] for pair in ranges).astype(numpy.float64)
    if not numpy.isfinite([low, high]).all() or any(pair[0] != pair[0] for pair in ranges):
        raise Fault(f"weight {weight.name!r} holds NaN or infinities and cannot be quantized")
    if low == high:
        return Affine(float(low), 1.0, lambda piece, name: numpy.zeros(piece.shape, target))
    steps = numpy.iinfo(target).max
    scale = (high - low) / steps
    if low <= 0 <= high:
        zero = numpy.round((0 - low) / scale)
        low = -zero * scale
        high = steps * scale + low
    # The expression, not its value, is the rule: under numpy 1 clip keeps float32, under numpy 2 it gives float64.
    return Affine(float(low), float(scale), lambda piece, name: numpy.round((piece.clip(low, high) - low) / scale))
