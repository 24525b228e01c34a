"""Complex numbers of Keras 2 (tf.signal.stft): the Value of the real parts holds the Value of the imaginary parts.

An operation that moves numbers is done with each part, and an operation of AWARE gets both.  Any other is refused.
"""
from typing import Any, List

from ..emit import Builder, Value
from .rules import Call, NotLowered, Rule, called, tensors

# Functions and operations that compute with both parts by themselves
AWARE = frozenset("""abs math.abs math.real math.imag math.angle math.conj cast dtypes.cast identity math.multiply
    __operators__.mul math.add __operators__.add math.subtract __operators__.sub signal.inverse_stft signal.fft
    signal.ifft signal.fft2d signal.ifft2d signal.fft3d signal.ifft3d""".split())
# What does with each part what it does with a real tensor
PARTWISE = frozenset("""__operators__.getitem reshape transpose squeeze expand_dims concat stack unstack split tile
    reverse roll gather slice strided_slice identity_n math.negative math.reduce_sum reduce_sum math.add_n
    signal.fftshift signal.ifftshift linalg.matrix_transpose""".split())


def among(given: Any) -> bool:
    """Whether an argument holds complex numbers."""
    return any(one.imaginary is not None for one in tensors(given))


def shown(name: str, kind: str = "") -> NotLowered:
    """The refusal of an output of complex numbers.  name: of the layer, kind: its function."""
    return NotLowered(name, kind, "it gives complex numbers, which TensorSpace cannot show",
                      "ask for tf.abs, tf.math.real or tf.math.imag of it", operation=True)


def computed(call: Call, rule: Rule) -> Any:
    """The result of a call on complex numbers."""
    name = called(call.record, call.major)
    if name in AWARE:
        return rule.function(call)
    if name not in PARTWISE:
        call.refuse("it computes with complex numbers, and TensorFlow.js with real ones",
                    "take tf.abs, tf.math.real or tf.math.imag before it")
    found: List[List[Value]] = []
    args, kwargs = call.args, call.kwargs
    for place in (0, 1):
        call.args, call.kwargs = [part(one, place) for one in args], {
            key: part(one, place) for key, one in kwargs.items()}
        made = rule.function(call)
        found.append(list(made) if isinstance(made, (list, tuple)) else [made])
    return [real.complex(imaginary) for real, imaginary in zip(*found)]


def part(given: Any, place: int) -> Any:
    """An argument with the real parts, or with the imaginary ones, of what is complex."""
    if isinstance(given, Value) and given.imaginary is not None:
        return given.imaginary if place else given.complex(None)
    return [part(one, place) for one in given] if isinstance(given, (list, tuple)) else given


def arithmetic(b: Builder, op: str, x: Value, y: Value) -> Value:
    """The sum, difference or product of numbers of which some are complex."""
    (real, other), (third, fourth) = [(one.complex(None), b.mul(one.complex(None), 0.0) if one.imaginary is None
                                       else one.imaginary) for one in (x, y)]
    if op != "Mul":
        return b.binary(op, real, third).complex(b.binary(op, other, fourth))
    return b.sub(b.mul(real, third), b.mul(other, fourth)).complex(b.add(b.mul(real, fourth), b.mul(other, third)))
