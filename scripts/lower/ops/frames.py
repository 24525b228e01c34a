"""Signals in frames that overlap, and back (keras.ops.extract_sequences, stft, istft).

keras 3 backend/tensorflow/math.py; tf.signal: frame, stft, inverse_stft, inverse_stft_window_fn, overlap_and_add.
"""
from typing import List, Tuple

import numpy

from ...base.fault import Fault
from ...emit import Value
from ..rules import Call, function, operation
from ..spectrograms import number, window_of
from .fourier import length, matrices, parts, real_of, sized
from .given import argument, floats, integer, limited, needed, tensor

OVERLAPS = 128  # frames that lie over one sample, each a row of its own that is added


def framed(call: Call, x: Value, places: numpy.ndarray) -> Value:
    """The samples of each frame in place of the last axis.

    places: int32 (frames, samples of a frame), where each sample stands.
    """
    limited(call, list(x.shape[:-1]) + list(places.shape))
    flat = call.b.gather(x, call.b.constant(places.reshape(-1).astype("int32")), -1)
    sizes = [call.b.dim(x, axis) for axis in range(x.rank - 1)]
    return call.b.reshape(flat, sizes + list(places.shape))


def length_of(call: Call, x: Value) -> int:
    """The number of samples of a signal, which must be known."""
    if x.shape[-1] is None:
        call.refuse("the length of the signal is open", "give it: --input-shape")
    return x.shape[-1]


def places(call: Call, samples: int, size: int, step: int) -> numpy.ndarray:
    """The places of the samples of each frame: (frames, samples of a frame)."""
    if samples < size:
        call.refuse(f"the signal has {samples} samples, and a frame {size}", "give it a longer one")
    return numpy.arange(0, samples - size + 1, step)[:, None] + numpy.arange(size)


@operation("ExtractSequences")
def extract_sequences(call: Call) -> Value:
    """Frames of sequence_length, one every sequence_stride."""
    x, size, step = tensor(call), number(call, "sequence_length", 0), number(call, "sequence_stride", 0)
    return framed(call, x, places(call, length_of(call, x), size, step))


@operation("STFT")
def stft(call: Call) -> List[Value]:
    """The real and the imaginary part of the transform of each frame, which a window weighs."""
    b, x = call.b, floats(call)
    size, step = length(call, number(call, "fft_length", 0)), number(call, "sequence_stride", 0)
    samples, margin = length_of(call, x), size // 2 if call.config.get("center", True) else 0
    if margin >= samples:
        call.refuse(f"the signal has {samples} samples, and {margin} of them are mirrored before it",
                    "give it a longer one")
    mirrored = numpy.pad(numpy.arange(samples), margin, mode="reflect")
    frames = framed(call, x, mirrored[places(call, len(mirrored), size, step)])
    window = window_of(call, size)[:, None]
    return [b.matmul(frames, b.constant((window * one).astype("float32"))) for one in matrices(size)]


def hann(call: Call, size: int) -> numpy.ndarray:
    """The window of tf.signal: that of Hann, unless the call says that there is none."""
    if "window_fn" in call.kwargs:
        if call.kwargs["window_fn"] is not None:
            raise Fault(f"operation {call.path!r} has a window of its own, which no file holds")
        return numpy.ones(size)
    return numpy.ones(1) if size == 1 else 0.5 - 0.5 * numpy.cos(2 * numpy.pi * numpy.arange(size) / (
        size + size % 2 - 1 + (1 - size % 2)))


def lengths(call: Call) -> Tuple[int, int, int]:
    """(samples of a frame, samples from one to the next, samples of its transform: by default a power of 2)."""
    size, step = [integer(call, argument(call, name, at, needed), name)
                  for at, name in ((1, "frame_length"), (2, "frame_step"))]
    if size < 1 or step < 1:
        raise Fault(f"operation {call.path!r} has frames of {size} samples, {step} apart: the file is damaged")
    whole = argument(call, "fft_length", 3)
    whole = 1 << (size - 1).bit_length() if whole is None else integer(call, whole, "fft_length")
    return length(call, size), step, length(call, whole)


