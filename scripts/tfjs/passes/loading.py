"""Sizes as TensorFlow.js infers them while it loads a layers model, and the layers that it then refuses to make.

TensorFlow.js takes an open size after a Cropping2D for 0.  It infers no size of a Reshape to -1 if the batch is open,
and no sum of an open size and a known one.  It does not concatenate an open size with a known one.  The rules are
those of tfjs-layers 1.0.0 - 4.22.0: computeOutputShape and build in layers/convolutional.js, core.js, embeddings.js
and merge.js.
"""
from collections import OrderedDict
from typing import Any, Callable, Dict, List, Optional, Set

from ...base.fault import Fault
from ...layers import kinds, open_sizes, shapes
from ...layers.topology import Layer, graph, inner_records, is_model
from .draft import Draft, Record
from .refusal import refusal

Shape = shapes.Shape
# Raised for damaged data
WRONG = (Fault, KeyError, IndexError, TypeError, ValueError, AttributeError, ZeroDivisionError, OverflowError)
MERGES = kinds.merges()


def check(draft: Draft) -> Draft:
    """Write sizes in place of -1 into Reshapes where the outermost model does not load without.

    Raises Fault where it does not load with them either.
    """
    record = draft.record()
    if draft.is_nested or not may_differ(record) or not refused(record):
        return draft
    targets = told(record)
    for name, layer in list(draft.layers.items()):
        draft.layers[name] = Layer(resolved(layer.record, targets), layer.calls)
    record = draft.record()
    found = refused(record)
    if found:
        raise refusal(draft, graph(record), found)
    return draft


def may_differ(record: Record) -> bool:
    """Whether a size is open in a model, an input's or a Reshape's, or a batch is fixed: else all sizes are Keras's."""
    pending: List[Any] = [record]
    while pending:
        value = pending.pop()
        if isinstance(value, dict):
            shape, target = value.get("batch_input_shape"), value.get("target_shape")
            if isinstance(shape, list) and (shape[:1] != [None] or None in shape[1:]) \
                    or isinstance(target, list) and (-1 in target or None in target):
                return True
            value = value.values()
        pending += [item for item in value if isinstance(item, (dict, list))]
    return False


def refused(record: Record) -> Dict[str, Fault]:
    """{name of a layer of the model `record`, in Keras 2's dialect: why TensorFlow.js does not make it}."""
    loading = Loading(any(open_sizes.open_shapes(record)))
    loading.make(record)
    return loading.found


class Once(shapes.Nested):
    """A walk through a model in Keras 2's dialect that goes once through each nested model for each shape."""

    def __init__(self) -> None:
        super().__init__(2)
        self.done: Dict[Any, List[Optional[Shape]]] = {}

    def layer(self, record: Record, inputs: shapes.Inputs) -> List[Optional[Shape]]:
        """The shapes of a layer's outputs."""
        if not is_model(record):
            return super().layer(record, inputs)
        key = id(record), repr(inputs)
        if key not in self.done:
            self.done[key] = super().layer(record, inputs)
        return self.done[key]


