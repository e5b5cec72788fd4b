"""Rules of functions that act on each element alone.

Where the slope is infinite (sqrt at 0, log at 0, arcsin at 1) a cotangent of zero stays zero, so that a masked-out
element cannot turn the gradient into nan; `quotient` sees to that.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..arrays import kind
from .table import composite, constant, elementwise, piecewise_constant, primitive, rule

LN2 = math.log(2.0)
LN10 = math.log(10.0)


def is_complex(x: Any) -> bool:
    """Return whether an array, a number or a Value is complex."""
    return isinstance(x, complex) or getattr(getattr(x, "dtype", None), "kind", "f") == "c"


@primitive
def quotient(a: Any, b: Any) -> Any:
    """Return a / b, but 0 where both are 0: a zero cotangent stays zero even where the slope is infinite."""
    if isinstance(a, float) and isinstance(b, float):
        return a / b if b else 0.0 if a == 0 else math.copysign(math.inf, a) * math.copysign(1.0, b)
    with np.errstate(divide="ignore", invalid="ignore"):
        y = np.divide(a, b)
    if np.all(b):
        return y
    return np.where(np.equal(a, 0) & np.equal(b, 0), np.zeros_like(y), y)


# At 0 / 0 the result stays 0 in all directions: the second derivative of a norm at 0 is taken as 0, like the first.
elementwise(
    quotient,
    lambda g, y, a, b: quotient(g * ((a != 0) | (b != 0)), b),
    lambda g, y, a, b: quotient(-g * y, b),
)

# Arithmetic
elementwise(np.add, lambda g, y, a, b: g, lambda g, y, a, b: g)
elementwise(np.subtract, lambda g, y, a, b: g, lambda g, y, a, b: -g)
elementwise(np.multiply, lambda g, y, a, b: g * b, lambda g, y, a, b: g * a)
elementwise(np.divide, lambda g, y, a, b: g / b, lambda g, y, a, b: -g * y / b)
elementwise(np.negative, lambda g, y, x: -g)
elementwise(np.positive, lambda g, y, x: g)
elementwise(np.reciprocal, lambda g, y, x: -g * y * y)
elementwise(np.square, lambda g, y, x: g * (2 * x), scalar=lambda x: x * x)
elementwise(np.remainder, lambda g, y, a, b: g, lambda g, y, a, b: -g * (a // b))
elementwise(np.fmod, lambda g, y, a, b: g, lambda g, y, a, b: -g * np.trunc(a / b), scalar=math.fmod)
piecewise_constant(np.floor_divide)


@primitive
def exponent_slope(y: Any, a: Any) -> Any:
    """Return d(a ** b)/db = y log a, which is taken as 0 at a = 0."""
    return y * np.log(np.where(np.equal(a, 0), 1, a))


elementwise(
    exponent_slope, lambda g, y, p, a: g * np.log(np.where(np.equal(a, 0), 1, a)), lambda g, y, p, a: quotient(g * p, a)
)


def power_of_float(a: float, b: float) -> float:
    """Return a ** b as NumPy does: the square exactly, nan rather than a complex number."""
    if b == 2:
        return a * a
    y = a**b
    return math.nan if type(y) is complex else y


# b - (b != 0) is b - 1, but leaves the exponent 0 alone: the slope of the constant x ** 0 is 0 at x = 0 too.
elementwise(
    np.power,
    lambda g, y, a, b: g * (b * a ** (b - (b != 0))),
    lambda g, y, a, b: g * exponent_slope(y, a),
    scalar=power_of_float,
)
elementwise(
    np.float_power, lambda g, y, a, b: g * (b * a ** (b - (b != 0))), lambda g, y, a, b: g * exponent_slope(y, a)
)

# Exponentials and logarithms
elementwise(np.exp, lambda g, y, x: g * y, scalar=math.exp)
elementwise(np.exp2, lambda g, y, x: g * (y * LN2), scalar=math.exp2)
elementwise(np.expm1, lambda g, y, x: g * (y + 1), scalar=math.expm1)
elementwise(np.log, lambda g, y, x: quotient(g, x), scalar=math.log)
elementwise(np.log2, lambda g, y, x: quotient(g, x * LN2), scalar=math.log2)
elementwise(np.log10, lambda g, y, x: quotient(g, x * LN10), scalar=math.log10)
elementwise(np.log1p, lambda g, y, x: quotient(g, 1 + x), scalar=math.log1p)
elementwise(np.sqrt, lambda g, y, x: quotient(g, 2 * y), scalar=math.sqrt)
elementwise(np.cbrt, lambda g, y, x: quotient(g, 3 * y * y), scalar=math.cbrt)


@primitive
def difference_or_zero(a: Any, b: Any) -> Any:
    """Return a - b, but 0 where the two are the same infinity, as logarithms of probabilities of 0 are."""
    with np.errstate(invalid="ignore"):
        difference = np.subtract(a, b)
    return np.where(np.equal(a, b), np.zeros_like(difference), difference)


elementwise(difference_or_zero, lambda g, y, a, b: g, lambda g, y, a, b: -g)
elementwise(
    np.logaddexp,
    lambda g, y, a, b: g * sigmoid(difference_or_zero(a, b)),
    lambda g, y, a, b: g * sigmoid(difference_or_zero(b, a)),
)
elementwise(
    np.logaddexp2,
    lambda g, y, a, b: g * sigmoid(LN2 * difference_or_zero(a, b)),
    lambda g, y, a, b: g * sigmoid(LN2 * difference_or_zero(b, a)),
)

# Trigonometry
elementwise(np.sin, lambda g, y, x: g * np.cos(x), scalar=math.sin)
elementwise(np.cos, lambda g, y, x: -g * np.sin(x), scalar=math.cos)
elementwise(np.tan, lambda g, y, x: g * (1 + y * y), scalar=math.tan)
elementwise(np.arcsin, lambda g, y, x: quotient(g, np.sqrt(1 - x * x)), scalar=math.asin)
elementwise(np.arccos, lambda g, y, x: quotient(-g, np.sqrt(1 - x * x)), scalar=math.acos)
elementwise(np.arctan, lambda g, y, x: g / (1 + x * x), scalar=math.atan)
elementwise(np.sinh, lambda g, y, x: g * np.cosh(x), scalar=math.sinh)
elementwise(np.cosh, lambda g, y, x: g * np.sinh(x), scalar=math.cosh)
elementwise(np.tanh, lambda g, y, x: g * (1 - y * y), scalar=math.tanh)
elementwise(np.arcsinh, lambda g, y, x: g / np.sqrt(x * x + 1), scalar=math.asinh)
elementwise(np.arccosh, lambda g, y, x: quotient(g, np.sqrt(x * x - 1)), scalar=math.acosh)
elementwise(np.arctanh, lambda g, y, x: quotient(g, 1 - x * x), scalar=math.atanh)
elementwise(np.hypot, lambda g, y, a, b: quotient(g * a, y), lambda g, y, a, b: quotient(g * b, y), scalar=math.hypot)
elementwise(
    np.arctan2,
    lambda g, y, a, b: quotient(g * b, a * a + b * b),
    lambda g, y, a, b: quotient(-g * a, a * a + b * b),
    scalar=math.atan2,
)
for _degrees, _radians in ((np.rad2deg, np.deg2rad), (np.degrees, np.radians)):
    elementwise(_degrees, lambda g, y, x: g * (180 / math.pi), scalar=math.degrees)
    elementwise(_radians, lambda g, y, x: g * (math.pi / 180), scalar=math.radians)
rule(np.unwrap, lambda g, y, p, discont=None, axis=-1, period=math.tau: g)


@primitive
def sinc_derivative(x: Any, order: int) -> Any:
    """Return a derivative of sin(πx) / (πx), by its power series where the quotient would cancel."""
    t = math.pi * np.asarray(x, dtype=float, like=kind(x))
    near = np.abs(t) < order + 1
    small, large = np.where(near, t, 0.0), np.where(near, 1.0, t)
    series = sum(
        (-1) ** k * small ** (2 * k - order) / ((2 * k + 1) * math.factorial(2 * k - order))
        for k in range((order + 1) // 2, order + 16)
    )
    quotients = np.sin(large) / large
    for n in range(1, order + 1):  # t s = sin t, differentiated n times
        quotients = (np.sin(large + n * math.pi / 2) - n * quotients) / large
    return math.pi**order * np.where(near, series, quotients)


elementwise(np.sinc, lambda g, y, x: g * sinc_derivative(x, 1))
elementwise(sinc_derivative, lambda g, y, x, order: g * sinc_derivative(x, order + 1), None)


@primitive
def bessel_i(x: Any, order: int) -> Any:
    """Return the modified Bessel function of the first kind, for small orders: a mean over a circle, by trapezoids."""
    size = np.max(np.abs(x)) if np.size(x) else 0.0
    points = 32 + int(9 * math.sqrt(size))
    angles = (np.arange(points, like=kind(x)) + 0.5) * (math.pi / points)
    along = np.multiply.outer(np.asarray(x, like=kind(x)), np.cos(angles))
    return np.mean((np.sinh(along) if order % 2 else np.cosh(along)) * np.cos(order * angles), axis=-1)


elementwise(np.i0, lambda g, y, x: g * bessel_i(x, 1))
elementwise(bessel_i, lambda g, y, x, order: g * (0.5 * (bessel_i(x, order - 1) + bessel_i(x, order + 1))), None)

# Choices: at a tie each side takes half


def sign_of_float(x: float) -> float:
    """Return -1.0, 0.0 or 1.0; nan for nan."""
    return float((x > 0) - (x < 0)) if x == x else x


@primitive
def direction(x: Any) -> Any:
    """Return the derivative of |x|: the sign of a real number, conj(x) / |x| of a complex one; 0 at 0."""
    return np.conjugate(np.sign(x)) if is_complex(x) else np.sign(x)


def d_direction(g: Any, y: Any, x: Any) -> Any:
    """Zero for real numbers; what turns the unit vector for complex ones."""
    return quotient(np.conjugate(g) - np.real(g * y) * y, np.absolute(x)) if is_complex(x) else np.zeros_like(g)


def sign_of_real(x: Any) -> Any:
    """Return np.sign(x), which is piecewise constant for real numbers only."""
    if is_complex(x):
        raise NotImplementedError("np.sign of complex numbers has no derivative rule; write z / np.abs(z).")
    return np.sign(x)


elementwise(np.absolute, lambda g, y, x: g * direction(x), scalar=abs)
elementwise(np.fabs, lambda g, y, x: g * np.sign(x), scalar=math.fabs)
elementwise(direction, d_direction, scalar=sign_of_float)
piecewise_constant(np.sign, forward=sign_of_real, scalar=sign_of_float)
elementwise(
    np.maximum,
    lambda g, y, a, b: g * (a > b) + g * (a == b) * 0.5,
    lambda g, y, a, b: g * (a < b) + g * (a == b) * 0.5,
    scalar=lambda a, b: a if a >= b or a != a else b,
)
elementwise(
    np.minimum,
    lambda g, y, a, b: g * (a < b) + g * (a == b) * 0.5,
    lambda g, y, a, b: g * (a > b) + g * (a == b) * 0.5,
    scalar=lambda a, b: a if a <= b or a != a else b,
)
elementwise(
    np.fmax,
    lambda g, y, a, b: g * ((a > b) | np.isnan(b)) + g * (a == b) * 0.5,
    lambda g, y, a, b: g * ((a < b) | np.isnan(a)) + g * (a == b) * 0.5,
)
elementwise(
    np.fmin,
    lambda g, y, a, b: g * ((a < b) | np.isnan(b)) + g * (a == b) * 0.5,
    lambda g, y, a, b: g * ((a > b) | np.isnan(a)) + g * (a == b) * 0.5,
)
elementwise(
    np.copysign, lambda g, y, a, b: g * (np.sign(a) * np.sign(y)), lambda g, y, a, b: None, scalar=math.copysign
)
elementwise(np.heaviside, lambda g, y, x, at_zero: None, lambda g, y, x, at_zero: g * (x == 0))
elementwise(np.where, None, lambda g, y, c, a, b: np.where(c, g, 0.0), lambda g, y, c, a, b: np.where(c, 0.0, g))


def within(x: Any, low: Any, high: Any) -> Any:
    """Return where np.clip leaves x as it is, the limits included."""
    above = True if low is None else np.greater_equal(x, low)
    return above if high is None else above & np.less_equal(x, high)


def below(x: Any, low: Any, high: Any) -> Any:
    """Return where np.clip gives the lower limit: the upper one has the last word, where it is the smaller."""
    raised = np.less(x, low)
    return raised if high is None else raised & np.less_equal(low, high)


def above(x: Any, low: Any, high: Any) -> Any:
    """Return where np.clip gives the upper limit."""
    lowered = np.greater(x, high)
    return lowered if low is None else lowered | np.greater(low, high)


def clip_arguments(x: Any, a_min: Any = None, a_max: Any = None, *, min: Any = None, max: Any = None) -> Any:
    """Bind np.clip's limits, which go by two names each."""
    return (x, a_min if min is None else min, a_max if max is None else max), {}


