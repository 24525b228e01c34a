"""Functions of TensorFlow on signals and sequences (tf.signal, tf.reverse_sequence)."""

import numpy

from ...base.fault import Fault
from ...emit import Value
from ...emit.core import axis_of
from ...emit.shaping import Size
from ..rules import Call, function, node
from .fourier import cosines, length, sized
from .frames import added_up, framed, length_of
from .given import argument, axes, floats, integer, known, needed, tensor, value

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


# Spectra -----------------------------------------------------------------------------------------------------------


@function("signal.fftshift signal.ifftshift")
def fftshift(call: Call) -> Value:
    """The second half of the places before the first, along axes: the frequency 0 in the middle, or back."""
    b, x = call.b, tensor(call)
    back = str(call.config["function"]).endswith("ifftshift")
    for axis in [axis_of(one, x.rank) for one in axes(call, at=1) or range(x.rank)]:
        size: Size = b.dim(x, axis)
        half = b.size("FloorDiv", size if back else b.size("Add", size, 1), 2)
        made = b.concat([b.stepped(x, axis, half, None, 1), b.stepped(x, axis, None, half, 1)], axis) \
            if size != 1 else x
        x = b.rolled(made, x)
    return x


@function("signal.dct signal.idct")
def dct(call: Call) -> Value:
    """The cosine transform along the last axis, of four types; its inverse is of another type (dct_ops.py)."""
    x, kind = floats(call, "input"), integer(call, argument(call, "type", 1, 2), "type")
    if str(call.config["function"]).endswith("idct"):
        kind = {2: 3, 3: 2}.get(kind, kind)
    wanted, ortho = argument(call, "n", 2), argument(call, "norm") == "ortho"
    if wanted is not None:
        x = sized(call, x, length(call, integer(call, wanted, "n")))
    size = length(call, x.shape[-1], 2 if kind == 1 else 1)
    return call.b.dense(x, call.b.constant(cosines(kind, size, ortho).astype("float32")))
