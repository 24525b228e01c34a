"""The binary weights of a TensorFlow.js model: manifest, shards, quantization.  Nothing else.

A weights group is the bytes of all its weights, one after the other, little-endian, in C order, cut into
shards of `shard_size` bytes; the manifest names the shards and says what lies in them.  dtypes as in
tfjs-converter's write_weights.py, quantization as in its quantization.py, so that the bytes are equal.
"""
import fnmatch
import os
from collections import OrderedDict

import numpy

from ..base.fault import Fault
from .target import QUANTIZED, SHARD_SIZE

STORED = {"float16": "float32", "float64": "float32", "int64": "int32", "complex128": "complex64"}
KEPT = ("float32", "int32", "complex64", "uint8", "uint16", "bool")


def stored_dtype(weight):
    """The numpy.dtype as which tfjs stores a weight.  Raises Fault for one that it cannot store."""
    name = STORED.get(weight.dtype.name, weight.dtype.name)
    if name not in KEPT:
        raise Fault(f"weight {weight.name!r} is {weight.dtype}, which TensorFlow.js cannot store")
    return numpy.dtype(name)


def write(weights, directory, shard_size=SHARD_SIZE, quantize=None):
    """Write `weights` (list of Weight, named as the manifest is to name them) as shards in `directory`.

    quantize: None, "float16" | "uint8" | "uint16", or a dict of those to a name pattern, a list of
    patterns (fnmatch) or True (all the rest).
    Returns the weights manifest, a list with one group.
    """
    if type(shard_size) is not int or shard_size <= 0:
        raise Fault(f"shard_size must be a positive number of bytes, not {shard_size!r}")
    names = [weight.name for weight in weights]
    if len(set(names)) < len(names):
        twice = next(name for index, name in enumerate(names) if name in names[:index])
        raise Fault(f"two weights are called {twice!r}: TensorFlow.js finds weights by name; of layers in nested "
                    "models ask "
                    "for those themselves (OUTER/INNER), which get names of their own")
    chosen = quantized_dtypes(names, quantize)
    plans = [plan(weight, chosen.get(weight.name)) for weight in weights]
    total = sum(weight.size * dtype.itemsize for weight, (_, dtype, _) in zip(weights, plans))
    count = -(-total // shard_size)
    paths = ["group1-shard%dof%d.bin" % (index + 1, count) for index in range(count)]
    with Cutter(directory, paths, shard_size) as cutter:
        for weight, (_, dtype, convert) in zip(weights, plans):
            for piece in weight.pieces():
                cutter.write(numpy.ascontiguousarray(convert(piece), dtype=dtype))
    return [OrderedDict([("paths", paths), ("weights", [entry for entry, _, _ in plans])])]


class Cutter:
    """Writes a stream of arrays over a row of files, `size` bytes in each."""

    def __init__(self, directory, names, size):
        self.names = iter([os.path.join(directory, name) for name in names])
        self.size = size
        self.room = 0
        self.file = None

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        if self.file is not None:
            self.file.close()

    def write(self, array):
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

def quantized_dtypes(names, quantize):
    """Return dict: weight name -> "float16" | "uint8" | "uint16", for those weights that are to be quantized."""
    if not quantize:
        return {}
    rules = {quantize: True} if isinstance(quantize, str) else dict(quantize)
    wrong = sorted(set(rules) - set(QUANTIZED))
    if wrong:
        raise Fault("quantize: {!r} is not one of {}".format(wrong[0], ", ".join(QUANTIZED)))
    chosen = {}
    rest = [dtype for dtype in QUANTIZED if rules.get(dtype) is True]
    if len(rest) > 1:
        raise Fault("quantize: {} and {} are both for all weights: give one of them patterns".format(*tuple(rest[:2])))
    for dtype in QUANTIZED:
        patterns = rules.get(dtype) or []
        for pattern in [] if patterns is True else [patterns] if isinstance(patterns, str) else patterns:
            matching = fnmatch.filter(names, pattern)
            if not matching:
                raise Fault("quantize: no weight's name matches {!r}; there are: {}".format(
                    pattern, ", ".join(names[:20]) + (", … (%d in all)" % len(names) if len(names) > 20 else "")
                    if names else "none"))
            for name in matching:
                if chosen.setdefault(name, dtype) != dtype:
                    raise Fault(f"quantize: weight {name!r} matches a pattern of {chosen[name]} and one of {dtype}")
    for name in names if rest else []:
        chosen.setdefault(name, rest[0])
    return chosen


def plan(weight, quantized):
    """Return (manifest entry, dtype of the stored values, function that makes them of a piece of `weight`).

    For uint8 and uint16 this reads the weight once, for its range; the pieces are read again to be written.
    """
    stored = stored_dtype(weight)
    entry = OrderedDict([("name", weight.name), ("shape", list(weight.shape)), ("dtype", stored.name)])
    if quantized is None or stored != numpy.float32 or not weight.size:
        return entry, stored, lambda piece: narrowed(piece, stored, weight.name)
    target = numpy.dtype(quantized)
    entry["quantization"] = OrderedDict([("dtype", quantized)])
    if quantized == "float16":
        convert = half
    else:
        low, scale, convert = affine(weight, stored, target)
        entry["quantization"].update([("min", low), ("scale", scale)])
    entry["quantization"]["original_dtype"] = stored.name
    return entry, target, lambda piece: convert(cast(piece, stored), weight.name)


def narrowed(piece, stored, name):
    """`piece` as `stored`; a Fault where an integer does not fit."""
    if piece.dtype.kind in "iu" and piece.dtype != stored and piece.size:
        limits = numpy.iinfo(stored)
        if piece.min() < limits.min or piece.max() > limits.max:
            raise Fault(f"weight {name!r} holds integers beyond {stored}, which is all that TensorFlow.js has")
    return cast(piece, stored)


def cast(piece, stored):
    """`piece` as `stored`; what float32 is too small for becomes an infinity, as tfjs-converter has it, and no
    warning."""
    with numpy.errstate(over="ignore"):
        return piece.astype(stored, copy=False)


def half(piece, name):
    with numpy.errstate(over="ignore"):
        result = piece.astype(numpy.float16)
    if numpy.isinf(result).any() and not numpy.isinf(piece).any():
        raise Fault(f"weight {name!r} holds values beyond 65504, which float16 cannot: leave it out of quantize")
    if piece.any() and not result.any():
        raise Fault(f"weight {name!r} holds values below 6e-8 alone, which float16 cannot: leave it out of quantize")
    return result


def affine(weight, stored, target):
    """Return (min, scale, convert) of the linear map from the weight's range onto all values of `target`,
    nudged so that 0.0 is kept exactly (tfjs-converter quantization.py, after TensorFlow Lite)."""
    ranges = [(piece.min(), piece.max()) for piece in (cast(piece, stored) for piece in weight.pieces())]
    low = min(pair[0] for pair in ranges).astype(numpy.float64)
    high = max(pair[1] for pair in ranges).astype(numpy.float64)
    if not numpy.isfinite([low, high]).all() or any(pair[0] != pair[0] for pair in ranges):
        raise Fault(f"weight {weight.name!r} holds NaN or infinities and cannot be quantized")
    if low == high:
        return float(low), 1.0, lambda piece, name: numpy.zeros(piece.shape, target)
    steps = numpy.iinfo(target).max
    scale = (high - low) / steps
    if low <= 0 <= high:
        zero = numpy.round((0 - low) / scale)
        low = -zero * scale
        high = steps * scale + low
    # The expression, not its value, is the rule: under numpy 1 clip keeps float32, under numpy 2 it gives float64.
    return float(low), float(scale), lambda piece, name: numpy.round((piece.clip(low, high) - low) / scale)
