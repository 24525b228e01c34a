"""Operations among the layers of a model: `a + b`, keras.ops.relu(x), and those by which Keras 3 computes masks.

Keras 3 writes them as nodes of their own class, of a module of keras.ops in a .keras archive and of none in an h5.
Keras 2 writes a TFOpLambda, Keras before 2.4 a TensorFlowOpLayer.
"""
from collections import OrderedDict
from typing import Any, Dict, List, Optional, Tuple

from . import merging
from .kind import KINDS, Config, Shape, row

# Classes that stand for an operation: Keras 2.4 - 2.15, and before
LAMBDAS, OP_LAYER = ("TFOpLambda", "SlicingOpLambda"), "TensorFlowOpLayer"
FUNCTIONS = LAMBDAS + (OP_LAYER,)
# The layer that does what an operation does: keras.ops, TFOpLambda's functions, TensorFlowOpLayer's operations
LAYER_OF = {"Add": "Add", "Multiply": "Multiply", "Maximum": "Maximum", "Minimum": "Minimum",
            "add": "Add", "multiply": "Multiply", "mul": "Multiply", "maximum": "Maximum", "minimum": "Minimum",
            "AddV2": "Add", "Mul": "Multiply", "Softmax": "Softmax", "Concatenate": "Concatenate"}
OF_CONSTANT = ("Subtract", "Divide", "TrueDivide")  # of Keras 3: a layer does them where one operand is a constant
# Operations of Keras 3 that have the setting `dtype`, which else only a layer has
OF_DTYPE = frozenset("""Arange Array Cast ConvertToTensor Cumprod Cumsum EmptyLike Full FullLike Geomspace Linspace
    Logspace MultiHot Nancumprod Nancumsum OneHot OnesLike Prod SaturateCast View ZerosLike""".split())
KEPT = {"Softmax": ("axis",), "Concatenate": ("axis",)}  # settings of the operations of Keras 3


def named(record: Dict[str, Any]) -> str:
    """The class of a node; of one of FUNCTIONS the function ("math.add"), or the operation, that its config names."""
    if record["class_name"] in LAMBDAS:
        return str(record["config"].get("function", ""))
    return str(record["config"]["node_def"].get("op")) if record["class_name"] == OP_LAYER else record["class_name"]


def function_of(record: Dict[str, Any]) -> str:
    """The name of the function that a node stands for, without its module."""
    return named(record).split(".")[-1] if record["class_name"] in LAMBDAS else named(record)


def is_operation(record: Dict[str, Any], major: int) -> bool:
    """Whether the node is an operation (`a + b`) and no layer.

    Keras 2 has a class for all of them.  Keras 3 names the module in a .keras archive, {"module": "keras.src.ops.nn",
    "class_name": "Softmax"}.  An h5 holds no module; but the config of each layer of Keras 3 says whether the layer is
    trained (keras 3 layers/layer.py: get_config), or at least its dtype (SpatialDropout2D), and the config of an
    operation that is called like a layer says neither; those of OF_DTYPE are called like none.
    """
    name, config = record["class_name"], record["config"]
    if major < 3:
        return name in FUNCTIONS
    if "module" in record:
        return str(record["module"]).startswith(("keras.src.ops", "keras.ops"))
    shown = {"trainable", "layers"} if name in OF_DTYPE else {"trainable", "dtype", "layers"}
    return name in FUNCTIONS or isinstance(config, dict) and not shown & set(config)


def is_hidden(record: Dict[str, Any], major: int) -> bool:
    """Whether the node is an operation that no layer does, like those by which Keras 3 computes masks."""
    return is_operation(record, major) and record["class_name"] not in FUNCTIONS + OF_CONSTANT + tuple(LAYER_OF)


def settings_of(record: Dict[str, Any]) -> List[Tuple[str, Any]]:
    """[(key, value)] of an operation's config that the layer in LAYER_OF needs too."""
    return [(key, record["config"][key]) for key in KEPT.get(record["class_name"], ()) if key in record["config"]]


def is_of_several(name: str) -> bool:
    """Whether the layer `name` in LAYER_OF takes a list of tensors."""
    return KINDS[name].family == "merging"


def broadcast(config: Config, inputs: List[Shape], nested: Any) -> List[Optional[Shape]]:
    """The shape of `a + b` in Keras 2, as far as it is what a layer does."""
    kind = LAMBDAS[0] if "function" in config else OP_LAYER
    known = function_of({"class_name": kind, "config": config}) in LAYER_OF
    return merging.broadcast(config, inputs, nested) if known and len(inputs) > 1 else [None]


row("operations", " ".join(FUNCTIONS), shape=broadcast, variables=None, outputs=lambda config, count: None)


class OfOperation(OrderedDict):
    """The config of a layer that stands for an operation: what comes of `a + b` has no mask in any Keras."""
