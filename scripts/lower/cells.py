"""Cells: what a recurrent layer computes in one step, from its input and its states.

Keras: keras 2.6 layers/recurrent.py and recurrent_v2.py; Keras 3 layers/rnn/.
"""
from typing import Any, Callable, Dict, List, NamedTuple, Sequence, Tuple

from ..base.fault import Fault
from ..emit import Value
from ..layers import kinds, topology
from .activation import by_name
from .rules import Call

ALONE = ("sigmoid", "hard_sigmoid", "tanh", "relu", "linear")  # activations that look at one number at a time
EARLY = ("2.0.", "2.1.", "2.2.")  # Keras, before a masked step repeated the output before it
REVERSED = ("2.0.", "2.1.", "2.2.0", "2.2.1", "2.2.2")  # Keras that put the states of the last of several cells first
Parts = Tuple[Value, ...]  # what a cell keeps of the input of one step


def is_before_tensorflow(call: Call, versions: Tuple[str, ...]) -> bool:
    """Whether a Keras of these versions wrote the file that was not TensorFlow's own, whose names end in -tf."""
    return call.major < 3 and call.walk.version.startswith(versions) and not call.walk.version.endswith("-tf")


class Step(NamedTuple):
    """The result of one step of a cell."""

    output: Value
    states: List[Value]


class Cell:
    """A cell: the computation of one step.

    call     rules.Call, whose config and weights are the cell's
    sizes    shapes of its states, without the batch; `inputs` may be what finds them
    gating   the activation of the gates where the config names none
    zeroing  whether the layer heeds zero_output_for_mask
    """

    sizes: List[Tuple[int, ...]]
    gating = "sigmoid"
    zeroing = True

    def __init__(self, call: Call) -> None:
        self.call, self.b = call, call.b

    def inputs(self, x: Value, axis: int) -> List[Parts]:
        """The inputs of all steps, which lie along `axis` of x."""
        raise NotImplementedError

    def input(self, x: Value) -> Parts:
        """The input of a single step, (batch, features)."""
        raise NotImplementedError

    def step(self, given: Parts, states: Sequence[Value]) -> Step:
        """One step, from an input and the states before it."""
        raise NotImplementedError

    def activation(self, x: Value) -> Value:
        """The activation of the candidate and of the output."""
        return by_name(self.call, self.call.config.get("activation", "tanh"), x, "activation")

    def gate(self, x: Value) -> Value:
        """The activation of the gates."""
        return by_name(self.call, self.call.config.get("recurrent_activation", self.gating), x, "recurrent_activation")


CELLS: Dict[str, Callable[[Call], Cell]] = {}  # by the class of a cell


def cell(name: str) -> Callable:
    """Return the decorator that adds a cell to CELLS."""
    def register(made: Callable[[Call], Cell]) -> Callable[[Call], Cell]:
        CELLS[name] = made
        return made
    return register


class Dense(Cell):
    """A cell whose input and state are multiplied by a kernel each: (features, gates * units), (units, gates * units).

    gates  how many kernels of one unit each lie side by side
    parts  the columns of the input, in units, that are used together
    """

    gates, parts, states = 1, [1], 1

    def __init__(self, call: Call) -> None:
        super().__init__(call)
        self.kernel, self.recurrent = call.weight("kernel"), call.weight("recurrent_kernel")
        self.bias = call.optional("bias")
        self.units = self.recurrent.shape[0]
        if self.recurrent.shape != (self.units, self.gates * self.units):
            raise Fault(f"layer {call.path!r} has a recurrent kernel of shape {self.recurrent.shape}: weights and "
                        "topology do not belong together")
        self.sizes = [(self.units,)] * self.states

    def projected(self, x: Value) -> List[Value]:
        """The input times the kernel, in `parts`."""
        made = self.b.dense(x, self.kernel)
        if self.bias is not None:
            made = self.b.add(made, self.bias)
        return self.b.split(made, [count * self.units for count in self.parts], -1)

    def inputs(self, x: Value, axis: int) -> List[Parts]:
        """All steps in one product."""
        if x.rank != 3:
            raise Fault(f"layer {self.call.path!r} is given a tensor of {x.rank} dimensions: the file is damaged")
        return list(zip(*[self.b.unstack(part, axis) for part in self.projected(x)]))

    def input(self, x: Value) -> Parts:
        """One step."""
        return tuple(self.projected(x))


@cell("SimpleRNNCell")
class Simple(Dense):
    """act(x @ kernel + bias + h @ recurrent_kernel)."""

    def step(self, given: Parts, states: Sequence[Value]) -> Step:
        """The output is the state."""
        output = self.activation(self.b.add(given[0], self.b.matmul(states[0], self.recurrent)))
        return Step(output, [output])


@cell("LSTMCell")
class Lstm(Dense):
    """The gates i, f, c, o, in this order."""

    gates, parts, states = 4, [4], 2

    def step(self, given: Parts, states: Sequence[Value]) -> Step:
        """c = f * c + i * act(c'), h = o * act(c)."""
        b = self.b
        i, f, candidate, o = b.split(b.add(given[0], b.matmul(states[0], self.recurrent)), 4, -1)
        carry = b.add(b.mul(self.gate(f), states[1]), b.mul(self.gate(i), self.activation(candidate)))
        output = b.mul(self.gate(o), self.activation(carry))
        return Step(output, [output, carry])


