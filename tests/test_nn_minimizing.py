"""Gradient descent on any function, and the doctor that looks at the curvature."""

from __future__ import annotations

from importlib.util import find_spec
from typing import Any

import numpy as np
import pytest

import microgd as mg
from microgd.nn.minimizing import SCIPY_METHODS


def rosenbrock(w: Any) -> Any:
    return 100 * (w[1] - w[0] ** 2) ** 2 + (1 - w[0]) ** 2


# minimize


def test_the_trace_has_the_numbers_of_the_book() -> None:
    trace = mg.minimize(lambda w: (3 * w - 4) ** 2, 0.5, mg.SGD(0.05), steps=19)
    assert trace.losses[:3] == [6.25, 0.0625, 0.0006250000000000178]
    assert trace.weights == 1.3333333333333333 and trace.loss == 0.0
    assert len(trace.points) == len(trace.losses) == 20
    assert "19 steps, loss 6.25 -> 0" in repr(trace)


@pytest.mark.parametrize("start", [np.array([-1.0, 1.0]), [-1.0, 1.0], (-1.0, 1.0)])
def test_weights_of_any_structure_are_given_back_in_it(start: Any) -> None:
    trace = mg.minimize(rosenbrock, start, mg.Adam(0.05), steps=4000)
    assert type(trace.weights) is type(start)
    assert list(trace.weights) == pytest.approx([1.0, 1.0], abs=1e-3)


def test_a_dict_of_weights_and_a_tolerance() -> None:
    def bowl(w: Any) -> Any:
        return np.sum((w["a"] - 1.0) ** 2) + (w["b"] + 2.0) ** 2

    trace = mg.minimize(bowl, {"a": np.zeros(3), "b": 0.0}, mg.SGD(0.1), steps=10_000, tolerance=1e-6)
    assert trace.weights["a"] == pytest.approx(np.ones(3), abs=1e-6) and trace.weights["b"] == pytest.approx(
        -2.0, abs=1e-6
    )
    assert len(trace.points) < 100 and trace.message == "the gradient is at most 1e-06"


@pytest.mark.parametrize("method", SCIPY_METHODS)
def test_methods_of_scipy_behind_the_same_call(method: str) -> None:
    pytest.importorskip("scipy")
    trace = mg.minimize(rosenbrock, np.array([-1.0, 1.0]), method, steps=500)
    assert trace.weights == pytest.approx([1.0, 1.0], abs=1e-3)
    assert len(trace.points) > 5 and trace.losses[0] == 4.0
    nested = mg.minimize(lambda w: rosenbrock([w["a"], w["b"]]), {"a": -1.0, "b": 1.0}, method, steps=500)
    assert [nested.weights["a"], nested.weights["b"]] == pytest.approx([1.0, 1.0], abs=1e-3)


def test_minimize_says_what_is_wrong() -> None:
    with pytest.raises(
        mg.DivergenceError, match=r"after 1[67]\d steps the loss is inf.*least loss was 6.25, after 0 steps"
    ):
        mg.minimize(lambda w: (3 * w - 4) ** 2, 0.5, mg.SGD(0.5), steps=1000)
    with pytest.raises(ValueError, match=r"no optimizer 'newton'.*BFGS, CG, L-BFGS-B.*adam"):
        mg.minimize(rosenbrock, [0.0, 0.0], "newton")


# diagnose


def test_w3_is_stable_below_one_ninth() -> None:
    model = mg.Sequential(
        [mg.Dense(1, use_bias=False, kernel_initializer=lambda shape, generator: np.full(shape, 0.5))]
    )
    model.compile(mg.SGD(learning_rate=0.5), "mse")
    found = mg.diagnose(model, [[3.0]], [4.0])
    assert found.largest_curvature == pytest.approx(18.0) and found.stable is False
    assert found.stable_below == pytest.approx(1 / 9) and found.best_rate == pytest.approx(1 / 18)
    assert "stable below 0.111111" in str(found) and "used 0.5 (too large)" in str(found)


