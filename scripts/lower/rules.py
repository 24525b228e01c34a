"""The table of functions that lower a layer or an operation, by name, and the argument of such a function: a Call.

    @layer("Dense")
    def dense(call):
        return call.b.add(call.b.dense(call.x, call.weight("kernel")), call.weight("bias"))
"""
from typing import Any, Callable, Dict, List, NamedTuple, NoReturn, Optional, Sequence, Tuple, Union

from ..base.fault import Fault
from ..emit import Builder, Value
from ..layers import kinds
from ..layers.kinds.operations import is_operation, named
from ..layers.model import Weight
from ..layers.spelling import ARRAYS

Result = Union[Value, Sequence[Value]]


class Rule(NamedTuple):
    """The function that lowers a class, and what it needs to know.

    function  of a Call: the Value of its output, or a list of those of its outputs
    masks     whether the function itself gives its outputs their masks; else kinds/ has the rule
    """

    function: Callable[["Call"], Result]
    masks: bool


LAYERS: Dict[str, Rule] = {}      # by the class of a layer
OPERATIONS: Dict[str, Rule] = {}  # by the class of an operation of Keras 3: "Add", "Reshape", "Softmax"
FUNCTIONS: Dict[str, Rule] = {}   # by the function of a TFOpLambda of Keras 2: "math.add", "__operators__.getitem"
NODES: Dict[str, Rule] = {}       # by the operation of a TensorFlowOpLayer of Keras 2: "AddV2"


def registering(table: Dict[str, Rule]) -> Callable:
    """Return the decorator of a table: names separated by spaces."""
    def named(names: str, masks: bool = False) -> Callable:
        def register(function: Callable[["Call"], Result]) -> Callable[["Call"], Result]:
            for name in names.split():
                if name in table:
                    raise ValueError(f"{name} is lowered twice")
                table[name] = Rule(function, masks)
            return function
        return register
    return named


layer, operation = registering(LAYERS), registering(OPERATIONS)
function, node = registering(FUNCTIONS), registering(NODES)


class NotLowered(Fault):
    """A layer or an operation that cannot be lowered.

    path    its whole name, "outer/inner" in a nested model
    kind    its class
    reason  why, in words that stand behind "layer 'x' is a Y"
    remedy  what to do
    """

    def __init__(self, path: str, kind: str, reason: str, remedy: str = "", operation: bool = False) -> None:
        self.path, self.kind, self.reason, self.remedy, self.operation = path, kind, reason, remedy, operation
        subject = f"{path!r} is the operation {kind}" if operation else f"layer {path!r} is a {kind}"
        super().__init__(f"{subject}: {reason}" + (f"; {remedy}" if remedy else ""))


