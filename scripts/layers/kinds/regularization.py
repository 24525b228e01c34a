"""Layers that do nothing outside of training (keras 2.6 layers/core.py, noise.py; Keras 3 layers/regularization/)."""
from .kind import Mask, row, same

row("regularization", "Dropout SpatialDropout1D SpatialDropout2D SpatialDropout3D GaussianDropout GaussianNoise "
                      "AlphaDropout ActivityRegularization", shape=same, mask=Mask.PASSES, idle=True)
# A Dropout of the packages efficientnet and segmentation_models (efficientnet/model.py: get_dropout)
row("regularization", "FixedDropout", shape=same, mask=Mask.PASSES, idle=True)
