"""The progress of training, for people: a bar on a terminal or in a notebook, or a line an epoch."""

from __future__ import annotations

import os
import sys
from typing import Any

from .callbacks import Callback, Logs


class Progress(Callback):
    """Shows how far training is, with the loss and the validation loss.

    Args:
        verbose: 0 shows nothing; 1 a bar, where somebody can see it: on a terminal or in a notebook; 2 a line an epoch.
        epochs: How many epochs there will be.
        first: The first of them, counted from 0.
        steps: How many batches an epoch has; None where that is not known.

    Attributes:
        shown: Whether there is anything to show.
    """

    def __init__(self, verbose: int, epochs: int, first: int, steps: int | None) -> None:
        if verbose not in (0, 1, 2):
            raise ValueError(f"verbose is {verbose!r}; expected 0 (nothing), 1 (a bar) or 2 (a line an epoch).")
        self.lines = verbose == 2
        self.shown = self.lines or (verbose == 1 and somebody_sees(sys.stderr))
        self.epochs = epochs
        self.bar: Any = None
        if self.shown and not self.lines:
            from tqdm import tqdm  # it takes as long to import as NumPy, and is needed only here

            total = None if steps is None else (epochs - first) * steps
            self.bar = tqdm(total=total, unit="step", leave=True, file=sys.stderr, **width_of(sys.stderr))

    def on_epoch_begin(self, epoch: int, logs: Logs) -> None:
        """Say which epoch it is."""
        if self.bar is not None:
            self.bar.set_description(f"epoch {epoch + 1}/{self.epochs}", refresh=False)

    def on_batch_end(self, batch: int, logs: Logs) -> None:
        """Move the bar."""
        if self.bar is not None:
            self.bar.update()

    def on_epoch_end(self, epoch: int, logs: Logs) -> None:
        """Show the figures."""
        figures = {name: f"{value:.4g}" for name, value in logs.items()}
        if self.bar is not None:
            self.bar.set_postfix(figures, refresh=False)
        if self.lines:
            print(
                f"epoch {epoch + 1}/{self.epochs}", *(f"{name} {figure}" for name, figure in figures.items()), sep="  "
            )

    def on_train_end(self, logs: Logs) -> None:
        """Leave the bar as it is."""
        if self.bar is not None:
            self.bar.close()


def width_of(stream: Any) -> dict[str, Any]:
    """Return how wide a bar is: as wide as the terminal, now and when that changes; 80 where it does not say."""
    try:
        unknown = os.get_terminal_size(stream.fileno()).columns == 0
    except (OSError, ValueError, AttributeError):  # a notebook
        unknown = False
    return {"ncols": 80, "nrows": 24} if unknown else {"dynamic_ncols": True}


def somebody_sees(stream: Any) -> bool:
    """Return whether a stream ends on a terminal or in a notebook, not in a file."""
    return bool(stream.isatty()) or type(stream).__module__.startswith("ipykernel")
