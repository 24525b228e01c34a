"""Types that layers compute with: their setting dtype, which is a name or a policy of Keras's."""
import math
from typing import Any

from ..emit import Value
from ..layers import kinds
from ..layers.kinds.operations import is_operation
from .rules import Call

# Classes of Keras 3 that take what they are given (layer.py: autocast, _convert_input_args, input_dtype)
AS_GIVEN = frozenset("""LayerNormalization GroupNormalization Embedding StringLookup TextVectorization Hashing
    IntegerLookup HashedCrossing RandomCrop CategoryEncoding Pipeline Discretization""".split())
REMEDY = "build it with dtype='float32'"


def type_of(call: Call) -> str:
    """The type that a layer computes with: of "mixed_float16", {"config": {"name": "int32"}} or "int32"."""
    given = call.config.get("dtype") if isinstance(call.config, dict) else None
    if isinstance(given, dict):
        given = (given.get("config") or {}).get("name")
    return str(given or "float32")


def is_whole(call: Call) -> bool:
    """Whether the layer computes with whole numbers.  Raises a refusal for those that are kept in few bits."""
    name = type_of(call)
    if "float" in name or name == "string":
        return False
    if name not in ("int32", "int64"):
        call.refuse(f"it computes with dtype={name}, which TensorFlow.js does not", REMEDY)
    return True


def settled(call: Call, x: Value) -> Value:
    """A tensor in the type that the layer computes with."""
    return call.b.cast(x, "int32" if is_whole(call) else "float32")


def truncated(call: Call, number: float) -> float:
    """A setting in the type that the layer computes with."""
    return float(math.trunc(number)) if is_whole(call) else number


def convert(call: Call) -> None:
    """Change the floats among the arguments of a layer of Keras 3 to what it computes with (layer.py: __call__)."""
    if "float" not in type_of(call) and not is_operation(call.record, 3) \
            and kinds.canonical(call.kind) not in AS_GIVEN:
        call.args, call.kwargs = changed(call, call.args), changed(call, call.kwargs)


def changed(call: Call, given: Any) -> Any:
    """Floats, in lists and dicts too, in the layer's type."""
    if isinstance(given, Value):
        return settled(call, given).masked(given.mask) if given.dtype == "float32" else given
    if isinstance(given, dict):
        return {key: changed(call, item) for key, item in given.items()}
    return [changed(call, item) for item in given] if isinstance(given, (list, tuple)) else given
