"""Topologies in the Keras 2 dialect, which is what TensorFlow.js reads, and weights under its names.

What changes from Keras 3: batch_shape, DTypePolicy, calls as __keras_tensor__ arguments, functions between the
layers (`a + b`), masks as tensors, flat input_layers and output_layers, module and registered_name.
"""
import re
from collections import OrderedDict

from ..base.fault import Fault
from ..layers import shapes
from ..layers.kinds.operations import LAYER_OF, OfOperation, function_of, is_of_several, is_operation, settings_of
from ..layers.outputs import listing
from ..layers.references import flat_references, references
from ..layers.topology import (
    Layer,
    ancestors,
    graph,
    inner_records,
    input_layer,
    is_model,
    record_of,
    starts_with_a_node,
)
from ..layers.variables import named
from . import refusals
from .passes import execution, masks
from .passes.normalization import as_rescaling
from .supported import CLASSES, IDLE, INITIALIZERS, LAYERS

KERAS3_ONLY = frozenset("""module registered_name build_config compile_config quantization_config lora_rank
    lora_alpha optional""".split())
KERAS2 = "2.15.0"  # the last Keras whose dialect this is: what model.json says of a model of Keras 3
DTYPES = {"float16": "float32", "bfloat16": "float32", "float64": "float32", "mixed_float16": "float32",
          "mixed_bfloat16": "float32", "int64": "int32", "uint8": "int32", "int8": "int32", "int16": "int32"}


def keras2(model):
    """Return `model` in the dialect that every TensorFlow.js reads: topology in Keras 2's spelling, class
    "Model" for graphs of layers, weights under the names that TensorFlow.js gives its variables.

    Raises Fault naming layer, class and reason for what TensorFlow.js does not have.
    """
    topology, given = as_rescaling(model.topology, model.weights, model.keras_major)
    record = model_record(topology, model.keras_major)
    if record["class_name"] != "Sequential":
        ends = flat_references(record["config"]["output_layers"])
        if len(set(ends)) < len(ends):
            raise Fault("one tensor is two outputs of the model, which TensorFlow.js cannot compute: name each once")
    spoilt, shown = masks.refused(record, model.keras_major)
    if spoilt or shown:
        raise without(graph(record), spoilt, shown)
    weights = OrderedDict()
    inner = {Layer(layer).name: layer for layer in inner_records(record)}
    for name, own in given.items():
        if own and name not in inner:
            raise Fault(f"there are weights for a layer {name!r} that the topology does not have")
    for name, layer in inner.items():
        weights[name] = named(layer, given.get(name, []))
    result = model.replaced(record, weights)
    if model.keras_major >= 3:
        result.keras_version, result.training_config = KERAS2, None
    return result


# Topology --------------------------------------------------------------------------------------------------

def model_record(record, major):
    """The record of a model, nested ones included, in Keras 2's dialect.

    Raises Fault naming a layer that TensorFlow.js does not have, its class, and the outputs that do without it.
    """
    if record["class_name"] == "Sequential":
        config = record["config"]
        records = inner_records(record)
        if any(refusals.asked_of(layer, major) or layer["class_name"] == "Flatten" for layer in records):
            source, known = graph(record, major), {}
            for layer in source.layers.values():
                refusals.check(layer, source, major, known)
            records = [flattened(source.layers[Layer(layer).name], layer, source, major, known) for layer in records]
        layers = [entry for layer in records for entry in split(layer_record(layer, major))]
        if isinstance(config, list):
            return OrderedDict(record, config=layers)
        kept = OrderedDict((key, value) for key, value in config.items()
                           if major < 3 or key in ("name", "build_input_shape"))
        kept["layers"] = layers
        return OrderedDict([("class_name", "Sequential"), ("config", kept)])
    source = graph(record, major)
    if major >= 3:
        source = without_masks(source)
        needed = {name for name, _ in ancestors(source, source.outputs)}
        for name in [name for name, layer in source.layers.items() if name not in needed and not layer.is_input]:
            del source.layers[name]
    layers, refused, known = OrderedDict(), masks_as_tensors(source) if major >= 3 else OrderedDict(), {}
    for name, layer in source.layers.items():
        try:
            refusals.check(layer, source, major, known)
            given = flattened(layer, with_input(layer, source, major, known), source, major, known)
            entry = None if is_operation(given, major) else layer_record(given, major)
            calls = [keras2_call(layer, call, source.layers) for call in layer.calls]
            check_training(layer)
            entries = split(entry or operation(layer, calls, major))
        except Fault as fault:
            refused.setdefault(name, fault)
            continue
        for entry in entries:
            added = Layer(entry, calls)
            layers[added.name] = added
            calls = [[[added.name, node, 0, {}]] for node in range(len(calls))]
    if refused:
        raise without(source, refused)
    source.layers, source.shift = layers, {}
    lost = execution.lost(source)
    if lost:
        raise without(source, lost)
    if major >= 3:
        source.rest = OrderedDict([("name", source.rest.get("name"))])
    return record_of(source, "Model", 2)


