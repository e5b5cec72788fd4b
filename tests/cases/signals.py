"""Cases of functions of samples along an axis, and of functions that choose."""

from __future__ import annotations

from typing import Any

import numpy as np

from .table import add, numbers

_function: Any
_options: dict[str, Any]
_block = numbers((3, 4, 3))
_places = np.array([0.1, 0.5, 1.2, 1.3])

for _function in (np.convolve, np.correlate):
    for _mode in ("full", "same", "valid"):
        for _shapes in (((5,), (3,)), ((2,), (5,)), ((4,), (4,)), ((1,), (3,)), ((3,), (6,))):
            add(
                _function,
                lambda a, v, f=_function, m=_mode: f(a, v, mode=m),
                *(numbers(shape, seed=str(k)) for k, shape in enumerate(_shapes)),
                label=f"{_mode} {_shapes}",
            )
add(np.convolve, lambda a: np.convolve(a, [1.0, -2.0]), numbers((4,)), label="with a constant")
add(np.convolve, np.convolve, numbers((4,)), 0.5, label="with a number")

for _options in ({}, {"dx": 0.5}, {"axis": 0}, {"axis": 1, "dx": 2.0}):
    add(np.trapezoid, lambda y, o=_options: np.trapezoid(y, **o), _block, label=str(_options))
add(np.trapezoid, np.trapezoid, numbers((4,)), _places)
add(np.trapezoid, lambda y, x: np.trapezoid(y, x, axis=1), _block, _places, label="places along an axis")
add(np.trapezoid, lambda y, x: np.trapezoid(y, x), numbers((2, 3)), np.array([[0.0, 1, 3], [1, 2, 2.5]]), label="each")
add(np.trapezoid, lambda y, d: np.trapezoid(y, dx=d), numbers((4,)), 0.5, label="dx is a Value")

for _options in ({}, {"axis": 0}, {"axis": -1, "edge_order": 2}, {"axis": (0, 2)}):
    add(np.gradient, lambda f, o=_options: parts(np.gradient(f, **o)), _block, label=str(_options))
add(np.gradient, lambda f: np.gradient(f, 0.5), numbers((5,)), label="spacing")
add(np.gradient, lambda f, x: np.gradient(f, x), numbers((4,)), _places, label="places")
add(np.gradient, lambda f, x: np.gradient(f, x, edge_order=2), numbers((4,)), _places, label="places, second order")
add(np.gradient, lambda f, h: np.gradient(f, h, axis=1), _block, 0.5, label="spacing is a Value")
add(np.gradient, lambda f: parts(np.gradient(f, 0.5, _places, [1.0, 2.0, 4.0])), _block, label="one for each axis")
add(np.gradient, np.gradient, numbers((2,)), label="two samples")


def parts(arrays: Any) -> Any:
    """Return the arrays of a tuple as one, each with a weight of its own; a single array as it is."""
    return np.stack([(k + 1.0) * array for k, array in enumerate(arrays)]) if isinstance(arrays, tuple) else arrays


_xp = np.array([0.0, 1.0, 2.5, 3.0])
_x = np.array([[0.4, 2.9, -1.1], [3.7, 1.4, 2.1]])
add(np.interp, np.interp, _x, _xp, numbers((4,)))
add(np.interp, lambda x, f: np.interp(x, _xp, f, left=-7.0, right=8.0), _x, numbers((4,)), label="beyond")
add(np.interp, lambda f, a, b: np.interp(_x, _xp, f, left=a, right=b), numbers((4,)), 0.5, 1.5, label="ends are Values")
add(np.interp, lambda x, f: np.interp(x, _xp, f, period=4.0), _x, numbers((4,)), label="period")
add(np.interp, lambda x, p, f: np.interp(x, p, f, period=2.2), _x, _xp, numbers((4,)), label="period shorter")
add(np.interp, lambda x, f: np.interp(x, [1.0], f), _x, numbers((1,)), label="one place")
add(np.interp, lambda x: np.interp(x, _xp, [1.0, 3.0, 2.0, 5.0]), 0.4, label="of a number")

add(np.polyval, np.polyval, numbers((3,)), numbers((2, 3)))
add(np.polyval, lambda x: np.polyval([1.0, -2.0, 3.0], x), 0.7, label="of a number")
add(np.polyval, lambda p: np.polyval(p, [0.5, 2.0]), numbers((3,)), label="at constants")
for _options in ({}, {"N": 4}, {"N": 3, "increasing": True}):
    add(np.vander, lambda x, o=_options: np.vander(x, **o), numbers((3,)), label=str(_options))

for _function in (np.polyadd, np.polysub, np.polymul):
    add(_function, _function, numbers((4,)), numbers((2,)))
    add(_function, lambda b, f=_function: f([1.0, 2.0], b), numbers((3,)), label="with a constant")
for _options in ({}, {"m": 2}, {"m": 0}):
    add(np.polyder, lambda p, o=_options: 2.0 * np.polyder(p, **o), numbers((4,)), label=str(_options))
add(np.polyint, np.polyint, numbers((4,)))
add(np.polyint, lambda p, k: np.polyint(p, 2, k), numbers((3,)), numbers((2,)), label="twice, with constants")
add(np.polyfit, lambda x, y: np.polyfit(x, y, 2), numbers((6,)), numbers((6,), seed="y"))
add(
    np.polyfit,
    lambda x, y, w: np.polyfit(x, y, 1, w=w),
    numbers((5,)),
    numbers((5, 2)),
    numbers((5,), 0.5, 1.5),
    label="weights",
)

# Choosing
_a, _b = numbers((2, 3)), numbers((2, 3), seed="b")
add(np.select, lambda a, b: np.select([_a > 1, _a > 0], [a, a * b]), _a, _b)
add(np.select, lambda a: np.select([a > 1, a > 0], [a**2, a], default=-1.0), _a, label="by itself")
add(np.select, lambda a, d: np.select([_a > 1, [True, False, True]], [a, 2.0], default=d), _a, 0.5, label="broadcast")
add(np.piecewise, lambda x: np.piecewise(x, [x < 0, x >= 0], [lambda v: -v * v, lambda v: v**3]), _a)
add(np.piecewise, lambda x: np.piecewise(x, [x < -1, x > 1], [np.square, 2.0, np.sin]), _a, label="otherwise")
add(np.piecewise, lambda x: np.piecewise(x, [x > 0], [lambda v, k: k * v, 0.0], 3.0), _a, label="with arguments")
add(np.piecewise, lambda x: np.piecewise(x, x > 0, [lambda v: v * v, np.negative]), _a[0], label="one condition")
for _number in (0.4, -1.4):
    add(
        np.piecewise,
        lambda x: np.piecewise(x, [x > 0, x < -1], [np.exp, np.sin, np.negative]),
        _number,
        label=f"of a number, {_number}",
    )
for _axis in (0, 1, -1):
    add(
        np.apply_along_axis,
        lambda x, a=_axis: np.apply_along_axis(lambda row: np.outer(row[:2], row), a, x),
        numbers((2, 3, 2)),
        label=f"axis {_axis}",
    )
add(np.apply_along_axis, lambda x: np.apply_along_axis(np.linalg.norm, 0, x), _a, label="to a number")
add(np.apply_over_axes, lambda x: np.apply_over_axes(np.sum, x * x, [0, 2]), numbers((2, 3, 2)))
add(np.apply_over_axes, lambda x: np.apply_over_axes(np.cumsum, x, (0, -1)), _a, label="that keeps axes")
