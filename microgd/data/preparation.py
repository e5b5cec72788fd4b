"""What is done to arrays of rows before training: split, cut in batches, scaled."""

import math
from collections.abc import Iterator
from typing import Any, Self, overload

import numpy as np
from numpy.typing import ArrayLike, NDArray

from microgd.data.tables import DataError, FloatArray

Array = NDArray[Any]
Seed = int | np.random.Generator | None


def train_test_split(
    x: ArrayLike, y: ArrayLike, test_size: float = 0.25, shuffle: bool = True, seed: Seed = None
) -> tuple[Array, Array, Array, Array]:
    """Split rows into a part to train on and a part, never seen in training, to test on.

    Arguments:
        x, y: arrays with the same number of rows, shape (rows, ...).
        test_size: the test part: a fraction of the rows (rounded up), or a whole number of rows; default: 0.25.
        shuffle: draw the test rows at random; otherwise they are the last ones.
        seed: a whole number or a `numpy.random.Generator`: the same seed gives the same split; default: a new one
            each time.

    Returns:
        x_train, x_test, y_train, y_test: every row of ``x``, with its ``y``, in exactly one of the two parts.

    Raises:
        DataError: a part would be empty, or ``x`` and ``y`` differ in rows.

    >>> x_train, x_test, y_train, y_test = train_test_split([[1], [2], [3], [4]], [10, 20, 30, 40], seed=0)
    >>> x_train.tolist(), x_test.tolist(), y_train.tolist(), y_test.tolist()
    ([[3], [1], [2]], [[4]], [30, 10, 20], [40])

    Source: the interface is scikit-learn's `model_selection.train_test_split`.
    """
    x, y = _paired_rows(x, y)
    if shuffle:
        order = np.random.default_rng(seed).permutation(len(x))
        x, y = x[order], y[order]
    return last_split(x, y, test_size)


def last_split(x: ArrayLike, y: ArrayLike, size: float) -> tuple[Array, Array, Array, Array]:
    """Cut off the last rows, in the order given: the validation part that `fit` takes before it shuffles.

    Arguments:
        x, y: arrays with the same number of rows, shape (rows, ...).
        size: the last part: a fraction of the rows (rounded up), or a whole number of rows.

    Returns:
        x_first, x_last, y_first, y_last: views, nothing is copied.

    Raises:
        DataError: a part would be empty, or ``x`` and ``y`` differ in rows.

    >>> x_train, x_validation, y_train, y_validation = last_split([[1], [2], [3], [4], [5]], [1, 2, 3, 4, 5], 0.2)
    >>> y_train.tolist(), y_validation.tolist()
    ([1, 2, 3, 4], [5])

    Source: the cut is that of `validation_split` in Keras.
    """
    x, y = _paired_rows(x, y)
    rows = len(x)
    # 0.07 * 100 is 7.000000000000001: without the rounding, 7 % of 100 rows would be 8.
    count = math.ceil(round(size * rows, 9)) if isinstance(size, float | np.floating) and 0 < size < 1 else size
    if not _is_whole(count) or not 0 < count < rows:
        raise DataError(
            f"cannot set apart {size!r} of {rows} rows: expected a fraction between 0 and 1, or a whole number of "
            "rows, that leaves at least one row in each part; give another size, or more rows"
        )
    cut = rows - int(count)
    return x[:cut], x[cut:], y[:cut], y[cut:]


