"""Cases of functions that move, copy, join, split, pad and pick elements."""

from __future__ import annotations

from typing import Any

import numpy as np

from .table import add, numbers, together

_function: Any
_options: Any
_block = numbers((2, 3, 2))
_matrix = numbers((3, 4))
_vector = numbers((4,))


def each(function: Any, *options: dict[str, Any], at: Any = _block) -> None:
    """Add a case for each set of options."""
    for chosen in options or ({},):
        add(function, lambda x, chosen=chosen: function(x, **chosen), at, label=f"{np.shape(at)} {chosen}")


# Turning and repeating
for _at in (_block, _vector, numbers((0, 2)), 1.5):
    each(np.flip, {}, at=_at)
each(np.flip, {"axis": 1}, {"axis": (0, -1)})
for _function in (np.fliplr, np.flipud):
    each(_function)
for _k in range(-1, 5):
    add(np.rot90, lambda x, k=_k: 2.0 * np.rot90(x, k), _block, label=f"{_k} times")
each(np.rot90, {"axes": (2, 0)}, {"k": 3, "axes": (1, 2)})
each(np.roll, {"shift": 2}, {"shift": -1, "axis": 1}, {"shift": (1, 2), "axis": (0, 1)}, {"shift": 1, "axis": (0, 2)})
each(np.rollaxis, {"axis": 2}, {"axis": 0, "start": 3}, {"axis": -1, "start": -2}, {"axis": 1, "start": 1})
each(np.matrix_transpose)
each(np.linalg.matrix_transpose)
each(np.copy, {}, {"order": "F"})
each(np.copy, at=2.0)
for _reps in (2, (2,), (2, 1, 3), (2, 1, 1, 2), 0, (3, 0)):
    add(np.tile, lambda x, r=_reps: np.tile(x, r), _block, label=str(_reps))
add(np.tile, lambda x: np.tile(x, (2, 2)), _vector, label="of a vector")
add(np.tile, lambda x: np.tile(x, 3), 1.5, label="of a number")
each(
    np.repeat, {"repeats": 2}, {"repeats": 2, "axis": 1}, {"repeats": [1, 0, 2], "axis": -2}, {"repeats": 0, "axis": 0}
)
each(np.repeat, {"repeats": [3]}, {"repeats": [1, 2, 0, 1]}, at=_vector)
each(np.repeat, {"repeats": 3}, at=1.5)
each(np.resize, {"new_shape": (2, 3)}, {"new_shape": (7,)}, {"new_shape": 3}, at=_vector)
add(np.broadcast_arrays, lambda a, b: together(np.broadcast_arrays(a, b, 2.0)), numbers((2, 1)), numbers((3,)))
for _options in ({}, {"indexing": "ij"}, {"sparse": True}, {"sparse": True, "indexing": "ij"}):
    add(
        np.meshgrid,
        lambda a, b, c, o=_options: together(np.meshgrid(a, b, c, **o)),
        *(numbers((2,)), numbers((3,)), 1.5),
        label=str(_options),
    )
add(np.meshgrid, lambda a: together(np.meshgrid(a)), numbers((3,)), label="one")
for _place in (0, 1):
    add(np.full_like, lambda x, p=_place: np.full_like(x, x[p]), _vector, label=f"{_place}")
add(np.full_like, lambda x: np.full_like(x, x[0], shape=(2, 2)), _vector, label="shape")
if hasattr(np, "astype"):
    add(np.astype, lambda x: np.astype(x, float), _block)

# Joining
for _function in (np.vstack, np.hstack, np.dstack, np.column_stack):
    for _shapes in (((3,), (3,)), ((2, 3), (2, 3)), ((2, 1, 2), (2, 1, 2))):
        add(_function, lambda a, b, f=_function: f([a, b]), *(numbers(s, seed=str(i)) for i, s in enumerate(_shapes)))
    add(_function, lambda a, f=_function: f([a, np.ones_like(a), a]), numbers((2, 2)), label="with a constant")
