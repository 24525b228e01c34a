"""Spectrograms of Keras 3: a Fourier transform of each frame of a signal, as a convolution by its cosines and sines.

keras 3 layers/preprocessing/stft_spectrogram.py, audio_preprocessing/mel_spectrogram.py, backend/tensorflow/math.py.
"""
from typing import Any, List

import numpy

from ..base.fault import Fault
from ..emit import Value
from .rules import Call, layer

MOST = 1 << 23  # numbers of a transform, 32 MB
EPSILON = 1e-7  # keras.config.epsilon()
MEL_BREAK, MEL_Q = 700.0, 1127.0  # mel_spectrogram.py: _MEL_BREAK_FREQUENCY_HERTZ, _MEL_HIGH_FREQUENCY_Q


def number(call: Call, key: str, default: int, lowest: int = 1) -> int:
    """A setting that is a whole number.  Raises Fault for one that is none, or huge."""
    value = call.get(key, default)
    if type(value) is not int or not lowest <= value <= 1 << 20:
        call.refuse(f"{key}={value!r}", f"take a whole number from {lowest} to {1 << 20}")
    return value


def frames(call: Call, x: Value, kernel: Value, step: int) -> Value:
    """(n, samples) by (frame, bins): what each frame of the samples makes, (n, frames, bins)."""
    b, image = call.b, call.b.expand(call.b.expand(x, -1), -1)
    window = b.reshape(kernel, [kernel.shape[0], 1, 1, kernel.shape[1]])
    return b.squeeze(b.conv2d(image, window, (step, 1)), [2])


# A transform whose kernels are weights -------------------------------------------------------------------------------