@overload
def batches(
    x: ArrayLike,
    y: None = None,
    batch_size: int = 32,
    shuffle: bool = False,
    seed: Seed = None,
    drop_last: bool = False,
) -> Iterator[Array]: ...
@overload
def batches(
    x: ArrayLike, y: ArrayLike, batch_size: int = 32, shuffle: bool = False, seed: Seed = None, drop_last: bool = False
) -> Iterator[tuple[Array, Array]]: ...
def batches(
    x: ArrayLike,
    y: ArrayLike | None = None,
    batch_size: int = 32,
    shuffle: bool = False,
    seed: Seed = None,
    drop_last: bool = False,
) -> Iterator[Array] | Iterator[tuple[Array, Array]]:
    """Go once over all rows, a batch at a time. The last batch is short when the rows do not divide evenly.

    Arguments:
        x: shape (rows, ...).
        y: shape (rows, ...); default: batches of ``x`` alone.
        batch_size: rows in a batch, at least 1; more than there are rows gives one short batch.
        shuffle: visit the rows in random order.
        seed: a whole number or a `numpy.random.Generator`; a generator gives another order at each call, a number the
            same; default: a new one each time.
        drop_last: leave out the short batch.

    Returns:
        An iterator over ``(x_batch, y_batch)``, or over ``x_batch`` when ``y`` is not given; views unless shuffled.

    Raises:
        DataError: at the call, when the batch size is not a whole number from 1, when dropping the short batch leaves
            none, or when ``x`` and ``y`` differ in rows.

    >>> [batch.tolist() for batch in batches([1, 2, 3, 4, 5], batch_size=2)]
    [[1, 2], [3, 4], [5]]
    >>> [y_batch.tolist() for x_batch, y_batch in batches([1, 2, 3], [1, 4, 9], batch_size=2, drop_last=True)]
    [[1, 4]]

    Source: "minibatch" gradient descent; L. Bottou, F. E. Curtis and J. Nocedal, "Optimization methods for large-scale
    machine learning", SIAM Review 60 (2018), 223-311.
    """
    x, y = (_rows(x, "x"), None) if y is None else _paired_rows(x, y)
    rows = len(x)
    if not _is_whole(batch_size) or batch_size < 1:
        raise DataError(
            f"batch_size is {batch_size!r}: expected a whole number of rows, at least 1, since {rows} rows make at "
            f"most {rows} batches; give one from 1 to {rows}"
        )
    if drop_last and batch_size > rows:
        raise DataError(
            f"batch_size is {batch_size}, but there are only {rows} rows: drop_last=True leaves no batch at all; give "
            f"a batch_size from 1 to {rows}, or drop_last=False"
        )
    stop = rows - rows % batch_size if drop_last else rows
    cuts = (slice(start, start + batch_size) for start in range(0, stop, batch_size))
    order = np.random.default_rng(seed).permutation(rows) if shuffle else None
    picks = cuts if order is None else (order[cut] for cut in cuts)
    return (x[pick] for pick in picks) if y is None else ((x[pick], y[pick]) for pick in picks)


