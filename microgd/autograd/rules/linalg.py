"""Rules of np.linalg: inverses, determinants, decompositions and what is made of them. All take stacks of matrices.

Functions of a symmetric matrix (cholesky, eigh) read one triangle only; their gradient is the symmetric one, which is
right for every symmetric change of the matrix. Where there is no derivative (a singular matrix, eigenvectors of equal
eigenvalues), the backward pass raises np.linalg.LinAlgError and says why.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..arrays import beside, kind
from .indexing import scatter
from .products import swapped
from .reductions import largest_of
from .table import Constant, composite, constant, primitive, refused, rule

EPSILON = math.ulp(1.0)


def real(x: Any, function: str) -> Any:
    """Return a matrix, or say that a function's derivative is known for real matrices only."""
    if np.iscomplexobj(x):
        raise NotImplementedError(f"{function} has a derivative for real matrices only, but got a complex one.")
    return x


def as_columns(x: Any) -> Any:
    """Return a vector, or a stack of vectors, as a matrix of one column."""
    return np.expand_dims(x, -1)


def symmetric(x: Any) -> Any:
    """Return the symmetric part of a matrix."""
    return 0.5 * (x + swapped(x))


# Inverses and equations -----------------------------------------------------------------------------------------------


def d_solve_right(g: Any, y: Any, a: Any, b: Any) -> Any:
    """A⁻ᵀ G."""
    if np.ndim(b) == 1:
        return np.squeeze(np.linalg.solve(swapped(a), as_columns(g)), axis=-1)
    return np.linalg.solve(swapped(a), g)


def d_solve_left(g: Any, y: Any, a: Any, b: Any) -> Any:
    """-A⁻ᵀ G Xᵀ."""
    right = d_solve_right(g, y, a, b)
    if np.ndim(b) == 1:
        return -as_columns(right) * np.expand_dims(y, -2)
    return -np.matmul(right, swapped(y))


def d_pinv(g: Any, y: Any, a: Any, rcond: Any = None, hermitian: bool = False, rtol: Any = None) -> Any:
    """The derivative among matrices of the same rank: -Pᵀ G Pᵀ + (I - A P) Gᵀ P Pᵀ + Pᵀ P Gᵀ (I - P A)."""
    real(a, "np.linalg.pinv")
    m, n = np.shape(a)[-2:]
    left = np.matmul(np.eye(m, like=kind(g)) - np.matmul(a, y), np.matmul(swapped(g), np.matmul(y, swapped(y))))
    right = np.matmul(np.matmul(np.matmul(swapped(y), y), swapped(g)), np.eye(n, like=kind(g)) - np.matmul(y, a))
    return left + right - np.matmul(np.matmul(swapped(y), g), swapped(y))


rule(np.linalg.inv, lambda g, y, a: -np.matmul(np.matmul(swapped(y), g), swapped(y)))
rule(np.linalg.solve, d_solve_left, d_solve_right)
rule(np.linalg.pinv, d_pinv)


@composite(np.linalg.lstsq)
def lstsq(a: Any, b: Any, rcond: Constant = None) -> tuple[Any, Any, int, Any]:
    """Multiply with the pseudo-inverse."""
    m, n = np.shape(a)
    threshold = EPSILON * max(m, n) if rcond is None else rcond
    x = np.matmul(np.linalg.pinv(a, rtol=threshold), b)
    singular_values = np.linalg.svdvals(a)
    rank = int(np.linalg.matrix_rank(a, rtol=threshold))
    overdetermined = rank == n < m
    residuals = np.atleast_1d(np.sum((b - np.matmul(a, x)) ** 2, axis=0)) if overdetermined else np.zeros(0)
    return x, residuals, rank, singular_values


@composite(np.linalg.tensorinv)
def tensorinv(a: Any, ind: int = 2) -> Any:
    """Invert the array as the matrix that it is."""
    before, after = np.shape(a)[:ind], np.shape(a)[ind:]
    return np.reshape(np.linalg.inv(np.reshape(a, (int(np.prod(before)), -1))), after + before)


@composite(np.linalg.tensorsolve)
def tensorsolve(a: Any, b: Any, axes: Constant = None) -> Any:
    """Solve with the array as the matrix that it is."""
    if axes is not None:
        moved = [axis % np.ndim(a) for axis in axes]
        a = np.transpose(a, [axis for axis in range(np.ndim(a)) if axis not in moved] + moved)
    shape = np.shape(a)[np.ndim(b) :]
    return np.reshape(np.linalg.solve(np.reshape(a, (-1, int(np.prod(shape)))), np.ravel(b)), shape)