class Call:
    """One call of a layer or an operation.

    walk     walk.Walk, the model around it
    b        Builder, which emits operations
    record   dict, the layer as its file spells it
    path     str, the layer's name, "outer/inner" in a nested model
    args     list: the arguments by place, a Value in place of each tensor
    kwargs   dict: the arguments by keyword, without `training`
    training bool, whether the layer does what it does in training (Keras 2)
    """

    def __init__(self, walk: Any, record: Dict[str, Any], path: str, args: List[Any], kwargs: Dict[str, Any],
                 held: "Held") -> None:
        self.walk, self.record, self.path = walk, record, path
        self.args, self.kwargs, self.held = args, kwargs, held
        self.training: bool = walk.training

    @property
    def b(self) -> Builder:
        """The builder, which emits operations."""
        return self.walk.b

    @property
    def kind(self) -> str:
        """The layer's class."""
        return self.record["class_name"]

    @property
    def config(self) -> Dict[str, Any]:
        """The layer's settings."""
        return self.record["config"]

    @property
    def major(self) -> int:
        """The Keras that wrote the file: 2 or 3."""
        return self.walk.major

    def since(self, major: int, minor: int) -> bool:
        """Whether that version of Keras wrote the file, or a later one."""
        parts = [int(part) if part.isdigit() else 0 for part in str(self.walk.version).split(".")[:2]]
        return (parts + [0, 0])[:2] >= [major, minor]

    @property
    def inputs(self) -> List[Value]:
        """The tensors of the first argument."""
        return tensors(self.args[0]) if self.args else []

    @property
    def x(self) -> Value:
        """The first tensor."""
        found = self.inputs or tensors(self.args) or tensors(self.kwargs)
        if not found:
            raise Fault(f"layer {self.path!r} is called without a tensor: the file is damaged")
        return found[0]

    @property
    def mask(self) -> Optional[Value]:
        """The mask of the first tensor: that of the argument mask=, or the one that it carries."""
        given = self.kwargs.get("mask")
        return given if isinstance(given, Value) else self.x.mask

    def get(self, key: str, default: Any = None) -> Any:
        """A setting; `default` where there is none, or None stands for it.  Keras 3 writes an array, or a number of
        numpy's, as {"class_name": "__numpy__", "config": {"value": …}}."""
        value = self.config.get(key)
        if isinstance(value, dict) and value.get("class_name") in ARRAYS:
            value = (value.get("config") or {}).get("value")
        return default if value is None else value

    # Weights -------------------------------------------------------------------------------------------------

    def weight(self, name: str) -> Value:
        """The layer's variable of that name, as kinds/ has it: "kernel".  Raises Fault where the file has none."""
        return self.walk.constant(self.held.named(name))

    def optional(self, name: str) -> Optional[Value]:
        """The layer's variable of that name, None where it has none."""
        return self.weight(name) if self.held.has(name) else None

    @property
    def weights(self) -> List[Value]:
        """All of the layer's variables, in the order of Keras's h5 files."""
        return [self.walk.constant(weight) for weight in self.held.all()]

    # Others --------------------------------------------------------------------------------------------------

    def limited(self, value: Value, limit: int) -> Value:
        """Return `value`, of which it is known now that it holds whole numbers from 0 to below `limit`."""
        self.walk.limits[self.b.read(value)] = limit
        return value

    def limit(self, value: Value) -> Optional[int]:
        """Below what the numbers of `value` stay, None where that is not known."""
        return self.walk.limits.get(value.tensor)

    def within(self, record: Dict[str, Any], scope: str, *args: Any, as_given: bool = False, **kwargs: Any
               ) -> List[Value]:
        """Call a layer that is a part of this one; return its outputs.

        scope: what stands before the names of its variables among this layer's own (kinds.Part.scope without this
        layer's name): "forward_lstm"; "" where they have this layer's.  as_given: whether it takes what it is given.
        """
        return self.walk.layer(record, self.path if not scope else f"{self.path}/{scope}", list(args), kwargs,
                               self.held.below(scope), self.path, as_given)

    def is_read(self, place: int) -> bool:
        """Whether another layer reads that output of the call, or the model gives it out."""
        return self.walk.is_read(place)

    def refuse(self, reason: str, remedy: str = "") -> NoReturn:
        """Raise the refusal of this layer: `reason` stands behind "layer 'x' is a Y: "."""
        operation = is_operation(self.record, self.major)
        called = self.config.get("function", named(self.record)) if operation else self.kind
        raise NotLowered(self.path, called, reason, remedy, operation)

    def rank(self, least: int, most: int = 99) -> None:
        """Raise a Fault unless the first tensor has so many dimensions, the batch included."""
        if not least <= self.x.rank <= most:
            raise Fault(f"layer {self.path!r} ({self.kind}) is given a tensor of {self.x.rank} dimensions: the file is "
                        "damaged")


class Held:
    """The weights of a layer, by their names in the layer ("kernel", "forward_lstm/bias") and in their file's order."""

    def __init__(self, items: Sequence[Tuple[str, Weight]], path: str, prefix: str = "") -> None:
        self.items, self.path, self.prefix = list(items), path, prefix
        self.found = dict(self.items)

    def has(self, name: str) -> bool:
        """Whether there is a weight of that name."""
        return self.prefix + name in self.found

    def named(self, name: str) -> Weight:
        """Return the weight of that name.  Raises Fault where there is none."""
        if not self.has(name):
            raise Fault(f"layer {self.path!r} needs a weight {self.prefix + name!r}, which the file does not hold: "
                        "weights and topology do not belong together")
        return self.found[self.prefix + name]

    def all(self) -> List[Weight]:
        """Return the weights in their order."""
        return [weight for name, weight in self.items if name.startswith(self.prefix)]

    def below(self, scope: str) -> "Held":
        """Return the weights of a part of the layer."""
        return Held(self.items, self.path, self.prefix + scope + "/") if scope else self


V1 = "compat.v1."  # before the functions of TensorFlow 1, which compute as those of TensorFlow 2 do


def called(record: Dict[str, Any], major: int) -> str:
    """The class of a layer or an operation, the function of a TFOpLambda, the operation of a TensorFlowOpLayer."""
    name = named(record) if is_operation(record, major) else kinds.canonical(record["class_name"])
    return name[len(V1):] if name.startswith(V1) else name


def tensors(value: Any) -> List[Value]:
    """The Values in an argument, in the order of Keras's tree.flatten."""
    if isinstance(value, Value):
        return [value]
    if isinstance(value, dict):
        return [found for key in sorted(value) for found in tensors(value[key])]
    if isinstance(value, (list, tuple)):
        return [found for item in value for found in tensors(item)]
    return []
