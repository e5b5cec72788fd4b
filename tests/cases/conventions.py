"""What a derivative is taken to be where it has no single value: at kinks, ties, poles, singular matrices."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

import microgd as mg
from microgd.autograd.rules.cumulative import cumulative_logaddexp

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
_ord: Any


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
convention(np.clip, "limits that cross", 1.0, 0.0, lambda x: np.clip(x, 2.0, 0.5), "the upper one holds")
convention(np.clip, "at a limit", 1.0, 1.0, lambda x: np.clip(x, 0.0, 1.0))
convention(np.std, "of equal numbers", [2.0, 2.0], [0.0, 0.0])
convention(np.power, "x ** 0 at 0", 0.0, 0.0, lambda x: x**0)
convention(np.power, "x ** 2 at 0", 0.0, 0.0, lambda x: x**2)
convention(np.power, "of a negative number, where the value is nan", -8.0, np.nan, lambda x: x**0.5)
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

# Kinks and jumps of functions of each element
convention(np.fabs, "at 0", 0.0, 0.0)
convention(np.sinc, "at 0", 0.0, 0.0)
convention(np.hypot, "of 0 and 0", [0.0, 0.0], [0.0, 0.0], lambda x: np.hypot(x[0], x[1]))
convention(np.arctan2, "of 0 and 0", [0.0, 0.0], [0.0, 0.0], lambda x: np.arctan2(x[0], x[1]))
convention(np.logaddexp, "of -inf and -inf", [-np.inf, -np.inf], [0.5, 0.5], lambda x: np.logaddexp(x[0], x[1]))
convention(np.fmax, "at a tie", 3.0, 0.5, lambda x: np.fmax(x, 3.0))
convention(np.fmin, "at a tie", 3.0, 0.5, lambda x: np.fmin(x, 3.0))
convention(np.fmax, "with nan", [np.nan, 2.0], [0.0, 1.0], lambda x: np.fmax(x, [1.0, np.nan]), "the number's")
convention(np.copysign, "at 0", 0.0, 0.0, lambda x: np.copysign(x, -1.0))
convention(np.heaviside, "in x at 0", 0.0, 0.0, lambda x: np.heaviside(x, 0.5))
convention(np.nan_to_num, "of nan and inf", [np.nan, np.inf, 2.0], [0.0, 0.0, 1.0], note="0")
convention(np.remainder, "at a jump, in the dividend", 4.0, 1.0, lambda x: x % 2.0)
convention(np.floor_divide, "everywhere", 5.0, 0.0, lambda x: x // 2.0)
convention(np.unwrap, "everywhere", [0.0, 6.0], [1.0, 1.0])
convention(np.angle, "of real numbers", [-1.0, 2.0], [0.0, 0.0])
convention(np.interp, "at a place", 1.0, 3.0, lambda x: np.interp(x, [0.0, 1.0, 2.0], [0.0, 1.0, 4.0]), "right slope")
convention(np.interp, "beyond the ends", 9.0, 0.0, lambda x: np.interp(x, [0.0, 1.0], [0.0, 1.0]))
convention(np.select, "what is not chosen", [0.0, 4.0], [0.0, 0.25], lambda x: np.select([x > 0], [np.sqrt(x)]), "0")

# Ties and nan of functions that put in order or reduce
convention(np.max, "initial at a tie", [2.0, 1.0], [0.5, 0.0], lambda x: np.max(x, initial=2.0), "a share is its")
convention(np.nanmax, "at a tie, with nan", [2.0, np.nan, 2.0], [0.5, 0.0, 0.5], note="equal shares, 0 for nan")
convention(np.nansum, "of nan", [1.0, np.nan], [1.0, 0.0], note="0")
convention(np.nanmean, "with nan", [1.0, np.nan, 2.0], [0.5, 0.0, 0.5], note="0 for nan")
convention(np.nanstd, "of equal numbers, with nan", [2.0, np.nan, 2.0], [0.0, 0.0, 0.0])
convention(np.nanmedian, "with nan", [1.0, np.nan, 2.0], [0.5, 0.0, 0.5], note="0 for nan")
convention(np.nancumsum, "of nan", [1.0, np.nan, 2.0], [3.0, 0.0, 1.0], note="0")
convention(np.median, "with nan", [1.0, np.nan, 2.0], [0.0, 0.0, 0.0])
convention(np.std, "of equal numbers with a rounded mean", [0.1, 0.1, 0.1], [0.0, 0.0, 0.0])
convention(np.prod, "with one 0", [2.0, 0.0, 3.0], [0.0, 6.0, 0.0], note="the product of the others")
convention(np.cumprod, "with one 0", [2.0, 0.0, 3.0], [1.0, 8.0, 0.0], note="the products of the others")
for _at, _share in (([-np.inf, -np.inf], [0.5, 0.5]), ([-np.inf, 1.0], [0.0, 1.0]), ([np.inf, 1.0], [1.0, 0.0])):
    convention(mg.logsumexp, f"of {_at[0]} and {_at[1]}", _at, _share)
convention(
    cumulative_logaddexp,
    "of -inf",
    [-np.inf, -np.inf, 1.0],
    [1.5, 0.5, 1.0],
    lambda x: np.logaddexp.accumulate(x) * [1.0, 1.0, 1.0],
    "equal shares",
)
convention(np.ptp, "of equal numbers", [2.0, 2.0], [0.0, 0.0])
convention(
    np.sort, "at a tie", [2.0, 1.0, 2.0], [2.5, 1.0, 2.5], lambda x: np.sort(x) * [1.0, 2.0, 3.0], "the mean of places"
)
convention(
    np.partition,
    "at a tie",
    [2.0, 1.0, 2.0],
    [2.5, 1.0, 2.5],
    lambda x: np.partition(x, 1) * [1.0, 2.0, 3.0],
    "the mean of places",
)
convention(np.median, "at a tie", [1.0, 2.0, 2.0, 3.0], [0.0, 0.5, 0.5, 0.0], note="equal shares")
convention(np.median, "of three equal", [2.0, 2.0, 2.0], np.full(3, 1 / 3), note="equal shares")
convention(
    np.quantile, "at a tie", [1.0, 2.0, 2.0], [0.0, 0.5, 0.5], lambda x: np.quantile(x, 0.75), note="equal shares"
)
convention(
    np.quantile, "in q, at an element", 0.5, 4.0, lambda q: np.quantile([0.0, 1.0, 3.0], q), note="the slope after it"
)
convention(
    np.quantile,
    "in q, of a method that jumps",
    0.4,
    1.0,
    lambda q: np.quantile(q * np.array([0.0, 1.0, 3.0]), q, method="nearest"),
    "0, here beside that of the element",
)
convention(
    np.maximum,
    "accumulate at a tie",
    [2.0, 2.0],
    [1.5, 0.5],
    np.maximum.accumulate,
    "equal shares of those so far",
)

# Norms of zeros
for _ord in (None, 1, 2, 3, 1.5, 0.5, 0, np.inf, -np.inf, -1):
    convention(np.linalg.norm, f"of order {_ord} at 0", [0.0, 0.0], [0.0, 0.0], lambda x, o=_ord: np.linalg.norm(x, o))
convention(
    np.linalg.norm, "inf at a tie", [2.0, -2.0], [0.5, -0.5], lambda x: np.linalg.norm(x, np.inf), "equal shares"
)
convention(np.linalg.norm, "1 with a 0", [2.0, 0.0], [1.0, 0.0], lambda x: np.linalg.norm(x, 1))

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
convention(
    np.linalg.svd, "full, vectors of no singular value", [[1.0], [2.0]], ERROR, lambda x: np.linalg.svd(x)[0][0, 1]
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
