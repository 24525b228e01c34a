"""Other types for the same numbers, and the parts of complex ones."""
from ...emit import Value
from .. import narrow
from ..rules import Call, function, node, operation
from .given import argument, floats, needed, tensor, truth


@operation("Cast SaturateCast")
@function("cast saturate_cast dtypes.cast dtypes.saturate_cast")
@node("Cast")
def cast(call: Call) -> Value:
    """Another type; what becomes a boolean is whether it is not 0."""
    x, dtype = tensor(call, "x value"), argument(call, "dtype DstT", None, needed)
    if call.kind == "TFOpLambda" and str(dtype).startswith("complex"):
        x = call.b.cast(x, "float32")
        return x if x.imaginary is not None else x.complex(call.b.mul(x, 0.0))
    return cast_to(call, x.complex(None) if x.imaginary is not None else x, dtype)


def cast_to(call: Call, x: Value, dtype: str) -> Value:
    """x in a type of Keras's or TensorFlow's.  Narrow whole numbers are held as int32, wrapped as they wrap."""
    b = call.b
    if isinstance(dtype, dict):
        dtype = (dtype.get("config") or {}).get("name")
    dtype = str(dtype)
    name = {"DT_FLOAT": "float32", "DT_HALF": "float16", "DT_DOUBLE": "float64"}.get(dtype, dtype)
    name = name[3:].lower() if name.startswith("DT_") else name
    if name == "bool":
        return truth(b, x)
    if "int" not in name and "float" not in name:
        call.refuse(f"it casts to {name}, with which TensorFlow.js does not compute", "cast to float32 or int32")
    if "int" not in name:
        return b.cast(x, "float32")
    whole = b.cast(x, "int32").narrowed(None)
    if name not in narrow.TYPES or x.dtype == "bool" or x.narrow == name:
        return whole.narrowed(name if name in narrow.TYPES else None)
    if call.kind == "SaturateCast" or str(call.config.get("function")).endswith("saturate_cast"):
        return narrow.clipped(b, whole, name).narrowed(name)
    return narrow.wrapped(b, whole, name)


@operation("Imag")
@function("math.imag")
def imag(call: Call) -> Value:
    """The imaginary parts, zeros of real numbers."""
    x = tensor(call, "x input")
    return call.b.mul(x, 0) if x.imaginary is None else x.imaginary


@function("math.real")
def real(call: Call) -> Value:
    """The real parts."""
    x = tensor(call, "input")
    return x if x.imaginary is None else x.complex(None)


@function("math.conj")
def conj(call: Call) -> Value:
    """The other sign before the imaginary parts."""
    x = tensor(call)
    return x if x.imaginary is None else x.complex(call.b.neg(x.imaginary))


@function("math.angle")
def angle(call: Call) -> Value:
    """The angle of each number in the plane of both parts."""
    b, x = call.b, floats(call, "input")
    return b.binary("Atan2", b.add(b.mul(x, 0.0), 0.0) if x.imaginary is None else x.imaginary, x.complex(None))


@function("math.abs abs")
def size(call: Call) -> Value:
    """The absolute value, of complex numbers their distance from 0."""
    b, x = call.b, tensor(call, "x array")
    if x.imaginary is not None:
        return b.sqrt(b.add(b.square(x), b.square(x.imaginary)))
    return b.unary("Abs", b.cast(x, "int32") if x.dtype == "bool" else x)
