"""Rules of products of matrices and tensors."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..arrays import kind
from .table import composite, constant, rule

LETTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"


def swapped(x: Any) -> Any:
    """Return a matrix, or a stack of matrices, transposed."""
    return x.T if np.ndim(x) == 2 else np.swapaxes(x, -1, -2)


def d_matmul_left(g: Any, y: Any, a: Any, b: Any) -> Any:
    """G Bᵀ, and what that means where one of the two is a vector."""
    if np.ndim(b) == 1:
        return np.expand_dims(g, -1) * b
    if np.ndim(a) == 1:
        return np.squeeze(np.matmul(b, np.expand_dims(g, -1)), axis=-1)
    return np.matmul(g, swapped(b))


def d_matmul_right(g: Any, y: Any, a: Any, b: Any) -> Any:
    """Aᵀ G, and what that means where one of the two is a vector."""
    if np.ndim(a) == 1:
        return g * a if np.ndim(b) == 1 else np.expand_dims(g, -2) * np.expand_dims(a, -1)
    if np.ndim(b) == 1:
        return np.squeeze(np.matmul(swapped(a), np.expand_dims(g, -1)), axis=-1)
    return np.matmul(swapped(a), g)


def contracted(a: Any, b: Any, axes: Any) -> tuple[list[int], list[int]]:
    """Return the axes of each array that np.tensordot sums over, none negative."""
    if isinstance(axes, int):
        return list(range(np.ndim(a) - axes, np.ndim(a))), list(range(axes))
    of_a, of_b = (list(np.atleast_1d(part)) for part in axes)
    return [int(i) % np.ndim(a) for i in of_a], [int(i) % np.ndim(b) for i in of_b]


def d_tensordot_left(g: Any, y: Any, a: Any, b: Any, axes: Any = 2) -> Any:
    """The cotangent contracted with b over b's free axes, its axes put back where they were in a."""
    of_a, of_b = contracted(a, b, axes)
    free_a = [i for i in range(np.ndim(a)) if i not in of_a]
    free_b = [i for i in range(np.ndim(b)) if i not in of_b]
    product = np.tensordot(g, b, axes=(list(range(len(free_a), len(free_a) + len(free_b))), free_b))
    order = free_a + [of_a[i] for i in np.argsort(of_b)]  # which axis of a each axis of the product is
    return np.transpose(product, np.argsort(order)) if order else product


def d_tensordot_right(g: Any, y: Any, a: Any, b: Any, axes: Any = 2) -> Any:
    """The cotangent contracted with a over a's free axes, its axes put back where they were in b."""
    of_a, of_b = contracted(a, b, axes)
    free_a = [i for i in range(np.ndim(a)) if i not in of_a]
    free_b = [i for i in range(np.ndim(b)) if i not in of_b]
    product = np.tensordot(a, g, axes=(free_a, list(range(len(free_a)))))
    order = [of_b[i] for i in np.argsort(of_a)] + free_b
    return np.transpose(product, np.argsort(order)) if order else product


def dot_axes(a: Any, b: Any) -> tuple[list[int], list[int]]:
    """Return the axes that np.dot sums over, as np.tensordot names them."""
    return [np.ndim(a) - 1], [max(np.ndim(b) - 2, 0)]


def d_dot_left(g: Any, y: Any, a: Any, b: Any) -> Any:
    """As for np.tensordot; a product with a number is elementwise."""
    return d_tensordot_left(g, y, a, b, dot_axes(a, b)) if np.ndim(a) and np.ndim(b) else g * b


def d_dot_right(g: Any, y: Any, a: Any, b: Any) -> Any:
    """As for np.tensordot; a product with a number is elementwise."""
    return d_tensordot_right(g, y, a, b, dot_axes(a, b)) if np.ndim(a) and np.ndim(b) else g * a


rule(np.matmul, d_matmul_left, d_matmul_right)
rule(np.dot, d_dot_left, d_dot_right)
rule(np.tensordot, d_tensordot_left, d_tensordot_right)
rule(
    np.outer,
    lambda g, y, a, b: np.reshape(np.matmul(g, np.ravel(b)), np.shape(a)),
    lambda g, y, a, b: np.reshape(np.matmul(np.ravel(a), g), np.shape(b)),
)


@composite(np.inner)
def inner(a: Any, b: Any, /) -> Any:
    """Sum over the last axis of each."""
    return np.tensordot(a, b, axes=(-1, -1)) if np.ndim(a) and np.ndim(b) else a * b


@composite(np.vdot)
def vdot(a: Any, b: Any, /) -> Any:
    """Multiply the flattened arrays, the first conjugated."""
    return np.dot(np.ravel(conjugated(a)), np.ravel(b))


@composite(np.kron)
def kron(a: Any, b: Any) -> Any:
    """Multiply each element of a with the whole of b, its axes and b's in turn."""
    ndim = max(np.ndim(a), np.ndim(b))
    of_a, of_b = ((1,) * (ndim - np.ndim(x)) + np.shape(x) for x in (a, b))
    left = np.reshape(a, [n for length in of_a for n in (length, 1)])
    right = np.reshape(b, [n for length in of_b for n in (1, length)])
    return np.reshape(left * right, [n * m for n, m in zip(of_a, of_b, strict=True)])


