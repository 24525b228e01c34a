"""The weights manifest of TensorFlow.js models, of layers and of graphs: the place of each weight in the shards."""
import bisect
import os
import re
from collections import OrderedDict
from typing import Any, Dict, List, NamedTuple, Sequence, Tuple

import numpy

from ..base.fault import Fault
from ..layers.model import Quantized, Weight, check_shape
from ..wire import shards
from .paths import inside

QUANTIZATION = ("dtype", "min", "scale", "original_dtype")
DEQUANTIZED = ("float32", "int32")  # dtypes that TensorFlow.js makes of quantized integers (io_utils.ts)


def manifest_weights(manifest: Any, directory: str, path: str, keep: bool = False) -> List[Weight]:
    """Return the Weights that a weights manifest lists, each read from the shards when its values are asked for.

    manifest: as in model.json.  directory: of the shards.
    keep: of a graph model, whose weights may be texts, which are passed over, and whose quantized weights have their
    stored form, `Weight.kept`, too.
    Raises Fault for damage, and for shards that do not fit.
    """
    if not isinstance(manifest, list):
        raise Fault(f"{path}: no weightsManifest in it")
    weights, seen = [], set()
    for group in manifest:
        try:
            names, entries = list(group["paths"]), list(group["weights"])
        except (KeyError, TypeError):
            raise Fault(f"{path}: a group of the weights manifest has no paths or no weights")
        paths = []
        for name in names:
            where, place = shard(directory, name, path)
            if place in seen:  # a damaged manifest may list one shard any number of times
                raise Fault(f"{path}: the manifest lists shard {place} twice: the file is damaged")
            seen.add(place)
            paths.append(where)
        stream = Stream(paths)
        offset = 0
        for entry in entries:
            if keep and isinstance(entry, dict) and entry.get("dtype") == "string":
                offset += texts(entry, stream, offset, path)
                continue
            weight, count = stored_weight(entry, stream, offset, path, keep)
            if offset + count > stream.size:
                raise Fault(f"{path}: its shards hold {stream.size} bytes, too few for weight {weight.name!r}: a shard "
                            "is cut short or missing")
            offset += count
            weights.append(weight)
        if offset != stream.size:
            raise Fault(f"{path}: its shards hold {stream.size} bytes but the manifest lists {offset}: they do not "
                        "belong together")
    names = [weight.name for weight in weights]
    if len(set(names)) < len(names):
        raise Fault(f"{path}: the manifest lists a weight twice")
    return weights


def shard(directory: str, name: str, path: str) -> Tuple[str, str]:
    """Return (path of a shard, its shortest spelling in a manifest).

    TensorFlow.js puts `name` behind the directory of model.json (io/http.ts, io/file_system.ts): "./a.bin" and
    "weights/a.bin" are files there too.
    Raises Fault for a name that leads out of the directory, and where no such file is there.
    """
    place = inside(name)
    where = os.path.join(directory, place or "")
    if place is None or "/" in place and not os.path.isfile(where):
        leaves = isinstance(name, str) and re.match(r"/|\.\.(/|\Z)", os.path.normpath(name.replace("\\", "/")))
        remedy = "" if place is None else "; download the model with all its shards"
        raise Fault(f"{path}: the manifest names {name!r}, which {'leads out of its directory and ' if leaves else ''}"
                    f"is no file beside it: refused{remedy}")
    if not os.path.isfile(where):
        raise Fault(f"{path}: shard {place} is missing: download the model again, with all its shards")
    return where, place


class Stream:
    """The bytes of several files, one after the other, read from any place.

    size  number of bytes of all files
    """

    def __init__(self, paths: Sequence[str]) -> None:
        self.paths = paths
        self.starts: List[int] = []
        self.size = 0
        for path in paths:
            self.starts.append(self.size)
            self.size += os.path.getsize(path)

    def read(self, offset: int, count: int) -> bytes:
        """Return `count` bytes from `offset` on.  Raises Fault where a file became shorter."""
        parts = []
        while count:  # from the last file that begins at or before the offset: empty files are passed over
            place = bisect.bisect_right(self.starts, offset) - 1
            with open(self.paths[place], "rb") as file:
                file.seek(offset - self.starts[place])
                end = self.starts[place + 1] if place + 1 < len(self.paths) else self.size
                parts.append(file.read(min(count, end - offset)))
            if not parts[-1]:
                raise Fault(f"{self.paths[place]}: a shard became shorter while it was read")
            count -= len(parts[-1])
            offset += len(parts[-1])
        return b"".join(parts)


