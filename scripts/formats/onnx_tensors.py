"""Tensors of ONNX models: a TensorProto -> a Weight, whose values stay in the file until something asks for them.

onnx/onnx.proto: TensorProto.  Numbers of a type that numpy lacks are read as a wider type: bfloat16 and the floats of 8
bits become float32, whole numbers of 2 and 4 bits become int8 and uint8.
"""
import os
from typing import Any, Callable, Dict, List, NamedTuple, Optional, Tuple, Union

import numpy

from ..base.fault import Fault
from ..layers.model import Weight, check_shape
from ..wire.protobuf import Damaged, Value, message, number, signed, string, text
from .onnx_files import Message, Part, beside, entries

Array = numpy.ndarray
# TensorProto.DataType, in the order of its numbers
NAMES = """UNDEFINED FLOAT UINT8 INT8 UINT16 INT16 INT32 INT64 STRING BOOL FLOAT16 DOUBLE UINT32 UINT64 COMPLEX64
COMPLEX128 BFLOAT16 FLOAT8E4M3FN FLOAT8E4M3FNUZ FLOAT8E5M2 FLOAT8E5M2FNUZ UINT4 INT4 FLOAT4E2M1 FLOAT8E8M0 UINT2
INT2""".split()
NUMPY = {"FLOAT": "float32", "UINT8": "uint8", "INT8": "int8", "UINT16": "uint16", "INT16": "int16", "INT32": "int32",
         "INT64": "int64", "BOOL": "bool", "FLOAT16": "float16", "DOUBLE": "float64", "UINT32": "uint32",
         "UINT64": "uint64", "COMPLEX64": "complex64", "COMPLEX128": "complex128"}
OF_NUMPY = {dtype: name for name, dtype in NUMPY.items()}
PACKED = {"UINT4": 4, "INT4": 4, "FLOAT4E2M1": 4, "UINT2": 2, "INT2": 2}  # bits of one value; the lower ones first
MEANT = {"BFLOAT16": "float32", "UINT4": "uint8", "INT4": "int8", "UINT2": "uint8", "INT2": "int8",
         "FLOAT4E2M1": "float32"}
FLOATS8 = {"FLOAT8E4M3FN": (4, 7, False), "FLOAT8E4M3FNUZ": (4, 8, True), "FLOAT8E5M2": (5, 15, False),
           "FLOAT8E5M2FNUZ": (5, 16, True)}  # bits of the exponent, what is taken from it, whether there is no -0
MEANT.update({name: "float32" for name in FLOATS8}, FLOAT8E8M0="float32")


class Stored(NamedTuple):
    """The bytes of a tensor: the model's own, or a part of a file beside it."""

    size: int
    read: Callable[[int, int], Value]  # of a range of the bytes


class Tensor(NamedTuple):
    """A tensor that the file holds.

    name    "" where it has none
    dtype   one of NAMES
    shape   tuple of int
    weight  Weight; None for texts
    texts   [bytes] of a tensor of texts
    """

    name: str
    dtype: str
    shape: Tuple[int, ...]
    weight: Optional[Weight]
    texts: List[bytes]


def dtype_name(value: int) -> str:
    """Return the name of a DataType.  Raises Damaged for an unknown one."""
    if not 0 <= value < len(NAMES):
        raise Damaged(f"a tensor of type {value}, which ONNX does not have")
    return NAMES[value]


def numpy_dtype(dtype: str) -> str:
    """Return the numpy dtype in which the values of a type are read."""
    return NUMPY.get(dtype) or MEANT.get(dtype) or "float32"


def tensor(data: Union[Value, Message], path: str) -> Tensor:
    """Return the Tensor of a TensorProto.  path: of the model, beside which its files lie.  Raises Damaged, Fault."""
    found = entries(data)
    name, dtype = text(found, 8), dtype_name(number(found, 2))
    shape = tuple(whole_numbers(found, 1))
    if any(size < 0 for size in shape):
        raise Damaged(f"tensor {name!r:.60} has the shape {shape}")
    check_shape(name, shape)
    count = 1
    for size in shape:
        count *= size
    if 3 in found:
        raise Damaged(f"tensor {name!r:.60} is cut in segments, which ONNX has given up")
    if dtype == "STRING":
        return Tensor(name, dtype, shape, None, [bytes(item) for item in found.get(6, [])])
    if dtype == "UNDEFINED":
        raise Damaged(f"tensor {name!r:.60} has no type")
    if number(found, 14) == 1:
        return Tensor(name, dtype, shape, of_bytes(name, dtype, shape, count, external(found, name, path)), [])
    if 9 in found:
        return Tensor(name, dtype, shape, of_bytes(name, dtype, shape, count, own(found[9][-1], path)), [])
    return Tensor(name, dtype, shape, of_fields(name, dtype, shape, count, found), [])


