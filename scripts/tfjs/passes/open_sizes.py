"""Sizes that an input leaves open (None) and that TensorFlow.js must know to make a later layer."""
from ...base.fault import Fault
from ...layers import kinds, open_sizes
from ...layers.topology import Layer
from .draft import Draft, each_layer


@each_layer
def check(draft: Draft, layer: Layer) -> Layer:
    """Refuse a layer whose input has such a size; what the weights tell is no longer open (layers/open_sizes.py)."""
    record, steps = layer.record, 0
    while record["class_name"] == "TimeDistributed":
        record, steps = record["config"]["layer"], steps + 1
    if record["class_name"] == "Bidirectional":
        record = record["config"]["layer"]
    if kinds.of(record) is None or not open_sizes.asks(record):
        return layer
    for shape in draft.input_shapes(layer):
        if shape is None:
            continue
        shape = shape[:1] + shape[1 + steps:]
        if any(-len(shape) <= axis < len(shape) and axis and shape[axis] is None
               for axis in open_sizes.needed(record, len(shape))):
            sizes = ", ".join("?" if size is None else str(size) for size in shape[1:])
            raise Fault(f"layer {layer.name!r} is a {record['class_name']} of ({sizes}), of which TensorFlow.js must "
                        "know the size: give the input's (--input-shape, or input_shape in models.toml)")
    return layer
