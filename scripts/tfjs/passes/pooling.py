"""Global pooling with keepdims, which TensorFlow.js lacks, becomes pooling and layers that restore the dimensions."""
from collections import OrderedDict
from typing import List

from ...layers.topology import Layer
from .draft import Draft, Record, added_record, each_split


@each_split
def split(draft: Draft, layer: Layer) -> List[Record]:
    """(C) -> RepeatVector (1, C) -> TimeDistributed(RepeatVector) (1, 1, C)."""
    record, config = layer.record, layer.config
    if not layer.class_name.startswith("Global") or not config.get("keepdims"):
        return [record]
    name = layer.name
    pooling = OrderedDict((key, value) for key, value in config.items() if key != "keepdims")
    pooling["name"] = draft.free(name + "_pooled")
    result = [OrderedDict(record, config=pooling, name=pooling["name"])]
    if layer.class_name.endswith("1D"):
        return result + [added_record("RepeatVector", name, n=1)]
    column = added_record("RepeatVector", name + "_column", n=1)
    return result + [added_record("RepeatVector", draft.free(name + "_row"), n=1),
                     added_record("TimeDistributed", name, layer=column)]
