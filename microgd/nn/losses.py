"""Losses: how wrong a prediction is, as one number to make small. All take (y_true, y_pred), as Keras has it.

A loss is the mean over everything but the rows, then over the rows, each row weighed if weights are given.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..autograd.arrays import kind
from ..autograd.rules.elementwise import LN2, softplus
from ..autograd.rules.fused import mean_square_of_difference, softmax_crossentropy
from ..autograd.rules.reductions import logsumexp
from .names import function_named, name_of

Loss = Callable[..., Any]
SMALLEST_PROBABILITY = 1e-7  # a predicted probability is kept this far from 0 and 1, so that its logarithm is finite


def paired(y_true: Any, y_pred: Any) -> tuple[Any, Any]:
    """Return the two as arrays or Values of the same shape, or say that they are not."""
    y_true, y_pred = (y if hasattr(y, "shape") else np.asarray(y) for y in (y_true, y_pred))
    if y_true.shape != y_pred.shape:
        hint = "Check the number of units of the last layer."
        if (*y_true.shape, 1) == y_pred.shape and len(y_true.shape) == 1:
            hint = "Write y_true.reshape(-1, 1)."
        elif len(y_pred.shape) > len(y_true.shape):
            hint = "Is there a Flatten() missing before the last layer?"
            if len(y_true.shape) == 1 and len(y_pred.shape) == 2:
                hint = "For y_true that is the number of a class, use sparse_categorical_crossentropy."
        raise ValueError(
            f"y_true has shape {y_true.shape} and y_pred has shape {y_pred.shape}; they must be equal, or NumPy would "
            f"compare every row with every other. {hint}"
        )
    return y_true, y_pred


def averaged(losses: Any, sample_weight: Any = None) -> Any:
    """Return the mean of an array of losses; with weights, one a row, the mean of each row's loss times its weight."""
    if sample_weight is None:
        return np.mean(losses)
    shape = (-1, *(1,) * (len(losses.shape) - 1))
    return np.mean(losses * np.reshape(sample_weight, shape))


def mean_squared_error(y_true: Any, y_pred: Any, sample_weight: Any = None) -> Any:
    """Return mean((y_pred - y_true)²).

    Args:
        y_true: What should have been predicted, shape (rows, ...).
        y_pred: What was, in the same shape.
        sample_weight: The weight of each row, shape (rows,); 1 by default.

    Returns:
        One number: a Value if y_pred is one.

    Raises:
        ValueError: If the shapes differ.

    Example:
        >>> float(mean_squared_error([4.0], [1.5]))
        6.25

    Source: A.-M. Legendre, "Nouvelles méthodes pour la détermination des orbites des comètes", 1805.
    """
    y_true, y_pred = paired(y_true, y_pred)
    if sample_weight is None and y_pred.shape:
        return mean_square_of_difference(y_pred, y_true)
    return averaged(np.square(y_pred - y_true), sample_weight)


def mean_absolute_error(y_true: Any, y_pred: Any, sample_weight: Any = None) -> Any:
    """Return mean(|y_pred - y_true|).

    Args, returns, raises: As `mean_squared_error`.

    Example:
        >>> float(mean_absolute_error([4.0, 1.0], [1.0, 2.0]))
        2.0
    """
    y_true, y_pred = paired(y_true, y_pred)
    return averaged(np.absolute(y_pred - y_true), sample_weight)


def mean_absolute_percentage_error(y_true: Any, y_pred: Any, sample_weight: Any = None) -> Any:
    """Return 100 mean(|y_pred - y_true| / |y_true|), in percent; a y_true of 0 counts as 1e-7.

    Args, returns, raises: As `mean_squared_error`.

    Example:
        >>> float(mean_absolute_percentage_error([4.0, 2.0], [3.0, 3.0]))
        37.5
    """
    y_true, y_pred = paired(y_true, y_pred)
    return averaged(100.0 * np.absolute((y_pred - y_true) / np.maximum(np.absolute(y_true), 1e-7)), sample_weight)


def huber(y_true: Any, y_pred: Any, sample_weight: Any = None, delta: float = 1.0) -> Any:
    """Return the mean of e² / 2 where the error e is at most delta, and delta |e| - delta² / 2 beyond.

    Args:
        y_true, y_pred, sample_weight: As for `mean_squared_error`.
        delta: Where the square turns into a line, in the units of y.

    Returns, raises: As `mean_squared_error`.

    Example:
        >>> float(huber([0.0, 0.0], [1.0, 3.0]))
        1.5

    Source: P. J. Huber, "Robust estimation of a location parameter", 1964.
    """
    y_true, y_pred = paired(y_true, y_pred)
    error = np.absolute(y_pred - y_true)
    within = np.minimum(error, delta)
    return averaged(within * (error - 0.5 * within), sample_weight)


