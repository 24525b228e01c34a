"""Fourier transforms of tensors of real and imaginary parts (keras.ops.fft, rfft, irfft, fft2, ifft2).

Each is a product with matrices of cosines and sines.  TensorFlow.js's own transform gives complex tensors, and not
every version executes these in a graph.
"""
from typing import Any, List, Optional, Tuple

import numpy

from ...base.fault import Fault
from ...emit import Value
from ..rules import Call, function, operation
from .given import argument, floats, integer, needed, value

LONGEST = 1024  # numbers along a transform: its matrices have the square of it


def parts(call: Call) -> Tuple[Value, Value]:
    """The real and the imaginary part that the operation is given."""
    found = argument(call, "x", 0, needed)
    if not isinstance(found, (list, tuple)) or len(found) != 2:
        raise Fault(f"operation {call.path!r} is given no pair of tensors: the file is damaged")
    real, imaginary = [call.b.cast(value(call, one), "float32") for one in found]
    return real, imaginary


def length(call: Call, size: Optional[int], least: int = 1) -> int:
    """A length that is known, and not too large."""
    if size is None:
        call.refuse("the length of what it transforms is open", "give it: --input-shape")
    if not least <= size <= LONGEST:
        call.refuse(f"it transforms {size} numbers, and more than {LONGEST} make the model very large",
                    "transform shorter parts")
    return size


def turned(call: Call, real: Value, imaginary: Value, axis: int, back: bool = False) -> Tuple[Value, Value]:
    """Both parts transformed along an axis, or back."""
    b, axis = call.b, axis % real.rank
    size = length(call, real.shape[axis])
    angles = 2 * numpy.pi * (numpy.outer(numpy.arange(size), numpy.arange(size)) % size) / size
    scale = 1.0 / size if back else 1.0
    cosines, sines = [b.once(("fourier", name, size, back), lambda of=of: b.constant((of(angles) * scale).astype(
        "float32"))) for name, of in (("cos", numpy.cos), ("sin", numpy.sin))]
    real, imaginary = b.move(real, axis, -1), b.move(imaginary, axis, -1)
    mixed = [b.matmul(one, other) for one, other in (
        (real, cosines), (imaginary, sines), (imaginary, cosines), (real, sines))]
    first = b.sub(mixed[0], mixed[1]) if back else b.add(mixed[0], mixed[1])
    second = b.add(mixed[2], mixed[3]) if back else b.sub(mixed[2], mixed[3])
    return b.move(first, -1, axis), b.move(second, -1, axis)


@operation("FFT")
def fft(call: Call) -> List[Value]:
    """Along the last axis."""
    return list(turned(call, *parts(call), -1))


@function("signal.fft signal.ifft signal.fft2d signal.ifft2d signal.fft3d signal.ifft3d")
def transform(call: Call) -> Value:
    """Complex numbers along the last axes, there or back."""
    x, name = floats(call, "input"), str(call.config["function"])
    found = x, x.imaginary if x.imaginary is not None else call.b.mul(x, 0.0)
    for axis in range(-1, -1 - (int(name[-2]) if name.endswith("d") else 1), -1):
        found = turned(call, found[0], found[1], axis, ".ifft" in name)
    return found[0].complex(found[1])


@function("dtypes.complex")
def complex_of(call: Call) -> Value:
    """Complex numbers of their parts."""
    b = call.b
    real, other = [b.cast(value(call, argument(call, name, at, needed)), "float32")
                   for at, name in enumerate(("real", "imag"))]
    zeros = b.mul(real, 0.0), b.mul(other, 0.0)
    return b.add(real, zeros[1]).complex(b.add(other, zeros[0]))


@operation("FFT2")
def fft2(call: Call) -> List[Value]:
    """Along the last two axes."""
    return both_axes(call, False)


@operation("IFFT2")
def ifft2(call: Call) -> List[Value]:
    """Back along the last two axes."""
    return both_axes(call, True)


def both_axes(call: Call, back: bool) -> List[Value]:
    """Along the last axis, and then along the one before it."""
    call_parts: Any = turned(call, *parts(call), -1, back)
    return list(turned(call, *call_parts, -2, back))


def sized(call: Call, x: Value, size: int) -> Value:
    """x with so many numbers along the last axis: cut, or with zeros behind."""
    b, own = call.b, length(call, x.shape[-1])
    if own >= size:
        return b.cut(x, x.rank - 1, 0, size) if own > size else x
    return b.pad(x, [(0, 0)] * (x.rank - 1) + [(0, size - own)])


def matrices(size: int) -> Tuple[numpy.ndarray, numpy.ndarray]:
    """The matrices of both parts of half a transform of real numbers: (size, size // 2 + 1)."""
    angles = 2 * numpy.pi * (numpy.outer(numpy.arange(size), numpy.arange(size // 2 + 1)) % size) / size
    return numpy.cos(angles), -numpy.sin(angles)


def real_of(call: Call, real: Value, imaginary: Value, size: int, weight: Any = 1.0) -> Value:
    """Real numbers from the first half of their transform, each times its weight."""
    b, half = call.b, size // 2 + 1
    angles = 2 * numpy.pi * (numpy.outer(numpy.arange(half), numpy.arange(size)) % size) / size
    twice = numpy.full((half, 1), 2.0)  # what stands in the second half too
    twice[0] = 1
    if size % 2 == 0:
        twice[-1] = 1
    cosines, sines = [b.constant((weight * twice * one / size).astype("float32"))
                      for one in (numpy.cos(angles), numpy.sin(angles))]
    return b.sub(b.matmul(sized(call, real, half), cosines), b.matmul(sized(call, imaginary, half), sines))


@operation("RFFT")
def rfft(call: Call) -> List[Value]:
    """The first half of the transform of real numbers, whose second half mirrors it."""
    b, x = call.b, floats(call)
    wanted = call.config.get("fft_length")
    size = length(call, x.shape[-1] if wanted is None else integer(call, wanted, "fft_length"))
    x = sized(call, x, size)
    return [b.matmul(x, b.constant(one.astype("float32"))) for one in matrices(size)]


@operation("IRFFT")
def irfft(call: Call) -> Value:
    """Real numbers from the first half of their transform."""
    real, imaginary = parts(call)
    wanted = call.config.get("fft_length")
    own = length(call, real.shape[-1])
    size = length(call, 2 * (own - 1) if wanted is None else integer(call, wanted, "fft_length"))
    return real_of(call, real, imaginary, size)


def cosines(kind: int, size: int, ortho: bool) -> numpy.ndarray:
    """The matrix of a cosine transform: (numbers, results)."""
    given, made = numpy.arange(size)[:, None], numpy.arange(size)[None]
    if kind == 1:
        return numpy.where((given == 0) | (given == size - 1), 1, 2) * numpy.cos(numpy.pi * given * made / (size - 1))
    if kind == 4:
        return 2 * numpy.cos(numpy.pi * (given + 0.5) * (made + 0.5) / size) * ((0.5 / size) ** 0.5 if ortho else 1)
    second = 2 * numpy.cos(numpy.pi * (given + 0.5) * made / size)
    first = numpy.where(made == 0, (0.25 / size) ** 0.5, (0.5 / size) ** 0.5)
    if kind == 2:
        return second * first if ortho else second
    return (second * first).T if ortho else numpy.where(given == 0, 0.5, 1) * second.T
