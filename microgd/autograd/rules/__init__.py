"""The rules of differentiation, by family: one row per NumPy function. Importing a family fills the table."""

from . import elementwise, fused, indexing, linalg, reductions, shaping

__all__ = ["elementwise", "fused", "indexing", "linalg", "reductions", "shaping"]