add(np.hstack, lambda a, b: np.hstack((a, b, 2.0)), 1.5, numbers((3,)), label="numbers")
add(np.vstack, lambda a, b: np.vstack((a, b)), numbers((3,)), numbers((2, 3)), label="a row and a matrix")
add(
    np.column_stack, lambda a, b: np.column_stack((a, b)), numbers((2,)), numbers((2, 3)), label="a column and a matrix"
)
add(np.block, lambda a, b: np.block([[a, np.ones((2, 1))], [np.zeros((1, 3)), b]]), numbers((2, 3)), numbers((1, 1)))
add(np.block, lambda a, b: np.block([a, b]), numbers((2,)), numbers((3,)), label="one list")
add(np.block, lambda a: 2.0 * np.block(a), numbers((2,)), label="no list")
add(np.block, lambda a, b: np.block([[a, b], [b, a]]), 1.5, -0.5, label="numbers")
add(np.block, lambda a: np.block([[[a]], [[2 * a]]]), numbers((2, 1)), label="three deep")
for _axis in (None, 0, -1):
    add(
        np.append,
        lambda a, b, i=_axis: np.append(a, b, axis=i),
        numbers((2, 3)),
        numbers((2, 3), seed="b"),
        label=str(_axis),
    )
add(np.append, lambda a: np.append(a, [1.0, 2.0]), _vector, label="constants")
for _function in (np.atleast_1d, np.atleast_2d, np.atleast_3d):
    for _at in (1.5, _vector, _matrix, _block, numbers((0,))):
        add(_function, lambda x, f=_function: 2.0 * f(x), _at)
    add(_function, lambda a, b, f=_function: together(f(a, b, 3.0)), 1.5, _vector, label="several")

# Splitting
for _sections in (2, [1], [1, 3], [3, 1], [2, 9], (0,)):
    for _function in (np.split, np.array_split):
        add(_function, lambda x, f=_function, s=_sections: together(f(x, s)), _vector, label=str(_sections))
    add(np.hsplit, lambda x, s=_sections: together(np.hsplit(x, s)), _matrix, label=str(_sections))
    add(np.vsplit, lambda x, s=_sections: together(np.vsplit(x, s)), numbers((4, 2)), label=str(_sections))
    add(np.dsplit, lambda x, s=_sections: together(np.dsplit(x, s)), numbers((1, 2, 4)), label=str(_sections))
add(np.hsplit, lambda x: together(np.hsplit(x, 2)), _vector, label="vector")
add(np.array_split, lambda x: together(np.array_split(x, 3)), _vector, label="unequal")
add(np.split, lambda x: together(np.split(x, 2, axis=-1)), _matrix, label="last axis")
if hasattr(np, "unstack"):
    for _axis in (0, -1):
        add(np.unstack, lambda x, i=_axis: together(np.unstack(x, axis=i)), _block, label=str(_axis))

# Diagonals and triangles
for _k in (0, 1, -2, 5):
    add(np.diag, lambda x, k=_k: np.diag(x, k), _matrix, label=f"of a matrix {_k}")
    add(np.diag, lambda x, k=_k: np.diag(x, k), _vector, label=f"of a vector {_k}")
    add(np.diagflat, lambda x, k=_k: np.diagflat(x, k), numbers((2, 2)), label=str(_k))
    add(np.diagonal, lambda x, k=_k: np.diagonal(x, k), _matrix, label=str(_k))
    add(np.linalg.diagonal, lambda x, k=_k: np.linalg.diagonal(x, offset=k), _block, label=str(_k))
    for _function in (np.tril, np.triu):
        each(_function, {"k": _k})
        each(_function, {"k": _k}, at=_matrix)
        each(_function, {"k": _k}, at=_vector)
    add(np.trace, lambda x, k=_k: np.trace(x, k), _matrix, label=str(_k))
each(np.diagonal, {"axis1": 2, "axis2": 0}, {"offset": 1, "axis1": -1, "axis2": -2})
each(np.trace, {}, {"offset": 1, "axis1": 1, "axis2": -1})
add(np.linalg.trace, np.linalg.trace, _block)
add(np.linalg.trace, lambda x: np.linalg.trace(x, offset=-1), _block, label="offset")

