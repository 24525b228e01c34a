"""Images whose pixels are taken from computed places (keras 3 backend/tensorflow/image.py).

Each place of the result is looked up in the source image: four pixels and their weights, or the nearest pixel.
"""
import itertools
from typing import Any, List, Optional, Sequence, Tuple

import numpy

from ...base.fault import Fault
from ...emit import Builder, Value
from ...emit.core import axis_of
from ...emit.shaping import Size
from ..rules import Call, operation
from .given import argument, floats, integers, known, limited, needed, tensor, value
from .imaging import channels_last, restored

FILLS = ("constant", "nearest", "wrap", "reflect")  # of ImageProjectiveTransformV3
PLACES = FILLS + ("mirror",)  # of map_coordinates
LEAST = numpy.float32(1000 * numpy.finfo("float32").eps)  # of a sum of shares that are brought to one


def setting(call: Call, name: str, default: str, among: Sequence[str]) -> str:
    """One of these words.  Raises Fault for another one."""
    found = str(argument(call, name, None, default))
    if found not in among:
        raise Fault(f"operation {call.path!r} ({call.kind}) has {name}={found:.40}: the file is damaged")
    return found


# Transforms of whole images ------------------------------------------------------------------------------------------


@operation("AffineTransform")
def affine_transform(call: Call) -> Value:
    """Each pixel from where eight numbers send its place, of one transform or of one for each image."""
    given = call.b.cast(value(call, argument(call, "transform", 1, needed)), "float32")
    given = call.b.expand(given, 0) if given.rank == 1 else given
    if given.rank != 2 or given.shape[1] != 8:
        raise Fault(f"operation {call.path!r} has a transform of shape {given.shape}, not of 8 numbers")
    numbers = [call.b.at(given, 1, place) for place in range(8)]
    return projected(call, numbers, setting(call, "fill_mode", "constant", FILLS))


@operation("PerspectiveTransform")
def perspective_transform(call: Call) -> Value:
    """The image drawn so that four of its points come to four others."""
    b = call.b
    given, quads = [], []
    for place, name in enumerate(("start_points", "end_points"), 1):
        points = b.cast(value(call, argument(call, name, place, needed)), "float32")
        points = b.expand(points, 0) if points.rank == 2 else points
        if points.rank != 3 or points.shape[1:] != (4, 2):
            raise Fault(f"operation {call.path!r} has {name} of shape {points.shape}, not four points")
        given.append(points)
        rows = [b.at(points, 1, number) for number in range(4)]
        quads.append([(b.at(row, 1, 0), b.at(row, 1, 1)) for row in rows])
    if not all(points.is_constant for points in given):
        return projected(call, homography(b, *quads), "constant")
    try:
        return projected(call, solved(b, *[points.array for points in given]), "constant")
    except numpy.linalg.LinAlgError:
        raise Fault(f"operation {call.path!r} has points in one line, for which Keras knows no transform")


def solved(b: Builder, start: numpy.ndarray, end: numpy.ndarray) -> List[Value]:
    """The eight numbers of constant points, as the solution of eight equations (compute_homography_matrix)."""
    start, end = [points.astype("float64") for points in numpy.broadcast_arrays(start, end)]
    ends = numpy.concatenate([end, numpy.ones_like(end[..., :1])], -1)
    rows = []
    for side in (0, 1):
        own = numpy.zeros(ends.shape[:-1] + (8,))
        own[..., 3 * side:3 * side + 3] = ends
        own[..., 6:] = -start[..., side:side + 1] * end
        rows.append(own)
    aim = numpy.concatenate([start[..., 0], start[..., 1]], -1)
    found = numpy.linalg.solve(numpy.concatenate(rows, 1), aim[..., None])[..., 0]
    return [b.constant(found[:, place].astype("float32")) for place in range(8)]


Point = Tuple[Value, Value]


