"""TensorFlow's own files, read without TensorFlow: protobuf's wire format and the tensor bundle of a checkpoint.

    protobuf       a message is a row of (field number, value); what a field means is told by the .proto files that
                   each function names
    tensor bundle  NAME.index, an SSTable of key -> (dtype, shape, shard, offset, size), and NAME.data-*-of-*, the
                   values (tensorflow/core/util/tensor_bundle, core/lib/io/format.cc)
"""
import errno
import os
import struct

import numpy

from ..base.fault import Fault
from ..layers.model import Weight

TABLE_MAGIC = 0xdb4775248b80fb57  # core/lib/io/format.h
# core/framework/types.proto
DTYPES = {1: "<f4", 2: "<f8", 3: "<i4", 4: "u1", 5: "<i2", 6: "i1", 9: "<i8", 10: "?", 17: "<u2", 19: "<f2",
          22: "<u4", 23: "<u8"}
STRING = 7
NUMBERS = 32  # fields of the messages read here have smaller numbers; others are passed over
MAX_FIELDS = 1 << 20  # of one message: a saved model has 16 objects a layer, and each is a field
COPIED = 64  # bytes: up to this length a copy takes less memory than a view
SHARED = 16  # times a checkpoint's bytes may be asked for: layers that wrap the same one name it two or three times
RESTART = 16  # a table gives a key from its start at least every 16 entries (table_options.h block_restart_interval)


class Damaged(Exception):
    """The bytes are no message or no bundle; whoever knows the file's name makes a Fault of it."""


def varint(data, place):
    """Return (value, place behind it) of the variable-length integer at data[place]."""
    value, shift = 0, 0
    while True:
        if place >= len(data) or shift > 63:
            raise Damaged("cut short")
        byte = data[place]
        value |= (byte & 0x7f) << shift
        place, shift = place + 1, shift + 7
        if byte < 0x80:
            return value, place


def fields(data):
    """Yield (number, value) of a message: int for numbers, bytes or memoryview for what has a length."""
    if isinstance(data, int):
        raise Damaged("a number where a message should be")
    data, place = memoryview(data), 0
    while place < len(data):
        key, place = varint(data, place)
        number, kind = key >> 3, key & 7
        if kind == 0:
            value, place = varint(data, place)
        else:
            if kind == 2:
                size, place = varint(data, place)
            elif kind in (1, 5):
                size = 8 if kind == 1 else 4
            else:
                raise Damaged("no protobuf message")
            if number == 0 or place + size > len(data):
                raise Damaged("cut short or no protobuf message")
            value, place = data[place:place + size], place + size
            if size <= COPIED:
                value = bytes(value)
        yield number, value


def message(data):
    """Return {field number: [values]} of a message.  Raises Damaged for more than anybody has use for: a field of two
    bytes takes far more in memory."""
    found, count = {}, 0
    for number, value in fields(data):
        count += 1
        if count > MAX_FIELDS:
            raise Damaged("more than %d fields in one message" % MAX_FIELDS)
        if number < NUMBERS:
            found.setdefault(number, []).append(value)
    return found


def open_file(path):
    """open(path, "rb") of a file or a link to one; an OSError for all else: a pipe is opened for ever."""
    if os.path.exists(path) and not os.path.isfile(path):
        raise OSError(errno.EINVAL, "not a file", path)
    return open(path, "rb")


def text(found, number):
    """The string in a field, "" where there is none."""
    values = found.get(number)
    return string(values[-1]) if values else ""


def string(value):
    """The text of one value.  A number has none: bytes(number) would be as many zeros."""
    try:
        return str(value, "utf-8")
    except (UnicodeDecodeError, TypeError):
        raise Damaged("no text where text should be")


def number(found, field):
    value = found.get(field, [0])[-1]
    if not isinstance(value, int):
        raise Damaged("no number where a number should be")
    return value


def shape(data):
    """A TensorShapeProto as a tuple of int (core/framework/tensor_shape.proto); -1 becomes None."""
    sizes = [number(message(dimension), 1) for dimension in message(data).get(2, [])]
    return tuple(None if size >= 1 << 63 else size for size in sizes)


