"""Rules of indexing: reading elements, adding them up where they came from, and replacing them."""

from __future__ import annotations

from typing import Any

import numpy as np

from .table import primitive, rule


@primitive
def getitem(x: Any, index: Any) -> Any:
    """Return x[index], for an index of any kind that NumPy knows."""
    return x[index]


@primitive
def scatter(x: Any, index: Any, shape: tuple[int, ...]) -> Any:
    """Return zeros in a shape, with x added at an index: what indexing turns a cotangent into."""
    y = np.zeros(shape, dtype=getattr(x, "dtype", float))
    if picks_each_once(index):
        y[index] = x
    else:
        np.add.at(y, index, x)
    return y


@primitive
def with_item(x: Any, value: Any, index: Any) -> Any:
    """Return a copy of x with value at an index."""
    y = np.array(x, dtype=np.result_type(x, float) if np.ndim(x) == 0 else None)
    y[index] = value
    return y


def picks_each_once(index: Any) -> bool:
    """Return whether an index can name no element twice: it holds slices, single numbers and masks only."""
    parts = index if isinstance(index, tuple) else (index,)
    return all(
        part is None
        or part is Ellipsis
        or isinstance(part, int | slice | np.integer | np.bool_)
        or (isinstance(part, np.ndarray) and part.dtype == bool)
        for part in parts
    )


rule(getitem, lambda g, y, x, index: scatter(g, index=index, shape=np.shape(x)))
rule(scatter, lambda g, y, x, index, shape: g[index])
rule(
    with_item,
    lambda g, y, x, value, index: with_item(g, 0.0, index=index),
    lambda g, y, x, value, index: g[index],
)
