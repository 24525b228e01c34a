"""Held: a tensor of ONNX in the new graph, where the order of its dimensions may differ from ONNX's.

Stored dimension i is dimension order[i] of ONNX.  A Transpose of ONNX changes only the order, and moves no value.
Images are stored channels last, (batch, rows, columns, channels), which is the order (0, 2, 3, 1).  An operation asks
for the order that it works in; values are moved if they are stored in another order.
"""
from typing import Any, Callable, Dict, Iterable, List, Optional, Sequence, Tuple, Union

import numpy

from ..base.fault import Fault
from ..emit import Builder, Value
from ..formats.onnx_tensors import OF_NUMPY
from ..layers.model import Weight
from .sizes import Dim, OpenSize, Size, groups, product, same

Order = Tuple[int, ...]
Name = Union[None, str, Dim]  # of an open size
BEYOND = 2 ** 31 - 1  # the largest number that TensorFlow.js counts with
LONGEST = 16  # of a row of sizes that are computed
SMALL = 1 << 16  # values of a constant that is calculated with at conversion


def usual(rank: int) -> Order:
    """ONNX's own order."""
    return tuple(range(rank))


def last(rank: int) -> Order:
    """The order of an image: its channels, dimension 1 of ONNX, stand last."""
    return (0,) + tuple(range(2, rank)) + (1,) if rank > 2 else usual(rank)


