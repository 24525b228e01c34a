"""Protobuf's wire format, read and written without protobuf.

A message is a row of (field number, value); a field's meaning stands in the .proto file that each caller names
(protobuf.dev/programming-guides/encoding).
"""
import errno
import os
import struct
from typing import Any, BinaryIO, Dict, Iterator, List, Tuple, Union

NUMBERS = 32  # fields of the messages read here have smaller numbers; others are passed over
MAX_FIELDS = 1 << 20  # of one message: a saved model has 16 objects a layer, and each is a field
COPIED = 64  # bytes: up to this length a copy takes less memory than a view
Value = Union[int, bytes, memoryview]


class Damaged(Exception):
    """The bytes are no message, table or bundle; the caller knows the file's name, and makes a Fault of it."""


# Reading -----------------------------------------------------------------------------------------------------

def varint(data: Union[bytes, memoryview], place: int) -> Tuple[int, int]:
    """Return (value, place after it) of the variable-length integer at data[place]."""
    value, shift = 0, 0
    while True:
        if place >= len(data) or shift > 63:
            raise Damaged("cut short")
        byte = data[place]
        value |= (byte & 0x7f) << shift
        place, shift = place + 1, shift + 7
        if byte < 0x80:
            return value, place


def fields(data: Value) -> Iterator[Tuple[int, Value]]:
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


def message(data: Value) -> Dict[int, List[Value]]:
    """Return {field number: [values]} of a message.

    Raises Damaged for more than MAX_FIELDS fields: a field of two bytes takes far more in memory.
    """
    found, count = {}, 0
    for number, value in fields(data):
        count += 1
        if count > MAX_FIELDS:
            raise Damaged(f"more than {MAX_FIELDS} fields in one message")
        if number < NUMBERS:
            found.setdefault(number, []).append(value)
    return found


def text(found: Dict[int, List[Value]], number: int) -> str:
    """Return the string in a field, "" where there is none."""
    values = found.get(number)
    return string(values[-1]) if values else ""


def string(value: Value) -> str:
    """Return the text of one value.  A number has none: bytes(number) would be as many zeros."""
    try:
        return str(value, "utf-8")
    except (UnicodeDecodeError, TypeError):
        raise Damaged("no text where text should be")


def number(found: Dict[int, List[Value]], field: int) -> int:
    """Return the number in a field, 0 where there is none."""
    value = found.get(field, [0])[-1]
    if not isinstance(value, int):
        raise Damaged("no number where a number should be")
    return value


def signed(value: int) -> int:
    """Return a number of 64 bits as int32 and int64 fields mean it."""
    return value - (1 << 64) if value >= 1 << 63 else value


def shape(data: Value) -> Tuple[Any, ...]:
    """Return a TensorShapeProto as a tuple of int (core/framework/tensor_shape.proto); -1 becomes None."""
    sizes = [signed(number(message(dimension), 1)) for dimension in message(data).get(2, [])]
    return tuple(None if size < 0 else size for size in sizes)


def open_file(path: str) -> BinaryIO:
    """Open a file, or a link to one, for reading; an OSError for all else: a pipe is opened for ever."""
    if os.path.exists(path) and not os.path.isfile(path):
        raise OSError(errno.EINVAL, "not a file", path)
    return open(path, "rb")


# Writing -----------------------------------------------------------------------------------------------------

def written_varint(value: int) -> bytes:
    """Return the bytes of a variable-length integer; a negative one takes ten, as int32 and int64 fields have it."""
    value, found = value & (1 << 64) - 1, bytearray()
    while value >= 0x80:
        found.append(value & 0x7f | 0x80)
        value >>= 7
    found.append(value)
    return bytes(found)


def field(number: int, value: Union[int, bool, float, str, bytes]) -> bytes:
    """Return the bytes of one field: int and bool as varint, float in 4 bytes, str and bytes with their length."""
    if isinstance(value, int):
        return written_varint(number << 3) + written_varint(int(value))
    if isinstance(value, float):
        return written_varint(number << 3 | 5) + struct.pack("<f", value)
    value = value.encode("utf-8") if isinstance(value, str) else value
    return written_varint(number << 3 | 2) + written_varint(len(value)) + value
