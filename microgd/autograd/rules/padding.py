"""np.pad, in steps: one axis after the other, what it puts before and behind being computed from what is there."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..arrays import beside, kind
from .indexing import along
from .table import Constant, composite

COPYING = ("edge", "reflect", "symmetric", "wrap")
STATISTICS: dict[str, Callable[..., Any]] = {
    "maximum": np.max,
    "mean": np.mean,
    "median": np.median,
    "minimum": np.min,
}


@composite(np.pad)
def pad(
    array: Any,
    pad_width: Constant,
    mode: Constant = "constant",
    *,
    constant_values: Constant = 0,
    end_values: Constant = 0,
    stat_length: Constant = None,
    reflect_type: str = "even",
) -> Any:
    """Pad along each axis in turn."""
    if callable(mode):
        raise NotImplementedError(
            "np.pad with a function as its mode writes into an array in place, which has no derivative: pad with one "
            "of NumPy's modes, or join the parts with np.concatenate."
        )
    ndim = np.ndim(array)
    if isinstance(pad_width, dict):  # {axis: how much}, from NumPy 2.2 on
        given = {axis % ndim: width for axis, width in pad_width.items()}
        pad_width = [np.broadcast_to(given.get(axis, 0), (2,)) for axis in range(ndim)]
    widths = np.broadcast_to(pad_width, (ndim, 2)).tolist()
    settings: Any = {"constant": constant_values, "linear_ramp": end_values}.get(mode, stat_length)
    padded = array
    for axis, (before, behind) in enumerate(widths):
        length = np.shape(array)[axis]
        if mode in COPYING and reflect_type == "odd" and mode in ("reflect", "symmetric"):
            padded = reflected_about_ends(padded, axis, np.arange(-before, length + behind), mode == "symmetric")
        elif mode in COPYING:
            padded = padded[along(np.pad(np.arange(length), (before, behind), mode=mode), axis, ndim)]
        else:
            first, last = np.broadcast_to(settings, (ndim, 2))[axis].tolist()
            parts = [
                filling(padded, axis, before, mode, first, False),
                padded,
                filling(padded, axis, behind, mode, last, True),
            ]
            padded = np.concatenate([part for part in parts if part is not None], axis=axis)
    return padded


def filling(x: Any, axis: int, width: int, mode: str, setting: Any, behind: bool) -> Any:
    """Return what np.pad puts on one side of an axis; None for nothing."""
    if not width:
        return None
    ndim, length = np.ndim(x), np.shape(x)[axis]
    shape = tuple(width if i == axis else n for i, n in enumerate(np.shape(x)))
    if mode in ("constant", "empty"):  # what NumPy leaves undefined is 0 here
        return np.full(shape, 0 if mode == "empty" else setting, dtype=np.result_type(x), like=kind(x))
    if mode == "linear_ramp":
        edge = x[along(slice(length - 1, None) if behind else slice(1), axis, ndim)]
        steps = np.arange(width, dtype=float, like=kind(x))
        ramp = np.reshape(steps[::-1] if behind else steps, [-1 if i == axis else 1 for i in range(ndim)])
        return ramp * ((edge - setting) / width) + setting
    if mode in STATISTICS:
        used = length if setting is None else min(int(setting), length)
        part = x[along(slice(length - used, None) if behind else slice(used), axis, ndim)]
        return np.broadcast_to(STATISTICS[mode](part, axis=axis, keepdims=True), shape)
    raise ValueError(
        f"np.pad has no mode {mode!r}; it has 'constant', 'empty', 'linear_ramp', "
        f"{', '.join(map(repr, (*COPYING, *STATISTICS)))}."
    )


def reflected_about_ends(x: Any, axis: int, places: Any, with_edge: bool) -> Any:
    """Continue x beyond its ends so that it is odd about each: 2 x_end - x, and again beyond that.

    With the edge repeated (symmetric) the function continues by 2 (x_last - x_first) every 2 n places, without it
    (reflect) every 2 (n - 1).
    """
    ndim, length = np.ndim(x), np.shape(x)[axis]
    half = length if with_edge else length - 1
    if not half:
        return x[along(np.zeros_like(places), axis, ndim)]
    rounds, place = np.divmod(places, 2 * half)
    falling = place >= length
    place = np.where(falling, 2 * half - place - with_edge, place)
    column = [-1 if i == axis else 1 for i in range(ndim)]
    parts = (1 - 2 * falling, rounds, falling)
    sign, rounds, falling = (beside(np.reshape(part, column), x) for part in parts)
    first, last = x[along(slice(1), axis, ndim)], x[along(slice(length - 1, None), axis, ndim)]
    return sign * x[along(place, axis, ndim)] + 2 * falling * last + 2 * rounds * (last - first)
