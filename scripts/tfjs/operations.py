"""The operations of TensorFlow.js's graph models, by the first version that has them, with the number of their inputs.

The names are those of the op lists of @tensorflow/tfjs-converter 1.0.0 and 4.22.0 (src/operations/op_list/*.ts, which
dist/tf.min.js of each version holds).  The numbers of inputs are those of TensorFlow's OpDefs (core/ops/*.cc).
tests/unit/test_graphs.py compares both with their sources.
"""
import re
from collections import OrderedDict
from typing import Dict, NamedTuple

from ..base.fault import Fault
from ..operations.graph import Graph, Node

OLDEST, NEWEST = "1.0.0", "4.22.0"
# By category, as the converter has them; * : not in 1.0.0; /2 : two inputs, and no control inputs; /2+ : two or more
CATEGORIES = {
    "arithmetic": """Add/2 AddN/1+ AddV2*/2 BiasAdd/2 Div/2 DivNoNan*/2 FloorDiv/2 FloorMod/2 Maximum/2 Minimum/2
        Mod/2 Mul/2 Pow/2 RealDiv/2 SquaredDifference/2 Sub/2""",
    "basic_math": """Abs/1 Acos/1 Acosh/1 Asin/1 Asinh/1 Atan/1 Atan2/2 Atanh/1 Ceil/1 ClipByValue/3 Complex*/2
        ComplexAbs*/1 Cos/1 Cosh/1 Elu/1 Erf/1 Exp/1 Expm1/1 Floor/1 Imag*/1 IsFinite*/1 IsInf*/1 IsNan*/1
        LeakyRelu/1 Log/1 Log1p/1 Neg/1 Prelu*/2 Real*/1 Reciprocal/1 Relu/1 Relu6/1 Round/1 Rsqrt/1 Selu/1
        Sigmoid/1 Sign/1 Sin/1 Sinh/1 Softplus/1 Sqrt/1 Square/1 Tan/1 Tanh/1""",
    "control": """EmptyTensorList*/2 Enter/1 Exit/1 If*/1+ LoopCond/1 Merge/1+ NextIteration/1 StatelessIf*/1+
        StatelessWhile*/1+ Switch/2 TensorArrayCloseV3/1 TensorArrayConcatV3/2 TensorArrayGatherV3/3
        TensorArrayReadV3/3 TensorArrayScatterV3/4 TensorArraySizeV3/2 TensorArraySplitV3/4 TensorArrayV3/1
        TensorArrayWriteV3/4 TensorListConcat*/1 TensorListConcatV2*/3 TensorListFromTensor*/2 TensorListGather*/3
        TensorListGetItem*/3 TensorListLength*/1 TensorListPopBack*/2 TensorListPushBack*/2 TensorListReserve*/2
        TensorListResize*/2 TensorListScatter*/3 TensorListScatterV2*/4 TensorListSetItem*/3 TensorListSplit*/3
        TensorListStack*/2 While*/1+""",
    "convolution": """AvgPool/1 AvgPool3D*/1 Conv1D/2 Conv2D/2 Conv2DBackpropInput/3 Conv3D*/2 DepthwiseConv2d/2
        DepthwiseConv2dNative/2 Dilation2D*/2 FusedDepthwiseConv2dNative*/2+ MaxPool/1 MaxPool3D*/1
        MaxPoolWithArgmax*/1 _FusedConv2D*/2+""",
    "creation": """Fill/2 LinSpace/3 Multinomial*/2 OneHot/4 Ones/1 OnesLike/1 RandomStandardNormal*/1
        RandomUniform/1 RandomUniformInt*/3 Range/3 TruncatedNormal/1 Zeros/1 ZerosLike/1""",
    "dynamic": """ListDiff/2 NonMaxSuppressionV2/4 NonMaxSuppressionV3/5 NonMaxSuppressionV4*/5
        NonMaxSuppressionV5*/6 Where/1""",
    "evaluation": """LowerBound*/2 TopKV2/2 Unique*/1 UniqueV2*/2 UpperBound*/2""",
    "graph": """Const/0 FakeQuantWithMinMaxVars/3 Identity/1 IdentityN*/1+ NoOp/0 Placeholder/0
        PlaceholderWithDefault/1 Print/1+ Rank/1 Shape/1 ShapeN/1+ Size/1 Snapshot/1 StopGradient/1""",
    "hash_table": """HashTable*/0 HashTableV2*/0 InitializeTable*/3 InitializeTableV2*/3 LookupTableFind*/3
        LookupTableFindV2*/3 LookupTableImport*/3 LookupTableImportV2*/3 LookupTableSize*/1 LookupTableSizeV2*/1""",
    "image": """CropAndResize/4 ImageProjectiveTransformV3*/4 ResizeBilinear/2 ResizeNearestNeighbor/2""",
    "logical": """BitwiseAnd*/2 Equal/2 Greater/2 GreaterEqual/2 Less/2 LessEqual/2 LogicalAnd/2 LogicalNot/1
        LogicalOr/2 NotEqual/2 Select/3 SelectV2*/3""",
    "matrices": """BatchMatMul/2 BatchMatMulV2*/2 Einsum*/1+ MatMul/2 MatrixBandPart*/3 Transpose/2 _FusedMatMul*/2+""",
    "normalization": """EuclideanNorm*/2 FusedBatchNorm/5 FusedBatchNormV2/5 FusedBatchNormV3*/5 LRN/1 LogSoftmax/1
        Softmax/1""",
    "reduction": """All/2 Any/2 ArgMax/2 ArgMin/2 Bincount*/3 Cumprod*/2 Cumsum*/2 DenseBincount*/3 Max/2 Mean/2
        Min/2 Prod/2 Sum/2""",
    "slice_join": """Concat/2+ ConcatV2/2+ Gather/2 GatherNd/2 GatherV2/3 Pack/1+ Reverse/2 ReverseV2/2 ScatterNd/3
        Slice/3 SparseToDense/4 Split/2 SplitV/3 StridedSlice/4 TensorScatterUpdate*/3 Tile/2 Unpack/1""",
    "sparse": """SparseFillEmptyRows*/4 SparseReshape*/3 SparseSegmentMean*/3 SparseSegmentSum*/3""",
    "spectral": """FFT/1 IFFT/1 IRFFT/2 RFFT/2""",
    "string": """StaticRegexReplace*/1 StringNGrams*/2 StringSplit*/2 StringToHashBucketFast*/1""",
    "transformation": """BatchToSpaceND/3 BroadcastArgs*/2 BroadcastTo*/2 Cast/1 DepthToSpace/1 EnsureShape*/1
        ExpandDims/2 MirrorPad*/2 Pad/2 PadV2/3 Reshape/2 SpaceToBatchND/3 Squeeze/1"""}


