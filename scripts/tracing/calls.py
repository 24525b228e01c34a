"""The layers that a Keras model calls while it is traced, and what each returns, under the names that users ask for.

    with Recorder(Layer, kept) as recorder:
        model(inputs)
    recorder.outputs()          {"conv": tensor, "block/attention": tensor, …} in the order of the calls

A layer inside a class that is not Keras's is named by its attribute if its own name is automatic ("block/conv" for
self.conv), because automatic names count the layers that were made before.  Nothing here imports Keras.
"""
import re
import threading
from collections import Counter, OrderedDict
from typing import Any, Callable, Dict, List, NamedTuple, Optional, Tuple

from ..layers.kinds.operations import FUNCTIONS

KERAS = ("keras", "tf_keras", "tensorflow")  # the packages whose classes are Keras's own
# Classes of Keras 2 that stand for an operation or an input
HIDDEN = FUNCTIONS + ("ClassMethod", "InstanceMethod", "InstanceProperty", "InputLayer")
LOCK = threading.RLock()  # one recorder at a time stands in place of Layer.__call__; one trace at a time is quiet


class Called(NamedTuple):
    """One call of a layer.

    layer    the layer
    path     its names from the outermost model's layer on: ("block", "conv")
    outputs  [tensor]
    """

    layer: Any
    path: Tuple[str, ...]
    outputs: List[Any]


class Recorder:
    """A context in which this thread's calls of layers are recorded.

    layer_class  Keras's Layer
    kept         kept(value) -> whether a value that a layer returns is a tensor of the graph that is traced
    calls        [Called] in the order in which they end; the outermost has the path ()
    """

    def __init__(self, layer_class: Any, kept: Callable[[Any], bool]) -> None:
        self.layer_class, self.kept = layer_class, kept
        self.calls: List[Called] = []
        self.elsewhere = 0  # calls whose tensors are all of another graph: of a loop, or of a tf.function
        self._stack: List[Tuple[Any, Tuple[str, ...]]] = []

    def __enter__(self) -> "Recorder":
        LOCK.acquire()
        thread, before = threading.get_ident(), self.layer_class.__dict__["__call__"]

        def called(layer: Any, *args: Any, **kwargs: Any) -> Any:
            if threading.get_ident() != thread:
                return before(layer, *args, **kwargs)
            return self.call(before, layer, args, kwargs)

        self._before = before
        self.layer_class.__call__ = called
        return self

    def __exit__(self, kind: Any, error: Any, trace: Any) -> None:
        self.layer_class.__call__ = self._before
        LOCK.release()

    def call(self, before: Callable, layer: Any, args: Any, kwargs: Any) -> Any:
        """Call a layer and record what it returns."""
        path = self._stack[-1][1] + (name_in(self._stack[-1][0], layer),) if self._stack else ()
        self._stack.append((layer, path))
        try:
            found = before(layer, *args, **kwargs)
        finally:
            self._stack.pop()
        tensors = flat(found)
        outputs = [value for value in tensors if self.kept(value)]
        if outputs and type(layer).__name__ not in HIDDEN:
            self.calls.append(Called(layer, path, outputs))
        self.elsewhere += bool(tensors) and not outputs and not self._stack[1:]
        return found

    def outputs(self) -> "OrderedDict[str, Tuple[Called, Any]]":
        """Return {NAME, NAME@CALL where it is called several times, NAME:OUTPUT: (its call, tensor)}."""
        found: Dict[str, Tuple[Called, Any]] = OrderedDict()
        times, number = Counter(one.path for one in self.calls), Counter()
        for one in self.calls:
            if not one.path:
                continue
            name = "/".join(one.path)
            if times[one.path] > 1:
                name, number[one.path] = f"{name}@{number[one.path]}", number[one.path] + 1
            for place, tensor in enumerate(one.outputs):
                found[f"{name}:{place}" if place else name] = one, tensor
        return found


def is_of_keras(layer: Any) -> bool:
    """Return whether the class of a layer is Keras's own."""
    return type(layer).__module__.split(".")[0] in KERAS


def name_in(parent: Any, layer: Any) -> str:
    """Return the name of a layer that `parent` calls: its own, or its attribute there where its own is automatic."""
    return layer.name if is_of_keras(parent) or not is_automatic(layer) else attribute(parent, layer) or layer.name


def is_automatic(layer: Any) -> bool:
    """Return whether Keras made the name of a layer, "max_pooling2d_1" of a MaxPooling2D (utils/naming.py)."""
    words = re.sub("(.)([A-Z][a-z]+)", r"\1_\2", re.sub(r"\W", "", type(layer).__name__))
    return re.sub(r"_\d+\Z", "", layer.name) == re.sub("([a-z])([A-Z])", r"\1_\2", words).lower()


def attribute(parent: Any, layer: Any) -> Optional[str]:
    """Return the attribute of `parent` that a layer is, "blocks_0" in a list or a dict; None where it is none."""
    for name, value in list(vars(parent).items()):
        if name.startswith("_"):
            continue
        if value is layer:
            return name
        items = value.items() if isinstance(value, dict) else enumerate(value) \
            if isinstance(value, (list, tuple)) else ()
        for key, item in list(items):
            if item is layer:
                return f"{name}_{key}"
    return None


def flat(value: Any) -> List[Any]:
    """Return the items of nested lists, tuples and dicts as one list, dicts in the order of their keys (tf.nest)."""
    if isinstance(value, dict):
        return [item for key in sorted(value) for item in flat(value[key])]
    return [item for part in value for item in flat(part)] if isinstance(value, (list, tuple)) else [value]
