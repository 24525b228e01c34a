"""The inputs of a live Keras model: their names, shapes and types, and how they are nested."""
import inspect
import re
from typing import Any, List, NamedTuple, Optional

from ..base.fault import Fault
from ..layers.encapsulation import Shape
from ..layers.outputs import per_input

BUILD = "call it once on an example (model(x)), or give --input-shape (in Python input_shape=)"


class Input(NamedTuple):
    """One input: its shape has the open batch first."""

    name: str
    shape: List[Optional[int]]
    dtype: str


class Inputs(NamedTuple):
    """The inputs of a model, flat, and `nested`: the same structure of numbers, as the model takes it."""

    flat: List[Input]
    nested: Any

    def packed(self, tensors: List[Any]) -> Any:
        """Return tensors as the model is called with them."""
        return mapped(self.nested, lambda place: tensors[place])


def of(model: Any, input_shape: Shape = None) -> Inputs:
    """Return the inputs of a model: as it declares them, as it was built with, or as `input_shape` says.

    Raises Fault for a model that does not tell them, and for sizes that contradict it.
    """
    declared = tensors_of(model)
    if declared is not None:
        found = numbered(declared, lambda tensor, path: Input(
            name_of(tensor), [None] + sizes(tensor.shape)[1:], dtype_of(tensor)))
    else:
        found = built_with(model, input_shape)
    return found if input_shape is None else fixed(found, input_shape)


def tensors_of(model: Any) -> Any:
    """Return the symbolic inputs of a model of layers, nested as it takes them; None where it has none."""
    graph = getattr(model, "_functional", None) or model
    for name in ("_inputs_struct", "_nested_inputs"):
        if getattr(graph, name, None) is not None:
            return getattr(graph, name)
    return None


def built_with(model: Any, input_shape: Shape) -> Inputs:
    """Return the inputs that a model of the user's own class was built with, else those of `input_shape`."""
    arguments = names_of_arguments(model)
    spec = getattr(model, "_saved_model_inputs_spec", None)  # of Keras 2
    if spec is not None:
        return numbered(spec, lambda one, path: Input(
            path or arguments[0], [None] + sizes(one.shape)[1:], one.dtype.name))
    shapes = getattr(model, "_build_shapes_dict", None)  # of Keras 3
    if shapes:
        if len(shapes) > 1:
            raise Fault(f"the model is called with {len(shapes)} arguments ({', '.join(shapes)}): let its call() take "
                        "one, a list or a dict of them")
        found = numbered(next(iter(shapes.values())), lambda shape, path: Input(
            path or arguments[0], [None] + sizes(shape)[1:], dtype_of(model)), is_shape)
        if all(None not in one.shape[1:] for one in found.flat) or input_shape is None:
            return found
    if input_shape is None:
        raise Fault(f"the model ({type(model).__name__}) is not built: {BUILD}")
    if isinstance(input_shape, dict):
        return numbered(dict(input_shape), lambda shape, path: Input(path, [None] + list(shape), "float32"), is_shape)
    shapes = per_input(input_shape)
    return numbered(shapes if len(shapes) > 1 else shapes[0], lambda shape, path: Input(
        path or arguments[0], [None] + list(shape), "float32"), is_shape)


def fixed(found: Inputs, input_shape: Shape) -> Inputs:
    """Return the inputs with their open sizes set.  Raises Fault for sizes that contradict those that are not open."""
    names = [one.name for one in found.flat]
    given = input_shape if isinstance(input_shape, dict) else dict(zip(names, per_input(input_shape)))
    if not isinstance(input_shape, dict) and len(per_input(input_shape)) != len(names):
        raise Fault(f"input_shape: the model has {len(names)} inputs: give a shape for each by name: "
                    f"{', '.join(names)}")
    changed = {one.name: one for one in found.flat}
    for name, wanted in given.items():
        if name not in changed:
            raise Fault(f"input_shape: no input is called {name!r}; there are: {', '.join(names)}")
        before = changed[name].shape[1:]
        if len(before) != len(wanted) or any(a is not None and b is not None and a != b
                                             for a, b in zip(before, wanted)):
            raise Fault(f"input_shape: {list(wanted)} contradicts what input {name!r} has: {before}")
        changed[name] = changed[name]._replace(shape=[None] + [a if a is not None else b
                                                               for a, b in zip(before, wanted)])
    return found._replace(flat=[changed[name] for name in names])


def numbered(structure: Any, made: Any, is_leaf: Any = lambda value: False, path: str = "") -> Inputs:
    """Return the Inputs of a nested structure; made(item, path) -> Input, of the path of keys and places in it."""
    flat: List[Input] = []

    def visit(value: Any, path: str) -> Any:
        inner = None if is_leaf(value) else value
        if isinstance(inner, dict):
            return {key: visit(inner[key], f"{path}_{key}" if path else str(key)) for key in sorted(inner)}
        if isinstance(inner, (list, tuple)):
            return [visit(one, f"{path or 'inputs'}_{place}") for place, one in enumerate(inner)]
        flat.append(made(value, path))
        return len(flat) - 1

    nested = visit(structure, path)
    return Inputs(flat, nested)


def mapped(structure: Any, function: Any) -> Any:
    """Return a nested structure with function(item) in place of each item."""
    if isinstance(structure, dict):
        return {key: mapped(value, function) for key, value in structure.items()}
    return [mapped(value, function) for value in structure] if isinstance(structure, list) else function(structure)


def is_shape(value: Any) -> bool:
    """Return whether a value is the sizes of one tensor."""
    return not isinstance(value, dict) and all(size is None or isinstance(size, int) for size in value)


def names_of_arguments(model: Any) -> List[str]:
    """Return the names of what a model's call takes; "inputs" where they cannot be told."""
    try:
        found = [name for name in inspect.signature(model.call).parameters if name not in ("self", "args", "kwargs")]
    except (TypeError, ValueError):
        found = []
    return found or ["inputs"]


def name_of(tensor: Any) -> str:
    """Return the name of the layer that a symbolic input comes from."""
    history = getattr(tensor, "_keras_history", None)
    layer = getattr(history, "operation", None) or getattr(history, "layer", None)
    return layer.name if layer is not None else re.sub(r":\d+\Z", "", tensor.name)


def dtype_of(one: Any) -> str:
    """Return the type of a symbolic tensor, or that of a Keras 3 model's inputs."""
    found = getattr(one, "input_dtype", None) or getattr(one, "dtype", None) or "float32"
    return found if isinstance(found, str) else found.name


def sizes(shape: Any) -> List[Optional[int]]:
    """Return the sizes of a shape of any library's as a list.  Raises Fault for an unknown rank."""
    try:
        return [None if size is None else int(size) for size in shape]
    except (TypeError, ValueError):
        raise Fault("the number of dimensions of an input is not known: give --input-shape (in Python input_shape=)")
