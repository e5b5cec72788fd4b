"""Small programs drawn at random, trees of several operations: their derivatives against finite differences."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

import microgd as mg

SHAPE = (3, 4)
PLACES = np.array([-1.1, -0.4, 0.3, 1.2])
HOLES = np.array([[1, 0, 1, 1], [1, 1, 1, 0], [0, 1, 1, 1]], dtype=bool)
Function = Callable[..., Any]


def with_holes(x: Any) -> Any:
    return np.where(HOLES, x, np.nan)


ALONG: tuple[dict[str, Any], ...] = (
    {"axis": 0, "keepdims": True},
    {"axis": -1, "keepdims": True},
    {"axis": (0, 1), "keepdims": True},
    {},
)
ONE: list[Function] = [
    *(np.sinc, np.i0, np.fabs, np.rad2deg, np.positive, np.conjugate, np.real, np.angle, np.ptp, np.unwrap),
    *(lambda x, f=f: f(x, axis=0) for f in (np.sort, np.cumsum, np.cumprod, np.maximum.accumulate)),
    *(lambda x, f=f: f(x, axis=1) for f in (np.sort, np.cumsum, np.cumprod, np.minimum.accumulate, np.gradient)),
    *(
        lambda x, f=f, o=o: f(x, **o)
        for o in ALONG
        for f in (np.std, np.var, np.median, np.max, np.linalg.norm, np.prod)
    ),
    *(
        lambda x, f=f, o=o: f(with_holes(x), **o)
        for o in ALONG
        for f in (np.nansum, np.nanmean, np.nanstd, np.nanmax, np.nanmedian, np.nanprod)
    ),
    *(lambda x, n=n: np.linalg.norm(x, n, axis=1, keepdims=True) for n in (1, 3, np.inf)),
    *(lambda x, n=n: np.linalg.norm(x, n) for n in (1, np.inf, "nuc", 2)),
    *(lambda x, q=q: np.quantile(x, q, axis=0) for q in (0.2, 0.77)),
    lambda x: np.percentile(x, 40, axis=1, keepdims=True, method="hazen"),
    lambda x: np.partition(x, 2, axis=1),
    lambda x: np.diff(x, axis=1, prepend=0.5),
    lambda x: np.trapezoid(x, PLACES, axis=1)[:, None],
    lambda x: np.interp(x, PLACES, PLACES**2),
    lambda x: np.corrcoef(x) @ x,
    lambda x: np.select([x > 0.5, x > -0.5], [x * x, np.sin(x)], default=-1.0),
    lambda x: np.piecewise(x, [x > 0], [np.exp, np.cos]),
    lambda x: np.sum(x, axis=0, where=HOLES),
    lambda x: np.nan_to_num(with_holes(x)),
    lambda x: np.fmod(x, 0.7),
    lambda x: x % 0.7,
    lambda x: np.frexp(x)[0],
    lambda x: np.modf(x)[0],
    lambda x: np.ldexp(x, 1),
]
TWO: list[Function] = [
    *(np.logaddexp, np.logaddexp2, np.hypot, np.arctan2, np.fmax, np.fmin, np.copysign, np.add, np.multiply),
    lambda x, y: np.float_power(np.fabs(x) + 0.5, y),
    lambda x, y: np.average(x, axis=0, weights=np.fabs(y) + 0.2),
    lambda x, y: np.reshape(np.convolve(np.ravel(x), np.ravel(y), mode="same"), SHAPE),
    lambda x, y: np.correlate(x[0], y[1], mode="same"),
    lambda x, y: np.cov(x[0], y[2])[0, 1],
    lambda x, y: np.interp(x, PLACES, y[0]),
    lambda x, y: np.quantile(x, np.fabs(np.sin(y[0, 0])), axis=1, keepdims=True),
    lambda x, y: np.polyval(y[0], x),
    lambda x, y: np.where(x > y, x, y * y),
    lambda x, y: np.clip(x, -0.5, np.fabs(y)),
]


OPERATIONS = (*ONE, *TWO)
WEIGHTS = np.random.default_rng(5).uniform(0.5, 1.5, size=SHAPE)
Plan = list[tuple[int, int, int]]


def program_of(plan: Plan) -> Function:
    """Return a program: operations, each on results of earlier ones, each result kept small by an arctangent."""

    def program(x: Any) -> Any:
        found = [x[0], x[1]]
        for number, i, j in plan:
            operands = found[-1 - i % len(found)], found[j % len(found)]
            result = OPERATIONS[number](*operands[: 1 if number < len(ONE) else 2])
            found.append(np.arctan(np.broadcast_to(result, SHAPE)))
        return np.sum(found[-1] * WEIGHTS)

    return program


def difference(f: Function, at: Any, direction: Any, h: float) -> Any:
    """Return the central difference of f in a direction, to fourth order."""
    sides = [f(at + k * h * direction) for k in (1, -1, 2, -2)]
    return (8 * (sides[0] - sides[1]) - (sides[2] - sides[3])) / (12 * h)


def agrees(found: Any, f: Function, at: Any, direction: Any) -> bool | None:
    """Return whether a derivative is what finite differences say; None where two steps disagree: near a kink."""
    coarse, fine = (difference(f, at, direction, h) for h in (2e-4, 1e-4))
    scale = 1.0 + np.max(np.abs(fine))
    if not np.max(np.abs(coarse - fine)) < 1e-7 * scale:
        return None
    return bool(np.max(np.abs(found - fine)) < 1e-6 * scale)


def verdict(program: Function, seed: int) -> bool | None:
    """Return whether gradient and Hessian are right at a random point; None near a kink, or where NumPy warns."""
    generator = np.random.default_rng(seed)
    at, direction = generator.uniform(-1.5, 1.5, size=(2, *SHAPE)), generator.uniform(-1.0, 1.0, size=(2, *SHAPE))
    try:
        program(at)
    except RuntimeWarning:  # the correlation of what is constant; warnings are errors in tests
        return None
    value, gradient = mg.value_and_grad(program)(at)
    np.testing.assert_allclose(value, program(at), rtol=1e-10, atol=1e-12)
    first = agrees(np.sum(gradient * direction), program, at, direction)
    return first and agrees(mg.hvp(program, at, direction), mg.grad(program), at, direction)


@settings(max_examples=150, deadline=None)
@given(
    plan=st.lists(st.tuples(st.sampled_from(range(len(OPERATIONS))), *[st.integers(0, 9)] * 2), min_size=2, max_size=5),
    seed=st.integers(0, 1000),
)
def test_programs_agree_with_finite_differences(plan: Plan, seed: int) -> None:
    right = verdict(program_of(plan), seed)
    assume(right is not None)
    assert right


@pytest.mark.parametrize("number", range(len(OPERATIONS)))
def test_each_operation_alone_agrees_at_one_of_a_few_points(number: int) -> None:
    assert next(
        right for right in (verdict(program_of([(number, 0, 0)]), seed) for seed in range(20)) if right is not None
    )


def test_a_fault_of_a_hundredth_of_a_percent_is_caught() -> None:
    program = program_of([(OPERATIONS.index(np.hypot), 0, 0)])
    at, direction = np.full((2, *SHAPE), 0.4), np.full((2, *SHAPE), 1.0)
    slope = np.sum(mg.grad(program)(at) * direction)
    assert agrees(slope, program, at, direction) is True
    assert agrees(1.0001 * slope, program, at, direction) is False
    assert agrees(0.0, lambda x: np.sum(np.abs(x)), 1e-4 * direction, direction) is None


@pytest.mark.parametrize("function", [np.linalg.norm, np.std, lambda x: np.hypot(x[0], x[1]), np.nanstd])
def test_where_the_gradient_is_taken_as_0_so_is_the_second_derivative(function: Function) -> None:
    at = np.zeros(2)
    np.testing.assert_array_equal(mg.grad(function)(at), [0.0, 0.0])
    np.testing.assert_array_equal(mg.hvp(function, at, np.ones(2)), [0.0, 0.0])
    assert not np.any(mg.hessian(function)(at))
