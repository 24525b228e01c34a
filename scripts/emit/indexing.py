"""Parts of tensors: strides, places, order, repetition, triangles."""
from typing import Callable, Dict, List, Optional, Sequence, Tuple, Union

import numpy

from ..base.fault import Fault
from ..layers.kinds.sizes import product
from ..operations.graph import Tensor
from .core import LIMITS, DType, Limits, Operand, Value, axis_of, broadcast
from .reductions import Reductions
from .shaping import Size


class Indexing(Reductions):
    """Emitters of what picks, orders and repeats values.

    vectors  {a tensor of sizes: (how many, the size at a place)}, so that a size that is known stays known
    opened   {scalar tensor: the tensor whose open size it is}
    """

    def __init__(self, limits: Limits = LIMITS) -> None:
        super().__init__(limits)
        self.vectors: Dict[Tensor, Tuple[int, Callable[[int], Value]]] = {}
        self.opened: Dict[Optional[Tensor], Optional[Tensor]] = {}

    def stepped(self, x: Value, axis: int, begin: Optional[Operand], end: Optional[Operand], step: int) -> Value:
        """x[begin:end:step] along one dimension, whose size may be open; bounds as Python has them, or computed.

        Of a known size the places are looked up; of an open one TensorFlow.js works them out.
        """
        axis = axis_of(axis, x.rank)
        size = x.shape[axis]
        if step == 0:
            raise Fault("a slice of step 0: the file is damaged")
        computed = isinstance(begin, Value) or isinstance(end, Value)
        if x.tensor in self.vectors and not computed:
            places = range(*slice(begin, end, step).indices(size))
            return self.vector([self.vectors[x.tensor][1](place) for place in places])
        if size is not None and not computed:
            places = range(*slice(begin, end, step).indices(size))
            if step == 1:
                return self.cut(x, axis, places.start, len(places)) if len(places) else self.nothing(x, axis)
            if places == range(size - 1, -1, -1):
                return self.reverse(x, [axis])
            return self.gather(x, numpy.array(places, "int32"), axis) if len(places) else self.nothing(x, axis)
        if begin is None and end is None:
            if abs(step) == 1:
                return x if step == 1 else self.reverse(x, [axis])
        return self._stepped(x, axis, begin, end, step)

    def nothing(self, x: Value, axis: int) -> Value:
        """x without a single place along `axis`.  Raises Fault: TensorSpace shows no tensor without values."""
        raise Fault(f"a slice of a tensor of shape {x.shape} holds nothing along dimension {axis}")

    def _stepped(self, x: Value, axis: int, begin: Optional[Operand], end: Optional[Operand], step: int) -> Value:
        """StridedSlice along one dimension."""
        def row(bound: Optional[Operand], other: int) -> Value:
            found: List[Size] = [other] * x.rank
            if bound is not None:
                found[axis] = self.cast(self.reshape(bound, []), "int32") if isinstance(bound, Value) else bound
            return self.sizes(found)

        rest = (1 << x.rank) - 1 - (1 << axis)
        steps = numpy.ones(x.rank, "int32")
        steps[axis] = step
        shape = x.shape[:axis] + (None,) + x.shape[axis + 1:]
        return self.one("StridedSlice", [x, row(begin, 0), row(end, 0), self.constant(steps, "int32", "strides")],
                        x.dtype, shape, T=DType(x.dtype), Index=DType("int32"),
                        begin_mask=rest | (1 << axis if begin is None else 0),
                        end_mask=rest | (1 << axis if end is None else 0), ellipsis_mask=0, new_axis_mask=0,
                        shrink_axis_mask=0)

    def at(self, x: Value, axis: int, place: Operand) -> Value:
        """x[place] along one dimension, which goes; a place below 0 counts from the back."""
        axis = axis_of(axis, x.rank)
        size = x.shape[axis]
        if x.tensor in self.vectors and not isinstance(place, Value):
            return self.vectors[x.tensor][1](axis_of(place, x.shape[0]))
        if isinstance(place, Value):
            place = self.cast(place, "int32")
            place = self.where(self.compare("Less", place, 0), self.add(place, self.dim(x, axis)), place)
            return self.gather(x, place, axis)
        if size is not None and not -size <= place < size:
            raise Fault(f"place {place} of a tensor of shape {x.shape}: the file is damaged")
        if size is not None or place >= 0:
            return self.squeeze(self.cut(x, axis, place % size if size is not None else place, 1), [axis])
        last = self._stepped(x, axis, place, place + 1 if place != -1 else None, 1)
        return self.squeeze(Value(last.dtype, last.shape[:axis] + (1,) + last.shape[axis + 1:], last.tensor), [axis])

    def vector(self, parts: Sequence[Value]) -> Value:
        """Scalars in a row, each of which stays known."""
        if not parts:
            return self.constant(numpy.zeros(0, "int32"))
        made = self.stack(parts, 0)
        if made.tensor is not None:
            self.vectors[made.tensor] = len(parts), lambda place: parts[place]
        return made

    def parts(self, x: Value) -> Optional[List[Value]]:
        """The scalars of a row of sizes, None for any other tensor."""
        if x.tensor in self.vectors:
            count, at = self.vectors[x.tensor]
            return [at(place) for place in range(count)]
        if x.is_constant and x.rank == 1 and x.dtype == "int32" and x.shape[0] < 64:
            return [self.constant(int(size), "int32") for size in x.array]
        return None

    def size_of(self, x: Value, axis: int) -> Value:
        """The size of a dimension, a constant where it is known."""
        size = self.dim(x, axis)
        if not isinstance(size, Value):
            return self.constant(size, "int32")
        self.opened[size.tensor] = x.tensor
        return size

    def index(self, x: Value, keys: Sequence[object]) -> Value:
        """x[keys], numpy's rules for whole numbers, slices, None and Ellipsis; places and bounds may be computed."""
        keys = list(keys)
        if sum(key is Ellipsis for key in keys) > 1:
            raise Fault("an index of two ellipses: the file is damaged")
        taken = sum(key is not None and key is not Ellipsis for key in keys)
        if taken > x.rank:
            raise Fault(f"an index of {taken} dimensions of a tensor of shape {x.shape}: the file is damaged")
        if Ellipsis not in keys:
            keys.append(Ellipsis)
        where = next(place for place, key in enumerate(keys) if key is Ellipsis)
        keys[where:where + 1] = [slice(None)] * (x.rank - taken)
        axis = 0
        for key in keys:
            if key is None:
                x = self.expand(x, axis)
            elif isinstance(key, slice):
                x = self.stepped(x, axis, key.start, key.stop, 1 if key.step is None else key.step)
            elif isinstance(key, Value) and key.rank:
                raise Fault("an index that is a tensor of several places")
            else:
                x = self.at(x, axis, key)
                continue
            axis += 1
        return x

    def count(self, size: Size) -> Value:
        """0, 1, ... below a size, which may be computed."""
        if not isinstance(size, Value):
            return self.constant(numpy.arange(size, dtype="int32"))
        return self.one("Range", [self.constant(0, "int32"), size, self.constant(1, "int32")], "int32", (None,),
                        Tidx=DType("int32"))

    def gather_along(self, x: Value, places: Value, axis: int) -> Value:
        """numpy.take_along_axis: of each row of x the values at its own places.  Other sizes may be 1 in one of both.

        The rows stand one after another, so that one look-up finds all.
        """
        axis = axis_of(axis, x.rank)
        x, places = self.move(x, axis, -1), self.move(self.cast(places, "int32"), axis, -1)
        x, places = self.spread_rows(x, places), self.spread_rows(places, x)
        size = self.dim(x, -1)
        places = self.where(self.compare("Less", places, 0), self.add(places, size), places)
        known = product(x.shape[:-1])
        flat = self.reshape(x, [-1])
        rows: Size = known if known is not None else self.one(
            "Prod", [self.slice(self.shape_of(x), [(0, x.rank - 1)]), self.constant([0], "int32", "axis")], "int32", (),
            keep_dims=False, T=DType("int32"), Tidx=DType("int32"))
        starts = self.mul(self.count(rows), size)
        wanted = self.reshape(places, [-1, places.shape[-1]] if places.shape[-1] is not None else
                              [rows, self.dim(places, -1)])
        found = self.gather(flat, self.reshape(self.add(wanted, self.expand(starts, 1)), [-1]), 0)
        found = self.restored_as(found, places)
        return self.move(found, -1, axis)

    def spread_rows(self, x: Value, other: Value) -> Value:
        """x with the sizes in front of its last that it has together with `other`."""
        wanted = broadcast(x.shape[:-1], other.shape[:-1])
        if x.shape[:-1] == wanted or all(size is not None or there is None for size, there in zip(x.shape, wanted)) \
                and all(size == there for size, there in zip(x.shape, wanted)):
            return x
        ones = self.like(self.cut(other, -1, 0, 1), 1)
        return self.mul(x, self.cast(ones, x.dtype))

    def restored_as(self, flat: Value, model: Value) -> Value:
        """The values in the shape of `model`."""
        unknown = [place for place, size in enumerate(model.shape) if size is None]
        sizes: List[Size] = list(model.shape)  # type: ignore[arg-type]
        if len(unknown) > 1:
            sizes = [self.dim(model, place) for place in range(model.rank)]
        done = self.reshape(flat, sizes)
        return Value(done.dtype, model.shape, done.tensor, done.weight)

    def shape_of(self, x: Value) -> Value:
        """The sizes as a vector of int32, a constant where all are known."""
        if None not in x.shape:
            return self.constant(numpy.array(x.shape, "int32").reshape(-1))
        return self.one("Shape", [x], "int32", (x.rank,), T=DType(x.dtype), out_type=DType("int32"))

    def spread_to(self, x: Value, sizes: Sequence[Optional[Size]]) -> Value:
        """x broadcast to these sizes; None or -1: as x has it."""
        while x.rank < len(sizes):
            x = self.expand(x, 0)
        wanted = [own if size is None or not isinstance(size, Value) and size == -1 else size
                  for own, size in zip(x.shape, sizes)]
        if any(isinstance(size, Value) for size in wanted):
            wanted = [1 if size is None else size for size in wanted]
            return self.mul(x, self.fill(wanted, 1, "int32" if x.dtype == "bool" else x.dtype))
        for own, size in zip(x.shape, wanted):
            if own not in (1, None, size):
                raise Fault(f"a tensor of shape {x.shape} cannot become {tuple(wanted)}: the file is damaged")
        if x.dtype == "bool":
            return self.cast(self.spread_to(self.cast(x, "int32"), sizes), "bool")
        return self.tile(x, [size if own == 1 and size is not None else 1 for own, size in zip(x.shape, wanted)])

    def repeat(self, x: Value, times: Union[int, Sequence[int]], axis: int) -> Value:
        """Each value along `axis` so often in a row: the same for all, or a number for each."""
        axis = axis_of(axis, x.rank)
        size = x.shape[axis]
        if isinstance(times, int):
            wide = self.expand(x, axis + 1)
            wide = self.tile(wide, [times if place == axis + 1 else 1 for place in range(wide.rank)])
            sizes = [self.dim(x, place) for place in range(x.rank)]
            if size is not None:
                sizes[axis] = size * times
            elif sum(one is None for one in x.shape) == 1:
                sizes[axis] = -1
            else:
                sizes[axis] = self.mul(sizes[axis], times)
            open_sizes = [place for place, one in enumerate(sizes) if isinstance(one, Value)]
            if len(open_sizes) == 1 and -1 not in [one for one in sizes if not isinstance(one, Value)]:
                sizes[open_sizes[0]] = -1
            return self.reshape(wide, sizes)
        if size is None or len(times) != size:
            raise Fault(f"{len(times)} repetitions for a tensor of shape {x.shape} along dimension {axis}")
        return self.gather(x, numpy.repeat(numpy.arange(size), times).astype("int32"), axis)

    def roll(self, x: Value, shift: int, axis: int) -> Value:
        """Each value `shift` places further on; those after the last come to the front."""
        axis = axis_of(axis, x.rank)
        size = x.shape[axis]
        if size is None:
            parts = [self._stepped(x, axis, -shift, None, 1), self._stepped(x, axis, None, -shift, 1)] if shift else [x]
            return self.rolled(self.concat(parts, axis), x)
        shift %= max(size, 1)
        if not shift:
            return x
        return self.concat([self.cut(x, axis, size - shift, shift), self.cut(x, axis, 0, size - shift)], axis)

    @staticmethod
    def rolled(done: Value, x: Value) -> Value:
        """The same with the shape of x."""
        return Value(done.dtype, x.shape, done.tensor, done.weight)

    def top(self, x: Value, count: Size) -> Tuple[Value, Value]:
        """The largest values along the last dimension, in falling order, and their places: of equals the first."""
        shape = x.shape[:-1] + (None if isinstance(count, Value) else count,)
        wanted = count if isinstance(count, Value) else self.constant(count, "int32", "k")
        found = self.node("TopKV2", [x, wanted], [(x.dtype, shape), ("int32", shape)],
                          T=DType(x.dtype), sorted=True)
        return found[0], found[1]

    def order(self, x: Value, axis: int, falling: bool = False) -> Tuple[Value, Value]:
        """All values along an axis in rising or falling order, and their places: of equals the first.

        Raises Fault for an open size.
        """
        axis = axis_of(axis, x.rank)
        if x.shape[axis] is None:
            raise Fault(f"an order along dimension {axis} of {x.shape}, which is open")
        kept = x.dtype
        moved = self.move(self.cast(x, "int32") if kept == "bool" else x, axis, -1)
        found, places = self.top(moved if falling else self.neg(moved), x.shape[axis])
        found = self.move(found if falling else self.neg(found), -1, axis)
        return self.compare("NotEqual", found, 0) if kept == "bool" else found, self.move(places, -1, axis)

    def triangle(self, x: Value, offset: int, upper: bool) -> Value:
        """The last two dimensions with zeros below the diagonal `offset`, or above it."""
        rows, columns = x.shape[-2:]
        if rows is None or columns is None:
            below = self.sub(self.expand(self.count(self.dim(x, -1)), 0), self.expand(self.count(self.dim(x, -2)), 1))
            there = self.compare("GreaterEqual" if upper else "LessEqual", below, offset)
            there = Value("bool", (rows, columns), there.tensor)
        else:
            ones = numpy.ones((rows, columns), bool)
            there = self.constant(numpy.triu(ones, offset) if upper else numpy.tril(ones, offset))
        return self.both(x, there) if x.dtype == "bool" else self.where(there, x, 0)

    def one_hot(self, places: Value, count: int, axis: int = -1, on: Operand = 1.0, off: Operand = 0.0,
                dtype: str = "float32") -> Value:
        """A new dimension at `axis` of the result with `on` at the place, else `off`; places outside have none."""
        wanted: List[int] = [1] * (places.rank + 1)
        axis = axis_of(axis, places.rank + 1)
        wanted[axis] = count
        classes = self.reshape(self.constant(numpy.arange(count, dtype="int32")), wanted)
        there = self.compare("Equal", self.expand(self.cast(places, "int32"), axis), classes)
        if not isinstance(on, Value) and not isinstance(off, Value) and (on, off) == (1, 0):
            return self.cast(there, dtype)
        return self.cast(self.where(there, on, off), dtype)
