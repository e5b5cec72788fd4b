"""Callbacks: what happens beside training, at its beginning and end and at those of each epoch and batch."""

from __future__ import annotations

import csv
import inspect
import math
import os
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .names import check_number, default_repr

Logs = dict[str, float]
HOOKS = (*(f"on_{what}_{when}" for what in ("train", "epoch", "batch") for when in ("begin", "end")), "on_checkpoint")


class Callback:
    """The hooks that a callback may have; a class with some of them will do as well, and so will a function.

    on_train_begin(logs), on_train_end(logs): around the whole of training; the end comes however training ends.
    on_epoch_begin(epoch, logs), on_epoch_end(epoch, logs): around each epoch, counted from 0.
    on_batch_begin(batch, logs), on_batch_end(batch, logs): around each batch of an epoch, counted from 0.
    on_checkpoint(epoch, logs): after the epoch's end of all callbacks, when everything is there to be saved.

    get_state(), set_state(state): what a model that is saved in training keeps of the callback, and where it comes back
    when training is taken up. What it learns over the epochs belongs there, and nothing else.

    `logs` has the figures so far: loss, val_loss and the metrics. A plain function (epoch, logs) is called at the end
    of each epoch. `self.model` is the model; set `self.model.stop_training = True` to stop after the epoch.

    Example:
        >>> class Shout(Callback):
        ...     def on_epoch_end(self, epoch, logs):
        ...         print(f"EPOCH {epoch + 1}!")
    """

    model: Any = None

    def on_train_begin(self, logs: Logs) -> None:
        """Called before the first epoch."""

    def on_train_end(self, logs: Logs) -> None:
        """Called after the last epoch, or when an error or Ctrl-C ends training."""

    def on_epoch_begin(self, epoch: int, logs: Logs) -> None:
        """Called before an epoch."""

    def on_epoch_end(self, epoch: int, logs: Logs) -> None:
        """Called after an epoch."""

    def on_batch_begin(self, batch: int, logs: Logs) -> None:
        """Called before a batch."""

    def on_batch_end(self, batch: int, logs: Logs) -> None:
        """Called after a batch."""

    def on_checkpoint(self, epoch: int, logs: Logs) -> None:
        """Called when an epoch has ended for all callbacks."""

    def get_state(self) -> dict[str, Any]:
        """Return what training needs to be taken up: by name what JSON holds, and dicts of arrays."""
        return {}

    def set_state(self, state: dict[str, Any]) -> None:
        """Take up what `get_state` returned; called after on_train_begin."""


class Hooks:
    """The hooks of several callbacks, each list empty where nobody wants to be called."""

    def __init__(self, callbacks: Iterable[Any], model: Any) -> None:
        self.hooks: dict[str, list[Callable[..., Any]]] = {name: [] for name in HOOKS}
        for callback in callbacks:
            self.add(callback, model)

    def add(self, callback: Any, model: Any) -> None:
        """Sort in a callback's hooks, or say why it is none."""
        named_alike = (name for name in dir(callback) if re.match("on[_A-Z]", name))  # onEpochEnd is none of ours
        names = [name for name in named_alike if callable(getattr(callback, name))]
        unknown = [name for name in names if name not in HOOKS]
        if isinstance(callback, type):
            raise TypeError(f"callbacks got the class {callback.__name__}; make one of it: {callback.__name__}(...).")
        if unknown:
            raise ValueError(
                f"{type(callback).__name__} has a hook {unknown[0]}, which is never called; hooks: {', '.join(HOOKS)}."
            )
        if names:
            callback.model = model
            for name in names:
                hook = getattr(callback, name)
                if getattr(hook, "__func__", hook) is not getattr(Callback, name):
                    self.hooks[name].append(hook)
        elif callable(callback):
            self.hooks["on_epoch_end"].append(callback)
        else:
            raise TypeError(
                f"callbacks got {callback!r}; expected objects with some of the hooks {', '.join(HOOKS)}, or functions "
                "(epoch, logs), which are called at the end of each epoch."
            )

    def call(self, name: str, *arguments: Any) -> None:
        """Call one hook of all callbacks, in their order."""
        for hook in self.hooks[name]:
            hook(*arguments)


def states_of(callbacks: Iterable[Any]) -> list[tuple[str, dict[str, Any]]]:
    """Return the kind and the state of each callback that may have one."""
    return [(type(callback).__name__, callback.get_state()) for callback in callbacks if hasattr(callback, "get_state")]


def take_up(callbacks: Iterable[Any], states: Iterable[tuple[str, dict[str, Any]]]) -> None:
    """Give callbacks the states that were saved: to the first of a kind the first of that kind, and so on."""
    callbacks = list(callbacks)
    for kind, state in states:
        callback = next((found for found in callbacks if type(found).__name__ == kind), None)
        if callback is not None:
            callbacks.remove(callback)
            if state:
                callback.set_state(state)