def without(source, refused, shown=()):
    """The Fault to raise where layers are refused, {name: Fault}: the first one's, and the outputs that need none.
    shown: the like of layers of which only what they give themselves is refused, not what is made of it."""
    spoilt = dependents(source, refused)
    free = [ref.layer for ref in source.outputs if ref[:2] not in spoilt and ref.layer not in shown]
    reasons = list(refused.values()) or list(shown.values())
    return Fault("{}; {}".format(reasons[0], "outputs that do without it: " + listing(free)
                             if free else "every output needs it"))


def dependents(source, names):
    """Return the set of (layer name, call) of the layers `names` and of all that needs an output of theirs."""
    users = {}
    for name, layer in source.layers.items():
        for node, refs in enumerate(source.references(layer)):
            for ref in refs:
                users.setdefault(ref[:2], []).append((name, node))
    pending = [(name, node) for name in names for node in range(source.node_count(name))]
    found = set()
    while pending:
        call = pending.pop()
        if call not in found:
            found.add(call)
            pending += users.get(call, ())
    return found


def with_input(layer, source, major, known):
    """The layer's record; a nested Sequential that learnt its input shape when it was called, which TensorFlow.js
    cannot, gets an InputLayer.  TimeDistributed calls its layer without the second axis."""
    record = layer.record
    wrapped = layer.class_name == "TimeDistributed" and isinstance(layer.config.get("layer"), dict)
    inner = layer.config["layer"] if wrapped else record
    if inner.get("class_name") != "Sequential" or not is_model(inner) or starts_with_a_node(inner):
        return record
    if not known:
        known.update(shapes.of_graph(source, major))
    shape = known.get(source.references(layer)[0][0])
    if shape is None:
        return record
    shape = shape[:1] + shape[2:] if wrapped else shape
    start = input_layer(Layer(inner_records(inner)[0]).name + "_input", shape, major).record
    config = inner["config"] if isinstance(inner["config"], dict) else {"name": layer.name}
    inner = OrderedDict(inner, config=OrderedDict(config, layers=[start] + inner_records(inner)))
    return OrderedDict(record, config=OrderedDict(layer.config, layer=inner)) if wrapped else inner


def flattened(layer, record, source, major, known):
    """The layer's record; of a Flatten of (batch, size), which TensorFlow.js refuses, a Reshape to what it is."""
    if layer.class_name != "Flatten":
        return record
    if not known:
        known.update(shapes.of_graph(source, major))
    found = [known.get(refs[0]) if refs else None for refs in source.references(layer)]
    if not found or any(shape is None or len(shape) != 2 for shape in found):
        return record
    config = OrderedDict([("name", layer.name), ("trainable", True), ("dtype", "float32"),
                          ("target_shape", [found[0][1] if found[0][1] is not None else -1])])
    return OrderedDict([("class_name", "Reshape"), ("config", config), ("name", layer.name)])


def layer_record(record, major):
    """The record of one layer in Keras 2's dialect.  Raises Fault if TensorFlow.js cannot show it."""
    if is_model(record):
        result = OrderedDict(model_record(record, major))
    else:
        reason = refusals.refusal(record, major)
        if reason:
            raise Fault(refusals.line(Layer(record).name, record["class_name"], reason))
        if record["class_name"] in IDLE:
            record = OrderedDict(record, config={"name": Layer(record).name, "trainable": True, "dtype": "float32",
                                                 "activation": "linear"})
        result = OrderedDict([("class_name", CLASSES.get(record["class_name"], record["class_name"])),
                              ("config", config2(record["config"], major))])
    for key, value in record.items():
        if key not in ("class_name", "config") and (major < 3 or key == "name"):
            result[key] = value
    return result


