"""The worked examples of the book, digit for digit: floats are equal, not close."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import microgd as mg

Row = tuple[int, float, float]  # round, error, prediction


def error(w: mg.Value) -> Any:
    """The squared error of one prediction: input 3, target 4."""
    return (w * 3.0 - 4.0) ** 2


# W1 to W4: one weight, by trial and by gradient


def test_w1_squared_error_of_one_prediction() -> None:
    w = mg.Value(0.5)
    assert (w * 3.0).data == 1.5
    assert error(w).data == 6.25
    assert mg.mean_squared_error(4.0, w * 3.0).data == 6.25


def guess_up_or_down(rounds: int, step: float) -> tuple[list[Row], float]:
    w, rows = mg.Value(0.5), []
    for number in range(1, rounds + 1):
        rows.append((number, error(w).data, (w * 3.0).data))
        up, down = w.data + step, w.data - step
        w = mg.Value(up if error(mg.Value(up)) < error(mg.Value(down)) else down)
    return rows, w.data


def descend(rounds: int, learning_rate: float) -> tuple[list[Row], float]:
    w, rows = mg.Value(0.5), []
    optimizer = mg.SGD(learning_rate)
    for number in range(1, rounds + 1):
        prediction = w * 3.0
        loss = (prediction - 4.0) ** 2
        rows.append((number, loss.data, prediction.data))
        loss.backward()
        optimizer.step([w])
        w.grad = None
    return rows, w.data


W2 = [
    (1, 6.25, 1.5),
    (2, 5.522499999999998, 1.6500000000000001),
    (3, 4.839999999999999, 1.8000000000000003),
    (4, 4.2025, 1.9500000000000004),
    (5, 3.609999999999998, 2.1000000000000005),
    (19, 0.009999999999999573, 3.900000000000002),
    (20, 0.0025000000000002486, 4.0500000000000025),
]
W3 = [
    (1, 6.25, 1.5),
    (2, 400.0, 24.0),
    (3, 25600.0, -156.0),
    (4, 1638400.0, 1284.0),
    (5, 104857600.0, -10236.0),
    (18, 3.1691265005705735e31, 5629499534213124.0),
    (19, 2.028240960365167e33, -4.503599627370496e16),
    (20, 1.2980742146337069e35, 3.602879701896397e17),
]
W4 = [
    (1, 6.25, 1.5),
    (2, 0.0625, 3.75),
    (3, 0.0006250000000000178, 3.9749999999999996),
    (4, 6.2499999999997335e-06, 3.9975),
    (5, 6.249999999993073e-08, 3.99975),
    (16, 4.930380657631324e-30, 3.999999999999998),
    *((number, 0.0, 4.0) for number in range(17, 21)),
]


@pytest.mark.parametrize(
    ("run", "expected"),
    [
        pytest.param(lambda: guess_up_or_down(20, 0.05)[0], W2, id="W2 up or down by a fixed step"),
        pytest.param(lambda: descend(20, 0.5)[0], W3, id="W3 a learning rate that diverges"),
        pytest.param(lambda: descend(20, 0.05)[0], W4, id="W4 a learning rate that converges"),
    ],
)
def test_the_rounds_of_one_weight(run: Callable[[], list[Row]], expected: list[Row]) -> None:
    rows = {row[0]: row for row in run()}
    assert [rows[number] for number, _, _ in expected] == expected


def test_the_final_weights() -> None:
    assert guess_up_or_down(20, 0.05)[1] == 1.3000000000000007
    assert descend(20, 0.05)[1] == 1.3333333333333333


def test_w2_oscillates_for_ever() -> None:
    rows = guess_up_or_down(100, 0.05)[0]
    assert rows[97][1] == pytest.approx(rows[99][1]) and rows[98][1] == pytest.approx(rows[96][1])
    assert rows[98][1] != pytest.approx(rows[99][1])


# W5: the three regimes, and the limit


def test_w5_the_learning_rate_decides() -> None:
    curvature = mg.hessian(lambda w: error(w))(0.5)
    assert curvature == 18.0
    limit = 2 / curvature
    assert limit == pytest.approx(1 / 9)
    small, good, large, too_large = (
        descend(40, rate)[0][-1][1] for rate in (0.001, 1 / 18, 0.95 * limit, 1.01 * limit)
    )
    assert good == pytest.approx(0, abs=1e-25)
    assert 0 < large < 6.25 < too_large
    assert 0 < small < 6.25
    for rate in (0.001, 0.05, 0.1, 0.2):
        rows = descend(3, rate)[0]
        assert rows[1][1] / rows[0][1] == pytest.approx((1 - 18 * rate) ** 2)


def test_w5_one_step_lands_at_one_eighteenth() -> None:
    assert descend(2, 1 / 18)[0][1][1] == pytest.approx(0, abs=1e-28)


# W6 and W7: house size


def house_sizes() -> tuple[Any, Any]:
    houses = mg.data.load_houses()
    x = mg.data.StandardScaler().fit_transform(houses.data[:, :1])
    return x, houses.target.reshape(-1, 1) / 100_000


def test_w6_a_perceptron_of_one_weight() -> None:
    x, y = house_sizes()
    y = y - y.mean()  # without a bias, the line goes through the middle
    model = mg.Sequential([mg.Dense(1, use_bias=False, kernel_initializer="zeros")])
    model.compile(mg.SGD(0.1), "mean_squared_error")
    before = model.evaluate(x, y)
    model.fit(x, y, batch_size=len(x), epochs=200)
    assert before == pytest.approx(np.mean(y**2))
    assert model.layers[0].parameters()[0].item() == pytest.approx((x.T @ y).item() / (x.T @ x).item())
    assert model.evaluate(x, y) < 0.3 * before


def test_w7_two_weights_reach_the_bottom_of_the_bowl() -> None:
    x, y = house_sizes()
    model = mg.Sequential([mg.Dense(1)], seed=0)
    model.compile(mg.SGD(0.1), "mean_squared_error")
    model.fit(x, y, batch_size=len(x), epochs=200)
    slope, intercept = np.polyfit(x[:, 0], y[:, 0], 1)
    kernel, bias = model.parameters()
    assert [kernel.item(), bias.item()] == pytest.approx([slope, intercept])

    def surface(weights: Any) -> Any:
        return mg.mean_squared_error(y, x * weights[0] + weights[1])

    assert np.allclose(mg.grad(surface)(np.array([slope, intercept])), 0, atol=1e-12)


# W8: edge by edge


def scalar_edges() -> tuple[mg.Value, mg.Value]:
    v = mg.Value(0.0, name="v")
    return v, (v * 2.0 - 5.0) ** 2


def array_edges() -> tuple[mg.Value, mg.Value]:
    v = mg.Value([0.0], name="v")
    return v, np.sum((v * np.array([2.0]) - np.array([5.0])) ** 2)


@pytest.mark.parametrize("graph", [scalar_edges, array_edges])
def test_w8_the_gradients_on_the_three_edges(graph: Callable[[], tuple[mg.Value, mg.Value]]) -> None:
    v, loss = graph()
    assert loss.data == 25.0
    steps = [step for step in mg.walk(loss) if step.node.rule.name != "sum"]
    assert [float(np.squeeze(step.contribution)) for step in steps] == [-10.0, -10.0, -20.0]
    loss.backward()
    assert float(np.squeeze(v.grad)) == -20.0
    mg.SGD(learning_rate=0.01).step([v])
    assert float(np.squeeze(v.data)) == 0.2


def test_w8_converges_to_the_optimum() -> None:
    v = mg.Value(0.0)
    optimizer = mg.SGD(learning_rate=0.1)
    for _ in range(50):
        loss = (v * 2.0 - 5.0) ** 2
        loss.backward()
        optimizer.step([v])
        v.grad = None
    assert v.data == pytest.approx(2.5, abs=1e-12)


# W9: the minibatch loop, by hand and by fit


@pytest.mark.parametrize("optimizer", [lambda: mg.SGD(0.05, momentum=0.9, nesterov=True), lambda: mg.Adam(0.05)])
def test_w9_a_loop_by_hand_and_fit_give_the_same_bits(optimizer: Callable[[], mg.Optimizer]) -> None:
    cars = mg.data.load_cars()
    x, y = mg.data.StandardScaler().fit_transform(cars.data), cars.target.reshape(-1, 1)

    def network() -> mg.Sequential:
        return mg.Sequential([mg.Dense(4, "tanh"), mg.Dense(1)], seed=7)

    fitted = network()
    fitted.compile(optimizer(), "mean_squared_error")
    losses = fitted.fit(x, y, batch_size=8, epochs=5).history["loss"]

    model, update = network(), optimizer()
    model(x[:1])
    by_hand = []
    for _ in range(5):
        total = 0.0
        for x_batch, y_batch in mg.data.batches(x, y, batch_size=8, shuffle=True, seed=model.generator):
            loss = mg.mean_squared_error(y_batch, model(x_batch))
            loss.backward()
            update.step(model.parameters())
            model.zero_grad()
            total += loss.item() * len(x_batch)
        by_hand.append(total / len(x))
    assert by_hand == losses
    for one, other in zip(model.parameters(), fitted.parameters(), strict=True):
        assert np.array_equal(one.data, other.data)


# W10: the Boston houses, where the file is there


def boston_path() -> Path | None:
    folders = [os.environ.get("MICROGD_DATA"), Path(__file__).parents[2] / "shared" / "data"]
    paths = [Path(folder) / "boston_housing.csv" for folder in folders if folder]
    return next((path for path in paths if path.exists()), None)


needs_boston = pytest.mark.skipif(
    boston_path() is None, reason="boston_housing.csv is not there: set MICROGD_DATA to the folder that has it"
)


@needs_boston
def test_w10_least_squares_on_all_rows() -> None:
    boston = mg.data.load_boston(boston_path())
    x, y = mg.data.StandardScaler().fit_transform(boston.data), boston.target
    model = mg.Sequential([mg.Dense(1)], seed=0)
    model.compile(mg.SGD(0.1, momentum=0.9), "mean_squared_error")
    model.fit(x, y, batch_size=len(x), epochs=2000)
    assert model.evaluate(x, y) == pytest.approx(22.429681439489926, abs=1e-9)
    kernel, bias = model.parameters()
    assert bias.item() == pytest.approx(22.5328, abs=1e-4)
    weights = dict(zip(boston.feature_names, kernel.data[:, 0].round(4).tolist(), strict=True))
    largest = {"lstat": -3.9381, "dis": -3.136, "rm": 2.5677, "rad": 2.5174, "nox": -2.1715}
    assert dict(sorted(weights.items(), key=lambda item: -abs(item[1]))[:5]) == largest


def w10(hidden: int, seed: int) -> tuple[float, float, float]:
    """The recipe as it stands: baseline, training loss and test loss."""
    boston = mg.data.load_boston(boston_path())
    x_train, x_test, y_train, y_test = mg.data.train_test_split(boston.data, boston.target, test_size=173, seed=seed)
    scaler = mg.data.StandardScaler().fit(x_train)
    layers = [mg.Dense(50, "sigmoid", kernel_initializer="lecun_normal") for _ in range(hidden)]
    model = mg.Sequential([*layers, mg.Dense(1)], seed=seed)
    model.compile(mg.SGD(learning_rate=0.01), "mean_squared_error")
    history = model.fit(scaler.transform(x_train), y_train, batch_size=40, epochs=200, validation_split=0.2)
    baseline = float(np.mean((y_test - y_train.mean()) ** 2))
    return baseline, history.history["loss"][-1], model.evaluate(scaler.transform(x_test), y_test)


# Of the test loss, over 20 other splits, in another framework. With two hidden layers one split in five does better
# than all of those, so that below the range a loss is counted, and above it is wrong.
W10_RANGES = {0: (17.4, 29.1), 1: (10.1, 18.3), 2: (9.8, 19.2)}


@needs_boston
@pytest.mark.parametrize("hidden", W10_RANGES)
def test_w10_the_recipe_over_ten_seeds(hidden: int) -> None:
    runs = [w10(hidden, seed) for seed in range(10)]
    low, high = W10_RANGES[hidden]
    assert all(test <= high for _, _, test in runs)
    assert sum(test < low for _, _, test in runs) <= (2 if hidden == 2 else 0)
    assert all(67.55 <= baseline <= 95.55 for baseline, _, _ in runs)
    if not hidden:
        assert all(18.7 <= train <= 28.4 for _, train, _ in runs)


W10_IN_TEN_LINES = """
import microgd as mg
houses = mg.data.load_boston(path)
x, x_test, y, y_test = mg.data.train_test_split(houses.data, houses.target, test_size=173, seed=0)
scaler = mg.data.StandardScaler().fit(x)
model = mg.Sequential([mg.Dense(1)], seed=0)
model.compile(optimizer=mg.SGD(0.01), loss="mean_squared_error")
history = model.fit(scaler.transform(x), y, batch_size=40, epochs=200, validation_split=0.2)
baseline, loss = ((y_test - y.mean()) ** 2).mean(), model.evaluate(scaler.transform(x_test), y_test)
weights = dict(zip(houses.feature_names, model.layers[0].kernel.data[:, 0]))
largest = sorted(weights, key=lambda name: -abs(weights[name]))[:5]
"""


@needs_boston
def test_w10_in_ten_lines() -> None:
    found: dict[str, Any] = {"path": boston_path()}
    exec(W10_IN_TEN_LINES, found)
    assert len(W10_IN_TEN_LINES.split("\n")) - 2 == 10
    assert W10_RANGES[0][0] < found["loss"] < W10_RANGES[0][1] < 67.5 < found["baseline"]
    assert len(found["history"].history["val_loss"]) == 200 and found["largest"][0] == "lstat"


# Free golden numbers


def golden_graph() -> dict[str, float]:
    a, b = mg.Value(-4.0), mg.Value(2.0)
    c = a + b
    d = a * b + b**3
    c += c + 1
    c += 1 + c + (-a)
    d += d * 2 + mg.relu(b + a)
    d += 3 * d + mg.relu(b - a)
    e = c - d
    f = e**2
    g = f / 2.0
    g += 10.0 / f
    g.backward()
    return {"g": g.data, "da": a.grad, "db": b.grad}


def test_the_graph_of_the_scalar_tutorial_engine() -> None:
    assert golden_graph() == {"g": 24.70408163265306, "da": 138.83381924198252, "db": 645.5772594752186}


def goldstein_price(p: Any) -> Any:
    x, y = p[0], p[1]
    first = 1 + (x + y + 1) ** 2 * (19 - 14 * x + 3 * x**2 - 14 * y + 6 * x * y + 3 * y**2)
    second = 30 + (2 * x - 3 * y) ** 2 * (18 - 32 * x + 12 * x**2 + 48 * y - 36 * x * y + 27 * y**2)
    return first * second


@pytest.mark.parametrize(
    ("function", "point", "value", "gradient"),
    [
        (goldstein_price, [1.0, 1.0], 1876.0, [-5376.0, 8064.0]),
        (lambda p: 0.26 * (p[0] ** 2 + p[1] ** 2) - 0.48 * p[0] * p[1], [1.0, 1.0], 0.04, [0.04, 0.04]),
        (lambda p: 100 * (p[1] - p[0] ** 2) ** 2 + (p[0] - 1) ** 2, [0.0, 2.0], 401.0, [-2.0, 400.0]),
    ],
    ids=["Goldstein-Price", "Matyas", "Rosenbrock"],
)
def test_functions_of_two_numbers(function: Any, point: list[float], value: float, gradient: list[float]) -> None:
    found, slope = mg.value_and_grad(function)(np.array(point))
    assert float(found) == pytest.approx(value, rel=1e-12)
    assert slope.tolist() == pytest.approx(gradient, rel=1e-12)


def test_derivatives_of_one_number() -> None:
    def quartic(x: Any) -> Any:
        return x**4 - 2 * x**2

    assert mg.grad(quartic)(2.0) == 24.0
    assert mg.grad(mg.grad(quartic))(2.0) == 44.0
    assert mg.grad(np.tanh)(1.0) == pytest.approx(0.419974341614026, rel=1e-14)
