"""Bessel's functions, and quantiles of the normal distribution."""
import math

from ...emit import Builder, Value
from ..rules import Call, called, function, node, operation
from .arithmetic import inverse_of_erf, polynomial
from .given import floats

# Abramowitz and Stegun, 9.8.1 and 9.8.2: within 2e-7; the highest power first
NEAR = (0.0045813, 0.0360768, 0.2659732, 1.2067492, 3.0899424, 3.5156229, 1.0)
FAR = (0.00392377, -0.01647633, 0.02635537, -0.02057706, 0.00916281, -0.00157565, 0.00225319, 0.01328592, 0.39894228)


NEAR_ONE = (0.00032411, 0.00301532, 0.02658733, 0.15084934, 0.51498869, 0.87890594, 0.5)  # 9.8.3 and 9.8.4
FAR_ONE = (-0.00420059, 0.01787654, -0.02895312, 0.02282967, -0.01031555, 0.00163801, -0.00362018, -0.03988024,
           0.39894228)


@operation("I0")
def bessel(call: Call) -> Value:
    """The modified function of Bessel, of the first kind and order 0."""
    return of_order(call.b, floats(call), 0)


@function("math.bessel_i0e math.bessel_i1 math.bessel_i1e")
@node("BesselI0e BesselI1 BesselI1e")
def others(call: Call) -> Value:
    """Those of order 1, or over e to the power of the number's size."""
    name = called(call.record, call.major).lower()
    return of_order(call.b, floats(call), int("i1" in name), name.endswith("e"))


def of_order(b: Builder, x: Value, order: int, scaled: bool = False) -> Value:
    """The modified function of Bessel, of the first kind and order 0 or 1; scaled: over exp(|x|)."""
    size = b.unary("Abs", x)
    near = polynomial(b, b.square(b.div(b.minimum(size, 3.75), 3.75)), NEAR_ONE if order else NEAR)
    near = b.mul(near, b.minimum(size, 3.75)) if order else near
    near = b.mul(near, b.exp(b.neg(size))) if scaled else near
    large = b.maximum(size, 3.75)
    far = b.div(polynomial(b, b.div(3.75, large), FAR_ONE if order else FAR), b.sqrt(large))
    far = far if scaled else b.mul(far, b.exp(large))
    made = b.where(b.compare("Less", size, 3.75), near, far)
    return b.mul(made, b.unary("Sign", x)) if order else made


@function("math.ndtri")
@node("Ndtri")
def ndtri(call: Call) -> Value:
    """Below which number a share of the normal distribution lies."""
    return quantile(call.b, floats(call))


@function("math.erfcinv")
def erfcinv(call: Call) -> Value:
    """The inverse of 1 - erf(x)."""
    return call.b.mul(quantile(call.b, call.b.mul(floats(call), 0.5)), -math.sqrt(0.5))


def quantile(b: Builder, share: Value) -> Value:
    """The same; 1 - x * x of x = 2 * share - 1 is 4 * share * (1 - share), which loses no digits of small shares."""
    apart = b.neg(b.log(b.mul(b.mul(share, 4.0), b.sub(1.0, share))))
    return b.mul(inverse_of_erf(b, b.sub(b.mul(share, 2.0), 1.0), apart), math.sqrt(2))
