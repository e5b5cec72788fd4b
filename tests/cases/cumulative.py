"""Cases of functions that run along an axis."""

from __future__ import annotations

from typing import Any

import numpy as np

from microgd.autograd.rules.cumulative import (
    cumulative_logaddexp,
    cumulative_maximum,
    cumulative_minimum,
    recurrence,
)

from .table import add, numbers

_function: Any
_options: dict[str, Any]
_block = numbers((2, 3, 2))
_with_nan = np.array([[1.5, np.nan, -0.5], [np.nan, 2.0, 3.0]])

for _function in (np.cumsum, np.cumprod):
    for _shape in ((), (4,), (0,), (1, 3)):
        add(_function, _function, numbers(_shape))
    for _options in ({}, {"axis": 0}, {"axis": -1}, {"axis": 1}):
        add(_function, lambda x, f=_function, o=_options: f(x, **o), _block, label=str(_options))
add(np.cumprod, np.cumprod, np.array([1.5, 0.0, -2.0, 0.5, 0.0, 3.0]), label="zeros")
add(np.cumprod, lambda x: np.cumprod(x, axis=0), np.array([[0.0, 0.0], [2.0, 0.0], [-1.0, 3.0]]), label="zeros, axis")
for _function in (np.nancumsum, np.nancumprod):
    add(_function, _function, _block)
    for _axis in (0, -1):
        add(
            _function,
            lambda x, f=_function, a=_axis: f(np.where(np.isnan(_with_nan), np.nan, x), axis=a),
            numbers((2, 3)),
            label=f"with nan, axis {_axis}",
        )
for _function in (np.cumulative_sum, np.cumulative_prod):
    add(_function, _function, numbers((4,)))
    add(_function, lambda x, f=_function: f(x, axis=1, include_initial=True), _block, label="with the initial one")
    add(_function, lambda x, f=_function: f(x, axis=-1), _block, label="axis")
for _function in (cumulative_logaddexp, cumulative_maximum, cumulative_minimum):
    for _axis in (0, -1, 1):
        add(_function, lambda x, f=_function, a=_axis: f(x, axis=a), _block, label=f"axis {_axis}")
    add(_function, _function, numbers((7,)))
add(cumulative_logaddexp, np.logaddexp.accumulate, numbers((5,)) * 400.0, label="far apart", order=1)
add(cumulative_logaddexp, lambda x: np.logaddexp.accumulate(x, axis=1), _block, label="ufunc method")
add(cumulative_maximum, np.maximum.accumulate, numbers((5,)), label="ufunc method")
add(cumulative_minimum, lambda x: np.minimum.accumulate(x, axis=1), _block, label="ufunc method")
for _axis in (0, 1):
    add(
        recurrence,
        lambda a, b, i=_axis: recurrence(a, b, axis=i),
        numbers((4, 3)),
        numbers((4, 3), seed="b"),
        label=f"axis {_axis}",
    )

# Differences
for _options in ({}, {"axis": 0}, {"n": 2, "axis": 1}, {"prepend": 0.5}, {"axis": 1, "append": 1.5, "n": 2}):
    add(np.diff, lambda x, o=_options: np.diff(x, **o), _block, label=str(_options))
add(np.diff, np.diff, numbers((5,)))
add(np.diff, lambda x: 2.0 * np.diff(x, n=0), numbers((5,)), label="none")
add(np.diff, lambda x: 2.0 * np.diff(x, n=0, prepend=1.0), numbers((5,)), label="none, and nothing before")
add(np.diff, np.diff, numbers((1,)), label="nothing left")
add(
    np.diff,
    lambda x, a, b: np.diff(x, axis=0, prepend=a, append=b),
    _block,
    numbers((1, 3, 2)),
    numbers((2, 3, 2), seed="b"),
    label="ends are Values",
)
add(np.ediff1d, np.ediff1d, numbers((2, 3)))
add(
    np.ediff1d,
    lambda x, a, b: np.ediff1d(x, to_begin=a, to_end=b),
    numbers((4,)),
    numbers((2,)),
    0.5,
    label="with both ends",
)
