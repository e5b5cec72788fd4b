"""The loss, seen from above: against one weight, over two, along a slice of many, and the descents on it."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..autograd.derivatives import flattened, map_tree, value_and_grad
from ..autograd.value import Value, no_grad, raw
from .axes import BLUE, GREY, ORANGE, axes_for, plain, short_numbers
from .labels import number

FLAT = 0.05  # the share of the heights under which half of a landscape lies where it is flat with steep walls
MARKED = 60  # steps of a path that are told apart
SURFACE = "cividis"


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
