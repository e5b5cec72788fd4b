"""Cases of scipy.special, where SciPy is installed."""

from __future__ import annotations

import importlib.util
from typing import Any

import numpy as np

from .table import BROADCASTS, add, binary, numbers, unary

if importlib.util.find_spec("scipy"):
    from scipy import special

    from microgd.autograd.rules.special import polygamma

    _function: Any
    for _function in (special.psi, special.gammaln, special.loggamma, special.gamma, special.rgamma):
        unary(_function, 0.4, 3.0)
    for _function in (special.y0, special.y1, special.k0, special.k1):
        unary(_function, 0.4, 3.0)
    for _function in (special.erf, special.erfc, special.erfcx, special.ndtr, special.log_ndtr, special.expit):
        unary(_function)
    for _function in (special.log_expit, special.j0, special.j1, special.i0, special.i1, special.i0e, special.i1e):
        unary(_function)
    for _function in (special.expm1, special.exp2, special.exp10):
        unary(_function)
    for _function in (special.logit, special.entr, special.ndtri):
        unary(_function, 0.1, 0.9)
    for _function in (special.log1p, special.cbrt):
        unary(_function, 0.3, 3.0)
    unary(special.erfinv, -0.9, 0.9)
    unary(special.erfcinv, 0.2, 1.8)
    for _function in (special.beta, special.betaln, special.xlogy, special.xlog1py, special.rel_entr, special.kl_div):
        binary(_function, 0.4, 2.0)
    for _function in (special.jv, special.yv, special.iv, special.kv, special.ive):
        for _order in (0, 1, 2, 2.5):
            add(_function, lambda x, f=_function, v=_order: f(v, x), numbers((2, 3), 0.4, 3.0), label=f"order {_order}")
    for _function in (special.gammainc, special.gammaincc):
        for _left, _right in BROADCASTS:
            _a = numbers(_left, 0.5, 3.0, "a")
            add(_function, lambda x, f=_function, a=_a: f(a, x), numbers(_right, 0.4, 3.0), label=f"{_left} {_right}")
    add(special.betainc, lambda x: special.betainc(1.5, [0.5, 2.0, 3.0], x), numbers((2, 3), 0.1, 0.9))
    for _n in (0, 1, 2, 3):
        add(polygamma, lambda x, n=_n: polygamma(n, x), numbers((2, 3), 0.5, 3.0), label=f"order {_n}")
    add(special.loggamma, special.loggamma, np.array([0.5, 30.0, 400.0]), label="far")
