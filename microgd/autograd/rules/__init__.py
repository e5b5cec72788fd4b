"""The rules of differentiation, by family: one row per NumPy function. Importing a family fills the table."""

from . import (
    choosing,
    cumulative,
    elementwise,
    fourier,
    fused,
    indexing,
    linalg,
    norms,
    padding,
    products,
    reductions,
    shaping,
    signals,
    sorting,
    statistics,
)

__all__ = [
    "choosing",
    "cumulative",
    "elementwise",
    "fourier",
    "fused",
    "indexing",
    "linalg",
    "norms",
    "padding",
    "products",
    "reductions",
    "shaping",
    "signals",
    "sorting",
    "statistics",
]
