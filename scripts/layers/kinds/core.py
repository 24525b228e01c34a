"""Inputs, Dense, Embedding and Masking (keras 2.6 layers/core.py, embeddings.py; Keras 3 layers/core/)."""
from typing import List

from .kind import Config, Mask, Variable, row, same
from .sizes import whole


def dense(config: Config) -> List[Variable]:
    """A row of units."""
    units = whole(config, "units")
    return [Variable("kernel", [None, units])] + [Variable("bias", [units])] * bool(config.get("use_bias", True))


def embedding(config: Config) -> List[Variable]:
    """A row per word."""
    return [Variable("embeddings", [whole(config, "input_dim"), whole(config, "output_dim")])]


row("core", "InputLayer")
row("core", "Dense", variables=dense, mask=Mask.PASSES,
    shape=lambda config, inputs, nested: [list(inputs[0][:-1]) + [config["units"]]])
row("core", "Embedding", variables=embedding, mask=Mask.MAKES,  # where mask_zero=True
    shape=lambda config, inputs, nested: [list(inputs[0]) + [config["output_dim"]]])
row("core", "Masking", shape=same, mask=Mask.MAKES)
row("core", "Identity", shape=same, mask=Mask.PASSES_IN_3, idle=True)  # tf_keras layers/core/identity.py
row("core", "TFDIdentity", shape=same, idle=True)  # a float of a FeatureSpace
