"""What TensorFlow.js computes otherwise than Keras, or not at all: a table by layer class, and its text.

    refusal({"class_name": "ELU", "config": {"alpha": 0.5}}, 2).text  ->  "TensorFlow.js knows only alpha=1; …"

A new refusal is one row.  docs/refused.md shows the rows that have an example; tests/models/test_refused.py tries each.
The rules are those of @tensorflow/tfjs-layers 4.22.0 and tfjs-core 4.22.0.
"""
from typing import Any, Callable, Dict, Iterator, List, NamedTuple, Optional, Tuple

from ..base.fault import Fault
from ..layers import kinds, operators, shapes
from ..layers.kinds.operations import LAYER_OF, function_of, is_operation
from ..layers.kinds.sizes import overhangs, several
from ..layers.topology import MODELS, Graph, Layer
from .supported import ACTIVATIONS, CLASSES, LAYERS, NAME, TAKEN

Facts = Optional[Dict[str, Any]]
EVERY, OPERATION = "every layer", "an operation"  # in the place of a class


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


class Refusal(NamedTuple):
    """A row of the table.

    classes  whom it is about; EVERY and OPERATION stand for more
    when     when(case) -> the facts that the texts name in braces; None where the case is not refused
    reason   what TensorFlow.js does in its place
    remedy   what to do
    manner   what is said of the layer behind its class: "along axis 1 of 4"
    shapes   whether `when` looks at the inputs' shapes
    example  the layer in Keras's code    instead  layers that compute the same, or near it, one behind another
    """

    classes: str
    when: Callable[[Case], Facts]
    reason: str
    remedy: str
    manner: str = ""
    shapes: bool = False
    example: str = ""
    instead: Tuple[str, ...] = ()


class Reason(NamedTuple):
    """A Refusal with the facts of one layer in its texts."""

    manner: str
    reason: str
    remedy: str

    @property
    def text(self) -> str:
        """The line about a layer, less its name and class."""
        return (f"{self.manner}: " if self.manner else "") + f"{self.reason}; {self.remedy}"


# When -----------------------------------------------------------------------------------------------------------------

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


def own_name(case: Case) -> Any:
    """The name that a layer's config holds, where that is one."""
    name = case.config.get("name")
    return name if isinstance(name, str) else None


def lacking(case: Case) -> Facts:
    """A class that TensorFlow.js does not have, or has and cannot use, or that is the user's."""
    module = case.record.get("module")
    return None if case.name in LAYERS and (module is None or str(module).startswith("keras")) else {}


def registered(case: Case) -> Facts:
    """A class of the user's that is called like Keras's."""
    record = case.record
    own = "module" in record and record["module"] is None and record.get("registered_name")
    return {"own": record["registered_name"]} if own else None


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
    return next(({"kind": value.get("class_name")} for value in activations(case) if isinstance(value, dict)), None)


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
    """What the backward layer computes otherwise than the forward one."""
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
    """A layer broadcasts tensors of unlike rank otherwise than `a + b`."""
    ranks = operators.unlike_ranks(case.name, case.inputs)
    return {"ranks": ranks} if ranks else None


# The table ------------------------------------------------------------------------------------------------------------

CONVOLUTIONS = "Conv1D Conv2D Conv3D Conv2DTranspose Conv3DTranspose DepthwiseConv2D SeparableConv2D ConvLSTM2D"
POOLING_1D = "MaxPooling1D AveragePooling1D GlobalMaxPooling1D GlobalAveragePooling1D"
GLOBAL = "GlobalMaxPooling1D GlobalAveragePooling1D GlobalMaxPooling2D GlobalAveragePooling2D"
LOOPS = "SimpleRNN GRU LSTM RNN ConvLSTM2D Bidirectional"
WITHOUT = "build the model without it"
IN_ITS_PLACE = "put a layer that TensorFlow.js has in its place"

