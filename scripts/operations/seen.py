"""Seen: a node as the rules in shape_rules.py and image_shapes.py see it."""
from typing import Any, Callable, List, NamedTuple, Optional

from .graph import Node, Shape
from .values import Values, whole


class Seen(NamedTuple):
    """A node as its rule sees it: the node, the shapes of its inputs, and their values where they are known."""
    node: Node
    shapes: List[Shape]
    values: List[Values]

    def shape(self, place: int) -> Shape:
        """Return the shape of an input, None where it is open."""
        return self.shapes[place] if place < len(self.shapes) else None

    def whole(self, place: int) -> Optional[List[int]]:
        """Return the values of an input as ints, None where they are not known."""
        return whole(self.values[place]) if place < len(self.values) else None


Rule = Callable[[Seen], Any]  # -> Shape, or a list of one for each output
