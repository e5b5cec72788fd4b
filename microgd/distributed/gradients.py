"""What is done where the blocks are: the gradient of some rows, by the compiled step, and the sum of gradients."""

from __future__ import annotations

import pickle
import threading
from collections import Counter
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from ..autograd.value import no_grad
from ..compiler.compile import compile as compile_step
from ..compiler.tracing import CompileError
from ..data.tables import DataError
from ..nn.feeding import ROWS_AT_A_TIME, Batch

SEEN_BEFORE_COMPILED = 3  # batches of a shape
COMPILED_AT_MOST = 8  # shapes: each keeps memory of its own


class Recipe(NamedTuple):
    """A model as it is sent to workers, once: each thread there unpacks it for itself."""

    key: str  # different for each
    model: bytes
    trained: tuple[int, ...]  # which of its parameters are: their numbers


class Part(NamedTuple):
    """Some rows of a block that belong to a batch."""

    block: int  # its number, ...
    first: int  # ... and that of its first row in x
    start: int
    stop: int
    order: tuple[int, ...] | None = None  # the seed of the order in which the rows of the block are visited
    draws: tuple[int, ...] = (0,)  # the seed of what layers draw
    dtypes: tuple[str, ...] = ()  # if the numbers have to be looked at: what they are said to be

    def of(self, x: Any, y: Any, weight: Any) -> Batch:
        """Return these rows of a block, checked."""
        rows: Any = slice(self.start, self.stop)
        if self.order is not None:
            rows = np.random.default_rng(self.order).permutation(len(x))[rows]
        for name, array, dtype in zip(("x", "y", "sample_weight"), (x, y, weight), self.dtypes, strict=False):
            self.look_at(name, array, dtype)
        return Batch(x[rows], y[rows], None if weight is None else weight[rows])

    def look_at(self, name: str, array: Any, dtype: str) -> None:
        """Raise unless a block is of finite numbers of the type that the whole array is said to have."""
        if array.dtype != dtype:
            raise DataError(
                f"{name} holds {array.dtype} in block {self.block}, expected {dtype} as in all of it; let what makes "
                "the blocks give one type"
            )
        if np.isfinite(array).all():
            return
        place = [int(i) for i in np.argwhere(~np.isfinite(array))[0]]
        column = f", column {', '.join(map(str, place[1:]))}" if array.ndim > 1 else ""
        raise DataError(
            f"{name} has {np.sum(~np.isfinite(array))} cells that are nan or infinite in block {self.block}: the first "
            f"in row {place[0]} of the block, row {self.first + place[0]} of {name}{column} (all counted from 0); "
            "leave out such rows, or fill them in"
        )


class Sums(NamedTuple):
    """What some rows of a batch add to its loss and its gradients; with metrics, also their targets and predictions."""

    loss: float
    gradients: list[Any]
    y_true: list[Any]
    y_pred: list[Any]


class Twin:
    """A thread's own copy of the model, with its compiled step."""

    def __init__(self, recipe: Recipe) -> None:
        self.key = recipe.key
        self.model = pickle.loads(recipe.model)
        parameters = self.model.parameters()
        self.parameters = [parameters[number] for number in recipe.trained]
        self.drawing = [layer for layer in self.model.all_layers() if not layer.same_each_step]
        self.compiles = not self.model.run_eagerly and not self.drawing
        self.compiled = compile_step(self.gradients)
        self.seen: Counter[Any] = Counter()
        self.fast: set[Any] = set()  # shapes that are compiled

    def take(self, weights: Sequence[Any]) -> None:
        """Put weights in place, in the arrays that the compiled step knows."""
        for parameter, data in zip(self.parameters, weights, strict=True):
            if isinstance(parameter._data, np.ndarray):
                parameter._data[...] = data
            else:
                parameter._data = data

    def gradients(self, x: Any, y: Any, weight: Any = None) -> tuple[Any, list[Any], Any]:
        """Return the loss of some rows, its gradients, and the predictions."""
        loss, y_pred = self.model.objective(Batch(x, y, weight), training=True)
        loss.backward(keep="leaves")
        found = [parameter.grad for parameter in self.parameters]
        for parameter in self.parameters:
            parameter.grad = None
        return loss._data, found, y_pred._data

    def step(self, rows: Batch) -> tuple[Any, list[Any], Any]:
        """Do what `gradients` does, by the compiled step for shapes that come often: the bits are the same."""
        given = rows[:2] if rows.weight is None else rows
        shape = tuple((part.shape, part.dtype) for part in given)
        self.seen[shape] += 1
        if self.compiles and self.seen[shape] > SEEN_BEFORE_COMPILED and len(self.fast) < COMPILED_AT_MOST:
            self.fast.add(shape)
        if self.compiles and shape in self.fast:
            try:
                loss, gradients, y_pred = self.compiled(*given)
                return loss, gradients, y_pred
            except CompileError:
                self.compiles = False
        return self.gradients(*given)