def homography(b: Builder, start: List[Point], end: List[Point]) -> List[Value]:
    """The eight numbers that send each point of `end` to that of `start`.

    With the fourth point as a sum of the other three, of parts that three areas tell, the matrix is
    sum(part of start / part of end * point of start * line through the two other points of end).
    """
    def area(first: Point, second: Point, third: Point) -> Value:
        return b.sub(b.mul(b.sub(second[0], first[0]), b.sub(third[1], first[1])),
                     b.mul(b.sub(second[1], first[1]), b.sub(third[0], first[0])))

    def parts(quad: List[Point]) -> List[Value]:
        one, two, three, four = quad
        return [area(four, two, three), area(one, four, three), area(one, two, four)]

    rows: List[List[Any]] = [[None] * 3 for _ in range(3)]
    for own, other, number in zip(parts(start), parts(end), range(3)):
        (x2, y2), (x3, y3) = end[(number + 1) % 3], end[(number + 2) % 3]
        line = (b.sub(y2, y3), b.sub(x3, x2), b.sub(b.mul(x2, y3), b.mul(x3, y2)))
        share = b.div(own, other)
        for row, factor in zip(rows, (b.mul(share, start[number][0]), b.mul(share, start[number][1]), share)):
            for column in range(3):
                term = b.mul(factor, line[column])
                row[column] = term if row[column] is None else b.add(row[column], term)
    return [b.div(one, rows[2][2]) for one in rows[0] + rows[1] + rows[2][:2]]


def projected(call: Call, numbers: List[Value], mode: str) -> Value:
    """The image by transforms, each number a row of one or of one for each image."""
    b, given = call.b, tensor(call, "images")
    x = b.expand(given, 0) if given.rank == 3 else given
    x = b.cast(channels_last(call, x, 4), "float32")
    limited(call, [size for size in x.shape[1:3] if size is not None])
    fill = float(argument(call, "fill_value", None, 0))
    nearest = setting(call, "interpolation", "bilinear", ("bilinear", "nearest")) == "nearest"
    made = transformed(b, x, numbers, (b.dim(x, 1), b.dim(x, 2)), mode, fill, nearest)
    made = restored(call, Value(made.dtype, x.shape, made.tensor, made.weight))
    return b.cast(b.squeeze(made, [0]) if given.rank == 3 else made, given.dtype)


def transformed(b: Builder, x: Value, numbers: List[Value], sizes: Tuple[Size, Size], mode: str, fill: float,
                nearest: bool) -> Value:
    """Images of floats (batch, rows, columns, channels) by transforms of eight numbers: `sizes` rows and columns.

    tensorflow core/kernels/image/image_ops.h: ProjectiveGenerator.
    """
    numbers = [b.reshape(one, [-1, 1, 1]) for one in numbers]
    down = b.expand(b.expand(b.cast(b.range(sizes[0]), "float32"), 1), 0)
    along = b.expand(b.expand(b.cast(b.range(sizes[1]), "float32"), 0), 0)

    def sent(first: int, third: Any) -> Value:
        return b.add(b.add(b.mul(numbers[first], along), b.mul(numbers[first + 1], down)), third)

    flat = all(one.is_constant and not one.array.any() for one in numbers[6:])
    depth = None if flat else sent(6, 1.0)
    nowhere = None if depth is None else b.compare("Equal", depth, 0.0)
    across, below = sent(0, numbers[2]), sent(3, numbers[5])
    if depth is not None:
        depth = b.where(nowhere, 1.0, depth)
        across, below = b.div(across, depth), b.div(below, depth)
    places = []
    for place, size in ((below, b.dim(x, 1)), (across, b.dim(x, 2))):
        place = brought(b, place, size, mode)
        place = place if nowhere is None else b.where(nowhere, -1.0, place)
        places.append(b.minimum(b.maximum(place, -1.0), b.cast(b.value(size), "float32")))
    made = picked(b, b.pad(x, [(0, 0), (1, 2), (1, 2), (0, 0)], fill), places, nearest)
    return b.reshape(made, [-1, sizes[0], sizes[1], b.dim(x, 3)])


def brought(b: Builder, place: Value, size: Size, mode: str) -> Value:
    """Places in the image for those outside (tensorflow image_ops.h: MapCoordinate)."""
    if mode == "constant":
        return place
    length = b.cast(b.value(size), "float32")
    last = b.sub(length, 1.0)
    if mode == "reflect":
        twice = b.mul(length, 2.0)
        before = b.add(place, b.mul(twice, b.unary("Floor", b.div(b.neg(place), twice))))
        before = b.where(b.compare("Less", before, b.neg(length)), b.add(before, twice), b.sub(b.neg(before), 1.0))
        behind = b.sub(place, b.mul(twice, b.unary("Floor", b.div(place, twice))))
        behind = b.where(b.compare("GreaterEqual", behind, length), b.sub(b.sub(twice, behind), 1.0), behind)
    else:
        period = b.maximum(last, 1.0)
        before = b.add(place, b.mul(length, b.add(b.unary("Floor", b.div(b.neg(place), period)), 1.0)))
        behind = b.sub(place, b.mul(length, b.unary("Floor", b.div(place, period))))
    if mode != "nearest":
        place = b.where(b.compare("Less", place, 0.0), before, b.where(b.compare("Greater", place, last), behind,
                                                                      place))
    return b.minimum(b.maximum(place, 0.0), last)


