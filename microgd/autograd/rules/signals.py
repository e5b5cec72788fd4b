"""Functions of samples along an axis, as steps: convolution, slopes, integrals, interpolation and polynomials."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.lib.array_utils import normalize_axis_index, normalize_axis_tuple

from ..arrays import kind
from .elementwise import quotient
from .indexing import along, getitem
from .table import composite, rule

# Convolution ----------------------------------------------------------------------------------------------------------


def in_full(g: Any, m: int, n: int, mode: str) -> Any:
    """Return the cotangent of a convolution of m and n elements as that of mode="full": zeros around it."""
    before = {"full": 0, "same": (min(m, n) - 1) // 2, "valid": min(m, n) - 1}[mode]
    start, end = (np.zeros(size, like=kind(g)) for size in (before, m + n - 1 - before - np.shape(g)[0]))
    return np.concatenate([start, g, end])


def d_convolve(g: Any, x: Any, other: Any, mode: str) -> Any:
    """The cotangent correlated with the other sequence."""
    whole = in_full(g, int(np.size(x)), int(np.size(other)), mode)
    return np.reshape(np.convolve(whole, np.flip(np.ravel(other)), mode="valid"), np.shape(x))


rule(
    np.convolve,
    lambda g, y, a, v, mode="full": d_convolve(g, a, v, mode),
    lambda g, y, a, v, mode="full": d_convolve(g, v, a, mode),
)


@composite(np.correlate)
def correlate(a: Any, v: Any, mode: Any = "valid") -> Any:
    """Convolve with the second sequence reversed, the longer one first."""
    if np.size(v) > np.size(a):
        return np.flip(np.conjugate(np.correlate(v, a, mode=mode)))
    return np.convolve(a, np.flip(np.conjugate(v)), mode=mode)


# Slopes and integrals -------------------------------------------------------------------------------------------------


@composite(np.trapezoid)
def trapezoid(y: Any, x: Any = None, dx: Any = 1.0, axis: int = -1) -> Any:
    """Sum the widths times the mean heights."""
    n = np.ndim(y)
    axis = normalize_axis_index(axis, n)
    if x is None:
        widths = dx
    elif np.ndim(x) == 1:
        widths = np.reshape(np.diff(x), tuple(-1 if i == axis else 1 for i in range(n)))
    else:
        widths = np.diff(x, axis=axis)
    heights = y[along(slice(1, None), axis, n)] + y[along(slice(0, -1), axis, n)]
    return np.sum(widths * heights / 2.0, axis=axis)


@composite(np.gradient)
def gradient(f: Any, *varargs: Any, axis: Any = None, edge_order: int = 1) -> Any:
    """Take central differences inside, one-sided ones at both ends; a list of arrays for several axes."""
    n = np.ndim(f)
    axes = tuple(range(n)) if axis is None else normalize_axis_tuple(axis, n)
    spacings = varargs * len(axes) if len(varargs) == 1 and not np.ndim(varargs[0]) else varargs or (1.0,) * len(axes)
    if len(spacings) != len(axes):
        raise TypeError(
            f"np.gradient takes one spacing for all axes or one for each of {len(axes)}, but got {len(varargs)}."
        )
    if edge_order not in (1, 2):
        raise ValueError(f"np.gradient takes edge_order=1 or 2, but got {edge_order}.")
    slopes = [slope(f, step, i, edge_order) for i, step in zip(axes, spacings, strict=True)]
    return slopes[0] if len(slopes) == 1 else tuple(slopes)


def slope(f: Any, spacing: Any, axis: int, edge_order: int) -> Any:
    """Return the slope of samples along one axis, at a distance from one another or at places."""
    n = np.ndim(f)
    length = np.shape(f)[axis]
    if length < edge_order + 1:
        raise ValueError(f"np.gradient takes at least {edge_order + 1} elements along axis {axis}, but got {length}.")

    def part(array: Any, start: int | None, stop: int | None) -> Any:
        return array[along(slice(start, stop), axis, n)] if np.ndim(array) else array

    places = np.ndim(spacing) > 0
    steps = np.reshape(np.diff(spacing), tuple(-1 if i == axis else 1 for i in range(n))) if places else spacing
    quotients = (part(f, 1, None) - part(f, 0, -1)) / steps
    first, last = part(quotients, 0, 1), part(quotients, -1, None)
    left, right = part(steps, 0, -1), part(steps, 1, None)
    if places:
        inside = (part(quotients, 0, -1) * right + part(quotients, 1, None) * left) / (left + right)
    else:
        inside = (part(f, 2, None) - part(f, 0, -2)) / (2.0 * steps)
    if edge_order == 2:  # go on in a straight line from the slopes at the first two midpoints, and the last two
        first = first + (first - part(quotients, 1, 2)) * part(left, 0, 1) / part(left + right, 0, 1)
        last = last + (last - part(quotients, -2, -1)) * part(right, -1, None) / part(left + right, -1, None)
    return np.concatenate([first, inside, last], axis=axis)


@composite(np.interp)
def interp(x: Any, xp: Any, fp: Any, left: Any = None, right: Any = None, period: float | None = None) -> Any:
    """Go along the straight line between the neighbours; beyond the ends, a constant."""
    xp, fp = np.atleast_1d(xp), np.atleast_1d(fp)
    if np.ndim(xp) > 1 or np.shape(xp) != np.shape(fp) or not np.size(xp):
        raise ValueError(
            "np.interp takes places and values of one axis, as many of each, but got shapes "
            f"{np.shape(xp)} and {np.shape(fp)}."
        )
    if period is not None:
        x, xp = np.remainder(x, period), np.remainder(xp, period)
        order = np.argsort(xp)
        xp, fp, left, right = xp[order], fp[order], None, None
        xp = np.concatenate([xp[-1:] - period, xp, xp[:1] + period])
        fp = np.concatenate([fp[-1:], fp, fp[:1]])
    n = np.shape(xp)[0]
    below = np.clip(np.searchsorted(xp, x, side="right") - 1, 0, max(n - 2, 0))
    above = np.minimum(below + 1, n - 1)
    start, low = getitem(xp, below), getitem(fp, below)
    found = low + quotient(getitem(fp, above) - low, getitem(xp, above) - start) * (x - start)
    found = np.where(np.greater_equal(x, xp[-1]), fp[-1] if right is None else right, found)
    return np.where(np.less(x, xp[0]), fp[0] if left is None else left, found)


# Polynomials ----------------------------------------------------------------------------------------------------------


@composite(np.polyval)
def polyval(p: Any, x: Any) -> Any:
    """Horner's scheme, from the highest power on."""
    y = np.multiply(0.0, x)
    for coefficient in p:
        y = np.multiply(y, x) + coefficient
    return y


