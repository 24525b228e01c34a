"""Bessel's function (keras.ops.i0)."""
from ...emit import Value
from ..rules import Call, operation
from .arithmetic import polynomial
from .given import floats

# Abramowitz and Stegun, 9.8.1 and 9.8.2: within 2e-7; the highest power first
NEAR = (0.0045813, 0.0360768, 0.2659732, 1.2067492, 3.0899424, 3.5156229, 1.0)
FAR = (0.00392377, -0.01647633, 0.02635537, -0.02057706, 0.00916281, -0.00157565, 0.00225319, 0.01328592, 0.39894228)


@operation("I0")
def bessel(call: Call) -> Value:
    """The modified function of Bessel, of the first kind and order 0."""
    b = call.b
    size = b.unary("Abs", floats(call))
    near = polynomial(b, b.square(b.div(b.minimum(size, 3.75), 3.75)), NEAR)
    large = b.maximum(size, 3.75)
    far = b.mul(polynomial(b, b.div(3.75, large), FAR), b.div(b.exp(large), b.sqrt(large)))
    return b.where(b.compare("Less", size, 3.75), near, far)
