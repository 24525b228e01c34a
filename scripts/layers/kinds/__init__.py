"""Keras's layer classes by family: a table has one row per class, and the class's name finds the row.

    kinds.of({"class_name": "Conv2D", "config": {…}}).shape(config, [[None, 28, 28, 1]], nested)

A new layer class is one row in the module of its family.  Nothing here knows the target of a conversion:
tfjs/refusals.py says whether TensorFlow.js has a layer.
"""
from . import (  # noqa: F401  (each adds its rows)
    activation,
    attention,
    convolution,
    core,
    merging,
    normalization,
    operations,
    pooling,
    preprocessing,
    recurrent,
    regularization,
    reshaping,
    wrappers,
)
from .kind import (
    ALIASES,
    KINDS,
    Kind,
    Mask,
    Part,
    Variable,
    activations,
    canonical,
    find,
    idle,
    merges,
    of,
    passing,
    recurrents,
)

__all__ = ["ALIASES", "KINDS", "Kind", "Mask", "Part", "Variable", "activations", "canonical", "find", "idle",
           "merges", "of", "passing", "recurrents"]
