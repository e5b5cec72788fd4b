"""Rules of functions that act on each element alone.

Where the slope is infinite (sqrt at 0, log at 0, arcsin at 1) a cotangent of zero stays zero, so that a masked-out
element cannot turn the gradient into nan; `quotient` sees to that.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from .table import constant, elementwise, piecewise_constant, primitive, rule

LN2 = math.log(2.0)
LN10 = math.log(10.0)


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


elementwise(quotient, lambda g, y, a, b: quotient(g, b), lambda g, y, a, b: quotient(-g * y, b))

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

# Choices: at a tie each side takes half
elementwise(np.absolute, lambda g, y, x: g * np.sign(x), scalar=abs)
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
elementwise(np.where, None, lambda g, y, c, a, b: np.where(c, g, 0.0), lambda g, y, c, a, b: np.where(c, 0.0, g))


def within(x: Any, low: Any, high: Any) -> Any:
    """Return where np.clip leaves x as it is, the limits included."""
    above = True if low is None else np.greater_equal(x, low)
    return above if high is None else above & np.less_equal(x, high)


def clip_arguments(x: Any, a_min: Any = None, a_max: Any = None, *, min: Any = None, max: Any = None) -> Any:
    """Bind np.clip's limits, which go by two names each."""
    return (x, a_min if min is None else min, a_max if max is None else max), {}


rule(
    np.clip,
    lambda g, y, x, low, high: g * within(x, low, high),
    lambda g, y, x, low, high: g * np.less(x, low),
    lambda g, y, x, low, high: g * np.greater(x, high),
    bind=clip_arguments,
)
rule(np.round, lambda g, y, x, decimals=0: None)
piecewise_constant(np.sign, scalar=lambda x: float((x > 0) - (x < 0)) if x == x else x)
piecewise_constant(np.floor, np.ceil, np.trunc, np.rint)
constant(np.greater, np.greater_equal, np.less, np.less_equal, np.equal, np.not_equal)
constant(np.logical_and, np.logical_or, np.logical_not, np.logical_xor, np.isnan, np.isinf, np.isfinite, np.signbit)


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
