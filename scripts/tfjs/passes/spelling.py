"""Layers in the spelling of Keras 2 that every TensorFlow.js reads; those that it does not have are refused.

What changes from Keras 3: batch_shape, DTypePolicy, silu, functions as records, module and registered_name.  What
changes from any Keras: dtypes, and what says only how a layer is trained.
"""
from collections import OrderedDict
from typing import Any, Tuple

from ...layers import kinds
from ...layers.kinds.operations import OfOperation
from ...layers.spelling import ARRAYS
from ...layers.topology import Layer, is_model
from .. import refusals
from ..supported import CLASSES, IDLE, INITIALIZERS, LAYERS
from . import activation
from .draft import Draft, Maskless, Record, each_layer

KERAS3_ONLY = frozenset("""module registered_name build_config compile_config quantization_config lora_rank
    lora_alpha optional""".split())
DTYPES = {"float16": "float32", "bfloat16": "float32", "float64": "float32", "mixed_float16": "float32",
          "mixed_bfloat16": "float32", "int64": "int32", "uint8": "int32", "int8": "int32", "int16": "int32"}


# Numbers of a Constant that model.json holds, some 4 MB; formats/json_text.py reads none of a topology of 16 MB
MOST_NUMBERS = 200000


@each_layer
def as_keras_2(draft: Draft, layer: Layer) -> Layer:
    """Spell the layer, and the models and layers in it; what stands for an operation is left to a later pass."""
    if draft.is_operation(layer):
        return layer
    record, behind = layer.record, activation.of_layer(layer.record)
    if behind is None:
        return Layer(layer_record(record, draft), layer.calls)
    record = layer_record(OrderedDict(record, config=OrderedDict(record["config"], activation="linear")), draft)
    record["config"]["activation"] = layer_record(behind, draft)  # a later pass puts it behind
    return Layer(record, layer.calls)


def layer_record(record: Record, draft: Draft) -> Record:
    """The record of one layer or nested model.  Raises Fault if TensorFlow.js cannot compute it."""
    name, config = record["class_name"], record["config"]
    if is_model(record):
        try:
            result = OrderedDict(draft.converted(record))
        except refusals.Refused as fault:
            raise fault.inside(Layer(record).name)
    else:
        reason = refusals.refusal(record, draft.major)
        if reason:
            raise refusals.Refused(Layer(record).name, name, reason)
        if name in IDLE:
            config = {"name": Layer(record).name, "trainable": True, "dtype": "float32", "activation": "linear"}
        result = OrderedDict([("class_name", CLASSES.get(name, name)), ("config", spelled(config, draft))])
        if name in IDLE and name not in kinds.passing(draft.major) or isinstance(config, OfOperation):
            result["config"] = Maskless(result["config"])
    for key, value in record.items():
        if key not in ("class_name", "config") and (draft.major < 3 or key == "name"):
            result[key] = value
    return result


def spelled(config: Record, draft: Draft) -> Record:
    """A layer's config, with what is nested in it."""
    result: Record = OrderedDict()
    separable = "depthwise_initializer" in config and "pointwise_initializer" in config
    for key, value in config.items():
        if draft.major >= 3 and key in KERAS3_ONLY or separable and key.startswith("kernel_") and key != "kernel_size":
            continue  # Keras 2 leaves a SeparableConv2D's kernel_initializer in, TensorFlow.js refuses it
        if draft.major >= 3 and key == "batch_shape":
            key = "batch_input_shape"
        elif draft.major >= 3 and key == "negative_slope" and "max_value" not in config:  # LeakyReLU
            key = "alpha"
        result[key] = setting(key, value, draft)
    return result


def setting(key: str, value: Any, draft: Draft) -> Any:
    """The value of one setting; key: its name, "" for an item of a list."""
    if key == "dtype":
        if isinstance(value, dict):  # a DTypePolicy or Policy
            value = value.get("config", {}).get("name", "float32")
        return DTYPES.get(value, value)
    if isinstance(value, list):
        return [setting("", item, draft) for item in value]
    if isinstance(value, dict):
        return object_setting(key, value, draft)
    return "swish" if value == "silu" and "activation" in key else value


def object_setting(key: str, value: Record, draft: Draft) -> Any:
    """The same for a value that is a dict: mostly the record of an object, {"class_name": …, "config": …}."""
    if value.get("class_name") == "__tuple__":
        return [setting("", item, draft) for item in value.get("items", [])]
    if "class_name" not in value or "config" not in value:
        return spelled(value, draft)
    if value["class_name"] in ARRAYS:
        return value["config"]["value"]
    name = CLASSES.get(value["class_name"], value["class_name"])
    if name == "function":  # Keras 3's spelling of an activation
        return setting(key, value["config"], draft)
    if key.endswith(("regularizer", "constraint", "initializer")):
        return for_training(key, name, value, draft)
    if isinstance(value["config"], dict) and (name in LAYERS or draft.major >= 3):
        if is_model(value) or name in LAYERS:
            return layer_record(value, draft)
        return OrderedDict([("class_name", name), ("config", spelled(value["config"], draft))])
    return dict(value, class_name=name)


def numbers(value: Any) -> int:
    """The count of numbers in a setting."""
    if isinstance(value, (dict, list)):
        return sum(map(numbers, value.values() if isinstance(value, dict) else value))
    return int(not isinstance(value, str))


def known_to_all(name: str, value: Record) -> Tuple[str, Record]:
    """(Class, record) of an initializer that TensorFlow.js 1.0.0 knows too, of the same distribution."""
    config = value["config"]
    if name == "LeCunUniform":
        name, config = "VarianceScaling", OrderedDict([("scale", 1.0), ("mode", "fan_in"), ("distribution", "uniform"),
                                                       ("seed", config.get("seed"))])
    elif name == "VarianceScaling" and config.get("distribution") not in ("normal", "uniform", None):
        config = OrderedDict(config, distribution="normal")  # truncated where Keras says so alone: tfjs-layers always
    return name, dict(value, config=config)


def for_training(key: str, name: str, value: Record, draft: Draft) -> Any:
    """An initializer, regularizer or constraint: nothing outside of training, but TensorFlow.js has to load it."""
    if key == "activity_regularizer":
        return None  # TensorFlow.js refuses to call a layer that has one
    if key.endswith("regularizer"):
        if name not in ("L1", "L2", "L1L2"):
            return None
        return {"class_name": "L1L2", "config": dict({"l1": 0.0, "l2": 0.0}, **value["config"])}
    if key.endswith("constraint"):
        return None  # TensorFlow.js changes weights by it as it loads them (LayerVariable.write)
    # The weights are there: what made them is not needed
    if name not in INITIALIZERS or name == "Constant" and numbers(value["config"]) > MOST_NUMBERS:
        return {"class_name": "Zeros", "config": {}}
    if isinstance(value["config"], dict):
        name, value = known_to_all(name, value)
    if isinstance(value["config"], dict) and draft.major >= 3:
        return OrderedDict([("class_name", name), ("config", spelled(value["config"], draft))])
    return dict(value, class_name=name)
