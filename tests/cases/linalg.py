"""Cases of np.linalg. Functions of a symmetric matrix are given x + xᵀ, for NumPy reads one triangle of it only."""

from __future__ import annotations

from typing import Any

import numpy as np

from microgd.autograd.rules import linalg

from .table import add, numbers, together

_function: Any
_square = [numbers((n, n), seed="square") + 3 * np.eye(n) for n in (1, 2, 4)]
_square.append(numbers((2, 1, 3, 3), seed="square") + 3 * np.eye(3))
_empty = np.zeros((0, 0))
_shapes = ((3, 3), (4, 2), (2, 4), (2, 3, 2), (1, 1))
_rank_one = np.array([[1.0, 2.0], [3.0, 6.0]])
_rank_zero = np.zeros((3, 3))
_not_singular = "matrices that have an inverse"
_apart = "values apart from each other, and from 0"


def symmetric(x: Any) -> Any:
    """Return a symmetric matrix made of any."""
    return x + np.swapaxes(x, -1, -2)


def leading(u: Any, s: Any, vh: Any) -> Any:
    """Return, of a full decomposition, the singular values and the vectors that belong to them."""
    k = np.shape(s)[-1]
    return u[..., :k], s, vh[..., :k, :]


def exponential(x: Any) -> Any:
    """Return the exponential of a symmetric matrix."""
    w, v = np.linalg.eigh(x, UPLO="U")
    return (v * np.exp(w)) @ v.T


# Inverses, equations and determinants
for _at in (*_square, _empty):
    _label = str(np.shape(_at))
    for _function in (np.linalg.inv, np.linalg.pinv):
        add(_function, _function, _at, label=_label, domain=_not_singular)
    add(np.linalg.det, np.linalg.det, _at, label=_label)
    add(np.linalg.slogdet, lambda x: together(np.linalg.slogdet(x)), _at, label=_label, domain=_not_singular)
    add(linalg.logarithm_of_determinant, linalg.logarithm_of_determinant, _at, label=_label, domain=_not_singular)
    add(linalg.cofactors, linalg.cofactors, _at, label=_label)
add(np.linalg.det, np.linalg.det, -_square[2], label="negative")
for _at in (_rank_one, _rank_zero, np.diag([2.0, 0.0, 3.0]), np.stack([_rank_one, np.eye(2)])):
    _label = f"singular {_at.tolist()}"
    add(np.linalg.det, np.linalg.det, _at, label=_label)
    add(linalg.cofactors, linalg.cofactors, _at, label=_label)
for _right in ((3,), (3, 2), (2, 1, 3, 1)):
    for _at in (_square[3], _square[3][0, 0]):
        add(np.linalg.solve, np.linalg.solve, _at, numbers(_right), label=f"{_at.shape} {_right}", domain=_not_singular)
add(np.linalg.solve, lambda b: np.linalg.solve(_square[2], b), numbers((4,)), label="of constants")
for _shape in _shapes:
    _at = numbers(_shape)
    add(np.linalg.pinv, np.linalg.pinv, _at, label=f"not square {_shape}", domain="matrices of full rank")
add(np.linalg.pinv, lambda a, b: np.linalg.pinv(np.outer(a, b)), numbers((3,)), numbers((2,), seed="b"), label="rank 1")
for _right in ((4,), (4, 3)):
    add(np.linalg.lstsq, lambda a, b: together(np.linalg.lstsq(a, b)[:2]), numbers((4, 2)), numbers(_right))
add(
    np.linalg.lstsq,
    lambda a, b: np.linalg.lstsq(a, b)[0],
    *(numbers((2, 4)), numbers((2,))),
    domain="matrices of full rank",
)
add(np.linalg.lstsq, lambda a: np.linalg.lstsq(a, np.ones(4))[3], numbers((4, 2)), label="singular values")
add(np.linalg.tensorinv, lambda x: np.linalg.tensorinv(x), numbers((2, 2, 4)) + np.eye(4).reshape(2, 2, 4))
add(np.linalg.tensorinv, lambda x: np.linalg.tensorinv(x, ind=1), numbers((4, 2, 2)), label="ind")
add(np.linalg.tensorsolve, np.linalg.tensorsolve, numbers((2, 2, 4)), numbers((2, 2)))
add(
    np.linalg.tensorsolve,
    lambda a, b: np.linalg.tensorsolve(a, b, axes=(0,)),
    numbers((2, 4, 2)),
    numbers((4,)),
    label="axes",
)

# Complex matrices between real numbers
_turned = numbers((3, 3), seed="imaginary")
for _function in (np.linalg.inv, np.linalg.det):
    add(_function, lambda x, f=_function: np.real((2 - 1j) * f(x + 1j * _turned)), _square[3][0, 0], label="complex")
