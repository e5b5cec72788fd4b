"""The table of cases: for each rule at least one call, with arguments inside the stated domain.

A case names the function whose rule it is for, the call, and its arguments. `test_rules.py` runs every check on every
case, and fails if a row of the table of rules has none.
"""

from . import (
    elementwise,
    foundation,
    fourier,
    linalg,
    products,
    reductions,
    shaping,
    special,
)
from .table import CASES, PIECEWISE_CONSTANT, Case, numbers

__all__ = [
    "CASES",
    "PIECEWISE_CONSTANT",
    "Case",
    "elementwise",
    "foundation",
    "fourier",
    "linalg",
    "numbers",
    "products",
    "reductions",
    "shaping",
    "special",
]
