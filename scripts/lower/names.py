"""Names of a graph's inputs and outputs: the names of the layers, changed where TensorFlow.js does not take them."""
import re
from typing import List, Sequence

from ..wire.target import PROPERTIES

FORBIDDEN = re.compile(r"[^A-Za-z0-9_.@/-]")


def of_nodes(wanted: Sequence[str]) -> List[str]:
    """Return a name for each of `wanted`, no two the same.

    ":" parts a node from the number of its output, so that output 1 of `lstm`, "lstm:1", is the node "lstm/1".
    """
    found: List[str] = []
    given = set(wanted)
    for name in wanted:
        made = FORBIDDEN.sub("_", name.replace(":", "/"))
        made = made + "_" if made in PROPERTIES else made
        while made in found or made != name and made in given:
            made += "_"
        found.append(made)
    return found
