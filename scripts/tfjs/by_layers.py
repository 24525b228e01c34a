"""Operations that TensorFlow.js lacks and lower/ can compose: each becomes a layer of Keras 2, which lower/ lowers.

    MatrixInverse  ->  what a TensorFlowOpLayer of it is lowered to (scripts/lower/ops/, `rules.node`)
"""
from typing import Any, List, Union

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
    AdjustContrastv2 AdjustHue AdjustSaturation ApproxTopK BesselI0 BesselI0e BesselI1 BesselI1e BlockLSTM BlockLSTMV2
    Cholesky Conv3DBackpropInputV2 Cross CumulativeLogsumexp Diag DiagPart Digamma DynamicPartition DynamicStitch
    Erfinv ExtractVolumePatches GRUBlockCell HSVToRGB InTopK InTopKV2 InvertPermutation L2Loss LSTMBlockCell Lgamma
    LogMatrixDeterminant Lu MatrixDeterminant MatrixDiag MatrixDiagPart MatrixDiagPartV2 MatrixDiagPartV3 MatrixDiagV2
    MatrixDiagV3 MatrixInverse MatrixSetDiag MatrixSetDiagV2 MatrixSetDiagV3 MatrixSolve MatrixTriangularSolve
    MulNoNan Ndtri ParallelDynamicStitch Qr QuantizeAndDequantizeV2 QuantizeAndDequantizeV3 QuantizeAndDequantizeV4
    RGBToHSV ResizeArea ResizeBicubic ReverseSequence Roll ScaleAndTranslate SegmentMax SegmentMean SegmentMin
    SegmentProd SegmentSum SelfAdjointEigV2 SoftmaxCrossEntropyWithLogits SparseReduceSum
    SparseSegmentMeanWithNumSegments SparseSegmentSqrtN SparseSegmentSqrtNWithNumSegments
    SparseSegmentSumWithNumSegments SparseSoftmaxCrossEntropyWithLogits SparseTensorDenseMatMul Svd TensorScatterAdd
    TensorScatterMax TensorScatterMin TensorScatterSub UniqueWithCounts UniqueWithCountsV2 UnravelIndex
    UnsortedSegmentMax UnsortedSegmentMin UnsortedSegmentProd UnsortedSegmentSum Xdivy Xlog1py Xlogy
    """.split())

# TensorFlow.js 1.0.0, which TensorSpace holds, lacks these, and does not heed an attribute of others
LATER = frozenset("""BroadcastTo Dilation2D DivNoNan IsFinite IsInf IsNan MirrorPad SparseFillEmptyRows SparseReshape
    SparseSegmentMean SparseSegmentSum""".split())
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
        arguments.append(sizes(make, place) if held is None or held.size > SMALL else held.tolist())
    if not any(isinstance(one, Value) for one in arguments):
        arguments[0] = make.given(0)
    settings = {"op": node.op, "attr": {key: graph_json.attribute(one) for key, one in node.attributes.items()}}
    record = {"class_name": "TensorFlowOpLayer", "name": node.name, "config": {"node_def": settings}}
    call = rules.Call(around, record, node.name, arguments, {}, rules.Held([], node.name))
    with of(node.name):  # as of a layer: each of its settings may be of another kind
        found = table[node.op].function(call)
    found = list(found) if isinstance(found, (list, tuple)) else [found]
    there = {one.index for other in make.graph.nodes.values() for one in other.inputs if one.node == node.name} | {0}
    if any(place < len(found) and found[place].tensor is None and found[place].weight is None for place in there):
        raise Fault(f"{node.name} has outputs that are not computed")
    return found if len(found) > 1 else found[0]


def sizes(make: Remaking, place: int) -> Union[Value, List[Any]]:
    """Return an input of the operation; where it is a vector of sizes, of which some are known, these as they are."""
    found, told = make.given(place), make.told.values(make.input(place)) if make.told is not None else None
    if told is None or told.ndim != 1 or found.dtype != "int32" or all(one is None for one in told):
        return found
    return [make.at(found, 0, at) if one is None else int(one) for at, one in enumerate(told)]
