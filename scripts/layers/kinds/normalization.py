"""Normalizations (keras 2.6 layers/normalization/; Keras 3 layers/normalization/)."""
from typing import List

from .kind import Config, Mask, Shape, Variable, row, same


def scale_and_center(config: Config, shape: Shape) -> List[Variable]:
    """gamma and beta, as far as the layer has them."""
    return [Variable("gamma", shape)] * bool(config.get("scale", True)) \
        + [Variable("beta", shape)] * bool(config.get("center", True))


def batch_normalization(config: Config) -> List[Variable]:
    """The statistics are not trained."""
    return scale_and_center(config, [None]) + [Variable("moving_mean", [None], False),
                                               Variable("moving_variance", [None], False)]


def layer_normalization(config: Config) -> List[Variable]:
    """A value per place of the axes."""
    axis = config.get("axis")
    return scale_and_center(config, [None] * (len(axis) if isinstance(axis, list) else 1))


row("normalization", "BatchNormalization", shape=same, variables=batch_normalization, mask=Mask.PASSES)
row("normalization", "LayerNormalization", shape=same, variables=layer_normalization, mask=Mask.PASSES)
row("normalization", "GroupNormalization", shape=same, variables=None, mask=Mask.PASSES)
row("normalization", "UnitNormalization", shape=same, mask=Mask.PASSES)
