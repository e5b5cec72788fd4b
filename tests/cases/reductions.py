"""Cases of functions that reduce axes, beyond those of the foundation: options, and functions that skip nan."""

from __future__ import annotations

from typing import Any

import numpy as np

from .table import add, numbers, reduction

_function: Any
_options: dict[str, Any]
_block = numbers((2, 3, 2))
_mask = np.array([[[True, False], [True, True], [False, True]], [[True, True], [False, True], [True, False]]])

for _function in (np.amax, np.amin, np.nanmax, np.nanmin):
    reduction(_function)
for _options in ({}, {"axis": 1}, {"axis": (0, -1), "keepdims": True}):
    for _function in (np.sum, np.mean, np.var, np.std):
        add(
            _function,
            lambda x, f=_function, o=_options: f(x, where=_mask, **o),
            _block,
            label=f"where, {_options}",
        )
    add(np.prod, lambda x, o=_options: np.prod(x, where=_mask, initial=2.0, **o), _block, label=f"where, {_options}")
    for _function, _least in ((np.max, -9.0), (np.min, 9.0), (np.nanmax, -9.0)):
        add(
            _function,
            lambda x, f=_function, i=_least, o=_options: f(x, where=_mask, initial=i, **o),
            _block,
            label=f"where, {_options}",
        )
add(np.sum, lambda x: np.sum(x, axis=1, initial=2.0), _block, label="initial")
add(np.max, lambda x: np.max(x, axis=1, initial=0.7), _block, label="initial")
add(np.prod, lambda x: np.prod(x, axis=0, initial=3.0), np.array([[1.5, 0.0], [0.0, 2.0]]), label="zeros, initial")
add(np.prod, lambda x: np.prod(x, where=[True, False, True]), np.array([1.5, 0.0, 2.0]), label="zero left out")
add(np.var, lambda x: np.var(x, axis=0, correction=1), _block, label="correction")
add(np.std, lambda x: np.std(x, axis=0, correction=1), _block, label="correction")
