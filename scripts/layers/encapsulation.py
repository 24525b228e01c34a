"""Multi-output models: a Model and the names of layers -> a Model that has these layers as its outputs.

The guide's section 2 and 3 without Keras: the topology gets new outputs, layers that no output needs are left out,
and the weights stay.  The result is in the dialect of its source, and that Keras loads it.
"""
from collections import OrderedDict
from typing import Any, Dict, List, Optional, Sequence, Union

from ..base.fault import Fault
from . import complex_numbers, features, masks, open_sizes, operators, outputs, topology, variables, words
from .kinds.operations import is_hidden, is_operation
from .model import Model
from .order import layer_order
from .references import Ref
from .topology import Graph

Sizes = List[Optional[int]]
Shape = Union[None, Sizes, List[Sizes], Dict[str, Sizes]]  # as outputs.fix_input_shape takes it
ADAM = {"class_name": "Adam", "config": {"name": "Adam", "learning_rate": 0.001, "beta_1": 0.9, "beta_2": 0.999,
                                         "epsilon": 1e-07, "amsgrad": False}}


def encapsulate(model: Model, layers: Optional[Sequence[str]] = None, input_shape: Shape = None) -> Model:
    """Return a Model whose outputs are `layers`, in that order (default: every layer but inputs).

    layers: names as in layers.outputs.  input_shape: sizes that the model leaves open, without the batch size.
    Raises Fault for names that are not there, for weights that contradict the topology, and where it has none.
    """
    major = model.keras_major
    if major not in (2, 3):
        raise Fault(f"the model was saved by Keras {model.keras_version}; Keras 2 and 3 are known: load and save it "
                    "with Keras 2 first")
    source = topology.graph(with_input_shape(model.topology, input_shape), major)
    stray = [name for name, own in model.weights.items() if own and name not in source.layers]
    if stray:
        raise Fault(f"there are weights for a layer {stray[0]!r} that the topology does not have")
    if major >= 3:
        masks.without(source)
    source = features.opened(source, major)
    records = [layer.record for layer in source.layers.values()]
    spoken = list(words.paths(records)) + list(features.paths(records))
    if input_shape is not None and not spoken:
        outputs.fix_input_shape(source, input_shape)
    weights = OrderedDict(model.weights)
    source = features.opened(with_outputs(source, layers, major, weights, spoken), major)
    names, texts = list(layers) if layers is not None else None, list(model.texts)
    if spoken:
        source, found, kept = begun(source, major, input_shape)
        names, texts = None if names is None else [names[place] for place in kept], texts + found
        weights.update((text["input"], []) for text in found)
    if major >= 3:
        operators.as_layers(source)
    order = layer_order(source)
    for name in order:
        if variables.is_known(source.layers[name].record):
            variables.named(source.layers[name].record, weights.get(name, []))
    kept = [name for name in order if not is_operation(source.layers[name].record, major) or major < 3]
    result = model.replaced(topology.record_of(source, model_class(model), major),
                            OrderedDict((name, weights.get(name, [])) for name in kept))
    result.training_config, result.output_names, result.texts = None, names, [
        text for text in texts if text["input"] in [ref.layer for ref in source.inputs]]
    if input_shape is not None:  # the sizes of nested models' inputs follow
        result.topology = open_sizes.told(result)
    return result


def begun(source: Graph, major: int, input_shape: Shape) -> words.Begun:
    """The graph after its layers of words, whose sizes `input_shape` then fixes."""
    found = words.begin(source, major)
    if not found.kept:
        raise Fault(f"{', '.join(text['input'] for text in found.texts)}: TensorSpace feeds no strings, so the model "
                    "begins after it; ask for other outputs")
    if input_shape is not None:
        outputs.fix_input_shape(found.source, input_shape)
    return found._replace(source=outputs.prune(found.source, found.source.outputs))


def with_outputs(source: Graph, layers: Optional[Sequence[str]], major: int, weights: Dict[str, list],
                 spoken: Sequence[str] = ()) -> Graph:
    """The graph with `layers` as its outputs, and no more than they need.

    A nested model that they look into, or that has one of the layers `spoken`, is opened; `weights` gets an entry for
    each of its layers then.
    """
    def opened(record: Dict[str, Any], name: str, renamed: Dict[str, str]) -> None:
        for inner, own in variables.shared_out(record, weights.pop(name, [])).items():
            if inner in renamed:
                weights[renamed[inner]] = own

    if layers is None and not spoken:
        return outputs.prune(source, every_output(source, major))
    source, known = outputs.open_models(source, list(layers or ()) + list(spoken), major, opened)
    return outputs.prune(source, every_output(source, major) if layers is None else
                         outputs.find(source, layers, known))


def every_output(source: Graph, major: int) -> List[Ref]:
    """Every layer but the inputs, as outputs.every_output has them, without what stands for no layer."""
    alone = masks.computing(source) if major >= 3 else complex_numbers.giving(source)

    def hidden(record: Dict[str, Any]) -> bool:
        return is_hidden(record, major) or topology.Layer(record).name in alone

    return outputs.every_output(source, hidden)


def with_input_shape(record: Dict[str, Any], shape: Shape) -> Dict[str, Any]:
    """The record of a model; a Sequential saved before it knew its input shape gets it from `shape`."""
    config = record.get("config")
    if shape is None or record.get("class_name") != "Sequential" or not topology.is_model(record):
        return record
    shapes = outputs.per_input(shape)
    if len(shapes) != 1:
        return record
    try:
        first = topology.inner_records(record)[0]
        if first["class_name"] != "InputLayer":
            topology.sequential_input(record)
        return record
    except Fault:
        config = dict(config) if isinstance(config, dict) else {"layers": config, "name": "sequential"}
        return dict(record, config=dict(config, build_input_shape=[None] + list(shapes[0])))


def model_class(model: Model) -> str:
    """The class name of a graph of layers in the Keras that wrote `model`: Functional from 2.4 on."""
    numbers = [int(part) for part in str(model.keras_version).split(".")[:2] if part.isdecimal()]
    return "Functional" if numbers >= [2, 4] else "Model"


def facts(model: Model) -> Dict[str, List[str]]:
    """The names that a multi-output Model shows: {"inputs": [names], "outputs": [names]}."""
    source = topology.graph(model.topology, model.keras_major)
    return {"inputs": [ref.layer for ref in source.inputs],
            "outputs": [outputs.spelling(source, ref) for ref in source.outputs]}


def training_config() -> Dict[str, Any]:
    """The guide's compile(optimizer="adam", loss="sparse_categorical_crossentropy"), for every output."""
    return {"loss": "sparse_categorical_crossentropy", "metrics": None, "weighted_metrics": None,
            "loss_weights": None, "optimizer_config": ADAM}