# The first that applies is told: those of EVERY come first.
TABLE = (
    Refusal(EVERY, only(lambda case: own_name(case) in TAKEN),
            "TensorFlow.js takes no such name, which every object of JavaScript has", "rename it"),
    Refusal(EVERY, only(lambda case: own_name(case) is not None and not NAME.fullmatch(own_name(case))),
            "TensorFlow.js takes no such name", "rename it: letters a-z, digits, and behind the first also - _ . /"),
    Refusal("Normalization", lacking, "TensorFlow.js does not have it, and a Rescaling does the same along the last axis alone",
            "normalize along the last axis"),
    Refusal("UpSampling1D", lacking, "TensorFlow.js does not have it", "upsample it as an image of one column",
            example="UpSampling1D(2)", instead=("Reshape((6, 1, 4))", "UpSampling2D((2, 1))", "Reshape((12, 4))")),
    Refusal("MultiHeadAttention", lacking,
            "TensorFlow.js's own takes tensors by keyword, which no model.json can say", WITHOUT,
            example="MultiHeadAttention(2, 4)"),
    Refusal("CenterCrop Resizing RandomWidth RandomHeight", lacking,
            "TensorFlow.js's own spoils the shape of its input (computeOutputShape changes it in place)", WITHOUT),
    Refusal(EVERY, lacking, "TensorFlow.js does not have it", WITHOUT, example="Lambda(abs)"),
    Refusal(EVERY, registered, "a class of its own ({own}), not Keras's", IN_ITS_PLACE),
    Refusal(" ".join(MODELS), lambda case: {}, "a model of its own class, whose layers the file does not hold",
            "build it as a Functional model"),
    Refusal("InputLayer", only(lone_number), "of one number per example, to which TensorFlow.js adds a dimension",
            "give it shape (1,)"),

    Refusal(EVERY, activation_layer, "its activation is a {kind}, which TensorFlow.js does not have",
            "put it behind the layer, as a layer"),
    Refusal(EVERY, activation_of_keras_3,
            "Keras 3's hard_sigmoid is not TensorFlow.js's (x / 6 + 0.5, not 0.2 x + 0.5)",
            "train it with sigmoid"),
    Refusal(EVERY, activation_lacking, "TensorFlow.js does not have its activation {activation}",
            "train it with another one", example='Dense(4, activation="exponential")'),

    Refusal("GRU GRUCell", has("reset_after"), "TensorFlow.js has no reset_after=True",
            "train it with reset_after=False: its weights are others", example="GRU(4)",
            instead=("GRU(4, reset_after=False)",)),
    Refusal(LOOPS, has("time_major"), "TensorFlow.js has no time_major=True", "give it the batch first"),
    Refusal("RNN", only(lambda case: case.config.get("return_state")
                        and class_of(case.config.get("cell")) == "StackedRNNCells"),
            "TensorFlow.js returns the states of several cells in another order", "put an RNN around each cell"),

    Refusal("Bidirectional", only(lambda case: class_of(case.config.get("layer")) == "RNN"),
            "TensorFlow.js loads none around an RNN of cells", "put it around a layer of such cells",
            example="Bidirectional(RNN(LSTMCell(4)))", instead=("Bidirectional(LSTM(4))",)),
    Refusal("Bidirectional", other_class_backward,
            "its backward_layer is a {kind}, which TensorFlow.js makes like the forward one",
            "train it with layers that are alike"),
    Refusal("Bidirectional", other_settings_backward,
            "its backward_layer has another {differ}; TensorFlow.js makes both alike",
            "train it with layers that are alike"),
    Refusal("TimeDistributed", only(wrapped_keepdims),
            "TensorFlow.js has no keepdims, and what stands for it does not fit in here", "leave keepdims out"),

    Refusal(CONVOLUTIONS, only(lambda case: case.config.get("groups", 1) != 1),
            "TensorFlow.js has no grouped convolution (groups={groups})",
            "take groups=1, its kernel 0 between the groups", example="Conv2D(4, 3, groups=2)",
            instead=("Conv2D(4, 3)",)),
    Refusal(CONVOLUTIONS, has("padding", "causal"), "TensorFlow.js has no causal padding",
            "pad the data in front, and take padding=valid", example='Conv1D(4, 3, padding="causal")',
            instead=("Conv1D(4, 3)",)),
    Refusal("DepthwiseConv2D", only(lambda case: not ones(case.config.get("dilation_rate", 1))),
            "TensorFlow.js does not dilate it (dilation_rate={dilation_rate})",
            "take a SeparableConv2D, its pointwise kernel the identity", example="DepthwiseConv2D(3, dilation_rate=2)",
            instead=("SeparableConv2D(4, 3, dilation_rate=2)",)),
    Refusal("Conv2DTranspose Conv3DTranspose", only(lambda case: not ones(case.config.get("dilation_rate", 1))),
            "TensorFlow.js does not dilate it (dilation_rate={dilation_rate})", "take a larger kernel with zeros in it"),
    Refusal("Conv2DTranspose Conv3DTranspose", only(lambda case: case.config.get("output_padding") is not None),
            "TensorFlow.js has no output_padding ({output_padding})", "leave it out: its output is then smaller",
            example="Conv2DTranspose(4, 3, strides=2, output_padding=1)",
            instead=("Conv2DTranspose(4, 3, strides=2)",)),
    Refusal("Conv3DTranspose", only(strides_larger),
            "TensorFlow.js pads it otherwise (strides larger than its kernel)", "take padding=valid"),
    Refusal("SeparableConv2D", only(lambda case: channels_first(case) and case.config.get("use_bias", True)),
            "TensorFlow.js cannot add its bias with the channels first", "build it with the channels last"),
    Refusal("Conv3D MaxPooling3D AveragePooling3D", leaves_out_the_end, "TensorFlow.js then begins elsewhere",
            "take padding=valid", "whose strides leave out the end of its input, and padding=same", shapes=True),

    Refusal(GLOBAL, only(lambda case: channels_first(case) and case.config.get("keepdims")),
            "TensorFlow.js cannot keep its dimensions with the channels first", "build it with the channels last"),
    Refusal(POOLING_1D, only(channels_first), "TensorFlow.js has no data_format in one dimension (channels_first)",
            "build it with the channels last", example='MaxPooling1D(data_format="channels_first")',
            instead=("MaxPooling1D()",)),
    Refusal("UpSampling2D", only(lambda case: case.config.get("interpolation", "nearest") != "nearest"),
            "TensorFlow.js interpolates otherwise ({interpolation})", "take interpolation=nearest",
            example='UpSampling2D(2, interpolation="bilinear")', instead=("UpSampling2D(2)",)),

    Refusal("ReLU", only(lambda case: case.config.get("negative_slope") or case.config.get("threshold")),
            "TensorFlow.js knows only max_value of a ReLU, not negative_slope and threshold",
            "take a LeakyReLU or ThresholdedReLU", example="ReLU(negative_slope=0.2)", instead=("LeakyReLU(0.2)",)),
    Refusal("ELU", only(lambda case: case.config.get("alpha", 1) != 1), "TensorFlow.js knows only alpha=1",
            "train it so", example="ELU(alpha=0.5)", instead=("ELU()",)),
    Refusal("Softmax", only(axis_of_softmax), "TensorFlow.js computes it along the last axis alone (axis={axis})",
            "move that axis to the end, by a Permute before and one behind"),
    Refusal("Softmax", along_another_axis, "TensorFlow.js computes it along the last",
            "move that axis to the end, by a Permute before and one behind", "along axis {axis} of {rank}",
            shapes=True, example="Softmax(axis=1)",
            instead=("Permute((2, 1))", "Softmax()", "Permute((2, 1))")),

    Refusal("BatchNormalization", along_another_axis, "TensorFlow.js normalizes along the last",
            "move that axis to the end, by a Permute before and one behind", "along axis {axis} of {rank}",
            shapes=True, example="BatchNormalization(axis=1)",
            instead=("Permute((2, 1))", "BatchNormalization()", "Permute((2, 1))")),
    Refusal("BatchNormalization LayerNormalization", more_dimensions(4), "TensorFlow.js has it for up to {most}",
            "join two dimensions by a Reshape before it", "of {rank} dimensions", shapes=True),
    Refusal("LayerNormalization", has("rms_scaling"), "TensorFlow.js has no rms_scaling", "train it without"),

    Refusal("Concatenate", only(lambda case: isinstance(case.config.get("axis"), int) and case.config["axis"] < -1),
            "TensorFlow.js takes the last axis for axis={axis}", "count it from the front",
            example="Concatenate(axis=-2)", instead=("Concatenate(axis=1)",)),
    Refusal("Dot", more_dimensions(3), "TensorFlow.js has it for up to {most}",
            "join two dimensions by a Reshape before it", "of {rank} dimensions", shapes=True),
    Refusal("Dot", only(axes_of_dot),
            "TensorFlow.js takes no axes of which one is counted from the back (axes={axes})",
            "count both from the front", example="Dot(axes=(1, -1))", instead=("Dot(axes=(1, 2))",)),
    Refusal(OPERATION, unlike_ranks, "the layer that TensorFlow.js has for it broadcasts otherwise",
            "give them as many by a Reshape", "on tensors of {ranks} dimensions", shapes=True),
)


