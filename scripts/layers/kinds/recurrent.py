"""Recurrent layers and their cells (keras 2.6 layers/recurrent.py, convolutional_recurrent.py; Keras 3 layers/rnn/)."""
from typing import Any, Callable, Dict, List, Optional

from .convolution import channels_axis, of_kernel, to_filters, window
from .kind import Config, Mask, Part, Shape, Variable, last, row
from .sizes import whole


def sequence(config: Config, inputs: List[Shape], nested: Any) -> List[Shape]:
    """The last step, or every step; after it the states, where they are asked for."""
    batch = inputs[0][1 if config.get("time_major") else 0]
    found = step_of(config["cell"]["class_name"])(config["cell"]["config"], [[batch]], nested) if "cell" in config \
        else [[batch, config["units"]]] * 2
    return [list(inputs[0][:2]) + found[0][1:] if config.get("return_sequences") else found[0]] + \
        (found[1:] if config.get("return_state") else [])


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


def channels_of_steps(config: Config, rank: int) -> List[int]:
    """The shape of a convolution's output, behind the steps."""
    return [axis + 1 if axis > 0 else axis for axis in channels_axis(config, rank)]


def gates(count: int, units: str = "units") -> Callable[[Config], List[Variable]]:
    """Return the variables' rule of a cell with `count` gates; the setting `units` is its size."""
    def rule(config: Config) -> List[Variable]:
        size, out = window(config), whole(config, units)
        bias = [2, count * out] if config.get("reset_after") else [count * out]
        return [Variable("kernel", size + [None, count * out]),
                Variable("recurrent_kernel", size + [out, count * out])] \
            + [Variable("bias", bias)] * bool(config.get("use_bias", True))
    return rule


def peepholes(config: Config) -> List[Variable]:
    """An LSTM's variables, then what each gate takes of the carry (keras 2.6 layers/recurrent.py: PeepholeLSTMCell)."""
    return gates(4)(config) + [Variable(f"{gate}_gate_peephole_weights", [whole(config, "units")])
                               for gate in ("input", "forget", "output")]


def outputs(config: Config, count: Callable) -> Optional[int]:
    """One, where the states are not asked for: they are outputs too."""
    return None if config.get("return_state") else 1


def states_of(record: Dict[str, Any]) -> List[int]:
    """The sizes of a cell's states, those of stacked cells one after another."""
    config = record["config"]
    if record["class_name"] == "StackedRNNCells":
        return [size for one in config["cells"] for size in states_of(one)]
    return [config["units"]] * (2 if record["class_name"].endswith("LSTMCell") else 1)


def step_of(name: str) -> Callable[[Config, List[Shape], Any], List[Shape]]:
    """Return the shapes' rule of a cell that is a layer by itself: its output, and its states."""
    def rule(config: Config, inputs: List[Shape], nested: Any) -> List[Shape]:
        sizes = states_of({"class_name": name, "config": config})
        last = states_of(config["cells"][-1])[0] if name == "StackedRNNCells" else sizes[0]
        return [[inputs[0][0], size] for size in [last] + sizes]
    return rule


def outputs_of(name: str) -> Callable[[Config, Callable], int]:
    """Return the rule of how many outputs a call of a cell has."""
    return lambda config, count: 1 + len(states_of({"class_name": name, "config": config}))


def cell(config: Config, scope: str) -> List[Part]:
    """The cell of an RNN."""
    return [Part(config["cell"], scope)]


def stacked(config: Config, scope: str) -> List[Part]:
    """Cells that are one after another."""
    return [Part(record, f"{scope}/RNNCell_{index}") for index, record in enumerate(config["cells"])]


row("recurrent", "SimpleRNN", shape=sequence, variables=gates(1), outputs=outputs, mask=Mask.SEQUENCES, axes=last)
row("recurrent", "GRU", shape=sequence, variables=gates(3), outputs=outputs, mask=Mask.SEQUENCES, axes=last)
row("recurrent", "LSTM", shape=lstm, variables=gates(4), outputs=outputs, mask=Mask.SEQUENCES, axes=last)
row("recurrent", "RNN", shape=sequence, parts=cell, outputs=outputs, mask=Mask.SEQUENCES, axes=last)
row("recurrent", "ConvLSTM1D ConvLSTM2D ConvLSTM3D", shape=images, variables=gates(4, "filters"), outputs=outputs,
    mask=Mask.SEQUENCES, axes=channels_of_steps, sizes=of_kernel)
for each, wide in (("SimpleRNNCell", 1), ("GRUCell", 3), ("LSTMCell", 4)):
    row("recurrent", each, shape=step_of(each), variables=gates(wide), outputs=outputs_of(each))
row("recurrent", "PeepholeLSTMCell", shape=step_of("PeepholeLSTMCell"), variables=peepholes,
    outputs=outputs_of("PeepholeLSTMCell"))
row("recurrent", "ConvLSTM2DCell", variables=gates(4, "filters"))
row("recurrent", "StackedRNNCells", shape=step_of("StackedRNNCells"), parts=stacked,
    outputs=outputs_of("StackedRNNCells"))