class Bundle:
    """The variables of a checkpoint: `prefix` is its path without .index."""

    def __init__(self, prefix):
        self.prefix = prefix
        self.held, self.claimed = {}, 0  # sizes of the data files so far, bytes of all weights that were asked for
        try:
            with open_file(prefix + ".index") as file:
                table = file.read()
            self.entries = dict(entries(table))
            self.shards = number(message(self.entries.pop(b"")), 1)
        except OSError as error:
            raise Fault(f"{prefix}.index: {error.strerror or error}")
        except (Damaged, KeyError, struct.error) as error:
            raise Fault(f"{prefix}.index: not a checkpoint's index, or damaged ({error})")

    def place(self, key):
        """Return (dtype number, shape, path of the data file, offset, size) of a variable."""
        entry = message(self.entries[key.encode("utf-8")])
        if 7 in entry:
            raise Fault(f"{self.prefix}: variable {key!r} is partitioned, which is not read here")
        return (number(entry, 1), shape(entry[2][-1]) if 2 in entry else ()) + self.extent(entry)

    def extent(self, entry):
        """Return (path of the data file, offset, size) of what an entry names."""
        return ("%s.data-%05d-of-%05d" % (self.prefix, number(entry, 3), self.shards), number(entry, 4),
                number(entry, 5))

    def check(self):
        """Raise a Fault where a data file is missing, or shorter than the index says."""
        try:
            for path, offset, size in [self.extent(message(entry)) for entry in self.entries.values()]:
                there = os.path.getsize(path) if os.path.isfile(path) else 0
                if offset + size > there:
                    raise Fault("%s: cut short: %d bytes at %d wanted, the file has %d" % (path, size, offset, there))
        except Damaged as error:
            raise Fault(f"{self.prefix}.index: damaged ({error})")

    def weight(self, key, name):
        """Return the variable `key` as a lazily read Weight called `name`.  Raises Fault where it is not all there."""
        try:
            kind, sizes, path, offset, size = self.place(key)
        except (KeyError, Damaged):
            raise Fault(f"{self.prefix}: variable {key!r} is not in the checkpoint")
        if kind not in DTYPES:
            raise Fault("%s: variable %r has type number %d, which is not read here" % (self.prefix, key, kind))
        dtype = numpy.dtype(DTYPES[kind])
        weight = Weight(name, sizes, dtype, lambda: read(0, sizes[0] if sizes else 1),
                        (lambda start, stop: read(start, stop)) if sizes else None)
        there = os.path.getsize(path) if os.path.isfile(path) else 0
        if weight.nbytes != size or offset + size > there:
            raise Fault("%s: variable %r is cut short: %d bytes at %d wanted, the file has %d" % (
                path, key, weight.nbytes, offset, there))
        self.held[path] = there
        self.claimed += weight.nbytes
        if self.claimed > SHARED * sum(self.held.values()):
            raise Fault("%s: its variables claim over %d times what it holds: the checkpoint is damaged"
                        % (self.prefix, SHARED))
        row = weight.nbytes // sizes[0] if sizes and sizes[0] else weight.nbytes

        def read(start, stop):
            with open_file(path) as file:
                file.seek(offset + start * row)
                content = file.read((stop - start) * row)
            return numpy.frombuffer(content, dtype).reshape((stop - start,) + tuple(sizes[1:]) if sizes else ())

        return weight

    def string(self, key):
        """Return the bytes of a scalar string: its length, a checksum of the length, the bytes."""
        try:
            kind, sizes, path, offset, size = self.place(key)
            with open_file(path) as file:
                file.seek(offset)
                content = file.read(size)
            length, start = varint(content, 0)
            if kind != STRING or sizes or start + 4 + length != len(content):
                raise Damaged("not a string")
            return content[start + 4:]
        except (KeyError, Damaged, OSError) as error:
            raise Fault(f"{self.prefix}: no {key} in the checkpoint ({error})")


def entries(table):
    """Yield (key, value) of an SSTable, both bytes."""
    if len(table) < 48 or struct.unpack("<Q", table[-8:])[0] != TABLE_MAGIC:
        raise Damaged("no table")
    _, place = varint(table, len(table) - 48)  # the meta index: not used
    _, place = varint(table, place)
    end = 0
    for _, handle in block(table, *handle_of(table, place)):
        offset, size = handle_of(handle, 0)
        if offset < end:  # a block that is named again would be read again
            raise Damaged("its blocks do not follow one another")
        end = offset + size
        for pair in block(table, offset, size):
            yield pair


def handle_of(data, place):
    offset, place = varint(data, place)
    return offset, varint(data, place)[0]


def block(table, offset, size):
    """Yield (key, value) of a block: keys are given as what they share with the one before, and the rest."""
    if offset + size + 5 > len(table) or size < 4:
        raise Damaged("cut short")
    if table[offset + size] != 0:
        raise Damaged("a compressed table")
    data = table[offset:offset + size]
    restarts, = struct.unpack("<I", data[-4:])
    end, place, key, spelt = len(data) - 4 - 4 * restarts, 0, b"", 0
    while place < end:
        shared, place = varint(data, place)
        fresh, place = varint(data, place)
        length, place = varint(data, place)
        if shared > len(key) or place + fresh + length > end:
            raise Damaged("cut short")
        key = key[:shared] + data[place:place + fresh]
        spelt += len(key)
        if spelt > RESTART * len(data):
            raise Damaged("keys that share more than any table has")
        yield key, data[place + fresh:place + fresh + length]
        place += fresh + length
