"""Plots of training, by matplotlib. Each takes an `ax` to draw on, and returns it.

A figure that has no layout engine gets the constrained one, or what is written beside the axes would be cut off.
"""

from __future__ import annotations

import contextlib
import math
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from io import BytesIO
from itertools import cycle
from pathlib import Path
from typing import Any

import numpy as np

from ..autograd.derivatives import flattened, map_tree, value_and_grad
from ..autograd.value import Value, no_grad, raw
from ..nn.callbacks import Callback, Logs
from ..nn.minimizing import minimize
from ..nn.optimizers import SGD
from ..nn.training import DivergenceError
from .labels import number, short

LONG = 1000  # epochs
FLAT = 0.05  # the share of the heights under which half of a landscape lies where it is flat with steep walls
SIZE = (6.4, 4.0)  # inches
MARKED = 60  # steps of a path that are told apart
LONGEST_LABEL = 60  # characters
LONGEST_FEATURE = 36  # characters beside the bars
MARKERS = "os^DvPX*"
FAINTEST, GROWN = 1e-6, 1e2  # of the loss at the start: what a sweep shows of losses that vanish or diverge
SHARE_OF_TIME = 0.1  # that a live plot may take from training

# Told apart by colour-blind readers and in grey: M. Okabe and K. Ito, "Color universal design", 2008.
BLUE, ORANGE, GREY = "#0072b2", "#d55e00", "#6b7280"
SURFACE = "cividis"


def pyplot() -> Any:
    """Return matplotlib, or say how to get it."""
    try:
        from matplotlib import pyplot  # an extra, which takes long to import
    except ImportError:
        raise ImportError("plots are drawn by matplotlib, which is not here: pip install 'microgd[viz]'.") from None
    return pyplot


def axes_for(ax: Any, height: float = SIZE[1], projection: str | None = None) -> Any:
    """Return the axes to draw on, new ones if there are none, with no more lines than needed."""
    if ax is None:
        figure = pyplot().figure(figsize=(SIZE[0], height), layout="constrained")
        ax = figure.add_subplot(projection=projection)
    make_room(ax)
    if ax.name != "3d":
        ax.spines[["top", "right"]].set_visible(False)
        ax.set_axisbelow(True)
    return ax


def make_room(ax: Any) -> None:
    """Have what stands beside the axes fit into the picture, unless its figure is laid out in a way of its own."""
    if hasattr(ax.figure, "set_layout_engine") and ax.figure.get_layout_engine() is None:
        ax.figure.set_layout_engine("constrained")


def short_numbers(ax: Any, axes: str = "xyz") -> None:
    """Write the numbers along the axes without an offset in a corner, where nobody looks for it."""
    for name in axes:
        axis = getattr(ax, f"{name}axis", None)
        if axis is not None and getattr(ax, f"get_{name}scale")() == "linear":
            axis.set_major_formatter(lambda x, place: number(0.0 if abs(x) < 1e-12 else x))


# Curves of training ---------------------------------------------------------------------------------------------------


def training_curves(history: Any, ax: Any = None, *, loss_name: str = "loss") -> Any:
    """Plot the loss of each epoch, and that of the validation rows if there are any.

    Args:
        history: What `fit` returned, or its dict of lists: "loss", "val_loss".
        ax: The axes to draw on; new ones by default.
        loss_name: What to write along the axis, with the unit: "mean squared error (k$²)".

    Returns:
        The axes.

    Raises:
        ImportError: If there is no matplotlib.

    Example:
        >>> training_curves({"loss": [4.0, 2.0, 1.0]}).get_xlabel()
        'epoch'
    """
    figures = getattr(history, "history", history)
    figures = getattr(figures, "history", figures)  # of a model, the history of its last fit
    if not isinstance(figures, Mapping):
        raise TypeError(f"history is {type(history).__name__}; expected what fit returned, or its dict of lists.")
    ax = axes_for(ax)
    for key, label, style in (
        ("loss", "training", {"color": BLUE}),
        ("val_loss", "validation", {"color": ORANGE, "linestyle": (0, (4, 1.5))}),
    ):
        if key in figures:
            losses = figures[key]
            marker = "o" if len(losses) == 1 else None
            if losses and not math.isfinite(losses[-1]):
                label = f"{label}, then {number(losses[-1])}"
            ax.plot(range(1, len(losses) + 1), losses, label=label, marker=marker, linewidth=1.8, **style)
    found = [loss for key in ("loss", "val_loss") for loss in figures.get(key, []) if math.isfinite(loss)]
    if found and min(found) > 0 and max(found) > 20 * min(found):
        logarithmic(ax, min(found), max(found))
    epochs = max((len(figures.get(key, ())) for key in ("loss", "val_loss")), default=0)
    if epochs > LONG:
        ax.set_xscale("log")  # most happens in the first epochs
    else:
        ax.xaxis.get_major_locator().set_params(integer=True)
    ax.set_xlabel("epoch")
    ax.set_ylabel(plain(loss_name))
    ax.grid(alpha=0.25)
    label_ends(ax)
    return ax