# Determinants ---------------------------------------------------------------------------------------------------------


@primitive
def cofactors(a: Any) -> Any:
    """Return the derivative of det(a): det(a) A⁻ᵀ where a has an inverse, and its limit where it has none."""
    u, s, vh = np.linalg.svd(a)
    others = np.where(np.eye(np.shape(a)[-1], dtype=bool, like=kind(a)), 1.0, np.expand_dims(s, -2))
    sign = np.linalg.det(u) * np.linalg.det(vh)
    return sign[..., None, None] * np.matmul(u * np.expand_dims(np.prod(others, axis=-1), -2), vh)


def d_cofactors(g: Any, y: Any, a: Any) -> Any:
    """Each cofactor is the determinant, with a sign, of the matrix without one row and one column."""
    shape = np.shape(a)
    n = shape[-1]
    if n < 2:
        return np.zeros(shape, like=kind(g))
    kept = np.array([[j for j in range(n) if j != i] for i in range(n)])
    index = (..., kept[:, None, :, None], kept[None, :, None, :])
    signs = beside((-1.0) ** np.add.outer(np.arange(n), np.arange(n)), g)
    return scatter((g * signs)[..., None, None] * cofactors(a[index]), index=index, shape=shape)


def d_det(g: Any, y: Any, a: Any) -> Any:
    """The determinant times A⁻ᵀ; the cofactors where a matrix is singular."""
    g = np.reshape(g, (*np.shape(g), 1, 1))
    if np.all(np.not_equal(y, 0)):
        return g * np.reshape(y, np.shape(g)) * swapped(np.linalg.inv(a))
    return g * cofactors(real(a, "np.linalg.det, at a singular matrix,"))


@primitive
def logarithm_of_determinant(a: Any) -> Any:
    """Return log |det(a)|."""
    return np.linalg.slogdet(a)[1]


@primitive
def sign_of_determinant(a: Any) -> Any:
    """Return 1, -1 or 0."""
    return np.linalg.slogdet(a)[0]


def d_logarithm_of_determinant(g: Any, y: Any, a: Any) -> Any:
    """A⁻ᵀ."""
    if np.any(np.equal(y, -np.inf)):
        raise np.linalg.LinAlgError(
            "np.linalg.slogdet has no derivative at a singular matrix, whose log |det| is -inf; np.linalg.det has one."
        )
    return np.reshape(g, (*np.shape(g), 1, 1)) * swapped(np.linalg.inv(a))


@composite(np.linalg.slogdet)
def slogdet(a: Any) -> Any:
    """Return the sign, which is constant, and the logarithm."""
    real(a, "np.linalg.slogdet")
    return type(np.linalg.slogdet(np.eye(1)))(sign_of_determinant(a), logarithm_of_determinant(a))


rule(cofactors, d_cofactors)
rule(np.linalg.det, d_det)
rule(logarithm_of_determinant, d_logarithm_of_determinant)
constant(sign_of_determinant)


# Decompositions -------------------------------------------------------------------------------------------------------


def d_cholesky(g: Any, y: Any, a: Any, upper: bool = False) -> Any:
    """The symmetric part of L⁻ᵀ Φ(Lᵀ G) L⁻¹, where Φ takes the lower triangle and half of the diagonal."""
    real(a, "np.linalg.cholesky")
    factor, g = (swapped(y), swapped(g)) if upper else (y, g)
    n = np.shape(a)[-1]
    phi = np.matmul(swapped(factor), g) * beside(np.tri(n) - 0.5 * np.eye(n), g)
    half = np.linalg.solve(swapped(factor), phi)
    return symmetric(swapped(np.linalg.solve(swapped(factor), swapped(half))))


@primitive
def eigenvalues_above_vectors(a: Any, UPLO: Any = "L") -> Any:
    """Return the eigenvalues of a symmetric matrix as a row, above the matrix of the eigenvectors."""
    w, v = np.linalg.eigh(a, UPLO)
    return np.concatenate([np.expand_dims(w, -2), v], axis=-2)


