"""Rules of np.fft. A transform is a product with a symmetric matrix, so it takes the cotangent back as well.

Values in between are complex here, and the cotangent g of a complex z is such that the loss moves by Re(sum(g dz)).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..arrays import kind
from .indexing import along
from .table import Constant, composite, constant, rule

Transform = Callable[..., Any]
BACK = {None: "forward", "backward": "forward", "ortho": "ortho", "forward": "backward"}


def resized(x: Any, length: int, axis: int) -> Any:
    """Return x cut off, or continued with zeros, to a length along an axis: what `n=` does before a transform."""
    shape = np.shape(x)
    if length <= shape[axis]:
        return x if length == shape[axis] else x[along(slice(length), axis, len(shape))]
    missing = tuple(length - n if i == axis % len(shape) else n for i, n in enumerate(shape))
    return np.concatenate([x, np.zeros(missing, like=kind(x))], axis=axis)


def d_fft(g: Any, y: Any, x: Any, n: int | None = None, axis: int = -1, norm: str | None = None) -> Any:
    """The transform of the cotangent."""
    return resized(np.fft.fft(g, axis=axis, norm=norm), np.shape(x)[axis], axis)  # type: ignore[arg-type]


def d_ifft(g: Any, y: Any, x: Any, n: int | None = None, axis: int = -1, norm: str | None = None) -> Any:
    """The inverse transform of the cotangent."""
    return resized(np.fft.ifft(g, axis=axis, norm=norm), np.shape(x)[axis], axis)  # type: ignore[arg-type]


def d_rfft(g: Any, y: Any, x: Any, n: int | None = None, axis: int = -1, norm: str | None = None) -> Any:
    """The transform of the cotangent, which has nothing at the frequencies left out."""
    length = np.shape(x)[axis] if n is None else n
    return resized(np.real(np.fft.fft(g, n=length, axis=axis, norm=norm)), np.shape(x)[axis], axis)  # type: ignore[arg-type]


def d_irfft(g: Any, y: Any, x: Any, n: int | None = None, axis: int = -1, norm: str | None = None) -> Any:
    """The inverse transform of the cotangent, twice where a frequency stands for its mirror image too."""
    length = np.shape(y)[axis]
    kept = length // 2 + 1
    twice = np.full(kept, 2.0, like=kind(g))
    twice[0] = 1.0
    if length % 2 == 0:
        twice[-1] = 1.0
    twice = np.reshape(twice, [-1 if i == axis % np.ndim(y) else 1 for i in range(np.ndim(y))])
    spectrum = np.fft.ifft(g, axis=axis, norm=norm)[along(slice(kept), axis, np.ndim(y))]  # type: ignore[arg-type]
    return resized(twice * spectrum, np.shape(x)[axis], axis)


rule(np.fft.fft, d_fft)
rule(np.fft.ifft, d_ifft)
rule(np.fft.rfft, d_rfft)
rule(np.fft.irfft, d_irfft)


@composite(np.fft.hfft)
def hfft(a: Any, n: int | None = None, axis: int = -1, norm: str | None = None) -> Any:
    """The real transform of a signal that is its own mirror image, conjugated."""
    return np.fft.irfft(np.conj(a), n, axis, norm=BACK[norm])  # type: ignore[arg-type]


@composite(np.fft.ihfft)
def ihfft(a: Any, n: int | None = None, axis: int = -1, norm: str | None = None) -> Any:
    """The inverse of hfft."""
    return np.conj(np.fft.rfft(a, n, axis, norm=BACK[norm]))  # type: ignore[arg-type]


def lengths_and_axes(a: Any, s: Any, axes: Any) -> list[tuple[int | None, int]]:
    """Return, for each axis to be transformed, the length to transform (None: the one that it has)."""
    if axes is None:
        axes = range(np.ndim(a) if s is None else len(s))
        axes = axes if s is None else [axis - len(s) for axis in axes]
    lengths = [None] * len(axes) if s is None else [None if n in (None, -1) else int(n) for n in s]
    if len(lengths) != len(axes):
        raise ValueError(f"np.fft takes a length for each axis, but got s={s} and axes={tuple(axes)}.")
    return list(zip(lengths, axes, strict=True))


def several(function: Transform, one: Transform, default: Any, last: Transform | None = None) -> None:
    """Declare a transform along several axes: one after the other, from the last; the last may be of another kind."""

    def steps(a: Any, s: Constant = None, axes: Constant = default, norm: str | None = None) -> Any:
        *others, (length, axis) = lengths_and_axes(a, s, axes)
        if last is np.fft.irfft:
            for n, other in others:
                a = one(a, n, other, norm=norm)
            return last(a, length, axis, norm=norm)
        a = (last or one)(a, length, axis, norm=norm)
        for n, other in reversed(others):
            a = one(a, n, other, norm=norm)
        return a

    composite(function)(steps)


for _default, _functions in (
    (None, (np.fft.fftn, np.fft.ifftn, np.fft.rfftn, np.fft.irfftn)),
    ((-2, -1), (np.fft.fft2, np.fft.ifft2, np.fft.rfft2, np.fft.irfft2)),
):
    several(_functions[0], np.fft.fft, _default)
    several(_functions[1], np.fft.ifft, _default)
    several(_functions[2], np.fft.fft, _default, np.fft.rfft)
    several(_functions[3], np.fft.ifft, _default, np.fft.irfft)


def shifts(x: Any, axes: Any) -> tuple[Any, list[int]]:
    """Return the axes, and half the length of each."""
    axes = tuple(range(np.ndim(x))) if axes is None else tuple(np.atleast_1d(axes).tolist())
    return axes, [np.shape(x)[axis] // 2 for axis in axes]


@composite(np.fft.fftshift)
def fftshift(x: Any, axes: Constant = None) -> Any:
    """Roll frequency 0 to the middle."""
    axes, halves = shifts(x, axes)
    return np.roll(x, halves, axes)


@composite(np.fft.ifftshift)
def ifftshift(x: Any, axes: Constant = None) -> Any:
    """Roll frequency 0 back to the start."""
    axes, halves = shifts(x, axes)
    return np.roll(x, [-half for half in halves], axes)


constant(np.fft.fftfreq, np.fft.rfftfreq)