def logarithmic(ax: Any, least: float, most: float) -> None:
    """Give the losses a logarithmic scale, on which some numbers are written for losses from `least` to `most`."""
    ax.set_yscale("log", nonpositive="clip")
    if most < 1000 * least:  # with more, powers of ten are enough
        ax.yaxis.set_major_locator(pyplot().LogLocator(subs=(1, 2, 5)))
        ax.yaxis.set_major_formatter(lambda x, place: number(x))
        ax.yaxis.set_minor_formatter(lambda x, place: "")


def label_ends(ax: Any) -> None:
    """Write the label of each line at its right end, in its colour, none on top of another."""
    ax.autoscale_view()
    ends = []
    for line in ax.get_lines():
        points = [(x, y) for x, y in zip(*line.get_data(), strict=True) if math.isfinite(y)]
        if points and not line.get_label().startswith("_"):
            height = ax.transData.transform(points[-1])[1] * 72 / ax.figure.dpi
            ends.append((height, points[-1], line))
    least = -math.inf
    for height, end, line in sorted(ends, key=lambda end: end[0]):
        least = max(height, least + 12.0)
        ax.annotate(
            *(line.get_label(), end),
            xytext=(6, least - height),
            textcoords="offset points",
            color=line.get_color(),
            verticalalignment="center",
            annotation_clip=False,
        )


class LiveCurves(Callback):
    """Plots the losses while `fit` runs: live in a notebook, at the end in a script.

    Args:
        path: Where to write the picture at the end, as "loss.png"; by default a script shows it in a window, where it
            has one.
        loss_name: What to write along the axis, with the unit.

    Attributes:
        figure: The matplotlib figure as it was drawn last; None before.

    Raises:
        ImportError: If there is no matplotlib.

    Example:
        >>> callback = LiveCurves()  # model.fit(x, y, callbacks=[mg.viz.LiveCurves()])
    """

    def __init__(self, path: str | Path | None = None, *, loss_name: str = "loss") -> None:
        pyplot()  # say at once, not after an epoch, that it is missing
        self.path = path
        self.loss_name = loss_name
        self.figure: Any = None
        self.shown: Any = None

    def on_train_begin(self, logs: Logs) -> None:
        """Begin anew."""
        self.history: dict[str, list[float]] = {}
        self.shown = None
        self.wait_until = 0.0

    def on_epoch_end(self, epoch: int, logs: Logs) -> None:
        """Keep the figures, and draw them if that does not slow training down."""
        for name in ("loss", "val_loss"):
            if name in logs:
                self.history.setdefault(name, []).append(logs[name])
        begin = time.monotonic()
        if in_notebook() and begin >= self.wait_until:
            self.show()
            end = time.monotonic()
            self.wait_until = end + (end - begin) / SHARE_OF_TIME

    def on_train_end(self, logs: Logs) -> None:
        """Draw all of it."""
        if not self.history:
            return
        if in_notebook():
            self.show()
        else:
            self.figure = pyplot().figure(figsize=SIZE, layout="constrained")
            training_curves(self.history, self.figure.add_subplot(), loss_name=self.loss_name)
        if self.path is not None:
            self.figure.savefig(self.path)
        elif getattr(self.figure.canvas, "required_interactive_framework", None):  # a window to show it in
            pyplot().show()

    def show(self) -> None:
        """Draw in the notebook, in the place of what was drawn before."""
        from matplotlib.figure import Figure  # not pyplot's, which a notebook shows a second time

        page = import_module("IPython.display")  # it is there: we are in a notebook
        self.figure = Figure(figsize=SIZE, layout="constrained")
        training_curves(self.history, self.figure.add_subplot(), loss_name=self.loss_name)
        file = BytesIO()
        self.figure.savefig(file, format="png", dpi=200)
        image = page.Image(file.getvalue(), width=640)
        if self.shown is None:
            self.shown = page.display(image, display_id=True)
        else:
            self.shown.update(image)


