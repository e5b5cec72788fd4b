"""Rules of scipy.special's functions; read when one of them is first given a Value, so that SciPy stays optional.

All act on each element. The derivative with respect to an order, or to a parameter that has no closed form, is refused.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from scipy import special

from .elementwise import LN2, LN10, quotient
from .table import elementwise, primitive

SQRT_PI = math.sqrt(math.pi)
SQRT_2PI = math.sqrt(2 * math.pi)


@primitive
def polygamma(n: int, x: Any) -> Any:
    """Return the derivative of order n of the digamma function."""
    return special.polygamma(n, x)


@primitive
def shifted(order: Any, by: int) -> Any:
    """Return a constant order, which may be a list, plus a number."""
    return order + by if isinstance(order, float | int) else np.add(order, by)


def slope_of_beta(a: Any, b: Any) -> Any:
    """Return d log beta(a, b) / da."""
    return special.psi(a) - special.psi(a + b)


# Gamma and its kin
elementwise(polygamma, None, lambda g, y, n, x: g * polygamma(n + 1, x))
elementwise(special.psi, lambda g, y, x: g * polygamma(1, x))
elementwise(special.gammaln, lambda g, y, x: g * special.psi(x))
elementwise(special.loggamma, lambda g, y, x: g * special.psi(x))
elementwise(special.gamma, lambda g, y, x: g * (y * special.psi(x)))
elementwise(special.rgamma, lambda g, y, x: -g * (y * special.psi(x)))
elementwise(
    special.beta, lambda g, y, a, b: g * (y * slope_of_beta(a, b)), lambda g, y, a, b: g * (y * slope_of_beta(b, a))
)
elementwise(special.betaln, lambda g, y, a, b: g * slope_of_beta(a, b), lambda g, y, a, b: g * slope_of_beta(b, a))
elementwise(special.gammainc, None, lambda g, y, a, x: g * np.exp(shifted(a, -1) * np.log(x) - x - special.gammaln(a)))
elementwise(
    special.gammaincc, None, lambda g, y, a, x: -g * np.exp(shifted(a, -1) * np.log(x) - x - special.gammaln(a))
)
elementwise(
    special.betainc,
    None,
    None,
    lambda g, y, a, b, x: g * np.exp(shifted(a, -1) * np.log(x) + shifted(b, -1) * np.log1p(-x) - special.betaln(a, b)),
)

# Normal distribution and error function
elementwise(special.erf, lambda g, y, x: g * (2 / SQRT_PI * np.exp(-x * x)))
elementwise(special.erfc, lambda g, y, x: g * (-2 / SQRT_PI * np.exp(-x * x)))
elementwise(special.erfcx, lambda g, y, x: g * (2 * x * y - 2 / SQRT_PI))
elementwise(special.erfinv, lambda g, y, x: g * (SQRT_PI / 2 * np.exp(y * y)))
elementwise(special.erfcinv, lambda g, y, x: g * (-SQRT_PI / 2 * np.exp(y * y)))
elementwise(special.ndtr, lambda g, y, x: g * (np.exp(-0.5 * x * x) / SQRT_2PI))
elementwise(special.log_ndtr, lambda g, y, x: g * (np.exp(-0.5 * x * x - y) / SQRT_2PI))
elementwise(special.ndtri, lambda g, y, x: g * (SQRT_2PI * np.exp(0.5 * y * y)))

# Logistic
elementwise(special.expit, lambda g, y, x: g * (y * (1 - y)))
elementwise(special.log_expit, lambda g, y, x: g * special.expit(-x))
elementwise(special.logit, lambda g, y, x: quotient(g, x * (1 - x)))

# Entropies: 0 log 0 is 0; xlogy(g, x) is g log x, where a cotangent of 0 stays 0
elementwise(
    special.xlogy, lambda g, y, x, z: special.xlogy(g * ((x != 0) | (z > 0)), z), lambda g, y, x, z: g * quotient(x, z)
)
elementwise(
    special.xlog1py,
    lambda g, y, x, z: special.xlog1py(g * ((x != 0) | (z > -1)), z),
    lambda g, y, x, z: g * quotient(x, 1 + z),
)
elementwise(special.entr, lambda g, y, x: -g - special.xlogy(g, x))
elementwise(
    special.rel_entr,
    lambda g, y, p, q: g + special.xlogy(g, p) - special.xlogy(g, q),
    lambda g, y, p, q: -g * quotient(p, q),
)
elementwise(
    special.kl_div,
    lambda g, y, p, q: special.xlogy(g, p) - special.xlogy(g, q),
    lambda g, y, p, q: g - g * quotient(p, q),
)

# Bessel functions: those of order 0 and 1, and of any order that is a constant
elementwise(
    special.jv, None, lambda g, y, v, x: g * (0.5 * (special.jv(shifted(v, -1), x) - special.jv(shifted(v, 1), x)))
)
elementwise(
    special.yv, None, lambda g, y, v, x: g * (0.5 * (special.yv(shifted(v, -1), x) - special.yv(shifted(v, 1), x)))
)
elementwise(
    special.iv, None, lambda g, y, v, x: g * (0.5 * (special.iv(shifted(v, -1), x) + special.iv(shifted(v, 1), x)))
)
elementwise(
    special.kv, None, lambda g, y, v, x: g * (-0.5 * (special.kv(shifted(v, -1), x) + special.kv(shifted(v, 1), x)))
)
elementwise(
    special.ive,
    None,
    lambda g, y, v, x: g * (0.5 * (special.ive(shifted(v, -1), x) + special.ive(shifted(v, 1), x)) - np.sign(x) * y),
)
elementwise(special.j0, lambda g, y, x: -g * special.j1(x))
elementwise(special.j1, lambda g, y, x: g * (0.5 * (special.j0(x) - special.jv(2, x))))
elementwise(special.y0, lambda g, y, x: -g * special.y1(x))
elementwise(special.y1, lambda g, y, x: g * (0.5 * (special.y0(x) - special.yv(2, x))))
elementwise(special.i0, lambda g, y, x: g * special.i1(x))
elementwise(special.i1, lambda g, y, x: g * (0.5 * (special.i0(x) + special.iv(2, x))))
elementwise(special.i0e, lambda g, y, x: g * (special.i1e(x) - np.sign(x) * y))
elementwise(special.i1e, lambda g, y, x: g * (0.5 * (special.i0e(x) + special.ive(2, x)) - np.sign(x) * y))
elementwise(special.k0, lambda g, y, x: -g * special.k1(x))
elementwise(special.k1, lambda g, y, x: g * (-0.5 * (special.k0(x) + special.kv(2, x))))

# What NumPy has too
elementwise(special.expm1, lambda g, y, x: g * (y + 1))
elementwise(special.log1p, lambda g, y, x: quotient(g, 1 + x))
elementwise(special.exp2, lambda g, y, x: g * (y * LN2))
elementwise(special.exp10, lambda g, y, x: g * (y * LN10))
elementwise(special.cbrt, lambda g, y, x: quotient(g, 3 * y * y))
