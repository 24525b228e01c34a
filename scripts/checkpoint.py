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

from scripts import Fault
from scripts.model import Weight

TABLE_MAGIC = 0xdb4775248b80fb57  # core/lib/io/format.h
# core/framework/types.proto
DTYPES = {1: "<f4", 2: "<f8", 3: "<i4", 4: "u1", 5: "<i2", 6: "i1", 9: "<i8", 10: "?", 17: "<u2", 19: "<f2",
          22: "<u4", 23: "<u8"}
STRING = 7


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
    """Yield (number, value) of a message: int for numbers, memoryview for what has a length."""
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
        yield number, value


def message(data):
    """Return {field number: [values]} of a message."""
    found = {}
    for number, value in fields(data):
        found.setdefault(number, []).append(value)
    return found


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


class Bundle(object):
    """The variables of a checkpoint: `prefix` is its path without .index."""

    def __init__(self, prefix):
        self.prefix = prefix
        try:
            if not os.path.isfile(prefix + ".index"):  # a pipe would be waited for
                raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT))
            with open(prefix + ".index", "rb") as file:
                table = file.read()
            self.entries = dict(entries(table))
            self.shards = number(message(self.entries.pop(b"")), 1)
        except OSError as error:
            raise Fault("%s.index: %s" % (prefix, error.strerror or error))
        except (Damaged, KeyError, struct.error) as error:
            raise Fault("%s.index: not a checkpoint's index, or damaged (%s)" % (prefix, error))

    def place(self, key):
        """Return (dtype number, shape, path of the data file, offset, size) of a variable."""
        entry = message(self.entries[key.encode("utf-8")])
        path = "%s.data-%05d-of-%05d" % (self.prefix, number(entry, 3), self.shards)
        if 7 in entry:
            raise Fault("%s: variable %r is partitioned, which is not read here" % (self.prefix, key))
        return (number(entry, 1), shape(entry[2][-1]) if 2 in entry else (), path, number(entry, 4), number(entry, 5))

    def weight(self, key, name):
        """Return the variable `key` as a lazily read Weight called `name`.  Raises Fault where it is not all there."""
        try:
            kind, sizes, path, offset, size = self.place(key)
        except (KeyError, Damaged):
            raise Fault("%s: variable %r is not in the checkpoint" % (self.prefix, key))
        if kind not in DTYPES:
            raise Fault("%s: variable %r has type number %d, which is not read here" % (self.prefix, key, kind))
        dtype = numpy.dtype(DTYPES[kind])
        weight = Weight(name, sizes, dtype, lambda: read(0, sizes[0] if sizes else 1),
                        (lambda start, stop: read(start, stop)) if sizes else None)
        there = os.path.getsize(path) if os.path.isfile(path) else 0
        if weight.nbytes != size or offset + size > there:
            raise Fault("%s: variable %r is cut short: %d bytes at %d wanted, the file has %d" % (
                path, key, weight.nbytes, offset, there))
        row = weight.nbytes // sizes[0] if sizes and sizes[0] else weight.nbytes

        def read(start, stop):
            with open(path, "rb") as file:
                file.seek(offset + start * row)
                content = file.read((stop - start) * row)
            return numpy.frombuffer(content, dtype).reshape((stop - start,) + tuple(sizes[1:]) if sizes else ())

        return weight

    def string(self, key):
        """Return the bytes of a scalar string: its length, a checksum of the length, the bytes."""
        try:
            kind, sizes, path, offset, size = self.place(key)
            with open(path, "rb") as file:
                file.seek(offset)
                content = file.read(size)
            length, start = varint(content, 0)
            if kind != STRING or sizes or start + 4 + length != len(content):
                raise Damaged("not a string")
            return content[start + 4:]
        except (KeyError, Damaged, OSError) as error:
            raise Fault("%s: no %s in the checkpoint (%s)" % (self.prefix, key, error))


def entries(table):
    """Yield (key, value) of an SSTable, both bytes."""
    if len(table) < 48 or struct.unpack("<Q", table[-8:])[0] != TABLE_MAGIC:
        raise Damaged("no table")
    _, place = varint(table, len(table) - 48)  # the meta index: not used
    _, place = varint(table, place)
    for _, handle in block(table, *handle_of(table, place)):
        for pair in block(table, *handle_of(handle, 0)):
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
    end, place, key = len(data) - 4 - 4 * restarts, 0, b""
    while place < end:
        shared, place = varint(data, place)
        fresh, place = varint(data, place)
        length, place = varint(data, place)
        if shared > len(key) or place + fresh + length > end:
            raise Damaged("cut short")
        key = key[:shared] + data[place:place + fresh]
        yield key, data[place + fresh:place + fresh + length]
        place += fresh + length
