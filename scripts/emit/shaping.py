"""Operations on shapes: reshape, transpose, join, cut, repeat, look up."""
from typing import List, Optional, Sequence, Tuple, Union

import numpy

from ..base.fault import Fault
from ..layers.kinds.sizes import product
from .core import DType, Emitter, Operand, Value, axis_of

Size = Union[int, Value]  # a size that is known, or a scalar of int32 that is computed


class Shaping(Emitter):
    """Emitters of what moves values and computes none."""

    def dim(self, x: Value, axis: int) -> Size:
        """The size of a dimension: an int, or where it is open a scalar of int32."""
        axis = axis_of(axis, x.rank)
        if x.shape[axis] is not None:
            return x.shape[axis]
        sizes = self.one("Shape", [x], "int32", (x.rank,), T=DType(x.dtype), out_type=DType("int32"))
        one = self.one("Slice", [sizes, self.constant([axis], "int32"), self.constant([1], "int32")], "int32", (1,),
                       T=DType("int32"), Index=DType("int32"))
        return self.one("Reshape", [one, self.constant(numpy.zeros(0), "int32")], "int32", (), T=DType("int32"))

    def sizes(self, sizes: Sequence[Size]) -> Value:
        """A vector of int32 of sizes, of which some may be computed."""
        if not any(isinstance(size, Value) for size in sizes):
            return self.constant(numpy.array(sizes, "int32").reshape(-1), "int32", "shape")
        parts = [size if isinstance(size, Value) else self.constant(size, "int32") for size in sizes]
        return self.one("Pack", parts, "int32", (len(parts),), T=DType("int32"), N=len(parts), axis=0)

    def reshape(self, x: Value, sizes: Sequence[Union[Size, None]]) -> Value:
        """The same values in another shape.

        sizes: ints, scalars of int32, and at most one -1 or None, which takes the rest.
        """
        wanted: List[Size] = [-1 if size is None else size for size in sizes]
        total = product(x.shape)
        if total is not None and wanted.count(-1) == 1 and not any(isinstance(size, Value) for size in wanted):
            rest = product([size for size in wanted if size != -1])
            if rest:
                wanted[wanted.index(-1)] = total // rest
        known = [None if isinstance(size, Value) or size == -1 else size for size in wanted]
        if None not in known and total is not None and product(known) != total:
            raise Fault(f"a tensor of shape {x.shape} cannot become {tuple(known)}: the file is damaged")
        if tuple(known) == x.shape and None not in known[1:]:
            return x.masked(None)
        if x.is_constant and None not in known:
            return self.changed(x, known, lambda array: array.reshape(known), ("reshape", tuple(known)))
        if sum(not isinstance(size, Value) and size == -1 for size in wanted) > 1:
            raise Fault(f"a tensor of shape {x.shape} cannot become {tuple(known)}: two sizes are open")
        return self.one("Reshape", [x, self.sizes(wanted)], x.dtype, known, T=DType(x.dtype), Tshape=DType("int32"))

    def transpose(self, x: Value, order: Sequence[int]) -> Value:
        """Dimension order[i] of x becomes dimension i."""
        order = [axis_of(axis, x.rank) for axis in order]
        if order == list(range(x.rank)):
            return x
        shape = [x.shape[axis] for axis in order]
        if x.is_constant:
            return self.changed(x, shape, lambda array: array.transpose(order), ("transpose", tuple(order)))
        return self.one("Transpose", [x, self.constant(order, "int32", "perm")], x.dtype, shape, T=DType(x.dtype),
                        Tperm=DType("int32"))

    def move(self, x: Value, source: int, target: int) -> Value:
        """Move one dimension to another place; the others keep their order."""
        order = list(range(x.rank))
        order.insert(axis_of(target, x.rank), order.pop(axis_of(source, x.rank)))
        return self.transpose(x, order)

    def expand(self, x: Value, axis: int) -> Value:
        """A dimension of size 1 more, at `axis` of the result."""
        axis = axis_of(axis, x.rank + 1)
        shape = x.shape[:axis] + (1,) + x.shape[axis:]
        if x.is_constant:
            return self.changed(x, shape, lambda array: array.reshape(shape))
        return self.one("ExpandDims", [x, self.constant(axis, "int32", "axis")], x.dtype, shape, T=DType(x.dtype),
                        Tdim=DType("int32"))

    def squeeze(self, x: Value, axes: Optional[Sequence[int]] = None) -> Value:
        """Without the dimensions `axes`, whose size is 1; by default without all such."""
        axes = [place for place, size in enumerate(x.shape) if size == 1] if axes is None else \
            sorted({axis_of(axis, x.rank) for axis in axes})
        shape = [size for place, size in enumerate(x.shape) if place not in axes]
        if not axes:
            return x
        if x.is_constant:
            return self.changed(x, shape, lambda array: array.reshape(shape))
        return self.one("Squeeze", [x], x.dtype, shape, T=DType(x.dtype), squeeze_dims=axes)

    def concat(self, values: Sequence[Operand], axis: int) -> Value:
        """Several tensors one after another along `axis`, brought to one type."""
        dtype = "float32"
        found = [self.value(value) for value in values]
        if len({value.dtype for value in found}) == 1:
            dtype = found[0].dtype
        elif not any(value.dtype == "float32" for value in found):
            dtype = "int32"
        found = [self.cast(value, dtype) for value in found]
        axis = axis_of(axis, found[0].rank)
        if len(found) == 1:
            return found[0]
        along = [value.shape[axis] for value in found]
        shape = []
        for place in range(found[0].rank):
            known = {value.shape[place] for value in found} - {None}
            shape.append(known.pop() if known else None)
        shape[axis] = None if None in along else sum(along)
        return self.fold(lambda *arrays: numpy.concatenate(arrays, axis), found, dtype) or self.one(
            "ConcatV2", found + [self.constant(axis, "int32", "axis")], dtype, shape, T=DType(dtype), N=len(found),
            Tidx=DType("int32"))

    def stack(self, values: Sequence[Value], axis: int) -> Value:
        """Several tensors of one shape along a new dimension `axis`."""
        axis = axis_of(axis, values[0].rank + 1)
        shape = values[0].shape[:axis] + (len(values),) + values[0].shape[axis:]
        return self.fold(lambda *arrays: numpy.stack(arrays, axis), values, values[0].dtype) or self.one(
            "Pack", values, values[0].dtype, shape, T=DType(values[0].dtype), N=len(values), axis=axis)

    def unstack(self, x: Value, axis: int) -> List[Value]:
        """The slices along `axis`, without that dimension.  Raises Fault where its size is open."""
        axis = axis_of(axis, x.rank)
        count = x.shape[axis]
        if count is None:
            raise Fault(f"dimension {axis} of {x.shape} is open, and must be known")
        shape = x.shape[:axis] + x.shape[axis + 1:]
        if x.is_constant:
            return [self.changed(x, shape, lambda array, place=place: array.take(place, axis))
                    for place in range(count)]
        return self.node("Unpack", [x], [(x.dtype, shape)] * count, T=DType(x.dtype), num=count, axis=axis)

    def split(self, x: Value, sizes: Union[int, Sequence[int]], axis: int) -> List[Value]:
        """Parts along `axis`: so many of one size, or of these sizes."""
        axis = axis_of(axis, x.rank)
        if isinstance(sizes, int):
            if x.shape[axis] is None or x.shape[axis] % sizes:
                raise Fault(f"dimension {axis} of {x.shape} cannot be split in {sizes}: the file is damaged")
            each = [x.shape[axis] // sizes] * sizes
        else:
            each = list(sizes)
        if len(each) == 1:
            return [x]
        shapes = [x.shape[:axis] + (size,) + x.shape[axis + 1:] for size in each]
        if x.is_constant:
            starts = [sum(each[:place]) for place in range(len(each))]
            return [self.changed(x, shape, lambda array, start=start, size=size: array.take(
                range(start, start + size), axis)) for shape, start, size in zip(shapes, starts, each)]
        results = [(x.dtype, shape) for shape in shapes]
        where = self.constant(axis, "int32", "axis")
        if len(set(each)) == 1:
            return self.node("Split", [where, x], results, T=DType(x.dtype), num_split=len(each))
        return self.node("SplitV", [x, self.constant(each, "int32", "sizes"), where], results, T=DType(x.dtype),
                         num_split=len(each), Tlen=DType("int32"))

    def slice(self, x: Value, cuts: Sequence[Tuple[int, Optional[int]]]) -> Value:
        """A part of x: (begin, size) of each dimension, counted from the front; None: up to the end."""
        shape = [None if size is None and whole is None else whole - begin if size is None else size
                 for (begin, size), whole in zip(cuts, x.shape)]
        if all(begin == 0 and (size is None or size == whole) for (begin, size), whole in zip(cuts, x.shape)):
            return x
        if x.is_constant:
            places = tuple(slice(begin, None if size is None else begin + size) for begin, size in cuts)
            return self.changed(x, shape, lambda array: array[places])
        return self.one("Slice", [x, self.constant([begin for begin, _ in cuts], "int32", "begin"),
                                  self.constant([-1 if size is None else size for _, size in cuts], "int32", "size")],
                        x.dtype, shape, T=DType(x.dtype), Index=DType("int32"))

    def cut(self, x: Value, axis: int, begin: int, size: Optional[int]) -> Value:
        """A part along one dimension: `size` places from `begin` on, None: all that are left."""
        cuts: List[Tuple[int, Optional[int]]] = [(0, None)] * x.rank
        cuts[axis_of(axis, x.rank)] = begin, size
        return self.slice(x, cuts)

    def gather(self, x: Value, places: Operand, axis: int = 0) -> Value:
        """Slices of x along `axis`, at these places: the places' shape stands for that dimension."""
        places, axis = self.cast(self.value(places, "int32"), "int32"), axis_of(axis, x.rank)
        shape = x.shape[:axis] + places.shape + x.shape[axis + 1:]
        return self.fold(lambda array, index: array.take(index, axis), [x, places], x.dtype) or self.one(
            "GatherV2", [x, places, self.constant(axis, "int32", "axis")], x.dtype, shape, Tparams=DType(x.dtype),
            Tindices=DType("int32"), Taxis=DType("int32"))

    def tile(self, x: Value, times: Sequence[int]) -> Value:
        """x repeated so often along each dimension."""
        if all(count == 1 for count in times):
            return x
        shape = [None if size is None else size * count for size, count in zip(x.shape, times)]
        return self.fold(lambda array: numpy.tile(array, times), [x], x.dtype) or self.one(
            "Tile", [x, self.constant(times, "int32", "multiples")], x.dtype, shape, T=DType(x.dtype),
            Tmultiples=DType("int32"))

    def pad(self, x: Value, margins: Sequence[Tuple[int, int]], number: float = 0) -> Value:
        """x with so many places before and behind each dimension, which hold `number`."""
        if not any(any(pair) for pair in margins):
            return x
        if x.rank > 4 and None not in x.shape[1:] and not any(margins[0]):
            return self._padded_in_turns(x, margins, number)
        shape = [None if size is None else size + sum(pair) for size, pair in zip(x.shape, margins)]
        margin = self.constant(numpy.array(margins).reshape(-1, 2), "int32", "paddings")
        if number == 0:
            return self.one("Pad", [x, margin], x.dtype, shape, T=DType(x.dtype), Tpaddings=DType("int32"))
        return self.one("PadV2", [x, margin, self.constant(number, x.dtype)], x.dtype, shape, T=DType(x.dtype),
                        Tpaddings=DType("int32"))

    def _padded_in_turns(self, x: Value, margins: Sequence[Tuple[int, int]], number: float) -> Value:
        """The result of `pad`, made dimension by dimension: the webgl backend pads four at most (4.22.0)."""
        shape = list(x.shape)
        for axis, pair in enumerate(margins):
            if any(pair):
                row = self.reshape(x, [-1, shape[axis], product(shape[axis + 1:])])
                shape[axis] += sum(pair)
                x = self.pad(row, [(0, 0), pair, (0, 0)], number)
        return self.reshape(x, shape)

    def reverse(self, x: Value, axes: Sequence[int]) -> Value:
        """x read from the back along these dimensions."""
        axes = [axis_of(axis, x.rank) for axis in axes]
        return self.fold(lambda array: numpy.flip(array, axes[0]) if len(axes) == 1 else array, [x], x.dtype) \
            if x.is_constant and len(axes) == 1 else self.one(
                "ReverseV2", [x, self.constant(axes, "int32", "axis")], x.dtype, x.shape, T=DType(x.dtype),
                Tidx=DType("int32"))

    def range(self, count: Size) -> Value:
        """The int32s from 0 up to below `count`."""
        if not isinstance(count, Value):
            return self.constant(numpy.arange(count), "int32")
        zero, one = self.constant(0, "int32"), self.constant(1, "int32")
        return self.one("Range", [zero, count, one], "int32", (None,), Tidx=DType("int32"))

    def fill(self, sizes: Sequence[Size], number: float, dtype: str = "float32") -> Value:
        """A tensor of one number, whose sizes may be computed."""
        if not any(isinstance(size, Value) for size in sizes):
            return self.constant(numpy.full(list(sizes), number, dtype), dtype)
        shape = [None if isinstance(size, Value) else size for size in sizes]
        return self.one("Fill", [self.sizes(sizes), self.constant(number, dtype)], dtype, shape, T=DType(dtype),
                        index_type=DType("int32"))

    def reversal(self, order: Sequence[int]) -> List[int]:
        """The order that a transpose by `order` is undone by."""
        return [list(order).index(axis) for axis in range(len(order))]
