"""What a derivative is taken to be where it has no single value: at kinks, ties, poles, singular matrices."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

import microgd as mg

Function = Callable[..., Any]
ERROR = np.linalg.LinAlgError


@dataclass(frozen=True)
class Convention:
    """Where a function has no single derivative, and the gradient that it is given there, of the sum of its results."""

    function: Function
    where: str
    call: Function
    at: Any
    gradient: Any  # or the error that is raised
    note: str = ""

    def __str__(self) -> str:
        if self.note:
            return f"{self.where}: {self.note}"
        if self.gradient is ERROR:
            return f"{self.where}: LinAlgError"
        values = [f"{x:g}" for x in np.ravel(self.gradient)]
        return f"{self.where}: {', '.join(values) if len(set(values)) > 1 else values[0]}"


CONVENTIONS: list[Convention] = []


def convention(function: Function, where: str, at: Any, gradient: Any, call: Any = None, note: str = "") -> None:
    """Add a convention."""
    CONVENTIONS.append(Convention(function, where, call or function, at, gradient, note))


convention(np.absolute, "at 0", 0.0, 0.0)
convention(mg.relu, "at 0", 0.0, 0.0)
convention(np.sqrt, "at 0", 0.0, np.inf)
convention(
    np.sqrt, "where np.where leaves out 0", [0.0, 4.0], [0.0, 0.25], lambda x: np.where(x > 0, np.sqrt(x), 0.0), "0"
)
convention(
    np.log, "where np.where leaves out 0", [0.0, 4.0], [0.0, 0.25], lambda x: np.where(x > 0, np.log(x), 0.0), "0"
)
convention(np.max, "at a tie", [1.0, 2.0, 2.0], [0.0, 0.5, 0.5], note="equal shares")
convention(np.min, "at a tie", [1.0, 1.0, 2.0], [0.5, 0.5, 0.0], note="equal shares")
convention(np.maximum, "of x and x", 3.0, 1.0, lambda x: np.maximum(x, x))
convention(np.maximum, "at a tie", 3.0, 0.5, lambda x: np.maximum(x, 3.0))
convention(np.minimum, "at a tie", 3.0, 0.5, lambda x: np.minimum(x, 3.0))
convention(np.clip, "at a limit", 1.0, 1.0, lambda x: np.clip(x, 0.0, 1.0))
convention(np.std, "of equal numbers", [2.0, 2.0], [0.0, 0.0])
convention(np.power, "x ** 0 at 0", 0.0, 0.0, lambda x: x**0)
convention(np.power, "x ** 2 at 0", 0.0, 0.0, lambda x: x**2)
convention(np.power, "0 ** x", 2.0, 0.0, lambda x: np.power(0.0, x))
convention(np.floor, "everywhere", 1.5, 0.0)
convention(np.sign, "at 0", 0.0, 0.0)

# Picking
for _mode in ("maximum", "minimum"):
    convention(
        np.pad,
        f"{_mode} at a tie",
        [2.0, 2.0],
        [1.5, 1.5],
        lambda x, m=_mode: np.pad(x, (1, 0), mode=m),
        "equal shares",
    )
convention(np.pad, "empty", [2.0, 3.0], [1.0, 1.0], lambda x: np.pad(x, 2, mode="empty"), "what is padded is 0")
convention(
    np.take,
    "beyond the ends, mode='clip'",
    [2.0, 3.0],
    [0.0, 2.0],
    lambda x: np.take(x, [5, 1], mode="clip"),
    "the end",
)

# Matrices
_singular = [[1.0, 2.0], [2.0, 4.0]]
_flat = np.array([[2.0, 0.0], [0.0, 2.0]])
convention(np.linalg.det, "singular", _singular, [[4.0, -2.0], [-2.0, 1.0]], note="the cofactors")
convention(np.linalg.det, "of zeros", np.zeros((3, 3)), np.zeros((3, 3)))
convention(np.linalg.slogdet, "singular", _singular, ERROR, lambda x: np.linalg.slogdet(x)[1])
convention(np.linalg.inv, "singular", _singular, ERROR)
convention(np.linalg.solve, "singular", _singular, ERROR, lambda x: np.linalg.solve(x, [1.0, 2.0]))
convention(
    np.linalg.pinv,
    "not of full rank",
    np.diag([2.0, 0.0]),
    np.diag([-0.25, 0.0]),
    lambda x: np.linalg.pinv(x)[0, 0],
    "among matrices of the same rank",
)
convention(
    np.linalg.cholesky,
    "reads one triangle",
    np.eye(2),
    [[0.0, 0.5], [0.5, 0.0]],
    lambda x: np.linalg.cholesky(x)[1, 0],
    "the symmetric gradient",
)
convention(
    np.linalg.eigvalsh,
    "reads one triangle",
    [[0.0, 1.0], [1.0, 0.0]],
    [[0.5, 0.5], [0.5, 0.5]],
    lambda x: np.linalg.eigvalsh(x)[1],
    "the symmetric gradient",
)
convention(np.linalg.eigvalsh, "equal eigenvalues, used alike", _flat, np.eye(2), note="V diag(g) Vᵀ")
convention(np.linalg.eigh, "vectors of equal eigenvalues", _flat, ERROR, lambda x: np.linalg.eigh(x)[1][0, 1])
convention(np.linalg.eigh, "equal eigenvalues alone", _flat, np.eye(2), lambda x: np.linalg.eigh(x)[0], "V diag(g) Vᵀ")
convention(np.linalg.svdvals, "a singular value of 0", np.zeros((2, 2)), np.zeros((2, 2)))
convention(np.linalg.svd, "vectors of equal values", _flat, ERROR, lambda x: np.linalg.svd(x)[0])
convention(
    np.linalg.svd, "vectors of two values 0", np.diag([2.0, 0.0, 0.0]), ERROR, lambda x: np.linalg.svd(x)[2][1, 0]
)
convention(
    np.linalg.svd,
    "vectors of 0, not square",
    np.zeros((2, 1)),
    ERROR,
    lambda x: np.linalg.svd(x, full_matrices=False)[0],
)
convention(np.linalg.qr, "dependent columns", _singular, ERROR, lambda x: np.linalg.qr(x)[1])
for _ord in ("fro", "nuc", 1, 2):
    convention(
        np.linalg.matrix_norm,
        f"{_ord} of zeros",
        np.zeros((2, 2)),
        np.zeros((2, 2)),
        lambda x, o=_ord: np.linalg.matrix_norm(x, ord=o),
    )

# Special functions
if importlib.util.find_spec("scipy"):
    from scipy import special

    convention(special.xlogy, "in x at (0, 0)", 0.0, 0.0, lambda x: special.xlogy(x, 0.0))
    convention(special.xlogy, "in y at (0, 0)", 0.0, 0.0, lambda y: special.xlogy(0.0, y))
    convention(special.entr, "at 0", 0.0, np.inf)
    convention(special.logit, "at 0", 0.0, np.inf)
