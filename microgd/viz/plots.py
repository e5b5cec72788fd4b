"""Plots of training and of its results, by matplotlib. Each takes an `ax` to draw on, and returns it."""

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

from ..autograd.value import raw
from ..nn.callbacks import Callback, Logs
from ..nn.minimizing import minimize
from ..nn.optimizers import SGD
from ..nn.training import DivergenceError
from .axes import BLUE, GREY, ORANGE, SIZE, axes_for, plain, pyplot, short_numbers
from .labels import number, short

LONG = 1000  # epochs
LONGEST_FEATURE = 36  # characters beside the bars
MARKERS = "os^DvPX*"
FAINTEST, GROWN = 1e-6, 1e2  # of the loss at the start: what a sweep shows of losses that vanish or diverge
SHARE_OF_TIME = 0.1  # that a live plot may take from training

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