@composite(np.vander)
def vander(x: Any, N: int | None = None, increasing: bool = False) -> Any:
    """Raise to the powers 0, 1, 2, ..."""
    if np.ndim(x) != 1:
        raise ValueError(f"np.vander takes an array of one axis, but got shape {np.shape(x)}; write np.ravel(x).")
    powers = np.arange(np.shape(x)[0] if N is None else N, like=kind(x))
    return np.power(np.expand_dims(x, -1), powers if increasing else powers[::-1])


def as_long(p: Any, n: int) -> Any:
    """Return a polynomial with zeros for the higher powers that it does not have."""
    return np.pad(np.atleast_1d(p), (n - int(np.size(p)), 0))


@composite(np.polyadd)
def polyadd(a1: Any, a2: Any) -> Any:
    """Add the coefficients, aligned at the lowest power."""
    n = max(np.size(a1), np.size(a2))
    return as_long(a1, n) + as_long(a2, n)


@composite(np.polysub)
def polysub(a1: Any, a2: Any) -> Any:
    """Subtract the coefficients, aligned at the lowest power."""
    return np.polyadd(a1, np.negative(a2))


@composite(np.polymul)
def polymul(a1: Any, a2: Any) -> Any:
    """Convolve the coefficients."""
    return np.convolve(a1, a2)


@composite(np.polyder)
def polyder(p: Any, m: int = 1) -> Any:
    """Multiply each coefficient by its power, and leave out the last; m times."""
    for _ in range(m):
        p = p[:-1] * np.arange(np.size(p) - 1.0, 0.0, -1.0, like=kind(p))
    return p


@composite(np.polyint)
def polyint(p: Any, m: int = 1, k: Any = None) -> Any:
    """Divide each coefficient by its new power, and add a constant; m times."""
    constants = np.zeros(m) if k is None else np.atleast_1d(k) * np.ones(m, like=kind(k, p))
    for i in range(m):
        p = np.concatenate([p / np.arange(float(np.size(p)), 0.0, -1.0, like=kind(p)), constants[i : i + 1]])
    return p


@composite(np.polyfit)
def polyfit(x: Any, y: Any, deg: Any, *, w: Any = None) -> Any:
    """Solve for the least squares of the residuals, each times its weight."""
    powers = np.vander(np.atleast_1d(x), deg + 1)
    weighted = powers if w is None else powers * np.expand_dims(w, 1)
    target = y if w is None else np.transpose(np.transpose(y) * w)
    scale = np.linalg.norm(weighted, axis=0)
    return np.transpose(np.transpose(np.matmul(np.linalg.pinv(weighted / scale), target)) / scale)
