"""JSON of unknown origin, within limits: topologies, manifests, catalogues."""
import json
import math
import re
from collections import OrderedDict
from typing import Any, Dict, List, Optional, Tuple, Union

from ..base.fault import Fault
from .paths import head

MAX_DEPTH = 200  # nesting of a topology; NASNet inside a wrapper inside a model needs about 20
MAX_JSON_BYTES = 16 * 1024 * 1024  # the largest of keras.applications has 1 MB
MAX_JSON_TEXT = 1 << 30  # with the numbers of Constant initializers: an Embedding's, 20 bytes a number
# From a Constant's class to its numbers: a list of Keras 2's, an array or a tensor of Keras 3's.  Each run of spaces
# and of numbers stands behind a text of its own, so that the time to find them grows with the text alone.
EMPTIED = r'''("class_name":\s*"Constant",\s*"config":\s*\{\s*"value":\s*(?:\{\s*"class_name":\s*''' \
    r'''"__(?:numpy|tensor)__",\s*"config":\s*\{\s*"value":\s*)?)\[[-+0-9.eE,\s\[\]]*\]'''
EMPTIED = {str: re.compile(EMPTIED), bytes: re.compile(EMPTIED.encode("ascii"))}
MAX_JSON_OBJECTS = 400000  # an empty one takes 64 to 240 bytes in memory and 3 in a file, or none in an archive
MAX_JSON_VALUES = 2000000  # texts and numbers: the largest of keras.applications has 50000
ARGUMENTS = ("inbound_nodes", "constants")  # what layers and operations are called with: where(mask, x, -inf)
# Settings that may be infinite, or no number: ReLU(max_value=inf), keras.ops.max(x, initial=-inf)
UNBOUNDED = frozenset("""max_value min_value threshold mask_value initial constant_values fill_value x_min
    x_max ord nan posinf neginf default_value""".split())


class Unusual(float):
    """An infinity or NaN that a text spells so; `fault` is the message where it may not stand."""

    fault = ""


class Hooks:
    """The hooks of Python's reader of JSON for objects and numbers; a Fault says what may stand nowhere.

    found  the infinities and NaNs, which may stand in some places
    """

    def __init__(self, where: str) -> None:
        self.where = where
        self.found: List[Unusual] = []

    def pairs(self, items: List[Tuple[str, Any]]) -> Dict[str, Any]:
        """Return an object, each of whose keys stands once."""
        result: Dict[str, Any] = {}
        for key, value in items:
            if key in result:
                raise Fault(f"{self.where}: the key {key!r} stands twice in one object")
            result[key] = value
        return result

    def constant(self, word: str, why: str = "which is no JSON number") -> Unusual:
        """Return an infinity or NaN."""
        self.found.append(Unusual(word))
        self.found[-1].fault = f"{self.where}: {word:.40} stands in it, {why}"
        return self.found[-1]

    def number(self, word: str) -> float:
        """Return a float."""
        value = float(word)
        return self.constant(word, "a number too large for any computer") if math.isinf(value) else value

    def whole(self, word: str) -> int:
        """Return an int of at most 40 digits."""
        if len(word) > 40:
            raise Fault(f"{self.where}: a number of {len(word)} digits stands in it")
        return int(word)


def parse(text: Union[str, bytes], where: str) -> Any:
    """Return the value of a JSON text of unknown origin.

    text: str or bytes (UTF-8).  where: the start of the message.
    A text beyond the limits is read without the numbers of its Constant initializers.
    Raises Fault for a text that is no JSON, for a key that stands twice, for NaN and infinities (which Python writes,
    and no JSON has) where `settled` does not let them stand, for nesting deeper than MAX_DEPTH, and for a text beyond
    the limits even so.
    """
    problem = too_much(text)
    emptied = problem is not None and len(text) <= MAX_JSON_TEXT
    if emptied:
        text = EMPTIED[type(text)].sub(r"\1[]" if isinstance(text, str) else rb"\1[]", text)
        problem = too_much(text)
    if problem:
        raise Fault(f"{where}: {problem}")
    hooks = Hooks(where)
    try:
        if isinstance(text, bytes):
            text = text.decode("utf-8-sig")
        value = json.loads(text, object_pairs_hook=hooks.pairs, parse_constant=hooks.constant,
                           parse_float=hooks.number, parse_int=hooks.whole)
    except RecursionError:
        raise Fault(f"{where}: nested too deep")
    except ValueError as error:
        raise Fault(f"{where}: not valid JSON ({error})")
    if emptied:
        constants_as_zeros(value)
    level = [value] if isinstance(value, (dict, list)) else []
    for _ in range(MAX_DEPTH):
        level = [inner for outer in level
                 for inner in (outer.values() if isinstance(outer, dict) else outer) if isinstance(inner, (dict, list))]
        if not level:
            return settled(value) if hooks.found else value
    raise Fault(f"{where}: nested deeper than {MAX_DEPTH} levels")