class Operation(NamedTuple):
    """An operation of TensorFlow.js: the first version that has it, its least number of inputs, whether more may be."""
    since: str
    inputs: int
    more: bool


def table() -> Dict[str, Operation]:
    """Return {name: Operation} of CATEGORIES."""
    found = {}
    for words in " ".join(CATEGORIES.values()).split():
        name, _, count = words.partition("/")
        found[name.rstrip("*")] = Operation(NEWEST if name.endswith("*") else OLDEST, int(count.rstrip("+")),
                                            count.endswith("+"))
    return found


TABLE = table()
WINDOWS = frozenset(re.findall(r"\w+(?=\*?/)", CATEGORIES["convolution"])) - {"Conv1D"}
SINCE = {name: one.since for name, one in TABLE.items()}


# How operations are called that no graph model can hold, and the words about them
TOLD = [
    (("Parse",), "the graph takes serialized examples (tf.train.Example) with sparse features; save it with inputs "
     "that are tensors (build_raw_serving_input_receiver_fn), or ask for outputs without them"),
    (("XlaCallModule",), "it is JAX's own code, compiled; save the model as an ONNX file (jax2onnx: docs/onnx.md), "
     "or by jax2tf.convert(..., native_serialization=False) if this JAX still has that"),
    (("BoostedTrees", "SimpleML", "TensorForest"), "it is a forest of decision trees, which has no layers; train a "
     "model of layers (tf.estimator.DNNClassifier), or ask for outputs without it"),
    (("Quantized", "QuantizeV2"), "the graph computes with numbers of 8 bits; convert it as it was before TensorFlow's "
     "transform quantize_nodes, and quantize it here (quantize), or ask for outputs before it"),
    (("AsString", "SparseCross", "StringToHashBucket"), "it hashes a column of categories, and TensorFlow.js has no "
     "such hashes; take categorical_column_with_identity, or ask for outputs without it"),
    (("QueueDequeue", "IteratorGetNext", "ReaderRead"), "the graph takes its inputs from a queue or a data set, "
     "which its program fills; save it with a placeholder there, or ask for outputs without it")]


def check(graph: Graph) -> None:
    """Raise a Fault for operations of a graph, and of its functions, that TensorFlow.js does not have."""
    missing = OrderedDict((node.op, node.name) for node in graph.every_node() if node.op not in SINCE)
    for beginnings, words in TOLD:
        found = [op for op in missing if op.startswith(beginnings)]
        if found:
            raise Fault(f"TensorFlow.js has no {found[0]} ({missing[found[0]]}): {words}")
    drawn = [op for op in missing if op.startswith("Stateless") and "Random" in op]
    if missing:
        names = ", ".join(f"{op} ({name})" for op, name in missing.items())
        remedy = "ask for outputs before it" if not drawn else \
            "the model was saved with its random layers at work: save it without them (they are idle in the .keras " \
            "of model.save), or ask for outputs before them"
        raise Fault(f"TensorFlow.js has no {names}; {remedy}")
    for node in graph.every_node():
        wrong = damage(node)
        if wrong:
            raise Fault(f"operation {node.name} is a {node.op} {wrong}: the graph is damaged; make it again, or "
                        "ask for outputs before it")


def damage(node: Node) -> str:
    """Return the words about an operation that TensorFlow.js cannot run: one with too few or too many inputs, or whose
    windows have no steps; else ""."""
    _, least, more = TABLE[node.op]
    count, told = len(node.inputs), node.value("N")
    if more and type(told) is int:  # of the inputs that are a list
        least, more = told + (node.op in ("Concat", "ConcatV2")), False
    if count < least or count > least and not more:
        return f"with {count} input{'' if count == 1 else 's'}, and takes {least}{' or more' if more else ''}"
    for key in ("strides", "ksize") if node.op in WINDOWS else ():
        sizes = node.value(key, [1] * 4 if key == "ksize" and "Pool" not in node.op else None)
        if not isinstance(sizes, list) or len(sizes) < 4 or not all(type(size) is int and size > 0 for size in sizes):
            return f"without its {key}"
    return ""
