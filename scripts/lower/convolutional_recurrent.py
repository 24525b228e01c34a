"""ConvLSTM1D, 2D and 3D, unrolled step by step: an LSTM whose products are convolutions.

keras 2.6 layers/convolutional_recurrent.py; Keras 3 layers/rnn/conv_lstm.py.
"""
from typing import List, Sequence

from ..base.fault import Fault
from ..emit import Value
from ..layers.kinds.sizes import product
from .cells import Cell, Parts, Step
from .convolution import padded, plain, window_of
from .recurrent import sweep
from .rules import Call, layer
from .windows import Window, channels_first


class Images(Cell):
    """The gates i, f, c, o, in this order, beside one another in the channels, which stand last here."""

    gating = "hard_sigmoid"

    def __init__(self, call: Call) -> None:
        super().__init__(call)
        self.kernel, self.recurrent = call.weight("kernel"), call.weight("recurrent_kernel")
        self.bias = call.optional("bias")
        self.window, self.first = window_of(call, self.kernel, ("valid", "same")), channels_first(call)
        ones = (1,) * len(self.window.sizes)
        self.own = Window(self.window.sizes, ones, ones, "same")  # of the state, which keeps its size
        self.zeroing = call.major >= 3  # keras 2.6 ConvRNN2D.call does not hand zero_output_for_mask on

    def inputs(self, x: Value, axis: int) -> List[Parts]:
        """The images of all steps are one batch."""
        b = self.b
        if x.rank != len(self.window.sizes) + 3:
            raise Fault(f"layer {self.call.path!r} is given a tensor of {x.rank} dimensions: the file is damaged")
        x = b.move(x, 2, -1) if self.first else x
        if None in x.shape[1:]:
            self.call.refuse("the sizes of its images are open", "give the input's shape with them (--input-shape, or "
                             "input_shape in models.toml)")
        made = self.convolved(b.reshape(x, [-1] + list(x.shape[2:])), self.kernel, self.window)
        if self.bias is not None:
            made = b.add(made, self.bias)
        size = made.shape[1:-1]
        if not product(size):
            raise Fault(f"layer {self.call.path!r} leaves nothing of images of {x.shape[2:-1]}: the file is damaged")
        filters = self.recurrent.shape[-2]
        self.sizes = [(filters,) + size if self.first else size + (filters,)] * 2
        return [(one,) for one in b.unstack(b.reshape(made, [-1, x.shape[1]] + list(made.shape[1:])), 1)]

    def convolved(self, x: Value, kernel: Value, window: Window) -> Value:
        """A convolution of images whose channels are last."""
        if x.shape[-1] != kernel.shape[-2]:
            raise Fault(f"layer {self.call.path!r} has a kernel for {kernel.shape[-2]} channels and is given "
                        f"{x.shape[-1]}: weights and topology do not belong together")
        x, window = padded(self.call, x, window)
        return plain(self.b, x, kernel, window)

    def step(self, given: Parts, states: Sequence[Value]) -> Step:
        """c = f * c + i * act(c'), h = o * act(c)."""
        b = self.b
        h, c = [b.move(state, 1, -1) for state in states] if self.first else states
        i, f, candidate, o = b.split(b.add(given[0], self.convolved(h, self.recurrent, self.own)), 4, -1)
        carry = b.add(b.mul(self.gate(f), c), b.mul(self.gate(i), self.activation(candidate)))
        output = b.mul(self.gate(o), self.activation(carry))
        if self.first:
            output, carry = b.move(output, -1, 1), b.move(carry, -1, 1)
        return Step(output, [output, carry])


@layer("ConvLSTM1D ConvLSTM2D ConvLSTM3D", masks=True)
def of_images(call: Call) -> List[Value]:
    """A layer that is its cell too."""
    return sweep(call, Images(call))
