"""Names of a graph's inputs and outputs: those of the layers, as far as TensorFlow.js takes them."""
import re
from typing import List, Sequence

FORBIDDEN = re.compile(r"[^A-Za-z0-9_.@/-]")
# What every object of JavaScript has by that name: TensorFlow.js looks nodes up in one
TAKEN = frozenset("""__proto__ constructor hasOwnProperty isPrototypeOf propertyIsEnumerable toLocaleString toString
    valueOf __defineGetter__ __defineSetter__ __lookupGetter__ __lookupSetter__""".split())


def of_nodes(wanted: Sequence[str]) -> List[str]:
    """Return a name for each of `wanted`, no two the same.

    ":" parts a node from the number of its output, so that output 1 of `lstm`, "lstm:1", is the node "lstm/1".
    """
    found: List[str] = []
    given = set(wanted)
    for name in wanted:
        made = FORBIDDEN.sub("_", name.replace(":", "/"))
        made = made + "_" if made in TAKEN else made
        while made in found or made != name and made in given:
            made += "_"
        found.append(made)
    return found