class History(Callback):
    """The figures of each epoch, as `fit` returns them.

    Attributes:
        history: For each figure (loss, val_loss, metrics) the list of its values, one an epoch.
        epoch: The number of each epoch, counted from 0.
    """

    def __init__(self) -> None:
        self.history: dict[str, list[float]] = {}
        self.epoch: list[int] = []

    def __repr__(self) -> str:
        last = ", ".join(f"{name} {values[-1]:g}" for name, values in self.history.items() if values)
        return f"<History: {len(self.epoch)} epochs; {last or 'nothing yet'}>"

    def on_epoch_end(self, epoch: int, logs: Logs) -> None:
        """Keep the figures."""
        self.epoch.append(epoch)
        for name, value in logs.items():
            self.history.setdefault(name, []).append(value)


class Best:
    """The best figure so far, and the weights that gave it.

    Attributes:
        value: The figure.
        epoch: Its epoch, counted from 0; -1 before the first.
        weights: The weights after it, where they are kept.
        first_loss: The loss of the first batch, where that is kept.
    """

    def __init__(self, monitor: str, mode: str = "auto", min_delta: float = 0.0) -> None:
        if mode not in ("auto", "min", "max"):
            raise ValueError(f"mode is {mode!r}; expected 'min', 'max' or 'auto'.")
        larger = mode == "max" or (
            mode == "auto" and monitor.removeprefix("val_") in ("r2", "accuracy", "precision", "recall", "auc", "acc")
        )
        self.monitor = monitor
        self.sign = -1.0 if larger else 1.0
        self.min_delta = abs(min_delta)
        self.value = math.nan
        self.epoch = -1
        self.weights: dict[str, Any] | None = None
        self.first_loss: float | None = None

    def get_state(self) -> dict[str, Any]:
        """Return what a checkpoint keeps."""
        state = {"value": self.value, "epoch": self.epoch, "weights": self.weights, "first_loss": self.first_loss}
        return {name: value for name, value in state.items() if value is not None}

    def set_state(self, state: dict[str, Any]) -> None:
        """Take up what `get_state` returned."""
        vars(self).update(state)

    def improves(self, epoch: int, logs: Logs) -> bool:
        """Note the figure of an epoch, and return whether it is the best."""
        value = monitored(self.monitor, logs)
        if math.isnan(value) or (self.epoch >= 0 and self.sign * (value - self.value) + self.min_delta >= 0):
            return False
        self.value, self.epoch = value, epoch
        return True


def monitored(monitor: str, logs: Logs) -> float:
    """Return the figure that a callback watches, or say which there are."""
    if monitor not in logs:
        hint = " Give fit validation_data or a validation_split." if monitor.startswith("val_") else ""
        raise ValueError(f"there is no figure {monitor!r} to watch; there are {', '.join(logs)}.{hint}")
    return logs[monitor]


@dataclass(eq=False, repr=False)
class EarlyStopping(Callback):
    """Stops when a figure has not improved for some epochs, and restores the best weights, however training ends.

    Args:
        monitor: The figure: "val_loss", "loss" or a metric.
        min_delta: The least change that counts as an improvement.
        patience: How many epochs without improvement to wait.
        mode: "min" or "max": which is better; "auto" goes by the name.
        restore_best_weights: Whether to go back to the weights of the best epoch.

    Attributes:
        best_epoch: The best epoch, counted from 0; -1 before the first.
        stopped_epoch: The epoch after which it stopped training; None if it did not.

    Example:
        >>> EarlyStopping(patience=5)
        EarlyStopping(patience=5)

    Source: L. Prechelt, "Early stopping - but when?", 1998.
    """

    monitor: str = "val_loss"
    min_delta: float = 0.0
    patience: int = 0
    mode: str = "auto"
    restore_best_weights: bool = True

    __repr__ = default_repr

    def __post_init__(self) -> None:
        check_number("patience", self.patience, 10, whole=True)
        self.on_train_begin({})

    @property
    def best_epoch(self) -> int:
        """The best epoch so far."""
        return self.best.epoch

    def on_train_begin(self, logs: Logs) -> None:
        """Forget an earlier training."""
        self.best = Best(self.monitor, self.mode, self.min_delta)
        self.stopped_epoch: int | None = None

    def on_epoch_end(self, epoch: int, logs: Logs) -> None:
        """Keep the best weights, and stop when patience is at its end."""
        if self.best.improves(epoch, logs):
            self.best.weights = self.model.get_weights()
        self.stop_after(epoch)

    def stop_after(self, epoch: int) -> None:
        """Stop when patience is at its end."""
        if epoch - self.best.epoch >= max(self.patience, 1):
            self.stopped_epoch = epoch
            self.model.stop_training = True

    def get_state(self) -> dict[str, Any]:
        """Return the best epoch and its weights."""
        return self.best.get_state()

    def set_state(self, state: dict[str, Any]) -> None:
        """Take up the best epoch; where patience was at its end already, stop at once."""
        self.best.set_state(state)
        self.stop_after(self.model.epoch - 1)

    def on_train_end(self, logs: Logs) -> None:
        """Go back to the best weights."""
        if self.restore_best_weights and self.best.weights is not None:
            self.model.set_weights(self.best.weights)


