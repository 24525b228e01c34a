"""Recurrent layers that are one operation (tf.contrib.rnn: LSTMBlockCell, LSTMBlockFusedCell, GRUBlockCellV2)."""
from typing import List, NamedTuple, Optional

from ...base.fault import Fault
from ...emit import Builder, Value
from ..recurrent import STEPS
from ..rules import Call, node
from .given import attributes, floats, integer, known, limited, value


class Cell(NamedTuple):
    """A cell of an LSTM (core/kernels/rnn/lstm_ops.cc).

    order   the letters of its gates as its kernel has them: i, c(ell), f, o
    forget  what is added to the forget gate
    clip    beyond which the state is cut off, 0 for nowhere
    peep    the weights by which the state opens the gates i, f and o; None for no such weights
    """

    kernel: Value
    bias: Value
    order: str
    forget: float
    clip: float
    peep: Optional[List[Value]]


def part(call: Call, at: int) -> Value:
    """The input at a place, in floats."""
    return call.b.cast(value(call, call.args[at]), "float32")


def cell_of(call: Call, at: int) -> Cell:
    """The cell whose kernel stands at a place; three peepholes and the bias come behind it."""
    told, second = attributes(call), call.config["node_def"]["op"] == "BlockLSTMV2"
    kernel, bias = part(call, at), part(call, at + 4)
    if kernel.rank != 2 or kernel.shape[1] is None or kernel.shape[1] % 4:
        raise Fault(f"operation {call.path!r} has a kernel of shape {kernel.shape}: the file is damaged")
    return Cell(kernel, bias, "ifco" if second else "icfo", 0.0 if second else float(told.get("forget_bias", 1.0)),
                float(told.get("cell_clip", 0.0 if second else 3.0)),
                [part(call, at + place) for place in (1, 2, 3)] if told.get("use_peephole") else None)


def lstm(b: Builder, cell: Cell, x: Value, state: Value, output: Value) -> List[Value]:
    """One step: the input gate, the state, the forget gate, the output gate, what is added, the state's tanh, the
    output."""
    gates = b.split(b.add(b.matmul(b.concat([x, output], 1), cell.kernel), cell.bias), 4, 1)
    by = dict(zip(cell.order, gates))
    enter, forget = by["i"], b.add(by["f"], cell.forget)
    if cell.peep is not None:
        enter, forget = b.add(enter, b.mul(state, cell.peep[0])), b.add(forget, b.mul(state, cell.peep[1]))
    enter, forget, added = b.sigmoid(enter), b.sigmoid(forget), b.tanh(by["c"])
    state = b.add(b.mul(added, enter), b.mul(state, forget))
    state = b.clip(state, -cell.clip, cell.clip) if cell.clip > 0 else state
    leave = by["o"] if cell.peep is None else b.add(by["o"], b.mul(state, cell.peep[2]))
    leave, shown = b.sigmoid(leave), b.tanh(state)
    return [enter, state, forget, leave, added, shown, b.mul(shown, leave)]


@node("LSTMBlockCell")
def lstm_block_cell(call: Call) -> List[Value]:
    """One step of an LSTM."""
    return lstm(call.b, cell_of(call, 3), floats(call), part(call, 1), part(call, 2))


@node("BlockLSTM BlockLSTMV2")
def block_lstm(call: Call) -> List[Value]:
    """The steps of an LSTM; behind the last that counts all is 0."""
    b, cell, x = call.b, cell_of(call, 4), part(call, 1)
    state, output, found = part(call, 2), part(call, 3), []
    if x.rank != 3 or x.shape[0] is None or x.shape[0] > STEPS:
        raise Fault(f"operation {call.path!r} has steps of shape {x.shape}: give {STEPS} at most (--input-shape)")
    most = known(call.args[0])
    count = most if isinstance(most, Value) else integer(call, most, "seq_len_max")
    for place in range(x.shape[0]):
        step = lstm(b, cell, b.at(x, 0, place), state, output)
        state, output = step[1], step[6]
        if isinstance(count, Value):
            there = b.compare("Less", place, b.reshape(b.cast(count, "int32"), []))
            step = [b.mul(one, b.cast(there, "float32")) for one in step]
        elif place >= count:
            step = [b.mul(one, 0.0) for one in step]
        found.append(step)
    return [b.stack([step[place] for step in found], 0) for place in range(7)]


@node("GRUBlockCell")
def gru_block_cell(call: Call) -> List[Value]:
    """One step of a GRU: what is taken of the output before, what stays of it, the new one, the output."""
    b, x, output = call.b, floats(call), part(call, 1)
    kernel, inner, bias, other = [part(call, at) for at in (2, 3, 4, 5)]
    limited(call, [size for size in kernel.shape if size is not None])
    taken, kept = b.split(b.sigmoid(b.add(b.matmul(b.concat([x, output], 1), kernel), bias)), 2, 1)
    new = b.tanh(b.add(b.matmul(b.concat([x, b.mul(output, taken)], 1), inner), other))
    return [taken, kept, new, b.add(b.mul(output, kept), b.mul(new, b.sub(1.0, kept)))]
