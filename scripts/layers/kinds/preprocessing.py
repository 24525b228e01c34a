"""Preprocessing in a model (keras 2.6 layers/preprocessing/; Keras 3 layers/preprocessing/)."""
from typing import Any, List, Optional

from .. import columns
from .kind import Config, Mask, Shape, Variable, row, same
from .normalization import of_each, own_axes
from .sizes import whole


def kernels(config: Config) -> List[Variable]:
    """Cosines and sines of a Fourier transform, those that the setting mode needs (keras 3 stft_spectrogram.py)."""
    length = whole(config, "frame_length")
    size = config.get("fft_length") or (1 << (length - 1).bit_length() if length else None)
    shape = [length, 1, size // 2 + 1 if isinstance(size, int) else None]
    return [Variable(name, shape) for name, other in (("real_kernel", "imag"), ("imag_kernel", "real"))
            if config.get("mode", "log") != other]


def transformed(config: Config, inputs: List[Shape], nested: Any) -> List[Shape]:
    """The frames of a signal, and the frequencies of each channel."""
    first = config.get("data_format") == "channels_first"
    batch, one, other = inputs[0]
    channels, samples = (one, other) if first else (other, one)
    length, step = config["frame_length"], config.get("frame_step") or config["frame_length"] // 2
    bins = ((config.get("fft_length") or 1 << (length - 1).bit_length()) // 2 + 1) * (1 + (config["mode"] == "stft"))
    frames = None if samples is None else -(-samples // step) if config.get("padding") == "same" else \
        (samples - length) // step + 1
    if config.get("expand_dims"):
        return [[batch, channels, frames, bins] if first else [batch, frames, bins, channels]]
    together = None if channels is None else channels * bins
    return [[batch, together, frames] if first else [batch, frames, together]]


def heard(config: Config, inputs: List[Shape], nested: Any) -> List[Shape]:
    """The bands of the mel scale, and the frames of a signal between its mirror images."""
    samples, size = inputs[0][-1], config["fft_length"]
    frames = None if samples is None else (samples + 2 * (size // 2) - size) // config["sequence_stride"] + 1
    return [list(inputs[0][:-1]) + [config["num_mel_bins"], frames]]


def categories(config: Config) -> Optional[int]:
    """The count of numbers that a layer of words puts out for a word, or for all; None if the vocabulary decides."""
    keys = ["num_bins", "max_tokens" if config.get("pad_to_max_tokens") else "vocabulary_size"]
    return next((config[key] for key in keys if isinstance(config.get(key), int)), None)


def encoded(config: Config, shape: Shape) -> List[Shape]:
    """The shape of words as the setting output_mode says (keras 3 index_lookup.py, compute_output_shape)."""
    mode = config.get("output_mode", "int")
    if mode == "int":
        return [shape]
    lone = len(shape) > 1 and shape[-1] == 1
    return [(shape if mode == "one_hot" and not lone else shape[:-1]) + [categories(config)]]


def looked_up(config: Config, inputs: List[Shape], nested: Any) -> List[Shape]:
    """A number per word, or the categories."""
    return encoded(config, list(inputs[0]))


def vectorized(config: Config, inputs: List[Shape], nested: Any) -> List[Shape]:
    """A number per word of a text, or the categories (keras 3 text_vectorization.py)."""
    shape = list(inputs[0])
    if config.get("split") is not None:
        shape = shape[:1] + [None]
    if config.get("output_mode", "int") == "int" and config.get("output_sequence_length"):
        shape = shape[:-1] + [config["output_sequence_length"]]
    return encoded(config, shape)


def featured(config: Config, inputs: List[Shape], nested: Any) -> List[Shape]:
    """The values of all columns, one after another (Keras 2 feature_column/dense_features.py)."""
    return [[inputs[0][0], sum(columns.width(column) for column in config["feature_columns"])]]


def embedded(config: Config) -> List[Variable]:
    """The rows of each column that embeds categories."""
    return [Variable(f"{columns.name_of(column)}/embedding_weights", [
        columns.buckets(column["config"]["categorical_column"]), column["config"]["dimension"]])
        for column in config["feature_columns"] if column["class_name"] == "EmbeddingColumn"]


row("preprocessing", "Rescaling", shape=same, mask=Mask.PASSES_IN_3)
row("preprocessing", "Normalization", shape=same, variables=None, mask=Mask.PASSES_IN_3, axes=own_axes, sizes=of_each)
row("preprocessing", "RandomFlip RandomRotation RandomZoom RandomTranslation RandomContrast RandomBrightness "
                     "RandomHeight RandomWidth RandomShear RandomGrayscale RandomHue RandomSaturation RandomInvert "
                     "RandomPosterization RandomSharpness RandomColorJitter RandomColorDegeneration RandomErasing "
                     "RandomGaussianBlur RandomPerspective RandomElasticTransform Solarization Equalization MixUp "
                     "CutMix RandAugment AugMix MaxNumBoundingBoxes", shape=same, idle=True)
row("preprocessing", "AutoContrast ContrastLimitedAdaptiveHistogramEqualization", shape=same)
row("preprocessing", "STFTSpectrogram", shape=transformed, variables=kernels)
row("preprocessing", "MelSpectrogram", shape=heard)
row("preprocessing", "StringLookup Hashing HashedCrossing", shape=looked_up)
row("preprocessing", "DenseFeatures", shape=featured, variables=embedded)
row("preprocessing", "TextVectorization", shape=vectorized)
