"""Rules of functions that run along an axis: sums, products and extrema of everything so far, and differences."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.lib.array_utils import normalize_axis_index

from ..arrays import kind
from .elementwise import difference_or_zero
from .indexing import along
from .table import composite, constant, primitive, rule


def flat_or(axis: int | None, x: Any) -> tuple[Any, int]:
    """Return an array and an axis of it to run along: the array flattened, for None."""
    return (np.ravel(x), 0) if axis is None or not np.ndim(x) else (x, axis % np.ndim(x))


def sums_from_the_end(g: Any, axis: int) -> Any:
    """Return the sum of each element and all that come after it."""
    return np.flip(np.cumsum(np.flip(g, axis), axis=axis), axis)


@primitive
def recurrence(a: Any, b: Any, axis: int) -> Any:
    """Return y with y_i = a_i y_(i+1) + b_i along an axis, from the end: sums of products, exact where some are 0."""
    a, b = np.moveaxis(a, axis, 0), np.moveaxis(b, axis, 0)
    y = np.array(b, dtype=np.result_type(a, b, np.float32), like=kind(a, b))
    for i in range(len(y) - 2, -1, -1):
        y[i] += a[i] * y[i + 1]
    return np.moveaxis(y, 0, axis)


def shifted(x: Any, axis: int, first: float) -> Any:
    """Return an array with each element one place later, and a number in the first place."""
    start = np.full_like(x[along(slice(0, 1), axis, np.ndim(x))], first)
    return np.concatenate([start, x[along(slice(0, -1), axis, np.ndim(x))]], axis=axis)


def d_recurrence_b(g: Any, y: Any, a: Any, b: Any, axis: int) -> Any:
    """The recurrence that runs the other way."""
    return np.flip(recurrence(np.flip(shifted(a, axis, 0.0), axis), np.flip(g, axis), axis=axis), axis)


def d_recurrence_a(g: Any, y: Any, a: Any, b: Any, axis: int) -> Any:
    """What the other argument receives, times the element after."""
    after = np.flip(shifted(np.flip(y, axis), axis, 0.0), axis)
    return d_recurrence_b(g, y, a, b, axis) * after


rule(recurrence, d_recurrence_a, d_recurrence_b)


def d_cumsum(g: Any, y: Any, x: Any, axis: int | None = None) -> Any:
    """Each element receives the cotangents of all sums from its own on."""
    return np.reshape(sums_from_the_end(g, flat_or(axis, y)[1]), np.shape(x))


def d_cumprod(g: Any, y: Any, x: Any, axis: int | None = None) -> Any:
    """The product of the elements before, times the cotangents of all products from its own on without it."""
    flat, axis = flat_or(axis, x)
    after = np.flip(shifted(np.flip(flat, axis), axis, 0.0), axis)
    return np.reshape(shifted(y, axis, 1.0) * recurrence(after, g, axis=axis), np.shape(x))


rule(np.cumsum, d_cumsum)
rule(np.cumprod, d_cumprod)


@composite(np.nancumsum)
def nancumsum(a: Any, axis: int | None = None) -> Any:
    """Sum with 0 in the place of nan."""
    return np.cumsum(np.where(np.isnan(a), 0.0, a), axis=axis)


@composite(np.nancumprod)
def nancumprod(a: Any, axis: int | None = None) -> Any:
    """Multiply with 1 in the place of nan."""
    return np.cumprod(np.where(np.isnan(a), 1.0, a), axis=axis)


def with_initial(run: Any, x: Any, axis: int | None, initial: float | None) -> Any:
    """Return the running totals of an array, after the total of no element at all."""
    if axis is None and np.ndim(x) > 1:
        raise ValueError(f"{run.__name__} takes axis= for an array of {np.ndim(x)} axes, but got None; name the axis.")
    x, axis = flat_or(axis, x)
    totals = run(x, axis=axis)
    if initial is None:
        return totals
    shape = tuple(1 if i == axis else n for i, n in enumerate(np.shape(x)))
    return np.concatenate([np.full(shape, initial, dtype=x.dtype, like=kind(x)), totals], axis=axis)


if hasattr(np, "cumulative_sum"):  # from NumPy 2.1 on

    @composite(np.cumulative_sum)
    def cumulative_sum(x: Any, /, *, axis: int | None = None, include_initial: bool = False) -> Any:
        """Sum, after 0."""
        return with_initial(np.cumsum, x, axis, 0.0 if include_initial else None)

    @composite(np.cumulative_prod)
    def cumulative_prod(x: Any, /, *, axis: int | None = None, include_initial: bool = False) -> Any:
        """Multiply, after 1."""
        return with_initial(np.cumprod, x, axis, 1.0 if include_initial else None)


@primitive
def cumulative_maximum(x: Any, axis: int = 0) -> Any:
    """Return the largest element so far: np.maximum.accumulate."""
    return np.maximum.accumulate(x, axis=axis)


@primitive
def cumulative_minimum(x: Any, axis: int = 0) -> Any:
    """Return the smallest element so far: np.minimum.accumulate."""
    return np.minimum.accumulate(x, axis=axis)


@primitive
def sharing(x: Any, y: Any, axis: int) -> Any:
    """Return how many of the elements so far are the extremum so far; at least 1, where all are nan."""
    new = np.not_equal(y, shifted(y, axis, np.nan))  # where a new extremum begins
    chosen = np.equal(x, y)
    number = np.cumsum(chosen, axis=axis)
    before = np.maximum.accumulate(np.where(new, number - chosen, 0), axis=axis)
    return np.maximum(number - before, 1)


def d_cumulative_extremum(g: Any, y: Any, x: Any, axis: int = 0) -> Any:
    """Each extremum so far shares its cotangent equally among the elements so far that are it."""
    axis = axis % np.ndim(x)
    goes_on = np.equal(y, np.flip(shifted(np.flip(y, axis), axis, np.nan), axis))  # the next one is the same
    return np.equal(x, y) * recurrence(goes_on, g / sharing(x, y, axis=axis), axis=axis)


@primitive
def cumulative_logaddexp(x: Any, axis: int = 0) -> Any:
    """Return the logarithm of the sum of the exponentials so far: np.logaddexp.accumulate."""
    return np.logaddexp.accumulate(x, axis=axis)


def d_cumulative_logaddexp(g: Any, y: Any, x: Any, axis: int = 0) -> Any:
    """The share of an element in the sum so far, and in those that come after: no exponent is above 0."""
    g = g / np.where(np.isinf(y), sharing(x, y, axis=axis), 1)
    ndim = np.ndim(x)
    after = np.concatenate([y[along(slice(1, None), axis, ndim)], y[along(slice(-1, None), axis, ndim)]], axis=axis)
    return np.exp(difference_or_zero(x, y)) * recurrence(np.exp(difference_or_zero(y, after)), g, axis=axis)


constant(sharing)
rule(cumulative_logaddexp, d_cumulative_logaddexp)
rule(cumulative_maximum, d_cumulative_extremum)
rule(cumulative_minimum, d_cumulative_extremum)


# Differences ----------------------------------------------------------------------------------------------------------


def lengthened(a: Any, axis: int, *ends: Any) -> Any:
    """Return arrays joined along an axis; a number stands for a slice of that number, None for nothing."""
    slices = [part for part in ends if part is not None]
    shape = tuple(1 if i == axis % np.ndim(a) else n for i, n in enumerate(np.shape(a)))
    return np.concatenate([part if np.ndim(part) else np.broadcast_to(part, shape) for part in slices], axis=axis)


@composite(np.diff)
def diff(a: Any, n: int = 1, axis: int = -1, prepend: Any = None, append: Any = None) -> Any:
    """Subtract each element from the next, n times."""
    if n < 0:
        raise ValueError(f"np.diff takes n= from 0 on, but got {n}.")
    if not np.ndim(a):
        raise ValueError("np.diff takes an array of at least one axis, but got a single number.")
    axis = normalize_axis_index(axis, np.ndim(a))
    if n and (prepend is not None or append is not None):
        a = lengthened(a, axis, prepend, a, append)
    for _ in range(n):
        a = a[along(slice(1, None), axis, np.ndim(a))] - a[along(slice(0, -1), axis, np.ndim(a))]
    return a


@composite(np.ediff1d)
def ediff1d(ary: Any, to_end: Any = None, to_begin: Any = None) -> Any:
    """Subtract each element from the next, and join what comes before and after."""
    parts = (to_begin, np.diff(np.ravel(ary)), to_end)
    return np.concatenate([np.ravel(part) for part in parts if part is not None])
