"""The derivative operators, the checker and custom rules; golden numbers of other systems."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

import microgd as mg
from microgd import GradientError, Value
from microgd.autograd.rules.table import RULES


def goldstein_price(p: Any) -> Any:
    x, y = p[0], p[1]
    first = 1 + (x + y + 1) ** 2 * (19 - 14 * x + 3 * x**2 - 14 * y + 6 * x * y + 3 * y**2)
    second = 30 + (2 * x - 3 * y) ** 2 * (18 - 32 * x + 12 * x**2 + 48 * y - 36 * x * y + 27 * y**2)
    return first * second


def matyas(p: Any) -> Any:
    return 0.26 * (p[0] ** 2 + p[1] ** 2) - 0.48 * p[0] * p[1]


def rosenbrock(p: Any) -> Any:
    return 100 * (p[1] - p[0] ** 2) ** 2 + (p[0] - 1) ** 2


@pytest.mark.parametrize(
    ("function", "at", "value", "gradient"),
    [
        (goldstein_price, [1.0, 1.0], 1876.0, [-5376.0, 8064.0]),
        (matyas, [1.0, 1.0], 0.04, [0.04, 0.04]),
        (rosenbrock, [0.0, 2.0], 401.0, [-2.0, 400.0]),
    ],
)
def test_golden_functions(function: Any, at: list[float], value: float, gradient: list[float]) -> None:
    found, slope = mg.value_and_grad(function)(np.array(at))
    assert found == pytest.approx(value, rel=1e-12)
    np.testing.assert_allclose(slope, gradient, rtol=1e-12)


def test_golden_derivatives_of_one_number() -> None:
    def quartic(x: Any) -> Any:
        return x**4 - 2 * x**2

    assert mg.grad(quartic)(2.0) == 24.0
    assert mg.grad(mg.grad(quartic))(2.0) == 44.0
    assert mg.grad(mg.grad(mg.grad(quartic)))(2.0) == 48.0
    assert mg.grad(np.tanh)(1.0) == pytest.approx(0.419974341614026, rel=1e-14)


def test_golden_graph_of_the_scalar_tutorial_engine() -> None:
    a, b = Value(-4.0), Value(2.0)
    c = a + b
    d = a * b + b**3
    c += c + 1
    c += 1 + c + (-a)
    d += d * 2 + (b + a).relu()
    d += 3 * d + (b - a).relu()
    e = c - d
    f = e**2
    g = f / 2.0
    g += 10.0 / f
    g.backward()
    assert g.data == 24.70408163265306
    assert a.grad == 138.83381924198252
    assert b.grad == 645.5772594752186


def test_several_arguments_and_nested_ones() -> None:
    def f(parameters: Any, x: Any) -> Any:
        return np.sum(parameters["w"] * x) + parameters["b"][0] ** 2 * parameters["b"][1]

    parameters = {"w": np.array([1.0, 2.0]), "b": [3.0, (4.0)]}
    gradient = mg.grad(f)(parameters, np.array([5.0, 6.0]))
    assert gradient["w"].tolist() == [5.0, 6.0]
    assert gradient["b"] == [24.0, 9.0]
    first, second = mg.grad(f, argnum=(0, 1))(parameters, np.array([5.0, 6.0]))
    assert first["b"] == [24.0, 9.0]
    assert second.tolist() == [1.0, 2.0]
    with pytest.raises(ValueError, match="argnum=2"):
        mg.grad(f, argnum=2)(parameters, 1.0)


def test_levels_are_not_confused() -> None:
    assert mg.grad(lambda x: x * mg.grad(lambda y: x + y)(1.0))(1.0) == 1.0
    assert mg.grad(lambda x: x * mg.grad(lambda y: x * y)(1.0))(3.0) == 6.0
    assert mg.grad(lambda x: mg.grad(lambda y: x * y * y)(x))(3.0) == 12.0  # d/dx (x · 2x)
    assert mg.grad(lambda x: mg.jvp(lambda y: x * y * y, (2.0,), (1.0,))[1])(3.0) == 4.0


def test_closures_over_outer_values_are_right_and_no_grad_of_theirs_is_touched() -> None:
    w = Value(2.0)
    slope = mg.grad(lambda x: x * w**2)(3.0)
    assert float(slope) == 4.0
    slope.backward()  # it depends on w, so it is a Value: d(w²)/dw
    assert w.grad == 4.0
    assert mg.grad(lambda x: x * x)(3.0) == 6.0
    assert w.grad == 4.0


def test_inside_no_grad_derivatives_are_still_right() -> None:
    with mg.no_grad():
        assert mg.grad(lambda x: x**3)(2.0) == 12.0


def test_vjp_and_jvp_are_transposes() -> None:
    generator = np.random.default_rng(0)
    a, b = generator.normal(size=(2, 3)), generator.normal(size=(3, 2))

    def f(p: Any, q: Any) -> Any:
        return np.tanh(p @ q)

    value, pullback = mg.vjp(f, a, b)
    cotangent, tangents = generator.normal(size=(2, 2)), (generator.normal(size=(2, 3)), generator.normal(size=(3, 2)))
    forward_value, tangent = mg.jvp(f, (a, b), tangents)
    np.testing.assert_array_equal(value, forward_value)
    reverse = sum(np.sum(x * t) for x, t in zip(pullback(cotangent), tangents, strict=True))
    assert np.sum(cotangent * tangent) == pytest.approx(reverse, rel=1e-12)


def test_jacobian_hessian_and_hvp_agree() -> None:
    x, v = np.array([0.3, -0.7, 1.1]), np.array([1.0, 2.0, -1.0])

    def f(p: Any) -> Any:
        return np.sum(np.sin(p) * p[::-1] ** 2)

    h = mg.hessian(f)(x)
    assert h.shape == (3, 3)
    np.testing.assert_allclose(h, h.T, rtol=1e-12)
    np.testing.assert_allclose(mg.hvp(f, x, v), h @ v, rtol=1e-12)
    np.testing.assert_allclose(mg.jacobian(mg.grad(f))(x), h)
    j = mg.jacobian(lambda p: np.outer(p, p))(x)
    assert j.shape == (3, 3, 3)


def test_elementwise_grad_and_aux() -> None:
    x = np.array([0.5, 1.5])
    np.testing.assert_allclose(mg.elementwise_grad(np.sin)(x), np.cos(x), rtol=1e-15)
    assert mg.grad_and_aux(lambda p: (p * p, {"seen": 1}))(3.0) == (6.0, {"seen": 1})


OPERATORS: list[Any] = [mg.grad, mg.elementwise_grad, mg.jacobian, mg.hessian]


@pytest.mark.parametrize("operator", OPERATORS, ids=lambda operator: operator.__name__)
def test_keyword_arguments_are_handed_on(operator: Any) -> None:
    def power(x: Any, *, exponent: Any) -> Any:
        return x**exponent

    expected = 18.0 if operator is mg.hessian else 27.0
    assert operator(power)(3.0, exponent=3) == expected
    w = Value(3.0)  # a constant of the call, and the result depends on it
    found = operator(power)(3.0, exponent=w)
    assert type(found) is Value
    assert found.item() == pytest.approx(expected, rel=1e-14)
    assert mg.value_and_grad(power)(3.0, exponent=3) == (27.0, 27.0)
    assert mg.grad_and_aux(lambda x, *, exponent: (x**exponent, exponent))(3.0, exponent=3) == (27.0, 3)


def test_jacobians_and_hessians_of_several_arguments() -> None:
    a, b = np.array([1.0, 2.0]), np.array([3.0, 5.0])
    first, second = mg.jacobian(lambda a, b: a * b, (0, 1))(a, b)
    np.testing.assert_array_equal(first, np.diag(b))
    np.testing.assert_array_equal(second, np.diag(a))
    (one,) = mg.jacobian(lambda a, b: a * b, [-1])(a, b)
    np.testing.assert_array_equal(one, np.diag(a))
    ((aa, ab), (ba, bb)) = mg.hessian(lambda a, b: np.sum(a**2 * b), (0, 1))(a, b)
    np.testing.assert_array_equal(aa, np.diag(2 * b))
    np.testing.assert_array_equal(ab, np.diag(2 * a))
    np.testing.assert_array_equal(ba, np.diag(2 * a))
    np.testing.assert_array_equal(bb, np.zeros((2, 2)))
    assert mg.hessian(lambda x, y: x * x * y, (0, 1))(2.0, 3.0) == ((6.0, 4.0), (4.0, 0.0))
    assert mg.jacobian(lambda x: 2 * x)(np.ones((0, 2))).shape == (0, 2, 0, 2)


def test_what_f_makes_of_its_own_is_no_outer_value() -> None:
    plain = (
        mg.grad(lambda x: x * x.detach())(3.0),
        mg.grad(lambda x: x * Value(2.0))(3.0),
        mg.grad(lambda x: x * mg.no_grad()(lambda: x * x)())(3.0),
        mg.grad(lambda c: mg.vjp(lambda x: x * x, 3.0)[1](c)[0])(1.0),
        mg.grad(lambda t: mg.jvp(np.square, (3.0,), (t,))[1])(2.0),
        mg.jacobian(lambda v: mg.hvp(lambda x: x**3, 2.0, v))(1.0).item(),
    )
    assert plain == (3.0, 2.0, 9.0, 6.0, 6.0, 12.0)
    assert {type(found) for found in plain} == {float}
    nested = mg.hessian(lambda p: p["a"] ** 2 * p["b"][0])({"a": 2.0, "b": [3.0, 1.0]})
    assert nested == {"a": {"a": 6.0, "b": [4.0, 0.0]}, "b": [{"a": 4.0, "b": [0.0, 0.0]}, {"a": 0.0, "b": [0.0, 0.0]}]}


def test_independence_gives_zeros_of_the_right_shape() -> None:
    assert mg.grad(lambda x: 3.0)(np.ones((2, 3))).tolist() == np.zeros((2, 3)).tolist()
    assert mg.jacobian(lambda x: np.zeros(2))(np.ones(3)).tolist() == np.zeros((2, 3)).tolist()


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: mg.grad(lambda x: x * 2)(np.ones(2)), ValueError, r"returned shape \(2,\)"),
        (lambda: mg.grad(lambda x: "text")(1.0), TypeError, "must return a number"),
        (lambda: mg.vjp(np.sin, np.ones(2))[1](np.ones(3)), ValueError, r"shape \(3,\)"),
        (lambda: mg.jvp(np.sin, (1.0,), (1.0, 2.0)), ValueError, "one tangent an argument"),
        (lambda: mg.jvp(np.sin, (1.0,), (np.ones(2),)), ValueError, r"tangent of sin has shape"),
        (lambda: mg.jvp(np.sin, 1.0, 1.0), TypeError, r"jvp\(f, \(x,\), \(t,\)\)"),  # type: ignore[arg-type]
        (lambda: mg.jvp(of_a_dict, (WEIGHTS,), ({"w": np.ones(2)},)), ValueError, r"has keys \['w'\], expected a dict"),
        (lambda: mg.vjp(lambda x: (x, x), 1.0)[1](1.0), ValueError, r"has shape \(\), expected a tuple of 2"),
        (lambda: mg.vjp(lambda x: (x, x), 1.0)[1]((1.0,) * 3), ValueError, "has a tuple of 3, expected a tuple of 2"),
        (
            lambda: mg.hvp(lambda x: np.sum(x**2), np.ones(3), np.ones(2)),
            ValueError,
            r"has shape \(2,\), expected shape",
        ),
        (lambda: mg.grad(lambda x: x * 1j)(1.0), TypeError, "returned complex numbers"),
        (lambda: mg.jacobian(np.fft.fft)(np.ones(3)), TypeError, "returned complex numbers"),
        (lambda: mg.grad_and_aux(lambda x: 2 * x)(np.ones(2)), ValueError, r"a tuple of two.* returned shape \(2,\)"),
        (lambda: mg.grad_and_aux(lambda x: (x, 1, 2))(1.0), ValueError, "returned a tuple of 3"),
        (lambda: mg.elementwise_grad(lambda x: (x, x))(1.0), ValueError, "returned a tuple of 2; use mg.jacobian"),
        (lambda: mg.grad(np.multiply, (0, 0))(1.0, 2.0), ValueError, "names an argument of multiply twice"),
        (lambda: mg.grad(np.multiply, -3)(1.0, 2.0), ValueError, "argnum=-3, but multiply was called with 2"),
        (lambda: mg.grad(np.multiply, "x")(1.0, 2.0), TypeError, "argnum is the place of an argument"),  # type: ignore[arg-type]
        (lambda: mg.grad(np.multiply, True)(1.0, 2.0), TypeError, "got True"),
    ],
)
def test_bad_calls(call: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        call()


@pytest.fixture
def own_rules() -> Iterator[None]:
    """Rules added in a test do not stay in the table."""
    before = dict(RULES)
    yield
    for function in set(RULES) - set(before):
        del RULES[function]


@pytest.mark.usefixtures("own_rules")
def test_custom_rule_is_checked_on_the_spot() -> None:
    def cube(x: Any) -> Any:
        return x * x * x

    with pytest.raises(GradientError, match=r"cube.*finite differences"):
        mg.custom_rule(lambda g, y, x: g * 3.0015 * x**2)(cube)
    right = mg.custom_rule(lambda g, y, x: g * 3 * x**2)(cube)
    assert mg.grad(mg.grad(right))(2.0) == 12.0
    assert right(2.0) == 8.0
    with pytest.raises(ValueError, match="a rule already"):
        mg.custom_rule(lambda g, y, x: g)(np.sin)
    with pytest.raises(ValueError, match="numeric=True"):
        mg.custom_rule()(lambda x: x)
    with pytest.raises(ValueError, match="pass example="):
        mg.custom_rule(lambda g, y, x: g)(lambda x: x.no_such_thing)


def first(x: Any) -> Any:
    return 1 * x


def both(a: Any, b: Any) -> Any:
    return a * b


def in_place(x: Any) -> Any:
    x += 1.0
    return x


@pytest.mark.usefixtures("own_rules")
@pytest.mark.parametrize(
    ("decorate", "function", "error", "message"),
    [
        (lambda f: mg.custom_rule(f)(2.0), first, TypeError, "decorates a function that has a name"),  # type: ignore[arg-type]
        (mg.custom_rule(lambda g, y, a: g), both, ValueError, r"takes 2 argument\(s\), but got 1 derivative"),
        (mg.custom_rule(*[lambda g, y, *x: g] * 2), first, ValueError, r"takes 1 argument\(s\), but got 2 derivative"),
        (mg.custom_rule(lambda g, x: g), first, ValueError, r"takes \(g, y, \*inputs\)"),
        (mg.custom_rule(lambda g, y, x: "g"), first, ValueError, "in the shape of its input"),
        (mg.custom_rule(lambda g, y, x: np.sum(g)), first, ValueError, r"of shape \(\) for an input of shape \(3,\)"),
        (mg.custom_rule(lambda g, y, x: None), first, GradientError, "finite differences"),
        (mg.custom_rule(lambda g, y, x: g), lambda x: (x, x), ValueError, "returns one array of numbers"),
        (mg.custom_rule(lambda g, y, x: g), in_place, ValueError, "changes its arguments in place"),
        (mg.custom_rule(lambda g, y, x: g), np.median, ValueError, "a rule already"),
        (mg.custom_rule(lambda g, y, x: g), np.argmax, ValueError, "a rule already"),
        (lambda f: mg.custom_rule(lambda g, y, x: g, example=2.0)(f), first, TypeError, r"write \[2.0\]"),  # type: ignore[arg-type]
        (lambda f: mg.custom_rule(3)(f), first, TypeError, "for each argument, but got 3"),  # type: ignore[arg-type]
    ],
)
def test_a_rule_of_the_wrong_kind_is_refused_in_words(
    decorate: Any, function: Any, error: type[Exception], message: str
) -> None:
    before = dict(RULES)
    with pytest.raises(error, match=message):
        decorate(function)
    assert before == RULES


@pytest.mark.usefixtures("own_rules")
def test_a_rule_of_first_order_takes_derivatives_that_numpy_does_not_compute() -> None:
    def slope(g: Any, y: Any, x: Any) -> Any:
        return g * np.array([math.cos(float(number)) for number in x])

    with pytest.raises(GradientError, match="the gradient of of_a_program"):
        mg.custom_rule(slope)(of_a_program)
    sine = mg.custom_rule(slope, order=1)(of_a_program)
    np.testing.assert_allclose(mg.grad(lambda x: np.sum(sine(x)))(np.array([0.0, 1.0])), [1.0, np.cos(1.0)])
    with pytest.raises(NotImplementedError, match="order=1, which cannot be differentiated again"):
        mg.hessian(lambda x: np.sum(sine(x)))(np.ones(2))
    with pytest.raises(GradientError):
        mg.custom_rule(lambda g, y, x: 1.001 * slope(g, y, x), order=1)(of_a_program)


def of_a_program(x: Any) -> Any:
    return np.array([math.sin(number) for number in x])


@pytest.mark.usefixtures("own_rules")
def test_numeric_rule() -> None:
    @mg.custom_rule(numeric=True)
    def black_box(x: Any, y: Any) -> Any:
        return np.asarray(np.exp(x) * y)

    dx, dy = mg.grad(lambda x, y: np.sum(black_box(x, y)), argnum=(0, 1))(np.array([0.0, 1.0]), np.array([2.0, 3.0]))
    np.testing.assert_allclose(dx, [2.0, 3 * np.e], rtol=1e-6)
    np.testing.assert_allclose(dy, [1.0, np.e], rtol=1e-6)
    with pytest.raises(NotImplementedError, match="give it a rule"):
        mg.grad(mg.grad(lambda x: np.sum(black_box(x, 1.0))))(1.0)


def test_check_grads_finds_a_kink_and_a_wrong_second_derivative() -> None:
    with pytest.raises(GradientError, match="kink"):
        mg.check_grads(np.abs, np.array([0.0, 1.0]))

    def half_right(x: Any) -> Any:
        return np.sin(x) if type(x) is not Value else sine_with_a_frozen_slope(x)

    def sine_with_a_frozen_slope(x: Value) -> Any:
        return np.cos(x.data) * (x - x.data) + np.sin(x.data)  # the tangent: its slope is right, its curvature 0

    mg.check_grads(half_right, np.array([1.0, 2.0]), order=1)
    with pytest.raises(GradientError, match="the gradient of half_right"):
        mg.check_grads(half_right, np.array([1.0, 2.0]), order=2)


# Results of several arrays ------------------------------------------------------------------------------------------


def of_a_dict(p: Any) -> Any:
    return {"product": p["w"] * p["b"], "square": np.sum(p["w"] ** 2)}


WEIGHTS: dict[str, Any] = {"w": np.array([1.0, 2.0]), "b": 3.0}


def test_vjp_and_jvp_of_a_nested_result() -> None:
    value, pullback = mg.vjp(of_a_dict, WEIGHTS)
    assert value["square"] == 5.0
    np.testing.assert_array_equal(value["product"], [3.0, 6.0])
    (found,) = pullback({"product": np.array([1.0, 10.0]), "square": 100.0})
    np.testing.assert_array_equal(found["w"], [203.0, 430.0])
    assert found["b"] == 21.0
    _, tangent = mg.jvp(of_a_dict, (WEIGHTS,), ({"w": np.array([1.0, 0.0]), "b": 1.0},))
    np.testing.assert_array_equal(tangent["product"], [4.0, 2.0])
    assert tangent["square"] == 2.0


def test_the_jacobian_of_a_nested_result_has_one_array_a_pair() -> None:
    found = mg.jacobian(of_a_dict)(WEIGHTS)
    np.testing.assert_array_equal(found["product"]["w"], 3.0 * np.eye(2))
    np.testing.assert_array_equal(found["product"]["b"], [1.0, 2.0])
    np.testing.assert_array_equal(found["square"]["w"], [2.0, 4.0])
    assert found["square"]["b"] == 0.0
    first, second = mg.jacobian(lambda x: (x[0] * x[1], x))(np.array([2.0, 3.0]))
    np.testing.assert_array_equal(first, [3.0, 2.0])
    np.testing.assert_array_equal(second, np.eye(2))


def test_the_hessian_of_a_nested_argument_has_one_array_a_pair() -> None:
    found = mg.hessian(lambda p: np.sum(p["w"] ** 2) * p["b"])(WEIGHTS)
    np.testing.assert_array_equal(found["w"]["w"], 6.0 * np.eye(2))
    np.testing.assert_array_equal(found["w"]["b"], [2.0, 4.0])
    np.testing.assert_array_equal(found["b"]["w"], [2.0, 4.0])
    assert found["b"]["b"] == 0.0


def test_nested_results_can_be_differentiated_again() -> None:
    def slope(x: Any) -> Any:
        return mg.jvp(lambda x: (x**3, np.sin(x)), (x,), (1.0,))[1][0]

    assert mg.grad(slope)(2.0) == 12.0


def test_a_cotangent_of_a_nested_result_is_checked() -> None:
    _, pullback = mg.vjp(of_a_dict, WEIGHTS)
    with pytest.raises(
        ValueError, match=r"cotangent of of_a_dict, at 'product', has shape \(3,\), expected shape \(2,\)"
    ):
        pullback({"product": np.ones(3), "square": 1.0})
    with pytest.raises(ValueError, match="returned a tuple"):
        mg.grad(lambda x: (x, x))(1.0)
