"""Pooling (keras 2.6 layers/pooling.py; Keras 3 layers/pooling/)."""
from typing import Any, List

from .kind import Config, Shape, row
from .sizes import channels, several, slide, spatial


def pooling(config: Config, inputs: List[Shape], nested: Any) -> List[Shape]:
    """A window that slides over the image."""
    sizes, put = spatial(config, inputs[0])
    windows = several(config["pool_size"], len(sizes))
    strides = several(config.get("strides") or windows, len(sizes))
    return [put([slide(*item) for item in zip(sizes, windows, strides, [config["padding"]] * len(sizes))],
                channels(config, inputs[0]))]


def global_pooling(config: Config, inputs: List[Shape], nested: Any) -> List[Shape]:
    """One value per channel."""
    sizes, put = spatial(config, inputs[0])
    if config.get("keepdims"):
        return [put([1] * len(sizes), channels(config, inputs[0]))]
    return [[inputs[0][0], channels(config, inputs[0])]]


def adaptive(config: Config, inputs: List[Shape], nested: Any) -> List[Shape]:
    """The sizes that the layer is told."""
    sizes, put = spatial(config, inputs[0])
    return [put(several(config["output_size"], len(sizes)), channels(config, inputs[0]))]


row("pooling", "MaxPooling1D MaxPooling2D MaxPooling3D AveragePooling1D AveragePooling2D AveragePooling3D",
    shape=pooling)
row("pooling", "GlobalMaxPooling1D GlobalMaxPooling2D GlobalMaxPooling3D GlobalAveragePooling1D "
               "GlobalAveragePooling2D GlobalAveragePooling3D", shape=global_pooling)
row("pooling", "AdaptiveMaxPooling1D AdaptiveMaxPooling2D AdaptiveMaxPooling3D AdaptiveAveragePooling1D "
               "AdaptiveAveragePooling2D AdaptiveAveragePooling3D", shape=adaptive)
