"""Functions that move, copy, join and sum elements, over shapes, axes, counts and index expressions drawn at random.

They are linear, so that what each does to the unit vectors says what its pullback must be: no differences, no tolerance
to speak of. Then programs of several such functions with others in between, checked against differences at two orders.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import microgd as mg
from microgd import Value, check_grads
from tests.cases import numbers
from tests.cases.table import together

Program = Callable[[Any], Any]
Shape = tuple[int, ...]
shapes = hnp.array_shapes(min_dims=1, max_dims=3, max_side=4)
PAD: Callable[..., Any] = np.pad


def check_linear(f: Program, shape: Shape) -> None:
    """Compare a linear function's value with NumPy's, and its pullback with the transpose of its matrix."""
    x = numbers(shape)
    value = f(Value(x))
    expected = np.asarray(f(x))
    np.testing.assert_allclose(value.data, expected, rtol=1e-13, atol=1e-13)
    if value.rule is None:  # nothing was done: the argument itself
        return
    size = int(np.prod(shape))
    constant = np.asarray(f(np.zeros(shape)))  # what a function puts in from outside
    matrix = np.array([(np.asarray(f(unit.reshape(shape))) - constant).ravel() for unit in np.eye(size)])
    cotangent = numbers(expected.shape, seed="g")
    _, pullback = mg.vjp(f, x)
    found = pullback(cotangent)[0]
    np.testing.assert_allclose(np.ravel(found), matrix @ np.ravel(cotangent), rtol=1e-12, atol=1e-12)


# One function at a time -----------------------------------------------------------------------------------------------


def draw_take(draw: st.DrawFn, shape: Shape) -> Program:
    axis = draw(st.sampled_from([None, *range(-len(shape), len(shape))]))
    length = int(np.prod(shape)) if axis is None else shape[axis]
    mode = draw(st.sampled_from(["raise", "wrap", "clip"]))
    low, high = (-length, length - 1) if mode == "raise" else (-9, 9)
    indices = draw(
        hnp.arrays(int, hnp.array_shapes(min_dims=0, max_dims=2, max_side=3), elements=st.integers(low, high))
    )
    return lambda x: np.take(x, indices, axis=axis, mode=mode)  # type: ignore[call-overload]


def draw_along(draw: st.DrawFn, shape: Shape) -> Program:
    axis = draw(st.integers(-len(shape), len(shape) - 1))
    wanted = list(shape)
    wanted[axis] = draw(st.integers(0, 3))
    indices = draw(hnp.arrays(int, tuple(wanted), elements=st.integers(0, shape[axis] - 1)))
    return lambda x: np.take_along_axis(x, indices, axis=axis)


def draw_repeat(draw: st.DrawFn, shape: Shape) -> Program:
    axis = draw(st.sampled_from([None, *range(-len(shape), len(shape))]))
    length = int(np.prod(shape)) if axis is None else shape[axis]
    counts = draw(st.integers(0, 3) | st.lists(st.integers(0, 2), min_size=length, max_size=length))
    return lambda x: np.repeat(x, counts, axis=axis)


def draw_tile(draw: st.DrawFn, shape: Shape) -> Program:
    reps = draw(st.integers(0, 3) | st.lists(st.integers(0, 2), max_size=4).map(tuple))
    return lambda x: np.tile(x, reps)


def draw_pad(draw: st.DrawFn, shape: Shape) -> Program:
    modes = ["constant", "edge", "linear_ramp", "mean", "reflect", "symmetric", "wrap"]
    options: dict[str, Any] = {"mode": draw(st.sampled_from(modes))}
    if options["mode"] in ("reflect", "symmetric"):
        options["reflect_type"] = draw(st.sampled_from(["even", "odd"]))
    if options["mode"] == "mean":
        options["stat_length"] = draw(st.none() | st.integers(1, 5))
    widths = st.tuples(st.integers(0, 6), st.integers(0, 6))
    options["pad_width"] = draw(st.lists(widths, min_size=len(shape), max_size=len(shape)))
    return lambda x: PAD(x, **options)


def draw_split(draw: st.DrawFn, shape: Shape) -> Program:
    axis = draw(st.integers(-len(shape), len(shape) - 1))
    places = draw(st.integers(1, 5) | st.lists(st.integers(-5, 5), max_size=3))
    return lambda x: together(np.array_split(x, places, axis=axis))


def draw_roll(draw: st.DrawFn, shape: Shape) -> Program:
    axes = st.lists(st.integers(-len(shape), len(shape) - 1), min_size=1, max_size=3).map(tuple)
    axis = draw(st.none() | st.integers(0, len(shape) - 1) | axes)
    shift = draw(st.integers(-7, 7))
    return lambda x: np.roll(x, shift, axis)


def draw_flip(draw: st.DrawFn, shape: Shape) -> Program:
    axes = st.lists(st.integers(0, len(shape) - 1), unique=True).map(tuple)
    axis = draw(st.none() | st.integers(-len(shape), -1) | axes)
    return lambda x: np.flip(x, axis)


def draw_transpose(draw: st.DrawFn, shape: Shape) -> Program:
    axes = draw(st.permutations(range(len(shape))))
    return lambda x: np.transpose(x, axes)


def draw_index(draw: st.DrawFn, shape: Shape) -> Program:
    index = draw(hnp.basic_indices(shape, allow_newaxis=True) | hnp.integer_array_indices(shape))
    return lambda x: x[index]


def draw_insert(draw: st.DrawFn, shape: Shape) -> Program:
    axis = draw(st.sampled_from([None, *range(-len(shape), len(shape))]))
    length = int(np.prod(shape)) if axis is None else shape[axis]
    places = draw(st.integers(-length, length) | st.lists(st.integers(0, length), min_size=1, max_size=3))
    return lambda x: np.insert(x, places, 1.5, axis=axis)


def draw_delete(draw: st.DrawFn, shape: Shape) -> Program:
    axis = draw(st.sampled_from([None, *range(-len(shape), len(shape))]))
    length = int(np.prod(shape)) if axis is None else shape[axis]
    places = draw(st.integers(-length, length - 1) | st.lists(st.integers(0, length - 1), min_size=1, max_size=3))
    return lambda x: np.delete(x, places, axis=axis)


def draw_resize(draw: st.DrawFn, shape: Shape) -> Program:
    wanted = draw(hnp.array_shapes(min_dims=1, max_dims=2, max_side=5))
    return lambda x: np.resize(x, wanted)


def draw_diagonal(draw: st.DrawFn, shape: Shape) -> Program:
    k = draw(st.integers(-3, 3))
    if len(shape) == 1:
        return lambda x: np.diag(x, k)
    first, second = draw(st.permutations(range(len(shape))))[:2]
    whole = getattr(np, draw(st.sampled_from(["trace", "diagonal"])))
    return lambda x: whole(x, k, first, second)


def draw_triangle(draw: st.DrawFn, shape: Shape) -> Program:
    function: Any = getattr(np, draw(st.sampled_from(["tril", "triu"])))
    k = draw(st.integers(-3, 3))
    return lambda x: function(x, k)


def draw_turn(draw: st.DrawFn, shape: Shape) -> Program:
    assume(len(shape) > 1)
    k, axes = draw(st.integers(-5, 5)), draw(st.permutations(range(len(shape))))[:2]
    return lambda x: np.rot90(x, k, (axes[0], axes[1]))


def draw_join(draw: st.DrawFn, shape: Shape) -> Program:
    functions: list[Callable[..., Any]] = [np.vstack, np.hstack, np.dstack, np.column_stack, np.concatenate, np.stack]
    function = draw(st.sampled_from(functions))
    assume(function is not np.column_stack or len(shape) < 3)
    return lambda x: function([x, 2.0 * x, np.ones_like(x)])


def draw_transform(draw: st.DrawFn, shape: Shape) -> Program:
    axis = draw(st.integers(-len(shape), len(shape) - 1))
    norm: Any = draw(st.sampled_from([None, "ortho", "forward"]))
    n = draw(st.none() | st.integers(2, 6))
    assume(n or shape[axis] > 1)
    part = draw(st.sampled_from([np.real, np.imag]))
    inverse = draw(st.booleans())
    if inverse:
        return lambda x: np.fft.irfft(x, n, axis, norm)
    return lambda x: part(np.fft.rfft(x, n, axis, norm))


DRAWN = [value for name, value in list(globals().items()) if name.startswith("draw_")]


@pytest.mark.parametrize("drawn", DRAWN, ids=lambda d: d.__name__)
@settings(max_examples=25, deadline=None)
@given(data=st.data(), shape=shapes)
def test_linear_functions_pull_back_as_their_matrix_says(drawn: Any, data: st.DataObject, shape: Shape) -> None:
    check_linear(data.draw(st.composite(drawn)(shape)), shape)


def test_a_wrong_pullback_is_noticed() -> None:
    check_linear(lambda x: np.roll(x, 1), (4,))
    with pytest.raises(AssertionError):
        check_linear(lambda x: np.roll(x, 1) if type(x) is Value else np.roll(x, -1), (4,))
    with pytest.raises(AssertionError):
        check_linear(lambda x: x * (1.0 + 1e-9 * (type(x) is Value)), (4,))


# Einstein's summation -------------------------------------------------------------------------------------------------


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_einsum_of_any_subscripts(data: st.DataObject) -> None:
    lengths = {letter: data.draw(st.integers(1, 3)) for letter in "ijkl"}
    terms = data.draw(st.lists(st.text("ijkl", max_size=3), min_size=1, max_size=3))
    used = sorted(set("".join(terms)))
    text = ",".join(terms)
    if data.draw(st.booleans()):
        text += "->" + "".join(data.draw(st.permutations(used))[: data.draw(st.integers(0, len(used)))])
    operands = [numbers(tuple(lengths[i] for i in term), seed=str(n)) for n, term in enumerate(terms)]
    optimize = data.draw(st.booleans())

    def f(*x: Any) -> Any:
        return np.einsum(text, *x, optimize=optimize)

    np.testing.assert_allclose(f(*map(Value, operands)).data, np.einsum(text, *operands), rtol=1e-12, atol=1e-13)
    check_grads(f, *operands, order=1)


# Programs -------------------------------------------------------------------------------------------------------------


def power_spectrum(x: Any) -> Any:
    transform = np.fft.fft(x, axis=0)
    return np.real(transform * np.conj(transform))  # smooth at 0, as the square of the magnitude is not


BETWEEN: tuple[Program, ...] = (
    np.sin,
    np.tanh,
    lambda x: x * x * 0.3,
    lambda x: np.exp(-x * x),
    lambda x: x / (1.5 + x * x),
    lambda x: x + np.mean(x, axis=0),
    lambda x: x * np.sum(x, axis=-1, keepdims=True) * 0.2,
    lambda x: np.matmul(np.swapaxes(x, -1, -2), x) * 0.2 if np.ndim(x) > 1 else np.outer(x, x),
    lambda x: np.where(x > 0, x * x, np.sin(x)),
    lambda x: power_spectrum(x) * 0.1,
    lambda x: mg.softmax(x, axis=0),
    lambda x: np.cumsum(x, axis=0),
)


@settings(max_examples=60, deadline=None)
@given(data=st.data(), shape=shapes)
def test_programs_of_several_steps(data: st.DataObject, shape: Shape) -> None:
    program: list[Program] = []
    x = numbers(shape)
    for _ in range(data.draw(st.integers(2, 4))):
        step = data.draw(st.composite(data.draw(st.sampled_from(DRAWN)))(np.shape(x)))
        for part in (step, data.draw(st.sampled_from(BETWEEN))):
            assume(0 < np.size(x) <= 200 and 0 < np.ndim(x) <= 3)
            x = part(x)
            program.append(part)
    assume(0 < np.size(x) <= 500)

    def run(x: Any) -> Any:
        for part in program:
            x = part(x)
        return x

    check_grads(run, numbers(shape), order=2)