@layer("STFTSpectrogram")
def stft(call: Call) -> Value:
    """Real and imaginary part, or what is made of both, of each channel's frames."""
    b, mode, step = call.b, call.get("mode", "log"), number(call, "frame_step", number(call, "frame_length", 256) // 2)
    first = call.get("data_format", "channels_last") == "channels_first"
    x = call.x if first else b.transpose(call.x, [0, 2, 1])
    channels, samples = x.shape[1:]
    if channels is None or samples is None:
        call.refuse("of a signal whose length is open", "fix it by input_shape (--input-shape 16000,1)")
    x = b.reshape(b.cast(x, "float32"), [-1, samples])
    length = number(call, "frame_length", 256)
    if call.get("padding", "valid") == "same":
        missing = max(0, (-(-samples // step) - 1) * step + length - samples)
        x = b.pad(x, [(0, 0), (missing // 2, missing - missing // 2)])
    elif samples < length:
        call.refuse(f"its frames are {length} long and the signal {samples}", "give it a longer signal")
    parts = [frames(call, x, b.squeeze(call.weight(name), [1]), step)
             for name in ("real_kernel", "imag_kernel") if call.held.has(name)]
    y = of_parts(call, mode, parts)  # (batch * channels, frames, bins)
    y = b.reshape(y, [-1, channels] + list(y.shape[1:]))
    if call.config.get("expand_dims"):
        return y if first else b.transpose(y, [0, 2, 3, 1])
    y = b.transpose(y, [0, 1, 3, 2])
    y = b.reshape(y, [-1, channels * y.shape[2], y.shape[3]])
    return y if first else b.transpose(y, [0, 2, 1])


def of_parts(call: Call, mode: str, parts: List[Value]) -> Value:
    """The result that the setting `mode` asks for, of the real and the imaginary part or of the one part."""
    b = call.b
    if mode in ("real", "imag") and len(parts) == 1:
        return parts[0]
    if mode not in ("log", "magnitude", "psd", "angle", "stft") or len(parts) != 2:
        raise Fault(f"layer {call.path!r} (STFTSpectrogram) has {len(parts)} kernels for mode={mode!r:.40}: the file "
                    "is damaged")
    if mode == "angle":
        return b.binary("Atan2", parts[1], parts[0])
    if mode == "stft":
        return b.concat(parts, -1)
    power = b.add(b.square(parts[0]), b.square(parts[1]))
    if mode == "psd":
        bins = power.shape[-1]
        twice = numpy.array([1.0] + [2.0] * (bins - 2) + [1.0] if bins > 1 else [1.0], "float32")
        return b.mul(power, twice)
    magnitude = b.sqrt(b.maximum(power, EPSILON))
    return magnitude if mode == "magnitude" else b.log(b.maximum(magnitude, EPSILON))


# A transform and the scale of what is heard --------------------------------------------------------------------------

@layer("MelSpectrogram")
def mel(call: Call) -> Value:
    """Frames of the signal and its mirror image at both ends, their power in the bands of the mel scale, in decibel."""
    b, size, step = call.b, number(call, "fft_length", 2048, 2), number(call, "sequence_stride", 512)
    x = b.cast(call.x, "float32")
    samples, half = x.shape[-1], size // 2
    if x.rank < 2 or samples is None:
        call.refuse("of a signal whose length is open", "fix it by input_shape (--input-shape 16000)")
    if samples <= half:
        call.refuse(f"of {samples} samples, fewer than the half of fft_length={size}", "take a smaller fft_length")
    scale = mel_scale(call, size // 2 + 1)
    heard = numpy.flatnonzero(scale.any(axis=1))  # bins that no band has need no transform
    if 2 * size * max(1, len(heard)) > MOST:
        call.refuse(f"fft_length={size} is a transform of {2 * size * len(heard)} numbers", "take a smaller fft_length")
    places = numpy.pad(numpy.arange(samples), (half, half), mode="reflect")
    outer = list(x.shape[1:-1])
    flat = b.gather(x if x.rank == 2 else b.reshape(x, [-1, samples]), places, 1)
    angles = 2 * numpy.pi * (numpy.outer(numpy.arange(size), heard) % size) / size
    window = window_of(call, size)[:, None]
    parts = [frames(call, flat, b.constant((window * wave).astype("float32")), step)
             for wave in (numpy.cos(angles), numpy.sin(angles))]
    power, exponent = b.add(b.square(parts[0]), b.square(parts[1])), float(call.get("mag_exp", 2.0))
    power = power if exponent == 2 else b.binary("Pow", power, numpy.float32(exponent / 2))
    y = b.matmul(power, b.constant(scale[heard]))
    if call.get("power_to_db", True):
        y = decibel(call, y)
    y = b.transpose(y, [0, 2, 1])
    return y if not outer else b.reshape(y, [-1] + outer + list(y.shape[1:]))


def decibel(call: Call, power: Value) -> Value:
    """10 log10 of a power and a reference, cut off below the loudest of the whole batch."""
    b, least, reference = call.b, float(call.get("min_power", 1e-10)), abs(float(call.get("ref_power", 1.0)))
    loud = b.sub(b.mul(b.log(b.maximum(power, least)), 10 / numpy.log(10)), 10 * numpy.log10(max(reference, least)))
    return b.maximum(loud, b.sub(b.max(loud), float(call.get("top_db", 80.0))))


def window_of(call: Call, size: int) -> numpy.ndarray:
    """The weight of each sample of a frame: a window of sequence_length in the middle (tf.signal.hann_window)."""
    length, window = number(call, "sequence_length", size), call.config.get("window", "hann")
    if length > size:
        raise Fault(f"layer {call.path!r} ({call.kind}) has sequence_length={length} and fft_length={size}: the file "
                    "is damaged")
    if window is None:
        return numpy.ones(size)
    if isinstance(window, str):
        low = {"hann": 0.5, "hamming": 0.54}.get(window)
        if low is None:
            call.refuse(f"window={window!r}", "take hann or hamming")
        turn = 2 * numpy.pi * numpy.arange(length) / max(1, length - length % 2)
        values = low - (1 - low) * numpy.cos(turn) if length > 1 else numpy.ones(1)
    else:
        values = numpy.asarray(window, "float64").reshape(-1)
    if len(values) != length:
        raise Fault(f"layer {call.path!r} ({call.kind}) has a window of {len(values)} places, not {length}: the file "
                    "is damaged")
    before = (size - length) // 2
    return numpy.pad(values, (before, size - length - before), mode="constant")


def hertz_to_mel(hertz: Any) -> Any:
    """A frequency on the mel scale."""
    return MEL_Q * numpy.log(1 + hertz / MEL_BREAK)


def mel_scale(call: Call, bins: int) -> numpy.ndarray:
    """(bins, bands): how much of each bin is in each band (mel_spectrogram.py, linear_to_mel_weight_matrix)."""
    bands, rate = number(call, "num_mel_bins", 128), float(call.get("sampling_rate", 16000))
    if bins * bands > MOST:
        call.refuse(f"of {bands} bands and {bins} bins", "take fewer")
    highest = call.get("max_freq", int(rate / 2))
    edges = numpy.linspace(hertz_to_mel(float(call.get("min_freq", 20.0))), hertz_to_mel(float(highest)), bands + 2)
    heard = hertz_to_mel(numpy.linspace(0, rate / 2, bins)[1:])[:, None]
    low, middle, high = edges[:-2], edges[1:-1], edges[2:]
    inside = numpy.minimum((heard - low) / (middle - low), (high - heard) / (high - middle))
    return numpy.pad(numpy.maximum(0, inside), ((1, 0), (0, 0)), mode="constant").astype("float32")