rule(
    np.clip,
    lambda g, y, x, low, high: g * within(x, low, high),
    lambda g, y, x, low, high: g * below(x, low, high),
    lambda g, y, x, low, high: g * above(x, low, high),
    bind=clip_arguments,
)
for _function in (np.round, np.around):
    rule(_function, lambda g, y, x, decimals=0: None)
piecewise_constant(np.floor, np.ceil, np.trunc, np.rint, np.fix)
constant(np.greater, np.greater_equal, np.less, np.less_equal, np.equal, np.not_equal)
constant(np.logical_and, np.logical_or, np.logical_not, np.logical_xor, np.isnan, np.isinf, np.isfinite, np.signbit)
constant(np.isposinf, np.isneginf, np.isreal, np.iscomplex, np.isclose, np.allclose, np.array_equal, np.array_equiv)
rule(
    np.nan_to_num,
    lambda g, y, x, copy=True, nan=0.0, posinf=None, neginf=None: g * np.isfinite(x),
    forward=lambda x, copy=True, **replacements: np.nan_to_num(x, **replacements),  # the array stays as it is
)


# A number in two parts
@composite(np.divmod)
def divmod_(x1: Any, x2: Any) -> tuple[Any, Any]:
    """The quotient as a whole number, and the remainder."""
    return np.floor_divide(x1, x2), np.remainder(x1, x2)


