"""The rules of differentiation, by family: one row per NumPy function. Importing a family fills the table."""
