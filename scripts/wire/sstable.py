"""An SSTable, the file of sorted keys that is a checkpoint's index (tensorflow/core/lib/io/format.cc)."""
import struct
from typing import Iterator, Tuple

from .protobuf import Damaged, varint

TABLE_MAGIC = 0xdb4775248b80fb57  # core/lib/io/format.h
RESTART = 16  # a table gives a key from its start at least every 16 entries (table_options.h block_restart_interval)


def entries(table: bytes) -> Iterator[Tuple[bytes, bytes]]:
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
        yield from block(table, offset, size)


def handle_of(data: bytes, place: int) -> Tuple[int, int]:
    """Return (offset, size) of the block that data[place] names."""
    offset, place = varint(data, place)
    return offset, varint(data, place)[0]


def block(table: bytes, offset: int, size: int) -> Iterator[Tuple[bytes, bytes]]:
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
