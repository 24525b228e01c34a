"""Recurrent layers, unrolled step by step: SimpleRNN, GRU, LSTM, RNN of cells.

A graph that TensorSpace runs has no loops, so the number of steps must be known.  The inputs of all steps are
multiplied by the kernel at once.  Keras: keras 2.6 layers/recurrent.py and backend.rnn; Keras 3 layers/rnn/rnn.py and
backend/tensorflow/rnn.py.
"""
from typing import Any, List, NamedTuple, Sequence

import numpy

from ..base.fault import Fault
from ..emit import Value
from ..layers import kinds
from .cells import CELLS, EARLY, Cell, Step, cell_of, is_before_tensorflow
from .rules import Call, layer

STEPS = 4096  # that a layer is unrolled to


@layer("SimpleRNNCell GRUCell LSTMCell PeepholeLSTMCell StackedRNNCells")
def single(call: Call) -> List[Value]:
    """A cell that is a layer by itself: its output, and the states after it."""
    made = cell_of(call, call.record)
    call.rank(2, 2)
    given = flat(list(call.args[1:]) + [call.kwargs.get("states")], 2)
    done = made.step(made.input(call.b.cast(call.x, "float32")), checked(call, made, given))
    return [done.output] + done.states


# Sequences -------------------------------------------------------------------------------------------------------

@layer("SimpleRNN GRU LSTM", masks=True)
def of_own_cell(call: Call) -> List[Value]:
    """A layer that is its cell too: the settings and weights of both are its own."""
    return sweep(call, CELLS[kinds.canonical(call.kind) + "Cell"](call))


@layer("RNN", masks=True)
def of_cell(call: Call) -> List[Value]:
    """An RNN of the cell that its config names."""
    return sweep(call, cell_of(call, call.config["cell"]))


def sweep(call: Call, made: Cell) -> List[Value]:
    """Unroll a cell over all steps: the output or outputs, and the states where they are asked for.

    A masked step leaves the states as they are and repeats the output before it, at first zeros (Keras: backend.rnn).
    Keras before 2.3 took the first state for that output, unless the layer was unrolled (keras 2.2.4 K.rnn).
    """
    b, config = call.b, call.config
    axis = 0 if config.get("time_major") else 1
    x, given = operands(call)
    steps = length(call, x, axis)
    inputs = made.inputs(x, axis)
    states = states_of(call, made, given)
    empty = {size: zeros(call, x, size, 1 - axis) for size in made.sizes}
    states = states or [empty[size] for size in made.sizes]
    # Keras 3 looks for the mask of a tensor where it is called with one alone (layers/layer.py: Layer.__call__)
    alone = all(one is None for one in given) or isinstance(call.kwargs.get("mask"), Value)
    masks = of_steps(call, steps, axis, len(made.sizes[0])) if alone or call.major < 3 else []
    order = list(range(steps))[::-1] if config.get("go_backwards") else list(range(steps))
    early = not config.get("unroll") and is_before_tensorflow(call, EARLY)
    outputs: List[Value] = []
    for place in order:
        done = made.step(inputs[place], states)
        if masks:
            last = states[0] if early else outputs[-1] if outputs else \
                empty.get(done.output.shape[1:]) or b.like(done.output, 0)
            done = kept(call, masks[place], done, states, last)
        states = done.states
        outputs.append(done.output)
    if config.get("stateful"):
        call.walk.states[call.path] = states
    zeroed = [masks[place] for place in order] if masks and made.zeroing and config.get("zero_output_for_mask") else []
    return finished(call, outputs, states, axis, zeroed)


def finished(call: Call, outputs: List[Value], states: List[Value], axis: int, masks: List[Value]) -> List[Value]:
    """The outputs of the layer, of those of all steps.

    masks: in the order of the steps; the output of a masked step is zeros.  An unrolled layer that goes backwards takes
    the masks for that in the order of the input (Keras: backend.rnn, unroll).
    """
    b, config, all_steps = call.b, call.config, bool(call.config.get("return_sequences"))
    if masks:
        if all_steps and config.get("unroll") and config.get("go_backwards"):
            masks = masks[::-1]
        empty = b.like(outputs[-1], 0)
        outputs = [select(call, mask, output, empty) for mask, output in list(zip(masks, outputs))[-len(
            outputs) if all_steps else -1:]]
    result = b.stack(outputs, axis).masked(call.mask) if all_steps else outputs[-1]
    return [result] + (list(states) if config.get("return_state") else [])


def kept(call: Call, mask: Value, done: Step, states: Sequence[Value], last: Value) -> Step:
    """A step under a mask: where the mask hides it, the states before the step, and the output `last`."""
    after = [select(call, mask, new, old) for new, old in zip(done.states, states)]
    for new, old, chosen in zip(done.states, states, after):
        if done.output is new and last is old:
            return Step(chosen, after)
    return Step(select(call, mask, done.output, last), after)


