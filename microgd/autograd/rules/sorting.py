"""Rules of functions that put elements in order, or read one at a place in that order: sort, median, quantile.

Where elements are equal, each of them receives the mean of the cotangents of the places that they fill.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..arrays import beside, kind
from .elementwise import difference_or_zero
from .indexing import getitem
from .reductions import axes_of, rows_of
from .shaping import astype
from .table import composite, constant, primitive, refused, rule

# How each continuous method of np.quantile places the elements between 0 and 1: element k of n, counted from 1, is at
# (k - a) / (n + 1 - a - b). Hyndman and Fan, "Sample quantiles in statistical packages", 1996.
PLACEMENTS = {
    "linear": (1.0, 1.0),
    "interpolated_inverted_cdf": (0.0, 1.0),
    "hazen": (0.5, 0.5),
    "weibull": (0.0, 0.0),
    "median_unbiased": (1 / 3, 1 / 3),
    "normal_unbiased": (3 / 8, 3 / 8),
}
JUMPING = ("inverted_cdf", "averaged_inverted_cdf", "closest_observation", "lower", "higher", "midpoint", "nearest")

constant(np.argsort, np.argpartition, np.lexsort, np.searchsorted, np.digitize, np.isin)
refused(
    "counts and sets jump. Use them on value.data; np.bincount with weights= and np.sort have derivatives.",
    *(np.histogram, np.histogram2d, np.histogramdd, np.histogram_bin_edges, np.unique),
    *(np.unique_all, np.unique_counts, np.unique_inverse, np.unique_values),
    *(np.intersect1d, np.setdiff1d, np.setxor1d, np.union1d),
)


@primitive
def ties(ordered: Any) -> Any:
    """Return for each element of sorted rows the number of its tie: the same for equal elements, and for no others."""
    new = np.ones(np.shape(ordered), dtype=bool, like=kind(ordered))
    new[..., 1:] = ordered[..., 1:] != ordered[..., :-1]
    return np.reshape(np.cumsum(new) - 1, np.shape(ordered))


@primitive
def averaged_over(tie: Any, g: Any) -> Any:
    """Return g with each element replaced by the mean over its tie."""
    members = np.bincount(np.ravel(tie))
    if len(members) == np.size(g):
        return g
    return (np.bincount(np.ravel(tie), weights=np.ravel(g)) / members)[tie]


rule(averaged_over, None, lambda cotangent, y, tie, g: averaged_over(tie, cotangent))


@primitive
def ranks(x: Any, axis: int) -> Any:
    """Return which place in the order along an axis each element has."""
    return np.argsort(np.argsort(x, axis=axis), axis=axis)


constant(ties, ranks)


def d_sort(g: Any, y: Any, x: Any, axis: int | None = -1) -> Any:
    """Each element receives the cotangent of its place in the order; equal ones share theirs."""
    if axis is None:
        return np.reshape(d_sort(g, y, np.ravel(x)), np.shape(x))
    shared = averaged_over(ties(np.moveaxis(y, axis, -1)), np.moveaxis(g, axis, -1))
    return np.take_along_axis(np.moveaxis(shared, -1, axis), ranks(x, axis=axis), axis=axis)


def d_partition(g: Any, y: Any, x: Any, kth: Any, axis: int | None = -1, kind: str = "introselect") -> Any:
    """As for np.sort, once the result has been sorted to the end."""
    along = -1 if axis is None else axis
    order = np.argsort(y, axis=along)
    return d_sort(np.take_along_axis(g, order, axis=along), np.take_along_axis(y, order, axis=along), x, axis)


rule(np.sort, lambda g, y, x, axis=-1, kind=None, stable=None: d_sort(g, y, x, axis))
rule(np.partition, d_partition)


# One place in the order -----------------------------------------------------------------------------------------------


@primitive
def level(q: Any) -> Any:
    """Return a quantile's number as a constant, or refuse it."""
    if not np.all(np.greater_equal(q, 0) & np.less_equal(q, 1)):
        raise ValueError(f"a quantile is from 0 to 1 (a percentile from 0 to 100), but got q={q}.")
    return q


@primitive
def whole(x: Any) -> Any:
    """Return the whole part of x as an index."""
    return np.floor(x).astype(int)


constant(level, whole)