def test_the_curvatures_are_the_eigenvalues_of_the_hessian() -> None:
    generator = np.random.default_rng(0)
    x, y = generator.normal(size=(50, 4)) * [1.0, 2.0, 3.0, 0.5], generator.normal(size=50)
    model = mg.Sequential([mg.Dense(1)], seed=0)
    model.compile(mg.SGD(0.01, momentum=0.5), "mse")
    found = mg.diagnose(model, x, y)
    design = np.column_stack([x, np.ones(50)])
    values = np.linalg.eigvalsh(2 * design.T @ design / 50)
    assert found.largest_curvature == pytest.approx(values[-1], rel=1e-3)
    assert found.smallest_curvature == pytest.approx(values[0], rel=1e-2)
    assert found.stable_below == pytest.approx(3 / values[-1], rel=1e-3) and found.stable
    assert found.condition == pytest.approx(values[-1] / values[0], rel=1e-2)


@pytest.mark.parametrize("momentum", [0.0, 0.9])
def test_the_limit_is_where_descent_turns(momentum: float) -> None:
    cars = mg.data.load_cars()
    x, y = mg.data.StandardScaler().fit_transform(cars.data), cars.target

    def last_loss(rate: float) -> float:
        model = mg.Sequential([mg.Dense(1, kernel_initializer="zeros")])
        model.compile(mg.SGD(rate, momentum), "mse")
        return model.fit(x, y, batch_size=32, epochs=300).history["loss"][-1]

    model = mg.Sequential([mg.Dense(1, kernel_initializer="zeros")])
    model.compile(mg.SGD(0.01, momentum), "mse")
    limit = mg.diagnose(model, x, y).stable_below
    assert last_loss(0.97 * limit) < 400
    with pytest.raises(mg.DivergenceError):
        last_loss(1.05 * limit)


def test_the_column_that_is_the_cause_is_named() -> None:
    houses = mg.data.load_houses()
    model = mg.Sequential([mg.Dense(1)], seed=0)
    model.compile("sgd", "mse")
    report = str(mg.diagnose(model, houses.data, houses.target, feature_names=houses.feature_names))
    assert "cause: the scale of the columns size_sqft (up to 4478)" in report and "StandardScaler" in report
    scaled = mg.data.StandardScaler().fit_transform(houses.data)
    assert "cause" not in str(mg.diagnose(model, scaled, houses.target)) and model.parameters()[0].grad is None


def test_a_network_without_a_loss_is_diagnosed_with_one_given() -> None:
    generator = np.random.default_rng(0)
    x, y = generator.normal(size=(30, 3)), generator.normal(size=(30, 1))
    model = mg.Sequential([mg.Dense(4, "tanh"), mg.Dense(1)], seed=0)
    found = mg.diagnose(model, x, y, loss="mse")
    assert found.learning_rate is None and found.stable is None and found.largest_curvature > 0
    with pytest.raises(RuntimeError, match="not compiled"):
        mg.diagnose(model, x, y)


# The range test


def test_the_range_test_suggests_a_rate_that_works_and_changes_nothing() -> None:
    cars = mg.data.load_cars()
    x, y = mg.data.StandardScaler().fit_transform(cars.data), cars.target
    model = mg.Sequential([mg.Dense(1)], seed=0)
    model.compile(mg.SGD(0.01), "mse")
    model.fit(x, y)
    before, state = model.get_weights(), model.random().bit_generator.state
    found = mg.learning_rate_range_test(model, x, y)
    assert all(np.array_equal(before[name], weight) for name, weight in model.get_weights().items())
    assert model.random().bit_generator.state == state and model.compiled().learning_rate == 0.01
    limit = mg.diagnose(model, x, y).stable_below
    assert 0.01 * limit < found.suggestion < limit
    assert found.rates == sorted(found.rates) and "suggested" in repr(found)


def test_the_range_test_has_a_plot() -> None:
    matplotlib = pytest.importorskip("matplotlib")
    matplotlib.use("Agg")
    axes = mg.RangeTest([0.1, 1.0], [2.0, 1.0]).plot()
    assert axes.get_xlabel() == "learning rate" and axes.get_xscale() == "log"