# Padding
_widths: tuple[Any, ...] = (2, (1, 3), ((0, 2), (5, 1)), ((7, 8), (3, 9)), 0)
for _mode in (
    "constant",
    "edge",
    "linear_ramp",
    "maximum",
    "mean",
    "median",
    "minimum",
    "reflect",
    "symmetric",
    "wrap",
):
    for _width in _widths:
        each(np.pad, {"pad_width": _width, "mode": _mode}, at=_matrix)
    each(np.pad, {"pad_width": 2, "mode": _mode}, at=_vector)
    each(np.pad, {"pad_width": 3, "mode": _mode}, at=numbers((1, 2)))
    each(np.pad, {"pad_width": ((1, 0), (0, 2), (1, 1)), "mode": _mode})
each(
    np.pad, {"pad_width": 2, "constant_values": 1.5}, {"pad_width": 1, "constant_values": ((1, 2), (3, 4))}, at=_matrix
)
each(np.pad, {"pad_width": 2, "mode": "linear_ramp", "end_values": (1.5, -2)}, at=_matrix)
for _mode in ("maximum", "mean", "median", "minimum"):
    each(np.pad, {"pad_width": 2, "mode": _mode, "stat_length": 2}, at=_matrix)
    each(np.pad, {"pad_width": 2, "mode": _mode, "stat_length": ((1, 2), (3, 9))}, at=_matrix)
for _mode in ("reflect", "symmetric"):
    for _width in _widths:
        each(np.pad, {"pad_width": _width, "mode": _mode, "reflect_type": "odd"}, at=_matrix)
    each(np.pad, {"pad_width": 3, "mode": _mode, "reflect_type": "odd"}, at=numbers((1, 2)))
add(np.pad, lambda x: np.pad(x, 2, mode="empty")[2:-2], _vector, label="empty")

# Picking
_places = np.array([[0, 2, -1], [1, 1, 0]])
for _mode in ("raise", "wrap", "clip"):
    _indices = _places if _mode == "raise" else _places * 3
    for _axis in (None, 0, 1, -1):
        each(np.take, {"indices": _indices, "axis": _axis, "mode": _mode}, at=numbers((3, 3)))
for _index in (1, [0, 0], [], np.array(-1)):
    each(np.take, {"indices": _index, "axis": 1}, at=_matrix)
each(np.take_along_axis, {"indices": _places, "axis": 1}, {"indices": _places[:, :1], "axis": -1}, at=numbers((2, 3)))
each(np.take_along_axis, {"indices": np.array([[0, 1, 1]]), "axis": 0}, at=numbers((2, 3)))
each(np.take_along_axis, {"indices": np.array([3, 0, 0, -1]), "axis": None}, at=numbers((2, 3)))
for _axis in (0, 1, 2):
    add(
        np.take_along_axis,
        lambda x, i=_axis: np.take_along_axis(x, np.array([[[1, 0, 0]], [[0, 1, 1]]] if i else [[[1], [0]]]), axis=i),
        numbers((2, 2, 3) if _axis else (2, 1, 3)),
        label=f"broadcast {_axis}",
    )
for _axis in (None, 0, 1):
    add(np.compress, lambda x, i=_axis: np.compress([True, False, True], x, axis=i), _matrix, label=str(_axis))
    for _obj in (1, [0, 2], slice(0, 3, 2), -1):
        add(np.delete, lambda x, o=_obj, i=_axis: np.delete(x, o, axis=i), _matrix, label=f"{_obj} {_axis}")
    for _obj in (1, [0, 2], [1, 1]):
        add(
            np.insert,
            lambda x, v, o=_obj, i=_axis: np.insert(x, o, v, axis=i),
            *(numbers((2, 2)), numbers((2,) if _axis != 0 or _obj == 1 else (2, 2), seed="v")),
            label=f"{_obj} {_axis}",
        ) if not (_obj == 1 and _axis is None) else None