def log_cosh(y_true: Any, y_pred: Any, sample_weight: Any = None) -> Any:
    """Return mean(log(cosh(y_pred - y_true))): a square for small errors, a line for large; without overflow.

    Args, returns, raises: As `mean_squared_error`.

    Example:
        >>> round(float(log_cosh([0.0], [1000.0])), 4)
        999.3069
    """
    y_true, y_pred = paired(y_true, y_pred)
    error = y_pred - y_true
    return averaged(error + softplus(-2.0 * error) - LN2, sample_weight)


def hinge(y_true: Any, y_pred: Any, sample_weight: Any = None) -> Any:
    """Return mean(max(1 - y_true y_pred, 0)), for y_true of -1 and 1.

    Args, returns, raises: As `mean_squared_error`.

    Example:
        >>> float(hinge([1.0, -1.0], [0.5, -2.0]))
        0.25

    Source: C. Cortes and V. Vapnik, "Support-vector networks", 1995.
    """
    y_true, y_pred = paired(y_true, y_pred)
    return averaged(np.maximum(1.0 - y_true * y_pred, 0.0), sample_weight)


def binary_crossentropy(y_true: Any, y_pred: Any, sample_weight: Any = None, from_logits: bool = False) -> Any:
    """Return the mean of -(y log p + (1 - y) log(1 - p)).

    Args:
        y_true: The probability of yes: 0 or 1, or anything between, shape (rows, ...).
        y_pred: The probability predicted; with from_logits, its logit, whatever its size.
        sample_weight: The weight of each row; 1 by default.
        from_logits: Whether y_pred has not been through a sigmoid. Prefer it: probabilities are cut 1e-7 from 0 and 1.

    Returns, raises: As `mean_squared_error`.

    Example:
        >>> round(float(binary_crossentropy([1.0], [0.0], from_logits=True)), 4)
        0.6931
        >>> round(float(binary_crossentropy([1.0], [0.5])), 4)
        0.6931
    """
    y_true, y_pred = paired(y_true, y_pred)
    if from_logits:
        return averaged(softplus(y_pred) - y_true * y_pred, sample_weight)
    p = np.clip(y_pred, SMALLEST_PROBABILITY, 1.0 - SMALLEST_PROBABILITY)
    return averaged(-(y_true * np.log(p) + (1.0 - y_true) * np.log(1.0 - p)), sample_weight)


def categorical_crossentropy(y_true: Any, y_pred: Any, sample_weight: Any = None, from_logits: bool = False) -> Any:
    """Return the mean over the rows of -sum(y log p), the sum over the classes, which are the last axis.

    Args:
        y_true: The probability of each class, as a rule a single 1 among zeros, shape (rows, classes).
        y_pred: The probabilities predicted, in the same shape; with from_logits, their logits.
        sample_weight: The weight of each row; 1 by default.
        from_logits: Whether y_pred has not been through a softmax. Prefer it: probabilities are cut at 1e-7 from 0.

    Returns, raises: As `mean_squared_error`.

    Example:
        >>> round(float(categorical_crossentropy([[0.0, 1.0]], [[0.0, 0.0]], from_logits=True)), 4)
        0.6931
    """
    y_true, y_pred = paired(y_true, y_pred)
    if from_logits and sample_weight is None:
        return softmax_crossentropy(y_true, y_pred)
    if from_logits:
        minus_log_p = logsumexp(y_pred, axis=-1, keepdims=True) - y_pred
    else:
        minus_log_p = -np.log(np.clip(y_pred, SMALLEST_PROBABILITY, 1.0))
    return averaged(np.sum(y_true * minus_log_p, axis=-1), sample_weight)


def sparse_categorical_crossentropy(
    y_true: Any, y_pred: Any, sample_weight: Any = None, from_logits: bool = False
) -> Any:
    """Return the categorical cross-entropy for y_true given as the number of the class, from 0.

    Args:
        y_true: The class of each row, shape (rows,) or (rows, 1).
        y_pred: The probabilities predicted, shape (rows, classes); with from_logits, their logits.
        sample_weight, from_logits: As for `categorical_crossentropy`.

    Returns: As `mean_squared_error`.

    Raises:
        ValueError: If y_true does not have one number a row, or one that is not the number of a class.

    Example:
        >>> round(float(sparse_categorical_crossentropy([1], [[0.0, 0.0]], from_logits=True)), 4)
        0.6931
    """
    return categorical_crossentropy(one_hot(y_true, y_pred), y_pred, sample_weight, from_logits)


