"""Graph: the layers of a model and their calls, each layer with its record as the source spelt it."""
from typing import Any, Dict, Iterable, List, Mapping, Optional

from .records import MODELS, Record
from .references import Ref, references


def is_model(record: Record) -> bool:
    """Whether a record is that of a nested model (a custom class of that name has no layers)."""
    config = record.get("config")
    return record.get("class_name") in MODELS and (isinstance(config, list) or "layers" in (config or {}))


class Layer:
    """One layer of a graph.

    record  dict, the layer as its source spells it, without "inbound_nodes"
    calls   list with one entry per call, each as its source spells it (references in place)
    """

    def __init__(self, record: Record, calls: Iterable[Any] = ()) -> None:
        self.record = record
        self.calls = list(calls)

    @property
    def class_name(self) -> str:
        """The name of the layer's class, "Conv2D"."""
        return self.record["class_name"]

    @property
    def config(self) -> Any:
        """The layer's settings: a dict; a list for a Sequential of Keras before 2.2.3."""
        return self.record["config"]

    @property
    def name(self) -> str:
        """The layer's name, which is its own within a model."""
        return self.record.get("name") or self.config["name"]

    @property
    def is_input(self) -> bool:
        """Whether the layer is an InputLayer."""
        return self.class_name == "InputLayer"

    @property
    def is_model(self) -> bool:
        """Whether the layer is a nested model."""
        return is_model(self.record)


class Graph:
    """A model: its layers by name, and the outputs of theirs that are the model's inputs and outputs.

    layers   OrderedDict: name -> Layer, in the order of the source
    inputs   list of Ref        outputs  list of Ref
    rest     dict, the other settings in the model's config (name, trainable, …)
    shift    dict: name of a nested model -> calls that its source counts before the first (see topology.graph)
    """

    def __init__(self, layers: Dict[str, Layer], inputs: List[Ref], outputs: List[Ref], rest: Record,
                 shift: Optional[Mapping[str, int]] = None) -> None:
        self.shift = dict(shift or ())
        self.kept: Any = None  # see order.depths
        self.layers = layers
        self.inputs = inputs
        self.outputs = outputs
        self.rest = rest

    def references(self, layer: Layer) -> List[List[Ref]]:
        """Return a list with one list of Refs per call of `layer`, in the order in which Keras walks them."""
        return [references(call, self.layers) for call in layer.calls]

    def node_count(self, name: str) -> int:
        """Return the number of calls of a layer; an input counts as called once."""
        return 1 if self.layers[name].is_input else len(self.layers[name].calls)
