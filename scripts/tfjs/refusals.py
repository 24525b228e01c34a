"""Layers that TensorFlow.js computes differently from Keras, or not at all: a table by class, and its text.

    refusal({"class_name": "ELU", "config": {"alpha": 0.5}}, 2).text  ->  "TensorFlow.js knows only alpha=1; …"

A new refusal is one row.  docs/refused.md shows the rows that have an example; tests/models/test_refused.py tries each.
The rules are those of @tensorflow/tfjs-layers 4.22.0 and tfjs-core 4.22.0.
"""
import re
from typing import Any, Callable, Dict, List, NamedTuple, Optional, Tuple

from ..base.fault import Fault
from ..layers import kinds, shapes
from ..layers.kinds.operations import LAYER_OF, function_of, is_operation
from ..layers.network import Graph, Layer
from ..layers.records import MODELS
from .cases import (
    Case,
    Facts,
    activation_lacking,
    activation_layer,
    activation_of_keras_3,
    along_another_axis,
    axes_of_dot,
    axis_of_softmax,
    channels_first,
    class_of,
    has,
    lacking,
    leaves_out_the_end,
    lone_number,
    more_dimensions,
    of_strings,
    ones,
    only,
    other_class_backward,
    other_settings_backward,
    registered,
    strides_larger,
    unlike_ranks,
    wrapped_keepdims,
)
from .supported import CLASSES

EVERY, OPERATION = "every layer", "an operation"  # in place of a class


