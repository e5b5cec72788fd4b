"""Functions that describe data, as steps: what skips nan, averages, ranges, covariances and weighted counts."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..arrays import kind
from .indexing import scatter
from .table import Function, composite


def filled(a: Any, number: float, where: Any) -> tuple[Any, Any]:
    """Return an array with a number in the place of nan, and where a reduction shall look."""
    missing = np.isnan(a)
    return np.where(missing, number, a), np.logical_and(where, np.logical_not(missing))


def given(initial: Any, default: float, where: Any) -> dict[str, Any]:
    """Return the options that say more than their defaults do, for CuPy's reductions take none of them."""
    options = {} if type(initial) is float and initial == default else {"initial": initial}
    return options if where is True else options | {"where": where}


@composite(np.nansum)
def nansum(a: Any, axis: Any = None, keepdims: bool = False, initial: float = 0.0, where: Any = True) -> Any:
    """Sum with 0 in the place of nan."""
    numbers, _ = filled(a, 0.0, where)
    return np.sum(numbers, axis=axis, keepdims=keepdims, **given(initial, 0.0, where))


@composite(np.nanprod)
def nanprod(a: Any, axis: Any = None, keepdims: bool = False, initial: float = 1.0, where: Any = True) -> Any:
    """Multiply with 1 in the place of nan."""
    numbers, _ = filled(a, 1.0, where)
    return np.prod(numbers, axis=axis, keepdims=keepdims, **given(initial, 1.0, where))


@composite(np.nanmean)
def nanmean(a: Any, axis: Any = None, keepdims: bool = False, where: Any = True) -> Any:
    """Average where there are numbers."""
    numbers, present = filled(a, 0.0, where)
    return np.mean(numbers, axis=axis, keepdims=keepdims, where=present)


def of_numbers(spread: Function) -> Function:
    """Return np.var or np.std as it is where there are numbers."""

    def steps(
        a: Any,
        axis: Any = None,
        ddof: float = 0,
        keepdims: bool = False,
        where: Any = True,
        correction: float | None = None,
    ) -> Any:
        numbers, present = filled(a, 0.0, where)
        ddof = ddof if correction is None else correction
        return spread(numbers, axis=axis, ddof=ddof, keepdims=keepdims, where=present)

    return steps


composite(np.nanvar)(of_numbers(np.var))
composite(np.nanstd)(of_numbers(np.std))


@composite(np.ptp)
def ptp(a: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """Subtract the minimum from the maximum."""
    return np.max(a, axis=axis, keepdims=keepdims) - np.min(a, axis=axis, keepdims=keepdims)


@composite(np.average)
def average(a: Any, axis: Any = None, weights: Any = None, returned: bool = False, *, keepdims: bool = False) -> Any:
    """Divide the sum of the weighted elements by that of the weights; both may be Values."""
    if weights is None:
        mean = np.mean(a, axis=axis, keepdims=keepdims)
        total: Any = np.size(a) / max(np.size(mean), 1)
    else:
        weights = along_axes(weights, a, axis)
        total = np.sum(np.broadcast_to(weights, np.shape(a)), axis=axis, keepdims=keepdims)
        mean = np.sum(np.multiply(a, weights), axis=axis, keepdims=keepdims) / total
    return (mean, np.broadcast_to(total, np.shape(mean))) if returned else mean


def along_axes(weights: Any, a: Any, axis: Any) -> Any:
    """Return weights in a shape that broadcasts against an array, where they are given for some of its axes only."""
    if np.shape(weights) == np.shape(a):
        return weights
    axes = [i % np.ndim(a) for i in (axis if isinstance(axis, tuple) else () if axis is None else (axis,))]
    if np.shape(weights) != tuple(np.shape(a)[i] for i in axes):
        raise ValueError(
            f"np.average takes weights in the shape of the array, {np.shape(a)}, or of the axes averaged over, but got "
            f"{np.shape(weights)} for axis={axis}; name the axis that they belong to."
        )
    in_order = np.transpose(weights, np.argsort(axes))
    return np.reshape(in_order, tuple(n if i in axes else 1 for i, n in enumerate(np.shape(a))))


@composite(np.cov)
def cov(
    m: Any,
    y: Any = None,
    rowvar: bool = True,
    bias: bool = False,
    ddof: int | None = None,
    fweights: Any = None,
    aweights: Any = None,
) -> Any:
    """Multiply the deviations from the means, weighted, with themselves."""
    rows = variables_of(m, rowvar)
    if y is not None:
        rows = np.concatenate([rows, variables_of(y, rowvar)], axis=0)
    free = int(not bias) if ddof is None else ddof
    weights = np.ones(np.shape(rows)[1], like=kind(rows))
    for given in (fweights, aweights):
        weights = weights if given is None else weights * given
    total = np.sum(weights)
    correction = free if aweights is None else free * np.sum(weights * aweights) / total
    deviation = rows - np.average(rows, axis=1, weights=weights, keepdims=True)
    return np.squeeze(np.matmul(deviation * weights, np.conjugate(np.transpose(deviation))) / (total - correction))


def variables_of(m: Any, rowvar: bool) -> Any:
    """Return data with a row for each variable."""
    if np.ndim(m) > 2:
        raise ValueError(f"np.cov takes data of at most 2 axes, but got shape {np.shape(m)}; reshape them.")
    if np.ndim(m) < 2:
        return np.reshape(m, (1, -1))
    return m if rowvar else np.transpose(m)


@composite(np.corrcoef)
def corrcoef(x: Any, y: Any = None, rowvar: bool = True) -> Any:
    """Divide the covariances by both standard deviations."""
    covariance = np.cov(x, y, rowvar)
    if np.ndim(covariance) == 0:
        return covariance / covariance
    deviation = np.sqrt(np.diagonal(covariance))
    return np.clip(covariance / np.expand_dims(deviation, 1) / deviation, -1.0, 1.0)


@composite(np.bincount)
def bincount(x: Any, /, weights: Any = None, minlength: int = 0) -> Any:
    """Add each weight to its bin: a scatter."""
    bins = np.asarray(x)
    return scatter(weights, index=bins, shape=(max(minlength, int(bins.max(initial=-1)) + 1),))
