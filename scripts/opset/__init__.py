"""An ONNX model -> a graph of TensorFlow.js's operations that computes the wanted tensors.

    lowered = opset.lower(formats.read("m.onnx"))     lowered.graph is an operations.Graph

There is one function per operation, by family, registered by the operation's name and by the first version of the opset
that gives it this meaning (`rules.operation`).  Images are stored channels last (layout.py).  Only numpy is needed.
"""
from . import (  # noqa: F401  (each registers its functions)
    activation,
    attention,
    classical,
    convolution,
    core,
    einsum,
    elementwise,
    indexing,
    linear,
    logic,
    making,
    normalization,
    ordering,
    parts,
    pooling,
    quantized,
    recurrent,
    reducing,
    resizing,
    sampling,
    sequences,
    shaping,
    signals,
    warping,
)
from .model import Lowered, Opened, lower, opened, order_of, shown_as, tensors
from .rules import NotLowered

__all__ = ["Lowered", "NotLowered", "Opened", "lower", "opened", "order_of", "shown_as", "tensors"]