@cell("PeepholeLSTMCell")
class Peephole(Lstm):
    """An LSTM's whose gates look at the carry too: i and f at the one before, o at the new one."""

    def __init__(self, call: Call) -> None:
        super().__init__(call)
        self.peepholes = [call.weight(f"{gate}_gate_peephole_weights") for gate in ("input", "forget", "output")]

    def step(self, given: Parts, states: Sequence[Value]) -> Step:
        """c = f * c + i * act(c'), h = o * act(c)."""
        b, before = self.b, states[1]
        i, f, candidate, o = b.split(b.add(given[0], b.matmul(states[0], self.recurrent)), 4, -1)
        i, f = [self.gate(b.add(gate, b.mul(hole, before))) for gate, hole in zip((i, f), self.peepholes)]
        carry = b.add(b.mul(f, before), b.mul(i, self.activation(candidate)))
        output = b.mul(self.gate(b.add(o, b.mul(self.peepholes[2], carry))), self.activation(carry))
        return Step(output, [output, carry])


@cell("GRUCell")
class Gru(Dense):
    """The gates z, r and the candidate, in this order; reset_after: the reset gate comes after the product.

    Keras 2.0 - 2.1 has no such setting: before.
    """

    gates, parts = 3, [2, 1]

    def __init__(self, call: Call) -> None:
        super().__init__(call)
        self.after = bool(call.config.get("reset_after", False))
        b, size, both = call.b, self.units, 2 * self.units
        if not self.after:
            self.of_gates = b.remade(self.recurrent, "gates", (size, both), lambda array: array[:, :both])
            self.of_candidate = b.remade(self.recurrent, "candidate", (size, size), lambda array: array[:, both:])
        elif self.bias is not None:
            self.bias, self.inner = [b.remade(self.bias, f"row {row}", (3 * size,), lambda array, row=row: array[row])
                                     for row in (0, 1)]

    def step(self, given: Parts, states: Sequence[Value]) -> Step:
        """h = z * h + (1 - z) * act(candidate)."""
        b, h = self.b, states[0]
        if self.after:
            inner = b.matmul(h, self.recurrent)
            inner = b.add(inner, self.inner) if self.bias is not None else inner
            gates, inner = b.split(inner, [2 * self.units, self.units], -1)
            z, r = self.gates_of(b.add(given[0], gates))
            inner = b.mul(r, inner)
        else:
            z, r = self.gates_of(b.add(given[0], b.matmul(h, self.of_gates)))
            inner = b.matmul(b.mul(r, h), self.of_candidate)
        candidate = self.activation(b.add(given[1], inner))
        output = b.add(candidate, b.mul(z, b.sub(h, candidate)))
        return Step(output, [output])

    def gates_of(self, both: Value) -> List[Value]:
        """z and r; one activation does for both, unless it looks at several numbers at a time."""
        if self.call.config.get("recurrent_activation", self.gating) in ALONE:
            return self.b.split(self.gate(both), 2, -1)
        return [self.gate(part) for part in self.b.split(both, 2, -1)]


@cell("StackedRNNCells")
class Stacked(Cell):
    """Cells one after another: each has the output of the one before it for its input."""

    def __init__(self, call: Call) -> None:
        super().__init__(call)
        parts = [part for part in kinds.of(call.record).parts(call.config, "")]
        self.cells = [cell_of(call, part.record, part.scope.strip("/")) for part in parts]
        if not self.cells:
            call.refuse("it has no cells", "build it with one")
        self.backwards = is_before_tensorflow(call, REVERSED)
        self.sizes = [size for one in self.in_order(self.cells) for size in one.sizes]

    def in_order(self, items: Sequence[Any]) -> Sequence[Any]:
        """The items of the cells in the order of their states, or in reverse.

        Keras before 2.2.3 puts the last cell's first (keras 2.1.6 StackedRNNCells.state_size).
        """
        return items[::-1] if self.backwards else items

    def inputs(self, x: Value, axis: int) -> List[Parts]:
        """The inputs of the first cell."""
        return self.cells[0].inputs(x, axis)

    def input(self, x: Value) -> Parts:
        """The input of the first cell."""
        return self.cells[0].input(x)

    def step(self, given: Parts, states: Sequence[Value]) -> Step:
        """A step of each cell."""
        own, first, made = [], 0, None
        for one in self.in_order(self.cells):
            own.append(states[first:first + len(one.sizes)])
            first += len(one.sizes)
        found: List[List[Value]] = []
        for one, before in zip(self.cells, self.in_order(own)):
            made = one.step(given if made is None else one.input(made.output), before)
            found.append(made.states)
        return Step(made.output, [state for after in self.in_order(found) for state in after])


def cell_of(call: Call, record: Dict[str, Any], scope: str = "") -> Cell:
    """The Cell of a record within the layer of `call`.  Raises NotLowered for a class of the user's own."""
    name = kinds.canonical(record["class_name"])
    if name not in CELLS or not kinds.kind.is_of_keras(record):
        call.refuse(f"its cell is a {record['class_name']}, and a file holds no code that computes it", topology.OWN)
    return CELLS[name](Call(call.walk, record, call.path, [], {}, call.held.below(scope)))