@primitive
def off_diagonal_ties(values: Any) -> Any:
    """Return which pairs of values are equal but for rounding, as a matrix with False on the diagonal."""
    n = np.shape(values)[-1]
    gap = np.abs(np.expand_dims(values, -2) - np.expand_dims(values, -1))
    largest = largest_of(np.abs(values), -1, least=0.0)[..., None]
    return (gap <= n * EPSILON * largest) & ~np.eye(n, dtype=bool, like=kind(values))


@primitive
def null_values(s: Any, larger_side: int) -> Any:
    """Return which singular values are 0 but for rounding, as np.linalg.matrix_rank has it."""
    return s <= larger_side * EPSILON * largest_of(s, -1, least=0.0)


@primitive
def matters(x: Any, beside: Any) -> Any:
    """Return which elements are not 0 but for rounding."""
    largest = largest_of(np.abs(beside), None, keepdims=False, least=0.0)
    return np.abs(x) > max(*np.shape(beside)[-2:]) * EPSILON * largest


constant(off_diagonal_ties, null_values, matters)


def over_differences(numerator: Any, values: Any, squares: bool, what: str) -> Any:
    """Return N_ij / (v_j - v_i), or over the difference of the squares; 0 on the diagonal, and for ties not used."""
    row, column = np.expand_dims(values, -2), np.expand_dims(values, -1)
    ties = off_diagonal_ties(values)
    if np.any(np.any(ties, axis=-2) & np.any(matters(numerator, numerator), axis=-2)):
        raise np.linalg.LinAlgError(
            f"two {what} are equal, so the vectors that belong to them are any basis of a plane: they have no "
            f"derivative. A function of the {what} alone has one (np.linalg.eigvalsh, np.linalg.svdvals)."
        )
    left_out = ties | np.eye(np.shape(values)[-1], dtype=bool, like=kind(values))
    gap = (row - column) * (row + column) if squares else row - column
    return np.where(left_out, 0.0, numerator / np.where(left_out, 1.0, gap))


def d_eigenvalues_above_vectors(g: Any, y: Any, a: Any, UPLO: str = "L") -> Any:
    """V (diag(g_w) + F ∘ Vᵀ g_V) Vᵀ, its symmetric part, where F_ij = 1 / (w_j - w_i)."""
    w, v = y[..., 0, :], y[..., 1:, :]
    inner = over_differences(np.matmul(swapped(v), g[..., 1:, :]), w, False, "eigenvalues")
    inner = inner + np.expand_dims(g[..., 0, :], -2) * np.eye(np.shape(w)[-1], like=kind(w))
    return symmetric(np.matmul(np.matmul(v, inner), swapped(v)))


@composite(np.linalg.eigh)
def eigh(a: Any, UPLO: Constant = "L") -> Any:
    """Slice the one result into two."""
    both = eigenvalues_above_vectors(real(a, "np.linalg.eigh"), UPLO=UPLO)
    return type(np.linalg.eigh(np.eye(1)))(both[..., 0, :], both[..., 1:, :])


def d_eigvalsh(g: Any, y: Any, a: Any, UPLO: Any = "L") -> Any:
    """V diag(g) Vᵀ."""
    v = np.linalg.eigh(real(a, "np.linalg.eigvalsh"), UPLO=UPLO)[1]
    return np.matmul(v * np.expand_dims(g, -2), swapped(v))


@primitive
def left_values_right(a: Any, full_matrices: bool = False) -> Any:
    """Return the reduced singular value decomposition, one above the other: U, the row of singular values, and V."""
    u, s, vh = np.linalg.svd(a, full_matrices=full_matrices)
    k = np.shape(s)[-1]
    return np.concatenate([u[..., :k], np.expand_dims(s, -2), swapped(vh)[..., :k]], axis=-2)


