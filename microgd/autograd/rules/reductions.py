"""Rules of functions that reduce along axes."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.lib.array_utils import normalize_axis_tuple

from .cumulative import shifted
from .elementwise import difference_or_zero, quotient
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


def count(x: Any, axis: Any, where: Any = True) -> Any:
    """Return how many elements each element of a reduction is made from."""
    shape = np.shape(x)
    if where is not True:
        return np.sum(np.broadcast_to(where, shape), axis=axis, keepdims=True)
    number = 1
    for i in axes_of(x, axis):
        number *= shape[i]
    return number


def only(where: Any, spread: Any) -> Any:
    """Return a cotangent where a reduction looks, 0 elsewhere."""
    return spread if where is True else np.where(where, spread, 0.0)


def d_sum(
    g: Any, y: Any, x: Any, axis: Any = None, keepdims: bool = False, initial: float = 0.0, where: Any = True
) -> Any:
    """Each element receives the whole cotangent."""
    return only(where, np.broadcast_to(restored(g, x, axis), np.shape(x)))


def d_mean(g: Any, y: Any, x: Any, axis: Any = None, keepdims: bool = False, where: Any = True) -> Any:
    """Each element receives its share of the cotangent."""
    return only(where, np.broadcast_to(restored(g, x, axis) / count(x, axis, where), np.shape(x)))


def rows_of(x: Any, axis: Any) -> Any:
    """Return an array with the axes of a reduction made one, the last."""
    axes = axes_of(x, normalize_axis_tuple(axis, np.ndim(x)) if axis is not None and np.ndim(x) else axis)
    kept = tuple(i for i in range(np.ndim(x)) if i not in axes)
    shape = np.shape(x)
    return np.reshape(np.transpose(x, kept + axes), (*(shape[i] for i in kept), math.prod(shape[i] for i in axes)))


def as_before(rows: Any, x: Any, axis: Any) -> Any:
    """Return what `rows_of` made of an array, or something in that shape, in the shape of the array."""
    axes = axes_of(x, axis)
    order = tuple(i for i in range(np.ndim(x)) if i not in axes) + axes
    return np.transpose(np.reshape(rows, tuple(np.shape(x)[i] for i in order)), np.argsort(np.array(order, dtype=int)))


def d_prod(
    g: Any, y: Any, x: Any, axis: Any = None, keepdims: bool = False, initial: float = 1.0, where: Any = True
) -> Any:
    """Each element receives the product of the others, also where some of them are zero."""
    factors = x if where is True else np.where(where, x, 1.0)
    rows = rows_of(factors, axis)
    before = shifted(np.cumprod(rows, axis=-1), -1, 1.0)
    after = np.flip(shifted(np.cumprod(np.flip(rows, -1), axis=-1), -1, 1.0), -1)
    return only(where, restored(g, x, axis) * (initial * as_before(before * after, x, axis)))


def d_extremum(
    g: Any, y: Any, x: Any, axis: Any = None, keepdims: bool = False, initial: Any = None, where: Any = True
) -> Any:
    """The elements that are the extremum share the cotangent equally, with the initial value if that is one."""
    best = restored(y, x, axis)
    chosen = np.equal(x, best) if where is True else np.equal(x, best) & where
    sharing = np.sum(chosen, axis=axis, keepdims=True) + (0 if initial is None else np.equal(best, initial))
    return restored(g, x, axis) * (chosen / np.maximum(sharing, 1))


def d_var(
    g: Any,
    y: Any,
    x: Any,
    axis: Any = None,
    ddof: float = 0,
    keepdims: bool = False,
    where: Any = True,
    correction: float | None = None,
) -> Any:
    """Twice the deviation from the mean, over the number of degrees of freedom."""
    deviation, freedom = deviation_of(x, axis, ddof, where, correction)
    return only(where, restored(g, x, axis) * (2 / freedom * deviation))


def d_std(
    g: Any,
    y: Any,
    x: Any,
    axis: Any = None,
    ddof: float = 0,
    keepdims: bool = False,
    where: Any = True,
    correction: float | None = None,
) -> Any:
    """The deviation over the standard deviation; 0 where all elements are equal, but for the rounding of their mean."""
    deviation, freedom = deviation_of(x, axis, ddof, where, correction)
    y = restored(y, x, axis)
    varies = np.greater(y, 8 * np.finfo(np.result_type(x)).eps * np.absolute(x - deviation))
    return only(where, restored(g, x, axis) * quotient(deviation * varies, y * varies * freedom))


def deviation_of(x: Any, axis: Any, ddof: float, where: Any, correction: float | None) -> tuple[Any, Any]:
    """Return the deviations from the mean, and the number of degrees of freedom."""
    freedom = count(x, axis, where) - (ddof if correction is None else correction)
    chosen = {} if where is True else {"where": where}  # which CuPy's mean does not take
    return x - np.mean(x, axis=axis, keepdims=True, **chosen), freedom


rule(np.sum, d_sum)
rule(np.mean, d_mean)
rule(np.prod, d_prod)
for _function in (np.max, np.amax, np.nanmax, np.min, np.amin, np.nanmin):
    rule(_function, d_extremum)
rule(np.var, d_var)
rule(np.std, d_std)
constant(np.argmax, np.argmin, np.nanargmax, np.nanargmin, np.any, np.all, np.count_nonzero)
constant(np.nonzero, np.flatnonzero, np.argwhere)


def largest_of(x: Any, axis: Any, keepdims: bool = True, least: float = -math.inf) -> Any:
    """Return the largest element along axes; of no elements the least, by an option that CuPy's does not have."""
    empty: dict[str, Any] = {"initial": least} if 0 in np.shape(x) else {}
    return np.max(x, axis=axis, keepdims=keepdims, **empty)


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
    largest = largest_of(x, axis)
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
    e = np.exp(x - largest_of(x, axis))
    return e / np.sum(e, axis=axis, keepdims=True)


def d_logsumexp(g: Any, y: Any, x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """The softmax; where the result is infinite, equal shares of those that are."""
    y = restored(y, x, axis)
    sharing = np.where(np.isinf(y), np.sum(np.equal(x, y), axis=axis, keepdims=True), 1)
    return restored(g, x, axis) / sharing * np.exp(difference_or_zero(x, y))


rule(logsumexp, d_logsumexp)
rule(softmax, lambda g, y, x, axis=-1: y * (g - np.sum(g * y, axis=axis, keepdims=True)))
