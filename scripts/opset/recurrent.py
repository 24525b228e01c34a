"""RNN, GRU, LSTM, unrolled step by step: a graph that TensorSpace runs has no loops."""
from typing import Callable, Dict, List, NamedTuple, Optional, Sequence, Tuple

from ..emit import Builder, Value, activations
from .given import floats, known_size
from .layout import Held
from .rules import Call, operation

STEPS = 4096  # that a layer is unrolled to
States = List[Value]  # (batch, hidden) each: h, and of an LSTM c
Activation = Callable[[Value], Value]
GATES = {"RNN": 1, "GRU": 3, "LSTM": 4}
DEFAULTS = {"RNN": ["Tanh"], "GRU": ["Sigmoid", "Tanh"], "LSTM": ["Sigmoid", "Tanh", "Tanh"]}
WITH_ALPHA = {"leakyrelu": 0.01, "elu": 1.0, "thresholdedrelu": 1.0, "affine": 1.0, "scaledtanh": 1.0,
              "hardsigmoid": 0.2}
WITH_BETA = {"affine": 0.0, "scaledtanh": 1.0, "hardsigmoid": 0.5}


class Part(NamedTuple):
    """One direction of a layer: its weights as ONNX has them, and its activations.

    kernel (gates * hidden, inputs), recurrent (gates * hidden, hidden), bias and inner (gates * hidden,) or None,
    peepholes: three of (hidden,), or []
    """

    kernel: Value
    recurrent: Value
    bias: Optional[Value]
    inner: Optional[Value]
    peepholes: List[Value]
    activations: List[Activation]


def activation(b: Builder, name: str, alpha: Optional[float], beta: Optional[float]) -> Optional[Activation]:
    """An activation by its name, whatever the case; None for an unknown one."""
    name = name.lower()
    first = WITH_ALPHA.get(name, 1.0) if alpha is None else alpha
    second = WITH_BETA.get(name, 0.0) if beta is None else beta
    known: Dict[str, Activation] = {
        "sigmoid": b.sigmoid, "tanh": b.tanh, "relu": b.relu,
        "softsign": lambda x: activations.softsign(b, x), "softplus": lambda x: activations.softplus(b, x),
        "leakyrelu": lambda x: activations.leaky_relu(b, x, first), "elu": lambda x: activations.elu(b, x, first),
        "thresholdedrelu": lambda x: b.mul(x, b.cast(b.compare("Greater", x, first), "float32")),
        "affine": lambda x: b.add(b.mul(x, first), second),
        "scaledtanh": lambda x: b.mul(b.tanh(b.mul(x, second)), first),
        "hardsigmoid": lambda x: b.clip(b.add(b.mul(x, first), second), 0, 1)}
    return known.get(name)


def activations_of(call: Call, directions: int) -> List[List[Activation]]:
    """The activations of each direction; alphas and betas are counted for those that have some."""
    each = len(DEFAULTS[call.op])
    names = call.node.attributes.get("activations") or DEFAULTS[call.op] * directions
    alphas, betas = call.floats("activation_alpha", []) or [], call.floats("activation_beta", []) or []
    if not isinstance(names, list) or len(names) != each * directions:
        call.damaged(f"has activations={names!r:.80}")
    found: List[Activation] = []
    for name in names:
        key = str(name).lower()
        alpha = alphas.pop(0) if key in WITH_ALPHA and alphas else None
        beta = betas.pop(0) if key in WITH_BETA and betas else None
        made = activation(call.b, key, alpha, beta)
        if made is None:
            call.refuse(f"its activation {name!r:.40} is not known")
        found.append(made)
    return [found[number * each:(number + 1) * each] for number in range(directions)]


@operation("RNN GRU LSTM")
def recurrent(call: Call) -> List[Optional[Held]]:
    """The outputs of all steps, (steps, directions, batch, hidden), and the states after the last one."""
    b, direction, batch_first = call.b, call.text("direction", "forward"), bool(call.int("layout"))
    if direction not in ("forward", "reverse", "bidirectional"):
        call.damaged(f"has direction={direction!r:.20}")
    directions = 2 if direction == "bidirectional" else 1
    x = floats(call, 0)
    if x.rank != 3:
        call.damaged(f"is given {x.rank} dimensions")
    time = 1 if batch_first else 0
    steps = known_size(call, call.x, time)
    if steps > STEPS or steps < 1:
        call.refuse(f"it has {steps} steps, and {STEPS} are unrolled at most")
    check_lengths(call, steps)
    used = activations_of(call, directions)
    outputs, states = [], []
    for number in range(directions):
        part = part_of(call, number, used[number])
        backwards = direction == "reverse" or number == 1
        made, last = sweep(call, part, b.unstack(projected(b, x, part), time), backwards,
                           initial(call, number, part, x, 1 - time, batch_first))
        outputs.append(made)
        states.append(last)
    joined = b.stack([b.stack([one[step] for one in outputs], 0) for step in range(steps)], 0)
    joined = b.transpose(joined, [2, 0, 1, 3]) if batch_first else joined
    axis = 1 if batch_first else 0
    behind = [b.stack([last[place] for last in states], axis) for place in range(len(states[0]))]
    return [call.as_it_is(one) if call.wants(place) else None for place, one in enumerate([joined] + behind)]


def check_lengths(call: Call, steps: int) -> None:
    """Refuse lengths of sequences that are not all the whole."""
    if not call.has(4):
        return
    held = call.held(4)
    if held.weight is None or any(length != steps for length in call.numbers(4) or []):
        call.refuse("it is given lengths of the sequences (sequence_lens), which are not all the number of steps",
                    "export the model without packed sequences")


