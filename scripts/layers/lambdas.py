"""Lambda layers of Keras's own: InceptionResNetV2 before Keras 2.12 has one where a CustomScaleLayer stands now.

    Lambda(lambda inputs, scale: inputs[0] + inputs[1] * scale, arguments={"scale": 0.17})

A file holds the function as marshalled code of Python.  None of it runs: only code that is this one, instruction by
instruction, is known (Python/marshal.c: w_object of a code object; Include/opcode.h).
"""
import base64
import struct
from typing import Any, Dict, Optional

Record = Dict[str, Any]

LONGEST = 4096  # of a function as text
CODE, BYTES, REFERRED = 0x63, 0x73, 0x80  # types of marshal, and the bit of what is referred to further on
# inputs[0] + inputs[1] * scale: of Python 3.6 - 3.10, and of 3.0 - 3.5
INSTRUCTIONS = [bytes.fromhex(text) for text in (
    "7c00 6401 1900 7c00 6402 1900 7c01 1400 1700 5300".replace(" ", ""),
    "7c0000 640100 19 7c0000 640200 19 7c0100 14 17 53".replace(" ", ""))]
CONSTANTS = b")\x03N" + b"i" + struct.pack("<i", 0) + b"i" + struct.pack("<i", 1)  # (None, 0, 1)
PLAIN = [struct.pack("<i", flags) for flags in (0x43, 0x53)]  # CO_OPTIMIZED, CO_NEWLOCALS, CO_NOFREE; and CO_NESTED
HEADS = (5, 6)  # whole numbers before the instructions: Python 3.8 and later counts one more kind of arguments


def known(record: Record) -> Record:
    """The record of a CustomScaleLayer in place of such a Lambda's; any other record as it is."""
    scale = scale_of(record) if record.get("class_name") == "Lambda" else None
    if scale is None:
        return record
    kept = {key: value for key, value in record["config"].items() if key in ("name", "trainable", "dtype")}
    return type(record)(record, class_name="CustomScaleLayer", config=dict(kept, scale=scale))


def scale_of(record: Record) -> Optional[float]:
    """By what the second input is multiplied; None for another function."""
    config = record.get("config")
    given = config.get("function") if isinstance(config, dict) else None
    arguments = config.get("arguments") if isinstance(config, dict) else None
    if not isinstance(given, list) or len(given) != 3 or given[1:] != [None, None] or not isinstance(given[0], str) \
            or len(given[0]) > LONGEST or not isinstance(arguments, dict) or list(arguments) != ["scale"]:
        return None
    scale = arguments["scale"]
    if type(scale) not in (int, float):
        return None
    try:
        return float(scale) if is_scaled_sum(base64.b64decode(given[0])) else None
    except ValueError:
        return None


def is_scaled_sum(code: bytes) -> bool:
    """Whether marshalled code takes two arguments and returns the first one's first plus its second times the other."""
    for count in HEADS:
        at = 1 + 4 * count
        for instructions in INSTRUCTIONS:
            wanted = struct.pack("<i", len(instructions)) + instructions
            begin = at + 1 + len(wanted)
            constants = bytearray(code[begin:begin + len(CONSTANTS)])
            for place in (0, 3, 8):
                if place < len(constants):
                    constants[place] &= ~REFERRED & 0xff
            if len(code) > begin and [code[0] & ~REFERRED, code[at] & ~REFERRED] == [CODE, BYTES] \
                    and [code[1:5], code[at - 4:at]] in [[struct.pack("<i", 2), flags] for flags in PLAIN] \
                    and code[at + 1:begin] == wanted and bytes(constants) == CONSTANTS:
                return True
    return False
