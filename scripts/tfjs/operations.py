"""The operations of TensorFlow.js's graph models, by the first version that has them.

Taken from the op lists of @tensorflow/tfjs-converter 1.0.0 and 4.22.0 (src/operations/op_list/*.ts, which both
dist/tf.min.js hold); tests/unit/test_graphs.py reads them there again.
"""
from collections import OrderedDict

from ..base.fault import Fault
from ..operations.graph import Graph

OLDEST, NEWEST = "1.0.0", "4.22.0"
# By category, as the converter has them; * : not in 1.0.0
CATEGORIES = {
    "arithmetic": """Add AddN AddV2* BiasAdd Div DivNoNan* FloorDiv FloorMod Maximum Minimum Mod Mul Pow RealDiv
        SquaredDifference Sub""",
    "basic_math": """Abs Acos Acosh Asin Asinh Atan Atan2 Atanh Ceil ClipByValue Complex* ComplexAbs* Cos Cosh Elu Erf
        Exp Expm1 Floor Imag* IsFinite* IsInf* IsNan* LeakyRelu Log Log1p Neg Prelu* Real* Reciprocal Relu Relu6 Round
        Rsqrt Selu Sigmoid Sign Sin Sinh Softplus Sqrt Square Tan Tanh""",
    "control": """EmptyTensorList* Enter Exit If* LoopCond Merge NextIteration StatelessIf* StatelessWhile* Switch
        TensorArrayCloseV3 TensorArrayConcatV3 TensorArrayGatherV3 TensorArrayReadV3 TensorArrayScatterV3
        TensorArraySizeV3 TensorArraySplitV3 TensorArrayV3 TensorArrayWriteV3 TensorListConcat* TensorListConcatV2*
        TensorListFromTensor* TensorListGather* TensorListGetItem* TensorListLength* TensorListPopBack*
        TensorListPushBack* TensorListReserve* TensorListResize* TensorListScatter* TensorListScatterV2*
        TensorListSetItem* TensorListSplit* TensorListStack* While*""",
    "convolution": """AvgPool AvgPool3D* Conv1D Conv2D Conv2DBackpropInput Conv3D* DepthwiseConv2d
        DepthwiseConv2dNative Dilation2D* FusedDepthwiseConv2dNative* MaxPool MaxPool3D* MaxPoolWithArgmax*
        _FusedConv2D*""",
    "creation": """Fill LinSpace Multinomial* OneHot Ones OnesLike RandomStandardNormal* RandomUniform
        RandomUniformInt* Range TruncatedNormal Zeros ZerosLike""",
    "dynamic": """ListDiff NonMaxSuppressionV2 NonMaxSuppressionV3 NonMaxSuppressionV4* NonMaxSuppressionV5* Where""",
    "evaluation": """LowerBound* TopKV2 Unique* UniqueV2* UpperBound*""",
    "graph": """Const FakeQuantWithMinMaxVars Identity IdentityN* NoOp Placeholder PlaceholderWithDefault Print Rank
        Shape ShapeN Size Snapshot StopGradient""",
    "hash_table": """HashTable* HashTableV2* InitializeTable* InitializeTableV2* LookupTableFind* LookupTableFindV2*
        LookupTableImport* LookupTableImportV2* LookupTableSize* LookupTableSizeV2*""",
    "image": """CropAndResize ImageProjectiveTransformV3* ResizeBilinear ResizeNearestNeighbor""",
    "logical": """BitwiseAnd* Equal Greater GreaterEqual Less LessEqual LogicalAnd LogicalNot LogicalOr NotEqual
        Select SelectV2*""",
    "matrices": """BatchMatMul BatchMatMulV2* Einsum* MatMul MatrixBandPart* Transpose _FusedMatMul*""",
    "normalization": """EuclideanNorm* FusedBatchNorm FusedBatchNormV2 FusedBatchNormV3* LRN LogSoftmax Softmax""",
    "reduction": """All Any ArgMax ArgMin Bincount* Cumprod* Cumsum* DenseBincount* Max Mean Min Prod Sum""",
    "slice_join": """Concat ConcatV2 Gather GatherNd GatherV2 Pack Reverse ReverseV2 ScatterNd Slice SparseToDense
        Split SplitV StridedSlice TensorScatterUpdate* Tile Unpack""",
    "sparse": """SparseFillEmptyRows* SparseReshape* SparseSegmentMean* SparseSegmentSum*""",
    "spectral": """FFT IFFT IRFFT RFFT""",
    "string": """StaticRegexReplace* StringNGrams* StringSplit* StringToHashBucketFast*""",
    "transformation": """BatchToSpaceND BroadcastArgs* BroadcastTo* Cast DepthToSpace EnsureShape* ExpandDims
        MirrorPad* Pad PadV2 Reshape SpaceToBatchND Squeeze"""}
SINCE = {name.rstrip("*"): NEWEST if name.endswith("*") else OLDEST
         for names in CATEGORIES.values() for name in names.split()}


def check(graph: Graph) -> None:
    """Raise a Fault for operations of a graph, and of its functions, that TensorFlow.js does not have."""
    missing = OrderedDict((node.op, node.name) for node in graph.every_node() if node.op not in SINCE)
    parsed = [op for op in missing if op.startswith("Parse")]
    if parsed:
        raise Fault(f"TensorFlow.js has no {parsed[0]} ({missing[parsed[0]]}): the graph takes serialized examples "
                    "(tf.train.Example) with sparse features; save it with inputs that are tensors (an estimator: with "
                    "build_raw_serving_input_receiver_fn), or ask for outputs that do without these features")
    drawn = [op for op in missing if op.startswith("Stateless") and "Random" in op]
    if missing:
        names = ", ".join(f"{op} ({name})" for op, name in missing.items())
        remedy = "ask for outputs before it" if not drawn else \
            "the model was saved with its random layers at work: save it without them (they are idle in the .keras " \
            "of model.save), or ask for outputs before them"
        raise Fault(f"TensorFlow.js has no {names}; {remedy}")