def d_left_values_right(g: Any, y: Any, a: Any, full_matrices: bool = False) -> Any:
    """Townsend's formula, with F_ij = 1 / (s_j² - s_i²)."""
    m, n = np.shape(a)[-2:]
    u, s, v = y[..., :m, :], y[..., m, :], y[..., m + 1 :, :]
    gu, gs, gv = g[..., :m, :], g[..., m, :], g[..., m + 1 :, :]
    row, column = np.expand_dims(s, -2), np.expand_dims(s, -1)
    null = np.expand_dims(null_values(s, max(m, n)), -2)
    left, right = np.matmul(swapped(u), gu), np.matmul(swapped(v), gv)

    def outside(basis: Any, cotangent: Any, within: Any) -> Any:
        """The part of a cotangent outside the span of the basis, over the singular values."""
        rest = cotangent - np.matmul(basis, within)
        rest = rest if np.shape(basis)[-2] > np.shape(basis)[-1] else np.zeros_like(rest)
        if np.any(null & matters(rest, cotangent)):
            raise np.linalg.LinAlgError(
                "a singular value is 0, so the vectors that belong to it are any that the matrix takes to 0: they have "
                "no derivative. A function of the singular values alone has one (np.linalg.svdvals)."
            )
        return np.where(null, 0.0, rest / np.where(null, 1.0, row))

    # Asking for each side apart finds a use of vectors of equal values that would cancel in the difference.
    from_left = over_differences(left, s, True, "singular values")
    from_right = over_differences(right, s, True, "singular values")
    inner = (from_left + swapped(from_left)) * row + column * (from_right + swapped(from_right))
    inner = inner + np.where(null, 0.0, np.expand_dims(gs, -2)) * np.eye(np.shape(s)[-1], like=kind(s))
    whole = np.matmul(np.matmul(u, inner), swapped(v))
    whole = whole + np.matmul(outside(u, gu, left), swapped(v))
    return whole + np.matmul(u, swapped(outside(v, gv, right)))


@primitive
def beyond_the_smaller_side(a: Any) -> Any:
    """Return the singular vectors of a matrix that is not square to which no singular value belongs, as columns."""
    u, s, vh = np.linalg.svd(a)
    k = np.shape(s)[-1]
    return u[..., k:] if np.shape(u)[-1] > k else swapped(vh)[..., k:]


def d_beyond_the_smaller_side(g: Any, y: Any, a: Any) -> Any:
    """Nothing from those that are left out; for the others there is none, as the matrix does not determine them."""
    if np.any(np.not_equal(g, 0.0)):
        raise np.linalg.LinAlgError(
            f"np.linalg.svd of a matrix of shape {np.shape(a)[-2:]} with full_matrices=True returns vectors that the "
            "matrix does not determine: they have no derivative. Pass full_matrices=False, or leave them out."
        )
    return 0.0 * a


@composite(np.linalg.svd)
def svd(a: Any, full_matrices: bool = True, compute_uv: bool = True, hermitian: bool = False) -> Any:
    """Slice the one result into three."""
    m, n = np.shape(a)[-2:]
    if not compute_uv:
        return np.linalg.svdvals(a)
    every = left_values_right(real(a, "np.linalg.svd"), full_matrices=full_matrices)
    u, s, v = every[..., :m, :], every[..., m, :], every[..., m + 1 :, :]
    if full_matrices and m != n:
        rest = beyond_the_smaller_side(a)
        u, v = (np.concatenate([u, rest], axis=-1), v) if m > n else (u, np.concatenate([v, rest], axis=-1))
    return type(np.linalg.svd(np.eye(1)))(u, s, swapped(v))


def d_svdvals(g: Any, y: Any, x: Any) -> Any:
    """U diag(g) Vᵀ; a singular value of 0 counts as |x| at 0 does: not at all."""
    u, _, vh = np.linalg.svd(real(x, "np.linalg.svdvals"), full_matrices=False)
    weight = np.where(null_values(y, max(np.shape(x)[-2:])), 0.0, g)
    return np.matmul(u * np.expand_dims(weight, -2), vh)


@primitive
def q_beside_r(a: Any) -> Any:
    """Return the reduced QR decomposition side by side: Qᵀ and R."""
    q, r = np.linalg.qr(a)
    return np.concatenate([swapped(q), r], axis=-1)


def d_q_beside_r(g: Any, y: Any, a: Any) -> Any:
    """(g_Q + Q copyltu(R g_Rᵀ - g_Qᵀ Q)) R⁻ᵀ for the leading square; what is right of it is Q times a part of R."""
    m, n = np.shape(a)[-2:]
    k = min(m, n)
    q, r, rest = swapped(y[..., :m]), y[..., m : m + k], y[..., m + k :]
    gq, gr, grest = swapped(g[..., :m]), g[..., m : m + k], g[..., m + k :]
    diagonal = np.abs(np.diagonal(r, axis1=-2, axis2=-1))
    if np.any(null_values(diagonal, max(m, n))):
        raise np.linalg.LinAlgError(
            "np.linalg.qr has no derivative where the leading columns of the matrix depend on each other (a zero on "
            "the diagonal of R)."
        )
    if n > k:
        gq = gq + np.matmul(np.matmul(q, rest), swapped(grest))
    inner = np.matmul(r, swapped(gr)) - np.matmul(swapped(gq), q)
    lower = inner * np.tri(k, like=kind(g))
    inner = lower + swapped(inner * np.tri(k, k=-1, like=kind(g)))
    leading = swapped(np.linalg.solve(r, swapped(gq + np.matmul(q, inner))))
    return leading if n == k else np.concatenate([leading, np.matmul(q, grest)], axis=-1)