@composite(np.modf)
def modf(x: Any) -> tuple[Any, Any]:
    """The fraction and the whole number, both with the sign of x."""
    whole = np.trunc(x)
    return difference_or_zero(x, whole), whole


@primitive
def exponent(x: Any) -> Any:
    """Return the power of two that np.frexp takes out of a number."""
    return np.frexp(x)[1]


@composite(np.frexp)
def frexp(x: Any) -> tuple[Any, Any]:
    """The mantissa, from 0.5 to 1, and the exponent, which is a constant."""
    power = exponent(x)
    return np.ldexp(x, -power), power


constant(exponent)
rule(np.ldexp, lambda g, y, x, power: np.ldexp(g, power), None)

# Complex numbers, whose cotangent g is that of dL = Re(g dz)
elementwise(np.conjugate, lambda g, y, x: np.conjugate(g))
rule(np.real, lambda g, y, x: g)
rule(np.imag, lambda g, y, x: -1j * g)


@composite(np.angle)
def angle(z: Any, deg: bool = False) -> Any:
    """The angle of z with the positive real axis; 0 or π for a real number."""
    radians = np.arctan2(np.imag(z), np.real(z))
    return np.rad2deg(radians) if deg else radians


@composite(np.real_if_close)
def real_if_close(a: Any, tol: float = 100) -> Any:
    """The real part, where the imaginary part is rounding."""
    limit = tol * np.finfo(a.dtype).eps if tol > 1 else tol
    return np.real(a) if np.all(np.less(np.absolute(np.imag(a)), limit)) else a


