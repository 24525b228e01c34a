"""Preprocessing in a model (keras 2.6 layers/preprocessing/; Keras 3 layers/preprocessing/)."""
from .kind import Mask, row, same

row("preprocessing", "Rescaling", shape=same, mask=Mask.PASSES_IN_3)
row("preprocessing", "Normalization", shape=same, variables=None, mask=Mask.PASSES_IN_3)
row("preprocessing", "RandomFlip RandomRotation RandomZoom RandomTranslation RandomContrast RandomBrightness",
    shape=same, idle=True)