def one_hot(classes: Any, y_pred: Any) -> Any:
    """Return the number of a class as a 1 at its place among as many classes as y_pred has."""
    classes, shape = classes if hasattr(classes, "shape") else np.asarray(classes), np.shape(y_pred)
    if classes.shape not in (shape[:-1], (*shape[:-1], 1)):
        raise ValueError(
            f"y_true has shape {classes.shape} and y_pred has shape {shape}; expected the number of one class a row, "
            f"shape {shape[:-1]}. For a column a class, use categorical_crossentropy."
        )
    # In a step that is being compiled these are the classes that it is recorded with.
    check_classes(getattr(classes, "value", classes), shape[-1], "y_true of a batch")
    return (np.reshape(classes, (*shape[:-1], 1)) == np.arange(shape[-1], like=kind(classes))) * 1.0


def check_classes(classes: Any, count: int, name: str = "y") -> None:
    """Raise unless all are whole numbers from 0 to less than a count."""
    wrong = (classes != np.floor(classes)) | (classes < 0) | (classes >= count)
    if np.any(wrong):
        row = int(np.argwhere(wrong)[0][0])
        from_1 = count > 1 and np.min(classes) == 1 and np.max(classes) == count
        hint = "They seem to count from 1: subtract 1." if from_1 else "The last layer needs a unit for each class."
        raise ValueError(
            f"{name} has the class {np.ravel(classes[row])[0]:g} in row {row} (counted from 0), and {np.sum(wrong)} "
            f"such rows in all; expected whole numbers from 0 to {count - 1}, for predictions of {count}. {hint}"
        )


def check_probabilities(y: Any, count: int) -> None:
    """Raise unless all are numbers from 0 to 1."""
    wrong = (y < 0) | (y > 1)
    if np.any(wrong):
        row = int(np.argwhere(wrong)[0][0])
        raise ValueError(
            f"y has {np.ravel(y[row])[0]:g} in row {row} (counted from 0), and {np.sum(wrong)} such numbers in all; "
            "binary_crossentropy expects 0 and 1, or probabilities between. For two classes that are called otherwise "
            "write (y == 2) * 1.0, say; for -1 and 1 there is hinge."
        )


def check_signs(y: Any, count: int) -> None:
    """Raise unless all are -1 or 1."""
    wrong = np.abs(y) != 1
    if np.any(wrong):
        row = int(np.argwhere(wrong)[0][0])
        raise ValueError(
            f"y has {np.ravel(y[row])[0]:g} in row {row} (counted from 0), and {np.sum(wrong)} such numbers in all; "
            "hinge expects -1 and 1. For classes of 0 and 1 write 2 * y - 1."
        )


def check_predicted(loss: Loss, y_pred: Any) -> None:
    """Raise unless predictions are what a loss takes: probabilities, which sum to 1 where there is one for each class.

    Else the loss would be a number all the same, and nothing would be learnt from it.
    """
    if loss not in OF_PROBABILITIES:
        return
    last = "sigmoid" if loss is binary_crossentropy else "softmax"
    wrong = (y_pred < 0) | (y_pred > 1 + SMALLEST_PROBABILITY)
    sums = np.sum(y_pred, axis=-1)
    got = f"{y_pred[wrong][0]:g}" if wrong.any() else f"probabilities that sum to {np.ravel(sums)[0]:g}"
    if wrong.any() or (last == "softmax" and np.any(np.abs(sums - 1) > 0.01)):
        name = name_of(loss)
        raise ValueError(
            f"{name} expects probabilities{' that sum to 1' * (last == 'softmax')}, but the model predicts {got}. Give "
            f"the last layer activation={last!r}; or leave it linear, for logits, with "
            f"loss=functools.partial(mg.{name}, from_logits=True)."
        )


# What the targets have to be, for those losses that would give a number for any: (targets, units of the last layer).
TARGETS: dict[Loss, Callable[[Any, int], None]] = {
    sparse_categorical_crossentropy: check_classes,
    binary_crossentropy: check_probabilities,
    hinge: check_signs,
}

OF_PROBABILITIES = (binary_crossentropy, categorical_crossentropy, sparse_categorical_crossentropy)

LOSSES: dict[str, Loss] = {
    "mean_squared_error": mean_squared_error,
    "mse": mean_squared_error,
    "mean_absolute_error": mean_absolute_error,
    "mae": mean_absolute_error,
    "mean_absolute_percentage_error": mean_absolute_percentage_error,
    "mape": mean_absolute_percentage_error,
    "huber": huber,
    "log_cosh": log_cosh,
    "hinge": hinge,
    "binary_crossentropy": binary_crossentropy,
    "categorical_crossentropy": categorical_crossentropy,
    "sparse_categorical_crossentropy": sparse_categorical_crossentropy,
}


def loss_of(loss: str | Loss) -> Loss:
    """Return a loss given by name or as a function (y_true, y_pred) -> number."""
    return function_named("loss", LOSSES, loss)
