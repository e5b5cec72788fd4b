"""Functions that choose between values by conditions, or call a function on one part after the other, as steps."""

from __future__ import annotations

from functools import reduce
from typing import Any

import numpy as np

from .indexing import with_item
from .table import composite


@composite(np.select)
def select(condlist: Any, choicelist: Any, default: Any = 0.0) -> Any:
    """Choose by one condition after the other, the first last."""
    if len(condlist) != len(choicelist):
        raise ValueError(
            f"np.select takes a choice for each condition, but got {len(choicelist)} for {len(condlist)} conditions."
        )
    for condition, choice in zip(reversed(condlist), reversed(choicelist), strict=True):
        default = np.where(condition, choice, default)
    return default


@composite(np.piecewise)
def piecewise(x: Any, condlist: Any, funclist: Any, *args: Any, **kw: Any) -> Any:
    """Put what each function makes of its part of x in the place of that part."""
    if not np.ndim(x):  # which has no part that an index could pick
        rows = [
            np.reshape(condition, (1,))
            for condition in (condlist if isinstance(condlist, list | tuple) else [condlist])
        ]
        return np.reshape(piecewise(np.reshape(x, (1,)), rows, funclist, *args, **kw), ())
    listed = isinstance(condlist, list | tuple) and np.ndim(condlist[0])
    conditions = list(condlist) if listed or np.ndim(condlist) > np.ndim(x) else [condlist]
    if len(funclist) == len(conditions) + 1:
        conditions.append(np.logical_not(reduce(np.logical_or, conditions)))
    if len(funclist) != len(conditions):
        raise ValueError(
            f"np.piecewise takes a function for each of {len(conditions)} conditions and at most one more, but got "
            f"{len(funclist)}."
        )
    y: Any = np.zeros_like(x)
    for condition, function in zip(conditions, funclist, strict=True):
        part = function(x[condition], *args, **kw) if callable(function) else function
        y = with_item(y, condition, part)
    return y


@composite(np.apply_along_axis)
def apply_along_axis(func1d: Any, axis: Any, arr: Any, *args: Any) -> Any:
    """Call the function on each row along the axis, and put what it returns in the place of the axis."""
    n = np.ndim(arr)
    before = np.shape(arr)[: axis % n]
    rows = np.reshape(np.moveaxis(arr, axis, -1), (-1, np.shape(arr)[axis]))
    results = np.stack([func1d(row, *args) for row in rows])
    after = np.shape(arr)[axis % n + 1 :]
    made = np.reshape(results, (*before, *after, *np.shape(results)[1:]))
    sources = range(len(before), n - 1)
    return np.moveaxis(made, sources, [i - len(after) for i in range(len(after))])


@composite(np.apply_over_axes)
def apply_over_axes(func: Any, a: Any, axes: Any) -> Any:
    """Call the function for one axis after the other, each of which stays with length 1."""
    for axis in np.atleast_1d(axes):
        reduced = func(a, int(axis))
        a = reduced if np.ndim(reduced) == np.ndim(a) else np.expand_dims(reduced, int(axis))
    return a
