"""Cases of np.fft: real numbers made of a transform's parts, its magnitude and phase, and signals filtered."""

from __future__ import annotations

from typing import Any

import numpy as np

from .table import add, numbers

_function: Any
_options: Any


def of_complex(y: Any) -> Any:
    """Return real numbers made of complex ones, in which every real and imaginary part counts for itself."""
    weights = np.cos(np.arange(y.size) + 0.5).reshape(y.shape)
    return np.real((weights + 2j) * y) + np.abs(y + 0.1) ** 2


def complex_input(x: Any, seed: str = "") -> Any:
    """Return complex numbers made of real ones."""
    return x * (1.0 + 0.5j) + 1j * numbers(x.shape, seed=f"imaginary {seed}")


for _function in (np.fft.fft, np.fft.ifft, np.fft.rfft, np.fft.irfft, np.fft.hfft, np.fft.ihfft):
    for _shape in ((1,), (4,), (5,), (2, 3), (2, 1, 3), (0, 3)):
        if not (_shape == (1,) and _function in (np.fft.irfft, np.fft.hfft)):
            add(_function, lambda x, f=_function: of_complex(f(x)), numbers(_shape))
    for _options in (
        {"n": 3},
        {"n": 4},
        {"n": 7},
        {"axis": 0},
        {"axis": -2, "n": 5},
        {"norm": "ortho"},
        {"norm": "forward"},
    ):
        add(_function, lambda x, f=_function, o=_options: of_complex(f(x, **o)), numbers((3, 5)), label=str(_options))
    if _function not in (np.fft.rfft, np.fft.ihfft):
        for _options in ({}, {"n": 3}, {"n": 9}, {"axis": 0, "norm": "ortho"}):
            add(
                _function,
                lambda x, f=_function, o=_options: of_complex(f(complex_input(x), **o)),
                numbers((3, 5)),
                label=f"of complex numbers {_options}",
            )
for _function in (
    np.fft.fft2,
    np.fft.ifft2,
    np.fft.rfft2,
    np.fft.irfft2,
    np.fft.fftn,
    np.fft.ifftn,
    np.fft.rfftn,
    np.fft.irfftn,
):
    for _options in (
        {},
        {"s": (3, 6), "axes": (0, 2)},
        {"s": (2, -1), "axes": (-1, 0)},
        {"axes": (1, 2)},
        {"norm": "ortho"},
    ):
        add(
            _function, lambda x, f=_function, o=_options: of_complex(f(x, **o)), numbers((2, 3, 4)), label=str(_options)
        )
    if "r" not in _function.__name__:
        add(
            _function,
            lambda x, f=_function: of_complex(f(complex_input(x))),
            numbers((3, 4)),
            label="of complex numbers",
        )
for _function in (np.fft.fftshift, np.fft.ifftshift):
    for _axes in (None, 0, (1,), (0, -1)):
        add(_function, lambda x, f=_function, a=_axes: f(x, axes=a), numbers((2, 5)), label=str(_axes))

_filter = np.exp(-0.3 * np.arange(4)) * (1 - 0.5j)
add(np.fft.rfft, lambda x: np.fft.irfft(np.fft.rfft(x) * _filter, n=6), numbers((6,)), label="filtered")
add(
    np.fft.irfft,
    lambda x, w: np.fft.irfft(np.fft.rfft(x, 9) * np.fft.rfft(w, 9), 9),
    numbers((6,)),
    numbers((4,)),
    label="convolved",
)
add(np.fft.fft, lambda x: np.angle(np.fft.fft(x))[..., 1:2], numbers((5,)), label="phase")
add(np.fft.fft, lambda x: np.abs(np.fft.fft(x)), numbers((5,)), label="magnitude")
add(np.fft.fft, lambda x: np.fft.fftfreq(5) * np.real(np.fft.fft(x)), numbers((5,)), label="with frequencies")
