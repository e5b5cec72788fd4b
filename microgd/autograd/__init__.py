"""Automatic differentiation: the Value, the rules, the walk."""