def by_class(shapes: bool) -> Dict[str, List[Refusal]]:
    """The rows of each class, those of EVERY among them, in the table's order."""
    rows = [row for row in TABLE if row.shapes == shapes]
    names = {EVERY, OPERATION} | {name for row in rows for name in classes(row)}
    return {name: [row for row in rows if name in classes(row) or row.classes == EVERY] for name in names}


def classes(row: Refusal) -> List[str]:
    """The classes that a row is about."""
    return [row.classes] if row.classes in (EVERY, OPERATION) else row.classes.split()


OF_CONFIG, OF_SHAPES = by_class(shapes=False), by_class(shapes=True)


# What is refused ------------------------------------------------------------------------------------------------------

def first(rows: List[Refusal], case: Case) -> Optional[Reason]:
    """The first of the rows that refuses the case."""
    for row in rows:
        facts = row.when(case)
        if facts is not None:
            return Reason(*(text.format(**facts) for text in (row.manner, row.reason, row.remedy)))
    return None


def refusal(record: Dict[str, Any], major: int) -> Optional[Reason]:
    """Why TensorFlow.js cannot compute this layer as Keras does, as far as its config tells; None where it can."""
    name = CLASSES.get(record["class_name"], record["class_name"])
    return first(OF_CONFIG.get(name, OF_CONFIG[EVERY]), Case(record, name, major))


