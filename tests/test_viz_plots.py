"""Plots: what they draw, on which axes, and what they refuse; they are looked at by people."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

import microgd as mg
from microgd.viz import plots
from tests.test_worked_examples import W3 as W3_ROWS
from tests.test_worked_examples import W4 as W4_ROWS

pyplot = pytest.importorskip("matplotlib.pyplot", reason="the extra `viz` is not installed")

X = np.linspace(-1.0, 1.0, 30).reshape(-1, 1)
Y = 2.0 * X + 1.0


@pytest.fixture(autouse=True)
def no_windows() -> Iterator[None]:
    pyplot.switch_backend("Agg")
    yield
    pyplot.close("all")


def squared_error(w: Any) -> Any:
    return (3 * w - 4) ** 2


def bowl(w: Any) -> Any:
    return np.mean((w[0] * X + w[1] - Y) ** 2)


def texts(ax: Any) -> str:
    """Return all that is written on axes; drawn first, so that nothing of it fails later."""
    ax.figure.canvas.draw()
    found = [ax.get_title(), ax.get_xlabel(), ax.get_ylabel(), *(text.get_text() for text in ax.texts)]
    return "\n".join(found)


def test_training_curves_draw_on_the_axes_they_are_given() -> None:
    ax = mg.training_curves({"loss": [400.0, 2.0, 1.0], "val_loss": [300.0, 3.0, 2.0]})
    assert ax.get_yscale() == "log"
    assert [line.get_label() for line in ax.get_lines()] == ["training", "validation"]
    assert "training" in texts(ax) and "validation" in texts(ax)
    assert mg.training_curves({"loss": [2.0, 1.0]}, ax=ax, loss_name="error (k$²)") is ax
    assert "error (k\\$²)" in texts(ax)


@pytest.mark.parametrize("history", [{}, {"loss": []}, {"loss": [1.0]}, {"loss": [1.0, np.inf, np.nan]}])
def test_training_curves_of_little_or_of_what_diverged(history: dict[str, list[float]]) -> None:
    ax = mg.training_curves(history)
    assert ("training, then nan" in texts(ax)) == (history.get("loss", [])[1:] != [])


def test_labels_of_lines_that_end_together_stand_apart() -> None:
    ax = mg.training_curves({"loss": [3.0, 1.0], "val_loss": [3.1, 1.0]})
    ax.figure.canvas.draw()
    one, two = (text.get_window_extent() for text in ax.texts)
    assert not one.overlaps(two)


def live(monkeypatch: pytest.MonkeyPatch, notebook: bool, **settings: Any) -> tuple[Any, list[Any]]:
    shown: list[Any] = []
    handle = SimpleNamespace(update=lambda image: shown.append(("update", image)))

    def display(image: Any, display_id: bool) -> Any:
        shown.append(("new", image))
        return handle

    ipython = SimpleNamespace(get_ipython=lambda: SimpleNamespace(kernel=object()) if notebook else None)
    page = SimpleNamespace(Image=lambda data, width: data, display=display)
    monkeypatch.setitem(sys.modules, "IPython", ipython)
    monkeypatch.setitem(sys.modules, "IPython.display", page)
    monkeypatch.setattr(plots, "SHARE_OF_TIME", 1e9)
    curves = mg.viz.LiveCurves(**settings)
    model = mg.Sequential([mg.Dense(1)], seed=0)
    model.compile()
    model.fit(X, Y, epochs=3, validation_split=0.2, callbacks=[curves])
    return curves, shown


def test_in_a_notebook_the_curves_are_drawn_anew_in_their_place(monkeypatch: pytest.MonkeyPatch) -> None:
    curves, shown = live(monkeypatch, notebook=True)
    assert [how for how, _ in shown] == ["new", "update", "update", "update"]  # three epochs, and the end
    assert all(image.startswith(b"\x89PNG") for _, image in shown)
    assert len(curves.figure.axes[0].get_lines()[1].get_xdata()) == 3


def test_in_a_script_the_curves_are_drawn_at_the_end(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    curves, shown = live(monkeypatch, notebook=False, path=tmp_path / "loss.png")
    assert not shown
    assert (tmp_path / "loss.png").read_bytes().startswith(b"\x89PNG")
    assert len(curves.figure.axes) == 1


def test_loss_against_weight_shows_curve_steps_and_tangents() -> None:
    trace = mg.minimize(squared_error, 0.5, mg.SGD(0.02), steps=6)
    ax = mg.loss_against_weight(squared_error, trace, weight_name="w (k$)", tangents=3)
    curve, *tangents, path = ax.get_lines()
    np.testing.assert_allclose(curve.get_ydata(), squared_error(curve.get_xdata()))
    assert len(tangents) == 3
    for tangent, w in zip(tangents, trace.points, strict=False):
        (x1, x2), (y1, y2) = tangent.get_data()
        assert (x1 + x2) / 2 == pytest.approx(w) and (y1 + y2) / 2 == pytest.approx(squared_error(w))
        assert (y2 - y1) / (x2 - x1) == pytest.approx(6 * (3 * w - 4))
    np.testing.assert_allclose(path.get_ydata(), trace.losses)
    assert "slope −15" in texts(ax) and "in 6 steps" in texts(ax) and "w (k\\$)" in texts(ax)
    assert mg.loss_against_weight(squared_error, [0.5], ax, between=(-1.0, 4.0)) is ax
    assert ax.get_xlim() == (-1.0, 4.0)


def test_a_sweep_shows_small_good_and_too_large_learning_rates() -> None:
    ax = mg.learning_rate_sweep(squared_error, 0.5, [0.5, 0.05, 0.001], steps=19, loss_name="error")
    lines = {line.get_label().partition(":")[0]: line for line in ax.get_lines()}
    for rate, rows in (("0.5", W3_ROWS), ("0.05", W4_ROWS)):
        losses = lines[rate].get_ydata()
        assert [losses[number - 1] for number, _, _ in rows] == [error for _, error, _ in rows]
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["0.5: diverges", "0.001: 3.134", "0.05: 0"]
    assert lines["0.5"].get_linestyle() == "--" and lines["0.05"].get_linestyle() == "-"
    assert ax.get_yscale() == "log" and ax.get_ylim()[1] < 1e4 < lines["0.5"].get_ydata()[-1]
    assert "error after 19 steps" in ax.get_legend().get_title().get_text()
    assert texts(ax)


def test_a_sweep_goes_on_where_the_loss_is_no_number_and_where_it_is_negative() -> None:
    _, ax = pyplot.subplots()
    assert mg.learning_rate_sweep(lambda w: np.exp(w * w) - 9, 1.0, [0.01, 100.0], ax, steps=5) is ax
    assert [text.get_text().partition(":")[2] for text in ax.get_legend().get_texts()] == [" diverges", " −7.132"]
    assert ax.get_yscale() == "linear"
    figure = ax.figure
    texts(ax)
    right = ax.get_legend().get_window_extent().x1
    assert right <= figure.bbox.x1  # the legend beside the axes is in the picture


@pytest.mark.parametrize("kind", ["contour", "3d"])
def test_loss_surface(kind: str) -> None:
    trace = mg.minimize(bowl, [-1.0, 3.0], mg.SGD(0.1), steps=8)
    ax = mg.loss_surface(bowl, trace, kind=kind, names=("kernel", "bias"), points=12)
    assert ax.name == ("3d" if kind == "3d" else "rectilinear")
    assert "kernel" in texts(ax) and "bias" in texts(ax)
    path = np.array(ax.get_lines()[-1].get_data_3d() if kind == "3d" else ax.get_lines()[-1].get_data())
    np.testing.assert_allclose(path[:2].T, trace.points)
    if kind == "3d":
        np.testing.assert_allclose(path[2], trace.losses)
    else:
        assert mg.loss_surface(bowl, trace, ax, points=5) is ax


def test_weights_of_any_structure_make_a_surface() -> None:
    trace = mg.minimize(lambda W: bowl((W["kernel"], W["bias"][0])), {"kernel": 0.0, "bias": np.zeros(1)}, steps=3)
    assert mg.loss_surface(lambda W: bowl((W["kernel"], W["bias"][0])), trace, points=5)


def test_a_slice_of_a_model_leaves_the_model_as_it_is() -> None:
    model = mg.Sequential([mg.Dense(4, "tanh"), mg.Dense(1)], seed=0)
    model.compile(mg.SGD(0.1))
    path: list[Any] = []
    model.fit(X, Y, epochs=5, callbacks=[lambda epoch, logs: path.append(model.get_weights())])
    before = model.get_weights()
    loss = mg.viz.loss_of(model, X, Y)
    ax = mg.loss_slice(loss, path, points=8)
    assert all(np.array_equal(before[name], weight) for name, weight in model.get_weights().items())
    line = np.array(ax.get_lines()[-1].get_data())
    np.testing.assert_allclose(line[:, -1], 0, atol=1e-12)  # the last point is the origin
    away = np.array([[np.linalg.norm(p[name] - before[name]) for name in p] for p in path])
    assert np.all(np.linalg.norm(line, axis=0) <= np.linalg.norm(away, axis=1) + 1e-12)  # seen from above


def test_directions_of_a_slice() -> None:
    def J(w: Any) -> Any:
        return np.sum(w * w * np.array([1.0, 2.0, 3.0]))

    here, down = np.array([0.0, 0.0, 0.0]), np.array([[0.0, 0.0, 2.0], [0.0, 3.0, 0.0]])
    ax = mg.loss_slice(J, [np.ones(3), here], directions=list(down), points=5)
    np.testing.assert_allclose(np.array(ax.get_lines()[-1].get_data())[:, 0], [1.0, 1.0])
    assert mg.loss_slice(J, [np.ones(3)], points=5)  # a path of one point: directions at random, ...
    one, two = (mg.loss_slice(J, [np.ones(3), here], points=5).get_lines()[-1].get_xydata() for _ in range(2))
    assert np.array_equal(one, two)  # ... but the same each time
    with pytest.raises(ValueError, match="span no plane"):
        mg.loss_slice(J, [here], directions=[down[0], 2 * down[0]])
    with pytest.raises(ValueError, match="expected two, each of 3"):
        mg.loss_slice(J, [here], directions=[down[0]])


def test_predicted_against_true() -> None:
    ax = mg.predicted_against_true(Y, Y + 0.5, name="price", unit="k$")
    assert "off by 0.5 k\\$" in texts(ax) and "true price (k\\$)" in texts(ax)
    points = ax.collections[0].get_offsets()
    np.testing.assert_allclose(points, np.hstack([Y, Y + 0.5]))
    assert mg.predicted_against_true([1.0, 1.0], [1.0, 2.0], ax) is ax  # no R² of a constant


def test_weights_table_shows_the_largest_first() -> None:
    ax = mg.weights_table([0.5, -2.0, 0.1], ["rooms", "<$crime$>", "tax"], largest=2)
    assert [label.get_text() for label in ax.get_yticklabels()] == ["<\\$crime\\$>", "rooms"]
    assert "−2" in texts(ax) and "without the 1 smallest" in texts(ax)
    assert [bar.get_width() for bar in ax.patches] == [-2.0, 0.5]
    model = mg.Sequential([mg.Dense(1, kernel_initializer="ones", input_shape=(3,))])
    assert len(mg.weights_table(model, ["a", "b", "c"]).patches) == 3


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: mg.loss_against_weight(bowl, [[1.0, 2.0]]), "but W has 2: use loss_surface for two"),
        (lambda: mg.loss_surface(squared_error, [1.0]), "2 weights, but W has 1"),
        (lambda: mg.loss_surface(bowl, [[1.0, 2.0]], kind="4d"), "expected 'contour' or '3d'"),
        (lambda: mg.loss_surface(bowl, [[1.0, 2.0]], pyplot.figure().add_subplot(), kind="3d"), "with projection"),
        (lambda: mg.loss_surface(bowl, [[1.0, 2.0]], pyplot.figure().add_subplot(projection="3d")), "without proj"),
        (lambda: mg.loss_surface(bowl, [[1.0, 2.0]], points=1), "points is 1; expected 2 or more"),
        (lambda: mg.predicted_against_true([1.0, np.nan], [1.0, 2.0]), "not finite; leave those rows out"),
        (lambda: mg.loss_surface(bowl, []), "a list of one or more points"),
        (lambda: mg.loss_surface(bowl, 3.0), "expected what mg.minimize returned"),
        (lambda: mg.loss_against_weight(squared_error, [1.0, np.inf]), "not finite"),
        (lambda: mg.training_curves([1.0]), "expected what fit returned"),
        (lambda: mg.learning_rate_sweep(squared_error, 0.5, []), "there are 0 learning rates"),
        (lambda: mg.learning_rate_sweep(squared_error, 0.5, [0.1], steps=0), "1 learning rates and 0 steps"),
        (lambda: mg.learning_rate_sweep(squared_error, np.inf, [0.1]), "J is inf where it starts"),
        (lambda: mg.learning_rate_sweep(squared_error, 0.5, [-0.1]), "learning_rate"),
        (lambda: mg.predicted_against_true([1.0], [1.0, 2.0]), "1 numbers and y_pred 2"),
        (lambda: mg.weights_table([1.0], ["a", "b"]), "1 weights and 2 names"),
        (lambda: mg.weights_table(mg.Sequential([mg.Dense(2, input_shape=(3,))])), r"kernel of shape \(3, 2\)"),
    ],
)
def test_what_plots_refuse(call: Any, message: str) -> None:
    with pytest.raises((ValueError, TypeError), match=message):
        call()
