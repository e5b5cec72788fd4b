"""Arrays that are not NumPy's, as CuPy's on a GPU: the one place that asks what kind of array a Value holds.

Rules are expressions in np.*, and NumPy's protocols (NEP 13, NEP 18) hand them on to whoever made the arrays. What is
left is where a new array begins: there NumPy's own way is `like=` (NEP 35), as in np.zeros(shape, like=kind(x)).
"""

from __future__ import annotations

from collections.abc import Callable
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


def fetched(array: Any) -> Any:
    """Return an array as NumPy's, wherever it is; anything else as it is. The one place where numbers come back."""
    if kind(array) is None:
        return array
    return array.get() if hasattr(array, "get") else np.asarray(array)


def mover(device: str) -> Callable[[Any], Any]:
    """Return the function that brings an array to a device, where NumPy's protocols go on with it.

    Args:
        device: "cpu" for NumPy; "cuda" for CuPy.

    Raises:
        ValueError: If the device is unknown.
        ImportError: If CuPy is missing.
        RuntimeError: If it finds no device.

    Example:
        >>> mover("cpu")(np.ones(2))
        array([1., 1.])
    """
    if device == "cpu":
        return fetched
    if device != "cuda":
        raise ValueError(f"there is no device {device!r}; expected 'cpu' or 'cuda'.")
    try:
        import cupy
    except ImportError:
        raise ImportError(
            "arrays on a GPU are CuPy's, which is not here: pip install cupy-cuda12x (or the one for your CUDA)."
        ) from None
    try:
        count = cupy.cuda.runtime.getDeviceCount()
    except Exception as error:  # the driver's own kinds of errors
        raise RuntimeError(f"CuPy finds no GPU to put arrays on ({error}); stay with device 'cpu'.") from error
    if not count:
        raise RuntimeError("CuPy finds no GPU to put arrays on: it counts 0; stay with device 'cpu'.")
    to_device: Callable[[Any], Any] = cupy.asarray
    return to_device
