"""The table of layer classes: what a row holds, how a family adds its rows, and how a row is found."""
import enum
from typing import Any, Callable, Dict, FrozenSet, List, NamedTuple, Optional, Sequence

Config = Dict[str, Any]
Shape = List[Optional[int]]  # batch size first; None is a size that is open


class Mask(enum.Enum):
    """The mask of a layer's output, by that of its input (Keras: supports_masking and compute_mask)."""

    STOPS = "the output has none"
    PASSES = "the output has the input's"
    PASSES_IN_3 = "the output has the input's in Keras 3, and none in Keras 2"
    MAKES = "the layer makes one"
    SEQUENCES = "the output has the input's where the layer returns sequences"
    MERGES = "the output has one that is made of those of all inputs"
    JOINS = "the output has those of all inputs, joined as the inputs are"


class Variable(NamedTuple):
    """A variable of a layer.  A size that the layer's config does not tell is None; so is a shape of unknown rank."""

    name: str
    shape: Optional[Shape]
    trainable: bool = True


class Part(NamedTuple):
    """A layer within a layer: its record, and the scope that stands before the names of its variables."""

    record: Dict[str, Any]
    scope: str


class Kind(NamedTuple):
    """Facts of Keras about a layer class.

    name       the class
    family     the module of the row: "convolution"
    shape      shape(config, inputs, nested) -> shapes of a call's outputs; nested.layer(record, inputs) is that of a
               layer within.  Raises any of the errors of data of the wrong kind.  None: not known
    variables  variables(config) -> [Variable] in the order in which Keras makes them, without those of `parts`.
               None: not known
    parts      parts(config, scope) -> [Part] in the order in which Keras makes their variables
    outputs    outputs(config, count) -> how many outputs a call has, None where the config does not tell;
               count(record) is that of a layer within
    mask       the rule of the output's mask
    idle       whether the layer does nothing outside of training
    own_at     the place of the layer's own variables among those of its parts, None: after them
    axes       axes(config, rank) -> the axes of an input of so many dimensions whose sizes decide what the layer is:
               the shapes of its variables, or the size of a Flatten
    sizes      sizes(config, shape, axes) -> {axis: size of the input} of a layer whose first variable has such a shape
    """

    name: str
    family: str
    shape: Optional[Callable[[Config, List[Shape], Any], List[Optional[Shape]]]]
    variables: Optional[Callable[[Config], List[Variable]]]
    parts: Callable[[Config, str], List[Part]]
    outputs: Callable[[Config, Callable[[Dict[str, Any]], Optional[int]]], Optional[int]]
    mask: Mask
    idle: bool
    own_at: Optional[int]
    axes: Callable[[Config, int], List[int]]
    sizes: Callable[[Config, Sequence[int], List[int]], Dict[int, int]]


KINDS = {}  # type: Dict[str, Kind]
ACTIVATIONS = ("activation", "recurrent_activation")  # settings that name a function, or hold a layer
# What TensorFlow 1.13 calls them in the files that it writes (tfjs issue 1255).
ALIASES = {"BatchNormalizationV1": "BatchNormalization", "UnifiedGRU": "GRU", "UnifiedLSTM": "LSTM"}


def nothing(config: Config, scope: str = "") -> list:
    """The variables of a layer that has none, and the parts of one that has none."""
    return []


def one(config: Config, count: Callable) -> int:
    """The outputs of a layer that has one."""
    return 1


def same(config: Config, inputs: List[Shape], nested: Any) -> List[Shape]:
    """The shape of what is computed number by number."""
    return [list(inputs[0])]


def none(config: Config, rank: int) -> List[int]:
    """The axes that decide, of a layer that is made for inputs of any size."""
    return []


def last(config: Config, rank: int) -> List[int]:
    """The axes that decide, of a layer with a kernel: the last one."""
    return [-1]


def first_size(config: Config, shape: Sequence[int], axes: List[int]) -> Dict[int, int]:
    """A kernel has a row for each number of the input's last axis."""
    return {axes[0]: shape[0]}


def row(family: str, names: str, shape: Optional[Callable] = None, variables: Optional[Callable] = nothing,
        parts: Callable = nothing, outputs: Callable = one, mask: Mask = Mask.STOPS, idle: bool = False,
        own_at: Optional[int] = None, axes: Callable = none, sizes: Callable = first_size) -> None:
    """Add the classes `names`, separated by spaces, to the table.  The other arguments are the fields of Kind."""
    for name in names.split():
        if name in KINDS:
            raise ValueError(f"{name} stands in the table twice")
        KINDS[name] = Kind(name, family, shape, variables, parts, outputs, mask, idle, own_at, axes, sizes)


def canonical(name: str) -> str:
    """The name that Keras has today for a class: "UnifiedLSTM" -> "LSTM"."""
    return ALIASES.get(name, name)


def find(name: str) -> Optional[Kind]:
    """The Kind of the Keras class `name`, None where it is not known."""
    return KINDS.get(canonical(name))


def of(record: Dict[str, Any]) -> Optional[Kind]:
    """The Kind of a layer's record; None for a class that is not known, and for one that is not Keras's."""
    return find(record["class_name"]) if is_of_keras(record) else None


def is_of_keras(record: Dict[str, Any]) -> bool:
    """Whether the class of a record is Keras's: its module says so where the file has one (Keras 3)."""
    if record.get("module") is None:
        return not ("module" in record and record.get("registered_name"))
    return str(record["module"]).startswith("keras")


def activations(config: Any) -> List[Part]:
    """The layers that a layer is given as its activations: Dense(4, activation=PReLU()).

    Keras makes their variables at the layer's first call, after the layer's own.  The scope is the setting's name.
    """
    given = [(key, config.get(key)) for key in ACTIVATIONS] if isinstance(config, dict) else []
    return [Part(record, key) for key, record in given if isinstance(record, dict) and isinstance(
        record.get("class_name"), str) and isinstance(record.get("config"), dict) and of(record) is not None]


def merges() -> FrozenSet[str]:
    """The classes that compute one tensor of several, number by number."""
    return frozenset(name for name, kind in KINDS.items() if kind.mask is Mask.MERGES)


def recurrents() -> FrozenSet[str]:
    """The classes that go through a sequence step by step with a state: their cells and TimeDistributed are none."""
    return frozenset(name for name, kind in KINDS.items() if kind.mask is Mask.SEQUENCES)


def passing(major: int) -> FrozenSet[str]:
    """The classes whose output has the mask of their input, in Keras 2 or 3."""
    found = (Mask.PASSES, Mask.PASSES_IN_3) if major >= 3 else (Mask.PASSES,)
    return frozenset(name for name, kind in KINDS.items() if kind.mask in found)


def idle() -> FrozenSet[str]:
    """The classes that do nothing outside of training."""
    return frozenset(name for name, kind in KINDS.items() if kind.idle)