def config2(config, major):
    """A layer's config, what is nested in it included, in Keras 2's dialect."""
    result = OrderedDict()
    separable = "depthwise_initializer" in config and "pointwise_initializer" in config
    for key, value in config.items():
        if major >= 3 and key in KERAS3_ONLY or separable and key.startswith("kernel_") and key != "kernel_size":
            continue  # Keras 2 leaves a SeparableConv2D's kernel_initializer in, TensorFlow.js refuses it
        if major >= 3 and key == "batch_shape":
            key = "batch_input_shape"
        elif major >= 3 and key == "negative_slope" and "max_value" not in config:  # LeakyReLU
            key = "alpha"
        result[key] = value2(key, value, major)
    return result


def value2(key, value, major):
    if key == "dtype":
        if isinstance(value, dict):  # a DTypePolicy or Policy
            value = value.get("config", {}).get("name", "float32")
        return DTYPES.get(value, value)
    if isinstance(value, list):
        return [value2("", item, major) for item in value]
    if not isinstance(value, dict):
        return "swish" if value == "silu" and "activation" in key else value
    if value.get("class_name") == "__tuple__":
        return [value2("", item, major) for item in value.get("items", [])]
    if "class_name" not in value or "config" not in value:
        return config2(value, major)
    if value["class_name"] == "__numpy__":
        return value["config"]["value"]
    name = CLASSES.get(value["class_name"], value["class_name"])
    if name == "function":  # Keras 3's spelling of an activation
        return value2(key, value["config"], major)
    if key == "activity_regularizer":
        return None  # TensorFlow.js refuses to call a layer that has one, and it does nothing outside training
    if key.endswith("regularizer"):
        if name not in ("L1", "L2", "L1L2"):
            return None
        return {"class_name": "L1L2", "config": dict({"l1": 0.0, "l2": 0.0}, **value["config"])}
    if key.endswith("constraint"):
        return None  # TensorFlow.js changes weights by it as it loads them (LayerVariable.write)
    if key.endswith("initializer") and name not in INITIALIZERS:  # the weights are there: what made them is not needed
        return {"class_name": "Zeros", "config": {}}
    if isinstance(value["config"], dict) and (name in LAYERS or major >= 3):
        if is_model(value) or name in LAYERS:
            return layer_record(value, major)
        return OrderedDict([("class_name", name), ("config", config2(value["config"], major))])
    return dict(value, class_name=name)


def split(record):
    """[record]; but global pooling that keeps its dimensions, which TensorFlow.js cannot, becomes pooling and
    layers that put them back: (C) -> RepeatVector (1, C) -> TimeDistributed(RepeatVector) (1, 1, C)."""
    config = record["config"]
    if not record["class_name"].startswith("Global") or not config.get("keepdims"):
        return [record]
    name, rank = config["name"], 2 if record["class_name"].endswith("2D") else 1
    pooling = OrderedDict((key, value) for key, value in config.items() if key != "keepdims")
    pooling["name"] = name + "_pooled"
    repeated = repeat_vector(name if rank == 1 else name + "_row")
    result = [OrderedDict(record, config=pooling, name=pooling["name"]), repeated]
    if rank == 2:
        result.append(OrderedDict([("class_name", "TimeDistributed"), ("config", OrderedDict([
            ("name", name), ("trainable", True), ("dtype", "float32"), ("layer", repeat_vector(name + "_column"))])),
            ("name", name)]))
    return result


def repeat_vector(name):
    config = OrderedDict([("name", name), ("trainable", True), ("dtype", "float32"), ("n", 1)])
    return OrderedDict([("class_name", "RepeatVector"), ("config", config), ("name", name)])


# Calls -----------------------------------------------------------------------------------------------------

def without_masks(source):
    """Take the masks out of a Keras 3 graph that come of themselves: from an Embedding(mask_zero=True) or a Masking
    layer Keras 3 writes `NotEqual` and `Any` nodes and hands them to the layers behind as mask=.  Keras and
    TensorFlow.js both compute them again, as far as it is the mask that the layer's input has."""
    carried = masks.carried(source)
    known = {}  # output of a NotEqual or Any -> what is compared

    def compared(ref):
        behind, answer = set(), None
        while answer is None and ref not in known:  # along a row of Any to the NotEqual that it begins with
            layer = source.layers[ref.layer]
            if ref in behind:
                raise Fault(f"layer {ref.layer!r} depends on its own output: the topology has a cycle")
            behind.add(ref)
            refs = [] if layer.is_input else references(layer.calls[ref.node], source.layers)
            if not refs or not is_operation(layer.record, 3) or layer.class_name not in ("NotEqual", "Any"):
                answer = False
            elif layer.class_name == "NotEqual":
                answer = refs[0]
            else:
                ref = refs[0]
        answer = known[ref] if answer is None else answer
        known.update((passed, answer) for passed in behind)
        return answer

    for layer in source.layers.values():
        for index, call in enumerate(layer.calls):
            keywords = call.get("kwargs") if isinstance(call, dict) else None
            given = references(keywords.get("mask"), source.layers) if keywords else []
            if given:
                inputs = references(call.get("args"), source.layers)
                if inputs and all(compared(ref) == carried.get(inputs[0]) for ref in given):
                    layer.calls[index] = dict(call, kwargs=dict(keywords, mask=None))
    return source


