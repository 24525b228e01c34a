"""The tensor bundle of a checkpoint, read without TensorFlow (tensorflow/core/util/tensor_bundle).

    NAME.index          an SSTable of key -> (dtype, shape, shard, offset, size): tensor_bundle.proto
    NAME.data-*-of-*    the values
"""
import os
import struct
from typing import Dict, List, NamedTuple, Tuple

import numpy

from ..base.fault import Fault
from ..layers.model import Weight
from ..wire.protobuf import Damaged, Value, message, number, open_file, shape, varint
from ..wire.sstable import entries

# core/framework/types.proto
DTYPES = {1: "<f4", 2: "<f8", 3: "<i4", 4: "u1", 5: "<i2", 6: "i1", 9: "<i8", 10: "?", 17: "<u2", 19: "<f2",
          22: "<u4", 23: "<u8"}
STRING = 7
SHARED = 16  # times that a checkpoint's bytes may be read: layers that wrap the same one name it two or three times


class Extent(NamedTuple):
    """The bytes of a variable: `size` of them from `offset` on in the data file `path`."""

    path: str
    offset: int
    size: int


class Entry(NamedTuple):
    """A variable in the index: the number of its dtype (core/framework/types.proto), its shape, its bytes."""

    kind: int
    sizes: Tuple[int, ...]
    extent: Extent


class Bundle:
    """The variables of a checkpoint.

    prefix  path of the checkpoint without .index
    Raises Fault where the index cannot be opened or is damaged.
    """

    def __init__(self, prefix: str) -> None:
        self.prefix = prefix
        self.held: Dict[str, int] = {}  # sizes of the data files that weights are in, bytes
        self.claimed = 0  # bytes of all weights that were asked for
        try:
            with open_file(prefix + ".index") as file:
                table = file.read()
            self.entries = dict(entries(table))
            self.shards = number(message(self.entries.pop(b"")), 1)
        except OSError as error:
            raise Fault(f"{prefix}.index: {error.strerror or error}")
        except (Damaged, KeyError, struct.error) as error:
            raise Fault(f"{prefix}.index: not a checkpoint's index, or damaged ({error})")

    def place(self, key: str) -> Entry:
        """Return the Entry of a variable.

        Raises KeyError or Damaged where the index has no such variable, and Fault for a partitioned one.
        """
        entry = message(self.entries[key.encode("utf-8")])
        if 7 in entry:
            raise Fault(f"{self.prefix}: variable {key!r} is partitioned, which is not read here")
        return Entry(number(entry, 1), shape(entry[2][-1]) if 2 in entry else (), self.extent(entry))

    def extent(self, entry: Dict[int, List[Value]]) -> Extent:
        """Return the bytes that an entry of the index, a message BundleEntryProto, names."""
        path = f"{self.prefix}.data-{number(entry, 3):05d}-of-{self.shards:05d}"
        return Extent(path, number(entry, 4), number(entry, 5))

    def check(self) -> None:
        """Raise a Fault where a data file is missing, or shorter than the index says."""
        try:
            for path, offset, size in [self.extent(message(entry)) for entry in self.entries.values()]:
                there = os.path.getsize(path) if os.path.isfile(path) else 0
                if offset + size > there:
                    raise Fault(f"{path}: cut short: {size} bytes at {offset} wanted, the file has {there}")
        except Damaged as error:
            raise Fault(f"{self.prefix}.index: damaged ({error})")

    def weight(self, key: str, name: str) -> Weight:
        """Return the variable `key` as a lazily read Weight called `name`.

        Raises Fault for a variable that the checkpoint lacks or holds in part, and for a type without numbers.
        """
        try:
            kind, sizes, (path, offset, size) = self.place(key)
        except (KeyError, Damaged):
            raise Fault(f"{self.prefix}: variable {key!r} is not in the checkpoint")
        if kind not in DTYPES:
            raise Fault(f"{self.prefix}: variable {key!r} has type number {kind}, which is not read here")
        dtype = numpy.dtype(DTYPES[kind])
        weight = Weight(name, sizes, dtype, lambda: read(0, sizes[0] if sizes else 1),
                        (lambda start, stop: read(start, stop)) if sizes else None)
        there = os.path.getsize(path) if os.path.isfile(path) else 0
        if weight.nbytes != size or offset + size > there:
            raise Fault(f"{path}: variable {key!r} is cut short: {weight.nbytes} bytes at {offset} wanted, the file "
                        f"has {there}")
        self.held[path] = there
        self.claimed += weight.nbytes
        if self.claimed > SHARED * sum(self.held.values()):
            raise Fault(f"{self.prefix}: its variables claim over {SHARED} times what it holds: the checkpoint is "
                        "damaged")
        row = weight.nbytes // sizes[0] if sizes and sizes[0] else weight.nbytes

        def read(start, stop):
            with open_file(path) as file:
                file.seek(offset + start * row)
                content = file.read((stop - start) * row)
            return numpy.frombuffer(content, dtype).reshape((stop - start,) + tuple(sizes[1:]) if sizes else ())

        return weight

    def string(self, key: str) -> bytes:
        """Return the bytes of a scalar string.  Raises Fault where the checkpoint has no such string.

        The file holds the length, a checksum of the length, then the bytes (tensor_bundle.cc, ReadStringTensor).
        """
        try:
            kind, sizes, (path, offset, size) = self.place(key)
            with open_file(path) as file:
                file.seek(offset)
                content = file.read(size)
            length, start = varint(content, 0)
            if kind != STRING or sizes or start + 4 + length != len(content):
                raise Damaged("not a string")
            return content[start + 4:]
        except (KeyError, Damaged, OSError) as error:
            raise Fault(f"{self.prefix}: no {key} in the checkpoint ({error})")
