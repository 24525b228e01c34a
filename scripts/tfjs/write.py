"""A Keras model -> TensorFlow.js, as a layers model where its layers suffice, else as a graph model of the whole.

    write(model, directory)                      auto: the layers format where every output is what Keras computes
    write(model, directory, format="graph")      the graph format, which has an operation for nearly everything
"""
from typing import List, NamedTuple, Optional

from ..base.fault import Fault
from ..layers import outputs, topology
from ..layers.model import Model
from ..wire.target import AUTO, GRAPH, LAYERS, SHARD_SIZE, Quantize
from . import write_layers
from .passes import keras2, refusal
from .refusals import Refused

TRIALS = 8  # sets of outputs that are lowered to find some that need nothing that cannot be


class Written(NamedTuple):
    """A model that has been written.

    names    of its files, the json first
    format   "layers" or "graph"
    outputs  names of its outputs in TensorFlow.js
    why      what decided for a graph model; "" where the user did, and for a layers model
    """

    names: List[str]
    format: str
    outputs: List[str]
    why: str = ""


def write(model: Model, directory: str, json_name: str = "model.json", shard_size: int = SHARD_SIZE,
          quantize: Quantize = None, format: str = AUTO) -> Written:
    """Write `model` to the empty `directory`.

    json_name, shard_size, quantize   as in write_layers.write
    format   "layers", "graph", or "auto": a layers model where TensorFlow.js's layers compute every output
    Raises Fault where the format cannot hold what the model computes: one line that names the layer and a remedy.
    """
    why: Optional[Fault] = None
    if format != GRAPH:
        try:
            ready = keras2(model)
        except Fault as fault:
            if format == LAYERS:
                raise Fault(f"{fault}{remedy(model)}")
            why = fault
        else:
            names = write_layers.write(model, directory, json_name, shard_size, quantize, ready)
            source = topology.graph(model.topology, model.keras_major)
            return Written(names, LAYERS, [outputs.spelling(source, ref) for ref in source.outputs])
    from .. import lower
    from ..operations import told
    from . import write_graph
    try:
        lowered = lower.lower(model)
    except lower.NotLowered as fault:
        raise advised(model, fault)
    lowered.graph.made_by = f"keras v{model.keras_version}"
    inputs = dict(zip(input_names(model), lowered.graph.inputs))
    texts = [dict(text, input=inputs[text["input"]]) for text in model.texts if text["input"] in inputs]
    names = write_graph.write(lowered.graph, directory, json_name, shard_size, quantize,
                              told.metadata(lowered.outputs, lowered.layers, texts))
    return Written(names, GRAPH, lowered.graph.outputs, reason(why) if why else "")


def input_names(model: Model) -> List[str]:
    """The names of a model's inputs, in their order."""
    return [ref.layer for ref in topology.graph(model.topology, model.keras_major).inputs]


def remedy(model: Model) -> str:
    """The advice after a refusal of the layers format: the graph format, if that takes the whole model."""
    from .. import lower
    try:
        lower.lower(model)
    except Fault:
        return ""
    return '; the graph format takes it: --format graph (in models.toml format = "graph")'


def reason(fault: Fault) -> str:
    """Why the layers format did not do: the first layer and its reason, without advice."""
    layers = fault.layers if isinstance(fault, refusal.Outputs) else {}
    found = next(iter(layers.values()), fault)
    return found.without_remedy() if isinstance(found, Refused) else str(found)


def outermost(source: topology.Graph, path: str) -> str:
    """The layer of the graph that a path, "encoder/attention", leads to; its own name may hold slashes."""
    parts = path.split("/")
    heads = ["/".join(parts[:count]) for count in range(len(parts), 0, -1)]
    return next((head for head in heads if head in source.layers), heads[-1])


def advised(model: Model, fault: Fault) -> Fault:
    """The refusal with those of the outputs that can be converted together, which have been tried."""
    from .. import lower
    source = topology.graph(model.topology, model.keras_major)
    spelled = [outputs.spelling(source, ref) for ref in source.outputs]
    named = model.output_names if model.output_names and len(model.output_names) == len(spelled) else spelled
    free, found = list(range(len(spelled))), fault
    for _ in range(TRIALS):
        spoilt = refusal.dependents(source, [outermost(source, found.path)])
        free = [place for place in free if source.outputs[place][:2] not in spoilt]
        if not free:
            return Fault(f"{fault}; every output needs it")
        part = outputs.prune(source, [source.outputs[place] for place in free])
        record = topology.record_of(part, model.topology["class_name"] if model.topology["class_name"] != "Sequential"
                                    else "Functional", model.keras_major)
        try:
            lower.lower(model.replaced(record, {name: own for name, own in model.weights.items()
                                                if name in part.layers}))
            return Fault(f"{fault}; outputs that do without it: "
                         f"{outputs.listing([named[place] for place in free])}")
        except lower.NotLowered as other:
            found = other
        except Fault:
            break
    return Fault(f"{fault}; no other outputs can be converted")
