"""A graph model's layers in its model.json, for the page: names, classes, shapes, which reads which."""
import math
from collections import OrderedDict
from typing import Any, Dict, List, Mapping, NamedTuple, Optional, Sequence


class Shown(NamedTuple):
    """A layer that a graph model shows, or an input.

    name        as the user knows it: NAME, NAME@CALL where it is called several times, NAME:OUTPUT
    class_name  a class of Keras's, "" where its operations are none
    shape       [size], the first is the batch's; None for open sizes, and for a shape that is not known
    parameters  how many numbers its weights hold; of operations those from the layers that it reads on
    inputs      [names] of the layers and inputs that it reads
    settings    of a layer's config those that are a number, a text or a list of numbers; {} of operations, whose
                attributes stand in the graph itself
    """

    name: str
    class_name: str
    shape: Optional[List[Optional[int]]]
    parameters: int
    inputs: List[str]
    settings: Dict[str, Any]


def metadata(outputs: Mapping[str, str], layers: Sequence[Shown], texts: Sequence[Dict[str, Any]] = (),
             layout: Optional[Mapping[str, str]] = None, constants: Optional[Mapping[str, Any]] = None
             ) -> Dict[str, Any]:
    """Return the userDefinedMetadata of a graph model, which TensorFlow.js hands on.

    {"tensorspace": {"outputs": {name as asked for: name of the node}, "layers": [Shown as a dict]}}, and where a
    model began with words "texts": what turns words into the numbers of an input, see layers.words.described
    layout: {name of an input's or output's node: "NHWC"} where the source has another order; it stands there, too.
    constants: {name of an input of the source: the value that it has here}; so do they.
    """
    told = OrderedDict([("outputs", outputs), ("layers", [OrderedDict(layer._asdict()) for layer in layers])])
    told.update({"texts": list(texts)} if texts else {})
    told.update({"layout": layout} if layout else {})
    told.update({"constants": constants} if constants else {})
    return {"tensorspace": told}


def is_plain(value: Any) -> bool:
    """Whether a setting is a number that JSON has, a short text, or a list of numbers."""
    return isinstance(value, (int, float)) and math.isfinite(value) or isinstance(value, str) and len(value) < 64 or \
        isinstance(value, list) and 0 < len(value) < 9 and all(
            isinstance(item, (int, float)) and math.isfinite(item) for item in value)