def picked(b: Builder, x: Value, places: List[Value], nearest: bool) -> Value:
    """The interpolated values at places (rows, columns) of images with a margin of one before and two after."""
    below, across = places
    width = b.dim(x, 2)
    size = b.size("Mul", b.dim(x, 1), width)
    shared = below.shape[0] == 1
    count = -1 if shared or x.shape[0] is None else x.shape[0]

    def looked_up(down: Value, right: Value) -> Value:
        """The pixels at whole places, in floats."""
        place = b.cast(b.add(b.mul(b.add(down, 1.0), b.cast(b.value(width), "float32")), b.add(right, 1.0)), "int32")
        if shared:
            flat = b.reshape(x, [-1, size, b.dim(x, 3)])
            return b.gather(flat, b.reshape(place, [-1]), 1)
        starts = b.mul(b.range(b.dim(x, 0)), b.value(size))
        place = b.add(b.reshape(place, [count, b.dim(down, 1), b.dim(down, 2)]), b.reshape(starts, [-1, 1, 1]))
        return b.gather(b.reshape(x, [-1, b.dim(x, 3)]), b.reshape(place, [-1]), 0)

    def share(part: Value) -> Value:
        return b.reshape(part, [1, -1, 1] if shared else [-1, 1])

    if nearest:
        return looked_up(*[b.mul(b.unary("Sign", one), b.unary("Floor", b.add(b.unary("Abs", one), 0.5)))
                           for one in (below, across)])
    top, left = b.unary("Floor", below), b.unary("Floor", across)
    down, right = share(b.sub(below, top)), share(b.sub(across, left))
    rows = []
    for row in (top, b.add(top, 1.0)):
        rows.append(b.add(b.mul(b.sub(1.0, right), looked_up(row, left)),
                          b.mul(right, looked_up(row, b.add(left, 1.0)))))
    return b.add(b.mul(b.sub(1.0, down), rows[0]), b.mul(down, rows[1]))


# Places that a tensor tells -------------------------------------------------------------------------------------------


@operation("MapCoordinates")
def map_coordinates(call: Call) -> Value:
    """The values at places of a tensor; the places have a row for each dimension."""
    b, given = call.b, tensor(call, "inputs")
    places = value(call, argument(call, "coordinates", 1, needed))
    mode, order = setting(call, "fill_mode", "constant", PLACES), argument(call, "order")
    if places.rank < 2 or places.shape[0] != given.rank or order not in (0, 1):
        raise Fault(f"operation {call.path!r} looks up {places.shape} in {given.shape}: the file is damaged")
    fill = float(argument(call, "fill_value", None, 0))
    fill = float(int(fill)) if given.dtype == "int32" else fill
    options = []
    for axis in range(given.rank):
        place, size = b.at(places, 0, axis), b.dim(given, axis)
        if order:
            low = b.unary("Floor", b.cast(place, "float32"))
            above, index = b.sub(place, low), b.cast(low, "int32")
            near = [(index, b.sub(1.0, above)), (b.add(index, 1), above)]
        else:
            near = [(b.cast(b.unary("Round", place) if place.dtype == "float32" else place, "int32"), None)]
        options.append([inside(b, index, size, mode) + (share,) for index, share in near])
    flat, total = b.reshape(given, [-1]), None
    for corner in itertools.product(*options):
        found = b.cast(b.gather(flat, b.reshape(flat_place(b, given, [one[0] for one in corner]), [-1]), 0), "float32")
        found = b.restored_as(found, corner[0][0])
        for _, there, _ in corner:
            found = found if there is None else b.where(there, found, fill)
        for _, _, share in corner:
            found = found if share is None else b.mul(found, share)
        total = found if total is None else b.add(total, found)
    return total if given.dtype == "float32" else b.cast(b.unary("Round", total), given.dtype)


def flat_place(b: Builder, x: Value, places: List[Value]) -> Value:
    """The places in a row of all values of x: one for each dimension."""
    found = places[0]
    for axis in range(1, x.rank):
        found = b.add(b.mul(found, b.value(b.dim(x, axis))), places[axis])
    return found


