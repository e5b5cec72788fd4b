"""Cases of functions that describe data."""

from __future__ import annotations

from typing import Any

import numpy as np

from .table import add, numbers, reduction

_function: Any
_options: dict[str, Any]
_block = numbers((2, 3, 2), 0.5, 1.5)
_rows = numbers((3, 5))
_present = np.array([[1, 0, 1, 1, 1], [1, 1, 1, 1, 1], [0, 1, 0, 0, 1]], dtype=bool)

for _function in (np.nansum, np.nanprod, np.nanmean, np.nanvar, np.nanstd):
    reduction(_function, 0.5, 1.5)
    for _options in ({}, {"axis": 0}, {"axis": 1, "keepdims": True}):
        add(
            _function,
            lambda x, f=_function, o=_options: f(np.where(_present, x, np.nan), **o),
            _rows + 3.0,
            label=f"with nan {_options}",
        )
    add(_function, lambda x, f=_function: f(x, axis=1, where=_present), _rows + 3.0, label="where")
for _function in (np.nanvar, np.nanstd):
    add(_function, lambda x, f=_function: f(np.where(_present, x, np.nan), ddof=1), _rows, label="ddof")
for _function in (np.nanmax, np.nanmin):
    add(_function, lambda x, f=_function: f(np.where(_present, x, np.nan), axis=1), _rows, label="with nan")
reduction(np.ptp)
reduction(np.average)
for _axis, _shape in ((None, (2, 3, 2)), (1, (3,)), (-1, (2,)), ((0, 2), (2, 2)), ((2, 1), (2, 3)), (0, (2, 3, 2))):
    add(
        np.average,
        lambda x, w, a=_axis: np.average(x, axis=a, weights=w),
        _block,
        numbers(_shape, 0.5, 1.5, "w"),
        label=f"weights {_shape}, axis {_axis}",
    )
add(
    np.average,
    lambda x, w: np.stack(np.average(x, axis=0, weights=w, returned=True)),
    numbers((3, 2)),
    numbers((3,), 0.5, 1.5),
    label="returned",
)
add(np.average, lambda x: np.average(x, axis=0, weights=[1.0, 2.0], keepdims=True), _block, label="keepdims")
add(np.average, lambda w: np.average([1.0, 2.0, 4.0], weights=w), numbers((3,), 0.5, 1.5), label="of a constant")

for _options in ({}, {"rowvar": False}, {"bias": True}, {"ddof": 0}, {"aweights": [1.0, 2.0, 0.5, 1.0, 3.0]}):
    add(np.cov, lambda x, o=_options: np.cov(x, **o), _rows, label=str(_options))
add(np.cov, lambda x: np.cov(x, fweights=[1, 2, 1, 3, 1]), _rows, label="counts")
add(np.cov, lambda x, y: np.cov(x, y), numbers((5,)), numbers((5,), seed="y"))
add(np.cov, lambda x, w: np.cov(x, aweights=w), _rows, numbers((5,), 0.5, 1.5), label="weights are Values")
add(np.cov, np.cov, numbers((5,)), label="one variable")
add(np.corrcoef, np.corrcoef, _rows)
add(np.corrcoef, lambda x, y: np.corrcoef(x, y)[0, 1], numbers((5,)), numbers((5,), seed="y"))
add(np.corrcoef, lambda x: np.corrcoef(x, rowvar=False), numbers((5, 2)), label="columns")
add(np.bincount, lambda w: np.bincount([0, 2, 2, 1, 0], w), numbers((5,)))
add(np.bincount, lambda w: np.bincount([0, 2, 2], weights=w, minlength=5), numbers((3,)), label="minlength")
