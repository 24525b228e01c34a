"""Convolutions and pooling, with the channels last."""
from .linear import Linear


class Images(Linear):
    """Emitters of what slides over images."""
