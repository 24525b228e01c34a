"""The types of an operation's outputs, by its name and attributes."""
from typing import List, Optional, Sequence

from .graph import Node, Spec

OPEN = "DT_FLOAT"  # the type where an operation does not tell
BOOLS = set("""Less LessEqual Greater GreaterEqual Equal NotEqual LogicalAnd LogicalOr LogicalNot IsNan IsInf IsFinite
    All Any LoopCond""".split())
TOLD = {"Cast": "DstT", "Shape": "out_type", "ShapeN": "out_type", "Size": "out_type", "ArgMax": "output_type",
        "ArgMin": "output_type", "Range": "Tidx", "Gather": "Tparams", "GatherV2": "Tparams", "GatherNd": "Tparams",
        "TensorListStack": "element_dtype", "TensorListGetItem": "element_dtype",
        "TensorListGather": "element_dtype", "TensorListConcatV2": "element_dtype", "Fill": "T",
        "LookupTableFind": "Tout", "LookupTableFindV2": "Tout"}
WHOLE = {"Shape", "ShapeN", "Size", "Rank", "ArgMax", "ArgMin"}
RESOURCES = {"TensorArrayV3": ["DT_RESOURCE", "DT_FLOAT"], "TensorListReserve": ["DT_VARIANT"],
             "TensorListFromTensor": ["DT_VARIANT"], "TensorListSetItem": ["DT_VARIANT"],
             "EmptyTensorList": ["DT_VARIANT"], "TensorListPushBack": ["DT_VARIANT"],
             "TensorArrayWriteV3": ["DT_FLOAT"], "TensorArrayScatterV3": ["DT_FLOAT"],
             "TensorArraySizeV3": ["DT_INT32"], "TensorListLength": ["DT_INT32"], "Where": ["DT_INT64"],
             "NonMaxSuppressionV2": ["DT_INT32"], "NonMaxSuppressionV3": ["DT_INT32"],
             "NonMaxSuppressionV4": ["DT_INT32", "DT_INT32"],
             "NonMaxSuppressionV5": ["DT_INT32", "DT_FLOAT", "DT_INT32"], "Merge": ["T", "DT_INT32"],
             "TopKV2": ["T", "DT_INT32"], "Unique": ["T", "DT_INT32"], "MaxPoolWithArgmax": ["T", "DT_INT64"],
             "RFFT": ["DT_COMPLEX64"], "DecodeJpeg": ["DT_UINT8"], "DecodePng": ["DT_UINT8"], "DecodeBmp": ["DT_UINT8"],
             "Switch": ["T", "T"], "Split": ["T"], "SplitV": ["T"], "Unpack": ["T"]}


def types(node: Node, inputs: Sequence[Optional[Spec]]) -> List[str]:
    """Return the types of a node's outputs; the last stands for those after it."""
    if node.op in BOOLS:
        return ["DT_BOOL"]
    first = inputs[0].dtype if inputs and inputs[0] is not None else OPEN
    told = node.value(TOLD.get(node.op, ""), None) or node.value("T", None) or node.value("dtype", None)
    if node.op in RESOURCES:
        own = told if isinstance(told, str) else first
        return [own if one == "T" else one for one in RESOURCES[node.op]]
    if node.op in WHOLE and not isinstance(node.value(TOLD.get(node.op, ""), None), str):
        return ["DT_INT32"]
    several = node.value("T", None) or node.value("Tout", None)
    if isinstance(several, list) and several and node.op not in TOLD:
        return [one if isinstance(one, str) else OPEN for one in several]
    return [told if isinstance(told, str) else first]
