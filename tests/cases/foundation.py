"""Cases of the functions that the foundation has."""

from __future__ import annotations

from typing import Any

import numpy as np

import microgd as mg
from microgd.autograd.rules import fused, indexing, shaping
from microgd.autograd.rules.elementwise import exponent_slope, quotient

from .table import BROADCASTS, PIECEWISE_CONSTANT, add, binary, numbers, reduction, unary

_function: Any
_index: Any
_a: Any
_b: Any


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
add(np.clip, np.clip, numbers((2, 3)), numbers((3,), 0.5, 1.0), np.array([-1.0, 0.2, 2.0]), label="limits cross")
add(np.clip, lambda x, high: np.clip(x, None, high), numbers((2, 3)), numbers((3,), seed="high"), label="one Value")

# Reductions
for _function in (np.sum, np.mean, np.max, np.min, mg.logsumexp):
    reduction(_function)
reduction(np.prod, 0.5, 1.5)
add(np.prod, np.prod, np.array([1.5, 0.0, -2.0]), label="one zero")
add(np.prod, lambda x: np.prod(x, axis=0), 1.5, label="of a number, axis 0")
for _function in (mg.softmax, mg.logsumexp):
    add(_function, lambda x, f=_function: f(x, axis=-1), numbers((2, 0, 0)), label="empty, of nothing")
    add(_function, lambda x, f=_function: f(x, axis=0), numbers((2, 0)), label="empty")
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
for _index in ((), ..., None, True, np.array(True), np.array(False)):
    add(indexing.getitem, lambda x, i=_index: indexing.getitem(x, i), 1.5, label=f"{_index!r} of a number")
add(indexing.scatter, lambda x: indexing.scatter(x, index=[0, 2, 0], shape=(4,)), numbers((3,)))
add(indexing.scatter, lambda x: indexing.scatter(x, index=slice(1, 4), shape=(4,)), numbers((3,)), label="slice")
add(indexing.with_item, lambda x, v: indexing.with_item(x, 1, v), numbers((2, 3)), numbers((3,)))
add(indexing.with_item, lambda x, v: indexing.with_item(x, _mask, v), numbers((2, 3)), 0.5, label="mask")
for _index in ([1, 1, 0], (np.array([1, 0, 1]), np.array([2, 0, 2]))):
    add(
        indexing.with_item,
        lambda x, v, i=_index: indexing.with_item(x, i, v),
        numbers((3, 3)),
        numbers((3,)),
        label=f"one place twice, {_index}",
    )

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