def select(call: Call, mask: Value, x: Value, y: Value) -> Value:
    """x where the mask of one step, (batch, 1, …), holds, else y."""
    times = [1] + [size if have == 1 and size else 1 for have, size in zip(mask.shape[1:], x.shape[1:])]
    return call.b.where(call.b.tile(mask, times), x, y)


def of_steps(call: Call, steps: int, axis: int, rank: int) -> List[Value]:
    """The masks of the steps in the order of the input, each (batch, 1, …) for states of so many dimensions.

    [] where there is no mask.
    """
    b, mask = call.b, call.mask
    if mask is None:
        return []
    mask = b.cast(mask, "bool")
    if mask.rank < 2 or mask.shape[axis] not in (steps, None):
        raise Fault(f"layer {call.path!r} of {steps} steps is given a mask of shape {mask.shape}: the file is damaged")
    while mask.rank < rank + 2:
        mask = b.expand(mask, mask.rank)
    return b.unstack(mask, axis)


def zeros(call: Call, x: Value, size: Sequence[int], axis: int) -> Value:
    """A state of zeros for each example of x, whose batch is dimension `axis`: no operation that asks for a shape."""
    b = call.b
    one = b.slice(x, [(0, None if place == axis else 1) for place in range(x.rank)])
    return b.tile(b.reshape(b.like(one, 0), [-1] + [1] * len(size)), [1] + list(size))


def length(call: Call, x: Value, axis: int) -> int:
    """The number of steps.  Raises NotLowered where it is open, or too large."""
    steps = x.shape[axis] if x.rank > 1 else 0
    if steps is None:
        call.refuse("its number of steps is open, and a graph that TensorSpace runs has no loop",
                    "give the input's shape with it (--input-shape, or input_shape in models.toml)" if axis else
                    "build the model with time_major=False")
    if steps > STEPS:
        call.refuse(f"it has {steps} steps, and {STEPS} are unrolled at most",
                    "build it over fewer steps, or give fewer where their number is open (--input-shape)")
    if steps < 1:
        raise Fault(f"layer {call.path!r} is given a tensor of shape {x.shape}, of no steps: the file is damaged")
    return steps


class Operands(NamedTuple):
    """The operands of a recurrent layer: the sequence, and the states that are given."""

    x: Value
    states: List[Any]


def operands(call: Call) -> Operands:
    """The sequence and the states.

    Keras 2 has the states behind the sequence in one list, and after them constants, which no cell of Keras's takes;
    Keras 3 has them as an argument.
    """
    first = call.args[0] if call.args else None
    behind: List[Any] = list(call.args[1:]) + [call.kwargs.get("initial_state")]
    if isinstance(first, list):
        count = len(first) - int(call.config.get("num_constants") or 0)
        first, behind = first[0], first[1:count] + behind
    x = call.x if not isinstance(first, Value) else first
    if x.rank < 3:
        raise Fault(f"layer {call.path!r} is given a tensor of {x.rank} dimensions: the file is damaged")
    return Operands(call.b.cast(x, "float32"), behind)


def states_of(call: Call, made: Cell, given: Sequence[Any]) -> List[Value]:
    """The states before the first step; [] for zeros.

    A stateful layer goes on where its call before ended; of Keras 2 even if it is given states (keras 2.6
    RNN._process_inputs).
    """
    states = flat(given, len(made.sizes[0]) + 1)
    if call.config.get("stateful") and (not states or call.major < 3):
        states = call.walk.states.get(call.path, states)
    return checked(call, made, states) if states else []


def checked(call: Call, made: Cell, given: Sequence[Any]) -> List[Value]:
    """States as tensors of the shapes that the cell has.  Raises Fault for others."""
    states = [call.b.cast(call.b.value(item), "float32") for item in given]
    shapes = [state.shape[1:] for state in states]
    if shapes != [tuple(size) for size in made.sizes]:
        raise Fault(f"layer {call.path!r} is given states of shapes {shapes} and has {made.sizes}: the file is damaged")
    return states


def flat(value: Any, rank: int) -> List[Any]:
    """The tensors and the arrays of `rank` dimensions in lists of these; an array may be a list of lists of numbers."""
    if value is None or isinstance(value, str):
        return []
    if isinstance(value, (Value, numpy.ndarray)):
        return [value]
    if depth(value) == rank:
        return [numpy.asarray(value, "float32")]
    return [item for one in value for item in flat(one, rank)]


def depth(value: Any) -> int:
    """The depth of lists in lists of numbers; 0 for a value that is no list, or a list of tensors."""
    if isinstance(value, (list, tuple)) and value:
        inner = depth(value[0])
        return inner + 1 if inner or isinstance(value[0], (int, float)) else 0
    return 0
