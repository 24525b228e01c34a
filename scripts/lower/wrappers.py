"""TimeDistributed and Bidirectional."""
from typing import Any, Dict, List, Optional

from ..base.fault import Fault
from ..emit import Value
from ..layers.kinds.wrappers import ways
from .cells import EARLY, is_before_tensorflow
from .recurrent import length
from .rules import Call, layer, tensors

MERGED = ("sum", "mul", "ave", "concat")


# Bidirectional ---------------------------------------------------------------------------------------------------

@layer("Bidirectional", masks=True)
def bidirectional(call: Call) -> List[Value]:
    """Both ways, merged, and the states of the forward and of the backward layer."""
    config = call.config
    first = config["layer"]
    name = first.get("name") or first["config"]["name"]
    states = behind(call)
    half, found = len(states) // 2, []
    for way, record in ways(config):
        own = states[:half] if way == "forward" else states[half:]
        found.append(call.within(of_way(call, way, record), f"{way}_{name}", call.x.masked(call.mask),
                                 initial_state=own or None, mask=call.kwargs.get("mask")))
    forward, backward = found
    y, other = forward[0], backward[0]
    mask = y.mask
    if first["config"].get("return_sequences"):
        other = call.b.reverse(other, [0 if first["config"].get("time_major") else 1])
    merged = [y, other.masked(mask)] if config.get("merge_mode") is None else [merge(call, y, other).masked(mask)]
    return merged + forward[1:] + backward[1:]


def behind(call: Call) -> List[Any]:
    """The initial states: Keras 2 has them behind the sequence, or as an argument as Keras 3 does."""
    first = call.args[0] if call.args else None
    given = list(call.args[1:]) + [call.kwargs.get("initial_state")]
    if isinstance(first, list):
        given = first[1:len(first) - int(call.config.get("num_constants") or 0)] + given
    states = [item for one in given if one is not None for item in (one if isinstance(one, (list, tuple)) else [one])]
    if len(states) % 2:
        raise Fault(f"layer {call.path!r} is given {len(states)} states for two layers: the file is damaged")
    return states


def of_way(call: Call, way: str, record: Dict[str, Any]) -> Dict[str, Any]:
    """The record of one way's layer, as Keras makes it.

    The backward one of Keras 2, where none is given, goes the other way round (Bidirectional.__init__).  The output of
    a masked step is zeros in sequences (force_zero_output_for_mask), but not in Keras before it became TensorFlow's.
    """
    config = dict(record["config"])
    if way == "backward" and not call.config.get("backward_layer"):
        config["go_backwards"] = call.major >= 3 or not config.get("go_backwards")
    if not is_before_tensorflow(call, EARLY + ("2.3.",)):
        config["zero_output_for_mask"] = bool(config.get("return_sequences"))
    return dict(record, config=config)


def merge(call: Call, y: Value, other: Value) -> Value:
    """One tensor of both ways'."""
    b, mode = call.b, call.config["merge_mode"]
    if mode == "concat":
        return b.concat([y, other], -1)
    if mode == "mul":
        return b.mul(y, other)
    if mode not in MERGED:
        raise Fault(f"layer {call.path!r} has merge_mode={mode!r}: the file is damaged")
    made = b.add(y, other)
    return b.div(made, 2.0) if mode == "ave" else made


# TimeDistributed -------------------------------------------------------------------------------------------------

@layer("TimeDistributed", masks=True)
def time_distributed(call: Call) -> List[Value]:
    """The layer within on each step: on a batch of all steps of all examples.

    What Keras computes outside of training does not depend on the other examples.  A stateful layer goes from step to
    step, and before Keras was TensorFlow's any layer where the number of examples is known.  Masks: keras 2.6
    TimeDistributed.compute_mask; Keras 3 hands the input's on, and so does Keras before 2.2, which gives the layer
    within none.
    """
    record = call.config["layer"]
    given = call.args[0] if call.args else call.x
    x = tensors(given)[0]
    if any(one.rank < 3 for one in tensors(given)):
        raise Fault(f"layer {call.path!r} is given a tensor of {x.rank} dimensions: the file is damaged")
    stepwise = call.training and call.walk.whole and is_before_tensorflow(call, ("2.",))
    if stepwise or isinstance(record["config"], dict) and record["config"].get("stateful"):
        return step_by_step(call, record, x)
    mask = call.mask
    early = is_before_tensorflow(call, ("2.0.", "2.1."))
    inner = mask if mask is not None and mask.rank > 2 and not early else None
    found = call.within(record, "", changed(given, lambda value: flattened(call, value).masked(
        flattened(call, inner) if inner is not None else None)), as_given=True)  # Keras 3 calls its call() alone
    return [restored(call, value, x).masked(mask if call.major > 2 or early else outer_mask(call, value, x, mask))
            for value in found]


def changed(value: Any, change: Any) -> Any:
    """A tensor, or a list or dict of tensors, each changed."""
    if isinstance(value, Value):
        return change(value)
    if isinstance(value, dict):
        return {key: changed(item, change) for key, item in value.items()}
    return [changed(item, change) for item in value]


def flattened(call: Call, x: Value) -> Value:
    """(batch, steps, …) as (batch * steps, …)."""
    return call.b.reshape(x, [-1] + [call.b.dim(x, place) for place in range(2, x.rank)]).narrowed(x.narrow)


def restored(call: Call, y: Value, x: Value) -> Value:
    """(batch * steps, …) as (batch, steps, …), with as many steps as x has."""
    b = call.b
    return b.reshape(y, [-1, b.dim(x, 1)] + [b.dim(y, place) for place in range(1, y.rank)]).narrowed(y.narrow)


def outer_mask(call: Call, inner: Value, x: Value, mask: Optional[Value]) -> Optional[Value]:
    """The mask of an output in Keras 2: that of the layer within, or the input's where any place of a step counts."""
    if inner.mask is not None:
        return restored(call, inner.mask, x)
    if mask is None or mask.rank < 3:
        return mask
    return call.b.reduce("Any", mask, list(range(2, mask.rank)))


def step_by_step(call: Call, record: Dict[str, Any], x: Value) -> List[Value]:
    """Each step by itself; a stateful layer within goes on with the states of the step before.

    Keras 2 calls the layer on the first step once more, before the others, to see what comes of it (backend.rnn:
    output_time_zero).
    """
    length(call, x, 1)
    steps = call.b.unstack(x, 1)
    if call.major < 3:
        call.within(record, "", steps[0], as_given=True)
    found = [call.within(record, "", step, as_given=True) for step in steps]
    return [call.b.stack([value.masked(None) for value in values], 1).masked(call.mask) for values in zip(*found)]
