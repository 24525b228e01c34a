"""Layers of words inside a model.  Layers of words that read its inputs have become inputs (layers/words.py)."""
from typing import NoReturn

from ..base.fault import Fault
from .rules import Call, layer


@layer("TextVectorization StringLookup")
def inside(call: Call) -> NoReturn:
    """Refuse words as an output.  What turns words into numbers is given none here: inputs of strings are refused."""
    if call.config.get("invert"):
        call.refuse("its output is words, which TensorSpace cannot show", "leave it out, and give the page labels")
    raise Fault(f"layer {call.path!r} ({call.kind}) is given numbers in place of words: the file is damaged")
