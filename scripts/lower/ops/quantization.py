"""Numbers as steps between two bounds: models that were trained for quantization (tf.quantization)."""
import numpy

from ...base.fault import Fault
from ...emit import Value
from ...emit.core import axis_of
from ..rules import Call, called, function, node
from .arithmetic import divided_no_nan
from .given import argument, floats, integer, needed, value


@function("""quantization.fake_quant_with_min_max_args quantization.fake_quant_with_min_max_vars
             quantization.fake_quant_with_min_max_vars_per_channel""")
@node("FakeQuantWithMinMaxArgs FakeQuantWithMinMaxVars FakeQuantWithMinMaxVarsPerChannel")
def fake_quant(call: Call) -> Value:
    """The nearest of so many steps between two bounds."""
    b, x = call.b, floats(call, "inputs")
    low, high = [b.cast(value(call, argument(call, name, at, default), "float32"), "float32")
                 for at, (name, default) in enumerate((("min", -6.0), ("max", 6.0)), 1)]
    bits = integer(call, argument(call, "num_bits", 3, 8), "num_bits")
    return b.quantized(x, low, high, bits, bool(argument(call, "narrow_range", 4, False)))


@function("quantization.quantize_and_dequantize_v2 quantize_and_dequantize_v4")
@node("QuantizeAndDequantizeV2 QuantizeAndDequantizeV3 QuantizeAndDequantizeV4")
def quantized(call: Call) -> Value:
    """The nearest of so many steps (tensorflow core/kernels/quantize_and_dequantize_op.h)."""
    b, x = call.b, floats(call, "input")
    third = called(call.record, call.major).endswith("V3")  # its number of bits is its fourth input
    bits = integer(call, argument(call, "num_bits", 3 if third else 4, 8), "num_bits")
    signed = argument(call, "signed_input", None if third else 3, True)
    if not 1 < bits < 24:
        raise Fault(f"operation {call.path!r} quantizes to {bits} bits: the file is damaged")
    axis, others = argument(call, "axis"), list(range(x.rank))
    axis = None if axis == -1 and not called(call.record, call.major).endswith("_v2") else axis  # what V4 has for none
    if axis is not None:
        others.remove(axis_of(integer(call, axis, "axis"), x.rank))
    shape = [1 if place in others else -1 for place in range(x.rank)]
    told = argument(call, "range_given", 5, False)
    low, high = [b.cast(value(call, argument(call, name, at, needed)), "float32") if told else reduce(x, others, True)
                 for name, at, reduce in (("input_min", 1, b.min), ("input_max", 2, b.max))]
    low, high = [b.reshape(one, shape) if axis is not None else one for one in (low, high)]
    first = (-(1 << bits - 1) + bool(argument(call, "narrow_range", None, False))) if signed else 0
    last = (1 << bits - bool(signed)) - 1
    steps = [divided_no_nan(b, b.constant(float(end)), bound) for end, bound in ((first, low), (last, high))]
    steps = [b.where(b.compare("Greater", one, 0.0), one, numpy.float32(3e38)) for one in steps]
    scale = b.minimum(*steps)
    if told:
        x = b.minimum(b.maximum(x, b.div(float(first), scale)), b.div(float(last), scale))
    moved = b.mul(x, scale)
    if str(argument(call, "round_mode", None, "HALF_TO_EVEN")) == "HALF_UP":
        return b.div(b.unary("Floor", b.add(moved, 0.5)), scale)
    return b.div(b.unary("Round", moved), scale)
