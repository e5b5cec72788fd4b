"""The table of cases: for each rule at least one call, with arguments inside the stated domain.

A case names the function whose rule it is for, the call, and its arguments. `test_rules.py` runs every check on every
case, and fails if a row of the table of rules has none.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

import microgd as mg
from microgd.autograd.rules import fused, indexing, shaping
from microgd.autograd.rules.elementwise import exponent_slope, quotient

Array = np.ndarray[Any, np.dtype[Any]]


@dataclass(frozen=True)
class Case:
    """A call of a function that has a rule."""

    function: Callable[..., Any]
    call: Callable[..., Any]
    args: tuple[Any, ...]
    label: str
    domain: str = "all numbers"
    order: int = field(default=2)

    def __str__(self) -> str:
        return f"{self.function.__name__}-{self.label}"


def numbers(shape: tuple[int, ...], low: float = -2.0, high: float = 2.0, seed: str = "") -> Any:
    """Return numbers between two limits, the same ones for the same arguments, none near another or near 0."""
    size = int(np.prod(shape))
    generator = np.random.default_rng(zlib.crc32(f"{shape}{low}{high}{seed}".encode()))
    steps = (generator.permutation(size) + generator.uniform(0.3, 0.7)) / max(size, 1)  # spread, so that none are equal
    found = low + (high - low) * steps
    found = np.where(np.abs(found) < 0.05, found + 0.1, found)
    return found.reshape(shape) if shape else float(found[0])


SHAPES: tuple[tuple[int, ...], ...] = ((), (3,), (0,), (1, 3), (2, 3), (2, 1, 2))
BROADCASTS: tuple[tuple[tuple[int, ...], tuple[int, ...]], ...] = (
    *(((), ()), ((3,), (3,)), ((3,), ()), ((), (3,)), ((2, 3), (3,)), ((2, 1), (1, 3)), ((1,), (2, 2)), ((0, 2), (2,))),
)
AXES: tuple[dict[str, Any], ...] = (
    *({}, {"axis": 0}, {"axis": -1}, {"axis": (0, 1)}, {"keepdims": True}, {"axis": (0, -1), "keepdims": True}),
)

CASES: list[Case] = []
PIECEWISE_CONSTANT = {
    np.floor,
    np.ceil,
    np.trunc,
    np.rint,
    np.round,
    np.sign,
    np.floor_divide,
}  # the derivative is zero

_function: Any
_index: Any
_a: Any
_b: Any


def add(function: Any, call: Any, *args: Any, label: str = "", domain: str = "all numbers", order: int = 2) -> None:
    """Add a case."""
    CASES.append(Case(function, call, args, label or str(tuple(map(np.shape, args))), domain, order))


def unary(function: Any, low: float = -2.0, high: float = 2.0) -> None:
    """Add cases for a function of one array, over all shapes, with numbers between two limits."""
    for shape in SHAPES:
        add(function, function, numbers(shape, low, high), domain=f"{low} to {high}")


def binary(function: Any, low: float = -2.0, high: float = 2.0) -> None:
    """Add cases for a function of two arrays, broadcast either way, and with a Python number on either side."""
    for left, right in BROADCASTS:
        args = numbers(left, low, high, "left"), numbers(right, low, high, "right")
        add(function, function, *args, domain=f"{low} to {high}")
    array = numbers((2, 3), low, high)
    add(function, lambda a: function(a, 1.5), array, label="number on the right", domain=f"{low} to {high}")
    add(function, lambda b: function(1.5, b), array, label="number on the left", domain=f"{low} to {high}")
    add(function, lambda a: function(a, a * 0.7 + 0.1), array, label="the same twice", domain=f"{low} to {high}")


def reduction(function: Any, low: float = -2.0, high: float = 2.0, **options: Any) -> None:
    """Add cases for a function that reduces axes."""
    for given in AXES:
        chosen = {**given, **options}
        add(function, lambda x, chosen=chosen: function(x, **chosen), numbers((2, 3, 2), low, high), label=str(chosen))
    add(function, lambda x: function(x, **options), numbers((4,), low, high), label=f"one axis {options}")


# Elementwise
for _function in (np.negative, np.positive, np.square, np.exp, np.exp2, np.expm1, np.sin, np.cos, np.tanh, np.sinh):
    unary(_function)
for _function in (np.cosh, np.arctan, np.arcsinh, np.absolute, mg.relu, mg.sigmoid, mg.softplus):
    unary(_function)
for _function in (np.log, np.log2, np.log10, np.log1p, np.sqrt, np.cbrt, np.reciprocal):
    unary(_function, 0.3, 3.0)
for _function in (np.tan, np.arcsin, np.arccos, np.arctanh):
    unary(_function, -0.9, 0.9)
unary(np.arccosh, 1.2, 3.0)
for _function in PIECEWISE_CONSTANT - {np.round, np.floor_divide}:
    unary(_function, 0.1, 0.4)
unary(np.round, 0.6, 0.9)
for _function in (np.add, np.subtract, np.multiply, np.maximum, np.minimum):
    binary(_function)
for _function in (np.divide, np.power, quotient):
    binary(_function, 0.5, 2.0)
for _function in (np.remainder, np.floor_divide):
    for _left, _right in BROADCASTS:  # quotients between 2 and 3, where neither has a jump
        add(_function, _function, numbers(_left, 5.2, 5.8), numbers(_right, 2.1, 2.5), domain="5.2 to 5.8, 2.1 to 2.5")
    add(_function, lambda a, f=_function: f(a, 2.2), numbers((3,), 5.2, 5.8), label="number on the right")
    add(_function, lambda b, f=_function: f(5.5, b), numbers((3,), 2.1, 2.5), label="number on the left")
add(np.power, lambda x: x**3, numbers((2, 3)), label="cube of either sign")
add(np.power, lambda x: x**2, numbers((2, 3)), label="square of either sign")
add(np.power, lambda x: x**-1.5, numbers((3,), 0.5, 2.0), label="negative exponent", domain="0.5 to 2")
add(exponent_slope, exponent_slope, numbers((3,), 0.5, 2.0), numbers((3,), 0.5, 2.0, "a"), domain="0.5 to 2")
for _left, _right in BROADCASTS:
    _condition = numbers(np.broadcast_shapes(_left, _right)) > 0
    add(np.where, lambda a, b, c=_condition: np.where(c, a, b), numbers(_left), numbers(_right, seed="b"))
for _limits in ((-0.5, 0.5), (None, 0.5), (-0.5, None)):
    add(np.clip, lambda x, m=_limits: np.clip(x, *m), numbers((2, 3)), label=str(_limits))
add(np.clip, np.clip, numbers((2, 3)), numbers((3,), -1.0, -0.4), 0.45, label="limits are Values")

# Reductions
for _function in (np.sum, np.mean, np.max, np.min, mg.logsumexp):
    reduction(_function)
reduction(np.prod, 0.5, 1.5)
add(np.prod, np.prod, np.array([1.5, 0.0, -2.0]), label="one zero")
add(np.prod, lambda x: np.prod(x, axis=1), np.array([[1.5, 0.0, 0.0], [2.0, 0.0, 3.0]]), label="two zeros", order=1)
for _function in (np.var, np.std):
    reduction(_function)
    reduction(_function, ddof=1)
for _axis in (0, -1, (0, 1)):
    add(mg.softmax, lambda x, a=_axis: mg.softmax(x, axis=a), numbers((2, 3)), label=f"axis {_axis}")

# Shaping
_block = numbers((2, 3, 2))
add(np.reshape, lambda x: np.reshape(x, (3, 4)), _block, label="shape")
add(np.reshape, lambda x: np.reshape(x, (-1,), order="F"), _block, label="columns first")
add(np.reshape, lambda x: np.reshape(x, ()), numbers((1,)), label="to a number")
add(np.ravel, np.ravel, _block)
add(np.transpose, np.transpose, _block)
add(np.transpose, lambda x: np.transpose(x, (1, -1, 0)), _block, label="axes")
add(np.swapaxes, lambda x: np.swapaxes(x, 0, -1), _block)
add(np.moveaxis, lambda x: np.moveaxis(x, 0, -1), _block)
add(np.expand_dims, lambda x: np.expand_dims(x, (0, 2)), numbers((2, 3)))
add(np.squeeze, np.squeeze, numbers((1, 3, 1)))
add(np.squeeze, lambda x: np.squeeze(x, axis=0), numbers((1, 3, 1)), label="axis")
add(np.broadcast_to, lambda x: np.broadcast_to(x, (4, 2, 3)), numbers((2, 1)))
add(shaping.astype, lambda x: shaping.astype(x, float), numbers((2, 3)))
add(np.concatenate, lambda a, b: np.concatenate([a, b]), numbers((2, 3)), numbers((1, 3)))
add(
    np.concatenate, lambda a, b: np.concatenate([a, b, a], axis=-1), numbers((2, 3)), numbers((2, 0)), label="last axis"
)
add(np.concatenate, lambda a, b: np.concatenate([a, b], axis=None), numbers((2, 3)), numbers((2,)), label="flat")
add(np.stack, lambda a, b: np.stack([a, b]), numbers((2, 3)), numbers((2, 3), seed="b"))
add(np.stack, lambda a, b: np.stack([a, b, a], axis=-1), numbers((2,)), numbers((2,), seed="b"), label="last axis")

# Indexing
_mask = np.array([[True, False, True], [False, True, True]])
for _index in (
    0,
    -1,
    (1, 2),
    slice(1, None),
    (slice(None), slice(None, None, -2)),
    (..., 1),
    None,
    (None, 1),
    [0, 1, 0],
):
    add(indexing.getitem, lambda x, i=_index: x[i], numbers((2, 3)), label=str(_index))
for _index in (_mask, np.array([1, 1, 0]), (np.array([0, 1]), np.array([2, 2])), (slice(None), [0, 0]), _mask[:, 0]):
    add(indexing.getitem, lambda x, i=_index: x[i], numbers((2, 3)), label=str(_index))
add(indexing.scatter, lambda x: indexing.scatter(x, index=[0, 2, 0], shape=(4,)), numbers((3,)))
add(indexing.scatter, lambda x: indexing.scatter(x, index=slice(1, 4), shape=(4,)), numbers((3,)), label="slice")
add(indexing.with_item, lambda x, v: indexing.with_item(x, v, index=1), numbers((2, 3)), numbers((3,)))
add(indexing.with_item, lambda x, v: indexing.with_item(x, v, index=_mask), numbers((2, 3)), 0.5, label="mask")

# Products
for _a, _b in (
    ((3,), (3,)),
    ((2, 3), (3,)),
    ((2,), (2, 3)),
    ((2, 3), (3, 2)),
    ((4, 2, 3), (3, 2)),
    ((2, 3), (4, 3, 2)),
):
    add(np.matmul, np.matmul, numbers(_a), numbers(_b, seed="b"))
for _a, _b in (((2, 1, 2, 3), (4, 3, 2)), ((3,), (4, 3, 2)), ((4, 2, 3), (3,)), ((0, 3), (3, 2)), ((2, 0), (0, 3))):
    add(np.matmul, np.matmul, numbers(_a), numbers(_b, seed="b"))
for _a, _b in (((), (3,)), ((3,), (3,)), ((2, 3), (3,)), ((2, 3), (3, 2)), ((2, 3), (4, 3, 2)), ((4, 2, 3), (3,))):
    add(np.dot, np.dot, numbers(_a), numbers(_b, seed="b"))
add(np.outer, np.outer, numbers((2,)), numbers((3,)))
add(np.outer, np.outer, numbers((2, 2)), numbers((3,)), label="flattened")
for _axes in (0, 1, 2, ([0], [1]), ([0, 1], [1, 0]), ((1, 0), (0, 1)), (-1, -2)):
    add(
        np.tensordot,
        lambda a, b, axes=_axes: np.tensordot(a, b, axes=axes),
        numbers((2, 2) if _axes == 2 else (2, 3, 2) if _axes == 1 else (3, 3, 3)),
        numbers((2, 2) if _axes == 2 else (2, 4) if _axes == 1 else (3, 3, 3), seed="b"),
        label=str(_axes),
    )
for _text, _shapes in (
    *(("ij,jk->ik", [(2, 3), (3, 2)]), ("ij,jk", [(2, 3), (3, 2)]), ("i,i", [(3,), (3,)]), ("ij->ji", [(2, 3)])),
    *(("ij->", [(2, 3)]), ("ii->i", [(3, 3)]), ("ii", [(3, 3)]), ("ij,j,k->ik", [(2, 3), (3,), (2,)])),
    *(("...i,...i->...", [(2, 3), (2, 3)]), ("i...,i->...", [(3, 2), (3,)]), ("bij,bjk->bik", [(2, 2, 3), (2, 3, 2)])),
):
    add(
        np.einsum,
        lambda *x, t=_text: np.einsum(t, *x),
        *(numbers(shape, seed=str(k)) for k, shape in enumerate(_shapes)),
        label=_text,
    )

# Steps taken as one
add(fused.affine, mg.affine, numbers((4, 3)), numbers((3, 2)), numbers((2,)))
add(fused.affine, mg.affine, numbers((2, 4, 3)), numbers((3, 2)), numbers((2,)), label="more axes")
add(fused.mean_square_of_difference, fused.mean_square_of_difference, numbers((4, 1)), numbers((4, 1), seed="b"))
add(fused.softmax_crossentropy, fused.softmax_crossentropy, numbers((3, 4), 0.1, 1.0), numbers((3, 4)))
add(fused.sum_of_products, lambda a, b, c, d: mg.sumprod([a, b], [c, d]), 1.0, 2.0, 3.0, 4.0)
