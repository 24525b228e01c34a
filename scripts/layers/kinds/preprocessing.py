"""Preprocessing in a model (keras 2.6 layers/preprocessing/; Keras 3 layers/preprocessing/)."""
from .kind import Mask, row, same

row("preprocessing", "Rescaling", shape=same, mask=Mask.PASSES_IN_3)
row("preprocessing", "Normalization", shape=same, variables=None, mask=Mask.PASSES_IN_3)
row("preprocessing", "RandomFlip RandomRotation RandomZoom RandomTranslation RandomContrast RandomBrightness "
                     "RandomHeight RandomWidth RandomShear RandomGrayscale RandomHue RandomSaturation RandomInvert "
                     "RandomPosterization RandomSharpness RandomColorJitter RandomColorDegeneration RandomErasing "
                     "RandomGaussianBlur RandomPerspective RandomElasticTransform Solarization Equalization MixUp "
                     "CutMix RandAugment AugMix MaxNumBoundingBoxes", shape=same, idle=True)
row("preprocessing", "AutoContrast", shape=same)
