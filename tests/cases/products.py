"""Cases of products of vectors, matrices and tensors, beyond those of the foundation."""

from __future__ import annotations

from typing import Any

import numpy as np

from .table import add, numbers

_function: Any
_shapes: Any


def pairs(function: Any, *shapes: tuple[tuple[int, ...], tuple[int, ...]], **options: Any) -> None:
    """Add a case for each pair of shapes."""
    for left, right in shapes:
        a, b = numbers(left, seed="a"), numbers(right, seed="b")
        add(function, lambda a, b: function(a, b, **options), a, b, label=f"{left} {right} {options}")
    left, right = shapes[-1]
    b = numbers(right, seed="b")
    add(function, lambda a: function(a, b, **options), numbers(left), label=f"{left} with a constant {right} {options}")


pairs(np.inner, ((), ()), ((), (3,)), ((2, 3), ()), ((3,), (3,)), ((2, 3), (3,)), ((2, 3), (4, 3)), ((2, 1, 3), (2, 3)))
pairs(np.vdot, ((), ()), ((3,), (3,)), ((2, 3), (3, 2)), ((0,), (0,)))
pairs(np.kron, ((), (2,)), ((2,), (3,)), ((2, 3), (2,)), ((2,), (2, 3)), ((2, 2), (3, 1)), ((2, 1, 2), (2, 2)))
pairs(np.cross, ((3,), (3,)), ((2, 3), (3,)), ((2, 1, 3), (2, 3)))
pairs(np.cross, ((3, 2), (3, 2)), axis=0)
pairs(np.cross, ((3, 2), (2, 3)), axisa=0, axisc=0)
pairs(np.linalg.cross, ((3,), (3,)), ((2, 3), (2, 3)))
pairs(np.linalg.cross, ((3, 2), (3, 1)), axis=0)
for _function in (np.vecdot, np.linalg.vecdot):
    pairs(_function, ((3,), (3,)), ((2, 3), (3,)), ((2, 1, 3), (2, 3)), ((0, 3), (3,)))
    pairs(_function, ((3, 2), (3, 2)), axis=0)
if hasattr(np, "matvec"):
    pairs(np.matvec, ((2, 3), (3,)), ((4, 2, 3), (3,)), ((2, 3), (4, 3)))
    pairs(np.vecmat, ((2,), (2, 3)), ((4, 2), (2, 3)), ((2,), (4, 2, 3)))
pairs(np.linalg.matmul, ((3,), (3,)), ((2, 3), (3, 2)), ((4, 2, 3), (3, 2)))
pairs(np.linalg.outer, ((2,), (3,)))
pairs(np.linalg.tensordot, ((2, 3), (2, 3)))
pairs(np.linalg.tensordot, ((2, 3), (3, 4)), axes=1)
pairs(np.vdot, ((2, 2), (4,)))
pairs(np.cross, ((0, 3), (3,)), ((1, 3), (2, 1, 3)))
pairs(np.kron, ((0, 2), (2, 1)), ((1, 1), (1, 2)))
pairs(np.inner, ((0, 3), (3,)), ((1, 1), (1, 1)))

for _shapes in (
    [(2, 3), (3, 2)],
    [(2, 3), (3, 4), (4, 1)],
    [(3,), (3, 2), (2, 4), (4,)],
    [(4, 1), (1, 5), (5, 2), (2,)],
):
    add(
        np.linalg.multi_dot,
        lambda *x: np.linalg.multi_dot(x),
        *(numbers(shape, seed=str(i)) for i, shape in enumerate(_shapes)),
        label=str(_shapes),
    )
_stack = numbers((2, 3, 3)) + 2 * np.eye(3)
for _n in (1, 2, 3, 5, 8, -1, -3):
    add(np.linalg.matrix_power, lambda x, n=_n: 1.5 * np.linalg.matrix_power(x, n), _stack, label=str(_n))

# Einstein's summation: how it may be asked for
for _text, _shapes in (
    *(("ij , jk", [(2, 3), (3, 2)]), ("ii", [(3, 3)]), ("iij->ij", [(2, 2, 3)]), ("ijj,j->i", [(2, 3, 3), (3,)])),
    *(("i,j,k->", [(2,), (3,), (2,)]), (",i->i", [(), (3,)]), ("...ij,...jk", [(4, 2, 3), (3, 2)]), ("->", [()])),
    *(("ij,ij->ij", [(2, 1), (2, 3)]), ("ij,jk->ik", [(2, 3), (1, 2)]), ("...i,i...->...", [(2, 3), (3, 2)])),
    *(("ab,bc,cd,da->", [(2, 3), (3, 2), (2, 3), (3, 2)]), ("ij,kl->", [(2, 3), (2, 1)]), ("i,i->i", [(0,), (0,)])),
):
    for _optimize in (False, "greedy"):
        add(
            np.einsum,
            lambda *x, t=_text, o=_optimize: np.einsum(t, *x, optimize=o),
            *(numbers(shape, seed=str(k)) for k, shape in enumerate(_shapes)),
            label=f"{_text} optimize={_optimize} {_shapes}",
        )
_a, _b = numbers((2, 3)), numbers((3, 2), seed="b")
add(np.einsum, lambda a, b: np.einsum(a, [0, 1], b, [1, 2], [2, 0]), _a, _b, label="lists of axes")
add(np.einsum, lambda a, b: np.einsum(a, [27, 1], b, [1, 2]), _a, _b, label="lists of axes, none for the result")
add(np.einsum, lambda a, b: np.einsum(a, [..., 1], b, [1, ...], [...]), _a, _b, label="lists of axes and an ellipsis")
add(np.einsum, lambda a: np.einsum("ij,ij->i", a, a), _a, label="the same twice")

# Complex numbers between real ones
for _function in (np.matmul, np.vdot, np.inner, np.kron, np.vecdot, np.cross, np.outer, np.dot, np.tensordot):
    add(
        _function,
        lambda a, b, f=_function: np.real((2 - 1j) * f(a * (1 + 2j), b * 1j + np.sin(a))),
        *(numbers((3, 3)), numbers((3, 3), seed="b")),
        label="of complex numbers",
    )
add(
    np.einsum,
    lambda a, b: np.imag((2 - 1j) * np.einsum("ij,kj,j->i", a * (1 + 2j), b + 1j * a, b[0])),
    *(numbers((2, 3)), numbers((2, 3), seed="b")),
    label="of complex numbers",
)
