"""Spectrograms of Keras 3, as graph models."""
import pytest

from tests import needs
from tests.models import lowered

needs.tensorflow()


def signals(keras):
    layers, start = keras.layers, keras.Input((100, 2), name="signal")
    modes = ("log", "magnitude", "psd", "real", "imag", "angle", "stft")
    settings = [dict(mode=mode, frame_length=16) for mode in modes]
    settings += [dict(frame_length=10, frame_step=3, fft_length=20, padding="same", expand_dims=True),
                 dict(frame_length=12, window="hamming", scaling=None, periodic=True, expand_dims=True, mode="stft"),
                 dict(frame_length=9, frame_step=9, mode="magnitude", padding="same", scaling="spectrum", window=None)]
    ends = [layers.STFTSpectrogram(data_format="channels_last", name=f"stft_{place}", **each)(start)
            for place, each in enumerate(settings)]
    return keras.Model(start, ends)


def heard(keras):
    layers, start = keras.layers, keras.Input((300,), name="signal")
    settings = [dict(), dict(power_to_db=False, mag_exp=1.0), dict(sequence_length=31, window="hamming", top_db=20.0),
                dict(min_freq=100.0, max_freq=3000, ref_power=0.1), dict(window=None, mag_exp=2.0, min_power=1e-3)]
    return keras.Model(start, [layers.MelSpectrogram(**dict(dict(
        fft_length=64, sequence_stride=20, num_mel_bins=10, sampling_rate=8000, name=f"mel_{place}"), **each))(start)
        for place, each in enumerate(settings)])


@pytest.mark.modern  # Keras 3 alone has them
@pytest.mark.parametrize("build", [signals, heard], ids=lambda build: build.__name__)
def test_spectrograms(build, tmp_path):
    lowered.agree(lowered.Model("keras3", build), tmp_path)
