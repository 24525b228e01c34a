"""Recurrent layers and their cells (keras 2.6 layers/recurrent.py, convolutional_recurrent.py; Keras 3 layers/rnn/)."""
from typing import Any, Callable, Dict, List, Optional, Tuple

from .convolution import to_filters, window
from .kind import Config, Mask, Part, Shape, Variable, row
from .sizes import whole


def cells_of(record: Dict[str, Any]) -> List[Tuple[str, Config]]:
    """Return [(class, config)] of the cells of an RNN."""
    cells = record["config"]["cells"] if record["class_name"] == "StackedRNNCells" else [record]
    return [(cell["class_name"], cell["config"]) for cell in cells]


def sequence(config: Config, inputs: List[Shape], nested: Any) -> List[Shape]:
    """The last step, or every step; behind it the states, where they are asked for."""
    cells = cells_of(config["cell"]) if "cell" in config else [("", config)]
    batch, units = inputs[0][1 if config.get("time_major") else 0], cells[-1][1]["units"]
    states = [[batch, cell["units"]] for kind, cell in cells for _ in range(2 if kind == "LSTMCell" else 1)]
    return [list(inputs[0][:2]) + [units] if config.get("return_sequences") else [batch, units]] + \
        (states if config.get("return_state") else [])


def lstm(config: Config, inputs: List[Shape], nested: Any) -> List[Shape]:
    """Two states."""
    found = sequence(config, inputs, nested)
    return found + found[1:]


def images(config: Config, inputs: List[Shape], nested: Any) -> List[Shape]:
    """A convolution of each step; its states are images too."""
    batch, steps = inputs[0][:2]
    image = to_filters(config, [[batch] + list(inputs[0][2:])], nested)[0]
    return [image[:1] + [steps] + image[1:] if config.get("return_sequences") else image] + \
        [image] * (2 if config.get("return_state") else 0)


def gates(count: int, units: str = "units") -> Callable[[Config], List[Variable]]:
    """Return the variables' rule of a cell with `count` gates; the setting `units` is its size."""
    def rule(config: Config) -> List[Variable]:
        size, out = window(config), whole(config, units)
        bias = [2, count * out] if config.get("reset_after") else [count * out]
        return [Variable("kernel", size + [None, count * out]),
                Variable("recurrent_kernel", size + [out, count * out])] \
            + [Variable("bias", bias)] * bool(config.get("use_bias", True))
    return rule


def outputs(config: Config, count: Callable) -> Optional[int]:
    """One, where the states are not asked for: they are outputs too."""
    return None if config.get("return_state") else 1


def cell(config: Config, scope: str) -> List[Part]:
    """The cell of an RNN."""
    return [Part(config["cell"], scope)]


def stacked(config: Config, scope: str) -> List[Part]:
    """Cells that are one behind another."""
    return [Part(record, f"{scope}/RNNCell_{index}") for index, record in enumerate(config["cells"])]


row("recurrent", "SimpleRNN", shape=sequence, variables=gates(1), outputs=outputs, mask=Mask.SEQUENCES)
row("recurrent", "GRU", shape=sequence, variables=gates(3), outputs=outputs, mask=Mask.SEQUENCES)
row("recurrent", "LSTM", shape=lstm, variables=gates(4), outputs=outputs, mask=Mask.SEQUENCES)
row("recurrent", "RNN", shape=sequence, parts=cell, outputs=outputs, mask=Mask.SEQUENCES)
row("recurrent", "ConvLSTM1D ConvLSTM2D ConvLSTM3D", shape=images, variables=gates(4, "filters"), outputs=outputs,
    mask=Mask.SEQUENCES)
row("recurrent", "SimpleRNNCell", variables=gates(1))
row("recurrent", "GRUCell", variables=gates(3))
row("recurrent", "LSTMCell", variables=gates(4))
row("recurrent", "ConvLSTM2DCell", variables=gates(4, "filters"))
row("recurrent", "StackedRNNCells", parts=stacked)
