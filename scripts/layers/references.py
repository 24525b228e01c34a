"""References of calls to the outputs of other layers: Keras's two spellings, found, listed and changed.

Keras 2 writes ``["conv", 0, 0, {}]``: output 0 of call 0 of the layer conv, and keyword arguments of the call;
Keras 3 writes ``{"class_name": "__keras_tensor__", "config": {"keras_history": ["conv", 0, 0], …}}``.
"""
from typing import Any, Callable, Container, Dict, List, NamedTuple, Tuple

from ..base.fault import Fault


class Ref(NamedTuple):
    """Output `tensor` of call number `node` of the layer of that name; both count from 0."""

    layer: str
    node: int
    tensor: int


def is_keras3_tensor(value: Any) -> bool:
    """Whether `value` is Keras 3's record of a tensor."""
    return isinstance(value, dict) and value.get("class_name") == "__keras_tensor__"


def is_keras2_tensor(value: Any, names: Container[str]) -> bool:
    """Whether `value` is ``[layer, node, tensor]`` or ``[layer, node, tensor, kwargs]`` of a known layer."""
    return (isinstance(value, list) and 3 <= len(value) <= 4 and isinstance(value[0], str)
            and type(value[1]) is int and type(value[2]) is int and value[0] in names)


def history(value: Dict[str, Any]) -> Ref:
    """Return the Ref of a Keras 3 tensor record.  Raises Fault where the record has none."""
    try:
        layer, node, tensor = value["config"]["keras_history"]
        return Ref(str(layer), int(node), int(tensor))
    except (KeyError, TypeError, ValueError):
        raise Fault("the topology holds a tensor without a history: the file is damaged")


def is_plain(call: Any, names: Container[str]) -> bool:
    """Whether `call` is a list of Keras 2's references alone, without keyword arguments, as nearly all calls are."""
    return isinstance(call, list) and all(type(item) is list and len(item) == 4 and item[3] == {}
                                          and is_keras2_tensor(item, names) for item in call)


def redirect(call: Any, names: Container[str], change: Callable[[Ref], Ref]) -> Any:
    """Return `call` with every reference `ref` in it replaced by `change(ref)`."""
    if is_plain(call, names):  # much quicker
        return [[*change(Ref(*item[:3])), type(item[3])()] for item in call]
    if is_keras3_tensor(call):
        config = dict(call["config"], keras_history=list(change(history(call))))
        return dict(call, config=config)
    if is_keras2_tensor(call, names):
        rest = [redirect(value, names, change) for value in call[3:]]
        return list(change(Ref(*call[:3]))) + rest
    if isinstance(call, list):
        return [redirect(value, names, change) for value in call]
    if isinstance(call, dict):
        return type(call)((key, redirect(value, names, change)) for key, value in call.items())
    return call


def references(call: Any, names: Container[str]) -> List[Ref]:
    """Return the Refs in `call` in the order of Keras's tree.flatten: first arguments, then keyword arguments by key.

    Keras 2 repeats the keyword arguments beside every tensor; they count once.
    """
    if is_plain(call, names):  # much quicker
        return [Ref(*item[:3]) for item in call]
    found, keywords = [], []

    def walk(value):
        if is_keras3_tensor(value):
            found.append(history(value))
        elif is_keras2_tensor(value, names):
            found.append(Ref(*value[:3]))
            keywords[:] = value[3:]
        elif isinstance(value, list):
            for item in value:
                walk(item)
        elif isinstance(value, dict):
            for key in sorted(value):
                walk(value[key])

    walk(call)
    while keywords:
        value = keywords.pop()
        walk(value)
    return found


def arguments(call: Dict[str, Any]) -> Tuple[List[Any], Dict[str, Any]]:
    """Return (values, keywords) of a Keras 3 call, {"args": […], "kwargs": {…}}.

    values: the arguments by place, then `inputs` or `sequences`, then `initial_state`.  keywords: the others, without
    `training` and masks that are None.
    """
    keywords = dict(call.get("kwargs") or {})
    for key in ("training", "mask", "initial_state"):
        if keywords.get(key) is None or key == "training":
            keywords.pop(key, None)
    state = keywords.pop("initial_state", [])
    values = list(call.get("args") or []) + [keywords.pop(key) for key in ("inputs", "sequences") if key in keywords]
    return values + [state], keywords


def keras3_tensors(call: Any) -> List[Dict[str, Any]]:
    """Return the list of Keras 3 tensor records in a call, in the order of `references`."""
    if is_keras3_tensor(call):
        return [call]
    values = call if isinstance(call, list) else [call[key] for key in sorted(call)] if isinstance(call, dict) else []
    return [tensor for value in values for tensor in keras3_tensors(value)]


def flat_references(value: Any) -> List[Ref]:
    """Flatten input_layers or output_layers (one reference, a list of them, or a dict) to a list of Refs.

    Raises Fault where the value is none of these.
    """
    if isinstance(value, list) and len(value) == 3 and isinstance(value[0], str):
        if type(value[1]) is not int or type(value[2]) is not int:
            raise Fault(f"the topology refers to {value!r}, which is no layer's output: the file is damaged")
        return [Ref(*value)]
    if isinstance(value, dict):
        value = [value[key] for key in sorted(value)]
    if not isinstance(value, list):
        raise Fault("the topology's input_layers or output_layers are not lists: the file is damaged")
    return [ref for item in value for ref in flat_references(item)]