class Held:
    """A tensor of ONNX.

    dtype   its type in ONNX, "INT64"
    order   see above
    image   whether it is an image to a convolution, a pooling or a normalization, or made of one
    names   [an open size, by its name or as a Dim, or None], in ONNX's order
    weight  Weight of a constant, in ONNX's order and its own type; else None
    sizes   object array of int and Dim, of what is calculated from shapes; else None
    flat    Held, the image that this one is the rows of; else None
    origin  Held, the image that this one is a reshape of; else None
    """

    __slots__ = ("b", "dtype", "order", "image", "names", "weight", "sizes", "flat", "origin", "_made", "_make",
                 "_shape", "_orders")

    def __init__(self, b: Builder, dtype: str, shape: Sequence[Optional[int]], make: Callable[[], Value],
                 order: Optional[Order] = None, image: bool = False,
                 names: Optional[Sequence[Name]] = None) -> None:
        """Keep what makes the Value, which has the order `order`; shape: in ONNX's order."""
        self.b, self.dtype, self._make, self.image = b, dtype, make, image
        self._shape = tuple(shape)
        self.order = usual(len(self._shape)) if order is None else tuple(order)
        self.names: List[Name] = list(names) if names is not None else [None] * len(self._shape)
        self.weight: Optional[Weight] = None
        self.sizes: Optional[numpy.ndarray] = None
        self.flat: Optional[Held] = None
        self.origin: Optional[Held] = None
        self._made: Optional[Value] = None
        self._orders: Dict[Order, Value] = {}

    @classmethod
    def of(cls, b: Builder, value: Value, dtype: str, order: Optional[Order] = None, image: bool = False,
           names: Optional[Sequence[Name]] = None) -> "Held":
        """A tensor that is computed, whose Value has the order `order`."""
        order = usual(value.rank) if order is None else tuple(order)
        shape: List[Optional[int]] = [None] * value.rank
        for place, axis in enumerate(order):
            shape[axis] = value.shape[place]
        return cls(b, dtype, shape, lambda: value, order, image, names)

    @classmethod
    def constant(cls, b: Builder, weight: Weight, dtype: str) -> "Held":
        """A constant."""
        def make() -> Value:
            if weight.dtype.kind in "iu" and weight.dtype.itemsize > 2 and weight.size <= SMALL:
                return b.constant(weight.read().clip(-BEYOND - 1, BEYOND), "int32", weight.name)
            return b.of_weight(weight)
        made = cls(b, dtype, weight.shape, make)
        made.weight = weight
        return made

    @classmethod
    def known(cls, b: Builder, array: numpy.ndarray, dtype: str = "", name: str = "") -> "Held":
        """An array of numbers, or of sizes of which some may be open."""
        array = numpy.asarray(array)
        if array.dtype == object and not any(isinstance(item, Dim) for item in array.reshape(-1)):
            array = array.astype("int64")
        if array.dtype != object:
            return cls.constant(b, Weight.of(name, array), dtype or OF_NUMPY[array.dtype.name])

        def make() -> Value:
            scalars = [item.value(b) if isinstance(item, Dim) else b.constant(int(item), "int32")
                       for item in array.reshape(-1)]
            return b.reshape(b.stack(scalars, 0), array.shape)
        made = cls(b, dtype or "INT64", array.shape, make)
        made.sizes = array
        return made

    # What it is -----------------------------------------------------------------------------------------------

    @property
    def rank(self) -> int:
        """The number of dimensions."""
        return len(self._shape)

    @property
    def shape(self) -> Tuple[Optional[int], ...]:
        """The sizes in ONNX's order; None: open."""
        return self._shape

    @property
    def channels_last(self) -> bool:
        """Whether it is an image that is stored with its channels last."""
        return self.image and self.rank > 2 and self.order == last(self.rank)

    @property
    def is_constant(self) -> bool:
        """Whether all its values are known."""
        return self.weight is not None

    @property
    def array(self) -> Optional[numpy.ndarray]:
        """The values of a constant, in ONNX's order and its own type, or sizes; None for what is computed."""
        return self.sizes if self.sizes is not None else None if self.weight is None else self.weight.read()

    @property
    def is_row(self) -> bool:
        """Whether it is a row of numbers that are computed, whose count is known."""
        return self.weight is None and self.sizes is None and self.rank == 1 and 0 < (self._shape[0] or 0) <= LONGEST

    def row(self) -> List[Value]:
        """The scalars of a row."""
        return [self.b.at(self.plain, 0, place) for place in range(self._shape[0] or 0)]

    def dims(self) -> List[Size]:
        """The sizes in ONNX's order, an open one by its name."""
        return [self.dim(axis) for axis in range(self.rank)]

    def dim(self, axis: int) -> Size:
        """A size in ONNX's order."""
        size = self._shape[axis]
        if size is not None:
            return size
        known = self.names[axis]
        if isinstance(known, Dim):
            return known
        place = self.order.index(axis)
        made = Dim.of(known, lambda: self.b.once(("size",) + made.names, lambda: self.scalar(place)))
        self.names[axis] = made
        return made

    def scalar(self, place: int) -> Value:
        """The size of a stored dimension as a scalar of int32."""
        size = self.b.dim(self.value, place)
        return size if isinstance(size, Value) else self.b.constant(size, "int32")

    # Its values -----------------------------------------------------------------------------------------------

    @property
    def value(self) -> Value:
        """The Value, in the order in which it is stored."""
        if self._made is None:
            self._made = self._make()
        return self._made

    @property
    def plain(self) -> Value:
        """The Value in ONNX's order."""
        return self.stored(usual(self.rank))

    @property
    def last(self) -> Value:
        """The Value with its channels last."""
        return self.stored(last(self.rank))

    def stored(self, order: Order) -> Value:
        """The Value in another order."""
        if order == self.order:
            return self.value
        if order not in self._orders:
            moves = [self.order.index(axis) for axis in order]
            moving = [place for place in moves if self.value.shape[place] != 1]
            if moving == sorted(moving) and not self.is_constant:  # only dimensions of size 1 change their place
                x = self.value
                self._orders[order] = self.b.shaped(x, [(x.shape[place], lambda place=place: self.b.dim(x, place))
                                                        for place in moves])
            else:
                self._orders[order] = self.b.transpose(self.value, moves)
        return self._orders[order]

    def spread(self, rank: int, order: Order) -> Value:
        """The Value with dimensions of size 1 in front of it, `rank` in all, in the order `order`."""
        more = rank - self.rank
        if not more:
            return self.stored(order)
        if self.rank <= 1 and (not self.rank or order[-1] == rank - 1 or self._shape == (1,)):
            return self.value  # it stands last in both
        moved = [axis - more for axis in order if axis >= more]
        x = self.stored(tuple(moved))
        wanted = iter([(size, lambda place=place: self.b.dim(x, place)) for place, size in enumerate(x.shape)])
        front = 0
        while order[front] < more:
            front += 1
        return self.b.shaped(x, [next(wanted) if axis >= more else (1, lambda: 1) for axis in order[front:]])


