"""Rows that stay where they are: Dask arrays, checked before anything is computed."""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from typing import Any

import dask.array as da
import numpy as np

from ..data.preparation import last_split
from ..nn.feeding import Batch, weights_of
from .files import features_in_files, rows_in_files

SHOWN_BLOCKS = 4


def rows_of(x: Any, y: Any, sample_weight: Any = None) -> Batch:
    """Return features, targets and weights as Dask arrays whose blocks have the same rows.

    Args:
        x: A Dask array, shape (rows, ...), cut along the rows only; or files, see `rows_in_files`.
        y: A Dask array, shape (rows,) or (rows, ...), in blocks of the same rows; or an array.
        sample_weight: The weight of each row, as a Dask array or an array.

    Raises:
        TypeError: If they are not real numbers.
        ValueError: If they have other rows, or are cut in other places; the message says how to cut them.

    Example:
        >>> rows_of(da.ones((4, 2), chunks=(2, 2)), np.ones(4)).y.chunks
        ((2, 2),)
    """
    if isinstance(x, str | os.PathLike):
        x, y = rows_in_files(x, y)
    if y is None:
        raise ValueError("y is missing: a model learns from pairs of x and y, as in fit(x, y).")
    x = features_of(x)
    rows = Batch(x, lined_up("y", y, x), None if sample_weight is None else lined_up("sample_weight", sample_weight, x))
    if rows.weight is not None and rows.weight.ndim > 1:
        raise ValueError(f"sample_weight has shape {rows.weight.shape}; expected one number a row.")
    return rows


def features_of(x: Any, names: Sequence[str] | None = None) -> Any:
    """Return features as a Dask array that is cut along the rows only; a single axis is a single feature.

    Args:
        x: See `rows_of`; files hold nothing but features.
        names: The columns of files to take, in their order; by default all.
    """
    x = whole_rows("x", features_in_files(x, names) if isinstance(x, str | os.PathLike) else x)
    return x.reshape(-1, 1) if x.ndim == 1 else x


def whole_rows(name: str, array: Any) -> Any:
    """Return a Dask array of real numbers in blocks of whole rows, or say what is wrong with it."""
    if not isinstance(array, da.Array):
        how = f": {name} = {name}.to_dask_array(lengths=True)" if hasattr(type(array), "to_dask_array") else ""
        raise TypeError(f"{name} is a {type(array).__name__}; on Dask, expected a Dask array{how}.")
    if array.dtype.kind not in "fiub":
        raise TypeError(
            f"{name} holds {array.dtype}, expected real numbers; convert its columns to one type of number, as with "
            f"{name}.astype(float)."
        )
    if any(math.isnan(n) for lengths in array.chunks for n in lengths):
        raise ValueError(
            f"{name} has blocks whose number of rows Dask does not know, as after leaving out rows; count them first: "
            f"{name} = {name}.compute_chunk_sizes()."
        )
    if not array.ndim or not len(array):
        raise ValueError(f"{name} has no rows: its shape is {array.shape}; expected (rows, ...).")
    for axis, lengths in enumerate(array.chunks[1:], start=1):
        if len(lengths) > 1:
            raise ValueError(
                f"{name} is cut along axis {axis}, into blocks of {brief(lengths)}; expected blocks of whole rows: "
                f"{name} = {name}.rechunk({{{axis}: -1}})."
            )
    return array if array.dtype.kind == "f" else array.astype(float)


def lined_up(name: str, array: Any, x: Any) -> Any:
    """Return an array in blocks of the same rows as x, or say where they differ."""
    if not type(array).__module__.startswith("dask"):
        array = np.asarray(array)
        array = da.from_array(array, chunks=(x.chunks[0] if len(array) == len(x) else -1, *array.shape[1:]))
    array = whole_rows(name, array)
    if len(array) != len(x):
        raise ValueError(
            f"x has {len(x)} rows and {name} has {len(array)}, of shapes {x.shape} and {array.shape}; expected as many "
            "of one as of the other."
        )
    if array.chunks[0] != x.chunks[0]:
        raise ValueError(
            f"the blocks of x and {name} do not line up: x is cut into blocks of {brief(x.chunks[0])} rows, {name} of "
            f"{brief(array.chunks[0])}; cut them alike: {name} = {name}.rechunk({{0: x.chunks[0]}})."
        )
    return array


def brief(lengths: tuple[int, ...]) -> str:
    """Return the lengths of blocks, the first few of them."""
    more = f", ... ({len(lengths)} in all)" if len(lengths) > SHOWN_BLOCKS else ""
    return ", ".join(map(str, lengths[:SHOWN_BLOCKS])) + more


def rows_to_fit(
    x: Any, y: Any, validation_split: float, validation_data: Any, class_weight: Any = None, sample_weight: Any = None
) -> tuple[Batch, Any]:
    """Return the rows to train on, as Dask arrays, and those to validate on; the arguments are those of `fit`."""
    rows = rows_of(x, y, sample_weight)
    if class_weight is not None:
        blocks: Any = {"class_weight": class_weight, "dtype": float, "drop_axis": list(range(1, rows.y.ndim))}
        if rows.weight is None:
            weight = da.map_blocks(lambda y, class_weight: weights_of(y, class_weight, None), rows.y, **blocks)
        else:
            weight = da.map_blocks(
                lambda y, weight, class_weight: weights_of(y, class_weight, weight),
                rows.y,
                rows.weight.reshape(-1, *(1,) * (rows.y.ndim - 1)),
                **blocks,
            )
        rows = rows._replace(weight=weight)
    if validation_data is not None or not validation_split:
        return rows, validation_data
    if not 0 < validation_split < 1:
        raise ValueError(f"validation_split is {validation_split!r}; expected a fraction from 0 to less than 1.")
    counted = np.broadcast_to(0, len(rows.x))  # takes no memory
    cut = len(last_split(counted, counted, validation_split)[0])
    return (
        Batch(*(None if part is None else part[:cut] for part in rows)),
        tuple(part[cut:] for part in rows if part is not None),
    )
