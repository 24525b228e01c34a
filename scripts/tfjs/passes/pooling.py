"""Global pooling that keeps its dimensions, which TensorFlow.js cannot, is pooling and layers that put them back."""
from collections import OrderedDict
from typing import List

from ...layers.topology import Layer
from .draft import Draft, Record


def split(draft: Draft) -> Draft:
    """(C) -> RepeatVector (1, C) -> TimeDistributed(RepeatVector) (1, 1, C); the last one has the layer's name."""
    layers = OrderedDict()
    for layer in draft.layers.values():
        calls = layer.calls
        for record in records(layer.record):
            added = Layer(record, calls)
            layers[added.name] = added
            calls = [[[added.name, node, 0, {}]] for node in range(len(calls))]
    draft.layers = layers
    return draft


def records(record: Record) -> List[Record]:
    """The records of the layers, one behind the other, that compute what the layer `record` does."""
    config = record["config"]
    if not record["class_name"].startswith("Global") or not config.get("keepdims"):
        return [record]
    name, rank = config["name"], 2 if record["class_name"].endswith("2D") else 1
    pooling = OrderedDict((key, value) for key, value in config.items() if key != "keepdims")
    pooling["name"] = name + "_pooled"
    result = [OrderedDict(record, config=pooling, name=pooling["name"]),
              repeat_vector(name if rank == 1 else name + "_row")]
    if rank == 2:
        column = OrderedDict([("name", name), ("trainable", True), ("dtype", "float32"),
                              ("layer", repeat_vector(name + "_column"))])
        result.append(OrderedDict([("class_name", "TimeDistributed"), ("config", column), ("name", name)]))
    return result


def repeat_vector(name: str) -> Record:
    config = OrderedDict([("name", name), ("trainable", True), ("dtype", "float32"), ("n", 1)])
    return OrderedDict([("class_name", "RepeatVector"), ("config", config), ("name", name)])
