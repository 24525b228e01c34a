"""Special functions: Bessel's, gamma and beta, quantiles of the normal distribution."""
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
LANCZOS = (0.99999999999980993, 676.5203681218851, -1259.1392167224028, 771.32342877765313, -176.61502916214059,
           12.507343278686905, -0.13857109526572012, 9.9843695780195716e-6, 1.5056327351493116e-7)  # for g = 7
STEPS = 6  # that lead to where the series of digamma converges
SERIES = (1 / 240, -1 / 252, 1 / 120, -1 / 12)  # of its inverse squares, the highest power first


@operation("I0")
@function("math.bessel_i0")
@node("BesselI0")
def bessel(call: Call) -> Value:
    """The modified function of Bessel, of the first kind and order 0."""
    return of_order(call.b, floats(call), 0)


@function("math.bessel_i0e math.bessel_i1 math.bessel_i1e")
@node("BesselI0e BesselI1 BesselI1e")
def others(call: Call) -> Value:
    """Bessel's functions of order 1, and those over e to the power of the number's size."""
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


@function("math.lgamma")
@node("Lgamma")
def lgamma(call: Call) -> Value:
    """The logarithm of the size of the gamma function."""
    return gamma_logarithm(call.b, floats(call))


def gamma_logarithm(b: Builder, x: Value) -> Value:
    """The logarithm of the size of the gamma function: Lanczos's approximation, mirrored below 1/2."""
    low = b.compare("Less", x, 0.5)
    z = b.sub(b.where(low, b.sub(1.0, x), x), 1.0)
    total = b.add(b.mul(z, 0.0), LANCZOS[0])
    for place, one in enumerate(LANCZOS[1:], 1):
        total = b.add(total, b.div(one, b.add(z, float(place))))
    wide = b.add(z, 7.5)
    # (z + 1/2) log(wide) - wide, with the logarithm of wide as that of 7.5 and of what z adds to it
    raised = b.mul(b.sub(b.add(b.unary("Log1p", b.mul(z, 1 / 7.5)), math.log(7.5)), b.div(wide, b.add(z, 0.5))),
                   b.add(z, 0.5))
    made = b.add(b.add(raised, b.log(total)), 0.5 * math.log(2 * math.pi))
    sine = b.unary("Abs", b.unary("Sin", b.mul(within(b, x), math.pi)))
    return b.where(low, b.sub(b.sub(math.log(math.pi), b.log(sine)), made), made)


def within(b: Builder, x: Value) -> Value:
    """The distance of x from the next whole number, from -1/2 to 1/2."""
    return b.sub(x, b.unary("Floor", b.add(x, 0.5)))


@function("math.digamma")
@node("Digamma")
def digamma(call: Call) -> Value:
    """The derivative of lgamma: its series, some steps on, mirrored below 1/2."""
    b, x = call.b, floats(call)
    low = b.compare("Less", x, 0.5)
    z = b.where(low, b.sub(1.0, x), x)
    before = b.div(1.0, z)
    for step in range(1, STEPS):
        before = b.add(before, b.div(1.0, b.add(z, float(step))))
    far = b.add(z, float(STEPS))
    inverse = b.div(1.0, b.square(far))
    series = b.mul(polynomial(b, inverse, SERIES), inverse)
    made = b.sub(b.add(b.sub(b.log(far), b.div(0.5, far)), series), before)
    turned = b.div(math.pi, b.unary("Tan", b.mul(within(b, x), math.pi)))
    return b.where(low, b.sub(made, turned), made)


@function("math.lbeta")
def lbeta(call: Call) -> Value:
    """The logarithm of the beta function along the last axis."""
    b, x = call.b, floats(call)
    whole = gamma_logarithm(b, b.sum(x, -1))
    return b.sub(b.sum(gamma_logarithm(b, x), -1), whole)
