"""Conditions of the table in refusals.py, as functions of a Case: when a layer is refused.

Each gives the facts that the row's texts name in braces, or None if TensorFlow.js computes what Keras does.
"""
from typing import Any, Callable, Dict, Iterator, List, NamedTuple, Optional

from ..layers import operators
from ..layers.kinds.sizes import overhangs, several
from .supported import ACTIVATIONS, CLASSES, LAYERS

Facts = Optional[Dict[str, Any]]


class Case(NamedTuple):
    """A layer that a rule is asked about.

    name    its class as TensorFlow.js calls it
    major   the Keras that it comes from: 2 or 3
    inputs  shapes of the inputs of one of its calls, as far as they are known; None where a rule is not asked for them
    """

    record: Dict[str, Any]
    name: str
    major: int
    inputs: Optional[List[List[Optional[int]]]] = None

    @property
    def config(self) -> Dict[str, Any]:
        """The layer's settings."""
        return self.record["config"]


def only(condition: Callable[[Case], Any]) -> Callable[[Case], Facts]:
    """The rule of a condition; the texts may name the layer's settings."""
    return lambda case: {key: case.config[key] for key in case.config} if condition(case) else None


def has(key: str, *values: Any) -> Callable[[Case], Facts]:
    """The rule of a setting that has one of the values; without values, any that says something."""
    return only(lambda case: case.config.get(key) in values if values else case.config.get(key))


def ones(value: Any) -> bool:
    """Whether a setting is 1 in each dimension."""
    return all(number == 1 for number in (value if isinstance(value, (list, tuple)) else [value]))


def channels_first(case: Case) -> bool:
    """Whether the channels stand before the image."""
    return case.config.get("data_format") == "channels_first"


def class_of(record: Any) -> Optional[str]:
    """The class of a layer within another one, as TensorFlow.js calls it."""
    return CLASSES.get(record.get("class_name"), record.get("class_name")) if isinstance(record, dict) else None


def lacking(case: Case) -> Facts:
    """A class that TensorFlow.js does not have, or has and cannot use, or that is the user's."""
    module = case.record.get("module")
    return None if case.name in LAYERS and (module is None or str(module).startswith("keras")) else {}


def registered(case: Case) -> Facts:
    """A class of the user's that is called like Keras's."""
    record = case.record
    own = "module" in record and record["module"] is None and record.get("registered_name")
    return {"own": record["registered_name"]} if own else None


def of_strings(case: Case) -> bool:
    """An input of strings."""
    return case.config.get("dtype") == "string"


def lone_number(case: Case) -> bool:
    """An input without dimensions behind the batch's."""
    shape = case.config.get("batch_input_shape", case.config.get("batch_shape"))
    return isinstance(shape, list) and len(shape) == 1


def activations(case: Case) -> Iterator[Any]:
    """The layer's activations: names, or the records of what is no function."""
    for key in ("activation", "recurrent_activation"):
        value = case.config.get(key)
        if isinstance(value, dict) and value.get("class_name") == "function" \
                and value.get("module") in (None, "builtins"):
            value = value.get("config")
        if value is not None and value != "silu":
            yield value


def activation_layer(case: Case) -> Facts:
    """An activation that is a layer, or the user's function."""
    return next(({"kind": value.get("class_name", "lambda")} for value in activations(case)
                 if isinstance(value, dict)), None)


def activation_of_keras_3(case: Case) -> Facts:
    """Keras 3 changed hard_sigmoid."""
    return {} if case.major >= 3 and "hard_sigmoid" in list(activations(case)) else None


def activation_lacking(case: Case) -> Facts:
    """A function that TensorFlow.js does not have."""
    return next(({"activation": repr(value)} for value in activations(case)
                 if not isinstance(value, dict) and value not in ACTIVATIONS), None)


def strides_larger(case: Case) -> bool:
    """Whether steps of a transposed convolution leave values between its kernels."""
    strides, sizes = [several(case.config.get(key, 1), 3) for key in ("strides", "kernel_size")]
    return case.config.get("padding") == "same" and any(stride > size for stride, size in zip(strides, sizes))


def axis_of_softmax(case: Case) -> bool:
    """Whether a Softmax's axis is certainly not the last."""
    axis = case.config.get("axis", -1)
    return not (type(axis) is int and axis >= -1)


def axes_of_dot(case: Case) -> bool:
    """Whether one axis is counted from the front and one from the back."""
    axes = case.config.get("axes")
    return isinstance(axes, list) and len({axis < 0 for axis in axes}) > 1


def wrapped_keepdims(case: Case) -> bool:
    """Whether the layer within keeps its dimensions."""
    inner = case.config.get("layer")
    return isinstance(inner, dict) and bool((inner.get("config") or {}).get("keepdims"))


# The settings of a recurrent layer that change what it computes
COMPUTED = ("units", "activation", "recurrent_activation", "use_bias", "reset_after", "filters", "kernel_size",
            "strides", "padding", "dilation_rate", "data_format")


def other_class_backward(case: Case) -> Facts:
    """Keras 2 writes no backward_layer where none was given, and makes it from the forward one, as TensorFlow.js."""
    layer, backward = case.config.get("layer"), case.config.get("backward_layer")
    if not isinstance(backward, dict) or class_of(backward) == class_of(layer):
        return None
    return {"kind": class_of(backward)}


def other_settings_backward(case: Case) -> Facts:
    """The settings in which the backward layer differs from the forward one."""
    layer, backward = case.config.get("layer"), case.config.get("backward_layer")
    differ = isinstance(backward, dict) and [
        key for key in COMPUTED if layer["config"].get(key) != backward["config"].get(key)]
    return {"differ": ", ".join(differ)} if differ else None


# When, of the shapes of a call's inputs

def along_another_axis(case: Case) -> Facts:
    """Not along the last axis: tfjs's cpu backend takes the statistics for those of the last axis (batchNorm4d)."""
    axis, rank = case.config.get("axis", -1), len(case.inputs[0])
    axis = axis[0] if isinstance(axis, list) and len(axis) == 1 else axis
    return {"axis": axis, "rank": rank} if axis not in (rank - 1, -1) else None


def more_dimensions(most: int) -> Callable[[Case], Facts]:
    """The rule of a layer that TensorFlow.js has for so many dimensions, the batch's too."""
    def when(case: Case) -> Facts:
        rank = max(map(len, case.inputs))
        return {"rank": rank, "most": most} if rank > most else None
    return when


def leaves_out_the_end(case: Case) -> Facts:
    """The padding in front is then below 0 (tfjs-core conv_util.get3DPadAndOutInfo)."""
    size = several(case.config.get("kernel_size", case.config.get("pool_size", 1)), 3)
    strides = several(case.config.get("strides") or size, 3)
    found = case.config.get("padding") == "same" and any(map(overhangs, case.inputs[0][1:-1], size, strides))
    return {} if found else None


def unlike_ranks(case: Case) -> Facts:
    """A layer broadcasts tensors of unlike rank differently from `a + b`."""
    ranks = operators.unlike_ranks(case.name, case.inputs)
    return {"ranks": ranks} if ranks else None
