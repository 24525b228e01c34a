"""Open sizes as numbers to calculate with: the results of Shape, Gather and Concat on an open batch stay known.

An array of sizes is an object array of int and Dim: numpy adds, joins and cuts it like any other array.
"""
import itertools
from typing import Any, Callable, Iterable, List, NamedTuple, Optional, Sequence, Tuple, Union

import numpy

from ..base.fault import Fault
from ..emit import Value

Size = Union[int, "Dim"]
Part = Tuple[str, Callable[[], Value]]
UNNAMED = "?"  # begins the name of a size that the file has no name for


class OpenSize(Fault):
    """A size is open where it has to be known."""


class Dim:
    """A size that is open: `factor` times a product of sizes with names, two of one name being equal.

    parts  ((name, function that gives the scalar of int32 which is computed for it), …), by their names
    """

    def __init__(self, parts: Iterable[Part], factor: int = 1) -> None:
        self.parts, self.factor = tuple(sorted(parts, key=lambda part: part[0])), factor

    @classmethod
    def of(cls, name: Optional[str], make: Callable[[], Value]) -> "Dim":
        """A size of this name, None for one that has none."""
        return cls([(name or f"{UNNAMED}{next(NUMBERS)}", make)])

    @property
    def names(self) -> Tuple[str, ...]:
        """The names of its parts."""
        return tuple(name for name, _ in self.parts)

    def value(self, b: Any) -> Value:
        """The size as a scalar of int32."""
        found = self.parts[0][1]()
        for _, make in self.parts[1:]:
            found = b.mul(found, make())
        return found if self.factor == 1 else b.mul(found, self.factor)

    def __eq__(self, other: object) -> bool:
        """Equal sizes have the same names; no size is below 1.  Raises OpenSize where it depends on the size."""
        if isinstance(other, Dim):
            if self.names != other.names:
                raise OpenSize(f"the sizes {self} and {other} are compared, and both are open")
            return self.factor == other.factor
        if isinstance(other, (int, numpy.integer)) and (other < 1 or other % self.factor):
            return False
        raise OpenSize(f"the size {self} is compared with {other!r:.20}, and is open")

    def __ne__(self, other: object) -> bool:
        return not self == other

    def __hash__(self) -> int:
        return hash((self.names, self.factor))

    def __mul__(self, other: Any) -> Any:
        if isinstance(other, Dim):
            return Dim(self.parts + other.parts, self.factor * other.factor)
        if is_whole(other):
            return Dim(self.parts, self.factor * int(other)) if other > 0 else int(other) * self.opened()
        raise OpenSize(f"the size {self} is multiplied by {other!r:.20}")

    __rmul__ = __mul__

    def __floordiv__(self, other: Any) -> Any:
        if is_whole(other) and other > 0 and self.factor % other == 0:
            return Dim(self.parts, self.factor // int(other))
        raise OpenSize(f"the size {self} is divided by {other!r:.20}")

    def __add__(self, other: Any) -> Any:
        if is_whole(other) and other == 0:
            return self
        raise OpenSize(f"{other!r:.20} is added to the size {self}, which is open")

    __radd__ = __add__

    def __sub__(self, other: Any) -> Any:
        return self + -other

    def opened(self) -> int:
        """Raise OpenSize: the size would have to be known."""
        raise OpenSize(f"the size {self} is open, and has to be known")

    def __int__(self) -> int:
        return self.opened()

    def __repr__(self) -> str:
        names = [UNNAMED if name.startswith(UNNAMED) else name for name in self.names]
        return "*".join(([] if self.factor == 1 else [str(self.factor)]) + names)


NUMBERS = itertools.count()  # of sizes without a name


def ordered(sign: str) -> Callable[[Dim, Any], bool]:
    """The comparison of an open size with a number: it is 1 or more."""
    def compare(self: Dim, other: Any) -> bool:
        if is_whole(other) and other < self.factor and sign in (">", ">="):
            return True
        if is_whole(other) and other < self.factor:
            return False
        raise OpenSize(f"the size {self} is compared with {other!r:.20}, and is open")
    return compare


Dim.__gt__, Dim.__ge__, Dim.__lt__, Dim.__le__ = map(ordered, (">", ">=", "<", "<="))  # type: ignore


def is_whole(number: Any) -> bool:
    """Whether a factor is a whole number."""
    return isinstance(number, (int, numpy.integer)) and not isinstance(number, bool)


class Product(NamedTuple):
    """The product of sizes: a number times open sizes, whose names are sorted."""

    number: int
    names: Tuple[str, ...]

    def over(self, other: "Product") -> Optional["Product"]:
        """The quotient, None where it is no product of sizes."""
        names = list(self.names)
        for name in other.names:
            if name not in names:
                return None
            names.remove(name)
        if not other.number or self.number % other.number:
            return None
        return Product(self.number // other.number, tuple(names))


def product(sizes: Sequence[Size]) -> Product:
    """The product of sizes."""
    number, names = 1, []  # type: ignore[var-annotated]
    for size in sizes:
        if isinstance(size, Dim):
            number *= size.factor
            names += size.names
        else:
            number *= int(size)
    return Product(number, tuple(sorted(names)))


class Group(NamedTuple):
    """Neighbouring dimensions that become others with as many values: places in the old and in the new shape."""

    old: List[int]
    new: List[int]


def groups(old: Sequence[Size], new: Sequence[Size]) -> List[Group]:
    """The smallest groups of dimensions that a reshape turns into each other.

    Dimensions of size 1 stand in groups of their own, which may have none on the other side.
    """
    found: List[Group] = []
    first, second = 0, 0
    while first < len(old) or second < len(new):
        if first < len(old) and second < len(new) and same(old[first], new[second]):
            found.append(Group([first], [second]))
            first, second = first + 1, second + 1
        elif first < len(old) and is_one(old[first]):
            found.append(Group([first], []))
            first += 1
        elif second < len(new) and is_one(new[second]):
            found.append(Group([], [second]))
            second += 1
        else:
            ends = next(((i, j) for i in range(first + 1, len(old) + 1) for j in range(second + 1, len(new) + 1)
                         if product(old[first:i]) == product(new[second:j])), (len(old), len(new)))
            found.append(Group(list(range(first, ends[0])), list(range(second, ends[1]))))
            first, second = ends
    return found


def is_one(size: Size) -> bool:
    """Whether a size is 1."""
    return not isinstance(size, Dim) and size == 1


def same(one: Size, other: Size) -> bool:
    """Whether two sizes are certainly equal."""
    if isinstance(one, Dim) and isinstance(other, Dim):
        return (one.names, one.factor) == (other.names, other.factor)
    return not isinstance(one, Dim) and not isinstance(other, Dim) and one == other