def asked_of(record: Dict[str, Any], major: int) -> bool:
    """Whether it takes the shape of a layer's input to say that TensorFlow.js computes it as Keras does."""
    return bool(of_shapes(within(record)[0], major)[1])


def within(record: Dict[str, Any]) -> Tuple[Dict[str, Any], int]:
    """Return (the record in a TimeDistributed, how many of these are around it)."""
    steps = 0
    while record["class_name"] == "TimeDistributed":
        record, steps = record["config"]["layer"], steps + 1
    return record, steps


def of_shapes(record: Dict[str, Any], major: int) -> Tuple[str, List[Refusal]]:
    """Return (what the rows know the layer or operation as, the rows about its inputs' shapes)."""
    if is_operation(record, major):
        name = function_of(record)
        return name, OF_SHAPES[OPERATION] + OF_SHAPES.get(LAYER_OF.get(name), [])
    name = kinds.canonical(record["class_name"])
    return name, OF_SHAPES.get(name, [])


def check(layer: Layer, source: Graph, major: int, known: Dict[Any, Any]) -> None:
    """Raise a Fault for what TensorFlow.js computes otherwise for the shapes of the layer's inputs, or not at all.

    known: {Ref: shape} of the graph `source`; filled when needed.
    """
    record, steps = within(layer.record)
    name, rows = of_shapes(record, major)
    if not rows:
        return
    if not known:
        known.update(shapes.of_graph(source, major))
    for refs in source.references(layer):
        inputs = [known[ref][:1] + known[ref][1 + steps:] for ref in refs if known.get(ref) is not None]
        reason = first(rows, Case(record, name, major, inputs)) if inputs else None
        if reason:
            operation = is_operation(record, major)
            raise Fault(line(layer.name, name if operation else record["class_name"], reason, operation))


def line(name: str, kind: str, reason: Reason, operation: bool = False) -> str:
    """The line about a layer or an operation: which, its class, why, what to do."""
    subject = f"{name!r} is the operation {kind}" if operation else f"layer {name!r} is a {kind}"
    return subject + (" " if reason.manner else ": ") + reason.text
