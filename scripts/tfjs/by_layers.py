"""Operations that TensorFlow.js lacks and lower/ can compose: each becomes a layer of Keras 2, which lower/ lowers.

    MatrixInverse  ->  what a TensorFlowOpLayer of it is lowered to (scripts/lower/ops/, `rules.node`)
"""
from typing import List, Union

from ..base.fault import Fault
from ..emit import Value
from ..layers.topology import of
from ..operations import unlike
from ..operations.graph import Node
from ..operations.scopes import REALS
from . import graph_json
from .remaking import Remaking

SMALL = 4096  # values of a constant that tells how to compute
NUMBERS = REALS + ("DT_INT32", "DT_INT64", "DT_BOOL")  # wraps of narrow types are those of layers
VERSION = "2.3.1"  # of the Keras that saved an operation as a layer
NAMES = frozenset("""
    AdjustContrastv2 AdjustHue AdjustSaturation BesselI0 Cholesky Conv3DBackpropInputV2 Cross CumulativeLogsumexp
    Digamma HSVToRGB L2Loss Lgamma MatrixDeterminant MatrixDiag MatrixDiagPart MatrixDiagPartV2 MatrixDiagPartV3
    MatrixDiagV2 MatrixDiagV3 MatrixInverse MatrixSetDiag MatrixSetDiagV2 MatrixSetDiagV3 MatrixSolve MulNoNan RGBToHSV
    ResizeBicubic ReverseSequence Roll ScaleAndTranslate TensorScatterAdd TensorScatterMax TensorScatterMin
    TensorScatterSub UnsortedSegmentMax UnsortedSegmentMin UnsortedSegmentProd UnsortedSegmentSum Xdivy Xlog1py Xlogy
    """.split())

# TensorFlow.js 1.0.0, which TensorSpace holds, lacks these, and does not heed an attribute of others
LATER = frozenset("BroadcastTo DivNoNan IsFinite IsInf IsNan MirrorPad".split())
BROADCASTING = "SelectV2"  # which 1.0.0 has as Select, for three tensors of one shape
OLDEST = {"Gather": "batch_dims", "GatherV2": "batch_dims", "ResizeBilinear": "half_pixel_centers",
          "ResizeNearestNeighbor": "half_pixel_centers"}


def differs(node: Node) -> bool:
    """Return whether TensorFlow.js 1.0.0 lacks an operation that 4.22.0 has, or computes it differently."""
    return node.op in LATER or node.op == BROADCASTING or bool(node.op in OLDEST and node.value(OLDEST[node.op])) and (
        node.op.startswith("Gather") or node.value("T") in REALS)


def lowered(make: Remaking, node: Node) -> Union[Value, List[Value]]:
    """Return the result of an operation, or all of its results.

    Raises Fault where it cannot be lowered, and for numbers of other types.
    """
    from ..lower import families, rules, walk  # every family of layers: only where it is needed
    table = families and rules.NODES
    specs = [make.graph.spec(tensor) for tensor in node.inputs]
    if any(spec is None or spec.dtype not in NUMBERS for spec in specs) or node.value("T") in unlike.NARROW:
        raise Fault(f"{node.name} is of numbers of another type")
    around = walk.Walk(2, VERSION)
    around.b = make
    arguments = []
    for place, tensor in enumerate(node.inputs):
        held = make.graph.constant(tensor) if specs[place].shape is not None else None
        arguments.append(make.given(place) if held is None or held.size > SMALL else held.tolist())
    if not any(isinstance(one, Value) for one in arguments):
        arguments[0] = make.given(0)
    settings = {"op": node.op, "attr": {key: graph_json.attribute(one) for key, one in node.attributes.items()}}
    record = {"class_name": "TensorFlowOpLayer", "name": node.name, "config": {"node_def": settings}}
    call = rules.Call(around, record, node.name, arguments, {}, rules.Held([], node.name))
    with of(node.name):  # as of a layer: each of its settings may be of another kind
        found = table[node.op].function(call)
    return list(found) if isinstance(found, (list, tuple)) else found
