"""The rules of differentiation, by family: one row per NumPy function. Importing a family fills the table.

Here are the families that most programs use; `table.complete` imports the others when one of their functions is met.
"""

from . import elementwise, fused, indexing, products, reductions, shaping

__all__ = ["elementwise", "fused", "indexing", "products", "reductions", "shaping"]
