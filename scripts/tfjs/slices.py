"""StridedSlice with a bound for every dimension.

TensorFlow.js 1.0.0 never ends on x[:, 0] of an image.  It has no new dimensions and no ellipsis, and does not take a
single place beside steps.
"""
from typing import Any, Dict, List, NamedTuple, Optional, Tuple

import numpy

from ..operations.graph import Attribute, Graph, Node, Row, Spec, Tensor, constant

Step = Tuple[str, List[Any], Dict[str, Attribute]]  # an operation, its other inputs, its attributes
WHOLE = Attribute("type", "DT_INT32")
MASKS = ("begin_mask", "end_mask", "ellipsis_mask", "new_axis_mask", "shrink_axis_mask")


class Bound(NamedTuple):
    """The slice of a dimension; begin and end: None for its ends.  shrink: one place, and the dimension goes."""

    begin: Optional[int] = None
    end: Optional[int] = None
    step: int = 1
    shrink: bool = False


def whole(graph: Graph, node: Node) -> None:
    """Give the slice a bound for every dimension, in place, where their number is known."""
    source = graph.spec(node.inputs[0])
    known = [graph.constant(tensor) for tensor in node.inputs[1:]]
    masks = {name: int(node.value(name, 0)) for name in MASKS}
    if source is None or source.shape is None or len(node.inputs) != 4:
        return
    if any(one is None for one in known):
        computed(graph, node, len(source.shape), masks)
        return
    count = len(known[0])
    if count == len(source.shape) and not masks["ellipsis_mask"] | masks["new_axis_mask"] and not (
            masks["shrink_axis_mask"] and (abs(known[2]) != 1).any()):
        return
    found: List[Optional[Bound]] = []  # None: a new dimension
    used = sum(not (masks["ellipsis_mask"] | masks["new_axis_mask"]) >> place & 1 for place in range(count))
    for place, (begin, end, step) in enumerate(zip(*[one.tolist() for one in known])):
        if masks["ellipsis_mask"] >> place & 1:
            found += [Bound()] * (len(source.shape) - used)
        elif masks["new_axis_mask"] >> place & 1:
            found.append(None)
        elif masks["shrink_axis_mask"] >> place & 1:
            found.append(Bound(begin, None if begin == -1 else begin + 1, 1, True))
        else:
            found.append(Bound(None if masks["begin_mask"] >> place & 1 else begin,
                               None if masks["end_mask"] >> place & 1 else end, step))
    bounds = [one for one in found if one is not None]
    bounds += [Bound()] * (len(source.shape) - len(bounds))
    write(graph, node, bounds, [place for place, one in enumerate(
        [one for one in found if one is None or not one.shrink]) if one is None])


def write(graph: Graph, node: Node, bounds: List[Bound], new: List[int]) -> None:
    """Write the bounds into the slice; new: the places of new dimensions in the result, each by an operation behind."""
    limits = numpy.iinfo(numpy.int32)  # TensorFlow spells "up to the end" as the largest int64
    vectors = [[min(max(number or 0, limits.min), limits.max) for number in numbers] for numbers in zip(
        *[(one.begin, one.end, one.step) for one in bounds])]
    gone = [place for place, one in enumerate(bounds) if one.shrink]
    apart = bool(gone) and any(abs(one.step) != 1 for one in bounds)  # a Squeeze takes the dimensions away
    masks = dict.fromkeys(MASKS, 0)
    for place, one in enumerate(bounds):
        masks["begin_mask"] |= (one.begin is None) << place
        masks["end_mask"] |= (one.end is None) << place
        masks["shrink_axis_mask"] |= (one.shrink and not apart) << place
    kind = {"T": node.attributes["T"]}
    steps = [("StridedSlice", vectors, dict(kind, Index=WHOLE, **told(masks)))]  # type: List[Step]
    if apart:
        steps.append(("Squeeze", [], dict(kind, squeeze_dims=Attribute("list", Row("i", gone)))))
    steps += [("ExpandDims", [place], dict(kind, Tdim=WHOLE)) for place in new]
    last = node.inputs[0]
    for number, (op, values, attributes) in enumerate(steps, 1):
        more = [Tensor(graph.add(constant(f"{node.name}/{op}", value, "DT_INT32")).name) for value in values]
        if number == len(steps):
            node.op, node.inputs, node.attributes = op, [last] + more, attributes
        else:
            last = Tensor(graph.add(Node(f"{node.name}/{op}", op, [last] + more, attributes=attributes,
                                         outputs=[Spec(node.value("T"))])).name)


def computed(graph: Graph, node: Node, rank: int, masks: Dict[str, int]) -> None:
    """Put bounds of all other dimensions after those that are computed."""
    specs = [graph.spec(tensor) for tensor in node.inputs[1:]]
    counts = {spec.shape[0] for spec in specs if spec is not None and spec.shape}
    if masks["ellipsis_mask"] | masks["new_axis_mask"] or len(counts) != 1 or None in counts:
        return
    missing, kind = rank - counts.copy().pop(), specs[0].dtype  # type: ignore
    if missing < 1:
        return
    axis = Tensor(graph.add(constant(node.name + "/axis", 0, "DT_INT32")).name)
    for place, (word, number) in enumerate((("begin", 0), ("end", 0), ("strides", 1)), 1):
        more = graph.add(constant(f"{node.name}/{word}", numpy.full(missing, number), kind))
        joined = graph.add(Node(f"{node.name}/{word}/all", "ConcatV2", [node.inputs[place], Tensor(more.name), axis],
                                attributes={"T": Attribute("type", kind), "N": Attribute("i", 2), "Tidx": Attribute(
                                    "type", "DT_INT32")}, outputs=[Spec(kind, (rank,))]))
        node.inputs[place] = Tensor(joined.name)
    rest = (1 << rank) - (1 << rank - missing)
    node.attributes.update(told(dict(masks, begin_mask=masks["begin_mask"] | rest, end_mask=masks["end_mask"] | rest)))


def told(masks: Dict[str, int]) -> Dict[str, Attribute]:
    """Return masks as attributes."""
    return {name: Attribute("i", mask) for name, mask in masks.items()}
