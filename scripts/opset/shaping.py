"""New shapes, new orders of dimensions, joined tensors: see layout.py, which moves few values."""
from typing import List, Union

from ..emit import Value
from .layout import Held, reshaped, transposed
from .rules import Call, opened, operation
from .sizes import Dim, OpenSize, Size

DIMENSIONS = 16  # of a tensor


@operation("Transpose")
def transpose(call: Call) -> Held:
    """The dimensions in another order, by default reversed."""
    axes = call.ints("perm") or list(range(call.x.rank))[::-1]
    if sorted(axes) != list(range(call.x.rank)):
        call.damaged(f"has perm={axes} for {call.x.rank} dimensions")
    return transposed(call.x, axes)


@operation("Reshape")
def reshape(call: Call) -> Held:
    """Another shape: 0 takes a size of the input, -1 what is left.  Before opset 5 the shape is an attribute."""
    wanted: List[Size] = list(call.ints("shape") or []) if call.version < 5 else call.sizes(1)
    sizes = call.x.dims()
    if len(wanted) > DIMENSIONS:
        call.refuse(f"a tensor of more than {DIMENSIONS} dimensions")
    if not call.int("allowzero"):
        if any(is_zero(size) and place >= len(sizes) for place, size in enumerate(wanted)):
            call.damaged(f"has shape={wanted} for {len(sizes)} dimensions")
        wanted = [sizes[place] if is_zero(size) else size for place, size in enumerate(wanted)]
    if call.version >= 5 and call.held(1).is_row:
        return by_row(call, [size.value(call.b) for size in wanted])
    try:
        return reshaped(call.x, wanted)
    except OpenSize:
        if not any(isinstance(size, Dim) for size in wanted):
            raise  # a batch of 1 may do
        return by_row(call, wanted)


def by_row(call: Call, wanted: List[Union[Size, Value]]) -> Held:
    """A shape that is known when the model runs: 0 among computed sizes takes a size of the input."""
    b, x = call.b, call.x
    sizes: List[Union[int, Value]] = []
    for place, size in enumerate(wanted):
        if isinstance(size, Value) and place < x.rank and not call.int("allowzero"):
            size = b.where(b.compare("Equal", size, 0), b.dim(x.plain, place), size)
        sizes.append(size.value(b) if isinstance(size, Dim) else size)
    return call.as_it_is(b.reshape(x.plain, sizes), [size if isinstance(size, Dim) else None for size in wanted])


def is_zero(size: Size) -> bool:
    """Whether a size is 0."""
    return not isinstance(size, Dim) and size == 0


@operation("Flatten")
def flatten(call: Call) -> Held:
    """A matrix: the dimensions before an axis, and those from it on."""
    axis, sizes = call.int("axis", 1), call.x.dims()
    axis = axis if axis == call.x.rank else call.axis(axis)
    if axis == 0:
        return reshaped(call.x, [1, -1])
    if axis == 1:
        return reshaped(call.x, [sizes[0], -1])
    first: Size = 1
    for size in sizes[:axis]:
        first = first * size if isinstance(first, Dim) else size * first
    return reshaped(call.x, [first, -1])


@operation("Squeeze")
def squeeze(call: Call) -> Held:
    """Without dimensions of size 1, by default all; the axes are an attribute before opset 13."""
    given = call.ints("axes") if call.version < 13 else call.numbers(1)
    sizes = call.x.dims()
    axes = [place for place, size in enumerate(call.x.shape) if size == 1] if given is None else \
        [call.axis(axis) for axis in given]
    if any(call.x.shape[axis] not in (1, None) for axis in axes):
        call.damaged(f"takes away dimensions {axes} of {call.x.shape}")
    return reshaped(call.x, [size for place, size in enumerate(sizes) if place not in axes])


@operation("Unsqueeze")
def unsqueeze(call: Call) -> Held:
    """With dimensions of size 1 more; the axes are those of the result, an attribute before opset 13."""
    given = (call.ints("axes") if call.version < 13 else call.numbers(1)) or []
    rank = call.x.rank + len(given)
    axes = {call.axis(axis, rank) for axis in given}
    if len(axes) != len(given) or rank > DIMENSIONS:
        call.damaged(f"has axes={given}")
    sizes = iter(call.x.dims())
    return reshaped(call.x, [1 if axis in axes else next(sizes) for axis in range(rank)])


@operation("Concat")
def concat(call: Call) -> Held:
    """One behind another along an axis, in the order of an image among them."""
    found = [one for one in call.inputs if one is not None]
    if not found:
        call.damaged("has no inputs")
    axis = call.axis(call.int("axis", 1), found[0].rank)
    if any(one.rank != found[0].rank for one in found):
        call.damaged("joins tensors of several ranks")
    computed = [one for one in found if one.weight is None and one.sizes is None]
    model = ([one for one in computed if one.channels_last] + computed + found)[0]
    made = call.b.concat([one.stored(model.order) for one in found], model.order.index(axis))
    names = [None if place == axis else name for place, name in enumerate(opened(model))]
    return Held.of(call.b, made, found[0].dtype, model.order, model.image, names)
