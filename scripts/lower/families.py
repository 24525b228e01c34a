"""All families: importing this module registers their functions in the tables of `rules`.

`walk` imports it when a model is lowered.  An ONNX model needs only three of them.
"""
from . import (  # noqa: F401
    activation,
    attention,
    convolution,
    convolutional_recurrent,
    core,
    equalizing,
    features,
    hashing,
    local,
    merging,
    normalization,
    pooling,
    preprocessing,
    recurrent,
    resizing,
    spectrograms,
    text,
    wrappers,
)
from .ops import families  # noqa: F401
