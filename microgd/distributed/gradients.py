"""What is done where the blocks are: the gradient of some rows, by the compiled step, and the sum of gradients."""

from __future__ import annotations

import pickle
import threading
from collections import Counter
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from ..autograd.arrays import fetched
from ..autograd.value import no_grad, raw
from ..compiler.compile import compile as compile_step
from ..compiler.tracing import CompileError
from ..data.tables import DataError
from ..nn.feeding import ROWS_AT_A_TIME, Batch
from ..nn.losses import TARGETS

ROWS_TRIED = 1000  # to see whether the loss is a mean over rows
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
    said: tuple[tuple[str, tuple[int, ...]], ...] = ()  # if the block has to be looked at: its types and shapes

    def of(self, x: Any, y: Any, weight: Any) -> Batch:
        """Return these rows of a block, checked."""
        for name, array, said in zip(("x", "y", "sample_weight"), (x, y, weight), self.said, strict=False):
            self.look_at(name, array, *said)
        rows: Any = slice(self.start, self.stop)
        if self.order is not None:
            rows = np.random.default_rng(self.order).permutation(len(x))[rows]
        return Batch(x[rows], y[rows], None if weight is None else weight[rows])

    def look_at(self, name: str, array: Any, dtype: str, shape: tuple[int, ...]) -> None:
        """Raise unless a block is of finite numbers of the type and the shape that it is said to have."""
        plain = hasattr(array, "__array_function__") and not isinstance(array, np.ma.MaskedArray)
        if not plain or array.dtype != dtype or array.shape != shape:
            found = f"{array.dtype} of shape {array.shape}" if plain else f"a {type(array).__name__}"
            raise DataError(
                f"{name} holds {found} in block {self.block}, expected an array of {dtype} of shape {shape}; let what "
                "makes the blocks give what Dask was told"
            )
        if name == "sample_weight" and (array < 0).any():
            row = int(np.argmax(array < 0))
            raise DataError(
                f"sample_weight is negative in block {self.block}: in row {self.first + row} (counted from 0); "
                "expected numbers from 0"
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
        self.tried = False  # whether the loss is a mean over rows

    def check(self, block: Any, part: Part, rows: Batch) -> None:
        """Raise if the targets of a block make no sense for the loss, or if that is not a mean over rows of it."""
        targets = TARGETS.get(self.model.loss)
        with no_grad():
            if targets is not None and part.said:
                try:
                    targets(block, np.shape(self.model(rows.x[:1]))[-1])
                except ValueError as error:
                    raise DataError(f"in block {part.block}, from row {part.first} of y on: {error}") from None
            count = min(len(rows.x), ROWS_TRIED)
            if self.tried or count < 2:
                return
            self.tried = True
            cut = count // 2
            losses = [
                float(raw(self.model.objective(Batch(*(p if p is None else p[few] for p in rows)), training=False)[0]))
                for few in (slice(count), slice(cut), slice(cut, count))
            ]
        mean = (cut * losses[1] + (count - cut) * losses[2]) / count
        if abs(losses[0] - mean) > np.finfo(rows.x.dtype).eps ** 0.5 * sum(map(abs, losses)):
            raise ValueError(
                f"the loss of {count} rows is {losses[0]:g}, but the mean of what its two halves give is {mean:g}: on "
                "Dask a loss has to be a mean over rows, for each worker sees some of them, and no layer may mix rows. "
                "Look at the loss, and at layers of your own."
            )

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
    twin.check(y, part, rows)
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
            pair = ([some.y], [fetched(y_pred)]) if gather else ([], [])
            found = added([found, Sums(share * float(loss), scaled, *pair)])
    return found


def losses_of(
    recipe: Recipe, weights: Sequence[Any], x: Any, y: Any, weight: Any, part: Part, of: int, gather: bool
) -> Sums:
    """Return what some rows of a block add to the loss of all rows, outside of training; see `sums_of`."""
    twin = twin_of(recipe, weights)
    model = twin.model
    rows = part.of(x, y, weight)
    twin.check(y, part, rows)
    found = Sums(0.0, [], [], [])
    with no_grad(), np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        for start in range(0, len(rows.x), ROWS_AT_A_TIME):
            some = Batch(*(None if p is None else p[start : start + ROWS_AT_A_TIME] for p in rows))
            loss, y_pred = model.objective(some, training=False)
            pair = ([some.y], [fetched(raw(y_pred))]) if gather else ([], [])
            found = added([found, Sums(len(some.x) / of * float(loss), [], *pair)])
    return found


def predictions_of(recipe: Recipe, weights: Sequence[Any], x: Any, part: Part) -> Any:
    """Return the predictions for a block, which is the only part."""
    part.look_at("x", x, *part.said[0])
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