def in_notebook() -> bool:
    """Return whether this runs in a notebook's kernel."""
    shell = sys.modules["IPython"].get_ipython() if "IPython" in sys.modules else None
    return getattr(shell, "kernel", None) is not None


# The learning rate ----------------------------------------------------------------------------------------------------


def learning_rate_sweep(
    J: Callable[[Any], Any],
    W0: Any,
    learning_rates: Sequence[float],
    ax: Any = None,
    *,
    steps: int = 20,
    loss_name: str = "loss",
) -> Any:
    """Plot the loss, step by step, of descents that differ in nothing but the learning rate.

    Each is plain gradient descent: W ← W − rate · ∂J/∂W. Where the loss ends above its start, the descent diverges.

    Args:
        J: A function from the weights, as Values, to the loss.
        W0: Where each descent starts: a number, an array, or a nested dict, list or tuple of them.
        learning_rates: The learning rates, each above 0.
        ax: The axes to draw on; new ones by default.
        steps: How many steps each descent makes, at least one.
        loss_name: What to write along the axis, with the unit.

    Returns:
        The axes; the legend has the loss at the end for each learning rate, in the order of the lines' ends. What
        diverges is dashed, and leaves the picture.

    Raises:
        ValueError: If there is no learning rate or no step, or J is not finite at W0.
        ImportError: If there is no matplotlib.

    Example:
        >>> ax = learning_rate_sweep(lambda w: (3 * w - 4) ** 2, 0.5, [0.01, 0.05, 0.2], steps=3)
        >>> [text.get_text() for text in ax.get_legend().get_texts()]
        ['0.2: diverges', '0.01: 1.9', '0.05: 6.25e−6']

    Source: with the largest curvature c the limit is 2 / c; Y. LeCun et al., "Efficient backprop", 1998.
    """
    rates = [float(rate) for rate in np.sort(np.ravel(learning_rates))]
    if not rates or steps < 1:
        raise ValueError(f"there are {len(rates)} learning rates and {steps} steps; expected one or more.")
    runs = {rate: losses_of_descent(J, W0, rate, steps) for rate in rates}
    first = next(iter(runs.values()))[0]
    ax = axes_for(ax)
    colours = pyplot().get_cmap("plasma")(np.linspace(0.0, 0.75, len(runs)))
    lines = []
    for (rate, losses), colour, marker in zip(runs.items(), colours, cycle(MARKERS)):
        diverges = not losses[-1] <= first
        label = f"{number(rate)}: {'diverges' if diverges else number(losses[-1])}"
        (line,) = ax.plot(losses, label=label, color=colour, linewidth=1.6)
        line.set(linestyle=(0, (4, 1.5)) if diverges else "-", marker=marker, markersize=4, markevery=-(-steps // 20))
        lines.append(line)
    found = [loss for losses in runs.values() for loss in losses if math.isfinite(loss)]
    if min(found) >= 0 and first > 0:
        least, most = max(min(found), FAINTEST * first), min(max(found), GROWN * first)
        logarithmic(ax, least, most)
        ax.set_ylim(least / 1.5, 1.5 * most)
    elif max(found) > first > min(found):
        below = first - min(found)
        ax.set_ylim(min(found) - 0.1 * below, first + below)
    ax.set_xlim(-0.02 * steps, 1.02 * steps)
    ax.xaxis.get_major_locator().set_params(integer=True)
    ax.set_xlabel("step")
    ax.set_ylabel(plain(loss_name))
    ax.grid(alpha=0.25)
    ax.legend(
        handles=sorted(lines, key=lambda line: -height_of(line.get_ydata()[-1])),
        title=plain(f"learning rate:\n{loss_name} after {steps} steps"),
        loc="center left",
        bbox_to_anchor=(1.0, 0.5),
        frameon=False,
        alignment="left",
    )
    return ax


def losses_of_descent(J: Callable[[Any], Any], W0: Any, learning_rate: float, steps: int) -> list[float]:
    """Return the loss before each step of gradient descent and after the last, up to the first that is not finite."""
    losses = []

    def watched(weights: Any) -> Any:
        loss = J(weights)
        losses.append(float(raw(loss)))
        return loss

    with contextlib.suppress(DivergenceError):
        minimize(watched, W0, SGD(learning_rate), steps)
    return losses


def height_of(loss: float) -> float:
    """Return how high a loss stands in a picture: one that is not finite above all."""
    return loss if math.isfinite(loss) else math.inf


# The loss, seen from above --------------------------------------------------------------------------------------------


class Landscape:
    """A loss as a function of one flat vector of weights, and a path of such vectors."""

    def __init__(self, J: Callable[[Any], Any], path: Any) -> None:
        self.J = J
        points = getattr(path, "points", path)
        if not isinstance(points, Sequence) or isinstance(points, str) or not points:
            raise TypeError(
                f"path is {path!r}; expected what mg.minimize returned, or a list of one or more points: [W0, ...]."
            )
        self.tree = flattened(map_tree(raw, points[0]))[1]
        self.path = np.array([flattened(map_tree(raw, point))[0] for point in points])
        if not np.isfinite(self.path).all():
            raise ValueError(
                "the path has weights that are not finite numbers; draw the part before: trace.points[:10]."
            )
        self.weights = self.path.shape[1]

    def loss(self, flat: Any) -> float:
        """Return the loss at a point."""
        with no_grad(), np.errstate(all="ignore"):  # what is not finite is left out of the picture
            return float(self.J(map_tree(Value, self.tree(flat))))

    def slope(self, flat: Any) -> tuple[float, Any]:
        """Return the loss at a point and its gradient there."""
        loss, gradient = value_and_grad(self.J)(self.tree(flat))
        return float(loss), flattened(gradient)[0]

    def need(self, count: int, what: str, instead: str) -> None:
        """Raise unless there are as many weights as a plot has directions."""
        if self.weights != count:
            raise ValueError(
                f"{what} shows a loss of {count} weight{'s'[: count - 1]}, but W has {self.weights}: {instead}."
            )


def loss_of(model: Any, x: Any, y: Any) -> Callable[[Any], float]:
    """Return the loss over some rows as a function of a model's weights, as `get_weights` gives them.

    Args:
        model: A compiled model. Calling the function leaves its weights as they are.
        x: Features, shape (rows, ...).
        y: Targets, shape (rows,) or (rows, ...).

    Returns:
        The function J from weights to the mean loss, 1/n · Σ loss(y_i, model(x_i)).

    Raises:
        RuntimeError: When J is called, if the model is not compiled.

    Example:
        >>> from microgd.nn import Dense, Sequential
        >>> model = Sequential([Dense(1, kernel_initializer="ones", input_shape=(1,))])
        >>> model.compile()
        >>> J, weights = loss_of(model, [[1.0], [2.0]], [1.0, 2.0]), model.get_weights()
        >>> J(weights), J({**weights, "dense_1_bias": [2.0]})
        (0.0, 4.0)
    """

    def J(weights: Any) -> float:
        before = model.get_weights()
        try:
            model.set_weights({name: raw(weight) for name, weight in weights.items()})
            return float(model.evaluate(x, y, return_dict=True)["loss"])
        finally:
            model.set_weights(before)

    return J


def loss_against_weight(
    J: Callable[[Any], Any],
    path: Any,
    ax: Any = None,
    *,
    weight_name: str = "weight",
    loss_name: str = "loss",
    tangents: int = 4,
    between: tuple[float, float] | None = None,
) -> Any:
    """Plot a loss against its one weight, the steps of a descent on the curve, and the tangents that led the way.

    Args:
        J: A function from the weight, as a Value, to the loss.
        path: What `mg.minimize` returned, or a list of weights: the descent, step by step.
        ax: The axes to draw on; new ones by default.
        weight_name: What to write along the axis, with the unit.
        loss_name: The same for the loss.
        tangents: At how many of the first steps to draw the tangent.
        between: The least and the largest weight to draw the curve for; by default as far as the path goes.

    Returns:
        The axes.

    Raises:
        ValueError: If there is more than one weight.
        ImportError: If there is no matplotlib.

    Example:
        >>> from microgd.nn import SGD, minimize
        >>> def J(w):
        ...     return (3 * w - 4) ** 2
        >>> loss_against_weight(J, minimize(J, 0.5, SGD(0.02), steps=10)).get_ylabel()
        'loss'
    """
    land = Landscape(J, path)
    land.need(1, "loss_against_weight", "use loss_surface for two, loss_slice for more")
    ax = axes_for(ax)
    steps = land.path[:, 0]
    found = [land.slope([step]) for step in steps]
    heights = [loss for loss, _ in found]
    best = steps[int(np.argmin(heights))]
    reach = 1.25 * np.max(np.abs(steps - best)) or max(1.0, abs(best))
    least, most = between or (best - reach, best + reach)
    weights = np.linspace(least, most, 201)
    losses = np.array([land.loss([weight]) for weight in weights])
    ax.plot(weights, losses, color=BLUE, linewidth=1.8)
    ax.set_xlim(weights[0], weights[-1])
    lowest, highest = np.nanmin(losses[np.isfinite(losses)]), np.nanmax([*losses[np.isfinite(losses)], *heights])
    room = 0.06 * (highest - lowest)
    ax.set_ylim(lowest - room, highest + room)
    aspect = (highest - lowest + 2 * room) / (weights[-1] - weights[0]) * 1.6  # a slope that looks like 45 degrees
    for place, (step, (loss, slope)) in enumerate(zip(steps[:tangents], found, strict=False)):
        half = 0.09 * (weights[-1] - weights[0]) / math.hypot(1.0, slope.item() / aspect)
        ends = np.array([step - half, step + half])
        ax.plot(
            ends, loss + slope.item() * (ends - step), color=ORANGE, linewidth=1.6, alpha=1 - 0.6 * place / tangents
        )
    if len(steps) > 1:
        ax.plot(steps, heights, color=GREY, linewidth=0.8, linestyle=(0, (3, 2)), zorder=1.9)
    ax.scatter(steps, heights, s=26, color=ORANGE, edgecolor="white", linewidth=0.8, zorder=3)
    if tangents:
        slope = found[0][1].item()
        ax.annotate(
            f"slope {number(slope)}",
            (steps[0], heights[0]),
            xytext=(-9 if slope > 0 else 9, 8),
            textcoords="offset points",
            horizontalalignment="right" if slope > 0 else "left",
            verticalalignment="center",
            color=ORANGE,
            bbox={"facecolor": "white", "edgecolor": "none", "alpha": 0.9, "pad": 1.0},
        )
    title(ax, loss_name, heights)
    ax.set_xlabel(plain(weight_name))
    ax.set_ylabel(plain(loss_name))
    ax.grid(alpha=0.25)
    short_numbers(ax)
    return ax


def title(ax: Any, loss_name: str, losses: Any) -> None:
    """Write above a plot what a descent has achieved."""
    if len(losses) > 1:
        from_to, steps = f"{number(losses[0])} → {number(losses[-1])}", len(losses) - 1
        ax.set_title(f"{plain(loss_name)} {from_to} in {steps} step{'s'[: steps - 1]}", size=10)


def loss_surface(
    J: Callable[[Any], Any],
    path: Any,
    ax: Any = None,
    *,
    kind: str = "contour",
    names: Sequence[str] = ("weight 1", "weight 2"),
    loss_name: str = "loss",
    points: int = 60,
) -> Any:
    """Plot a loss over its two weights, with the path of a descent: as a contour map, or as a surface in 3-D.

    Args:
        J: A function from the two weights, as Values in the structure of the path's points, to the loss.
        path: What `mg.minimize` returned, or a list of points.
        ax: The axes to draw on, for a surface with projection="3d"; new ones by default.
        kind: "contour" or "3d".
        names: What to write along the two axes of the weights, with the unit.
        loss_name: What to call the loss.
        points: How many values of each weight the loss is computed for.

    Returns:
        The axes.

    Raises:
        ValueError: If there are not two weights, the kind is another, or the axes are not made for it.
        ImportError: If there is no matplotlib.

    Example:
        >>> from microgd.nn import SGD, minimize
        >>> def J(w):
        ...     return (w[0] - 1) ** 2 + 3 * w[1] ** 2
        >>> loss_surface(J, minimize(J, [3.0, 2.0], SGD(0.1), steps=10), names=("a", "b")).get_ylabel()
        'b'
    """
    land = Landscape(J, path)
    land.need(2, "loss_surface", "use loss_against_weight for one, loss_slice for more")
    return draw_plane(land, np.zeros(2), np.eye(2), land.path, ax, kind, names, loss_name, points)


def loss_slice(
    J: Callable[[Any], Any],
    path: Any,
    ax: Any = None,
    *,
    directions: Sequence[Any] | None = None,
    kind: str = "contour",
    names: Sequence[str] = ("along direction 1", "along direction 2"),
    loss_name: str = "loss",
    points: int = 40,
) -> Any:
    """Plot a loss of many weights over a plane through the last point of a path, and the path seen from above.

    Args:
        J: A function from the weights, as Values in the structure of the path's points, to the loss; for a model
            `loss_of(model, x, y)`.
        path: What `mg.minimize` returned, or a list of points; for a model of what `get_weights` gave, as after each
            epoch.
        ax: The axes to draw on, for a surface with projection="3d"; new ones by default.
        directions: Two directions that span the plane, each in the structure of a point; by default the two along
            which the path varies most. Where it has fewer, a direction drawn at random stands in, the same each time.
        kind: "contour" or "3d".
        names: What to write along the two directions.
        loss_name: What to call the loss.
        points: How many places along each direction the loss is computed for.

    Returns:
        The axes, where 0, 0 is the last point, and 1 is a step of length 1 in the space of the weights.

    Raises:
        ValueError: If there are not two directions, they are the same or not in the structure of a point, the kind is
            another, or the axes are not made for it.
        ImportError: If there is no matplotlib.

    Example:
        >>> from microgd.nn import SGD, minimize
        >>> def J(w):
        ...     return np.sum(w * w * np.array([1.0, 2.0, 3.0]))
        >>> loss_slice(J, minimize(J, np.ones(3), SGD(0.1), steps=10)).get_xlabel()
        'along direction 1'

    Source: H. Li et al., "Visualizing the loss landscape of neural nets", 2018.
    """
    land = Landscape(J, path)
    if land.weights < 2:
        raise ValueError("loss_slice needs two weights or more, but W has 1: use loss_against_weight.")
    centre = land.path[-1]
    away = land.path - centre
    if directions is None:
        rough = np.random.default_rng(0).normal(size=(2, land.weights))  # where the path has no such direction
        _, sizes, found = np.linalg.svd(away, full_matrices=False)
        rough = np.vstack([found[sizes > 1e-9 * max(sizes[0], 1e-300)], rough])[:2]
    else:
        rough = np.array([flattened(map_tree(raw, direction))[0] for direction in directions])
        if rough.shape != (2, land.weights):
            raise ValueError(
                f"directions has {len(rough)} of {rough.shape[1:]} weights; expected two, each of {land.weights}."
            )
    axes, corner = np.linalg.qr(rough.T)
    if min(abs(np.diag(corner))) <= 1e-9 * np.abs(corner).max():
        raise ValueError("the two directions are the same, or one is zero: they span no plane. Give others.")
    axes = axes.T * np.sign(np.diag(corner))[:, None]
    return draw_plane(land, centre, axes, away @ axes.T, ax, kind, names, loss_name, points)


def draw_plane(
    land: Landscape,
    origin: Any,
    directions: Any,
    path: Any,
    ax: Any,
    kind: str,
    names: Sequence[str],
    loss_name: str,
    points: int,
) -> Any:
    """Plot the loss over the plane through an origin along two directions, and a path in its coordinates."""
    if kind not in ("contour", "3d"):
        raise ValueError(f"kind is {kind!r}; expected 'contour' or '3d'.")
    if points < 2:
        raise ValueError(f"points is {points}; expected 2 or more along each direction.")
    if ax is not None and (ax.name == "3d") != (kind == "3d"):
        made = "" if kind == "3d" else "out"
        raise ValueError(f"kind is {kind!r}; expected axes that were made with{made} projection='3d'.")
    ax = axes_for(ax, 4.8, "3d" if kind == "3d" else None)
    reach = 1.3 * np.max(np.abs(path - path[-1]), axis=0)
    reach = np.maximum(reach, 0.25 * reach.max()) if reach.any() else np.ones(2)
    across, up = (
        np.linspace(middle - half, middle + half, points) for middle, half in zip(path[-1], reach, strict=True)
    )
    losses = np.array([[land.loss(origin + np.array([a, b]) @ directions) for a in across] for b in up])
    losses[~np.isfinite(losses)] = np.nan
    heights = np.array([land.loss(origin + point @ directions) for point in path])
    if ax.name == "3d":
        draw_surface(ax, across, up, losses, path, heights)
        ax.set_zlabel(plain(loss_name))
    else:
        draw_contours(ax, across, up, losses, path)
        title(ax, loss_name, heights)
    ax.set_xlabel(plain(names[0]))
    ax.set_ylabel(plain(names[1]))
    short_numbers(ax)
    return ax


def draw_contours(ax: Any, across: Any, up: Any, losses: Any, path: Any) -> None:
    """Draw a loss as a map with lines of equal height, and the path on it."""
    from matplotlib.patheffects import withStroke

    low, high = np.nanmin(losses), np.nanmax(losses)
    flat = np.nanmedian(losses) - low < FLAT * (high - low)
    shares = np.linspace(0, 1, 13) ** (4 if flat else 2)  # squares: rings at equal distances in a round bowl
    levels = low + (high - low) * shares if high > low else [low, low + 1]
    ax.contourf(across, up, losses, levels=levels, cmap=SURFACE)
    lines = ax.contour(across, up, losses, levels=levels[1:-1], colors="white", linewidths=0.7)
    for label in ax.clabel(lines, lines.levels[1::3], fmt=number, fontsize=8, colors="black"):
        label.set_path_effects([withStroke(linewidth=2.5, foreground="white")])
    draw_path(ax, path)
    for point, other, word in ((path[0], path[-1], "start"), (path[-1], path[0], "end")) if len(path) > 1 else ():
        beside = (8, "left") if point[0] > other[0] else (-8, "right")
        label = ax.annotate(
            *(word, point, (beside[0], 0)),
            textcoords="offset points",
            horizontalalignment=beside[1],
            verticalalignment="center",
            zorder=6,
        )
        label.set_path_effects([withStroke(linewidth=2.5, foreground="white")])


def draw_surface(ax: Any, across: Any, up: Any, losses: Any, path: Any, heights: Any) -> None:
    """Draw a loss as a surface, seen from where the path comes from, and the path on it."""
    ax.computed_zorder = False  # or the path disappears behind the surface that it lies on
    ax.locator_params(nbins=5)
    for axis in (ax.xaxis, ax.yaxis, ax.zaxis):
        axis.labelpad = 8  # points, so that no number along the axis is written over its name
    ax.plot_surface(*np.meshgrid(across, up), losses, cmap=SURFACE, alpha=0.9, linewidth=0, rcount=60, ccount=60)
    size = np.array([np.ptp(across), np.ptp(up)])
    towards = (path[0] - path[-1]) / size if len(path) > 1 else np.array([-1.0, -1.0])
    ax.view_init(elev=32, azim=float(np.degrees(np.arctan2(towards[1], towards[0]))) + 25)
    draw_path(ax, path, heights)


def draw_path(ax: Any, path: Any, *heights: Any) -> None:
    """Draw a descent, step by step."""
    points, marker = (*path.T, *heights), "o" if len(path) <= MARKED else None
    ax.plot(*points, color="white", linewidth=3.4, marker=marker, markersize=5.5, zorder=4)
    ax.plot(*points, color=ORANGE, linewidth=1.6, marker=marker, markersize=3.5, zorder=5)


# Results --------------------------------------------------------------------------------------------------------------


def predicted_against_true(y_true: Any, y_pred: Any, ax: Any = None, *, name: str = "target", unit: str = "") -> Any:
    """Plot each prediction against the truth; where both are equal, the point lies on the line.

    Args:
        y_true: What is right, shape (rows,) or (rows, 1).
        y_pred: What was predicted, of the same size.
        ax: The axes to draw on; new ones by default.
        name: What was predicted.
        unit: Its unit, as "k$".

    Returns:
        The axes. In the corner: R², and the root of the mean squared error.

    Raises:
        ValueError: If the two are not of the same size, empty, or not finite.
        ImportError: If there is no matplotlib.

    Example:
        >>> predicted_against_true([1.0, 2.0], [1.5, 2.0], name="price", unit="€").get_xlabel()
        'true price (€)'
    """
    true, predicted = (np.ravel(raw(y)).astype(float) for y in (y_true, y_pred))
    if true.size != predicted.size or not true.size:
        raise ValueError(f"y_true has {true.size} numbers and y_pred {predicted.size}; expected as many, at least one.")
    if not np.isfinite([true, predicted]).all():
        raise ValueError("y_true or y_pred has numbers that are not finite; leave those rows out.")
    ax = axes_for(ax, 4.8)
    least, most = min(true.min(), predicted.min()), max(true.max(), predicted.max())
    margin = 0.04 * (most - least) or 1.0
    ends = [least - margin, most + margin]
    ax.plot(ends, ends, color=GREY, linewidth=1.0)
    ax.scatter(true, predicted, s=22, color=BLUE, alpha=max(0.25, min(0.8, 40 / true.size**0.5)), linewidth=0)
    ax.set(xlim=ends, ylim=ends, aspect="equal")
    ax.annotate(
        "predicted = true",
        (ends[1], ends[1]),
        xytext=(-8, -22),
        textcoords="offset points",
        rotation=45,
        rotation_mode="anchor",
        horizontalalignment="right",
        color=GREY,
    )
    after = f" {unit}" if unit else ""
    error = float(np.mean((predicted - true) ** 2))
    lines = [f"off by {number(error**0.5)}{after} (root mean square)"]
    if np.ptp(true):
        lines.insert(0, f"R² {number(1 - error / float(np.var(true)))}")
    ax.text(0.03, 0.97, plain("\n".join(lines)), transform=ax.transAxes, verticalalignment="top")
    of = f"{name} ({unit})" if unit else name
    ax.set_xlabel(plain(f"true {of}"))
    ax.set_ylabel(plain(f"predicted {of}"))
    ax.grid(alpha=0.25)
    short_numbers(ax)
    return ax


def weights_table(weights: Any, names: Sequence[str] | None = None, ax: Any = None, *, largest: int = 20) -> Any:
    """Plot the weights by feature, the largest first: the name, a bar to the left or the right, and the number.

    Args:
        weights: The weights, one a feature; or a model, whose first layer with a kernel of one unit is meant.
        names: The names of the features; "feature 1" and so on by default.
        ax: The axes to draw on; new ones by default.
        largest: How many to show.

    Returns:
        The axes.

    Raises:
        ValueError: If there is not one weight a name, or the model has no such layer.
        ImportError: If there is no matplotlib.

    Example:
        >>> ax = weights_table([0.5, -2.0], ["rooms", "crime"])
        >>> [label.get_text() for label in ax.get_yticklabels()]
        ['crime', 'rooms']
    """
    flat = np.ravel(raw(kernel_of(weights) if hasattr(weights, "all_layers") else weights)).astype(float)
    names = [f"feature {place}" for place in range(1, flat.size + 1)] if names is None else list(names)
    if len(names) != flat.size or not names:
        raise ValueError(f"there are {flat.size} weights and {len(names)} names; expected as many, at least one.")
    order = np.argsort(-np.abs(flat), kind="stable")[:largest]
    left_out = flat.size - order.size
    ax = axes_for(ax, 0.9 + 0.26 * (order.size + bool(left_out)))
    shown, places = flat[order], np.arange(order.size)
    ax.barh(places, shown, height=0.7, color=[BLUE if weight >= 0 else ORANGE for weight in shown])
    ax.axvline(0, color=GREY, linewidth=0.8)
    ax.set_yticks(places, [plain(short(names[place], LONGEST_FEATURE)) for place in order])
    for place, weight in zip(places, shown, strict=True):
        ax.annotate(
            number(weight),
            (weight, place),
            xytext=(4 if weight >= 0 else -4, 0),
            textcoords="offset points",
            horizontalalignment="left" if weight >= 0 else "right",
            verticalalignment="center",
            fontsize=9,
        )
    ax.set_ylim(order.size - 0.4, -0.6)
    ax.margins(x=0.18)
    ax.set_xlabel("weight" + (f" (without the {left_out} smallest)" if left_out else ""))
    ax.tick_params(axis="y", length=0)
    ax.spines["left"].set_visible(False)
    ax.grid(axis="x", alpha=0.25)
    short_numbers(ax, "x")
    return ax


def kernel_of(model: Any) -> Any:
    """Return the kernel of a model's first layer that has one, of one unit, or say that there is none."""
    kernels = [layer.kernel for layer in model.all_layers() if "kernel" in vars(layer)]
    if not kernels or kernels[0].shape[-1] != 1:
        shape = f"a kernel of shape {kernels[0].shape}" if kernels else "no layer with a kernel"
        raise ValueError(
            f"the model has {shape}; expected one weight a feature: (features, 1). Give the weights themselves, "
            "such as model.layers[0].kernel.data[:, 0]."
        )
    return kernels[0]


def plain(text: str) -> str:
    """Return a text on one line, so that matplotlib writes it as it is: `$` is no mathematics."""
    return "\n".join(short(line, LONGEST_LABEL) for line in text.split("\n")).replace("$", r"\$")
