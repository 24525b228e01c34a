"""How an input is bent: JSON values, protobuf messages and plain bytes, each a little at a time.

`below(n)` gives the choices, a whole number under n: random.Random(seed).randrange in the fuzzer, what hypothesis
draws in test_topologies.py, so that a failure there gets smaller by itself.
"""
import copy
import json
import struct

from scripts.lower import families, rules  # noqa: F401  (families fills the tables)
from scripts.tfjs.supported import LAYERS

CLASSES = sorted(set(LAYERS) | set(rules.LAYERS) | set(rules.OPERATIONS)) + [
    "Lambda", "TFOpLambda", "Swirl", "function", "__tuple__", "__keras_tensor__", "DTypePolicy"]
ODD = [None, True, False, 0, 1, -1, 2, 3, 255, 1 << 31, 1 << 63, 1 << 70, -(1 << 40), 0.5, 1e308, -0.0, "", "x", "0",
       "none", "same", "causal", "channels_first", "a/b", "../x", "x\0y", "\n", "\ud800", "層", "%s", "float16",
       "int64", [], {}, [[]], [None], [0], [1, 2], [-1], [[[]]], ["x", 0, 0], ["x", 0, 0, {}], {"x": 1},
       {"class_name": "x"}, {"class_name": "Dense", "config": {}}, {"class_name": "Sequential", "config": []},
       {"class_name": "__tuple__", "items": [1, None]}, [None, 4], {"class_name": "Dense", "config": {"name": "x"}}]
WORDS = [b"\0", b"\xff", b"\x80", b"\x7f", b"\0\0\0\0", b"\xff\xff\xff\xff", b"\xff" * 8, b"\0" * 8,
         struct.pack("<Q", 1 << 40), struct.pack("<I", 1 << 31), b"\xff\xff\xff\xff\xff\xff\xff\xff\x7f",
         b"{", b"}", b"[", b"]", b'"', b"\\", b"\n", b"\r", b"=", b".", b"'''", b'"""', b"#", b"1e999", b"NaN",
         b"../", b"1979-05-27T07:32:00Z"]


def places(value):
    """Return [(container, key)] of all that is inside a JSON value."""
    found, waiting = [], [value]
    while waiting:
        inner = waiting.pop()
        keys = list(inner) if isinstance(inner, dict) else range(len(inner)) if isinstance(inner, list) else ()
        for key in keys:
            found.append((inner, key))
            waiting.append(inner[key])
    return found


def bend(value, below):
    """Return a JSON value with one thing in it changed: dropped, doubled, replaced, renamed, wired differently."""
    root = [copy.deepcopy(value)]
    inside = places(root)
    holder, key = inside[below(len(inside))]
    here, (other, place) = holder[key], inside[below(len(inside))]
    kind = below(12)
    if kind == 0 and holder is not root:
        del holder[key]
    elif kind == 1 and isinstance(holder, list) and holder is not root:
        holder.insert(below(len(holder) + 1), copy.deepcopy(here))
    elif kind in (2, 3):
        holder[key] = copy.deepcopy(ODD[below(len(ODD))])
    elif kind == 4:
        holder[key] = copy.deepcopy(other[place])
    elif kind == 5 and isinstance(here, (int, float)):
        holder[key] = [here + 1, here - 1, -here, here * 1000, float(here), str(here)][below(6)]
    elif kind in (5, 6):  # names, classes, settings: one that the document has too
        texts = sorted({at[where] for at, where in inside if isinstance(at[where], str)})
        choices = texts + CLASSES if isinstance(here, str) else texts
        holder[key] = choices[below(len(choices))] if choices else ""
    elif kind == 7 and isinstance(holder, dict):
        keys = sorted({where for at, where in inside if isinstance(where, str)})
        holder[keys[below(len(keys))]] = holder.pop(key)
    elif kind == 8:
        holder[key] = [here]
    elif kind == 9 and isinstance(here, (list, dict)) and here:
        holder[key] = list(here.values())[0] if isinstance(here, dict) else here[0]
    elif kind == 10 and isinstance(here, list):
        here.reverse()
    elif kind == 11 and isinstance(here, dict):
        here["class_name"] = CLASSES[below(len(CLASSES))]
    else:
        holder[key] = None
    return root[0]


def bend_text(data, below):
    """The same for bytes that should be JSON; what is none is bent as bytes."""
    try:
        value = json.loads(data.decode("utf-8"))
    except (ValueError, RecursionError):
        return bend_bytes(data, below)
    if below(8) == 0:
        return bend_bytes(data, below)
    for _ in range(1 + below(3)):
        value = bend(value, below)
    return json.dumps(value).encode("utf-8")


def bend_bytes(data, below):
    """Bytes with a bit flipped, a piece dropped, doubled or moved, or an odd word written."""
    data = bytearray(data)
    for _ in range(1 + below(3)):
        place, kind, size = below(len(data) + 1), below(6), 1 + below(16)
        if kind == 0 and place < len(data):
            data[place] ^= 1 << below(8)
        elif kind == 1 and place < len(data):
            data[place] = below(256)
        elif kind == 2:
            del data[place:place + size]
        elif kind == 3:
            data[place:place] = data[place:place + size]
        elif kind == 4:
            word = WORDS[below(len(WORDS))]
            data[place:place + len(word) * below(2)] = word
        else:
            start = below(len(data) + 1)
            data[place:place + size] = data[start:start + size]
    return bytes(data)


# Protobuf --------------------------------------------------------------------------------------------------

def varint(value):
    found = bytearray()
    while value > 0x7f:
        found.append(value & 0x7f | 0x80)
        value >>= 7
    return bytes(found + bytes([value]))


def field(number, value):
    """A field of a message: an int as a number, bytes or text as what has a length."""
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    value = value.encode("utf-8") if isinstance(value, str) else value
    return varint(number << 3 | 2) + varint(len(value)) + value


def message(*fields):
    return b"".join(field(number, value) for number, value in fields)


def parsed(data):
    """[[number, value]] of a message of numbers and lengths, or None where the bytes are none."""
    found, place = [], 0

    def number(place):
        value = shift = 0
        while place < len(data) and shift < 70:
            value |= (data[place] & 0x7f) << shift
            place, shift = place + 1, shift + 7
            if data[place - 1] < 0x80:
                return value, place
        return None, place

    while place < len(data):
        key, place = number(place)
        value, place = number(place)
        if key is None or value is None or key & 7 not in (0, 2) or key < 8:
            return None
        if key & 7 == 2:
            if place + value > len(data):
                return None
            value, place = bytes(data[place:place + value]), place + value
        found.append([key >> 3, value])
    return found


def bend_message(data, below, depth=0):
    """A protobuf message with one field changed, at any depth; the lengths around it stay right."""
    fields = parsed(data)
    if not fields or below(10) == 0:
        return bend_bytes(data, below)
    place = below(len(fields))
    number, value = fields[place]
    kind = below(8)
    if kind == 0:
        del fields[place]
    elif kind == 1:
        fields.insert(below(len(fields) + 1), list(fields[place]))
    elif kind == 2:
        fields[place][0] = 1 + below(12)
    elif kind == 3:
        fields[place][1] = [0, 1, 2, 1 << 31, 1 << 63, (1 << 64) - 1, b"", b"x", "層"][below(9)]
    elif isinstance(value, bytes):
        if value[:1] in (b"{", b"["):
            fields[place][1] = bend_text(value, below)
        else:
            fields[place][1] = bend_message(value, below, depth + 1) if depth < 30 else bend_bytes(value, below)
    else:
        fields[place][1] = max(0, value + below(5) - 2)
    return message(*fields)