def texts(entry: Dict[str, Any], stream: Stream, offset: int, path: str) -> int:
    """Return how many bytes the texts of an entry take from `offset` on: each has its length, 4 bytes, before it
    (io_utils.ts, decodeWeights)."""
    begin = offset
    shape = entry.get("shape")
    if not isinstance(shape, list) or not all(type(size) is int and size >= 0 for size in shape):
        raise Fault(f"{path}: an entry of the weights manifest is damaged")
    count = 1
    for size in shape:
        count *= size
    for _ in range(count):
        if offset + 4 > stream.size:
            raise Fault(f"{path}: its shards are too short for the texts of {entry.get('name')!r:.60}")
        offset += 4 + int.from_bytes(stream.read(offset, 4), "little")
    return offset - begin


class Stored(NamedTuple):
    """A weight of a manifest, and the number of bytes that it has in the shards."""

    weight: Weight
    nbytes: int


def stored_weight(entry: Dict[str, Any], stream: Stream, offset: int, path: str,
                  keep: bool = False) -> Stored:
    """Return the weight of one entry of a manifest, whose bytes stand in the stream from `offset` on.

    Values are (stored * scale + min) where the entry is quantized to integers, rounded for int32 as Math.round does
    (io_utils.ts, decodeWeights).
    Raises Fault for an entry that is damaged, or of a dtype that no Keras layer has.
    """
    try:
        name, shape, dtype = entry["name"], entry["shape"], entry["dtype"]
        quantization = entry.get("quantization")
        stored = quantization["dtype"] if quantization else dtype
        if not isinstance(name, str) or not all(type(size) is int and size >= 0 for size in shape):
            raise ValueError
        # The names are checked before numpy gets them: numpy takes more than names, and parses some as Python.
        if dtype not in shards.KEPT or quantization and (stored not in shards.QUANTIZED or dtype not in DEQUANTIZED):
            kind = f"{dtype} stored as {stored}" if quantization else dtype
            raise Fault(f"{path}: weight {name!r} is {kind:.60}, which no {'graph' if keep else 'Keras layer'} has")
        stored = numpy.dtype(stored)
        if quantization and stored.kind == "u":
            scale, low = float(quantization["scale"]), float(quantization["min"])
            largest = float((numpy.finfo if dtype == "float32" else numpy.iinfo)(dtype).max)
            ends = low, low + scale * int(numpy.iinfo(stored).max)
            if not all(abs(end) <= largest * (1 + 1e-6) for end in ends):  # scale and min are rounded themselves
                raise ValueError
    except (KeyError, TypeError, ValueError):
        raise Fault(f"{path}: an entry of the weights manifest is damaged")
    check_shape(name, shape)
    row = 1
    for size in shape[1:]:
        row *= size
    count = row * (shape[0] if shape else 1)

    def held(start, stop):
        return numpy.frombuffer(stream.read(offset + start * stored.itemsize, (stop - start) * stored.itemsize),
                                stored.newbyteorder("<"))

    def values(start, stop):
        data = held(start, stop)
        if not quantization or stored.kind != "u":
            return data
        with numpy.errstate(over="ignore", invalid="ignore"):  # the ends may lie beyond the largest number by a bit
            found = data * scale + low
            return (found if dtype == "float32" else numpy.floor(found + 0.5)).astype(dtype)

    def weight(dtype, read, kept=None):
        return Weight(name, shape, dtype, lambda: read(0, count), lambda start, stop: read(start * row, stop * row),
                      kept=kept)

    kept = Quantized(weight(stored, held), OrderedDict((key, quantization[key]) for key in QUANTIZATION
                                                       if key in quantization)) if quantization and keep else None
    return Stored(weight(dtype, values, kept), count * stored.itemsize)
