"""The best of many boxes: NonMaxSuppressionV4 and V5 as TensorFlow computes them, composed of other operations.

TensorFlow.js 4.22.0 does not pad the boxes, and does not give V5's number of them.  It suppresses softly by a limit
that TensorFlow ignores then (core/kernels/image/non_max_suppression_op.cc: DoNonMaxSuppressionOp).
"""
from collections import OrderedDict
from typing import Any, List

import numpy

from ..base.fault import Fault
from ..emit import Builder, Value
from ..operations.graph import Attribute, Node, Tensor

STEPS = 512  # boxes that are picked softly, each by operations of its own
LOWEST = float(numpy.finfo("float32").min)  # the score of a box that is picked
PADDED = "pad_to_max_output_size"


def best(make: Any, node: Node) -> List[Value]:
    """Return all outputs of the operation; make: rewritten.Remaking."""
    if node.op == "NonMaxSuppressionV5" and float(make.known(5)):
        return softly(make, node, float(make.known(5)))
    kept = OrderedDict(node.attributes)
    kept[PADDED] = Attribute("b", False)
    specs = [spec._replace(shape=(None,) if spec.shape != () else ()) for spec in node.outputs]
    made = make.graph.add(Node(node.name + "/" + node.op, node.op, node.inputs, attributes=kept, outputs=specs))
    rows = [make.of(Tensor(made.name, place), spec.dtype, spec.shape) for place, spec in enumerate(specs[:-1])]
    count = make.cast(make.dim(rows[0], 0), "int32")
    if not node.value(PADDED, False):
        return rows + [count]
    most = make.graph.constant(node.inputs[2])
    missing = make.sub(make.given(2) if most is None else int(most), count)
    size = None if most is None else int(most)
    padded = [make.margins(row, [(0, missing)]) for row in rows]
    return [Value(row.dtype, (size,), row.tensor) for row in padded] + [count]


def softly(make: Any, node: Node, sigma: float) -> List[Value]:
    """[places, scores, how many] of the best boxes, each of which lowers the scores of those that it overlaps.

    A score below 0 counts as it was given when the next box is picked, as in TensorFlow's queue.
    Raises Fault where their number is large.
    """
    most, threshold = int(make.known(2)), max(float(make.known(4)), LOWEST)
    if not 0 < most <= STEPS or sigma < 0:
        raise Fault(f"{node.name} picks {most} boxes")
    areas = Areas(make, make.given(0))
    scores = order = make.given(1)
    places, values, flags = [], [], []
    for _ in range(most):
        place = make.place_of("ArgMax", order, 0)
        best_one = make.gather(order, place)
        flags.append(make.compare("Greater", best_one, threshold))
        places.append(place)
        values.append(make.gather(scores, place))
        share = make.square(areas.shared_with(place))
        weight = make.exp(make.mul(share, -0.5 / sigma))
        scores = make.mul(scores, weight)
        order = make.where(make.compare("Greater", order, 0.0), make.mul(order, weight), order)
        picked = make.compare("Equal", make.range(make.dim(scores, 0)), place)
        order = make.where(picked, LOWEST, order)
    there = make.cast(make.stack(flags, 0), "int32")
    count = make.sum(there, 0)
    rows = [make.mul(make.stack(one, 0), make.cast(there, one[0].dtype)) for one in (places, values)]
    if not node.value(PADDED, False):
        sizes = make.reshape(count, [1])
        rows = [make.one("Slice", [row, make.constant([0], "int32"), sizes], row.dtype, (None,), T=kind(row),
                         Index=Attribute("type", "DT_INT32")) for row in rows]
    return rows + [count]


def kind(x: Value) -> Attribute:
    """The type of a tensor as an attribute."""
    return Attribute("type", "DT_INT32" if x.dtype == "int32" else "DT_FLOAT")


class Areas:
    """Boxes (count, 4): two corners each, (row, column, row, column), in any order."""

    def __init__(self, make: Builder, boxes: Value) -> None:
        self.make = make
        sides = [make.at(boxes, 1, place) for place in range(4)]
        self.low = [make.minimum(sides[axis], sides[axis + 2]) for axis in (0, 1)]
        self.high = [make.maximum(sides[axis], sides[axis + 2]) for axis in (0, 1)]
        self.areas = make.mul(*[make.sub(high, low) for low, high in zip(self.low, self.high)])

    def shared_with(self, place: Value) -> Value:
        """The share of all that a box and each box cover which both cover; 0 of boxes without an area."""
        make = self.make
        spans: List[Value] = []
        for low, high in zip(self.low, self.high):
            begin, end = make.maximum(low, make.gather(low, place)), make.minimum(high, make.gather(high, place))
            spans.append(make.relu(make.sub(end, begin)))
        both, own = make.mul(*spans), make.gather(self.areas, place)
        every = make.sub(make.add(self.areas, own), both)
        some = make.both(make.compare("Greater", self.areas, 0.0), make.compare("Greater", own, 0.0))
        return make.where(some, make.div(both, make.where(some, every, 1.0)), 0.0)
