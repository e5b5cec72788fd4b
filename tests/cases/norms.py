"""Cases of norms."""

from __future__ import annotations

from typing import Any

import numpy as np

from microgd.autograd.rules.norms import length, power_norm

from .table import add, numbers, reduction

_function: Any
_options: dict[str, Any]
_order: Any
_block = numbers((2, 3, 4))

for _function in (np.linalg.norm, length):
    reduction(_function)
    add(_function, _function, -0.5)
reduction(power_norm, 0.3, 2.0, ord=3)
for _order in (None, 1, 2, 3, 2.5, 0.5, 0, -1, -2, np.inf, -np.inf):
    for _axis in (0, -1):
        add(
            np.linalg.norm,
            lambda x, o=_order, a=_axis: np.linalg.norm(x, ord=o, axis=a),
            _block,
            label=f"of order {_order}, axis {_axis}",
        )
    add(np.linalg.norm, lambda x, o=_order: np.linalg.norm(x, o), numbers((5,)), label=f"of order {_order}")
for _order in (None, "fro", "nuc", 1, -1, 2, -2, np.inf, -np.inf):
    for _options in ({"axis": (0, 2)}, {"axis": (-1, 0), "keepdims": True}):
        add(
            np.linalg.norm,
            lambda x, n=_order, o=_options: np.linalg.norm(x, ord=n, **o),
            _block,
            label=f"of order {_order}, {_options}",
        )
    add(np.linalg.norm, lambda x, o=_order: np.linalg.norm(x, o), numbers((3, 3)), label=f"of order {_order}, matrix")
for _order in (1, 2, 3, 0, np.inf, -np.inf):
    reduction(np.linalg.vector_norm, ord=_order)
add(
    np.linalg.norm,
    lambda a, b: np.linalg.norm(a + 1j * b, axis=0) + np.linalg.norm(a + 1j * b, 3),
    numbers((3,)),
    numbers((3,), seed="b"),
    label="of complex numbers",
)