def masks_as_tensors(source):
    """Return {name of a layer: Fault} for masks that `without_masks` leaves."""
    return OrderedDict((name, Fault(f"layer {name!r} is called with a tensor as mask=, which TensorFlow.js cannot: a "
                                    "mask of "
                                    "merged ones, of another layer, or given by the caller"))
                       for name, layer in source.layers.items() for call in layer.calls
                       if isinstance(call, dict) and references((call.get("kwargs") or {}).get("mask"), source.layers))


def keras2_call(layer, call, names):
    """One call in Keras 2's spelling: [[layer, node, tensor, {}], …]."""
    if not isinstance(call, dict):
        if is_operation(layer.record, 2):  # ["a", 0, 0, {"y": ["b", 0, 0], "name": null}]
            return [[ref.layer, ref.node, ref.tensor, {}] for ref in references(call, names)]
        for keywords in [item[3] for item in call if isinstance(item, list) and len(item) == 4 and item[3]]:
            check_keywords(layer, keywords, names)
        return call
    keywords = dict(call.get("kwargs") or {})
    for key in ("training", "mask", "initial_state"):
        if keywords.get(key) is None or key == "training":
            keywords.pop(key, None)
    state = keywords.pop("initial_state", [])
    values = list(call.get("args") or []) + [keywords.pop(key) for key in ("inputs", "sequences") if key in keywords]
    check_keywords(layer, keywords, names)
    tensors = [[ref.layer, ref.node, ref.tensor, {}] for ref in references([values, state], names)]
    if not is_operation(layer.record, 3):
        return tensors
    if len(tensors) != len(flat(values)) or keywords:
        raise Fault(f"{layer.name!r} is the operation {layer.class_name} with a constant, which is no layer: "
                    "TensorFlow.js needs a layer there")
    return tensors


def check_keywords(layer, keywords, names):
    for key, value in keywords.items():
        if references(value, names):
            raise Fault(f"layer {layer.name!r} is called with a tensor as {key}=, which TensorFlow.js cannot")


def check_training(layer):
    """Raise a Fault if a call of Keras 2 asks for what the layer does in training alone."""
    asked = any(isinstance(item, list) and len(item) == 4 and item[3] and item[3].get("training")
                for call in layer.calls if not isinstance(call, dict) for item in call)
    if asked and not is_operation(layer.record, 2) and trains(layer.record):
        raise Fault(f"layer {layer.name!r} is called with training=True, and TensorFlow.js predicts without")


def trains(value):
    """Whether anything in a record computes otherwise in training.  (Keras 3 predicts without, whatever calls say.)"""
    if isinstance(value, list):
        return any(trains(item) for item in value)
    return isinstance(value, dict) and bool(
        re.search("BatchNormalization|Dropout|GaussianNoise|^Random", str(value.get("class_name")))
        or value.get("dropout") or value.get("recurrent_dropout") or any(trains(item) for item in value.values()))


def flat(value):
    if isinstance(value, list):
        return [item for inner in value for item in flat(inner)]
    return [value]


def operation(layer, calls, major):
    """The record of the layer that does what the operation `layer` (`a + b`, `a * b`) does."""
    function = function_of(layer.record)
    name = LAYER_OF.get(function)
    if name is None:
        raise Fault("{!r} is the operation {}, which is no layer: TensorFlow.js needs a layer "
                    "there".format(layer.name, layer.config.get("function", function)))
    for call in calls:
        if len(call) < 2 and is_of_several(name):
            raise Fault(f"{layer.name!r} is the operation {name} with a constant: TensorFlow.js needs a layer there")
    config = OfOperation([("name", layer.name), ("trainable", True), ("dtype", "float32")] + settings_of(layer.record))
    result = OrderedDict([("class_name", name), ("config", config), ("name", layer.name)])
    reason = refusals.refusal(result, major)
    if reason:
        raise Fault(refusals.line(layer.name, function, reason, operation=True))
    return result
