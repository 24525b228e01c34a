"""Order: the largest values, the places of values that are not zero, boxes that do not cover each other."""
from typing import List

import numpy

from ..emit import Value
from ..emit.core import DType
from .given import floats, known_shape, scalar, stored
from .layout import Held
from .rules import Call, operation

BOXES = 1 << 12  # examples times classes, each of which is a node


@operation("TopK")
def top_by_setting(call: Call) -> List[Held]:
    """The k largest; k is an attribute before opset 10."""
    return top(call, call.int("k"))


@operation("TopK", since=10)
def top_by_input(call: Call) -> List[Held]:
    """The k largest, or with largest=0 the smallest, and their places: of equals the first."""
    return top(call, int(scalar(call, 1)))


def top(call: Call, count: int) -> List[Held]:
    """The values along an axis in order, and their places."""
    b, x, axis = call.b, call.x, call.axis(call.int("axis", -1))
    if not 0 < count <= (x.shape[axis] or count):
        call.damaged(f"takes {count} of {x.shape[axis]} values")
    place, = stored(x, [axis])
    moved, largest = b.move(x.value, place, -1), call.int("largest", 1)
    found, places = b.top(moved if largest else b.neg(moved), count)
    found = b.move(found if largest else b.neg(found), -1, place)
    return [call.like(x, found), call.like(x, b.move(places, -1, place), "INT64")]


@operation("NonZero")
def not_zero(call: Call) -> Held:
    """The places of what is not zero, a column for each.  TensorFlow.js finds them asynchronously: executeAsync."""
    b, x = call.b, call.value(0)
    there = x if x.dtype == "bool" else b.compare("NotEqual", x, 0)
    made = b.one("Where", [there], "int32", (None, x.rank))
    return call.as_it_is(b.transpose(made, [1, 0]), dtype="INT64")


@operation("NonMaxSuppression")
def suppressed(call: Call) -> Held:
    """The best of boxes that cover each other, (example, class, box) of each; it takes executeAsync."""
    b, boxes, scores = call.b, floats(call, 0), floats(call, 1)
    if boxes.rank != 3 or scores.rank != 3:
        call.damaged(f"is given boxes {boxes.shape} and scores {scores.shape}")
    examples, classes = known_shape(call, call.held(1))[:2]
    if examples * classes > BOXES:
        call.refuse(f"it looks at {examples} examples and {classes} classes: too many")
    most = int(scalar(call, 2, 0))
    if most < 1:
        return Held.known(b, numpy.zeros((0, 3), "int64"))
    if call.int("center_point_box"):
        centre, size = b.cut(boxes, 2, 0, 2), b.mul(b.cut(boxes, 2, 2, 2), 0.5)
        boxes = b.gather(b.concat([b.sub(centre, size), b.add(centre, size)], 2), numpy.array([1, 0, 3, 2], "int32"), 2)
    least = scalar(call, 4)
    limits = [b.constant(min(most, 1 << 30), "int32"), b.constant(float(scalar(call, 3, 0.0)), "float32"),
              b.constant(-3.4e38 if least is None else float(least), "float32")]
    found: List[Value] = []
    for example in range(examples):
        for kind in range(classes):
            own = b.one("NonMaxSuppressionV3", [b.at(boxes, 0, example), b.at(b.at(scores, 0, example), 0, kind)]
                        + limits, "int32", (None,), T=DType("float32"))
            head = b.constant([[example, kind]], "int32")
            zeros = b.mul(b.expand(own, 1), 0)
            found.append(b.concat([b.add(zeros, head), b.expand(own, 1)], 1))
    made = b.concat(found, 0)
    return call.as_it_is(made, dtype="INT64")


@operation("Unique")
def unique(call: Call) -> Held:
    """Refused: constants alone are calculated with, in fold.py."""
    call.refuse("how much it gives depends on the numbers that it is given", "ask for outputs before it")
