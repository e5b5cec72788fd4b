"""The rules of differentiation, by family: one row per NumPy function. Importing a family fills the table."""

from . import elementwise, fourier, fused, indexing, linalg, padding, products, reductions, shaping

__all__ = ["elementwise", "fourier", "fused", "indexing", "linalg", "padding", "products", "reductions", "shaping"]
