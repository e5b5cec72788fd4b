"""Arrays that are not NumPy's, as CuPy's on a GPU: the one place that asks what kind of array a Value holds.

Rules are expressions in np.*, and NumPy's protocols (NEP 13, NEP 18) hand them on to whoever made the arrays. What is
left is where a new array begins: there NumPy's own way is `like=` (NEP 35), as in np.zeros(shape, like=kind(x)).
"""

from __future__ import annotations

from typing import Any

import numpy as np


def kind(*operands: Any) -> Any:
    """Return an array in whose likeness new ones are to be made, for `like=`; None where NumPy's own will do.

    Args:
        operands: What the new array will be computed with: Values, arrays, numbers.

    Example:
        >>> np.zeros(2, like=kind(np.ones(3), 1.0))
        array([0., 0.])

    Source: NEP 35, array creation dispatching with __array_function__.
    """
    for operand in operands:
        data = getattr(operand, "_data", operand)
        stands_in = hasattr(data, "__record__")  # for a NumPy array, while something is traced
        if type(data) is not np.ndarray and hasattr(data, "__array_function__") and not stands_in:
            return data
    return None


def beside(array: Any, *operands: Any) -> Any:
    """Return a NumPy array, such as of random numbers, as one that can be computed with beside the operands."""
    return np.asarray(array, like=kind(*operands))