def whole_numbers(found: Dict[int, List[Value]], field: int) -> List[int]:
    """Return the numbers of a repeated field of int64, packed or not."""
    result: List[int] = []
    for value in found.get(field, []):
        result += [signed(value)] if isinstance(value, int) else varints(value).tolist()
    return result


def varints(data: Value) -> Array:
    """Return packed numbers as int64, (count,).  Raises Damaged where they are cut short."""
    octets = numpy.frombuffer(data, numpy.uint8)
    ends = numpy.flatnonzero(octets < 128)
    if len(octets) and (not len(ends) or ends[-1] != len(octets) - 1):
        raise Damaged("numbers that are cut short")
    starts = numpy.concatenate([[0], ends[:-1] + 1]).astype(numpy.int64) if len(ends) else ends
    lengths = ends - starts + 1
    if len(lengths) and lengths.max() > 10:
        raise Damaged("numbers that are too long")
    result = numpy.zeros(len(ends), numpy.uint64)
    for place in range(int(lengths.max()) if len(lengths) else 0):
        there = lengths > place
        result[there] |= (octets[starts[there] + place].astype(numpy.uint64) & numpy.uint64(127)) << numpy.uint64(
            7 * place)
    return result.view(numpy.int64)


# Bytes -----------------------------------------------------------------------------------------------------------

def own(data: Union[Value, Part], path: str) -> Stored:
    """Return the bytes of a tensor in the model's own file: those that were read with it, or are left there."""
    if isinstance(data, Part):
        return within(path, data.start, data.size)
    view = memoryview(data)
    return Stored(len(view), lambda start, stop: view[start:stop])


def within(path: str, place: int, size: int) -> Stored:
    """Return bytes of a file, from `place` on."""
    def read(first: int, last: int) -> bytes:
        with open(path, "rb") as file:
            file.seek(place + first)
            return file.read(last - first)

    return Stored(size, read)


def external(found: Dict[int, List[Value]], name: str, path: str) -> Stored:
    """Return the bytes of a tensor that stand in another file.  Raises Fault where the file does not hold them."""
    told: Dict[str, str] = {}
    for entry in found.get(13, []):
        held = message(entry)
        told[text(held, 1)] = text(held, 2)
    where = beside(path, told.get("location", ""))
    size = os.path.getsize(where)
    try:
        start, length = int(told.get("offset") or 0), int(told["length"]) if told.get("length") else None
    except ValueError:
        raise Damaged(f"tensor {name!r:.60} stands at no place of its file")
    length = size - start if length is None else length
    if start < 0 or length < 0 or start + length > size:
        raise Fault(f"{path}: tensor {name!r:.60} goes beyond the end of {os.path.basename(where)}: the file is cut "
                    "short, or of another model")
    return within(where, start, length)