class Loading(Once):
    """Follows the sizes that TensorFlow.js tells.

    found  {name of a layer of the outermost model: Fault}, of the layers that are not made
    """

    def __init__(self, is_open: bool) -> None:
        super().__init__()
        self.is_open, self.found, self.path = is_open, OrderedDict(), []
        self.made: Set[int] = set()  # ids of records: of layers that have weights or have been called, of models

    def make(self, record: Record) -> None:
        """Make a model from the shapes that it declares."""
        self.made.add(id(record))
        try:
            source = graph(record)
            shapes.walk(source, shapes.steps(source), None, self)
        except WRONG:  # damaged: the line comes from what reads it in earnest
            pass

    def layer(self, record: Record, inputs: shapes.Inputs) -> List[Optional[Shape]]:
        """The shapes of a layer's outputs, after what TensorFlow.js looks at."""
        self.path.append(Layer(record).name)
        try:
            if is_model(record) and id(record) not in self.made:
                self.make(record)
            return super().layer(record, inputs)
        finally:
            self.path.pop()

    def rule(self, record: Record) -> Optional[Callable[..., List[Optional[Shape]]]]:
        """The rule of a class, TensorFlow.js's where it is another than Keras's."""
        return RULES.get(record["class_name"]) or super().rule(record)

    def meets(self, record: Record, inputs: shapes.Inputs) -> None:
        """Note a layer that is not made of such inputs."""
        first = id(record) not in self.made
        self.made.add(id(record))
        try:
            if None not in inputs and not is_model(record) and not fit(record, inputs, first):
                self.found.setdefault(self.path[0], self.fault(record, inputs))
        except WRONG:
            pass

    def fault(self, record: Record, inputs: shapes.Inputs) -> Fault:
        """The line about the layer at the end of the path."""
        sizes = " and ".join("({})".format(", ".join("?" if unknown(size) else str(size) for size in shape[1:]))
                             for shape in inputs)
        remedy = "give the input's (--input-shape, or input_shape in models.toml)" if self.is_open else \
            "build the model with one batch size, or without, and with numbers in place of -1"
        return Fault(f"layer {'/'.join(self.path)!r} is a {record['class_name']} of {sizes}, of which TensorFlow.js "
                     f"must know the size: {remedy}")


def unknown(size: Optional[int]) -> bool:
    """Whether TensorFlow.js takes a size for an open one."""
    return size is None or size < 0


# What is looked at ------------------------------------------------------------------------------------------

def fit(record: Record, inputs: List[Shape], first: bool) -> bool:
    """Whether TensorFlow.js makes a layer of such inputs.  first: whether this is the layer's first call."""
    name, config = record["class_name"], record["config"]
    if name in FITS:
        return FITS[name](config, inputs, first)
    axes = open_sizes.needed(record, len(inputs[0])) if kinds.of(record) else []
    sizes = (inputs[0][axis] for axis in axes)  # one after the other: the first that does not fit decides
    return all(size > 0 if size is not None else not first for size in sizes)


def adds_up(config: Dict[str, Any], inputs: List[Shape], first: bool) -> bool:
    """A merge, at every call."""
    return merged(inputs) is not None


def flattens(config: Dict[str, Any], inputs: List[Shape], first: bool) -> bool:
    """A Flatten, at every call: all sizes are told."""
    return None not in inputs[0][1:]


def joins(config: Dict[str, Any], inputs: List[Shape], first: bool) -> bool:
    """A Concatenate: all other sizes are the same, open or not."""
    return not first or len({tuple(without(shape, config.get("axis", -1))) for shape in inputs}) == 1


def multiplies(config: Dict[str, Any], inputs: List[Shape], first: bool) -> bool:
    """A Dot: the sizes at its axes are the same, open or not; it looks at none where the first axis is negative."""
    axes = config["axes"]
    one, other = axes if isinstance(axes, list) else [axes, axes]
    return not first or one < 0 and isinstance(axes, list) or inputs[0][one] == inputs[1][other]


def without(shape: Shape, axis: int) -> Shape:
    """A shape without one of its sizes."""
    return [size for place, size in enumerate(shape) if place != axis % len(shape)]


# Rules that are not Keras's ---------------------------------------------------------------------------------

def merged(inputs: List[Shape]) -> Optional[Shape]:
    """The shape of `inputs` added up, size by size from the last; None where TensorFlow.js refuses to."""
    batches = {shape[0] for shape in inputs} - {None}
    result = inputs[0][1:]
    for shape in inputs[1:]:
        longer, shorter = sorted([result, shape[1:]], key=len, reverse=True)
        start = len(longer) - len(shorter)
        if any(not unknown(a) and not unknown(b) and a != b and 1 not in (a, b)
               for a, b in zip(longer[start:], shorter)):
            return None
        result = longer[:start] + [None if unknown(a) or unknown(b) else b if a == 1 else a
                                   for a, b in zip(longer[start:], shorter)]
    return [batches.pop() if batches else None] + result if len(batches) < 2 else None


