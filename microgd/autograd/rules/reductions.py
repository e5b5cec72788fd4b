"""Rules of functions that reduce along axes."""

from __future__ import annotations

from typing import Any

import numpy as np

from .elementwise import quotient
from .table import constant, primitive, rule


def axes_of(x: Any, axis: Any) -> tuple[int, ...]:
    """Return the axes that a reduction runs over, none negative; all of them for None."""
    ndim = np.ndim(x)
    axes = range(ndim) if axis is None else axis if isinstance(axis, tuple) else (axis,)
    return tuple(int(i) % ndim for i in axes) if ndim else ()


def restored(reduced: Any, x: Any, axis: Any) -> Any:
    """Return the result of a reduction with its axes put back, each of length 1, so that it broadcasts against `x`."""
    axes = axes_of(x, axis)
    return np.reshape(reduced, tuple(1 if i in axes else n for i, n in enumerate(np.shape(x))))


def count(x: Any, axis: Any) -> int:
    """Return how many elements each element of a reduction is made from."""
    shape = np.shape(x)
    number = 1
    for i in axes_of(x, axis):
        number *= shape[i]
    return number


def d_sum(g: Any, y: Any, x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """Each element receives the whole cotangent."""
    return np.broadcast_to(restored(g, x, axis), np.shape(x))


def d_mean(g: Any, y: Any, x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """Each element receives its share of the cotangent."""
    return np.broadcast_to(restored(g, x, axis) / count(x, axis), np.shape(x))


def d_prod(g: Any, y: Any, x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """Each element receives the product of the others, also where some of them are zero."""
    if np.all(np.not_equal(x, 0)):
        return restored(g, x, axis) * restored(y, x, axis) / x
    axes = axes_of(x, axis)
    kept = tuple(i for i in range(np.ndim(x)) if i not in axes)
    order = kept + axes
    shape = tuple(np.shape(x)[i] for i in order)
    rows = np.reshape(np.transpose(x, order), (*shape[: len(kept)], -1))
    itself = np.eye(np.shape(rows)[-1], dtype=bool)
    others = np.prod(np.where(itself, 1.0, np.expand_dims(rows, -2)), axis=-1)
    back = np.argsort(np.array(order, dtype=int))
    return restored(g, x, axis) * np.transpose(np.reshape(others, shape), back)


def d_extremum(g: Any, y: Any, x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """The elements that are the extremum share the cotangent equally."""
    chosen = np.equal(x, restored(y, x, axis))
    return restored(g, x, axis) * chosen / np.sum(chosen, axis=axis, keepdims=True)


def d_var(g: Any, y: Any, x: Any, axis: Any = None, ddof: float = 0, keepdims: bool = False) -> Any:
    """Twice the deviation from the mean, over the number of degrees of freedom."""
    deviation = x - np.mean(x, axis=axis, keepdims=True)
    return restored(g, x, axis) * (2 / (count(x, axis) - ddof) * deviation)


def d_std(g: Any, y: Any, x: Any, axis: Any = None, ddof: float = 0, keepdims: bool = False) -> Any:
    """The deviation over the standard deviation; 0 where all elements are equal."""
    deviation = x - np.mean(x, axis=axis, keepdims=True)
    return restored(g, x, axis) * quotient(deviation, restored(y, x, axis) * (count(x, axis) - ddof))


rule(np.sum, d_sum)
rule(np.mean, d_mean)
rule(np.prod, d_prod)
rule(np.max, d_extremum)
rule(np.min, d_extremum)
rule(np.var, d_var)
rule(np.std, d_std)
constant(np.argmax, np.argmin, np.argsort, np.any, np.all, np.count_nonzero, np.nonzero)


@primitive
def logsumexp(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """Return log(sum(exp(x))) along axes, without overflow.

    Args:
        x: Array of any shape.
        axis: Axis or tuple of axes; None for all.
        keepdims: Keep the reduced axes, with length 1.

    Returns:
        The logarithm of the sum of the exponentials.

    Example:
        >>> round(float(logsumexp(np.array([1000.0, 1000.0]))), 4)
        1000.6931
    """
    largest = np.max(x, axis=axis, keepdims=True)
    largest = np.where(np.isfinite(largest), largest, 0)
    y = np.log(np.sum(np.exp(x - largest), axis=axis, keepdims=True)) + largest
    return y if keepdims else np.squeeze(y, axis=axes_of(x, axis))


@primitive
def softmax(x: Any, axis: Any = -1) -> Any:
    """Return exp(x) / sum(exp(x)) along an axis, without overflow: positive numbers that sum to 1.

    Args:
        x: Array of any shape.
        axis: Axis or tuple of axes that sum to 1; the last by default.

    Returns:
        An array in the shape of x.

    Example:
        >>> softmax(np.array([0.0, 0.0]))
        array([0.5, 0.5])
    """
    e = np.exp(x - np.max(x, axis=axis, keepdims=True))
    return e / np.sum(e, axis=axis, keepdims=True)


rule(logsumexp, lambda g, y, x, axis=None, keepdims=False: restored(g, x, axis) * np.exp(x - restored(y, x, axis)))
rule(softmax, lambda g, y, x, axis=-1: y * (g - np.sum(g * y, axis=axis, keepdims=True)))
