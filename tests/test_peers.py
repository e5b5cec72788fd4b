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
