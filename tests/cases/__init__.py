"""The table of cases: for each rule at least one call, with arguments inside the stated domain.

A case names the function whose rule it is for, the call, and its arguments. `test_rules.py` runs every check on every
case, and fails if a row of the table of rules has none.
"""

from microgd.autograd.rules.table import complete

from . import (
    cumulative,
    elementwise,
    foundation,
    fourier,
    linalg,
    norms,
    products,
    reductions,
    shaping,
    signals,
    sorting,
    special,
    statistics,
)
from .table import CASES, PIECEWISE_CONSTANT, UNDETERMINED, Case, numbers

__all__ = [
    "CASES",
    "PIECEWISE_CONSTANT",
    "UNDETERMINED",
    "Case",
    "cumulative",
    "elementwise",
    "foundation",
    "fourier",
    "linalg",
    "norms",
    "numbers",
    "products",
    "reductions",
    "shaping",
    "signals",
    "sorting",
    "special",
    "statistics",
]

complete()  # every family of rules has to have cases, those too that wait until they are needed
