"""Rules of a few steps taken as one, where training spends its time. Each names its parts, for pictures and tables."""

from __future__ import annotations

from typing import Any

import numpy as np

from .table import primitive, rule


@primitive
def affine(x: Any, kernel: Any, bias: Any) -> Any:
    """Return x @ kernel + bias, as one step.

    Args:
        x: Inputs, shape (..., features).
        kernel: Weights, shape (features, units).
        bias: Shape (units,).

    Returns:
        An array of shape (..., units).

    Example:
        >>> affine(np.array([[1.0, 2.0]]), np.array([[3.0], [4.0]]), np.array([0.5]))
        array([[11.5]])
    """
    return x.dot(kernel) + bias


@primitive
def mean_square_of_difference(a: Any, b: Any) -> Any:
    """Return mean((a - b)²) of two arrays of the same shape, as one step.

    Example:
        >>> float(mean_square_of_difference(np.array([1.5]), np.array([4.0])))
        6.25
    """
    difference = a - b
    flat = difference.reshape(-1)
    return flat.dot(flat) / flat.size


def d_affine_input(g: Any, y: Any, x: Any, kernel: Any, bias: Any) -> Any:
    """G Kᵀ."""
    return np.dot(g, kernel.T)


def d_affine_kernel(g: Any, y: Any, x: Any, kernel: Any, bias: Any) -> Any:
    """Xᵀ G, over all rows."""
    if np.ndim(x) == 2:
        return x.T.dot(g)
    return np.dot(np.reshape(x, (-1, np.shape(x)[-1])).T, np.reshape(g, (-1, np.shape(g)[-1])))


def difference_scaled(g: Any, a: Any, b: Any) -> Any:
    """Return the derivative of the mean square of a - b with respect to a."""
    return (a - b) * (g * (2.0 / a.size))


rule(affine, d_affine_input, d_affine_kernel, lambda g, y, x, kernel, bias: g, parts=lambda x, k, b: x @ k + b)
rule(
    mean_square_of_difference,
    lambda g, y, a, b: difference_scaled(g, a, b),
    lambda g, y, a, b: -difference_scaled(g, a, b),
    parts=lambda a, b: np.mean((a - b) ** 2),
)