@composite(np.linalg.qr)
def qr(a: Any, mode: str = "reduced") -> Any:
    """Slice the one result into two."""
    m, n = np.shape(a)[-2:]
    if mode not in ("reduced", "complete", "r") or (mode == "complete" and m > n):
        raise NotImplementedError(
            f"np.linalg.qr(mode={mode!r}) of a matrix of shape {(m, n)} has no derivative: supported are 'reduced' and "
            "'r', and 'complete' where the matrix has no more rows than columns."
        )
    both = q_beside_r(real(a, "np.linalg.qr"))
    q, r = swapped(both[..., :m]), both[..., m:]
    r = np.triu(r)
    return r if mode == "r" else type(np.linalg.qr(np.eye(1)))(q, r)


rule(np.linalg.cholesky, d_cholesky)
rule(eigenvalues_above_vectors, d_eigenvalues_above_vectors)
rule(np.linalg.eigvalsh, d_eigvalsh)
rule(left_values_right, d_left_values_right)
rule(beyond_the_smaller_side, d_beyond_the_smaller_side)
rule(np.linalg.svdvals, d_svdvals)
rule(q_beside_r, d_q_beside_r)
refused(
    "a matrix in general has complex ones. For a symmetric one write np.linalg.eigh or np.linalg.eigvalsh.",
    np.linalg.eig,
    np.linalg.eigvals,
)


# Made of these --------------------------------------------------------------------------------------------------------


@composite(np.linalg.matrix_norm)
def matrix_norm(x: Any, /, *, keepdims: bool = False, ord: Constant = "fro") -> Any:
    """Take the norm over the last two axes."""
    return np.linalg.norm(x, axis=(-2, -1), keepdims=keepdims, ord=ord)


@composite(np.linalg.cond)
def cond(x: Any, p: Constant = None) -> Any:
    """Divide the largest singular value by the smallest, or multiply the norms of the matrix and its inverse."""
    if p is None or p in (2, -2):
        s = np.linalg.svdvals(x)
        return s[..., -1] / s[..., 0] if p == -2 else s[..., 0] / s[..., -1]
    return np.linalg.norm(x, ord=p, axis=(-2, -1)) * np.linalg.norm(np.linalg.inv(x), ord=p, axis=(-2, -1))


@composite(np.linalg.matrix_power)
def matrix_power(a: Any, n: int) -> Any:
    """Square, and multiply the squares that the binary digits of n ask for."""
    if n == 0:
        return np.broadcast_to(np.eye(np.shape(a)[-1]), np.shape(a))
    square, left, product = np.linalg.inv(a) if n < 0 else a, abs(n), None
    while left:
        if left & 1:
            product = square if product is None else np.matmul(product, square)
        left >>= 1
        square = np.matmul(square, square) if left else square
    return product


@composite(np.linalg.multi_dot)
def multi_dot(arrays: Any) -> Any:
    """Multiply in the order that takes the fewest multiplications."""
    shapes = [np.shape(x) for x in arrays]
    first = (1, *shapes[0]) if len(shapes[0]) == 1 else shapes[0]
    lengths = [*first, *((*shape, 1)[1] for shape in shapes[1:])]
    cheapest: dict[tuple[int, int], tuple[int, int]] = {(i, i): (0, i) for i in range(len(arrays))}
    for span in range(1, len(arrays)):
        for i in range(len(arrays) - span):
            j = i + span
            cheapest[i, j] = min(
                (cheapest[i, k][0] + cheapest[k + 1, j][0] + lengths[i] * lengths[k + 1] * lengths[j + 1], k)
                for k in range(i, j)
            )

    def product(i: int, j: int) -> Any:
        cut = cheapest[i, j][1]
        return arrays[i] if i == j else np.dot(product(i, cut), product(cut + 1, j))

    return product(0, len(arrays) - 1)


constant(np.linalg.matrix_rank)
