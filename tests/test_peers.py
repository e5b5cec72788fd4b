"""The same programs in PyTorch (CPU) and HIPS autograd, where they are installed: extra `peers`."""

from __future__ import annotations

import importlib
from collections.abc import Callable
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
HIPS_LACKS = {"cond", "diagonal", "edge", "flip", "hfft", "matrix_power", "nuclear norm", "qr", "qr, wide", "reflect"}
HIPS_LACKS |= {"rfft2", "roll", "rot90", "take", "wrap"}


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