def cropped(config: Dict[str, Any], inputs: List[Shape], nested: Any) -> List[Shape]:
    """Rows and columns that are open are 0, and then less."""
    start = 2 if config.get("data_format") == "channels_first" else 1
    shape = [0 if size is None and start <= place < start + 2 else size for place, size in enumerate(inputs[0])]
    return kinds.find("Cropping2D").shape(config, [shape], nested)


def padded(config: Dict[str, Any], inputs: List[Shape], nested: Any) -> List[Shape]:
    """Less than no rows or columns are open."""
    shape = inputs[0][:1] + [None if unknown(size) else size for size in inputs[0][1:]]
    return kinds.find("ZeroPadding2D").shape(config, [shape], nested)


def reshaped(config: Dict[str, Any], inputs: List[Shape], nested: Any) -> List[Shape]:
    """A size of -1 is told where all sizes of the input are, the batch's too."""
    if any(map(unknown, inputs[0])):
        return [inputs[0][:1] + [None if unknown(size) else size for size in config["target_shape"]]]
    return kinds.find("Reshape").shape(config, inputs, nested)


def embedded(config: Dict[str, Any], inputs: List[Shape], nested: Any) -> List[Shape]:
    """The setting input_length says what is open."""
    given, shape = config.get("input_length"), list(inputs[0])
    lengths = given if isinstance(given, list) else [given]
    if len(lengths) == len(shape) - 1:
        shape[1:] = [length if size is None else size for size, length in zip(shape[1:], lengths)]
    return [shape + [config["output_dim"]]]


RULES: Dict[str, Callable] = {"Cropping2D": cropped, "ZeroPadding2D": padded, "Reshape": reshaped,
                              "Embedding": embedded}
RULES.update((name, lambda config, inputs, nested: [merged(inputs)]) for name in MERGES)
FITS: Dict[str, Callable[[Dict[str, Any], List[Shape], bool], bool]] = dict(
    dict.fromkeys(MERGES, adds_up), Flatten=flattens, Concatenate=joins, Dot=multiplies)


# Reshapes to -1 ---------------------------------------------------------------------------------------------

class Told(Once):
    """Notes what Keras makes of the shapes of a model.

    found  {id of a Reshape's config: the shapes of its outputs}
    """

    def __init__(self) -> None:
        super().__init__()
        self.found: Dict[int, List[Optional[Shape]]] = {}

    def layer(self, record: Record, inputs: shapes.Inputs) -> List[Optional[Shape]]:
        """The shapes of a layer's outputs, those of a Reshape noted."""
        result = super().layer(record, inputs)
        if record["class_name"] == "Reshape":
            self.found.setdefault(id(record["config"]), []).append(result[0])
        return result


def told(record: Record) -> Dict[int, List[int]]:
    """{id of a Reshape's config: its target in numbers}, where all its calls tell the same one, in a model."""
    notes, source = Told(), graph(record)
    shapes.walk(source, shapes.steps(source), None, notes)
    return {place: found[0][1:] for place, found in notes.found.items()
            if found[0] is not None and None not in found[0][1:] and all(
                shape is not None and shape[1:] == found[0][1:] for shape in found)}


def resolved(record: Record, targets: Dict[int, List[int]]) -> Record:
    """A layer's record with these targets in its Reshape, and in those in it."""
    config = record["config"]
    if is_model(record):
        layers = [resolved(inner, targets) for inner in inner_records(record)]
        return OrderedDict(record, config=layers if isinstance(config, list) else OrderedDict(config, layers=layers))
    if record["class_name"] == "TimeDistributed":
        return OrderedDict(record, config=OrderedDict(config, layer=resolved(config["layer"], targets)))
    if id(config) in targets:
        return OrderedDict(record, config=OrderedDict(config, target_shape=targets[id(config)]))
    return record
