"""Training: the model that compiles, fits, evaluates and predicts.

One step is `Model.train_step`: forward, loss, backward, update. Everything else is around it.
"""

from __future__ import annotations

import functools
import inspect
import itertools
import math
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from importlib import import_module
from types import MappingProxyType
from typing import Any, NamedTuple, Self

import numpy as np

from ..autograd.arrays import fetched, mover
from ..autograd.operators import active
from ..autograd.value import Value, no_grad, raw
from ..compiler.compile import Compiled
from ..compiler.compile import compile as compile_step
from ..compiler.tracing import CompileError
from .callbacks import Best, History, Hooks, Logs, take_up
from .diagnosis import diagnose, outstanding_columns
from .feeding import (
    ROWS_AT_A_TIME,
    Batch,
    Feed,
    checked_rows,
    features,
    like_prediction,
    pushed_back,
    split_off,
    weights_of,
)
from .layer import Layer, copies
from .losses import TARGETS, Loss, check_predicted, loss_of
from .metrics import Metric, metrics_of
from .names import name_of
from .optimizers import Optimizer, optimizer_of
from .progress import Progress
from .saving import restore, save_model

BATCH = 32  # rows, unless told otherwise
GROWTH_MEANT_AS_DIVERGENCE = 1e6  # of an epoch's loss, against that of the first batch
GROWTH_MEANT_AS_WORSE = 10.0  # than the start: weights after such an epoch are not worth going back to
COMPILED_FROM_STEPS = 50  # recording a step takes as long as a few dozen steps
ROWS_DIAGNOSED = 1000  # when training diverged


Step = Callable[[Batch], tuple[float, Any, Any]]  # the loss before it, the targets, the predictions


class Fast(NamedTuple):
    """A function of batches, compiled for each number of rows by itself: the short last batch changes places with none.

    Attributes:
        key: What it was compiled for.
        compiled: The compiled functions, by the number of rows.
    """

    key: tuple[int, ...]
    compiled: dict[int, Compiled]


class DivergenceError(ArithmeticError):
    """Training left the ground: the loss is not a finite number, or grew beyond all measure.

    Attributes:
        epoch: The epoch in which it happened, counted from 1.
        best_epoch: The epoch whose weights the model has now, counted from 1; 0 for those it started from.

    Example:
        >>> issubclass(DivergenceError, ArithmeticError)
        True
    """

    def __init__(self, message: str, epoch: int, best_epoch: int) -> None:
        super().__init__(message)
        self.epoch = epoch
        self.best_epoch = best_epoch


