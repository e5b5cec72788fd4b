"""Norms of vectors and matrices, of every order and along any axes. The slope at a zero vector is taken as 0."""

from __future__ import annotations

import math
from functools import partial
from typing import Any

import numpy as np
from numpy.lib.array_utils import normalize_axis_tuple

from .elementwise import direction, quotient
from .reductions import axes_of, largest_of, restored
from .table import composite, primitive, rule

LARGEST = partial(largest_of, keepdims=False, least=0.0)  # of no number at all it is 0
EUCLIDEAN = (None, 2, "fro", "f")
SINGULAR: dict[Any, Any] = {2: LARGEST, -2: np.min, "nuc": np.sum}  # what of the singular values a matrix norm is
SUMS: dict[Any, tuple[int, Any]] = {  # which of the two axes a matrix norm adds up, and what it takes of the sums
    order: (added, LARGEST if order > 0 else np.min)
    for added, orders in enumerate(((1, -1), (math.inf, -math.inf)))
    for order in orders
}


@primitive
def length(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """Return the square root of the sum of squares."""
    return np.sqrt(np.sum(np.square(np.absolute(x)), axis=axis, keepdims=keepdims))


@primitive
def power_norm(x: Any, ord: float, axis: Any = None, keepdims: bool = False) -> Any:
    """Return the sum of the powers of the magnitudes, to the inverse power."""
    with np.errstate(divide="ignore"):  # 0 to a negative power
        return np.sum(np.absolute(x) ** ord, axis=axis, keepdims=keepdims) ** (1 / ord)


def d_length(g: Any, y: Any, x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """The unit vector."""
    return restored(g, x, axis) * quotient(np.conjugate(x), restored(y, x, axis))


def d_power_norm(g: Any, y: Any, x: Any, ord: float, axis: Any = None, keepdims: bool = False) -> Any:
    """The magnitudes over the norm, to the power less one, each with its sign; 0 for elements that are 0."""
    y = restored(y, x, axis)
    zero = np.equal(x, 0) | np.equal(y, 0)
    ratio = np.absolute(np.where(zero, 1.0, x)) / np.where(zero, 1.0, y)
    return restored(g, x, axis) * (direction(np.where(zero, 0.0, x)) * ratio ** (ord - 1))


rule(length, d_length)
rule(power_norm, d_power_norm)


@composite(np.linalg.norm)
def norm(x: Any, ord: Any = None, axis: Any = None, keepdims: bool = False) -> Any:
    """The norm of a vector along one axis, of a matrix along two."""
    axes = axes_of(x, axis if axis is None else normalize_axis_tuple(axis, np.ndim(x)))
    if ord is None:
        return length(x, axis=axis, keepdims=keepdims)
    if len(axes) == 1:
        if isinstance(ord, str):
            raise ValueError(
                f"np.linalg.norm takes ord={ord!r} for matrices, but got one axis; leave ord out for a vector."
            )
        return vector_norm(x, axis=axes, keepdims=keepdims, ord=ord)
    if len(axes) != 2:
        raise ValueError(
            f"np.linalg.norm takes ord= for one axis or two, but got {len(axes)}: name them, or leave ord out."
        )
    return norm_of_matrix(x, axes, ord, keepdims)


@composite(np.linalg.vector_norm)
def vector_norm(x: Any, /, *, axis: Any = None, keepdims: bool = False, ord: Any = 2) -> Any:
    """The norm of all elements along the axes together."""
    if ord in EUCLIDEAN:
        return length(x, axis=axis, keepdims=keepdims)
    if ord in (math.inf, -math.inf):
        return (LARGEST if ord > 0 else np.min)(np.absolute(x), axis=axis, keepdims=keepdims)
    if ord == 0:
        return np.sum(np.sign(np.absolute(x)), axis=axis, keepdims=keepdims)
    if ord == 1:
        return np.sum(np.absolute(x), axis=axis, keepdims=keepdims)
    return power_norm(x, ord=ord, axis=axis, keepdims=keepdims)


def norm_of_matrix(x: Any, axes: tuple[int, ...], ord: Any, keepdims: bool) -> Any:
    """Return the norm of the matrices that two axes span."""
    if ord in ("fro", "f"):
        return length(x, axis=axes, keepdims=keepdims)
    if ord in SINGULAR:
        values = np.linalg.svdvals(np.moveaxis(x, axes, (-2, -1)))
        found = SINGULAR[ord](values, axis=-1)
        return np.expand_dims(found, tuple(sorted(axes))) if keepdims else found
    if ord not in SUMS:
        raise ValueError(f"ord={ord!r} is no norm of a matrix; choose from 'fro', 'nuc', inf, -inf, 1, -1, 2 and -2.")
    added, extremum = SUMS[ord]
    sums = np.sum(np.absolute(x), axis=axes[added], keepdims=True)
    found = extremum(sums, axis=axes[1 - added], keepdims=True)
    return found if keepdims else np.squeeze(found, axis=axes)