@composite(np.cross)
def cross(a: Any, b: Any, axisa: int = -1, axisb: int = -1, axisc: int = -1, axis: int | None = None) -> Any:
    """Multiply the components in turn: a_2 b_3 - a_3 b_2, and so on round."""
    axisa, axisb, axisc = (axisa, axisb, axisc) if axis is None else (axis, axis, axis)
    a, b = np.moveaxis(a, axisa, -1), np.moveaxis(b, axisb, -1)
    if np.shape(a)[-1] != 3 or np.shape(b)[-1] != 3:
        raise ValueError(
            f"np.cross takes vectors of three components, but got {np.shape(a)[-1]} and {np.shape(b)[-1]}; "
            "for vectors in a plane write a[..., 0] * b[..., 1] - a[..., 1] * b[..., 0]."
        )
    one, two = [1, 2, 0], [2, 0, 1]
    return np.moveaxis(a[..., one] * b[..., two] - a[..., two] * b[..., one], -1, axisc)


def conjugated(x: Any) -> Any:
    """Return x, its conjugate where it is complex."""
    return np.conj(x) if np.iscomplexobj(x) else x


def vecdot(x1: Any, x2: Any, /, axis: int = -1) -> Any:
    """Multiply, and sum over one axis."""
    return np.sum(conjugated(np.moveaxis(x1, axis, -1)) * np.moveaxis(x2, axis, -1), axis=-1)


def matvec(x1: Any, x2: Any, /) -> Any:
    """Multiply with the vectors as columns."""
    return np.squeeze(np.matmul(x1, np.expand_dims(x2, -1)), axis=-1)


def vecmat(x1: Any, x2: Any, /) -> Any:
    """Multiply with the conjugated vectors as rows."""
    return np.squeeze(np.matmul(np.expand_dims(conjugated(x1), -2), x2), axis=-2)


for _steps in (vecdot, matvec, vecmat):
    if hasattr(np, _steps.__name__):  # the last two from NumPy 2.2 on
        composite(getattr(np, _steps.__name__))(_steps)


# The names that the array API standard gives them
composite(np.linalg.matmul)(lambda x1, x2, /: np.matmul(x1, x2))
composite(np.linalg.tensordot)(lambda x1, x2, /, *, axes=2: np.tensordot(x1, x2, axes=axes))
composite(np.linalg.outer)(lambda x1, x2, /: np.outer(x1, x2))
composite(np.linalg.cross)(lambda x1, x2, /, *, axis=-1: np.cross(x1, x2, axis=axis))
composite(np.linalg.vecdot)(lambda x1, x2, /, *, axis=-1: vecdot(x1, x2, axis))


# Einstein's summation -------------------------------------------------------------------------------------------------


def einsum_arguments(*operands: Any, **options: Any) -> Any:
    """Bind np.einsum's arguments: subscripts as text first, also where they came as a list after each operand."""
    if not isinstance(operands[0], str):
        letters = sorted(LETTERS)  # as NumPy sorts them, where it chooses the order of the result's axes

        def text(axes: Any) -> str:
            return "".join("..." if axis is Ellipsis else letters[axis] for axis in axes)

        count = len(operands) // 2
        terms = ",".join(text(operands[2 * i + 1]) for i in range(count))
        result = "->" + text(operands[-1]) if len(operands) % 2 else ""
        operands = (terms + result, *operands[: 2 * count : 2])
    return operands, options


def explicit_subscripts(subscripts: str, operands: tuple[Any, ...]) -> tuple[list[str], str]:
    """Return einsum's subscripts, one letter for each axis of each operand and of the result, with no dots."""
    left, arrow, right = subscripts.replace(" ", "").partition("->")
    terms = left.split(",")
    unused = [letter for letter in LETTERS if letter not in subscripts]
    dots = [
        np.ndim(x) - len(term.replace("...", "")) if "..." in term else 0
        for term, x in zip(terms, operands, strict=True)
    ]
    broadcast = "".join(unused[: max(dots)])
    spelled = [term.replace("...", broadcast[len(broadcast) - n :]) for term, n in zip(terms, dots, strict=True)]
    if arrow:
        return spelled, right.replace("...", broadcast)
    letters = left.replace("...", "").replace(",", "")
    return spelled, broadcast + "".join(sorted(letter for letter in set(letters) if letters.count(letter) == 1))


def d_einsum(argument: int, g: Any, y: Any, subscripts: str, *operands: Any, optimize: Any = False) -> Any:
    """The cotangent multiplied with the other operands, summed over what the operand does not have."""
    terms, result = explicit_subscripts(subscripts, operands)
    position = argument - 1
    wanted, x = terms[position], operands[position]
    others = [term for i, term in enumerate(terms) if i != position] + [result]
    arrays = [other for i, other in enumerate(operands) if i != position] + [g]
    unused = [letter for letter in LETTERS if letter not in "".join((*terms, result))]
    distinct = ""
    for axis, letter in enumerate(wanted):
        length = np.shape(x)[axis]
        if letter in distinct:  # a diagonal: a second name for the axis, tied to the first by an identity matrix
            twin = unused.pop()
            others.append(letter + twin)
            arrays.append(np.eye(length, like=kind(g)))
            letter = twin
        elif not any(letter in other for other in others):  # summed over: the same for every element
            others.append(letter)
            arrays.append(np.ones(length, like=kind(g)))
        distinct += letter
    found = np.einsum(",".join(others) + "->" + distinct, *arrays, optimize=bool(optimize))
    return np.broadcast_to(found, np.broadcast_shapes(np.shape(found), np.shape(x)))  # where the others have length 1


rule(np.einsum, variadic=d_einsum, bind=einsum_arguments)
constant(np.einsum_path)