own = threading.local()


def twin_of(recipe: Recipe, weights: Sequence[Any]) -> Twin:
    """Return this thread's copy of a model, with some weights."""
    twin: Twin | None = getattr(own, "twin", None)
    if twin is None or twin.key != recipe.key:
        twin = own.twin = Twin(recipe)
    twin.take(weights)
    return twin


def sums_of(
    recipe: Recipe, weights: Sequence[Any], x: Any, y: Any, weight: Any, part: Part, of: int, gather: bool
) -> Sums:
    """Return what some rows of a block add to the loss and the gradients of a batch.

    Args:
        recipe: The model.
        weights: Of its parameters that are trained.
        x, y, weight: The block.
        part: Which rows of it.
        of: How many rows the batch has: each row adds that part of its own loss and gradient.
        gather: Whether the targets and the predictions are wanted too.
    """
    twin = twin_of(recipe, weights)
    rows = part.of(x, y, weight)
    generator = np.random.default_rng(part.draws) if twin.drawing else None
    for layer in twin.drawing:
        layer.generator = generator
    found = Sums(0.0, [None] * len(weights), [], [])
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):  # what is not finite is noticed where it goes
        for start in range(0, len(rows.x), ROWS_AT_A_TIME):
            some = Batch(*(None if p is None else p[start : start + ROWS_AT_A_TIME] for p in rows))
            loss, gradients, y_pred = twin.step(some)
            share = len(some.x) / of
            scaled = [None if g is None else g if share == 1 else share * g for g in gradients]
            pair = ([some.y], [y_pred]) if gather else ([], [])
            found = added([found, Sums(share * float(loss), scaled, *pair)])
    return found


def losses_of(
    recipe: Recipe, weights: Sequence[Any], x: Any, y: Any, weight: Any, part: Part, of: int, gather: bool
) -> Sums:
    """Return what some rows of a block add to the loss of all rows, outside of training; see `sums_of`."""
    model = twin_of(recipe, weights).model
    rows = part.of(x, y, weight)
    found = Sums(0.0, [], [], [])
    with no_grad(), np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        for start in range(0, len(rows.x), ROWS_AT_A_TIME):
            some = Batch(*(None if p is None else p[start : start + ROWS_AT_A_TIME] for p in rows))
            loss, y_pred = model.objective(some, training=False)
            pair = ([some.y], [getattr(y_pred, "_data", y_pred)]) if gather else ([], [])
            found = added([found, Sums(len(some.x) / of * float(loss), [], *pair)])
    return found


def predictions_of(recipe: Recipe, weights: Sequence[Any], x: Any) -> Any:
    """Return the predictions for a block."""
    return twin_of(recipe, weights).model.predict(x)


def added(parts: Sequence[Sums]) -> Sums:
    """Return the sum of some parts, from the left."""
    total = parts[0]
    for part in parts[1:]:
        total = Sums(
            total.loss + part.loss,
            [plus(a, b) for a, b in zip(total.gradients, part.gradients, strict=True)],
            total.y_true + part.y_true,
            total.y_pred + part.y_pred,
        )
    return total


def plus(a: Any, b: Any) -> Any:
    """Return the sum of two gradients; None stands for one that there is none of."""
    return b if a is None else a if b is None else a + b