_windows = np.lib.stride_tricks.sliding_window_view
add(_windows, lambda x: _windows(x, 2), numbers((5,)))
add(_windows, lambda x: _windows(x, 3, axis=0), _matrix.T @ _matrix, label="axis")
add(_windows, lambda x: _windows(x, (2, 1)), _matrix, label="both axes")
add(np.insert, lambda x: np.insert(x, 1, 2.5, axis=1), _matrix, label="a constant")
add(np.insert, lambda v: np.insert(np.zeros(3), 2, v), 1.5, label="into constants")
add(np.extract, lambda x: np.extract(np.array([[True, False], [True, True]]), x), numbers((2, 2)))
add(np.choose, lambda a, b: np.choose([0, 1, 1], [a, b]), numbers((3,)), numbers((3,), seed="b"))
add(np.choose, lambda a, b: np.choose([[0, 5], [-1, 1]], [a, b], mode="clip"), numbers((2,)), 1.5, label="clip")
add(np.choose, lambda a: np.choose([0, 3], a, mode="wrap"), numbers((3, 2)), label="wrap")
for _trim in ("fb", "f", "b"):
    add(
        np.trim_zeros, lambda x, t=_trim: np.trim_zeros(np.concatenate([[0.0], x, [0.0, 0.0]]), t), _vector, label=_trim
    )

# Ranges
for _options in ({}, {"endpoint": False}, {"axis": -1}, {"num": 1}, {"num": 1, "endpoint": False}, {"num": 0}):
    for _start, _stop in (((), ()), ((2,), ()), ((2, 1), (3,))):
        if not (_start == _stop and "axis" in _options):
            add(
                np.linspace,
                lambda a, b, o=_options: np.linspace(a, b, **({"num": 4} | o)),
                *(numbers(_start), numbers(_stop, 3.0, 4.0)),
                label=f"{_start} {_stop} {_options}",
            )
add(np.linspace, lambda a: together(np.linspace(a, 5.0, 4, retstep=True)), 1.5, label="retstep")
add(np.logspace, lambda a, b: np.logspace(a, b, 4), 0.5, 1.5)
add(np.logspace, lambda a, b: np.logspace(a, 1.5, 4, base=b), 0.5, 2.5, label="base")
add(np.geomspace, lambda a, b: np.geomspace(a, b, 4), 0.5, 1.5)
add(np.geomspace, lambda a: np.geomspace(a, -3.5, 4, endpoint=False), numbers((2,), -2.0, -1.0), label="negative")

# Empty arrays, and axes of length 1
_empty, _one = numbers((0, 3)), numbers((1, 1))
for _function in (np.fliplr, np.flipud, np.diagonal, np.tril, np.triu, np.matrix_transpose, np.trace, np.diag):
    for _at in (_empty, _one):
        add(_function, lambda x, f=_function: 2.0 * f(x), _at, label=f"of {_at.shape}")
for _function in (np.vstack, np.hstack, np.dstack, np.column_stack):
    add(_function, lambda a, b, f=_function: f([a, b]), _empty, _empty, label="empty")
    add(_function, lambda a, b, f=_function: f([a, b, a]), _one, _one, label="one element each")
for _function in (np.split, np.array_split, np.hsplit, np.vsplit):
    for _at in (_empty, _one):
        add(_function, lambda x, f=_function: together(f(x, 1)), _at, label=f"of {_at.shape}")
for _at in (_empty, _one):
    add(np.tile, lambda x: np.tile(x, (2, 2)), _at, label=f"of {_at.shape}")
    add(np.repeat, lambda x: np.repeat(x, 2, axis=1), _at, label=f"of {_at.shape}")
    add(np.roll, lambda x: np.roll(x, 3), _at, label=f"of {_at.shape}")
    add(np.take, lambda x: np.take(x, [0, 0], axis=1), _at, label=f"of {_at.shape}")
    add(np.insert, lambda x: np.insert(x, 0, 1.5, axis=0), _at, label=f"of {_at.shape}")
    add(np.append, lambda x: np.append(x, [1.5]), _at, label=f"of {_at.shape}")
    add(np.delete, lambda x: np.delete(x, [], axis=0), _at, label=f"nothing of {_at.shape}")
    add(np.compress, lambda x: np.compress([True], x, axis=1), _at, label=f"of {_at.shape}")
    add(np.pad, lambda x: np.pad(x, ((0, 0), (1, 2)), mode="edge"), _at, label=f"of {_at.shape}")
    add(np.block, lambda x: np.block([[x, x], [x, x]]), _at, label=f"of {_at.shape}")
    add(np.diagflat, np.diagflat, _at, label=f"of {_at.shape}")
add(np.delete, lambda x: np.delete(x, 0, axis=0), _one, label="all that there is")
add(np.pad, lambda x: np.pad(x, 2), numbers((0,)), label="nothing with constants")