add(
    np.linalg.solve,
    lambda x, b: np.real((2 - 1j) * np.linalg.solve(x + 1j * _turned, b * 1j + 1.0)),
    *(_square[3][0, 0], numbers((3, 2))),
    label="complex",
)

# Decompositions
for _at in (*_square, _empty):
    _label = str(np.shape(_at))
    for _upper in (False, True):
        add(
            np.linalg.cholesky,
            lambda x, u=_upper: np.linalg.cholesky(symmetric(x) + 4 * np.eye(x.shape[-1]), upper=u),
            *(_at,),
            label=f"{_label} upper={_upper}",
            domain="positive definite matrices",
        )
    for _triangle in ("L", "U"):
        add(
            np.linalg.eigvalsh,
            lambda x, t=_triangle: np.linalg.eigvalsh(symmetric(x), UPLO=t),
            *(_at,),
            label=f"{_label} {_triangle}",
            domain="symmetric matrices",
        )
    add(np.linalg.eigh, lambda x: together(np.linalg.eigh(symmetric(x))), _at, label=_label, domain=_apart)
    add(
        linalg.eigenvalues_above_vectors,
        lambda x: linalg.eigenvalues_above_vectors(symmetric(x)),
        _at,
        label=_label,
        domain=_apart,
    )
add(np.linalg.eigh, lambda x: exponential(symmetric(x)), numbers((3, 3)), label="exponential", domain=_apart)
for _shape in (*_shapes, (3, 0), (0, 2)):
    _at = numbers(_shape, seed="svd")
    _label = str(_shape)
    add(np.linalg.svdvals, np.linalg.svdvals, _at, label=_label)
    add(np.linalg.svd, lambda x: np.linalg.svd(x, compute_uv=False), _at, label=f"values {_label}")
    add(linalg.left_values_right, linalg.left_values_right, _at, label=_label, domain=_apart)
    add(np.linalg.svd, lambda x: together(np.linalg.svd(x, full_matrices=False)), _at, label=_label, domain=_apart)
    add(np.linalg.qr, lambda x: together(np.linalg.qr(x)), _at, label=_label, domain="leading columns independent")
    add(np.linalg.qr, lambda x: np.linalg.qr(x, mode="r"), _at, label=f"r {_label}")
    add(linalg.q_beside_r, linalg.q_beside_r, _at, label=_label, domain="leading columns independent")
add(np.linalg.svd, lambda x: together(np.linalg.svd(x)), numbers((3, 3)), label="full, square", domain=_apart)
for _shape in ((4, 2), (2, 4), (2, 3, 2), (0, 2)):
    add(
        np.linalg.svd,
        lambda x: together(leading(*np.linalg.svd(x))),
        numbers(_shape, seed="svd"),
        label=f"full, leading {_shape}",
        domain=_apart,
    )
    add(
        linalg.beyond_the_smaller_side,
        lambda x: 0.0 * linalg.beyond_the_smaller_side(x),
        numbers(_shape),
        label=f"unused {_shape}",
    )
add(np.linalg.qr, lambda x: together(np.linalg.qr(x, mode="complete")), numbers((2, 3)), label="complete")

# Values that are equal, and functions that do not mind
add(np.linalg.eigvalsh, lambda x: np.sum(np.linalg.eigvalsh(symmetric(x)) ** 3), np.eye(3), label="equal", order=1)
add(np.linalg.svdvals, lambda x: np.sum(np.linalg.svdvals(x) ** 4), np.eye(3), label="equal", order=1)
add(np.linalg.svdvals, lambda x: np.sum(np.linalg.svdvals(x) ** 4), _rank_one, label="one is 0")

# Norms and conditions
for _ord in ("fro", "nuc", 1, -1, 2, -2, np.inf, -np.inf):
    for _keepdims in (False, True):
        add(
            np.linalg.matrix_norm,
            lambda x, o=_ord, k=_keepdims: np.linalg.matrix_norm(x, ord=o, keepdims=k),
            numbers((2, 3, 4)),
            label=f"{_ord} {_keepdims}",
        )
for _p in (None, 2, -2, 1, -1, "fro", np.inf, -np.inf):
    for _at in _square[1:]:
        add(
            np.linalg.cond,
            lambda x, p=_p: np.linalg.cond(x, p),
            _at + numbers(_at.shape, 0.1, 0.7, "no two sums alike") ** 2,
            label=f"{_p} {_at.shape}",
            domain=_not_singular,
        )
add(np.linalg.cond, np.linalg.cond, numbers((4, 2)), label="not square", domain="matrices of full rank")
