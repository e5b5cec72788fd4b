"""Cases of functions that act on each element alone, beyond those of the foundation."""

from __future__ import annotations

from typing import Any

import numpy as np

from microgd.autograd.rules.elementwise import bessel_i, difference_or_zero, direction, sinc_derivative

from .table import BROADCASTS, add, binary, numbers, unary

_function: Any
_block = numbers((2, 3))

for _function in (np.deg2rad, np.radians, np.rad2deg, np.degrees, np.fabs, np.sinc, np.i0, np.nan_to_num):
    unary(_function)
for _function in (np.conjugate, np.real):
    unary(_function)
for _function in (np.logaddexp, np.logaddexp2, np.hypot, np.arctan2, np.fmax, np.fmin, difference_or_zero):
    binary(_function)
binary(np.copysign, 0.3, 2.0)
binary(np.float_power, 0.5, 2.0)
for _left, _right in BROADCASTS:  # quotients between 2 and 3, where neither has a jump
    add(np.fmod, np.fmod, numbers(_left, -5.8, -5.2), numbers(_right, 2.1, 2.5), domain="5.2 to 5.8, 2.1 to 2.5")
add(np.fmod, lambda a: np.fmod(a, 2.2), numbers((3,), 5.2, 5.8), label="number on the right")
add(np.float_power, lambda x: np.float_power(x, 3), _block, label="cube of either sign")
add(np.copysign, np.copysign, _block, numbers((3,), -2.0, -0.3), label="negative sign")
add(np.heaviside, np.heaviside, _block, numbers((3,)))
add(np.heaviside, lambda h: np.heaviside(np.array([1.0, 0.0, -1.0]), h), numbers((4, 3)), label="at 0")
add(np.unwrap, np.unwrap, np.array([0.1, 3.0, -3.0, 0.2]))
add(np.unwrap, lambda x: np.unwrap(x, axis=0, period=2.0), _block * 2.0, label="axis and period")
add(
    np.nan_to_num,
    lambda x: np.nan_to_num(np.concatenate([x, [np.nan, np.inf]]), nan=3.0, posinf=9.0),
    numbers((3,)),
    label="with a nan",
)
add(np.ldexp, lambda x: np.ldexp(x, [1, -2, 3]), _block)
add(np.divmod, lambda a, b: np.stack(np.divmod(a, b)), numbers((3,), 5.2, 5.8), numbers((3,), 2.1, 2.5))
add(np.divmod, lambda a: np.stack(divmod(a, 2.2)), numbers((3,), 5.2, 5.8), label="built-in")
add(np.divmod, lambda a: np.stack(divmod(5.5, a)), numbers((3,), 2.1, 2.5), label="built-in, number on the left")
add(np.modf, lambda x: np.stack(np.modf(x)), numbers((2, 3), 1.1, 1.9))
add(np.modf, lambda x: np.stack(np.modf(x)), numbers((2, 3), -1.9, -1.1), label="negative")
add(np.frexp, lambda x: np.frexp(x)[0], numbers((2, 3), 0.6, 0.9))
for _order in (1, 2, 3):
    add(sinc_derivative, lambda x, n=_order: sinc_derivative(x, n), numbers((2, 3), -4.0, 4.0), label=f"order {_order}")
    add(bessel_i, lambda x, n=_order: bessel_i(x, n), numbers((2, 3), -4.0, 4.0), label=f"order {_order}")
add(np.sinc, np.sinc, np.array([0.0, 1e-9, 1e-3, 0.5, 1.0, 30.25]), label="near zero and far")

# Complex numbers between real ones
for _function in (np.real, np.imag, np.absolute, np.angle, np.conjugate):
    for _shape in ((), (2,), (2, 3)):
        add(
            _function,
            lambda a, b, f=_function: np.real((1 + 2j) * f(a * (2 - 1j) + b * 1j)),
            numbers(_shape, 0.3, 2.0),
            numbers(_shape, 0.3, 2.0, "b"),
            label=f"of complex numbers {_shape}",
        )
add(np.imag, np.imag, _block, label="of real numbers")
add(np.angle, lambda a, b: np.angle(a + 1j * b, deg=True), _block, numbers((2, 3), seed="b"), label="in degrees")
add(np.angle, np.angle, _block, label="of real numbers")
add(np.real_if_close, np.real_if_close, _block)
add(np.real_if_close, lambda x: np.real_if_close((x + 1j) - 1j), _block, label="of complex numbers")
add(direction, direction, numbers((3,)))
add(
    direction,
    lambda a, b: np.real((1 + 2j) * direction(a + 1j * b)),
    numbers((2, 3, 2)),
    numbers((2, 3, 2), seed="b"),
    label="of complex numbers",
)
