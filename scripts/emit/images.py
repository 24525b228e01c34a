"""Convolutions, pooling and their parts, with the channels last.

A size that is open stays open: it is computed from the tensor's shape, with operations that run synchronously.
"""
from typing import Any, Callable, Dict, List, NamedTuple, Sequence, Tuple

import numpy

from ..base.fault import Fault
from ..layers.kinds.sizes import product
from .core import DType, Value
from .linear import Linear
from .shaping import Size


class Cut(NamedTuple):
    """The part of a dimension that stays: every `step`-th place from `begin` on, without the `behind` last ones."""

    begin: int = 0
    behind: int = 0
    step: int = 1


class Images(Linear):
    """Emitters of what slides over images.

    TensorFlow.js 1.0.0 pads rows by the columns' margins.
    """

    # Sizes and places ----------------------------------------------------------------------------------------

    def size(self, op: str, one: Size, other: Size) -> Size:
        """A size that is computed of two by Add, Sub, Mul, FloorDiv, FloorMod or Maximum: an int where both are."""
        if isinstance(one, Value) or isinstance(other, Value):
            return self.binary(op, self.value(one, "int32"), self.value(other, "int32"))
        return int(SIZES[op](one, other))

    def counted(self, size: Size) -> Value:
        """0, 1, … below a size: int32."""
        if not isinstance(size, Value):
            return self.constant(numpy.arange(size), "int32")
        return self.one("Range", [self.constant(0, "int32"), size, self.constant(1, "int32")], "int32", (None,),
                        Tidx=DType("int32"))

    def sizes_of(self, x: Value, axes: Sequence[int]) -> Size:
        """The product of the sizes of several dimensions."""
        result: Size = 1
        for axis in axes:
            result = self.size("Mul", result, self.dim(x, axis)) if x.shape[axis] != 1 else result
        return result

    def shaped(self, x: Value, shape: Sequence[Tuple[Any, Callable[[], Size]]]) -> Value:
        """x in another shape, of which each size is (what is known of it, function that computes it differently).

        Of the sizes that are not known one is left to TensorFlow.js.
        """
        pending = [place for place, (known, _) in enumerate(shape) if known is None]
        sizes: List[Size] = [compute() if known is None and place in pending[1:] else -1 if known is None else known
                             for place, (known, compute) in enumerate(shape)]
        made = self.reshape(x, sizes)
        known_shape = [known for known, _ in shape]
        return Value(made.dtype, known_shape, made.tensor, made.weight)

    def grouped(self, x: Value, groups: Sequence[Sequence[int]]) -> Value:
        """x with several neighbouring dimensions as one: [[0, 1], [2], [3, 4]]; [] is one of size 1."""
        return self.shaped(x, [(product([x.shape[axis] for axis in group]), lambda group=group: self.sizes_of(x, group))
                               for group in groups])

    def ungrouped(self, x: Value, like: Value, sizes: Sequence[Any]) -> Value:
        """x in the shape `sizes`, in which None stands for the size that `like` has there."""
        return self.shaped(x, [(like.shape[axis] if size is None else size, lambda axis=axis: self.dim(like, axis))
                               for axis, size in enumerate(sizes)])

    def strided(self, x: Value, cuts: Sequence[Cut]) -> Value:
        """A part of x: a Cut for each dimension.  Raises Fault where nothing is left."""
        if all(cut == Cut() for cut in cuts):
            return x
        shape = [None if size is None else -(-(size - cut.begin - cut.behind) // cut.step)
                 for size, cut in zip(x.shape, cuts)]
        if any(size is not None and size < 1 for size in shape):
            raise Fault(f"nothing is left of a tensor of shape {x.shape}: the file is damaged")
        if x.is_constant:
            places = tuple(slice(cut.begin, -cut.behind or None, cut.step) for cut in cuts)
            return self.changed(x, shape, lambda array: array[places])
        if all(cut.step == 1 and not cut.behind for cut in cuts):
            return self.slice(x, [(cut.begin, None) for cut in cuts])
        if all(cut.step == 1 for cut in cuts) and not any(cut.behind and size is None
                                                          for cut, size in zip(cuts, shape)):
            return self.slice(x, [(cut.begin, size if cut.behind else None) for cut, size in zip(cuts, shape)])
        vectors = [[cut.begin for cut in cuts], [-cut.behind for cut in cuts], [cut.step for cut in cuts]]
        return self.one("StridedSlice", [x] + [self.constant(vector, "int32") for vector in vectors], x.dtype, shape,
                        T=DType(x.dtype), Index=DType("int32"), begin_mask=0, ellipsis_mask=0, new_axis_mask=0,
                        end_mask=sum(1 << place for place, cut in enumerate(cuts) if not cut.behind),
                        shrink_axis_mask=0)

    def margins(self, x: Value, pairs: Sequence[Tuple[Size, Size]]) -> Value:
        """x between zeros: (before, behind) of each dimension; a size may be computed, and a known one negative."""
        computed = [place for place, pair in enumerate(pairs) if any(isinstance(size, Value) for size in pair)]
        fixed = [(0, 0) if place in computed else pair for place, pair in enumerate(pairs)]
        x = self.strided(x, [Cut(max(-before, 0), max(-behind, 0)) for before, behind in fixed])
        if not computed:
            return self.pad(x, [(max(before, 0), max(behind, 0)) for before, behind in fixed])
        shape = [None if size is None or place in computed else size + sum(max(side, 0) for side in pair)
                 for place, (size, pair) in enumerate(zip(x.shape, fixed))]
        flat = self.sizes([side if isinstance(side, Value) else max(side, 0) for pair in pairs for side in pair])
        return self.one("Pad", [x, self.reshape(flat, [len(pairs), 2])], x.dtype, shape, T=DType(x.dtype),
                        Tpaddings=DType("int32"))

    def repeated(self, x: Value, axis: int, times: int) -> Value:
        """Every place of a dimension so often, one beside the other."""
        if times == 1:
            return x
        flat = self.grouped(x, [range(axis + 1), [], range(axis + 1, x.rank)])
        size = x.shape[axis]
        shape = [None] * axis + [None if size is None else size * times] + [None] * (x.rank - axis - 1)
        made = self.tile(flat, [1, times, 1])
        return self.shaped(made, [
            (known if place == axis else x.shape[place],
             lambda place=place: self.size("Mul", self.dim(x, place), times if place == axis else 1))
            for place, known in enumerate(shape)])

    def spaced(self, x: Value, axis: int, step: int) -> Value:
        """x with step - 1 zeros between the places of a dimension."""
        if step == 1:
            return x
        flat = self.grouped(x, [range(axis + 1), [], range(axis + 1, x.rank)])
        padded = self.pad(flat, [(0, 0), (0, step - 1), (0, 0)])
        size = x.shape[axis]
        made = self.shaped(padded, [
            ((None if size is None else size * step) if place == axis else x.shape[place],
             lambda place=place: self.size("Mul", self.dim(x, place), step if place == axis else 1))
            for place in range(x.rank)])
        return self.strided(made, [Cut(0, step - 1 if place == axis else 0) for place in range(x.rank)])

    # Windows -------------------------------------------------------------------------------------------------

    def remade(self, x: Value, key: str, shape: Sequence[int], change: Callable[[numpy.ndarray], numpy.ndarray]
               ) -> Value:
        """`changed` of a constant, once for all calls with this key."""
        kept: Dict[Any, Tuple[Any, Value]] = self.__dict__.setdefault("_remade", {})
        place = id(x.weight), key
        if place not in kept:
            kept[place] = x.weight, self.changed(x, shape, change)
        return kept[place][1]

    def left(self, size: Any, window: int, stride: int = 1, dilation: int = 1) -> Any:
        """The number of windows that a size has room for.  Raises Fault where there is none."""
        if size is None:
            return None
        count = (size - (window - 1) * dilation - 1) // stride + 1
        if count < 1:
            raise Fault(f"a window of {window} is laid on {size} places: the file is damaged")
        return count

    def conv2d(self, x: Value, kernel: Value, strides: Sequence[int] = (1, 1), dilations: Sequence[int] = (1, 1),
               depthwise: bool = False, padding: str = "VALID") -> Value:
        """Convolve (batch, rows, columns, channels) by (rows, columns, channels, filters).

        depthwise: each channel by itself; the kernel is (rows, columns, channels, multiplier).
        padding: SAME only where rows and columns have the same margins, and without dilations.
        TensorFlow.js takes strides or dilations.  Where both are given every place is computed, and some are left out.
        """
        windows, (channels, filters) = kernel.shape[:2], kernel.shape[2:]
        if x.shape[3] != channels:
            raise Fault(f"a kernel for {channels} channels meets {x.shape[3]}: weights and topology do not belong "
                        "together")
        used = {dilation for window, dilation in zip(windows, dilations) if window > 1} or {1}
        if max(strides) > 1 and max(used) > 1:
            whole = self.conv2d(x, kernel, (1, 1), dilations, depthwise)
            return self.strided(whole, [Cut()] + [Cut(0, 0, stride) for stride in strides] + [Cut()])
        if len(used) > 1:
            return self.by_rows(x, kernel, dilations, depthwise)
        sizes = [None if size is None else -(-size // stride) if padding == "SAME" else
                 self.left(size, window, stride, max(used))
                 for size, window, stride in zip(x.shape[1:3], windows, strides)]
        shape = [x.shape[0]] + sizes + [channels * filters if depthwise else filters]
        return self.one("DepthwiseConv2dNative" if depthwise else "Conv2D", [self.cast(x, "float32"), kernel],
                        "float32", shape, T=DType("float32"), strides=[1] + list(strides) + [1], padding=padding,
                        dilations=list(used) * 3 + [1], data_format="NHWC")

    def by_rows(self, x: Value, kernel: Value, dilations: Sequence[int], depthwise: bool) -> Value:
        """`conv2d` with unlike dilations, as the sum of those with each row of the kernel.

        Of dilations TensorFlow.js 1.0.0 takes the first two of four, today's the two in the middle: alike ones fit.
        """
        rows = kernel.shape[0]
        total = None
        for row in range(rows):
            part = self.strided(x, [Cut(), Cut(row * dilations[0], (rows - 1 - row) * dilations[0]), Cut(), Cut()])
            own = self.remade(kernel, f"row {row}", (1,) + kernel.shape[1:],
                              lambda array, row=row: array[row:row + 1])
            made = self.conv2d(part, own, (1, 1), (1, dilations[1]), depthwise)
            total = made if total is None else self.add(total, made)
        return total

    def transposed2d(self, x: Value, kernel: Value, strides: Sequence[int]) -> Value:
        """The input of a convolution without padding that returns x's places: all that a window touches.

        x (batch, rows, columns, channels), kernel (rows, columns, filters, channels); a size n becomes
        (n - 1) * stride + window.
        """
        if x.shape[3] != kernel.shape[3]:
            raise Fault(f"a kernel for {kernel.shape[3]} channels meets {x.shape[3]}: weights and topology do not "
                        "belong together")
        sizes: List[Size] = [self.dim(x, 0)]
        for axis, window, stride in zip((1, 2), kernel.shape, strides):
            sizes.append(self.size("Add", self.size("Mul", self.size("Sub", self.dim(x, axis), 1), stride), window))
        sizes.append(kernel.shape[2])
        shape = [None if isinstance(size, Value) else size for size in sizes]
        return self.one("Conv2DBackpropInput", [self.sizes(sizes), kernel, self.cast(x, "float32")], "float32", shape,
                        T=DType("float32"), strides=[1] + list(strides) + [1], padding="VALID",
                        dilations=[1, 1, 1, 1], data_format="NHWC")

    def pool2d(self, op: str, x: Value, windows: Sequence[int], strides: Sequence[int], padding: str) -> Value:
        """MaxPool or AvgPool of (batch, rows, columns, channels); padding: SAME or VALID.

        Padded places count neither among the values nor for the mean.
        """
        sizes = [None if size is None else -(-size // stride) if padding == "SAME" else self.left(size, window, stride)
                 for size, window, stride in zip(x.shape[1:3], windows, strides)]
        return self.one(op, [self.cast(x, "float32")], "float32", [x.shape[0]] + sizes + [x.shape[3]],
                        T=DType("float32"), ksize=[1] + list(windows) + [1], strides=[1] + list(strides) + [1],
                        padding=padding, data_format="NHWC")


SIZES: Dict[str, Callable[[int, int], int]] = {
    "Add": lambda a, b: a + b, "Sub": lambda a, b: a - b, "Mul": lambda a, b: a * b, "FloorDiv": lambda a, b: a // b,
    "FloorMod": lambda a, b: a % b, "Maximum": max}
