"""Constants, and operations that hand their input on."""
import numpy

from ..formats.onnx_tensors import NUMPY, OF_NUMPY, numpy_dtype
from ..layers.model import Weight
from .layout import SMALL, Held
from .rules import Call, computed_as, operation


@operation("Constant")
def constant(call: Call) -> Held:
    """A tensor, a number, or a row of numbers."""
    for key, dtype in (("value_float", "float32"), ("value_int", "int64"), ("value_floats", "float32"),
                       ("value_ints", "int64")):
        if call.has_attribute(key):
            array = numpy.asarray(call.node.attributes[key], dtype)
            return Held.constant(call.b, Weight.of("", array), OF_NUMPY[dtype])
    if not call.has_attribute("value"):
        call.refuse("it is a constant of texts or of a sparse tensor, which TensorSpace cannot show")
    return call.walk.held(call.tensor("value"))


@operation("Identity Dropout")
def identity(call: Call) -> list:
    """The same tensor.  A Dropout drops nothing after the training, nor of a ratio of 0; its mask keeps all."""
    if call.op == "Dropout" and drops(call):
        call.refuse("it drops values, as in training", "export the model for inference: model.eval()")
    found: list = [call.item(0)]
    if call.wants(1):
        found.append(call.each(lambda x: call.b.cast(call.b.like(x, 1), "bool"), "BOOL"))
    return found


def drops(call: Call) -> bool:
    """Whether a Dropout drops values: in training, and not of a ratio of 0; what is computed may be so."""
    training = call.held(2).array if call.has(2) else numpy.array(False)
    ratio = call.held(1).array if call.has(1) else None
    return (training is None or training.any()) and (ratio is None or ratio.any())


@operation("Cast")
def cast(call: Call) -> Held:
    """The same numbers in another type."""
    return converted(call, call.type("to"))


@operation("CastLike")
def cast_like(call: Call) -> Held:
    """The first input in the type of the second."""
    return converted(call, call.held(1).dtype)


BOUNDS = {"INT4": (-8, 7), "UINT4": (0, 15), "INT2": (-2, 1), "UINT2": (0, 3),
          "INT8": (-128, 127), "UINT8": (0, 255), "INT16": (-32768, 32767), "UINT16": (0, 65535)}


def converted(call: Call, dtype: str) -> Held:
    """The first input in another type: whole numbers of few bits begin anew behind the largest one."""
    if dtype.startswith(("STRING", "COMPLEX", "UNDEFINED", "FLOAT8", "FLOAT4")):
        call.refuse(f"TensorFlow.js does not compute with {dtype.lower()}")
    wanted = computed_as(dtype)
    if call.x.weight is not None and call.x.weight.size <= SMALL and (dtype in NUMPY or dtype == "BFLOAT16"):
        return Held.known(call.b, call.x.weight.read().astype(numpy_dtype(dtype)), dtype)

    def change(x):
        if dtype in BOUNDS and call.x.dtype != dtype and x.dtype != "bool":
            low, high = BOUNDS[dtype]
            whole = call.b.cast(x, "int32")
            return call.b.wrapped(whole, (high - low).bit_length(), low < 0)
        return call.b.compare("NotEqual", x, 0) if wanted == "bool" and x.dtype != "bool" else call.b.cast(x, wanted)

    return call.each(change, dtype)
