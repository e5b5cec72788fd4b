"""What the plots have in common: the axes that they are drawn on, their colours and their texts.

A figure that has no layout engine gets the constrained one, or what is written beside the axes would be cut off.
"""

from __future__ import annotations

from typing import Any

from .labels import number, short

SIZE = (6.4, 4.0)  # inches
LONGEST_LABEL = 60  # characters

# Told apart by colour-blind readers and in grey: M. Okabe and K. Ito, "Color universal design", 2008.
BLUE, ORANGE, GREY = "#0072b2", "#d55e00", "#6b7280"


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


def plain(text: str) -> str:
    """Return a text on one line, so that matplotlib writes it as it is: `$` is no mathematics."""
    return "\n".join(short(line, LONGEST_LABEL) for line in text.split("\n")).replace("$", r"\$")