class Row:
    """Several tensors, which ONNX calls a sequence.

    items   [Held]
    """

    weight = sizes = array = None
    rank, channels_last = 0, False

    def __init__(self, items: Iterable[Held]) -> None:
        self.items = list(items)


def transposed(x: Held, axes: Sequence[int]) -> Held:
    """ONNX's Transpose: dimension axes[i] becomes dimension i.  No value is moved."""
    places = {axis: place for place, axis in enumerate(axes)}
    if x.weight is not None and x.weight.size <= SMALL or x.sizes is not None:
        return Held.known(x.b, x.array.transpose(axes), x.dtype)
    order = tuple(places[axis] for axis in x.order)
    made = Held(x.b, x.dtype, [x.shape[axis] for axis in axes], lambda: x.value, order, x.image,
                [x.names[axis] for axis in axes])
    return made


def reshaped(x: Held, sizes: Sequence[Size]) -> Held:
    """ONNX's Reshape to known sizes, one of which may be -1: dimensions are parted and joined where they are stored.

    Where those that are joined are not stored side by side, they are moved to the first of them.
    """
    old, new = x.dims(), resolved(x.dims(), list(sizes))
    if x.sizes is not None or x.weight is not None and x.weight.size <= SMALL:
        if not any(isinstance(size, Dim) for size in new):
            return Held.known(x.b, x.array.reshape([int(size) for size in new]), x.dtype)
    if x.origin is not None and len(new) == x.origin.rank and all(map(same, x.origin.dims(), new)):
        return x.origin
    parts = groups(old, new)
    places = {axis: place for place, axis in enumerate(x.order)}
    parts_by_place = sorted(parts, key=lambda part: min((places[axis] for axis in part.old), default=-1))
    ordered = place_new(parts_by_place, parts)
    wanted = tuple(axis for part in ordered for axis in part.old)
    order = tuple(axis for part in ordered for axis in part.new)
    shape = [None if isinstance(size, Dim) else int(size) for size in new]
    names = [size if isinstance(size, Dim) else None for size in new]

    def make() -> Value:
        return x.b.shaped(x.stored(wanted), [
            (shape[axis], lambda axis=axis: new[axis].value(x.b)) for axis in order])  # type: ignore[union-attr]

    made = Held(x.b, x.dtype, shape, make, order, x.image, names)
    made.origin = x if x.channels_last else x.origin
    if x.image and wanted != x.order and len(new) == 2 and [part.old for part in parts if part.new and part.old][
            1:] == [list(range(1, x.rank))]:
        made.flat = x
    return made


def place_new(ordered: List[Any], parts: List[Any]) -> List[Any]:
    """The groups as they are stored: new dimensions of size 1 stand behind the group before them."""
    found = [part for part in ordered if part.old]
    for place, part in enumerate(parts):
        if not part.old:
            before = next((other for other in reversed(parts[:place]) if other in found), None)
            found.insert(found.index(before) + 1 if before is not None else 0, part)
    return found


def resolved(old: Sequence[Size], new: List[Size]) -> List[Size]:
    """The sizes of a Reshape without its -1.  Raises Fault where they do not fit, OpenSize where that is not known."""
    asked = [place for place, size in enumerate(new) if not isinstance(size, Dim) and size == -1]
    total, rest = product(old), product([size for place, size in enumerate(new) if place not in asked])
    left = total.over(rest)
    if len(asked) > 1 or left is None and not total.names and not rest.names:
        raise Fault(f"a tensor of shape {tuple(old)} cannot become {tuple(new)}: the file is damaged")
    if left is None or not asked and left != (1, ()):
        raise OpenSize(f"a tensor of shape {tuple(old)} becomes {tuple(new)}, which its open sizes decide")
    if asked:
        makers = dict(part for size in old if isinstance(size, Dim) for part in size.parts)
        new[asked[0]] = left.number if not left.names else Dim([(name, makers[name]) for name in left.names],
                                                               left.number)
    return new
