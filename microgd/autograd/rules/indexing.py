"""Rules of indexing: reading elements, adding them up where they came from, and replacing them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..arrays import kind
from .table import Constant, composite, constant, primitive, rule


@primitive
def getitem(x: Any, index: Any) -> Any:
    """Return x[index], for an index of any kind that NumPy knows."""
    array: Any = np.float64(x) if type(x) is float else x
    return array[index]


@primitive
def scatter(x: Any, index: Any, shape: tuple[int, ...]) -> Any:
    """Return zeros in a shape, with x added at an index: what indexing turns a cotangent into."""
    y = np.zeros(shape, dtype=getattr(x, "dtype", float), like=kind(x))
    if picks_each_once(index):
        y[index] = x
    else:
        np.add.at(y, index, x)
    return y


@primitive
def with_item(x: Any, index: Any, value: Any) -> Any:
    """Return a copy of x with a value at an index: what x[index] = value would make of x.

    Args:
        x: Array, number or Value.
        index: Anything that NumPy can index with.
        value: What to put there; broadcast to the shape of x[index].

    Returns:
        An array in the shape of x; a Value where x or value is one.

    Raises:
        IndexError: If x has no such elements.

    Example:
        >>> with_item(np.array([1.0, 2.0, 3.0]), slice(1, None), 0.5)
        array([1. , 0.5, 0.5])
    """
    y = np.array(x, dtype=np.result_type(x, float) if np.ndim(x) == 0 else None, like=kind(x, value))
    y[index] = value
    return y


def picks_each_once(index: Any) -> bool:
    """Return whether an index can name no element twice: it holds slices, single numbers and masks only."""
    parts = index if isinstance(index, tuple) else (index,)
    return all(
        part is None
        or part is Ellipsis
        or isinstance(part, int | slice | np.integer | np.bool_)
        or getattr(getattr(part, "dtype", None), "kind", None) == "b"
        for part in parts
    )


def rearranged(function: Callable[..., Any], *arrays: Any) -> Any:
    """Return what a function that only moves and copies elements makes of arrays.

    It is given the positions of the elements in place of the elements, in all arrays laid end to end; what it returns
    says which element goes where.
    """
    starts = np.cumsum([0, *map(np.size, arrays)])
    positions = [
        start + np.arange(np.size(x)).reshape(np.shape(x)) for start, x in zip(starts[:-1], arrays, strict=True)
    ]
    flat = [np.ravel(x) for x in arrays]
    return (np.concatenate(flat) if len(flat) > 1 else flat[0])[function(*positions)]


def along(index: Any, axis: int, ndim: int) -> tuple[Any, ...]:
    """Return an index that picks along one axis."""
    return (*(slice(None),) * (axis % ndim), index)


def within_range(indices: Any, length: int, mode: str) -> Any:
    """Return indices as np.take and np.choose understand them: as they are, wrapped round or clipped."""
    indices = np.asarray(indices, dtype=int)
    if mode == "raise":
        return indices
    return np.mod(indices, length) if mode == "wrap" else np.clip(indices, 0, length - 1)


def d_take(g: Any, y: Any, x: Any, indices: Any, axis: int | None = None, mode: str = "raise") -> Any:
    """Each element receives the cotangents of where it was taken to."""
    if axis is None:
        picked = within_range(indices, int(np.size(x)), mode)
        return np.reshape(scatter(g, index=picked, shape=(int(np.size(x)),)), np.shape(x))
    picked = within_range(indices, np.shape(x)[axis], mode)
    return scatter(g, index=along(picked, axis, np.ndim(x)), shape=np.shape(x))


def d_take_along_axis(g: Any, y: Any, x: Any, indices: Any, axis: int | None = -1) -> Any:
    """Each element receives the cotangents of where it was taken to."""
    if axis is None:
        return np.reshape(scatter(g, index=np.asarray(indices), shape=(int(np.size(x)),)), np.shape(x))
    axis = axis % np.ndim(x)
    length, places = np.shape(x)[axis], list(np.ogrid[tuple(slice(n) for n in np.shape(y))])
    places[axis] = np.asarray(indices)
    shape = tuple(length if i == axis else n for i, n in enumerate(np.shape(y)))  # the others may have been broadcast
    return scatter(g, index=tuple(places), shape=shape)


@composite(np.compress)
def compress(condition: Any, a: Any, axis: int | None = None) -> Any:
    """Take where the condition holds."""
    return np.take(a, np.flatnonzero(condition), axis=axis)


@composite(np.extract)
def extract(condition: Any, arr: Any) -> Any:
    """Take where the condition holds, both flattened."""
    return np.take(arr, np.flatnonzero(condition))


@composite(np.choose)
def choose(a: Constant, choices: Any, mode: Constant = "raise") -> Any:
    """Choose among the positions."""
    return rearranged(lambda *positions: np.choose(a, list(positions), mode=mode), *choices)


@primitive
def written_last(g: Any, index: Any) -> Any:
    """Return which of the elements that an index names is still there when all are written, in their order."""
    order = np.arange(np.size(getitem(g, index)), like=kind(g)).reshape(np.shape(getitem(g, index)))
    written = np.zeros(np.shape(g), dtype=int, like=kind(g))
    written[index] = order
    return written[index] == order


def d_with_item_value(g: Any, y: Any, x: Any, value: Any, index: Any) -> Any:
    """What was put at a place receives its cotangent, unless something else was put there later."""
    found = getitem(g, index)
    return found if picks_each_once(index) else found * written_last(g, index)


constant(written_last)
rule(np.take, d_take)
rule(np.take_along_axis, d_take_along_axis)
constant(np.ix_)
rule(getitem, lambda g, y, x, index: scatter(g, index=index, shape=np.shape(x)))
rule(scatter, lambda g, y, x, index, shape: getitem(g, index))
rule(
    with_item,
    lambda g, y, x, value, index: with_item(g, index, 0.0),
    d_with_item_value,
    bind=lambda x, index, value: ((x, value), {"index": index}),
    forward=lambda x, value, index: with_item(x, index, value),
)
