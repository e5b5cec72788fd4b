"""What is fed to a model: anything that holds numbers becomes checked arrays, and arrays become batches."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..autograd.arrays import kind
from ..autograd.value import Value
from ..data.preparation import last_split
from .names import check_number

Array = NDArray[Any]
ROWS_AT_A_TIME = 4096  # in evaluate and predict, and in a step on Dask, to bound the memory


class Batch(NamedTuple):
    """Some rows: features, targets, and weights if there are any."""

    x: Any
    y: Any
    weight: Any = None


def as_rows(values: Any, name: str) -> Array:
    """Return numbers of any kind as a floating-point array with an axis of rows: arrays, lists, tables of pandas.

    Args:
        values: The numbers; float32 and float64 stay as they are and are not copied.
        name: What to call them in messages.

    Raises:
        TypeError: If they are not real numbers.
        ValueError: If there are no rows, or some numbers are nan or infinite.
    """
    if isinstance(values, Value):
        raise TypeError(f"{name} is a Value; training takes plain numbers: pass {name}.data.")
    if np.ma.is_masked(values):
        raise ValueError(f"{name} has masked cells; leave out their rows, or fill them in: {name}.filled(...).")
    columns = [str(column) for column in getattr(values, "columns", ())]
    try:
        values = values.compute() if hasattr(values, "compute") else values  # a few rows of what Dask has not made yet
        array = np.asarray(values, like=kind(values))
        if array.dtype.kind == "O":  # a table of pandas has its own word for what is missing
            pandas = hasattr(values, "to_numpy")
            array = values.to_numpy(float, na_value=np.nan) if pandas else array.astype(float)
    except (ValueError, TypeError) as error:
        raise TypeError(f"{name} cannot be read as numbers: {error}{text_columns(values, columns)}.") from None
    if array.dtype.kind not in "fiub":
        raise TypeError(f"{name} holds {array.dtype}, expected real numbers{text_columns(values, columns)}.")
    if array.ndim == 0 or not len(array):
        raise ValueError(f"{name} has no rows: its shape is {array.shape}; expected (rows, ...).")
    if array.dtype.kind != "f":
        return array.astype(float)
    if not np.isfinite(array).all():
        place = tuple(int(i) for i in np.argwhere(~np.isfinite(array))[0])
        where = f"row {place[0]}" + (f", column {columns[place[1]] if columns else place[1]}" if len(place) > 1 else "")
        raise ValueError(
            f"{name} has {np.sum(~np.isfinite(array))} cells that are nan or infinite, the first in {where} (counted "
            "from 0). Leave out such rows, or fill them in."
        )
    return array


def text_columns(values: Any, columns: list[str]) -> str:
    """Return which columns of a table are not numbers, for a message."""
    text = [name for name, kind in zip(columns, getattr(values, "dtypes", ()), strict=False) if kind.kind not in "fiub"]
    return f"; not numbers are {', '.join(text)}: leave them out, or encode them as numbers" if text else ""


def features(x: Any) -> Array:
    """Return the features of some rows; a single axis is a single feature."""
    array = as_rows(x, "x")
    return array.reshape(-1, 1) if array.ndim == 1 else array


def checked_rows(x: Any, y: Any, sample_weight: Any = None) -> Batch:
    """Return features, targets and weights that have the same rows."""
    if y is None:
        raise ValueError("y is missing: a model learns from pairs of x and y, as in fit(x, y).")
    rows = Batch(
        features(x), as_rows(y, "y"), None if sample_weight is None else as_rows(sample_weight, "sample_weight")
    )
    for name, array in (("y", rows.y), ("sample_weight", rows.weight)):
        if array is not None and len(array) != len(rows.x):
            raise ValueError(
                f"x has {len(rows.x)} rows and {name} has {len(array)}, of shapes {rows.x.shape} and {array.shape}; "
                "expected as many of one as of the other."
            )
    if rows.weight is not None and rows.weight.ndim > 1:
        raise ValueError(f"sample_weight has shape {rows.weight.shape}; expected one number a row: ({len(rows.x)},).")
    if rows.weight is not None and (rows.weight < 0).any():
        raise ValueError(f"sample_weight is negative in row {np.argmax(rows.weight < 0)}; expected numbers from 0.")
    return rows


def check_batch_size(batch_size: Any) -> int:
    """Return a batch size, or say what it may be."""
    if not isinstance(batch_size, int | np.integer) or isinstance(batch_size, bool) or batch_size < 1:
        raise ValueError(f"batch_size is {batch_size!r}; expected a whole number of rows, at least 1, such as 32.")
    return int(batch_size)


def like_prediction(y: Any, prediction_shape: tuple[int, ...]) -> Any:
    """Return targets given as (rows,) in the shape (rows, 1) where the model predicts that."""
    return y.reshape(-1, 1) if y.ndim == 1 and prediction_shape[1:] == (1,) else y


class Feed:
    """The batches of each epoch: cut from arrays, or taken from an iterable or a generator of them.

    Args:
        source: Rows as arrays; or an iterable of (x, y) or (x, y, sample_weight), gone through once an epoch; or a
            generator, which goes on from epoch to epoch.
        batch_size: Rows in a batch cut from arrays.
        shuffle: Whether to visit the rows of arrays in random order.
        generator: Where that order comes from.
        steps: How many batches make an epoch; needed for a generator.
    """

    def __init__(
        self,
        source: Batch | Iterable[Any],
        batch_size: int,
        shuffle: bool = False,
        generator: np.random.Generator | None = None,
        steps: int | None = None,
    ) -> None:
        self.source = source
        self.batch_size = check_batch_size(batch_size)
        if steps is not None and (not isinstance(steps, int | np.integer) or steps < 1):
            raise ValueError(f"steps_per_epoch is {steps!r}; expected a whole number of batches, at least 1.")
        self.shuffle = shuffle
        self.generator = generator
        self.endless = isinstance(source, Iterator)
        whole = -(-len(source.x) // self.batch_size) if isinstance(source, Batch) else None
        self.steps = whole if steps is None else steps if whole is None else min(steps, whole)
        if self.endless and steps is None:
            raise ValueError(
                "x is a generator, which has no end that fit could see; say how many batches make an epoch: "
                "steps_per_epoch=."
            )
        self.shape: Callable[[Any], Any] = lambda y: y
        self.columns: list[str] = []  # the names of the features, where they have any
        self.epochs = 1  # how many there will be

    def epoch(self) -> Iterator[Batch]:
        """Yield the batches of one epoch."""
        made = 0
        for batch in self.cut(self.source) if isinstance(self.source, Batch) else map(self.checked, self.source):
            yield batch
            made += 1
            if made == self.steps:
                return
        if not made or self.endless:
            hint = " A generator goes on from epoch to epoch: let it go on without end." if self.endless else ""
            raise ValueError(f"x gave {made} batches in this epoch; expected {self.steps or 'at least one'}.{hint}")

    def stepper(self, model: Any, parameters: list[Value], steps: int | None) -> Callable[[Batch], Any]:
        """Return what does one step of a model on a batch."""
        step: Callable[[Batch], Any] = model.step_on_batches(parameters, steps)
        return step

    def measurer(self, model: Any, validation: Any) -> Callable[[], dict[str, float]]:
        """Return what measures a model on rows that are not trained on: (x, y), (x, y, sample_weight), or batches."""
        given = isinstance(validation, tuple | list) and not any(isinstance(part, tuple) for part in validation)
        number = len(validation) in (2, 3) if given else not isinstance(validation, Iterator)
        if not number or hasattr(validation, "shape") or not isinstance(validation, Iterable):
            raise TypeError(
                f"validation_data is {type(validation).__name__}; expected (x, y) or (x, y, sample_weight), as arrays, "
                "or a list of batches of them, which is gone through after each epoch."
            )
        feed = Feed(checked_rows(*validation) if given else validation, ROWS_AT_A_TIME)
        feed.shape = self.shape
        if isinstance(feed.source, Batch):
            feed.source = feed.source._replace(y=self.shape(feed.source.y))
        look = model.look_on_batches(self.epochs)
        return lambda: dict(model.measure(feed, look))

    def cut(self, rows: Batch) -> Iterator[Batch]:
        """Yield batches of arrays; the last one is short when the rows do not divide evenly."""
        size, count = self.batch_size, len(rows.x)
        order = self.generator.permutation(count) if self.shuffle and self.generator is not None else None
        together = max(ROWS_AT_A_TIME // size, 1) * size  # picked from the arrays at once, in their order
        for begin in range(0, count, together):
            chosen: Any = slice(begin, begin + together) if order is None else order[begin : begin + together]
            x, y, weight = rows.x[chosen], rows.y[chosen], None if rows.weight is None else rows.weight[chosen]
            for first in range(0, len(x), size):
                last = first + size
                yield Batch(x[first:last], y[first:last], None if weight is None else weight[first:last])

    def checked(self, batch: Any) -> Batch:
        """Return a batch that somebody else made."""
        if not isinstance(batch, tuple | list) or len(batch) not in (2, 3):
            raise TypeError(f"x gave {type(batch).__name__} for a batch; expected (x, y) or (x, y, sample_weight).")
        rows = checked_rows(*batch)
        return rows._replace(y=self.shape(rows.y))


def weights_of(y: Any, class_weight: dict[int, float] | None, sample_weight: Any) -> Any:
    """Return the weight of each row: the one given for it, times the one of its class."""
    if class_weight is None:
        return sample_weight
    if not isinstance(class_weight, dict) or any(not 0 <= weight < np.inf for weight in class_weight.values()):
        raise ValueError(
            f"class_weight is {class_weight!r}; expected a dict from each class in y to a weight from 0, "
            "such as {0: 1.0, 1: 5.0}."
        )
    classes = np.asarray(y)
    classes = np.argmax(classes, axis=-1) if classes.ndim > 1 and classes.shape[-1] > 1 else np.ravel(classes)
    unknown = sorted(set(np.unique(classes).tolist()) - set(class_weight))
    if unknown:
        some = ", ".join(f"{name:g}" for name in unknown[:10]) + (", ..." if len(unknown) > 10 else "")
        raise ValueError(f"class_weight has no weight for the classes {some}; give one for each class in y.")
    weights = np.array([class_weight[name] for name in classes.tolist()], dtype=float)
    if sample_weight is None:
        return weights
    given = as_rows(sample_weight, "sample_weight")
    return weights * given if given.shape == weights.shape else given  # of the wrong shape: that is said with the rows


def split_off(rows: Batch, validation_split: float, validation_data: Any) -> tuple[Batch, Any]:
    """Return the rows to train on and those to validate on, of which the last ones are taken unless some are given."""
    check_number("validation_split", validation_split, 0.2, below=1)
    if validation_data is not None or not validation_split:
        return rows, validation_data
    cut = len(last_split(rows.x, rows.y, validation_split)[0])
    return (
        Batch(*(None if part is None else part[:cut] for part in rows)),
        Batch(*(None if part is None else part[cut:] for part in rows)),
    )


def pushed_back(batches: Any) -> tuple[Iterator[Any], Any]:
    """Return a generator of batches as it was, and the features of its first batch."""
    try:
        first = next(batches)
    except StopIteration:
        raise ValueError("x is a generator that has no batches left; make a new one for each fit.") from None
    return itertools.chain([first], batches), checked_rows(*first).x
