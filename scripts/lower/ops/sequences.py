"""Functions of TensorFlow on signals and sequences, and of the gamma function."""
import math

import numpy

from ...base.fault import Fault
from ...emit import Builder, Value
from ...emit.core import axis_of
from ..rules import Call, function, node
from .arithmetic import polynomial
from .fourier import cosines, length
from .frames import added_up, framed, length_of
from .given import argument, floats, integer, known, needed, tensor, value

LANCZOS = (0.99999999999980993, 676.5203681218851, -1259.1392167224028, 771.32342877765313, -176.61502916214059,
           12.507343278686905, -0.13857109526572012, 9.9843695780195716e-6, 1.5056327351493116e-7)  # for g = 7
STEPS = 6  # that lead to where the series of digamma converges
SERIES = (1 / 240, -1 / 252, 1 / 120, -1 / 12)  # of its inverse squares, the highest power first


# Signals -----------------------------------------------------------------------------------------------------------


@function("signal.frame")
def frame(call: Call) -> Value:
    """Frames of an axis, which may reach beyond its end (tensorflow ops/signal/shape_ops.py)."""
    b, x = call.b, tensor(call, "signal")
    size, step = [integer(call, argument(call, name, at, needed), name)
                  for at, name in ((1, "frame_length"), (2, "frame_step"))]
    axis = axis_of(integer(call, argument(call, "axis", None, -1), "axis"), x.rank)
    x = b.move(x, axis, -1)
    samples = length_of(call, x)
    if size < 1 or step < 1:
        raise Fault(f"operation {call.path!r} has frames of {size} samples, {step} apart: the file is damaged")
    count = max(1 + (samples - size) // step, 0)
    if argument(call, "pad_end", None, False):
        count = -(-samples // step)
        number = known(argument(call, "pad_value", None, 0))
        if not isinstance(number, (int, float)) or size > 1 << 20:
            raise Fault(f"operation {call.path!r} pads {size} samples with {str(number)[:60]}")
        behind = max((count - 1) * step + size - samples, 0)
        x = b.pad(x, [(0, 0)] * (x.rank - 1) + [(0, behind)], number)
    if count < 1:
        raise Fault(f"operation {call.path!r} has frames of {size} samples, and the signal {samples}")
    made = framed(call, x, numpy.arange(count)[:, None] * step + numpy.arange(size))
    return b.move(b.move(made, -2, axis), -1, axis + 1)


@function("signal.overlap_and_add")
def overlap_and_add(call: Call) -> Value:
    """Frames, added where they overlap."""
    x, step = tensor(call, "signal"), integer(call, argument(call, "frame_step", 1, needed), "frame_step")
    if None in x.shape[-2:]:
        call.refuse("the number of frames is open", "give it: --input-shape")
    if x.rank < 2 or not 0 < step <= x.shape[-1]:
        raise Fault(f"operation {call.path!r} adds frames of shape {x.shape}, {step} apart: the file is damaged")
    return added_up(call, x, step)


def windowed(call: Call, size: int) -> numpy.ndarray:
    """Vorbis's window, the default of mdct: (2 * size)."""
    if "window_fn" in call.kwargs and call.kwargs["window_fn"] is not None:
        raise Fault(f"operation {call.path!r} has a window of its own, which no file holds")
    return numpy.sin(numpy.pi / 2 * numpy.sin(numpy.pi / (2 * size) * (numpy.arange(2 * size) + 0.5)) ** 2)


def folded(size: int) -> numpy.ndarray:
    """The matrix that folds a frame for mdct before the cosine transform: (2 * size, size)."""
    a, b, c, d = numpy.split(numpy.eye(2 * size), 4)
    return numpy.concatenate([-c[::-1] - d, a - b[::-1]]).T


@function("signal.mdct")
def mdct(call: Call) -> Value:
    """The modified cosine transform of frames that overlap by half (tensorflow ops/signal/spectral_ops.py)."""
    size = integer(call, argument(call, "frame_length", 1, needed), "frame_length")
    if size < 4 or size % 4:
        raise Fault(f"operation {call.path!r} has frames of {size} samples: the file is damaged")
    half = length(call, size) // 2
    call.kwargs.update(frame_step=half)
    frames, ortho = frame(call), argument(call, "norm") == "ortho"
    whole = windowed(call, half)[:, None] * (folded(half) @ cosines(4, half, ortho))
    return call.b.dense(frames, call.b.constant(whole.astype("float32")))


@function("signal.inverse_mdct")
def inverse_mdct(call: Call) -> Value:
    """The signal of such a transform."""
    x = floats(call, "mdcts")
    half, ortho = length(call, x.shape[-1], 2), argument(call, "norm") == "ortho"
    whole = cosines(4, half, ortho) * (1 if ortho else 0.5 / half) @ folded(half).T * windowed(call, half)
    frames = call.b.dense(x, call.b.constant(whole.astype("float32")))
    if None in frames.shape[-2:]:
        call.refuse("the number of frames is open", "give it: --input-shape")
    return added_up(call, frames, half)


@function("signal.mfccs_from_log_mel_spectrograms")
def mfccs(call: Call) -> Value:
    """The cosine transform of mel bands."""
    x = floats(call, "log_mel_spectrograms")
    size = length(call, x.shape[-1])
    return call.b.dense(x, call.b.constant((cosines(2, size, False) / (2.0 * size) ** 0.5).astype("float32")))


# Sequences ---------------------------------------------------------------------------------------------------------


@function("reverse_sequence")
@node("ReverseSequence")
def reverse_sequence(call: Call) -> Value:
    """The first places of each sequence the other way round: as many as its length says."""
    b, x = call.b, tensor(call, "input")
    lengths = b.cast(value(call, argument(call, "seq_lengths", 1, needed)), "int32")
    along, batch = [axis_of(integer(call, argument(call, names, None, default), names.split()[0]), x.rank)
                    for names, default in (("seq_axis seq_dim", 0), ("batch_axis batch_dim", 0))]
    if along == batch:
        raise Fault(f"operation {call.path!r} reverses the axis of its batch: the file is damaged")
    x = b.move(x, batch, 0)
    own = along + (along < batch)
    x = b.move(x, own, 1)
    places, ends = b.expand(b.counted(b.dim(x, 1)), 0), b.expand(lengths, -1)
    places = b.where(b.compare("Less", places, ends), b.sub(b.sub(ends, places), 1), places)
    while places.rank < x.rank:
        places = b.expand(places, -1)
    return b.move(b.move(b.gather_along(x, places, 1), 1, own), 0, batch)


# Gamma -------------------------------------------------------------------------------------------------------------


@function("math.lgamma")
@node("Lgamma")
def lgamma(call: Call) -> Value:
    """The logarithm of the size of the gamma function."""
    return gamma_logarithm(call.b, floats(call))


def gamma_logarithm(b: Builder, x: Value) -> Value:
    """The logarithm of the size of the gamma function: Lanczos's approximation, mirrored below 1/2."""
    low = b.compare("Less", x, 0.5)
    z = b.sub(b.where(low, b.sub(1.0, x), x), 1.0)
    total = b.add(b.mul(z, 0.0), LANCZOS[0])
    for place, one in enumerate(LANCZOS[1:], 1):
        total = b.add(total, b.div(one, b.add(z, float(place))))
    wide = b.add(z, 7.5)
    # (z + 1/2) log(wide) - wide, with the logarithm of wide as that of 7.5 and of what z adds to it
    raised = b.mul(b.sub(b.add(b.unary("Log1p", b.mul(z, 1 / 7.5)), math.log(7.5)), b.div(wide, b.add(z, 0.5))),
                   b.add(z, 0.5))
    made = b.add(b.add(raised, b.log(total)), 0.5 * math.log(2 * math.pi))
    sine = b.unary("Abs", b.unary("Sin", b.mul(within(b, x), math.pi)))
    return b.where(low, b.sub(b.sub(math.log(math.pi), b.log(sine)), made), made)


def within(b: Builder, x: Value) -> Value:
    """The distance of x from the next whole number, from -1/2 to 1/2."""
    return b.sub(x, b.unary("Floor", b.add(x, 0.5)))


@function("math.digamma")
@node("Digamma")
def digamma(call: Call) -> Value:
    """The derivative of lgamma: its series, some steps on, mirrored below 1/2."""
    b, x = call.b, floats(call)
    low = b.compare("Less", x, 0.5)
    z = b.where(low, b.sub(1.0, x), x)
    before = b.div(1.0, z)
    for step in range(1, STEPS):
        before = b.add(before, b.div(1.0, b.add(z, float(step))))
    far = b.add(z, float(STEPS))
    inverse = b.div(1.0, b.square(far))
    series = b.mul(polynomial(b, inverse, SERIES), inverse)
    made = b.sub(b.add(b.sub(b.log(far), b.div(0.5, far)), series), before)
    turned = b.div(math.pi, b.unary("Tan", b.mul(within(b, x), math.pi)))
    return b.where(low, b.sub(made, turned), made)
