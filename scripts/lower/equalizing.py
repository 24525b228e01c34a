"""ContrastLimitedAdaptiveHistogramEqualization (Keras 3 layers/preprocessing/image_preprocessing/clahe.py)."""
from typing import List, Tuple

import numpy

from ..base.fault import Fault
from ..emit import Builder, Value
from ..emit.core import DType
from ..emit.shaping import Size
from .rules import Call, layer
from .windows import NAME_SIZES, OPEN, channels_first, channels_of, numbers, restored

LEVELS, SIDE = 256, 16  # of brightness; LEVELS is its square


@layer("ContrastLimitedAdaptiveHistogramEqualization")
def equalize(call: Call) -> Value:
    """Each pixel by how many of its tile are darker, between those of the tiles around it."""
    b, given = call.b, call.x
    x = b.expand(given, 0) if given.rank == 3 else given
    if x.rank != 4:
        raise Fault(f"layer {call.path!r} is given a tensor of {given.rank} dimensions: the file is damaged")
    x = b.cast(b.move(x, 1, -1) if channels_first(call) else x, "float32")
    channels_of(call, x)
    if None in x.shape[1:3]:
        call.refuse(OPEN, NAME_SIZES)
    low, high = [float(item) for item in call.get("value_range", [0, 255])]
    plain = (low, high) == (0, 255)
    if not abs(high - low) > 0:
        raise Fault(f"layer {call.path!r} has value_range={[low, high]}: the file is damaged")
    grid = numbers(call, "tile_grid_size", 2, default=(8, 8))
    tiles = [-(-size // count) for size, count in zip(x.shape[1:3], grid)]
    whole = x if plain else b.mul(b.div(b.sub(x, low), high - low), 255.0)
    levels = b.cast(b.clip(whole, 0.0, 255.0), "int32")
    curves = cumulated(call, counted(b, levels, tiles, grid), tiles[0] * tiles[1])
    y = between_tiles(b, levels, curves, tiles, grid)
    y = y if plain else b.add(b.mul(b.div(y, 255.0), high - low), low)
    y = restored(call, Value("float32", x.shape, y.tensor, y.weight))
    return b.cast(b.squeeze(y, [0]) if given.rank == 3 else y, given.dtype)


def in_row(b: Builder, levels: Value, down: numpy.ndarray, across: numpy.ndarray, grid: Tuple[int, ...]) -> Value:
    """The place of each pixel's level in the row of all curves: of the tile that its row and its column name.

    levels: (batch, rows, columns, channels); down, across: the tile of each row, of each column
    """
    channels = levels.shape[3]
    each = LEVELS * channels
    starts = b.mul(b.range(b.dim(levels, 0)), each * grid[0] * grid[1])
    place = b.add(levels, b.reshape(starts, [-1, 1, 1, 1]))
    place = b.add(place, (down * grid[1] * each).astype("int32")[:, None, None])
    place = b.add(place, (across * each).astype("int32")[:, None])
    return b.add(place, numpy.arange(channels, dtype="int32") * LEVELS)


def counted(b: Builder, levels: Value, tiles: List[int], grid: Tuple[int, ...]) -> Value:
    """(tiles and channels, 256): how many pixels have each level; after the image its rows and columns return."""
    for axis, (tile, count) in enumerate(zip(tiles, grid), 1):
        size = levels.shape[axis]
        if tile * count > size:
            levels = b.gather(levels, numpy.pad(numpy.arange(size), (0, tile * count - size), "symmetric"), axis)
    own = [numpy.repeat(numpy.arange(count), tile) for tile, count in zip(tiles, grid)]
    place = b.reshape(in_row(b, levels, own[0], own[1], grid), [-1, 1])
    total: Size = b.size("Mul", b.dim(levels, 0), LEVELS * levels.shape[3] * grid[0] * grid[1])
    ones = b.fill([b.dim(place, 0)], 1)
    found = b.one("ScatterNd", [place, ones, b.sizes([total])], "float32",
                  [None if isinstance(total, Value) else total], T=DType("float32"), Tindices=DType("int32"))
    return b.reshape(found, [-1, LEVELS])


def cumulated(call: Call, counts: Value, pixels: int) -> Value:
    """The curves of all tiles, one after another: the new brightness of each level."""
    b, most = call.b, float(call.get("clip_limit", 4.0))
    if most > 0:
        clipped = b.minimum(counts, float(numpy.float32(most * pixels / LEVELS)))
        counts = b.add(clipped, b.div(b.sum(b.sub(counts, clipped), -1, True), float(LEVELS)))
    square = b.reshape(counts, [-1, SIDE, SIDE])  # the sums of each row of it, and those of the rows before
    upper = numpy.triu(numpy.ones((SIDE, SIDE), "float32"))
    rows = b.matmul(square, b.constant(upper))
    before = b.matmul(b.sum(square, 2), b.constant(upper - numpy.eye(SIDE, dtype="float32")))
    curve = b.reshape(b.add(rows, b.expand(before, 2)), [-1, LEVELS])
    least = b.min(curve, -1, True)
    rest = b.sub(float(pixels), least)
    rest = b.where(b.compare("Equal", rest, 0.0), 1.0, rest)
    return b.reshape(b.clip(b.div(b.mul(b.sub(curve, least), 255.0), rest), 0.0, 255.0), [-1])


def between_tiles(b: Builder, levels: Value, curves: Value, tiles: List[int], grid: Tuple[int, ...]) -> Value:
    """Each pixel by the curves of the four tiles whose middles are around it."""
    near, shares = [], []
    for axis, (tile, count) in enumerate(zip(tiles, grid), 1):
        place = (numpy.arange(levels.shape[axis], dtype="float32") - numpy.float32(tile / 2)) / numpy.float32(tile)
        place = place + numpy.float32(1)
        low = numpy.floor(place)
        shares.append((place - low).astype("float32"))
        near.append([numpy.clip(one - 1, 0, count - 1).astype("int32") for one in (low, low + 1)])
    down, right = shares[0][:, None, None], shares[1][:, None]
    rows = []
    for own in near[0]:
        pair = []
        for other in near[1]:
            place = in_row(b, levels, own, other, grid)
            pair.append(b.restored_as(b.gather(curves, b.reshape(place, [-1]), 0), levels))
        rows.append(b.add(b.mul(pair[0], 1 - right), b.mul(pair[1], right)))
    return b.add(b.mul(rows[0], 1 - down), b.mul(rows[1], down))