def part_of(call: Call, number: int, used: List[Activation]) -> Part:
    """The weights of a direction.  Raises Fault where they do not fit."""
    b, gates = call.b, GATES[call.op]
    kernel, inner = [b.at(floats(call, place), 0, number) for place in (1, 2)]
    hidden = inner.shape[1]
    if hidden is None or kernel.shape[0] != gates * hidden or inner.shape[0] != gates * hidden:
        call.damaged(f"has weights of shapes {kernel.shape} and {inner.shape}")
    bias = b.split(b.at(floats(call, 3), 0, number), 2, 0) if call.has(3) else [None, None]
    peepholes = b.split(b.at(floats(call, 7), 0, number), 3, 0) if call.op == "LSTM" and call.has(7) else []
    return Part(kernel, inner, bias[0], bias[1], peepholes, used)


def projected(b: Builder, x: Value, part: Part) -> Value:
    """All steps times the kernel at once."""
    made = b.matmul(x, turned(b, part.kernel))
    return made if part.bias is None else b.add(made, part.bias)


def turned(b: Builder, kernel: Value) -> Value:
    """A kernel (units, inputs) as (inputs, units)."""
    return b.transpose(kernel, [1, 0])


def initial(call: Call, number: int, part: Part, x: Value, axis: int, batch_first: bool) -> States:
    """The states before the first step: given, or zeros for each example."""
    b, hidden = call.b, part.recurrent.shape[1]
    one = b.slice(x, [(0, None if place == axis else 1) for place in range(3)])
    zeros = b.tile(b.reshape(b.like(one, 0), [-1, 1]), [1, hidden])
    found = []
    for place in (5, 6) if call.op == "LSTM" else (5,):
        found.append(b.at(floats(call, place), 1 if batch_first else 0, number) if call.has(place) else zeros)
    return found


def sweep(call: Call, part: Part, inputs: Sequence[Value], backwards: bool, states: States
          ) -> Tuple[List[Value], States]:
    """The outputs of all steps in the order of the input, and the states after the last one that is computed."""
    step = {"RNN": rnn_step, "GRU": gru_step, "LSTM": lstm_step}[call.op]
    recurrent = turned(call.b, part.recurrent)
    outputs: List[Value] = [inputs[0]] * len(inputs)
    order = range(len(inputs))
    for place in order[::-1] if backwards else order:
        states = step(call, part, inputs[place], states, recurrent)
        outputs[place] = states[0]
    return outputs, states


def clipped(call: Call, x: Value) -> Value:
    """x within the setting `clip`, before an activation."""
    bound = call.float("clip")
    return call.b.clip(x, -bound, bound) if bound > 0 else x


def with_inner(call: Call, part: Part, x: Value) -> Value:
    """The sum with the bias of the states."""
    return x if part.inner is None else call.b.add(x, part.inner)


def rnn_step(call: Call, part: Part, x: Value, states: States, recurrent: Value) -> States:
    """h = f(x W + h R + b)."""
    b = call.b
    made = with_inner(call, part, b.add(x, b.matmul(states[0], recurrent)))
    return [part.activations[0](clipped(call, made))]


def gru_step(call: Call, part: Part, x: Value, states: States, recurrent: Value) -> States:
    """The gates z, r and h: h = (1 - z) * g(…) + z * h."""
    b, h = call.b, states[0]
    gate, candidate = part.activations
    size = part.recurrent.shape[1]
    if call.int("linear_before_reset"):
        inner_z, inner_r, inner_h = b.split(with_inner(call, part, b.matmul(h, recurrent)), 3, -1)
        x_z, x_r, x_h = b.split(x, 3, -1)
        z, r = [gate(clipped(call, b.add(one, other))) for one, other in ((x_z, inner_z), (x_r, inner_r))]
        new = candidate(clipped(call, b.add(x_h, b.mul(r, inner_h))))
    else:
        x_z, x_r, x_h = b.split(with_inner(call, part, x), 3, -1)
        of_gates, of_candidate = b.cut(recurrent, 1, 0, 2 * size), b.cut(recurrent, 1, 2 * size, size)
        inner_z, inner_r = b.split(b.matmul(h, of_gates), 2, -1)
        z, r = [gate(clipped(call, b.add(one, other))) for one, other in ((x_z, inner_z), (x_r, inner_r))]
        new = candidate(clipped(call, b.add(x_h, b.matmul(b.mul(r, h), of_candidate))))
    return [b.add(new, b.mul(z, b.sub(h, new)))]


def lstm_step(call: Call, part: Part, x: Value, states: States, recurrent: Value) -> States:
    """The gates i, o, f and c: c = f * c + i * g(…), h = o * h(c).  Peepholes look at c, those of o at the new one."""
    b, (h, c) = call.b, states
    i, o, f, g = b.split(with_inner(call, part, b.add(x, b.matmul(h, recurrent))), 4, -1)
    gate, candidate, output = part.activations

    def seen(gate_input: Value, place: int, state: Value) -> Value:
        return b.add(gate_input, b.mul(part.peepholes[place], state)) if part.peepholes else gate_input

    i = gate(clipped(call, seen(i, 0, c)))
    f = b.sub(1.0, i) if call.int("input_forget") else gate(clipped(call, seen(f, 2, c)))
    c = b.add(b.mul(f, c), b.mul(i, candidate(clipped(call, g))))
    o = gate(clipped(call, seen(o, 1, c)))
    return [b.mul(o, output(c)), c]
