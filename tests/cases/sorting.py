"""Cases of functions that put elements in order, or read one at a place in that order."""

from __future__ import annotations

from typing import Any

import numpy as np

from microgd.autograd.rules.sorting import PLACEMENTS, averaged_over

from .table import add, numbers, reduction

_function: Any
_options: dict[str, Any]
_block = numbers((2, 3, 2))
_rows = numbers((3, 5))
_present = np.array([[1, 0, 1, 1, 1], [1, 1, 1, 1, 1], [0, 1, 0, 0, 1]], dtype=bool)

for _options in ({}, {"axis": 0}, {"axis": 1}, {"axis": None}, {"kind": "stable"}):
    add(np.sort, lambda x, o=_options: np.sort(x, **o), _block, label=str(_options))
add(np.sort, np.sort, numbers((6,)))
add(np.sort, np.sort, numbers((0,)))
for _options in ({"kth": 1}, {"kth": 0, "axis": 0}, {"kth": (1, 3), "axis": -1}, {"kth": 4, "axis": None}):
    add(np.partition, lambda x, o=_options: np.partition(x, **o), _rows, label=str(_options))
add(averaged_over, lambda g: averaged_over(np.array([[0, 0, 1], [2, 3, 3]]), g), numbers((2, 3)))

for _function in (np.median, np.nanmedian):
    reduction(_function)
    add(_function, _function, numbers((5,)), label="odd number")
    add(_function, _function, 1.5)
add(np.nanmedian, lambda x: np.nanmedian(np.where(_present, x, np.nan), axis=1), _rows, label="with nan")
for _function, _q in ((np.quantile, 0.3), (np.nanquantile, 0.3), (np.percentile, 30.0), (np.nanpercentile, 30.0)):
    reduction(_function, q=_q)
for _method in PLACEMENTS:
    for _function in (np.quantile, np.nanquantile):
        add(
            _function,
            lambda x, q, f=_function, m=_method: f(x, q, axis=1, method=m),
            _rows,
            np.array([0.03, 0.27, 0.61, 0.93]),
            label=f"{_method}, q is a Value",
        )
for _method in ("lower", "higher", "midpoint", "nearest", "inverted_cdf", "averaged_inverted_cdf"):
    add(np.quantile, lambda x, m=_method: np.quantile(x, [0.3, 0.5], axis=0, method=m), _rows, label=_method)
    add(
        np.nanquantile,
        lambda x, m=_method: np.nanquantile(np.where(_present, x, np.nan), 0.4, axis=1, method=m),
        _rows,
        label=f"{_method}, with nan",
    )
add(np.quantile, lambda x: np.quantile(x, [[0.2], [0.7]], axis=(0, 1), keepdims=True), _block, label="two axes of q")
add(np.quantile, lambda q: np.quantile([3.0, 1.0, 2.0], np.clip(q, 0, 1)), np.array([0.2, 0.7]), label="of a constant")
for _function in (np.percentile, np.nanpercentile):
    add(_function, lambda x, f=_function: f(x, [0, 10, 50, 100], axis=-1), _rows, label="several")
add(
    np.nanquantile,
    lambda x: np.nanquantile(np.where(_present, x, np.nan), [0.2, 0.6], axis=0, keepdims=True),
    _rows,
    label="with nan",
)
