"""Activations (keras 2.6 layers/core.py and advanced_activations.py; Keras 3 layers/activations/)."""
from .kind import Mask, Variable, row, same

row("activation", "Activation ReLU LeakyReLU ELU ThresholdedReLU Softmax", shape=same, mask=Mask.PASSES)
row("activation", "PReLU", shape=same, mask=Mask.PASSES,
    variables=lambda config: [Variable("alpha", None)],  # of the input's shape, but for its shared_axes
    axes=lambda config, rank: [axis for axis in range(1, rank) if axis not in (config.get("shared_axes") or [])],
    sizes=lambda config, shape, axes: {axis: shape[axis - 1] for axis in axes})