def inside(b: Builder, index: Value, size: Size, mode: str) -> Tuple[Value, Optional[Value]]:
    """(whole places in a dimension, which of them were there before, None for all)."""
    last, there = b.size("Sub", size, 1), None
    if mode == "constant":
        there = b.both(b.compare("GreaterEqual", index, 0), b.compare("Less", index, size))
    elif mode == "wrap":
        index = b.sub(index, b.mul(b.binary("FloorDiv", index, size), size))
    elif mode in ("mirror", "reflect"):
        twice = b.size("Mul", size, 2)
        index = b.unary("Abs", index)
        index = b.sub(index, b.mul(b.binary("FloorDiv", index, twice), twice))
        behind = b.sub(twice, index)
        behind = b.sub(behind, 1) if mode == "reflect" else behind
        index = b.where(b.compare("Less", index, size), index, behind)
    return b.minimum(b.maximum(index, 0), last), there


# Other sizes ---------------------------------------------------------------------------------------------------------


def lanczos(radius: float) -> Any:
    """The shares of a window of waves, by the distance."""
    def shares(b: Builder, x: Value) -> Value:
        turn = b.mul(x, numpy.float32(numpy.pi))
        waves = b.mul(b.mul(b.unary("Sin", turn), b.unary("Sin", b.div(turn, radius))), radius)
        square = b.where(b.compare("NotEqual", x, 0.0), b.mul(b.square(x), numpy.float32(numpy.pi ** 2)), 1.0)
        found = b.where(b.compare("Greater", x, 1e-3), b.div(waves, square), 1.0)
        return b.where(b.compare("Greater", x, radius), 0.0, found)
    return shares


def linear(b: Builder, x: Value) -> Value:
    """The shares of two neighbours."""
    return b.relu(b.sub(1.0, x))


def cubic(b: Builder, x: Value) -> Value:
    """The shares of four neighbours (Keys)."""
    near = b.add(b.mul(b.mul(b.sub(b.mul(x, 1.5), 2.5), x), x), 1.0)
    far = b.add(b.mul(b.sub(b.mul(b.add(b.mul(x, -0.5), 2.5), x), 4.0), x), 2.0)
    return b.where(b.compare("GreaterEqual", x, 2.0), 0.0, b.where(b.compare("GreaterEqual", x, 1.0), far, near))


METHODS = {"lanczos3": lanczos(3.0), "lanczos5": lanczos(5.0)}
METHODS.update({name: linear for name in ("linear", "bilinear", "trilinear")})
METHODS.update({name: cubic for name in ("cubic", "bicubic", "tricubic")})


@operation("ScaleAndTranslate")
def scale_and_translate(call: Call) -> Value:
    """Some dimensions of another size, scaled and moved, each by a product with a matrix of shares.

    Keras does not compute it of whole numbers.
    """
    b, x = call.b, floats(call, "images")
    sizes = argument(call, "output_shape", 1, needed)
    scale, moved = [b.cast(value(call, argument(call, name, place, needed)), "float32")
                    for place, name in ((2, "scale"), (3, "translation"))]
    along = [axis_of(axis, x.rank) for axis in integers(call, call.config["spatial_dims"], "spatial_dims")]
    shares = METHODS[setting(call, "method", "", tuple(METHODS))]
    for place, axis in enumerate(along):
        size = integers(call, known(sizes)[axis], "output_shape")[0]
        limited(call, [size, x.shape[axis]])
        weights = matrix(b, b.dim(x, axis), size, (b.at(scale, 0, place), b.at(moved, 0, place)),
                         shares, call.config.get("antialias", True))
        x = b.move(b.matmul(b.move(x, axis, -1), weights), -1, axis)
    return x


def matrix(b: Builder, whole: Size, size: int, by: Tuple[Value, Value], shares: Any, smooth: bool) -> Value:
    """The share of each of `whole` places in each of `size` new ones (_compute_weight_mat)."""
    back = b.div(1.0, by[0])
    wide = b.maximum(back, 1.0) if smooth else 1.0
    centres = b.add(b.cast(b.range(size), "float32"), 0.5)
    centres = b.expand(b.sub(b.sub(b.mul(centres, back), b.mul(by[1], back)), 0.5), 0)
    places = b.expand(b.cast(b.range(whole), "float32"), 1)
    found = shares(b, b.div(b.unary("Abs", b.sub(centres, places)), wide))
    total = b.sum(found, 0, True)
    some = b.compare("Greater", b.unary("Abs", total), LEAST)
    found = b.where(some, b.div(found, b.where(b.compare("NotEqual", total, 0.0), total, 1.0)), 0.0)
    last = b.sub(b.cast(b.value(whole), "float32"), 0.5)
    shown = b.both(b.compare("GreaterEqual", centres, -0.5), b.compare("LessEqual", centres, last))
    return b.where(shown, found, 0.0)