class Model(Layer):
    """A layer that can be trained. Write any model as a class with `__call__`, its layers as attributes.

    Args:
        name, trainable: See `Layer`.
        seed: For the weights, the order of the rows and dropout: the same seed gives the same bits.

    Attributes:
        history: The `History` of the last fit.
        epoch: How many epochs have been done.
        notes: Anything else to save with the model, as JSON has it: the names of the features, ...
        stop_training: Set it to True, in a callback, to stop after the epoch.

    Example:
        >>> from microgd.nn.layers import Dense
        >>> class Residual(Model):
        ...     def __init__(self):
        ...         self.inner, self.last = Dense(2, "tanh"), Dense(1)
        ...     def __call__(self, x, training=False):
        ...         return self.last(x + self.inner(x))
        >>> model = Residual()
        >>> model(np.ones((5, 2))).shape
        (5, 1)
        >>> len(model.parameters())
        4
    """

    optimizer: Optimizer | None = None
    run_eagerly = False
    fast_step: Fast | None = None  # the step compiled last
    fast_look: Fast | None = None  # the same for measuring the validation rows
    stop_training = False
    device = "cpu"
    loss: Loss
    metrics: dict[str, Metric]
    history: History = History()  # until fit puts one of its own there
    epoch = 0
    notes: Mapping[str, Any] = MappingProxyType({})
    regularized: list[Layer]
    callbacks: Sequence[Any] = ()  # while fit runs, those whose state is saved with the model
    taken_up: Sequence[tuple[str, dict[str, Any]]] = ()  # their states in the file that the model was loaded from

    kept_apart = frozenset(
        {
            *(
                "optimizer",
                "run_eagerly",
                "fast_step",
                "fast_look",
                "stop_training",
                "loss",
                "metrics",
                "history",
                "epoch",
                "notes",
            ),
            *("regularized", "generator", "callbacks", "taken_up", "device"),
        }
    )

    def __setattr__(self, name: str, value: Any) -> None:
        super().__setattr__(name, value)
        if isinstance(value, Layer | list | tuple | dict) and name not in self.kept_apart and "seed" in vars(self):
            self.lend(self.random())  # so that weights made by a bare call come from the model's seed too

    def __getstate__(self) -> dict[str, Any]:
        """Leave out of copies and pickles what is compiled, which belongs to the weights of this very model."""
        return {name: value for name, value in vars(self).items() if name not in ("fast_step", "fast_look")}

    # Putting it together ------------------------------------------------------------------------------------------

    def adopt(self) -> None:
        """Number the layers within that have no name, by kind, and lend them the model's source of random numbers."""
        self.lend(self.random())
        layers = self.all_layers()[1:]
        taken = {layer.name for layer in layers}
        for layer in layers:
            if layer.name is None:
                kind = type(layer).__name__.lower()
                layer.number = next(n for n in itertools.count(1) if f"{kind}_{n}" not in taken)
                taken.add(layer.title)
        named = [layer.name for layer in layers if layer.name is not None]
        twice = next((name for name in named if named.count(name) > 1), None)
        if twice is not None:
            raise ValueError(
                f"two layers are called {twice!r}, so that their weights would be; give each its own name."
            )
        for layer in (self, *layers):
            for attribute, part in layer.held():
                if isinstance(part, Value) and (layer is not self or part.name is None):
                    part.name = attribute if layer is self else f"{layer.title}_{attribute}"

    def compile(
        self,
        optimizer: str | Optimizer = "sgd",
        loss: str | Loss = "mean_squared_error",
        metrics: str | Metric | Iterable[str | Metric] = (),
        run_eagerly: bool = False,
    ) -> None:
        """Choose how to train.

        Args:
            optimizer: By name, with its defaults, or one that was made.
            loss: By name, or a function (y_true, y_pred) -> number.
            metrics: By name, or functions (y_true, y_pred) -> number; computed once an epoch, over all its rows.
            run_eagerly: Whether to record each step anew, even where it could be compiled.

        Raises:
            ValueError: If a name is unknown; the message lists the valid ones.

        Example:
            >>> Model().compile(optimizer="sdg")  # doctest: +ELLIPSIS
            Traceback (most recent call last):
            ValueError: there is no optimizer 'sdg' (did you mean 'sgd'?); valid names: adagrad, adam, ...
        """
        self.optimizer = optimizer_of(optimizer)
        self.loss = loss_of(loss)
        self.metrics = metrics_of(metrics)
        self.run_eagerly = run_eagerly

    def to(self, device: str) -> Self:
        """Put the weights, and the state of the optimizer, on a device; from then on batches are brought there too.

        Args:
            device: "cuda" for a GPU, by CuPy; "cpu" for NumPy, which is where a model begins.

        Returns:
            The model itself. What it predicts, saves and reports comes back as NumPy's.

        Raises:
            ValueError, ImportError, RuntimeError: If the device is unknown, CuPy is missing, or it finds no device.

        Example:
            >>> Model().to("cpu").device
            'cpu'
        """
        bring = mover(device)
        self.move(bring)
        if self.optimizer is not None:
            self.optimizer.state[:] = [
                tuple(bring(part) if np.ndim(part) else part for part in state) for state in self.optimizer.state
            ]
        self.device = device
        return self

    def brought(self, array: Any) -> Any:
        """Return an array where the weights are."""
        return array if self.device == "cpu" or array is None else mover(self.device)(array)

    def compiled(self) -> Optimizer:
        """Return the optimizer, or say that there is none yet."""
        if self.optimizer is None:
            raise RuntimeError(
                'the model is not compiled: call model.compile(optimizer="sgd", loss="mean_squared_error") first.'
            )
        return self.optimizer

    def output_shape(self, x: Any) -> tuple[int, ...]:
        """Return the shape that the model predicts for some rows, after making all weights if that was not done."""
        self.adopt()
        self.regularized = [layer for layer in self.all_layers() if type(layer).penalties is not Layer.penalties]
        with no_grad():
            return np.shape(self(self.brought(x[:1])))

    # One step -----------------------------------------------------------------------------------------------------

    def objective(self, batch: Batch, training: bool, loss_function: Loss | None = None) -> tuple[Any, Any]:
        """Return the loss of a batch and its predictions."""
        if active.trace is not None:
            self.guard()
        batch = Batch(*map(self.brought, batch))
        y_pred = self(batch.x, training=training) if takes_training(type(self).__call__) else self(batch.x)
        loss_function = loss_function or self.loss
        weights = {} if batch.weight is None else {"sample_weight": batch.weight}
        try:
            loss = loss_function(batch.y, y_pred, **weights)
        except TypeError as error:
            if "unexpected keyword argument 'sample_weight'" not in str(error):
                raise
            name = name_of(loss_function)
            raise TypeError(
                f"the rows have weights, which the loss {name} does not take; define it as "
                f"{name}(y_true, y_pred, sample_weight=None)."
            ) from error
        for layer in self.regularized:
            for penalty in layer.penalties():
                loss = loss + penalty
        return loss, y_pred

    def objective_of(self, x: Any, y: Any, loss: str | Loss | None = None) -> Any:
        """Return the loss of some rows as a Value with its record, as to draw it or to differentiate it.

        Args:
            x: Features, shape (rows, ...).
            y: Targets, shape (rows,) or (rows, ...).
            loss: By name or as a function; by default the one that the model was compiled with.

        Raises:
            RuntimeError: If no loss is given and the model is not compiled.
        """
        if loss is None:
            self.compiled()
        chosen = None if loss is None else loss_of(loss)
        return self.objective(self.fitting(checked_rows(x, y)), training=True, loss_function=chosen)[0]

    def fitting(self, rows: Batch) -> Batch:
        """Return rows with their targets in the shape that the model predicts."""
        return rows._replace(y=self.targets(rows.y, self.output_shape(rows.x)))

    def targets(self, y: Any, prediction_shape: tuple[int, ...]) -> Any:
        """Return targets in the shape that the model predicts, or say why the loss makes no sense of them."""
        y = like_prediction(y, prediction_shape)
        here = self.optimizer is not None and not outgrows_memory(y)  # what is on Dask is looked at there
        check = TARGETS.get(self.loss) if here else None
        if check is not None:
            check(y, prediction_shape[-1])
        return y

    def train_step(self, batch: Batch, parameters: list[Value]) -> tuple[Any, Any]:
        """Do one step, and return the loss before it and the predictions.

        Args:
            batch: Its rows.
            parameters: What to update.
        """
        loss, y_pred = self.objective(batch, training=True)
        if type(loss) is not Value or loss.shape:
            what = f"an array of shape {loss.shape}" if type(loss) is Value else "the same whatever the weights are"
            raise ValueError(
                f"the loss is {what}; expected one number that follows from y_pred. Look at {name_of(self.loss)}, and "
                "at regularizers of your own: np.mean or np.sum is what they should end with."
            )
        for parameter in parameters:
            parameter.grad = None
        loss.backward(keep="leaves")
        self.compiled().step(parameters)
        return loss, y_pred

    def step_on_batches(self, parameters: list[Value], steps: int | None) -> Step:
        """Return the function that does one step on a batch: compiled, where that can be done and pays.

        A step is compiled if all layers do the same each time (no random numbers, nothing kept for the next step, as in
        Dropout, BatchNormalization and Embedding; `summary` names them) and if there are enough steps. The numbers are
        the same bits either way. What cannot be compiled runs as it is.

        Args:
            parameters: What to update.
            steps: How many steps there will be; None if that is not known.
        """

        def as_it_is(batch: Batch) -> tuple[float, Any, Any]:
            loss, y_pred = self.train_step(batch, parameters)
            return loss.item(), fetched(batch.y), fetched(y_pred._data)

        def step(x: Any, y: Any, weight: Any = None) -> tuple[Any, Any]:
            loss, y_pred = self.train_step(Batch(x, y, weight), parameters)
            for parameter in parameters:
                parameter.grad = None
            return loss._data, y_pred._data if self.metrics else None

        if not self.pays_compiled(steps):
            return as_it_is
        fast = self.fast_step = self.fast(self.fast_step, parameters)
        return self.on_batches(step, fast, as_it_is)

    def look_on_batches(self, times: int | None = 1) -> Step:
        """Return the function that measures a batch and changes nothing: compiled, as `step_on_batches` is.

        Args:
            times: How often it will be called; None if that is not known.
        """

        def as_it_is(batch: Batch) -> tuple[float, Any, Any]:
            with no_grad():
                loss, y_pred = self.objective(batch, training=False)
            return float(loss), fetched(batch.y), fetched(raw(y_pred))

        def look(x: Any, y: Any, weight: Any = None) -> tuple[Any, Any]:
            with no_grad():
                loss, y_pred = self.objective(Batch(x, y, weight), training=False)
            return raw(loss), raw(y_pred) if self.metrics else None

        if not self.pays_compiled(times):
            return as_it_is
        fast = self.fast_look = self.fast(self.fast_look, self.parameters())
        return self.on_batches(look, fast, as_it_is)

    def pays_compiled(self, times: int | None) -> bool:
        """Return whether something that is done with batches so often can be compiled, and is worth it."""
        same_each_step = all(layer.same_each_step for layer in self.all_layers())
        few = times is not None and times < COMPILED_FROM_STEPS
        return same_each_step and not few and not self.run_eagerly and self.device == "cpu"

    def fast(self, kept: Fast | None, parameters: list[Value]) -> Fast:
        """Return what was compiled before, if that was for the same, or nothing yet."""
        key = tuple(map(id, (self.optimizer, self.loss, bool(self.metrics), *self.all_layers(), *parameters)))
        return kept if kept is not None and kept.key == key else Fast(key, {})

    def on_batches(self, function: Callable[..., tuple[Any, Any]], fast: Fast, as_it_is: Step) -> Step:
        """Return a function of a batch that runs a compiled one; as it is, where that cannot be compiled."""
        by_rows = fast.compiled

        def compiled(batch: Batch) -> tuple[float, Any, Any]:
            x, y, weight = batch
            run = by_rows.get(len(x))
            if run is None:
                run = by_rows[len(x)] = compile_step(function)
            try:
                loss, y_pred = run(x, y) if weight is None else run(x, y, weight)
            except CompileError:
                self.run_eagerly = True
                return as_it_is(batch)
            return float(loss), y, y_pred

        return compiled

    def train_on_batch(
        self, x: Any, y: Any, sample_weight: Any = None, class_weight: dict[int, float] | None = None
    ) -> float:
        """Do one step on some rows, and return the loss before it.

        Args:
            x: Features, shape (rows, ...).
            y: Targets, shape (rows, ...).
            sample_weight: The weight of each row; 1 by default.
            class_weight: The weight of the rows of each class, by its number.

        Raises:
            RuntimeError: If the model is not compiled.

        Example:
            >>> from microgd.nn.models import Sequential
            >>> from microgd.nn.layers import Dense
            >>> model = Sequential([Dense(1, kernel_initializer="zeros")])
            >>> model.compile()
            >>> model.train_on_batch([[1.0], [2.0]], [2.0, 4.0])
            10.0
        """
        self.compiled()
        rows = self.fitting(checked_rows(x, y, weights_of(y, class_weight, sample_weight)))
        loss, _ = self.train_step(rows, self.trained())
        return float(loss.item())

    def trained(self) -> list[Value]:
        """Return the parameters of the layers that are not frozen, or say that there are none."""
        every = self.parameters()
        if self.optimizer is not None:
            if not set(self.optimizer.parameters) <= set(every):
                raise ValueError(
                    f"the optimizer {type(self.optimizer).__name__} has trained weights that are not of this model, "
                    "and would go on from there; compile each model with an optimizer of its own."
                )
            self.optimizer.match(every)
        frozen = set(self.frozen())
        parameters = [parameter for parameter in every if parameter not in frozen]
        if not parameters:
            raise ValueError("there is nothing to train: the model has no weights, or all its layers are frozen.")
        return parameters

    def frozen(self) -> list[Value]:
        """Return the parameters of the layers that are frozen."""
        held = [part for layer in self.all_layers() if not layer.trainable for _, part in layer.held()]
        return list(dict.fromkeys(part for part in held if isinstance(part, Value)))

    # Many steps ---------------------------------------------------------------------------------------------------

    def fit(
        self,
        x: Any,
        y: Any = None,
        batch_size: int | None = None,
        epochs: int = 1,
        validation_split: float = 0.0,
        validation_data: Any = None,
        shuffle: bool = True,
        callbacks: Any = None,
        verbose: int = 1,
        *,
        class_weight: dict[int, float] | None = None,
        sample_weight: Any = None,
        initial_epoch: int = 0,
        steps_per_epoch: int | None = None,
        client: Any = None,
    ) -> History:
        """Train: draw a batch, predict, measure the loss, step against its gradient; again, for some epochs.

        Args:
            x: Features, shape (rows, ...): an array, a list, a pandas table. Or an iterable of batches (x, y) or
                (x, y, sample_weight), gone through once an epoch; or a generator of them, with steps_per_epoch. Or a
                Dask array, or files, as "rows/*.csv": see `microgd.distributed`.
            y: Targets, shape (rows,) or (rows, ...).
            batch_size: Rows in a batch; the last one of an epoch is short. 32 by default; on Dask, four blocks.
            epochs: The number of the epoch to end with; how often to go through all rows.
            validation_split: The part of the rows, the last ones, that is not trained on but measured after each epoch.
            validation_data: Rows to measure instead: (x, y) or (x, y, sample_weight); or a list of batches of them.
            shuffle: Whether to visit the rows in another random order in each epoch.
            callbacks: Functions (epoch, logs), or objects with hooks; see `Callback`.
            verbose: 0 shows nothing; 1 a bar, on a terminal or in a notebook; 2 a line an epoch.
            class_weight: The weight of the rows of each class, by its number.
            sample_weight: The weight of each row, shape (rows,).
            initial_epoch: How many epochs were done before, as after a resume.
            steps_per_epoch: Batches in an epoch; by default as many as there are.
            client: Where to train on a Dask array: a `distributed.Client`, or the address of a scheduler. By default
                the current client; where there is none, the threads of this machine.

        Returns:
            The `History`. The loss of an epoch is the mean over its rows, each as it was when its turn came.

        Raises:
            RuntimeError: If the model is not compiled.
            ValueError, TypeError: If the data are not rows of numbers that go with one another and with the model.
            DivergenceError: If the loss is no longer a finite number; the model has the weights of its best epoch.

        Example:
            >>> from microgd.nn.layers import Dense
            >>> from microgd.nn.models import Sequential
            >>> model = Sequential([Dense(1)], seed=0)
            >>> model.compile(optimizer="sgd", loss="mean_squared_error")
            >>> history = model.fit([[0.0], [1.0]], [1.0, 3.0], epochs=2000)
            >>> [round(float(p.data.item()), 2) for p in model.parameters()]
            [2.0, 1.0]

        Source: the minibatch form of H. Robbins and S. Monro, "A stochastic approximation method", 1951.
        """
        self.compiled()
        epochs, initial_epoch = whole("epochs", epochs), whole("initial_epoch", initial_epoch)
        if initial_epoch > epochs:
            raise ValueError(
                f"initial_epoch is {initial_epoch}, after epochs, {epochs}: that is the epoch to end with, not how "
                f"many are to come. For {epochs} more give epochs={initial_epoch + epochs}."
            )
        if outgrows_memory(x):
            how = {"batch_size": batch_size, "shuffle": shuffle, "generator": self.random(), "steps": steps_per_epoch}
            weight = {"class_weight": class_weight, "sample_weight": sample_weight}
            with distributed().cluster_of(client) as cluster:
                rows, validation = distributed().rows_to_fit(x, y, validation_split, validation_data, **weight)
                feed = distributed().ClusterFeed(cluster, rows, **how)
                return self.run(feed, feed.first(), validation, epochs, initial_epoch, callbacks, verbose)
        if client is not None:
            raise TypeError(f"client= is for Dask arrays and files, but x is {type(x).__name__}; leave it out.")
        if hasattr(x, "__next__") or (y is None and not hasattr(x, "shape")):
            if y is not None:
                raise TypeError("x is a generator, of batches (x, y), so that y is not read; leave it out.")
            if validation_split or class_weight or sample_weight is not None:
                raise ValueError(
                    "validation_split, class_weight and sample_weight need x and y as arrays, not batches; give "
                    "validation_data, and batches of (x, y, sample_weight)."
                )
            source, validation = x, validation_data
            first = None
        else:
            rows = checked_rows(x, y, weights_of(y, class_weight, sample_weight))
            source, validation = split_off(rows, validation_split, validation_data)
            first = source.x
        feed = Feed(source, BATCH if batch_size is None else batch_size, shuffle, self.random(), steps_per_epoch)
        feed.columns = [str(name) for name in getattr(x, "columns", ())]
        return self.run(feed, first, validation, epochs, initial_epoch, callbacks, verbose)

    def run(
        self,
        feed: Feed,
        first: Any,
        validation: Any,
        epochs: int,
        initial_epoch: int,
        callbacks: Any,
        verbose: int,
    ) -> History:
        """Train on what a feed gives; see `fit`."""
        if first is None:
            if feed.endless:
                feed.source, first = pushed_back(feed.source)
            else:
                first = next(iter(feed.epoch())).x
        shape = self.output_shape(first)
        feed.shape = lambda y: self.targets(y, shape)
        if isinstance(feed.source, Batch):
            feed.source = feed.source._replace(y=feed.shape(feed.source.y))
        with no_grad():
            check_predicted(self.loss, fetched(raw(self(self.brought(first[:BATCH])))))
        feed.epochs = epochs - initial_epoch
        measure = None if validation is None else feed.measurer(self, validation)
        going_on = initial_epoch > 0 and self.history.epoch == list(range(initial_epoch))
        history = self.history = self.history if going_on else History()
        progress = Progress(verbose, epochs, initial_epoch, feed.steps)
        hooks = Hooks([history, *as_list(callbacks), *([progress] if progress.shown else [])], self)
        before_batch, after_batch = hooks.hooks["on_batch_begin"], hooks.hooks["on_batch_end"]
        best = Best("loss" if validation is None else "val_loss")
        places = self.places()
        best.weights = copies(places)
        states, self.taken_up = self.taken_up if going_on else (), ()
        parameters = self.trained()
        steps = None if feed.steps is None else feed.steps * (epochs - initial_epoch)
        step = feed.stepper(self, parameters, steps)
        self.stop_training = False
        logs: Logs = {}
        with np.errstate(over="ignore", invalid="ignore", divide="ignore"):  # what is not finite is noticed here
            try:
                hooks.call("on_train_begin", logs)
                self.callbacks = [best, *as_list(callbacks)]
                take_up(self.callbacks, states)
                for epoch in range(initial_epoch, epochs):
                    if self.stop_training:
                        break
                    hooks.call("on_epoch_begin", epoch, logs)
                    total, count, y_true, y_pred = 0.0, 0, [], []
                    for number, batch in enumerate(feed.epoch()):
                        for hook in before_batch:
                            hook(number, logs)
                        loss, targets, prediction = step(batch)
                        if not math.isfinite(loss):
                            raise self.diverged(loss, epoch, best, feed, first)
                        best.first_loss = loss if best.first_loss is None else best.first_loss
                        total += loss * len(batch.x)
                        count += len(batch.x)
                        if self.metrics:
                            y_true.append(targets)
                            y_pred.append(prediction)
                        for hook in after_batch:
                            hook(number, {"loss": loss})
                    logs = {"loss": total / count, **self.measured(y_true, y_pred)}
                    if measure is not None:
                        logs |= {f"val_{name}": value for name, value in measure().items()}
                    if logs["loss"] > GROWTH_MEANT_AS_DIVERGENCE * max(best.first_loss or 0.0, 1.0):
                        raise self.diverged(logs["loss"], epoch, best, feed, first)
                    worse = logs["loss"] > GROWTH_MEANT_AS_WORSE * (best.first_loss or 0.0)
                    if not worse and best.improves(epoch, logs):
                        best.weights = copies(places)
                    self.epoch = epoch + 1
                    hooks.call("on_epoch_end", epoch, logs)
                    hooks.call("on_checkpoint", epoch, logs)
            finally:
                self.callbacks = ()
                hooks.call("on_train_end", logs)
        return history

    def diverged(self, loss: float, epoch: int, best: Best, feed: Feed, x: Any) -> DivergenceError:
        """Go back to the best weights, and return the error that says what happened and why."""
        if best.weights is not None:
            self.set_weights(best.weights)
        kept = f"epoch {best.epoch + 1} ({best.monitor} {best.value:g})" if best.epoch >= 0 else "the start"
        rate = self.compiled().rate
        cause, remedy = f"{rate:g}: each step goes beyond the minimum", f"say to {rate / 10:g}"
        if isinstance(feed.source, Batch):
            some_x, some_y = (np.asarray(part[:ROWS_DIAGNOSED]) for part in feed.source[:2])
            found = diagnose(self, some_x, some_y)
            if found.stable is False and math.isfinite(found.best_rate):
                cause, remedy = (
                    f"{rate:g}, where {found.stable_below:.3g} is the limit",
                    f"say to {found.best_rate:.2g}",
                )
        columns = outstanding_columns(x, feed.columns)
        if columns:
            cause += f", for the scale of the columns {', '.join(columns)} of x"
            remedy = "after that, to suit"
        return DivergenceError(
            f"training diverged in epoch {epoch + 1}: the loss is {loss:g}. The likely cause is the learning rate, "
            f"{cause}. {'Bring all columns to mean 0 and deviation 1 with mg.data.StandardScaler. ' if columns else ''}"
            f"Lower the learning rate, {remedy}. The model has the weights of {kept}.",
            epoch + 1,
            best.epoch + 1,
        )

    # Using it -----------------------------------------------------------------------------------------------------

    def measured(self, y_true: list[Any], y_pred: list[Any]) -> Logs:
        """Return the metrics over all rows of some batches."""
        if not self.metrics:
            return {}
        true, predicted = np.concatenate(y_true), np.concatenate(y_pred)
        figures = {name: metric(true, predicted) for name, metric in self.metrics.items()}
        for name, figure in figures.items():
            if np.shape(figure):
                raise ValueError(f"the metric {name} gave an array of shape {np.shape(figure)}; expected one number.")
        return {name: float(figure) for name, figure in figures.items()}

    def measure(self, feed: Feed, look: Step) -> Logs:
        """Return the loss and the metrics over the rows of a feed, each batch looked at by a `look_on_batches`."""
        total, count, y_true, y_pred = 0.0, 0, [], []
        for batch in feed.epoch():
            loss, targets, prediction = look(batch)
            total += loss * len(batch.x)
            count += len(batch.x)
            y_true.append(targets)
            y_pred.append(prediction)
        return {"loss": total / count, **self.measured(y_true, y_pred)}

    def evaluate(
        self,
        x: Any,
        y: Any,
        batch_size: int = ROWS_AT_A_TIME,
        sample_weight: Any = None,
        return_dict: bool = False,
        verbose: int = 0,
    ) -> Any:
        """Return the loss over some rows, and the metrics if there are any.

        Args:
            x: Features, shape (rows, ...); a Dask array or files as in `fit`, computed by the current client of Dask.
            y: Targets, shape (rows,) or (rows, ...).
            batch_size: Rows at a time.
            sample_weight: The weight of each row; 1 by default.
            return_dict: Whether to return all figures by name.
            verbose: Kept for those who write it: nothing is shown.

        Returns:
            The loss; with metrics, a list of the loss and the metrics; with return_dict, a dict.

        Raises:
            RuntimeError: If the model is not compiled.

        Example:
            >>> from microgd.nn.layers import Dense
            >>> from microgd.nn.models import Sequential
            >>> model = Sequential([Dense(1, kernel_initializer="ones")])
            >>> model.compile(loss="mse", metrics=["mae"])
            >>> model.evaluate([[1.0], [2.0]], [3.0, 4.0])
            [4.0, 2.0]
        """
        self.compiled()
        if outgrows_memory(x):
            figures = distributed().evaluate(self, x, y, sample_weight)
        else:
            feed = Feed(self.fitting(checked_rows(x, y, sample_weight)), batch_size)
            figures = self.measure(feed, self.look_on_batches())
        return figures if return_dict else list(figures.values()) if self.metrics else figures["loss"]

    def predict(self, x: Any, batch_size: int = ROWS_AT_A_TIME, verbose: int = 0) -> Any:
        """Return the predictions for some rows, as a plain array.

        Args:
            x: Features, shape (rows, ...). For a Dask array, or files of features such as "rows/*.csv", the predictions
                are a Dask array, computed when asked for.
            batch_size: Rows at a time.
            verbose: Kept for those who write it: nothing is shown.

        Example:
            >>> from microgd.nn.layers import Dense
            >>> from microgd.nn.models import Sequential
            >>> Sequential([Dense(1, kernel_initializer="ones")]).predict([[1.0, 2.0]])
            array([[3.]])
        """
        if outgrows_memory(x):
            return distributed().predict(self, x)
        rows = features(x)
        self.adopt()
        with no_grad():
            parts = [self(self.brought(batch.x)) for batch in Feed(Batch(rows, rows), batch_size).epoch()]
        return np.concatenate([fetched(raw(part)) for part in parts])

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the model to a file, whole: architecture, weights, and all that training needs to go on.

        Args:
            path: The file, as "model.safetensors". It is replaced at one stroke: there is never half a file.

        Raises:
            TypeError: If a layer has a setting, as a lambda for an activation, that could not be looked up again.

        Example: See `load_model`.

        Source: the safetensors format, https://github.com/huggingface/safetensors.
        """
        save_model(self, path)

    def load(self, path: str | os.PathLike[str]) -> None:
        """Put the weights and the state of training from a file into this model, whose weights have the same shapes.

        Raises:
            FileNotFoundError: If the file is not there.
            ModelFileError: If it is no whole model file, or a weight does not fit: it is named, expected and found.
        """
        restore(self, path)

    def summary(self) -> None:
        """Print the layers, the shapes of their weights, how many numbers they have, and what keeps steps from speed.

        Example:
            >>> from microgd.nn.layers import Dense
            >>> from microgd.nn.models import Sequential
            >>> Sequential([Dense(3, "relu", input_shape=(2,)), Dense(1)]).summary()
            layer     weights                    parameters
            dense_1   kernel (2, 3), bias (3,)            9
            dense_2   made at the first call              0
            in all                                        9
        """
        rows = [("layer", "weights", "parameters")]
        for layer in self.all_layers():
            weights = [(attribute, part) for attribute, part in layer.held() if isinstance(part, Value)]
            shapes = ", ".join(f"{attribute} {part.shape}" for attribute, part in weights)
            note = "" if layer.trainable or not weights else " (frozen)"
            late = "made at the first call" if type(layer).build is not Layer.build and not layer.built else ""
            if layer is not self or weights:
                rows.append((layer.title, (shapes or late) + note, str(sum(part.size for _, part in weights))))
        rows.append(("in all", "", str(sum(parameter.size for parameter in self.parameters()))))
        frozen = self.frozen()
        if frozen:
            rows.append(("frozen", "", str(sum(parameter.size for parameter in frozen))))
        wide = [max(len(row[column]) for row in rows) for column in range(3)]
        for name, shapes, count in rows:
            print(f"{name:<{wide[0]}}   {shapes:<{wide[1]}}   {count:>{wide[2]}}".rstrip())
        eager = [layer.title for layer in self.all_layers() if not layer.same_each_step]
        if eager:
            print(f"steps of training are run as they are, not compiled, for the sake of {', '.join(eager)}")


def outgrows_memory(x: Any) -> bool:
    """Return whether rows stay where they are while they are trained on: a Dask array, or the names of files."""
    return isinstance(x, str | os.PathLike) or type(x).__module__.partition(".")[0] == "dask"


def distributed() -> Any:
    """Return the part that needs Dask, an extra."""
    return import_module("microgd.distributed")


@functools.cache
def takes_training(call: Callable[..., Any]) -> bool:
    """Return whether the `__call__` of a model takes the argument `training`."""
    parameters = inspect.signature(call).parameters
    return "training" in parameters or any(each.kind is each.VAR_KEYWORD for each in parameters.values())


def whole(name: str, number: Any) -> int:
    """Return a number of epochs, or say what it may be."""
    if not isinstance(number, int | np.integer) or isinstance(number, bool) or number < 0:
        raise ValueError(f"{name} is {number!r}; expected a whole number from 0.")
    return int(number)


def as_list(callbacks: Any) -> list[Any]:
    """Return callbacks as a list: one alone, several, or None."""
    if callbacks is None:
        return []
    return list(callbacks) if isinstance(callbacks, list | tuple) else [callbacks]