@dataclass(eq=False, repr=False)
class ModelCheckpoint(Callback):
    """Saves the model after each epoch, whole: training can be taken up from the file.

    Args:
        path: The file; "{epoch}" and the names of figures in it are filled in, as in "model-{epoch:03d}-{loss:.2f}".
        monitor: The figure that says which is best.
        save_best_only: Whether to save only when it has improved.
        every: After how many epochs each.
        mode: "min" or "max": which is better; "auto" goes by the name.

    Example:
        >>> ModelCheckpoint("model.safetensors", save_best_only=True)
        ModelCheckpoint(path='model.safetensors', save_best_only=True)
    """

    path: str | os.PathLike[str]
    monitor: str = "val_loss"
    save_best_only: bool = False
    mode: str = "auto"
    every: int = 1

    __repr__ = default_repr

    def __post_init__(self) -> None:
        check_number("every", self.every, 1, least=1, whole=True)
        self.best = Best(self.monitor, self.mode)
        self.due = False

    def on_train_begin(self, logs: Logs) -> None:
        """Look at once whether the folder is there, not after the first epoch."""
        folder = Path(self.path).parent
        if not folder.is_dir() and "{" not in str(folder):
            raise FileNotFoundError(f"there is no folder {folder} to save {Path(self.path).name} in; make it first.")

    def on_epoch_end(self, epoch: int, logs: Logs) -> None:
        """Decide whether to save the model."""
        self.due = not (epoch + 1) % self.every and (not self.save_best_only or self.best.improves(epoch, logs))

    def on_checkpoint(self, epoch: int, logs: Logs) -> None:
        """Save the model."""
        if self.due:
            figures = {"epoch": epoch + 1, **logs}
            try:
                path = os.fspath(self.path).format(**figures)
            except KeyError as error:
                raise ValueError(f"the path {self.path!r} names {error}; there are {', '.join(figures)}.") from None
            except (ValueError, IndexError) as error:
                raise ValueError(
                    f"the path {self.path!r} cannot be filled in: {error}. Write the name of a figure in braces, as in "
                    "'model-{epoch:03d}-{loss:.2f}'."
                ) from None
            self.model.save(path)

    def get_state(self) -> dict[str, Any]:
        """Return the best figure, where it counts."""
        return self.best.get_state() if self.save_best_only else {}

    def set_state(self, state: dict[str, Any]) -> None:
        """Take up the best figure."""
        self.best.set_state(state)


@dataclass(eq=False, repr=False)
class ReduceLROnPlateau(Callback):
    """Multiplies the learning rate by a factor when a figure has not improved for some epochs.

    Args:
        monitor: The figure.
        factor: What the rate is multiplied by, less than 1.
        patience: How many epochs without improvement to wait.
        min_learning_rate: The least it goes down to.
        mode: "min" or "max": which is better; "auto" goes by the name.
        min_delta: The least change that counts as an improvement.

    Example:
        >>> ReduceLROnPlateau(factor=0.5)
        ReduceLROnPlateau(factor=0.5)
    """

    monitor: str = "val_loss"
    factor: float = 0.1
    patience: int = 10
    min_learning_rate: float = 0.0
    mode: str = "auto"
    min_delta: float = 0.0

    __repr__ = default_repr

    def __post_init__(self) -> None:
        if not 0 < self.factor < 1:
            raise ValueError(f"factor is {self.factor!r}; expected a number between 0 and 1.")
        check_number("patience", self.patience, 10, whole=True)
        check_number("min_learning_rate", self.min_learning_rate, 1e-5)
        self.on_train_begin({})

    def on_train_begin(self, logs: Logs) -> None:
        """Forget an earlier training."""
        if self.model is not None:
            constant_rate(self.model)  # says so if there is none
        self.best = Best(self.monitor, self.mode, self.min_delta)
        self.since = -1

    def on_epoch_end(self, epoch: int, logs: Logs) -> None:
        """Lower the rate when patience is at its end."""
        if self.best.improves(epoch, logs):
            self.since = epoch
        elif epoch - self.since >= self.patience:
            self.since = epoch
            set_rate(self.model, max(constant_rate(self.model) * self.factor, self.min_learning_rate))

    def get_state(self) -> dict[str, Any]:
        """Return the best figure, the epoch that patience counts from, and the rate."""
        return {"best": self.best.get_state(), "since": self.since, "learning_rate": constant_rate(self.model)}

    def set_state(self, state: dict[str, Any]) -> None:
        """Take them up."""
        self.best.set_state(state["best"])
        self.since = state["since"]
        set_rate(self.model, state["learning_rate"])


