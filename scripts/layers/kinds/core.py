"""Inputs, Dense, Embedding and Masking (keras 2.6 layers/core.py, embeddings.py; Keras 3 layers/core/)."""
from typing import Any, List, Optional

from .kind import Config, Mask, Part, Shape, Variable, last, row, same
from .sizes import whole


def dense(config: Config) -> List[Variable]:
    """A row of units."""
    units = whole(config, "units")
    return [Variable("kernel", [None, units])] + [Variable("bias", [units])] * bool(config.get("use_bias", True))


def fourier(config: Config) -> List[Variable]:
    """Drawn once, but for the scale, which Keras puts first even where the layer is not trained (kernelized.py)."""
    size = whole(config, "output_dim")
    return [Variable("kernel_scale", [1]), Variable("unscaled_kernel", [None, size], False),
            Variable("bias", [size], False)]


def embedding(config: Config) -> List[Variable]:
    """A row per word."""
    return [Variable("embeddings", [whole(config, "input_dim"), whole(config, "output_dim")])]


def reversible(config: Config) -> List[Variable]:
    """The way back has a table of its own where it is not tied to the first."""
    own = [] if config.get("tie_weights", True) else [
        Variable("reverse_embeddings", [whole(config, "output_dim"), whole(config, "input_dim")])]
    return embedding(config) + own


def pipeline(config: Config, scope: str) -> List[Part]:
    """Its layers, one after another (keras 3 layers/preprocessing/pipeline.py)."""
    return [Part(record, f"{scope}/{place}") for place, record in enumerate(config["layers"])]


def through(config: Config, inputs: List[Shape], nested: Any) -> List[Optional[Shape]]:
    """The output shape of the last layer of a Pipeline."""
    found = inputs[0]
    for record in config["layers"]:
        found = nested.layer(record, [found])[0]
    return [found]


row("core", "InputLayer")
row("core", "Dense", variables=dense, mask=Mask.PASSES, axes=last,
    shape=lambda config, inputs, nested: [list(inputs[0][:-1]) + [config["units"]]])
row("core", "RandomFourierFeatures", variables=fourier,
    shape=lambda config, inputs, nested: [list(inputs[0][:-1]) + [config["output_dim"]]])
row("core", "Embedding", variables=embedding, mask=Mask.MAKES,  # where mask_zero=True
    shape=lambda config, inputs, nested: [list(inputs[0]) + [config["output_dim"]]])
row("core", "ReversibleEmbedding", variables=reversible, mask=Mask.MAKES)  # its shape depends on the way
row("core", "Pipeline", shape=through, parts=pipeline)
row("core", "Masking", shape=same, mask=Mask.MAKES)
row("core", "Identity", shape=same, mask=Mask.PASSES_IN_3, idle=True)  # tf_keras layers/core/identity.py
row("core", "TFDIdentity", shape=same, idle=True)  # a float of a FeatureSpace
