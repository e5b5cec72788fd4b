"""Every rule: value, gradient and Hessian against differences, linearity, types, shapes, and the checker itself."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import microgd as mg
from microgd import GradientError, Value, check_grads
from microgd.autograd.derivatives import vjp
from microgd.autograd.operators import pull_of
from microgd.autograd.rules.table import COMPOSITE, CONSTANT, RULES, Rule, full_name, rule
from tests.cases import CASES, PIECEWISE_CONSTANT, UNDETERMINED, Case, numbers
from tests.cases.conventions import CONVENTIONS, Convention

pytestmark = pytest.mark.filterwarnings("ignore:divide by zero", "ignore:invalid value")
every_case = pytest.mark.parametrize("case", CASES, ids=str)


def values(case: Case, dtype: Any = float) -> list[Value]:
    return [Value(np.asarray(x, dtype=dtype)) for x in case.args]


def bare(result: Any) -> Any:
    return result.data if type(result) is Value else result


def test_every_row_has_a_case_and_every_case_a_row() -> None:
    tested = {case.function for case in CASES}
    assert {*RULES, *COMPOSITE} - tested == set()
    assert tested - {*RULES, *COMPOSITE} == set()
    assert len(set(map(str, CASES))) == len(CASES), "two cases of the same name"


@every_case
def test_the_value_is_numpys_and_the_record_is_of_that_row(case: Case) -> None:
    result = case.call(*values(case))
    exactly = 1e-15 if case.function in RULES else 1e-13  # several steps round several times
    np.testing.assert_allclose(bare(result), case.call(*case.args), rtol=exactly, atol=1e-300)
    if case.function in RULES:
        assert case.function in {s.node.rule.function for s in mg.walk(result, np.ones(result.shape))}


@every_case
def test_gradients_of_both_orders_agree_with_differences(case: Case) -> None:
    check_grads(case.call, *case.args, order=case.order)


@every_case
def test_the_pullback_is_linear_in_the_cotangent(case: Case) -> None:
    value, pullback = vjp(case.call, *case.args)
    u, v = (numbers(np.shape(value), seed=seed) for seed in "uv")
    for a, b, both in zip(pullback(u), pullback(v), pullback(u + 2.0 * v), strict=True):
        np.testing.assert_allclose(both, a + 2.0 * b, rtol=1e-10, atol=1e-10)


@every_case
@pytest.mark.parametrize("keep", ["all", "leaves"])
def test_backward_agrees_with_the_walk(case: Case, keep: str) -> None:
    leaves = values(case)
    result = case.call(*leaves)
    cotangent = numbers(result.shape, seed="g")
    totals: dict[Value, Any] = {}
    for step in mg.walk(result, cotangent):
        totals[step.parent] = step.total
    result.backward(cotangent, keep=keep)
    for leaf in leaves:
        expected = totals.get(leaf)
        np.testing.assert_allclose(leaf.grad, np.zeros(leaf.shape) if expected is None else expected, rtol=1e-13)
        assert np.shape(leaf.grad) == leaf.shape


@every_case
def test_float32_stays_float32(case: Case) -> None:
    leaves = values(case, np.float32)
    result = case.call(*leaves)
    result.backward(np.ones(result.shape, dtype=result.dtype))
    for leaf in leaves:
        assert np.asarray(leaf.grad).dtype == np.float32


@every_case
def test_inputs_that_are_not_contiguous_or_read_only_do_as_well(case: Case) -> None:
    expected = vjp(case.call, *case.args)[0]
    for change in ("strided", "read-only"):
        args = []
        for x in case.args:
            array = np.array(x)
            if change == "strided" and array.ndim:
                wide = np.zeros((*array.shape[:-1], 2 * array.shape[-1]))
                wide[..., ::2] = array
                array = wide[..., ::2]
            array.flags.writeable = change == "strided"
            args.append(array)
        result = case.call(*(Value(x) for x in args))
        np.testing.assert_allclose(bare(result), expected, rtol=1e-13)
        result.backward(np.ones(result.shape))


def scaled(row: Rule, factor: float) -> tuple[Any, Any]:
    def wrong(derivative: Any) -> Any:
        def scaled_derivative(*inputs: Any, **options: Any) -> Any:
            found = derivative(*inputs, **options)
            return None if found is None else factor * found

        return derivative and scaled_derivative

    return tuple(map(wrong, row.derivatives)), wrong(row.variadic)


@pytest.mark.parametrize(
    "function", [f for f in RULES if f not in PIECEWISE_CONSTANT | UNDETERMINED], ids=lambda f: f.__name__
)
def test_a_planted_fault_of_a_twentieth_of_a_percent_is_caught(function: Any) -> None:
    case = max((c for c in CASES if c.function is function), key=lambda c: sum(np.size(x) for x in c.args))
    row = RULES[function]
    wrong = Rule(function, (), variadic=None)
    wrong.derivatives, wrong.variadic = scaled(row, 1.0005)
    for slot in ("forward", "bind", "scalar", "elementwise", "options"):
        setattr(wrong, slot, getattr(row, slot))
    wrong.fixed = False
    with pytest.raises(GradientError):
        check_grads(lambda *args: planted(case, row, wrong, *args), *case.args, order=1)


def planted(case: Case, row: Rule, wrong: Rule, *args: Any) -> Any:
    """Call a case, and put the wrong row into its records."""
    result = case.call(*args)
    for step in list(mg.walk(result, np.ones(result.shape))) if type(result) is Value else []:
        if step.node.rule is row:
            step.node.rule = wrong
    return result


def test_a_row_is_declared_once() -> None:
    with pytest.raises(ValueError, match=r"np\.abs.* already has a row"):
        rule(np.abs, lambda g, y, x: g)
    assert np.abs is np.absolute
    assert not set(RULES) & CONSTANT
    assert not {*RULES, *CONSTANT} & set(COMPOSITE)


@pytest.mark.parametrize("convention", CONVENTIONS, ids=lambda c: f"{full_name(c.function)} {c}")
def test_where_there_is_no_derivative_it_is_as_published(convention: Convention) -> None:
    x = Value(convention.at)
    with np.errstate(all="ignore"):
        if convention.gradient is np.linalg.LinAlgError:
            with pytest.raises(np.linalg.LinAlgError):
                np.sum(convention.call(x)).backward()
            return
        np.sum(convention.call(x)).backward()
    np.testing.assert_allclose(x.grad, convention.gradient, rtol=1e-14, atol=1e-15)


def test_a_convention_of_another_kind_would_be_noticed() -> None:
    for wrong in (0.25, np.linalg.LinAlgError):
        with pytest.raises((AssertionError, pytest.fail.Exception)):
            test_where_there_is_no_derivative_it_is_as_published(
                Convention(np.absolute, "at 0", np.absolute, 0.0, wrong)
            )


@pytest.mark.parametrize("function", [mg.sigmoid, mg.softplus, mg.softmax, mg.logsumexp, np.tanh])
def test_stable_far_from_zero(function: Any) -> None:
    for at in (np.array([-1000.0, 1000.0]), np.array([1000.0, 999.0]), np.array([-1000.0, -1000.0])):
        x = Value(at)
        result = function(x)
        result.backward(np.ones(result.shape))
        assert np.isfinite(result.data).all()
        assert np.isfinite(x.grad).all()
    assert float(mg.sigmoid(Value(-1000.0))) == 0.0
    assert float(mg.softplus(Value(1000.0))) == 1000.0


@pytest.mark.parametrize("row", [r for r in RULES.values() if r.elementwise and r.scalar], ids=lambda r: r.name)
def test_python_floats_and_arrays_give_the_same_numbers(row: Rule) -> None:
    case = next(c for c in CASES if c.function is row.function and all(np.shape(x) == (3,) for x in c.args))
    arrays = values(case)
    result = case.function(*arrays)
    result.backward(np.ones(3))
    for i in range(3):
        scalars = [Value(float(x[i])) for x in case.args]
        single = case.function(*scalars)
        single.backward()
        np.testing.assert_allclose(float(single), result.data[i], rtol=4e-16)
        for scalar, array in zip(scalars, arrays, strict=True):
            np.testing.assert_allclose(scalar.grad, array.grad[i], rtol=1e-15, atol=1e-300)
    assert pull_of(row) is row.pull


@settings(max_examples=80, deadline=None)
@given(data=st.data(), shape=hnp.array_shapes(max_dims=4, max_side=4))
def test_indexing_of_any_kind(data: st.DataObject, shape: tuple[int, ...]) -> None:
    index = data.draw(hnp.basic_indices(shape, allow_newaxis=True) | hnp.integer_array_indices(shape))
    array = np.arange(1.0, np.prod(shape) + 1).reshape(shape)
    x = Value(array)
    picked = x[index]
    np.testing.assert_array_equal(bare(picked), array[index])
    cotangent = numbers(np.shape(array[index]))
    picked.backward(cotangent)
    expected = np.zeros(shape)
    np.add.at(expected, index, cotangent)  # type: ignore[arg-type]
    np.testing.assert_allclose(x.grad, expected)


@settings(max_examples=80, deadline=None)
@given(shapes=hnp.mutually_broadcastable_shapes(num_shapes=2, max_dims=3, max_side=3))
def test_broadcasting_of_any_shapes(shapes: hnp.BroadcastableShapes) -> None:
    a, b = (Value(numbers(shape, seed=str(k))) for k, shape in enumerate(shapes.input_shapes))
    result = a * b
    cotangent = numbers(shapes.result_shape, seed="g")
    result.backward(cotangent)
    with np.errstate(all="ignore"):
        np.testing.assert_allclose(a.grad, summed(cotangent * b.data, a.shape), atol=1e-12)
        np.testing.assert_allclose(b.grad, summed(cotangent * a.data, b.shape), atol=1e-12)


def summed(array: Any, shape: tuple[int, ...]) -> Any:
    array = np.asarray(array)
    lead = tuple(range(array.ndim - len(shape)))
    array = array.sum(axis=lead)
    return array.sum(axis=tuple(i for i, n in enumerate(shape) if n == 1), keepdims=True)
