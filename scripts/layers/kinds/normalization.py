"""Normalizations (keras 2.6 layers/normalization/; Keras 3 layers/normalization/)."""
from typing import Any, Dict, List, Optional, Sequence

from .kind import Config, Mask, Part, Shape, Variable, row, same


def scale_and_center(config: Config, shape: Optional[Shape]) -> List[Variable]:
    """gamma and beta, as far as the layer has them."""
    return [Variable("gamma", shape)] * bool(config.get("scale", True)) \
        + [Variable("beta", shape)] * bool(config.get("center", True))


def along(config: Config) -> Shape:
    """A size for each of the axes."""
    axis = config.get("axis")
    return [None] * (len(axis) if isinstance(axis, list) else 1)


def batch_normalization(config: Config) -> List[Variable]:
    """The statistics are not trained; renorm has three more.

    Several axes, which Keras 2 has, give weights of the input's rank.
    """
    kept = ["moving_mean", "moving_variance"]
    if config.get("renorm"):
        kept += ["moving_stddev", "renorm_mean", "renorm_stddev"]
    shape = along(config) if len(along(config)) == 1 else None
    return scale_and_center(config, shape) + [Variable(name, shape, False) for name in kept]


def layer_normalization(config: Config) -> List[Variable]:
    """A value per place of the axes; where the mean square alone scales, gamma and no beta."""
    if config.get("rms_scaling"):
        return [Variable("gamma", along(config))]
    return scale_and_center(config, along(config))


def own_axes(config: Config, rank: int) -> List[int]:
    """The setting axis: one, several, or none."""
    axis = config.get("axis", -1)
    return axis if isinstance(axis, list) else [] if axis is None else [axis]


def of_each(config: Config, shape: Sequence[int], axes: List[int]) -> Dict[int, int]:
    """A variable has a size for each axis."""
    return dict(zip(axes, shape)) if len(axes) == len(shape) else {}


def of_layer(config: Config, inputs: List[Shape], nested: Any) -> List[Optional[Shape]]:
    """The shape of the layer within."""
    return nested.layer(config["layer"], inputs)


row("normalization", "BatchNormalization SyncBatchNormalization", shape=same, variables=batch_normalization,
    mask=Mask.PASSES, axes=own_axes, sizes=of_each)
row("normalization", "LayerNormalization", shape=same, variables=layer_normalization, mask=Mask.PASSES,
    axes=own_axes, sizes=of_each)
row("normalization", "GroupNormalization", shape=same, mask=Mask.PASSES,
    variables=lambda config: scale_and_center(config, [None]))
row("normalization", "UnitNormalization", shape=same, mask=Mask.PASSES)
row("normalization", "RMSNormalization", shape=same,
    variables=lambda config: [Variable("scale", along(config))])
row("normalization", "LayerScale", shape=same,
    variables=lambda config: [Variable("variable", [config.get("projection_dim")])])  # of keras.applications
row("normalization", "SpectralNormalization", shape=of_layer,
    parts=lambda config, scope: [Part(config["layer"], scope)],
    variables=lambda config: [Variable("vector_u", [1, None], False)], own_at=1)  # it has the layer's kernel as its own
