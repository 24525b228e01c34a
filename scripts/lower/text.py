"""Layers of words that stand inside a model: those that read its inputs are inputs themselves (layers/words.py)."""
from typing import NoReturn

from .rules import Call, layer


@layer("TextVectorization StringLookup Hashing HashedCrossing")
def inside(call: Call) -> NoReturn:
    """Refuse strings, which no operation of TensorFlow.js 1.0.0 takes, and hashes, which are numbers of 64 bits."""
    if call.config.get("invert"):
        call.refuse("its output is words, which TensorSpace cannot show", "leave it out, and give the page labels")
    hashed = call.kind.startswith("Hash")
    call.refuse("it does not read the model's inputs alone, and TensorFlow.js computes no words and no hashes",
                f'let it read {"inputs themselves" if hashed else "an input itself"}: keras.Input((1,), '
                f'dtype="{"int64" if hashed else "string"}")')
