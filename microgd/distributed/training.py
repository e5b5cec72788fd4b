"""Batches whose rows are on a cluster, and the step on them: gradients there, the update here."""

from __future__ import annotations

import copy
import uuid
from collections.abc import Callable, Iterator, Sequence
from itertools import accumulate
from typing import Any

import cloudpickle
import dask.array as da
import numpy as np
from dask import delayed

from ..autograd.value import Value
from ..nn.feeding import Batch, Feed, like_prediction
from ..nn.training import outgrows_memory
from .cluster import Cluster, cluster_of
from .gradients import Part, Recipe, Sums, added, losses_of, predictions_of, sums_of
from .rows import features_of, rows_of

FAN_IN = 4  # gradients that are summed at once, on their way to this process
BLOCKS_IN_A_BATCH = 4  # unless the size of a batch is given
ROWS_SHOWN = 1000  # to the model, to learn the shapes, and how the columns are scaled


class ClusterFeed(Feed):
    """The batches of each epoch as rows on a cluster: a batch names its rows, by the order in which they are visited.

    Args:
        cluster: Where they are.
        source: The rows, as Dask arrays.
        batch_size: Rows in a batch; by default those of four blocks.
        shuffle: Whether to visit the blocks, and the rows in each, in random order.
        generator: Where that order comes from: one number of it an epoch.
        steps: How many batches make an epoch; by default as many as there are.
    """

    def __init__(
        self,
        cluster: Cluster,
        source: Batch,
        batch_size: int | None,
        shuffle: bool,
        generator: np.random.Generator,
        steps: int | None,
    ) -> None:
        self.lengths: tuple[int, ...] = source.x.chunks[0]
        batch_size = BLOCKS_IN_A_BATCH * max(self.lengths) if batch_size is None else batch_size
        super().__init__(source, batch_size, shuffle, generator, steps)
        self.source: Batch = source
        self.cluster = cluster
        self.first_rows = [0, *accumulate(self.lengths)]
        self.held: dict[int, tuple[Any, ...]] = {}  # blocks that are being used, or soon will be
        self.looked_at: set[int] = set()  # blocks whose numbers have been looked at

    def first(self) -> Any:
        """Return a few rows of x."""
        return self.cluster.compute(delayed(np.asarray)(self.source.x[:ROWS_SHOWN]))

    def epoch(self) -> Iterator[Batch]:
        """Yield the batches of one epoch; the x of each is a range of places in the order of this epoch."""
        self.seed = int(np.random.default_rng(self.generator).integers(2**63))
        count = len(self.lengths)
        self.visited = np.random.default_rng(self.seed).permutation(count).tolist() if self.shuffle else range(count)
        self.starts = [0, *accumulate(self.lengths[block] for block in self.visited)]
        for number in range(self.steps or 0):
            yield Batch(self.places(number), None)

    def places(self, number: int) -> range:
        """Return which places in the order of this epoch a batch has; none after the last."""
        rows = self.starts[-1]
        start = min(number * self.batch_size, rows) if number < (self.steps or 0) else rows
        return range(start, min(start + self.batch_size, rows))

    def parts(self, places: range) -> list[Part]:
        """Return which rows of which blocks a batch has."""
        found = []
        at = int(np.searchsorted(self.starts, places.start, side="right")) - 1
        while at < len(self.lengths) and self.starts[at] < places.stop:
            block = self.visited[at]
            start = max(places.start - self.starts[at], 0)
            stop = min(places.stop - self.starts[at], self.lengths[block])
            if start < stop:
                whole = stop - start == self.lengths[block]  # then their order makes no difference
                order = (self.seed, block) if self.shuffle and not whole else None
                said = () if block in self.looked_at else said_of(self.source, block)
                draws = (self.seed, places.start, block)
                found.append(Part(block, self.first_rows[block], start, stop, order, draws, said))
            at += 1
        return found

    def hold(self, parts: Sequence[Part]) -> None:
        """Have the blocks that several batches share in memory where they are used, and let go of all others."""
        wanted = [part.block for part in parts if part.stop - part.start < self.lengths[part.block]]
        for block in [block for block in self.held if block not in wanted]:
            del self.held[block]
        new = [block for block in dict.fromkeys(wanted) if block not in self.held]
        kept = iter(self.cluster.keep([part for block in new for part in self.blocks[block]]) if new else ())
        for block in new:
            self.held[block] = tuple(next(kept) for _ in self.blocks[block])

    def stepper(self, model: Any, parameters: list[Value], steps: int | None) -> Callable[[Batch], Any]:
        """Return what does one step of a model on a batch: gradients on the cluster, the update here."""
        for layer in model.all_layers():
            if layer.buffers and not layer.same_each_step:
                raise ValueError(
                    f"{layer.title} keeps statistics of whole batches, which no worker sees; on Dask, use another "
                    "kind of normalization, such as LayerNormalization."
                )
        blocks = self.blocks = list(zip(*(blocks_of(array) for array in self.source if array is not None), strict=True))
        self.recipe = recipe = self.cluster.keep([delayed(recipe_of(model, parameters), traverse=False)])[0]
        self.parameters = parameters
        gather = bool(model.metrics)
        optimizer = model.compiled()

        def step(batch: Batch) -> tuple[float, Any, Any]:
            parts = self.parts(batch.x)
            self.hold(parts)
            weights = delayed([parameter._data for parameter in parameters], traverse=False)
            work = [
                delayed(sums_of)(recipe, weights, *block, *[None] * (3 - len(block)), part, len(batch.x), gather)
                for part, block in ((part, self.held.get(part.block, blocks[part.block])) for part in parts)
            ]
            begun = self.cluster.begin(summed(work))
            if self.cluster.client is not None:  # the next blocks are loaded while this step is computed
                self.hold([*parts, *self.parts(self.places(batch.x.start // self.batch_size + 1))])
            sums: Sums = self.cluster.result(begun)
            self.looked_at.update(part.block for part in parts)
            for parameter, gradient in zip(parameters, sums.gradients, strict=True):
                parameter.grad = gradient
            optimizer.step(parameters)
            for parameter in parameters:
                parameter.grad = None
            return sums.loss, *pair_of(sums, gather)

        return step

    def measurer(self, model: Any, validation: Any) -> Callable[[], dict[str, float]]:
        """Return what measures a model on rows that are not trained on, on the cluster if they are there."""
        given = isinstance(validation, tuple | list)
        if not outgrows_memory(validation[0] if given else validation):
            return super().measurer(model, validation)
        if not given or len(validation) not in (2, 3):
            found = f"{len(validation)} of them" if given else type(validation).__name__
            raise TypeError(
                f"validation_data is {found}; expected (x, y) or (x, y, sample_weight), where x may be files: "
                "(files, column), or (files, None) for the last column."
            )
        rows = rows_of(*validation)
        rows = rows._replace(y=self.shape(rows.y))
        return lambda: measured(self.cluster, model, rows, self.recipe, self.parameters)


def a_row_like(x: Any) -> Any:
    """Return one row of zeros, to learn a shape from without computing anything."""
    return np.zeros((1, *x.shape[1:]), x.dtype)


def blocks_of(array: Any) -> list[Any]:
    """Return the blocks of a Dask array that is cut along its rows, each to be computed by itself."""
    return list(array.to_delayed().ravel())


def recipe_of(model: Any, parameters: Sequence[Value]) -> Recipe:
    """Return a model as it is sent to workers: without what only this process needs."""
    sent = copy.copy(model)
    vars(sent).update(optimizer=None, history=None)
    numbers = {parameter: number for number, parameter in enumerate(model.parameters())}
    trained = tuple(numbers[parameter] for parameter in parameters)
    try:
        packed = cloudpickle.dumps(sent)
    except Exception as error:  # of many kinds
        raise TypeError(
            f"the model cannot be sent to workers: {error}; leave out of its layers, its loss and its metrics what "
            "belongs to this process, such as open files and locks."
        ) from error
    return Recipe(uuid.uuid4().hex, packed, trained)


def said_of(rows: Batch, block: int) -> tuple[tuple[str, tuple[int, ...]], ...]:
    """Return what a block is said to hold: the types and shapes of features, targets and weights."""
    return tuple((a.dtype.name, (a.chunks[0][block], *a.shape[1:])) for a in rows if a is not None)


def whole_blocks(rows: Batch) -> list[Part]:
    """Return each block, whole."""
    lengths = rows.x.chunks[0]
    firsts = [0, *accumulate(lengths)]
    return [Part(n, firsts[n], 0, length, said=said_of(rows, n)) for n, length in enumerate(lengths)]


def summed(parts: list[Any]) -> Any:
    """Return the sum of what some tasks find, by a tree whose shape depends on their number only."""
    while len(parts) > 1:
        parts = [delayed(added)(parts[i : i + FAN_IN]) for i in range(0, len(parts), FAN_IN)]
    return parts[0]


def pair_of(sums: Sums, gather: bool) -> tuple[Any, Any]:
    """Return the targets and the predictions, if they were gathered."""
    return (np.concatenate(sums.y_true), np.concatenate(sums.y_pred)) if gather else (None, None)


def measured(cluster: Cluster, model: Any, rows: Batch, recipe: Any, parameters: Sequence[Value]) -> dict[str, float]:
    """Return the loss and the metrics of a model over rows on a cluster."""
    gather = bool(model.metrics)
    weights = delayed([parameter._data for parameter in parameters], traverse=False)
    blocks = zip(*(blocks_of(array) for array in rows if array is not None), strict=True)
    work = [
        delayed(losses_of)(recipe, weights, *block, *[None] * (3 - len(block)), part, len(rows.x), gather)
        for block, part in zip(blocks, whole_blocks(rows), strict=True)
        if part.stop
    ]
    sums: Sums = cluster.compute(summed(work))
    y_true, y_pred = pair_of(sums, gather)
    return {"loss": sums.loss, **model.measured([y_true], [y_pred])}


def evaluate(model: Any, x: Any, y: Any, sample_weight: Any = None) -> dict[str, float]:
    """Return the loss and the metrics over rows on a cluster; see `Model.evaluate`."""
    with cluster_of() as cluster:
        rows = rows_of(x, y, sample_weight)
        rows = rows._replace(y=like_prediction(rows.y, model.output_shape(a_row_like(rows.x))))
        parameters = model.parameters()
        recipe = delayed(recipe_of(model, parameters), traverse=False)
        return measured(cluster, model, rows, recipe, parameters)


def predict(model: Any, x: Any) -> Any:
    """Return the predictions for the rows of a Dask array, as a Dask array; see `Model.predict`."""
    x = features_of(x, model.notes.get("feature_names"))
    some = model.predict(a_row_like(x))
    parameters = model.parameters()
    recipe = delayed(recipe_of(model, parameters), traverse=False)
    weights = delayed([parameter._data for parameter in parameters], traverse=False)
    return da.concatenate(
        [
            da.from_delayed(
                delayed(predictions_of)(recipe, weights, block, part), (part.stop, *some.shape[1:]), some.dtype
            )
            for block, part in zip(blocks_of(x), whole_blocks(Batch(x, None)), strict=True)
            if part.stop
        ]
    )
