"""Rules of a few steps taken as one, where training spends its time. Each names its parts, for pictures and tables."""

from __future__ import annotations

from typing import Any

import numpy as np

from .reductions import logsumexp
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
        return np.dot(x.T, g)  # the function, not the method: the second order gives it Values
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


@primitive
def softmax_crossentropy(y_true: Any, logits: Any) -> Any:
    """Return the mean over the rows of -sum(y_true · log softmax(logits)), as one step, without overflow.

    Example:
        >>> round(float(softmax_crossentropy(np.array([[0.0, 1.0]]), np.array([[0.0, 0.0]]))), 4)
        0.6931
    """
    return np.sum(y_true * minus_log_softmax(logits)) / (y_true.size // y_true.shape[-1])


def minus_log_softmax(logits: Any) -> Any:
    """Return -log softmax along the last axis."""
    shifted = logits - np.maximum.reduce(logits, axis=-1, keepdims=True)
    return np.log(np.add.reduce(np.exp(shifted), axis=-1, keepdims=True)) - shifted


def d_softmax_crossentropy(g: Any, y: Any, y_true: Any, logits: Any) -> Any:
    """The softmax less the truth, over the number of rows."""
    e = np.exp(logits - np.maximum.reduce(logits, axis=-1, keepdims=True))
    softmax = e * (np.add.reduce(y_true, axis=-1, keepdims=True) / np.add.reduce(e, axis=-1, keepdims=True))
    return (softmax - y_true) * (g / (y_true.size // y_true.shape[-1]))


rule(
    softmax_crossentropy,
    lambda g, y, y_true, logits: minus_log_softmax(logits) * (g / (y_true.size // y_true.shape[-1])),
    d_softmax_crossentropy,
    parts=lambda y_true, logits: np.mean(
        np.sum(y_true * (logsumexp(logits, axis=-1, keepdims=True) - logits), axis=-1)
    ),
)


@primitive
def sum_of_products(*factors: Any) -> Any:
    """Return a_1 b_1 + ... + a_n b_n for the numbers a_1, ..., a_n, b_1, ..., b_n, added from the left."""
    half = len(factors) // 2
    total = 0.0
    for a, b in zip(factors[:half], factors[half:], strict=True):
        total = total + a * b
    return total


def d_sum_of_products(argument: int, g: Any, y: Any, *factors: Any) -> Any:
    """The other factor."""
    return g * factors[(argument + len(factors) // 2) % len(factors)]


def pull_sum_of_products(node: Any, g: Any) -> None:
    """Pull back to all factors at once: there are many, and each takes a multiplication only."""
    factors, half = node.left_data, len(node.left_data) // 2
    kind = type(node)
    for parent, factor in zip(node.left, factors[half:] + factors[:half], strict=True):
        if type(parent) is kind:
            grad = parent.grad
            parent.grad = g * factor if grad is None else grad + g * factor


rule(
    sum_of_products,
    variadic=d_sum_of_products,
    pull=pull_sum_of_products,
    parts=lambda *factors: sum(map(np.multiply, factors[: len(factors) // 2], factors[len(factors) // 2 :])),
)
