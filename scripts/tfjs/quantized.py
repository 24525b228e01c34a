"""Numbers as a model that was trained for quantization has them: rounded to the steps of so many bits.

core/kernels/fake_quant_ops_functor.h: limits are moved so that zero is a step.
"""
from typing import Any

import numpy

from ..emit import Builder, Value
from ..operations.graph import Node


def of_inputs(make: Any, node: Node) -> Value:
    """FakeQuantWithMinMaxVars, and PerChannel: the limits are constants, for each channel or for all."""
    return quantized(make, node, make.known(1), make.known(2))


def of_attributes(make: Any, node: Node) -> Value:
    """FakeQuantWithMinMaxArgs."""
    return quantized(make, node, node.value("min", -6.0), node.value("max", 6.0))


def quantized(make: Builder, node: Node, low: Any, high: Any) -> Value:
    """Return the operation's first input, clipped and rounded."""
    low, high = numpy.asarray(low, "float32"), numpy.asarray(high, "float32")
    first = numpy.float32(1 if node.value("narrow_range", False) else 0)
    last = numpy.float32((1 << int(node.value("num_bits", 8))) - 1)
    with numpy.errstate(all="ignore"):
        step = (high - low) / (last - first)
        zero = first - low / step
        zero = numpy.where(zero < first, first, numpy.where(zero > last, last, numpy.floor(zero + numpy.float32(0.5))))
        least, most = [((one - zero) * step).astype("float32") for one in (first, last)]
        times = (1 / step).astype("float32")
    if not numpy.isfinite([least, most, times]).all():
        raise ValueError
    clipped = make.minimum(make.maximum(make.given(0), least), most)
    places = make.unary("Floor", make.add(make.mul(make.sub(clipped, least), times), numpy.float32(0.5)))
    return make.add(make.mul(places, step.astype("float32")), least)