class StandardScaler:
    """Bring every column to mean 0 and standard deviation 1: ``(x - mean_) / scale_``.

    ``scale_`` is the population standard deviation, ``sqrt(mean((x - mean_)^2))``, and 1 for a constant column, which
    so becomes 0. Learn both from the training rows alone, and apply them to all rows.

    Attributes:
        mean_: the mean of each column, shape (columns,), in the units of the column; set by `fit`.
        scale_: the standard deviation of each column, shape (columns,), in the units of the column; set by `fit`.

    >>> scaler = StandardScaler().fit([[1.0, 7.0], [3.0, 7.0]])
    >>> scaler.mean_.tolist(), scaler.scale_.tolist()
    ([2.0, 7.0], [1.0, 1.0])
    >>> scaler.transform([[5.0, 8.0]]).tolist()
    [[3.0, 1.0]]

    Source: the interface is scikit-learn's `preprocessing.StandardScaler`.
    """

    mean_: FloatArray
    scale_: FloatArray

    def fit(self, x: ArrayLike) -> Self:
        """Learn the mean and the standard deviation of each column.

        Arguments:
            x: finite numbers, shape (rows, columns).

        Returns:
            The scaler itself.

        Raises:
            DataError: ``x`` is not such a table.

        >>> StandardScaler().fit([[1.0], [2.0], [3.0]]).mean_.tolist()
        [2.0]
        """
        x = _columns(x).astype(np.float64)
        # Rounding can put the mean of a constant column beside its value; then its deviation would not be 0.
        mean = np.where((x == x[0]).all(axis=0), x[0], x.mean(axis=0))
        with np.errstate(over="ignore"):
            deviation = np.sqrt(np.mean((x - mean) ** 2, axis=0))
        for column in np.flatnonzero(np.isinf(deviation)):
            raise DataError(
                f"column {column} of x (counted from 0) goes from {x[:, column].min():g} to {x[:, column].max():g}: "
                "its squares overflow, expected numbers below 1e154; correct or rescale them"
            )
        self.mean_, self.scale_ = mean, np.where(deviation == 0, 1.0, deviation)
        return self

    def transform(self, x: ArrayLike) -> Array:
        """Scale with what `fit` learnt: ``(x - mean_) / scale_``.

        Arguments:
            x: finite numbers, shape (rows, columns), with the columns of `fit`.

        Returns:
            The same shape; the same dtype if it is a floating one, else float64.

        Raises:
            DataError: not fitted, ``x`` is not such a table, or another number of columns.

        >>> StandardScaler().fit([[1.0], [3.0]]).transform([[3.0]]).tolist()
        [[1.0]]
        """
        x = self._fitted_columns(x)
        return ((x - self.mean_) / self.scale_).astype(x.dtype)

    def inverse_transform(self, x: ArrayLike) -> Array:
        """Undo `transform`: ``x * scale_ + mean_``.

        Arguments:
            x: finite numbers, shape (rows, columns), with the columns of `fit`.

        Returns:
            The same shape; the same dtype if it is a floating one, else float64.

        Raises:
            DataError: not fitted, ``x`` is not such a table, or another number of columns.

        >>> StandardScaler().fit([[1.0], [3.0]]).inverse_transform([[1.0]]).tolist()
        [[3.0]]
        """
        x = self._fitted_columns(x)
        return (x * self.scale_ + self.mean_).astype(x.dtype)

    def fit_transform(self, x: ArrayLike) -> Array:
        """Learn from the rows, and scale the same rows: ``fit(x).transform(x)``.

        Arguments:
            x: finite numbers, shape (rows, columns).

        Returns:
            The same shape; the same dtype if it is a floating one, else float64.

        Raises:
            DataError: ``x`` is not such a table.

        >>> StandardScaler().fit_transform([[1.0], [3.0]]).tolist()
        [[-1.0], [1.0]]
        """
        return self.fit(x).transform(x)

    def _fitted_columns(self, x: ArrayLike) -> Array:
        if not hasattr(self, "mean_"):
            raise DataError("the scaler is not fitted: it has no mean_ and scale_ yet; call fit(x_train) first")
        x = _columns(x)
        if x.shape[1] != len(self.mean_):
            raise DataError(
                f"x has shape {x.shape}, but the scaler was fitted on {len(self.mean_)} columns; give the columns of "
                "fit, in the same order"
            )
        return x


def _is_whole(number: object) -> bool:
    return isinstance(number, int | np.integer) and not isinstance(number, bool)


def _rows(values: ArrayLike, name: str) -> Array:
    """The values as an array that has rows."""
    try:
        array = np.asarray(values)
    except ValueError as error:
        raise DataError(f"{name} is ragged: {error}; give every row the same length") from error
    if array.ndim == 0 or len(array) == 0:
        raise DataError(
            f"{name} has no rows: got {type(values).__name__} of shape {array.shape}, expected an array of "
            "shape (rows, ...)"
        )
    return array


def _paired_rows(x: ArrayLike, y: ArrayLike) -> tuple[Array, Array]:
    x, y = _rows(x, "x"), _rows(y, "y")
    if len(x) != len(y):
        raise DataError(
            f"x has {len(x)} rows and y has {len(y)}, of shapes {x.shape} and {y.shape}; expected one row of y for "
            "each row of x"
        )
    return x, y


def _columns(values: ArrayLike) -> Array:
    """The values as a table of finite floating-point numbers; a floating dtype is kept."""
    x = _rows(values, "x")
    if x.ndim != 2:
        raise DataError(
            f"x has shape {x.shape}, expected (rows, columns); make a single column of it with reshape(-1, 1)"
        )
    if x.dtype.kind not in "fiub":
        raise DataError(f"x has dtype {x.dtype}, expected real numbers; convert its cells to float first")
    x = x if x.dtype.kind == "f" else x.astype(np.float64)
    bad = ~np.isfinite(x)
    if bad.any():
        row, column = np.argwhere(bad)[0]
        raise DataError(
            f"cells of x that are not finite: {bad.sum()}, the first is {x[row, column]} in row {row}, column {column} "
            "(counted from 0); leave out or fill in such rows"
        )
    return x