def median_of(rows: Any) -> Any:
    """Return the median of each row: the element in the middle, or the mean of the two there; nan if one is."""
    ordered, n = np.sort(rows, axis=-1), np.shape(rows)[-1]
    middle = ordered[..., n // 2] if n % 2 else 0.5 * (ordered[..., n // 2 - 1] + ordered[..., n // 2])
    return np.where(np.isnan(ordered[..., -1]), np.nan, middle)


@composite(np.median)
def median(a: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """Sort, and take the element in the middle, or the mean of the two there."""
    return kept(median_of(rows_of(a, axis)) if np.size(a) else np.mean(a, axis=axis), a, axis, keepdims)


def kept(reduced: Any, x: Any, axis: Any, keepdims: bool) -> Any:
    """Return the result of a reduction, with the axes before its own first, with its own put back if asked."""
    if not keepdims:
        return reduced
    axes, extra = axes_of(x, axis), np.ndim(reduced) + len(axes_of(x, axis)) - np.ndim(x)
    shape = tuple(1 if i in axes else n for i, n in enumerate(np.shape(x)))
    return np.reshape(reduced, np.shape(reduced)[:extra] + shape)


@composite(np.quantile)
def quantile(a: Any, q: Any, axis: Any = None, method: Any = "linear", keepdims: bool = False) -> Any:
    """Sort, and go from one element to the next; methods that jump have no derivative with respect to q."""
    rows = rows_of(a, axis)
    ordered = np.sort(rows, axis=-1)
    number = np.full(np.shape(rows)[:-1], np.shape(rows)[-1], like=kind(rows))
    found = np.where(np.isnan(ordered[..., -1]), np.nan, at_quantile(ordered, number, q, method))
    return kept(found, a, axis, keepdims)


@composite(np.nanquantile)
def nanquantile(a: Any, q: Any, axis: Any = None, method: Any = "linear", keepdims: bool = False) -> Any:
    """Sort, which puts nan last, and read among the others."""
    if not np.size(a):
        mean = np.nanmean(a, axis=axis, keepdims=keepdims)
        return np.broadcast_to(mean, np.shape(q) + np.shape(mean))
    rows = rows_of(a, axis)
    number = np.sum(np.logical_not(np.isnan(rows)), axis=-1)
    return kept(at_quantile(np.sort(rows, axis=-1), number, q, method), a, axis, keepdims)


@composite(np.nanmedian)
def nanmedian(a: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """Sort, which puts nan last, and take the one or two elements in the middle of the others."""
    if not np.size(a):
        return np.nanmean(a, axis=axis, keepdims=keepdims)
    rows = rows_of(a, axis)
    number = np.sum(np.logical_not(np.isnan(rows)), axis=-1)
    ordered = np.sort(rows, axis=-1)
    low, high = element(ordered, np.maximum(number - 1, 0) // 2), element(ordered, number // 2)
    return kept(0.5 * (low + high), a, axis, keepdims)


@composite(np.percentile)
def percentile(a: Any, q: Any, axis: Any = None, method: Any = "linear", keepdims: bool = False) -> Any:
    """A quantile, in hundredths."""
    return np.quantile(a, np.divide(q, 100.0), axis=axis, method=method, keepdims=keepdims)


@composite(np.nanpercentile)
def nanpercentile(a: Any, q: Any, axis: Any = None, method: Any = "linear", keepdims: bool = False) -> Any:
    """A quantile, in hundredths."""
    return np.nanquantile(a, np.divide(q, 100.0), axis=axis, method=method, keepdims=keepdims)


def element(rows: Any, index: Any) -> Any:
    """Return the element at an index in each row; the axes of the index that come before those of the rows stay."""
    kept_shape, n = np.shape(rows)[:-1], np.shape(rows)[-1]
    start = n * np.reshape(np.arange(math.prod(kept_shape), like=kind(index)), kept_shape)
    return getitem(np.ravel(rows), np.minimum(index, n - 1) + start)


def at_quantile(ordered: Any, number: Any, q: Any, method: Any) -> Any:
    """Return the quantiles of sorted rows, of which the first so many elements count; the axes of q come first."""
    place = place_of(q, number, method)
    below = whole(place)
    low, high = element(ordered, below), element(ordered, np.minimum(below + 1, np.maximum(number - 1, 0)))
    part = astype(place - below, np.result_type(ordered))
    step = difference_or_zero(high, low)
    step = np.where(np.equal(part, 0) & np.isinf(step), 0.0, step)  # at an element, whatever comes after it
    return low + step * part


def place_of(q: Any, number: Any, method: Any) -> Any:
    """Return where a quantile is among so many sorted elements, counted from 0: between two of them, or at one."""
    fixed = level(q)
    if method not in (*PLACEMENTS, *JUMPING):
        raise ValueError(f"method={method!r} is not known; choose from {', '.join((*PLACEMENTS, *JUMPING))}.")
    if method not in PLACEMENTS:
        return place_of_jump(fixed, number, method)
    q = q if hasattr(q, "__record__") or kind(q) is not None else beside(q, number)
    q = np.reshape(q, (*np.shape(q), *(1,) * np.ndim(number)))
    a, b = PLACEMENTS[method]
    return np.clip(number * q + (1 - a - b) * q + (a - 1), 0.0, np.maximum(number - 1, 0))


@primitive
def place_of_jump(q: Any, number: Any, method: Any) -> Any:
    """Return where a quantile of a method that jumps is: the same quantile, by NumPy, of the places themselves."""
    place = np.zeros((*np.shape(q), *number.shape), like=kind(number))
    for n in np.unique(number):
        of_places = np.quantile(np.arange(float(max(n, 1))), q, method=method)
        place[..., number == n] = np.reshape(beside(of_places, number), (*np.shape(q), 1))
    return place


constant(place_of_jump)
