"""The same programs in PyTorch (CPU) and HIPS autograd, where they are installed: extra `peers`."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import pytest

import microgd as mg

Program = Callable[[Any, Any, Any], Any]

PROGRAMS: dict[str, Program] = {
    "arithmetic": lambda xp, a, b: (a * b - a / (b * b + 2.0)) ** 2,
    "powers": lambda xp, a, b: (a * a + 1.5) ** b,
    "exponentials": lambda xp, a, b: xp.exp(-a) + xp.log(b * b + 1.0) + xp.exp2(a) + xp.log1p(b * b) + xp.expm1(a),
    "trigonometry": lambda xp, a, b: xp.sin(a) * xp.cos(b) + xp.tan(0.3 * a) + xp.tanh(a * b) + xp.sinh(0.5 * b),
    "inverses": lambda xp, a, b: xp.arcsin(0.3 * a) + xp.arctan(b) + xp.arcsinh(a) + xp.arctanh(0.3 * b),
    "choices": lambda xp, a, b: xp.maximum(a, b) * xp.minimum(a, 0.5 * b) + xp.where(a > b, a, b * b) + xp.abs(a),
    "roots": lambda xp, a, b: xp.sqrt(a * a + 0.5) / xp.sqrt(b * b + 0.25),
    "products": lambda xp, a, b: xp.matmul(a, xp.transpose(b, 0, 1) if xp.__name__ == "torch" else xp.transpose(b)),
    "contractions": lambda xp, a, b: xp.einsum("ij,kj->ik", a, b) + xp.tensordot(a, b, ([1], [1])),
    "sums": lambda xp, a, b: xp.sum(a * b, 0) * xp.mean(a, 0) + xp.sum(xp.exp(b), 1)[0],
    "indexing": lambda xp, a, b: a[0] * b[:, 1][:2].sum() + a[[0, 1, 0]][:, ::1].sum() * b[1],
    "joining": lambda xp, a, b: xp.concatenate([a, b * 2.0]) * 3.0,
    "broadcasting": lambda xp, a, b: a[:, None] * b[None] + a[0],
    "shapes": lambda xp, a, b: a.reshape(3, 2) @ b.reshape(2, 3),
}
A = np.random.default_rng(1).uniform(-1.0, 1.0, size=(2, 3))
B = np.random.default_rng(2).uniform(-1.0, 1.0, size=(2, 3))


def gradients(name: str) -> tuple[Any, Any, Any]:
    """Return microgd's value and gradients of the sum of a program's result, weighted so that each element counts."""

    def total(a: Any, b: Any) -> Any:
        result = PROGRAMS[name](np, a, b)
        return np.sum(result * weights(result.shape))

    value, (da, db) = mg.value_and_grad(total, argnum=(0, 1))(A, B)
    return value, da, db


def weights(shape: tuple[int, ...]) -> Any:
    return np.random.default_rng(3).uniform(0.5, 1.5, size=tuple(shape))


@pytest.mark.parametrize("name", PROGRAMS)
def test_pytorch_agrees(name: str) -> None:
    torch = pytest.importorskip("torch", reason="PyTorch is not installed; it is in the extra `peers`")
    a, b = torch.tensor(A, requires_grad=True), torch.tensor(B, requires_grad=True)
    result = PROGRAMS[name](torch, a, b)
    value = (result * torch.tensor(weights(result.shape))).sum()
    value.backward()
    for found, expected in zip(gradients(name), (value.item(), a.grad.numpy(), b.grad.numpy()), strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-13)


@pytest.mark.parametrize("name", PROGRAMS)
def test_hips_autograd_agrees(name: str) -> None:
    pytest.importorskip("autograd", reason="HIPS autograd is not installed; it is in the extra `peers`")
    anp, autograd = importlib.import_module("autograd.numpy"), importlib.import_module("autograd")

    def total(a: Any, b: Any) -> Any:
        result = PROGRAMS[name](anp, a, b)
        return anp.sum(result * weights(result.shape))

    da, db = autograd.grad(total, (0, 1))(A, B)
    for found, expected in zip(gradients(name), (total(A, B), da, db), strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-13)


# Functions whose names or options differ: ours, and what PyTorch calls it ---------------------------------------------

S = np.array([[2.0, 0.3, -0.4], [0.1, 3.0, 0.6], [-0.7, 0.2, 4.0]])
STACK = np.stack([S, S.T @ S, S - 1.5])
WIDE = np.random.default_rng(5).uniform(-1.0, 1.0, size=(2, 4, 5))
POSITIVE = np.random.default_rng(6).uniform(0.3, 0.9, size=(2, 4))
Twin = Callable[[Any, Any], Any]


def symmetric(x: Any) -> Any:
    return x + (x.mT if hasattr(x, "mT") else x.swapaxes(-1, -2))


TWINS: dict[str, tuple[Any, Twin, Twin]] = {
    "tile": (WIDE, lambda np, x: np.tile(x, (2, 1, 3)), lambda torch, x: torch.tile(x, (2, 1, 3))),
    "repeat": (WIDE, lambda np, x: np.repeat(x, 3, axis=1), lambda torch, x: torch.repeat_interleave(x, 3, 1)),
    "roll": (WIDE, lambda np, x: np.roll(x, (1, -2), (0, 2)), lambda torch, x: torch.roll(x, (1, -2), (0, 2))),
    "flip": (WIDE, lambda np, x: np.flip(x, (0, 2)), lambda torch, x: torch.flip(x, (0, 2))),
    "rot90": (WIDE, lambda np, x: np.rot90(x, 3, (1, 2)), lambda torch, x: torch.rot90(x, 3, (1, 2))),
    "tril": (WIDE, lambda np, x: np.tril(x, -1), lambda torch, x: torch.tril(x, -1)),
    "triu": (WIDE, lambda np, x: np.triu(x, 1), lambda torch, x: torch.triu(x, 1)),
    "diagonal": (WIDE, lambda np, x: np.diagonal(x, 1, 1, 2), lambda torch, x: torch.diagonal(x, 1, 1, 2)),
    "trace": (S, lambda np, x: np.trace(x), lambda torch, x: torch.trace(x)),
    "kron": (S, lambda np, x: np.kron(x, x[:2]), lambda torch, x: torch.kron(x, x[:2])),
    "cross": (S, lambda np, x: np.cross(x, x[::-1]), lambda torch, x: torch.cross(x, x.flip(0), dim=-1)),
    "inner": (S, lambda np, x: np.inner(x, x[:2]), lambda torch, x: torch.inner(x, x[:2])),
    "einsum": (
        WIDE,
        lambda np, x: np.einsum("...ij,...kj,ik->...i", x, x, x[0] @ x[1].T),
        lambda torch, x: torch.einsum("...ij,...kj,ik->...i", x, x, x[0] @ x[1].T),
    ),
    "edge": (
        WIDE,
        lambda np, x: np.pad(x, ((0, 0), (1, 2), (3, 1)), mode="edge"),
        lambda torch, x: torch.nn.functional.pad(x, (3, 1, 1, 2), mode="replicate"),
    ),
    "reflect": (
        WIDE,
        lambda np, x: np.pad(x, ((0, 0), (1, 2), (3, 1)), mode="reflect"),
        lambda torch, x: torch.nn.functional.pad(x, (3, 1, 1, 2), mode="reflect"),
    ),
    "wrap": (
        WIDE,
        lambda np, x: np.pad(x, ((0, 0), (1, 2), (3, 1)), mode="wrap"),
        lambda torch, x: torch.nn.functional.pad(x, (3, 1, 1, 2), mode="circular"),
    ),
    "take": (
        WIDE,
        lambda np, x: np.take(x, [0, 3, 3], axis=1),
        lambda torch, x: torch.index_select(x, 1, torch.tensor([0, 3, 3])),
    ),
    "inv": (STACK, lambda np, x: np.linalg.inv(x), lambda torch, x: torch.linalg.inv(x)),
    "det": (STACK, lambda np, x: np.linalg.det(x), lambda torch, x: torch.linalg.det(x)),
    "slogdet": (STACK, lambda np, x: np.linalg.slogdet(x)[1], lambda torch, x: torch.linalg.slogdet(x)[1]),
    "solve": (
        STACK,
        lambda np, x: np.linalg.solve(x, x[..., :2] * 2.0),
        lambda torch, x: torch.linalg.solve(x, x[..., :2] * 2.0),
    ),
    "cholesky": (
        STACK,
        lambda np, x: np.linalg.cholesky(symmetric(x) + 5.0 * np.eye(3)),
        lambda torch, x: torch.linalg.cholesky(symmetric(x) + 5.0 * torch.eye(3, dtype=torch.float64)),
    ),
    "eigh": (
        STACK,
        lambda np, x: np.linalg.eigh(symmetric(x))[0] + np.linalg.eigh(symmetric(x))[1][..., 0, :] ** 2,
        lambda torch, x: torch.linalg.eigh(symmetric(x))[0] + torch.linalg.eigh(symmetric(x))[1][..., 0, :] ** 2,
    ),
    "svd": (
        WIDE,
        lambda np, x: sum_of_squares(np, *np.linalg.svd(x, full_matrices=False)),
        lambda torch, x: sum_of_squares(torch, *torch.linalg.svd(x, full_matrices=False)),
    ),
    "qr": (
        WIDE[:, :, :3],
        lambda np, x: sum_of_squares(np, *np.linalg.qr(x)),
        lambda torch, x: sum_of_squares(torch, *torch.linalg.qr(x)),
    ),
    "qr, wide": (
        WIDE,
        lambda np, x: sum_of_squares(np, *np.linalg.qr(x)),
        lambda torch, x: sum_of_squares(torch, *torch.linalg.qr(x)),
    ),
    "pinv": (WIDE, lambda np, x: np.linalg.pinv(x), lambda torch, x: torch.linalg.pinv(x)),
    "matrix_power": (
        STACK,
        lambda np, x: np.linalg.matrix_power(x, -3),
        lambda torch, x: torch.linalg.matrix_power(x, -3),
    ),
    "multi_dot": (
        S,
        lambda np, x: np.linalg.multi_dot([x[0], x, x[:, :1], x[:1]]),
        lambda torch, x: torch.linalg.multi_dot([x[0], x, x[:, :1], x[:1]]),
    ),
    "nuclear norm": (
        WIDE[0],
        lambda np, x: np.linalg.matrix_norm(x, ord="nuc"),
        lambda torch, x: torch.linalg.matrix_norm(x, ord="nuc"),
    ),
    "cond": (S, lambda np, x: np.linalg.cond(x), lambda torch, x: torch.linalg.cond(x)),
    "fft": (WIDE, lambda np, x: np.abs(np.fft.fft(x, 7)), lambda torch, x: torch.abs(torch.fft.fft(x, 7))),
    "filter": (
        WIDE,
        lambda np, x: np.fft.irfft(np.fft.rfft(x, axis=1) * (1.0 - 2.0j), 4, axis=1),
        lambda torch, x: torch.fft.irfft(torch.fft.rfft(x, dim=1) * (1.0 - 2.0j), 4, dim=1),
    ),
    "rfft2": (
        WIDE,
        lambda np, x: np.imag(np.fft.rfft2(x, norm="ortho")),
        lambda torch, x: torch.imag(torch.fft.rfft2(x, norm="ortho")),
    ),
    "hfft": (WIDE, lambda np, x: np.fft.hfft(x, 6), lambda torch, x: torch.fft.hfft(x, 6)),
}
HOLES = np.array([[True, False, True, True, False], [True] * 5, [False, True, True, False, True], [True] * 5])
PLACES = np.array([0.0, 0.3, 1.0, 1.4, 2.0])
TWINS |= {  # what puts in order, runs along an axis, reduces or convolves
    "logaddexp": (WIDE, lambda np, x: np.logaddexp(x, x[::-1] * 2), lambda torch, x: torch.logaddexp(x, x.flip(0) * 2)),
    "hypot": (WIDE, lambda np, x: np.hypot(x, x[::-1] * 2), lambda torch, x: torch.hypot(x, x.flip(0) * 2)),
    "arctan2": (WIDE, lambda np, x: np.arctan2(x, x[::-1] * 2), lambda torch, x: torch.atan2(x, x.flip(0) * 2)),
    "fmax": (WIDE, lambda np, x: np.fmax(x, x[::-1]), lambda torch, x: torch.fmax(x, x.flip(0))),
    "fmod": (WIDE, lambda np, x: np.fmod(x, 0.3), lambda torch, x: torch.fmod(x, 0.3)),
    "remainder": (WIDE, lambda np, x: np.remainder(x, x[::-1]), lambda torch, x: torch.remainder(x, x.flip(0))),
    "copysign": (WIDE, lambda np, x: np.copysign(x, x[::-1]), lambda torch, x: torch.copysign(x, x.flip(0))),
    "sinc": (WIDE, lambda np, x: np.sinc(3.0 * x), lambda torch, x: torch.sinc(3.0 * x)),
    "i0": (WIDE, lambda np, x: np.i0(9.0 * x), lambda torch, x: torch.special.i0(9.0 * x)),
    "angle": (WIDE, lambda np, x: np.angle(x + 1j * x[::-1]), lambda torch, x: torch.angle(x + 1j * x.flip(0))),
    "absolute": (WIDE, lambda np, x: np.abs(x - 2j * x[::-1]), lambda torch, x: torch.abs(x - 2j * x.flip(0))),
    "nan_to_num": (
        WIDE,
        lambda np, x: np.nan_to_num(np.where(HOLES, x, np.nan)),
        lambda torch, x: torch.nan_to_num(torch.where(torch.tensor(HOLES), x, torch.nan)),
    ),
    "nansum": (
        WIDE,
        lambda np, x: np.nansum(np.where(HOLES, x, np.nan), axis=1),
        lambda torch, x: torch.nansum(torch.where(torch.tensor(HOLES), x, torch.nan), 1),
    ),
    "nanmean": (
        WIDE,
        lambda np, x: np.nanmean(np.where(HOLES, x, np.nan), axis=(0, 2)),
        lambda torch, x: torch.nanmean(torch.where(torch.tensor(HOLES), x, torch.nan), (0, 2)),
    ),
    "prod": (WIDE, lambda np, x: np.prod(x, axis=1), lambda torch, x: torch.prod(x, 1)),
    "prod with zeros": (
        np.array([[0.0, 2.0, 3.0], [0.0, 0.0, 3.0]]),
        lambda np, x: np.prod(x, axis=1),
        lambda torch, x: torch.prod(x, 1),
    ),
    "std": (WIDE, lambda np, x: np.std(x, axis=1, ddof=1), lambda torch, x: torch.std(x, 1)),
    "var": (WIDE, lambda np, x: np.var(x, axis=(0, 2)), lambda torch, x: torch.var(x, (0, 2), correction=0)),
    "amax at ties": (
        np.array([[1.0, 2.0, 2.0], [3.0, 3.0, 3.0]]),
        lambda np, x: np.max(x, axis=1),
        lambda torch, x: torch.amax(x, 1),
    ),
    "cumsum": (WIDE, lambda np, x: np.cumsum(x, axis=1), lambda torch, x: torch.cumsum(x, 1)),
    "cumprod": (WIDE, lambda np, x: np.cumprod(x, axis=1), lambda torch, x: torch.cumprod(x, 1)),
    "cumprod with zeros": (
        np.array([[2.0, 0.0, 3.0, 0.0, 5.0], [0.0, 0.0, 3.0, 4.0, 5.0]]),
        lambda np, x: np.cumprod(x, axis=1),
        lambda torch, x: torch.cumprod(x, 1),
    ),
    "cummax": (WIDE, lambda np, x: np.maximum.accumulate(x, axis=1), lambda torch, x: torch.cummax(x, 1)[0]),
    "cummin": (WIDE, lambda np, x: np.minimum.accumulate(x, axis=2), lambda torch, x: torch.cummin(x, 2)[0]),
    "sort": (WIDE, lambda np, x: np.sort(x, axis=1), lambda torch, x: torch.sort(x, 1)[0]),
    "median": (WIDE, lambda np, x: np.median(x, axis=2), lambda torch, x: torch.median(x, 2)[0]),
    "quantile": (
        WIDE,
        lambda np, x: np.quantile(x, [0.2, 0.7], axis=1),
        lambda torch, x: torch.quantile(x, torch.tensor([0.2, 0.7], dtype=torch.float64), 1),
    ),
    "quantile, nearest": (
        WIDE,
        lambda np, x: np.quantile(x, 0.3, axis=1, method="nearest"),
        lambda torch, x: torch.quantile(x, 0.3, 1, interpolation="nearest"),
    ),
    "nanquantile": (
        WIDE,
        lambda np, x: np.nanquantile(np.where(HOLES, x, np.nan), 0.6, axis=2),
        lambda torch, x: torch.nanquantile(torch.where(torch.tensor(HOLES), x, torch.nan), 0.6, 2),
    ),
    "diff": (WIDE, lambda np, x: np.diff(x, n=2, axis=1), lambda torch, x: torch.diff(x, n=2, dim=1)),
    "trapezoid": (
        WIDE,
        lambda np, x: np.trapezoid(x, PLACES, axis=2),
        lambda torch, x: torch.trapezoid(x, torch.tensor(PLACES), dim=2),
    ),
    "gradient": (
        WIDE,
        lambda np, x: np.gradient(x, PLACES, axis=2, edge_order=2),
        lambda torch, x: torch.gradient(x, spacing=(torch.tensor(PLACES),), dim=2, edge_order=2)[0],
    ),
    "cov": (WIDE[0], lambda np, x: np.cov(x), lambda torch, x: torch.cov(x)),
    "corrcoef": (WIDE[0], lambda np, x: np.corrcoef(x), lambda torch, x: torch.corrcoef(x)),
    "bincount": (
        WIDE[0, 0],
        lambda np, x: np.bincount([0, 2, 2, 1, 0], weights=x),
        lambda torch, x: torch.zeros(3, dtype=torch.float64).index_add(0, torch.tensor([0, 2, 2, 1, 0]), x),
    ),
    "convolve": (
        WIDE[0],
        lambda np, x: np.convolve(x[0], x[1][:3], mode="full"),
        lambda torch, x: torch.nn.functional.conv1d(x[:1][None], x[1][:3].flip(0)[None, None], padding=2)[0, 0],
    ),
    "vander": (WIDE[0, 0], lambda np, x: np.vander(x, 4), lambda torch, x: torch.linalg.vander(x, N=4).flip(1)),
}
_order: Any
for _order in (1, 2, 3, 0.5, np.inf, -np.inf, -1.5):
    TWINS[f"norm of order {_order}"] = (
        WIDE,
        partial(lambda o, np, x: np.linalg.vector_norm(x, ord=o, axis=(0, 2)), _order),
        partial(lambda o, torch, x: torch.linalg.vector_norm(x, ord=o, dim=(0, 2)), _order),
    )
for _order in ("fro", "nuc", 1, 2, -2, -np.inf):
    TWINS[f"matrix norm {_order}"] = (
        WIDE,
        partial(lambda o, np, x: np.linalg.norm(x, ord=o, axis=(2, 0)), _order),
        partial(lambda o, torch, x: torch.linalg.matrix_norm(x, ord=o, dim=(2, 0)), _order),
    )
HIPS_LACKS = {"cond", "diagonal", "edge", "flip", "hfft", "matrix_power", "nuclear norm", "qr", "qr, wide", "reflect"}
HIPS_LACKS |= {"rfft2", "roll", "rot90", "take", "wrap"}
HIPS_LACKS |= {"bincount", "convolve", "copysign", "corrcoef", "cov", "cummax", "cummin", "cumprod"}
HIPS_LACKS |= {"cumprod with zeros", "fmod", "gradient", "i0", "median", "nanmean", "nanquantile", "nansum"}
HIPS_LACKS |= {"prod with zeros", "quantile", "quantile, nearest", "sort", "trapezoid", "vander"}
HIPS_LACKS |= {name for name in TWINS if "norm " in name} - {"matrix norm fro"}


def sum_of_squares(xp: Any, *parts: Any) -> Any:
    """Return a number that no choice of signs changes, made of all parts, each element with a weight of its own."""
    total = 0.0
    for i, part in enumerate(parts):
        weight = np.cos(np.arange(np.prod(part.shape)) + i).reshape(tuple(part.shape))
        total = total + (part * part * (weight if xp.__name__ != "torch" else xp.tensor(weight))).sum()
    return total


def ours(at: Any, twin: Twin) -> tuple[Any, Any]:
    return mg.value_and_grad(lambda x: np.sum((y := twin(np, x)) * weights(np.shape(y))))(at)  # type: ignore[no-any-return]


@pytest.mark.parametrize("name", TWINS)
def test_pytorchs_twin_agrees(name: str) -> None:
    torch = pytest.importorskip("torch", reason="PyTorch is not installed; it is in the extra `peers`")
    at, mine, theirs = TWINS[name]
    x = torch.tensor(at, requires_grad=True)
    result = theirs(torch, x)
    value = (result * torch.tensor(weights(result.shape))).sum()
    value.backward()
    found, gradient = ours(at, mine)
    np.testing.assert_allclose(found, value.item(), rtol=1e-10)
    np.testing.assert_allclose(gradient, x.grad.numpy(), rtol=1e-9, atol=1e-10)


@pytest.mark.parametrize("name", sorted(set(TWINS) - HIPS_LACKS))
def test_hips_twin_agrees(name: str) -> None:
    pytest.importorskip("autograd", reason="HIPS autograd is not installed; it is in the extra `peers`")
    anp, autograd = importlib.import_module("autograd.numpy"), importlib.import_module("autograd")
    at, mine, _ = TWINS[name]
    expected = autograd.grad(lambda x: anp.sum((y := mine(anp, x)) * weights(anp.shape(y))))(at)
    np.testing.assert_allclose(ours(at, mine)[1], expected, rtol=1e-9, atol=1e-10)


SPECIAL = {
    "expit": "expit",
    "logit": "logit",
    "erf": "erf",
    "erfc": "erfc",
    "erfcx": "erfcx",
    "erfinv": "erfinv",
    "gammaln": "gammaln",
    "psi": "digamma",
    "ndtr": "ndtr",
    "log_ndtr": "log_ndtr",
    "ndtri": "ndtri",
    "entr": "entr",
    "i0": "i0",
    "i0e": "i0e",
    "i1": "i1",
    "i1e": "i1e",
    "expm1": "expm1",
    "exp2": "exp2",
    "log1p": "log1p",
}


@pytest.mark.parametrize("name", SPECIAL)
def test_pytorchs_special_functions_agree(name: str) -> None:
    torch = pytest.importorskip("torch", reason="PyTorch is not installed; it is in the extra `peers`")
    special = pytest.importorskip("scipy.special", reason="SciPy is not installed; it is in the extra `peers`")
    x = torch.tensor(POSITIVE, requires_grad=True)
    getattr(torch.special, SPECIAL[name])(x).sum().backward()
    found = mg.grad(lambda x: np.sum(getattr(special, name)(x)))(POSITIVE)
    np.testing.assert_allclose(found, x.grad.numpy(), rtol=1e-8)  # PyTorch's trigamma is not better