@dataclass(eq=False, repr=False)
class LearningRateScheduler(Callback):
    """Sets the learning rate at the beginning of each epoch.

    Args:
        schedule: A function (epoch, rate) -> rate, or (epoch) -> rate; epochs count from 0.

    Example:
        >>> scheduler = LearningRateScheduler(lambda epoch, rate: rate * 0.9)
    """

    schedule: Callable[..., float]

    __repr__ = default_repr

    def __post_init__(self) -> None:
        if not callable(self.schedule):
            raise TypeError(f"schedule is {self.schedule!r}; expected a function: lambda epoch, rate: rate * 0.9.")

    def on_epoch_begin(self, epoch: int, logs: Logs) -> None:
        """Set the rate."""
        rate = constant_rate(self.model)
        try:
            inspect.signature(self.schedule).bind(epoch, rate)
        except TypeError:  # it takes the epoch alone
            rate = self.schedule(epoch)
        else:
            rate = self.schedule(epoch, rate)
        set_rate(self.model, rate)

    def get_state(self) -> dict[str, Any]:
        """Return the rate, from which the schedule may go on."""
        return {"learning_rate": constant_rate(self.model)}

    def set_state(self, state: dict[str, Any]) -> None:
        """Take it up."""
        set_rate(self.model, state["learning_rate"])


def constant_rate(model: Any) -> float:
    """Return the model's learning rate, or say that it follows a schedule already."""
    rate = model.optimizer.learning_rate
    if callable(rate):
        raise ValueError(
            f"the optimizer's learning rate follows {rate!r}, which a callback cannot change; give the optimizer a "
            "number, or leave out the callback."
        )
    return float(rate)


def set_rate(model: Any, rate: float) -> None:
    """Set the model's learning rate."""
    check_number("the learning rate that a callback sets", rate, 0.01)
    model.optimizer.learning_rate = float(rate)


class TerminateOnNaN(Callback):
    """Kept for those who write it: `fit` stops by itself, with a DivergenceError, when the loss is not finite."""


@dataclass(eq=False, repr=False)
class CSVLogger(Callback):
    """Writes the figures of each epoch to a CSV file, a line at a time.

    Args:
        path: The file.
        append: Whether to go on with a file that is there. When training is taken up from a checkpoint, the lines of
            the epochs after it go, for these epochs come again.

    Example:
        >>> CSVLogger("history.csv")
        CSVLogger(path='history.csv')
    """

    path: str | os.PathLike[str]
    append: bool = False

    __repr__ = default_repr

    def on_train_begin(self, logs: Logs) -> None:
        """Begin the file."""
        path = Path(self.path)
        if not path.parent.is_dir():
            raise FileNotFoundError(f"there is no folder {path.parent} to write {path.name} in; make it first.")
        lines = path.read_bytes().splitlines(keepends=True) if self.append and path.exists() else []
        if lines and not lines[0].startswith(b"epoch"):
            raise ValueError(f"{path} has other lines than CSVLogger writes, from the first on: {lines[0][:50]!r}.")
        done = len(self.model.history.epoch)
        while lines[1:] and (not lines[-1].endswith(b"\n") or int(lines[-1].split(b",")[0]) > done > 0):
            lines.pop()
        with path.open("ab") as file:
            file.truncate(sum(map(len, lines)))
        self.names: list[str] | None = next(csv.reader([lines[0].decode()])) if lines else None

    def on_epoch_end(self, epoch: int, logs: Logs) -> None:
        """Write a line."""
        with Path(self.path).open("a", encoding="utf-8", newline="") as file:
            writer = csv.writer(file)
            if not self.names:
                self.names = ["epoch", *logs]
                writer.writerow(self.names)
            writer.writerow([epoch + 1, *(logs.get(name, "") for name in self.names[1:])])


class LambdaCallback(Callback):
    """A callback made of functions.

    Args:
        on_train_begin, on_train_end: Functions (logs).
        on_epoch_begin, on_epoch_end: Functions (epoch, logs).
        on_batch_begin, on_batch_end: Functions (batch, logs).

    Example:
        >>> callback = LambdaCallback(on_epoch_end=lambda epoch, logs: print(epoch, logs["loss"]))
    """

    def __init__(self, **hooks: Callable[..., Any]) -> None:
        for name, hook in hooks.items():
            if name not in HOOKS:
                raise ValueError(f"there is no hook {name!r}; hooks: {', '.join(HOOKS)}.")
            if not callable(hook):
                raise TypeError(f"{name} is {hook!r}; expected a function.")
            setattr(self, name, hook)
