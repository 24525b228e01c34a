"""The messages of protobuf of which a Graph keeps the bytes: their fields by number, and their names in JSON.

core/framework/node_def.proto, function.proto, op_def.proto and full_type.proto.
"""
from typing import NamedTuple

# core/framework/full_type.proto
FULL_TYPES = {0: "UNSET", 1: "VAR", 2: "ANY", 3: "PRODUCT", 4: "NAMED", 20: "FOR_EACH", 100: "CALLABLE", 200: "BOOL",
              201: "UINT8", 202: "UINT16", 203: "UINT32", 204: "UINT64", 205: "INT8", 206: "INT16", 207: "INT32",
              208: "INT64", 209: "HALF", 210: "FLOAT", 211: "DOUBLE", 212: "COMPLEX64", 213: "COMPLEX128",
              214: "STRING", 215: "BFLOAT16", 1000: "TENSOR", 1001: "ARRAY", 1002: "OPTIONAL", 1003: "LITERAL",
              1004: "ENCODED", 1005: "SHAPE_TENSOR", 10102: "DATASET", 10103: "RAGGED", 10104: "ITERATOR",
              10202: "MUTEX_LOCK", 10203: "LEGACY_VARIANT"}


class Field(NamedTuple):
    """A field of a message: its name in JSON, its type, and whether it is "one", a "list" or a "map" by text."""
    name: str
    type: str
    count: str = "one"


# By the name of the message
MESSAGES = {
    "NodeDef": {6: Field("experimentalDebugInfo", "DebugInfo"), 7: Field("experimentalType", "FullType")},
    "DebugInfo": {1: Field("originalNodeNames", "string", "list"), 2: Field("originalFuncNames", "string", "list")},
    "FullType": {1: Field("typeId", "FullTypeId"), 2: Field("args", "FullType", "list"), 3: Field("s", "string"),
                 4: Field("i", "int64")},
    "FunctionDef": {1: Field("signature", "OpDef"), 5: Field("attr", "AttrValue", "map"),
                    6: Field("controlRet", "string", "map"), 7: Field("argAttr", "ArgAttrs", "map"),
                    8: Field("resourceArgUniqueId", "int32", "map")},
    "ArgAttrs": {1: Field("attr", "AttrValue", "map")},
    "OpDef": {1: Field("name", "string"), 2: Field("inputArg", "ArgDef", "list"),
              3: Field("outputArg", "ArgDef", "list"), 4: Field("attr", "AttrDef", "list"),
              5: Field("summary", "string"), 6: Field("description", "string"),
              16: Field("isAggregate", "bool"), 17: Field("isStateful", "bool"), 18: Field("isCommutative", "bool"),
              19: Field("allowsUninitializedInput", "bool"), 20: Field("controlOutput", "string", "list"),
              21: Field("isDistributedCommunication", "bool")},
    "ArgDef": {1: Field("name", "string"), 2: Field("description", "string"), 3: Field("type", "DataType"),
               4: Field("typeAttr", "string"), 5: Field("numberAttr", "string"), 6: Field("typeListAttr", "string"),
               7: Field("handleData", "Handle", "list"), 16: Field("isRef", "bool"),
               17: Field("experimentalFullType", "FullType")},
    "AttrDef": {1: Field("name", "string"), 2: Field("type", "string"), 3: Field("defaultValue", "AttrValue"),
                4: Field("description", "string"), 5: Field("hasMinimum", "bool"), 6: Field("minimum", "int64"),
                7: Field("allowedValues", "AttrValue")},
    "Handle": {1: Field("dtype", "DataType"), 2: Field("shape", "Shape")},
}
