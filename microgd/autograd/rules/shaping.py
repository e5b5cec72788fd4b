"""Rules of functions that move elements about without changing them."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..arrays import beside, kind
from .indexing import rearranged, scatter
from .table import Constant, composite, constant, primitive, refused, rule


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
rule(np.copy, lambda g, y, x, order="K": g)
rule(np.flip, lambda g, y, x, axis=None: np.flip(g, axis))
rule(np.roll, lambda g, y, x, shift, axis=None: np.roll(g, np.negative(shift), axis))
constant(np.shape, np.ndim, np.size, np.zeros_like, np.ones_like, np.empty_like, np.result_type)
constant(np.may_share_memory, np.shares_memory, np.iscomplexobj, np.isrealobj, np.broadcast_shapes)


@primitive
def astype(x: Any, dtype: Any) -> Any:
    """Return x in another floating-point type."""
    if np.dtype(dtype).kind != "f":
        raise TypeError(
            f"a Value holds floating-point numbers, so astype({dtype!r}) would lose its gradient; use value.data."
        )
    return np.asarray(x, like=kind(x)).astype(dtype)


rule(astype, lambda g, y, x, dtype: g)
if hasattr(np, "astype"):  # from NumPy 2.1 on
    composite(np.astype)(lambda x, dtype, /, *, copy=True: astype(x, dtype))


@composite(np.full_like)
def full_like(a: Any, fill_value: Any, dtype: Constant = None, shape: Constant = None) -> Any:
    """Broadcast the number; only its own gradient matters, not that of the array whose shape it takes."""
    return np.broadcast_to(
        astype(fill_value, np.result_type(a) if dtype is None else dtype), np.shape(a) if shape is None else shape
    )


# Joining --------------------------------------------------------------------------------------------------------------


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
    forward=lambda *arrays, axis: np.concatenate(
        arrays if kind(*arrays) is None else [beside(x, *arrays) for x in arrays], axis=axis
    ),
)
rule(
    np.stack,
    variadic=lambda argument, g, y, *arrays, axis: g[(*(slice(None),) * (axis % np.ndim(y)), argument)],
    bind=sequence_of_arrays,
    forward=lambda *arrays, axis: np.stack(arrays, axis=axis),
)


def extended(x: Any, ndim: int) -> Any:
    """Return x with axes of length 1 put before its own, up to a number of axes."""
    return np.reshape(x, (1,) * (ndim - np.ndim(x)) + np.shape(x)) if np.ndim(x) < ndim else x


def one_or_tuple(found: Any) -> Any:
    """Return the single result of a function of one array, a tuple of those of several."""
    return found[0] if len(found) == 1 else tuple(found)


@composite(np.atleast_1d)
def atleast_1d(*arys: Any) -> Any:
    """Give numbers an axis."""
    return one_or_tuple([extended(x, 1) for x in arys])


@composite(np.atleast_2d)
def atleast_2d(*arys: Any) -> Any:
    """Make numbers and vectors a row."""
    return one_or_tuple([extended(x, 2) for x in arys])


@composite(np.atleast_3d)
def atleast_3d(*arys: Any) -> Any:
    """Put axes of length 1 where NumPy does: a vector becomes (1, n, 1), a matrix (m, n, 1)."""
    return one_or_tuple([np.expand_dims(extended(x, 2), -1) if np.ndim(x) < 3 else x for x in arys])


@composite(np.vstack)
def vstack(tup: Any) -> Any:
    """Concatenate rows."""
    return np.concatenate([np.atleast_2d(x) for x in tup], axis=0)


@composite(np.hstack)
def hstack(tup: Any) -> Any:
    """Concatenate vectors, or columns."""
    arrays = [np.atleast_1d(x) for x in tup]
    return np.concatenate(arrays, axis=0 if np.ndim(arrays[0]) == 1 else 1)


@composite(np.dstack)
def dstack(tup: Any) -> Any:
    """Concatenate along the third axis."""
    return np.concatenate([np.atleast_3d(x) for x in tup], axis=2)


@composite(np.column_stack)
def column_stack(tup: Any) -> Any:
    """Concatenate columns, vectors being columns."""
    return np.concatenate([x if np.ndim(x) > 1 else np.reshape(x, (-1, 1)) for x in tup], axis=1)


@composite(np.block)
def block(arrays: Any) -> Any:
    """Concatenate the innermost lists along the last axis, those around them along the axis before, and so on."""

    def depth(part: Any) -> int:
        return 1 + depth(part[0]) if isinstance(part, list) and part else 0

    def dimensions(part: Any) -> int:
        return max(map(dimensions, part)) if isinstance(part, list) else np.ndim(part)

    ndim = max(depth(arrays), dimensions(arrays))

    def joined(part: Any, level: int) -> Any:
        if isinstance(part, list) != (level > 0) or (level and not part):
            raise ValueError("np.block takes nested lists of the same depth everywhere, and none of them empty.")
        if level:
            return np.concatenate([joined(inner, level - 1) for inner in part], axis=-level)
        return extended(part, ndim)

    return joined(arrays, depth(arrays))


@composite(np.append)
def append(arr: Any, values: Any, axis: int | None = None) -> Any:
    """Concatenate, flattened where no axis is given."""
    if axis is None:
        return np.concatenate([np.ravel(arr), np.ravel(values)])
    return np.concatenate([arr, values], axis=axis)


# Splitting ------------------------------------------------------------------------------------------------------------


@composite(np.array_split)
def array_split(ary: Any, indices_or_sections: Constant, axis: int = 0) -> list[Any]:
    """Return a slice for each part."""
    places = np.array_split(np.arange(np.shape(ary)[axis]), indices_or_sections)
    before = (slice(None),) * (axis % np.ndim(ary))
    return [ary[(*before, slice(part[0], part[0] + len(part)) if len(part) else slice(0))] for part in places]


@composite(np.split)
def split(ary: Any, indices_or_sections: Constant, axis: int = 0) -> list[Any]:
    """Split into parts that, where only their number is given, are of equal length."""
    length = np.shape(ary)[axis]
    if np.ndim(indices_or_sections) == 0 and length % indices_or_sections:
        raise ValueError(
            f"np.split cannot divide an axis of length {length} into {indices_or_sections} equal parts; "
            "np.array_split takes unequal ones."
        )
    return np.array_split(ary, indices_or_sections, axis)


def split_along(function: Any, least: int, axis_of: Any) -> None:
    """Declare np.hsplit and its kin: np.split along the axis that they stand for."""

    def steps(ary: Any, indices_or_sections: Constant) -> list[Any]:
        if np.ndim(ary) < least:
            raise ValueError(f"np.{function.__name__} takes arrays of {least} or more axes, but got {np.ndim(ary)}.")
        return np.split(ary, indices_or_sections, axis_of(np.ndim(ary)))

    composite(function)(steps)


split_along(np.vsplit, 2, lambda ndim: 0)
split_along(np.hsplit, 1, lambda ndim: min(ndim - 1, 1))
split_along(np.dsplit, 3, lambda ndim: 2)
if hasattr(np, "unstack"):  # from NumPy 2.1 on
    composite(np.unstack)(lambda x, /, *, axis=0: tuple(np.moveaxis(x, axis, 0)))


# Turning --------------------------------------------------------------------------------------------------------------


@composite(np.fliplr)
def fliplr(m: Any) -> Any:
    """Reverse the columns."""
    return np.flip(m, 1)


@composite(np.flipud)
def flipud(m: Any) -> Any:
    """Reverse the rows."""
    return np.flip(m, 0)


@composite(np.rot90)
def rot90(m: Any, k: int = 1, axes: Constant = (0, 1)) -> Any:
    """Transpose and reverse, or reverse twice."""
    first, second = axes
    if np.ndim(m) < 2 or (first - second) % np.ndim(m) == 0:
        raise ValueError(f"np.rot90 turns a plane of two different axes, but got axes={axes} of {np.ndim(m)} axes.")
    k = k % 4
    if k % 2 == 0:
        return np.flip(m, axes) if k else m
    return np.swapaxes(np.flip(m, second), first, second) if k == 1 else np.flip(np.swapaxes(m, first, second), second)


@composite(np.rollaxis)
def rollaxis(a: Any, axis: int, start: int = 0) -> Any:
    """Move one axis to before another."""
    ndim = np.ndim(a)
    axis, start = axis % ndim, start + ndim if start < 0 else start
    return np.moveaxis(a, axis, start - (axis < start))


@composite(np.matrix_transpose, np.linalg.matrix_transpose)
def matrix_transpose(x: Any, /) -> Any:
    """Swap the last two axes."""
    return np.swapaxes(x, -1, -2)


# Repeating ------------------------------------------------------------------------------------------------------------


@composite(np.broadcast_arrays)
def broadcast_arrays(*args: Any) -> tuple[Any, ...]:
    """Broadcast each to the shape that they have together."""
    shape = np.broadcast_shapes(*map(np.shape, args))
    return tuple(np.broadcast_to(x, shape) for x in args)


@composite(np.meshgrid)
def meshgrid(*xi: Any, copy: bool = True, sparse: bool = False, indexing: str = "xy") -> Any:
    """Lay each vector along an axis of its own, and broadcast."""
    if indexing not in ("xy", "ij"):
        raise ValueError(f"np.meshgrid takes indexing='xy' or 'ij', but got {indexing!r}.")
    order = list(range(len(xi)))
    if indexing == "xy" and len(xi) > 1:
        order[:2] = 1, 0
    grids = [np.reshape(x, [-1 if i == axis else 1 for i in range(len(xi))]) for x, axis in zip(xi, order, strict=True)]
    return tuple(grids) if sparse else np.broadcast_arrays(*grids)


@composite(np.tile)
def tile(A: Any, reps: Constant) -> Any:
    """Give each axis another before it, broadcast along that, and join the two."""
    counts = tuple(np.atleast_1d(reps).tolist())
    ndim = max(len(counts), np.ndim(A))
    counts = (1,) * (ndim - len(counts)) + counts
    lengths = (1,) * (ndim - np.ndim(A)) + np.shape(A)
    apart = np.reshape(A, [n for length in lengths for n in (1, length)])
    repeated = np.broadcast_to(apart, [n for pair in zip(counts, lengths, strict=True) for n in pair])
    return np.reshape(repeated, [count * length for count, length in zip(counts, lengths, strict=True)])


@composite(np.repeat)
def repeat(a: Any, repeats: Constant, axis: int | None = None) -> Any:
    """Broadcast along an axis after the one repeated; pick by number where each element has its own count."""
    if axis is None:
        a, axis = np.ravel(a), 0
    axis = axis % np.ndim(a)
    shape = np.shape(a)
    if np.size(repeats) > 1:
        return np.take(a, np.repeat(np.arange(shape[axis]), repeats), axis=axis)
    count = int(np.reshape(repeats, ()))
    spread = np.broadcast_to(np.expand_dims(a, axis + 1), (*shape[: axis + 1], count, *shape[axis + 1 :]))
    return np.reshape(spread, (*shape[:axis], shape[axis] * count, *shape[axis + 1 :]))


# Diagonals and triangles ----------------------------------------------------------------------------------------------


@composite(np.diag)
def diag(v: Any, k: int = 0) -> Any:
    """Take the diagonal of a matrix, or put a vector into one."""
    if np.ndim(v) == 2:
        return np.diagonal(v, k)
    if np.ndim(v) != 1:
        raise ValueError(
            f"np.diag takes a vector or a matrix, but got shape {np.shape(v)}; see np.diagflat, np.diagonal."
        )
    length = np.shape(v)[0]
    n = length + abs(k)
    first = max(k, 0) + n * max(-k, 0)
    places = slice(first, first + length * (n + 1), n + 1)
    return np.reshape(scatter(v, index=places, shape=(n * n,)), (n, n))


@composite(np.diagflat)
def diagflat(v: Any, k: int = 0) -> Any:
    """Flatten, and put into a diagonal."""
    return np.diag(np.ravel(v), k)


@composite(np.diagonal)
def diagonal(a: Any, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Any:
    """Move the two axes to the end, and pick."""
    moved = np.moveaxis(a, (axis1, axis2), (-2, -1))
    rows, columns = np.shape(moved)[-2:]
    first_row, first_column = max(-offset, 0), max(offset, 0)
    steps = np.arange(max(min(rows - first_row, columns - first_column), 0))
    return moved[..., first_row + steps, first_column + steps]


@composite(np.trace)
def trace(a: Any, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Any:
    """Sum the diagonal."""
    return np.sum(np.diagonal(a, offset, axis1, axis2), axis=-1)


composite(np.linalg.diagonal)(lambda x, /, *, offset=0: np.diagonal(x, offset, -2, -1))
composite(np.linalg.trace)(lambda x, /, *, offset=0: np.trace(x, offset, -2, -1))


def lower_triangle(m: Any, k: int) -> Any:
    """Return which elements of a matrix are on or below a diagonal."""
    rows, columns = (1, *np.shape(m))[-2:]
    return np.tri(np.shape(m)[0] if np.ndim(m) == 1 else rows, columns, k, dtype=bool, like=kind(m))


@composite(np.tril)
def tril(m: Any, k: int = 0) -> Any:
    """Choose between the matrix and 0."""
    return np.where(lower_triangle(m, k), m, 0.0)


@composite(np.triu)
def triu(m: Any, k: int = 0) -> Any:
    """Choose between 0 and the matrix."""
    return np.where(lower_triangle(m, k - 1), 0.0, m)


# By positions ---------------------------------------------------------------------------------------------------------


@composite(np.insert)
def insert(arr: Any, obj: Constant, values: Any, axis: int | None = None) -> Any:
    """Insert the positions of the values among those of the array."""
    return rearranged(lambda old, new: np.insert(old, obj, new, axis), arr, values)


@composite(np.delete)
def delete(arr: Any, obj: Constant, axis: int | None = None) -> Any:
    """Delete positions."""
    return rearranged(lambda old: np.delete(old, obj, axis), arr)


@composite(np.lib.stride_tricks.sliding_window_view)
def sliding_window_view(x: Any, window_shape: Constant, axis: Constant = None) -> Any:
    """Copy each window: an element of several windows is one step for each."""
    return rearranged(lambda old: np.lib.stride_tricks.sliding_window_view(old, window_shape, axis), x)


@composite(np.resize)
def resize(a: Any, new_shape: Constant) -> Any:
    """Go round the positions as often as it takes."""
    return rearranged(lambda old: np.resize(old, new_shape), a)


@composite(np.trim_zeros)
def trim_zeros(filt: Any, trim: str = "fb") -> Any:
    """Keep the positions from the first that is not 0 to the last."""
    kept = np.flatnonzero(np.not_equal(filt, 0))
    first = kept[0] if "f" in trim.lower() and len(kept) else 0
    last = kept[-1] + 1 if "b" in trim.lower() and len(kept) else len(filt)
    return filt[first:last] if len(kept) else filt[:0]


# Ranges ---------------------------------------------------------------------------------------------------------------


@composite(np.linspace)
def linspace(start: Any, stop: Any, num: int = 50, endpoint: bool = True, retstep: bool = False, axis: int = 0) -> Any:
    """Go from one to the other in equal steps."""
    intervals = num - 1 if endpoint else num
    step = (stop - start) / intervals if intervals else np.nan * (stop - start)
    ndim = max(np.ndim(start), np.ndim(stop))
    places = np.reshape(np.arange(float(num), like=kind(start, stop)), (-1,) + (1,) * ndim)
    points = places * step + start if intervals else places * (stop - start) + start
    if endpoint and num > 1:
        points = np.concatenate([points[:-1], np.broadcast_to(stop, np.shape(points[-1:]))])
    points = np.moveaxis(points, 0, axis) if ndim else points
    return (points, step) if retstep else points


@composite(np.logspace)
def logspace(start: Any, stop: Any, num: int = 50, endpoint: bool = True, base: Any = 10.0, axis: int = 0) -> Any:
    """Raise the base to numbers in equal steps."""
    return np.power(
        np.expand_dims(base, axis) if np.ndim(base) else base, np.linspace(start, stop, num, endpoint, axis=axis)
    )


@composite(np.geomspace)
def geomspace(start: Any, stop: Any, num: int = 50, endpoint: bool = True, axis: int = 0) -> Any:
    """Multiply with the same factor at each step; both ends have the same sign."""
    sign = np.sign(start)
    return sign * np.power(10.0, np.linspace(np.log10(start * sign), np.log10(stop * sign), num, endpoint, axis=axis))


refused(
    "it changes an array in place. Write mg.with_item(x, index, value), which returns a new Value; np.full(shape, "
    "value) and np.full_like(x, value) of a Value are np.broadcast_to(value, shape).",
    *(np.copyto, np.put, np.place, np.putmask, np.put_along_axis, np.fill_diagonal),
)