def of_bytes(name: str, dtype: str, shape: Tuple[int, ...], count: int, stored: Stored) -> Weight:
    """Return the Weight of little-endian values, row by row.  Raises Damaged where the bytes are too few or too many.
    """
    bits = PACKED.get(dtype)
    kept = numpy.dtype(NUMPY.get(dtype, "uint16" if dtype == "BFLOAT16" else "uint8")).newbyteorder("<")
    wanted = -(-count * bits // 8) if bits else count * kept.itemsize
    if stored.size < wanted:
        raise Damaged(f"tensor {name!r:.60} of shape {shape} has {stored.size} bytes of {wanted}: the file is cut "
                      "short")
    meant = numpy_dtype(dtype)

    def values(first: int, last: int) -> Array:
        data = numpy.frombuffer(stored.read(first * kept.itemsize, last * kept.itemsize), kept)
        if len(data) != last - first:
            raise Fault(f"tensor {name!r:.60} cannot be read: its file has become shorter")
        return decoded(data, dtype).astype(meant, copy=False)

    if bits:
        return Weight(name, shape, meant, lambda: decoded(
            numpy.frombuffer(stored.read(0, wanted), numpy.uint8), dtype)[:count].reshape(shape))
    row = count // shape[0] if shape and shape[0] else 1
    return Weight(name, shape, meant, lambda: values(0, count).reshape(shape),
                  lambda start, stop: values(start * row, stop * row).reshape((stop - start,) + shape[1:]))


def decoded(data: Array, dtype: str) -> Array:
    """Return the numbers that stored ones mean: data uint8, uint16 or as numpy has the type; (count,)."""
    if dtype == "BFLOAT16":
        return (data.astype(numpy.uint32) << numpy.uint32(16)).view(numpy.float32)
    if dtype in PACKED:
        bits = PACKED[dtype]
        parts = numpy.stack([data >> numpy.uint8(shift) & numpy.uint8((1 << bits) - 1)
                             for shift in range(0, 8, bits)], 1).reshape(-1)
        if dtype.startswith("INT"):
            return ((parts.astype(numpy.int8) + (1 << bits - 1)) % (1 << bits) - (1 << bits - 1)).astype(numpy.int8)
        return float4(parts) if dtype.startswith("FLOAT") else parts
    if dtype in FLOATS8:
        return float8(*FLOATS8[dtype])[data]
    if dtype == "FLOAT8E8M0":
        return numpy.where(data == 255, numpy.nan, numpy.exp2(data.astype(numpy.float64) - 127)).astype(numpy.float32)
    return data


def float4(data: Array) -> Array:
    """Return the floats of 4 bits: a sign, two bits of exponent, one behind the point."""
    table = numpy.array([0, 0.5, 1, 1.5, 2, 3, 4, 6], numpy.float32)
    return numpy.concatenate([table, -table])[data]


def float8(bits: int, bias: int, unsigned_zero: bool) -> Array:
    """Return all 256 floats of 8 bits as float32 (arxiv.org/abs/2209.05433, 2206.02915)."""
    codes = numpy.arange(256)
    fraction_bits = 7 - bits
    exponent, fraction = codes >> fraction_bits & (1 << bits) - 1, codes & (1 << fraction_bits) - 1
    part = fraction / float(1 << fraction_bits)
    found = numpy.where(exponent == 0, part * 2.0 ** (1 - bias), (1 + part) * 2.0 ** (exponent - bias))
    if unsigned_zero:
        found[128] = numpy.nan
    elif bits == 4:
        found[[127, 255]] = numpy.nan
    else:
        found[exponent == 31] = numpy.nan
        found[[124, 252]] = numpy.inf
    return numpy.where(codes >> 7 == 1, -found, found).astype(numpy.float32)


# Fields ----------------------------------------------------------------------------------------------------------

def of_fields(name: str, dtype: str, shape: Tuple[int, ...], count: int, found: Dict[int, List[Value]]) -> Weight:
    """Return the Weight of values that stand in fields of their own kind.  Raises Damaged for too few or too many."""
    def read() -> Any:
        return typed(dtype, found)[:count].reshape(shape)

    held = len(typed(dtype, found))
    if held < count or held > count and dtype not in PACKED:
        raise Damaged(f"tensor {name!r:.60} of shape {shape} has {held} values: the file is cut short")
    return Weight(name, shape, numpy_dtype(dtype), read)


def typed(dtype: str, found: Dict[int, List[Value]]) -> Array:
    """Return the values of float_data, int32_data, int64_data, double_data or uint64_data; (count,)."""
    if dtype in ("FLOAT", "COMPLEX64"):
        return joined(found, 4, "<f4").view("<c8" if dtype != "FLOAT" else "<f4")
    if dtype in ("DOUBLE", "COMPLEX128"):
        return joined(found, 10, "<f8").view("<c16" if dtype != "DOUBLE" else "<f8")
    if dtype == "INT64":
        return numpy.array(whole_numbers(found, 7), numpy.int64)
    if dtype in ("UINT32", "UINT64"):
        return numpy.array(whole_numbers(found, 11), numpy.int64).view(numpy.uint64).astype(NUMPY[dtype])
    values = numpy.array(whole_numbers(found, 5), numpy.int64)
    if dtype == "FLOAT16":
        return values.astype(numpy.uint16).view(numpy.float16)
    if dtype == "BFLOAT16":
        return decoded(values.astype(numpy.uint16), dtype)
    if dtype in MEANT:
        return decoded(values.astype(numpy.uint8), dtype)
    return values.astype(NUMPY[dtype])


def joined(found: Dict[int, List[Value]], field: int, dtype: str) -> Array:
    """Return the floats of a repeated field, packed or not."""
    parts = found.get(field, [])
    if any(isinstance(part, int) or len(part) % numpy.dtype(dtype).itemsize for part in parts):
        raise Damaged("no floats where floats should be")
    return numpy.frombuffer(b"".join(map(bytes, parts)), dtype)


def texts_of(values: List[Value]) -> List[str]:
    """Return the texts of a repeated field."""
    return [string(value) for value in values]
