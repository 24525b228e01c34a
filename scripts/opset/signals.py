"""Signals: Fourier transforms, windows and weights of mel scales (onnx/defs/math/defs.cc, opset 17 and 20).

A transform is a product with a matrix of cosines and sines; a transform of frames is a convolution by that matrix.
"""
from typing import Optional

import numpy

from ..formats.onnx_tensors import numpy_dtype
from .given import known_size, scalar
from .layout import Held
from .rules import Call, operation

MOST = 1 << 22  # numbers of a transform
LONGEST = 1 << 20  # of a window
BINS = 4096  # of a mel scale
WINDOWS = {"HannWindow": (0.5, -0.5), "HammingWindow": (25 / 46, -21 / 46), "BlackmanWindow": (0.42, -0.5, 0.08)}
MEL, HERTZ = 2595.0, 700.0  # of the mel scale


def transform(call: Call, samples: int, parts: int, length: int, onesided: bool, inverse: bool = False
              ) -> numpy.ndarray:
    """The matrix of a transform of `length` places, fed with `samples`: (samples, parts, frequencies, parts of them).

    parts: 2 of complex numbers, 1 of real ones.  onesided: half of the frequencies, which suffices for real numbers; of
    an inverse the given ones are half.
    """
    real = onesided and inverse
    count = length // 2 + 1 if onesided and not inverse else length
    if not 0 < samples * count * parts <= MOST or real and parts < 2:
        call.refuse(f"it transforms {samples} samples of {parts} parts to {count} frequencies")
    turns = numpy.outer(numpy.arange(samples), numpy.arange(count)) % length * (2 * numpy.pi / length)
    cosines, sines = numpy.cos(turns), numpy.sin(turns) if inverse else -numpy.sin(turns)
    if real:  # the other half are the same, with the other sign of the imaginary part
        twice = numpy.array([1 if place in (0, length / 2) else 2 for place in range(samples)])[:, None] / length
        return numpy.stack([cosines * twice, -sines * twice], 1)[..., None]
    found = [numpy.stack([cosines, sines], -1), numpy.stack([-sines, cosines], -1)][:parts]
    return numpy.stack(found, 1) / (length if inverse else 1)


@operation("DFT", since=17)
def dft(call: Call) -> Held:
    """The discrete Fourier transform along one dimension; the last one has the real part, and an imaginary one."""
    b, x = call.b, call.value(0)
    axis = call.axis(int(scalar(call, 2, -2)) if call.version >= 20 else call.int("axis", 1))
    inverse, onesided, parts = bool(call.int("inverse")), bool(call.int("onesided")), x.shape[-1]
    if axis == x.rank - 1 or parts not in (1, 2):
        call.damaged(f"transforms {call.x.shape} along {axis}")
    samples = known_size(call, call.x, axis)
    length = scalar(call, 1, 2 * (samples - 1) if inverse and onesided else samples)
    length = int(length)
    most = length // 2 + 1 if inverse and onesided else length
    if not 0 < length <= MOST:
        call.damaged(f"has dft_length={length}")
    used = min(samples, most)
    x = b.move(x if used == samples else b.cut(x, axis, 0, used), axis, x.rank - 2)
    matrix = transform(call, used, parts, length, onesided, inverse)
    flat = b.grouped(b.cast(x, "float32"), [[place] for place in range(x.rank - 2)] + [[x.rank - 2, x.rank - 1]])
    made = b.dense(flat, b.constant(matrix.reshape(used * parts, -1).astype("float32")))
    sizes = [b.dim(made, place) if size is None else size for place, size in enumerate(made.shape[:-1])]
    made = b.reshape(made, sizes + list(matrix.shape[2:]))
    return call.as_it_is(b.move(made, made.rank - 2, axis))


@operation("STFT", since=17)
def stft(call: Call) -> Held:
    """The transform of each frame of a signal (batch, samples, parts) under a window: (batch, frames, bins, 2)."""
    b, x, step, window = call.b, call.value(0), int(scalar(call, 1)), call.array(2)
    x = b.expand(x, -1) if x.rank == 2 else x
    length = int(scalar(call, 3, known_size(call, call.x, 1) if window is None else window.size))
    window = numpy.ones(length) if window is None else window.reshape(-1)
    if x.rank != 3 or x.shape[2] not in (1, 2) or not 0 < step <= LONGEST or not 0 < len(window) <= length <= LONGEST \
            or x.shape[1] is not None and x.shape[1] < length:
        call.damaged(f"has frames of {length} at steps of {step} of {call.x.shape}")
    onesided = bool(call.int("onesided", 1))
    if length * (length // 2 + 1) * x.shape[2] > MOST:
        call.refuse(f"its frames are {length} samples long")
    matrix = transform(call, len(window), x.shape[2], length, onesided)
    kernel = numpy.zeros((length, 1, x.shape[2], matrix.shape[2] * 2), "float32")
    kernel[:len(window), 0] = (matrix * window[:, None, None, None]).reshape(len(window), x.shape[2], -1)
    made = b.conv2d(b.expand(b.cast(x, "float32"), 2), b.constant(kernel), (step, 1))
    frames: Optional[int] = made.shape[1]
    return call.as_it_is(b.reshape(made, [-1 if made.shape[0] is None else made.shape[0],
                                          b.dim(made, 1) if frames is None else frames, matrix.shape[2], 2]))


@operation("HannWindow HammingWindow BlackmanWindow", since=17)
def window(call: Call) -> Held:
    """A sum of cosines over one turn; periodic: without its last place, which is the first of the next turn."""
    size = int(scalar(call, 0))
    if not 0 <= size <= LONGEST:
        call.damaged(f"has size {size}")
    turn = 2 * numpy.pi * numpy.arange(size) / max(1, size if call.int("periodic", 1) else size - 1)
    made = sum(share * numpy.cos(times * turn) for times, share in enumerate(WINDOWS[call.op]))
    return known(call, numpy.asarray(made))


@operation("MelWeightMatrix", since=17)
def mel_weights(call: Call) -> Held:
    """Triangles over the frequencies of a transform: (frequencies, bins), onnx/reference/ops/op_mel_weight_matrix.py.
    """
    bins, length, rate = [int(scalar(call, place)) for place in range(3)]
    low, high = [MEL * numpy.log10(1 + float(scalar(call, place)) / HERTZ) for place in (3, 4)]
    count = length // 2 + 1
    if not 0 < bins <= BINS or length < 1 or rate < 1 or bins * count > MOST:
        call.damaged(f"has {bins} bins of {length} places")
    edges = HERTZ * (10 ** ((numpy.arange(bins + 2) * ((high - low) / (bins + 2)) + low) / MEL) - 1)
    edges = ((length + 1) * edges // rate).astype(int)
    if edges.min() < 0 or edges.max() >= count:
        call.damaged(f"has frequencies up to {edges.max()} of {count}")
    places, made = numpy.arange(count), numpy.zeros((count, bins))
    for one, (left, centre, right) in enumerate(zip(edges, edges[1:], edges[2:])):
        if left == centre:
            made[centre, one] = 1
        else:
            made[left:centre + 1, one] = (places[left:centre + 1] - left) / (centre - left)
        if right > centre:
            made[centre:right, one] = (right - places[centre:right]) / (right - centre)
    return known(call, made)


def known(call: Call, array: numpy.ndarray) -> Held:
    """A constant of the type that output_datatype says."""
    dtype = call.type("output_datatype")
    return Held.known(call.b, array.astype(numpy_dtype(dtype)), dtype)
