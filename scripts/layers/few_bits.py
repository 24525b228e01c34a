"""Types of whole numbers in 8 or 16 bits, which overflow where Keras adds and multiplies them."""
from typing import Dict, Tuple

TYPES: Dict[str, Tuple[int, bool]] = {  # bits, whether there is a sign
    "int8": (8, True), "uint8": (8, False), "int16": (16, True), "uint16": (16, False)}
LARGEST: Dict[str, int] = {name: (1 << bits - signed) - 1 for name, (bits, signed) in TYPES.items()}
