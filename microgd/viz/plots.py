"""Plots of training, by matplotlib. Each takes an `ax` to draw on, and returns it."""

from __future__ import annotations

from typing import Any

import matplotlib.figure

LONG = 1000  # epochs


def training_curves(history: Any, ax: Any = None) -> Any:
    """Plot the loss of each epoch, and that of the validation rows if there are any.

    Args:
        history: What `fit` returned, or its dict of lists: "loss", "val_loss".
        ax: The axes to draw on; new ones by default.

    Returns:
        The axes.

    Example:
        >>> training_curves({"loss": [4.0, 2.0, 1.0]}).get_xlabel()
        'epoch'
    """
    figures = getattr(history, "history", history)
    if ax is None:
        ax = matplotlib.figure.Figure(figsize=(6.4, 4.0), layout="constrained").subplots()
    for key, label in (("loss", "training"), ("val_loss", "validation")):
        if key in figures:
            ax.plot(range(1, len(figures[key]) + 1), figures[key], label=label)
    losses = [loss for key in ("loss", "val_loss") for loss in figures.get(key, [])]
    if losses and min(losses) > 0 and max(losses) > 20 * min(losses):
        ax.set_yscale("log")
    if any(len(figures.get(key, ())) > LONG for key in ("loss", "val_loss")):
        ax.set_xscale("log")  # most happens in the first epochs
    ax.set_xlabel("epoch")
    ax.set_ylabel("loss")
    ax.legend()
    ax.grid(alpha=0.3)
    return ax