@function("signal.stft")
def stft_of_tensorflow(call: Call) -> Value:
    """The same of tf.signal, which mirrors nothing: complex numbers."""
    b, x, (size, step, whole) = call.b, floats(call, "signals"), lengths(call)
    samples = length_of(call, x)
    if argument(call, "pad_end", None, False):
        behind = max((-(-samples // step) - 1) * step + size - samples, 0)
        limited(call, [samples + behind])
        x, samples = b.pad(x, [(0, 0)] * (x.rank - 1) + [(0, behind)]), samples + behind
    found = places(call, samples, size, step)
    frames = framed(call, x, found)
    rows = numpy.zeros((size, whole))
    rows[:min(size, whole), :min(size, whole)] = numpy.eye(min(size, whole))
    rows *= hann(call, size)[:, None]
    real, imaginary = [b.matmul(frames, b.constant((rows @ one).astype("float32"))) for one in matrices(whole)]
    return real.complex(imaginary)


@function("signal.inverse_stft")
def inverse_stft(call: Call) -> Value:
    """The signal of such frames, each weighed by its window and added where they overlap."""
    b, x, (size, step, whole) = call.b, floats(call, "stfts"), lengths(call)
    if x.imaginary is None or None in x.shape[-2:]:
        call.refuse("the number of frames is open", "give it: --input-shape")
    frames = real_of(call, x, x.imaginary, whole)
    frames = b.mul(sized(call, frames, size), hann(call, size).astype("float32"))
    return added_up(call, frames, step)


@operation("ISTFT")
def istft(call: Call) -> Value:
    """The signal that such frames come of: each transformed back, weighed and added where they overlap."""
    b, (real, imaginary) = call.b, parts(call)
    size, step = length(call, number(call, "fft_length", 0)), number(call, "sequence_stride", 0)
    if real.shape[-2] is None:
        call.refuse("the number of frames is open", "give it: --input-shape")
    whole = added_up(call, real_of(call, real, imaginary, size, inverse_window(call, size, step)), step)
    start = size // 2 if call.config.get("center", True) else 0
    end = whole.shape[-1] - start
    if call.config.get("length") is not None:
        end = min(start + number(call, "length", 0), whole.shape[-1])
    if end <= start:
        call.refuse("nothing is left of the signal between its margins", "give it more frames")
    return b.cut(whole, whole.rank - 1, start, end - start)


def inverse_window(call: Call, size: int, step: int) -> numpy.ndarray:
    """The weight of each sample of a frame, with which overlapping frames add up to the signal."""
    if call.config.get("window", "hann") is None:
        return numpy.ones(size)
    window = window_of(call, size)
    overlaps = -(-size // step)
    squares = numpy.pad(window ** 2, (0, overlaps * step - size), mode="constant").reshape(overlaps, step).sum(0)
    with numpy.errstate(divide="ignore", invalid="ignore"):  # no frame has these samples: Keras divides by 0 too
        return window / numpy.tile(squares, overlaps)[:size]


def added_up(call: Call, frames: Value, step: int) -> Value:
    """(…, frames, samples) as (…, samples), one frame every `step` samples, added where they overlap.

    Each frame is parts of `step` samples; the first parts of all frames stand one after another, and the second parts
    after the first ones.
    """
    b, (count, size) = call.b, frames.shape[-2:]
    overlaps = -(-size // step)
    if overlaps > OVERLAPS:
        call.refuse(f"{overlaps} of its frames overlap, and more than {OVERLAPS} make the model large",
                    "take a longer sequence_stride")
    limited(call, [count + overlaps, step, overlaps])
    leading = [b.dim(frames, axis) for axis in range(frames.rank - 2)]
    margins = [(0, 0)] * (frames.rank - 2)
    whole = b.pad(frames, margins + [(0, 0), (0, overlaps * step - size)])
    parted = b.reshape(whole, leading + [count, overlaps, step])
    rows = [b.pad(b.squeeze(b.cut(parted, parted.rank - 2, place, 1), [parted.rank - 2]),
                  margins + [(place, overlaps - 1 - place), (0, 0)]) for place in range(overlaps)]
    total = rows[0]
    for row in rows[1:]:
        total = b.add(total, row)
    flat = b.reshape(total, leading + [(count + overlaps - 1) * step])
    return b.cut(flat, flat.rank - 1, 0, (count - 1) * step + size)