def test_minimize_says_what_is_no_number_and_that_the_loss_has_grown() -> None:
    with pytest.raises(ValueError, match=r"J gave an array of shape \(2,\); expected one number"):
        mg.minimize(lambda w: (w - 3.0) ** 2, np.zeros(2))
    with pytest.raises(ValueError, match=r"J gave 1.0, whatever the weights are"):
        mg.minimize(lambda w: 1.0, np.zeros(2))
    assert "the loss has grown: lower the learning rate" in mg.minimize(lambda w: w**2, 1.0, mg.SGD(1.1)).message
    for optimizer in ("sgd", "BFGS") if find_spec("scipy") else ("sgd",):
        with pytest.raises(ValueError, match="J is nan where it starts, at W0; start where it is"):
            mg.minimize(lambda w: np.log(w), -1.0, optimizer)
    with pytest.raises(ValueError, match="steps is -1; expected a whole number from 0"):
        mg.minimize(lambda w: w**2, 1.0, steps=-1)
    with pytest.raises(ValueError, match=r"tolerance is -1.0; expected a number from 0"):
        mg.minimize(lambda w: w**2, 1.0, tolerance=-1.0)


def test_an_optimizer_begins_afresh_in_each_minimization() -> None:
    adam = mg.Adam(0.1)
    losses = [mg.minimize(lambda w: (w - 3.0) ** 2, 0.0, adam, steps=20).losses for _ in range(2)]
    assert losses[0] == losses[1] and adam.iterations == 0


def test_the_limit_of_gradient_descent_is_not_held_against_adam() -> None:
    model = mg.Sequential([mg.Dense(1, use_bias=False, kernel_initializer="zeros")])
    model.compile(mg.Adam(learning_rate=0.5), "mse")
    found = mg.diagnose(model, [[3.0]], [4.0])
    assert found.stable is None and found.stable_below == pytest.approx(1 / 9) and "used" not in str(found)


def test_the_report_says_where_the_curvature_says_nothing() -> None:
    model = mg.Sequential([mg.Dense(1)], seed=0)
    assert "which says nothing about a rate: see the range test" in str(mg.diagnose(model, [[3.0]], [4.0], "mae"))
    saddle = mg.Sequential([mg.Dense(1), mg.Dense(1)], seed=0)
    report = str(mg.diagnose(saddle, [[1.0], [2.0]], [40.0, 80.0], "mse"))
    assert "the loss bends down in some direction: this is not near a minimum" in report
    with pytest.raises(ValueError, match="there are 1 feature_names, but x has 2 columns"):
        mg.diagnose(model, [[1.0, 2.0]], [4.0], "mse", feature_names=["a"])


def test_columns_of_a_table_are_called_by_their_names_when_training_diverges() -> None:
    pandas = pytest.importorskip("pandas")
    houses = mg.data.load_houses()
    model = mg.Sequential([mg.Dense(1)], seed=0)
    model.compile("sgd", "mse")
    with pytest.raises(mg.DivergenceError, match=r"the scale of the columns size_sqft \(up to 4478\) of x"):
        model.fit(pandas.DataFrame(houses.data, columns=houses.feature_names), houses.target, verbose=0)


def test_the_range_test_says_what_rates_it_needs() -> None:
    model = mg.Sequential([mg.Dense(1)], seed=0)
    model.compile("sgd", "mse")
    for lowest, highest in ((0.0, 1.0), (1.0, 0.1)):
        with pytest.raises(ValueError, match=f"lowest is {lowest} and highest is {highest}; expected rates such as"):
            mg.learning_rate_range_test(model, [[1.0]], [1.0], lowest, highest)
    with pytest.raises(ValueError, match="steps is 0; expected a whole number from 1"):
        mg.learning_rate_range_test(model, [[1.0]], [1.0], steps=0)
    with pytest.raises(ValueError, match="the loss is inf before any step"):
        mg.learning_rate_range_test(model, [[1e200]], [1.0])
