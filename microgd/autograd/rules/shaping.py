"""Rules of functions that move elements about without changing them."""

from __future__ import annotations

from typing import Any

import numpy as np

from .table import constant, primitive, rule


def d_reshape(g: Any, y: Any, x: Any, shape: Any = None, order: str = "C") -> Any:
    """The same elements in the shape they came from."""
    return np.reshape(g, np.shape(x), order=order)  # type: ignore[call-overload]


def d_transpose(g: Any, y: Any, x: Any, axes: Any = None) -> Any:
    """The inverse permutation."""
    if axes is None:
        return np.transpose(g)
    return np.transpose(g, np.argsort([axis % np.ndim(x) for axis in axes]))


rule(np.reshape, d_reshape, forward=lambda x, shape, order="C": np.reshape(x, shape, order))
rule(np.ravel, lambda g, y, x, order="C": np.reshape(g, np.shape(x), order=order))
rule(np.transpose, d_transpose)
rule(np.swapaxes, lambda g, y, x, axis1, axis2: np.swapaxes(g, axis1, axis2))
rule(np.moveaxis, lambda g, y, x, source, destination: np.moveaxis(g, destination, source))
rule(np.expand_dims, lambda g, y, x, axis: np.reshape(g, np.shape(x)))
rule(np.squeeze, lambda g, y, x, axis=None: np.reshape(g, np.shape(x)))
rule(np.broadcast_to, lambda g, y, x, shape: g)
constant(np.shape, np.ndim, np.size, np.zeros_like, np.ones_like, np.result_type)
constant(np.may_share_memory, np.shares_memory, np.iscomplexobj, np.isrealobj, np.broadcast_shapes)


@primitive
def astype(x: Any, dtype: Any) -> Any:
    """Return x in another floating-point type."""
    if np.dtype(dtype).kind != "f":
        raise TypeError(
            f"a Value holds floating-point numbers, so astype({dtype!r}) would lose its gradient; use value.data."
        )
    return np.asarray(x).astype(dtype)


rule(astype, lambda g, y, x, dtype: g)


def sequence_of_arrays(arrays: Any, axis: Any = 0) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """Bind a function of a sequence: each of its arrays is an input."""
    return tuple(arrays), {"axis": axis}


def d_concatenate(argument: int, g: Any, y: Any, *arrays: Any, axis: Any) -> Any:
    """Each array receives the part of the cotangent that it filled."""
    if axis is None:
        sizes = [int(np.size(x)) for x in arrays]
        start = sum(sizes[:argument])
        return np.reshape(g[start : start + sizes[argument]], np.shape(arrays[argument]))
    lengths = [np.shape(x)[axis] for x in arrays]
    start = sum(lengths[:argument])
    before = (slice(None),) * (axis % np.ndim(y))
    return g[(*before, slice(start, start + lengths[argument]))]


rule(
    np.concatenate,
    variadic=d_concatenate,
    bind=sequence_of_arrays,
    forward=lambda *arrays, axis: np.concatenate(arrays, axis=axis),
)
rule(
    np.stack,
    variadic=lambda argument, g, y, *arrays, axis: g[(*(slice(None),) * (axis % np.ndim(y)), argument)],
    bind=sequence_of_arrays,
    forward=lambda *arrays, axis: np.stack(arrays, axis=axis),
)