class Refusal(NamedTuple):
    """A row of the table.

    classes  names of the classes; EVERY and OPERATION stand for more
    when     when(case) -> the facts that the texts name in braces; None where the case is not refused
    reason   what TensorFlow.js does in its place
    remedy   what to do
    manner   what is said of the layer after its class: "along axis 1 of 4"
    shapes   whether `when` looks at the inputs' shapes
    example  the layer in Keras's code    instead  layers that compute the same, or near it, one after another
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
    def why(self) -> str:
        """The line about the layer, without the advice."""
        return f"{self.manner}: {self.reason}" if self.manner else self.reason

    @property
    def text(self) -> str:
        """The line about a layer, less its name and class."""
        return f"{self.why}; {self.remedy}"


# The table ------------------------------------------------------------------------------------------------------------

CONVOLUTIONS = "Conv1D Conv2D Conv3D Conv2DTranspose Conv3DTranspose DepthwiseConv2D SeparableConv2D ConvLSTM2D"
POOLING_1D = "MaxPooling1D AveragePooling1D GlobalMaxPooling1D GlobalAveragePooling1D"
GLOBAL = "GlobalMaxPooling1D GlobalAveragePooling1D GlobalMaxPooling2D GlobalAveragePooling2D"
LOOPS = "SimpleRNN GRU LSTM RNN ConvLSTM2D Bidirectional"
WITHOUT = "build the model without it"
IN_ITS_PLACE = "put a layer that TensorFlow.js has in its place"

# The first that applies is told: those of EVERY come first.
TABLE = (
    Refusal("Normalization", lacking, "TensorFlow.js does not have it",
            "put a Rescaling by 1 / sqrt(variance) in its place"),
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
    Refusal("InputLayer", only(of_strings), "of strings, which TensorSpace cannot feed",
            'let a TextVectorization, StringLookup or Hashing read it itself, from keras.Input((1,), dtype="string")'),
    Refusal("InputLayer", only(lone_number), "of one number per example, to which TensorFlow.js adds a dimension",
            "give it shape (1,)"),

    Refusal(EVERY, activation_layer, "its activation is a {kind}, which TensorFlow.js does not have",
            "put it after the layer, as a layer"),
    Refusal(EVERY, activation_of_keras_3,
            "Keras 3's hard_sigmoid is not TensorFlow.js's (x / 6 + 0.5, not 0.2 x + 0.5)",
            "train it with sigmoid"),
    Refusal(EVERY, activation_lacking, "TensorFlow.js does not have its activation {activation}",
            "train it with another one", example='Dense(4, activation="exponential")'),

    Refusal("GRU GRUCell", has("reset_after"), "TensorFlow.js has no reset_after=True",
            "train it with reset_after=False, whose weights differ", example="GRU(4)",
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
            "TensorFlow.js does not dilate it (dilation_rate={dilation_rate})", "take a larger kernel, with zeros"),
    Refusal("Conv2DTranspose Conv3DTranspose", only(lambda case: case.config.get("output_padding") is not None),
            "TensorFlow.js has no output_padding ({output_padding})", "leave it out (its output is then smaller)",
            example="Conv2DTranspose(4, 3, strides=2, output_padding=1)",
            instead=("Conv2DTranspose(4, 3, strides=2)",)),
    Refusal("Conv3DTranspose", only(strides_larger),
            "TensorFlow.js pads it differently (strides larger than its kernel)", "take padding=valid"),
    Refusal("SeparableConv2D", only(lambda case: channels_first(case) and case.config.get("use_bias", True)),
            "TensorFlow.js cannot add its bias with the channels first", "build it with the channels last"),
    Refusal("Conv3D MaxPooling3D AveragePooling3D", leaves_out_the_end, "TensorFlow.js then begins elsewhere",
            "take padding=valid", "whose strides leave out the end of its input, and padding=same", shapes=True),

    Refusal(GLOBAL, only(lambda case: channels_first(case) and case.config.get("keepdims")),
            "TensorFlow.js cannot keep its dimensions with the channels first", "build it with the channels last"),
    Refusal(POOLING_1D, only(channels_first), "TensorFlow.js has no data_format in one dimension (channels_first)",
            "build it with the channels last", example='MaxPooling1D(data_format="channels_first")',
            instead=("MaxPooling1D()",)),
    Refusal("Flatten", only(channels_first), "TensorFlow.js 1.0.0 leaves the channels first",
            "move them to the end, by a Permute before it", example='Flatten(data_format="channels_first")',
            instead=("Permute((2, 1))", "Flatten()")),
    Refusal("UpSampling2D", only(lambda case: case.config.get("interpolation", "nearest") != "nearest"),
            "TensorFlow.js interpolates differently ({interpolation})", "take interpolation=nearest",
            example='UpSampling2D(2, interpolation="bilinear")', instead=("UpSampling2D(2)",)),

    Refusal("ReLU", only(lambda case: case.config.get("negative_slope") or case.config.get("threshold")),
            "TensorFlow.js knows only max_value of a ReLU, not negative_slope and threshold",
            "take a LeakyReLU or ThresholdedReLU", example="ReLU(negative_slope=0.2)", instead=("LeakyReLU(0.2)",)),
    Refusal("ELU", only(lambda case: case.config.get("alpha", 1) != 1), "TensorFlow.js knows only alpha=1",
            "train it with alpha=1", example="ELU(alpha=0.5)", instead=("ELU()",)),
    Refusal("Softmax", only(axis_of_softmax), "TensorFlow.js computes it along the last axis alone (axis={axis})",
            "move that axis to the end, by a Permute before and one after"),
    Refusal("Softmax", along_another_axis, "TensorFlow.js computes it along the last",
            "move that axis to the end, by a Permute before and one after", "along axis {axis} of {rank}",
            shapes=True, example="Softmax(axis=1)",
            instead=("Permute((2, 1))", "Softmax()", "Permute((2, 1))")),

    Refusal("BatchNormalization", along_another_axis, "TensorFlow.js normalizes along the last",
            "move that axis to the end, by a Permute before and one after", "along axis {axis} of {rank}",
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
    Refusal(OPERATION, unlike_ranks, "the layer that TensorFlow.js has for it broadcasts differently",
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


def in_docs() -> List[str]:
    """The table in docs/refused.md, line by line: the rows that have an example."""
    lines = ["| in Keras (an example) | the line says | instead |", "|---|---|---|"]
    for row in TABLE:
        if row.example:
            says = re.sub(r"\{\w+\}", "…", f"{row.manner}: {row.reason}" if row.manner else row.reason)
            code = ", ".join(f"`{layer}`" for layer in row.instead)
            lines.append(f"| `{row.example}` | {says} | {row.remedy}{': ' if code else ''}{code} |")
    return lines


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
    """Whether only the shape of a layer's input tells that TensorFlow.js computes the layer as Keras does."""
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
    """Raise a Fault for what TensorFlow.js computes differently for the shapes of the layer's inputs, or not at all.

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
            raise Refused(layer.name, name if operation else record["class_name"], reason, operation)


class Refused(Fault):
    """A layer or an operation that TensorFlow.js cannot compute as Keras does: which, its class, why, what to do.

    path: its name, "outer/inner" in a nested model.
    """

    def __init__(self, path: str, kind: str, reason: Reason, operation: bool = False) -> None:
        self.path, self.kind, self.reason, self.operation = path, kind, reason, operation
        super().__init__(self.saying(reason.text))

    def saying(self, words: str) -> str:
        """The line that says `words` of the layer."""
        subject = f"{self.path!r} is the operation {self.kind}" if self.operation else \
            f"layer {self.path!r} is a {self.kind}"
        return subject + (" " if self.reason.manner else ": ") + words

    def without_remedy(self) -> str:
        """The line without what to do."""
        return self.saying(self.reason.why)

    def inside(self, model: str) -> "Refused":
        """The same of a layer in a nested model."""
        return Refused(f"{model}/{self.path}", self.kind, self.reason, self.operation)