def settled(value: Any) -> Any:
    """Return `value` with plain floats for its infinities and NaNs, in place.

    They may stand among ARGUMENTS, and as a setting of UNBOUNDED or in its list.  Raises Fault for one elsewhere.
    """
    pending = [(value, False, False)]
    while pending:
        outer, free, own = pending.pop()
        if isinstance(outer, Unusual):
            raise Fault(outer.fault)
        for key, inner in list(outer.items() if isinstance(outer, dict) else enumerate(outer)):
            named = key in UNBOUNDED if isinstance(outer, dict) else own
            if isinstance(inner, Unusual):
                if not (free or named):
                    raise Fault(inner.fault)
                outer[key] = float(inner)
            elif isinstance(inner, (dict, list)):
                pending.append((inner, free or key in ARGUMENTS, named))
    return value


def text_of(value: Any) -> str:
    """Return the JSON of a value that `parse` has read, an infinity as 1e999, which JavaScript reads as one.

    Raises Fault for a NaN, of which JSON has none.
    """
    try:
        return json.dumps(value, allow_nan=False)  # many times faster than dump
    except ValueError:
        mark, text = "1e999", json.dumps(value)
        while mark in text:
            mark += "9"
        text = json.dumps(spelled(value, mark), allow_nan=False)
        return text.replace(f'"{mark}"', mark).replace(f'"-{mark}"', "-" + mark)


def spelled(value: Any, mark: str) -> Any:
    """Return a copy of `value` with the text `mark`, or -mark, for its infinities."""
    if isinstance(value, dict):
        return OrderedDict((key, spelled(inner, mark)) for key, inner in value.items())
    if isinstance(value, (list, tuple)):
        return [spelled(inner, mark) for inner in value]
    if isinstance(value, float) and math.isnan(value):
        raise Fault("a setting is NaN, which no model.json holds; build the model without it")
    if isinstance(value, float) and math.isinf(value):
        return "-" * (value < 0) + mark
    return value


def too_much(text: Union[str, bytes]) -> Optional[str]:
    """Return why a text of JSON is more than any topology holds, None where it is not."""
    if len(text) > MAX_JSON_BYTES:
        return f"{len(text)} bytes of JSON are no topology"
    opening = "{[" if isinstance(text, str) else (b"{", b"[")
    if sum(map(text.count, opening)) > MAX_JSON_OBJECTS:
        return f"more than {MAX_JSON_OBJECTS} lists and objects are no topology"
    if text.count("," if isinstance(text, str) else b",") > MAX_JSON_VALUES:
        return f"more than {MAX_JSON_VALUES} texts and numbers are no topology"
    return None


def constants_as_zeros(value: Any) -> None:
    """Make Zeros of the Constant initializers in `value` whose numbers `parse` left out, in place.

    The file's weights replace what an initializer makes, and no Keras takes a Constant without numbers.
    """
    pending = [value]
    while pending:
        item = pending.pop()
        if isinstance(item, dict):
            config = item.get("config") if item.get("class_name") == "Constant" else None
            held = config.get("value") if isinstance(config, dict) else None
            if held == [] or isinstance(held, dict) and isinstance(held.get("config"), dict) \
                    and held["config"].get("value") == []:
                item.update(class_name="Zeros", config={})
            item = item.values()
        pending += [inner for inner in item if isinstance(inner, (dict, list))] if not isinstance(item, str) else []


def json_object(path: str) -> Optional[Dict[str, Any]]:
    """Return the JSON object in the file `path`, None for a file that does not begin like one.

    Raises Fault for a file that begins like one and is none.
    """
    if not head(path).decode("utf-8-sig", "replace").lstrip().startswith("{"):
        return None
    with open(path, "rb") as file:
        value = parse(file.read(), path)
    return value if isinstance(value, dict) else None
