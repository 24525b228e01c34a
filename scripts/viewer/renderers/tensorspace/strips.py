"""Tensors that TensorSpace has no shape for, as pictures of three dimensions at most.

An output of four dimensions and more is a strip: the maps of each step (of time, of depth) one after the other.  The
scores of attention are a strip of one map per head.  An input of so many dimensions is one picture, its steps and
channels side by side.
The page's strips.js brings values into these orders.
"""
import math
import re
from typing import Any, Dict, List, Optional

MOST = 64  # maps of an input in one picture
SIDE = 768  # pixels of such a picture at most
WIDE = 1.5  # times its height is the width that it is to have
HEADS = re.compile(r"(MultiHead|MultiQuery|GroupedQuery|GroupQuery)Attention$")


def output(shape: List[int], kind: str, name: str) -> Optional[Dict[str, Any]]:
    """Return how an output is drawn as a strip, or None where TensorSpace has its shape.

    shape  of the output without the batch
    kind   class of its layer
    name   of the output, as told.Shown spells it: NAME:1 is a layer's second output

    {"shape": [height, width, steps * channels], "full": shape, "strip": {"steps", "channels", "of": what a step is}}
    """
    if HEADS.match(kind) and name.endswith(":1") and len(shape) >= 3:  # (heads, query's steps, key's steps)
        height, width, channels = shape[-2], shape[-1], 1
        steps, of = _product(shape[:-2]), "head"
    elif len(shape) > 3:
        height, width, channels = shape[-3:]
        steps, of = _product(shape[:-3]), "slice" if "3D" in kind and "LSTM" not in kind else "step"
    else:
        return None
    return {"shape": [height, width, steps * channels], "full": list(shape),
            "strip": {"steps": steps, "channels": channels, "of": of}}


def montage(shape: List[int]) -> Dict[str, int]:
    """Return how an input of three dimensions and more is one picture.

    {"tiles": how many maps it shows, each "height" x "width" pixels, "columns" and "rows" of them; "channels" of the
    input; "colours": 3 where a tile has the input's three channels, else 1; "stride": every which pixel is shown}
    """
    height, width, channels = shape[-3:]
    colours = 3 if channels == 3 else 1
    tiles = min(MOST, _product(shape[:-3]) * channels // colours)
    columns = min(tiles, max(1, round(math.sqrt(tiles * height * WIDE / width))))
    rows = -(-tiles // columns)
    stride = max(1, math.ceil(max(columns * width, rows * height) / SIDE))
    return {"tiles": tiles, "columns": columns, "rows": rows, "height": -(-height // stride),
            "width": -(-width // stride), "channels": channels, "colours": colours, "stride": stride}


def _product(sizes):
    product = 1
    for size in sizes:
        product *= size
    return product