# Activations
@primitive
def relu(x: Any) -> Any:
    """Return max(x, 0); its slope at 0 is 0.

    Example:
        >>> relu(np.array([-2.0, 3.0]))
        array([0., 3.])
    """
    return np.maximum(x, 0)


@primitive
def sigmoid(x: Any) -> Any:
    """Return 1 / (1 + exp(-x)), without overflow for any x.

    Example:
        >>> sigmoid(np.array([0.0, -1000.0]))
        array([0.5, 0. ])
    """
    e = np.exp(-np.absolute(x))
    return np.where(np.greater_equal(x, 0), 1, e) / (1 + e)


def sigmoid_of_float(x: float) -> float:
    """Return the sigmoid of a Python float."""
    e = math.exp(-abs(x))
    return (1.0 if x >= 0 else e) / (1 + e)


@primitive
def softplus(x: Any) -> Any:
    """Return log(1 + exp(x)), a smooth relu, without overflow for any x.

    Example:
        >>> softplus(np.array([0.0, 1000.0])).round(4)
        array([6.931e-01, 1.000e+03])
    """
    return np.maximum(x, 0) + np.log1p(np.exp(-np.absolute(x)))


elementwise(relu, lambda g, y, x: g * (x > 0), scalar=lambda x: x if x > 0 or x != x else 0.0)
elementwise(sigmoid, lambda g, y, x: g * (y * (1 - y)), scalar=sigmoid_of_float)
elementwise(
    softplus, lambda g, y, x: g * sigmoid(x), scalar=lambda x: (x if x > 0 else 0.0) + math.log1p(math.exp(-abs(x)))
)
