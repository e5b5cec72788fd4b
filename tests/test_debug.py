"""Blame: the first number that is not finite is traced to the operation and the line that made it."""

from __future__ import annotations

import sys
import threading
from typing import Any

import numpy as np
import pytest

import microgd as mg
from microgd import NonFiniteError, Value
from microgd.autograd.operators import active, namespace


def here() -> int:
    """Return the number of the line that calls this."""
    return sys._getframe(1).f_lineno


def test_forward_names_the_operation_its_operands_and_the_line() -> None:
    x = Value([4.0, 0.0, 1.0], name="x")
    with mg.debug(), pytest.raises(NonFiniteError) as caught:
        np.sum(2.0 * np.log(x))  # this line
    assert str(caught.value) == (
        "forward: np.log made 1 -inf of 3 numbers, the first at [1], from x = 0 to 4 in shape (3,), at "
        f"test_debug.py:{here() - 3}, `np.sum(2.0 * np.log(x))  # this line`."
    )


def test_forward_of_python_numbers_and_operators() -> None:
    a, b = Value(1.0, name="a"), Value(0.0, name="b")
    with (
        mg.debug(),
        pytest.raises(NonFiniteError, match=r"np.divide made inf from a = 1, b = 0, at test_debug"),
    ):
        a / b


def test_an_operand_that_was_not_finite_is_shown_so() -> None:
    x = Value([1.0, np.nan], name="x")
    with mg.debug(), pytest.raises(NonFiniteError, match=r"from x = 1 to 1 in shape \(2,\) with 1 nan of 2 numbers"):
        x * 2.0


def test_backward_names_the_operation_what_came_from_above_and_the_line() -> None:
    x = Value([4.0, 0.0], name="x")
    with mg.debug():
        root = np.sqrt(x)  # finite, but its slope is not
        with pytest.raises(NonFiniteError) as caught:
            np.sum(root).backward()
    assert str(caught.value) == (
        "backward: the derivative of np.sqrt sent 1 inf of 2 numbers, the first at [1], to x. Upstream was 1 to 1 in "
        "shape (2,), the operands x = 0 to 4 in shape (2,); the operation was made at "
        f"test_debug.py:{here() - 6}, `root = np.sqrt(x)  # finite, but its slope is not`."
    )
    assert x.grad is None


@pytest.mark.parametrize("options", [{}, {"keep": "leaves"}, {"create_graph": True}])
def test_backward_of_each_kind_is_watched_and_right_where_nothing_is_wrong(options: Any) -> None:
    x = Value([4.0, 9.0])
    with mg.debug():
        np.sum(np.sqrt(x) * x).backward(**options)
    np.testing.assert_allclose(getattr(x.grad, "data", x.grad), 1.5 * np.sqrt([4.0, 9.0]))
    with mg.debug(), pytest.raises(NonFiniteError, match=r"backward: the derivative of np.sqrt"):
        Value([0.0]).sqrt().sum().backward(**options)


def test_an_operation_made_outside_is_blamed_without_a_line() -> None:
    root = Value(0.0).sqrt()
    with mg.debug(), pytest.raises(NonFiniteError, match=r"was made at a line outside mg.debug\(\)"):
        root.backward()


def test_compiled_steps_and_fit_are_watched_too() -> None:
    w = Value(1.0, name="w")
    step = mg.compile(lambda x: np.log(w * x))
    step(2.0)
    with mg.debug(), pytest.raises(NonFiniteError, match=r"np.log made -inf from .* at test_debug.py"):
        step(0.0)
    model = mg.Sequential([mg.Dense(1)], seed=0)
    model.compile(optimizer=mg.SGD(learning_rate=1e200), loss="mean_squared_error")
    with mg.debug(), pytest.raises(NonFiniteError, match=r"forward: "):
        model.fit(np.arange(1.0, 9.0).reshape(8, 1), np.ones(8), epochs=50, verbose=0)


def test_it_ends_with_the_block_and_is_of_one_thread() -> None:
    x = Value(0.0)
    seen: list[Any] = []
    with mg.debug():
        thread = threading.Thread(target=lambda: seen.append(Value(np.inf) + 1.0))
        thread.start()
        thread.join()
        with mg.debug():
            pass
        assert active.debug is not None
    assert seen[0].item() == np.inf
    assert active.debug is None
    with np.errstate(divide="ignore"):
        assert np.log(x).item() == -np.inf
    assert namespace["intercepted"] == 0


def test_as_a_decorator() -> None:
    @mg.debug()
    def loss(x: Value) -> Any:
        return 0.0 + x.log()

    with pytest.raises(NonFiniteError):
        loss(Value(0.0))
    assert active.debug is None


def test_results_are_those_without_it() -> None:
    draw = np.random.default_rng(0)
    x = Value(draw.normal(size=(3, 4)))

    def gradient() -> Any:
        x.grad = None
        (np.tanh(x @ x.T) ** 2).sum().backward()
        return x.grad

    plain = gradient()
    with mg.debug():
        np.testing.assert_array_equal(gradient(), plain)


@pytest.mark.parametrize(
    "differentiate",
    [
        lambda f, x: mg.grad(f)(x),
        lambda f, x: mg.value_and_grad(f)(x),
        lambda f, x: mg.jacobian(f)(x),
        lambda f, x: mg.hessian(f)(x),
        lambda f, x: mg.vjp(f, x)[1](1.0),
        lambda f, x: mg.jvp(f, (x,), (np.ones(2),)),
        lambda f, x: list(mg.walk(f(Value(x)))),
    ],
)
def test_the_derivative_operators_are_blamed_too(differentiate: Any) -> None:
    with mg.debug(), pytest.raises(NonFiniteError, match=r"^backward: the derivative of np.sqrt sent .* to operand 1"):
        differentiate(lambda x: np.sum(np.sqrt(x)), np.array([4.0, 0.0]))
    with mg.debug():  # where nothing is wrong, the same comes out
        assert mg.grad(np.sqrt)(4.0) == 0.25
        assert mg.hessian(lambda x: x**3)(2.0) == 12.0
    assert active.debug is None
